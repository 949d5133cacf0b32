package supervisor

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Like those of package proc, none of these system calls may have Go's runtime want another thread, so it is not told of them.

func pidfdOpen(pid int) (fd int, err error) {
	got, _, errno := syscall.RawSyscall(unix.SYS_PIDFD_OPEN, uintptr(pid), 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(got), nil
}

func pidfdSend(fd int, sig syscall.Signal, flags int) error {
	_, _, errno := syscall.RawSyscall6(unix.SYS_PIDFD_SEND_SIGNAL, uintptr(fd), uintptr(sig), 0, uintptr(flags), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func pidfdClose(fd int) { _, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }
