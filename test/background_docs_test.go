package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The tests of this file run both sides of each row of the table in
// docs/background.md, as they stand there, each in a shell in a PID namespace
// of its own.

// The programs that the rows run. The server has a child, which does not end
// with it, nor by the signal that the server reloads on, and does not have its
// output: daemon(1) would wait for the end of that.
var backgroundPrograms = map[string]string{
	"server": `#!/bin/sh
trap 'echo reloaded' USR1
(trap '' USR1; exec sleep infinity >/dev/null 2>&1) &
[ -z "$NOTIFY_SOCKET" ] || { : >~/told; systemd-notify --ready; }
echo listening
echo complaint >&2
while :; do wait; done
`,
	"fails":  "#!/bin/sh\necho life >>lives\nexit 3\n",
	"broken": "#!/no/such/interpreter\n",
}

// A backgroundShell is an interactive user's, as far as it has job control.
type backgroundShell struct {
	*running
	tinit bool // whether it is tinit's side of the row
	dir   string
	lines *os.File // where its user types
	count int
	first int    // the server that was there before the row's line
	line  string // the row's, and what came of it
	out   string
	code  int
	end   func() (out string, code int) // of a line that returns later
}

func newBackgroundShell(t *testing.T, tinit bool) *backgroundShell {
	t.Helper()
	bash, err := exec.LookPath("bash")
	need(t, err == nil, "no bash")
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	t.Cleanup(func() { w.Close() })
	// A directory below /tmp is nothing for daemon(1), since all may write there.
	s := &backgroundShell{tinit: tinit, dir: "/run/home", lines: w}
	path := filepath.Dir(tinitPath) + ":" + strings.TrimPrefix(os.Getenv("PATH"), childDir+":") + ":/usr/sbin:/sbin"
	// Nor is it to be started by process 1: then it would not go to the background.
	s.running = pid1(t, bash).stdin(r).env("HOME="+s.dir, "XDG_STATE_HOME=", "PATH="+path).start()
	_, code := s.run("set -m; mount -t tmpfs -o mode=755 tmpfs /run && mkdir ~ && cd ~")
	require.Zero(t, code, s.err)
	for name, text := range backgroundPrograms {
		require.NoError(t, os.WriteFile(s.path(name), []byte(text), 0o755))
	}
	return s
}

// begin has the shell read a line, and do what it says.
func (s *backgroundShell) begin(line string) (end func() (out string, code int)) {
	s.t.Helper()
	s.count++
	mark := fmt.Sprintf("-- %d: ", s.count)
	from := len(s.running.out.String())
	_, err := fmt.Fprintf(s.lines, "%s\necho '%s'$?\n", line, mark)
	require.NoError(s.t, err)
	return func() (out string, code int) {
		s.t.Helper()
		var rest string
		if !polls(deadline, func() (found bool) {
			out, rest, found = strings.Cut(s.running.out.String()[from:], mark)
			return found && strings.Contains(rest, "\n")
		}) {
			s.t.Fatalf("%s does not return\n%s%s", line, s.running.out, s.running.err)
		}
		text, _, _ := strings.Cut(rest, "\n")
		code, err := strconv.Atoi(text)
		require.NoError(s.t, err)
		return out, code
	}
}

func (s *backgroundShell) run(line string) (out string, code int) {
	s.t.Helper()
	return s.begin(line)()
}

// named is the processes of the shell's PID namespace that have a name.
func (s *backgroundShell) named(name string) (found []int) {
	own, err := os.Readlink(procPath(s.pid, "ns/pid"))
	require.NoError(s.t, err)
	for _, pid := range pids() {
		if there, _ := os.Readlink(procPath(pid, "ns/pid")); pid != s.pid && there == own && comm(pid) == name && alive(pid) {
			found = append(found, pid)
		}
	}
	return found
}

// servers is those servers that have begun to wait. For a moment, a shell that
// is to start a sleep has the server's name.
func (s *backgroundShell) servers() (found []int) {
	for _, pid := range s.named("server") {
		if slices.ContainsFunc(children(pid), func(child int) bool { return comm(child) == "sleep" }) {
			found = append(found, pid)
		}
	}
	return found
}

