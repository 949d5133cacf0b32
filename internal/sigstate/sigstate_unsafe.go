// Package sigstate is what a process and its threads have of signals, as the kernel keeps it: an action for each
// (rt_sigaction(2)) and the set of those that are blocked (rt_sigprocmask(2)). Package os/signal says nothing of either.
package sigstate

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An Action is struct sigaction as the kernel has it, on all architectures but mips.
type Action struct {
	Handler uintptr
	Flags   uintptr
	rest    [48]byte // restorer and mask, where there are
}

// What Handler is if it is no function: SIG_DFL and SIG_IGN.
const (
	Default uintptr = 0
	Ignore  uintptr = 1
)

// Change sets the action for sig to act and gives what it was in old, either of which may be nil. A signal handler may call
// it.
//
//go:nosplit
//go:norace
func Change(sig syscall.Signal, act, old *Action) syscall.Errno {
	const sigsetSize = 8
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig),
		uintptr(unsafe.Pointer(act)), uintptr(unsafe.Pointer(old)), sigsetSize, 0, 0)
	return errno
}

// Mask returns a set of signals, in which bit n-1 stands for signal n, as a thread's mask.
func Mask(bits uint64) (mask unix.Sigset_t) {
	// Its words have 32 or 64 bits, by architecture. With the lower one first, as here, that comes to the same.
	*(*uint64)(unsafe.Pointer(&mask)) = bits
	return mask
}

// Bits is the other way round.
func Bits(mask *unix.Sigset_t) uint64 { return *(*uint64)(unsafe.Pointer(mask)) }

// SetMask gives the calling thread, which should be locked, another mask. It returns the one that it had.
func SetMask(mask unix.Sigset_t) (old unix.Sigset_t, err error) {
	err = unix.PthreadSigmask(unix.SIG_SETMASK, &mask, &old)
	return old, os.NewSyscallError("rt_sigprocmask", err)
}

// Blocked returns the mask of the calling thread.
func Blocked() (mask unix.Sigset_t, err error) {
	err = unix.PthreadSigmask(unix.SIG_BLOCK, nil, &mask)
	return mask, os.NewSyscallError("rt_sigprocmask", err)
}
