package test

import (
	debugelf "debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// works is what has to work in every hostile place: PROGRAM starts, gets a
// signal, is told to stop, its leftover is told to end, and its exit code is
// tinit's. hostile makes the place.
func works(t *testing.T, hostile func(r *run)) {
	t.Helper()
	bothWays(t, func(t *testing.T, start func(args ...string) *run) {
		leftover := filepath.Join(scratch(t), "leftover")
		r := start("-v", "--grace", anHour, "--", "leave", "TERM", "7", "group,record,"+leftover+",obliging")
		hostile(r)
		u := r.start()
		// The leftover is in PROGRAM's group: what PROGRAM is sent, it is too.
		waitRecord(t, leftover, "ready")
		u.tell(unix.SIGUSR1)
		waitRecord(t, leftover, "USR1")
		u.tell(unix.SIGTERM)
		assert.Equal(t, 7, u.wait())
		assert.True(t, recorded(leftover, "end"))
		assert.NotContains(t, u.out.String(), "left yes")
	})
}

// withOrphans is a command that leaves orphans which end when there is a file
// gate, and goes on to be a command that stays.
func withOrphans(gate string, command ...string) []string {
	script := `gate=$1; shift
for i in 1 2 3 4 5 6 7 8 9 10; do (while [ ! -e "$gate" ]; do sleep 0.01; done &); done
exec "$@"`
	return append([]string{"sh", "-c", script, "sh", gate}, command...)
}

// reaps starts tinit, and sees from outside the namespace that nothing stays of
// orphans that have ended.
func reaps(t *testing.T, start func(args ...string) *run, hostile func(r *run)) {
	t.Helper()
	dir := scratch(t)
	file, gate := filepath.Join(dir, "program"), filepath.Join(dir, "gate")
	r := start(append([]string{"--"}, withOrphans(gate, "record", file, "exit:7")...)...)
	hostile(r)
	u := r.start()
	waitRecord(t, file, "ready")
	pid := u.tinit()
	assert.Len(t, children(pid), 11)
	require.NoError(t, os.WriteFile(gate, nil, 0o666))
	eventually(t, func() bool { return len(children(pid)) == 1 }, "orphans are reaped")
	u.tell(unix.SIGTERM)
	assert.Equal(t, 7, u.wait())
}

// The control of reaps: under a PID 1 that does not reap they stay as zombies.
func TestOrphansStayZombiesWithoutTinit(t *testing.T) {
	dir := scratch(t)
	file, gate := filepath.Join(dir, "program"), filepath.Join(dir, "gate")
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)
	u := namespaced(t, append([]string{sh}, withOrphans(gate, "record", file, "exit:7")[1:]...)...).start()
	waitRecord(t, file, "ready")
	require.NoError(t, os.WriteFile(gate, nil, 0o666))
	eventually(t, func() bool { return len(zombies(u.pid)) == 10 }, "nobody reaps")
}

func TestWithoutProc(t *testing.T) {
	covered := func(r *run) { r.noProc() }
	works(t, covered)
	bothWays(t, func(t *testing.T, start func(args ...string) *run) {
		reaps(t, start, covered)
		t.Run("kills the group", func(t *testing.T) {
			file := filepath.Join(scratch(t), "leftover")
			r := start("--grace", "30ms", "--", "leave", "now", "7", "group,record,"+file+",stubborn").noProc().run()
			assert.Equal(t, 7, r.code)
			assert.NotContains(t, r.out, "left yes")
		})
		// Nobody can find it as another process than PID 1, and nobody waits for it
		// longer than for others.
		t.Run("leaves an escaped leftover", func(t *testing.T) {
			file := filepath.Join(scratch(t), "leftover")
			r := start("--grace", "30ms", "--", "leave", "now", "7", "double,record,"+file+",stubborn").noProc().run()
			assert.Equal(t, 7, r.code)
		})
	})
}

func TestFewDescriptors(t *testing.T) {
	few := func(r *run) {
		r.with(func(s *stage) { s.Limits = map[int]rlimit{unix.RLIMIT_NOFILE: {10, 10}} })
	}
	works(t, few)
	bothWays(t, func(t *testing.T, start func(args ...string) *run) {
		reaps(t, start, few)
		t.Run("more leftovers than descriptors", func(t *testing.T) {
			dir := scratch(t)
			args := []string{"--grace", anHour, "--", "leave", "TERM", "7"}
			const many = 14
			for i := range many {
				args = append(args, fmt.Sprintf("session,record,%s/%d,obliging", dir, i))
			}
			r := start(args...)
			few(r)
			u := r.start()
			u.out.waitFor(t, "ready")
			limits, err := os.ReadFile(procPath(u.tinit(), "limits"))
			require.NoError(t, err)
			assert.Regexp(t, `Max open files +10 +10 `, string(limits))
			u.tell(unix.SIGTERM)
			assert.Equal(t, 7, u.wait())
			for i := range many {
				assert.True(t, recorded(fmt.Sprintf("%s/%d", dir, i), "end"))
			}
		})
	})
}

