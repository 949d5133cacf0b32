package supervisor

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/proc"
)

var stopSignals = forwarder.Of(unix.SIGTERM, unix.SIGINT, unix.SIGQUIT)

const never = time.Duration(-1)

func TestSignalsAreForwardedAtOnce(t *testing.T) {
	for single, whom := range map[bool]string{false: "group", true: "process"} {
		m := newMachine(Config{StopSignals: stopSignals, SingleChild: single})
		for sig := syscall.Signal(1); sig <= forwarder.Last; sig++ {
			m.signalled(sig)
			assert.Equal(t, []string{forwarder.SignalName(sig) + " to " + whom}, m.done())
			assert.True(t, m.main.sent.Has(sig))
		}
		assert.Equal(t, never, m.scheduled, "without --kill-after nothing follows")
		assert.Empty(t, m.warns)
		assert.Len(t, m.notes, int(forwarder.Last))
	}
}

func TestStopDelay(t *testing.T) {
	cfg := Config{StopSignals: stopSignals, StopDelay: 5 * time.Second}

	t.Run("passes", func(t *testing.T) {
		m := newMachine(cfg)
		m.signalled(unix.SIGTERM)
		assert.Empty(t, m.done())
		assert.Equal(t, delaying, m.phase)
		assert.Equal(t, 5*time.Second, m.scheduled)
		m.expire(t)
		assert.Equal(t, []string{"TERM to group"}, m.done())
		assert.Equal(t, stopping, m.phase)
		assert.Equal(t, never, m.scheduled)
		m.signalled(unix.SIGTERM)
		assert.Equal(t, []string{"TERM to group"}, m.done(), "one delay is enough")
		assert.Equal(t, never, m.scheduled)
	})
	t.Run("a second one ends it", func(t *testing.T) {
		m := newMachine(cfg)
		m.signalled(unix.SIGTERM)
		m.signalled(unix.SIGTERM)
		assert.Equal(t, []string{"TERM to group"}, m.done(), "signals are not counted")
		assert.Equal(t, stopping, m.phase)
		assert.Equal(t, never, m.scheduled)
	})
	t.Run("another one ends it too", func(t *testing.T) {
		m := newMachine(cfg)
		m.signalled(unix.SIGTERM)
		m.signalled(unix.SIGINT)
		assert.Equal(t, []string{"TERM to group", "INT to group"}, m.done())
		m.signalled(unix.SIGQUIT)
		assert.Equal(t, []string{"QUIT to group"}, m.done())
	})
	t.Run("others are not delayed", func(t *testing.T) {
		m := newMachine(cfg)
		m.signalled(unix.SIGHUP)
		m.signalled(unix.SIGTERM)
		m.signalled(unix.SIGUSR1)
		m.signalled(unix.SIGWINCH)
		assert.Equal(t, []string{"HUP to group", "USR1 to group", "WINCH to group"}, m.done())
		assert.Equal(t, delaying, m.phase)
		assert.Equal(t, 5*time.Second, m.scheduled, "nor do they end or renew the delay")
	})
	t.Run("the program ends by itself", func(t *testing.T) {
		m := newMachine(cfg)
		m.signalled(unix.SIGTERM)
		m.end(3 << 8)
		assert.Equal(t, gone, m.phase)
		assert.Equal(t, never, m.scheduled)
		assert.Empty(t, m.done(), "there is nobody to send TERM to any more")
	})
}

