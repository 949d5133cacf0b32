package test

import (
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// storm is how many orphans die in one moment.
const storm = 10_000

// orphaned starts PROGRAM with n orphans that it has left behind; at release
// they end, all at one moment, and PROGRAM does what its last argument says.
func orphaned(t *testing.T, r *run) (u *running, release func()) {
	t.Helper()
	in, release := held(t)
	u = r.stdin(in).start()
	require.NoError(t, in.Close())
	u.out.waitFor(t, "ready")
	return u, release
}

// Orphans are tinit's children until they end, and then they are gone at once.
func TestOrphansAreReaped(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		const n = 10
		u, release := orphaned(t, tinit(t, "orphans", strconv.Itoa(n), "stay"))
		require.Len(t, children(u.pid), 1+n, "PROGRAM and the orphans")
		release()
		eventually(t, func() bool { return len(children(u.pid)) == 1 }, "the orphans are reaped")
		assert.Equal(t, "orphans", comm(u.program()), "PROGRAM is there")
		assert.Empty(t, u.err.String())
	})
}

// The control: without tinit the orphans of the same PROGRAM stay zombies, as
// PID 1's children in its namespace.
func TestOrphansAreZombiesWithoutTinit(t *testing.T) {
	const n = 10
	u, release := orphaned(t, namespaced(t, childDir+"/orphans", strconv.Itoa(n), "stay").argv0("orphans"))
	release()
	eventually(t, func() bool { return len(zombies(u.pid)) == n }, "the orphans become zombies")
	u.out.waitFor(t, "done")
	assert.Len(t, zombies(u.pid), n)
}

func TestStormOfOrphans(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		u, release := orphaned(t, tinit(t, "orphans", strconv.Itoa(storm), "stay"))
		require.Len(t, children(u.pid), 1+storm)
		release()
		eventually(t, func() bool { return len(children(u.pid)) == 1 }, "the orphans are reaped")
		u.signal(syscall.SIGKILL)
	})
}

// PROGRAM ends in the middle of the storm, and its code is the one reported.
func TestExitCodeInAStorm(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		u, release := orphaned(t, tinit(t, "--grace", anHour, "--", "orphans", strconv.Itoa(storm), "37"))
		release()
		assert.Equal(t, 37, u.wait(), u.err)
		assert.Empty(t, u.err.String())
	})
}

// Signals go on being forwarded while orphans come without end.
func TestSignalsInAStorm(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		u := tinit(t, "sh", "-c", `trap 'exit 38' TERM; echo ready; while :; do (true &); done`).start()
		u.out.waitFor(t, "ready")
		u.signal(syscall.SIGTERM)
		assert.Equal(t, 38, u.wait(), u.err)
	})
}

// A zombie whose parent lives is that parent's, and a process whose parent
// lives is nobody's orphan.
func TestZombieOfALivingParentIsLeftAlone(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		// sleep does not wait for the child that the shell had.
		u := tinit(t, "sh", "-c", `(read x <"$0" &); true & exec sleep infinity`, fifoOf(t)).start()
		program := u.program()
		eventually(t, func() bool { return comm(program) == "sleep" && len(zombies(program)) == 1 }, "PROGRAM has a zombie")
		zombie := zombies(program)[0]
		require.Len(t, u.orphans(), 1, "tinit has an orphan")
		orphan := u.orphans()[0]
		require.NoError(t, syscall.Kill(orphan, syscall.SIGKILL))
		eventually(t, func() bool { return procStat(orphan).state == 0 }, "the orphan is reaped")
		assert.Equal(t, []int{zombie}, zombies(program))

		u.signal(syscall.SIGTERM)
		assert.Equal(t, 128+15, u.wait())
	})
}

