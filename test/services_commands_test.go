package test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// inside is what docker exec and kubectl exec do: tinit in the namespaces of PID 1.
func (s *services) inside(u *running, args ...string) result {
	s.t.Helper()
	words := append([]string{"/bin/sh", "-c", `exec nsenter -t "$0" -p -m -- "$@"`, strconv.Itoa(u.pid), tinitPath}, args...)
	return s.placed(plainly(s.t, words...)).run()
}

func TestServicesCommands(t *testing.T) {
	need(t, os.Geteuid() == 0, "nsenter(1) takes root")
	s := newServices(t, `
services:
	web: {command: [sh, -c, 'echo up >>lives; trap "echo USR1 >>got" USR1; while :; do sleep 0.01; done']}
	app: {command: [sleep, "1000"], depends_on: {web: {condition: service_healthy}}, x-essential: false}
	one: {command: [sh, -c, 'exit 3'], x-essential: false}
`)
	s.write("services.yaml", strings.Replace(s.read("services.yaml"), "web: {", "web: {healthcheck: {test: [CMD, test, -e, healthy], interval: 10ms, start_period: 1h, start_interval: 10ms}, ", 1))
	u := s.init(pid1, "--", "sleep", "1000").start()
	s.becomes("one", "ended")

	r := s.inside(u, "status")
	assert.Zero(t, r.code)
	lines := strings.Split(r.out, "\n")
	assert.Regexp(t, `^SERVICE +STATE +PID +HEALTH +TIME +RESTARTS +SAYS`, lines[0])
	assert.Regexp(t, `^web +running +\d+ +starting +\d+s +0`, lines[1])
	assert.Regexp(t, `^app +waiting +- +- +- +0`, lines[2])
	assert.Regexp(t, `^one +ended, exit code 3 +-`, lines[3])
	for name, code := range map[string]int{"web": 0, "app": 0, "one": 3, "nobody": 4} {
		assert.Equal(t, code, s.inside(u, "status", name).code, name)
	}
	assert.Equal(t, 4, s.inside(u, "status", "web", "app").code)
	assert.Equal(t, "running", s.info("web").State)
	assert.Equal(t, 3, *s.info("one").Code)
	r = s.inside(u, "status", "--healthy", "web")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.err, "web is starting")
	s.write("healthy", "")
	s.becomes("program", "running")
	assert.Zero(t, s.inside(u, "status", "--healthy", "web").code)
	assert.Equal(t, 1, s.inside(u, "status", "--healthy").code, "one has failed")
	require.NoError(t, os.Remove(s.path("healthy")))
	eventually(t, func() bool { return s.info("web").Health == "unhealthy" }, "it is found out")
	u.err.waitFor(t, "web is unhealthy: its healthcheck failed 3 times in a row\n")
	assert.Equal(t, 1, s.do("status", "--healthy", "web").code)
	s.write("healthy", "")
	eventually(t, func() bool { return s.info("web").Health == "healthy" }, "it is well again")

	// By hand: stopping what is essential ends nobody else.
	first := s.info("web").PID
	assert.Zero(t, s.inside(u, "stop", "web").code)
	assert.Equal(t, "ended", s.info("web").State, "it returns when that is done")
	assert.Equal(t, "running", s.info("app").State)
	assert.Equal(t, 1, s.inside(u, "kill", "web").code, "there is nobody to be killed")
	assert.Zero(t, s.inside(u, "start", "web").code)
	assert.Equal(t, 1, s.inside(u, "start", "web").code, "it runs")
	second := s.becomes("web", "running").PID
	assert.NotEqual(t, first, second)
	assert.Zero(t, s.inside(u, "restart", "web").code)
	third := s.becomes("web", "running").PID
	assert.NotEqual(t, second, third)
	eventually(t, func() bool { return strings.Count(s.read("lives"), "up") == 3 }, "it was started three times")
	assert.Zero(t, s.info("web").Restarts, "not by its policy")
	assert.Zero(t, s.inside(u, "kill", "-s", "USR1", "web").code)
	s.has("got", "USR1")
	assert.Equal(t, 1, s.inside(u, "start", "--env", "A=b", "one").code, "its environment is its file's")
	assert.NotZero(t, s.inside(u, "stop", "web app").code, "these are no two words")
	assert.Equal(t, "running", s.info("web").State)

	// Another one's socket, and another user.
	stolen := s.init(tinit, "-v", "--", "true").run()
	assert.Contains(t, stolen.err, "another keeper of services")
	assert.Equal(t, third, s.info("web").PID, "and this one is still asked")
	r = s.placed(tinit(t, "stop", "web")).user(stranger).run()
	assert.NotZero(t, r.code)
	require.NoError(t, os.Chmod(s.path("state"), 0o777))
	require.NoError(t, os.Chmod(s.path("state/socket"), 0o666))
	r = s.placed(tinit(t, "stop", "web")).user(stranger).run()
	assert.NotZero(t, r.code)
	assert.Equal(t, third, s.info("web").PID, "though the place is open to all")

	assert.False(t, u.ended())
	u.signal(unix.SIGTERM)
	assert.Equal(t, 143, u.wait())
}

