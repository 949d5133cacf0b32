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
}

// Process is the process pid alone.
func Process(pid int) Target { return Target{pid: pid} }

// Group is the process group that pid was started as the leader of.
func Group(pid int) Target { return Target{pid: pid, group: true} }

// Send sends sig. That nobody is there any more is not an error: whoever reaps is about to hear of it. What is left is
// EPERM, for a process of another user (kill(2)).
func (t Target) Send(sig syscall.Signal) error {
	var err error = unix.ESRCH
	if t.group {
		err = unix.Kill(-t.pid, sig)
	}
	if err == unix.ESRCH {
		// The program may have moved to another group, and be alone with its number.
		err = unix.Kill(t.pid, sig)
	}
	if err == unix.ESRCH {
		return nil
	}
	return os.NewSyscallError("kill", err)
}
