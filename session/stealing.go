package session

import "golang.org/x/sys/unix"

// noStealing takes the capability off the calling thread, which must be locked, by which its child would take a terminal away
// from the session that it controls: Go's runtime asks for no less (TIOCSCTTY with 1 in ioctl_tty(2)). What a program may do
// that is executed then does not depend on it: only what is effective changes, and execve(2) makes that anew (capabilities(7)).
//
// Where a filter refuses the calls, there is nobody whose terminal it could be: it is a container's.
func noStealing() (restore func()) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData
	if err := unix.Capget(&header, &had[0]); err != nil {
		return func() {}
	}
	has := had
	has[0].Effective &^= 1 << unix.CAP_SYS_ADMIN
	_ = unix.Capset(&header, &has[0])
	return func() { _ = unix.Capset(&header, &had[0]) }
}
