package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const stranger = 65534 // a user who owns nothing

// jobs are those of one user, in a folder of their own.
type jobs struct {
	t    *testing.T
	user int    // 0: whoever runs the tests
	home string // the user's, and the working directory
	dir  string // TINIT_STATE_DIR
}

// newJobs has no jobs yet. What they start is killed when the test ends.
func newJobs(t *testing.T, user int) *jobs {
	t.Helper()
	top, err := os.MkdirTemp("", "jobs-") // t.TempDir's is closed to others
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(top) })
	markOf(t) // so that all are killed before their folder is removed
	require.NoError(t, os.Chmod(top, 0o755))
	j := &jobs{t: t, user: user, home: filepath.Join(top, "home"), dir: filepath.Join(top, "home", "state")}
	require.NoError(t, os.Mkdir(j.home, 0o755))
	if user != 0 {
		require.NoError(t, os.Chown(j.home, user, user))
	}
	return j
}

// ours are the jobs of whoever runs the tests.
func ours(t *testing.T) *jobs { return newJobs(t, 0) }

// everyones runs a test as the user that runs the tests, and as one who may do nothing.
func everyones(t *testing.T, test func(t *testing.T, j *jobs)) {
	t.Helper()
	t.Run("own user", func(t *testing.T) { test(t, ours(t)) })
	t.Run("another user", func(t *testing.T) {
		need(t, os.Geteuid() == 0, "it takes root to be somebody else")
		test(t, newJobs(t, stranger))
	})
}

// cmd is a tinit of that user's that is about to be started.
func (j *jobs) cmd(args ...string) *run {
	return j.prepared(tinit(j.t, args...))
}

func (j *jobs) prepared(r *run) *run {
	r.dir(j.home).env("TINIT_STATE_DIR="+j.dir, "HOME="+j.home)
	if j.user != 0 {
		r.user(j.user)
	}
	return r
}

// do runs a tinit to its end.
func (j *jobs) do(args ...string) result {
	j.t.Helper()
	return j.cmd(args...).run()
}

// must is do, of what has to succeed, and returns what it printed.
func (j *jobs) must(args ...string) string {
	j.t.Helper()
	r := j.do(args...)
	require.Zero(j.t, r.code, "tinit %s\nstdout: %s\nstderr: %s", strings.Join(args, " "), r.out, r.err)
	require.Empty(j.t, r.err, "tinit %s", strings.Join(args, " "))
	return r.out
}

// run is tinit run with these arguments, which has to succeed.
func (j *jobs) run(args ...string) started {
	j.t.Helper()
	return j.started(j.must(append([]string{"run"}, args...)...))
}

// A started is what tinit run prints of a job.
type started struct {
	number, pid int
	name        string
}

func (j *jobs) started(line string) (s started) {
	j.t.Helper()
	_, err := fmt.Sscanf(line, "[%d] %d %s\n", &s.number, &s.pid, &s.name)
	require.NoError(j.t, err, "%q", line)
	require.Equal(j.t, fmt.Sprintf("[%d] %d %s\n", s.number, s.pid, s.name), line, "it prints no more")
	return s
}

// A jobInfo is a job as tinit status --json tells.
type jobInfo struct {
	Number   int
	Name     string
	State    string
	Program  []string
	PID      int
	PGID     int
	SID      int
	Keeper   int
	Restarts int
	Ready    bool
	Status   string
	Code     *int `json:"exit_code"`
	Signal   string
	Output   string
	Trouble  string
	CPU      float64 `json:"cpu_seconds"`
	Memory   float64 `json:"memory_bytes"`
}

// info is what is known of a job now.
func (j *jobs) info(name string) (info jobInfo) {
	j.t.Helper()
	r := j.do("status", "--json", name)
	require.NoError(j.t, json.Unmarshal([]byte(r.out), &info), "%q %q", r.out, r.err)
	return info
}

// list is all of them.
func (j *jobs) list() (all []jobInfo) {
	j.t.Helper()
	require.NoError(j.t, json.Unmarshal([]byte(j.must("jobs", "--json")), &all))
	return all
}

// becomes waits until a job is in that state.
func (j *jobs) becomes(name, state string) {
	j.t.Helper()
	eventually(j.t, func() bool { return j.info(name).State == state }, name+" is "+state)
}

// file is one in the folder of a job.
func (j *jobs) file(number int, name string) string {
	return filepath.Join(j.dir, strconv.Itoa(number), name)
}

func (j *jobs) read(path string) string {
	j.t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(j.t, err)
	return string(text)
}

// writes waits until a job has written text.
func (j *jobs) writes(number int, text string) {
	j.t.Helper()
	eventually(j.t, func() bool {
		all, _ := os.ReadFile(j.file(number, "output"))
		return strings.Contains(string(all), text)
	}, fmt.Sprintf("%q in the output", text))
}

func gone(t *testing.T, pid int) {
	t.Helper()
	eventually(t, func() bool { return !alive(pid) }, fmt.Sprintf("process %d ends", pid))
}

// killOne is kill(2) for one process. What was read of a job that has no process is 0, which is this process's own group.
func killOne(pid int, sig unix.Signal) error {
	if pid <= 0 {
		return unix.ESRCH
	}
	return unix.Kill(pid, sig)
}
