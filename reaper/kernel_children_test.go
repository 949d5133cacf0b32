package reaper

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"github.com/moby/sys/reexec"
	"golang.org/x/sys/unix"
)

// What kernel_test.go runs in copies of the test binary.
func init() {
	reexec.Register("kernel-ends", kernelEnds)
	reexec.Register("kernel-codes", kernelCodes)
	reexec.Register("kernel-core-dumps", func() { coreDumps(true) })
	reexec.Register("wait-core-dumps", func() { coreDumps(false) })
	reexec.Register("kernel-zombies", kernelKeepsNoZombies)
	reexec.Register("kernel-too-late", kernelTooLate)
	reexec.Register("kernel-leader", func() { watchLeader(true) })
	reexec.Register("wait-leader", func() { watchLeader(false) })
	reexec.Register("kernel-traced", watchTraced)
	reexec.Register("kernel-grandchild", kernelGrandchild)
	reexec.Register("end-by", endBy)
	reexec.Register("reap-one", reapOne)
	reexec.Register("linger-then", lingerThen)
	reexec.Register("trace", trace)
	reexec.Register("leader-ends-first", leaderEndsFirst)
	if os.Args[0] == "leader-ends-first" {
		runtime.LockOSThread() // so that main has the first thread
	}
}

// endBy is "end-by SIGNAL [core|no-core]". A core goes into the working directory.
func endBy() {
	sig := syscall.Signal(must(strconv.Atoi(os.Args[1])))
	limit := unix.Rlimit{}
	if len(os.Args) > 2 && os.Args[2] == "core" {
		limit.Cur, limit.Max = unix.RLIM_INFINITY, unix.RLIM_INFINITY
	}
	must(0, unix.Setrlimit(unix.RLIMIT_CORE, &limit))
	dieOf(sig)
}

// lingerThen is "linger-then CODE": it says "ready", and ends with CODE when standard input does.
func lingerThen() {
	_ = unix.Prctl(unix.PR_SET_PTRACER, ^uintptr(0), 0, 0, 0) // EINVAL: nobody has to be allowed to
	fmt.Println("ready")
	linger()
	os.Exit(must(strconv.Atoi(os.Args[1])))
}

// leaderEndsFirst is a program whose first thread ends with 3; another stays until standard input ends, and ends all with 7.
func leaderEndsFirst() {
	go func() {
		untilState(os.Getpid(), "Z")
		fmt.Println("leader ended")
		linger()
		os.Exit(7)
	}()
	_, _, _ = unix.Syscall(unix.SYS_EXIT, 3, 0, 0)
}

// trace is "trace PID HOW": it traces the process, says "traced", and, when HOW is "on", lets it go on until it has ended; for
// "late" it waits for the end of standard input with that, and for "gone" it ends then, without a look.
func trace() {
	runtime.LockOSThread()
	pid := must(strconv.Atoi(os.Args[1]))
	must(0, unix.PtraceSeize(pid))
	fmt.Println("traced")
	how := os.Args[2]
	if how != "on" {
		linger()
	}
	for how != "gone" {
		var status unix.WaitStatus
		must(unix.Wait4(pid, &status, unix.WALL, nil))
		if !status.Stopped() {
			return
		}
		must(0, unix.PtraceCont(pid, int(status.StopSignal())))
	}
}

// A talker is a child that says things, and stays until end.
type talker struct {
	pid, pidfd int
	lines      *bufio.Scanner
	end        func()
}

func talk(args ...string) *talker {
	inR, inW := pipe()
	outR, outW := pipe()
	c := &talker{lines: bufio.NewScanner(outR), end: func() { _ = inW.Close() }}
	c.pid, c.pidfd = forkPidfd(int(inR.Fd()), int(outW.Fd()), args...)
	_, _ = inR.Close(), outW.Close()
	return c
}

func pipe() (r, w *os.File) {
	r, w, err := os.Pipe()
	must(0, err)
	return r, w
}

// next is the next line; the child is still there, so one that says nothing is a failure of the test's deadline.
func (c *talker) next() string {
	if !c.lines.Scan() {
		must(0, fmt.Errorf("process %d says no more", c.pid))
	}
	return c.lines.Text()
}

// forkPidfd is forkExec with a pidfd.
func forkPidfd(stdin, stdout int, args ...string) (pid, pidfd int) {
	pid = must(syscall.ForkExec(reexec.Self(), args, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{uintptr(stdin), uintptr(stdout), 2},
		Sys:   &syscall.SysProcAttr{PidFD: &pidfd},
	}))
	return pid, pidfd
}
