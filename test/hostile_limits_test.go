package test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A cgroup is one of the test's own, with one controller.
type cgroup struct {
	t   *testing.T
	dir string
	v2  bool
}

// newCgroup makes one, and removes it when all that the test started is gone.
func newCgroup(t *testing.T, controller string) *cgroup {
	t.Helper()
	need(t, os.Geteuid() == 0, "only root can make cgroups")
	c := &cgroup{t: t}
	parent := filepath.Join("/sys/fs/cgroup", controller)
	if !exists(parent) {
		c.v2, parent = true, "/sys/fs/cgroup"
		controllers, _ := os.ReadFile(filepath.Join(parent, "cgroup.subtree_control"))
		need(t, strings.Contains(string(controllers), controller), "no cgroup controller "+controller)
	}
	dir, err := os.MkdirTemp(parent, "tinit-test-")
	need(t, err == nil, fmt.Sprintf("no cgroups: %v", err))
	t.Cleanup(func() {
		eventually(t, func() bool { return unix.Rmdir(dir) == nil }, "the cgroup is empty")
	})
	c.dir = dir
	return c
}

func (c *cgroup) file(v1, v2 string) string {
	if c.v2 {
		v1 = v2
	}
	return filepath.Join(c.dir, v1)
}

func (c *cgroup) write(file, value string) {
	c.t.Helper()
	require.NoError(c.t, os.WriteFile(file, []byte(value), 0))
}

// number is the value of a file of one number.
func (c *cgroup) number(file string) int {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, file))
	require.NoError(c.t, err)
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(c.t, err)
	return n
}

// oomKills is how many processes the kernel has killed for want of memory.
func (c *cgroup) oomKills() int {
	c.t.Helper()
	text, err := os.ReadFile(c.file("memory.oom_control", "memory.events"))
	require.NoError(c.t, err)
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
			return atoi(strings.TrimSpace(n))
		}
	}
	c.t.Fatalf("no oom_kill in %q", text)
	return 0
}

// smallMemory is a memory cgroup of 8 MiB.
func smallMemory(t *testing.T) *cgroup {
	t.Helper()
	c := newCgroup(t, "memory")
	c.write(c.file("memory.limit_in_bytes", "memory.max"), "8388608")
	if swap := c.file("memory.memsw.limit_in_bytes", "memory.swap.max"); exists(swap) {
		c.write(swap, map[bool]string{false: "8388608", true: "0"}[c.v2])
	}
	return c
}

// A storm of orphans, a leftover in a session of its own and a stop: all in
// 8 MiB, PROGRAM's included.
func TestSmallMemory(t *testing.T) {
	needRelease(t)
	bothWays(t, func(t *testing.T, start func(args ...string) *run) {
		c := smallMemory(t)
		script := `trap 'exit 7' TERM
i=0; while [ $i -lt 50 ]; do (true &); i=$((i+1)); done
(setsid sleep 1000 &)
echo ready; while :; do sleep 1000 & wait; done`
		u := start("--grace", anHour, "--", "sh", "-c", script).in("cgroup=" + c.dir).start()
		u.out.waitFor(t, "ready")
		// A shell's child that is still the shell takes its trap for TERM over, and with it the first TERM, without a trace.
		eventually(t, func() bool { return u.executing("sleep") == 2 }, "both are executed")
		eventually(t, func() bool { return len(zombies(u.tinit())) == 0 }, "orphans are reaped")
		u.tell(unix.SIGTERM)
		assert.Equal(t, 7, u.wait())
		assert.NotContains(t, u.out.String(), "left yes")
		assert.Zero(t, c.oomKills())
	})
}

// A program that wants more than there is dies of it; tinit, beside it in the
// same cgroup, does not.
func TestProgramRunsOutOfMemory(t *testing.T) {
	needRelease(t)
	c := smallMemory(t)
	u := pid1(t, "--", "dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1").in("cgroup=" + c.dir).start()
	assert.Equal(t, 128+9, u.wait())
	assert.True(t, u.cmd.ProcessState.Exited(), "tinit was killed itself")
	assert.Equal(t, 1, c.oomKills())
}

