package test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	knownWeb    = `daemon --name=web --chdir="$PWD" -- ./server`
	tinitWeb    = "tinit run --name web ./server"
	knownPID    = `start-stop-daemon --start --background --make-pidfile --pidfile /run/server.pid --startas "$PWD/server"`
	tinitServer = "tinit run ./server"
)

// backgroundRows is what is seen of each row.
var backgroundRows = map[string]backgroundRow{
	"nohup ./server >server.log 2>&1 & → tinit run ./server": {check: func(t *testing.T, s *backgroundShell) {
		server := s.server()
		assert.Equal(t, !s.tinit, sameSession(s, server))
		assert.Equal(t, !s.tinit, ignoresHUP(server))
		s.awaitFile(either(s, "server.log", ".local/state/tinit/1/output"), "listening\ncomplaint\n")
	}},
	"nohup ./server >server.log 2>&1 & → tinit run --ignore HUP --stdout server.log --stderr server.log ./server": {check: func(t *testing.T, s *backgroundShell) {
		assert.True(t, ignoresHUP(s.server()))
		s.awaitFile("server.log", "listening\ncomplaint\n")
	}},
	"tail -f server.log → tinit logs -f server": {
		known: "./server >server.log &", tinit: tinitServer, later: true,
		check: func(t *testing.T, s *backgroundShell) {
			eventually(t, func() bool { return strings.Contains(s.running.out.String(), "listening\n") }, "it follows")
			require.NoError(t, syscall.Kill(s.server(), syscall.SIGTERM))
			if s.tinit {
				_, code := s.end()
				assert.Zero(t, code)
				return
			}
			eventually(t, s.gone, "it has ended")
			assert.Len(t, s.named("tail"), 1)
		},
	},
	"setsid ./server → tinit run ./server": {check: func(t *testing.T, s *backgroundShell) {
		server := s.server()
		assert.False(t, sameSession(s, server))
		assert.Equal(t, !s.tinit, procStat(server).session == server)
		own, its := descriptors(s.program()), descriptors(server)
		for fd := range 3 {
			assert.Equal(t, !s.tinit, own[fd] == its[fd], "descriptor %d: %s", fd, its[fd])
		}
		if s.tinit {
			assert.Equal(t, "/dev/null", its[0])
		}
	}},
	"setsid ./server → tinit run --new-session ./server": {check: func(t *testing.T, s *backgroundShell) {
		server := s.server()
		assert.Equal(t, server, procStat(server).session)
	}},
	knownWeb + " → " + tinitWeb: {check: func(t *testing.T, s *backgroundShell) {
		server := s.server()
		cwd, err := os.Readlink(procPath(server, "cwd"))
		require.NoError(t, err)
		assert.Equal(t, s.dir, cwd)
		_, code := s.run(s.line)
		assert.Equal(t, either(s, 0, 125), code, s.err)
		never(t, func() bool { return !slices.Equal([]int{server}, s.servers()) }, "another one runs")
	}},
	"daemon --name=web --running → tinit status web": {known: knownWeb, tinit: tinitWeb, check: func(t *testing.T, s *backgroundShell) {
		assert.Zero(t, s.code)
		s.run(either(s, "daemon --name=web --stop", "tinit stop web"))
		eventually(t, func() bool { _, code := s.run(s.line); return code == either(s, 1, 3) }, "it says that it has ended")
	}},
	"daemon --list → tinit jobs": {known: knownWeb, tinit: tinitWeb, check: func(t *testing.T, s *backgroundShell) {
		assert.Contains(t, s.out, "web")
		s.run(either(s, "daemon --name=web --stop", "tinit stop web"))
		eventually(t, func() bool { out, _ := s.run(s.line); return strings.Contains(out, "web") == s.tinit }, "what has ended is listed, or not")
	}},
	"daemon --name=web --signal=usr1 → tinit kill -s USR1 web": {
		known: `daemon --name=web --output="$PWD/server.log" --chdir="$PWD" -- ./server`, tinit: tinitWeb,
		check: func(t *testing.T, s *backgroundShell) {
			file := either(s, "server.log", ".local/state/tinit/1/output")
			eventually(t, func() bool { return strings.Contains(s.file(file), "reloaded\n") }, "it has got it")
		},
	},
	"daemon --name=web --restart → tinit restart web": {known: strings.Replace(knownWeb, " ", " --respawn ", 1), tinit: tinitWeb, check: func(t *testing.T, s *backgroundShell) {
		assert.Zero(t, s.code)
		if s.tinit {
			assert.NotContains(t, s.named("server"), s.first)
		}
		eventually(t, func() bool { now := s.servers(); return len(now) == 1 && now[0] != s.first }, "another one runs")
	}},
	"daemon --name=web --stop → tinit stop web":                                                               {known: knownWeb, tinit: tinitWeb, check: stopsServer},
	`daemon --respawn --name=web --chdir="$PWD" -- ./server → tinit run --restart always --name web ./server`: {check: restartsServer},
	`daemon --output="$PWD/server.log" --chdir="$PWD" -- ./server → tinit run --stdout server.log --stderr server.log ./server`: {check: func(t *testing.T, s *backgroundShell) {
		for _, text := range []string{"listening\n", "complaint\n"} {
			eventually(t, func() bool { return strings.Contains(s.file("server.log"), text) }, text)
		}
	}},
	`daemon --user=daemon --umask=027 --env=MODE=fast --chdir=/ -- "$PWD/server" → tinit run -u daemon --umask 027 --env MODE=fast -C / "$PWD/server"`: {root: true, check: func(t *testing.T, s *backgroundShell) {
		server := s.server()
		status := procStatus(server)
		assert.Equal(t, "1\t1\t1\t1", status["Uid"])
		assert.Equal(t, "1\t1\t1\t1", status["Gid"])
		assert.Equal(t, "0027", status["Umask"])
		assert.True(t, hasEnv(server, "MODE=fast"))
		cwd, err := os.Readlink(procPath(server, "cwd"))
		require.NoError(t, err)
		assert.Equal(t, "/", cwd)
	}},
	`daemonize -c "$PWD" -p "$PWD/pid" -o out -e err "$PWD/server" → tinit run --pidfile pid --stdout out --stderr err ./server`: {check: func(t *testing.T, s *backgroundShell) {
		server := s.server()
		s.awaitFile("out", "listening\n")
		s.awaitFile("err", "complaint\n")
		s.awaitFile("pid", strconv.Itoa(nsPid(t, server))+"\n")
		require.NoError(t, syscall.Kill(server, syscall.SIGTERM))
		eventually(t, s.gone, "it has ended")
		if s.tinit {
			eventually(t, func() bool { return !s.there("pid") }, "the pidfile is gone")
		} else {
			never(t, func() bool { return !s.there("pid") }, "the pidfile is gone")
		}
	}},
	`daemonize -l "$PWD/lock" "$PWD/server" → tinit run --name server ./server`: {check: func(t *testing.T, s *backgroundShell) {
		server := s.server()
		_, code := s.run(s.line)
		assert.Equal(t, either(s, 1, 125), code, s.err)
		assert.Equal(t, []int{server}, s.servers())
	}},
	knownPID + " → tinit run --pidfile /run/server.pid ./server": {check: func(t *testing.T, s *backgroundShell) {
		server := s.server()
		out, _ := s.run("cat /run/server.pid")
		assert.Equal(t, strconv.Itoa(nsPid(t, server)), strings.TrimSpace(out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:]))
	}},
	`start-stop-daemon --start --background --exec "$PWD/broken" → tinit run ./broken`: {check: func(t *testing.T, s *backgroundShell) {
		assert.Equal(t, either(s, 0, 127), s.code)
	}},
	`start-stop-daemon --start --background --notify-await --exec "$PWD/server" → tinit run --wait ./server`: {check: func(t *testing.T, s *backgroundShell) {
		assert.Zero(t, s.code, s.err)
		assert.True(t, s.there("told"), "it has come so far by now")
	}},
	"start-stop-daemon --status --pidfile /run/server.pid → tinit status server": {known: knownPID, tinit: tinitServer, check: func(t *testing.T, s *backgroundShell) {
		assert.Zero(t, s.code)
		s.run(either(s, "start-stop-daemon --stop --remove-pidfile --pidfile /run/server.pid", "tinit stop server"))
		eventually(t, s.gone, "it has ended")
		_, code := s.run(s.line)
		assert.Equal(t, 3, code)
		if s.tinit {
			s.run("tinit rm server")
			_, code = s.run(s.line)
			assert.Equal(t, 4, code)
		}
	}},
	"start-stop-daemon --stop --retry TERM/30/KILL/5 --remove-pidfile --pidfile /run/server.pid → tinit stop -t 30 server": {known: knownPID, tinit: tinitServer, check: stopsServer},
	"./server & → tinit run ./server": {check: func(t *testing.T, s *backgroundShell) {
		assert.Equal(t, !s.tinit, sameSession(s, s.server()))
	}},
	"./server & echo $! >pid → tinit run --pidfile pid ./server": {check: func(t *testing.T, s *backgroundShell) {
		s.awaitFile("pid", strconv.Itoa(nsPid(t, s.server()))+"\n")
	}},
	"jobs -l → tinit jobs -l": {known: "./server &", tinit: tinitServer, check: func(t *testing.T, s *backgroundShell) {
		pid := strconv.Itoa(nsPid(t, s.server()))
		assert.Contains(t, strings.Fields(s.out), pid)
		out, _ := s.run("bash -c '" + s.line + "'")
		assert.Equal(t, s.tinit, slices.Contains(strings.Fields(out), pid), "from another shell")
	}},
	"fg %1 → tinit fg %1": {known: "./server &", tinit: tinitServer, later: true, check: func(t *testing.T, s *backgroundShell) {
		server := s.server()
		if s.tinit {
			eventually(t, func() bool { return strings.Contains(s.err.String(), "Ctrl-Z") }, "it follows")
			require.NoError(t, syscall.Kill(s.named("tinit")[0], syscall.SIGTSTP)) // what Ctrl-Z is
			_, code := s.end()
			assert.Equal(t, 128+20, code)
			assert.Equal(t, byte('S'), procStat(server).state)
			s.end = s.begin(s.line)
			eventually(t, func() bool { return strings.Count(s.err.String(), "Ctrl-Z") == 2 }, "it follows again")
		} else {
			eventually(t, func() bool { return strings.Contains(s.running.out.String(), "./server\n") }, "it is in the foreground")
		}
		require.NoError(t, syscall.Kill(server, syscall.SIGTERM))
		_, code := s.end()
		assert.Equal(t, 128+15, code)
	}},
	"kill -STOP %1 → tinit kill -s STOP %1": {known: "./server &", tinit: tinitServer, check: func(t *testing.T, s *backgroundShell) {
		eventually(t, func() bool { return procStat(s.server()).state == 'T' }, "it is stopped")
	}},
	"bg %1 → tinit bg %1": {known: "./server &\nkill -STOP %1", tinit: tinitServer + "\ntinit kill -s STOP %1", check: func(t *testing.T, s *backgroundShell) {
		eventually(t, func() bool { return procStat(s.server()).state == 'S' }, "it goes on")
	}},
	"kill %1 → tinit kill %1": {known: "./server &", tinit: tinitServer, check: func(t *testing.T, s *backgroundShell) {
		eventually(t, s.gone, "it has ended")
	}},
	"wait $! → tinit wait": {known: "./fails &", tinit: "tinit run ./fails", check: func(t *testing.T, s *backgroundShell) {
		assert.Equal(t, 3, s.code)
		_, code := s.run("bash -c '" + either(s, "wait '$!'", s.line) + "'")
		assert.Equal(t, either(s, 127, 3), code, "from another shell")
	}},
	"./server & disown → tinit run ./server": {check: func(t *testing.T, s *backgroundShell) {
		s.server()
		_, code := s.run(either(s, "kill -0 %1", "tinit status"))
		assert.Equal(t, s.tinit, code == 0)
	}},
	"while :; do ./server; sleep 1; done & → tinit run --restart always ./server": {check: restartsServer},
	"until ./fails; do sleep 0.1; done & → tinit run --restart on-failure:2 ./fails": {check: func(t *testing.T, s *backgroundShell) {
		lives := func() int { return strings.Count(s.file("lives"), "life") }
		if !s.tinit {
			eventually(t, func() bool { return lives() > 3 }, "it goes on and on")
			return
		}
		_, code := s.run("tinit wait")
		assert.Equal(t, 3, code)
		assert.Equal(t, 3, lives())
	}},
}

// stopsServer: the one returns when it is over, and the other leaves the server's child behind.
func stopsServer(t *testing.T, s *backgroundShell) {
	assert.Zero(t, s.code, s.err)
	if s.tinit {
		assert.True(t, s.gone())
		assert.Zero(t, s.left())
		return
	}
	eventually(t, s.gone, "it has ended")
	assert.Equal(t, 1, s.left())
}

func restartsServer(t *testing.T, s *backgroundShell) {
	server := s.server()
	require.NoError(t, syscall.Kill(server, syscall.SIGKILL))
	eventually(t, func() bool { now := s.servers(); return len(now) == 1 && now[0] != server }, "another one runs")
}

func (s *backgroundShell) awaitFile(name, text string) {
	s.t.Helper()
	if !polls(deadline, func() bool { return s.file(name) == text }) {
		s.t.Fatalf("%s: %s has %q", s.line, name, s.file(name))
	}
}

func (s *backgroundShell) there(name string) bool {
	_, err := os.Stat(s.path(name))
	return err == nil
}
