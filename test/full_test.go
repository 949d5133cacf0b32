package test

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A full is a place that PROGRAM fills to the last and holds so: each time that
// it is signalled it takes what has become free.
type full struct {
	*running
	acks    *os.File
	release func() // ends the orphans
}

// fill starts tinit over a PROGRAM that leaves orphans, and then fills.
func fill(t *testing.T, tinit starter, flag string, orphans int, program []byte, place func(r *run)) *full {
	t.Helper()
	acks, out, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { acks.Close() })
	dir := scratch(t) // another user can get at it
	readers, filler, fifo := filepath.Join(dir, "readers"), filepath.Join(dir, "filler"), filepath.Join(dir, "fifo")
	require.NoError(t, os.Rename(tiny(t, leaveReaders(orphans)), readers))
	require.NoError(t, os.Rename(tiny(t, program), filler))
	require.NoError(t, unix.Mkfifo(fifo, 0o666))
	require.NoError(t, os.Chmod(fifo, 0o666))
	hold, err := os.OpenFile(fifo, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { hold.Close() })

	// The orphans are in another process group than the signals are for.
	r := tinit(t, flag, "--grace", "20ms", "--", "/bin/sh", "-c", `setsid "$1" 3<"$3"; exec "$2"`, "sh",
		readers, filler, fifo).stdout(out)
	place(r)
	f := &full{running: r.start(), acks: acks, release: func() { _ = hold.Close() }}
	require.NoError(t, out.Close())
	return f
}

// ack is the signal that PROGRAM had last: 0 when it is there, -1 when it ends.
func (f *full) ack() int {
	f.t.Helper()
	require.NoError(f.t, f.acks.SetReadDeadline(time.Now().Add(deadline)))
	var b [1]byte
	_, err := f.acks.Read(b[:])
	if err != nil {
		require.NotErrorIs(f.t, err, os.ErrDeadlineExceeded, "PROGRAM says nothing: %s", firstFatal(f.err.String()))
		return -1
	}
	return int(b[0])
}

// allKinds is every signal that is forwarded, but TERM.
func allKinds() (sigs []syscall.Signal) {
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		switch sig {
		case unix.SIGKILL, unix.SIGSTOP, unix.SIGCHLD, unix.SIGTERM, 33:
		default:
			sigs = append(sigs, sig)
		}
	}
	return sigs
}

// forwards sends n signals of all kinds, and sees each come to PROGRAM. It
// returns false if PROGRAM ended.
func (f *full) forwards(n int) bool {
	f.t.Helper()
	kinds := allKinds()
	for i := range n {
		sig := kinds[i%len(kinds)]
		f.signal(sig)
		switch got := f.ack(); {
		case got < 0:
			return false
		default:
			require.Equal(f.t, int(sig), got, firstFatal(f.err.String()))
		}
	}
	return true
}

// threads is how many tinit has.
func (f *full) threads() string { return procStatus(f.pid)["Threads"] }

// fullTimes is how often each place is filled. A hundred times take minutes.
func fullTimes() int {
	switch {
	case testing.Short():
		return 2
	case os.Getenv("CI") == "true":
		return 100
	}
	return 10
}

// endures is what is to hold in any full place, over and over, and whether tinit
// says something for each signal or not.
func endures(t *testing.T, program []byte, place func(t *testing.T) func(r *run), isFull func(t *testing.T, f *full)) {
	t.Helper()
	needRelease(t)
	n := fullTimes()
	const orphans, signals = 5, 1000
	for _, waits := range []bool{false, true} {
		for i := range n {
			start, where := starter(pid1), "PID 1"
			if i%2 == 1 {
				start, where = tinit, "not PID 1"
			}
			t.Run(fmt.Sprintf("%s %d", leg(where, waits), i), func(t *testing.T) {
				flag := "--group"
				if i%4 >= 2 {
					flag = "--verbose"
				}
				f := fill(t, start.waiting(waits), flag, orphans, program, place(t))
				require.Zero(t, f.ack(), firstFatal(f.err.String()))
				isFull(t, f)
				threads := f.threads()
				require.True(t, f.forwards(signals/2), firstFatal(f.err.String()))
				require.Len(t, children(f.pid), 1+orphans)
				f.release()
				eventually(t, func() bool { return len(children(f.pid)) == 1 }, "the orphans are reaped")
				require.True(t, f.forwards(signals/2), firstFatal(f.err.String()))
				isFull(t, f)
				assert.Equal(t, threads, f.threads(), "tinit's threads")
				f.signal(unix.SIGTERM)
				assert.Equal(t, 37, f.wait(), firstFatal(f.err.String()))
			})
		}
	}
}

// pidsCgroup is a place with room for some processes and threads more than
// tinit and PROGRAM are.
func pidsCgroup(t *testing.T) (c *cgroup, place func(r *run)) {
	t.Helper()
	c = newCgroup(t, "pids")
	c.write(filepath.Join(c.dir, "pids.max"), strconv.Itoa(pidsRoom))
	return c, func(r *run) { r.in("cgroup=" + c.dir) }
}

const pidsRoom = 40

func TestFullPidsCgroup(t *testing.T) {
	var c *cgroup
	endures(t, fillPids(), func(t *testing.T) func(r *run) {
		var place func(r *run)
		c, place = pidsCgroup(t)
		return place
	}, func(t *testing.T, _ *full) {
		require.Equal(t, pidsRoom, c.number("pids.current"), "the cgroup is full")
	})
}

// nprocUser is a user of nobody's: the limit is on all its processes.
const nprocUser = 61_235

