package test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// inForeground has a shell on a terminal, with a job in its foreground that has
// printed "ready".
func inForeground(t *testing.T, program ...string) (*jobs, *session, started) {
	t.Helper()
	j := ours(t)
	job := j.run(program...)
	j.writes(1, "ready")
	s := onTerminal(t, j.prepared(plainly(t, bash(t)...)))
	s.prompts()
	s.line("$tinit fg %%%d", job.number)
	s.shows("Ctrl-Z leaves it in the background")
	return j, s, job
}

func TestForegroundKeys(t *testing.T) {
	j, s, job := inForeground(t, "print-signals")
	for key, number := range map[string]string{ctrlC: "2", ctrlBackslash: "3"} {
		s.types(key)
		s.shows(number + "\r\n")
	}
	s.types(ctrlZ)
	s.shows("goes on in the background")
	s.ends(148)
	assert.True(t, alive(job.pid))
	assert.Equal(t, "running", j.info("print-signals").State)

	// And once more, up to its end.
	s.line("$tinit fg")
	s.shows("Ctrl-Z leaves it in the background")
	s.types(ctrlC)
	s.shows("2\r\n")
	j.must("kill", "-s", "USR2")
	s.shows("12\r\n")
	j.must("kill", "-s", "USR2")
	s.ends(0)
}

func TestForegroundLeavesWithTheJobsCode(t *testing.T) {
	j, s, _ := inForeground(t, "--name", "web", "sh", "-c", `trap "exit 9" INT; echo ready; while :; do sleep 0.01; done`)
	s.types(ctrlC)
	s.ends(9)
	r := j.do("fg", "web")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.err, `job "web" has ended (Exit 9)`)
	j.run("--name", "killed", "sleep", "infinity")
	s.line("$tinit fg killed")
	s.shows("Ctrl-Z leaves it in the background")
	j.must("kill", "-s", "KILL", "killed")
	s.ends(137)
}

// A job whose output goes where nobody can read it is in the foreground all the same.
func TestForegroundWithoutOutput(t *testing.T) {
	j := ours(t)
	job := j.run("--name", "web", "--stdout", os.DevNull, "sh", "-c", `trap "exit 9" INT; while :; do sleep 0.01; done`)
	eventually(t, func() bool { return sigSet(procStatus(job.pid)["SigCgt"])[2] }, "it takes INT")
	s := onTerminal(t, j.prepared(plainly(t, bash(t)...)))
	s.prompts()
	s.line("$tinit fg web")
	s.shows(`what job "web" writes goes to /dev/null, and is not kept`)
	s.types(ctrlZ)
	s.shows("goes on in the background")
	s.ends(148)
	s.line("$tinit fg web")
	s.shows("Ctrl-Z leaves it in the background")
	s.types(ctrlC)
	s.ends(9)
}

// Who follows a job that is removed hears of that, and not of a folder.
func TestForegroundOfAJobThatIsRemoved(t *testing.T) {
	j := ours(t)
	follow := func() (u *running, keeper int) {
		j.run("--name", "web", "sleep", "infinity")
		u = j.cmd("fg", "web").start()
		u.err.waitFor(t, "Ctrl-Z leaves it in the background")
		return u, j.info("web").Keeper
	}
	u, keeper := follow()
	require.NoError(t, os.RemoveAll(j.dir))
	require.NoError(t, killOne(keeper, unix.SIGTERM))
	assert.Equal(t, 125, u.wait())
	assert.Contains(t, u.err.String(), `tinit: job "web" has ended and was removed meanwhile, and its exit code with it`+"\n")
	u, keeper = follow()
	require.NoError(t, killOne(keeper, unix.SIGTERM))
	assert.Equal(t, 143, u.wait(), "the control")
}

// Where nobody may write from the background, tinit fg is stopped as anybody is, until it is in the foreground.
func TestForegroundFromTheBackground(t *testing.T) {
	j := ours(t)
	j.run("--name", "web", "sh", "-c", `while :; do echo tick; sleep 0.01; done`)
	s := onTerminal(t, j.prepared(plainly(t, bash(t)...)))
	s.prompts()
	s.line("cd %s; stty tostop; $tinit fg web & echo $! >pid", j.home)
	var pid int
	eventually(t, func() bool {
		text, _ := os.ReadFile(j.home + "/pid")
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return pid != 0 && procStat(pid).state == 'T'
	}, "it is stopped")
	assert.NotContains(t, s.text(), "tick")
	s.prompts()
	s.noticesStop(s.prompts)
	s.line("fg")
	s.shows("tick") // the control
	s.types(ctrlZ)
	s.shows("goes on in the background")
	s.ends(148)
}

// The terminal's end is not the job's.
func TestForegroundHangup(t *testing.T) {
	j, s, job := inForeground(t, "linger")
	s.hangUp()
	s.leader.wait()
	assert.True(t, alive(job.pid))
	assert.Equal(t, "running", j.info("linger").State)
}

func TestStoppedJobIsContinued(t *testing.T) {
	j := ours(t)
	job := j.run("--name", "web", "sleep", "infinity")
	stop := func() {
		j.must("kill", "-s", "STOP")
		j.becomes("web", "stopped")
	}
	stop()
	assert.Equal(t, "[1]+  Stopped  web  sleep infinity\n", j.must("jobs"))
	assert.Equal(t, "[1] sleep infinity\n", j.must("bg"))
	eventually(t, func() bool { return procStat(job.pid).state == 'S' }, "it runs")
	stop()
	fg := j.cmd("fg").start()
	eventually(t, func() bool { return procStat(job.pid).state == 'S' }, "it runs")
	j.must("stop")
	assert.Equal(t, 143, fg.wait())
	r := j.do("bg", "web")
	assert.Equal(t, 1, r.code)
	require.Contains(t, r.err, "has ended")
}

// As in a script, without a terminal.
func TestForegroundPassesSignalsOn(t *testing.T) {
	j := ours(t)
	j.run("print-signals")
	j.writes(1, "ready")
	fg := j.cmd("fg").start()
	fg.err.waitFor(t, "Ctrl-Z")
	fg.signal(2)
	fg.out.waitFor(t, "2\n")
	fg.signal(10)
	fg.out.waitFor(t, "10\n")
	fg.signal(15)
	assert.Equal(t, 143, fg.wait())
	assert.Equal(t, "running", j.info("print-signals").State, "who ends fg does not end the job")
}
