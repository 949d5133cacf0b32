package logfile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// now is a stop from the beginning.
var now = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// chainOf makes a log of these files, the oldest first.
func chainOf(t testing.TB, files ...string) (path string) {
	t.Helper()
	path = newPath(t)
	for i, text := range files {
		require.NoError(t, os.WriteFile(rotated(path, len(files)-1-i), []byte(text), 0o600))
	}
	return path
}

func printed(t testing.TB, path string, lines int) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, Tail(&out, path, lines, now))
	return out.String()
}

// lastLines is what Tail should print, the plain way.
func lastLines(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if n < 0 || n > len(lines) {
		n = len(lines)
	}
	return strings.Join(lines[len(lines)-n:], "")
}

func TestLastLines(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for name, files := range map[string][]string{
		"empty":                          {""},
		"one file":                       {"1\n2\n3\n"},
		"three":                          {"1\n2\n", "3\n", "4\n5\n6\n"},
		"the newest is empty":            {"1\n2\n", "3\n", ""},
		"one in the middle is empty":     {"1\n2\n", "", "3\n"},
		"the last line is not complete":  {"1\n2\n", "3\n4"},
		"a line over two files":          {"1\n2", "2\n3\n"},
		"over three":                     {"1\n2", "2", "2\n3\n"},
		"empty lines":                    {"\n\n", "\n\n\n"},
		"no line at all":                 {"abc"},
		"long lines, beyond a block":     {"1\n" + long + "\n", long + "\n3\n" + long},
		"many lines, more than a block":  {strings.Repeat("0123456789\n", 10_000), strings.Repeat("x\n", 40_000)},
		"a newline at a block's edge":    {strings.Repeat("x", 32<<10-1) + "\n" + strings.Repeat("y", 32<<10)},
		"a newline at a block's begin":   {strings.Repeat("x", 32<<10) + "\n" + strings.Repeat("y", 32<<10-1)},
		"more files than missing ones":   {"1\n", "2\n", "3\n", "4\n", "5\n", "6\n", "7\n", "8\n", "9\n", "10\n", "11\n", "12\n"},
		"what the program did not write": {"\x00\xff\n", "\r\n\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			path := chainOf(t, files...)
			for _, n := range []int{All, 0, 1, 2, 3, 4, 5, 10, 10_000, 45_000, 1_000_000} {
				want := lastLines(strings.Join(files, ""), n)
				if got := printed(t, path, n); got != want { // not by assert, which would print it all
					t.Errorf("%d lines: %d bytes in place of %d: %.100q", n, len(got), len(want), got)
				}
			}
		})
	}
}

func FuzzLastLines(f *testing.F) {
	f.Add([]byte("1\n2\n3\n"), 2, uint16(2), uint16(4))
	f.Add([]byte("1\n2\n3"), -1, uint16(0), uint16(0))
	f.Add([]byte("\n\n\n"), 1, uint16(3), uint16(3))
	f.Add([]byte("12\n"), 1, uint16(1), uint16(2))
	f.Add(bytes.Repeat([]byte("a line of some length\n"), 3000), 2500, uint16(100), uint16(40_000))
	f.Fuzz(func(t *testing.T, text []byte, n int, one, two uint16) {
		n = max(n, All)
		at := min(int(one), len(text))
		then := min(max(at, int(two)), len(text))
		path := chainOf(t, string(text[:at]), string(text[at:then]), string(text[then:]))
		require.Equal(t, lastLines(string(text), n), printed(t, path, n))
	})
}

// A name that is missing for good does not hide what is behind it.
func TestLastLinesOverAGap(t *testing.T) {
	path := chainOf(t, "1\n", "2\n", "3\n", "4\n")
	require.NoError(t, os.Remove(path+".2"))
	assert.Equal(t, "1\n3\n4\n", printed(t, path, All))
	require.NoError(t, os.Remove(path))
	assert.Equal(t, "1\n3\n", printed(t, path, All))
}

func TestTailWithoutALog(t *testing.T) {
	path := newPath(t)
	assert.ErrorIs(t, Tail(io.Discard, path, All, now), fs.ErrNotExist)
	assert.ErrorIs(t, Tail(io.Discard, filepath.Join(path, "none"), All, now), fs.ErrNotExist)
	assert.ErrorContains(t, Tail(io.Discard, filepath.Dir(path), All, now), "not a regular file")
	require.NoError(t, unix.Mkfifo(path, 0o600))
	assert.ErrorContains(t, Tail(io.Discard, path, All, now), "not a regular file", "nor is it waited for a writer")
}

var errFull = errors.New("full")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errFull }

func TestTailEndsWhenNobodyReads(t *testing.T) {
	path := chainOf(t, "1\n", "2\n")
	assert.ErrorIs(t, Tail(broken{}, path, All, make(chan struct{})), errFull)
}
