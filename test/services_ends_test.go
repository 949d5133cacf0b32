package test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What ends all, with which code, and what does not. PROGRAM, where there is one, would stay.
func TestServicesEndAll(t *testing.T) {
	const stays = "exec sleep 1000"
	for name, c := range map[string]struct {
		yaml, program string
		code          int
		said          string // in a message
	}{
		"an essential service": {"web: {command: sh -c 'exit 3'}", stays, 3, "web has ended (exit code 3), and with it all"},
		"one that ends well":   {"web: {command: 'true'}", stays, 0, "web has ended (exit code 0), and with it all"},
		"one that is killed":   {"web: {command: [sh, -c, 'kill -KILL $$$$']}", stays, 137, "web has ended (signal KILL)"},
		"one that is not there": {
			"web: {command: no-such-program}", stays, 127, "no-such-program",
		},
		"restarts that are used up": {
			"web: {command: [sh, -c, 'echo x >>lives; exit 3'], restart: 'on-failure:2'}", stays, 3, "web has failed 3 times in a row (exit code 3), and with it all",
		},
		"a one-shot that fails": {
			"one: {command: sh -c 'exit 4'}\n  web: {command: sleep 1000, depends_on: {one: {condition: service_completed_successfully}}}",
			stays, 4, "web cannot start: one has failed (exit code 4)",
		},
		"a one-shot that fails where PROGRAM alone would wait": {
			"one: {command: sh -c 'exit 4'}\n  program: {depends_on: {one: {condition: service_completed_successfully}}}",
			stays, 4, "program cannot start: one has failed (exit code 4)",
		},
		"one that never gets well": {
			"db: {command: sleep 1000, healthcheck: {test: [CMD, 'false'], interval: 10ms, retries: 2}}\n  web: {command: sleep 1000, depends_on: {db: {condition: service_healthy}}}",
			stays, 1, "web cannot start: db is unhealthy",
		},
		"PROGRAM":         {"web: {command: sleep 1000}", "exit 7", 7, ""},
		"PROGRAM, with 0": {"web: {command: sleep 1000}", "exit 0", 0, ""},
		"not a PROGRAM that is spared": {
			"web: {command: sh -c 'sleep 0.2; exit 7'}\n  program: {x-essential: false}", "exit 3", 7, "program has failed (exit code 3)",
		},
		"one-shots, all":     {"a: {command: 'true'}\n  b: {command: 'true', depends_on: {a: {condition: service_completed_successfully}}}", "", 0, "b has ended (exit code 0), and with it all"},
		"not what is spared": {"web: {command: sh -c 'exit 3', x-essential: false}", "sleep 0.2; exit 7", 7, "web has failed (exit code 3)"},
		"nor that it can't":  {"web: {command: /nonexistent, x-essential: false}", "exit 7", 7, "web has failed (exit code 127)"},
		"nor its restarts":   {"web: {command: sh -c 'exit 3', x-essential: false, restart: 'on-failure:1'}", "sleep 0.4; exit 7", 7, "web has failed (exit code 3)"},
		"nor what always is": {"web: {command: sh -c 'exit 3', restart: always}", "sleep 0.4; exit 7", 7, "web has failed (exit code 3), and is started again"},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, tinit starter) {
				t.Parallel()
				s := newServices(t, "services:\n  "+c.yaml+"\n")
				r := s.init(tinit)
				if c.program != "" {
					r = s.init(tinit, "--", "sh", "-c", c.program)
				}
				got := r.run()
				assert.Equal(t, c.code, got.code)
				if c.said == "" {
					assert.Empty(t, got.err)
				}
				assert.Contains(t, got.err, c.said)
				if strings.Contains(c.yaml, "lives") {
					assert.Equal(t, 3, strings.Count(s.read("lives"), "x"))
				}
			})
		})
	}
}

// The pause before a restart grows.
func TestServicesRestart(t *testing.T) {
	s := newServices(t, "services:\n  web: {command: [sh, -c, 'date +%s%N >>lives; exit 3'], restart: always}\n")
	s.init(pid1, "--", "sleep", "1000").start()
	eventually(t, func() bool { return strings.Count(s.read("lives"), "\n") >= 4 }, "it is started again and again")
	var last int
	for i, line := range strings.Fields(s.read("lives"))[:4] {
		at, err := strconv.Atoi(line)
		require.NoError(t, err)
		if i > 0 {
			assert.Greater(t, time.Duration(at-last), (50*time.Millisecond)<<i)
		}
		last = at
	}
	eventually(t, func() bool { return s.info("web").State == "restarting" }, "its state says so")
	assert.GreaterOrEqual(t, s.info("web").Restarts, 3)
}

// stopYAML is of services that say when they are told to end.
const stopYAML = `
services:
	db:
		command: [sh, -c, 'trap "echo db >>log; exit 0" TERM; echo ready >>up; while :; do sleep 0.01; done']
	app:
		command: [sh, -c, 'trap "sleep 0.1; echo app >>log; exit 0" INT; trap "" TERM; echo ready >>up; while :; do sleep 0.01; done']
		depends_on: [db]
		stop_signal: SIGINT
	stubborn:
		command: [sh, -c, 'trap "echo stubborn >>log" TERM; echo ready >>up; while :; do sleep 0.01; done']
		depends_on: [app]
		stop_grace_period: 100ms
`

