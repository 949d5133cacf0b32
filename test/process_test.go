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

// The flags that say how PROGRAM is started, less user and streams.

// settled is PROGRAM's pid once it has executed "sleep infinity".
func (u *running) settled() int {
	u.t.Helper()
	eventually(u.t, func() bool { return comm(u.program()) == "sleep" }, "PROGRAM is executed")
	return u.program()
}

// changes runs PROGRAM with the flags and without, which is the control, and
// returns a field of /proc/PID/status of tinit and of PROGRAM each time.
func changes(t *testing.T, tinit starter, field string, flags ...string) (was, is, own string) {
	t.Helper()
	plain := tinit(t, "sleep", "infinity").start()
	was = procStatus(plain.settled())[field]
	u := tinit(t, append(flags, "sleep", "infinity")...).start()
	is = procStatus(u.settled())[field]
	assert.Equal(t, procStatus(plain.pid)[field], procStatus(u.pid)[field], "tinit's own stays")
	return was, is, procStatus(u.pid)[field]
}

func TestUmask(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		for mode, want := range map[string]string{"027": "0027", "0": "0000", "777": "0777", "0077": "0077"} {
			was, is, own := changes(t, tinit, "Umask", "--umask", mode)
			assert.Equal(t, want, is, mode)
			assert.NotEqual(t, was, is, "the control")
			assert.Equal(t, was, own)
		}
		file := filepath.Join(t.TempDir(), "file")
		require.Zero(t, tinit(t, "--umask", "137", "sh", "-c", `>"$0"`, file).run().code)
		info, err := os.Stat(file)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	})
}

func TestNoNewPrivileges(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		was, is, own := changes(t, tinit, "NoNewPrivs", "--no-new-privileges")
		assert.Equal(t, []string{"0", "1", "0"}, []string{was, is, own})
	})
}

// What a set-user-ID file would give is not given.
func TestNoNewPrivilegesHold(t *testing.T) {
	need(t, os.Geteuid() == 0, "only root can make a set-user-ID file that another user executes")
	dir := scratch(t)
	file := filepath.Join(dir, "cat")
	cat, err := os.ReadFile("/bin/cat")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, cat, 0o755))
	require.NoError(t, os.Chmod(file, os.ModeSetuid|0o755))
	uids := func(flags ...string) string {
		r := tinit(t, append(flags, "-u", "4711:4711", file, "/proc/self/status")...).run()
		require.Zero(t, r.code, r.err)
		return statusFields(r.out)["Uid"]
	}
	assert.Equal(t, "4711\t0\t0\t0", uids(), "the control")
	assert.Equal(t, "4711\t4711\t4711\t4711", uids("--no-new-privileges"))
}

func TestIgnore(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		was, is, _ := changes(t, tinit, "SigIgn", "--ignore", "HUP,usr1", "--ignore=CHLD", "--ignore", "33", "--ignore", "RTMAX")
		assert.Empty(t, sigSet(was), "the control")
		assert.Equal(t, map[int]bool{1: true, 10: true, 17: true, 33: true, 64: true}, sigSet(is))
	})
}

// An ignored signal is forwarded all the same, for a PROGRAM that changes its
// mind. TERM that it does not take leaves tinit to --kill-after.
func TestIgnoredSignals(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		u := tinit(t, "--ignore", "HUP,TERM", "sh", "-c", "trap : HUP; exec sleep infinity").start()
		u.settled()
		u.signal(unix.SIGHUP)
		u.signal(unix.SIGTERM)
		u.signal(unix.SIGUSR1)
		assert.Equal(t, 128+10, u.wait(), "neither of the first two ended it")

		u = tinit(t, "--ignore", "TERM", "-k", "10ms", "sleep", "infinity").start()
		u.settled()
		u.signal(unix.SIGTERM)
		assert.Equal(t, 128+9, u.wait())

		u = tinit(t, "sleep", "infinity").start()
		u.settled()
		u.signal(unix.SIGHUP)
		assert.Equal(t, 128+1, u.wait(), "the control")
	})
}

