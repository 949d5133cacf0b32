package supervisor

import (
	"strconv"
	"syscall"

	"github.com/tinit-dev/tinit/forwarder"
)

// A phase is how far the shutdown is. They come in this order, some are left out, and none comes back. Each has at most
// one deadline, whose end is the only thing that expired hears of.
type phase int

const (
	running    phase = iota
	delaying         // a stop signal came and is held back until --stop-delay is over
	stopping         // it was sent on; KILL follows after --kill-after
	killed           // so it did
	sweeping         // the main program has ended; what it left behind has TERM, and time until --grace
	killingAll       // what was left then has KILL, and one second
	gone             // nothing is left, or nothing more can be done
)

// signalled: what becomes of a signal that this process was sent.
func (s *Supervisor) signalled(sig syscall.Signal) {
	if sig == syscall.SIGCONT && s.selfStop {
		s.continued()
		return
	}
	if s.phase >= sweeping {
		s.signalledInSweep(sig)
		return
	}
	to := s.cfg.Rewrite.Apply(sig)
	switch sig {
	case syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
		s.groupStop = to
		defer s.stopAlong()
	case syscall.SIGCONT:
		s.groupStop = 0
	}
	switch {
	case to == 0 && !s.cfg.Verbose:
	case to == 0:
		s.cfg.Note("dropped %s", forwarder.SignalName(sig))
	case s.cfg.StopSignals.Has(sig):
		s.stop(to)
	default:
		s.signal(s.main, to)
	}
}

// stop is told of each stop signal, already rewritten.
func (s *Supervisor) stop(sig syscall.Signal) {
	s.asked = true
	switch {
	case s.phase == running && s.cfg.StopDelay > 0:
		s.cfg.Note("holding %s back for %v", forwarder.SignalName(sig), s.cfg.StopDelay)
		s.held = append(s.held, sig)
		s.enter(delaying)
		s.sys.schedule(s.cfg.StopDelay)
	case s.phase == delaying:
		// Who asks twice is in a hurry.
		if s.held[0] != sig {
			s.held = append(s.held, sig)
		}
		s.release()
	case s.phase == running:
		s.held = append(s.held, sig)
		s.release()
	default:
		s.signal(s.main, sig)
	}
}

// release sends on the stop signals that were held back.
func (s *Supervisor) release() {
	s.enter(stopping)
	for _, sig := range s.held {
		s.signal(s.main, sig)
	}
	s.held = nil
	if s.cfg.KillAfter > 0 {
		s.sys.schedule(s.cfg.KillAfter)
	}
}

// expired: the current phase's deadline has come.
func (s *Supervisor) expired() {
	switch s.phase {
	case delaying:
		s.release()
	case stopping:
		s.enter(killed)
		s.cfg.Tell("%s (process %d) is still there %v after a stop signal: killing it", s.main.name, s.main.pid, s.cfg.KillAfter)
		s.signal(s.main, syscall.SIGKILL)
	case sweeping:
		s.killLeftovers()
	case killingAll:
		s.killAgain()
	}
}

func (s *Supervisor) enter(p phase) {
	s.phase = p
	s.sys.schedule(-1)
	if p == gone {
		// One of those that were left may have had it until now.
		s.takeTerminal()
	}
}

// describe says how a process ended, from "ended with 3" to "was killed by signal SEGV, with a core dump".
func describe(status syscall.WaitStatus) string {
	if !status.Signaled() {
		return "ended with " + strconv.Itoa(status.ExitStatus())
	}
	s := "was killed by signal " + forwarder.SignalName(status.Signal())
	if status.CoreDump() {
		s += ", with a core dump"
	}
	return s
}
