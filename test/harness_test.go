package test

import (
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const (
	deadline = 10 * time.Second // of eventually: what should come soon
	patience = 30 * time.Second // of wait: until a run has failed
)

// need skips a test that this machine cannot run. Where CI=true says that it
// must be able to, the test fails instead.
func need(t *testing.T, ok bool, why string) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv("CI") == "true":
		t.Fatalf("cannot run here: %s", why)
	default:
		t.Skipf("cannot run here: %s", why)
	}
}

// needRelease skips a test of what only the binary of a release has, which is
// static, and as small as it is. The race detector's is neither.
func needRelease(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("is run without the race detector, which changes what it is about")
	}
}

// eventually polls cond until it holds, and fails the test if it does not in
// time. what names the thing waited for.
func eventually(t *testing.T, cond func() bool, what string) {
	t.Helper()
	if !polls(deadline, cond) {
		t.Fatalf("timed out: %s", what)
	}
}

// polls says whether cond came to hold within d.
func polls(d time.Duration, cond func() bool) bool {
	for end := time.Now().Add(d); ; time.Sleep(2 * time.Millisecond) {
		if cond() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// some is all, or a tenth of it under the race detector, with which a start
// takes many times as long.
func some[T any](all []T) (few []T) {
	if !raceEnabled {
		return all
	}
	for i := 0; i < len(all); i += 10 {
		few = append(few, all[i])
	}
	return few
}

// times is how often to repeat what is to be done n times, likewise.
func times(n int) int {
	if raceEnabled {
		return max(1, n/10)
	}
	return n
}

// A run is a tinit that is about to be started.
type run struct {
	t      *testing.T
	cmd    *exec.Cmd
	prefix []string // what executes tinit in its own place, if anything
	args   []string
	stages stage
	reaper string // TINIT_REAPER, if it is to be set
	preps  []func(*exec.Cmd)
}

// tinit is the real tinit as an ordinary process.
func tinit(t *testing.T, args ...string) *run {
	return &run{t: t, cmd: &exec.Cmd{SysProcAttr: &syscall.SysProcAttr{}}, args: append([]string{tinitPath}, args...)}
}

// pid1 is the real tinit as PID 1 of a new PID and mount namespace with a
// /proc of its own.
func pid1(t *testing.T, args ...string) *run {
	return namespaced(t, append([]string{tinitPath}, args...)...)
}

// everywhere runs a test with tinit as PID 1 and as an ordinary process, and
// both again with tinit waiting for its children where the kernel reaps.
func everywhere(t *testing.T, test func(t *testing.T, tinit starter)) {
	for _, waits := range []bool{false, true} {
		t.Run(leg("PID 1", waits), func(t *testing.T) { test(t, starter(pid1).waiting(waits)) })
		t.Run(leg("not PID 1", waits), func(t *testing.T) { test(t, starter(tinit).waiting(waits)) })
	}
}

func leg(where string, waits bool) string {
	if waits {
		where += ", tinit waits"
	}
	return where
}

type starter func(t *testing.T, args ...string) *run

// waiting is the same starter with tinit waiting for its children, if that is
// true, whatever the kernel can.
func (start starter) waiting(waits bool) starter {
	return func(t *testing.T, args ...string) *run {
		r := start(t, args...)
		if waits {
			r.reaper = "wait"
		}
		return r
	}
}

// namespaced is any command line as PID 1, for what is to be shown without
// tinit.
func namespaced(t *testing.T, args ...string) *run {
	t.Helper()
	why := namespacesMissing()
	need(t, why == "", "no namespaces: "+why)
	r := tinit(t)
	r.args = args
	r.stages.Proc = true
	namespaceFlags(r.cmd.SysProcAttr)
	return r
}

// plainly is any command line as an ordinary process.
func plainly(t *testing.T, args ...string) *run {
	r := tinit(t)
	r.args = args
	return r
}

// env adds variables, each K=V, to what tinit gets.
func (r *run) env(kv ...string) *run { r.cmd.Env = append(r.cmd.Environ(), kv...); return r }

// onlyEnv gives tinit these variables and no others.
func (r *run) onlyEnv(kv ...string) *run { r.cmd.Env = append([]string{}, kv...); return r }

func (r *run) dir(d string) *run        { r.cmd.Dir = d; return r }
func (r *run) stdin(f *os.File) *run    { r.cmd.Stdin = f; return r }
func (r *run) stdout(f *os.File) *run   { r.cmd.Stdout = f; return r } // else running.out
func (r *run) stderr(f *os.File) *run   { r.cmd.Stderr = f; return r } // else running.err
func (r *run) files(f ...*os.File) *run { r.cmd.ExtraFiles = f; return r }

// What the process does before it executes tinit: see stage.
func (r *run) noProc() *run             { r.stages.NoProc = true; return r }
func (r *run) readOnly() *run           { r.stages.ReadOnly = true; return r }
func (r *run) user(id int) *run         { r.stages.User = id; return r }
func (r *run) argv0(name string) *run   { r.stages.Argv0 = name; return r }
func (r *run) with(f func(*stage)) *run { f(&r.stages); return r }

// via has tinit executed by another program, such as nohup.
func (r *run) via(args ...string) *run { r.prefix = args; return r }

// prep changes the command that is about to be started as the test likes.
func (r *run) prep(f func(*exec.Cmd)) *run { r.preps = append(r.preps, f); return r }

// start starts tinit. What is left of it is killed when the test ends.
func (r *run) start() *running {
	t := r.t
	t.Helper()
	u := &running{t: t, mark: markOf(t), done: make(chan struct{})}

	cmd, args := r.cmd, r.args
	if r.prefix != nil {
		path, err := exec.LookPath(r.prefix[0])
		require.NoError(t, err)
		args = append(append([]string{path}, r.prefix[1:]...), args...)
	}
	cmd.Path, cmd.Args = args[0], args
	if !r.stages.empty() {
		cmd.Path, cmd.Args = filepath.Join(childDir, "stage"), append([]string{"stage", r.stages.String()}, args...)
	}
	cmd.Env = append(cmd.Environ(), u.mark)
	if r.reaper != "" {
		cmd.Env = append(cmd.Env, "TINIT_REAPER="+r.reaper)
	}
	u.out, u.err = newOutput(t), newOutput(t)
	if cmd.Stdout == nil {
		cmd.Stdout = u.out.file
	}
	if cmd.Stderr == nil {
		cmd.Stderr = u.err.file
	}
	for _, prep := range r.preps {
		prep(cmd)
	}

	require.NoError(t, cmd.Start())
	u.cmd, u.pid = cmd, cmd.Process.Pid
	go func() {
		_ = cmd.Wait()
		close(u.done)
	}()
	t.Cleanup(u.kill)
	return u
}

// run starts tinit and waits for its end.
func (r *run) run() result {
	r.t.Helper()
	u := r.start()
	code := u.wait()
	return result{code, u.out.String(), u.err.String()}
}

// A result is what is left of a tinit that has ended.
type result struct {
	code     int
	out, err string
}

// A running is a tinit that was started.
type running struct {
	t        *testing.T
	cmd      *exec.Cmd
	pid      int // as seen from outside its namespace
	main     int // PROGRAM's, once it is known
	out, err *output
	mark     string
	done     chan struct{} // closed at tinit's end
}

// signal sends sig to tinit. Nothing happens if it has ended.
func (u *running) signal(sig syscall.Signal) {
	u.t.Helper()
	if err := u.cmd.Process.Signal(sig); err != nil {
		require.ErrorIs(u.t, err, os.ErrProcessDone)
	}
}

// ended says whether tinit has ended.
func (u *running) ended() bool {
	select {
	case <-u.done:
		return true
	default:
		return false
	}
}

// wait waits for tinit's end and returns its exit code as a shell shows it:
// 128+n if signal n killed tinit itself.
func (u *running) wait() int {
	u.t.Helper()
	select {
	case <-u.done:
	case <-time.After(patience):
		u.t.Fatalf("tinit does not end\nstate: %v\nstdout: %s\nstderr: %s", procStatus(u.pid)["State"], u.out, u.err)
	}
	status := u.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// program waits until tinit has started PROGRAM, and returns its pid as seen
// from outside.
func (u *running) program() int {
	u.t.Helper()
	eventually(u.t, func() bool {
		if u.ended() {
			u.t.Fatalf("tinit has ended with %d\nstderr: %s", u.wait(), u.err)
		}
		if u.main == 0 && u.isTinit() {
			u.main = findProgram(u.pid)
		}
		return u.main != 0
	}, "PROGRAM starts")
	return u.main
}

// findProgram is the child of tinit that is PROGRAM: the oldest that leads a
// process group, or just the oldest. It is 0 if there is none.
func findProgram(tinit int) (pid int) {
	own := cmdline(tinit)
	for _, child := range children(tinit) {
		if procStat(child).state == 'Z' {
			continue
		}
		// Until it has executed PROGRAM it has tinit's command line, and none for a
		// moment whenever it executes something else.
		if line := cmdline(child); line == "" || line == own {
			return 0
		}
		if procStat(child).pgrp == child {
			return child
		}
		if pid == 0 {
			pid = child
		}
	}
	return pid
}

// orphans is tinit's other children.
func (u *running) orphans() []int {
	u.t.Helper()
	program := u.program()
	return slices.DeleteFunc(children(u.pid), func(pid int) bool { return pid == program })
}

// isTinit says whether the process has executed tinit already.
func (u *running) isTinit() bool {
	exe, err := os.Readlink(procPath(u.pid, "exe"))
	return err == nil && exe == tinitPath
}

// kill ends tinit; with a PID 1 goes its namespace.
func (u *running) kill() {
	_ = u.cmd.Process.Kill()
	<-u.done
}

// marks holds the marks of the tests that have started something.
var marks = struct {
	sync.Mutex
	of map[*testing.T]string
}{of: map[*testing.T]string{}}

// markOf is the variable that marks what a test started, by which all of it is
// found and killed at the test's end, whatever became of it.
func markOf(t *testing.T) string {
	marks.Lock()
	defer marks.Unlock()
	mark, ok := marks.of[t]
	if !ok {
		mark = fmt.Sprintf("TEST_RUN=%d.%d", os.Getpid(), len(marks.of))
		marks.of[t] = mark
		t.Cleanup(func() {
			if !polls(deadline, func() bool { return killMarked(mark) == 0 }) {
				t.Errorf("what %s marks cannot be killed", mark)
			}
		})
	}
	return mark
}

func killMarked(mark string) (found int) {
	for _, pid := range pids() {
		if !hasEnv(pid, mark) {
			continue
		}
		// The pidfd first, so that the number cannot change hands.
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue
		}
		if hasEnv(pid, mark) {
			found++
			_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		}
		_ = unix.Close(fd)
	}
	return found
}

// executing is how many of those that PROGRAM started, itself included, execute this by now.
func (u *running) executing(name string) (n int) {
	for _, pid := range marked(u) {
		if comm(pid) == name {
			n++
		}
	}
	return n
}

func hasEnv(pid int, kv string) bool {
	env, _ := os.ReadFile(procPath(pid, "environ"))
	return strings.Contains("\x00"+string(env), "\x00"+kv+"\x00")
}

// An output collects a stream in a file in memory: what was written before an
// end is there at that end, and no reader can fall behind.
type output struct{ file *os.File }

func newOutput(t *testing.T) *output {
	t.Helper()
	fd, err := unix.MemfdCreate("output", unix.MFD_CLOEXEC)
	require.NoError(t, err)
	// A file in memory has no lock on its offset, as one opened by its name has (FMODE_ATOMIC_POS): two who write in the same moment
	// would write to the same place.
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, unix.O_APPEND)
	require.NoError(t, err)
	f := os.NewFile(uintptr(fd), "/memfd:output (deleted)") // what /proc calls it
	t.Cleanup(func() { f.Close() })
	return &output{f}
}

func (o *output) String() string {
	// At an offset of its own: the file's is the writers'.
	text, err := io.ReadAll(io.NewSectionReader(o.file, 0, math.MaxInt64))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// waitFor waits until text has been written.
func (o *output) waitFor(t *testing.T, text string) {
	t.Helper()
	if !polls(deadline, func() bool { return strings.Contains(o.String(), text) }) {
		t.Fatalf("timed out: %q is not in %q", text, o)
	}
}
