package test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// installed skips a test for want of a program.
func installed(t *testing.T, programs ...string) {
	t.Helper()
	need(t, os.Geteuid() == 0, "they are run as services of root's")
	for _, program := range programs {
		_, err := exec.LookPath(program)
		need(t, err == nil, fmt.Sprintf("there is no %s", program))
	}
}

const nginxConf = `
user root;
pid nginx.pid;
error_log stderr;
worker_processes 2;
events {}
http {
	access_log off;
	client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
	server {
		listen unix:nginx.sock;
		location / { proxy_pass http://unix:app.sock; }
	}
}
`

const pythonApp = `
import http.server, os, socketserver

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(open("table").read().encode())
    def address_string(self):
        return "unix"

print("serving", flush=True)
socketserver.ThreadingUnixStreamServer("app.sock", Handler).serve_forever()
`

// Nginx before an app in Python, which needs a migration to be done.
func TestServicesNginx(t *testing.T) {
	installed(t, "nginx", "python3")
	s := newServices(t, `
services:
	migrate: {command: [sh, -c, 'sleep 0.1; echo rows >table']}
	app:
		command: [/usr/bin/python3, app.py]
		depends_on: {migrate: {condition: service_completed_successfully}}
		healthcheck: {test: [CMD, test, -S, app.sock], start_period: 1m, start_interval: 20ms}
	nginx:
		command: [nginx, -p, ., -c, nginx.conf, -g, 'daemon off;']
		stop_signal: SIGQUIT
		depends_on: {app: {condition: service_healthy}}
`)
	// Nginx takes the paths of sockets for those seen from the root.
	s.write("nginx.conf", strings.NewReplacer("unix:nginx", "unix:"+s.path("nginx"), "unix:app", "unix:"+s.path("app")).Replace(nginxConf))
	s.write("app.py", pythonApp)
	u := s.init(pid1).start()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", s.path("nginx.sock"))
	}}}
	var got string
	eventually(t, func() bool {
		reply, err := client.Get("http://nginx/")
		if err != nil {
			return false
		}
		defer reply.Body.Close()
		text, _ := io.ReadAll(reply.Body)
		got = string(text)
		return reply.StatusCode == http.StatusOK
	}, "nginx passes on what the app says")
	assert.Equal(t, "rows\n", got)
	u.out.waitFor(t, "app     | serving\n")
	s.must("status", "--healthy")
	master := outside(t, u, s.info("nginx").PID)
	assert.Len(t, children(master), 2, "its workers")
	all := marked(u)
	u.signal(unix.SIGTERM)
	assert.Zero(t, u.wait())
	assert.NoFileExists(t, s.path("nginx.pid"), "it has ended by itself")
	assert.NotContains(t, u.err.String(), "kill")
	for _, pid := range all {
		assert.False(t, alive(pid), "%d: %s", pid, cmdline(pid))
	}
}

// Redis, whose health is looked at, is started again when it was killed.
func TestServicesRedis(t *testing.T) {
	installed(t, "redis-server", "redis-cli")
	s := newServices(t, `
services:
	redis:
		command: redis-server --port 0 --unixsocket redis.sock --save "" --daemonize no
		restart: always
		logging: {driver: none}
		healthcheck: {test: [CMD-SHELL, 'redis-cli -s redis.sock ping | grep -q PONG'], start_period: 1m, start_interval: 50ms}
`)
	s.write("services.yaml", s.read("services.yaml")+"  program: {depends_on: {redis: {condition: service_healthy}}}\n")
	u := s.init(pid1, "--", "sh", "-c", "redis-cli -s redis.sock set key value; exec sleep 1000").start()
	u.out.waitFor(t, "OK\n") // at the first attempt: it is started when redis is healthy
	first := s.info("redis")
	assert.Equal(t, "healthy", first.Health)
	s.must("kill", "-s", "KILL", "redis")
	eventually(t, func() bool { now := s.info("redis"); return now.PID != first.PID && now.Health == "healthy" }, "it is well again")
	assert.Equal(t, 1, s.info("redis").Restarts)
	s.must("status", "--healthy")
	u.signal(unix.SIGTERM)
	assert.Equal(t, 143, u.wait())
	assert.NotContains(t, u.err.String(), "killing")
}

// What cron starts is in a session of its own, and ends with it.
func TestServicesCron(t *testing.T) {
	installed(t, "cron")
	s := newServices(t, `
services:
	cron: {command: [cron, -f]}
	other: {command: [sleep, "1000"]}
`)
	for _, dir := range []string{"cron.d", "run"} {
		require.NoError(t, os.Mkdir(s.path(dir), 0o755))
	}
	s.write("cron.d/test", fmt.Sprintf("@reboot root echo $$ >>%s; exec sleep 1234\n", s.path("ran")))
	u := s.init(pid1).with(func(st *stage) {
		st.Bind = append(st.Bind, [2]string{s.path("cron.d"), "/etc/cron.d"}, [2]string{s.path("run"), "/run"}, [2]string{s.path("run"), filepath.Join("/var", "spool", "cron")})
	}).start()
	s.has("ran", "\n")
	all := marked(u)
	var jobs []int
	eventually(t, func() bool { // it has yet to execute what it is
		jobs = slices.DeleteFunc(pids(), func(pid int) bool { return cmdline(pid) != "sleep\x001234\x00" })
		return len(jobs) == 1
	}, "cron's job runs")
	s.must("stop", "cron")
	gone(t, jobs[0])
	assert.Equal(t, "running", s.info("other").State)
	assert.False(t, u.ended())
	u.signal(unix.SIGTERM)
	assert.Zero(t, u.wait())
	assert.NotEmpty(t, all)
}
