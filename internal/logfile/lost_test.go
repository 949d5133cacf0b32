package logfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func note(bytes int, why error) string {
	return fmt.Sprintf("tinit: %d bytes of output were lost here: %s\n", bytes, why)
}

// tmpfs mounts an empty file system, in a test that isApart.
func tmpfs(t *testing.T, options string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, options))
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func remount(t *testing.T, dir string, flags uintptr, options string) {
	t.Helper()
	require.NoError(t, unix.Mount("", dir, "", unix.MS_REMOUNT|flags, options))
}

// fill writes lines to l until some are lost, and then some more. It returns all of them.
func fill(t *testing.T, l *Log) string {
	t.Helper()
	var all strings.Builder
	for i, full := 0, false; !full || i%100 != 0; i++ {
		line := fmt.Sprintf("this is line %d\n", i)
		write(t, l, line)
		all.WriteString(line)
		bytes, _ := lost(l)
		full = bytes > 0
		require.Less(t, i, 1_000_000, "the disk does not get full")
	}
	return all.String()
}

func TestFullDisk(t *testing.T) {
	if !isApart(t) {
		return
	}
	for _, end := range []string{"write", "close"} {
		t.Run(end, func(t *testing.T) {
			dir := tmpfs(t, "size=64k")
			path := filepath.Join(dir, "out")
			l := open(t, Config{Path: path})
			all := fill(t, l)
			got := content(t, path)
			bytes, lines, why := l.Lost()
			require.ErrorIs(t, why, unix.ENOSPC)
			require.True(t, strings.HasPrefix(all, got))
			assert.EqualValues(t, len(all)-len(got), bytes)
			assert.EqualValues(t, strings.Count(all[len(got):], "\n"), lines)
			require.NotEqual(t, byte('\n'), got[len(got)-1], "the last line that was written is not whole")

			remount(t, dir, 0, "size=1m")
			want := got + "\n" + note(len(all)-len(got), unix.ENOSPC)
			if end == "write" {
				write(t, l, "after\n")
				write(t, l, "and more\n")
				want += "after\nand more\n"
			} else {
				l.Close()
			}
			assert.Equal(t, want, content(t, path))
			again, _ := lost(l)
			assert.Equal(t, bytes, again, "nothing is lost any more")
		})
	}
}

// Each time that it gets full has a note of its own.
func TestFullDiskAgain(t *testing.T) {
	if !isApart(t) {
		return
	}
	dir := tmpfs(t, "size=64k")
	path := filepath.Join(dir, "out")
	l := open(t, Config{Path: path})
	fill(t, l)
	first, _ := lost(l)
	remount(t, dir, 0, "size=128k")
	fillMore := strings.Repeat("and another line\n", 10_000)
	write(t, l, fillMore)
	remount(t, dir, 0, "size=1m")
	write(t, l, "after\n")
	total, _ := lost(l)
	assert.Contains(t, content(t, path), note(int(first), unix.ENOSPC)+"and another line\n")
	assert.Contains(t, content(t, path), "\n"+note(int(total-first), unix.ENOSPC)+"after\n")
}

// What is rotated away makes room. The control is TestFullDisk.
func TestRotationKeepsWithinTheDisk(t *testing.T) {
	if !isApart(t) {
		return
	}
	path := filepath.Join(tmpfs(t, "size=64k"), "out")
	l := open(t, Config{Path: path, MaxSize: 12 << 10, MaxFiles: 4})
	for i := range 100_000 {
		write(t, l, fmt.Sprintf("this is line %d\n", i))
	}
	bytes, _ := lost(l)
	assert.Zero(t, bytes)
	assert.Contains(t, content(t, path), "this is line 99999\n")
}

// Whoever deletes the file that fills the disk has room then.
func TestDeletedFileIsNotHeld(t *testing.T) {
	if !isApart(t) {
		return
	}
	path := filepath.Join(tmpfs(t, "size=64k"), "out")
	l := open(t, Config{Path: path})
	fill(t, l)
	bytes, _ := lost(l)
	require.NoError(t, os.Remove(path))
	write(t, l, "after\n")
	assert.Equal(t, note(int(bytes), unix.ENOSPC)+"after\n", content(t, path))
}

