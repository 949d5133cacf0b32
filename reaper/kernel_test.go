package reaper

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// needKernel skips where the kernel is too old to reap. That a newer one cannot is a failure.
func needKernel(t *testing.T) {
	t.Helper()
	err := KernelCan()
	if err == nil {
		return
	}
	var name unix.Utsname
	require.NoError(t, unix.Uname(&name))
	release := unix.ByteSliceToString(name.Release[:])
	var major, minor int
	_, scanErr := fmt.Sscanf(release, "%d.%d", &major, &minor)
	require.NoError(t, scanErr)
	if major > 6 || major == 6 && minor >= 16 {
		t.Fatalf("Linux %s cannot reap: %v", release, err)
	}
	t.Skipf("Linux %s cannot reap: %v", release, err)
}

// byKernel is a Reaper for which the kernel reaps.
func byKernel() *Reaper {
	r := New(Exits)
	must(0, r.LetKernel())
	return r
}

// forkWatched is forkExec for a child whose end is to come on C.
func forkWatched(r *Reaper, stdin int, args ...string) (pid int) {
	pid, pidfd := forkPidfd(stdin, 1, args...)
	must(0, r.Watch(pid, pidfd))
	return pid
}

// endOf is the next that comes on C.
func endOf(r *Reaper) Change {
	select {
	case change := <-r.C:
		return change
	case <-time.After(deadline):
		return must(Change{}, fmt.Errorf("no end comes"))
	}
}

// sayNone says whether there is neither an end on C yet nor a child to reap.
func sayNone(r *Reaper) {
	select {
	case change := <-r.C:
		fmt.Println("too early:", change)
	default:
		say(r.Next())
	}
}

// untilGone waits until nobody has the number.
func untilGone(pid int) {
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if unix.Kill(pid, 0) == unix.ESRCH {
			return
		}
	}
	must(0, fmt.Errorf("process %d is still there", pid))
}

func stateOf(pid int) string {
	stat := must(os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)))
	_, rest, _ := strings.Cut(string(stat), ") ")
	return rest[:1]
}

// kernelEnds is reapAll with the kernel for a reaper.
func kernelEnds() {
	r := byKernel()
	want := map[int]int{}
	for _, n := range ends {
		want[forkWatched(r, 0, "end-with", strconv.Itoa(n))] = n
	}
	for range ends {
		change := endOf(r)
		got := change.Status.ExitStatus()
		if change.Status.Signaled() {
			got = -int(change.Status.Signal())
		}
		if n, ok := want[change.PID]; !ok || n != got {
			fmt.Println("process", change.PID, "ended with", got, "and not with", n)
		}
		delete(want, change.PID)
	}
	fmt.Println(len(want), "not told")
	say(r.Next())
}

func TestKernelTellsEveryEnd(t *testing.T) {
	needKernel(t)
	assert.Equal(t, "0 not told\nno children\n", output(t, "kernel-ends"))
}

// kernelCodes is one child after another, of all codes and all signals that end a process.
func kernelCodes() {
	r := byKernel()
	for code := range 256 {
		forkWatched(r, 0, "end-with", strconv.Itoa(code))
		if s := endOf(r).Status; !s.Exited() || s.ExitStatus() != code {
			fmt.Println("ended with", code, "and the status was", s)
		}
	}
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		if !deadly(sig) {
			continue
		}
		forkWatched(r, 0, "end-by", strconv.Itoa(int(sig)))
		if s := endOf(r).Status; !s.Signaled() || s.Signal() != sig {
			fmt.Println("killed by", int(sig), "and the status was", s)
		}
	}
	say(r.Next())
}

// deadly reports whether a signal's default action ends a process.
func deadly(sig syscall.Signal) bool {
	switch sig {
	case unix.SIGCHLD, unix.SIGCONT, unix.SIGURG, unix.SIGWINCH, unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
		return false
	}
	return true
}

func TestKernelTellsEveryCodeAndSignal(t *testing.T) {
	needKernel(t)
	assert.Equal(t, "no children\n", output(t, "kernel-codes"))
}

