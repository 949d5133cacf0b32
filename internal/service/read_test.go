package service

import (
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// parse reads a file of that text, beside those files, with those variables and PROGRAM.
func parse(t *testing.T, text string, files, variables map[string]string, program ...string) (f *File, said string) {
	t.Helper()
	r := &reader{
		findings: findings{path: "f"},
		folder:   "dir",
		getenv:   func(name string) (string, bool) { v, ok := variables[name]; return v, ok },
		readFile: func(path string) ([]byte, error) {
			if text, ok := files[path]; ok {
				return []byte(text), nil
			}
			return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOENT}
		},
		knowsUser: func(spec string) error {
			if spec == "nobody" || spec == "app:adm" || spec == "1000" {
				return nil
			}
			return syscall.ESRCH
		},
	}
	f = r.read([]byte(text), program)
	var lines []string
	for _, w := range r.sorted(r.warnings) {
		lines = append(lines, "warning: "+w.String())
	}
	for _, e := range r.sorted(r.errors) {
		lines = append(lines, e.String())
	}
	return f, strings.Join(lines, "\n")
}

func TestRead(t *testing.T) {
	f, said := parse(t, `
services:
  migrate:
    command: /app/migrate --to "the newest"
    user: app:adm
  db:
    entrypoint: ["redis-server"]
    command: [--save, ""]
    environment: {A: 1, B: true, C: "x y", D: , E: ~}
    env_file: [a.env, {path: b.env, required: false}]
    working_dir: /data
    restart: on-failure:3
    stop_signal: SIGINT
    stop_grace_period: 1m30s
    healthcheck:
      test: redis-cli ping
      interval: 5s
      retries: 5
      start_period: 1s
    logging:
      driver: json-file
      options: {max-size: 10m, max-file: "3"}
  web:
    command: nginx -g 'daemon off;'
    restart: ${RESTART:-always}
    x-ready: notify
    x-logging: plain
    depends_on:
      db: {condition: service_healthy, restart: false}
      migrate:
        condition: service_completed_successfully
`, map[string]string{"dir/a.env": "# c\nX=1 # d\nexport Y=\"$D\\n\"\nZ='$D'\n"}, map[string]string{"D": "d"}, "app", "-v")
	require.Empty(t, said)
	own := Logging{Prefix: true}
	assert.Equal(t, []Service{
		{Name: "migrate", Args: []string{"/app/migrate", "--to", "the newest"}, User: "app:adm", StopSignal: syscall.SIGTERM, StopGrace: 10 * time.Second, Logging: own, Line: 3},
		{
			Name: "db", Args: []string{"redis-server", "--save", ""}, Env: []string{"X=1", "Y=d\n", "Z=$D", "A=1", "B=true", "C=x y", "D=d", "E"}, Dir: "/data",
			Restart: Restart{OnFailure: true, Limit: 3}, StopSignal: syscall.SIGINT, StopGrace: 90 * time.Second,
			Health:  &Health{Test: []string{"/bin/sh", "-c", "redis-cli ping"}, Interval: 5 * time.Second, Timeout: 30 * time.Second, Retries: 5, StartPeriod: time.Second, StartInterval: 5 * time.Second},
			Logging: Logging{Driver: JSONFile, MaxSize: 10_000_000, MaxFiles: 3}, Line: 6,
		},
		{
			Name: "web", Args: []string{"nginx", "-g", "daemon off;"}, Restart: Restart{Always: true}, Notify: true, StopSignal: syscall.SIGTERM, StopGrace: 10 * time.Second,
			DependsOn: []Dependency{{Name: "db", Condition: Healthy}, {Name: "migrate", Condition: Completed}}, Line: 23,
		},
		{
			Name: "program", Args: []string{"app", "-v"}, Essential: true, StopSignal: syscall.SIGTERM, StopGrace: 10 * time.Second, Logging: own,
			DependsOn: []Dependency{{Name: "migrate", Condition: Completed}, {Name: "db"}, {Name: "web"}},
		},
	}, f.Services)
}
