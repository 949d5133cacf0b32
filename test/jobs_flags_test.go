package test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func init() {
	registerChild("notify", notifyReadiness)
}

// notifyReadiness is "notify TEXT...": it sends each to NOTIFY_SOCKET, as
// sd_notify(3) does, prints "sent", and stays.
func notifyReadiness() {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		fail("notify", err)
	}
	for _, text := range os.Args[1:] {
		if err := unix.Sendto(fd, []byte(text), 0, &unix.SockaddrUnix{Name: os.Getenv("NOTIFY_SOCKET")}); err != nil {
			fail("notify", err)
		}
	}
	fmt.Println("sent")
	for {
		_ = unix.Pause()
	}
}

func TestRunWaitsForReadiness(t *testing.T) {
	everyones(t, func(t *testing.T, j *jobs) {
		ready := j.fifo("ready")
		if j.user != 0 {
			require.NoError(t, os.Chmod(ready, 0o666))
		}
		r := j.cmd("run", "--wait", "--name", "web", "sh", "-c", `read x <"$0"; exec notify "STATUS=50 %
READY=1" "STATUS=all is well"`, ready).env("NOTIFY_SOCKET=/nonexistent", "TINIT_JOB_ID=outer").start()
		eventually(t, func() bool { return len(j.list()) == 1 && j.info("web").State == "running" }, "it runs")
		assert.False(t, r.ended())
		assert.False(t, j.info("web").Ready)
		require.NoError(t, os.WriteFile(ready, []byte("x\n"), 0o666))
		require.Zero(t, r.wait(), r.err)
		assert.Equal(t, j.info("web").PID, j.started(r.out.String()).pid)
		eventually(t, func() bool { return j.info("web").Status == "all is well" }, "it says how it is")
		assert.True(t, j.info("web").Ready)
		assert.Contains(t, j.do("status").out, "says:       all is well")
		environ, err := os.ReadFile(procPath(j.info("web").PID, "environ"))
		require.NoError(t, err)
		assert.Equal(t, 1, strings.Count("\x00"+string(environ), "\x00TINIT_JOB_ID="))
		assert.NotContains(t, string(environ), "TINIT_JOB_ID=outer")

		rr := j.do("run", "--wait", "--name", "early", "sh", "-c", "exit 6")
		assert.Equal(t, 6, rr.code)
		assert.Contains(t, rr.err, "early ended with 6 before it was ready")
		assert.Equal(t, 1, j.do("run", "--wait", "--name", "done", "true").code)

		rr = j.do("run", "--wait", "--timeout", "50ms", "--name", "late", "sleep", "infinity")
		assert.Equal(t, 124, rr.code)
		assert.Contains(t, rr.err, "late was not ready after 50ms, and was stopped")
		assert.Equal(t, "ended", j.info("late").State)
	})
}

// Readiness is the program's to say, and that of its user.
func TestReadinessOfAnother(t *testing.T) {
	need(t, os.Geteuid() == 0, "it takes root to be somebody else")
	j := ours(t)
	r := j.cmd("run", "--wait", "--name", "web", "sh", "-c", `echo "$NOTIFY_SOCKET"; exec sleep infinity`).start()
	j.writes(1, "@tinit/")
	socket := "NOTIFY_SOCKET=" + strings.TrimSpace(j.read(j.file(1, "output")))
	spoof := plainly(t, childDir+"/notify", "READY=1").argv0("notify").env(socket).user(stranger).start()
	spoof.out.waitFor(t, "sent")
	assert.False(t, r.ended())
	own := plainly(t, childDir+"/notify", "READY=1").argv0("notify").env(socket).start()
	own.out.waitFor(t, "sent")
	require.Zero(t, r.wait(), "control")

	// The program may be another user's than the keeper.
	rr := j.do("run", "--wait", "--name", "theirs", "--user", strconv.Itoa(stranger), "notify", "READY=1")
	assert.Zero(t, rr.code, rr.err)
}

func TestRestartPolicy(t *testing.T) {
	j := ours(t)
	count := j.home + "/count"
	script := `echo x >>"$0"; [ $(wc -l <"$0") -ge 3 ] && exit 0; exit 1`
	j.run("--name", "a", "--restart", "on-failure", "sh", "-c", script, count)
	assert.Zero(t, j.do("wait", "a").code)
	assert.Equal(t, 2, j.info("a").Restarts)
	assert.Contains(t, j.must("jobs"), "Done (restarted 2 times)  a ")
	j.run("--name", "b", "--restart", "on-failure:1", "exit", "4")
	assert.Equal(t, 4, j.do("wait", "b").code)
	assert.Equal(t, 1, j.info("b").Restarts)
	j.run("--name", "c", "--restart", "on-failure", "--success-code", "4", "exit", "4")
	assert.Zero(t, j.do("wait", "c").code)
	assert.Zero(t, j.info("c").Restarts)
	assert.Zero(t, j.info("a").Restarts-2, "control")

	// A pause grows; a stop ends it.
	j.run("--name", "d", "--restart", "always", "true")
	eventually(t, func() bool { i := j.info("d"); return i.State == "pausing" && i.Restarts > 1 }, "it pauses")
	j.must("stop", "d")
	assert.Equal(t, "ended", j.info("d").State)
	// So does a restart, and it goes on.
	j.must("start", "d")
	eventually(t, func() bool { i := j.info("d"); return i.State == "pausing" && i.Restarts > 2 }, "it pauses again")
	j.must("restart", "d")
	j.must("rm", "-f", "d")

	// KILL by somebody is a failure, by tinit kill an end.
	j.run("--name", "e", "--restart", "on-failure", "sleep", "infinity")
	first := j.info("e").PID
	require.NoError(t, unix.Kill(first, unix.SIGKILL))
	eventually(t, func() bool { i := j.info("e"); return i.State == "running" && i.PID != first }, "it was started again")
	j.must("kill", "-s", "KILL", "e")
	assert.Equal(t, 137, j.do("wait", "e").code)
}

