// Tinit is an init and reaper for containers, small enough to be read. See tinit(1).
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/supervisor"
	"github.com/tinit-dev/tinit/reaper"
	"github.com/tinit-dev/tinit/session"
)

// The main goroutine begins on the main thread, and stays there until tieToParent is through with it.
func init() { runtime.LockOSThread() }

func main() {
	os.Exit(tinit(os.Args, os.Environ()))
}

func tinit(argv, environ []string) (code int) {
	signals := forwarder.Receive() // before anything else: until then Go's runtime has them
	if err := readyTimers(); err != nil {
		return withoutTimers(err)
	}
	say := newMessages(os.Stderr.Fd())
	defer say.flush()

	opts, err := parse(argv, environ)
	if err != nil {
		say.error(err)
		return session.CodeOwnError
	}
	if text := opts.print(argv); text != "" {
		return printOut(text, say)
	}
	say.level = opts.level
	opts.cfg.Warn, opts.cfg.Note = say.warn, say.note

	tieToParent(opts.parentDeath, say)
	terminal, err := session.Lead()
	if err != nil {
		say.warn("%v", err)
	}
	adoptOrphans(say)

	s := supervisor.New(opts.cfg, signals, terminal)
	if opts.pause {
		return pause(s, say)
	}
	code, err = s.Run(session.Command{Name: opts.program[0], Args: opts.program, Env: opts.env})
	if err != nil {
		say.error(err)
		return startCode(err)
	}
	return opts.report(code)
}

// tieToParent asks for a signal at the parent's end. It is the parent of one thread that the kernel keeps
// (PR_SET_PDEATHSIG in prctl(2)), and of all threads only the main one is there for as long as the process.
func tieToParent(sig unix.Signal, say *messages) {
	defer runtime.UnlockOSThread()
	if sig == 0 {
		return
	}
	parent := unix.Getppid()
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(sig), 0, 0, 0); err != nil {
		say.warn("no signal will tell of the parent's end: %v", os.NewSyscallError("prctl(PR_SET_PDEATHSIG)", err))
		return
	}
	if unix.Getppid() != parent {
		// It ended in between, and no signal was sent.
		_ = unix.Kill(unix.Getpid(), sig)
	}
}

func adoptOrphans(say *messages) {
	if unix.Getpid() == 1 {
		return
	}
	if err := reaper.Subreaper(); err != nil {
		say.warn("orphans will go to another process: %v", err)
	}
}

func pause(s *supervisor.Supervisor, say *messages) (code int) {
	// Not to keep a file system busy for as long as the pod lives.
	if err := unix.Chdir("/"); err != nil {
		say.warn("%v", os.NewSyscallError("chdir", err))
	}
	s.Pause()
	return 0
}

func startCode(err error) int {
	if start, ok := errors.AsType[*session.Error](err); ok {
		return start.ExitCode()
	}
	return session.CodeOwnError
}

// printOut is for what was asked for by a flag: it alone goes to standard output.
func printOut(text string, say *messages) (code int) {
	if _, err := fmt.Fprint(os.Stdout, text); err != nil {
		say.error(err)
		return session.CodeOwnError
	}
	return 0
}
