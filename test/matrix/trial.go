package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	patience = 20 * time.Second // for what comes soon, on a busy machine too
	// How long something has to stay as it is for it not to change any more: where a process hangs there is nothing
	// else to wait for.
	lasting = 1500 * time.Millisecond
)

// A trial is a cell that is being measured.
type trial struct {
	column
	dir  string
	mark string // a variable, by which all is found that the trial has started
	n    int
	open []*os.File
}

// measure fills one cell.
func (l *lab) measure(r row, c column) (cell string) {
	t := &trial{column: c, dir: l.cellDir()}
	t.mark = "MATRIX_CELL=" + t.dir
	defer t.end()
	defer func() {
		switch f := recover().(type) {
		case nil:
		case failure:
			cell = errorCell + f.Error()
		case endedEarly:
			cell = string(f)
		default:
			panic(f)
		}
	}()
	return r.of(t)
}

// endedEarly is the cell where an init did not come to run PROGRAM: with flags
// that it does not have, say.
type endedEarly string

// errorCell begins what is no result, but a failure to have one.
const errorCell = "error: "

func (t *trial) end() {
	for _, f := range t.open {
		f.Close()
	}
	eventually(patience, func() bool { return killMarked(t.mark) == 0 })
	os.RemoveAll(t.dir)
}

// file is a new name in the trial's directory.
func (t *trial) file() string {
	t.n++
	return filepath.Join(t.dir, fmt.Sprint("file", t.n))
}

// A run is an init that is about to be started, or was.
type run struct {
	t        *trial
	stage    stage
	args     []string // its own
	instead  string   // another program to be run
	env      []string
	cmd      *exec.Cmd
	out, err *os.File
	done     chan struct{} // closed at its end
}

// pid1 is the init as PID 1 of a PID namespace with a /proc of its own.
func (t *trial) pid1(args ...string) *run {
	r := t.plain(args...)
	r.stage.PID1 = true
	r.cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWPID | unix.CLONE_NEWNS
	return r
}

// plain is the init as an ordinary process.
func (t *trial) plain(args ...string) *run {
	return &run{t: t, args: args, cmd: &exec.Cmd{SysProcAttr: &syscall.SysProcAttr{}}, done: make(chan struct{})}
}

// plainly is another program than the init, which has to start that.
func (t *trial) plainly(program string, args ...string) *run {
	r := t.plain(args...)
	r.instead = program
	return r
}

func (r *run) with(change func(*stage)) *run { change(&r.stage); return r }
func (r *run) variables(kv ...string) *run   { r.env = append(r.env, kv...); return r }

// option gives the init a flag or a variable, before what else it has; an empty
// one is none.
func (r *run) option(words ...string) *run {
	var flags []string
	for _, word := range words {
		switch {
		case strings.HasPrefix(word, "-"):
			flags = append(flags, word)
		case word != "":
			r.variables(word)
		}
	}
	r.args = append(flags, r.args...)
	return r
}

func (r *run) in(dir string) *run { r.cmd.Dir = dir; return r }
func (r *run) leading() *run      { r.cmd.SysProcAttr.Setsid = true; return r }

func (r *run) pid() int { return r.cmd.Process.Pid }

func (r *run) start() *run {
	path, err := exec.LookPath("matrix-stage")
	check(err)
	r.cmd.Path = path
	program := r.t.path
	if r.instead != "" {
		program = r.instead
	}
	r.cmd.Args = append([]string{"matrix-stage", r.stage.String(), program}, r.args...)
	r.cmd.Env = append(append(os.Environ(), r.t.mark), r.env...)
	r.out, r.err = r.t.output(), r.t.output()
	if r.cmd.Stdout == nil {
		r.cmd.Stdout = r.out
	}
	if r.cmd.Stderr == nil {
		r.cmd.Stderr = r.err
	}
	check(r.cmd.Start())
	go func() {
		_ = r.cmd.Wait()
		close(r.done)
	}()
	return r
}

