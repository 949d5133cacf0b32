package test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// PROGRAM has the terminal only if tinit's own group had it, and if nobody
// else can be meant to have it: that takes both standard input and output.
func TestTerminalIsGivenOrNot(t *testing.T) {
	for _, c := range []struct{ name, command, owner string }{
		{"all on the terminal", `$tinit sleep 1000`, "PROGRAM"},
		{"standard error elsewhere", `$tinit sleep 1000 2>/dev/null`, "PROGRAM"},
		{"standard output elsewhere", `$tinit sleep 1000 >out`, "tinit"},
		{"standard output on another terminal", `$tinit sleep 1000 >$other`, "tinit"},
		{"standard input elsewhere", `$tinit sleep 1000 </dev/null`, "tinit"},
		{"standard input from another terminal", `$tinit sleep 1000 <$other`, "tinit"},
		{"standard streams elsewhere", `$tinit sleep 1000 <$other >$other 2>$other`, "tinit"},
		{"in the background", `$tinit sleep 1000 &`, "shell"},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := newTerminal(t)
			s := interactiveShell(t)
			s.do("other=" + other.device.Name())
			s.line("%s", c.command)
			tinit, program := s.started()
			assert.Equal(t, program, procStat(program).pgrp, "PROGRAM leads a group of its own")
			owner := map[string]int{"PROGRAM": program, "tinit": tinit, "shell": s.leader.pid}[c.owner]
			s.hasTerminal(owner)
			if c.owner == "shell" {
				s.prompts()
				s.line("fg")
				s.hasTerminal(tinit)
			}
			s.types(ctrlC)
			s.ends(130)
			isGone(t, tinit, program)
		})
	}
}

func TestTerminalOfPipeline(t *testing.T) {
	s := interactiveShell(t)
	s.line(`$tinit sh -c 'echo up; exec sleep 1000' |` +
		` sh -c 'read line; echo "b got $line"; while read line </dev/tty; do echo "b got $line"; done'`)
	s.shows("b got up\r\n")
	tinit, program := s.started()
	assert.Equal(t, tinit, s.owner(), "the pipeline's group, which tinit leads")
	s.line("one")
	s.shows("b got one\r\n")
	goesOn(t, tinit, program)

	s.types(ctrlZ)
	s.prompts()
	isStopped(t, tinit, program)
	s.line("fg")
	goesOn(t, tinit, program)
	s.line("two")
	s.shows("b got two\r\n")
	s.types(ctrlC)
	s.prompts()
	isGone(t, tinit, program)
}

// Two in one process group, of which each stops the group.
func TestTerminalStopOfPipelineOfTwo(t *testing.T) {
	s := interactiveShell(t)
	s.line(`$tinit sleep 1000 | $tinit cat`)
	var both []int
	eventually(t, func() bool {
		both = nil
		for _, pid := range children(s.leader.pid) {
			if program := s.only(pid); executes(pid, tinitPath) && program != 0 && !executes(program, tinitPath) {
				both = append(both, pid, program)
			}
		}
		return len(both) == 4
	}, "both are started")
	for range 10 {
		s.types(ctrlZ)
		s.prompts()
		isStopped(t, both...)
		s.line("fg")
		s.hasTerminal(both[0])
		goesOn(t, both...)
	}
	s.types(ctrlC)
	s.prompts()
	isGone(t, both...)
}

// At its program's end, a tinit that never had the terminal does not take it.
func TestTerminalOfOthersAtTheEnd(t *testing.T) {
	t.Run("a shell's job", func(t *testing.T) {
		s := interactiveShell(t)
		s.line(`$tinit sh -c 'until test -e go; do sleep 0.02; done' &`)
		checkOthersTerminal(s, s.prompts)
	})
	t.Run("started by what became the shell", func(t *testing.T) {
		const program = `$tinit sh -c 'until test -e go; do sleep 0.02; done' & exec `
		s := script(t, program+strings.Join(bash(t), " "))
		checkOthersTerminal(s, s.prompts)
	})
}

func checkOthersTerminal(s *session, prompts func()) {
	s.t.Helper()
	prompts()
	tinit, program := s.started()
	s.line("cat")
	cat := s.childNamed(s.leader.pid, "cat")
	s.hasTerminal(cat)
	s.makes("go")
	isGone(s.t, tinit, program)
	assert.Equal(s.t, cat, s.owner())
	s.line("hello")
	s.shows("hello\r\n")
	s.types(ctrlD)
	prompts()
}

// The first of a pipeline may want to read all the same: then it gets the
// terminal, and at its end the others have it again.
func TestTerminalOfPipelineThatReads(t *testing.T) {
	s := interactiveShell(t)
	s.line(`$tinit sh -c 'read line; echo "$line"' |` +
		` sh -c 'read line; echo "b got $line"; until test -e go; do sleep 0.02; done; read line </dev/tty; echo "b got $line"'`)
	_, program := s.started()
	s.hasTerminal(program)
	s.line("one")
	s.shows("b got one\r\n")
	isGone(t, program)
	eventually(t, func() bool { return s.owner() != program }, "tinit takes the terminal back")
	s.makes("go")
	s.line("two")
	s.shows("b got two\r\n")
	s.ends(0)
}

// The terminal tells its foreground of a new size.
func TestTerminalResize(t *testing.T) {
	for _, command := range []string{`$tinit print-signals`, `$tinit print-signals | cat`} {
		t.Run(command, func(t *testing.T) {
			s := interactiveShell(t)
			s.line("%s", command)
			s.shows("ready ")
			tinit, _ := s.started()
			require.NoError(t, pty.Setsize(s.user, &pty.Winsize{Rows: 50, Cols: 132}))
			s.shows(fmt.Sprintf("%d\r\n", unix.SIGWINCH))
			for range 2 {
				send(t, tinit, unix.SIGUSR2)
				s.shows(fmt.Sprintf("%d\r\n", unix.SIGUSR2))
			}
			s.ends(0)
		})
	}
}

