package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// loseKeeper kills a job's keeper with KILL, and waits for its end.
func (j *jobs) loseKeeper(name string) jobInfo {
	j.t.Helper()
	info := j.info(name)
	require.NoError(j.t, killOne(info.Keeper, unix.SIGKILL))
	gone(j.t, info.Keeper)
	return info
}

func TestLostJob(t *testing.T) {
	everyones(t, func(t *testing.T, j *jobs) {
		job := j.run("--name", "web", "sh", "-c", `sleep infinity & echo child $!; setsid sleep infinity & echo escaped $!; wait`)
		j.writes(1, "escaped ")
		var child, escaped int
		eventually(t, func() bool {
			n, _ := fmt.Sscanf(j.read(j.file(1, "output")), "child %d\nescaped %d\n", &child, &escaped)
			return n == 2
		}, "both are there")
		other := j.run("--name", "other", "sleep", "infinity")
		bystander := exec.Command("sleep", "infinity")
		bystander.SysProcAttr = &unix.SysProcAttr{Setsid: true}
		require.NoError(t, bystander.Start())
		defer func() { _ = bystander.Wait() }()
		defer func() { _ = bystander.Process.Kill() }()
		eventually(t, func() bool { return procStat(escaped).session == escaped }, "it has escaped")

		j.loseKeeper("web")
		assert.Regexp(t, `(?m)^\[1\].?  Lost     web `, j.must("jobs"))
		assert.Equal(t, 1, j.do("status", "web").code)
		r := j.do("start", "web")
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.err, "2 of its processes are left: end them with tinit stop web")
		assert.Equal(t, 125, j.do("run", "--name", "web", "true").code)
		assert.Equal(t, 1, j.do("rm", "web").code)
		j.must("rm", "-a") // it is none that has ended
		r = j.do("wait", "web")
		assert.Equal(t, 125, r.code)
		assert.Contains(t, r.err, "was lost")

		j.must("stop", "web")
		assert.False(t, alive(job.pid) || alive(child))
		for _, pid := range []int{escaped, other.pid, bystander.Process.Pid} {
			assert.True(t, alive(pid), "nobody else is signalled, what has escaped neither")
		}
		assert.Contains(t, j.do("status", "web").out, "of its processes none is left")
		j.must("start", "web")
		assert.Equal(t, "running", j.info("web").State)
		j.loseKeeper("web")
		j.must("restart", "web")
		assert.Equal(t, "running", j.info("web").State, "restart stops what is left first")
		j.loseKeeper("web")
		j.must("rm", "-f", "web")
		assert.Len(t, j.list(), 1)
	})
}

// What is left of a lost job may ignore TERM.
func TestLostJobThatIgnoresTERM(t *testing.T) {
	j := ours(t)
	job := j.run("linger")
	j.writes(1, "ready")
	j.loseKeeper("linger")
	j.must("kill", "-s", "HUP") // is not ignored
	gone(t, job.pid)
	job = j.started(j.must("start", "linger"))
	eventually(t, func() bool { return strings.Count(j.read(j.file(1, "output")), "ready") == 2 }, "it ignores TERM")
	j.loseKeeper("linger")
	j.must("stop", "-t", "50ms")
	assert.False(t, alive(job.pid))
}

// The numbers of a lost job may be others' by now.
func TestLostJobsNumbersAreOthers(t *testing.T) {
	j := ours(t)
	j.run("sleep", "infinity")
	info := j.loseKeeper("sleep")
	j.must("stop")
	require.False(t, alive(info.PID))
	other := exec.Command("sleep", "infinity")
	other.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	require.NoError(t, other.Start())
	defer func() { _ = other.Wait() }()
	defer func() { _ = other.Process.Kill() }()
	record := j.read(j.file(1, "record"))
	for _, pid := range []int{info.Keeper, info.PID} {
		record = strings.ReplaceAll(record, fmt.Sprintf("%q", fmt.Sprint(pid)), fmt.Sprintf("%q", fmt.Sprint(other.Process.Pid)))
	}
	require.NoError(t, os.WriteFile(j.file(1, "record"), []byte(record), 0o600))
	assert.Equal(t, "lost", j.info("sleep").State)
	j.must("stop")
	assert.Equal(t, 1, j.do("kill", "-s", "KILL").code)
	j.must("rm", "-f", "sleep")
	assert.True(t, alive(other.Process.Pid))
}

// A keeper that is stopped answers nobody. No command waits for it without a word.
func TestStoppedKeeper(t *testing.T) {
	j := ours(t)
	job := j.run("--name", "web", "sleep", "infinity")
	info := j.info("web")
	stop := func() {
		require.NoError(t, killOne(info.Keeper, unix.SIGSTOP))
		eventually(t, func() bool { return procStat(info.Keeper).state == 'T' }, "the keeper is stopped")
	}
	stop()
	for _, command := range []string{"kill", "restart", "bg"} {
		r := j.do(command)
		assert.Equal(t, 1, r.code, command)
		assert.Contains(t, r.err, fmt.Sprintf("its keeper is stopped, and does not answer (kill -CONT %d)", info.Keeper), command)
	}
	r := j.do("status")
	assert.Zero(t, r.code)
	assert.Contains(t, r.err, "its keeper is stopped")
	assert.Contains(t, j.must("jobs"), "Running")
	assert.True(t, alive(job.pid))
	j.must("stop")
	assert.False(t, alive(job.pid))
	assert.Equal(t, "ended", j.info("web").State)
}