func TestChdir(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		dir := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(dir, "below"), 0o755))
		cwd := func(pid int) string {
			link, err := os.Readlink(procPath(pid, "cwd"))
			require.NoError(t, err)
			return link
		}
		for _, flags := range [][]string{{"-C", dir + "/below"}, {"--chdir", "below"}, {"--chdir=./below/../below"}} {
			u := tinit(t, append(flags, "sleep", "infinity")...).dir(dir).start()
			assert.Equal(t, dir+"/below", cwd(u.settled()))
			assert.Equal(t, dir, cwd(u.pid), "tinit stays")
		}
		u := tinit(t, "sleep", "infinity").dir(dir).start()
		assert.Equal(t, dir, cwd(u.settled()), "the control")
	})
}

// PROGRAM is looked for from there, too.
func TestProgramInDirectory(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prog"), []byte("#!/bin/sh\nexit 7\n"), 0o755))
	everywhere(t, func(t *testing.T, tinit starter) {
		assert.Equal(t, result{7, "", ""}, tinit(t, "-C", dir, "./prog").run())
		assert.Equal(t, result{7, "", ""}, tinit(t, "-C", dir, "--env", "PATH=.", "prog").run())
		assert.Equal(t, 127, tinit(t, "./prog").run().code, "the control")
		assert.Equal(t, 127, tinit(t, "--env", "PATH=.", "prog").run().code, "the control")
	})
}

func TestNewSession(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		u := tinit(t, "--new-session", "sleep", "infinity").start()
		program := procStat(u.settled())
		assert.Equal(t, [2]int{u.main, u.main}, [2]int{program.session, program.pgrp})
		u.signal(unix.SIGTERM)
		assert.Equal(t, 128+15, u.wait())

		u = tinit(t, "sleep", "infinity").start()
		assert.NotEqual(t, u.settled(), procStat(u.main).session, "the control")
	})
}

// A session of its own has no terminal: the keys reach PROGRAM by way of tinit,
// but for the one that stops.
func TestNewSessionOnTerminal(t *testing.T) {
	leaders(t, func(t *testing.T, tinit starter) {
		s := onTerminal(t, tinit(t, "--new-session", "sh", "-c", `trap "exit 7" INT; echo up; while :; do sleep 0.05; done`))
		s.shows("up\r\n")
		program := s.leader.program()
		assert.Equal(t, program, procStat(program).session)
		assert.Zero(t, procStat(program).ttyNr)
		assert.NotZero(t, procStat(s.leader.pid).ttyNr, "the control")
		s.types(ctrlZ)
		goesOn(t, s.leader.pid, program)
		s.types(ctrlC)
		assert.Equal(t, 7, s.leader.wait())
	})
}

// All of them at once, through a socket's activation too.
func TestProcessFlagsTogether(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		dir := t.TempDir()
		r := activated(tinit(t, "-C", dir, "--umask", "027", "--no-new-privileges", "--ignore", "HUP", "--env", "A=b c", "--new-session",
			"--stderr", "err", "sh", "-c", `echo $LISTEN_PID $$ "$A" $(umask); pwd; echo err >&2; grep -E "SigIgn|NoNewPrivs" /proc/$$/status`),
			"LISTEN_PID=$$").dir(dir).run()
		require.Zero(t, r.code, r.err)
		lines := strings.Split(r.out, "\n")
		fields := strings.Fields(lines[0])
		require.Len(t, fields, 5, r.out)
		assert.Equal(t, fields[1], fields[0], "LISTEN_PID is PROGRAM's")
		assert.Equal(t, []string{"b", "c", "0027"}, fields[2:])
		assert.Equal(t, dir, lines[1])
		status := statusFields(strings.Join(lines[2:], "\n"))
		assert.Equal(t, map[string]string{"SigIgn": "0000000000000001", "NoNewPrivs": "1"}, status)
		text, err := os.ReadFile(filepath.Join(dir, "err"))
		require.NoError(t, err)
		assert.Equal(t, "err\n", string(text))
	})
}