// An orphan that is stopped is no dead one.
func TestOrphansOfEveryEnd(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		const script = `
			(sh -c 'exit 3' &); (sh -c 'kill -9 $$' &); (sh -c 'kill -TERM $$' &)
			(sh -c 'kill -STOP $$; exit 4' &)
			exec sleep infinity`
		u := tinit(t, "sh", "-c", script).start()
		program := u.program()
		eventually(t, func() bool { return comm(program) == "sleep" && len(children(u.pid)) == 2 }, "all but one are reaped")
		stopped := u.orphans()[0]
		eventually(t, func() bool { return procStat(stopped).state == 'T' }, "one is stopped")
		require.NoError(t, syscall.Kill(stopped, syscall.SIGKILL))
		eventually(t, func() bool { return len(children(u.pid)) == 1 }, "it is reaped too")
	})
}

// With -w a line is said of each, of orphans only.
func TestWarnReaped(t *testing.T) {
	for _, flag := range []string{"-w", "--warn-reaped"} {
		t.Run(flag, func(t *testing.T) {
			everywhere(t, func(t *testing.T, tinit starter) {
				const n = 3
				u, release := orphaned(t, tinit(t, flag, "orphans", strconv.Itoa(n), "stay"))
				var want []string
				for _, pid := range u.orphans() {
					want = append(want, strconv.Itoa(nsPid(t, pid)))
				}
				require.Len(t, want, n)
				release()
				eventually(t, func() bool { return strings.Count(u.err.String(), "\n") == n }, "a line for each orphan")
				said := u.err.String()
				for _, pid := range want {
					assert.Regexp(t, `(?m)^tinit: [^\n]*\b`+pid+`\b`, said)
				}
				u.signal(syscall.SIGTERM)
				u.wait()
				assert.Equal(t, n, strings.Count(u.err.String(), "\n"), u.err)
			})
		})
	}
	t.Run("control: without", func(t *testing.T) {
		u, release := orphaned(t, tinit(t, "orphans", "3", "0"))
		release()
		assert.Zero(t, u.wait())
		assert.Empty(t, u.err.String())
	})
}

// A program that asks its parent to trace it, as some do to see whether they are
// traced already, is tinit's to reap, whoever reaps the others.
func TestProgramThatIsTracedByTinit(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		for range 20 {
			require.Equal(t, 9, tinit(t, tiny(t, traceMe(9))).run().code)
		}
	})
}

// Tinit that waits hears at once of one in which another thread than the first
// did that.
func TestThreadThatIsTracedByTinit(t *testing.T) {
	for where, tinit := range map[string]starter{"PID 1": pid1, "not PID 1": tinit} {
		t.Run(where, func(t *testing.T) {
			u, end := tracedThread(t, tinit.waiting(true))
			require.True(t, u.waits())
			end()
			assert.Equal(t, 9, u.wait())
		})
	}
}

// Where the kernel reaps, nobody tells of that one before the next signal does,
// or the minute is over after which tinit looks (CAVEATS in tinit(1)).
func TestThreadThatIsTracedByTinitWhereTheKernelReaps(t *testing.T) {
	needKernelReaps(t)
	for where, tinit := range map[string]starter{"PID 1": pid1, "not PID 1": tinit} {
		t.Run(where, func(t *testing.T) {
			u, end := tracedThread(t, tinit)
			require.False(t, u.waits())
			end()
			eventually(t, func() bool { return len(zombies(u.pid)) == 1 || u.ended() }, "PROGRAM has ended")
			if !u.ended() { // as it does if tinit is still at the signal of waits
				never(t, u.ended, "tinit has heard of it")
			}
			eventually(t, func() bool {
				u.signal(syscall.SIGWINCH)
				return u.ended()
			}, "a signal tells")
			assert.Equal(t, 9, u.wait())
		})
	}
}

func tracedThread(t *testing.T, tinit starter) (u *running, end func()) {
	t.Helper()
	in, end := held(t)
	u = tinit(t, "-v", tiny(t, traceMeInThread(9))).stdin(in).start()
	require.NoError(t, in.Close())
	return u, end
}
