package reaper

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/sigstate"
)

// A Reaper takes every child of its process, those of the test's own exec.Cmd too. So whatever reaps runs in a copy of
// the test binary, started under one of these names; what it found out it prints.
func TestMain(m *testing.M) {
	hearSIGCHLD()
	reexec.Register("reap-all", reapAll)
	reexec.Register("reap-once-a-wake", reapOnceAWake)
	reexec.Register("count-allocations", countAllocations)
	reexec.Register("stops", stops)
	reexec.Register("children", children)
	reexec.Register("adopt", func() { adopt(true) })
	reexec.Register("do-not-adopt", func() { adopt(false) })
	reexec.Register("end-with", endWith)
	reexec.Register("linger", linger)
	reexec.Register("leave-orphan", leaveOrphan)
	if reexec.Init() {
		return
	}
	os.Exit(m.Run())
}

const deadline = 20 * time.Second

// sigchld is for the copies: see hearSIGCHLD.
var sigchld = make(chan os.Signal, 1)

func hearSIGCHLD() { signal.Notify(sigchld, unix.SIGCHLD) }

// output runs the child of that name to its end. Should that leave somebody behind who has the pipe still, this waits no longer
// than for the child.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	cmd := &exec.Cmd{Path: reexec.Self(), Args: append([]string{name}, args...), Stdout: &out, Stderr: &out, WaitDelay: deadline}
	require.NoError(t, cmd.Start())
	overdue := time.AfterFunc(deadline, func() { _ = cmd.Process.Kill() })
	defer overdue.Stop()
	require.NoError(t, cmd.Wait(), "%s said:\n%s", name, &out)
	return out.String()
}

// endWith ends with the code that its first argument says, or by the signal, as in "9" and "-9".
func endWith() {
	n, _ := strconv.Atoi(os.Args[1])
	if n >= 0 {
		os.Exit(n)
	}
	dieOf(syscall.Signal(-n))
}

// dieOf ends by sig's default action, whatever Go's runtime has it do. Or whoever started the tests: nohup(1) has HUP ignored.
func dieOf(sig syscall.Signal) {
	if sig != unix.SIGKILL {
		if errno := sigstate.Change(sig, &sigstate.Action{Handler: sigstate.Default}, nil); errno != 0 {
			must(0, error(errno))
		}
	}
	must(0, unix.Kill(unix.Getpid(), sig))
	select {}
}

// linger stays until standard input ends.
func linger() { _, _ = io.Copy(io.Discard, os.Stdin) }

// leaveOrphan starts a linger and ends.
func leaveOrphan() { must(forkExec(0, "linger")) }

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	return v
}

func forkExec(stdin int, args ...string) (pid int, err error) {
	return syscall.ForkExec(reexec.Self(), args, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{uintptr(stdin), 1, 2}})
}

// lingering starts a linger, and returns how to end it.
func lingering(args ...string) (pid int, end func()) {
	r, w, err := os.Pipe()
	must(r, err)
	pid = must(forkExec(int(r.Fd()), args...))
	_ = r.Close()
	return pid, func() { _ = w.Close() }
}

// untilState waits until pid has the state, as in /proc/PID/stat.
func untilState(pid int, state string) {
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(time.Millisecond) {
		stat := must(os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)))
		if _, rest, _ := strings.Cut(string(stat), ") "); strings.HasPrefix(rest, state) {
			return
		}
	}
	must(0, fmt.Errorf("process %d did not come to state %s", pid, state))
}

// untilDead waits until pid can be reaped. Its state is Z before that, if another of its threads is still there.
func untilDead(pid int) {
	must(0, unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil))
}

// next is r.Next, for as long as it takes until something changed.
func next(r *Reaper) (Change, error) {
	for {
		change, err := r.Next()
		if err != ErrNothing {
			return change, err
		}
		select {
		case <-sigchld:
		case <-time.After(deadline):
			must(0, fmt.Errorf("nobody woke the reaper"))
		}
	}
}

func say(change Change, err error) {
	switch s := change.Status; {
	case err != nil:
		fmt.Println(err)
	case s.Stopped():
		fmt.Println("stopped by", int(s.StopSignal()))
	case s.Signaled():
		fmt.Println("killed by", int(s.Signal()))
	default:
		fmt.Println("ended with", s.ExitStatus())
	}
}