// Once PROGRAM runs, tinit needs no more processes or threads than it has: in
// whatever room it could start PROGRAM, it ends with its code. Go needs a few
// threads before main is reached; where it does not get them, nothing of
// tinit's has run yet.
func TestFewProcesses(t *testing.T) {
	needRelease(t)
	starts := 0
	for room := 1; room <= 16; room++ {
		t.Run(fmt.Sprintf("pids.max %d", room), func(t *testing.T) {
			c := newCgroup(t, "pids")
			c.write(filepath.Join(c.dir, "pids.max"), strconv.Itoa(room))
			if startsInRoom(t, func(r *run) { r.in("cgroup=" + c.dir) }) {
				starts++
				// Where there is no room for a stage, it does without.
				assert.True(t, startsInRoom(t, func(r *run) { r.in("cgroup=" + c.dir).env("LISTEN_PID=1") }), "with a stage")
			}
		})
	}
	assert.Positive(t, starts, "in none of them PROGRAM was started")
}

// The same by RLIMIT_NPROC, which counts for users other than root.
func TestFewProcessesOfUser(t *testing.T) {
	needRelease(t)
	need(t, os.Geteuid() == 0, "only root can be another user")
	const user = 61_234 // of nobody's: the limit is on all its processes
	starts := 0
	for _, room := range []uint64{2, 4, 6, 8, 10, 12, 16, 24} {
		t.Run(fmt.Sprintf("RLIMIT_NPROC %d", room), func(t *testing.T) {
			if startsInRoom(t, func(r *run) {
				r.user(user).with(func(s *stage) { s.Limits = map[int]rlimit{unix.RLIMIT_NPROC: {room, room}} })
			}) {
				starts++
			}
		})
	}
	assert.Positive(t, starts, "in none of them PROGRAM was started")
}

func startsInRoom(t *testing.T, hostile func(r *run)) (started bool) {
	t.Helper()
	file := filepath.Join(scratch(t), "program")
	r := pid1(t, "--", "/bin/sh", "-c", `echo started >"$1"; exit 7`, "sh", file)
	hostile(r)
	end := r.run()
	if exists(file) {
		assert.Equal(t, 7, end.code, firstLines(end.err))
		return true
	}
	if end.code == 2 || end.code == 99 {
		t.Log(firstLines(end.err))
		assert.Regexp(t, "resource temporarily unavailable|failed to create new OS thread", end.err)
		return false
	}
	assert.Contains(t, []int{125, 126}, end.code, firstLines(end.err))
	assert.Equal(t, 1, strings.Count(end.err, "\n"), firstLines(end.err))
	assert.Contains(t, end.err, "resource temporarily unavailable")
	return false
}

// A fork bomb that fills its pids cgroup, tinit's share included. PROGRAM is a
// shell: it needs no threads.
func TestForkBomb(t *testing.T) {
	c := newCgroup(t, "pids")
	const room = 60
	c.write(filepath.Join(c.dir, "pids.max"), strconv.Itoa(room))
	stop := stopComets(t)
	script := `trap 'exit 7' TERM; trap '' HUP INT QUIT USR1 USR2 ALRM
bomb "$1" "$2" & echo ready; while :; do wait; done`
	u := pid1(t, "--grace", "100ms", "-v", "--", "sh", "-c", script, "sh", stop, filepath.Join(c.dir, "pids.max")).
		in("cgroup=" + c.dir).start()
	u.out.waitFor(t, "ready")
	eventually(t, func() bool { return c.number("pids.current") >= room }, "the bomb fills the cgroup")
	for range 50 {
		for _, sig := range []unix.Signal{unix.SIGHUP, unix.SIGUSR1, unix.SIGALRM, unix.SIGINT, unix.SIGWINCH} {
			u.signal(sig)
		}
	}
	never(t, u.ended, "tinit died: "+firstLines(u.err.String()))
	require.GreaterOrEqual(t, c.number("pids.current"), room-1)
	u.signal(unix.SIGTERM)
	assert.Equal(t, 7, u.wait(), firstLines(u.err.String()))
	eventually(t, func() bool { return c.number("pids.current") == 0 }, "everything is gone")
}

