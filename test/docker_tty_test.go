package test

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A dockerTerminal is a docker command on a terminal with a user before it.
type dockerTerminal struct {
	*terminal
	cmd  *exec.Cmd
	done chan struct{} // closed when docker has ended
}

func (e *engine) terminal(t *testing.T, args ...string) *dockerTerminal {
	t.Helper()
	x := &dockerTerminal{terminal: newTerminal(t), cmd: e.command(t.Context(), args...), done: make(chan struct{})}
	x.cmd.Env = append(x.cmd.Env, "TERM=dumb")
	x.cmd.SysProcAttr = &syscall.SysProcAttr{}
	x.attach(x.cmd)
	require.NoError(t, x.cmd.Start())
	go func() {
		defer close(x.done)
		_ = x.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = x.cmd.Process.Kill()
		<-x.done
	})
	return x
}

// wait returns docker's exit code, which is the program's.
func (x *dockerTerminal) wait() int {
	x.t.Helper()
	select {
	case <-x.done:
	case <-time.After(dockerCommand):
		x.t.Fatal("docker does not leave the terminal")
	}
	return x.cmd.ProcessState.ExitCode()
}

// interactive is docker run -it, with a program that has shown its first words
// when it returns.
func (e *engine) interactive(t *testing.T, words string, program ...string) (*container, *dockerTerminal) {
	t.Helper()
	c := e.container(t)
	x := e.terminal(t, c.arguments([]string{"--interactive", "--tty"}, shellImage, program)...)
	require.True(t, polls(dockerCommand, func() bool { return strings.Contains(x.text(), words) }), "the program starts")
	x.shows(words)
	c.pid = c.state().Pid
	require.NotZero(t, c.pid, "the container has ended")
	return c, x
}

func TestDockerTerminalInterrupt(t *testing.T) {
	e := docker(t)
	c, x := e.interactive(t, "ready", "sh", "-c", "echo ready; exec sleep 1000")
	p := procStat(c.program())
	assert.NotZero(t, p.ttyNr, "the program has a terminal")
	assert.Equal(t, p.pgrp, p.tpgid, "and is in its foreground")
	x.types(ctrlC)
	assert.Equal(t, 130, x.wait())
	assert.Equal(t, 130, c.state().ExitCode)
	assert.Empty(t, c.sent(), "the engine has sent no signal")
}

// Nobody could wake a container that Ctrl-Z had stopped.
func TestDockerTerminalSuspend(t *testing.T) {
	e := docker(t)
	_, x := e.interactive(t, "ready", "sh", "-c", `
		trap 'echo continued' CONT
		echo ready
		while [ "$line" != end ]; do read line && echo "got $line"; done
		exit 6`)
	for range 3 {
		x.types(ctrlZ)
		x.shows("continued")
		x.line("a line")
		x.shows("got a line")
	}
	x.line("end")
	assert.Equal(t, 6, x.wait())
}

// A shell in the container has job control.
func TestDockerTerminalShell(t *testing.T) {
	e := docker(t)
	c, x := e.interactive(t, "prompt> ", "sh")
	shell := c.program()
	// foreground waits until the shell or its job has the terminal.
	foreground := func(job bool, what string) int {
		t.Helper()
		eventually(t, func() bool { return procStat(shell).tpgid != shell == job }, what)
		return procStat(shell).tpgid
	}

	x.line("sleep 1000 &")
	x.shows("prompt> ")
	foreground(false, "the shell has the terminal")
	x.line("fg")
	job := foreground(true, "fg gives it to the job")
	x.types(ctrlZ)
	x.shows("Stopped")
	x.shows("prompt> ")
	foreground(false, "the suspended job leaves it to the shell")
	assert.EqualValues(t, 'T', procStat(job).state)
	x.line("bg")
	eventually(t, func() bool { return procStat(job).state == 'S' }, "bg continues the job")
	x.shows("prompt> ")
	x.line("fg")
	foreground(true, "fg gives it to the job again")
	x.types(ctrlC)
	x.shows("prompt> ")
	foreground(false, "the interrupted job leaves it to the shell")
	assert.False(t, alive(job))
	x.line("echo code $?")
	x.shows("code 130")
	x.line("exit 9")
	assert.Equal(t, 9, x.wait())
	assert.NotContains(t, x.text(), "job control", "the shell complains of nothing")
}

// A terminal, and nobody at it.
func TestDockerTerminalWithoutInput(t *testing.T) {
	e := docker(t)
	r := e.run(t, []string{"--tty"}, "sh", "-c", "[ -t 0 ] && [ -t 1 ] && echo a terminal; exit 4")
	assert.Equal(t, 4, r.code)
	assert.Equal(t, "a terminal\r\n", r.out)
}