// output is a file in memory: what was written before an end is there at that
// end, and no reader can fall behind.
func (t *trial) output() *os.File {
	fd, err := unix.MemfdCreate("output", unix.MFD_CLOEXEC)
	check(err)
	f := os.NewFile(uintptr(fd), "output")
	t.open = append(t.open, f)
	return f
}

func textOf(f *os.File) string {
	// At an offset of its own: the file's is the writers'.
	text, err := io.ReadAll(io.NewSectionReader(f, 0, math.MaxInt64))
	check(err)
	return string(text)
}

func (r *run) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// wait is the exit code as a shell shows it.
func (r *run) wait() string {
	select {
	case <-r.done:
	case <-time.After(patience):
		return "hangs"
	}
	status := r.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return fmt.Sprint(128 + int(status.Signal()))
	}
	return fmt.Sprint(status.ExitStatus())
}

// code runs the init to its end.
func (r *run) code() string { return r.start().wait() }

// says is the exit code, and which streams something was written to.
func (r *run) says() string {
	if r.cmd.Process == nil {
		r.start()
	}
	var to []string
	code := r.wait()
	if textOf(r.out) != "" {
		to = append(to, "stdout")
	}
	if textOf(r.err) != "" {
		to = append(to, "stderr")
	}
	if to == nil {
		return code + ", silent"
	}
	return code + ", " + strings.Join(to, " and ")
}

// codes runs shell scripts under the init.
func (t *trial) codes(flags []string, scripts ...string) string {
	var codes []string
	for _, script := range scripts {
		codes = append(codes, t.pid1(append(flags[:len(flags):len(flags)], "--", "sh", "-c", script)...).code())
	}
	return strings.Join(codes, ", ")
}

func (r *run) signal(sig syscall.Signal) { _ = r.cmd.Process.Signal(sig) }

// send sends a signal to the init, and waits until it has dealt with it.
func (r *run) send(sig syscall.Signal) {
	r.signal(sig)
	r.settle()
}

// settle waits until the init has done what there was to do.
func (r *run) settle() {
	if !eventually(patience, func() bool { return r.ended() || quiet(r.pid()) }) {
		check(fmt.Errorf("%q does not settle", r.cmd.Args[2:]))
	}
	if statOf(r.pid()).exiting() {
		<-r.done
	}
}

// executed says whether the process has come to execute a program.
func (r *run) executed(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	check(err)
	exe, _ := os.Readlink(proc(r.pid(), "exe"))
	return exe == real
}

// program waits until PROGRAM, the init's first child, has executed a program of
// that name, and has come to wait for something.
func (r *run) program(name string) (pid int) {
	if !eventually(patience, func() bool {
		for _, child := range childrenOf(r.pid()) {
			if status(child, "Name") == name && state(child) == "S" {
				pid = child
			}
		}
		return pid != 0 || r.ended()
	}) {
		check(fmt.Errorf("no %s under %q", name, r.cmd.Args[2:]))
	}
	if pid == 0 {
		panic(endedEarly(r.says()))
	}
	return pid
}

// kill ends the init, and with a PID 1 its namespace.
func (r *run) kill() {
	_ = r.cmd.Process.Kill()
	<-r.done
}

// eventually polls.
func eventually(within time.Duration, cond func() bool) bool {
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if cond() {
			return true
		}
	}
	return cond()
}

// lasts says whether a condition holds for as long as is told from a change that
// is still to come; over says that there is no point in waiting.
func lasts(cond, over func() bool) bool {
	var since time.Time
	held := false
	eventually(patience, func() bool {
		switch {
		case over():
			return true
		case !cond():
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		default:
			held = time.Since(since) > lasting
		}
		return held
	})
	return held
}

var cells atomic.Int64

// cellDir is a directory for one trial, which its name marks.
func (l *lab) cellDir() string {
	dir := filepath.Join(l.dir, fmt.Sprintf("cell%d", cells.Add(1)))
	check(os.Mkdir(dir, 0o755))
	return dir
}
