package session

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// A Terminal is the controlling terminal of this process's session. One process group of the session is in its
// foreground: it alone reads from the terminal and gets the signals of its keys (credentials(7), termios(3)).
type Terminal struct {
	fd int
	// Unshared says that nobody beside this process and what it starts should want it: this process leads the session, or
	// standard input and output are both this terminal. In "a | b" each has one of the two.
	Unshared bool
}

// ControllingTerminal returns the controlling terminal of this process, nil if there is none. It looks at the standard
// streams first: /dev/tty need not exist in a container.
func ControllingTerminal() *Terminal {
	t := Terminal{fd: -1, Unshared: Leads() || controls(0) && controls(1)}
	for fd := range 3 {
		if controls(fd) {
			t.fd = fd
			return &t
		}
	}
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	t.fd = fd
	return &t
}

// controls: TIOCGSID fails for whatever is not a terminal, and for a terminal that controls no session or, as Linux has
// it, another one (tty_ioctl(2)).
func controls(fd int) bool {
	sid, err := unix.IoctlGetInt(fd, unix.TIOCGSID)
	if err != nil {
		return false
	}
	own, err := unix.Getsid(0)
	return err == nil && sid == own
}

// Foreground is the ID of the process group in the foreground, 0 if it is unknown: the terminal was hung up, or the
// group belongs to an outer PID namespace.
func (t *Terminal) Foreground() int {
	pgid, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
	if err != nil {
		return 0
	}
	return pgid
}

// Mine reports whether this process's own group is in the foreground.
func (t *Terminal) Mine() bool {
	pgid, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
	switch {
	case err != nil || pgid != unix.Getpgrp():
		return false
	case pgid == 0:
		return mayRead()
	}
	return true
}

// mayRead tells the foreground from the background where groups have no numbers, as both are of an outer PID namespace:
// of a read of no bytes the kernel only checks whether it may be. The terminal is opened anew, so that nothing can block
// that read and no flag of the file that others share is touched.
func mayRead() bool {
	fd, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	restore, err := block(unix.SIGTTIN) // with it blocked, the answer in the background is EIO
	if err != nil {
		return false
	}
	defer restore()
	_, err = unix.Read(fd, nil)
	return err != unix.EIO
}

// Abandoned reports whether no process is left in the foreground group.
func (t *Terminal) Abandoned() bool {
	pgid := t.Foreground()
	return pgid > 0 && unix.Kill(-pgid, 0) == unix.ESRCH
}

// Give puts the process group pgid in the foreground (tcsetpgrp(3)).
//
// From the background that raises SIGTTOU, unless it is blocked; so it is, for the call and on this thread only. Caught,
// as all signals are here, it would be raised again and again and the call would never end.
func (t *Terminal) Give(pgid int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	restore, err := block(unix.SIGTTOU)
	if err != nil {
		return err
	}
	defer restore()
	return os.NewSyscallError("tcsetpgrp", unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, pgid))
}

// Take puts this process's own group in the foreground.
func (t *Terminal) Take() error {
	if unix.Getpgrp() == 0 {
		// The group belongs to an outer PID namespace, so it has no number here that could be given.
		if err := unix.Setpgid(0, 0); err != nil {
			return os.NewSyscallError("setpgid", err)
		}
	}
	return t.Give(unix.Getpgrp())
}
