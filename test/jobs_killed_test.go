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

// endsOrIsLost: if a job is known of, what has been started can be ended by its name, and else it has ended.
func (j *jobs) endsOrIsLost(r result, name string) {
	j.t.Helper()
	for _, info := range j.list() {
		if info.Name == name {
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
