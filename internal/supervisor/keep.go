package supervisor

import (
	"syscall"
	"time"

	"github.com/tinit-dev/tinit/forwarder"
)

// What a keeper wants beyond an init: its program may be started again, and others ask things of it.

// Do has f called by the goroutine that is in Run or Rest, which owns the programs, and returns true when that was done. It is for
// other goroutines, and waits for as long as none is in either, or until over.
func (s *Supervisor) Do(f func(), over <-chan struct{}) (done bool) {
	called := make(chan struct{})
	select {
	case s.calls <- func() { f(); close(called) }:
		<-called
		return true
	case <-over:
		return false
	}
}

// renew makes ready for one more life of the main program. Whatever KILL did not end of the one before is an orphan now.
func (s *Supervisor) renew() {
	s.programs, s.main = s.programs[:0], nil
	s.phase, s.held, s.leftovers, s.asked = running, nil, nil, false
}

// PID is the main program's, while it runs, and else 0. As Status, Stopping, Signal and Stop it is for the owner's goroutine.
func (s *Supervisor) PID() int {
	if s.main == nil || s.main.ended {
		return 0
	}
	return s.main.pid
}

// Status is how the main program ended, when it has.
func (s *Supervisor) Status() syscall.WaitStatus { return s.main.status }

// Code is what Run returns for it.
func (s *Supervisor) Code() int { return s.main.code() }

// Stopping reports whether the main program was told to end by a stop signal.
func (s *Supervisor) Stopping() bool { return s.asked }

// Signal sends sig to the main program, as it is.
func (s *Supervisor) Signal(sig syscall.Signal) {
	if s.PID() != 0 {
		s.signal(s.main, sig)
	}
}

// Stop has the main program end as a stop signal does, and be killed after that time if it is still there then. A program that
// was stopped, as by SIGSTOP, is continued, so that it can end. Who calls again is in a hurry, or has more time.
func (s *Supervisor) Stop(killAfter time.Duration) { s.StopBy(s.stopSignal(), killAfter) }

// StopBy is Stop by another signal.
func (s *Supervisor) StopBy(sig syscall.Signal, killAfter time.Duration) {
	s.asked = true
	if s.PID() == 0 {
		return
	}
	s.cfg.KillAfter = max(killAfter, time.Millisecond) // 0 would be never
	again := s.phase == stopping
	s.stop(s.cfg.Rewrite.Apply(sig))
	s.Signal(syscall.SIGCONT)
	if s.phase == running { // --rewrite has dropped it, which is no reason not to end
		s.enter(stopping)
		again = true
	}
	if again {
		s.sys.schedule(s.cfg.KillAfter)
	}
}

// stopSignal is TERM, unless that is not among the stop signals.
func (s *Supervisor) stopSignal() syscall.Signal {
	if all := s.cfg.StopSignals.Signals(); !s.cfg.StopSignals.Has(syscall.SIGTERM) && len(all) > 0 {
		return all[0]
	}
	return syscall.SIGTERM
}

// Rest reaps until d is over, or it is asked to stop.
func (s *Supervisor) Rest(d time.Duration) {
	over := time.NewTimer(d) // not that of the phases: the one that is over stops it once more
	defer over.Stop()
	for !s.asked {
		select {
		case sig := <-s.signals.C:
			if s.cfg.StopSignals.Has(sig) {
				s.cfg.Note("got %s", forwarder.SignalName(sig))
				s.asked = true
			}
			s.reap()
		case <-s.again:
			s.reap()
		case call := <-s.calls:
			call()
		case <-over.C:
			return
		}
	}
}

// Kill is what kill(1) asks for: sig as if this process had been sent it, and those too that it cannot be sent.
func (s *Supervisor) Kill(sig syscall.Signal) {
	s.asked = s.asked || sig == syscall.SIGKILL || s.cfg.StopSignals.Has(sig)
	switch {
	case s.PID() == 0:
	case forwarder.CheckForwarded(sig) != nil:
		s.Signal(sig)
	default:
		s.signalled(sig)
	}
}