// server waits for the one server.
func (s *backgroundShell) server() (pid int) {
	s.t.Helper()
	if !polls(deadline, func() bool { return len(s.servers()) == 1 }) {
		s.t.Fatalf("%s: %d servers\n%s%s", s.line, len(s.servers()), s.running.out, s.running.err)
	}
	return s.servers()[0]
}

func (s *backgroundShell) gone() bool { return len(s.named("server")) == 0 }

// left is what the servers have started and left behind.
func (s *backgroundShell) left() int { return len(s.named("sleep")) }

// path is a file's in the shell's directory, from outside.
func (s *backgroundShell) path(name string) string {
	return procPath(s.pid, filepath.Join("root", s.dir, name))
}

func (s *backgroundShell) file(name string) string {
	text, _ := os.ReadFile(s.path(name))
	return string(text)
}

// either is what is to be seen with what one knows, or with tinit.
func either[T any](s *backgroundShell, known, tinit T) T {
	if s.tinit {
		return tinit
	}
	return known
}

// A backgroundRow is what is done on each side before the line of the table,
// and what must be seen then.
type backgroundRow struct {
	known, tinit string // lines that come first
	later        bool   // the line returns when check has done something
	root         bool   // it takes root
	check        func(t *testing.T, s *backgroundShell)
}

// backgroundTable is the table of docs/background.md, each row its cells.
func backgroundTable(t *testing.T) (rows [][]string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(sourceTree, "docs/background.md"))
	require.NoError(t, err)
	_, table, found := strings.Cut(string(page), "\n| what you know | with tinit | what is different |\n| --- | --- | --- |\n")
	require.True(t, found)
	for line := range strings.Lines(table) {
		cells, is := strings.CutPrefix(strings.TrimSuffix(line, "|\n"), "| ")
		if !is {
			break
		}
		row := strings.Split(cells, " | ")
		require.Len(t, row, 3, line)
		for i := range row[:2] {
			require.Regexp(t, "^`[^`]+`$", row[i])
			row[i] = strings.Trim(row[i], "`")
		}
		rows = append(rows, row)
	}
	return rows
}

func TestBackgroundTable(t *testing.T) {
	checked := map[string]bool{}
	for _, cells := range backgroundTable(t) {
		name := cells[0] + " → " + cells[1]
		row, ok := backgroundRows[name]
		if !assert.True(t, ok, "nothing is known of the row %s", name) {
			continue
		}
		checked[name] = true
		t.Run(cells[0], func(t *testing.T) {
			for i, line := range cells[:2] {
				side := map[bool]string{false: "known", true: "tinit"}[i == 1]
				t.Run(side, func(t *testing.T) {
					t.Parallel()
					s := newBackgroundShell(t, i == 1)
					if word := strings.Fields(cells[0])[0]; i == 0 && slices.Contains([]string{"daemon", "daemonize", "start-stop-daemon"}, word) {
						_, code := s.run("type " + word)
						need(t, code == 0, "no "+word)
					}
					need(t, !row.root || os.Geteuid() == 0, "only root can become another user")
					for first := range strings.Lines(either(s, row.known, row.tinit)) {
						_, code := s.run(strings.TrimSuffix(first, "\n"))
						require.Zero(t, code, "%s\n%s", first, s.err)
						if !strings.Contains(first, "fails") {
							s.first = s.server()
						}
					}
					s.line = line
					s.end = s.begin(line)
					if !row.later {
						s.out, s.code = s.end()
					}
					row.check(t, s)
				})
			}
		})
	}
	for name := range backgroundRows {
		assert.True(t, checked[name], "the page has no row %s", name)
	}
}

func sameSession(s *backgroundShell, pid int) bool {
	return procStat(pid).session == procStat(s.program()).session
}

func ignoresHUP(pid int) bool { return sigSet(procStatus(pid)["SigIgn"])[int(syscall.SIGHUP)] }