func TestKillAfter(t *testing.T) {
	cfg := Config{StopSignals: stopSignals, KillAfter: 7 * time.Second}

	t.Run("passes", func(t *testing.T) {
		m := newMachine(cfg)
		m.signalled(unix.SIGTERM)
		assert.Equal(t, []string{"TERM to group"}, m.done())
		assert.Equal(t, 7*time.Second, m.scheduled)
		m.scheduled = 3 * time.Second
		m.signalled(unix.SIGTERM)
		m.signalled(unix.SIGHUP)
		assert.Equal(t, []string{"TERM to group", "HUP to group"}, m.done())
		assert.Equal(t, 3*time.Second, m.scheduled, "another one does not renew it")
		m.expire(t)
		assert.Equal(t, []string{"KILL to group"}, m.done())
		assert.Equal(t, killed, m.phase)
		assert.Equal(t, never, m.scheduled)
		assert.Equal(t, []string{"prog (process 16777216) is still there 7s after a stop signal: killing it"}, m.warns)
		m.end(syscall.WaitStatus(unix.SIGKILL))
		assert.Equal(t, 137, m.main.code())
		assert.Len(t, m.warns, 1, "no surprise")
	})
	t.Run("other signals start nothing", func(t *testing.T) {
		m := newMachine(cfg)
		m.signalled(unix.SIGHUP)
		m.signalled(unix.SIGUSR1)
		assert.Equal(t, never, m.scheduled)
		assert.Equal(t, running, m.phase)
	})
	t.Run("after the delay", func(t *testing.T) {
		cfg := cfg
		cfg.StopDelay = 5 * time.Second
		m := newMachine(cfg)
		m.signalled(unix.SIGTERM)
		assert.Equal(t, 5*time.Second, m.scheduled)
		m.expire(t)
		assert.Equal(t, 7*time.Second, m.scheduled)
		m.expire(t)
		assert.Equal(t, []string{"TERM to group", "KILL to group"}, m.done())
	})
	t.Run("after the delay was ended", func(t *testing.T) {
		cfg := cfg
		cfg.StopDelay = 5 * time.Second
		m := newMachine(cfg)
		m.signalled(unix.SIGTERM)
		m.signalled(unix.SIGINT)
		assert.Equal(t, 7*time.Second, m.scheduled)
	})
	t.Run("the program ends in time", func(t *testing.T) {
		m := newMachine(cfg)
		m.signalled(unix.SIGTERM)
		m.end(0)
		assert.Equal(t, never, m.scheduled)
		assert.Equal(t, []string{"TERM to group"}, m.done())
		assert.Empty(t, m.warns)
	})
	t.Run("the program alone", func(t *testing.T) {
		cfg := cfg
		cfg.SingleChild = true
		m := newMachine(cfg)
		m.signalled(unix.SIGTERM)
		m.expire(t)
		assert.Equal(t, []string{"TERM to process", "KILL to process"}, m.done())
	})
}

func TestStopSignalsOfOnesOwn(t *testing.T) {
	m := newMachine(Config{StopSignals: forwarder.Of(unix.SIGWINCH), StopDelay: time.Second})
	m.signalled(unix.SIGTERM)
	assert.Equal(t, []string{"TERM to group"}, m.done())
	assert.Equal(t, running, m.phase)
	m.signalled(unix.SIGWINCH)
	assert.Empty(t, m.done())
	assert.Equal(t, delaying, m.phase)
}

func TestRewriteInTheLoop(t *testing.T) {
	m := newMachine(Config{
		StopSignals: stopSignals, StopDelay: time.Second, KillAfter: 7 * time.Second,
		Rewrite: forwarder.Rewrite{unix.SIGTERM: unix.SIGQUIT, unix.SIGHUP: 0, unix.SIGUSR1: unix.SIGTERM, unix.SIGINT: 0},
	})
	m.signalled(unix.SIGHUP)
	assert.Empty(t, m.done(), "dropped")
	m.signalled(unix.SIGINT)
	assert.Empty(t, m.done(), "dropped")
	assert.Equal(t, running, m.phase, "a stop signal that is dropped stops nothing")
	assert.Equal(t, []string{"dropped HUP", "dropped INT"}, m.notes)
	m.signalled(unix.SIGUSR1)
	assert.Equal(t, []string{"TERM to group"}, m.done(), "what it becomes makes it no stop signal")
	assert.Equal(t, running, m.phase)

	m.signalled(unix.SIGTERM)
	assert.Empty(t, m.done())
	m.expire(t)
	assert.Equal(t, []string{"QUIT to group"}, m.done())
	assert.True(t, m.main.sent.Has(unix.SIGQUIT))
	assert.Equal(t, 7*time.Second, m.scheduled)
}