// A folder that belongs to somebody else is not believed, least of all by root.
func TestOthersStateDir(t *testing.T) {
	need(t, os.Geteuid() == 0, "it takes root to be somebody else")
	theirs := newJobs(t, stranger)
	job := theirs.run("sleep", "infinity")
	record := theirs.read(theirs.file(1, "record"))
	roots := *theirs
	roots.user = 0
	for _, command := range []string{"jobs", "status", "stop", "kill", "restart", "rm -f sleep", "logs", "fg", "wait", "start", "run true"} {
		r := roots.do(strings.Fields(command)...)
		assert.NotZero(t, r.code, command)
		assert.Contains(t, r.err, "belongs to user 65534, and this is user 0", command)
	}
	assert.True(t, alive(job.pid))

	// Nor a job's folder within one's own.
	own := ours(t)
	own.run("true")
	own.do("wait")
	require.NoError(t, os.Mkdir(own.file(2, ""), 0o700))
	require.NoError(t, os.WriteFile(own.file(2, "record"), []byte(record), 0o600))
	require.NoError(t, os.Chown(own.file(2, ""), stranger, stranger))
	r := own.do("stop", "sleep")
	assert.Equal(t, 125, r.code)
	assert.Contains(t, r.err, "belongs to user 65534")
	assert.True(t, alive(job.pid))
	theirs.must("stop")
	assert.False(t, alive(job.pid), "control")
}

// Nowhere to keep jobs, in clear words.
func TestNoPlaceForJobs(t *testing.T) {
	need(t, os.Geteuid() == 0, "it takes root to be somebody else")
	j := newJobs(t, stranger)
	closed := t.TempDir()
	for name, c := range map[string]struct {
		env []string
		err string
	}{
		"no home":        {nil, "no place for jobs: HOME is not set (TINIT_STATE_DIR can name a folder)"},
		"a relative one": {[]string{"HOME=h"}, `no place for jobs: HOME is "h", which is no absolute path`},
		"none that is":   {[]string{"HOME=/nonexistent"}, "no place for jobs: mkdir /nonexistent: permission denied (TINIT_STATE_DIR can name another folder)"},
		"closed":         {[]string{"TINIT_STATE_DIR=" + closed + "/x"}, "permission denied (TINIT_STATE_DIR can name another folder)"},
	} {
		r := tinit(t, "run", "true").onlyEnv(append(c.env, "PATH=/usr/bin:/bin")...).user(stranger).run()
		assert.Equal(t, 125, r.code, name)
		assert.Contains(t, r.err, c.err, name)
	}
	r := tinit(t, "run", "true").onlyEnv("HOME="+j.home, "PATH=/usr/bin:/bin").user(stranger).run()
	require.Zero(t, r.code, r.err)
	assert.FileExists(t, filepath.Join(j.home, ".local/state/tinit/1/record"))
}

func TestReadOnlyHome(t *testing.T) {
	why := namespacesMissing()
	need(t, why == "", "no namespaces: "+why)
	j := ours(t)
	r := j.cmd("run", "true")
	r.cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWNS
	got := r.readOnly().run()
	assert.Equal(t, 125, got.code)
	assert.Contains(t, got.err, "read-only file system (TINIT_STATE_DIR can name another folder)")
}

// A keeper that an engine's exec put into a container has process 1 for a parent, and ends with it.
func TestJobEndsWithItsContainer(t *testing.T) {
	j := ours(t)
	u := j.prepared(pid1(t, "--grace", "10s", "sh", "-c", `"$0" run --name web sleep infinity; read x`, tinitPath))
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	c := u.stdin(r).start()
	c.out.waitFor(t, "[1] ")
	record := j.read(j.file(1, "record"))
	assert.Equal(t, "away", j.info("web").State)
	assert.Contains(t, j.must("jobs"), "Elsewhere")
	assert.Equal(t, 4, j.do("status", "web").code)
	assert.Equal(t, 1, j.do("stop", "web").code)
	require.NoError(t, w.Close())
	c.wait()
	assert.NotEqual(t, record, j.read(j.file(1, "record")), "its end was told")
	info := j.info("web")
	assert.Equal(t, []any{"ended", "TERM"}, []any{info.State, info.Signal})
}

// The same for what an engine's exec starts, as a process that has no parent
// in the container.
func TestJobThatExecBroughtIn(t *testing.T) {
	why := namespacesMissing()
	need(t, why == "" && os.Geteuid() == 0, "no namespaces: "+why)
	nsenter, err := exec.LookPath("nsenter")
	need(t, err == nil, "no nsenter")
	j := ours(t)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	c := j.prepared(pid1(t, "--grace", "10s", "sh", "-c", "echo up; read x")).stdin(r).start()
	c.out.waitFor(t, "up")
	enter := []string{nsenter, "-t", fmt.Sprint(c.pid), "-p", "-m", tinitPath, "run", "--name", "web", "sleep", "infinity"}
	got := j.prepared(plainly(t, enter...)).run()
	require.Zero(t, got.code, got.err)
	require.Equal(t, "away", j.info("web").State)
	keeper := children(c.pid)[1]
	assert.Contains(t, cmdline(keeper), "tinit-keeper", "process 1 has got it")
	program := children(keeper)[0]
	require.NoError(t, w.Close())
	c.wait()
	assert.False(t, alive(keeper) || alive(program))
	info := j.info("web")
	assert.Equal(t, []any{"ended", "TERM"}, []any{info.State, info.Signal})
}

// One that was killed with its container leaves a record that says it runs.
func TestJobOfAContainerThatWasKilled(t *testing.T) {
	j := ours(t)
	c := j.prepared(pid1(t, "sh", "-c", `"$0" run --name web sleep infinity; sleep infinity`, tinitPath)).start()
	c.out.waitFor(t, "[1] ")
	require.Equal(t, "away", j.info("web").State, "control")
	c.kill()
	j.becomes("web", "lost")
	assert.Empty(t, j.do("stop", "web").err)
	j.must("start", "web")
	assert.Equal(t, "running", j.info("web").State)
}
