package session

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// exitCode waits for a child of this process.
func exitCode(t *testing.T, pid int) int {
	t.Helper()
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, 0, nil)
		if err != unix.EINTR {
			require.NoError(t, err)
			return status.ExitStatus()
		}
	}
}

// reported starts a report, which is given a pipe that has no close-on-exec flag, and returns what it says.
func reported(t *testing.T, start func(args, env []string) (int, error)) string {
	t.Helper()
	var fds [2]int
	require.NoError(t, unix.Pipe2(fds[:], 0))
	unix.CloseOnExec(fds[0])
	pid, err := start([]string{"report", strconv.Itoa(fds[1]), "one", "two words"}, []string{"KEY=value"})
	require.NoError(t, unix.Close(fds[1]))
	require.NoError(t, err)
	r := os.NewFile(uintptr(fds[0]), "pipe")
	defer r.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	assert.Zero(t, exitCode(t, pid))
	return string(text)
}

func TestStart(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	restore, err := block(unix.SIGWINCH) // which a Go program leaves blocked if it is
	require.NoError(t, err)
	defer restore()

	want := "leads group: true, leads session: false\nSigBlk %016x SigIgn " + threadStatus("SigIgn") +
		"\n[one two words] [KEY=value]\n"
	got := reported(t, func(args, env []string) (int, error) {
		return Command{Name: reexec.Self(), Args: args, Env: env}.Start()
	})
	assert.Equal(t, fmt.Sprintf(want, 0), got)
	assert.NotZero(t, blocked(t), "the mask of this thread is as it was")

	// The control: a plain start hands the mask on.
	got = reported(t, func(args, env []string) (int, error) {
		return syscall.ForkExec(reexec.Self(), args, &syscall.ProcAttr{
			Env: env, Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setpgid: true},
		})
	})
	assert.Equal(t, fmt.Sprintf(want, 1<<(unix.SIGWINCH-1)), got)
}

func TestStartFailures(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), mode))
		return path
	}
	for name, test := range map[string]struct {
		file    string
		step    string
		err     error
		hint    string
		code    int
		inShell bool
	}{
		"no such file":     {file: filepath.Join(dir, "gone"), step: "find", err: unix.ENOENT, code: 127},
		"a directory":      {file: dir, step: "execute", err: unix.EACCES, code: 126},
		"not executable":   {file: file("data", "", 0o644), step: "execute", err: unix.EACCES, code: 126},
		"below a file":     {file: file("data", "", 0o644) + "/x", step: "execute", err: unix.ENOTDIR, code: 126},
		"no interpreter":   {file: file("no-interpreter", "#!/no/such\n", 0o755), step: "execute", err: unix.ENOENT, hint: "interpreter", code: 127},
		"another machine":  {file: file("foreign", "\x7fELF?", 0o755), step: "execute", err: unix.ENOEXEC, hint: "architecture", code: 126},
		"not in PATH":      {file: "no-such-program-anywhere", step: "find", err: unix.ENOENT, hint: "PATH", code: 127},
		"too many letters": {file: strings.Repeat("x", 5000), step: "execute", err: unix.ENAMETOOLONG, code: 126},
	} {
		t.Run(name, func(t *testing.T) {
			pid, err := Command{Name: test.file, Args: []string{"x"}}.Start()
			assert.Zero(t, pid)
			var e *Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, test.step, e.Step)
			assert.ErrorIs(t, err, test.err)
			assert.Contains(t, e.Hint, test.hint)
			assert.Equal(t, test.code, e.ExitCode())
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestStartScripts(t *testing.T) {
	for name, content := range map[string]string{
		"with #!":    "#!/bin/sh\nexit $(($# + 5))\n",
		"without #!": "exit $(($# + 5))\n",
		"empty line": "\nexit $(($# + 5))\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "script"), []byte(content), 0o755))
			t.Setenv("PATH", dir)
			for _, file := range []string{"script", filepath.Join(dir, "script")} {
				pid, err := Command{Name: file, Args: []string{"script", "one", "two"}, Env: os.Environ()}.Start()
				require.NoError(t, err)
				assert.Equal(t, 7, exitCode(t, pid))
			}
		})
	}
}

// Whoever writes a message on a pipe has 4096 bytes (PIPE_BUF). The whole name stays in Name.
func TestErrorOfALongName(t *testing.T) {
	for _, name := range []string{
		strings.Repeat("x", 5000), strings.Repeat("\x01", 1<<17), strings.Repeat("\xff", 1<<17), "/" + strings.Repeat("語", 1<<15) + "/prog",
	} {
		e := &Error{Step: "find", Name: name, Err: unix.ENOENT, Hint: "not in PATH"}
		assert.Less(t, len(e.Error()), 3000)
		assert.True(t, strings.HasSuffix(e.Error(), ": no such file or directory (not in PATH)"), e.Error())
		assert.Equal(t, name, e.Name)
		assert.Greater(t, len(fmt.Sprintf("%q", name)), 4096, "the control")
	}
	e := &Error{Step: "find", Name: "/" + strings.Repeat("directory/", 400) + "prog", Err: unix.ENOENT}
	assert.Regexp(t, `^cannot find "/directory/[a-z/]*…[a-z/]*/prog": no such file or directory$`, e.Error(), "both ends are there")
}

func TestShortened(t *testing.T) {
	const x, y = "x", "y"
	half := longestName / 2
	repeat := strings.Repeat
	for name, want := range map[string]string{
		"":                              "",
		repeat(x, longestName):          repeat(x, longestName),
		repeat(x, longestName+1):        repeat(x, half) + "…" + repeat(x, half-3),
		repeat(x, 999) + repeat(y, 999): repeat(x, half) + "…" + repeat(y, half-3),
		repeat("語", 999):                repeat("語", half/3) + "…" + repeat("語", half/3),
		repeat("\xff", 999):             repeat("\xff", half) + "…" + repeat("\xff", half-3),
	} {
		assert.Equal(t, want, shortened(name))
	}
}

func FuzzError(f *testing.F) {
	for _, seed := range []string{"", "prog", "日本語", "a\nb"} {
		f.Add(seed, uint16(1))
		f.Add(seed, uint16(1000))
	}
	f.Fuzz(func(t *testing.T, name string, times uint16) {
		name = strings.Repeat(name, int(times)%2000)
		message := (&Error{Step: "execute", Name: name, Err: unix.EACCES}).Error()
		require.True(t, utf8.ValidString(message))
		require.Less(t, len(message), 3000)
		quoted, ok := strings.CutSuffix(strings.TrimPrefix(message, "cannot execute "), ": permission denied")
		require.True(t, ok)
		shown, err := strconv.Unquote(quoted)
		require.NoError(t, err)
		if len(name) <= longestName {
			require.Equal(t, name, shown)
			return
		}
		require.LessOrEqual(t, len(shown), longestName+len("…"))
		if utf8.ValidString(name) {
			require.True(t, utf8.ValidString(shown), "a character was cut in two")
		}
	})
}
