package logfile

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// writeUntil writes lines until there is one at path.
func writeUntil(t *testing.T, l *Log, path string) {
	t.Helper()
	eventually(t, func() bool {
		write(t, l, "x\n")
		st, err := os.Stat(path)
		return err == nil && st.Size() > 0
	}, "something is written to "+path)
}

func TestFileIsMoved(t *testing.T) {
	for name, create := range map[string]bool{"away": false, "and made again": true} {
		for _, size := range []int64{0, 1 << 20} {
			t.Run(name, func(t *testing.T) {
				path := newPath(t)
				l := open(t, Config{Path: path, MaxSize: size, MaxFiles: 5})
				write(t, l, "before\nhalf")
				require.NoError(t, os.Rename(path, path+"-20261126"))
				if create {
					require.NoError(t, os.WriteFile(path, nil, 0o640))
				}
				// The line that was begun is completed where it began, however late.
				for range 3 {
					write(t, l, " a")
				}
				eventually(t, func() bool { l.mu.Lock(); defer l.mu.Unlock(); _ = l.ready(); return l.moved }, "it is noticed")
				write(t, l, " line\nafter\n")
				assert.Equal(t, "before\nhalf a a a line\n", content(t, path+"-20261126"))
				assert.Equal(t, "after\n", content(t, path))
				assert.False(t, exists(path+".1"))
			})
		}
	}
}

// A line that never ends does not keep it from the new file.
func TestFileIsMovedWithinALine(t *testing.T) {
	path := newPath(t)
	l := open(t, Config{Path: path})
	write(t, l, "half")
	require.NoError(t, os.Rename(path, path+".old"))
	eventually(t, func() bool { write(t, l, string(make([]byte, 1000))); return exists(path) }, "the file is made again")
	assert.Len(t, content(t, path+".old"), chunk)
}

func TestFileIsDeleted(t *testing.T) {
	path := newPath(t)
	l := open(t, Config{Path: path})
	write(t, l, "before\n")
	require.NoError(t, os.Remove(path))
	write(t, l, "after\n")
	assert.Equal(t, "after\n", content(t, path), "at once: nothing is lost to the deleted one")
}

func TestFileIsReplaced(t *testing.T) {
	path := newPath(t)
	l := open(t, Config{Path: path})
	write(t, l, "before\n")
	require.NoError(t, os.WriteFile(path+".new", []byte("other\n"), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
	write(t, l, "after\n")
	assert.Equal(t, "other\nafter\n", content(t, path))
}

// As logrotate does with copytruncate.
func TestFileIsTruncated(t *testing.T) {
	path := newPath(t)
	l := open(t, Config{Path: path, MaxSize: 16, MaxFiles: 2})
	write(t, l, "before it is\n")
	require.NoError(t, os.Truncate(path, 0))
	write(t, l, "after\n")
	assert.Equal(t, "after\n", content(t, path), "no hole, and not rotated for what was there before")
	assert.False(t, exists(path+".1"))
}

// While the file can't be made again the one that was moved gets it: nothing is lost.
func TestFolderIsMoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	path := filepath.Join(dir, "out")
	require.NoError(t, os.Mkdir(dir, 0o700))
	l := open(t, Config{Path: path})
	write(t, l, "1\n")
	require.NoError(t, os.Rename(dir, dir+".old"))
	eventually(t, func() bool { l.mu.Lock(); defer l.mu.Unlock(); _ = l.ready(); return l.moved }, "it is noticed")
	write(t, l, "2\n")
	assert.Equal(t, "1\n2\n", content(t, filepath.Join(dir+".old", "out")))
	require.NoError(t, os.Mkdir(dir, 0o700))
	writeUntil(t, l, path)
	bytes, _ := lost(l)
	assert.Zero(t, bytes)
}

func TestLinks(t *testing.T) {
	dir := t.TempDir()
	path, target, other := filepath.Join(dir, "link"), filepath.Join(dir, "target"), filepath.Join(dir, "other")
	require.NoError(t, os.Symlink(target, path))
	_, err := Open(Config{Path: path, NoFollow: true})
	require.ErrorIs(t, err, unix.ELOOP)
	require.False(t, exists(target))

	// It is the file that is rotated, not the link to it.
	l := open(t, Config{Path: path, MaxSize: 4, MaxFiles: 3})
	write(t, l, "one\ntwo\n")
	assert.Equal(t, "one\n", content(t, target+".1"))
	assert.Equal(t, "two\n", content(t, target))
	assert.False(t, exists(path+".1"))

	// A link may be given another target.
	require.NoError(t, os.Symlink(other, path+".new"))
	require.NoError(t, os.Rename(path+".new", path))
	writeUntil(t, l, other)

	// One that comes later is refused too, and what would have gone there is lost.
	path = filepath.Join(dir, "file")
	l = open(t, Config{Path: path, NoFollow: true})
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Symlink(filepath.Join(dir, "trap"), path))
	write(t, l, "x\n")
	_, why := lost(l)
	assert.ErrorIs(t, why, unix.ELOOP)
	assert.False(t, exists(filepath.Join(dir, "trap")))
}

func TestOnlyFilesAreRotated(t *testing.T) {
	path := newPath(t)
	require.NoError(t, unix.Mkfifo(path, 0o600))
	_, err := Open(Config{Path: path})
	require.ErrorIs(t, err, unix.ENXIO, "it is not waited for a reader")

	reader, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer reader.Close()
	l := open(t, Config{Path: path, MaxSize: 4, MaxFiles: 3})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := writes(t)
	write(t, l, "one\ntwo\nthree\n")
	assert.Equal(t, 1, writes(t)-before, "nor is what is written cut")
	got := make([]byte, 100)
	n, err := reader.Read(got)
	require.NoError(t, err)
	assert.Equal(t, "one\ntwo\nthree\n", string(got[:n]))
	assert.False(t, exists(path+".1"))
}

func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]error{
		dir:                               unix.EISDIR,
		filepath.Join(dir, "none", "out"): unix.ENOENT,
	} {
		_, err := Open(Config{Path: path})
		assert.ErrorIs(t, err, want)
		assert.ErrorContains(t, err, path)
	}
}
