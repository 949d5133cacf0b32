package test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// services are those of a file, which is in a folder of its own with all that they write.
type services struct {
	t   *testing.T
	dir string // the working directory, too
}

// newServices writes the file. What it starts is killed when the test ends.
func newServices(t *testing.T, yaml string) *services {
	t.Helper()
	s := &services{t: t, dir: scratch(t)}
	markOf(t)
	s.write("services.yaml", strings.ReplaceAll(yaml, "\t", "  "))
	return s
}

func (s *services) path(name string) string { return filepath.Join(s.dir, name) }

func (s *services) write(name, text string) {
	s.t.Helper()
	require.NoError(s.t, os.WriteFile(s.path(name), []byte(text), 0o644))
}

// read returns a file, "" if there is none.
func (s *services) read(name string) string {
	text, _ := os.ReadFile(s.path(name))
	return string(text)
}

// has waits until a file has text in it.
func (s *services) has(name, text string) {
	s.t.Helper()
	if !polls(deadline, func() bool { return strings.Contains(s.read(name), text) }) {
		s.t.Fatalf("timed out: %q is not in %s, but %q", text, name, s.read(name))
	}
}

// init is a tinit that is about to start them.
func (s *services) init(tinit starter, args ...string) *run {
	args = append([]string{"--services", s.path("services.yaml")}, args...)
	return s.placed(tinit(s.t, args...))
}

func (s *services) placed(r *run) *run {
	return r.dir(s.dir).env("TINIT_STATE_DIR=" + s.path("state"))
}

// do runs a command of tinit's beside them.
func (s *services) do(args ...string) result {
	s.t.Helper()
	return s.placed(tinit(s.t, args...)).run()
}

// must is do, of what has to succeed.
func (s *services) must(args ...string) string {
	s.t.Helper()
	r := s.do(args...)
	require.Zero(s.t, r.code, "tinit %s\nstdout: %s\nstderr: %s", strings.Join(args, " "), r.out, r.err)
	return r.out
}

// A serviceInfo is a service as tinit status --json tells.
type serviceInfo struct {
	Name, State, Health, Status, Signal, Output string
	PID, Restarts                               int
	Ready, Essential                            bool
	Code                                        *int `json:"exit_code"`
}

// info is what is known of a service now; it is empty if that cannot be asked.
func (s *services) info(name string) (info serviceInfo) {
	s.t.Helper()
	r := s.do("status", "--json", name)
	var all []serviceInfo
	if json.Unmarshal([]byte(r.out), &all) == nil && len(all) == 1 {
		return all[0]
	}
	return info
}

// becomes waits until a service is in that state.
func (s *services) becomes(name, state string) serviceInfo {
	s.t.Helper()
	var info serviceInfo
	eventually(s.t, func() bool { info = s.info(name); return info.State == state }, name+" is "+state)
	return info
}

// outside is the number that a process has outside the namespace of u, from the one inside.
func outside(t *testing.T, u *running, inner int) int {
	t.Helper()
	namespace, err := os.Readlink(procPath(u.pid, "ns/pid"))
	require.NoError(t, err)
	for _, pid := range pids() {
		if of, err := os.Readlink(procPath(pid, "ns/pid")); err == nil && of == namespace && alive(pid) && nsPid(t, pid) == inner {
			return pid
		}
	}
	t.Fatalf("there is no process %d inside", inner)
	return 0
}

// both runs a test with tinit as PID 1 and as an ordinary process; the latter alone under the race detector, with which a start takes
// many times as long.
func both(t *testing.T, test func(t *testing.T, tinit starter)) {
	if !raceEnabled {
		t.Run("PID 1", func(t *testing.T) { test(t, pid1) })
	}
	t.Run("not PID 1", func(t *testing.T) { test(t, tinit) })
}

// await is a line of a script that waits for a file.
const await = `until test -e %s; do sleep 0.01; done`

