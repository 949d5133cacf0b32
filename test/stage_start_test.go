package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Its own number in its environment PROGRAM can only get through a stage: a copy
// of tinit that executes it.

// as is tinit under another name.
func as(t *testing.T, name string) string {
	t.Helper()
	link := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.Symlink(tinitPath, link))
	return link
}

// activated runs tinit as a service manager runs what it passes sockets to: with
// a pipe in descriptor 3, and variables that name tinit.
func activated(r *run, variables string) *run {
	p, w, err := os.Pipe()
	require.NoError(r.t, err)
	r.t.Cleanup(func() { p.Close(); w.Close() })
	return r.files(p).via("sh", "-c", "export "+variables+`; exec "$@"`, "sh")
}

func TestSocketActivation(t *testing.T) {
	const show = `echo $LISTEN_PID $$ $LISTEN_FDS "$LISTEN_PIDFDID"; readlink /proc/$$/fd/3 | cut -d: -f1; ls /proc/$$/fd`
	everywhere(t, func(t *testing.T, tinit starter) {
		r := activated(tinit(t, "sh", "-c", show), "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_PIDFDID=5").run()
		require.Zero(t, r.code, r.err)
		assert.Empty(t, r.err)
		lines := strings.Split(r.out, "\n")
		fields := strings.Fields(lines[0])
		require.Len(t, fields, 3, r.out)
		assert.Equal(t, fields[1], fields[0], "LISTEN_PID is PROGRAM's")
		assert.Equal(t, "1", fields[2])
		assert.Equal(t, "pipe", lines[1])

		// And PROGRAM is as it would be without.
		plain := activated(tinit(t, "sh", "-c", show), "LISTEN_PID=0").run()
		assert.Equal(t, strings.SplitN(plain.out, "\n", 2)[1], strings.SplitN(r.out, "\n", 2)[1])

		// The control: a variable for somebody else stays so.
		other := activated(tinit(t, "sh", "-c", "echo $LISTEN_PID $LISTEN_PIDFDID"), "LISTEN_PID=77777 LISTEN_PIDFDID=5").run()
		assert.Equal(t, "77777 5\n", other.out)
	})
}

// A stage says why PROGRAM was not executed as well as tinit itself does.
func TestStageErrors(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		long := strings.Repeat("x", 5000)
		for _, args := range [][]string{
			{"no-such-program"}, {"/no/such/program"}, {"/"}, {"/etc/passwd"}, {""}, {"--", "/etc/passwd/x"}, {long},
		} {
			direct := tinit(t, args...).run()
			require.NotZero(t, direct.code)
			staged := activated(tinit(t, args...), "LISTEN_PID=$$").run()
			assert.Equal(t, direct, staged)
		}
	})
}

// Without /proc tinit finds itself by what it was executed as.
func TestStageWithoutProc(t *testing.T) {
	needRelease(t) // the race detector's has something to say without /proc
	for _, path := range []string{tinitPath, as(t, "renamed")} {
		r := activated(namespaced(t, path, "sh", "-c", "echo $LISTEN_PID $$").noProc(), "LISTEN_PID=$$").run()
		require.Zero(t, r.code)
		assert.Empty(t, r.err)
		fields := strings.Fields(r.out)
		require.Len(t, fields, 2)
		assert.Equal(t, fields[1], fields[0])
		assert.NotEqual(t, "1", fields[0])
	}
}

// Where tinit can't execute itself, since it has no name, PROGRAM runs all the
// same, and it is said what it lacks.
func TestNoStage(t *testing.T) {
	needRelease(t)
	for nameless, says := range map[bool]string{false: "", true: "LISTEN_PID"} {
		r := pid1(t, "sh", "-c", "echo $LISTEN_PID; exit 7").noProc().env("LISTEN_PID=1").
			with(func(s *stage) { s.Nameless = nameless }).run()
		assert.Equal(t, 7, r.code)
		assert.Contains(t, r.err, says)
		assert.Equal(t, nameless, r.out == "1\n", r.out)
	}
	r := pid1(t, "no-such-program").noProc().env("LISTEN_PID=1").with(func(s *stage) { s.Nameless = true }).run()
	assert.Equal(t, 127, r.code)
	oneLine(t, r.err, "no-such-program")
}

// A stage that was stopped, by a key of the terminal or by somebody, does not
// keep tinit from PROGRAM.
func TestStoppedStage(t *testing.T) {
	stops := 0
	everywhere(t, func(t *testing.T, tinit starter) {
		for range times(30) {
			u := activated(tinit(t, "exit", "7"), "LISTEN_PID=$$").start()
			isStage := func(pid int) bool { return comm(pid) == "exe" }
			var stage int
			eventually(t, func() bool {
				for _, pid := range children(u.pid) {
					if stage == 0 && isStage(pid) && syscall.Kill(pid, syscall.SIGSTOP) == nil {
						stage = pid
					}
				}
				return u.ended() || stage != 0
			}, "there is a stage, or was")
			if isStage(stage) {
				stops++
			}
			eventually(t, func() bool { return u.ended() || stage != 0 && !isStage(stage) }, "the stage goes on")
			_ = u.cmd.Process.Signal(syscall.SIGCONT) // the stop may have come for PROGRAM: tinit sends that on
			require.Equal(t, 7, u.wait(), u.err)
		}
	})
	assert.Positive(t, stops, "the control: some were stopped")
}

// Signals that came while there was only the stage reach PROGRAM.
func TestEarlySignalsReachPROGRAMThroughStage(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		for i := range times(50) {
			u := activated(tinit(t, "sh", "-c", `trap "exit 9" TERM; echo ready; while :; do sleep 0.01; done`), "LISTEN_PID=$$").start()
			eventually(t, func() bool { return u.isTinit() }, "tinit is there")
			eventually(t, func() bool { return len(children(u.pid)) > 0 || u.ended() }, "a child is there")
			u.signal(syscall.SIGTERM)
			code := u.wait()
			assert.Contains(t, []int{9, 143}, code, "%d", i)
		}
	})
}

// tini and catatonit leave PROGRAM the signals blocked that the caller blocked.
func TestSignalStateUnderPeersNames(t *testing.T) {
	const blocked, ignored = 1<<(10-1) | 1<<(28-1) | 1<<(36-1), 1 << (2 - 1)
	for name, want := range map[string]struct{ blocked, ignored uint64 }{
		"tinit": {0, ignored}, "tini": {blocked, ignored}, "catatonit": {blocked, ignored}, "dumb-init": {0, 0},
	} {
		for _, ignore := range [][]int{nil, {2}} {
			r := plainly(t, as(t, name), "--", "show-status").with(func(s *stage) {
				s.Block, s.Ignore = []int{10, 28, 36}, ignore
			}).run()
			require.Zero(t, r.code, r.err)
			status := statusFields(r.out)
			assert.Equal(t, fmt.Sprintf("%016x", want.blocked), status["SigBlk"], name)
			if ignore != nil {
				assert.Equal(t, fmt.Sprintf("%016x", want.ignored), status["SigIgn"], name)
			} else {
				assert.Equal(t, fmt.Sprintf("%016x", 0), status["SigIgn"], "the control")
			}
		}
	}
}
