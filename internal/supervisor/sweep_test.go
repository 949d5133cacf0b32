package supervisor

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/proc"
	"github.com/tinit-dev/tinit/reaper"
)

func TestNames(t *testing.T) {
	many := func(n int) (ps []proc.Process) {
		for i := range n {
			ps = append(ps, proc.Process{PID: i + 1, Comm: "x"})
		}
		return ps
	}
	for want, ps := range map[string][]proc.Process{
		"none that /proc shows": nil,
		"7 (sleep)":             {{PID: 7, Comm: "sleep"}},
		"7 (a b), 8 (?(?)":      {{PID: 7, Comm: "a b"}, {PID: 8, Comm: "\xff(\xfe\xfe"}},
		"1 (x), 2 (x), 3 (x), 4 (x), 5 (x), 6 (x), 7 (x), 8 (x), 9 (x), 10 (x)":                many(10),
		"1 (x), 2 (x), 3 (x), 4 (x), 5 (x), 6 (x), 7 (x), 8 (x), 9 (x), 10 (x), and 1 more":    many(11),
		"1 (x), 2 (x), 3 (x), 4 (x), 5 (x), 6 (x), 7 (x), 8 (x), 9 (x), 10 (x), and 9990 more": many(10000),
	} {
		assert.Equal(t, want, names(ps))
	}
}

// startReady starts a child of the test that says when it is ready.
func startReady(t *testing.T, sys *syscall.SysProcAttr, args ...string) *exec.Cmd {
	t.Helper()
	cmd := &exec.Cmd{Path: reexec.Self(), Args: args, Stderr: os.Stderr, SysProcAttr: sys}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	return cmd
}

// end is the signal that ends cmd.
func end(t *testing.T, cmd *exec.Cmd) syscall.Signal {
	t.Helper()
	overdue := time.AfterFunc(deadline, func() { _ = cmd.Process.Signal(unix.SIGABRT) })
	defer overdue.Stop()
	_ = cmd.Wait()
	return cmd.ProcessState.Sys().(syscall.WaitStatus).Signal()
}

func TestGroup(t *testing.T) {
	leader := startReady(t, &syscall.SysProcAttr{Setpgid: true}, "linger", "ignore")
	pgid := leader.Process.Pid
	member := startReady(t, &syscall.SysProcAttr{Setpgid: true, Pgid: pgid}, "linger")
	stranger := startReady(t, &syscall.SysProcAttr{Setpgid: true}, "linger")

	g := &group{id: pgid, pidfd: -1}
	g.signal(unix.SIGTERM, unix.SIGCONT)
	assert.Equal(t, unix.SIGTERM, end(t, member))
	g.killChildren()
	assert.Equal(t, unix.SIGKILL, end(t, leader))
	assert.NoError(t, unix.Kill(stranger.Process.Pid, 0), "another group is none of its business")
	assert.Empty(t, g.list())

	require.False(t, g.empty)
	g.signal(0)
	require.True(t, g.empty, "whose number it is now, nobody knows")
	g.id = stranger.Process.Pid
	g.signal(unix.SIGKILL)
	g.killChildren()
	require.NoError(t, unix.Kill(stranger.Process.Pid, unix.SIGTERM))
	assert.Equal(t, unix.SIGTERM, end(t, stranger), "nobody killed it")
}

// The test process is the ancestor here, of nobody but what this test starts.
func TestDescendants(t *testing.T) {
	// As tinit does: so that an orphan stays in the tree.
	require.NoError(t, reaper.Subreaper())
	t.Cleanup(func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) })
	stranger := os.Getppid()
	first := startReady(t, &syscall.SysProcAttr{Setpgid: true}, "with-session")
	second := startReady(t, &syscall.SysProcAttr{Setsid: true}, "linger", "ignore")

	d := &descendants{self: os.Getpid()}
	var grandchild proc.Process
	before := map[int]bool{}
	for _, p := range d.list() {
		before[p.PID] = true
		if p.PPID == first.Process.Pid {
			grandchild = p
		}
	}
	require.NotZero(t, grandchild.PID, "in a session of its own, it is a descendant all the same")
	assert.Contains(t, before, first.Process.Pid)
	assert.Contains(t, before, second.Process.Pid)
	assert.NotContains(t, before, os.Getpid())
	assert.NotContains(t, before, stranger)

	d.signal(unix.SIGTERM, unix.SIGCONT)
	assert.Equal(t, unix.SIGTERM, end(t, first))
	require.Eventually(t, func() bool {
		p, err := proc.Read(grandchild.PID)
		return err != nil || p.Dead() || p.Start != grandchild.Start
	}, deadline, time.Millisecond)
	d.signal(unix.SIGKILL)
	assert.Equal(t, unix.SIGKILL, end(t, second))
	require.NoError(t, unix.Kill(stranger, 0))
}

// Whoever has the number now may be somebody else.
func TestDescendantsLooksAgain(t *testing.T) {
	c := startReady(t, &syscall.SysProcAttr{}, "linger")
	d := &descendants{self: os.Getpid()}
	p, err := proc.Read(c.Process.Pid)
	require.NoError(t, err)

	another := p
	another.Start++
	d.send(another, []syscall.Signal{unix.SIGKILL})
	d.send(proc.Process{PID: mainPID}, []syscall.Signal{unix.SIGKILL})
	(&descendants{self: 1}).send(proc.Process{PID: p.PID, PPID: 1, Start: p.Start}, []syscall.Signal{unix.SIGKILL})
	require.NoError(t, unix.Kill(p.PID, unix.SIGTERM))
	assert.Equal(t, unix.SIGTERM, end(t, c), "it was there until TERM")
}

func TestNamespaceList(t *testing.T) {
	assert.Empty(t, namespace{visible: false}.list())
	if os.Getppid() == 0 {
		t.Skip("cannot run here: the parent is of another PID namespace")
	}
	var found []int
	for _, p := range (namespace{visible: true}).list() {
		found = append(found, p.PID)
	}
	assert.Contains(t, found, os.Getpid())
	assert.NotContains(t, found, 1)
}

func TestWhoIsLeft(t *testing.T) {
	if !proc.Own() || os.Getpid() == 1 {
		t.Skip("cannot run here: /proc is of another PID namespace, or this is PID 1")
	}
	assert.Equal(t, &descendants{self: os.Getpid()}, whoIsLeft(&program{pid: 7, pidfd: -1}))
}

func TestRunSweeps(t *testing.T) {
	lines := func(s string) []string { return strings.Split(strings.TrimSpace(s), "\n") }

	t.Run("those that end when asked", func(t *testing.T) {
		assert.Equal(t, []string{"code 3"}, lines(output(t, "supervise", "1h", "leave", "obey", "obey")))
	})
	t.Run("those that do not", func(t *testing.T) {
		got := lines(output(t, "supervise", "0s", "leave", "ignore", "obey"))
		require.Len(t, got, 2)
		assert.Regexp(t, `^killing what /proc/self/exe left behind: .*\d+ \(`, got[0])
		assert.Equal(t, "code 3", got[1])
	})
}
