// Demo builds tinit and runs it on a program that leaves orphans: from the
// root of the repository,
//
//	go run ./test/demo
//
// It needs Go and /bin/sh, and takes a few seconds, most of them Go's. Each
// step waits for the one before it to be seen, in /proc or in what is printed.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/moby/sys/reexec"
)

// program leaves three orphans, which read from a pipe that never says
// anything, and a helper that ignores USR1 and TERM. The helper is also what the
// shell waits for: a shell runs its traps only between commands, or in wait.
const program = `
trap "" USR1 TERM
(read line <&4) &
trap 'echo "program: got USR1"' USR1
trap 'echo "program: got TERM, leaving with 3"; exit 3' TERM
(read line <&3 &)
(read line <&3 &)
(read line <&3 &)
echo "program: ready, three orphans left behind"
while :; do wait; done
`

const (
	grace   = "500ms"
	orphans = 3
	patient = 20 * time.Second // with each step
)

func init() {
	// tinit is to end with this process, but the kernel takes the thread that
	// started it for its parent (PR_SET_PDEATHSIG in prctl(2)).
	runtime.LockOSThread()
	reexec.Register("pid1", executeAsPID1)
}

func main() {
	if reexec.Init() {
		return
	}
	if err := demo(); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demo() error {
	dir, err := os.MkdirTemp("", "tinit-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	story("building tinit")
	path := filepath.Join(dir, "tinit")
	if err := build(path); err != nil {
		return err
	}
	d, err := start(path)
	if err != nil {
		return err
	}
	defer d.kill()
	return d.play()
}

func build(path string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "github.com/tinit-dev/tinit/cmd/tinit")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

// running is tinit and what it says.
type running struct {
	cmd      *exec.Cmd
	lines    *lines
	holdOpen [2]*os.File // the orphans read from the first one's pipe, the helper from the second's
}

// play is the story itself.
func (d *running) play() error {
	if err := d.lines.wait("program: ready", 1); err != nil {
		return err
	}
	tinit := d.cmd.Process.Pid
	story("tinit is process %d; its children are the program and, adopted, the %d orphans: %d in all", tinit, orphans, len(childrenOf(tinit)))

	story("all orphans end at one moment; tinit reaps them")
	d.holdOpen[0].Close()
	if err := d.lines.wait("tinit: reaped orphan", orphans); err != nil {
		return err
	}
	story("tinit's children now: %d, of them zombies: %d", len(childrenOf(tinit)), zombies(childrenOf(tinit)))

	story("sending USR1 to tinit; the program handles it")
	if err := d.signal(syscall.SIGUSR1, "program: got USR1"); err != nil {
		return err
	}
	story("sending TERM to tinit; the program handles it and leaves a helper that ignores TERM: tinit gives it %s", grace)
	if err := d.signal(syscall.SIGTERM, "program: got TERM"); err != nil {
		return err
	}
	seen := append(childrenOf(tinit), tinit)
	code, err := d.wait()
	if err != nil {
		return err
	}
	fmt.Printf("exit code %d, zombies left: %d, processes left: %d\n", code, zombies(seen), len(existing(seen)))
	return nil
}

// start starts tinit as PID 1 of a new PID namespace, if that can be had here,
// by root or by means of a user namespace; otherwise as an ordinary process.
func start(path string) (*running, error) {
	args := []string{path, "-v", "-w", "--grace", grace, "--", "/bin/sh", "-c", program}
	namespaces := uintptr(syscall.CLONE_NEWPID | syscall.CLONE_NEWNS)
	story("running it as PID 1 of a new PID namespace: tinit %s -- /bin/sh -c PROGRAM", strings.Join(args[1:5], " "))
	d, err := try(reexec.Self(), append([]string{"pid1"}, args...), namespaces)
	if errors.Is(err, syscall.EPERM) {
		d, err = try(reexec.Self(), append([]string{"pid1"}, args...), namespaces|syscall.CLONE_NEWUSER)
	}
	if err == nil || !refused(err) {
		return d, err
	}
	story("no PID namespace to be had here (%v): tinit runs as an ordinary process, where it is a subreaper", err)
	return try(path, args, 0)
}

// refused: a system may do without namespaces, forbid them to the user, or have
// given out all that it allows (clone(2)).
func refused(err error) bool {
	for _, e := range []error{syscall.EPERM, syscall.EACCES, syscall.EINVAL, syscall.ENOSYS, syscall.ENOSPC, syscall.EUSERS} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func try(path string, args []string, namespaces uintptr) (*running, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	d := &running{}
	cmd := &exec.Cmd{Path: path, Args: args, Stdout: in, Stderr: in}
	for i := range d.holdOpen {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		defer r.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, r)
		d.holdOpen[i] = w
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Pdeathsig: syscall.SIGKILL}
	if namespaces&syscall.CLONE_NEWUSER != 0 {
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	d.cmd, d.lines = cmd, read(out)
	return d, nil
}

// executeAsPID1 is the first program of the new namespace: it mounts the
// namespace's own /proc and executes tinit in its own place. A container that
// hides parts of /proc does not allow that mount; tinit can do without.
func executeAsPID1() {
	err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	if err == nil {
		err = syscall.Mount("proc", "/proc", "proc", 0, "")
	}
	if err != nil {
		fmt.Println("demo: no /proc of its own for the new namespace:", err)
	}
	err = syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
	fmt.Println("demo: cannot execute tinit:", err)
	os.Exit(1)
}

// signal sends sig to tinit and waits for the program's answer.
func (d *running) signal(sig syscall.Signal, answer string) error {
	if err := d.cmd.Process.Signal(sig); err != nil {
		return err
	}
	return d.lines.wait(answer, 1)
}

// wait returns tinit's exit code.
func (d *running) wait() (int, error) {
	end := time.AfterFunc(patient, d.kill)
	defer end.Stop()
	err := d.cmd.Wait()
	_ = d.lines.wait("", -1) // to the last line
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	return d.cmd.ProcessState.ExitCode(), nil
}

func (d *running) kill() { _ = d.cmd.Process.Kill() }

// lines is what tinit and the program have printed so far.
type lines struct {
	mu      sync.Mutex
	changed *sync.Cond
	all     []string
	end     bool
	late    bool
}

// read prints what it reads.
func read(r io.ReadCloser) *lines {
	l := &lines{}
	l.changed = sync.NewCond(&l.mu)
	go func() {
		defer r.Close()
		for s := bufio.NewScanner(r); s.Scan(); {
			fmt.Println("    " + s.Text())
			l.update(func() { l.all = append(l.all, s.Text()) })
		}
		l.update(func() { l.end = true })
	}()
	return l
}

func (l *lines) update(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	l.changed.Broadcast()
}

// wait waits for n lines that begin with text; for a negative n, to the end of
// all lines.
func (l *lines) wait(text string, n int) error {
	end := time.AfterFunc(patient, func() { l.update(func() { l.late = true }) })
	defer end.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.late = false
	for {
		found := 0
		for _, line := range l.all {
			if strings.HasPrefix(line, text) {
				found++
			}
		}
		switch {
		case n >= 0 && found >= n:
			return nil
		case l.end && n < 0:
			return nil
		case l.end, l.late:
			return fmt.Errorf("waited in vain for %q", text)
		}
		l.changed.Wait()
	}
}

func story(format string, args ...any) { fmt.Printf("* "+format+"\n", args...) }

// childrenOf lists the processes whose parent is pid.
func childrenOf(pid int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		if p, ok := stat(file); ok && p.ppid == pid {
			pids = append(pids, p.pid)
		}
	}
	return pids
}

func existing(pids []int) (left []int) {
	for _, pid := range pids {
		if _, ok := stat(fmt.Sprintf("/proc/%d/stat", pid)); ok {
			left = append(left, pid)
		}
	}
	return left
}

func zombies(pids []int) (n int) {
	for _, pid := range pids {
		if p, ok := stat(fmt.Sprintf("/proc/%d/stat", pid)); ok && p.state == 'Z' {
			n++
		}
	}
	return n
}

type process struct {
	pid, ppid int
	state     rune
}

func stat(file string) (p process, ok bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return p, false
	}
	// The name, in parentheses, may hold anything: the last one ends it.
	number, _, _ := strings.Cut(string(text), " ")
	rest := string(text[strings.LastIndexByte(string(text), ')')+1:])
	if _, err := fmt.Sscan(number, &p.pid); err != nil {
		return p, false
	}
	_, err = fmt.Sscanf(rest, " %c %d", &p.state, &p.ppid)
	return p, err == nil
}
