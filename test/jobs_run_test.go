package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What a job begins with: no terminal, none of what its caller had open, and where and as the caller was.
func TestJobBeginsAsADaemon(t *testing.T) {
	everyones(t, func(t *testing.T, j *jobs) {
		extra, err := os.CreateTemp(t.TempDir(), "extra")
		require.NoError(t, err)
		defer extra.Close()
		term := newTerminal(t)
		r := j.cmd("run", "sleep", "infinity").files(extra).with(func(s *stage) { s.Umask = 0o027 })
		u := r.prep(term.attach).start()
		require.Zero(t, u.wait())
		term.shows("[1] ")
		info := j.info("sleep")
		assert.Equal(t, "running", info.State)

		keeper, program := procStat(info.Keeper), procStat(info.PID)
		assert.Equal(t, info.Keeper, keeper.session, "the keeper leads a session")
		assert.NotEqual(t, u.pid, keeper.session)
		assert.Equal(t, info.Keeper, program.session)
		assert.Equal(t, info.PID, program.pgrp)
		assert.Equal(t, info.Keeper, program.ppid)
		assert.Equal(t, []int{info.PGID, info.SID}, []int{program.pgrp, program.session})
		for _, pid := range []int{info.Keeper, info.PID} {
			assert.Zero(t, procStat(pid).ttyNr, "no terminal")
			assert.Equal(t, "0027", procStatus(pid)["Umask"])
			cwd, err := os.Readlink(procPath(pid, "cwd"))
			require.NoError(t, err)
			assert.Equal(t, j.home, cwd)
			for fd, target := range descriptors(pid) {
				assert.NotEqual(t, extra.Name(), target, "descriptor %d of %d", fd, pid)
				assert.NotContains(t, target, "/dev/pts", "descriptor %d of %d", fd, pid)
				assert.NotContains(t, target, "/dev/ptmx")
			}
		}
		fds := given(info.PID, 3)
		assert.Len(t, fds, 3)
		assert.Equal(t, os.DevNull, fds[0])
		assert.Contains(t, fds[1], "pipe:")
		assert.Equal(t, fds[1], fds[2])
		assert.Equal(t, strings.Repeat("0", 16), procStatus(info.PID)["SigIgn"])
		assert.Equal(t, strings.Repeat("0", 16), procStatus(info.PID)["SigBlk"])

		// The folder is closed to others.
		for _, path := range []string{j.dir, j.file(1, "")} {
			var st unix.Stat_t
			require.NoError(t, unix.Stat(path, &st))
			assert.Equal(t, uint32(0o700), st.Mode&0o7777)
			assert.Equal(t, uint32(j.user), st.Uid)
		}
	})
}

// The session's leader ends, and then its terminal is gone; what a shell's & started dies of that.
func TestJobSurvivesTheTerminal(t *testing.T) {
	j := ours(t)
	term := newTerminal(t)
	r := j.prepared(plainly(t, "/bin/sh", "-c", `sleep infinity & echo "plain $!."; `+tinitPath+` run sleep infinity; echo up; sleep infinity`))
	u := r.prep(term.attach).start()
	term.shows("up")
	var plain int
	_, err := fmt.Sscanf(term.text(), "plain %d", &plain)
	require.NoError(t, err)
	info := j.info("sleep")
	require.True(t, alive(plain) && alive(info.PID))
	term.hangUp()
	u.wait()
	gone(t, plain) // the control
	assert.True(t, alive(info.PID))
	assert.True(t, alive(info.Keeper))
	assert.Equal(t, "running", j.info("sleep").State)
}

// A HUP to the caller's group, as a shell sends its jobs when it ends, is not the job's.
func TestJobSurvivesTheShell(t *testing.T) {
	j := ours(t)
	s := onTerminal(t, j.prepared(plainly(t, bash(t)...)))
	s.prompts()
	s.do("cd " + j.home + "; $tinit run sleep infinity")
	s.line("exit")
	s.leader.wait()
	assert.Equal(t, "running", j.info("sleep").State)
}

func TestJobIgnores(t *testing.T) {
	j := ours(t)
	job := j.run("--ignore", "HUP,PIPE", "--ignore", "USR1", "sleep", "infinity")
	assert.Equal(t, map[int]bool{1: true, 13: true, 10: true}, sigSet(procStatus(job.pid)["SigIgn"]))
	plain := j.run("sleep", "infinity")
	assert.Empty(t, sigSet(procStatus(plain.pid)["SigIgn"]), "control")
	require.NoError(t, unix.Kill(job.pid, unix.SIGHUP))
	j.must("stop", "%1")
	assert.Equal(t, "TERM", j.info("%1").Signal)
}

