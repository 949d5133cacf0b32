package test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// recordedIDs is what `record` wrote when it was ready: its PID, PPID, PGID
// and SID, in its own PID namespace.
func recordedIDs(t *testing.T, file string) (pid, ppid, pgid, sid int) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	_, err = fmt.Sscanf(string(text), "ready %d %d %d %d", &pid, &ppid, &pgid, &sid)
	require.NoError(t, err)
	return pid, ppid, pgid, sid
}

// processOf is the pid outside of a `record` child of a run.
func (u *running) processOf(file string) int {
	u.t.Helper()
	var found int
	eventually(u.t, func() bool {
		for _, pid := range pids() {
			if strings.Contains(cmdline(pid), "record\x00"+file+"\x00") && hasEnv(pid, u.mark) {
				found = pid
				return true
			}
		}
		return false
	}, "there is a process that records in "+file)
	return found
}

// Each of these gets TERM, the stopped one CONT too, or it could not heed the
// TERM; the grace of an hour is over when the last one has ended.
func TestSweepTellsEveryLeftover(t *testing.T) {
	bothWays(t, func(t *testing.T, start func(args ...string) *run) {
		dir := scratch(t)
		args := []string{"--grace", anHour, "--", "leave", "now", "7"}
		kinds := []string{"group", "session", "double", "stopped"}
		for _, kind := range kinds {
			args = append(args, kind+",record,"+filepath.Join(dir, kind)+",obliging")
		}
		u := start(args...).start()
		assert.Equal(t, 7, u.wait())
		for _, kind := range kinds {
			file := filepath.Join(dir, kind)
			assert.True(t, recorded(file, "TERM"), "the leftover of kind %s was not told to end", kind)
			assert.True(t, recorded(file, "end"), "the leftover of kind %s had no time to end", kind)
		}
		// These leftovers are what they are called.
		_, _, group, session := recordedIDs(t, filepath.Join(dir, "group"))
		for _, kind := range []string{"session", "double"} {
			_, _, pgid, sid := recordedIDs(t, filepath.Join(dir, kind))
			assert.NotEqual(t, group, pgid, kind)
			assert.NotEqual(t, session, sid, kind)
		}
	})
}

// The control: what tells leftovers to end is tinit, and not the end of the
// program.
func TestLeftoversStayWithoutTinit(t *testing.T) {
	file := filepath.Join(scratch(t), "leftover")
	r := inNsInit(t, nil, "leave", "now", "7").run()
	require.Contains(t, r.out, "left no")
	r = inNsInit(t, nil, "leave", "now", "7", "session,record,"+file+",stubborn").run()
	assert.Equal(t, 7, r.code)
	assert.Contains(t, r.out, "left yes")
	assert.False(t, recorded(file, "TERM"))
}

// A leftover that takes its time after TERM has it: what it does before its end
// is done when tinit ends.
func TestSweepWaitsForLeftover(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, start func(args ...string) *run) {
		dir := scratch(t)
		file, release := filepath.Join(dir, "leftover"), filepath.Join(dir, "release")
		u := start("--grace", anHour, "--", "leave", "now", "7", "double,record,"+file+",until:"+release).start()
		waitRecord(t, file, "TERM")
		never(t, u.ended, "tinit left before its leftover")
		require.NoError(t, os.WriteFile(release, nil, 0o666))
		assert.Equal(t, 7, u.wait())
		assert.True(t, recorded(file, "end"))
	})
}

// What ignores TERM, and what is not given the time to heed it, is killed.
func TestSweepKillsTheStubborn(t *testing.T) {
	for _, grace := range []string{"0", "30ms"} {
		t.Run("after "+grace, func(t *testing.T) {
			bothWays(t, func(t *testing.T, start func(args ...string) *run) {
				dir := scratch(t)
				args := []string{"--grace", grace, "--", "leave", "now", "7"}
				for _, kind := range []string{"group", "session", "double", "stopped"} {
					args = append(args, kind+",record,"+filepath.Join(dir, kind)+",stubborn")
				}
				r := start(args...).run()
				assert.Equal(t, 7, r.code)
				assert.NotContains(t, r.out, "left yes")
			})
		})
	}
}

// The default grace is short: nobody has to ask for it.
func TestSweepDefaultGrace(t *testing.T) {
	t.Parallel()
	file := filepath.Join(scratch(t), "leftover")
	r := nested(t, nil, "--", "leave", "now", "7", "session,record,"+file+",stubborn").run()
	assert.Equal(t, 7, r.code)
	assert.Contains(t, r.out, "left no")
}

// Whatever the sweep has to do, the exit code is the program's.
func TestSweepKeepsExitCode(t *testing.T) {
	for code, want := range map[string]int{"0": 0, "255": 255, "-9": 137} {
		t.Run(code, func(t *testing.T) {
			bothWays(t, func(t *testing.T, start func(args ...string) *run) {
				dir := scratch(t)
				r := start("--grace", "30ms", "--", "leave", "now", code,
					"session,record,"+filepath.Join(dir, "stubborn")+",stubborn",
					"double,record,"+filepath.Join(dir, "with a code of its own")+",exit:9").run()
				assert.Equal(t, want, r.code)
			})
		})
	}
}

