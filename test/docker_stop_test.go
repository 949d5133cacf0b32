package test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// docker stop ends a container by TERM, not by the KILL that follows when TERM
// does nothing.
func TestDockerStop(t *testing.T) {
	e := docker(t)
	t.Run("a program that handles TERM", func(t *testing.T) {
		t.Parallel()
		c := e.start(t, nil, "sh", "-c", untilTerm)
		code, sent := c.stop()
		assert.Equal(t, 7, code)
		assert.Equal(t, []string{"15"}, sent)
		assert.Equal(t, "TERM\n", c.read("got"))
	})
	t.Run("a program that does not", func(t *testing.T) {
		t.Parallel()
		c := e.start(t, nil, "sh", "-c", "echo ready >/v/ready; exec sleep 1000")
		code, sent := c.stop()
		assert.Equal(t, 143, code)
		assert.Equal(t, []string{"15"}, sent)
	})
	// The control: to PID 1 a TERM that it does not handle does nothing.
	t.Run("the same without tinit", func(t *testing.T) {
		t.Parallel()
		c := e.start(t, []string{"--entrypoint", "sh"}, "-c", "echo ready >/v/ready; exec sleep 1000")
		code, sent := c.stop("-t", "1")
		assert.Equal(t, 137, code)
		assert.Equal(t, []string{"15", "9"}, sent)
	})
	t.Run("by the image's own stop signal", func(t *testing.T) {
		t.Parallel()
		c := e.start(t, []string{"--stop-signal", "QUIT"}, "sh", "-c", `
			trap 'exit 8' QUIT
			echo ready >/v/ready
			while :; do sleep 1000 & wait; done`)
		code, sent := c.stop()
		assert.Equal(t, 8, code)
		assert.Equal(t, []string{"3"}, sent)
	})
}

// A program may use eight of docker stop's ten seconds, what it leaves is told in
// its turn, and some of that may resist TERM: still no case for KILL by the engine.
func TestDockerSlowStop(t *testing.T) {
	t.Parallel()
	e := docker(t)
	c := e.start(t, nil, "sh", "-c", `
		setsid sh -c 'trap "" TERM; exec sleep 1000' &
		setsid sh -c 'trap "echo TERM >/v/left; exit" TERM; while :; do sleep 1000 & wait; done' &
		trap 'sleep 8; [ ! -e /v/left ] && echo TERM >/v/got; exit 5' TERM
		echo ready >/v/ready
		wait`)
	escaped := func(pid int) bool { return pid != c.pid && procStat(pid).session == pid }
	eventually(t, func() bool {
		return c.count(func(pid int) bool { return escaped(pid) && ignores(pid, syscall.SIGTERM) }) == 1 &&
			c.count(func(pid int) bool { return escaped(pid) && catches(pid, syscall.SIGTERM) }) == 1
	}, "one process in a session of its own ignores TERM, another catches it")
	code, sent := c.stop()
	assert.Equal(t, 5, code)
	assert.Equal(t, []string{"15"}, sent)
	assert.Equal(t, "TERM\n", c.read("got"))
	assert.Equal(t, "TERM\n", c.read("left"))
}

// A shell that docker exec put into the container has no parent there, and
// ignores TERM: docker stop does not wait for it.
func TestDockerStopWithShellInside(t *testing.T) {
	e := docker(t)
	c := e.start(t, nil, "sh", "-c", untilTerm)
	shell := e.terminal(t, "exec", "--interactive", "--tty", c.name, "sh")
	shell.shows("prompt> ")
	shell.line("echo $((40+2))")
	shell.shows("42")
	// Its parent is outside.
	stubborn := c.count(func(pid int) bool {
		return ignores(pid, syscall.SIGTERM) && pid != c.pid && nsPid(t, procStat(pid).ppid) == procStat(pid).ppid
	})
	require.Equal(t, 1, stubborn, "a shell without a parent ignores TERM")

	code, sent := c.stop("-t", "30")
	assert.Equal(t, 7, code)
	assert.Equal(t, []string{"15"}, sent)
	assert.Equal(t, "TERM\n", c.read("got"))
	shell.wait()
}

// docker kill's signals reach the program, real-time ones too.
func TestDockerKill(t *testing.T) {
	e := docker(t)
	signals := []struct {
		name   string
		number int
	}{
		{"HUP", 1}, {"INT", 2}, {"QUIT", 3}, {"USR1", 10}, {"SEGV", 11}, {"USR2", 12}, {"PIPE", 13}, {"ALRM", 14},
		{"TERM", 15}, {"CONT", 18}, {"WINCH", 28}, {"RTMIN+3", 37}, {"RTMAX-1", 63}, {"64", 64},
	}
	var traps strings.Builder
	for _, signal := range signals {
		fmt.Fprintf(&traps, "trap 'echo %[1]d >>/v/got' %[1]d\n", signal.number)
	}
	c := e.start(t, nil, "sh", "-c", traps.String()+`
		echo ready >/v/ready
		while :; do sleep 1000 & wait; done`)
	var all []string
	for _, signal := range signals {
		c.kill(signal.name)
		all = append(all, strconv.Itoa(signal.number))
		eventually(t, func() bool { return slices.Equal(strings.Fields(c.read("got")), all) }, "the program gets "+signal.name)
	}
	c.kill("KILL")
	assert.Equal(t, "137", e.do(t, "wait", c.name))
}
