// Package reaper collects children that have ended: those that this process started, and orphans, whose parent ended
// before them and which the kernel then gave to this process, because it is PID 1 of its PID namespace or a subreaper
// ([Subreaper]).
//
//	sigchld := make(chan os.Signal, 1)
//	signal.Notify(sigchld, syscall.SIGCHLD) // before the first child is started
//	r := reaper.New(reaper.Exits)
//	for range sigchld {
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
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/sigstate"
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
	// C carries the ends of the children that are watched, while the kernel reaps.
	C <-chan Change

	ends    chan Change
	watched []*os.File      // pidfds; os would close what nobody has any more
	kernel  bool            // it reaps
	sigchld sigstate.Action // who had SIGCHLD before it did
	options int
	status  uint32 // here and not in Next, where each call would have to allocate it
	wait4   func(pid int, status *uint32, options int) (int, syscall.Errno)
}

// New returns a Reaper. Its owner must hear of SIGCHLD from before the first child is started, and then call [Reaper.Next].
func New(what What) *Reaper {
	ends := make(chan Change)
	r := &Reaper{C: ends, ends: ends, options: unix.WNOHANG, wait4: wait4}
	if what == ExitsAndStops {
		r.options |= unix.WUNTRACED
	}
	return r
}

// Next reaps one child, or reports that one was stopped. Its error is [ErrNothing] or [ErrNoChildren].
//
// SIGCHLD is not counted (signal(7)), so Next has to be called until it gives an error.
func (r *Reaper) Next() (Change, error) {
	for {
		pid, errno := r.wait4(-1, &r.status, r.options)
		switch {
		case errno == unix.EINTR:
		case errno == 0 && pid > 0:
			return Change{PID: pid, Status: syscall.WaitStatus(r.status)}, nil
		case errno == 0:
			return Change{}, ErrNothing
		default:
			return Change{}, ErrNoChildren
		}
	}
}

// Children reports whether there are any children, alive or not yet reaped.
func (r *Reaper) Children() bool {
	return waitid(unix.P_ALL, 0, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT) != unix.ECHILD
}

// Subreaper makes this process the one that gets the orphans among its descendants (PR_SET_CHILD_SUBREAPER in prctl(2)).
// PID 1 has no need of it.
func Subreaper() error {
	return os.NewSyscallError("prctl(PR_SET_CHILD_SUBREAPER)", unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
}
