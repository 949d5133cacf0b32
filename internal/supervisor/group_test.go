package supervisor

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/proc"
	"github.com/tinit-dev/tinit/reaper"
	"github.com/tinit-dev/tinit/session"
)

// A group takes all children of its process, so each has a copy of the test binary to itself.
func init() {
	for name, f := range map[string]func(*Group){
		"group-leftovers": groupLeftovers, "group-restarts": groupRestarts, "group-after": groupAfter, "group-others": groupOthers,
	} {
		reexec.Register(name, func() {
			signals, err := forwarder.Receive(syscall.SIGCHLD)
			must(err)
			must(reaper.Subreaper())
			f(NewGroup(signals, false))
		})
	}
	reexec.Register("stay-with-orphan", func() {
		_ = (&exec.Cmd{Path: reexec.Self(), Args: []string{"leave", ""}}).Run()
		linger()
	})
	reexec.Register("leave-unmarked", func() {
		waitReady(&exec.Cmd{Path: reexec.Self(), Args: []string{"linger"}, Env: []string{"A=b"}})
		os.Exit(3)
	})
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func addMember(g *Group, mark string, hasGone func()) *Supervisor {
	return g.Add(Config{SingleChild: true, Grace: deadline, Warn: say, Tell: say, Note: func(string, ...any) {}, Called: mark}, nil, mark, hasGone)
}

func begin(s *Supervisor, mark string, args ...string) {
	must(s.Start(session.Command{Name: reexec.Self(), Args: args, Env: append(os.Environ(), mark), Place: session.NewSession}))
}

// livingWith is how many processes with that mark there are.
func livingWith(mark string) (n int) {
	all, _ := proc.All()
	for _, p := range all {
		if !p.Dead() && proc.HasVariable(p.PID, mark) {
			n++
		}
	}
	return n
}

// groupLeftovers has a member end while another one has an orphan too. Its arguments are what the first runs, and whether the other
// one has another mark.
func groupLeftovers(g *Group) {
	mark := fmt.Sprintf("MARK=a%d", os.Getpid())
	other := mark
	if os.Args[2] == "another mark" {
		other += "b"
	}
	var b *Supervisor
	a := addMember(g, mark, func() {
		say("a has gone, of b there are %d", livingWith(other))
		b.StopBy(syscall.SIGTERM, deadline)
	})
	b = addMember(g, other, func() {
		say("of b there are %d", livingWith(other))
		g.End()
	})
	begin(b, other, "stay-with-orphan")
	for len(g.left(g.members[0]))+len(g.left(g.members[1])) == 0 {
		time.Sleep(time.Millisecond)
	}
	begin(a, mark, os.Args[1], "")
	g.Run(func(syscall.Signal) {})
}

// What a service leaves behind is told by its mark, or by its session if it has cleared its environment, and ends with it; what
// another one's does not.
func TestGroupLeftovers(t *testing.T) {
	need(t)
	const spared = "a has gone, of b there are 2\nof b there are 0\n"
	said := func(args ...string) string {
		return strings.ReplaceAll(output(t, append([]string{"group-leftovers"}, args...)...), "ready\n", "")
	}
	assert.Equal(t, spared, said("leave", "another mark"))
	assert.Equal(t, spared, said("leave-unmarked", "another mark"))
	assert.Contains(t, said("leave", "the same"), "a has gone, of b there are 1\n", "control: with the same mark")
}

func need(t *testing.T) {
	t.Helper()
	if !proc.Own() {
		t.Skip("there is no /proc of this PID namespace")
	}
}

func groupRestarts(g *Group) {
	lives, mark := 0, fmt.Sprintf("MARK=%d", os.Getpid())
	var s *Supervisor
	s = addMember(g, mark, func() {
		say("ended with %d, left: %d", s.Status().ExitStatus(), livingWith(mark))
		if lives++; lives == 3 {
			g.End()
			return
		}
		begin(s, mark, "leave", "")
	})
	begin(s, mark, "leave", "")
	g.Run(func(syscall.Signal) {})
	say("done: %v", g.Do(func() {}))
}

// A member is started again as often as is asked for, each time when the last of the life before has gone.
func TestGroupRestarts(t *testing.T) {
	need(t)
	assert.Equal(t, strings.Repeat("ended with 3, left: 0\n", 3)+"done: false\n", output(t, "group-restarts"))
}

func groupAfter(g *Group) {
	var said []string
	later := func(d time.Duration, what string) func() {
		return g.After(d, func() { said = append(said, what) })
	}
	cancel := later(time.Millisecond, "cancelled")
	later(0, "first")
	later(5*time.Millisecond, "second")
	cancel()
	g.After(20*time.Millisecond, func() {
		cancel := later(0, "cancelled too")
		time.Sleep(5 * time.Millisecond) // it is due, and waits for its turn
		cancel()
		later(20*time.Millisecond, "last")
		g.After(40*time.Millisecond, g.End)
	})
	g.Run(func(syscall.Signal) {})
	say("%v", said)
}

func TestGroupAfter(t *testing.T) {
	assert.Equal(t, "[first second last]\n", output(t, "group-after"))
}

// groupOthers has programs beside the members, and signals.
func groupOthers(g *Group) {
	pid, err := g.Start(session.Command{Name: reexec.Self(), Args: []string{"end-with", "7"}}, func(status syscall.WaitStatus) {
		say("ended with %d", status.ExitStatus())
		must(unix.Kill(unix.Getpid(), syscall.SIGUSR1))
	})
	must(err)
	_, err = g.Start(session.Command{Name: "/no/such/program", Args: []string{"x"}}, func(syscall.WaitStatus) { say("never") })
	say("%v, runs: %v", err != nil, g.runs(pid))
	g.Run(func(sig syscall.Signal) {
		say("%s, runs: %v", forwarder.SignalName(sig), g.runs(pid))
		g.End()
	})
}

func TestGroupOthers(t *testing.T) {
	assert.Equal(t, "true, runs: true\nended with 7\nUSR1, runs: false\n", output(t, "group-others"))
}

// A session's number may be another service's when its last process has ended: it is the mark that counts.
func TestGroupSessionNumberIsUsedAgain(t *testing.T) {
	need(t)
	g := NewGroup(nil, false)
	a := g.Add(Config{}, nil, "MARK=a", nil)
	g.Add(Config{}, nil, "MARK=b", nil)
	owners := func(env ...string) (who []string) {
		cmd := &exec.Cmd{Path: reexec.Self(), Args: []string{"linger"}, Env: env, SysProcAttr: &syscall.SysProcAttr{Setsid: true}}
		waitReady(cmd)
		defer cmd.Wait()         //nolint:errcheck // it was killed
		defer cmd.Process.Kill() //nolint:errcheck // it is there
		a.main = &program{pid: cmd.Process.Pid, ended: true}
		for _, m := range g.members {
			if g.owns(m, cmd.Process.Pid) {
				who = append(who, m.mark)
			}
		}
		return who
	}
	assert.Equal(t, []string{"MARK=b"}, owners("MARK=b"))
	assert.Equal(t, []string{"MARK=a"}, owners("MARK=a"))
	assert.Equal(t, []string{"MARK=a"}, owners("OTHER=1"), "by its session")
	require.True(t, slices.ContainsFunc(g.members, func(m *member) bool { return m.Supervisor == a }))
}