// Ctrl-C during the sweep: USR1 and a second TERM have no such effect.
func TestInterruptEndsGrace(t *testing.T) {
	for _, sig := range []syscall.Signal{unix.SIGINT, unix.SIGQUIT} {
		t.Run(signalName(sig), func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, start func(args ...string) *run) {
				file := filepath.Join(scratch(t), "leftover")
				u := start("--grace", anHour, "--", "leave", "now", "7", "session,record,"+file+",stubborn").start()
				waitRecord(t, file, "TERM")
				u.tell(unix.SIGUSR1)
				never(t, u.ended, "tinit left before its leftover")
				u.tell(sig)
				assert.Equal(t, 7, u.wait())
				assert.NotContains(t, u.out.String(), "left yes")
			})
		})
	}
}

// Children that tinit had before it was tinit, as a script's that ends in
// "exec tinit", are its own too.
func TestSweepTellsInheritedChild(t *testing.T) {
	for _, name := range []string{"PID 1", "not PID 1"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(scratch(t), "inherited")
			r := pid1(t, "--grace", anHour, "--", "exit", "7")
			if name == "PID 1" {
				r.in("child=" + file)
			} else {
				r.via("ns-init", "--", "place", "child="+file, "--").argv0("ns-init")
			}
			assert.Equal(t, 7, r.run().code)
			assert.True(t, recorded(file, "TERM"))
			assert.True(t, recorded(file, "end"))
		})
	}
}

// A shell that `docker exec` put into the namespace has no parent there and
// ignores TERM. It is told, and holds nothing up. The control is
// TestSweepWaitsForLeftover: as a child of tinit's it would.
func TestSweepDoesNotWaitForJoined(t *testing.T) {
	dir := scratch(t)
	joined, own, release := filepath.Join(dir, "joined"), filepath.Join(dir, "own"), filepath.Join(dir, "release")
	u := pid1(t, "--grace", anHour, "--", "leave", "TERM", "7", "session,record,"+own+",until:"+release).start()
	u.out.waitFor(t, "ready")

	guest := plainly(t, filepath.Join(childDir, "join"), strconv.Itoa(u.pid), "record", joined, "stubborn").argv0("join").start()
	waitRecord(t, joined, "ready")
	_, parent, _, _ := recordedIDs(t, joined)
	require.Zero(t, parent, "the guest has a parent in the namespace")

	u.tell(unix.SIGTERM)
	waitRecord(t, own, "TERM")
	waitRecord(t, joined, "TERM")
	require.False(t, u.ended())
	require.False(t, guest.ended())
	require.NoError(t, os.WriteFile(release, nil, 0o666))
	assert.Equal(t, 7, u.wait())
	guest.wait() // the namespace took it along
}

// With nothing but a guest in the namespace there is nobody to wait for at all.
func TestSweepWithOnlyGuest(t *testing.T) {
	joined := filepath.Join(scratch(t), "joined")
	u := pid1(t, "--grace", anHour, "--", "leave", "TERM", "7").start()
	u.out.waitFor(t, "ready")
	plainly(t, filepath.Join(childDir, "join"), strconv.Itoa(u.pid), "record", joined, "stubborn").argv0("join").start()
	waitRecord(t, joined, "ready")
	u.tell(unix.SIGTERM)
	assert.Equal(t, 7, u.wait())
}

// As another process than PID 1 tinit has no business with processes that are
// not its own, whoever they are: this one has its user, and had its session and
// its process group. That its own are told is seen beside it.
func TestSweepSparesBystander(t *testing.T) {
	for _, grace := range []string{"0", anHour} {
		t.Run("grace "+grace, func(t *testing.T) {
			dir := scratch(t)
			bystander, own := filepath.Join(dir, "bystander"), filepath.Join(dir, "own")
			mode := map[string]string{"0": "stubborn", anHour: "obliging"}[grace]
			r := nested(t, []string{"bystander=0," + bystander},
				"--grace", grace, "--", "leave", "now", "7", "double,record,"+own+","+mode).run()
			assert.Equal(t, 7, r.code)
			assert.Contains(t, r.out, "bystander yes")
			assert.False(t, recorded(bystander, "TERM"), "a stranger was told to end")
			assert.Contains(t, r.out, "left no")
		})
	}
}