// Each error is tinit's own, names flag and value, and nothing runs.
func TestProcessFlagErrors(t *testing.T) {
	dir := t.TempDir()
	ran := filepath.Join(dir, "ran")
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	for line, words := range map[string][]string{
		"-u=":                            {"flag --user", `"="`},
		"--user=":                        {"flag --user", "empty"},
		"-u no-such-user":                {"flag --user", `"no-such-user"`},
		"-u :":                           {"flag --user", `":"`},
		"-u 0:no-such-group":             {"flag --user", `"no-such-group"`},
		"-u 4294967296":                  {"flag --user", `"4294967296"`},
		"-u -1":                          {"flag --user", `"-1"`},
		"--chdir=":                       {"flag --chdir", "empty"},
		"-C /no/such":                    {"flag --chdir", `"/no/such"`, "no such file"},
		"-C /etc/passwd":                 {"flag --chdir", `"/etc/passwd"`, "not a directory"},
		"--umask 8":                      {"flag --umask", `"8"`},
		"--umask 1000":                   {"flag --umask", `"1000"`},
		"--umask u=rwx":                  {"flag --umask", `"u=rwx"`},
		"--umask -1":                     {"flag --umask", `"-1"`},
		"--env=":                         {"flag --env", `""`},
		"--env =x":                       {"flag --env", `"=x"`},
		"--env-file=":                    {"flag --env-file", `""`},
		"--env-file /no/such":            {"flag --env-file", `"/no/such"`},
		"--env-file /":                   {"flag --env-file", `"/"`, "directory"},
		"--env-file " + file("e1", "=x"): {"flag --env-file", dir + "/e1", "line 1", `"=x"`},
		"--env-file " + file("e2", "A=b\n# x\n\nA B=c"): {"flag --env-file", dir + "/e2", "line 4", `"A B"`},
		"--ignore KILL":          {"flag --ignore", "KILL"},
		"--ignore HUP,STOP":      {"flag --ignore", "STOP"},
		"--ignore NOPE":          {"flag --ignore", `"NOPE"`},
		"--stdin /no/such":       {"flag --stdin", `"/no/such"`},
		"--stdout /":             {"flag --stdout", `"/"`, "directory"},
		"--stdout /no/such/file": {"flag --stdout", `"/no/such/file"`},
		"--stderr=":              {"flag --stderr", "empty"},
	} {
		t.Run(line, func(t *testing.T) {
			args := append(strings.Fields(line), "sh", "-c", ">"+ran)
			r := tinit(t, args...).run()
			assert.Equal(t, 125, r.code)
			oneLine(t, r.err, words...)
			assert.NoFileExists(t, ran)
		})
	}
	for _, flags := range []string{"-u root", "-C /", "--new-session", "--env A=b", "--stdout /dev/null"} {
		r := tinit(t, append(strings.Fields(flags), "-P")...).run()
		assert.Equal(t, 125, r.code)
		oneLine(t, r.err, "--pause", "--")
	}
	r := tinit(t, "-C", "/", "sh", "-c", ">"+ran).run()
	assert.Zero(t, r.code)
	assert.FileExists(t, ran, "the control")
}

// 126 and 127 are about PROGRAM, by whatever way it is started.
func TestStartErrorsWithProcessFlags(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		for _, name := range []string{"no-such-program", "/no/such/program", "/", "/etc/passwd", ""} {
			plain := tinit(t, name).run()
			require.Contains(t, []int{126, 127}, plain.code)
			assert.Equal(t, plain, tinit(t, "-C", "/", "--umask", "022", name).run())
		}
	})
}