// Each service is started when those that it depends on are as it wants them, and not before; those that wait for nobody at once; and
// PROGRAM last.
func TestServicesStartInOrder(t *testing.T) {
	both(t, func(t *testing.T, tinit starter) {
		s := newServices(t, `
services:
	app:
		command: [sh, -c, 'echo app >>log; exec sleep 1000']
		depends_on:
			db: {condition: service_healthy}
			migrate: {condition: service_completed_successfully}
			cache: {condition: service_started}
	migrate:
		command: [sh, -c, 'echo migrate >>log; `+fmt.Sprintf(await, "migrated")+`']
	db:
		command: [sh, -c, 'echo db >>log; exec sleep 1000']
		healthcheck: {test: [CMD, test, -e, healthy], start_period: 1h, start_interval: 20ms}
	cache:
		command: [sh, -c, 'echo cache >>log; exec sleep 1000']
	free:
		command: [sh, -c, 'echo free >>log; exec sleep 1000']
`)
		u := s.init(tinit, "--", "sh", "-c", "echo program >>log; exec sleep 1000").start()
		for _, name := range []string{"migrate", "db", "cache", "free"} {
			s.has("log", name+"\n")
		}
		s.write("migrated", "")
		s.becomes("migrate", "ended")
		assert.Equal(t, "starting", s.info("db").Health)
		assert.Equal(t, "waiting", s.info("app").State, "db is not healthy yet")
		assert.Equal(t, "waiting", s.info("program").State)
		assert.NotContains(t, s.read("log"), "app")
		s.write("healthy", "")
		s.has("log", "program\n")
		s.has("log", "app\n") // PROGRAM is started when app is, and may be the quicker
		u.signal(unix.SIGTERM)
		assert.Equal(t, 143, u.wait())
	})
}

// Those that wait for nobody run at the same time: each of two ends when it has seen the other.
func TestServicesStartAtTheSameTime(t *testing.T) {
	yaml := `
services:
	a: {command: [sh, -c, 'echo a >pipe']}
	b: {command: [sh, -c, 'cat pipe >got'], %s}
	c: {command: [sleep, "1000"], depends_on: {b: {condition: service_completed_successfully}, a: {condition: service_completed_successfully}}}
`
	s := newServices(t, fmt.Sprintf(yaml, ""))
	require.NoError(t, unix.Mkfifo(s.path("pipe"), 0o600))
	s.init(tinit).start()
	s.becomes("c", "running")
	assert.Equal(t, "a\n", s.read("got"))

	s = newServices(t, fmt.Sprintf(yaml, "depends_on: {a: {condition: service_completed_successfully}}"))
	require.NoError(t, unix.Mkfifo(s.path("pipe"), 0o600))
	s.init(tinit).start()
	s.becomes("a", "running")
	assert.Equal(t, "waiting", s.info("b").State, "control: one after the other")
}

func init() { registerChild("say-ready", sayReady) }

// sayReady says to NOTIFY_SOCKET what is in the file "say" when that is there, and stays.
func sayReady() {
	for {
		if text, err := os.ReadFile("say"); err == nil && len(text) > 0 {
			conn, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
			if err == nil {
				_, err = conn.Write(text)
			}
			if err != nil {
				fail("say-ready", err)
			}
			_ = unix.Pause()
		}
	}
}

// A service with x-ready is healthy when it says so, to nobody but tinit.
func TestServicesReady(t *testing.T) {
	both(t, func(t *testing.T, tinit starter) {
		s := newServices(t, `
services:
	db: {command: say-ready, x-ready: notify, user: "4711:4712"}
	app: {command: [sleep, "1000"], depends_on: {db: {condition: service_healthy}}}
`)
		s.init(tinit).start()
		info := s.becomes("db", "running")
		assert.False(t, info.Ready)
		assert.Equal(t, "waiting", s.info("app").State)
		assert.Equal(t, 1, s.do("status", "--healthy", "db").code)
		s.write("say", "STATUS=50 %\nREADY=1\n")
		s.becomes("app", "running")
		info = s.info("db")
		assert.True(t, info.Ready)
		assert.Equal(t, "50 %", info.Status)
		s.must("status", "--healthy")
	})
}

