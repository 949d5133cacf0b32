package forwarder

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Target is who gets signals: a process, or a process group and with it the process that leads it.
//
// The caller must make sure that the process has not been reaped: until then the kernel gives its number to nobody else
// (it stays the zombie's), which is why whoever reaps should be whoever sends.
type Target struct {
	pid   int
	group bool
	pidfd int // 0: there is none
}

// Process is the process pid alone.
func Process(pid int) Target { return Target{pid: pid} }

// Group is the process group that pid was started as the leader of.
func Group(pid int) Target { return Target{pid: pid, group: true} }

// By returns the same target, reached through the process's pidfd: that cannot be another process, nor another's group,
// even if somebody else has reaped it and its number was given away. For that the kernel has to be Linux 6.9.
func (t Target) By(pidfd int) Target {
	t.pidfd = pidfd
	return t
}

// Send sends sig. The error is [os.ErrProcessDone] if nobody is there any more, of which whoever reaps is about to hear,
// or EPERM, for a process of another user (kill(2)). To a zombie a signal can be sent; it does nothing.
func (t Target) Send(sig syscall.Signal) error {
	var err error = unix.ESRCH
	if t.group {
		err = t.send(sig, -1, unix.PIDFD_SIGNAL_PROCESS_GROUP)
	}
	if err == unix.ESRCH {
		// The program may have moved to another group, and be alone with its number.
		err = t.send(sig, 1, unix.PIDFD_SIGNAL_THREAD_GROUP)
	}
	if err == unix.ESRCH {
		return os.ErrProcessDone
	}
	return os.NewSyscallError("kill", err)
}

func (t Target) send(sig syscall.Signal, sign, flags int) error {
	if t.pidfd == 0 {
		return unix.Kill(sign*t.pid, sig)
	}
	// Not unix.PidfdSendSignal, before which Go's runtime wakes the thread that watches over long system calls.
	_, _, errno := syscall.RawSyscall6(unix.SYS_PIDFD_SEND_SIGNAL, uintptr(t.pidfd), uintptr(sig), 0, uintptr(flags), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
