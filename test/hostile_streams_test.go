package test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Go opens /dev/null in place of standard streams that are closed. What matters
// is that PROGRAM finds nothing of tinit's there instead. PROGRAM is no Go
// program, which would do the same.
func TestStandardStreamsClosed(t *testing.T) {
	for mask := 1; mask < 8; mask++ {
		var closed []int
		for fd := range 3 {
			if mask&(1<<fd) != 0 {
				closed = append(closed, fd)
			}
		}
		t.Run(fmt.Sprint(closed), func(t *testing.T) {
			start := func(args ...string) *run {
				return pid1(t, args...).with(func(s *stage) { s.Close = closed })
			}
			u := start("-v", "--", "sleep", "infinity").start()
			program := u.sleeping()
			// The dynamic loader opens files, and closes them again.
			require.Len(t, given(program, 3), 3)
			for _, fd := range closed {
				assert.Equal(t, "/dev/null", descriptors(program)[fd])
			}
			u.tell(unix.SIGTERM)
			assert.Equal(t, 128+15, u.wait())

			assert.Equal(t, 7, start("-v", "--", "exit", "7").run().code)
			assert.Equal(t, 127, start("--", "/no/such/program").run().code)
		})
	}
}

func TestAllStreamsClosed(t *testing.T) {
	works(t, func(r *run) {
		if r.prefix == nil { // else ns-init's are closed, which has something to say
			r.with(func(s *stage) { s.Close = []int{0, 1, 2} })
		}
	})
}

// sleeping is PROGRAM's pid once it is sleep(1).
func (u *running) sleeping() int {
	u.t.Helper()
	var program int
	eventually(u.t, func() bool {
		for _, pid := range children(u.tinit()) {
			if comm(pid) == "sleep" {
				program = pid
			}
		}
		return program != 0
	}, "PROGRAM is started")
	return program
}

// fullPipe is the write end of a pipe that is full and that nobody reads.
func fullPipe(t *testing.T) *os.File {
	t.Helper()
	var p [2]int
	require.NoError(t, unix.Pipe2(p[:], unix.O_CLOEXEC))
	t.Cleanup(func() { unix.Close(p[0]) })
	require.NoError(t, unix.SetNonblock(p[1], true))
	junk := make([]byte, 4096)
	for {
		_, err := unix.Write(p[1], junk)
		if err != nil {
			require.ErrorIs(t, err, unix.EAGAIN)
			break
		}
	}
	require.NoError(t, unix.SetNonblock(p[1], false))
	w := os.NewFile(uintptr(p[1]), "full pipe")
	t.Cleanup(func() { w.Close() })
	return w
}

func fileFlags(t *testing.T, f *os.File) int {
	t.Helper()
	raw, err := f.SyscallConn()
	require.NoError(t, err)
	var flags int
	require.NoError(t, raw.Control(func(fd uintptr) { flags, err = unix.FcntlInt(fd, unix.F_GETFL, 0) }))
	require.NoError(t, err)
	return flags
}

// With -v tinit has much to say, and with a leftover to kill it has more: it
// says it to nobody, and does its work. The pipe stays a blocking one, since it
// is PROGRAM's too.
func TestStandardErrorIsFullPipe(t *testing.T) {
	bothWays(t, func(t *testing.T, start func(args ...string) *run) {
		pipe := fullPipe(t)
		dir := scratch(t)
		file, leftover := filepath.Join(dir, "program"), filepath.Join(dir, "leftover")
		script := []string{"sh", "-c", `leave now 0 "double,record,$1,stubborn"; exec record "$2" exit:7`, "sh", leftover, file}
		u := start(append([]string{"-v", "--grace", "30ms", "--"}, script...)...).stderr(pipe).start()
		waitRecord(t, file, "ready")
		for range 20 {
			for _, sig := range []unix.Signal{unix.SIGUSR1, unix.SIGHUP, unix.SIGWINCH, unix.SIGALRM} {
				u.tell(sig)
			}
		}
		waitRecord(t, file, "ALRM")
		u.tell(unix.SIGUSR2)
		waitRecord(t, file, "USR2")
		u.tell(unix.SIGTERM)
		assert.Equal(t, 7, u.wait())
		assert.NotContains(t, u.out.String(), "left yes")
		assert.Zero(t, fileFlags(t, pipe)&unix.O_NONBLOCK, "PROGRAM's standard error does not block any more")
		assertFull(t, pipe)
	})
}

// tinit's own last words must not keep it from leaving either.
func TestLastWordsIntoFullPipe(t *testing.T) {
	for code, args := range map[int][]string{
		127: {"--", "/no/such/program"},
		126: {"--", "/"},
		125: {"--no-such-flag"},
		137: {"--", "sh", "-c", "kill -KILL $$"},
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			bothWays(t, func(t *testing.T, start func(args ...string) *run) {
				pipe := fullPipe(t)
				assert.Equal(t, code, start(args...).stderr(pipe).run().code)
				assertFull(t, pipe)
			})
		})
	}
}

// assertFull is the control: a write would have blocked all the time.
func assertFull(t *testing.T, pipe *os.File) {
	t.Helper()
	raw, err := pipe.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		for err = unix.EINTR; err == unix.EINTR; { // a signal of the test's own: poll(2) is never restarted
			_, err = unix.Poll(fds, 0)
		}
		assert.NoError(t, err)
		assert.Zero(t, fds[0].Revents&unix.POLLOUT, "there is room in the pipe")
	}))
}

func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	need(t, err == nil, "there is no /dev/full")
	defer full.Close()
	works(t, func(r *run) { r.stdout(full).stderr(full) })
	assert.Equal(t, 127, pid1(t, "-v", "--", "/no/such/program").stdout(full).stderr(full).run().code)

	t.Run("tmpfs", func(t *testing.T) {
		r := func(args ...string) *run { return pid1(t, args...).in("full=" + scratch(t)) }
		assert.Equal(t, 7, r("-v", "--", "exit", "7").run().code)
		assert.Equal(t, 127, r("-v", "--", "/no/such/program").run().code)
		u, _ := recording(t, r, "exit:7", "-v")
		u.tell(unix.SIGTERM)
		assert.Equal(t, 7, u.wait())
	})
}
