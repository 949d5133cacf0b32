package session

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// reportState writes what the kernel says of this process that a stage can change, to standard output.
func reportState() {
	for _, field := range []string{"Uid", "Gid", "Groups", "Umask", "NoNewPrivs"} {
		fmt.Println(field, threadStatus(field))
	}
	dir, err := os.Readlink("/proc/self/cwd")
	fmt.Println("cwd", dir, err)
	for fd := range 3 {
		file, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		fmt.Println("fd", fd, file, flags&unix.O_NONBLOCK != 0)
	}
}

// stateOf is what c's program has as its state, by name.
func stateOf(t *testing.T, c Command) map[string]string {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close() //nolint:errcheck // nothing was written
	c.Name, c.Args, c.Streams[1] = reexec.Self(), []string{"report-state"}, w
	pid, err := c.Start()
	require.NoError(t, w.Close())
	require.NoError(t, err)
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Zero(t, exitCode(t, pid))
	state := map[string]string{}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if key == "fd" {
			key, value = "fd "+value[:1], value[2:]
		}
		state[key] = value
	}
	return state
}

// needRoot skips a test of what only root can do.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("is run as root only")
	}
}

// Each setting changes what it is about, and nothing else: the others are the controls.
func TestSettings(t *testing.T) {
	plain := stateOf(t, Command{})
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	file, err := os.Create(filepath.Join(dir, "file"))
	require.NoError(t, err)
	defer file.Close() //nolint:errcheck // nothing was written
	mask := 0o135
	for name, test := range map[string]struct {
		c    Command
		want map[string]string
		root bool
	}{
		"umask":             {Command{Umask: &mask}, map[string]string{"Umask": "0135"}, false},
		"directory":         {Command{Dir: dir}, map[string]string{"cwd": dir + " <nil>"}, false},
		"no new privileges": {Command{NoNewPrivileges: true}, map[string]string{"NoNewPrivs": "1"}, false},
		"streams": {
			Command{Streams: [3]*os.File{file, nil, file}},
			map[string]string{"fd 0": file.Name() + " false", "fd 2": file.Name() + " false"}, false,
		},
		"user": {
			Command{User: &User{UID: 4711, GID: 4712, Groups: []int{20, 4713}}},
			map[string]string{"Uid": "4711\t4711\t4711\t4711", "Gid": "4712\t4712\t4712\t4712", "Groups": "20 4713"}, true,
		},
		"all": {
			Command{Umask: &mask, Dir: dir, NoNewPrivileges: true, User: &User{UID: 4711, GID: 4712, Groups: []int{4713}, Name: "a:b"}},
			map[string]string{
				"Umask": "0135", "NoNewPrivs": "1", "Uid": "4711\t4711\t4711\t4711", "Gid": "4712\t4712\t4712\t4712",
				"Groups": "4713", "cwd": dir + " <nil>",
			}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if test.root {
				needRoot(t)
				require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
			}
			got := stateOf(t, test.c)
			for key, was := range plain {
				want, changed := test.want[key]
				switch {
				case changed:
					assert.NotEqual(t, was, want, "%s: the control", key)
					assert.Equal(t, want, got[key], key)
				case key != "fd 1":
					assert.Equal(t, was, got[key], key)
				}
			}
		})
	}
}

func TestIgnored(t *testing.T) {
	ignored := func(sigs ...syscall.Signal) string {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		defer r.Close() //nolint:errcheck // nothing was written
		pid, err := Command{
			Name: "cat", Args: []string{"cat", "/proc/self/status"}, Env: os.Environ(), Streams: [3]*os.File{nil, w, nil}, Ignored: sigs,
		}.Start()
		require.NoError(t, w.Close())
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Zero(t, exitCode(t, pid))
		_, rest, _ := strings.Cut(string(text), "SigIgn:")
		return strings.Fields(rest)[0]
	}
	assert.Equal(t, threadStatus("SigIgn"), ignored(), "the control")
	was, err := strconv.ParseUint(threadStatus("SigIgn"), 16, 64)
	require.NoError(t, err)
	want := fmt.Sprintf("%016x", was|bits(unix.SIGHUP, unix.SIGPIPE, unix.SIGCHLD, unix.SIGURG, unix.SIGSEGV, 33, 64))
	assert.Equal(t, want, ignored(unix.SIGHUP, unix.SIGPIPE, unix.SIGCHLD, unix.SIGURG, unix.SIGSEGV, 33, 64))
}

