package test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// leaders runs a test with tinit as the leader of the terminal's session: as
// PID 1, which "docker run -t" makes of it, and as an ordinary process.
func leaders(t *testing.T, test func(t *testing.T, tinit starter)) {
	everywhere(t, test)
}

func TestTerminalKeysOfLeader(t *testing.T) {
	leaders(t, func(t *testing.T, tinit starter) {
		for _, c := range []struct {
			name, key, program string
			code               int
		}{
			{"Ctrl-C", ctrlC, `echo up; while :; do sleep 0.05; done`, 130},
			{"Ctrl-C that PROGRAM catches", ctrlC, `trap "exit 7" INT; echo up; while :; do sleep 0.05; done`, 7},
			{`Ctrl-\ that PROGRAM catches`, ctrlBackslash, `trap "exit 8" QUIT; echo up; while :; do sleep 0.05; done`, 8},
			{"Ctrl-D", ctrlD, `echo up; cat; exit 9`, 9},
		} {
			t.Run(c.name, func(t *testing.T) {
				s := onTerminal(t, tinit(t, "sh", "-c", c.program))
				s.shows("up\r\n")
				s.hasTerminal(s.leader.program())
				s.types(c.key)
				assert.Equal(t, c.code, s.leader.wait())
				assert.NotContains(t, s.text(), "tinit:")
			})
		}
	})
}

// Nobody could continue what Ctrl-Z stops here. So it goes on by itself.
func TestTerminalStopOfLeader(t *testing.T) {
	leaders(t, func(t *testing.T, tinit starter) {
		for _, flag := range []string{"-g", "-c"} {
			t.Run(flag, func(t *testing.T) {
				s := onTerminal(t, tinit(t, flag, "hear"))
				s.shows("up\r\n")
				for range 3 {
					s.hasTerminal(s.leader.program())
					s.types(ctrlZ)
					s.shows("continued\r\n")
					goesOn(t, s.leader.pid, s.leader.program())
				}
				s.types(ctrlC)
				assert.Equal(t, 130, s.leader.wait())
			})
		}
	})
}

// A shell without job control above tinit does not help either.
func TestTerminalStopWithoutJobControl(t *testing.T) {
	check := func(t *testing.T, s *session) {
		s.shows("up\r\n")
		tinit, program := s.started()
		s.hasTerminal(program)
		s.types(ctrlZ)
		s.shows("continued\r\n")
		goesOn(t, tinit, program)
		s.types(ctrlC)
		isGone(t, tinit, program)
	}
	t.Run("a script leads the session", func(t *testing.T) {
		check(t, script(t, `$tinit hear; true`))
	})
	t.Run("a shell with set +m", func(t *testing.T) {
		s := interactiveShell(t)
		s.do("set +m")
		s.line("$tinit hear")
		check(t, s)
	})
}

// A STOP, unlike Ctrl-Z, is somebody's will: a debugger's, or a test's.
func TestTerminalStopByHandOfLeader(t *testing.T) {
	leaders(t, func(t *testing.T, tinit starter) {
		s := onTerminal(t, tinit(t, "sh", "-c", `echo up; cat`))
		s.shows("up\r\n")
		program := s.leader.program()
		send(t, program, syscall.SIGSTOP)
		isStopped(t, program)
		isQuiet(t, s.leader.pid)
		isStopped(t, program)
		s.leader.signal(syscall.SIGCONT)
		goesOn(t, program)
		s.line("hello")
		s.shows("hello\r\n")
		s.types(ctrlD)
		assert.Equal(t, 0, s.leader.wait())
	})
}

