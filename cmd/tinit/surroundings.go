package main

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/reaper"
	"github.com/tinit-dev/tinit/session"
)

// What tinit makes of the surroundings that it was started in, and which of them PROGRAM gets.

// openPatience is for a file that takes its time when a stop signal has come.
const openPatience = 200 * time.Millisecond

// prepare completes what PROGRAM is started with. Signals that come meanwhile wait for PROGRAM, as always. But a FIFO opens when
// somebody opens its other end, if ever, so a stop signal does not wait for long.
func (o *options) prepare(environ []string, signals *forwarder.Receiver) error {
	if !o.process.opens() {
		return o.process.prepare(&o.command, environ)
	}
	prepared := make(chan error, 1)
	go func() { prepared <- o.process.prepare(&o.command, environ) }()
	var early forwarder.Set
	var stop syscall.Signal
	var late <-chan time.Time
	for {
		select {
		case err := <-prepared:
			for _, sig := range early.Signals() {
				_ = unix.Kill(unix.Getpid(), sig)
			}
			return err
		case sig := <-signals.C:
			early |= forwarder.Of(sig)
			if o.cfg.StopSignals.Has(sig) && stop == 0 {
				stop, late = sig, time.After(openPatience)
			}
		case <-late:
			return interrupted(stop)
		}
	}
}

// interrupted is a stop signal that came while there was a file to be opened.
type interrupted syscall.Signal

func (sig interrupted) Error() string {
	return forwarder.SignalName(syscall.Signal(sig)) + " came before the files for PROGRAM were open"
}

// inherit has PROGRAM start with what tinit was started with of signals ignored and blocked, as far as that is known.
func (o *options) inherit(signals *forwarder.Receiver, say *messages) {
	if !o.unblocks {
		o.command.Blocked = signals.Blocked.Signals()
	}
	if o.forgets || o.pause {
		o.takeIgnored(signals, say)
	}
}

func (o *options) takeIgnored(signals *forwarder.Receiver, say *messages) {
	if err := signals.TakeIgnored(); err != nil {
		say.warn("%v", err)
	}
}

// settleInSession returns the terminal if tinit is to do PROGRAM's job control on it.
func (o *options) settleInSession(signals *forwarder.Receiver, say *messages) *session.Terminal {
	switch {
	case o.detaches:
		// As the leader of its session it gets these two for having given the terminal up.
		err := signals.Without(func() { o.command.Terminal = session.Detach() }, syscall.SIGHUP, syscall.SIGCONT)
		if err != nil {
			say.warn("%v", err)
		}
		return nil
	case o.command.Place == session.SameGroup:
		return nil // its keys reach PROGRAM as they do tinit
	case !o.leads:
		terminal := session.ControllingTerminal()
		if o.keyStops && (terminal == nil || session.Leads()) {
			o.dropStop()
		}
		return terminal
	}
	terminal, err := session.Lead()
	if err != nil {
		say.warn("%v", err)
	}
	if o.command.Place == session.NewSession {
		return nil // it is no terminal of PROGRAM's
	}
	return terminal
}

// dropStop is for where there is no shell to see PROGRAM stopped.
func (o *options) dropStop() {
	if _, said := o.cfg.Rewrite[syscall.SIGTSTP]; !said {
		o.cfg.Rewrite[syscall.SIGTSTP] = 0
	}
}

func (o *options) adoptOrphans(say *messages) {
	switch {
	case unix.Getpid() == 1:
	case !o.subreaper:
		say.warn("orphans go to another process: this is neither process 1 nor a subreaper (-s or TINI_SUBREAPER)")
	default:
		if err := reaper.Subreaper(); err != nil {
			say.warn("orphans go to another process: %v", err)
		}
	}
}

// letGo of what PROGRAM may have, or nobody, but tinit does not need: a file system could not be unmounted for as long as it
// runs, nor would the other end of a pipe hear of PROGRAM's closing it.
func (o *options) letGo(say *messages) {
	if o.toRoot || o.pause {
		if err := unix.Chdir("/"); err != nil {
			say.warn("%v", os.NewSyscallError("chdir", err))
		}
	}
	if o.closes || o.pause {
		if err := session.CloseInherited(); err != nil {
			say.warn("inherited descriptors stay open: %v", err)
		}
	}
}
