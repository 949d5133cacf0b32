package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/test/internal/children"
)

func init() {
	children.Register(map[string]func(){
		"bench-pid1":    executeAsPID1,
		"bench-blocked": executeBlocked,
		"bench-await":   await,
		"bench-orphans": makeOrphans,
	})
}

// executeAsPID1 executes its arguments after mounting the new namespace's /proc.
// Links are found by their name in PATH, PROGRAM without an init too.
func executeAsPID1() {
	check(children.OwnProc())
	execute(os.Args[1:]...)
}

// asked is the signal whose way is measured.
const asked = unix.SIGUSR1

// executeBlocked executes its arguments with the signal blocked: a Go program
// that is started like that has it blocked in all threads.
func executeBlocked() {
	runtime.LockOSThread()
	set := only(asked)
	check(unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil))
	execute(os.Args[1:]...)
}

// await is "await FILE": it waits for signals as sigwaitinfo(3) does, on a thread
// that does nothing else, and writes into FILE when each came.
func await() {
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	times, err := mapTimes(os.Args[1])
	check(err)
	set := only(asked)
	fmt.Println("ready")
	for {
		sig, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&set)), 0, 0, unsafe.Sizeof(uint64(0)), 0, 0)
		at := now()
		if errno == 0 && syscall.Signal(sig) == asked {
			times.add(at)
		}
	}
}

func only(sig syscall.Signal) (set unix.Sigset_t) {
	bits := 8 * int(unsafe.Sizeof(set.Val[0]))
	set.Val[(int(sig)-1)/bits] |= 1 << ((int(sig) - 1) % bits)
	return set
}

// now is a clock that all processes share.
func now() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return t.Nano()
}

// times is memory that two processes share: when each signal came.
type times struct {
	count *atomic.Int64
	at    []int64
}

// mapTimes maps a file of as many times as it has room for.
func mapTimes(file string) (*times, error) {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	all := unsafe.Slice((*int64)(unsafe.Pointer(&mem[0])), len(mem)/8)
	return &times{(*atomic.Int64)(unsafe.Pointer(&all[0])), all[1:]}, nil
}

func (t *times) add(at int64) {
	n := t.count.Load()
	if n < int64(len(t.at)) {
		t.at[n] = at
	}
	t.count.Store(n + 1)
}

// makeOrphans does what it reads: "make" leaves a batch of orphans to init, which
// sleep; "one" kills them one after another, each when the one before it is
// reaped; "storm" kills all at once.
func makeOrphans() {
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	mem, err := unix.Mmap(-1, 0, 8*batch, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANON|unix.MAP_POPULATE)
	check(err)
	pids := unsafe.Slice((*int64)(unsafe.Pointer(&mem[0])), batch)
	var parent int
	fmt.Println("ready")
	for orders := bufio.NewScanner(os.Stdin); orders.Scan(); {
		switch orders.Text() {
		case "make":
			parent = forkParent(pids)
			if parent < 0 {
				check(syscall.Errno(-parent))
			}
			var status unix.WaitStatus
			_, err := unix.Wait4(parent, &status, 0, nil)
			check(err)
			check(syscall.Errno(status.ExitStatus()))
		case "one":
			for _, pid := range pids {
				check(unix.Kill(int(pid), unix.SIGKILL))
				untilReaped(int(pid))
			}
		case "storm":
			// The orphans are the process group that their parent led.
			check(unix.Kill(-parent, unix.SIGKILL))
			for _, pid := range pids {
				untilReaped(int(pid))
			}
		}
		fmt.Println("done")
	}
}

// forkParent forks a process that forks the orphans, tells their numbers, and
// ends. There is no program to be executed, which would cost more than all the
// rest, so neither may do what Go's runtime has a hand in: they make system
// calls, and no function may look at the stack's limit, where the runtime leaves
// word that it wants the processor.
//
//go:nosplit
//go:norace
func forkParent(pids []int64) int {
	args := [8]uint64{4: uint64(unix.SIGCHLD)} // exit_signal of struct clone_args
	pid, _, errno := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	if errno != 0 {
		return -int(errno)
	}
	if pid != 0 {
		return int(pid)
	}
	unix.RawSyscall(unix.SYS_SETPGID, 0, 0, 0)
	for i := range pids {
		pid, _, errno := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
		if errno != 0 {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, uintptr(errno), 0, 0)
		}
		for pid == 0 {
			unix.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
		}
		pids[i] = int64(pid)
	}
	for {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

// untilReaped sleeps between looks, to be in nobody's way.
func untilReaped(pid int) {
	pause := unix.Timespec{Nsec: 20_000}
	for end := now() + int64(patient); unix.Kill(pid, 0) == nil; _ = unix.Nanosleep(&pause, nil) {
		if now() > end {
			check(fmt.Errorf("orphan %d is not reaped", pid))
		}
	}
}

func check(err error) {
	if errno, ok := err.(syscall.Errno); ok && errno == 0 || err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, filepath.Base(os.Args[0])+":", err)
	os.Exit(99)
}
