package supervisor

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/proc"
)

// stopped: with a controlling terminal, this process stands in for the program in its shell's eyes. The shell sees only
// tinit, so when the program is stopped tinit stops too, and the shell gives its prompt.
func (s *Supervisor) stopped(p *program, sig syscall.Signal) {
	if p != s.main || s.terminal == nil {
		return
	}
	wantsTerminal := sig == syscall.SIGTTIN || sig == syscall.SIGTTOU
	switch {
	case wantsTerminal && (s.terminal.Mine() || s.terminal.Abandoned()) && s.giveTerminal():
		// A shell's fg of a job that was running says nothing to the job: it only gives the terminal to tinit's group.
		s.resume(sig)
	case s.sys.orphaned():
		// Ctrl-Z. A stop for want of the terminal is left to whoever has the terminal inside (a shell that runs there),
		// and one by STOP to whoever sent it.
		if sig == syscall.SIGTSTP {
			s.resume(sig)
		}
	default:
		s.takeTerminal()
		s.stopSelf(sig)
	}
}

// stopSelf stops the whole group, as Ctrl-Z would have done: a script that waits for tinit has to stop for the shell to
// notice. If the group did get the key, which tinit then sent on, the others in it need no help, and could be stopped
// before they have sent it on too (tinit a | tinit b).
func (s *Supervisor) stopSelf(sig syscall.Signal) {
	who := 0
	if sig == s.groupStop {
		who = unix.Getpid()
	}
	s.selfStop, s.groupStop = true, 0
	if err := s.sys.kill(who, syscall.SIGSTOP); err != nil {
		s.selfStop = false
		s.cfg.Warn("cannot stop with %s: %v", s.main.name, err)
	}
}

// stopAlong has a shell see the job stopped without this process knowing of the program's stops. What continues this process
// is sent on to the program like any other signal.
func (s *Supervisor) stopAlong() {
	if !s.cfg.StopAlong {
		return
	}
	if err := s.sys.kill(unix.Getpid(), syscall.SIGSTOP); err != nil {
		s.cfg.Warn("cannot stop with %s: %v", s.main.name, err)
	}
}

// continued: somebody, most likely the shell's fg or bg, woke this process after it had stopped itself.
func (s *Supervisor) continued() {
	s.selfStop = false
	if s.main.ended {
		return
	}
	if s.terminal.Mine() && (s.onTerminal || s.terminal.Unshared) {
		s.giveTerminal()
	}
	s.resume(syscall.SIGCONT)
}

func (s *Supervisor) resume(after syscall.Signal) {
	s.cfg.Note("continuing %s after %s", s.main.name, forwarder.SignalName(after))
	// A key of the terminal stopped the whole group, so it is the group that goes on, --single-child or not.
	if err := s.sys.send(forwarder.Group(s.main.pid), syscall.SIGCONT); err != nil {
		s.cfg.Note("cannot continue %s: %v", s.main.name, err)
	}
}

// orphaned reports whether this process's group is orphaned (setpgid(2)): above it there is no shell of the same session
// to say fg. So it is for PID 1, for the leader of a session, and for the scripts that such a leader runs.
func orphaned() bool { return orphanedFrom(unix.Getpgrp()) }

// orphanedWithInit is for the keeper of services. Its group is never orphaned as the kernel sees it, since the init is its parent and
// has another; but the init is no shell that would continue it. So it is the init's group that counts.
func orphanedWithInit() bool {
	group, err := unix.Getpgid(unix.Getppid())
	return err != nil || orphanedFrom(group)
}

// orphanedFrom takes the processes above that are of this group for this one.
func orphanedFrom(group int) bool {
	session := sessionOf(0)
	for pid := unix.Getppid(); pid > 0; {
		if sessionOf(pid) != session {
			return true
		}
		if pgid, err := unix.Getpgid(pid); err != nil || pgid != group {
			return err != nil
		}
		parent, err := proc.Read(pid)
		if err != nil || !proc.Own() {
			return true
		}
		pid = parent.PPID
	}
	return true
}

// sessionOf returns -1 for a process that is not there, which is in no session.
func sessionOf(pid int) int {
	sid, err := unix.Getsid(pid)
	if err != nil {
		return -1
	}
	return sid
}

func (s *Supervisor) giveTerminal() (given bool) {
	if err := s.terminal.Give(s.main.pid); err != nil {
		s.cfg.Note("cannot give the terminal to %s: %v", s.main.name, err)
		return false
	}
	s.hasTerminal()
	return true
}

// hasTerminal: from now on the terminal's keys, and its end, may signal the program without tinit's doing.
func (s *Supervisor) hasTerminal() {
	s.onTerminal = true
	s.main.sent |= forwarder.Of(syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP)
}

// takeTerminal takes the terminal back from the program, not from a shell that put this job into the background, nor from
// another job.
func (s *Supervisor) takeTerminal() {
	if s.terminal == nil {
		return
	}
	ours := s.onTerminal && (s.sys.orphaned() || s.terminal.Abandoned())
	if !ours && s.terminal.Foreground() != s.main.pid {
		return
	}
	if err := s.terminal.Take(); err != nil {
		s.cfg.Note("cannot take the terminal back: %v", err)
	}
}
