package test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestStopJob(t *testing.T) {
	everyones(t, func(t *testing.T, j *jobs) {
		job := j.run("sleep", "infinity")
		j.must("stop")
		info := j.info("sleep")
		assert.False(t, alive(job.pid))
		assert.Equal(t, []any{"ended", 143, "TERM"}, []any{info.State, *info.Code, info.Signal})
		j.must("stop", "sleep") // it has ended, as it was to

		// One that TERM does not end.
		job = j.run("--name", "stubborn", "linger")
		j.writes(job.number, "ready")
		j.must("stop", "-t", "50ms", "stubborn")
		info = j.info("stubborn")
		assert.Equal(t, []any{"ended", 137, "KILL"}, []any{info.State, *info.Code, info.Signal})

		// One that is stopped, which TERM alone does not reach.
		job = j.run("--name", "stopped", "sleep", "infinity")
		j.must("kill", "-s", "STOP", "stopped")
		j.becomes("stopped", "stopped")
		j.must("stop", "-t", "1m", "stopped")
		assert.Equal(t, "TERM", j.info("stopped").Signal)
		assert.Equal(t, 125, j.do("stop", "no-such-job").code)
	})
}

// --kill-after of tinit run is for the stops to come, and a stop that is in more of a hurry wins.
func TestStopJobTwice(t *testing.T) {
	j := ours(t)
	job := j.run("--kill-after", "1h", "print-signals")
	j.writes(job.number, "ready")
	first := j.cmd("stop").start()
	j.writes(job.number, "\n15\n")
	assert.True(t, alive(job.pid))
	j.must("stop", "-t", "10ms")
	assert.Zero(t, first.wait())
	assert.False(t, alive(job.pid))
}

// A stop signal that --rewrite drops, and a stop all the same.
func TestStopJobThatDropsTheSignal(t *testing.T) {
	j := ours(t)
	job := j.run("--rewrite", "TERM:0", "sleep", "infinity")
	j.must("kill", "-s", "TERM", job.name)
	assert.True(t, alive(job.pid), "control")
	j.must("stop", "-t", "50ms")
	assert.Equal(t, "KILL", j.info(job.name).Signal)
}

func TestKillJob(t *testing.T) {
	everyones(t, func(t *testing.T, j *jobs) {
		job := j.run("print-signals")
		j.writes(job.number, "ready")
		for _, sig := range []string{"HUP", "SIGUSR1", "15", "WINCH", "RTMIN+3"} {
			j.must("kill", "-s", sig, "print-signals")
		}
		j.must("kill", "-PWR", "print-signals") // as kill(1) takes it
		j.must("kill", "-12", "print-signals")
		for _, number := range []int{1, 10, 15, 28, 37, 30, 12} {
			j.writes(job.number, "\n"+strconv.Itoa(number)+"\n")
		}
		j.must("kill", "-s", "TSTP")
		j.writes(job.number, "\n20\n")
		assert.NotEqual(t, byte('T'), procStat(j.info("print-signals").Keeper).state, "the keeper does not stop with it")
		j.must("kill", "-s", "KILL")
		assert.Equal(t, 137, j.do("wait", "%1").code)
		r := j.do("kill", "%1")
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.err, "has ended")
	})
}

const secret = "T0PS3CRET"

// Who knows of no jobs ends one by its keeper, as the machine does when it goes
// down.
func TestKeeperIsToldToEnd(t *testing.T) {
	j := ours(t)
	for _, policy := range []string{"no", "always"} {
		j.run("--name", policy, "--restart", policy, "sleep", "infinity")
		info := j.info(policy)
		require.NoError(t, killOne(info.Keeper, unix.SIGTERM))
		assert.Equal(t, 143, j.do("wait", policy).code)
		assert.False(t, alive(info.PID))
		assert.Equal(t, "TERM", j.info(policy).Signal)
	}
	// In the pause before a restart too.
	j.run("--name", "pausing", "--restart", "always", "true")
	eventually(t, func() bool { i := j.info("pausing"); return i.State == "pausing" && i.Restarts > 1 }, "it pauses")
	var keeper int
	eventually(t, func() bool { keeper = j.info("pausing").Keeper; return keeper != 0 }, "its keeper is told")
	require.NoError(t, unix.Kill(keeper, unix.SIGTERM))
	gone(t, keeper)
	assert.Equal(t, "ended", j.info("pausing").State)
}

