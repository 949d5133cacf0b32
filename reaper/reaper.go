// Package reaper collects children that have ended: those that this process started, and orphans, whose parent ended
// before them and which the kernel then gave to this process, because it is PID 1 of its PID namespace or a subreaper
// ([Subreaper]).
//
//	r := reaper.New(reaper.Exits) // before the first child is started
//	for range r.C {
//		for {
//			change, err := r.Next()
//			if err != nil {
//				break // nothing more for now, or no children at all
//			}
//			…
//		}
//	}
//
// The children of a process are reaped in one place. A [Reaper] collects every child, so a program that uses one must not
// start children with os/exec or os.StartProcess: their Wait would find the status gone. syscall.ForkExec is safe.
//
// Linux only.
package reaper

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// What a [Reaper] reports of children.
type What int

const (
	Exits         What = iota // that they have ended
	ExitsAndStops             // and that they were stopped, which job control needs (WUNTRACED in wait(2))
)

var (
	// ErrNothing says that no child has changed since it was last asked for.
	ErrNothing = errors.New("no child has changed")
	// ErrNoChildren says that there are no children at all (ECHILD in wait(2)).
	ErrNoChildren = errors.New("no children")
)

// A Change is one child's new state. Unless Status.Stopped, the child has been reaped, and its number may be another
// process's from now on.
type Change struct {
	PID    int
	Status syscall.WaitStatus
}

// A Reaper belongs to one goroutine.
type Reaper struct {
	// C wakes the owner, who then calls Next until it gives an error. One wake may stand for any number of children, or
	// for none.
	C <-chan os.Signal

	c       chan os.Signal
	options int
	status  unix.WaitStatus // here and not in Next, where each call would have to allocate it
	wait4   func(pid int, status *unix.WaitStatus, options int, usage *unix.Rusage) (int, error)
}

// New must be called before the first child is started, or the news of a quick one may be missed.
func New(what What) *Reaper {
	c := make(chan os.Signal, 1)
	r := &Reaper{C: c, c: c, options: unix.WNOHANG, wait4: unix.Wait4}
	if what == ExitsAndStops {
		r.options |= unix.WUNTRACED
	}
	signal.Notify(c, syscall.SIGCHLD)
	// Children from before an execve(2) that made this process may have ended unheard.
	r.Wake()
	return r
}

// Next reaps one child, or reports that one was stopped. Its error is [ErrNothing] or [ErrNoChildren].
//
// SIGCHLD is not counted (signal(7)), so Next has to be called until it gives an error; but an owner with other duties
// may take a rest at any time and call [Reaper.Wake] to be woken again.
func (r *Reaper) Next() (Change, error) {
	for {
		pid, err := r.wait4(-1, &r.status, r.options, nil)
		switch {
		case err == unix.EINTR:
		case err == nil && pid > 0:
			return Change{PID: pid, Status: syscall.WaitStatus(r.status)}, nil
		case err == nil:
			return Change{}, ErrNothing
		default:
			return Change{}, ErrNoChildren
		}
	}
}

// Children reports whether there are any children, alive or not yet reaped.
func (r *Reaper) Children() bool {
	return unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil) != unix.ECHILD
}

// Wake makes C ready.
func (r *Reaper) Wake() {
	select {
	case r.c <- syscall.SIGCHLD:
	default:
	}
}

// Subreaper makes this process the one that gets the orphans among its descendants (PR_SET_CHILD_SUBREAPER in prctl(2)).
// PID 1 has no need of it.
func Subreaper() error {
	return os.NewSyscallError("prctl(PR_SET_CHILD_SUBREAPER)", unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
}
