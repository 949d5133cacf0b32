package supervisor

import (
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
)

func TestStop(t *testing.T) {
	const usual, hurry = 7 * time.Second, 2 * time.Second

	t.Run("running", func(t *testing.T) {
		m := newMachine(Config{StopSignals: stopSignals})
		m.Stop(usual)
		assert.Equal(t, []string{"TERM to group", "CONT to group"}, m.done(), "one that is stopped could not end")
		assert.Equal(t, stopping, m.phase)
		assert.Equal(t, usual, m.scheduled)
		assert.True(t, m.Stopping())
		m.expire(t)
		assert.Equal(t, []string{"KILL to group"}, m.done())
		m.Stop(hurry)
		assert.Equal(t, killed, m.phase)
	})
	t.Run("again, in a hurry", func(t *testing.T) {
		m := newMachine(Config{StopSignals: stopSignals})
		m.Stop(usual)
		m.done()
		m.Stop(hurry)
		assert.Equal(t, []string{"TERM to group", "CONT to group"}, m.done())
		assert.Equal(t, hurry, m.scheduled)
	})
	t.Run("at once", func(t *testing.T) {
		m := newMachine(Config{StopSignals: stopSignals})
		m.Stop(0)
		assert.Equal(t, time.Millisecond, m.scheduled, "0 would be never")
	})
	t.Run("with a delay", func(t *testing.T) {
		m := newMachine(Config{StopSignals: stopSignals, StopDelay: time.Second})
		m.Stop(usual)
		assert.Equal(t, []string{"CONT to group"}, m.done())
		assert.Equal(t, delaying, m.phase)
		m.expire(t)
		assert.Equal(t, []string{"TERM to group"}, m.done())
		assert.Equal(t, usual, m.scheduled)
	})
	t.Run("again, within the delay", func(t *testing.T) {
		m := newMachine(Config{StopSignals: stopSignals, StopDelay: time.Second})
		m.Stop(usual)
		m.Stop(hurry)
		assert.Equal(t, []string{"CONT to group", "TERM to group", "CONT to group"}, m.done())
		assert.Equal(t, hurry, m.scheduled)
	})
	t.Run("another stop signal", func(t *testing.T) {
		m := newMachine(Config{StopSignals: forwarder.Of(unix.SIGQUIT, unix.SIGWINCH)})
		m.Stop(usual)
		assert.Equal(t, []string{"QUIT to group", "CONT to group"}, m.done())
	})
	t.Run("rewritten", func(t *testing.T) {
		m := newMachine(Config{StopSignals: stopSignals, Rewrite: forwarder.Rewrite{unix.SIGTERM: unix.SIGQUIT}})
		m.Stop(usual)
		assert.Equal(t, []string{"QUIT to group", "CONT to group"}, m.done())
		assert.Equal(t, usual, m.scheduled)
	})
	t.Run("dropped", func(t *testing.T) {
		m := newMachine(Config{StopSignals: stopSignals, Rewrite: forwarder.Rewrite{unix.SIGTERM: 0}})
		m.Stop(usual)
		assert.Equal(t, []string{"CONT to group"}, m.done())
		assert.Equal(t, usual, m.scheduled, "who asks tinit to stop it means it")
		m.expire(t)
		assert.Equal(t, []string{"KILL to group"}, m.done())
	})
	t.Run("sweeping", func(t *testing.T) {
		m := newMachine(Config{StopSignals: stopSignals, Grace: time.Second})
		m.hasChild = true
		m.end(0)
		m.done()
		m.Stop(usual)
		assert.Empty(t, m.done(), "there is no main program any more")
		assert.Equal(t, time.Second, m.scheduled)
		assert.True(t, m.Stopping(), "and none will come")
	})
	t.Run("gone", func(t *testing.T) {
		m := newMachine(Config{StopSignals: stopSignals})
		m.end(0)
		m.Stop(usual)
		assert.Equal(t, gone, m.phase)
		assert.Empty(t, m.done())
	})
}

