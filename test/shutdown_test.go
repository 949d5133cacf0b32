package test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// bothWays runs a test with tinit as PID 1 and as another process of a PID
// namespace, and both again with tinit waiting for its children. Where it is not
// PID 1, nothing that escapes it gets out to the machine.
func bothWays(t *testing.T, test func(t *testing.T, start func(args ...string) *run)) {
	for _, waits := range []bool{false, true} {
		t.Run(leg("PID 1", waits), func(t *testing.T) {
			test(t, func(args ...string) *run { return starter(pid1).waiting(waits)(t, args...) })
		})
		t.Run(leg("not PID 1", waits), func(t *testing.T) {
			inside := func(t *testing.T, args ...string) *run { return nested(t, nil, args...) }
			test(t, func(args ...string) *run { return starter(inside).waiting(waits)(t, args...) })
		})
	}
}

// nested is tinit as a child of ns-init, which see.
func nested(t *testing.T, settings []string, args ...string) *run {
	return inNsInit(t, settings, append([]string{tinitPath}, args...)...)
}

// inNsInit is any command line there, for what is to be shown without tinit.
func inNsInit(t *testing.T, settings []string, args ...string) *run {
	return namespaced(t, args...).via(append(append([]string{"ns-init"}, settings...), "--")...).argv0("ns-init")
}

// in adds settings of place.
func (r *run) in(settings ...string) *run {
	return r.via(append(append([]string{"place"}, settings...), "--")...).argv0("place")
}

// tinit is tinit's own pid seen from outside, which is not the run's where
// ns-init started it.
func (u *running) tinit() int {
	u.t.Helper()
	var pid int
	eventually(u.t, func() bool {
		for _, p := range append([]int{u.pid}, children(u.pid)...) {
			exe, err := os.Readlink(procPath(p, "exe"))
			if err == nil && exe == tinitPath {
				pid = p
				return true
			}
		}
		return false
	}, "tinit is started")
	return pid
}

// tell sends tinit a signal, wherever it is.
func (u *running) tell(sig syscall.Signal) {
	u.t.Helper()
	require.NoError(u.t, unix.Kill(u.tinit(), sig))
}

// scratch is a directory in which every user may write.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tinit-scratch-")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o777))
	return dir
}

// waitRecord waits until a `record` child has written the word.
func waitRecord(t *testing.T, file, word string) {
	t.Helper()
	if !polls(deadline, func() bool { return recorded(file, word) }) {
		text, _ := os.ReadFile(file)
		t.Fatalf("timed out: no %q in %q", word, text)
	}
}

// never fails the test if cond comes to hold within a moment: a tenth of the
// deadline of what should happen, and a multiple of any timer that is not to run.
func never(t *testing.T, cond func() bool, what string) {
	t.Helper()
	if polls(600*time.Millisecond, cond) {
		t.Fatalf("this must not be: %s", what)
	}
}

// anHour is a delay that no test waits for.
const anHour = "1h"

// recording starts tinit on `record FILE MODE` and waits until that is ready.
func recording(t *testing.T, start func(args ...string) *run, mode string, flags ...string) (*running, string) {
	t.Helper()
	file := filepath.Join(scratch(t), "program")
	u := start(append(flags, "--", "record", file, mode)...).start()
	waitRecord(t, file, "ready")
	return u, file
}

func TestStopSignalIsForwarded(t *testing.T) {
	bothWays(t, func(t *testing.T, start func(args ...string) *run) {
		u, file := recording(t, start, "exit:3")
		for _, sig := range []syscall.Signal{unix.SIGINT, unix.SIGQUIT, unix.SIGTERM} {
			u.tell(sig)
			waitRecord(t, file, signalName(sig))
		}
		assert.Equal(t, 3, u.wait())
	})
}

