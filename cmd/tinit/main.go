// Go's runtime would keep two descriptors open, to read the cgroup's CPU limit again every now and then. But one processor
// is all that is used: see package oneproc.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Tinit is an init and reaper for containers, small enough to be read. See tinit(1).
package main

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	_ "github.com/tinit-dev/tinit/internal/oneproc"
	"github.com/tinit-dev/tinit/internal/supervisor"
	"github.com/tinit-dev/tinit/reaper"
	"github.com/tinit-dev/tinit/session"
)

func main() {
	os.Exit(leave(tinit(os.Args, os.Environ())))
}

func tinit(argv, environ []string) (code int, err error) {
	signals, signalsErr := forwarder.Receive(unix.SIGCHLD) // before anything slow: until then Go's runtime has them

	opts, err := parse(argv, environ)
	if err == nil {
		err = signalsErr
	}
	if err != nil {
		return session.CodeOwnError, err
	}
	if text := opts.print(argv); text != "" {
		return printOut(text)
	}
	say := newMessages(os.Stderr.Fd(), opts.level, opts.parentDeath)
	defer say.flush()
	settleThreads(spareThreads(opts.level))
	opts.cfg.Warn, opts.cfg.Note, opts.cfg.Verbose = say.warn, say.note, opts.level == verbose

	terminal, err := session.Lead()
	if err != nil {
		say.warn("%v", err)
	}
	adoptOrphans(say)

	s, err := supervisor.New(opts.cfg, signals, terminal)
	if err != nil {
		return session.CodeOwnError, err
	}
	if opts.pause {
		return pause(s, say), nil
	}
	code, err = s.Run(session.Command{Name: opts.program[0], Args: opts.program, Env: opts.env})
	if err != nil {
		return startCode(err), err
	}
	return opts.report(code), nil
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
func printOut(text string) (code int, err error) {
	if err := writeLast(unix.Stdout, text); err != nil {
		return session.CodeOwnError, err
	}
	return 0, nil
}
