package keeper

import (
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/control"
	"github.com/tinit-dev/tinit/internal/service"
	"github.com/tinit-dev/tinit/internal/supervisor"
	"github.com/tinit-dev/tinit/session"
)

// A ServicesConfig says which services are kept, and how.
type ServicesConfig struct {
	Services   []service.Service
	Supervisor supervisor.Config // PROGRAM's; services say what they have to say by the same functions
	Command    session.Command   // PROGRAM, if one of Services is that
	Environ    []string          // what the services inherit
	Terminal   *session.Terminal // PROGRAM's
	LogDir     string            // of files that services write to
	Socket     string            // empty: none
}

// Services are those of one file, and PROGRAM beside them. All of it belongs to the goroutine in Run, and to what the group's Do
// calls.
type Services struct {
	cfg     ServicesConfig
	group   *supervisor.Group
	outputs *outputs
	units   []*unit       // as in the file
	program *unit         // PROGRAM, nil if there is none
	held    forwarder.Set // signals for PROGRAM, which has not been started yet
	ending  bool          // all are to end
	code    int           // the exit code, if it is not for PROGRAM to say
	blame   bool          // code is that of what ended all
	over    chan struct{}
	settle  func(time.Duration) // has who asked for something hear of it; nil without a socket
}

// StartServices makes ready what Run will start.
func StartServices(cfg ServicesConfig, signals *forwarder.Receiver) (s *Services, err error) {
	s = &Services{cfg: cfg, over: make(chan struct{}), group: supervisor.NewGroup(signals, cfg.Terminal != nil)}
	if s.outputs, err = openOutputs(cfg); err != nil {
		return nil, err
	}
	for _, spec := range cfg.Services {
		u, err := s.add(spec)
		if err != nil {
			return nil, fmt.Errorf("service %q: %w", spec.Name, err)
		}
		s.units = append(s.units, u)
		if spec.Name == service.ProgramName {
			s.program = u
		}
	}
	if cfg.Socket != "" {
		if s.settle, err = control.Serve(cfg.Socket, s.answer); err != nil {
			// All but the commands works without.
			cfg.Supervisor.Note("%v", err)
		}
	}
	return s, nil
}

// Run starts the services, each when those that it depends on are as far as it wants them, and returns when all have ended.
func (s *Services) Run() (code int) {
	s.advance()
	s.group.Run(s.signalled)
	close(s.over)
	s.outputs.close()
	if s.settle != nil {
		s.settle(time.Second)
	}
	if s.program != nil && s.program.exit != nil && !s.blame {
		return s.program.code()
	}
	return s.code
}

// signalled: a stop signal ends all, in their order. Any other is PROGRAM's. Who presses Ctrl-C again, when PROGRAM has ended, is in
// a hurry.
func (s *Services) signalled(sig syscall.Signal) {
	programRuns := s.program != nil && s.program.supervisor.PID() != 0
	switch {
	case s.cfg.Supervisor.StopSignals.Has(sig) && !s.ending:
		s.cfg.Supervisor.Note("got %s", forwarder.SignalName(sig))
		// PROGRAM gets the signal that came, unless the file has another one for it.
		if s.program != nil && s.program.StopSignal == syscall.SIGTERM {
			s.program.stopSignal = sig
		}
		s.code = s.codeFor(sig)
		s.end()
	case s.program != nil && s.program.started.IsZero() && !s.ending:
		s.held |= forwarder.Of(sig)
	case programRuns:
		s.program.supervisor.Kill(sig)
	case s.ending && (sig == syscall.SIGINT || sig == syscall.SIGQUIT):
		s.hurry()
	default:
		s.cfg.Supervisor.Note("%s is nobody's: PROGRAM does not run", forwarder.SignalName(sig))
	}
}

// codeFor is the exit code after a stop signal, unless PROGRAM runs and has one. Services that end when they are told to have not
// failed; a PROGRAM that was not even started has not succeeded.
func (s *Services) codeFor(sig syscall.Signal) int {
	if s.program == nil {
		return 0
	}
	return 128 + int(sig)
}

func (s *Services) hurry() {
	for _, u := range s.units {
		if u.state == running || u.state == stopping {
			u.state = stopping
			u.supervisor.StopBy(u.stopSignal, 0)
		}
	}
}

// programRuns: what came for it before.
func (s *Services) programRuns() {
	for _, sig := range s.held.Signals() {
		s.program.supervisor.Kill(sig)
	}
	s.held = 0
}

// fail ends all, with this code, for a reason that is said.
func (s *Services) fail(code int, format string, args ...any) {
	if !s.ending {
		s.cfg.Supervisor.Tell(format, args...)
		s.endWith(code)
	}
}

func (s *Services) endWith(code int) {
	s.code, s.blame = code, true
	s.end()
}

func (s *Services) end() {
	s.ending = true
	for _, u := range s.units {
		tell(&u.begins, errAllStop)
	}
	s.advance()
}

// advance does what has become possible since it was last called.
func (s *Services) advance() {
	if !s.ending {
		s.startWhatCan()
	}
	if s.ending {
		s.stopWhatCan()
	}
	if !slices.ContainsFunc(s.units, s.keepsUp) {
		s.group.End()
	}
}

// keepsUp: what was stopped by hand may be started by hand.
func (s *Services) keepsUp(u *unit) bool { return u.state != ended || u.manual && !s.ending }

func (s *Services) startWhatCan() {
	for _, u := range s.units {
		if u.state != waiting || s.ending {
			continue
		}
		switch ready, never := s.mayStart(u); {
		case never != nil:
			u.state = ended
			tell(&u.begins, u.cannotStart(never))
			s.neverStarts(u, never)
		case ready:
			u.start()
		case u.begins != nil:
			if why := u.hindrance(); why != nil {
				tell(&u.begins, why) // though it is started when that one is
			}
		}
	}
}

// neverStarts: a start by hand that cannot be is no failure of all.
func (s *Services) neverStarts(u *unit, why *never) {
	if u.Spared || u.manual {
		s.cfg.Supervisor.Tell("%v", u.cannotStart(why))
		return
	}
	s.fail(why.code, "%v", u.cannotStart(why))
}

// stopWhatCan: nobody is stopped while there is somebody who depends on it.
func (s *Services) stopWhatCan() {
	for again := true; again; {
		again = false
		for _, u := range s.units {
			switch {
			case u.state == ended || u.state == stopping || s.isNeeded(u):
			case u.state == running:
				u.stop()
			default:
				u.rest()
				u.state, again = ended, true
			}
		}
	}
}

func (s *Services) find(name string) *unit {
	for _, u := range s.units {
		if u.Name == name {
			return u
		}
	}
	return nil
}

// hasEnded: what the end of u, which is not to be started again, means to all. That PROGRAM has ended by itself is not worth a word,
// here as elsewhere.
func (s *Services) hasEnded(u *unit) {
	switch {
	case u.manual || s.ending:
	case u == s.program && !u.Spared:
		s.endWith(u.code())
	case u.Essential:
		s.fail(u.code(), "%s has ended (%s), and with it all", u.Name, u.exit)
	case u.code() == 0:
	case u.Restart.OnFailure && !u.Spared:
		s.fail(u.code(), "%s has failed %d times in a row (%s), and with it all", u.Name, u.lives.count+1, u.exit)
	default:
		s.cfg.Supervisor.Tell("%s has failed (%s)", u.Name, u.exit)
	}
}
