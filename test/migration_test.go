package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The tests of this file run the command lines of docs/migration.md, beside those
// of tini, dumb-init, catatonit and gosu that they replace.

// migrates says that the page has these words of an ENTRYPOINT, with tinit's path
// in the image, and returns them as a command, with tinit's path here.
func migrates(t *testing.T, words ...string) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(sourceTree, "docs/migration.md"))
	require.NoError(t, err)
	entrypoint := `ENTRYPOINT ["` + strings.Join(words, `","`) + `"]`
	line := "`" + strings.Join(append([]string{strings.TrimPrefix(words[0], "/")}, words[1:]...), " ")
	require.True(t, strings.Contains(string(page), entrypoint) || strings.Contains(string(page), line), "the page has %s, or %s`", entrypoint, line)
	command := append([]string{}, words...)
	if words[0] == "/tinit" {
		command[0] = tinitPath
		return command
	}
	path, err := exec.LookPath(filepath.Base(words[0]))
	need(t, err == nil, fmt.Sprintf("nothing to move from: %v", err))
	command[0] = path
	return command
}

// programNamed waits for a process to have a child that executes a program.
func programNamed(t *testing.T, parent int, name string) (program int) {
	t.Helper()
	eventually(t, func() bool {
		for _, pid := range children(parent) {
			if comm(pid) == name {
				program = pid
			}
		}
		return program != 0
	}, name+" runs")
	return program
}

// Who hears of a signal: PROGRAM alone, or its child too.
func TestMigrationTarget(t *testing.T) {
	for _, test := range []struct {
		words []string
		group bool
	}{
		{[]string{"/tini", "--"}, false},
		{[]string{"/tinit", "--"}, true},
		{[]string{"/tinit", "-c", "--"}, false},
		{[]string{"/catatonit", "--"}, false},
	} {
		t.Run(strings.Join(test.words, " "), func(t *testing.T) {
			command := migrates(t, test.words...)
			u := namespaced(t, append(command, pairOf...)...).start()
			// block-signals ends as sleep.
			program := programNamed(t, u.pid, "sleep")
			awaitBlocked(t, program)
			member := programNamed(t, program, "sleep")
			awaitBlocked(t, member)
			u.signal(syscall.SIGUSR1)
			awaitPending(t, program, syscall.SIGUSR1)
			if test.group {
				awaitPending(t, member, syscall.SIGUSR1)
				return
			}
			u.signal(sentinel)
			awaitPending(t, program, sentinel)
			assert.NotContains(t, pending(member), int(syscall.SIGUSR1))
		})
	}
}

func TestMigrationRewrite(t *testing.T) {
	for _, words := range [][]string{
		{"dumb-init", "-r", "15:3", "--"},
		{"/tinit", "-r", "15:3", "--"},
		{"/tinit", "-r", "TERM:QUIT", "--"},
	} {
		t.Run(strings.Join(words, " "), func(t *testing.T) {
			u := namespaced(t, append(migrates(t, words...), "sh", "-c", "trap 'exit 9' QUIT; echo ready; while :; do sleep 1000 & wait; done")...).start()
			u.out.waitFor(t, "ready")
			u.signal(syscall.SIGTERM)
			assert.Equal(t, 9, u.wait())
		})
	}
}

// The code of a program that is not there.
func TestMigrationNotFound(t *testing.T) {
	for _, test := range []struct {
		words []string
		code  int
	}{
		{[]string{"/tini", "--"}, 127},
		{[]string{"dumb-init", "-r", "15:3", "--"}, 2},
		{[]string{"/catatonit", "--"}, 1},
		{[]string{"/tinit", "--"}, 127},
	} {
		r := namespaced(t, append(migrates(t, test.words...), "/no/such/program")...).run()
		assert.Equal(t, test.code, r.code, test.words)
	}
}

// What was options of supervisord's.
func TestMigrationOptions(t *testing.T) {
	command := migrates(t, "/tinit", "-r", "TERM:QUIT", "-k", "10", "-e", "2", "--")
	u := namespaced(t, append(command, "sh", "-c", "trap 'exit 2' QUIT; echo ready; while :; do sleep 1000 & wait; done")...).start()
	u.out.waitFor(t, "ready")
	u.signal(syscall.SIGTERM)
	assert.Zero(t, u.wait(), u.err)
}

