package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// inRemoved has a shell run a command line in a directory that was removed, where $tinit is tinit.
func (j *jobs) inRemoved(line string) result {
	j.t.Helper()
	gone := filepath.Join(j.home, "gone")
	require.NoError(j.t, os.Mkdir(gone, 0o755))
	r := j.prepared(plainly(j.t, "/bin/sh", "-c", `rmdir ../gone; `+line))
	return r.dir(gone).env("PWD="+gone, "tinit="+tinitPath).run()
}

// A directory that was removed is still there for who is in it.
func TestJobInARemovedDirectory(t *testing.T) {
	everyones(t, func(t *testing.T, j *jobs) {
		r := j.inRemoved(`exec "$tinit" run --name web sleep infinity`)
		require.Zero(t, r.code, r.err)
		job := j.started(r.out)
		gone := filepath.Join(j.home, "gone")
		is := func(pid int) {
			t.Helper()
			cwd, err := os.Readlink(procPath(pid, "cwd"))
			require.NoError(t, err)
			assert.Equal(t, gone+" (deleted)", cwd)
		}
		is(job.pid)
		assert.Contains(t, j.do("status", "web").out, "directory:  one that had no name, as when it was removed\n")
		assert.NotContains(t, j.must("status", "--json", "web"), `"directory"`)
		is(j.started(j.must("restart", "web")).pid) // by the keeper, which is there

		// Afterwards there is nowhere to start it, and that is said.
		j.must("stop", "web")
		for _, command := range []string{"start", "restart"} {
			r := j.do(command, "web")
			assert.Equal(t, result{1, "", "tinit: job \"web\" was started in a directory that had no name, as one that was removed, " +
				"and cannot be started there again\n"}, r)
		}
		assert.Equal(t, "ended", j.info("web").State)

		// The control: from a directory that is there, the job of that name can be.
		j.run("--name", "web", "sleep", "infinity")
		j.must("stop", "web")
		j.must("start", "web")
		assert.Contains(t, j.must("status", "--json", "web"), `"directory":"`+j.home+`"`)
	})
}

// Files that are named from there could not be found again, and are asked for before anything is started.
func TestFilesOfAJobInARemovedDirectory(t *testing.T) {
	j := ours(t)
	for _, flag := range []string{"--stdin", "--stdout", "--stderr", "--pidfile", "--env-file"} {
		r := j.inRemoved(`exec "$tinit" run ` + flag + ` file true`)
		assert.Equal(t, 125, r.code, flag)
		oneLine(t, r.err, `"file"`)
		assert.Empty(t, j.list())
	}
	require.NoError(t, os.WriteFile(j.home+"/file", nil, 0o600))
	r := j.inRemoved(`exec "$tinit" run --stdout ` + j.home + `/file -C / pwd`)
	require.Zero(t, r.code, r.err)
	j.do("wait")
	assert.Equal(t, "/\n", j.read(j.home+"/file"), "the control")
}

// A user may be in a directory that he could not enter, as by way of sudo(8).
func TestJobInAClosedDirectory(t *testing.T) {
	need(t, os.Geteuid() == 0, "it takes root to be somebody else")
	j := newJobs(t, stranger)
	closed := filepath.Join(j.home, "closed")
	require.NoError(t, os.Mkdir(closed, 0o700))
	r := j.cmd("run", "--name", "web", "sleep", "infinity").dir(closed).run()
	require.Zero(t, r.code, r.err)
	cwd, err := os.Readlink(procPath(j.started(r.out).pid, "cwd"))
	require.NoError(t, err)
	assert.Equal(t, closed, cwd)
	j.must("stop")
	r = j.do("start")
	assert.Equal(t, 125, r.code, "the control: by its name he cannot")
	oneLine(t, r.err, `cannot enter "`+closed+`": permission denied`)
}

// A path may be longer than the kernel takes, step by step.
func TestJobInADeepDirectory(t *testing.T) {
	j := ours(t)
	here, err := os.Getwd()
	require.NoError(t, err)
	t.Chdir(j.home) // and back at the end
	name := strings.Repeat("x", 250)
	for range unix.PathMax/len(name) + 1 {
		require.NoError(t, os.Mkdir(name, 0o755))
		require.NoError(t, unix.Chdir(name))
	}
	r := j.prepared(tinit(t, "run", "touch", "here")).dir("").run()
	require.Zero(t, r.code, r.err)
	assert.Zero(t, j.do("wait").code)
	assert.FileExists(t, "here")
	require.NoError(t, os.Chdir(here))
}
