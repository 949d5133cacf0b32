package forwarder

import (
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/tinit-dev/tinit/internal/sigstate"
)

// The signal handler. It is installed past os/signal, in place of the one that Go's runtime installs for all signals, and
// it is why this package can do what os/signal can't:
//
//   - it knows who sent a signal, so URG, which the runtime's threads send to each other, and PROF can be taken;
//   - it takes 32 and 34, which the runtime leaves to the C library;
//   - 60 of it cost 60 system calls. os/signal keeps two more threads, and takes a round trip to one of them for each signal;
//   - no goroutine waits in a system call for a signal, so the runtime never wants another thread to hand over to. Where
//     PROGRAM has filled the cgroup's pids that would be the end: the runtime gives up when it cannot have a thread.
//
// It runs on whatever thread the kernel chooses, on that thread's signal stack, while Go's code on it may be anywhere, and
// so it must not touch anything of Go's: no stack check, no write barrier, no g.

// handlerPC is the address of handler in handler_GOARCH.s, which calls arrived, and that is all it does.
var handlerPC uintptr

// arrivedPC is where it finds arrived. It must not call it by its name, which would be through a wrapper: that tells the
// race detector of the call.
//
//lint:ignore U1000 it is the assembly that uses it
var arrivedPC uintptr

// came counts how often each signal came, taken how often it was handed out; the difference is pending. The write to the
// eventfd that follows an increment orders it.
var came, taken [Last + 1]uint32

// withdrawn is how often a signal had come when those that were pending were discarded.
var withdrawn [Last + 1]uint32

var (
	wakeFD = -1 // an eventfd(2), see newWaker; before there is one, signals wait in came
	self   int  // this process's number
)

// arrived is the handler's body: info is what the kernel says of sig (sigaction(2), "siginfo_t").
//
//go:nosplit
//go:norace
func arrived(sig uint32, info *siginfo) {
	if sig >= uint32(len(came)) {
		return
	}
	if info.code == siTkill && int(info.pid()) == self {
		return // one thread of Go's runtime interrupts another, which sees to it soon all the same
	}
	if info.code == siUser && isOfWriting(sig) && int(info.pid()) == self {
		return // this process raised it, by a write that failed and says so too
	}
	if info.code > 0 && isFault(sig) {
		// This program itself is at fault. When the handler returns, the instruction runs again, and this time the fault is
		// Go's to report.
		_ = sigstate.Change(syscall.Signal(sig), &faults[sig], nil)
		if syscall.Signal(sig) == syscall.SIGSYS {
			// A system call is not run again: it would seem to have succeeded.
			_, _, _ = syscall.RawSyscall(syscall.SYS_TKILL, gettid(), uintptr(sig), 0)
		}
		return
	}
	if syscall.Signal(sig) == syscall.SIGCONT {
		withdraw(syscall.SIGTSTP)
		withdraw(syscall.SIGTTIN)
		withdraw(syscall.SIGTTOU)
	}
	increment(&came[sig])
	wake()
}

// withdraw is for a stop signal that is still pending when CONT comes, which the kernel discards (kill(2) in POSIX): who sent the
// two must not find PROGRAM stopped. CONT has the lower number, so one that comes before a stop signal is handed out before it.
//
//go:nosplit
//go:norace
func withdraw(sig syscall.Signal) { assign(&withdrawn[sig], &came[sig]) }

//go:nosplit
//go:norace
func gettid() uintptr {
	tid, _, _ := syscall.RawSyscall(syscall.SYS_GETTID, 0, 0, 0)
	return tid
}

// wake makes the eventfd readable. It cannot block: the file is non-blocking, and a counter that is full is readable.
//
//go:nosplit
//go:norace
func wake() {
	one := uint64(1)
	_, _, _ = syscall.RawSyscall(syscall.SYS_WRITE, uintptr(wakeFD), uintptr(unsafe.Pointer(&one)), unsafe.Sizeof(one))
}

