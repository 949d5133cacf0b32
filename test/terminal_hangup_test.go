package test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTerminalHangUpUnderShell(t *testing.T) {
	for _, c := range []struct {
		name, command string
		then          func(s *session, tinit, program int)
	}{
		{"in the foreground", `$tinit hear`, func(s *session, _, program int) { s.hasTerminal(program) }},
		{"in the background", `$tinit hear &`, func(s *session, _, _ int) { s.hasTerminal(s.leader.pid) }},
		{"stopped", `$tinit hear`, func(s *session, tinit, program int) {
			s.hasTerminal(program)
			s.types(ctrlZ)
			s.prompts()
			isStopped(s.t, tinit, program)
		}},
		{"in a script", `sh -c '$tinit hear; true'`, func(s *session, _, program int) { s.hasTerminal(program) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := interactiveShell(t)
			s.line("%s", c.command)
			s.shows("up\r\n")
			tinit, program := s.started()
			c.then(s, tinit, program)
			s.hangUp()
			s.wrote("hup", "heard")
			isGone(t, tinit, program)
		})
	}
}

func TestTerminalHangUpOfLeader(t *testing.T) {
	leaders(t, func(t *testing.T, tinit starter) {
		for _, c := range []struct {
			name    string
			program []string
			code    int
		}{
			{"PROGRAM catches HUP", []string{"hear"}, 3},
			{"PROGRAM does not", []string{"sh", "-c", `echo up; sleep 1000`}, 129},
			{"PROGRAM reads", []string{"sh", "-c", `trap "" HUP; echo up; while read line; do :; done; exit 4`}, 4},
		} {
			t.Run(c.name, func(t *testing.T) {
				s := onTerminal(t, tinit(t, c.program...))
				s.shows("up\r\n")
				s.hangUp()
				assert.Equal(t, c.code, s.leader.wait())
			})
		}
	})
}

// When PROGRAM ends there is no terminal any more that tinit could take back.
func TestTerminalGoneBeforeTheEnd(t *testing.T) {
	const program = `trap "" HUP; echo up; until test -e go; do sleep 0.02; done; exit 7`
	leaders(t, func(t *testing.T, tinit starter) {
		s := onTerminal(t, tinit(t, "sh", "-c", program))
		s.shows("up\r\n")
		s.hasTerminal(s.leader.program())
		s.hangUp()
		eventually(t, func() bool { return procStat(s.leader.pid).ttyNr == 0 }, "the session has no terminal")
		isQuiet(t, s.leader.pid)
		s.makes("go")
		assert.Equal(t, 7, s.leader.wait())
	})
	t.Run("in a script", func(t *testing.T) {
		s := script(t, `trap "" HUP; $tinit sh -c '`+program+`'; echo "code $?" >code`)
		s.shows("up\r\n")
		tinit, program := s.started()
		s.hasTerminal(program)
		s.hangUp()
		eventually(t, func() bool { return procStat(tinit).ttyNr == 0 }, "the session has no terminal")
		isQuiet(t, tinit)
		s.makes("go")
		s.wrote("code", "code 7\n")
		assert.Equal(t, 0, s.leader.wait())
	})
}

// The terminal goes while PROGRAM is stopped and waits for it.
func TestTerminalGoneWhileStopped(t *testing.T) {
	leaders(t, func(t *testing.T, tinit starter) {
		s := onTerminal(t, tinit(t, "hear"))
		s.shows("up\r\n")
		send(t, s.leader.program(), syscall.SIGSTOP)
		isStopped(t, s.leader.program())
		s.hangUp()
		assert.Equal(t, 3, s.leader.wait())
	})
}