// A core dump is a bit of the status, beside the signal; without room for a core it is not set.
func coreDumps(kernel bool) {
	dir := must(os.MkdirTemp("", "reaper-test-"))
	defer os.RemoveAll(dir)
	must(0, os.Chdir(dir))
	r := New(Exits)
	if kernel {
		must(0, r.LetKernel())
	}
	for _, core := range []string{"core", "no-core"} {
		for _, sig := range []syscall.Signal{unix.SIGSEGV, unix.SIGABRT, unix.SIGQUIT, unix.SIGTERM} {
			var change Change
			args := []string{"end-by", strconv.Itoa(int(sig)), core}
			if kernel {
				forkWatched(r, 0, args...)
				change = endOf(r)
			} else {
				must(forkExec(0, args...))
				change = must(next(r))
			}
			fmt.Println(core, int(change.Status.Signal()), change.Status.CoreDump())
		}
	}
	say(r.Next())
}

// That the core was dumped may not be told by the kernel yet when it tells of the end; the signal always is.
func TestKernelTellsCoreDumps(t *testing.T) {
	needKernel(t)
	got, want := output(t, "kernel-core-dumps"), output(t, "wait-core-dumps")
	noFlags := strings.NewReplacer(" true\n", "\n", " false\n", "\n")
	assert.Equal(t, noFlags.Replace(want), noFlags.Replace(got), "what wait4 tells")
	assert.Contains(t, got, "\nno-core 11 false\n")
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	require.NoError(t, err)
	if !strings.HasPrefix(string(pattern), "core") {
		t.Skipf("core_pattern is %q, so a dump may not succeed", pattern)
	}
	// The control: there were dumps.
	assert.Contains(t, want, "core 11 true\ncore 6 true\ncore 3 true\ncore 15 false\n")
}

// kernelKeepsNoZombies: the same orphan's end twice, by the kernel and then by Next.
func kernelKeepsNoZombies() {
	must(0, Subreaper())
	r := New(Exits)
	for _, kernel := range []bool{true, false} {
		if kernel {
			must(0, r.LetKernel())
		} else {
			must(0, r.Wait())
		}
		heard := len(sigchld) > 0
		pid, end := lingering("linger")
		end()
		if kernel {
			untilGone(pid)
			fmt.Println("gone, heard of it:", heard || len(sigchld) > 0)
		} else {
			untilDead(pid)
			fmt.Println("state", stateOf(pid))
			<-sigchld
		}
		say(r.Next())
	}
	say(r.Next())
}

// Wait puts back whoever had SIGCHLD, and then a child stays a zombie until Next: the control of the first half.
func TestKernelKeepsNoZombies(t *testing.T) {
	needKernel(t)
	assert.Equal(t, "gone, heard of it: false\nno children\nstate Z\nended with 0\nno children\n", output(t, "kernel-zombies"))
}

// kernelTooLate: those who ended before LetKernel, one of them watched, and one that is watched only when it is gone.
func kernelTooLate() {
	r := New(Exits)
	pid := must(forkExec(0, "end-with", "3"))
	untilDead(pid)
	watched, pidfd := forkPidfd(0, 1, "end-with", "4")
	untilDead(watched)
	must(0, r.LetKernel())
	must(0, r.Watch(watched, pidfd))
	say(endOf(r), nil)
	say(r.Next())
	say(r.Next())

	gone, pidfd := forkPidfd(0, 1, "end-with", "5")
	untilGone(gone)
	must(0, r.Watch(gone, pidfd))
	change := endOf(r)
	fmt.Println(change.PID == gone)
	say(change, nil)
	say(r.Next())
}

func TestKernelTooLate(t *testing.T) {
	needKernel(t)
	assert.Equal(t, "ended with 4\nended with 3\nno children\ntrue\nended with 5\nno children\n", output(t, "kernel-too-late"))
}

