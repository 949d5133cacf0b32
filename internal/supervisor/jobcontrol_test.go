package supervisor

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/session"
)

// withTerminal has a controlling terminal that is hung up: it is nobody's, and can't be given.
func withTerminal(cfg Config) *machine {
	m := newMachine(cfg)
	m.terminal = &session.Terminal{}
	return m
}

var stops = []syscall.Signal{unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU}

func TestStopsWithoutTerminal(t *testing.T) {
	for _, sig := range stops {
		m := newMachine(Config{})
		m.end(stoppedBy(sig))
		assert.Empty(t, m.done())
		assert.Empty(t, m.warns)
		assert.Equal(t, running, m.phase)
		assert.False(t, m.main.ended)
	}
}

func TestStopsUnderAShell(t *testing.T) {
	for _, sig := range stops {
		m := withTerminal(Config{SingleChild: true})
		m.end(stoppedBy(sig))
		assert.Equal(t, []string{"kill 0 STOP"}, m.done(), "%d: the shell is to see tinit's group stop", sig)
		assert.True(t, m.selfStop)

		m.signalled(unix.SIGUSR1)
		assert.Equal(t, []string{"USR1 to process"}, m.done())
		m.signalled(unix.SIGCONT)
		assert.Equal(t, []string{"CONT to group"}, m.done(), "what was stopped as a group goes on as one")
		m.signalled(unix.SIGCONT)
		assert.Equal(t, []string{"CONT to process"}, m.done(), "now it is a signal like any other")
		assert.Empty(t, m.warns)
	}
}

// When the key that stopped the program reached this process too, it reached all in its group.
func TestStopsByAKeyForTheWholeGroup(t *testing.T) {
	self := fmt.Sprintf("kill %d STOP", unix.Getpid())
	for _, sig := range []syscall.Signal{unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU} {
		m := withTerminal(Config{})
		m.signalled(sig)
		assert.Equal(t, []string{forwarder.SignalName(sig) + " to group"}, m.done())
		m.end(stoppedBy(sig))
		assert.Equal(t, []string{self}, m.done())
		m.signalled(unix.SIGCONT)
		assert.Equal(t, []string{"CONT to group"}, m.done())

		m.end(stoppedBy(sig))
		assert.Equal(t, []string{"kill 0 STOP"}, m.done(), "this time nobody else was stopped")
	}
}

// The program's stop is by that key only if it is by the signal that was sent on for it, and nothing came between.
func TestStopsForAnotherReason(t *testing.T) {
	self, all := fmt.Sprintf("kill %d STOP", unix.Getpid()), "kill 0 STOP"
	rewrite := forwarder.Rewrite{unix.SIGTSTP: unix.SIGSTOP, unix.SIGTTIN: 0}
	for _, test := range []struct {
		came []syscall.Signal
		stop syscall.Signal
		want string
	}{
		{[]syscall.Signal{unix.SIGTTOU}, unix.SIGTTOU, self},
		{[]syscall.Signal{unix.SIGTTOU, unix.SIGUSR1}, unix.SIGTTOU, self},
		{[]syscall.Signal{unix.SIGTTOU}, unix.SIGSTOP, all},
		{[]syscall.Signal{unix.SIGTTOU, unix.SIGCONT}, unix.SIGTTOU, all},
		{[]syscall.Signal{unix.SIGTSTP}, unix.SIGSTOP, self}, // rewritten
		{[]syscall.Signal{unix.SIGTSTP}, unix.SIGTSTP, all},
		{[]syscall.Signal{unix.SIGTTIN}, unix.SIGTTIN, all}, // dropped
		{[]syscall.Signal{unix.SIGTTOU, unix.SIGTTIN}, unix.SIGTTOU, all},
	} {
		m := withTerminal(Config{Rewrite: rewrite})
		for _, sig := range test.came {
			m.signalled(sig)
		}
		m.done()
		m.end(stoppedBy(test.stop))
		assert.Equal(t, []string{test.want}, m.done(), "%v, then %v", test.came, test.stop)
	}
}

func TestStopsThatNobodyWouldEnd(t *testing.T) {
	for _, sig := range stops {
		m := withTerminal(Config{SingleChild: true})
		m.isOrphan = true
		m.end(stoppedBy(sig))
		assert.False(t, m.selfStop)
		if sig == unix.SIGTSTP {
			assert.Equal(t, []string{"CONT to group"}, m.done())
		} else {
			assert.Empty(t, m.done(), "%d", sig)
		}
	}
}

func TestStopThatFails(t *testing.T) {
	m := withTerminal(Config{})
	m.killErr = unix.EPERM
	m.end(stoppedBy(unix.SIGTSTP))
	assert.False(t, m.selfStop)
	assert.Equal(t, []string{"cannot stop with prog: operation not permitted"}, m.warns)
	m.done()
	m.signalled(unix.SIGCONT)
	assert.Equal(t, []string{"CONT to group"}, m.done(), "as a signal")
	assert.NotContains(t, m.notes, "continuing prog after CONT")
}

func TestProgramEndsWhileStopped(t *testing.T) {
	m := withTerminal(Config{})
	m.hasChild = true
	m.end(stoppedBy(unix.SIGTSTP))
	m.end(killedBy(unix.SIGKILL))
	require.Equal(t, []string{"kill 0 STOP", "leftovers TERM CONT"}, m.done())
	m.signalled(unix.SIGCONT)
	assert.Empty(t, m.done())
	assert.False(t, m.selfStop)
}

func TestOrphaned(t *testing.T) {
	for name, test := range map[string]struct {
		sys  *syscall.SysProcAttr
		args []string
		want string
	}{
		"leads a session":                {&syscall.SysProcAttr{Setsid: true}, []string{"say-orphaned"}, "true"},
		"of a script in such a session":  {&syscall.SysProcAttr{Setsid: true}, []string{"say-orphaned-below"}, "true"},
		"a job, as it were of a shell":   {&syscall.SysProcAttr{Setpgid: true}, []string{"say-orphaned"}, "false"},
		"of a script that is such a job": {&syscall.SysProcAttr{Setpgid: true}, []string{"say-orphaned-below"}, "false"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want+"\n", outputOf(t, test.sys, test.args...))
		})
	}
}

func TestStopsAlong(t *testing.T) {
	self := fmt.Sprintf("kill %d STOP", os.Getpid())
	for _, sig := range []syscall.Signal{syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU} {
		cfg := Config{StopAlong: true, Rewrite: forwarder.Rewrite{syscall.SIGTSTP: syscall.SIGSTOP, syscall.SIGTTOU: 0}}
		m := newMachine(cfg)
		m.signalled(sig)
		did := m.done()
		require.NotEmpty(t, did)
		assert.Equal(t, self, did[len(did)-1], "%v: after it was sent on", sig)
		m.signalled(syscall.SIGCONT)
		assert.Equal(t, []string{"CONT to group"}, m.done(), "%v", sig)

		m = newMachine(Config{})
		m.signalled(sig)
		assert.Equal(t, []string{forwarder.SignalName(sig) + " to group"}, m.done(), "the control")
	}
	m := newMachine(Config{StopAlong: true})
	m.signalled(syscall.SIGTERM)
	assert.Equal(t, []string{"TERM to group"}, m.done(), "others stop nobody")
}
