package test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// passedOn are the variables about what was passed to tinit.
var passedOn = []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID", "WATCHDOG_PID", "WATCHDOG_USEC", "NOTIFY_SOCKET"}

// variables is the environment of a process.
func variables(t *testing.T, pid int) map[string]string {
	t.Helper()
	text, err := os.ReadFile(procPath(pid, "environ"))
	require.NoError(t, err)
	all := make(map[string]string)
	for kv := range strings.SplitSeq(string(text), "\x00") {
		name, value, _ := strings.Cut(kv, "=")
		all[name] = value
	}
	return all
}

func hasOpen(t *testing.T, pid, count int) {
	t.Helper()
	assert.Len(t, given(pid, count), count)
}

// Sockets and a watchdog are PROGRAM's beside services as they are without, in each of its lives. No service has a descriptor of
// them, nor a variable; nor has a check.
func TestServicesPassed(t *testing.T) {
	both(t, func(t *testing.T, tinit starter) {
		s := newServices(t, `
services:
	web: {command: [sleep, "1000"]}
	other:
		command: [sleep, "1000"]
		environment: {LISTEN_FDNAMES: its own}
	program:
		depends_on: [web]
		healthcheck: {test: [CMD-SHELL, 'echo $$$$ >probe; exec sleep 1000'], interval: 10ms}
`)
		u := activated(s.init(tinit, "--", "sleep", "1000"),
			"LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=a LISTEN_PIDFDID=5 WATCHDOG_PID=$$ WATCHDOG_USEC=7 NOTIFY_SOCKET=/n OTHER=1").start()
		process := func(name string) int { return outside(t, u, s.becomes(name, "running").PID) }
		for _, name := range []string{"web", "other"} {
			pid := process(name)
			hasOpen(t, pid, 3)
			has := variables(t, pid)
			assert.Equal(t, "1", has["OTHER"], "control")
			if name == "other" {
				assert.Equal(t, "its own", has["LISTEN_FDNAMES"], "the file has said so")
				delete(has, "LISTEN_FDNAMES")
			}
			for _, variable := range passedOn {
				assert.NotContains(t, has, variable, name)
			}
		}
		assert.Contains(t, descriptors(u.program()), 3, "control: the keeper has it, and has to keep it")

		eventually(t, func() bool { return s.read("probe") != "" }, "it is looked at")
		probe, err := strconv.Atoi(strings.TrimSpace(s.read("probe")))
		require.NoError(t, err)
		probe = outside(t, u, probe)
		hasOpen(t, probe, 3)
		for _, variable := range passedOn {
			assert.NotContains(t, variables(t, probe), variable, "a check")
		}

		for life := range 2 {
			if life > 0 {
				s.must("restart", "program")
			}
			pid := process("program")
			has, inner := variables(t, pid), strconv.Itoa(nsPid(t, pid))
			assert.Equal(t, []string{inner, "1", "a", inner, "7", "/n"},
				[]string{has["LISTEN_PID"], has["LISTEN_FDS"], has["LISTEN_FDNAMES"], has["WATCHDOG_PID"], has["WATCHDOG_USEC"], has["NOTIFY_SOCKET"]})
			assert.NotContains(t, has, "LISTEN_PIDFDID")
			assert.Contains(t, descriptors(pid)[3], "pipe")
			hasOpen(t, pid, 4)
		}
		s.must("restart", "web")
		hasOpen(t, process("web"), 3) // after PROGRAM, too
	})
}

// What names somebody else is left as it is for PROGRAM, and what the file or a flag says of PROGRAM is meant. No service has it.
func TestServicesPassedToAnother(t *testing.T) {
	for name, c := range map[string]struct {
		file, given, want string
		flags             []string
	}{
		"another":  {given: "LISTEN_PID=77777", want: "77777 1"},
		"a flag":   {given: "LISTEN_PID=$$", want: "77777 1", flags: []string{"--env", "LISTEN_PID=77777"}},
		"the file": {given: "LISTEN_PID=$$", want: "77777 1", file: "\tprogram: {depends_on: [web], environment: {LISTEN_PID: 77777}}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServices(t, "services:\n\tweb: {command: [sh, -c, 'echo $$LISTEN_PID $$LISTEN_FDS; exec sleep 1000']}\n"+c.file)
			args := append(c.flags, "--", "sh", "-c", "echo $LISTEN_PID $LISTEN_FDS; exec sleep 1000")
			u := activated(s.init(tinit, args...), c.given+" LISTEN_FDS=1").start()
			u.out.waitFor(t, c.want+"\n")
			assert.Contains(t, descriptors(s.becomes("program", "running").PID)[3], "pipe")
			u.out.waitFor(t, " | ")
			assert.Regexp(t, `(?m)^web +\| *$`, u.out.String())
		})
	}
}