func TestSweepThatNothingHolds(t *testing.T) {
	m := newMachine(Config{Grace: time.Second})
	m.end(3 << 8)
	assert.Equal(t, gone, m.phase)
	assert.Empty(t, m.done())
	assert.Empty(t, m.warns)
	assert.Equal(t, 3, m.main.code())
}

// swept is a machine in the sweep.
func swept(t *testing.T, cfg Config) *machine {
	t.Helper()
	m := newMachine(cfg)
	m.hasChild = true
	m.left = []proc.Process{{PID: 11, Comm: "sleep"}, {PID: 12, Comm: "a\xffb"}}
	m.end(0)
	require.Equal(t, sweeping, m.phase)
	require.Equal(t, []string{"leftovers TERM CONT"}, m.done())
	require.Equal(t, cfg.Grace, m.scheduled)
	require.Empty(t, m.warns)
	return m
}

func TestSweepEndsWithTheLastChild(t *testing.T) {
	m := swept(t, Config{Grace: time.Second})
	m.noChildren()
	assert.Equal(t, gone, m.phase)
	assert.Equal(t, never, m.scheduled)
	assert.Empty(t, m.done())
	assert.Empty(t, m.warns, "nobody had to be killed")
}

func TestNoChildrenBeforeTheSweep(t *testing.T) {
	m := newMachine(Config{})
	m.noChildren()
	assert.Equal(t, running, m.phase, "it is the end of nothing while the program runs")
}

func TestSweepKillsAfterTheGrace(t *testing.T) {
	for _, grace := range []time.Duration{0, time.Second, time.Hour} {
		m := swept(t, Config{Grace: grace})
		m.expire(t)
		assert.Equal(t, killingAll, m.phase)
		assert.Equal(t, []string{"leftovers KILL"}, m.done())
		assert.Equal(t, []string{"killing what prog left behind: 11 (sleep), 12 (a?b)"}, m.warns)
		assert.Equal(t, killEvery, m.scheduled)
		m.noChildren()
		assert.Equal(t, gone, m.phase)
		assert.Equal(t, never, m.scheduled)
	}
}

func TestSweepKillsAgainAndGivesUp(t *testing.T) {
	m := swept(t, Config{Grace: time.Second})
	m.expire(t)
	from := m.clock
	rounds := 0
	for m.phase == killingAll {
		require.Equal(t, []string{"leftovers KILL"}, m.done())
		require.Less(t, rounds, 1000)
		rounds++
		m.expire(t)
	}
	assert.Equal(t, gone, m.phase)
	assert.Greater(t, rounds, 50)
	assert.InDelta(t, killWait, m.clock.Sub(from), float64(2*killEvery))
	assert.Empty(t, m.done())
	assert.Equal(t, "leaving behind what KILL did not end: 11 (sleep), 12 (a?b)", m.warns[len(m.warns)-1])
}

func TestSignalsInTheSweep(t *testing.T) {
	for sig := syscall.Signal(1); sig <= forwarder.Last; sig++ {
		m := swept(t, Config{Grace: time.Second, StopSignals: stopSignals, StopDelay: time.Second, KillAfter: time.Second})
		m.signalled(sig)
		if sig == unix.SIGINT || sig == unix.SIGQUIT {
			assert.Equal(t, killingAll, m.phase, "%d", sig)
			assert.Equal(t, []string{"leftovers KILL"}, m.done())
			m.signalled(sig)
			assert.Empty(t, m.done(), "a second one changes nothing")
			assert.Equal(t, killEvery, m.scheduled)
			continue
		}
		assert.Equal(t, sweeping, m.phase, "%d", sig)
		assert.Empty(t, m.done(), "%d: its number may be another's by now", sig)
		assert.Equal(t, time.Second, m.scheduled)
	}
}

func TestLeaves(t *testing.T) {
	m := newMachine(Config{Leave: true})
	m.hasChild = true
	m.end(exited(3))
	assert.Equal(t, gone, m.phase)
	assert.Equal(t, 3, m.main.code())
	assert.Empty(t, m.done())

	m = newMachine(Config{})
	m.hasChild = true
	m.end(exited(3))
	assert.Equal(t, sweeping, m.phase, "the control")
}
