package supervisor

import "time"

// lookEvery is how often tinit looks for what it has to reap though the kernel does: all that have it for their tracer, which a
// thread gets by asking its parent (PTRACE_TRACEME in ptrace(2)). Where that thread is not the main program's first, the program
// has no end until it is reaped. No descriptor tells of it, and the CHLD that does comes for every orphan too: to hear it would be
// to be woken by all of them. It is rare enough to be late. The runtime wakes as often, to see whether there is garbage.
const lookEvery = time.Minute

// letKernel has the kernel reap from now on. It keeps no zombie, so what becomes of p is told through its pidfd, which is
// also the only sure way to signal it: its number may be another's when tinit has yet to hear that it ended.
func (s *Supervisor) letKernel(p *program, pidfd int) {
	err := s.reaper.Watch(p.pid, pidfd)
	if err == nil {
		err = s.reaper.LetKernel()
	}
	if err != nil {
		s.cfg.Note("tinit reaps, since the kernel cannot: %v", err)
		return
	}
	p.target, p.pidfd = p.target.By(pidfd), pidfd
	s.kernelDoes()
}

// kernelDoes: LetKernel has succeeded.
func (s *Supervisor) kernelDoes() {
	s.cfg.Note("the kernel reaps")
	s.wake() // for those that ended before
	go func() {
		for {
			time.Sleep(s.lookEvery)
			s.wake()
		}
	}()
}

// reapAgain has this process reap if the kernel did: that does not say when nothing is left.
func (s *Supervisor) reapAgain() {
	if err := s.reaper.Wait(); err != nil {
		s.cfg.Warn("cannot reap: %v", err)
	}
	s.wake()
}
