// Package supervisor is the one loop: it starts programs, sends signals on to them, reaps, and shuts down in order.
//
// One goroutine, the one in [Supervisor.Run], owns every program: it alone starts, signals and reaps them. So the number
// of a program can't become another process's between the decision to signal it and the signal.
//
// Two regimes of errors: until the program runs, an error ends the loop. From then on none does; it is said, and the loop
// goes on, for whoever waits for the program's exit code.
package supervisor

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/reaper"
	"github.com/tinit-dev/tinit/session"
)

// A Config says how the main program is treated. Durations of 0 mean at once, but KillAfter's means never.
type Config struct {
	SingleChild bool // signal the program alone, not its process group
	StopAlong   bool // for TSTP, TTIN and TTOU, once they were sent on, this process stops too
	Rewrite     forwarder.Rewrite
	StopSignals forwarder.Set
	StopDelay   time.Duration
	KillAfter   time.Duration
	Grace       time.Duration
	Leave       bool           // nobody sees to what is left when the main program has ended
	Farewell    syscall.Signal // what it is sent then all the same, once, 0 for nothing
	WarnReaped  bool
	Reaping     Reaping
	Verbose     bool   // somebody listens to Note
	Called      string // what the main program is called in what is said, if not by its name

	// Ended, if not nil, is called when the main program has ended, and before anybody sees to what it left behind.
	Ended func()

	// Warn is for what went wrong, Tell for what became of the programs that somebody should hear of, Note for whoever
	// asked. None may block.
	Warn, Tell, Note func(format string, args ...any)
}

// Reaping is who reaps.
type Reaping int

const (
	BestReaping Reaping = iota // the kernel if it can and nothing is asked for that only tinit can tell, otherwise tinit
	KernelReaps
	TinitWaits
)

// A Supervisor runs one main program to its end.
type Supervisor struct {
	cfg         Config
	sys         system
	signals     *forwarder.Receiver // SIGCHLD among them
	reaper      *reaper.Reaper
	kernelReaps bool              // while the main program runs
	again       chan struct{}     // ready when there may be more to reap
	calls       chan func()       // what others want done by the goroutine that owns the programs
	lookEvery   time.Duration     // while the kernel reaps
	terminal    *session.Terminal // nil without one

	programs []*program
	main     *program // the first of programs: its end is the end of all

	phase      phase
	timer      *time.Timer // of the current phase
	held       []syscall.Signal
	leftovers  leftovers
	killUntil  time.Time
	saidEPERM  bool
	saidWho    bool           // reaps
	asked      bool           // to end, by a stop signal
	selfStop   bool           // this process stopped itself because the main program was stopped
	groupStop  syscall.Signal // what was sent on last for a stop signal that all in this group may have got, 0 if none
	onTerminal bool           // the main program was given the terminal
}

// A program is what was started and not reaped yet.
type program struct {
	name   string
	pid    int
	target forwarder.Target
	pidfd  int           // -1: none
	sent   forwarder.Set // what was to be sent to it: a death by one of these is no surprise
	status syscall.WaitStatus
	ended  bool
}

// system is what the tests put something else in place of.
type system struct {
	send      func(forwarder.Target, syscall.Signal) error
	kill      func(pid int, sig syscall.Signal) error
	children  func() bool // whether there are any, zombies too
	leftovers func(main *program) leftovers
	orphaned  func() bool // whether no shell could wake this process
	now       func() time.Time
	schedule  func(time.Duration) // a turn of the loop after that time; negative: none
}

// New takes over signals, which must have SIGCHLD, and all children. Its error is that of [KernelReaps].
func New(cfg Config, signals *forwarder.Receiver, terminal *session.Terminal) (*Supervisor, error) {
	s := &Supervisor{
		cfg:       cfg,
		signals:   signals,
		again:     make(chan struct{}, 1),
		calls:     make(chan func()),
		lookEvery: lookEvery,
		terminal:  terminal,
		timer:     time.NewTimer(0),
	}
	if err := s.chooseReaper(); err != nil {
		return nil, err
	}
	s.sys = system{
		send:      forwarder.Target.Send,
		kill:      unix.Kill,
		children:  s.reaper.Children,
		leftovers: whoIsLeft,
		orphaned:  orphaned,
		now:       time.Now,
		schedule:  s.schedule,
	}
	s.schedule(-1)
	// Children from before an execve(2) that made this process may have ended unheard.
	s.again <- struct{}{}
	return s, nil
}

