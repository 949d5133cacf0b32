package session

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// A Command is a program that is to be started. It inherits from this process all that is not named here, or left at its
// zero value: user, working directory, umask, resource limits (the soft limit of open files as it was before Go's runtime
// raised it), and every open descriptor that has no close-on-exec flag.
//
// Where a field says that it takes a stage, main must begin with [Stage], and no other goroutine may start a program
// meanwhile.
type Command struct {
	// Name is a file if it has a slash in it. Otherwise it is looked for in the directories of PATH in Env. Both are seen
	// from Dir, and by User.
	Name string
	// Args is the whole argv, the program's own name first. It must not be empty.
	Args []string
	Env  []string
	// PidFD, if not nil, gets a pidfd of the program, or -1 where there are none (pidfd_open(2)).
	PidFD *int
	// Place is where the program is put among sessions and process groups.
	Place Place
	// Terminal, if not nil, is the program's from its first instruction on: its process group is in the foreground, and
	// with NewSession it is the controlling terminal, which it must not be of any session until then.
	Terminal *Terminal
	// Blocked are the signals that the program starts with blocked. Those that this process ignores are ignored, and all
	// others at their default.
	Blocked []syscall.Signal
	// Ignored are signals that the program starts with ignored beside those, as nohup(1) does with HUP. It takes a stage.
	Ignored []syscall.Signal
	// Streams are the program's standard input, output and error; nil is this process's own. They stay open here.
	Streams [3]*os.File
	// Inherited are those of [HoldInherited] that the program has too. No other goroutine may start a program meanwhile.
	Inherited []int
	// User is whom the program runs as. It takes a stage. Variables such as HOME are in Env, see [User.Environ].
	User *User
	// Dir is the working directory, which is entered as User. It takes a stage.
	Dir string
	// Umask is the file mode creation mask (umask(2)). It takes a stage.
	Umask *int
	// NoNewPrivileges has the program, and whatever it starts, gain none by execve(2) (PR_SET_NO_NEW_PRIVS in prctl(2)), as
	// from a set-user-ID file. It takes a stage.
	NoNewPrivileges bool
	// PIDVariables names those of Env that are to hold the program's own process ID, such as LISTEN_PID (sd_listen_fds(3)).
	// It takes a stage.
	PIDVariables []string
}

// A Place is where a program is among sessions and process groups (credentials(7)).
type Place int

const (
	NewGroup   Place = iota // in a process group of its own
	SameGroup               // in this process's group
	NewSession              // in a session of its own
)

// Start starts the program. It returns when execve(2) has succeeded, so that the caller's exit code can tell why it did
// not: the error is an [*Error].
func (c Command) Start() (pid int, err error) {
	if c.Terminal != nil {
		pid, err = c.start(c.attributes(c.Terminal))
		if err == nil {
			return pid, nil
		}
		if c.Place != NewSession {
			// The child had the terminal before execve failed in it.
			_ = c.Terminal.Take() // it may be what failed
		}
		if !lostTerminal(err) {
			return 0, err
		}
	}
	return c.start(c.attributes(nil))
}

// lostTerminal reports whether err may come from the terminal, which can be hung up at any time. Should it be execve's
// after all, a start without the terminal will say so again.
func lostTerminal(err error) bool {
	return errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EIO) || errors.Is(err, unix.EPERM)
}

// attributes are those of syscall.ForkExec in one piece: each size that is new to the heap costs two pages, at every start.
type attributes struct {
	syscall.ProcAttr
	sys   syscall.SysProcAttr
	files [3]uintptr
}

func (c Command) attributes(t *Terminal) *syscall.ProcAttr {
	attr := &attributes{files: [3]uintptr{0, 1, 2}}
	for fd, f := range c.Streams {
		if f != nil {
			attr.files[fd] = f.Fd()
		}
	}
	sys := &attr.sys
	sys.PidFD = c.PidFD
	switch c.Place {
	case NewGroup:
		sys.Setpgid = t == nil
		sys.Foreground = t != nil // and with it a group of its own
	case NewSession:
		sys.Setsid = true
		sys.Setctty = t != nil
	}
	if t != nil {
		sys.Ctty = t.fd
	}
	attr.ProcAttr = syscall.ProcAttr{Env: c.Env, Files: attr.files[:], Sys: sys}
	return &attr.ProcAttr
}

func (c Command) start(attr *syscall.ProcAttr) (pid int, err error) {
	return c.fork(attr, func() (int, error) {
		if c.staged() {
			return c.startStage(attr)
		}
		return execvp(c.Name, c.Args, c.Env, func(file string, args []string) (int, error) {
			return syscall.ForkExec(file, args, attr)
		})
	})
}

// fork calls start on a thread with the mask that attr does not have.
func (c Command) fork(attr *syscall.ProcAttr, start func() (int, error)) (pid int, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	restore, err := setMask(bits(c.Blocked...))
	if err != nil {
		return 0, &Error{Step: "start", Name: c.Name, Err: err}
	}
	defer restore()
	if attr.Sys.Setctty {
		defer noStealing()()
	}
	defer runtime.KeepAlive(c.Streams)
	setCloseOnExec(c.Inherited, 0)
	defer setCloseOnExec(c.Inherited, unix.FD_CLOEXEC)
	return start()
}

// An Error says why a program was not started. Unwrap gives the kernel's reason.
type Error struct {
	Step string // what failed: "find", "execute", "start", or one of [StepStage], [StepUser] and so on
	Name string // the file, or the name that was looked for; for a step of its own, what the Command has there
	Hint string // what may be behind it, or empty
	Err  error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("cannot %s %q: %v", e.Step, shortened(e.Name), e.Err)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// longestName is longer than any file's name in its directory (NAME_MAX). Quoted it is four times as long at most.
const longestName = 512

// shortened leaves out the middle of a long name. A word of the command line may have 128 KiB, a path 4 KiB, and whoever
// writes the message cuts it somewhere: the reason stands behind the name.
func shortened(name string) string {
	if len(name) <= longestName {
		return name
	}
	head, tail := 0, 0
	for i := range name { // where a character begins
		if i <= longestName/2 {
			head = i
		}
		if i < len(name)-longestName/2+utf8.UTFMax {
			tail = i
		}
	}
	return name[:head] + "…" + name[tail:]
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
	case e.Step != "find" && e.Step != "execute":
		return CodeOwnError
	case errors.Is(e.Err, unix.ENOENT):
		return CodeNotFound
	}
	return CodeNotExecutable
}

// failure tells what failed from the bare errno that ForkExec gives for both fork(2) and execve(2), unless withShell told.
func failure(file string, err error) error {
	if told, ok := errors.AsType[*Error](err); ok {
		return told
	}
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
