package main

import (
	"bytes"
	"io"
	"os"
	"os/signal"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/scribe"
)

// pipe has a blocking write end, as standard error has. Go's os.Pipe would not.
func pipe(t *testing.T) (r *os.File, w int) {
	t.Helper()
	var fds [2]int
	require.NoError(t, unix.Pipe2(fds[:], unix.O_CLOEXEC))
	require.NoError(t, unix.SetNonblock(fds[0], true)) // for the deadline
	r = os.NewFile(uintptr(fds[0]), "pipe")
	require.NoError(t, r.SetReadDeadline(time.Now().Add(deadline)))
	t.Cleanup(func() {
		_ = r.Close()
		_ = unix.Close(fds[1])
	})
	return r, fds[1]
}

// written is what m wrote in all.
func written(t *testing.T, m *messages, r *os.File, w int) string {
	t.Helper()
	m.flush()
	require.NoError(t, unix.Dup3(int(os.Stderr.Fd()), w, unix.O_CLOEXEC)) // closes the pipe's end, and keeps its number
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(text)
}

func TestMessageLevels(t *testing.T) {
	for l, want := range map[level]string{
		quiet:   "",
		normal:  "tinit: warn 1\n",
		verbose: "tinit: warn 1\ntinit: note x\n",
	} {
		r, w := pipe(t)
		m := newMessages(new(scribe.Scribe), w, l, 0)
		m.warn("warn %d", 1)
		m.note("note %s", "x")
		assert.Equal(t, want, written(t, m, r, w))
	}
}

func TestOneLineForOneMessage(t *testing.T) {
	r, w := pipe(t)
	m := newMessages(new(scribe.Scribe), w, normal, 0)
	m.warn("%s", "one\ntwo\n\nthree")
	m.warn("%s", "100% of it")
	m.warn("%s", strings.Repeat("x", 2*scribe.Longest))
	m.warn("%s", strings.Repeat("y", scribe.Longest-len("tinit: \n")))
	got := strings.SplitAfter(written(t, m, r, w), "\n")
	require.Len(t, got, 5)
	assert.Equal(t, "tinit: one two  three\n", got[0])
	assert.Equal(t, "tinit: 100% of it\n", got[1])
	assert.Len(t, got[2], scribe.Longest)
	assert.Len(t, got[3], scribe.Longest)
	assert.Contains(t, got[3], "yyy\n")
	assert.Empty(t, got[4])
}

// Nobody waits for a reader that does not read.
func TestFullPipe(t *testing.T) {
	r, w := pipe(t)
	size, err := unix.FcntlInt(uintptr(w), unix.F_SETPIPE_SZ, os.Getpagesize())
	require.NoError(t, err)
	filler := bytes.Repeat([]byte("."), size)
	_, err = unix.Write(w, filler)
	require.NoError(t, err)

	m := newMessages(new(scribe.Scribe), w, normal, 0)
	before := time.Now()
	for i := range many {
		m.warn("dropped %d", i)
	}
	require.Less(t, time.Since(before), deadline)
	require.True(t, m.out.Flush(deadline), "the writer does not block")

	_, err = io.ReadFull(r, filler)
	require.NoError(t, err)
	m.warn("read")
	m.flush()
	line := make([]byte, len("tinit: read\n"))
	_, err = io.ReadFull(r, line)
	require.NoError(t, err)
	assert.Equal(t, "tinit: read\n", string(line), "those before it were dropped, this one is written")
}

// many is more messages than are kept.
const many = 10_000

// stuck has a writer that never comes to write.
func stuck() *messages { return &messages{level: normal, out: new(scribe.Scribe)} }

func TestFlushDoesNotWaitForEver(t *testing.T) {
	m := stuck()
	m.warn("stuck")
	before := time.Now()
	m.flush()
	took := time.Since(before)
	assert.GreaterOrEqual(t, took, lastWords)
	assert.Less(t, took, lastWords+deadline)
}

func TestAWriterThatIsStuckLosesMessagesOnly(t *testing.T) {
	m := stuck()
	for range many {
		m.warn("stuck")
	}
	assert.False(t, m.out.Put("one more\n"))
}

// A SIGPIPE that tinit raised itself would be taken for one that was sent to it, and be forwarded.
func TestClosedReader(t *testing.T) {
	sigpipe, winch := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(sigpipe, unix.SIGPIPE)
	signal.Notify(winch, unix.SIGWINCH)
	defer signal.Stop(sigpipe)
	defer signal.Stop(winch)
	arrive := func(c chan os.Signal) bool {
		select {
		case <-c:
			return true
		case <-time.After(deadline):
			return false
		}
	}
	r, w := pipe(t)
	require.NoError(t, r.Close())
	m := newMessages(new(scribe.Scribe), w, normal, 0)
	for range 10 {
		m.warn("to nobody")
	}
	require.True(t, m.out.Flush(deadline))
	// A signal with a higher number that was sent later arrives later.
	require.NoError(t, unix.Kill(unix.Getpid(), unix.SIGWINCH))
	require.True(t, arrive(winch))
	assert.Empty(t, sigpipe)

	// The control: a plain write raises it.
	_, err := unix.Write(w, []byte("x"))
	require.Equal(t, unix.EPIPE, err)
	assert.True(t, arrive(sigpipe))
}

func TestNoStandardError(t *testing.T) {
	m := newMessages(new(scribe.Scribe), 1<<20, normal, 0)
	m.warn("to nowhere")
	assert.True(t, m.out.Flush(deadline))
}

func TestWritable(t *testing.T) {
	_, w := pipe(t)
	assert.True(t, scribe.Writable(w))
	size, err := unix.FcntlInt(uintptr(w), unix.F_GETPIPE_SZ, 0)
	require.NoError(t, err)
	_, err = unix.Write(w, make([]byte, size))
	require.NoError(t, err)
	assert.False(t, scribe.Writable(w))
}