// What a program in the background may not do stops it. The shell hears of it,
// and tinit waits as quietly as if it were the program.
func TestTerminalBackgroundStop(t *testing.T) {
	for _, c := range []struct{ name, command, after string }{
		{"reads", `$tinit cat &`, ""},
		{"sets modes", `$tinit sh -c 'stty -echo; echo set; cat' &`, "set\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := interactiveShell(t)
			s.line("%s", c.command)
			s.prompts()
			tinit, program := s.started()
			isStopped(t, tinit, program)
			assert.Equal(t, s.leader.pid, s.owner(), "the terminal stays with the shell")
			before := switches(tinit)
			s.noticesStop(s.prompts)

			s.do("bg") // it only stops again
			isStopped(t, tinit, program)
			s.noticesStop(s.prompts)
			assert.Less(t, switches(tinit)-before, 200, "tinit's context switches")

			s.line("fg")
			s.hasTerminal(program)
			s.shows(c.after)
			s.line("hello")
			s.shows("hello\r\n")
			s.types(ctrlD)
			s.ends(0)
		})
	}
}

// A shell's fg of a job that runs sends no CONT. PROGRAM learns of it when it
// reads: it is stopped, and tinit has the terminal for it.
func TestTerminalForegroundOfRunningJob(t *testing.T) {
	s := interactiveShell(t)
	s.line(`$tinit sh -c 'until test -e go; do sleep 0.02; done; cat' &`)
	tinit, program := s.started()
	s.prompts()
	s.line("fg")
	s.hasTerminal(tinit)
	s.makes("go")
	s.hasTerminal(program)
	s.line("hello")
	s.shows("hello\r\n")
	s.types(ctrlZ)
	s.prompts()
	isStopped(t, tinit, program)
	s.line("fg")
	s.hasTerminal(program)
	s.line("again")
	s.shows("again\r\n")
	s.types(ctrlC)
	s.ends(130)
}

// With TOSTOP, who writes from the background is stopped; not so tinit, which
// has something to say even when PROGRAM has the terminal and it has not.
func TestTerminalMessagesUnderTostop(t *testing.T) {
	for _, c := range []struct{ name, end string }{
		{"in the background", " &"},
		{"in the foreground", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := interactiveShell(t)
			s.do("stty tostop")
			control := s.backgroundWriter()

			s.line("$tinit -v block-signals%s", c.end)
			tinit, program := s.started()
			eventually(t, func() bool { return comm(program) == "sleep" }, "the program blocks its signals")
			if c.end == "" {
				s.hasTerminal(program)
			} else {
				s.hasTerminal(s.leader.pid)
			}
			for _, sig := range []syscall.Signal{unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM} {
				send(t, tinit, sig)
				s.shows("sent " + unix.SignalName(sig)[len("SIG"):])
			}
			isQuiet(t, tinit)
			goesOn(t, tinit, program)
			got := pending(program)
			delete(got, int(unix.SIGURG)) // of the Go runtime that block-signals begins with
			assert.Equal(t, map[int]bool{int(unix.SIGUSR1): true, int(unix.SIGUSR2): true, int(unix.SIGALRM): true}, got)
			isStopped(t, control)
		})
	}
}

// PROGRAM itself is stopped for writing, as without tinit.
func TestTerminalWriterUnderTostop(t *testing.T) {
	s := interactiveShell(t)
	s.do("stty tostop")
	s.line(`$tinit -v sh -c 'echo written; cat' &`)
	tinit, program := s.started()
	s.prompts()
	isStopped(t, tinit, program)
	s.noticesStop(s.prompts)
	s.line("fg")
	s.shows("written\r\n")
	s.hasTerminal(program)
	s.line("hello")
	s.shows("hello\r\n")
	s.types(ctrlD)
	s.ends(0)
}

// noticesStop waits until the shell knows that its job is stopped, without
// which its fg would not continue it. prompts waits for the shell's prompt.
func (s *session) noticesStop(prompts func()) {
	s.t.Helper()
	eventually(s.t, func() bool {
		before := s.seen
		s.line("jobs")
		prompts()
		return strings.Contains(s.text()[before:s.seen], "Stopped")
	}, "the shell notices the stop")
}

// backgroundWriter is a process that TOSTOP has stopped.
func (s *session) backgroundWriter() (pid int) {
	s.t.Helper()
	s.do(`sh -c 'echo $$ >writer; echo never' &`)
	eventually(s.t, func() bool {
		text, _ := os.ReadFile(s.file("writer"))
		pid, _ = strconv.Atoi(string(text[:max(0, len(text)-1)]))
		return pid != 0
	}, "the writer starts")
	isStopped(s.t, pid)
	return pid
}

// isQuiet waits until the process does nothing at all for a while.
func isQuiet(t *testing.T, pid int) {
	t.Helper()
	last, since := -1, time.Now()
	eventually(t, func() bool {
		if now := switches(pid); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > 200*time.Millisecond
	}, "the process is quiet")
}

// switches is how often the process's threads were given a CPU or lost it.
func switches(pid int) (sum int) {
	tasks, _ := os.ReadDir(procPath(pid, "task"))
	for _, task := range tasks {
		text, _ := os.ReadFile(procPath(pid, "task/"+task.Name()+"/status"))
		fields := statusFields(string(text))
		for _, name := range []string{"voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"} {
			n, _ := strconv.Atoi(fields[name])
			sum += n
		}
	}
	return sum
}
