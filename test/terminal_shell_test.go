package test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTerminalKeys(t *testing.T) {
	const loop = "echo up; while :; do sleep 0.05; done'"
	for _, c := range []struct {
		name, key, command string
		code               int
	}{
		{"Ctrl-C", ctrlC, `$tinit sh -c '` + loop, 130},
		{"Ctrl-C that PROGRAM catches", ctrlC, `$tinit sh -c 'trap "exit 7" INT; ` + loop, 7},
		{"Ctrl-C for PROGRAM alone", ctrlC, `$tinit -c sh -c 'trap "exit 7" INT; ` + loop, 7},
		{`Ctrl-\`, ctrlBackslash, `ulimit -c 0; $tinit sh -c '` + loop, 131},
		{`Ctrl-\ that PROGRAM catches`, ctrlBackslash, `$tinit sh -c 'trap "exit 8" QUIT; ` + loop, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := interactiveShell(t)
			s.line("%s", c.command)
			s.shows("up\r\n")
			_, program := s.started()
			s.hasTerminal(program)
			assert.Equal(t, program, procStat(program).pgrp, "PROGRAM leads a group of its own")
			s.types(c.key)
			s.ends(c.code)
			assert.NotContains(t, s.text(), "tinit:")
		})
	}
}

// Whatever stops PROGRAM, the shell gets its prompt; with fg PROGRAM has the
// terminal again.
func TestTerminalStop(t *testing.T) {
	for _, c := range []struct {
		name, command string
		stop          func(s *session, tinit, program int)
	}{
		{"Ctrl-Z", `$tinit cat`, func(s *session, _, _ int) { s.types(ctrlZ) }},
		{"Ctrl-Z, signals to PROGRAM alone", `$tinit -c cat`, func(s *session, _, _ int) { s.types(ctrlZ) }},
		{"STOP to PROGRAM", `$tinit cat`, func(s *session, _, program int) { send(s.t, program, syscall.SIGSTOP) }},
		{"TSTP to tinit", `$tinit cat`, func(s *session, tinit, _ int) { send(s.t, tinit, syscall.SIGTSTP) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := interactiveShell(t)
			s.line("%s", c.command)
			tinit, program := s.started()
			for range 5 {
				s.hasTerminal(program)
				c.stop(s, tinit, program)
				s.prompts()
				isStopped(t, tinit, program)
				s.line("fg")
				s.hasTerminal(program)
				s.line("hello")
				s.shows("hello\r\n")
			}
			s.types(ctrlD)
			s.ends(0)
		})
	}
}

// Ctrl-Z stops the whole foreground group, so fg has to continue all of it,
// even if other signals are for PROGRAM alone.
func TestTerminalStopOfChildren(t *testing.T) {
	for _, flag := range []string{"-g", "-c"} {
		t.Run(flag, func(t *testing.T) {
			s := interactiveShell(t)
			s.line(`$tinit %s sh -c 'cat; echo end'`, flag)
			tinit, program := s.started()
			var cat int
			eventually(t, func() bool { cat = s.only(program); return comm(cat) == "cat" }, "the program's child starts")
			s.hasTerminal(program)
			s.types(ctrlZ)
			s.prompts()
			isStopped(t, tinit, program, cat)
			s.line("fg")
			s.hasTerminal(program)
			goesOn(t, tinit, program, cat)
			s.line("hello")
			s.shows("hello\r\n")
			s.types(ctrlD)
			s.shows("end\r\n")
			s.ends(0)
		})
	}
}

func TestTerminalBackgroundAndForeground(t *testing.T) {
	s := interactiveShell(t)
	s.line(`$tinit sleep 1000`)
	tinit, program := s.started()
	s.hasTerminal(program)
	for range 3 {
		s.types(ctrlZ)
		s.prompts()
		isStopped(t, tinit, program)

		s.do("bg")
		goesOn(t, tinit, program)
		assert.Equal(t, s.leader.pid, s.owner(), "the terminal stays with the shell")

		// Nothing tells a job that it has the foreground. It may stay with
		// tinit's group then: the keys reach PROGRAM all the same.
		s.line("fg")
		s.hasTerminal(tinit)
	}
	s.types(ctrlC)
	s.ends(130)
	isGone(t, tinit, program)
}

// A script has no job control: tinit is in its group, and stops all of it.
func TestTerminalStopInScript(t *testing.T) {
	s := interactiveShell(t)
	s.line(`sh -c '$tinit cat; echo "done $?"'`)
	tinit, program := s.started()
	for range 3 {
		s.hasTerminal(program)
		s.types(ctrlZ)
		s.prompts()
		isStopped(t, tinit, program, procStat(tinit).ppid)
		s.line("fg")
		s.hasTerminal(program)
		s.line("hello")
		s.shows("hello\r\n")
	}
	s.types(ctrlD)
	s.shows("done 0\r\n")
	s.prompts()
}

// A PROGRAM that took no notice of TSTP may be stopped all the same.
func TestTerminalStopInScriptAfterTSTP(t *testing.T) {
	s := interactiveShell(t)
	s.line(`sh -c '$tinit print-signals; echo "done $?"'`)
	s.shows("ready ")
	tinit, program := s.started()
	send(t, tinit, syscall.SIGTSTP)
	s.shows(fmt.Sprintf("%d\r\n", syscall.SIGTSTP))
	send(t, program, syscall.SIGSTOP)
	s.prompts()
	isStopped(t, tinit, program, procStat(tinit).ppid)
	s.line("fg")
	s.hasTerminal(program)
	for range 2 {
		send(t, tinit, syscall.SIGUSR2)
		s.shows(fmt.Sprintf("%d\r\n", syscall.SIGUSR2))
	}
	s.shows("done 0\r\n")
	s.prompts()
}