func TestPIDFileOfAJob(t *testing.T) {
	j := ours(t)
	job := j.run("--name", "web", "--pidfile", "web.pid", "sleep", "infinity")
	assert.Equal(t, fmt.Sprintln(job.pid), j.read(j.home+"/web.pid"))
	r := j.do("run", "--name", "other", "--pidfile", "web.pid", "true")
	assert.Equal(t, 125, r.code)
	assert.Contains(t, r.err, "is another's")
	again := j.started(j.must("restart", "web"))
	assert.Equal(t, fmt.Sprintln(again.pid), j.read(j.home+"/web.pid"))
	j.loseKeeper("web")
	r = j.do("run", "--name", "other", "--pidfile", "web.pid", "true")
	assert.Contains(t, r.err, fmt.Sprintf("names process %d, which is there", again.pid))
	j.must("stop", "web")
	j.must("start", "web")
	j.must("stop", "web")
	assert.NoFileExists(t, j.home+"/web.pid")
	assert.Equal(t, 127, j.do("run", "--pidfile", "web.pid", "/no-such-program").code)
	assert.NoFileExists(t, j.home+"/web.pid")
}

// The flags that say how a program is started are the init's.
func TestProcessFlagsOfAJob(t *testing.T) {
	j := ours(t)
	require.NoError(t, os.WriteFile(j.home+"/env", []byte("A=file\nB=file\n"), 0o600))
	job := j.run("--name", "web", "--chdir", "/proc", "--umask", "027", "--env", "B=flag", "--env-file", "env", "--no-new-privileges",
		"--new-session", "--ignore", "HUP", "sh", "-c", `echo "$A $B"; exec sleep infinity`)
	j.writes(1, "file flag\n")
	cwd, err := os.Readlink(procPath(job.pid, "cwd"))
	require.NoError(t, err)
	status := procStatus(job.pid)
	assert.Equal(t, []string{"/proc", "0027", "1"}, []string{cwd, status["Umask"], status["NoNewPrivs"]})
	assert.Equal(t, job.pid, procStat(job.pid).session)
	info := j.info("web")
	kept := procStatus(info.Keeper)
	assert.NotEqual(t, []string{"0027", "1"}, []string{kept["Umask"], kept["NoNewPrivs"]}, "the keeper stays as it was")
	j.must("stop")
	assert.False(t, alive(job.pid))

	if os.Geteuid() == 0 {
		job = j.run("--name", "theirs", "--user", "65534:65534", "--chdir", "/", "sleep", "infinity")
		assert.Equal(t, "65534\t65534\t65534\t65534", procStatus(job.pid)["Uid"])
		assert.Equal(t, "0\t0\t0\t0", procStatus(j.info("theirs").Keeper)["Uid"])
		j.must("stop", "theirs")
		assert.False(t, alive(job.pid))
	}
}

// The variables that set the init's flags set those of tinit run, and last as long as the job is known.
func TestVariablesOfAJob(t *testing.T) {
	j := ours(t)
	r := j.cmd("run", "print-signals").env("TINIT_REWRITE=HUP:USR1").run()
	require.Zero(t, r.code, r.err)
	for range 2 {
		j.writes(1, "ready")
		j.must("kill", "-s", "HUP")
		j.writes(1, "\n10\n")
		j.must("stop", "-t", "10ms")
		require.NoError(t, os.Truncate(j.file(1, "output"), 0))
		j.must("start")
	}
}

func TestQuietRun(t *testing.T) {
	j := ours(t)
	assert.Empty(t, j.must("run", "-q", "true"))
	r := j.do("run", "-q", "/no-such-program")
	assert.Equal(t, 127, r.code)
	assert.NotEmpty(t, r.err)
}

// A terminal that is named is nobody's controlling terminal for that.
func TestJobWritesToATerminal(t *testing.T) {
	user, device, err := pty.Open()
	need(t, err == nil, fmt.Sprint(err))
	defer user.Close()
	defer device.Close()
	j := ours(t)
	job := j.run("--stdout", device.Name(), "sleep", "infinity")
	assert.Equal(t, device.Name(), descriptors(job.pid)[1])
	assert.Zero(t, procStat(job.pid).ttyNr)
	assert.Zero(t, procStat(j.info("sleep").Keeper).ttyNr)
}

// A program opens its streams by name, as another user than its keeper: they are its own. TestServiceOpensItsStreams has the control.
func TestJobOpensItsStreams(t *testing.T) {
	need(t, os.Geteuid() == 0, "only root can become another user")
	j := ours(t)
	j.must("run", "--name", "theirs", "--user", strconv.Itoa(stranger), "--chdir", "/", "sh", "-c", "echo ours >/dev/stdout && echo theirs >/dev/stderr")
	assert.Zero(t, j.do("wait", "theirs").code)
	assert.Equal(t, "ours\ntheirs\n", j.read(j.file(1, "output")))
}