// watchLeader: the end of a program's first thread is not its own, and not its status.
func watchLeader(kernel bool) {
	r := New(Exits)
	if kernel {
		must(0, r.LetKernel())
	}
	c := talk("leader-ends-first")
	if kernel {
		must(0, r.Watch(c.pid, c.pidfd))
	}
	fmt.Println(c.next(), stateOf(c.pid))
	if kernel {
		sayNone(r)
		c.end()
		say(endOf(r), nil)
	} else {
		say(r.Next())
		c.end()
		say(next(r))
	}
	say(r.Next())
}

func TestKernelWaitsForTheLastThread(t *testing.T) {
	needKernel(t)
	const want = "leader ended Z\nno child has changed\nended with 7\nno children\n"
	assert.Equal(t, want, output(t, "kernel-leader"))
	assert.Equal(t, want, output(t, "wait-leader"), "the control: what wait4 tells")
}

// watchTraced: a zombie that is traced is its tracer's first. What becomes of that is the arguments' to say.
func watchTraced() {
	// A signal stops who is traced until its tracer lets it go on, and Go sends some to its own threads.
	must(0, os.Setenv("GODEBUG", "asyncpreemptoff=1"))
	r := byKernel()
	child := talk("linger-then", "9")
	must(0, r.Watch(child.pid, child.pidfd))
	fmt.Println(child.next())
	tracer := talk("trace", strconv.Itoa(child.pid), os.Args[1])
	fmt.Println(tracer.next())
	if os.Args[2] == "kill" {
		must(0, unix.Kill(child.pid, unix.SIGKILL))
	}
	child.end()
	if os.Args[1] == "late" || os.Args[1] == "gone" {
		untilState(child.pid, "Z")
		sayNone(r)
	}
	tracer.end()
	change := endOf(r)
	fmt.Println(change.PID == child.pid)
	say(change, nil)
	untilGone(child.pid)
	untilGone(tracer.pid)
	say(r.Next())
}

func TestKernelTellsOfTraced(t *testing.T) {
	needKernel(t)
	for how, status := range map[string]string{"stay": "ended with 9", "kill": "killed by 9"} {
		t.Run(how, func(t *testing.T) {
			end := "true\n" + status + "\nno children\n"
			assert.Equal(t, "ready\ntraced\n"+end, output(t, "kernel-traced", "on", how))
			// The controls: until the tracer has taken it, or is gone, the status is not there.
			assert.Equal(t, "ready\ntraced\nno child has changed\n"+end, output(t, "kernel-traced", "late", how))
			assert.Equal(t, "ready\ntraced\nno child has changed\n"+end, output(t, "kernel-traced", "gone", how))
		})
	}
}

// A new program must not inherit that SIGCHLD is ignored: its own children would leave no status.
func TestKernelIsNotInherited(t *testing.T) {
	needKernel(t)
	assert.Equal(t, "ended with 3\nno children\n", output(t, "kernel-grandchild"))
}

func kernelGrandchild() {
	r := byKernel()
	forkWatched(r, 0, "reap-one", "3")
	say(endOf(r), nil)
	say(r.Next())
}

func reapOne() {
	pid := must(forkExec(0, "end-with", os.Args[1]))
	var status unix.WaitStatus
	must(unix.Wait4(pid, &status, 0, nil))
	os.Exit(status.ExitStatus())
}

// Where the kernel knows of exits, it knows what a living process can be asked for.
func TestTellsOfExits(t *testing.T) {
	for name, test := range map[string]struct {
		mask uint64
		want bool
	}{
		"6.13, no exits":   {unix.PIDFD_INFO_PID | unix.PIDFD_INFO_CREDS | unix.PIDFD_INFO_CGROUPID, false},
		"6.15, not of all": {unix.PIDFD_INFO_PID | unix.PIDFD_INFO_CREDS | unix.PIDFD_INFO_CGROUPID, false},
		"as it was asked":  {askedInfo, false},
		"6.16":             {unix.PIDFD_INFO_PID | unix.PIDFD_INFO_CREDS | unix.PIDFD_INFO_CGROUPID | unix.PIDFD_INFO_COREDUMP, true},
	} {
		assert.Equal(t, test.want, tellsOfExits(test.mask), name)
	}
}