// Who asks for what there is not hears of services, where there are some.
func TestServicesAskedWrongly(t *testing.T) {
	s := newServices(t, "services:\n  web: {command: sleep 1000}\n")
	s.init(tinit).start()
	s.becomes("web", "running")
	for line, want := range map[string]string{
		"stop nobody": `there is no job "nobody", and no service of that name`,
		"stop":        "there are no jobs, and a service has to be named",
		"wait web":    "web is a service, and no job",
	} {
		r := s.do(strings.Fields(line)...)
		assert.Equal(t, 125, r.code, line)
		assert.Equal(t, "tinit: "+want+"\n", r.err)
		r = tinit(t, strings.Fields(line)...).env("TINIT_STATE_DIR=" + s.path("elsewhere")).run()
		assert.NotContains(t, r.err, "service", "the control")
	}
}

// Stopped by hand to the last, they can be started by hand; a stop signal ends that.
func TestServicesAllStoppedByHand(t *testing.T) {
	both(t, func(t *testing.T, tinit starter) {
		s := newServices(t, "services:\n  web: {command: sleep 1000}\n")
		u := s.init(tinit).start()
		s.becomes("web", "running")
		s.must("stop", "web")
		s.must("start", "web")
		s.becomes("web", "running")
		s.must("stop", "web")
		u.signal(unix.SIGTERM)
		assert.Zero(t, u.wait())
	})
}

// A start by hand of what cannot start is the error of who asks.
func TestServicesStartByHandFails(t *testing.T) {
	s := newServices(t, `
services:
	one: {command: [sh, -c, 'exit 3'], x-essential: false}
	web: {command: [sleep, "1000"], x-essential: false, depends_on: {one: {condition: service_completed_successfully}}}
	other: {command: [sleep, "1000"]}
`)
	u := s.init(tinit).start()
	s.becomes("web", "ended")
	r := s.do("start", "web")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.err, "one has failed (exit code 3)")
	assert.Equal(t, "running", s.info("other").State)
	assert.False(t, u.ended())
}

// What clients do wrong is their own loss.
func TestServicesBadClients(t *testing.T) {
	s := newServices(t, "services:\n  web: {command: sleep 1000}\n")
	u := s.init(pid1).start()
	pid := s.becomes("web", "running").PID
	connect := func() int {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		require.NoError(t, err)
		t.Cleanup(func() { _ = unix.Close(fd) })
		require.NoError(t, unix.Connect(fd, &unix.SockaddrUnix{Name: s.path("state/socket")}))
		return fd
	}
	for _, request := range []string{
		"", "\n", "stop", "stop\n", "stop -\n", "stop - web", "stop - nobody\n", "stop never web\n", "kill\n", "kill NONE web\n",
		"\x00\xff\xfe\n", strings.Repeat("x", 10_000) + "\n", "status\nstop - web\n", "restart x web\n", "end\n",
	} {
		_, _ = unix.Write(connect(), []byte(request))
	}
	memory := procStatus(u.program())["VmRSS"]
	for range 200 {
		_, _ = unix.Write(connect(), []byte("status\n"))
	}
	open := len(descriptors(u.program()))
	eventually(t, func() bool { return s.info("web").PID == pid }, "it still answers")
	assert.Less(t, open, 100, "not all are taken at once; it has %s of memory, had %s", procStatus(u.program())["VmRSS"], memory)
	assert.Equal(t, "running", s.info("web").State)
}

// Where nothing can be written but /run, and where nothing can be at all.
func TestServicesReadOnlyRoot(t *testing.T) {
	need(t, os.Geteuid() == 0, "it takes root to mount")
	const yaml = "services:\n  web: {command: [sh, -c, 'echo up; exec sleep 1000']}\n"
	for _, place := range []bool{true, false} {
		s := newServices(t, yaml)
		u := s.init(pid1, "--", "sleep", "1000").readOnly().onlyEnv("PATH=" + os.Getenv("PATH")).with(func(st *stage) {
			if place {
				require.NoError(t, os.Mkdir(s.path("run"), 0o755))
				require.NoError(t, unix.Mount("none", s.path("run"), "tmpfs", 0, ""))
				t.Cleanup(func() { _ = unix.Unmount(s.path("run"), unix.MNT_DETACH) })
				st.Bind = append(st.Bind, [2]string{s.path("run"), "/run"})
			}
		}).start()
		u.out.waitFor(t, "web | up\n")
		u.program()
		r := plainly(t, "/bin/sh", "-c", `exec nsenter -t "$0" -p -m -- "$1" status --json web`, strconv.Itoa(u.pid), tinitPath).run()
		if place {
			assert.Zero(t, r.code, r.err)
			assert.FileExists(t, filepath.Join(s.path("run"), "tinit", "socket"))
		} else {
			assert.NotZero(t, r.code)
		}
		u.signal(unix.SIGTERM)
		assert.Equal(t, 143, u.wait())
		assert.Empty(t, u.err.String())
	}
}