// chooseReaper: a kernel that reaps tells nobody of orphans, nor of stops.
func (s *Supervisor) chooseReaper() error {
	what := reaper.Exits
	if s.terminal != nil {
		what = reaper.ExitsAndStops
	}
	s.reaper = reaper.New(what)
	best := s.cfg.Reaping == BestReaping && s.terminal == nil && !s.cfg.WarnReaped
	if !best && s.cfg.Reaping != KernelReaps {
		return nil
	}
	if err := reaper.KernelCan(); err != nil {
		if !best {
			return fmt.Errorf("the kernel cannot reap: %w", err)
		}
		s.cfg.Note("the kernel cannot reap: %v", err)
		return nil
	}
	s.kernelReaps = true
	return nil
}

// Run returns when the main program, which was started, and whatever it left behind have ended: its exit code, or 128+n
// if signal n killed it.
func (s *Supervisor) Run() (code int) {
	for s.phase != gone {
		select {
		case sig := <-s.signals.C:
			s.got(sig)
		case change := <-s.reaper.C:
			s.changed(change)
		case <-s.again:
			s.reap()
		case call := <-s.calls:
			call()
		case <-s.timer.C:
			s.expired()
		}
	}
	return s.main.code()
}

// Pause reaps until TERM or INT.
func (s *Supervisor) Pause() {
	if s.kernelReaps {
		if err := s.reaper.LetKernel(); err == nil {
			s.kernelDoes()
		}
	}
	for {
		select {
		case sig := <-s.signals.C:
			if sig == syscall.SIGTERM || sig == syscall.SIGINT {
				s.cfg.Note("got %s", forwarder.SignalName(sig))
				return
			}
			if sig == syscall.SIGCHLD {
				s.reap()
			}
		case <-s.again:
			s.reap()
		}
	}
}

func (s *Supervisor) got(sig syscall.Signal) {
	if sig != syscall.SIGCHLD {
		s.signalled(sig)
	}
	// At other signals too: if the kernel reaps, nobody hears of SIGCHLD, and what traced threads leave is still tinit's.
	s.reap()
}

// Start starts the main program; again, when Run has returned. The error is [session.Command.Start]'s; with it nothing was started.
func (s *Supervisor) Start(c session.Command) error {
	// A pipeline's last program must keep the terminal (tinit a | b).
	if t := s.terminal; t != nil && t.Unshared && t.Mine() {
		c.Terminal = t
	}
	pid, pidfd, err := s.startProgram(c)
	if err != nil {
		return err
	}
	s.renew()
	p := &program{name: cmp.Or(s.cfg.Called, c.Name), pid: pid, target: forwarder.Group(pid), pidfd: -1}
	if s.cfg.SingleChild || c.Place == session.SameGroup {
		p.target = forwarder.Process(pid)
	}
	s.programs = append(s.programs, p)
	s.main = s.programs[0]
	if c.Terminal != nil {
		s.hasTerminal()
	}
	s.cfg.Note("started %s as process %d", p.name, p.pid)
	if !s.kernelReaps {
		if !s.saidWho {
			s.saidWho = true
			s.cfg.Note("tinit reaps")
		}
		return nil
	}
	s.letKernel(p, pidfd)
	return nil
}

// startProgram: a pidfd, which the kernel's reaping takes, may be what is missing. A filter may refuse the flag for it
// (CLONE_PIDFD in clone(2)), a limit the one descriptor more. That is no reason not to run.
func (s *Supervisor) startProgram(c session.Command) (pid, pidfd int, err error) {
	pidfd = -1
	if !s.kernelReaps {
		pid, err = s.startOrDoWithout(c)
		return pid, pidfd, err
	}
	c.PidFD = &pidfd
	pid, err = s.startOrDoWithout(c)
	if err == nil || s.cfg.Reaping == KernelReaps {
		return pid, pidfd, err
	}
	reason := errors.Unwrap(err)
	c.PidFD = nil
	// Should it have been execve's error, nothing has run yet, and this start says the same.
	if pid, err = s.startOrDoWithout(c); err != nil {
		return 0, pidfd, err
	}
	s.kernelReaps = false
	s.cfg.Note("the kernel cannot reap: start with a pidfd: %v", reason)
	return pid, pidfd, nil
}

