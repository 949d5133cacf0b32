package logfile

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A follower is a Tail that goes on.
type follower struct {
	t    *testing.T
	mu   sync.Mutex
	got  bytes.Buffer
	stop chan struct{}
	end  chan error
}

func follow(t *testing.T, path string, lines int) *follower {
	f := &follower{t: t, stop: make(chan struct{}), end: make(chan error, 1)}
	go func() { f.end <- Tail(f, path, lines, f.stop) }()
	return f
}

func (f *follower) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.got.Write(p)
}

func (f *follower) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.got.String()
}

func (f *follower) sees(want string) {
	f.t.Helper()
	eventually(f.t, func() bool { return f.String() == want }, "it is printed")
}

// ended stops it, and returns all that it has printed.
func (f *follower) ended() string {
	f.t.Helper()
	close(f.stop)
	require.NoError(f.t, <-f.end)
	return f.String()
}

// As a log goes on, whatever is done to its file.
func TestFollow(t *testing.T) {
	remove := func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) }
	for name, do := range map[string]func(t *testing.T, path string){
		"nothing": func(*testing.T, string) {},
		"deleted": remove,
		"moved away": func(t *testing.T, path string) {
			require.NoError(t, os.Rename(path, path+"-20261126"))
		},
		"moved as logrotate does, and made again": func(t *testing.T, path string) {
			require.NoError(t, os.Rename(path+".1", path+".2"))
			require.NoError(t, os.Rename(path, path+".1"))
			require.NoError(t, os.WriteFile(path, nil, 0o600))
		},
		"truncated": func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 0)) },
		"the folder deleted": func(t *testing.T, path string) {
			require.NoError(t, os.RemoveAll(filepath.Dir(path)))
			require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "dir", "out")
			require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
			require.NoError(t, os.WriteFile(path+".1", []byte("oldest\n"), 0o600))
			l := open(t, Config{Path: path, MaxSize: 1000, MaxFiles: 5})
			write(t, l, "old\nhalf a")
			f := follow(t, path, 2)
			f.sees("old\nhalf a")
			write(t, l, " line\n")
			want := "old\nhalf a line\n"
			f.sees(want)
			do(t, path)
			for i := range 3 {
				line := fmt.Sprintf("new %d\n", i)
				write(t, l, line)
				want += line
				f.sees(want)
			}
			write(t, l, "at the end\n")
			assert.Equal(t, want+"at the end\n", f.ended())
		})
	}
}

// It waits for a log that is yet to come.
func TestFollowBeforeThereIsALog(t *testing.T) {
	path := newPath(t)
	f := follow(t, path, 1)
	l := open(t, Config{Path: path})
	write(t, l, "1\n")
	f.sees("1\n")
	assert.Equal(t, "1\n", f.ended())

	f = follow(t, newPath(t), 1)
	close(f.stop)
	assert.ErrorIs(t, <-f.end, fs.ErrNotExist)
}

// sequence is n numbered lines, and logged writes them to a log that rotates every few of them.
func sequence(n int) string {
	var all strings.Builder
	for i := range n {
		fmt.Fprintf(&all, "%d %s\n", i, filler[:i%50])
	}
	return all.String()
}

// Every byte comes once, in order, while the log is rotated as fast as it can be.
func TestFollowRotation(t *testing.T) {
	for round := range 5 {
		path := newPath(t)
		l := open(t, Config{Path: path, MaxSize: 150, MaxFiles: 10_000})
		all := sequence(600)
		var followers []*follower
		for i := range 3 {
			for line := range strings.Lines(all[i*len(all)/3 : (i+1)*len(all)/3]) {
				write(t, l, line) // cut lines too
			}
			if i < 2 {
				followers = append(followers, follow(t, path, All))
			}
		}
		for _, f := range followers {
			require.True(t, f.ended() == all, "round %d: every line once, in order:\n%s", round, firstDifference(all, f.String()))
		}
		require.Greater(t, len(files(t, path)), 100)
	}
}