// Without --kill-after, and with signals that are not stop signals, the same
// program stays: see the tests below.
func TestKillAfterStopSignal(t *testing.T) {
	for _, test := range []struct {
		name string
		list []string
		sig  syscall.Signal
	}{
		{"TERM is one", nil, unix.SIGTERM},
		{"INT is one", nil, unix.SIGINT},
		{"QUIT is one", nil, unix.SIGQUIT},
		{"QUIT named", []string{"--stop-signal", "QUIT"}, unix.SIGQUIT},
		{"WINCH named", []string{"--stop-signal", "SIGWINCH"}, unix.SIGWINCH},
		{"several named", []string{"--stop-signal", "QUIT,usr2,40"}, unix.SIGUSR2},
		{"a real-time signal", []string{"--stop-signal", "RTMIN+6"}, 40},
	} {
		t.Run(test.name, func(t *testing.T) {
			start := func(args ...string) *run { return pid1(t, args...) }
			u, file := recording(t, start, "stubborn", append(test.list, "--kill-after", "20ms")...)
			u.tell(test.sig)
			assert.Equal(t, 128+9, u.wait())
			assert.True(t, recorded(file, signalName(test.sig)), "PROGRAM did not get the stop signal itself")
		})
	}
}

func TestKillAfterNotPID1(t *testing.T) {
	start := func(args ...string) *run { return nested(t, nil, args...) }
	u, file := recording(t, start, "stubborn", "-k", "20ms")
	u.tell(unix.SIGTERM)
	assert.Equal(t, 128+9, u.wait())
	assert.True(t, recorded(file, "TERM"))
	assert.Contains(t, u.out.String(), "left no")
}

func TestNotKilled(t *testing.T) {
	for _, test := range []struct {
		name  string
		flags []string
		sig   syscall.Signal
		held  bool
	}{
		{"without kill-after", nil, unix.SIGTERM, false},
		{"kill-after 0 is never", []string{"-k", "0"}, unix.SIGTERM, false},
		{"no stop signal", []string{"-k", "100ms"}, unix.SIGHUP, false},
		{"TERM is none of the list", []string{"-k", "100ms", "--stop-signal", "QUIT"}, unix.SIGTERM, false},
		{"INT is none of the list", []string{"-k", "100ms", "--stop-signal", "WINCH,TERM"}, unix.SIGINT, false},
		{"while the stop signal is held back", []string{"-k", "100ms", "--stop-delay", anHour}, unix.SIGTERM, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			start := func(args ...string) *run { return pid1(t, args...) }
			u, file := recording(t, start, "stubborn", test.flags...)
			u.tell(test.sig)
			if !test.held {
				waitRecord(t, file, signalName(test.sig))
			}
			never(t, u.ended, "PROGRAM was killed")
			// It is the control of the tests above that this ends it.
			require.NoError(t, unix.Kill(u.program(), unix.SIGKILL))
			assert.Equal(t, 128+9, u.wait())
		})
	}
}

// A program that heeds the stop signal in time ends by itself.
func TestKillAfterIsADeadline(t *testing.T) {
	bothWays(t, func(t *testing.T, start func(args ...string) *run) {
		for _, mode := range []string{"exit:4", "after:100ms:4"} {
			u, file := recording(t, start, mode, "-k", anHour)
			u.tell(unix.SIGTERM)
			assert.Equal(t, 4, u.wait(), mode)
			assert.True(t, recorded(file, "end"), mode)
		}
	})
}

// The stop signal's delivery starts --kill-after, not its arrival at tinit.
func TestKillAfterDelayedStopSignal(t *testing.T) {
	t.Parallel()
	start := func(args ...string) *run { return pid1(t, args...) }
	u, file := recording(t, start, "stubborn", "-k", "20ms", "--stop-delay", anHour)
	u.tell(unix.SIGTERM)
	never(t, u.ended, "PROGRAM was killed during the delay")
	u.tell(unix.SIGTERM)
	assert.Equal(t, 128+9, u.wait())
	assert.True(t, recorded(file, "TERM"))
}

// What KILL leaves behind is swept as after any other end.
func TestKillAfterSweeps(t *testing.T) {
	bothWays(t, func(t *testing.T, start func(args ...string) *run) {
		file := filepath.Join(scratch(t), "leftover")
		u := start("-k", "20ms", "--grace", anHour, "--", "leave", "never", "0", "session,record,"+file+",obliging").start()
		u.out.waitFor(t, "ready")
		assert.False(t, recorded(file, "TERM"))
		u.tell(unix.SIGTERM)
		assert.Equal(t, 128+9, u.wait())
		assert.True(t, recorded(file, "TERM"), "the leftover was not told to end")
		assert.True(t, recorded(file, "end"), "the leftover had no time to end")
	})
}