// restart has the environment in the keeper's memory: it is on no disk, and in no command line.
func TestRestartJobKeepsTheEnvironment(t *testing.T) {
	j := ours(t)
	r := j.cmd("run", "--name", "env", "--env", "PASSWORD="+secret, "sh", "-c", `echo "$PASSWORD/$FROM/$TINIT_JOB_ID."; exec sleep infinity`).env("FROM=" + secret + "2").run()
	job := j.started(r.out)
	j.writes(1, secret+"/"+secret+"2/")
	info := j.info("env")
	assert.NotContains(t, cmdline(info.Keeper), secret)
	for _, file := range []string{"record", "asked"} {
		text, _ := os.ReadFile(j.file(1, file))
		assert.NotContains(t, string(text), secret, file)
	}
	environ, err := os.ReadFile(procPath(info.Keeper, "environ"))
	require.NoError(t, err)
	assert.Contains(t, string(environ), secret, "control: it is looked for as it is")

	again := j.started(j.must("restart", "env"))
	assert.NotEqual(t, job.pid, again.pid)
	assert.False(t, alive(job.pid))
	assert.Equal(t, info.Keeper, j.info("env").Keeper)
	eventually(t, func() bool { return strings.Count(j.read(j.file(1, "output")), secret+"/"+secret+"2/") == 2 }, "it has the same environment")

	// start has the caller's.
	j.must("stop", "env")
	r = j.cmd("start", "--env", "PASSWORD=new", "env").env("FROM=there").run()
	require.Zero(t, r.code, r.err)
	j.writes(1, "new/there/")
	j.must("restart", "env")
	eventually(t, func() bool { return strings.Count(j.read(j.file(1, "output")), "new/there/") == 2 }, "and keeps that")
	ids := map[string]bool{}
	for line := range strings.SplitSeq(strings.TrimSpace(j.read(j.file(1, "output"))), "\n") {
		ids[line[strings.LastIndex(line, "/"):]] = true
	}
	assert.Len(t, ids, 2, "each start has an ID of its own")
}

func TestRestartOfAJobThatIgnoresTERM(t *testing.T) {
	j := ours(t)
	job := j.run("--kill-after", "1h", "print-signals")
	j.writes(1, "ready")
	first := j.cmd("restart").start()
	j.writes(1, "\n15\n")
	again := j.started(j.must("restart", "-t", "50ms"))
	assert.Zero(t, first.wait())
	assert.NotEqual(t, job.pid, again.pid)
	assert.False(t, alive(job.pid))
	assert.Equal(t, 0, j.info("print-signals").Restarts, "nobody's policy did it")
}

// A stop is not undone by a restart that waits for the same end.
func TestStopAfterRestart(t *testing.T) {
	j := ours(t)
	job := j.run("print-signals")
	j.writes(1, "ready")
	restart := j.cmd("restart", "-t", "1h").start()
	j.writes(1, "\n15\n")
	j.must("stop", "-t", "50ms")
	assert.False(t, alive(job.pid))
	assert.Equal(t, 1, restart.wait())
	assert.Contains(t, restart.err.String(), `job "print-signals": it was stopped, and not started again`)
	assert.Equal(t, "ended", j.info("print-signals").State)
}