func firstDifference(want, got string) string {
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			return fmt.Sprintf("after %d bytes %.100q in place of %.100q", i, got[i:], want[i:])
		}
	}
	return fmt.Sprintf("%d bytes in place of %d", len(got), len(want))
}

// What is printed while the log is rotated is all that was there when it began, at least.
func TestPrintBesideRotation(t *testing.T) {
	path := newPath(t)
	l := open(t, Config{Path: path, MaxSize: 150, MaxFiles: 10_000})
	all := sequence(600)
	var mu sync.Mutex
	written := 0
	var writing sync.WaitGroup
	writing.Go(func() {
		for line := range strings.Lines(all) {
			_, _ = l.Write([]byte(line))
			mu.Lock()
			written += len(line)
			mu.Unlock()
		}
	})
	for done := false; !done; {
		mu.Lock()
		before := written
		mu.Unlock()
		done = before == len(all)
		got := printed(t, path, All)
		require.True(t, strings.HasPrefix(all, got), "%s", firstDifference(all, got))
		require.GreaterOrEqual(t, len(got), before)
		got = printed(t, path, 10)
		require.Contains(t, all, got)
		require.True(t, before < 1000 || strings.Count(got, "\n") == 10, "ten lines: %q", got)
	}
	writing.Wait()
}

// Who reads too slowly for the files that are kept misses lines, and nothing worse.
func TestFollowTooSlowly(t *testing.T) {
	path := newPath(t)
	l := open(t, Config{Path: path, MaxSize: 100, MaxFiles: 3})
	slow := &stuckBuffer{began: make(chan struct{}, 1), release: make(chan struct{})}
	stop, end := make(chan struct{}), make(chan error, 1)
	write(t, l, "first\n")
	go func() { end <- Tail(slow, path, All, stop) }()
	<-slow.began
	all := sequence(100)
	for line := range strings.Lines(all[:len(all)/2]) {
		write(t, l, line)
	}
	// A file's time goes in steps. What is kept in the end is later than what was rotated away at first.
	before, err := os.Stat(path)
	require.NoError(t, err)
	eventually(t, func() bool {
		require.NoError(t, os.WriteFile(path+"-clock", []byte("x"), 0o600))
		clock, err := os.Stat(path + "-clock")
		return err == nil && clock.ModTime().After(before.ModTime())
	}, "time goes on")
	for line := range strings.Lines(all[len(all)/2:]) {
		write(t, l, line)
	}
	kept := together(t, path)
	close(slow.release)
	close(stop)
	require.NoError(t, <-end)
	got := slow.String()
	require.True(t, strings.HasPrefix(got, "first\n"))
	assert.True(t, strings.HasSuffix(got, kept), "all that there is:\n%s\nof\n%s", got, kept)
	assert.Contains(t, "first\n"+all, strings.TrimSuffix(got, kept), "and before it what the file that it had open got")
}

// A stuckBuffer does not take the first bytes until it is released.
type stuckBuffer struct {
	bytes.Buffer
	began   chan struct{}
	release chan struct{}
}

func (s *stuckBuffer) Write(p []byte) (int, error) {
	select {
	case s.began <- struct{}{}:
	default:
	}
	<-s.release
	return s.Buffer.Write(p)
}

// Without inotify it is polled.
func TestFollowWithoutInotify(t *testing.T) {
	if !isApart(t) {
		return
	}
	path := newPath(t)
	w := watchDir(filepath.Dir(path))
	require.NotNil(t, w.file, "the control")
	w.close()
	// This user namespace has a limit of its own.
	require.NoError(t, os.WriteFile("/proc/sys/user/max_inotify_instances", []byte("0"), 0))
	_, err := unix.InotifyInit1(0)
	require.ErrorIs(t, err, unix.EMFILE)

	l := open(t, Config{Path: path, MaxSize: 4, MaxFiles: 10})
	f := follow(t, path, All)
	const all = "1\n2\n3\n4\n"
	for i := 0; i < len(all); i += 2 {
		write(t, l, all[i:i+2])
		f.sees(all[:i+2])
	}
	assert.Equal(t, all, f.ended())
}
