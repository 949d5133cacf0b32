package test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A keeper may be killed when it has started the program, and has not told so yet. Nobody is left behind of whom nothing is known.
// The program is what kills it, and may be late for that: what has to be true is true then, too.
func TestKeeperKilledAtTheStart(t *testing.T) {
	everyones(t, func(t *testing.T, j *jobs) {
		const times = 10
		kills := []string{"sh", "-c", `echo $$ >>pids; test -e spare || kill -KILL $PPID; exec sleep infinity`}
		spare := j.home + "/spare"
		require.NoError(t, os.WriteFile(spare, nil, 0o644))
		j.run(append([]string{"--name", "again"}, kills...)...)
		eventually(t, func() bool { _, err := os.Stat(j.home + "/pids"); return err == nil }, "the control: it runs")
		j.must("stop")
		require.NoError(t, os.Remove(spare))
		untold := 0
		for range times {
			r := j.do(append([]string{"run", "--name", "new"}, kills...)...)
			j.endsOrIsLost(r, "new")
			if len(j.list()) == 1 {
				untold++
			} else {
				j.must("rm", "new")
			}
			j.endsOrIsLost(j.do("start", "again"), "again")
			assert.Contains(t, []string{"lost", "ended"}, j.info("again").State, "and is not forgotten")
		}
		assert.NotZero(t, untold, "the control: it was killed in time")
	})
}

// The same at moments that are sure to be met: a keeper that makes a system call is killed in it (seccomp(2)). No job is left that
// was not there before, and nothing runs.
func TestKeeperKilledInACall(t *testing.T) {
	for moment, c := range map[string]struct {
		call    uintptr
		started bool
	}{
		"before the program's start":         {unix.SYS_BIND, false}, // the socket
		"when it runs, and is not told of":   {unix.SYS_SENDMSG, true},
		"when there is no record by it, yet": {unix.SYS_FALLOCATE, false},
	} {
		t.Run(moment, func(t *testing.T) {
			for _, flags := range [][]string{nil, {"--new-session"}} {
				j := ours(t)
				killed := func(args ...string) result {
					return j.cmd(args...).with(func(s *stage) { s.Refuse = &refusal{Call: c.call, Kills: true} }).run()
				}
				program := append(append([]string{"--name", "web"}, flags...), "sh", "-c", `echo $$ >>"$0"; sleep infinity`, j.home+"/pids")
				pids := func() (pids []string) {
					text, _ := os.ReadFile(j.home + "/pids")
					return strings.Fields(string(text))
				}
				ended := func(r result) {
					t.Helper()
					assert.Equal(t, 125, r.code)
					oneLine(t, r.err, "the start of sh failed: tinit-keeper was killed by SIGSYS before it said that it runs; ")
					if c.started {
						assert.Contains(t, r.err, "; sh had been started, and was killed\n")
					} else {
						assert.Contains(t, r.err, "; nothing of sh runs\n")
						assert.Empty(t, pids())
					}
					for _, word := range pids() {
						pid, err := strconv.Atoi(word)
						require.NoError(t, err)
						assert.False(t, alive(pid))
					}
				}
				ended(killed(append([]string{"run"}, program...)...))
				assert.Empty(t, j.list())
				left, _ := filepath.Glob(j.dir + "/*")
				assert.Empty(t, left)

				// The control: nobody else is killed by that, and the program runs.
				j.run(program...)
				eventually(t, func() bool { return len(pids()) > 0 }, "it runs")
				j.must("kill", "-s", "KILL")
				require.Equal(t, 137, j.do("wait").code)
				require.NoError(t, os.Remove(j.home+"/pids"))

				// Of one that there was before, the record is the one of before.
				before := j.info("web")
				ended(killed("start", "web"))
				ended(killed(append([]string{"run"}, program...)...))
				assert.Equal(t, before, j.info("web"))
				j.must("rm", "web")
			}
		})
	}
}

// One that is waited for has been at work: it is stopped, and what it has written can be read.
func TestKeeperKilledInAWait(t *testing.T) {
	j := ours(t)
	const loses = `trap 'echo stopped; exit' TERM; echo $$; until grep -q '^state "running"' state/1/record; do sleep 0.01; done
		kill -KILL $PPID; while :; do sleep 0.01; done >/dev/null`
	r := j.do("run", "--wait", "--name", "web", "--stdout", "out", "sh", "-c", loses)
	assert.Equal(t, 125, r.code)
	oneLine(t, r.err, `the start of sh failed: tinit-keeper was killed by SIGKILL before it said that it runs; `+
		`sh had been started, and was stopped; what it has written is with job "web" (tinit logs web)`)
	info := j.info("web")
	assert.Equal(t, "lost", info.State)
	pid, err := strconv.Atoi(strings.Fields(j.must("logs", "web"))[0])
	require.NoError(t, err)
	assert.False(t, alive(pid))
	j.must("rm", "web")
}

// endsOrIsLost: if a job was told of, what has been started can be ended by its name, and else it has ended.
func (j *jobs) endsOrIsLost(r result, name string) {
	j.t.Helper()
	for _, info := range j.list() {
		if info.Name == name && r.code == 0 {
			j.becomes(name, "lost")
			j.must("stop", name)
		}
	}
	words := strings.Fields(j.read(j.home + "/pids"))
	pid, err := strconv.Atoi(words[len(words)-1])
	require.NoError(j.t, err)
	assert.False(j.t, alive(pid), "%+v", r)
}

// The folder of all jobs may be removed while one runs, and another one be started at its path. The end of the first is not the
// second's.
func TestFolderRemovedUnderJob(t *testing.T) {
	j := ours(t)
	first := j.run("--name", "web", "sleep", "infinity")
	keeper := j.info("web").Keeper
	require.NoError(t, os.RemoveAll(j.dir))
	assert.Empty(t, j.list())
	second := j.run("--name", "web", "sleep", "infinity")
	require.Equal(t, first.number, second.number)
	require.NoError(t, unix.Kill(keeper, unix.SIGTERM))
	gone(t, first.pid)
	gone(t, keeper)
	assert.Equal(t, second.pid, j.info("web").PID)
	j.must("stop", "web")
	assert.False(t, alive(second.pid))
}
