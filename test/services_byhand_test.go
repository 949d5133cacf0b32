package test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// asks starts a command beside the services that may have to wait.
func (s *services) asks(args ...string) *running {
	s.t.Helper()
	return s.placed(tinit(s.t, args...)).start()
}

// program writes a script that is run as ./prog.
func (s *services) script(text string) {
	s.t.Helper()
	require.NoError(s.t, os.WriteFile(s.path("prog"), []byte("#!/bin/sh\n"+text), 0o755))
}

// tinit restart returns when the new process is there, and not when the old one has ended.
func TestServicesRestartIsAStart(t *testing.T) {
	s := newServices(t, `
services:
	db: {command: sleep 1000, healthcheck: {test: [CMD, test, -e, well], interval: 10ms, start_period: 1h, start_interval: 10ms}}
	web:
		command: [sh, -c, 'trap "until test -e end; do sleep 0.01; done; exit" TERM; echo up >>log; while :; do sleep 0.01; done']
		depends_on: {db: {condition: service_healthy}}
`)
	s.write("well", "")
	s.init(tinit).start()
	first := s.becomes("web", "running").PID
	s.has("log", "up\n")

	r := s.asks("restart", "web")
	s.becomes("web", "stopping")
	assert.False(t, r.ended(), "control: the old one is there")
	require.NoError(t, os.Remove(s.path("well")))
	require.NoError(t, unix.Kill(s.info("db").PID, 0), "control")
	s.must("restart", "db") // it is not known to be well any more
	s.write("end", "")
	isGone(t, first)
	s.becomes("web", "waiting")
	assert.False(t, r.ended(), "it has been stopped, and waits for db")
	s.write("well", "")
	assert.Zero(t, r.wait(), r.err)
	info := s.info("web")
	assert.Equal(t, "running", info.State)
	assert.NotEqual(t, first, info.PID)
	assert.True(t, alive(info.PID))

	s.must("restart", "web")
	assert.True(t, alive(s.info("web").PID))
	s.must("stop", "web")
	s.must("start", "web")
	assert.True(t, alive(s.info("web").PID))
}

// What cannot be executed is the error of who asks, again and again, and ends nobody else, essential as it is; until it can be.
func TestServicesStartByHandIsNotExecuted(t *testing.T) {
	both(t, func(t *testing.T, tinit starter) {
		s := newServices(t, "services:\n  web: {command: ./prog}\n  lively: {command: ./prog, restart: always}\n  other: {command: sleep 1000}\n")
		const script = "echo up >>log; exec sleep 1000"
		up := func(times int) {
			eventually(t, func() bool { return strings.Count(s.read("log"), "up") == times }, "the shells have read their script")
		}
		s.script(script)
		u := s.init(tinit).start()
		up(2)
		require.NoError(t, os.Remove(s.path("prog")))
		for _, args := range [][]string{{"restart", "web"}, {"restart", "web"}, {"start", "web"}, {"restart", "lively"}, {"start", "lively"}} {
			r := s.do(args...)
			assert.Equal(t, 1, r.code, args)
			assert.Equal(t, "tinit: "+args[1]+`: cannot find "./prog": no such file or directory`+"\n", r.err)
			info := s.info(args[1])
			assert.Equal(t, "ended", info.State, "a policy is for what has been started")
			assert.Equal(t, 127, *info.Code)
		}
		assert.Equal(t, 1, s.do("status", "--healthy").code)
		assert.Equal(t, "running", s.info("other").State)
		s.script(script)
		s.must("start", "web")
		s.must("restart", "lively")
		assert.Equal(t, "running", s.info("web").State)
		s.must("status", "--healthy")

		// From now on it is as ever.
		up(4)
		require.NoError(t, os.Remove(s.path("prog")))
		s.must("kill", "-s", "KILL", "web")
		assert.Equal(t, 137, u.wait())
	})
	s := newServices(t, "services:\n  web: {command: ./prog}\n  other: {command: sleep 1000}\n")
	assert.Equal(t, 127, s.init(tinit).run().code, "control: nobody has asked for the start")
}

