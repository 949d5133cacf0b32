package test

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// awaitPause waits until tinit -P has nothing more to do than to pause. Until
// it catches them, Go's runtime has the signals.
func (u *running) awaitPause() {
	u.t.Helper()
	eventually(u.t, func() bool {
		cwd, _ := os.Readlink(procPath(u.pid, "cwd"))
		return u.isTinit() && cwd == "/"
	}, "tinit pauses")
}

func TestPauseEndsWithTermAndInt(t *testing.T) {
	for _, flag := range []string{"-P", "--pause"} {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
			t.Run(flag+" "+sig.String(), func(t *testing.T) {
				everywhere(t, func(t *testing.T, tinit starter) {
					// An engine may start it with INT ignored, and stop it with INT.
					u := tinit(t, flag).with(func(s *stage) { s.Ignore = []int{int(syscall.SIGINT), int(syscall.SIGTERM)} }).start()
					u.awaitPause()
					u.signal(sig)
					assert.Zero(t, u.wait(), u.err)
					assert.Empty(t, u.err.String()+u.out.String())
				})
			})
		}
	}
}

// No other signal ends it.
func TestPauseStays(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		u := tinit(t, "-P").start()
		u.awaitPause()
		for sig := syscall.Signal(1); sig <= 64; sig++ {
			switch sig {
			case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGTERM, syscall.SIGINT:
			default:
				u.signal(sig)
			}
		}
		// If one of them were fatal, the exit code would tell.
		u.signal(syscall.SIGTERM)
		assert.Zero(t, u.wait(), u.err)
	})
}

func TestPauseReaps(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		// A child that the shell had before it became tinit, and an orphan of
		// that child's.
		u := tinit(t, "-P").via("sh", "-c", `sh -c 'read x <"$0" & exec sleep infinity' "$0" & exec "$@"`, fifoOf(t)).start()
		u.awaitPause()
		eventually(t, func() bool { return len(children(u.pid)) == 1 && comm(children(u.pid)[0]) == "sleep" }, "the child is there")
		child := children(u.pid)[0]
		require.Len(t, children(child), 1)
		orphan := children(child)[0]
		require.NoError(t, syscall.Kill(child, syscall.SIGKILL))
		eventually(t, func() bool { return procStat(child).state == 0 }, "the child is reaped")
		assert.Equal(t, u.pid, procStat(orphan).ppid, "the orphan is tinit's")
		require.NoError(t, syscall.Kill(orphan, syscall.SIGKILL))
		eventually(t, func() bool { return procStat(orphan).state == 0 }, "the orphan is reaped")
		assert.False(t, u.ended())
	})
}

func TestPauseTakesNoProgram(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		for _, args := range [][]string{{"-P", "true"}, {"-P", "--", "true"}, {"--pause", "--grace", "1", "true", "x"}} {
			r := tinit(t, args...).run()
			assert.Equal(t, 125, r.code)
			oneLine(t, r.err, "pause", "true")
		}
	})
}

// A pod's pause must not keep a file system busy.
func TestPauseLeavesTheWorkingDirectory(t *testing.T) {
	u := tinit(t, "-P").dir(t.TempDir()).start()
	eventually(t, func() bool { cwd, _ := os.Readlink(procPath(u.pid, "cwd")); return cwd == "/" }, "its directory is /")
}

func fifoOf(t *testing.T) string {
	t.Helper()
	path := t.TempDir() + "/fifo"
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	return path
}