func nprocPlace(r *run) {
	r.user(nprocUser).with(func(s *stage) { s.Limits = map[int]rlimit{unix.RLIMIT_NPROC: {pidsRoom, pidsRoom}} })
}

func TestFullOfOneUser(t *testing.T) {
	need(t, os.Geteuid() == 0, "only root can be another user")
	endures(t, fillPids(), func(t *testing.T) func(r *run) {
		eventually(t, func() bool { return tasksOf(nprocUser) == 0 }, "nobody is left of the last time")
		return nprocPlace
	}, func(t *testing.T, _ *full) {
		require.GreaterOrEqual(t, tasksOf(nprocUser), pidsRoom, "the user has all that it may have")
	})
}

func tasksOf(uid int) (tasks int) {
	for _, pid := range pids() {
		if status := procStatus(pid); status["Uid"] != "" && uidOf(status) == uid {
			tasks += atoi(status["Threads"])
		}
	}
	return tasks
}

func uidOf(status map[string]string) (uid int) {
	_, _ = fmt.Sscan(status["Uid"], &uid)
	return uid
}

// The control: an init of a few lines of Go, in the same places with the same
// PROGRAM, wants threads for what it writes, and Go's runtime ends it.
func TestFullPlacesEndOthers(t *testing.T) {
	need(t, os.Geteuid() == 0, "only root can make cgroups and be another user")
	blocking := func(t *testing.T, args ...string) *run {
		// Of tinit's arguments those after the dashes.
		return namespaced(t, append([]string{"blocking-init"}, args[slices.Index(args, "--")+1:]...)...)
	}
	for name, place := range map[string]func(t *testing.T) func(r *run){
		"pids cgroup": func(t *testing.T) func(r *run) {
			_, place := pidsCgroup(t)
			return place
		},
		"RLIMIT_NPROC": func(*testing.T) func(r *run) {
			return func(r *run) {
				nprocPlace(r)
				r.in()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := fill(t, blocking, "-v", 1, fillPids(), place(t))
			require.Zero(t, f.ack(), f.err)
			f.forwards(1000)
			assert.Equal(t, 2, f.wait())
			// The second are the words of a Go program that has cgo in it.
			assert.Regexp(t, "newosproc|pthread_create failed", f.err.String())
		})
	}
}

func init() { registerChild("blocking-init", blockingInit) }

// blockingInit is `blocking-init PROGRAM ARG...`: it sends signals on, and has a
// goroutine for each, which says so to somebody who does not read.
func blockingInit() {
	got := make(chan os.Signal, 64)
	signal.Notify(got, catchable()...)
	var deaf [2]int
	if err := unix.Pipe2(deaf[:], unix.O_CLOEXEC); err != nil {
		childFatal("%v", err)
	}
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		childFatal("%v", err)
	}
	for sig := range got {
		go func() { _, _ = unix.Write(deaf[1], make([]byte, 1<<20)) }()
		_ = cmd.Process.Signal(sig)
	}
}

// fullMemory makes what a cgroup has the most that it may have, so that there is
// not a page to be had. isFull says whether that is so.
func fullMemory(t *testing.T, c *cgroup) (isFull func() bool) {
	t.Helper()
	used, limit := c.file("memory.usage_in_bytes", "memory.current"), c.file("memory.limit_in_bytes", "memory.max")
	eventually(t, func() bool {
		n := c.number(filepath.Base(used))
		return os.WriteFile(limit, []byte(strconv.Itoa(n)), 0) == nil // EBUSY: it has more by now
	}, "memory is limited to what is used")
	// The kernel counts pages by the 64 of a processor.
	const batches = 64 * 4096 * 2
	return func() bool { return c.number(filepath.Base(used))+batches > c.number(filepath.Base(limit)) }
}

// PROGRAM, which has more memory than tinit, keeps the cgroup full. Where that
// takes a victim in the end, it is PROGRAM.
func TestFullMemoryCgroup(t *testing.T) {
	needRelease(t)
	n := fullTimes()
	killed := 0
	for _, waits := range []bool{false, true} {
		for i := range n {
			t.Run(fmt.Sprintf("%s %d", leg("PID 1", waits), i), func(t *testing.T) {
				c := newCgroup(t, "memory")
				f := fill(t, starter(pid1).waiting(waits), "-q", 5, fillMemory(), func(r *run) { r.in("cgroup=" + c.dir) })
				require.Zero(t, f.ack(), firstFatal(f.err.String()))
				threads := f.threads()
				// What the kernel finds to drop makes room, so the limit follows.
				forwards := func() (alive bool) {
					alive = true
					for i := 0; alive && i < 5; i++ {
						eventually(t, func() bool { return fullMemory(t, c)() }, "it is full again")
						alive = f.forwards(100)
					}
					return alive
				}
				alive := forwards()
				if alive {
					f.release()
					eventually(t, func() bool { return len(children(f.pid)) <= 1 }, "the orphans are reaped")
					alive = forwards()
				}
				if alive {
					assert.Equal(t, threads, f.threads(), "tinit's threads")
					f.signal(unix.SIGTERM)
				}
				code := f.wait()
				assert.True(t, f.cmd.ProcessState.Exited(), "tinit was killed itself")
				if kills := c.oomKills(); kills > 0 {
					killed++
					assert.Equal(t, 1, kills)
					assert.Equal(t, 128+9, code, firstFatal(f.err.String()))
				} else {
					assert.Equal(t, 37, code, firstFatal(f.err.String()))
				}
			})
		}
	}
	t.Logf("PROGRAM was killed in %d of %d", killed, 2*n)
}
