package supervisor

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/proc"
)

const (
	// After KILL a process dies as soon as it next runs. One that has not by then is another user's, or in state D.
	killWait = time.Second
	// Between two looks for those that were born while the others were killed.
	killEvery = 10 * time.Millisecond
)

// mainEnded: tinit leaves the moment nothing is left, which need not be now.
func (s *Supervisor) mainEnded() {
	s.takeTerminal()
	if s.cfg.Ended != nil {
		s.cfg.Ended()
	}
	if s.cfg.Leave {
		s.sayFarewell()
		s.enter(gone)
		return
	}
	s.enter(sweeping)
	s.reapAgain()
	if !s.sys.children() {
		s.enter(gone)
		return
	}
	s.leftovers = s.sys.leftovers(s.main)
	s.cfg.Note("asking what %s left behind to end", s.main.name)
	s.leftovers.signal(syscall.SIGTERM, syscall.SIGCONT)
	s.sys.schedule(s.cfg.Grace)
}

// sayFarewell: what is left in the program's group is told that it ends, and not waited for.
func (s *Supervisor) sayFarewell() {
	if sig := s.cfg.Rewrite.Apply(s.cfg.Farewell); sig != 0 && !s.cfg.SingleChild {
		left := group{id: s.main.pid, pidfd: s.main.pidfd}
		left.signal(sig)
	}
}

// noChildren is the sweep's only proof that all have ended: a scan of /proc can miss somebody, the kernel can't.
func (s *Supervisor) noChildren() {
	if s.phase >= sweeping {
		s.enter(gone)
	}
}

// signalledInSweep: the program that signals are meant for has ended. But whoever presses Ctrl-C now means tinit.
func (s *Supervisor) signalledInSweep(sig syscall.Signal) {
	if s.phase == sweeping && (sig == syscall.SIGINT || sig == syscall.SIGQUIT) {
		s.cfg.Note("got %s: ending the grace", forwarder.SignalName(sig))
		s.killLeftovers()
	}
}

func (s *Supervisor) killLeftovers() {
	s.cfg.Tell("killing what %s left behind: %s", s.main.name, names(s.leftovers.list()))
	s.enter(killingAll)
	s.killUntil = s.sys.now().Add(killWait)
	s.killAgain()
}

// killAgain: one KILL is not enough for a process that forks while it is looked for.
func (s *Supervisor) killAgain() {
	if s.sys.now().After(s.killUntil) {
		s.cfg.Tell("leaving behind what KILL did not end: %s", names(s.leftovers.list()))
		s.enter(gone)
		return
	}
	s.leftovers.signal(syscall.SIGKILL)
	s.sys.schedule(killEvery)
}

// leftovers is what is left when the main program has ended.
type leftovers interface {
	// signal sends sigs to each of them, in that order.
	signal(sigs ...syscall.Signal)
	// killChildren sends KILL to those that just became this process's children, at once.
	killChildren()
	// list names them; it is empty where they can't be seen.
	list() []proc.Process
}

func whoIsLeft(main *program) leftovers {
	self := unix.Getpid()
	switch visible := proc.Own(); {
	case self == 1:
		return namespace{visible: visible}
	case visible:
		return &descendants{self: self}
	default:
		return &group{id: main.pid, pidfd: main.pidfd}
	}
}

// namespace is everybody but PID 1, which this process is. Processes that joined from outside (docker exec) have no
// parent here: they are told to end too, but are not waited for.
type namespace struct{ visible bool }

func (namespace) signal(sigs ...syscall.Signal) {
	for _, sig := range sigs {
		_ = unix.Kill(-1, sig) // ESRCH: nobody; EPERM: nobody that may be signalled. The wait for children tells.
	}
}

func (n namespace) killChildren() { n.signal(syscall.SIGKILL) }

func (n namespace) list() []proc.Process {
	if !n.visible {
		return nil
	}
	return living(1)
}

// descendants is the tree below this process, in whatever session or group: orphans come to it, the subreaper, so
// nothing leaves the tree. In a shared PID namespace nobody else may be signalled.
type descendants struct {
	self int
	buf  []int
}

// rounds bounds the search for those that are born during the search.
const rounds = 10

func (d *descendants) signal(sigs ...syscall.Signal) {
	signalAll(d.list, func(p proc.Process) { d.send(p, sigs) })
}

// signalAll looks for those that are born during the search too.
func signalAll(list func() []proc.Process, send func(proc.Process)) {
	type identity struct {
		pid   int
		start uint64
	}
	told := make(map[identity]bool)
	for range rounds {
		anew := false
		for _, p := range list() {
			id := identity{p.PID, p.Start}
			if !told[id] {
				told[id], anew = true, true
				send(p)
			}
		}
		if !anew {
			return
		}
	}
}

// send signals p through a pidfd (pidfd_open(2)), after another look at who has its number now.
func (d *descendants) send(p proc.Process, sigs []syscall.Signal) {
	fd, openErr := pidfdOpen(p.PID)
	if openErr == nil {
		defer pidfdClose(fd)
	}
	now, err := proc.Read(p.PID)
	if err != nil || now.Start != p.Start || (now.PPID != p.PPID && now.PPID != d.self) {
		return
	}
	for _, sig := range sigs {
		if openErr == nil {
			_ = pidfdSend(fd, sig, 0) // EPERM: the list of what is left will name it
		} else {
			_ = unix.Kill(p.PID, sig) // before Linux 5.3, or no descriptor to be had
		}
	}
}

// killChildren needs no pidfd and no second look: a child keeps its number until this same goroutine reaps it. Since
// orphans become children, this alone goes down a whole tree, and it is quick enough for a process that forks and ends
// again and again.
func (d *descendants) killChildren() {
	d.buf = proc.Children(d.buf[:0])
	for _, pid := range d.buf {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

func (d *descendants) list() []proc.Process { return living(d.self) }

// group is the process group of the main program, when there is no /proc to find others by. As long as a process is in
// it, the kernel gives its number to no other group; once it was empty, the number may be a stranger's. If the kernel
// reaped the program that may have been long ago; a pidfd remains what it was.
type group struct {
	id    int
	pidfd int // -1: none
	empty bool
}

func (g *group) signal(sigs ...syscall.Signal) {
	for _, sig := range sigs {
		if !g.empty {
			g.empty = g.send(sig) == unix.ESRCH
		}
	}
}

func (g *group) send(sig syscall.Signal) error {
	if g.pidfd >= 0 {
		return pidfdSend(g.pidfd, sig, unix.PIDFD_SIGNAL_PROCESS_GROUP)
	}
	return unix.Kill(-g.id, sig)
}

func (g *group) killChildren() { g.signal(syscall.SIGKILL) }

func (*group) list() []proc.Process { return nil }

func living(root int) []proc.Process {
	all, err := proc.All()
	if err != nil {
		return nil
	}
	var found []proc.Process
	for _, p := range proc.Descendants(all, root) {
		if !p.Dead() {
			found = append(found, p)
		}
	}
	return found
}

// names is for one line of a message.
func names(ps []proc.Process) string {
	if len(ps) == 0 {
		return "none that /proc shows"
	}
	const most = 10
	var parts []string
	for _, p := range ps[:min(most, len(ps))] {
		parts = append(parts, fmt.Sprintf("%d (%s)", p.PID, strings.ToValidUTF8(p.Comm, "?")))
	}
	if more := len(ps) - most; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}
