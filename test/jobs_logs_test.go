package test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func init() {
	registerChild("count-lines", countLines)
}

// countLines is "count-lines BYTES [CODE]": it prints about so many bytes of
// numbered lines and exits with CODE.
func countLines() {
	w := bufio.NewWriterSize(os.Stdout, 32<<10)
	for size, i := number(1, 0), 0; size > 0; i++ {
		n, err := fmt.Fprintf(w, "line %d %s\n", i, strings.Repeat("x", i*7%120))
		if err != nil {
			fail("count-lines", err)
		}
		size -= n
	}
	if err := w.Flush(); err != nil {
		fail("count-lines", err)
	}
	os.Exit(number(2, 0))
}

// counted fails the test unless text has the lines from the first to the last
// one, each once.
func counted(t *testing.T, text []byte) (lines int) {
	t.Helper()
	for line := range bytes.Lines(text) {
		want := "line " + strconv.Itoa(lines) + " " + strings.Repeat("x", lines*7%120) + "\n"
		if string(line) != want {
			t.Fatalf("line %d is %.200q", lines, line)
		}
		lines++
	}
	return lines
}

func TestJobLogs(t *testing.T) {
	everyones(t, func(t *testing.T, j *jobs) {
		job := j.run("--name", "web", "--log-max-size", "2k", "--log-max-files", "30", "sh", "-c", "count-lines 20000; echo end >&2; exec sleep infinity")
		j.writes(job.number, "end\n")
		files, err := filepath.Glob(j.file(1, "output*"))
		require.NoError(t, err)
		assert.Greater(t, len(files), 8)
		for _, file := range files {
			info, err := os.Stat(file)
			require.NoError(t, err)
			assert.LessOrEqual(t, info.Size(), int64(2<<10))
			assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		}
		all := j.must("logs")
		lines := counted(t, []byte(strings.TrimSuffix(all, "end\n")))
		for n, want := range map[int]int{0: 0, 1: 1, 3: 3, 60: 60, 10000: lines + 1} {
			assert.Equal(t, want, strings.Count(j.must("logs", "-n", strconv.Itoa(n), "web"), "\n"), n)
		}
		assert.True(t, strings.HasSuffix(all, j.must("logs", "-n", "100", "web")))

		follow := j.cmd("logs", "-f", "-n", "1").start()
		follow.out.waitFor(t, "end\n")
		assert.False(t, follow.ended())
		j.must("stop")
		assert.Zero(t, follow.wait(), "it ends with the job")
		assert.Equal(t, 125, j.do("logs", "-n", "x").code)
		assert.Equal(t, all, j.must("logs", "-f"), "of one that has ended it ends at once")
	})
}

// No line is lost of what is written faster than a disk takes it, over many
// rotations, nor by who follows.
func TestJobLogsLoseNothing(t *testing.T) {
	j := ours(t)
	size := 100 << 20
	if raceEnabled {
		size /= 10
	}
	go1 := filepath.Join(j.home, "go")
	require.NoError(t, unix.Mkfifo(go1, 0o600))
	j.run("--name", "big", "--log-max-size", "4m", "--log-max-files", "100", "sh", "-c", `read x <"$0"; exec count-lines "$1" 5`, go1, strconv.Itoa(size))
	follow := j.cmd("logs", "-f").start()
	require.NoError(t, os.WriteFile(go1, []byte("go\n"), 0o600))
	assert.Equal(t, 5, j.do("wait").code)
	require.Zero(t, follow.wait())
	info := j.info("big")
	assert.Empty(t, info.Trouble)
	files, _ := filepath.Glob(j.file(1, "output*"))
	assert.Greater(t, len(files), size>>23, "it was rotated")
	all := []byte(j.must("logs"))
	assert.GreaterOrEqual(t, len(all), size)
	counted(t, all)
	assert.True(t, string(all) == follow.out.String(), "who follows sees the same")
}

// What is older than the files that are kept goes.
func TestJobLogsAreBounded(t *testing.T) {
	j := ours(t)
	j.run("--log-max-size", "10k", "--log-max-files", "2", "count-lines", "200000")
	j.do("wait")
	files, _ := filepath.Glob(j.file(1, "output*"))
	assert.Len(t, files, 2)
	assert.LessOrEqual(t, len(j.must("logs")), 20<<10)
	assert.Contains(t, j.must("logs", "-n", "1"), "line ")
}

func TestJobsOwnFiles(t *testing.T) {
	j := ours(t)
	const script = "echo out; echo err >&2; cat"
	require.NoError(t, os.WriteFile(j.home+"/in", []byte("in\n"), 0o600))
	require.NoError(t, os.WriteFile(j.home+"/out", []byte("before\n"), 0o644))
	j.run("--name", "a", "--stdin", "in", "--stdout", "out", "--stderr", "err", "sh", "-c", script)
	j.do("wait", "a")
	assert.Equal(t, "before\nout\nin\n", j.read(j.home+"/out"))
	assert.Equal(t, "err\n", j.read(j.home+"/err"))
	assert.Equal(t, "before\nout\nin\n", j.must("logs", "a"))
	assert.Equal(t, "err\n", j.must("logs", "-e", "a"))
	assert.NoFileExists(t, j.file(1, "output"))

	j.run("--name", "b", "--stdout", "/dev/null", "sh", "-c", script)
	j.do("wait", "b")
	assert.Equal(t, "err\n", j.must("logs", "-e", "b"))

	j.run("--name", "c", "--stdout", "both", "--stderr", "both", "sh", "-c", script)
	j.do("wait", "c")
	assert.Equal(t, "out\nerr\n", j.read(j.home+"/both"), "in the order in which they were written")

	require.NoError(t, unix.Mkfifo(j.home+"/fifo", 0o600))
	r := j.do("run", "--stdout", "fifo", "true")
	assert.Equal(t, 125, r.code)
	assert.Contains(t, r.err, "nobody reads")
	reader, err := os.OpenFile(j.home+"/fifo", os.O_RDWR, 0)
	require.NoError(t, err)
	defer reader.Close()
	j.run("--name", "d", "--stdout", "fifo", "echo", "through")
	line, err := bufio.NewReader(reader).ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "through\n", line)
	assert.NotZero(t, j.do("logs", "d").code, "what went through a FIFO is gone")
}