// drain makes it unreadable. It reports whether it was readable.
func drain(fd uintptr) bool {
	var n uint64
	// Not read(2) as in os, before which Go's runtime wakes the thread that watches over long system calls.
	_, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&n)), unsafe.Sizeof(n))
	return errno == 0
}

// takePending reports whether sig is pending, and takes one. Those of real time are queued by the kernel, and so each counts
// (signal(7)); of the others one stands for all that came before the caller acts.
func takePending(sig syscall.Signal) bool {
	if n := atomic.LoadUint32(&withdrawn[sig]); int32(n-taken[sig]) > 0 {
		taken[sig] = n
	}
	n := atomic.LoadUint32(&came[sig])
	switch {
	case n == taken[sig]:
		return false
	case sig >= rtMin:
		taken[sig]++
	default:
		taken[sig] = n
	}
	return true
}

const (
	siUser  = 0  // SI_USER in sigaction(2): sent by kill(2), or by the kernel in the name of the process
	siTkill = -6 // SI_TKILL in sigaction(2): sent by tgkill(2), which gives the sender's number truly
)

// siginfo is the beginning of the kernel's siginfo_t, as it is on all architectures but mips.
type siginfo struct {
	_, _   int32 // the signal, errno
	code   int32
	fields [2]int32
}

// pid is where kill(2) and tgkill(2) tell the sender's: with 64 bits a gap comes first.
//
//go:nosplit
//go:norace
func (i *siginfo) pid() int32 { return i.fields[unsafe.Sizeof(uintptr(0))/8] }

// isOfWriting: what write(2) raises in the writer, as if it had sent that to itself: nobody reads, or the file is too large.
//
//go:nosplit
//go:norace
func isOfWriting(sig uint32) bool {
	return syscall.Signal(sig) == syscall.SIGPIPE || syscall.Signal(sig) == syscall.SIGXFSZ
}

// isFault: what the processor raises when a program goes wrong, or the kernel for a forbidden system call. Its code is
// positive then; when it was sent by a process it is not.
//
//go:nosplit
//go:norace
func isFault(sig uint32) bool {
	switch syscall.Signal(sig) {
	case syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGSYS:
		return true
	}
	return false
}

// faults are the actions that Go's runtime had for the signals of isFault.
var faults [Last + 1]sigstate.Action

// action has the handler.
var action sigstate.Action

// prepare comes before take.
func prepare() {
	self = os.Getpid()
	f := arrived
	arrivedPC = **(**uintptr)(unsafe.Pointer(&f))
	// And what every handler in a Go program needs, by the runtime's own choice for this architecture: the flag that puts it on
	// the signal stack, and the restorer.
	_ = sigstate.Change(syscall.SIGWINCH, nil, &action) // its arguments are right
	action.Handler = handlerPC
}

// take puts the handler in place for sig.
func take(sig syscall.Signal) error {
	_, err := replace(sig, action)
	return err
}

// takeUnlessIgnored asks by doing: there are sixty signals, and a start should not take three system calls for each. The kernel
// discards what it ignores, so at worst one comes through that would have been lost.
func takeUnlessIgnored(sig syscall.Signal) (ignored bool, err error) {
	if isFault(uint32(sig)) {
		if errno := sigstate.Change(sig, nil, &faults[sig]); errno != 0 { // before the handler may want it
			return false, os.NewSyscallError("rt_sigaction", errno)
		}
	}
	old, err := replace(sig, action)
	if err != nil || old.Handler != sigstate.Ignore {
		return false, err
	}
	_, err = replace(sig, old)
	return true, err
}

func replace(sig syscall.Signal, by sigstate.Action) (old sigstate.Action, err error) {
	if errno := sigstate.Change(sig, &by, &old); errno != 0 {
		return old, os.NewSyscallError("rt_sigaction", errno)
	}
	return old, nil
}

// discard has the kernel ignore sig, until it is taken again.
func discard(sig syscall.Signal) error {
	_, err := replace(sig, sigstate.Action{Handler: sigstate.Ignore})
	return err
}
