package session

import (
	"errors"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Detach gives the controlling terminal up if it is standard input (TIOCNOTTY in ioctl_tty(2)). It is returned if it is free
// then, for a [Command] with [NewSession]: that is, if this process leads its session, which has lost it as a whole. The
// kernel then sends SIGHUP and SIGCONT to the process group in the foreground, which may be this process's own.
//
// A terminal that does not control this session is returned too. It may be another's, of which only the kernel knows.
func Detach() *Terminal {
	if !controls(0) {
		if _, err := unix.IoctlGetTermios(0, unix.TCGETS); err != nil {
			return nil
		}
		return &Terminal{}
	}
	free := Leads()
	if err := unix.IoctlSetInt(0, unix.TIOCNOTTY, 0); err != nil || !free {
		return nil
	}
	return &Terminal{}
}

// CloseInherited closes the descriptors from 3 on that this process was started with. They have no close-on-exec flag: all
// that Go opens has.
func CloseInherited() error {
	return eachInherited(func(fd int) { _ = unix.Close(fd) })
}

// HoldInherited keeps the same descriptors from all programs but those whose [Command] has them as Inherited, and returns them.
func HoldInherited() (fds []int, err error) {
	err = eachInherited(func(fd int) {
		unix.CloseOnExec(fd)
		fds = append(fds, fd)
	})
	return fds, err
}

func eachInherited(do func(fd int)) error {
	dir, err := os.Open("/proc/self/fd")
	if errors.Is(err, fs.ErrNotExist) {
		// Without /proc there is no telling how far they go. More than this a process is seldom given, and never by accident.
		const most = 1 << 16
		for fd := 3; fd < most; fd++ {
			ifInherited(fd, do)
		}
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close() //nolint:errcheck // nothing was written
	names, err := dir.Readdirnames(-1)
	for _, name := range names {
		if fd, err := strconv.Atoi(name); err == nil && fd >= 3 {
			ifInherited(fd, do)
		}
	}
	return err
}

func ifInherited(fd int, do func(fd int)) {
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
		do(fd)
	}
}

// setCloseOnExec sets or takes away the flag of all.
func setCloseOnExec(fds []int, flag int) {
	for _, fd := range fds {
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFD, flag)
	}
}
