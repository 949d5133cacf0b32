package test

import (
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// ownVariables is the variables that are tinit's own, each with a value that
// it takes.
var ownVariables = []string{
	"TINIT_SINGLE_CHILD=1", "TINIT_REWRITE=HUP:INT", "TINIT_SUCCESS_CODE=143", "TINIT_KILL_AFTER=60",
	"TINIT_GRACE=1", "TINIT_STOP_DELAY=0", "TINIT_STOP_SIGNAL=TERM", "TINIT_VERBOSE=0",
	"TINI_SUBREAPER=", "TINI_KILL_PROCESS_GROUP=", "TINI_VERBOSITY=1", "DUMB_INIT_SETSID=1", "DUMB_INIT_DEBUG=0",
}

func TestEnvironmentReachesProgramLessTinitsOwn(t *testing.T) {
	kept := []string{
		"PATH=" + os.Getenv("PATH"), "B=2", "A=1", "EMPTY=", "SPACE= a b ", "LINE=a\nb", "UTF=\xff\xfe", "lower=x",
		"TINIT=1", "TINIT_=1", "TINIT_X=kept", "TINIT_GRACES=1", "TINIT_PORT_80_TCP=tcp://10.0.0.1:80",
		"TINI_X=kept", "DUMB_INIT=1", "MY_TINIT_GRACE=1",
	}
	everywhere(t, func(t *testing.T, tinit starter) {
		u := tinit(t, "sleep", "infinity").onlyEnv(slices.Concat(ownVariables[:6], kept, ownVariables[6:])...).start()
		env, err := os.ReadFile(procPath(u.program(), "environ"))
		require.NoError(t, err)
		assert.Equal(t, append(kept, u.mark), strings.Split(strings.TrimSuffix(string(env), "\x00"), "\x00"))
	})
}

func TestWorkingDirectoryReachesProgram(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		dir := t.TempDir()
		u := tinit(t, "sleep", "infinity").dir(dir).start()
		cwd, err := os.Readlink(procPath(u.program(), "cwd"))
		require.NoError(t, err)
		assert.Equal(t, dir, cwd)
	})
}

// What tinit was given is open in PROGRAM at the same numbers, and nothing
// that tinit opened for itself is.
func TestDescriptorsReachProgramAndNoOthers(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		in, out := newOutput(t).file, newOutput(t).file
		three, five := newOutput(t).file, newOutput(t).file
		u := tinit(t, "sleep", "infinity").stdin(in).stdout(out).files(three, nil, five).start()
		want := map[int]string{0: in.Name(), 1: out.Name(), 2: u.err.file.Name(), 3: three.Name(), 5: five.Name()}
		program := u.program()
		var got map[int]string
		polls(deadline, func() bool { // until it has read its libraries and its locale
			got = descriptors(program)
			return maps.Equal(want, got)
		})
		assert.Equal(t, want, got)
	})
}

func TestArgumentsReachProgramAsGiven(t *testing.T) {
	path, err := exec.LookPath("sleep")
	require.NoError(t, err)
	for name, args := range map[string][]string{
		"found by PATH":       {"sleep", "infinity"},
		"by its path":         {path, "infinity"},
		"after --":            {"--", "sleep", "infinity"},
		"strange ones":        {"sh", "-c", "sleep infinity; :", "", "-v", "--", "a\nb", "\xff"},
		"-- of PROGRAM's own": {"--", "sleep", "--", "infinity"},
		"flags of its own":    {"-v", "sh", "-c", "sleep infinity; :", "-c", "--grace"},
	} {
		t.Run(name, func(t *testing.T) {
			u := tinit(t, args...).start()
			want := args
			if args[0] == "--" || args[0] == "-v" {
				want = args[1:]
			}
			assert.Equal(t, strings.Join(want, "\x00")+"\x00", cmdline(u.program()))
		})
	}
}

func TestUmaskReachesProgram(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		u := tinit(t, "sleep", "infinity").with(func(s *stage) { s.Umask = 0o127 }).start()
		assert.Equal(t, "0127", procStatus(u.program())["Umask"])
	})
}

// Go raises its own soft limit of open files; PROGRAM must not see that.
func TestOpenFilesLimitReachesProgram(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		u := tinit(t, "sleep", "infinity").with(func(s *stage) {
			s.Limits = map[int]rlimit{unix.RLIMIT_NOFILE: {64, 4096}, unix.RLIMIT_CORE: {4096, 8192}}
		}).start()
		limits, err := os.ReadFile(procPath(u.program(), "limits"))
		require.NoError(t, err)
		assert.Regexp(t, `(?m)^Max open files +64 +4096 `, string(limits))
		assert.Regexp(t, `(?m)^Max core file size +4096 +8192 `, string(limits))
	})
}

