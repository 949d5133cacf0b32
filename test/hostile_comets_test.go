package test

import (
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Programs that fork faster than they can be looked at. A Go program cannot
// fork, but what is between clone(2) and execve(2) in syscall.ForkExec can go
// on for ever: raw system calls alone, on one thread, without a stack check, the
// race detector or the scheduler. Each ends by itself when its stop file
// appears, after cometLife seconds, and a comet after cometGenerations.
func init() {
	registerChild("comet", cometMain)
	registerChild("hydra", hydraMain)
	registerChild("bomb", bombMain)
}

const (
	cometLife        = 60
	cometGenerations = 200_000
)

// A forker is all that a forking child may use: nothing in it needs the runtime.
type forker struct {
	stop     *byte         // the stop file's path
	deadline int64         // on the monotonic clock, in seconds
	nap      unix.Timespec // between two looks
}

// newForker ignores every signal that can be: KILL alone ends what follows.
func newForker(stopFile string) *forker {
	stop, err := unix.BytePtrFromString(stopFile)
	if err != nil {
		childFatal("%v", err)
	}
	signal.Ignore(catchable()...)
	f := &forker{stop: stop, nap: unix.NsecToTimespec(int64(5 * time.Millisecond))}
	f.deadline = f.now() + cometLife
	runtime.LockOSThread()
	return f
}

//go:norace
//go:nosplit
func (f *forker) now() int64 {
	var ts unix.Timespec
	syscall.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano() / 1e9
}

// over says that it is time to end.
//
//go:norace
//go:nosplit
func (f *forker) over() bool {
	const cwd = ^uintptr(99) // AT_FDCWD
	_, _, errno := syscall.RawSyscall(unix.SYS_FACCESSAT, cwd, uintptr(unsafe.Pointer(f.stop)), unix.F_OK)
	return errno == 0 || f.now() > f.deadline
}

//go:norace
//go:nosplit
func (f *forker) sleep() {
	syscall.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&f.nap)), 0, 0)
}

// fork returns 0 in the child and -1 if the kernel refuses.
//
//go:norace
//go:nosplit
func (f *forker) fork() int {
	flags, stack := uintptr(unix.SIGCHLD), uintptr(0)
	if runtime.GOARCH == "s390x" {
		flags, stack = stack, flags
	}
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, flags, stack, 0, 0, 0, 0)
	if errno != 0 {
		return -1
	}
	return int(pid)
}

//go:norace
//go:nosplit
func (f *forker) exit() {
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

// cometMain is `comet plain|group|session STOPFILE`: each generation starts the
// next and ends at once. The group kind first leaves its process group; with
// session every generation begins a session of its own.
func cometMain() {
	session := os.Args[1] == "session"
	if os.Args[1] == "group" {
		if err := unix.Setpgid(0, 0); err != nil {
			childFatal("%v", err)
		}
	}
	newForker(os.Args[2]).comet(session)
}

//go:norace
//go:nosplit
func (f *forker) comet(session bool) {
	for range cometGenerations {
		if f.over() || f.fork() != 0 {
			f.exit()
		}
		if session {
			syscall.RawSyscall(unix.SYS_SETSID, 0, 0, 0)
		}
	}
	f.exit()
}

// hydraMain is `hydra STOPFILE`: a process with three heads that have three heads
// each, every one in a session of its own. What is killed grows again, as long
// as its parent is there.
func hydraMain() {
	newForker(os.Args[1]).hydra()
}

//go:norace
//go:nosplit
func (f *forker) hydra() {
	var heads [3]int
	depth := 0
	for !f.over() {
		for i := range heads {
			if heads[i] > 0 {
				pid, _, _ := syscall.RawSyscall6(unix.SYS_WAIT4, uintptr(heads[i]), 0, unix.WNOHANG, 0, 0, 0)
				if pid == 0 {
					continue
				}
			}
			heads[i] = 0
			if depth == 2 {
				continue
			}
			pid := f.fork()
			if pid == 0 {
				syscall.RawSyscall(unix.SYS_SETSID, 0, 0, 0)
				depth++
				heads[0], heads[1], heads[2] = 0, 0, 0
				break
			}
			if pid > 0 {
				heads[i] = pid
			}
		}
		f.sleep()
	}
	f.exit()
}

// bombMain is `bomb STOPFILE PIDSMAX`: it forks, and so do its children, for as
// long as there is room. PIDSMAX is the pids.max of the cgroup that holds it;
// without a small number in there it does nothing.
func bombMain() {
	text, err := os.ReadFile(os.Args[2])
	if err != nil {
		childFatal("%v", err)
	}
	if room, err := strconv.Atoi(strings.TrimSpace(string(text))); err != nil || room > 100 {
		childFatal("nothing bounds a fork bomb here: %q", text)
	}
	newForker(os.Args[1]).bomb()
}

//go:norace
//go:nosplit
func (f *forker) bomb() {
	for !f.over() {
		if f.fork() < 0 {
			f.sleep()
		}
	}
	f.exit()
}