// A script does what is to be done before, and the program takes its place.
func TestMigrationEntrypoint(t *testing.T) {
	script := filepath.Join(t.TempDir(), "entrypoint")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\nset -e\nexec \"$@\"\n"), 0o755))
	for _, words := range [][]string{
		{"/tinit", "--", "/entrypoint"},
		{"/tinit", "-k", "30", "--grace", "30", "--", "/entrypoint"},
	} {
		command := migrates(t, words...)
		command[len(command)-1] = script
		u := namespaced(t, append(command, "sleep", "1000")...).start()
		assert.Empty(t, children(programNamed(t, u.pid, "sleep")))
		u.signal(syscall.SIGTERM)
		assert.Equal(t, 143, u.wait())
	}
}

// The user is changed by tinit or below it, which stays root.
func TestMigrationUser(t *testing.T) {
	for _, words := range [][]string{
		{"gosu", "app"},
		{"/tinit", "-u", "app", "--"},
		{"/tinit", "--", "gosu", "app"},
		{"/tinit", "--", "setpriv", "--reuid", "app", "--regid", "app", "--init-groups"},
	} {
		t.Run(strings.Join(words, " "), func(t *testing.T) {
			need(t, os.Geteuid() == 0, "only root can become another user")
			command := migrates(t, words...)
			for _, program := range []string{"gosu", "setpriv"} {
				if strings.Contains(strings.Join(words, " "), program) {
					_, err := exec.LookPath(program)
					need(t, err == nil, fmt.Sprintf("nobody to change the user: %v", err))
				}
			}
			// The example's user is not there, and this one is everywhere.
			for i, word := range command {
				if word == "app" {
					command[i] = "daemon"
				}
			}
			u := namespaced(t, append(command, "sleep", "1000")...).start()
			program := u.pid
			if words[0] == "/tinit" {
				program = programNamed(t, u.pid, "sleep")
				assert.Equal(t, "0\t0\t0\t0", procStatus(u.pid)["Uid"])
			} else {
				eventually(t, func() bool { return comm(program) == "sleep" }, "gosu has become the program")
			}
			status := procStatus(program)
			assert.Equal(t, "1\t1\t1\t1", status["Uid"])
			assert.Equal(t, "1\t1\t1\t1", status["Gid"])
			assert.NotContains(t, strings.Fields(status["Groups"]), "0")
			u.signal(syscall.SIGTERM)
			if words[0] == "/tinit" {
				assert.Equal(t, 143, u.wait())
				return
			}
			// To PID 1, which the program is without tinit, TERM is nothing.
			assert.True(t, alive(program))
		})
	}
}

// Supervisors stay what they are below tinit: TERM has them stop their services,
// and they tell these alone.
func TestMigrationSupervisors(t *testing.T) {
	service := `#!/bin/sh
trap 'echo TERM >>` + "%[1]s/got" + `; exit' TERM
echo ready >` + "%[1]s/ready" + `
while :; do sleep 1000 & wait; done
`
	for _, test := range []struct {
		words []string
		code  int
	}{
		{[]string{"/tinit", "-c", "--", "s6-svscan", "/services"}, 0},
		{[]string{"/tinit", "-c", "-r", "TERM:HUP", "--", "runsvdir", "/etc/service"}, 111}, // as runsvdir(8) has it
		{[]string{"/tinit", "-c", "--", "supervisord", "-n", "-c", "/etc/supervisord.conf"}, 0},
	} {
		name := test.words[len(test.words)-2]
		if name == "-c" {
			name = "supervisord"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := exec.LookPath(name)
			need(t, err == nil, fmt.Sprintf("nothing to move from: %v", err))
			dir := scratch(t)
			run := filepath.Join(dir, "services/one/run")
			require.NoError(t, os.MkdirAll(filepath.Dir(run), 0o755))
			require.NoError(t, os.WriteFile(run, fmt.Appendf(nil, service, dir), 0o755))
			config := filepath.Join(dir, "supervisord.conf")
			require.NoError(t, os.WriteFile(config, fmt.Appendf(nil,
				"[supervisord]\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=%[1]s/pid\n[program:one]\ncommand=%[1]s/services/one/run\n", dir), 0o600))

			command := migrates(t, test.words...)
			command[len(command)-1] = map[bool]string{true: config, false: filepath.Join(dir, "services")}[name == "supervisord"]
			u := namespaced(t, command...).start()
			inDir := func(name string) string {
				text, _ := os.ReadFile(filepath.Join(dir, name))
				return string(text)
			}
			eventually(t, func() bool { return inDir("ready") != "" }, "the service is ready")
			u.signal(syscall.SIGTERM)
			assert.Equal(t, test.code, u.wait())
			assert.Equal(t, "TERM\n", inDir("got"))
		})
	}
}
