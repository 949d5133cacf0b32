package scribe

import (
	"bytes"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const deadline = 20 * time.Second

// pipe has a blocking write end, as standard error has, and room for all that a test writes.
func pipe(t *testing.T, flags int) (r *os.File, w int) {
	t.Helper()
	var fds [2]int
	require.NoError(t, unix.Pipe2(fds[:], flags|unix.O_CLOEXEC))
	_, err := unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, 1<<20)
	require.NoError(t, err)
	require.NoError(t, unix.SetNonblock(fds[0], true)) // for the deadline
	r = os.NewFile(uintptr(fds[0]), "pipe")
	require.NoError(t, r.SetReadDeadline(time.Now().Add(deadline)))
	t.Cleanup(func() { _ = r.Close() }) // the other end is Serve's
	return r, fds[1]
}

func serve(s *Scribe, fd int) {
	go func() {
		runtime.LockOSThread()
		s.Serve(fd)
	}()
}

// lineOf is one of so many bytes.
func lineOf(n int) string { return strings.Repeat(string(rune('a'+n%26)), n-1) + "\n" }

// Each goes round the ring's end in another way, and is one write all the same: a pipe of packets tells.
func TestOneWriteForOneLine(t *testing.T) {
	r, w := pipe(t, unix.O_DIRECT)
	s := new(Scribe)
	serve(s, w)
	buf := make([]byte, 2*Longest)
	sum := 0
	for n := 1; n <= Longest; n += 7 {
		line := lineOf(n)
		require.True(t, s.Put(line))
		got, err := r.Read(buf)
		require.NoError(t, err)
		require.Equal(t, line, string(buf[:got]))
		sum += n
	}
	require.True(t, s.Flush(deadline))
	assert.Greater(t, sum, 10*size, "it went round")
}

func TestTakesNoMoreThanItHas(t *testing.T) {
	r, w := pipe(t, 0)
	s := new(Scribe)
	line, kept := lineOf(1000), 0
	for s.Put(line) {
		kept++
	}
	assert.Equal(t, size/len(line), kept)
	assert.False(t, s.Flush(time.Millisecond), "nobody writes yet")

	serve(s, w)
	all := make([]byte, kept*len(line))
	_, err := io.ReadFull(r, all)
	require.NoError(t, err)
	assert.Equal(t, strings.Repeat(line, kept), string(all))
	assert.True(t, s.Flush(deadline))
	assert.True(t, s.Put(line), "there is room again")
}

func TestDropsWhatNobodyReads(t *testing.T) {
	r, w := pipe(t, 0)
	size, err := unix.FcntlInt(uintptr(w), unix.F_GETPIPE_SZ, 0)
	require.NoError(t, err)
	filler := bytes.Repeat([]byte("."), size)
	_, err = unix.Write(w, filler)
	require.NoError(t, err)
	s := new(Scribe)
	serve(s, w)
	require.True(t, s.Put("dropped\n"))
	require.True(t, s.Flush(deadline))
	_, err = io.ReadFull(r, filler)
	require.NoError(t, err)
	require.True(t, s.Put("read\n"))
	line := make([]byte, len("read\n"))
	_, err = io.ReadFull(r, line)
	require.NoError(t, err)
	assert.Equal(t, "read\n", string(line))
}

// What several say is not mixed up, and each has it in order.
func TestSeveralSay(t *testing.T) {
	r, w := pipe(t, 0)
	s := new(Scribe)
	serve(s, w)
	const each = 2000
	for i := range 3 {
		go func() {
			for n := range each {
				for !s.Put(strings.Repeat(string(rune('a'+i)), 1+n%100) + "\n") {
					runtime.Gosched()
				}
				for !s.Flush(deadline) {
				}
			}
		}()
	}
	var next [3]int
	var all []byte
	buf := make([]byte, 1<<16)
	for bytes.Count(all, []byte("\n")) < 3*each {
		n, err := r.Read(buf)
		require.NoError(t, err)
		all = append(all, buf[:n]...)
	}
	for line := range strings.Lines(string(all)) {
		i := int(line[0] - 'a')
		require.Equal(t, strings.Repeat(line[:1], 1+next[i]%100)+"\n", line)
		next[i]++
	}
}

// To the runtime the thread is in a system call: it stops the world, scans all stacks, and has its one processor, while the
// thread waits, writes, or is kept by a pipe. And it makes no thread for any of that.
func TestRuntimeGoesOn(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	r, w := pipe(t, 0)
	s := new(Scribe)
	serve(s, w)
	turn := func() {
		require.True(t, s.Put("a line\n"))
		runtime.GC()
		require.True(t, s.Flush(deadline))
		line := make([]byte, len("a line\n"))
		_, err := io.ReadFull(r, line)
		require.NoError(t, err)
	}
	for range 20 {
		turn()
	}
	before := threads(t)
	for range 200 {
		turn()
	}
	assert.Equal(t, before, threads(t))
}

func threads(t *testing.T) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	return len(tasks)
}
