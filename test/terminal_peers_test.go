package test

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// Control: under an init that does not see its program stop, no prompt comes.
func TestTerminalStopUnderPeers(t *testing.T) {
	for _, c := range []struct {
		command string
		prompts bool
	}{
		{"tini -s -- cat", false},
		{"dumb-init -c cat", true},
	} {
		t.Run(c.command, func(t *testing.T) {
			name, _, _ := strings.Cut(c.command, " ")
			_, err := exec.LookPath(name)
			need(t, err == nil, "no "+name)
			s := interactiveShell(t)
			var peer, program int
			s.line("%s", c.command)
			eventually(t, func() bool {
				peer, program = s.only(s.leader.pid), 0
				if peer != 0 {
					program = s.only(peer)
				}
				return program != 0 && comm(program) == "cat"
			}, "the program starts")
			s.hasTerminal(program)
			s.types(ctrlZ)
			isStopped(t, program)
			if c.prompts {
				s.prompts()
				isStopped(t, peer)
				return
			}
			assert.False(t, polls(300*time.Millisecond, func() bool { return s.owner() == s.leader.pid }))
			goesOn(t, peer)
			send(t, program, syscall.SIGCONT)
			s.types(ctrlD)
			s.prompts()
		})
	}
}

// In a pipeline the terminal is not PROGRAM's, and the key's signal is tinit's to
// forward, by the name of a peer too that drops it.
func TestTerminalStopOfPipelineAsPeers(t *testing.T) {
	for _, command := range []string{"tini", "tini -g", "catatonit", "catatonit -g"} {
		t.Run(command, func(t *testing.T) {
			name, flags, _ := strings.Cut(command, " ")
			s := interactiveShell(t)
			s.line("%s %s -- hear | cat", as(t, name), flags)
			s.shows("up\r\n")
			tinit, program := s.started()
			for range 3 {
				s.hasTerminal(tinit)
				s.types(ctrlZ)
				s.prompts()
				isStopped(t, tinit, program)
				s.line("fg")
				s.shows("continued\r\n")
			}
			s.hasTerminal(tinit)
			s.types(ctrlC)
			s.ends(130)
			isGone(t, tinit, program)
		})
	}

	// The control: where it is dropped, nobody stops.
	s := interactiveShell(t)
	s.line("TINIT_REWRITE=TSTP:0 %s -- hear | cat", as(t, "catatonit"))
	s.shows("up\r\n")
	tinit, program := s.started()
	s.hasTerminal(tinit)
	s.types(ctrlZ)
	isQuiet(t, tinit)
	goesOn(t, tinit, program)
	assert.Equal(t, procStat(tinit).pgrp, s.owner(), "the shell knows nothing")
	send(t, tinit, syscall.SIGKILL)
	send(t, program, syscall.SIGKILL)
}

// only is the one child of a process, or 0.
func (s *session) only(pid int) int {
	if kids := children(pid); len(kids) == 1 {
		return kids[0]
	}
	return 0
}