// PROGRAM starts with nothing blocked, whatever the caller blocked, and with
// those signals ignored that were, as long as Go's runtime left it so: see
// docs/compatibility.md.
func TestSignalStateOfProgram(t *testing.T) {
	var all, allButHUP []int
	for sig := 1; sig <= 64; sig++ {
		if sig == int(syscall.SIGKILL) || sig == int(syscall.SIGSTOP) {
			continue
		}
		all = append(all, sig)
		if sig != int(syscall.SIGHUP) {
			allButHUP = append(allButHUP, sig)
		}
	}
	const none, hup, visible, others = "0000000000000000", "0000000000000001", "00000002803a0002", "00000002803a0003"
	for name, c := range map[string]struct {
		block, ignore []int
		ignored       string
	}{
		"nothing changed":             {nil, nil, none},
		"all blocked":                 {all, nil, none},
		"all but HUP ignored":         {nil, allButHUP, visible},
		"all but HUP blocked ignored": {all, allButHUP, visible},
		"HUP ignored":                 {nil, []int{1}, hup},
		"HUP blocked and ignored":     {[]int{1}, []int{1}, hup},
		"all ignored":                 {nil, all, others},
		"all blocked and ignored":     {all, all, others},
		"CHLD ignored":                {nil, []int{17}, none},
		"32 to 34":                    {[]int{32, 33, 34}, []int{32, 33, 34}, "0000000280000000"},
		"those of a terminal":         {[]int{2, 20, 21, 22, 28}, []int{2, 20, 21, 22, 28}, "0000000000380002"},
		"USR1 and PIPE":               {nil, []int{10, 13}, none},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, tinit starter) {
				r := tinit(t, "show-status").with(func(s *stage) { s.Block, s.Ignore = c.block, c.ignore }).run()
				require.Zero(t, r.code, r.err)
				status := statusFields(r.out)
				assert.Equal(t, none, status["SigBlk"], "SigBlk")
				assert.Equal(t, c.ignored, status["SigIgn"], "SigIgn")
				assert.Empty(t, r.err)
			})
		})
	}
}

// An exit status is known although the caller ignored SIGCHLD, with which the
// kernel would throw it away.
func TestExitCodeWithSIGCHLDIgnored(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		r := tinit(t, "exit", "7").with(func(s *stage) { s.Ignore = []int{17}; s.Block = []int{17} }).run()
		assert.Equal(t, 7, r.code, r.err)
	})
}

func TestProgramLeadsItsProcessGroup(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		u := tinit(t, "sleep", "infinity").start()
		assert.Equal(t, u.program(), procStat(u.program()).pgrp)
	})
}

// tinit leads a session of its own, PROGRAM is in it, and neither has a
// terminal.
func TestSession(t *testing.T) {
	check := func(t *testing.T, u *running, session int) {
		t.Helper()
		program := u.program()
		assert.Equal(t, session, procStat(u.pid).session, "tinit's session")
		assert.Equal(t, session, procStat(program).session, "PROGRAM's session")
		assert.Zero(t, procStat(program).ttyNr, "PROGRAM's terminal")
		assert.Empty(t, u.err.String())
	}
	// A caller that leads a session without a terminal: its child does not lead
	// one, and may.
	t.Run("an ordinary child", func(t *testing.T) {
		u := plainly(t, "/bin/sh", "-c", `"$0" sleep infinity; :`, tinitPath).
			prep(func(c *exec.Cmd) { c.SysProcAttr.Setsid = true }).start()
		var pid int
		eventually(t, func() bool {
			kids := children(u.pid)
			if len(kids) == 1 {
				pid = kids[0]
			}
			return pid != 0
		}, "the shell starts tinit")
		inner := *u
		inner.pid = pid
		check(t, &inner, pid)
	})
	t.Run("a session's leader", func(t *testing.T) {
		u := tinit(t, "sleep", "infinity").prep(func(c *exec.Cmd) { c.SysProcAttr.Setsid = true }).start()
		check(t, u, u.pid)
	})
	// setsid(2) refuses a process group's leader, which is no error of ours.
	t.Run("a group's leader", func(t *testing.T) {
		u := tinit(t, "sleep", "infinity").prep(func(c *exec.Cmd) { c.SysProcAttr.Setpgid = true }).start()
		session, err := unix.Getsid(0)
		require.NoError(t, err)
		check(t, u, session)
	})
	t.Run("PID 1", func(t *testing.T) {
		u := pid1(t, "sleep", "infinity").start()
		check(t, u, u.pid)
	})
}

// An orphan's parent is tinit, PID 1 or not, with -s or without.
func TestOrphansPassToTinit(t *testing.T) {
	for _, flags := range [][]string{nil, {"-s"}} {
		t.Run(strings.Join(flags, ""), func(t *testing.T) {
			everywhere(t, func(t *testing.T, tinit starter) {
				r, release := held(t)
				u := tinit(t, append(flags, "orphans", "1", "stay")...).stdin(r).start()
				u.out.waitFor(t, "ready")
				assert.Len(t, children(u.pid), 2, "PROGRAM and the orphan")
				release()
			})
		})
	}
}

// The caller's children are tinit's when tinit was executed in its place. They
// are no reason to end, and are reaped.
func TestChildrenFromBeforeTinitAreReaped(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		fifo := t.TempDir() + "/fifo"
		require.NoError(t, unix.Mkfifo(fifo, 0o600))
		u := tinit(t, "sleep", "infinity").via("sh", "-c", `read x <"$0" & exec "$@"`, fifo).start()
		eventually(t, u.isTinit, "the shell executes tinit")
		eventually(t, func() bool { return len(children(u.pid)) == 2 }, "PROGRAM starts")
		f, err := os.OpenFile(fifo, os.O_WRONLY, 0)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		eventually(t, func() bool { return len(children(u.pid)) == 1 && len(zombies(u.pid)) == 0 }, "the child is reaped")
		u.signal(syscall.SIGTERM)
		assert.Equal(t, 128+int(syscall.SIGTERM), u.wait())
	})
}

// held is a standard input that ends when release is called.
func held(t *testing.T) (r *os.File, release func()) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, func() { _ = w.Close() }
}
