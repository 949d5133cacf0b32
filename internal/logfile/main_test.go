package logfile

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const deadline = 20 * time.Second

// need skips a test that can't run here, which CI does not allow.
func need(t *testing.T, ok bool, why string) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv("CI") == "true":
		t.Fatalf("cannot run here: %s", why)
	default:
		t.Skipf("cannot run here: %s", why)
	}
}

func eventually(t *testing.T, cond func() bool, what string) {
	t.Helper()
	for end := time.Now().Add(deadline); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timed out: %s", what)
		}
	}
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "out") }

func open(t testing.TB, cfg Config) *Log {
	t.Helper()
	l, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return l
}

func write(t testing.TB, l *Log, text string) {
	t.Helper()
	n, err := l.Write([]byte(text))
	require.NoError(t, err)
	require.Equal(t, len(text), n)
}

func content(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// files are the contents of all files of a log, the oldest first.
func files(t testing.TB, path string) (all [][]byte) {
	t.Helper()
	for n := 0; exists(rotated(path, n)); n++ {
		all = append([][]byte{[]byte(content(t, rotated(path, n)))}, all...)
	}
	return all
}

func together(t testing.TB, path string) string { return string(bytes.Join(files(t, path), nil)) }
