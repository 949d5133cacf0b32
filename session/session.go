// Package session starts a program as a shell or an init does: in a process group of its own, with the terminal if it
// is to have it, as the user and in the directory that it is to have, with the signal state that a program expects, and found as
// execvp(3) finds it.
//
//	terminal, err := session.Lead()
//	…
//	pid, err := session.Command{Name: "nginx", Args: []string{"nginx", "-g", "daemon off;"}, Env: os.Environ()}.Start()
//
// It also makes a daemon of a Go program ([Daemonize]): the program starts itself again, apart from whoever started it, and tells
// that one whether it runs.
//
// Linux only.
package session

import (
	"os"

	"golang.org/x/sys/unix"
)

// Lead makes this process the leader of a new session (setsid(2)), unless it leads one already or has a controlling
// terminal, whose job control it would fall out of. It returns the controlling terminal, nil if there is none.
//
// A process that leads a process group can't make a session. Under a shell or another init that is the usual state of
// things, so it is not an error.
func Lead() (*Terminal, error) {
	if t := ControllingTerminal(); t != nil {
		return t, nil
	}
	if Leads() {
		return nil, nil
	}
	if _, err := unix.Setsid(); err != nil && err != unix.EPERM {
		return nil, os.NewSyscallError("setsid", err)
	}
	return nil, nil
}

// Leads reports whether this process leads its session.
func Leads() bool {
	sid, err := unix.Getsid(0)
	return err == nil && sid == unix.Getpid()
}