// Nothing is to be done about a STOP of tinit itself, which leaves PROGRAM
// running; but the job must go on with fg.
func TestTerminalStopOfTinit(t *testing.T) {
	s := interactiveShell(t)
	s.line(`$tinit sh -c 'until test -e go; do sleep 0.02; done; cat'`)
	tinit, program := s.started()
	s.hasTerminal(program)
	send(t, tinit, syscall.SIGSTOP)
	s.prompts()
	isStopped(t, tinit)
	s.line("fg")
	goesOn(t, tinit)
	s.makes("go")
	s.line("hello")
	s.shows("hello\r\n")
	s.types(ctrlD)
	s.ends(0)
}

func TestTerminalStopInTinitInTinit(t *testing.T) {
	s := interactiveShell(t)
	s.line(`$tinit $tinit cat`)
	inner, program := s.started()
	outer := procStat(inner).ppid
	for range 3 {
		s.hasTerminal(program)
		s.types(ctrlZ)
		s.prompts()
		isStopped(t, outer, inner, program)
		s.line("fg")
		s.hasTerminal(program)
		s.line("hello")
		s.shows("hello\r\n")
	}
	s.types(ctrlD)
	s.ends(0)
}

func TestTerminalSuspendedShell(t *testing.T) {
	s := interactiveShell(t)
	s.line(`PS1='inner> ' $tinit %s`, strings.Join(bash(t), " "))
	s.shows("inner> ")
	tinit, inner := s.started()
	for range 2 {
		s.hasTerminal(inner)
		s.line("suspend")
		s.prompts()
		isStopped(t, tinit, inner)
		s.line("fg")
		s.hasTerminal(inner)
		s.line("echo in")
		s.shows("in\r\n")
	}
	s.line("exit 4")
	s.ends(4)
}

// While tinit is stopped, others than the shell may do things to PROGRAM.
func TestTerminalSignalsToStoppedProgram(t *testing.T) {
	start := func(t *testing.T) (s *session, tinit, program int) {
		s = interactiveShell(t)
		s.line(`$tinit cat`)
		tinit, program = s.started()
		s.hasTerminal(program)
		s.types(ctrlZ)
		s.prompts()
		isStopped(t, tinit, program)
		return s, tinit, program
	}
	t.Run("KILL", func(t *testing.T) {
		s, _, program := start(t)
		send(t, program, syscall.SIGKILL)
		isGone(t, program)
		s.line("fg")
		s.ends(137)
	})
	t.Run("CONT", func(t *testing.T) {
		s, tinit, program := start(t)
		send(t, program, syscall.SIGCONT)
		isStopped(t, program) // it wants to read
		isStopped(t, tinit)
		s.line("fg")
		s.hasTerminal(program)
		s.line("hello")
		s.shows("hello\r\n")
		s.types(ctrlD)
		s.ends(0)
	})
}

func TestTerminalKillOfStoppedJob(t *testing.T) {
	s := interactiveShell(t)
	s.line(`$tinit sleep 1000`)
	tinit, program := s.started()
	s.hasTerminal(program)
	s.types(ctrlZ)
	s.prompts()
	isStopped(t, tinit, program)
	s.do("kill %1; wait %1")
	isGone(t, tinit, program)
}

// After tinit the terminal is whose it was, whatever became of PROGRAM.
func TestTerminalAfterTheEnd(t *testing.T) {
	for _, c := range []struct {
		name, command, code string
	}{
		{"PROGRAM ends", `$tinit true`, "0"},
		{"PROGRAM is killed", `$tinit sh -c 'kill -KILL $$'`, "137"},
		{"PROGRAM is not there", `$tinit nothing-of-this-name`, "127"},
		{"PROGRAM is a file and not there", `$tinit ./nothing-of-this-name`, "127"},
		{"PROGRAM is a directory", `$tinit .`, "126"},
		{"PROGRAM is not executable", `echo >file; $tinit ./file`, "126"},
		{"PROGRAM's interpreter is not there", `echo '#!/nothing' >file; chmod +x file; $tinit ./file`, "127"},
		{"PROGRAM is of another architecture", `printf '\177ELF\2\2\2\2' >file; chmod +x file; $tinit ./file`, "126"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := script(t, c.command+`; echo "code $?"; read line; echo "got $line"`)
			s.shows("code " + c.code + "\r\n")
			s.hasTerminal(s.leader.pid)
			s.line("hello")
			s.shows("got hello\r\n")
			assert.Equal(t, 0, s.leader.wait())
		})
		t.Run(c.name+", under a shell", func(t *testing.T) {
			s := interactiveShell(t)
			s.do(c.command)
			s.line(`read line; echo "got $line"`)
			s.line("hello")
			s.shows("got hello\r\n")
			s.prompts()
		})
	}
}

// A shell that is killed leaves its foreground job behind, and the terminal
// with it.
func TestTerminalAfterKilledShell(t *testing.T) {
	const command = `PS1="inner> " $tinit $bash; echo "code $?"; read line; echo "got $line"`
	check := func(t *testing.T, s *session) {
		s.shows("inner> ")
		_, inner := s.started()
		s.line("cat")
		s.hasTerminal(s.childNamed(inner, "cat"))
		send(t, inner, syscall.SIGKILL)
		s.shows("code 137\r\n")
		s.line("hello")
		s.shows("got hello\r\n")
	}
	inner := "bash='" + strings.Join(bash(t), " ") + "'; "
	t.Run("in a script", func(t *testing.T) {
		s := interactiveShell(t)
		s.do("export " + inner)
		s.line(`sh -c '%s'`, command)
		check(t, s)
		s.ends(0)
	})
	t.Run("in a script that leads the session", func(t *testing.T) {
		check(t, script(t, inner+command))
	})
}
