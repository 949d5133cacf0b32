package forwarder

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// useGoHandler installs for sigs the handler that Go's runtime has installed for SIGUSR1: the one that wakes os/signal.
// The kernel's struct sigaction differs between architectures, but what rt_sigaction(2) fills in it also takes, so the
// bytes are handed on unread. 64 is more than any architecture needs.
func useGoHandler(sigs []syscall.Signal) error {
	var action [64]byte
	if err := rtSigaction(syscall.SIGUSR1, nil, &action); err != nil {
		return err
	}
	for _, s := range sigs {
		if err := rtSigaction(s, &action, nil); err != nil {
			return err
		}
	}
	return nil
}

func rtSigaction(sig syscall.Signal, act, old *[64]byte) error {
	const sigsetSize = 8
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig),
		uintptr(unsafe.Pointer(act)), uintptr(unsafe.Pointer(old)), sigsetSize, 0, 0)
	if errno != 0 {
		return os.NewSyscallError("rt_sigaction", errno)
	}
	return nil
}
