package test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Whatever becomes of the keeper, the init goes on: it reaps, ends who is left, and ends with a code that says what happened.
func TestServicesKeeperIsKilled(t *testing.T) {
	both(t, func(t *testing.T, tinit starter) {
		s := newServices(t, `
services:
	web: {command: [sh, -c, 'exec 2>/dev/null; trap "echo TERM >>log; exit" TERM; echo up >>up; while :; do sleep 0.01; done']}
	escaped: {command: [sh, -c, 'setsid sh -c "trap \"\" TERM; echo up >>up; exec sleep 1000" & wait']}
`)
		u := s.init(tinit, "--", "sleep", "1000").start()
		eventually(t, func() bool { return strings.Count(s.read("up"), "up") == 2 }, "all run")
		s.becomes("program", "running")
		keeper := u.program()
		assert.Contains(t, cmdline(keeper), "tinit-services")
		all := marked(u)
		require.Greater(t, len(all), 5)
		require.NoError(t, unix.Kill(keeper, unix.SIGKILL))
		assert.Equal(t, 137, u.wait())
		assert.Equal(t, "TERM\n", s.read("log"))
		assert.Contains(t, u.err.String(), "tinit-services")
		assert.Contains(t, u.err.String(), "was killed by signal KILL")
		for _, pid := range all {
			assert.False(t, alive(pid), "%d: %s", pid, cmdline(pid))
		}
	})
}

// marked is all that a run has started, itself included.
func marked(u *running) (all []int) {
	for _, pid := range pids() {
		if hasEnv(pid, u.mark) {
			all = append(all, pid)
		}
	}
	return all
}

// Orphans of services are the keeper's to reap, and where it hangs nobody's until it goes on; those of others are the init's.
func TestServicesLeaveNoZombies(t *testing.T) {
	both(t, func(t *testing.T, tinit starter) {
		s := newServices(t, `
services:
	web: {command: [sh, -c, 'for i in $(seq 50); do (sleep 0.01 &); done; echo up >>up; exec sleep 1000']}
`)
		u := s.init(tinit).start()
		s.has("up", "up")
		eventually(t, func() bool { return len(marked(u)) == 3 && len(zombies(u.program())) == 0 && len(zombies(u.pid)) == 0 },
			"the init, the keeper and the service are left")
	})
}

// Messages that nobody reads hold nothing up.
func TestServicesLogIsStalled(t *testing.T) {
	s := newServices(t, `
services:
	failing: {command: [sh, -c, 'exit 3'], restart: always}
	loud: {command: [sh, -c, 'yes >&2']}
`)
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	u := s.init(pid1, "-v", "--", "sleep", "1000").stderr(write).start()
	_ = write.Close()
	eventually(t, func() bool { return s.info("failing").Restarts > 2 }, "it goes on")
	u.signal(unix.SIGTERM)
	assert.Equal(t, 143, u.wait())
}

// A hundred services that sleep: nothing of tinit wakes up. A control has a service whose health is looked at.
func TestServicesIdle(t *testing.T) {
	needRelease(t)
	const window = 2 * time.Second
	woken := func(t *testing.T, also string) (keeper, init int) {
		var yaml strings.Builder
		yaml.WriteString("services:\n" + also)
		for i := range 100 {
			fmt.Fprintf(&yaml, "  s%d: {command: sleep 1000}\n", i)
		}
		s := newServices(t, yaml.String())
		u := s.init(pid1, "--", "sleep", "1000").start()
		s.becomes("program", "running")
		for _, pid := range []int{u.pid, u.program()} {
			if also == "" {
				isQuiet(t, pid) // what the start has left to do is done
			}
		}
		before := [2]int{switches(u.program()), switches(u.pid)}
		time.Sleep(window)
		return switches(u.program()) - before[0], switches(u.pid) - before[1]
	}
	keeper, init := woken(t, "")
	assert.Zero(t, keeper)
	assert.Zero(t, init)
	keeper, _ = woken(t, "  looked-at: {command: sleep 1000, healthcheck: {test: [CMD, 'true'], interval: 100ms}}\n")
	assert.NotZero(t, keeper, "control")
}

// On a terminal PROGRAM has it, with Ctrl-C and job control; services have none.
func TestServicesTerminal(t *testing.T) {
	s := newServices(t, "services:\n  web: {command: [sh, -c, 'echo up; exec sleep 1000']}\n")
	term := onTerminal(t, s.init(pid1, "--", "bash", "--norc", "-i"), func(r *exec.Cmd) { r.Dir = s.dir })
	term.shows("web | \x1b[0mup\r\n")
	term.line("tty; echo $-; sleep 1000")
	term.shows("/dev/pts/")
	term.shows("m")
	sleeps := func() bool { return comm(term.owner()) == "sleep" }
	eventually(t, sleeps, "what the shell runs has the terminal")
	term.types(ctrlZ)
	term.shows("Stopped")
	term.line("fg")
	eventually(t, sleeps, "it has it again")
	term.types(ctrlC)
	term.line("echo code $?; stty size >/dev/null && echo mine")
	term.shows("code 130")
	term.shows("mine")
	web := outside(t, term.leader, s.info("web").PID)
	assert.Zero(t, procStat(web).ttyNr)
	term.line("exit 6")
	assert.Equal(t, 6, term.leader.wait())
}

// Ctrl-C is a stop signal, whoever has the terminal; pressed once more it is a hurry.
func TestServicesCtrlC(t *testing.T) {
	s := newServices(t, "services:\n  web: {command: [sh, -c, 'trap \"\" TERM; echo up; while :; do sleep 1000; done']}\n")
	term := onTerminal(t, s.init(pid1), func(r *exec.Cmd) { r.Dir = s.dir })
	term.shows("up\r\n")
	term.types(ctrlC)
	eventually(t, func() bool { return s.info("web").State == "stopping" }, "it is told to end")
	term.types(ctrlC)
	assert.Zero(t, term.leader.wait())
}
