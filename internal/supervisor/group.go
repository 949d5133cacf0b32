package supervisor

import (
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/proc"
	"github.com/tinit-dev/tinit/reaper"
	"github.com/tinit-dev/tinit/session"
)

// A Group is a loop in which several main programs turn, each with a [Supervisor] of its own: the services of one keeper. All of it
// belongs to the goroutine in Run, but for Do.
type Group struct {
	loop    *Supervisor // its signals, reaper and calls are everybody's; it has no program
	members []*member
	others  map[int]func(syscall.WaitStatus) // who hears of the end of a program that is nobody's main one
	done    chan struct{}                    // closed when Run returns
	ended   bool
}

// A member is a Supervisor with what it takes to tell its processes from those of others.
type member struct {
	*Supervisor
	mark    string
	hasGone func()
	told    bool
	stop    func() // of the current phase's timer
}

// NewGroup takes over signals and all children, as [New] does. stops says that stops of programs are to be seen, which job control
// needs.
func NewGroup(signals *forwarder.Receiver, stops bool) *Group {
	what := reaper.Exits
	if stops {
		what = reaper.ExitsAndStops
	}
	s := &Supervisor{signals: signals, reaper: reaper.New(what), again: make(chan struct{}, 1), calls: make(chan func())}
	s.wake() // there may be children from before
	return &Group{loop: s, others: make(map[int]func(syscall.WaitStatus)), done: make(chan struct{})}
}

// Add makes a Supervisor that is not to be Run: Run of the Group does. mark is a variable, K=V, that its programs have in their
// environment, and nobody else's. hasGone is called each time that a program, and what it left behind, has ended.
func (g *Group) Add(cfg Config, terminal *session.Terminal, mark string, hasGone func()) *Supervisor {
	m := &member{mark: mark, hasGone: hasGone, told: true}
	m.Supervisor = &Supervisor{
		cfg: cfg, signals: g.loop.signals, reaper: g.loop.reaper, again: g.loop.again, calls: g.loop.calls, terminal: terminal,
		saidWho: true, // of its own the init says who does: that a keeper does is no news, and it would be said of each member
	}
	m.sys = system{
		send:      forwarder.Target.Send,
		kill:      unix.Kill,
		children:  func() bool { return len(g.left(m)) > 0 },
		leftovers: func(*program) leftovers { return &marked{group: g, member: m} },
		orphaned:  orphanedWithInit,
		now:       time.Now,
		schedule: func(d time.Duration) {
			if m.stop != nil {
				m.stop()
			}
			if m.stop = nil; d >= 0 {
				m.stop = g.After(d, m.expired)
			}
		},
	}
	m.phase = gone
	g.members = append(g.members, m)
	return m.Supervisor
}

// Run turns the loop until End. signalled is told of each signal but CHLD.
func (g *Group) Run(signalled func(syscall.Signal)) {
	defer close(g.done)
	for g.settle(); !g.ended; g.settle() {
		select {
		case sig := <-g.loop.signals.C:
			if sig != syscall.SIGCHLD {
				signalled(sig)
			}
			g.reap()
		case <-g.loop.again:
			g.reap()
		case call := <-g.loop.calls:
			call()
		}
	}
}

// End has Run return.
func (g *Group) End() { g.ended = true }

// Do is as [Supervisor.Do]. It returns false if Run has returned.
func (g *Group) Do(f func()) (done bool) { return g.loop.Do(f, g.done) }

// After has f called by the loop when d is over, unless stop was called.
func (g *Group) After(d time.Duration, f func()) (stop func()) {
	stopped := false
	timer := time.AfterFunc(d, func() {
		g.Do(func() {
			if !stopped {
				f()
			}
		})
	})
	return func() {
		stopped = true
		timer.Stop()
	}
}

// Start starts a program that is nobody's main one, such as a probe. ended is called when it has been reaped.
func (g *Group) Start(c session.Command, ended func(syscall.WaitStatus)) (pid int, err error) {
	pid, err = c.Start()
	if err == nil {
		g.others[pid] = ended
	}
	return pid, err
}

func (g *Group) reap() {
	for range turn {
		change, err := g.loop.reaper.Next()
		if err != nil {
			g.sweepOn()
			return
		}
		g.changed(change)
	}
	g.loop.wake()
}

func (g *Group) changed(c reaper.Change) {
	for _, m := range g.members {
		if m.find(c.PID) != nil {
			m.told = false
			m.changed(c)
			return
		}
	}
	if ended := g.others[c.PID]; ended != nil && !c.Status.Stopped() {
		delete(g.others, c.PID)
		ended(c.Status)
	}
}

// sweepOn: what was reaped may have been the last that somebody waited for.
func (g *Group) sweepOn() {
	for _, m := range g.members {
		if m.phase < sweeping || m.phase == gone {
			continue
		}
		if m.phase == killingAll {
			m.leftovers.killChildren()
		}
		if !m.sys.children() {
			m.enter(gone)
		}
	}
}

// settle tells of those that are gone. It does so between two turns, since whoever hears of it may start others.
func (g *Group) settle() {
	for again := true; again; {
		again = false
		for _, m := range g.members {
			if m.phase == gone && !m.told {
				m.told, again = true, true
				m.hasGone()
			}
		}
	}
}

// left are the processes that a member's program left behind. Orphans are this process's children, a subreaper's. Whose they were
// is known by the mark in their environment, and for those that have cleared it by their session, which is the program's own; those
// without either stay until all services end. What descends from them is theirs.
func (g *Group) left(m *member) (left []proc.Process) {
	all, err := proc.All()
	if err != nil {
		return nil
	}
	self := unix.Getpid()
	for _, p := range all {
		if p.PPID != self || g.runs(p.PID) || !g.owns(m, p.PID) {
			continue
		}
		for _, p := range append(proc.Descendants(all, p.PID), p) {
			if !p.Dead() {
				left = append(left, p)
			}
		}
	}
	return left
}

// runs reports whether pid is a program that was started here, and not an orphan.
func (g *Group) runs(pid int) bool {
	if g.others[pid] != nil {
		return true
	}
	for _, m := range g.members {
		if m.find(pid) != nil {
			return true
		}
	}
	return false
}

// owns: the mark comes first. The number of a session whose last process has ended may be another's.
func (g *Group) owns(m *member, orphan int) bool {
	switch whose := g.markedBy(orphan); {
	case whose != nil:
		return whose == m
	case m.main == nil:
		return false
	}
	return sessionOf(orphan) == m.main.pid
}

// markedBy is nil too for who has cleared its environment, or may not be looked at.
func (g *Group) markedBy(pid int) *member {
	environ := proc.Environ(pid)
	for _, m := range g.members {
		if slices.Contains(environ, m.mark) {
			return m
		}
	}
	return nil
}

// marked is what a member's program has left behind.
type marked struct {
	group  *Group
	member *member
	buf    []int
}

func (l *marked) signal(sigs ...syscall.Signal) {
	d := descendants{self: unix.Getpid()}
	signalAll(l.list, func(p proc.Process) { d.send(p, sigs) })
}

func (l *marked) killChildren() {
	l.buf = proc.Children(l.buf[:0])
	for _, pid := range l.buf {
		if !l.group.runs(pid) && l.group.owns(l.member, pid) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

func (l *marked) list() []proc.Process { return l.group.left(l.member) }