// Without a descriptor to spare PROGRAM may not be startable, but then tinit
// says so, and ends.
func TestNoFreeDescriptor(t *testing.T) {
	needRelease(t)
	for taken := 3; taken <= 10; taken++ {
		t.Run(fmt.Sprintf("%d of 10 taken", taken), func(t *testing.T) {
			startsOrSaysWhy(t, "too many open files", func(r *run) {
				r.in(fmt.Sprintf("take=%d", taken)).
					with(func(s *stage) { s.Limits = map[int]rlimit{unix.RLIMIT_NOFILE: {10, 10}} })
			})
		})
	}
}

// With the few that it takes to start PROGRAM tinit also finds what that leaves
// behind.
func TestSweepWithoutFreeDescriptors(t *testing.T) {
	r := pid1(t, "--grace", anHour, "--", "sh", "-c", "(setsid sleep 1000 &); exit 7").
		via("ns-init", "--", "place", "take=4", "--").argv0("ns-init").
		with(func(s *stage) { s.Limits = map[int]rlimit{unix.RLIMIT_NOFILE: {10, 10}} }).run()
	assert.Equal(t, 7, r.code, firstLines(r.err))
	assert.Contains(t, r.out, "left no")
}

// startsOrSaysWhy is for places that may be too small to start PROGRAM: either
// tinit ends with its code, or with its own, one line that says why, and without
// having started it.
func startsOrSaysWhy(t *testing.T, why string, hostile func(r *run)) (started bool) {
	t.Helper()
	file := filepath.Join(scratch(t), "program")
	r := pid1(t, "--", "/bin/sh", "-c", `echo started >"$1"; exit 7`, "sh", file)
	hostile(r)
	end := r.run()
	if exists(file) {
		assert.Equal(t, 7, end.code, firstLines(end.err))
		return true
	}
	assert.Contains(t, []int{125, 126}, end.code, firstLines(end.err))
	assert.Equal(t, 1, strings.Count(end.err, "\n"), firstLines(end.err))
	assert.Contains(t, end.err, why)
	return false
}

// firstLines keeps a stack trace out of a test's output.
func firstLines(text string) string {
	lines := strings.SplitN(text, "\n", 6)
	return strings.Join(lines[:min(5, len(lines))], "\n")
}

// The records are printed here: there is no place to write a file.
func TestReadOnlyRoot(t *testing.T) {
	bothWays(t, func(t *testing.T, start func(args ...string) *run) {
		u := start("-v", "--grace", "30ms", "--", "leave", "TERM", "7", "session,linger").readOnly().start()
		u.out.waitFor(t, "ready")
		err := os.WriteFile(procPath(u.tinit(), "root/tmp/tinit-test"), nil, 0o666)
		require.ErrorIs(t, err, unix.EROFS)
		u.tell(unix.SIGTERM)
		assert.Equal(t, 7, u.wait())
		assert.NotContains(t, u.out.String(), "left yes")
	})
}

func TestUnprivileged(t *testing.T) {
	need(t, os.Geteuid() == 0, "only root has privileges to lose")
	for name, user := range map[string]int{"root": 0, "nobody": nobody} {
		t.Run(name, func(t *testing.T) {
			bare := func(r *run) {
				r.user(user).with(func(s *stage) { s.NoCaps, s.NoNewPrivs = true, true })
			}
			r := pid1(t, "--", "show-status")
			bare(r)
			status := statusFields(r.run().out)
			for _, set := range []string{"CapPrm", "CapEff", "CapBnd", "CapAmb"} {
				require.Equal(t, strings.Repeat("0", 16), status[set], set)
			}
			require.Equal(t, "1", status["NoNewPrivs"])
			require.Equal(t, fmt.Sprintf("%[1]d\t%[1]d\t%[1]d\t%[1]d", user), status["Uid"])
			works(t, bare)
		})
	}
}