// A logrotate that moves the file away needs no word to anybody.
func TestJobLogThatIsMoved(t *testing.T) {
	j := ours(t)
	job := j.run("--name", "web", "--stdout", "log", "sh", "-c", `i=0; while read x; do i=$((i+1)); echo line $i; done <"$0"`, j.fifo("in"))
	in, err := os.OpenFile(j.home+"/in", os.O_RDWR, 0)
	require.NoError(t, err)
	defer in.Close()
	write := func() { _, err := in.WriteString("x\n"); require.NoError(t, err) }
	has := func(file, text string) bool {
		all, _ := os.ReadFile(j.home + "/" + file)
		return strings.HasSuffix(string(all), text)
	}
	write()
	eventually(t, func() bool { return has("log", "line 1\n") }, "it writes")
	require.NoError(t, os.Rename(j.home+"/log", j.home+"/log.old"))
	eventually(t, func() bool { write(); return has("log", "\n") && !has("log", "line 1\n") }, "it writes to a file of that name")
	j.must("stop")
	assert.False(t, alive(job.pid))
	counted := 0
	for line := range strings.Lines(j.read(j.home+"/log.old") + j.read(j.home+"/log")) {
		counted++
		assert.Equal(t, fmt.Sprintf("line %d\n", counted), line)
	}
	assert.Greater(t, counted, 1)
}

func (j *jobs) fifo(name string) (path string) {
	j.t.Helper()
	path = filepath.Join(j.home, name)
	require.NoError(j.t, unix.Mkfifo(path, 0o600))
	return path
}

// smallDisk has the state on a file system of a megabyte.
func (j *jobs) smallDisk() {
	j.t.Helper()
	need(j.t, os.Geteuid() == 0, "it takes root to mount")
	require.NoError(j.t, os.Mkdir(j.dir, 0o700))
	require.NoError(j.t, unix.Mount("small", j.dir, "tmpfs", 0, "size=1m,mode=700"))
	j.t.Cleanup(func() { assert.NoError(j.t, unix.Unmount(j.dir, unix.MNT_DETACH)) })
}

// A disk that is full takes log lines, not the job, nor what is known of it.
func TestJobOnAFullDisk(t *testing.T) {
	j := ours(t)
	j.smallDisk()
	ready := j.fifo("ready")
	job := j.run("--name", "big", "sh", "-c", `count-lines 3000000; echo written >"$0"; read x <"$0"; exit 7`, ready)
	assert.Equal(t, "written\n", j.read(ready), "the program was not held up")
	assert.True(t, alive(job.pid))
	r := j.do("status")
	assert.Zero(t, r.code)
	assert.Regexp(t, `trouble: .* bytes of output were lost: .*no space left on device`, r.out)
	require.NoError(t, os.WriteFile(ready, []byte("x\n"), 0o600))
	assert.Equal(t, 7, j.do("wait").code)
	info := j.info("big")
	assert.Equal(t, "ended", info.State)
	assert.Contains(t, info.Trouble, "bytes of output were lost")

	r = j.do("run", "--name", "other", "true")
	assert.Equal(t, 125, r.code, "where there is no room for a record there is no job")
	assert.Contains(t, r.err, "no space left on device")
	assert.Len(t, j.list(), 1)
	j.must("rm", "big")
	j.run("--name", "other", "true")
	assert.Zero(t, j.do("wait").code, "control")
}

// The same for one that is started again and again, while somebody else takes
// every byte that is given back.
func TestRestartsOnAFullDisk(t *testing.T) {
	j := ours(t)
	j.smallDisk()
	ready := j.fifo("ready")
	j.run("--name", "big", "--restart", "on-failure:3", "sh", "-c", `read x <"$0"; count-lines 1500000; echo >"$0"; exit 7`, ready)
	other, err := os.Create(j.dir + "/other")
	require.NoError(t, err)
	over, filled := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(filled)
		for {
			select {
			case <-over:
				return
			default:
				_, _ = other.Write(make([]byte, 4096))
			}
		}
	}()
	defer func() {
		close(over)
		<-filled
		_ = other.Close()
	}()
	for range 4 {
		require.NoError(t, os.WriteFile(ready, []byte("x\n"), 0o600))
		j.read(ready)
	}
	assert.Equal(t, 7, j.do("wait").code)
	info := j.info("big")
	assert.Equal(t, []any{"ended", 3}, []any{info.State, info.Restarts})
	assert.Contains(t, info.Trouble, "bytes of output were lost")
}
