package test

import (
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

// jobControlled are services beside which PROGRAM is stopped.
const jobControlled = "services:\n  web: {command: sleep 1000}\n"

// What Ctrl-Z stops where there is no shell goes on by itself beside services, too, and so do these.
func TestServicesStopOfLeader(t *testing.T) {
	leaders(t, func(t *testing.T, tinit starter) {
		s := newServices(t, jobControlled)
		term := onTerminal(t, s.init(tinit, "--", "hear"), func(r *exec.Cmd) { r.Dir = s.dir })
		term.shows("up\r\n")
		keeper := term.leader.program()
		program := outside(t, term.leader, s.info("program").PID)
		for range 3 {
			term.hasTerminal(program)
			term.types(ctrlZ)
			term.shows("continued\r\n")
			goesOn(t, keeper, program)
		}
		term.types(ctrlC)
		assert.Equal(t, 130, term.leader.wait())
	})
}

// A STOP is somebody's will, and keeps the keeper from nothing.
func TestServicesStopByHandOfLeader(t *testing.T) {
	s := newServices(t, jobControlled)
	term := onTerminal(t, s.init(pid1, "--", "sh", "-c", "echo up; cat"), func(r *exec.Cmd) { r.Dir = s.dir })
	term.shows("up\r\n")
	program := outside(t, term.leader, s.info("program").PID)
	send(t, program, syscall.SIGSTOP)
	isStopped(t, program)
	assert.Equal(t, "running", s.info("web").State)
	isStopped(t, program)
	term.leader.signal(syscall.SIGCONT)
	goesOn(t, program)
	term.types(ctrlD)
	assert.Zero(t, term.leader.wait())
}

// A shell above sees PROGRAM stopped, and has it and the keeper go on.
func TestServicesStopUnderShell(t *testing.T) {
	s := newServices(t, jobControlled)
	sh := interactiveShell(t)
	sh.line("TINIT_STATE_DIR=%s $tinit --services %s -- hear", s.path("state"), s.path("services.yaml"))
	sh.shows("up\r\n")
	program := s.info("program").PID
	for range 2 {
		sh.hasTerminal(program)
		sh.types(ctrlZ)
		sh.prompts()
		isStopped(t, program)
		sh.line("fg")
		sh.shows("continued\r\n")
		goesOn(t, program)
	}
	sh.hasTerminal(program)
	sh.types(ctrlC)
	sh.prompts()
	isGone(t, program)
}
