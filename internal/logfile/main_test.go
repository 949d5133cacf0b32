package logfile

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/require"
)

// What must be killed, or is a program with output, is a copy of the test binary, started under one of these names.
func TestMain(m *testing.M) {
	reexec.Register("log-lines", logLines)
	reexec.Register("print-lines", printLines)
	if reexec.Init() {
		return
	}
	os.Exit(m.Run())
}

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

// child is a copy of the test binary, to be started.
func child(args ...string) *exec.Cmd {
	return &exec.Cmd{Path: reexec.Self(), Args: args, Stderr: os.Stderr}
}

const apart = "LOGFILE_TEST_APART"

// isApart has a test run on its own, in a copy of the test binary whose mounts and limits are nobody else's, and is true there.
func isApart(t *testing.T) bool {
	t.Helper()
	if os.Getenv(apart) != "" {
		return true
	}
	cmd := child(os.Args[0], "-test.v", "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), apart+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Start()
	need(t, err == nil, fmt.Sprintf("no namespace of users and mounts: %v", err))
	require.NoError(t, cmd.Wait(), "%s", &out)
	require.Contains(t, out.String(), "--- PASS: "+t.Name()+" ")
	return false
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
	for n, missing := 0, 0; missing < 2; n++ {
		if !exists(rotated(path, n)) {
			missing++
			continue
		}
		all = append([][]byte{[]byte(content(t, rotated(path, n)))}, all...)
	}
	return all
}

func together(t testing.TB, path string) string { return string(bytes.Join(files(t, path), nil)) }

// lost is what most tests want of l.Lost.
func lost(l *Log) (bytes int64, why error) {
	bytes, _, why = l.Lost()
	return bytes, why
}