// USR1 and USR2 that pass by a TERM which was sent before them show that it is
// held; without --stop-delay it would be ahead of at least the second.
func TestStopDelayHoldsStopSignalBack(t *testing.T) {
	for _, second := range []syscall.Signal{unix.SIGTERM, unix.SIGINT} {
		t.Run("ended by "+signalName(second), func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, start func(args ...string) *run) {
				u, file := recording(t, start, "exit:5", "--stop-delay", anHour)
				u.tell(unix.SIGTERM)
				for _, sig := range []syscall.Signal{unix.SIGUSR1, unix.SIGUSR2} {
					u.tell(sig)
					waitRecord(t, file, signalName(sig))
				}
				never(t, func() bool { return recorded(file, "TERM") }, "TERM was not held back")
				u.tell(second)
				assert.Equal(t, 5, u.wait())
				assert.True(t, recorded(file, "TERM"))
			})
		})
	}
}

func TestStopDelayRunsOut(t *testing.T) {
	bothWays(t, func(t *testing.T, start func(args ...string) *run) {
		u, _ := recording(t, start, "exit:5", "--stop-delay", "50ms")
		u.tell(unix.SIGTERM)
		assert.Equal(t, 5, u.wait())
	})
}

func TestStopDelayOnlyForStopSignals(t *testing.T) {
	start := func(args ...string) *run { return pid1(t, args...) }
	u, file := recording(t, start, "exit:5", "--stop-delay", anHour, "--stop-signal", "WINCH")
	u.tell(unix.SIGHUP)
	waitRecord(t, file, "HUP")
	u.tell(unix.SIGTERM)
	assert.Equal(t, 5, u.wait())
}

// tinit does not sit out a delay for a program that is gone.
func TestProgramEndsDuringStopDelay(t *testing.T) {
	bothWays(t, func(t *testing.T, start func(args ...string) *run) {
		u, file := recording(t, start, "exit:5", "--stop-delay", anHour)
		u.tell(unix.SIGTERM)
		u.tell(unix.SIGUSR2)
		waitRecord(t, file, "USR2")
		require.NoError(t, unix.Kill(children(u.tinit())[0], unix.SIGKILL))
		assert.Equal(t, 128+9, u.wait())
	})
}

func TestStopVariables(t *testing.T) {
	t.Parallel()
	start := func(args ...string) *run {
		return pid1(t, args...).env("TINIT_KILL_AFTER=20ms", "TINIT_STOP_SIGNAL=WINCH,USR2", "TINIT_STOP_DELAY="+anHour, "TINIT_GRACE=10ms")
	}
	u, file := recording(t, start, "stubborn")
	u.tell(unix.SIGTERM)
	waitRecord(t, file, "TERM")
	u.tell(unix.SIGWINCH)
	never(t, func() bool { return recorded(file, "WINCH") || u.ended() }, "WINCH was not held back")
	u.tell(unix.SIGWINCH)
	assert.Equal(t, 128+9, u.wait())
	assert.True(t, recorded(file, "WINCH"))
}

// What `docker stop` does: TERM, and KILL ten seconds later. A program that
// takes eight of them and a leftover that must be killed end with the
// program's code.
func TestDockerStopTenSeconds(t *testing.T) {
	t.Parallel()
	file := filepath.Join(scratch(t), "leftover")
	u := pid1(t, "--", "leave", "TERM+8s", "3", "session,record,"+file+",stubborn").start()
	u.out.waitFor(t, "ready")
	u.tell(unix.SIGTERM)
	kill := time.AfterFunc(10*time.Second, func() { _ = u.cmd.Process.Kill() })
	defer kill.Stop()
	assert.Equal(t, 3, u.wait())
	assert.True(t, recorded(file, "TERM"))
}
