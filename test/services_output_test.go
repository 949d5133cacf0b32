package test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func init() {
	registerChild("write-lines", writeLines)
	registerChild("write-on", writeOn)
}

// writeLines is "write-lines LETTER LENGTH COUNT [BUFFER]": that many lines, as fast as it can, so many bytes at a time.
func writeLines() {
	out := bufio.NewWriterSize(os.Stdout, number(4, 10_000))
	for range number(3, 0) {
		_, _ = out.WriteString(strings.Repeat(os.Args[1], number(2, 0)-1) + "\n")
	}
	_ = out.Flush()
}

// writeOn writes as fast as it can until its end, and counts the megabytes in the file "written".
func writeOn() {
	text := []byte(strings.Repeat(strings.Repeat("x", 99)+"\n", 10_000))
	for n := 1; ; n++ {
		if _, err := os.Stdout.Write(text); err != nil {
			fail("write-on", err)
		}
		_ = os.WriteFile("written", []byte(strconv.Itoa(n)), 0o644)
	}
}

func (s *services) written() int { n, _ := strconv.Atoi(s.read("written")); return n }

// No line is cut in two, neither by another service's nor by PROGRAM's.
func TestServicesLinesAreWhole(t *testing.T) {
	s := newServices(t, `
services:
	a: {command: [sh, -c, 'write-lines a 3999 3000; echo a >>done; exec sleep 1000']}
	bb: {command: [sh, -c, 'write-lines b 300 30000; echo b >>done; exec sleep 1000']}
	c: {command: [sh, -c, 'write-lines c 20000 300; echo c >>done; exec sleep 1000']}
`)
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	u := s.init(pid1, "--", "sh", "-c", "write-lines p 4096 1000 4096; until test $(wc -l <done) = 3; do sleep 0.01; done").stdout(write).start()
	_ = write.Close()
	all, err := io.ReadAll(read)
	require.NoError(t, err)
	assert.Zero(t, u.wait())
	count := map[string]int{}
	for line := range strings.Lines(string(all)) {
		count[strings.TrimRight(line[:min(len(line), 6)], "\n")+" "+strconv.Itoa(len(line))]++
	}
	assert.Equal(t, 3000, count[fmt.Sprintf("a  | a %d", 3999+5)], "%v", count)
	assert.Equal(t, 30000, count[fmt.Sprintf("bb | b %d", 300+5)], "%v", count)
	assert.Equal(t, 1000, strings.Count(string(all), strings.Repeat("p", 4095)+"\n"), "%v", count)
	// Those of c are more than the kernel writes in one, so PROGRAM's may come between, but not other services'.
	for line := range strings.Lines(string(all)) {
		if strings.Contains(line, "cc") {
			assert.Empty(t, strings.Trim(line, "c |\np"), "%.100s", line)
		}
	}
}

// A service that writes as fast as it can makes the keeper no larger, and where nobody reads holds up those who write there too, and
// nobody else.
func TestServicesThatWriteMuch(t *testing.T) {
	s := newServices(t, `
services:
	loud: {command: write-on}
	quiet: {command: [sh, -c, 'while :; do echo x >>alive; sleep 0.01; done']}
	log: {command: [sh, -c, 'while :; do echo logged; sleep 0.01; done'], logging: {driver: local}}
	errors: {command: [sh, -c, 'while :; do echo complaint >&2; sleep 0.01; done']}
`)
	read, write, err := os.Pipe()
	require.NoError(t, err)
	u := s.inLogs(s.init(pid1, "--", "sleep", "1000")).stdout(write).start()
	_ = write.Close()
	go func() { _, _ = io.Copy(io.Discard, read) }()
	defer read.Close()
	memory := func() int {
		kib, _ := strconv.Atoi(strings.Fields(procStatus(u.program())["VmRSS"] + " 0")[0])
		return kib
	}
	eventually(t, func() bool { return s.written() > 30 }, "30 MB are written")
	before := memory()
	eventually(t, func() bool { return s.written() > 100 }, "100 MB are written")
	assert.Less(t, memory()-before, 4<<10, "the keeper has %d KiB", memory())
	s.must("stop", "loud")
}

func TestServicesWhereNobodyReads(t *testing.T) {
	s := newServices(t, `
services:
	loud: {command: write-on}
	quiet: {command: [sh, -c, 'while :; do echo x >>alive; sleep 0.01; done']}
	log: {command: [sh, -c, 'while :; do echo logged; sleep 0.01; done'], logging: {driver: local}}
	errors: {command: [sh, -c, 'while :; do echo complaint >&2; sleep 0.01; done']}
`)
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	u := s.inLogs(s.init(pid1, "--", "sleep", "1000")).stdout(write).start()
	_ = write.Close()
	loud := outside(t, u, s.becomes("loud", "running").PID)
	eventually(t, func() bool { return wchan(loud) == "pipe_write" || wchan(loud) == "anon_pipe_write" }, "the one that writes waits")
	sizes := func() (all [3]int) {
		for i, text := range []string{s.read("alive"), s.read("logs/tinit/log.log"), u.err.String()} {
			all[i] = len(text)
		}
		return all
	}
	before := sizes()
	eventually(t, func() bool {
		now := sizes()
		return now[0] > before[0] && now[1] > before[1] && now[2] > before[2]
	}, "all others go on")
	assert.Equal(t, "running", s.info("loud").State, "and the keeper answers")
	s.must("stop", "-t", "5s", "quiet")
	u.signal(unix.SIGTERM)
	assert.Equal(t, 143, u.wait(), "nor is the end held up")
}