// startOrDoWithout: that this process can't execute itself, as where its file is gone, is no reason not to start the program.
func (s *Supervisor) startOrDoWithout(c session.Command) (pid int, err error) {
	pid, err = c.Start()
	start, ok := errors.AsType[*session.Error](err)
	if !ok || start.Step != session.StepStage {
		return pid, err
	}
	variables := strings.Join(c.PIDVariables, " and ")
	c.PIDVariables = nil
	if pid, err = c.Start(); err == nil {
		s.cfg.Warn("%s names tinit and not %s: %v", variables, c.Name, start.Err)
	}
	return pid, err
}

func (s *Supervisor) wake() {
	select {
	case s.again <- struct{}{}:
	default:
	}
}

// turn is how many children are reaped before signals and timers have their chance: orphans may come without end.
const turn = 512

func (s *Supervisor) reap() {
	switch s.reapTurn() {
	case nil:
		s.wake()
	case reaper.ErrNoChildren:
		s.noChildren()
	}
	if s.phase == killingAll {
		s.leftovers.killChildren()
	}
}

func (s *Supervisor) reapTurn() error {
	for range turn {
		change, err := s.reaper.Next()
		if err != nil {
			return err
		}
		s.changed(change)
	}
	return nil
}

func (s *Supervisor) changed(c reaper.Change) {
	p := s.find(c.PID)
	switch {
	case p == nil && !c.Status.Stopped():
		s.reapedOrphan(c)
	case p == nil:
	case c.Status.Stopped():
		s.stopped(p, c.Status.StopSignal())
	default:
		p.status, p.ended = c.Status, true
		s.said(p)
		if p == s.main {
			s.mainEnded()
		}
	}
}

func (s *Supervisor) find(pid int) *program {
	for _, p := range s.programs {
		if p.pid == pid && !p.ended {
			return p
		}
	}
	return nil
}

func (s *Supervisor) reapedOrphan(c reaper.Change) {
	if s.cfg.WarnReaped {
		s.cfg.Warn("reaped orphan %d, which %s", c.PID, describe(c.Status))
	}
}

// said: a program that ended by itself, or as it was told to, is not worth a word.
func (s *Supervisor) said(p *program) {
	say := s.cfg.Note
	if p.status.Signaled() && !p.sent.Has(p.status.Signal()) {
		say = s.cfg.Tell
	}
	say("%s (process %d) %s", p.name, p.pid, describe(p.status))
}

func (p *program) code() int {
	if p.status.Signaled() {
		return 128 + int(p.status.Signal())
	}
	return p.status.ExitStatus()
}

// signal sends sig, which is not dropped or rewritten any more.
func (s *Supervisor) signal(p *program, sig syscall.Signal) {
	if p.ended || sig == 0 {
		return // its number may be another's by now; or the signal is dropped
	}
	p.sent |= forwarder.Of(sig)
	err := s.sys.send(p.target, sig)
	if err != nil && err != os.ErrProcessDone {
		if !s.saidEPERM {
			s.saidEPERM = true
			s.cfg.Warn("cannot send %s to %s (process %d): %v", forwarder.SignalName(sig), p.name, p.pid, err)
		}
		return
	}
	switch {
	case !s.cfg.Verbose: // the arguments alone would be garbage, for each signal
	case err != nil:
		s.cfg.Note("%s came too late for %s (process %d)", forwarder.SignalName(sig), p.name, p.pid)
	default:
		s.cfg.Note("sent %s to %s (process %d)", forwarder.SignalName(sig), p.name, p.pid)
	}
}

func (s *Supervisor) schedule(d time.Duration) {
	if d < 0 {
		s.timer.Stop()
		return
	}
	s.timer.Reset(d)
}
