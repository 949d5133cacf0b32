package reaper

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/sigstate"
)

// KernelCan returns nil if the kernel can reap, and otherwise what is missing: Linux 6.16, or a filter that refuses one of the
// system calls. It tries them on this process itself.
func KernelCan() error {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return os.NewSyscallError("pidfd_open", err)
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	info := pidfdInfo{mask: askedInfo}
	if errno := getInfo(fd, &info); errno != 0 {
		return os.NewSyscallError("ioctl(PIDFD_GET_INFO)", errno)
	}
	if !tellsOfExits(info.mask) {
		return errors.New("ioctl(PIDFD_GET_INFO): this kernel does not tell of exits")
	}
	// Nobody is signalled by 0. There is no such group (ESRCH) if this process leads none; that is an answer too.
	if err := unix.PidfdSendSignal(fd, 0, nil, unix.PIDFD_SIGNAL_PROCESS_GROUP); err != nil && err != unix.ESRCH {
		return os.NewSyscallError("pidfd_send_signal", err)
	}
	return nil
}

const askedInfo = unix.PIDFD_INFO_EXIT | unix.PIDFD_INFO_COREDUMP

// tellsOfExits reports whether the kernel knows of exits, by what it told of a living process that was asked for askedInfo.
// The first kernels to have the call knew nothing of exits (6.13, 6.14), or not of all (6.15). What came next is what a living
// process can be asked for. It has no exit: one that is told of was only asked for, by a filter that answers in the kernel's place.
func tellsOfExits(mask uint64) bool { return mask&askedInfo == unix.PIDFD_INFO_COREDUMP }

// LetKernel has the kernel reap: from now on no child becomes a zombie, and this process is not woken by any. Who has ended
// before is still for Next, if it is not watched, and so is who asked to be traced by this process: call it once more then, and
// every now and then. The ends of those that are watched come on C. See [KernelCan].
//
// SIGCHLD is taken from whoever had it, until [Reaper.Wait].
func (r *Reaper) LetKernel() error {
	// The default action with SA_NOCLDWAIT, and not to ignore it, which a new program would inherit (sigaction(2)).
	act := sigstate.Action{Handler: sigstate.Default, Flags: saNocldwait}
	if errno := sigstate.Change(syscall.SIGCHLD, &act, &r.sigchld); errno != 0 {
		return os.NewSyscallError("rt_sigaction", errno)
	}
	r.kernel = true
	return nil
}

// Wait ends the kernel's reaping: from now on it is for Next again, as SIGCHLD tells, which goes to whoever had it before.
func (r *Reaper) Wait() error {
	if !r.kernel {
		return nil
	}
	r.kernel = false
	if errno := sigstate.Change(syscall.SIGCHLD, &r.sigchld, nil); errno != 0 {
		return os.NewSyscallError("rt_sigaction", errno)
	}
	return nil
}

// Watch has the end of a child sent on C. pidfd is the child's from its start on (SysProcAttr.PidFD): by its number it
// could be another process by now. It stays open, for as long as the Reaper is there.
func (r *Reaper) Watch(pid, pidfd int) error {
	if err := unix.SetNonblock(pidfd, true); err != nil { // else os does not give it to Go's poller
		return os.NewSyscallError("fcntl(F_SETFL)", err)
	}
	f := os.NewFile(uintptr(pidfd), "pidfd")
	conn, err := f.SyscallConn()
	if err == nil {
		err = f.SetDeadline(time.Time{}) // fails for what Go's poller does not have
	}
	if err != nil {
		return fmt.Errorf("watch process %d: %w", pid, err)
	}
	go func() {
		var change Change
		_ = conn.Read(func(fd uintptr) (done bool) {
			change, done = exitOf(pid, int(fd))
			return done
		})
		r.ends <- change
	}()
	r.watched = append(r.watched, f)
	return nil
}

// unknown is the status of a child of which the kernel does not tell. There is none, as far as its source goes.
const unknown syscall.WaitStatus = 125 << 8

// exitOf: a pidfd is readable when the process has ended, which can be a moment before the kernel has reaped it; until
// then there is no status. No end is lost by that: the kernel notes the status, then takes the process away, and only then wakes
// the pidfd's readers for the last time (release_task in its exit.c). Who saw no status is still to be woken, or has been since it
// looked, which Go's poller keeps for the next wait.
//
// ESRCH is the answer to who asks in the very moment of the reaping: the kernel looked for a status before there was one, and
// for the process when it was gone. Who asks again gets the status.
func exitOf(pid, pidfd int) (c Change, ended bool) {
	info := pidfdInfo{mask: unix.PIDFD_INFO_EXIT}
	errno := getInfo(pidfd, &info)
	if errno == unix.ESRCH {
		errno = getInfo(pidfd, &info)
	}
	switch {
	case errno == 0 && info.mask&unix.PIDFD_INFO_EXIT == 0:
		return reapTraced(pid)
	case errno != 0:
		return Change{PID: pid, Status: unknown}, true
	}
	return Change{PID: pid, Status: syscall.WaitStatus(info.exitCode)}, true
}

const saNocldwait = 2 // SA_NOCLDWAIT, on all architectures but mips

// reapTraced: the kernel does not reap a process for its tracer, which is the parent if it asked for that itself
// (PTRACE_TRACEME in ptrace(2)), as some do to see whether somebody else traces them. Nor one that ended before LetKernel.
func reapTraced(pid int) (c Change, ended bool) {
	var status uint32
	got, errno := wait4(pid, &status, unix.WNOHANG|unix.WALL)
	c = Change{PID: pid, Status: syscall.WaitStatus(status)}
	return c, errno == 0 && got == pid && !c.Status.Stopped()
}

// pidfdInfo is struct pidfd_info of linux/pidfd.h.
type pidfdInfo struct {
	mask     uint64
	_        [52]byte // cgroup, IDs
	exitCode int32    // as wait(2) has it
	_        [24]byte // core dump, and to come
}

// getInfo asks again after EINTR, which is somebody else's answer (a filter's supervisor), and none to be waited with: there may be
// no more to come that wakes.
func getInfo(fd int, info *pidfdInfo) syscall.Errno {
	for {
		_, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(fd), unix.PIDFD_GET_INFO, uintptr(unsafe.Pointer(info)))
		if errno != unix.EINTR {
			return errno
		}
	}
}