// Inside, PID 1 is root; outside, it is nobody.
func TestUserNamespace(t *testing.T) {
	mapped := func(r *run) {
		r.prep(func(cmd *exec.Cmd) {
			cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
			if os.Geteuid() == 0 {
				cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: nobody, Size: 1}}
				cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: nobody, Size: 1}}
				cmd.SysProcAttr.Credential = &syscall.Credential{NoSetGroups: true}
			}
		})
	}
	probe := exec.Command("/bin/true")
	probe.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER}
	err := probe.Run()
	need(t, err == nil, fmt.Sprintf("no user namespaces: %v", err))

	r := pid1(t, "--", "show-status")
	mapped(r)
	require.Contains(t, statusFields(r.run().out)["Uid"], "0\t0\t0\t0")
	works(t, mapped)
}

// The children of a process that ignores SIGCHLD leave no status, and the
// ignoring is inherited: an init that kept it would not know how PROGRAM ended.
func TestCallerIgnoresSIGCHLD(t *testing.T) {
	ignoring := func(r *run) { r.with(func(s *stage) { s.Ignore = []int{int(unix.SIGCHLD)} }) }
	control := namespaced(t, "/bin/cat", "/proc/self/status")
	ignoring(control)
	require.True(t, sigSet(statusFields(control.run().out)["SigIgn"])[int(unix.SIGCHLD)])

	works(t, ignoring)
	bothWays(t, func(t *testing.T, start func(args ...string) *run) {
		reaps(t, start, ignoring)
		r := start("--", "exit", "9")
		ignoring(r)
		assert.Equal(t, 9, r.run().code)
	})
}

func TestEmptyEnvironment(t *testing.T) {
	bothWays(t, func(t *testing.T, start func(args ...string) *run) {
		u := start("--", "sleep", "infinity").prep(func(cmd *exec.Cmd) { cmd.Env = []string{} }).start()
		program := u.sleeping() // found without a PATH
		environ, err := os.ReadFile(procPath(program, "environ"))
		require.NoError(t, err)
		assert.Empty(t, string(environ))
		u.tell(unix.SIGTERM)
		assert.Equal(t, 128+15, u.wait())
	})
}

func TestWithoutPATH(t *testing.T) {
	r := pid1(t, "--", "sh", "-c", "exit 7").onlyEnv("HOME=/").run()
	assert.Equal(t, 7, r.code, r.err)
	r = pid1(t, "--", "there-is-no-such-program").onlyEnv("HOME=/").run()
	assert.Equal(t, 127, r.code)
}

func TestWorkingDirectoryIsGone(t *testing.T) {
	for _, command := range [][]string{{"sh", "-c", "exit 7"}, {"/bin/sh", "-c", "exit 7"}} {
		r := pid1(t, append([]string{"--"}, command...)...).in("gone=" + t.TempDir()).run()
		assert.Equal(t, 7, r.code, r.err)
	}
	r := pid1(t, "--", "./sh").in("gone=" + t.TempDir()).run()
	assert.Equal(t, 127, r.code)
	works(t, func(r *run) {
		if r.prefix == nil {
			r.in("gone=" + t.TempDir())
		}
	})
}

// Nothing but tinit and busybox: no /proc, no /dev, no /etc, no libraries.
func TestBareRoot(t *testing.T) {
	needRelease(t)
	need(t, os.Geteuid() == 0, "only root may change its root")
	busybox, err := exec.LookPath("busybox")
	need(t, err == nil && static(busybox), "there is no static busybox")
	root := scratch(t)
	copyFile(t, tinitPath, filepath.Join(root, "tinit"))
	copyFile(t, busybox, filepath.Join(root, "busybox"))

	bare := func(args ...string) *run {
		return plainly(t, append([]string{"/tinit", "--grace", anHour, "--"}, args...)...).
			onlyEnv("PATH=/").prep(func(cmd *exec.Cmd) {
			cmd.SysProcAttr.Chroot = root
			cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWPID
			cmd.Dir = "/"
		})
	}
	script := `(busybox sleep 1000 &); trap "exit 7" TERM; echo ready; while :; do busybox sleep 1000 & wait $!; done`
	u := bare("busybox", "sh", "-c", script).start()
	u.out.waitFor(t, "ready")
	u.signal(unix.SIGTERM)
	assert.Equal(t, 7, u.wait())

	assert.Equal(t, 127, bare("/bin/sh").run().code)
	assert.Equal(t, 126, bare("/").run().code)
}

func static(path string) bool {
	f, err := debugelf.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return !slices.ContainsFunc(f.Progs, func(p *debugelf.Prog) bool { return p.Type == debugelf.PT_INTERP })
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, data, 0o755))
}