// A shell inside has job control as at a login.
func TestTerminalShellInside(t *testing.T) {
	leaders(t, func(t *testing.T, tinit starter) {
		s := onTerminal(t, tinit(t, bash(t)...))
		s.shows(prompt)
		shell := s.leader.program()
		back := func() { s.shows(prompt); s.hasTerminal(shell) }

		s.line(`case $- in *m*) echo "job control";; esac`)
		s.shows("job control\r\n")
		back()
		assert.NotContains(t, s.text(), "no job control")

		s.line("cat")
		cat := s.childNamed(shell, "cat")
		for range 3 {
			s.hasTerminal(cat)
			s.types(ctrlZ)
			back()
			isStopped(t, cat)
			goesOn(t, s.leader.pid, shell)
			s.line("fg")
			s.hasTerminal(cat)
			s.line("hello")
			s.shows("hello\r\n")
		}
		s.types(ctrlC)
		back()

		s.line("cat &")
		back()
		cat = s.childNamed(shell, "cat")
		isStopped(t, cat)
		s.noticesStop(back)
		s.line("fg")
		s.hasTerminal(cat)
		s.types(ctrlD)
		back()
		s.line("exit 5")
		assert.Equal(t, 5, s.leader.wait())
	})
}

func (s *session) childNamed(parent int, name string) (pid int) {
	s.t.Helper()
	eventually(s.t, func() bool {
		for _, pid = range children(parent) {
			if comm(pid) == name {
				return true
			}
		}
		return false
	}, name+" starts")
	return pid
}

// Nobody but the leader's own PROGRAM can want the terminal, whatever its streams
// are. The control is TestTerminalForWhoReads.
func TestTerminalOfLeaderWithStreamsElsewhere(t *testing.T) {
	leaders(t, func(t *testing.T, tinit starter) {
		for fd, what := range []string{"standard input", "standard output"} {
			t.Run(what, func(t *testing.T) {
				s := onTerminal(t, tinit(t, "sh", "-c", `echo up >&2; read line </dev/tty; echo "got $line" >&2; exec sleep 1000`),
					func(cmd *exec.Cmd) {
						if fd == 0 {
							cmd.Stdin, cmd.SysProcAttr.Ctty = nil, 1
						} else {
							cmd.Stdout = nil
						}
					})
				s.shows("up\r\n")
				s.hasTerminal(s.leader.program())
				s.line("hello")
				s.shows("got hello\r\n")
				s.types(ctrlC)
				assert.Equal(t, 130, s.leader.wait())
			})
		}
	})
}

// In a script another program may want the terminal. With its output elsewhere
// PROGRAM gets it when it wants to read.
func TestTerminalForWhoReads(t *testing.T) {
	s := script(t, `$tinit sh -c 'echo up >&2; until test -e go; do sleep 0.02; done; cat' >out; exit $?`)
	s.shows("up\r\n")
	_, program := s.started()
	s.hasTerminal(s.leader.pid)
	s.makes("go")
	s.hasTerminal(program)
	s.line("hello")
	s.types(ctrlD)
	assert.Equal(t, 0, s.leader.wait())
	text, err := os.ReadFile(s.file("out"))
	require.NoError(t, err)
	assert.Equal(t, "hello\n", string(text))
}

// A PID namespace within a terminal's session: its PID 1 leads no session, and
// has no number for its caller's process group.
func TestTerminalOfNamespaceWithinSession(t *testing.T) {
	why := namespacesMissing()
	need(t, why == "", "no namespaces: "+why)
	need(t, os.Geteuid() == 0, "not root")
	const unshare = `unshare --pid --mount-proc --fork $tinit `
	t.Run("in the foreground", func(t *testing.T) {
		s := interactiveShell(t)
		s.line("%s", unshare+"cat")
		_, program := s.started()
		s.hasTerminal(program)
		s.line("hello")
		s.shows("hello\r\n")
		s.types(ctrlZ)
		s.line("again")
		s.shows("again\r\n")
		s.types(ctrlC)
		s.ends(130)
	})
	t.Run("in the background", func(t *testing.T) {
		s := interactiveShell(t)
		s.line("%s", unshare+"sh -c 'until test -e go; do sleep 0.02; done; cat' &")
		_, program := s.started()
		s.prompts()
		s.line("fg")
		s.hasTerminal(s.childNamed(s.leader.pid, "unshare"))
		s.makes("go")
		s.hasTerminal(program)
		s.line("hello")
		s.shows("hello\r\n")
		s.types(ctrlD)
		s.ends(0)
	})
}
