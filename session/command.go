package session

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Command is a program that is to be started. It inherits from this process all that is not named here: working
// directory, umask, resource limits (the soft limit of open files as it was before Go's runtime raised it), and every
// open descriptor that has no close-on-exec flag.
type Command struct {
	// Name is a file if it has a slash in it. Otherwise it is looked for in the directories of this process's PATH.
	Name string
	// Args is the whole argv, the program's own name first. It must not be empty.
	Args []string
	Env  []string
	// PidFD, if not nil, gets a pidfd of the program, or -1 where there are none (pidfd_open(2)).
	PidFD *int
	// Terminal, if not nil, is given to the program's process group before its first instruction.
	Terminal *Terminal
}

// Start starts the program in a process group of its own, with no signal blocked and all at their default but those that
// this process ignores. It returns when execve(2) has succeeded, so that the caller's exit code can tell why it did not:
// the error is an [*Error].
func (c Command) Start() (pid int, err error) {
	if c.Terminal != nil {
		pid, err = c.start(&syscall.SysProcAttr{Foreground: true, Ctty: c.Terminal.fd})
		if err == nil {
			return pid, nil
		}
		// The child had the terminal before execve failed in it.
		_ = c.Terminal.Take() // it may be what failed
		if !lostTerminal(err) {
			return 0, err
		}
	}
	return c.start(&syscall.SysProcAttr{Setpgid: true})
}

// lostTerminal reports whether err may come from the terminal, which can be hung up at any time. Should it be execve's
// after all, a start without the terminal will say so again.
func lostTerminal(err error) bool {
	return errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EIO) || errors.Is(err, unix.EPERM)
}

func (c Command) start(sys *syscall.SysProcAttr) (pid int, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	restore, err := unblockAll()
	if err != nil {
		return 0, &Error{Step: "start", Name: c.Name, Err: err}
	}
	defer restore()

	sys.PidFD = c.PidFD
	attr := &syscall.ProcAttr{Env: c.Env, Files: []uintptr{0, 1, 2}, Sys: sys}
	return execvp(c.Name, c.Args, func(file string, args []string) (int, error) {
		return syscall.ForkExec(file, args, attr)
	})
}

// An Error says why a program was not started. Unwrap gives the kernel's reason.
type Error struct {
	Step string // what failed: "find", "execute" or "start"
	Name string // the file, or the name that was looked for
	Hint string // what may be behind it, or empty
	Err  error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("cannot %s %q: %v", e.Step, e.Name, e.Err)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Exit codes for a program that was not started, as shells, env(1) and timeout(1) have them.
const (
	CodeOwnError      = 125 // the starter itself failed
	CodeNotExecutable = 126 // the program was found, and the kernel would not execute it
	CodeNotFound      = 127
)

// ExitCode is the code that the starter should end with.
func (e *Error) ExitCode() int {
	switch {
	case e.Step == "start":
		return CodeOwnError
	case errors.Is(e.Err, unix.ENOENT):
		return CodeNotFound
	}
	return CodeNotExecutable
}

// failure tells what failed from the bare errno that ForkExec gives for both fork(2) and execve(2).
func failure(file string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOMEM), errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return &Error{Step: "start", Name: file, Err: err}
	case errors.Is(err, unix.ENOENT):
		e := &Error{Step: "find", Name: file, Err: err}
		if _, statErr := os.Stat(file); statErr == nil {
			e.Step, e.Hint = "execute", "the file is there: its interpreter or dynamic loader is not"
		}
		return e
	case errors.Is(err, unix.ENOEXEC):
		return &Error{Step: "execute", Name: file, Err: err, Hint: "built for another architecture?"}
	}
	return &Error{Step: "execute", Name: file, Err: err}
}