func TestReadOnlyFileSystem(t *testing.T) {
	if !isApart(t) {
		return
	}
	dir := tmpfs(t, "")
	sub := filepath.Join(dir, "sub")
	path := filepath.Join(sub, "out")
	require.NoError(t, os.Mkdir(sub, 0o700))
	l := open(t, Config{Path: path})
	require.ErrorIs(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""), unix.EBUSY, "a file is open for writing")
	require.NoError(t, os.RemoveAll(sub))
	write(t, l, "1\n")
	_, why := lost(l)
	require.ErrorIs(t, why, unix.ENOENT)

	require.NoError(t, os.Mkdir(sub, 0o700))
	remount(t, dir, unix.MS_RDONLY, "")
	write(t, l, "22\n")
	bytes, why := lost(l)
	require.ErrorIs(t, why, unix.EROFS)
	require.EqualValues(t, 5, bytes)

	remount(t, dir, 0, "")
	write(t, l, "after\n")
	assert.Equal(t, note(5, unix.EROFS)+"after\n", content(t, path))
}

// Docker mounts a file like that.
func TestFileIsAMount(t *testing.T) {
	if !isApart(t) {
		return
	}
	path := newPath(t)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, unix.Mount(path, path, "", unix.MS_BIND, ""))
	t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
	for n := range 4 {
		require.NoError(t, os.WriteFile(rotated(path, n), fmt.Appendf(nil, "%d\n", n), 0o600))
	}
	require.ErrorIs(t, os.Rename(path, path+".x"), unix.EBUSY)
	l := open(t, Config{Path: path, MaxSize: 3, MaxFiles: 5})
	for i := range 10 {
		write(t, l, fmt.Sprintf("%d\n", i))
	}
	assert.Equal(t, "3\n2\n1\n0\n0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n", together(t, path), "no file was pushed out")
}

func TestFileSizeLimit(t *testing.T) {
	if !isApart(t) {
		return
	}
	path := newPath(t)
	l := open(t, Config{Path: path})
	limit := unix.Rlimit{Cur: 1000, Max: unix.RLIM_INFINITY}
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &limit))
	all := fill(t, l)
	limit.Cur = limit.Max
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &limit))
	write(t, l, "after\n")
	assert.Equal(t, all[:1000]+"\n"+note(len(all)-1000, unix.EFBIG)+"after\n", content(t, path))
}

func TestFolderDeleted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	path := filepath.Join(dir, "out")
	require.NoError(t, os.Mkdir(dir, 0o700))
	l := open(t, Config{Path: path})
	write(t, l, "before\n")
	bytes, why := lost(l)
	require.Zero(t, bytes)
	require.NoError(t, why)
	require.NoError(t, os.RemoveAll(dir))
	for range 3 {
		write(t, l, "a line\nhalf a li")
	}
	bytes, lines, why := l.Lost()
	require.ErrorIs(t, why, unix.ENOENT)
	require.EqualValues(t, 48, bytes)
	require.EqualValues(t, 3, lines)
	require.NoError(t, os.Mkdir(dir, 0o700))
	write(t, l, "ne\nafter\n")
	assert.Equal(t, note(48, unix.ENOENT)+"ne\nafter\n", content(t, path))
}

func TestDeviceThatTakesNothing(t *testing.T) {
	l := open(t, Config{Path: "/dev/full", MaxSize: 10, MaxFiles: 2})
	for range 100 {
		write(t, l, "a line\n")
	}
	bytes, lines, why := l.Lost()
	assert.ErrorIs(t, why, unix.ENOSPC)
	assert.EqualValues(t, 700, bytes)
	assert.EqualValues(t, 100, lines)
}

// Who looks at a job sees it even if its log hangs.
func TestLostDoesNotWait(t *testing.T) {
	path := newPath(t)
	require.NoError(t, unix.Mkfifo(path, 0o600))
	reader, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	l, err := Open(Config{Path: path})
	require.NoError(t, err)
	wrote := make(chan struct{})
	go func() {
		_, _ = l.Write(make([]byte, 1<<20))
		close(wrote)
	}()
	queued := func() int { n, _ := unix.IoctlGetInt(int(reader.Fd()), unix.TIOCINQ); return n }
	eventually(t, func() bool { return queued() >= chunk }, "the FIFO is full")
	require.False(t, l.mu.TryLock(), "it is being written to")
	bytes, _ := lost(l)
	assert.Zero(t, bytes)
	require.NoError(t, reader.Close()) // the last one: EPIPE
	<-wrote
	bytes, why := lost(l)
	assert.ErrorIs(t, why, unix.EPIPE)
	assert.Greater(t, bytes, int64(0))
	l.Close()
}
