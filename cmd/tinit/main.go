// Go's runtime would keep two descriptors open, to read the cgroup's CPU limit again every now and then. But one processor
// is all that is used: see package oneproc.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Tinit is an init and reaper for containers, small enough to be read. See tinit(1).
package main

import (
	"os"

	"github.com/moby/sys/reexec"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	_ "github.com/tinit-dev/tinit/internal/oneproc"
	"github.com/tinit-dev/tinit/internal/supervisor"
	"github.com/tinit-dev/tinit/session"
)

func init() {
	reexec.Register(servicesKeeper, func() { os.Exit(leave(keepsServices(os.Args, os.Environ()))) })
}

func main() {
	if session.Stage() {
		os.Exit(session.CodeOwnError)
	}
	if reexec.Init() {
		return
	}
	os.Exit(leave(tinit(os.Args, os.Environ())))
}

func tinit(argv, environ []string) (code int, err error) {
	who := called(argv)
	if c := who.command(argv); c != nil {
		return c.runAs(unix.Getpid(), argv[2:], environ)
	}
	signals, signalsErr := forwarder.Receive(unix.SIGCHLD) // before anything slow: until then Go's runtime has them

	opts, err := who.parse(argv[min(1, len(argv)):], environ)
	if err == nil {
		err = signalsErr
	}
	if err != nil {
		return who.codes.own, err
	}
	if text, fd := who.info(opts); text != "" {
		return who.print(text, fd)
	}
	if opts.services != "" {
		opts.keepServices()
	}
	say := newMessages(&stderr, unix.Stderr, opts.level, opts.parentDeath)
	defer say.flush()
	settleThreads(spareThreads)
	opts.cfg.Warn, opts.cfg.Tell, opts.cfg.Note, opts.cfg.Verbose = say.warn, say.tell, say.note, opts.level == verbose

	if err := opts.prepare(environ, signals); err != nil {
		return who.codes.of(err), err
	}
	opts.inherit(signals, say)
	terminal := opts.settleInSession(signals, say)
	opts.adoptOrphans(say)

	s, err := supervisor.New(opts.cfg, signals, terminal)
	if err != nil {
		return who.codes.own, err
	}
	if opts.pause {
		opts.letGo(say)
		s.Pause()
		return 0, nil
	}
	if err := s.Start(opts.command); err != nil {
		return who.codes.of(err), flagged(opts.command, err)
	}
	closeStreams(opts.command)
	opts.takeIgnored(signals, say)
	opts.letGo(say)
	return opts.report(s.Run()), nil
}

// print is for what was asked for by a flag: it alone goes to standard output.
func (who *personality) print(text string, fd int) (code int, err error) {
	if err := writeLast(fd, text); err != nil {
		return who.codes.own, err
	}
	return 0, nil
}