// wchan is what a process waits for in the kernel.
func wchan(pid int) string {
	text, _ := os.ReadFile(procPath(pid, "wchan"))
	return string(text)
}

// inLogs has /var/log be a folder of the services' own.
func (s *services) inLogs(r *run) *run {
	s.t.Helper()
	_ = os.Mkdir(s.path("logs"), 0o755)
	return r.with(func(st *stage) { st.Bind = append(st.Bind, [2]string{s.path("logs"), "/var/log"}) })
}

func TestServicesDrivers(t *testing.T) {
	s := newServices(t, `
services:
	plain: {command: [sh, -c, 'echo of plain; echo error of plain >&2; exec sleep 1000'], x-logging: plain}
	prefixed: {command: [sh, -c, 'echo of prefixed; echo error of prefixed >&2; printf "no end"; exec sleep 1000']}
	json: {command: [sh, -c, 'echo "of <json>"; echo error of json >&2; exec sleep 1000'], logging: {driver: json-file, options: {max-size: 1k, max-file: "3"}}}
	local: {command: [sh, -c, 'echo of local; echo error of local >&2; exec sleep 1000'], logging: {driver: local}}
	none: {command: [sh, -c, 'echo of none; exec sleep 1000'], logging: {driver: none}}
	long: {command: [sh, -c, 'seq 1000; exec sleep 1000'], logging: {driver: json-file, options: {max-size: 1k, max-file: "3"}}}
`)
	u := s.inLogs(s.init(pid1, "--", "sh", "-c", "echo of PROGRAM; exec sleep 1000")).start()
	s.has("logs/tinit/json.log", "error of json")
	s.has("logs/tinit/local.log", "error of local\n")
	s.has("logs/tinit/long.log", `"1000\n"`)
	u.out.waitFor(t, "prefixed | of prefixed\n")
	u.err.waitFor(t, "prefixed | error of prefixed\n")
	u.out.waitFor(t, "of plain\n")
	u.out.waitFor(t, "of PROGRAM\n")

	// A log can't be followed from outside: the folder is another one here.
	logs := func(args ...string) result {
		return s.inLogs(s.placed(namespaced(t, append([]string{tinitPath, "--", tinitPath, "logs"}, args...)...))).run()
	}
	assert.ElementsMatch(t, []string{"of <json>", "error of json"}, strings.Split(strings.TrimSpace(logs("json").out), "\n"))
	assert.Equal(t, "of local\nerror of local\n", logs("local").out)
	assert.Equal(t, "999\n1000\n", logs("-n", "2", "long").out)
	for _, name := range []string{"none", "prefixed", "plain", "program"} {
		r := logs(name)
		assert.NotZero(t, r.code)
		assert.Contains(t, r.err, "is in no file")
	}
	assert.NotZero(t, logs("-e", "json").code, "both are in one file")

	files, err := filepath.Glob(s.path("logs/tinit/long.log*"))
	require.NoError(t, err)
	assert.Len(t, files, 3)
	for _, file := range files {
		info, err := os.Stat(file)
		require.NoError(t, err)
		assert.LessOrEqual(t, info.Size(), int64(1000))
	}
	for line := range strings.Lines(s.read("logs/tinit/json.log")) {
		var entry struct {
			Log, Stream string
			Time        time.Time
		}
		require.NoError(t, json.Unmarshal([]byte(line), &entry))
		assert.Equal(t, strings.HasPrefix(entry.Log, "error"), entry.Stream == "stderr")
	}
	u.signal(unix.SIGTERM)
	u.wait()
	assert.Contains(t, u.out.String(), "prefixed | no end\n", "a line that had no end has one")
	assert.NotContains(t, u.out.String(), "of none")
}

// A disk that is full loses lines, and nothing else.
func TestServicesFullDisk(t *testing.T) {
	need(t, os.Geteuid() == 0, "it takes root to mount")
	s := newServices(t, `
services:
	loud: {command: write-on, logging: {driver: json-file}}
`)
	require.NoError(t, os.Mkdir(s.path("logs"), 0o755))
	require.NoError(t, unix.Mount("none", s.path("logs"), "tmpfs", 0, "size=1m"))
	t.Cleanup(func() { _ = unix.Unmount(s.path("logs"), unix.MNT_DETACH) })
	u := s.inLogs(s.init(pid1, "--", "sleep", "1000")).start()
	eventually(t, func() bool { return s.written() > 10 }, "it writes on")
	assert.Contains(t, s.must("status", "--json", "loud"), `"lost_bytes":`)
	u.signal(unix.SIGTERM)
	assert.Equal(t, 143, u.wait())
}

// Where there is no place for logs in /var/log there may be another one.
func TestServicesLogElsewhere(t *testing.T) {
	s := newServices(t, "services:\n\tweb: {command: [echo, hello], logging: {driver: local}}\n")
	r := s.init(tinit).env("TINIT_LOG_DIR=" + s.path("logs")).run()
	assert.Zero(t, r.code, r.err)
	assert.Equal(t, "hello\n", s.read("logs/web.log"))
}