// Nobody is left to say it afterwards, so the start itself says why there is no job.
func TestJobThatCannotBeExecuted(t *testing.T) {
	everyones(t, func(t *testing.T, j *jobs) {
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, []byte("#!/nonexistent\n"), 0o755))
		for program, want := range map[string]struct {
			code int
			err  string
		}{
			"/no-such-program": {127, `cannot find "/no-such-program"`},
			"/etc/passwd":      {126, `cannot execute "/etc/passwd": permission denied`},
			"/":                {126, `cannot execute "/"`},
		} {
			r := j.do("run", program)
			assert.Equal(t, want.code, r.code, program)
			assert.Contains(t, r.err, want.err)
			assert.Empty(t, r.out)
		}
		for _, flags := range [][]string{
			{"--chdir", "/nonexistent"}, {"--user", "no-such-user"}, {"--stdin", "/nonexistent"}, {"--stdout", "/nonexistent/x"},
			{"--env-file", "/nonexistent"}, {"--pidfile", "/nonexistent/x"}, {"--umask", "x"}, {"--restart", "x"}, {"--timeout", "1"},
			{"--log-max-size", "x"}, {"--log-max-files", "0"}, {"--name", "1"}, {"--parent-death", "TERM"},
		} {
			r := j.do(append(append([]string{"run"}, flags...), "true")...)
			assert.Equal(t, 125, r.code, flags)
			assert.NotEmpty(t, r.err, flags)
		}
		assert.Empty(t, j.list(), "none is left behind")
		left, _ := filepath.Glob(j.dir + "/*")
		assert.Empty(t, left)
		j.run("true")
		assert.Len(t, j.list(), 1, "control")
	})
}

// A start again that fails leaves the job, and what it has written, as they are.
func TestStartAgainThatCannotBeExecuted(t *testing.T) {
	j := ours(t)
	script := filepath.Join(j.home, "prog")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\necho written\nexit 3\n"), 0o755))
	j.run(script)
	j.becomes("prog", "ended")
	require.NoError(t, os.Rename(script, script+".old"))
	for range 2 {
		r := j.do("start", "prog")
		assert.NotZero(t, r.code)
		assert.Contains(t, r.err, "cannot find")
	}
	info := j.info("prog")
	assert.Equal(t, "ended", info.State)
	assert.Equal(t, 3, *info.Code)
	assert.Contains(t, j.must("logs", "prog"), "written\n")
	require.NoError(t, os.Rename(script+".old", script))
	j.must("start", "prog")
	j.becomes("prog", "ended")
	assert.Equal(t, 2, strings.Count(j.must("logs", "prog"), "written\n"))
}

// What a job starts is the job's, whatever session and parent it gives itself.
func TestWholeTreeEndsWithTheJob(t *testing.T) {
	everyones(t, func(t *testing.T, j *jobs) {
		const tree = `sleep infinity & echo child $!
			(setsid sh -c 'sleep infinity & echo daemon $!; exit' &)
			setsid sh -c 'trap "" TERM; echo stubborn $$; sleep infinity & wait; wait' &
			sleep infinity`
		job := j.run("--name", "tree", "--grace", "100ms", "sh", "-c", tree)
		var members []int
		for _, who := range []string{"child", "daemon", "stubborn"} {
			j.writes(job.number, who+" ")
			var pid int
			eventually(t, func() bool {
				_, rest, _ := strings.Cut(j.read(j.file(1, "output")), who+" ")
				_, err := fmt.Sscanf(rest, "%d\n", &pid)
				return err == nil
			}, who)
			members = append(members, pid)
		}
		info := j.info("tree")
		eventually(t, func() bool { return procStat(members[1]).ppid == info.Keeper }, "the keeper has adopted the daemon")
		j.must("stop", "tree")
		for _, pid := range append(members, info.PID, info.Keeper) {
			assert.False(t, alive(pid))
		}
		assert.Equal(t, "ended", j.info("tree").State)
	})
}

// The same goes for what the program leaves when it ends by itself.
func TestLeftoversEndWithTheJob(t *testing.T) {
	j := ours(t)
	job := j.run("sh", "-c", `(setsid sleep infinity & echo left $!); exit 5`)
	assert.Equal(t, 5, j.do("wait", job.name).code)
	var left int
	_, err := fmt.Sscanf(j.read(j.file(1, "output")), "left %d", &left)
	require.NoError(t, err)
	assert.False(t, alive(left))
}