// Once PROGRAM runs, tinit gets no thread any more, however many signals come
// and however many processors Go sees: its runtime ends a process that cannot
// have a thread which it wants.
func TestNoMoreThreads(t *testing.T) {
	needRelease(t)
	for _, processors := range []string{"1", "2", "64"} {
		t.Run("GOMAXPROCS "+processors, func(t *testing.T) {
			c := newCgroup(t, "pids")
			script := `trap 'exit 7' TERM; trap '' HUP INT QUIT USR1 USR2 ALRM
echo ready; read forever`
			r, w, err := os.Pipe()
			require.NoError(t, err)
			defer w.Close()
			defer r.Close()
			u := pid1(t, "-v", "--", "sh", "-c", script).stdin(r).in("cgroup=" + c.dir).env("GOMAXPROCS=" + processors).start()
			u.out.waitFor(t, "ready")
			c.write(filepath.Join(c.dir, "pids.max"), "1")

			var senders sync.WaitGroup
			for range 4 {
				senders.Go(func() {
					for i := 0; i < 20_000 && !u.ended(); i++ {
						for _, sig := range []unix.Signal{unix.SIGHUP, unix.SIGUSR1, unix.SIGALRM, unix.SIGINT, unix.SIGWINCH} {
							_ = u.cmd.Process.Signal(sig)
						}
					}
				})
			}
			senders.Wait()
			require.False(t, u.ended(), firstFatal(u.err.String()))
			u.signal(unix.SIGTERM)
			assert.Equal(t, 7, u.wait(), firstFatal(u.err.String()))
		})
	}
}

// firstFatal is the line by which Go's runtime says why it gives up.
func firstFatal(text string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "fatal error") {
			return line
		}
	}
	return firstLines(text)
}

// Arguments and environment of a megabyte and a half reach PROGRAM unchanged.
func TestHugeArguments(t *testing.T) {
	args := []string{"print-signals"}
	var env []string
	for i := range 10 {
		args = append(args, strings.Repeat(string(rune('a'+i)), 70_000))
		env = append(env, fmt.Sprintf("HUGE%d=%s", i, strings.Repeat(string(rune('A'+i)), 70_000)))
	}
	u := pid1(t, append([]string{"--"}, args...)...).env(env...).start()
	u.out.waitFor(t, "ready")
	program := u.program()
	assert.True(t, cmdline(program) == strings.Join(args, "\x00")+"\x00", "arguments were changed")
	for _, kv := range env {
		assert.True(t, hasEnv(program, kv), "%.6s was changed", kv)
	}
	for range 2 {
		u.tell(unix.SIGUSR2)
		u.out.waitFor(t, "\n12\n")
	}
	assert.Zero(t, u.wait())
}

// The kernel has room for tinit's arguments, but not for those of a script at
// the end of a path of three thousand bytes: E2BIG is for tinit to tell. With a
// small environment the same script runs.
func TestTooManyArguments(t *testing.T) {
	dir := scratch(t)
	for range 14 {
		dir = filepath.Join(dir, strings.Repeat("d", 210))
	}
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "script"), []byte("#!/bin/sh\nexit 7\n"), 0o755))
	path := "PATH=" + dir

	command := func(pad int) *exec.Cmd {
		cmd := exec.Command(tinitPath, "--", "script")
		cmd.Env = []string{path}
		for ; pad > 0; pad -= 100_000 {
			cmd.Env = append(cmd.Env, fmt.Sprintf("PAD%02d=%s", len(cmd.Env), strings.Repeat("x", min(pad, 100_000))))
		}
		return cmd
	}
	var stderr strings.Builder
	const step = 256
	tooBig := step * sort.Search(8<<20/step, func(steps int) bool {
		cmd := command(steps * step)
		cmd.Args = []string{tinitPath, "--version"}
		return errors.Is(cmd.Run(), unix.E2BIG)
	})
	cmd := command(tooBig - 2*step)
	cmd.Stderr = &stderr
	_ = cmd.Run()
	assert.Equal(t, 126, cmd.ProcessState.ExitCode(), stderr.String())
	assert.Equal(t, 1, strings.Count(stderr.String(), "\n"))
	assert.Contains(t, stderr.String(), "argument list too long")

	cmd = command(1000)
	_ = cmd.Run()
	assert.Equal(t, 7, cmd.ProcessState.ExitCode())
}