// What the file says of a service's process, and that it leads a session.
func TestServicesProcess(t *testing.T) {
	need(t, os.Geteuid() == 0, "it takes root to be somebody else")
	s := newServices(t, `
services:
	web:
		command: [sleep, "1001"]
		user: "4711:4712"
		working_dir: /proc
		env_file: [vars]
		environment: {A: of the service, NUMBER: 3, HOME: /nowhere}
	plain: {command: [sleep, "1002"]}
`)
	s.write("vars", "A=of the file\nB='of the file'\n")
	u := s.init(pid1, "--", "sleep", "1003").env("A=of tinit", "TINIT_JOB_ID=other", "INHERITED=1").start()
	s.becomes("program", "running")
	web, plain, program := outside(t, u, s.info("web").PID), outside(t, u, s.info("plain").PID), outside(t, u, s.info("program").PID)
	for _, pid := range []int{web, plain} {
		assert.Equal(t, nsPid(t, pid), s.inner(t, pid), "it leads a session")
		open := given(pid, 3)
		assert.Len(t, open, 3, "%v", open)
		assert.Equal(t, "/dev/null", open[0])
		assert.Equal(t, "0000000000000000", procStatus(pid)["SigBlk"])
	}
	assert.NotEqual(t, procStat(web).session, procStat(program).session)
	assert.Equal(t, "4711 4711 4711 4711, 4712 4712 4712 4712, ", identity(procStatus(web)))
	cwd, err := os.Readlink(procPath(web, "cwd"))
	require.NoError(t, err)
	assert.Equal(t, "/proc", cwd)
	for _, kv := range []string{"A=of the service", "B=of the file", "NUMBER=3", "HOME=/nowhere", "INHERITED=1"} {
		assert.True(t, hasEnv(web, kv), kv)
	}
	assert.False(t, hasEnv(web, "A=of tinit"))
	for _, pid := range []int{web, plain, program} {
		assert.False(t, hasEnv(pid, "TINIT_JOB_ID=other"), "the mark is the service's own")
	}
	assert.True(t, hasEnv(plain, "A=of tinit"), "control")
}

// inner is the number of a process's session inside its namespace.
func (s *services) inner(t *testing.T, pid int) int {
	t.Helper()
	return nsPid(t, procStat(pid).session)
}

// What is wrong with the file ends tinit, before anything is started, and is said with its place.
func TestServicesFileErrors(t *testing.T) {
	both(t, func(t *testing.T, tinit starter) {
		for name, c := range map[string]struct{ yaml, place string }{
			"an unknown key": {"services:\n  a: {command: touch started}\n  b:\n    comand: x\n", "4:5"},
			"a wrong type":   {"services:\n  a: {command: touch started}\n  b: {command: x, environment: 7}\n", "3:"},
			"a cycle":        {"services:\n  a: {command: touch started}\n  b: {command: x, depends_on: [c]}\n  c: {command: x, depends_on: [b]}\n", "4:"},
			"nobody":         {"services:\n  a: {command: touch started}\n  b: {command: x, depends_on: [d]}\n", "3:"},
			"a duration":     {"services:\n  a: {command: touch started}\n  b: {command: x, stop_grace_period: 7}\n", "3:"},
			"a variable":     {"services:\n  a: {command: touch started}\n  b: {command: 'echo ${NONE:?is missing}'}\n", "3:"},
			"no YAML":        {"services:\n  a: {command: touch started\n", ""},
		} {
			t.Run(name, func(t *testing.T) {
				s := newServices(t, c.yaml)
				r := s.init(tinit, "--", "touch", "started").run()
				assert.Equal(t, 125, r.code)
				assert.Contains(t, r.err, s.path("services.yaml")+":"+c.place)
				assert.Empty(t, r.out)
				assert.NoFileExists(t, s.path("started"))
			})
		}
		s := newServices(t, "services:\n  a: {command: touch started}\n")
		assert.Zero(t, s.init(tinit).run().code)
		assert.FileExists(t, s.path("started"), "control")
	})
}