func TestKill(t *testing.T) {
	for sig, c := range map[syscall.Signal]struct {
		did   []string
		phase phase
		asked bool
	}{
		unix.SIGUSR1: {[]string{"USR1 to group"}, running, false},
		unix.SIGTERM: {[]string{"TERM to group"}, stopping, true},
		unix.SIGQUIT: {[]string{"QUIT to group"}, stopping, true},
		unix.SIGKILL: {[]string{"KILL to group"}, running, true},
		unix.SIGSTOP: {[]string{"STOP to group"}, running, false},
		unix.SIGCONT: {[]string{"CONT to group"}, running, false},
		unix.SIGTSTP: {[]string{"TSTP to group"}, running, false},
		unix.SIGCHLD: {[]string{"CHLD to group"}, running, false},
		unix.SIGSEGV: {[]string{"SEGV to group"}, running, false},
		unix.SIGHUP:  {nil, running, false},
	} {
		m := newMachine(Config{StopSignals: stopSignals, Rewrite: forwarder.Rewrite{unix.SIGHUP: 0}})
		m.Kill(sig)
		name := forwarder.SignalName(sig)
		assert.Equal(t, c.did, m.done(), name)
		assert.Equal(t, c.phase, m.phase, name)
		assert.Equal(t, c.asked, m.Stopping(), name)
		assert.Equal(t, never, m.scheduled, "%s: without --kill-after nothing follows", name)

		m = newMachine(Config{StopSignals: stopSignals})
		m.end(0)
		m.Kill(sig)
		assert.Empty(t, m.done(), "%s comes too late", name)
	}
}

func TestASecondLife(t *testing.T) {
	m := newMachine(Config{StopSignals: stopSignals, Grace: time.Second})
	m.Stop(time.Second)
	m.hasChild = true
	m.end(3 << 8)
	assert.Zero(t, m.PID())
	assert.Equal(t, 3, m.Status().ExitStatus())
	m.noChildren()
	require.Equal(t, gone, m.phase)
	m.renew()
	assert.Equal(t, running, m.phase)
	assert.False(t, m.Stopping())
	assert.Empty(t, m.programs)
	assert.Nil(t, m.leftovers)
	assert.Zero(t, m.PID())
}

// resting is a Supervisor between two lives of its program, in Rest until done is closed.
func resting(t *testing.T, d time.Duration) (s *Supervisor, signals chan syscall.Signal, done chan struct{}) {
	t.Helper()
	signals = make(chan syscall.Signal)
	m := newMachine(Config{StopSignals: stopSignals})
	m.signals, m.calls = &forwarder.Receiver{C: signals}, make(chan func())
	m.end(0)
	done = make(chan struct{})
	go func() {
		m.Rest(d)
		close(done)
	}()
	return m.Supervisor, signals, done
}

func TestRest(t *testing.T) {
	_, _, done := resting(t, 0)
	<-done

	s, signals, done := resting(t, time.Hour)
	signals <- unix.SIGHUP // nobody is there to get it
	signals <- unix.SIGCHLD
	called := 0
	require.True(t, s.Do(func() { called++ }, nil))
	assert.Equal(t, 1, called)
	select {
	case <-done:
		t.Fatal("it is over already")
	default:
	}
	signals <- unix.SIGTERM
	<-done
	assert.True(t, s.Stopping())

	s, _, done = resting(t, time.Hour)
	require.True(t, s.Do(func() { s.Stop(time.Second) }, nil))
	<-done
	s, _, done = resting(t, time.Hour)
	require.True(t, s.Do(func() { s.Kill(unix.SIGKILL) }, nil))
	<-done
}

func TestDoWhenAllIsOver(t *testing.T) {
	m := newMachine(Config{})
	m.calls = make(chan func())
	over := make(chan struct{})
	var asking sync.WaitGroup
	for range 10 {
		asking.Go(func() { assert.False(t, m.Do(func() { t.Error("called") }, over)) })
	}
	close(over)
	asking.Wait()
}