// delayed are services of which app waits for db, which is not well yet.
func delayed(t *testing.T, tinit starter) (s *services, u *running) {
	t.Helper()
	s = newServices(t, `
services:
	db: {command: sleep 1000, healthcheck: {test: [CMD, test, -e, well], interval: 10ms, start_period: 1h, start_interval: 10ms}}
	app: {command: sleep 1000, depends_on: {db: {condition: service_healthy}}}
`)
	u = s.init(tinit).start()
	s.becomes("db", "running")
	return s, u
}

// Who waits for a start hears of it, of a stop by somebody else, and of the end of all; and the next who asks gets what it asked for.
func TestServicesStartIsWaitedFor(t *testing.T) {
	both(t, func(t *testing.T, tinit starter) {
		s, u := delayed(t, tinit)
		for _, how := range []string{"start", "restart"} {
			first, second := s.asks(how, "app"), s.asks(how, "app")
			s.becomes("app", "waiting")
			assert.False(t, first.ended())
			assert.False(t, second.ended())
			// One may be late, and ask after a stop.
			eventually(t, func() bool { s.must("stop", "app"); return first.ended() && second.ended() }, "they hear of it")
			for _, r := range []*running{first, second} {
				assert.Equal(t, 1, r.wait())
				assert.Equal(t, "tinit: app was stopped, and not started again\n", r.err.String())
			}
			assert.Equal(t, "ended", s.info("app").State)
		}
		r := s.asks("start", "app")
		s.becomes("app", "waiting")
		s.write("well", "")
		assert.Zero(t, r.wait())
		assert.Equal(t, "running", s.info("app").State)

		require.NoError(t, os.Remove(s.path("well")))
		s.must("restart", "db")
		s.must("stop", "app")
		r = s.asks("start", "app")
		s.becomes("app", "waiting")
		u.signal(unix.SIGTERM)
		assert.Equal(t, 1, r.wait())
		assert.Equal(t, "tinit: all services are being stopped\n", r.err.String())
		assert.Zero(t, u.wait())
	})
}

// Who asks and goes away leaves nothing behind, and what was asked for is done.
func TestServicesStartIsNotWaitedFor(t *testing.T) {
	s, u := delayed(t, pid1)
	keeper := u.program()
	open := len(descriptors(keeper))
	for range 200 { // many more than may wait
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		require.NoError(t, err)
		require.NoError(t, unix.Connect(fd, &unix.SockaddrUnix{Name: s.path("state/socket")}))
		_, err = unix.Write(fd, []byte("start app\n"))
		require.NoError(t, err)
		require.NoError(t, unix.Close(fd))
	}
	eventually(t, func() bool { return len(descriptors(keeper)) <= open }, "they are forgotten")
	waits, killed := s.asks("restart", "app"), s.asks("restart", "app")
	s.becomes("app", "waiting")
	killed.kill()
	s.write("well", "")
	assert.Zero(t, waits.wait(), waits.err)
	assert.Equal(t, "running", s.info("app").State)
}

// A start that waits for somebody's help is an error, and so is a stop for the sake of one.
func TestServicesStartWaitsForOneStoppedByHand(t *testing.T) {
	s, _ := delayed(t, tinit)
	s.write("well", "")
	pid := s.becomes("app", "running").PID
	s.must("stop", "db")
	const says = "tinit: app waits for db, which has to be started by hand\n"
	r := s.do("restart", "app")
	assert.Equal(t, 1, r.code)
	assert.Equal(t, says, r.err)
	assert.Equal(t, pid, s.info("app").PID, "it goes on")
	assert.True(t, alive(pid))

	s.must("stop", "app")
	r = s.do("start", "app")
	assert.Equal(t, 1, r.code)
	assert.Equal(t, says, r.err)
	s.must("start", "db")
	s.becomes("app", "running") // and is started with it

	s.must("restart", "app") // control
	assert.NotEqual(t, pid, s.info("app").PID)

	// Nor has who waits already to wait for ever.
	require.NoError(t, os.Remove(s.path("well")))
	s.must("restart", "db")
	s.must("stop", "app")
	waits := s.asks("start", "app")
	s.becomes("app", "waiting")
	s.must("stop", "db")
	assert.Equal(t, 1, waits.wait())
	assert.Equal(t, says, waits.err.String())
}