// Where tinit can't execute itself, what takes that is an error: PROGRAM would
// run, but not as it was to.
func TestNoStageForProcessFlags(t *testing.T) {
	needRelease(t)
	for _, c := range []struct{ flags, says string }{
		{"-C /", "flag --chdir"},
		{"--umask 022", "flag --umask"},
		{"-u :0", "flag --user"},
		{"--no-new-privileges --ignore HUP", "flags --no-new-privileges, --ignore"},
	} {
		start := func(nameless bool) result {
			r := pid1(t, append(strings.Fields(c.flags), "sh", "-c", "exit 7")...).noProc()
			return r.with(func(s *stage) { s.Nameless = nameless }).run()
		}
		r := start(true)
		assert.Equal(t, 125, r.code, c.flags)
		oneLine(t, r.err, "tinit: "+c.says+": ")
		if os.Geteuid() == 0 || !strings.HasPrefix(c.flags, "-u") {
			assert.Equal(t, result{7, "", ""}, start(false), "the control")
		}
	}
	r := pid1(t, "--env", "A=7", "--new-session", "--stdin", "/dev/null", "sh", "-c", "exit $A").noProc().
		with(func(s *stage) { s.Nameless = true }).run()
	assert.Equal(t, result{7, "", ""}, r, "these take none")
}

// Docker's filter refuses unshare(2), which would be another way.
func TestProcessFlagsWithoutUnshare(t *testing.T) {
	r := tinit(t, "--umask", "027", "--no-new-privileges", "-C", "/", "show-status").with(func(s *stage) {
		s.Refuse = &refusal{Call: unix.SYS_UNSHARE, Errno: uintptr(unix.EPERM)}
	}).run()
	require.Zero(t, r.code, r.err)
	assert.Equal(t, "0027", statusFields(r.out)["Umask"])
}

// No variable and no other name of tinit's has them.
func TestProcessFlagsAreFlagsOnly(t *testing.T) {
	r := tinit(t, "sh", "-c", "id -u; pwd; umask").dir("/").
		env("TINIT_USER=4711", "TINIT_CHDIR=/tmp", "TINIT_UMASK=0777", "TINIT_STDOUT=/no/such").run()
	require.Zero(t, r.code)
	assert.Equal(t, fmt.Sprintf("%d\n/\n", os.Getuid()), r.out[:strings.LastIndex(r.out[:len(r.out)-1], "\n")+1])
	for _, name := range []string{"tini", "dumb-init", "catatonit"} {
		for _, flag := range []string{"--user=0", "--chdir=/", "--umask=0", "--new-session"} {
			r := plainly(t, as(t, name), flag, "true").run()
			assert.Equal(t, 1, r.code, "%s %s", name, flag)
		}
	}
}

// In a full pids cgroup no thread is missing, whatever PROGRAM was started with.
func TestFullPidsCgroupWithProcessFlags(t *testing.T) {
	need(t, os.Geteuid() == 0, "only root can make cgroups")
	for _, waits := range []bool{false, true} {
		t.Run(leg("PID 1", waits), func(t *testing.T) {
			c, place := pidsCgroup(t)
			settled := func(t *testing.T, args ...string) *run {
				flags := []string{"-u", "0:0", "-C", "/", "--umask", "022", "--ignore", "64", "--stdin", "/dev/null", "--env", "A=b"}
				return pid1(t, append(flags, args...)...)
			}
			f := fill(t, starter(settled).waiting(waits), "--group", 5, fillPids(), place)
			require.Zero(t, f.ack(), firstFatal(f.err.String()))
			require.Equal(t, pidsRoom, c.number("pids.current"), "the cgroup is full")
			threads := f.threads()
			require.True(t, f.forwards(200), firstFatal(f.err.String()))
			f.release()
			eventually(t, func() bool { return len(children(f.pid)) == 1 }, "the orphans are reaped")
			assert.Equal(t, threads, f.threads(), "tinit's threads")
			f.signal(unix.SIGTERM)
			assert.Equal(t, 37, f.wait(), firstFatal(f.err.String()))
		})
	}
}