// A descendant that becomes another user's cannot be killed by a tinit that is
// not root. tinit leaves all the same.
func TestSweepOfUnkillable(t *testing.T) {
	t.Parallel()
	need(t, os.Geteuid() == 0, "only root can make a setuid program of root's")
	dir := scratch(t)
	var fs unix.Statfs_t
	require.NoError(t, unix.Statfs(dir, &fs))
	need(t, fs.Flags&unix.ST_NOSUID == 0, dir+" is mounted nosuid")
	suid := filepath.Join(dir, "become-root")
	binary, err := os.ReadFile(filepath.Join(childDir, "record"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(suid, binary, 0o755))
	require.NoError(t, os.Chmod(suid, 0o755|os.ModeSetuid))

	bothWays(t, func(t *testing.T, start func(args ...string) *run) {
		file := filepath.Join(scratch(t), "leftover")
		u := start("--grace", "30ms", "--", "leave", "TERM", "7", "session,as-root,"+suid+",record,"+file+",stubborn").user(nobody).start()
		waitRecord(t, file, "ready")
		require.Equal(t, "0\t0\t0\t0", procStatus(u.processOf(file))["Uid"])
		u.tell(unix.SIGTERM)
		assert.Equal(t, 7, u.wait())
		assert.False(t, recorded(file, "TERM"), "the leftover could be signalled after all")
	})
}

const nobody = 65534

// needPIDs is for tests that choose the PID of a process.
func needPIDs(t *testing.T) {
	t.Helper()
	need(t, os.Geteuid() == 0 && exists("/proc/sys/kernel/ns_last_pid"), "PIDs cannot be chosen here")
}

// Where /proc is that of another PID namespace, its numbers mean other
// processes. Here they are laid so that believing them ends a bystander: outside
// there is a process with tinit's PID that has a child, and the bystander has
// the number of that child.
func TestSweepWithForeignProc(t *testing.T) {
	needPIDs(t)
	dir := scratch(t)
	bystander, decoy, own := filepath.Join(dir, "bystander"), filepath.Join(dir, "decoy"), filepath.Join(dir, "own")

	outside := plainly(t, filepath.Join(childDir, "leave"), "TERM", "0", "session,record,"+decoy+",obliging").argv0("leave").start()
	outside.out.waitFor(t, "ready")
	decoyPID, decoyParent, _, _ := recordedIDs(t, decoy)

	settings := []string{fmt.Sprintf("bystander=%d,%s", decoyPID, bystander), fmt.Sprintf("pid=%d", decoyParent)}
	u := nested(t, settings, "--grace", anHour, "--", "leave", "now", "7", "group,record,"+own+",stubborn").
		with(func(s *stage) { s.Proc = false }).start()
	waitRecord(t, own, "TERM")
	require.Equal(t, decoyParent, nsPid(t, u.tinit()))
	u.tell(unix.SIGINT) // the end of the grace
	assert.Equal(t, 7, u.wait())
	assert.Contains(t, u.out.String(), "bystander yes")
	assert.False(t, recorded(bystander, "TERM"), "a stranger was told to end")
	assert.Contains(t, u.out.String(), "left no")
	assert.False(t, recorded(decoy, "TERM"), "a stranger outside was told to end")
	assert.False(t, outside.ended())

	// It would have recorded it.
	require.NoError(t, unix.Kill(decoyPID, unix.SIGTERM))
	waitRecord(t, decoy, "TERM")
}

// There the program's process group is all that tinit can sweep. Once it is
// empty, the kernel may give its number to a stranger's.
func TestSweepSparesNewOwnerOfGroup(t *testing.T) {
	needPIDs(t)
	dir := scratch(t)
	number, own, stranger := filepath.Join(dir, "number"), filepath.Join(dir, "own"), filepath.Join(dir, "stranger")
	script := `echo $$ >"$1"; leave now 0 "session,record,$2,stubborn"; exit 7`
	u := nested(t, nil, "--grace", anHour, "--", "sh", "-c", script, "sh", number, own).
		with(func(s *stage) { s.Proc = false }).start()
	waitRecord(t, own, "ready")
	leftover := u.processOf(own)
	eventually(t, func() bool { return slices.Equal(children(u.tinit()), []int{leftover}) }, "PROGRAM has ended")
	text, err := os.ReadFile(number)
	require.NoError(t, err)
	program := strings.TrimSpace(string(text))

	guest := plainly(t, filepath.Join(childDir, "join"), strconv.Itoa(u.pid), "with-pid", program, "record", stranger, "stubborn").
		argv0("join").start()
	waitRecord(t, stranger, "ready")
	_, _, group, _ := recordedIDs(t, stranger)
	require.Equal(t, program, strconv.Itoa(group))

	u.tell(unix.SIGINT) // the end of the grace
	assert.Equal(t, 7, u.wait())
	assert.NotContains(t, guest.out.String(), "ended with", "a stranger was killed")
}

// PID 1 needs no /proc to reach everybody, and nobody but them.
func TestSweepOfPID1WithForeignProc(t *testing.T) {
	dir := scratch(t)
	bystander, own := filepath.Join(dir, "bystander"), filepath.Join(dir, "own")
	outside := plainly(t, filepath.Join(childDir, "leave"), "TERM", "0", "session,record,"+bystander+",obliging").argv0("leave").start()
	outside.out.waitFor(t, "ready")
	r := pid1(t, "--grace", anHour, "--", "leave", "now", "7", "double,record,"+own+",obliging").
		with(func(s *stage) { s.Proc = false }).run()
	assert.Equal(t, 7, r.code)
	assert.True(t, recorded(own, "TERM"))
	assert.True(t, recorded(own, "end"))
	assert.False(t, recorded(bystander, "TERM"))
	assert.False(t, outside.ended())
}