// What cannot be done is an error of this step, and nothing runs.
func TestSettingsFail(t *testing.T) {
	as := func(c Command, u *User) Command { c.User = u; return c }
	closed := filepath.Join(t.TempDir(), "closed")
	require.NoError(t, os.Mkdir(closed, 0))
	for name, test := range map[string]struct {
		c    Command
		step string
		err  error
		said string
		root bool
	}{
		"no such directory": {Command{Dir: "/no/such"}, StepDir, unix.ENOENT, `cannot enter "/no/such": no such file or directory`, false},
		"no directory":      {Command{Dir: "/etc/passwd"}, StepDir, unix.ENOTDIR, `cannot enter "/etc/passwd": not a directory`, false},
		"closed to the user": {
			as(Command{Dir: closed}, &User{UID: 4711, GID: 4711}), StepDir, unix.EACCES, `cannot enter "` + closed + `": permission denied`, true,
		},
		"no such signal": {Command{Ignored: []syscall.Signal{unix.SIGKILL}}, StepIgnored, unix.EINVAL, `cannot ignore "killed": invalid argument`, false},
		// These would leave a part as it is, or make it root.
		"user -1":  {as(Command{}, &User{UID: -1, GID: 1}), StepUser, unix.EINVAL, `cannot become "-1:1": invalid argument (no such number)`, false},
		"group -1": {as(Command{}, &User{UID: 1, GID: -1}), StepUser, unix.EINVAL, `cannot become "1:-1": invalid argument (no such number)`, false},
		"no such group": {
			as(Command{}, &User{UID: 1, GID: 1, Groups: []int{-1}, Name: "x"}), StepUser, unix.EINVAL, `cannot become "x": invalid argument (no such number)`, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if test.root {
				needRoot(t)
			}
			ran := filepath.Join(t.TempDir(), "ran")
			test.c.Name, test.c.Args, test.c.Env = "sh", []string{"sh", "-c", ">" + ran}, os.Environ()
			_, err := test.c.Start()
			var e *Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, test.step, e.Step)
			assert.ErrorIs(t, err, test.err)
			assert.Equal(t, test.said, err.Error())
			assert.Equal(t, CodeOwnError, e.ExitCode())
			assert.NoFileExists(t, ran)

			noChildren(t)
		})
	}
}

// Files are seen as the user sees them, from its directory.
func TestProgramIsFoundByTheUserInItsDirectory(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	for name, mode := range map[string]os.FileMode{"private": 0o700, "public": 0o755} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), mode))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name, "prog"), []byte("#!/bin/sh\nexit 7\n"), 0o755))
	}
	start := func(name, path string, uid int) (int, error) {
		return Command{Name: name, Args: []string{name}, Env: []string{"PATH=" + path}, Dir: dir, User: &User{UID: uid, GID: uid}}.Start()
	}
	for _, name := range []string{"public/prog", "./public/prog", dir + "/public/prog"} {
		pid, err := start(name, "", 4711)
		require.NoError(t, err)
		assert.Equal(t, 7, exitCode(t, pid), name)
	}
	for _, path := range []string{"public", "private:public", "none:" + dir + "/public"} {
		pid, err := start("prog", path, 4711)
		require.NoError(t, err)
		assert.Equal(t, 7, exitCode(t, pid), path)
	}
	_, err := start("prog", "private", 4711)
	assert.ErrorIs(t, err, unix.EACCES)
	_, err = start("private/prog", "", 4711)
	assert.ErrorIs(t, err, unix.EACCES)
	pid, err := start("prog", "private", 0)
	require.NoError(t, err, "the control")
	assert.Equal(t, 7, exitCode(t, pid))
}

func TestStageWords(t *testing.T) {
	mask := 0o027
	for _, c := range []Command{
		{Name: "prog", Args: []string{"prog"}},
		{
			Name: "prog", Args: []string{"a", "", "c d"}, PIDVariables: []string{"A_PID", "B_PID"}, Dir: "/a,b:c", Umask: &mask,
			NoNewPrivileges: true, Ignored: []syscall.Signal{1, 64}, User: &User{UID: 1, GID: 2, Groups: []int{3, 4}, Name: "x:y"},
		},
		{Name: "", Args: []string{""}, User: &User{}, Umask: new(int)},
	} {
		got, ok := parseStage(c.formatStage())
		require.True(t, ok)
		if c.PIDVariables == nil {
			c.PIDVariables = []string{""}
		}
		assert.Equal(t, c, got)
	}
	for _, words := range [][]string{
		nil,
		{"", "", "", "", "", "", "prog"},
		{"", "1:2:3", "", "", "", "", "prog", "prog"},
		{"", "x:2::", "", "", "", "", "prog", "prog"},
		{"", "1:2:3,x:", "", "", "", "", "prog", "prog"},
		{"", "", "", "x", "", "", "prog", "prog"},
		{"", "", "", "", "", "1,", "prog", "prog"},
	} {
		_, ok := parseStage(words)
		assert.False(t, ok, "%q", words)
	}
}