func TestStartJob(t *testing.T) {
	everyones(t, func(t *testing.T, j *jobs) {
		job := j.run("--name", "web", "--umask", "027", "--ignore", "HUP", "sh", "-c", "umask; pwd; exit 4")
		assert.Equal(t, 4, j.do("wait", "web").code)
		r := j.cmd("start", "web").dir("/").run()
		require.Zero(t, r.code, r.err)
		assert.Equal(t, job.number, j.started(r.out).number)
		assert.Equal(t, 4, j.do("wait", "web").code)
		assert.Equal(t, strings.Repeat("0027\n"+j.home+"\n", 2), j.must("logs", "web"), "in the same directory, with the same flags")
		j.run("--name", "up", "sleep", "infinity")
		r = j.do("start", "up")
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.err, `job "up" runs already`)
	})
}

// A file that was named from where tinit run was is not looked for where tinit start is.
func TestStartJobWithRelativePaths(t *testing.T) {
	j := ours(t)
	require.NoError(t, os.WriteFile(j.home+"/env", []byte("COLOUR=blue\n"), 0o600))
	require.NoError(t, os.Mkdir(j.home+"/sub", 0o755))
	j.run("--name", "web", "--env-file", "env", "--chdir", "sub", "--stdout", "out", "sh", "-c", "pwd; echo $COLOUR")
	j.do("wait", "web")
	r := j.cmd("start", "web").dir("/").run()
	require.Zero(t, r.code, r.err)
	j.do("wait", "web")
	assert.Equal(t, strings.Repeat(j.home+"/sub\nblue\n", 2), j.read(j.home+"/out"))
}

func TestWaitForJobs(t *testing.T) {
	j := ours(t)
	j.run("--name", "a", "exit", "3")
	j.run("--name", "b", "sh", "-c", "kill -9 $$")
	j.run("--name", "c", "--success-code", "7", "exit", "7")
	for name, code := range map[string]int{"a": 3, "b": 137, "c": 0} {
		assert.Equal(t, code, j.do("wait", name).code, name)
	}
	assert.Equal(t, 3, j.do("wait", "b", "a").code)
	j.run("--name", "d", "sleep", "infinity")
	u := j.cmd("wait", "d").start()
	j.must("stop", "d")
	assert.Equal(t, 143, u.wait())
}

func TestRemoveJobs(t *testing.T) {
	everyones(t, func(t *testing.T, j *jobs) {
		for i := range 3 {
			j.run("--name", fmt.Sprint("done-", i), "true")
			j.do("wait", fmt.Sprint("done-", i))
		}
		up := j.run("--name", "up", "sleep", "infinity")
		r := j.do("rm", "up")
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.err, "tinit rm -f")
		assert.True(t, alive(up.pid))
		j.must("rm", "done-1")
		assert.NoDirExists(t, j.file(2, ""))
		assert.Len(t, j.list(), 3)
		j.must("rm", "-a")
		assert.Len(t, j.list(), 1)
		j.must("rm", "-f", "up")
		assert.False(t, alive(up.pid))
		assert.Empty(t, j.list())
		j.run("--name", "up", "sleep", "infinity")
		j.must("rm", "-fa")
		assert.Empty(t, j.list())
		assert.Equal(t, 125, j.do("rm", "-a", "up").code)
	})
}

// Two starts of one name at one moment: one gets it, the other says so.
func TestOneNameTwice(t *testing.T) {
	j := ours(t)
	for i := range times(15) {
		name := fmt.Sprint("web-", i)
		both := []*running{j.cmd("run", "--name", name, "sleep", "infinity").start(), j.cmd("run", "--name", name, "sleep", "infinity").start()}
		codes := []int{both[0].wait(), both[1].wait()}
		assert.ElementsMatch(t, []int{0, 125}, codes)
		text := both[0].err.String() + both[1].err.String()
		assert.Regexp(t, `^tinit: job "`+name+`" (runs already: |is being started)`, text)
	}
	assert.Len(t, j.list(), times(15))
	// And the same to start one that has ended.
	j.must("stop", "web-0")
	both := []*running{j.cmd("start", "web-0").start(), j.cmd("start", "web-0").start()}
	codes := []int{both[0].wait(), both[1].wait()}
	assert.ElementsMatch(t, []int{0, 1}, codes)
	require.NoError(t, unix.Kill(j.info("web-0").PID, 0))
}
