package forwarder

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// swallow gives sig a handler that does nothing. Go's runtime leaves 32 and 34 to the C library, even in a binary without
// one, so that os/signal can't have them and either would end this process. SIG_IGN would do, but is inherited by
// programs; a handler is not. Go's own handler will not do: it dies of what it does not know (sigfwdgo in the runtime's
// signal_unix.go).
//
// The kernel's struct sigaction differs between architectures. What they share (but mips, which tinit is not built for)
// is that the handler comes first, so the rest is taken over from SIGUSR1, for which Go has filled it in.
func swallow(sig syscall.Signal) error {
	var action sigaction
	if err := rtSigaction(syscall.SIGUSR1, nil, &action); err != nil {
		return err
	}
	f := doNothing
	action.handler = **(**uintptr)(unsafe.Pointer(&f))
	return rtSigaction(sig, &action, nil)
}

// doNothing runs on whatever thread gets the signal, and so must be nothing but a return: no stack check, no frame.
//
//go:nosplit
//go:norace
//go:noinline
func doNothing() {}

// sigaction is as the kernel has it. The rest is flags, restorer and mask, unread; no architecture has more.
type sigaction struct {
	handler uintptr
	rest    [56]byte
}

func rtSigaction(sig syscall.Signal, act, old *sigaction) error {
	const sigsetSize = 8
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig),
		uintptr(unsafe.Pointer(act)), uintptr(unsafe.Pointer(old)), sigsetSize, 0, 0)
	if errno != 0 {
		return os.NewSyscallError("rt_sigaction", errno)
	}
	return nil
}