// A stop signal ends all in the reverse order, each by its own signal and in its own time.
func TestServicesStopInOrder(t *testing.T) {
	both(t, func(t *testing.T, tinit starter) {
		s := newServices(t, stopYAML)
		u := s.init(tinit, "--", "sh", "-c", `trap 'echo program >>log; exit 5' TERM; echo ready >>up; while :; do sleep 0.01; done`).start()
		eventually(t, func() bool { return strings.Count(s.read("up"), "ready") == 4 }, "all run")
		u.signal(unix.SIGTERM)
		assert.Equal(t, 5, u.wait())
		assert.Equal(t, "program\nstubborn\napp\ndb\n", s.read("log"))
		assert.Contains(t, u.err.String(), "stubborn (process ", "it had to be killed, which is said")
	})
}

// Its main process alone is told to end, and the others of its tree when that has ended.
func TestServicesStopMainProcessFirst(t *testing.T) {
	both(t, func(t *testing.T, tinit starter) {
		s := newServices(t, `
services:
	web:
		command:
		- sh
		- -c
		- |
			sh -c 'trap "echo worker >>log; exit" TERM; echo up >>up; while :; do sleep 0.01; done' &
			setsid sh -c 'trap "echo escaped >>log; exit" TERM; echo up >>up; while :; do sleep 0.01; done' &
			trap 'sleep 0.2; echo main >>log; exit' TERM
			echo up >>up
			while :; do sleep 0.01; done
	other: {command: [sh, -c, 'sleep 1000 & wait']}
`)
		u := s.init(tinit, "--", "sleep", "1000").start()
		eventually(t, func() bool { return strings.Count(s.read("up"), "up") == 3 }, "all run")
		s.must("stop", "web")
		lines := strings.Fields(s.read("log"))
		require.Len(t, lines, 3)
		assert.Equal(t, "main", lines[0])
		assert.Equal(t, "running", s.info("other").State)
		assert.False(t, u.ended())
	})
}

// Signals that stop nothing are PROGRAM's, and those that come before it is there wait for it.
func TestServicesOtherSignals(t *testing.T) {
	both(t, func(t *testing.T, tinit starter) {
		s := newServices(t, `
services:
	one: {command: [sh, -c, '`+fmt.Sprintf(await, "go")+`']}
	web: {command: [sh, -c, 'trap "echo web >>log" USR1 HUP; while :; do sleep 0.01; done']}
	program: {depends_on: {one: {condition: service_completed_successfully}}}
`)
		u := s.init(tinit, "--", "sleep", "1000").start()
		s.becomes("web", "running")
		u.signal(unix.SIGUSR1)
		s.write("go", "")
		assert.Equal(t, 128+int(unix.SIGUSR1), u.wait())

		u = s.init(tinit, "--", "print-signals").start()
		u.out.waitFor(t, "ready")
		for _, sig := range []syscall.Signal{unix.SIGHUP, unix.SIGUSR1, unix.SIGWINCH} {
			u.signal(sig)
			u.out.waitFor(t, fmt.Sprintf("\n%d\n", sig))
		}
		assert.Empty(t, s.read("log"), "no other service gets them")
		s.must("kill", "-s", "USR1", "web")
		s.has("log", "web\n")
	})
}

// A stop signal while they are being started ends those that run; nobody else is started.
func TestServicesStopWhileStarting(t *testing.T) {
	both(t, func(t *testing.T, tinit starter) {
		for _, sig := range []syscall.Signal{unix.SIGTERM, unix.SIGINT} {
			s := newServices(t, `
services:
	db: {command: sleep 1000, healthcheck: {test: [CMD, 'false'], interval: 10ms, start_period: 1h, start_interval: 10ms}}
	app: {command: [touch, started], depends_on: {db: {condition: service_healthy}}}
	failing: {command: 'false', restart: always}
`)
			u := s.init(tinit, "--", "touch", "started").start()
			s.becomes("failing", "restarting")
			u.signal(sig)
			assert.Equal(t, 128+int(sig), u.wait())
			assert.NoFileExists(t, s.path("started"))
		}
	})
}

// PROGRAM's own stop signal, and time, are what the file says, and what flags say before that.
func TestServicesProgramInFile(t *testing.T) {
	need(t, os.Geteuid() == 0, "it takes root to be somebody else")
	const script = `trap 'echo QUIT; exit 3' QUIT; trap 'echo TERM' TERM; pwd; id -u; echo "$A"; while :; do sleep 0.01; done`
	s := newServices(t, `
services:
	program: {stop_signal: SIGQUIT, user: "4711", working_dir: /usr, environment: {A: b}}
`)
	u := s.init(pid1, "--", "sh", "-c", script).start()
	u.out.waitFor(t, "b\n")
	u.signal(unix.SIGTERM)
	assert.Equal(t, 3, u.wait())
	assert.Equal(t, "/usr\n4711\nb\nQUIT\n", u.out.String())

	u = s.init(pid1, "--user", "4712", "--chdir", "/var", "--env", "A=c", "--", "sh", "-c", script).start()
	u.out.waitFor(t, "c\n")
	assert.Equal(t, "/var\n4712\nc\n", u.out.String(), "a flag prevails")

	s = newServices(t, "services:\n  web: {command: sleep 1000}\n")
	u = s.init(pid1, "--kill-after", "100ms", "--", "sh", "-c", script).start()
	u.out.waitFor(t, "\n0\n")
	u.signal(unix.SIGTERM)
	assert.Equal(t, 137, u.wait(), "and not after the ten seconds of the file's")
}
