package session

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

// A kernel stands for execve(2): it answers with the error for the file, and keeps what it was asked for.
type kernel struct {
	errs  map[string]error
	calls []string
	argv  []string
}

const started = 42

func (k *kernel) start(file string, args []string) (int, error) {
	k.calls = append(k.calls, file)
	k.argv = args
	if err := k.errs[file]; err != nil {
		return 0, err
	}
	return started, nil
}

// tree makes files, and directories where the name ends in a slash, below a new directory, which becomes the working
// directory and stands for T in the tests' paths.
func tree(t *testing.T, files ...string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, file := range files {
		if dir, ok := strings.CutSuffix(file, "/"); ok {
			require.NoError(t, os.MkdirAll(dir, 0o755))
			continue
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte("echo\n"), 0o755))
	}
}

func TestExecvpSearchesPath(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, test := range map[string]struct {
		files []string
		path  string
		name  string
		errs  map[string]error
		calls []string // what execve was asked for
		err   error
		code  int
		file  string // the file of the error
	}{
		"in the first directory": {
			files: []string{"a/prog", "b/prog"}, path: "a:b", calls: []string{"a/prog"},
		},
		"in the second": {
			files: []string{"a/", "b/prog"}, path: "a:b", calls: []string{"b/prog"},
		},
		"in neither": {
			files: []string{"a/other"}, path: "a:b", err: unix.ENOENT, code: CodeNotFound, file: "prog",
		},
		"a directory of the name is passed over": {
			files: []string{"a/prog/", "b/prog"}, path: "a:b", calls: []string{"b/prog"},
		},
		"a directory of the name is all there is": {
			files: []string{"a/prog/", "b/"}, path: "a:b", err: unix.EACCES, code: CodeNotExecutable, file: "a/prog",
		},
		"what may not be executed is passed over": {
			files: []string{"a/prog", "b/prog"}, path: "a:b", errs: map[string]error{"a/prog": unix.EACCES},
			calls: []string{"a/prog", "b/prog"},
		},
		"what may not be executed is remembered": {
			files: []string{"a/prog", "b/prog", "c/"}, path: "a:b:c",
			errs:  map[string]error{"a/prog": unix.EACCES, "b/prog": unix.EACCES},
			calls: []string{"a/prog", "b/prog"}, err: unix.EACCES, code: CodeNotExecutable, file: "a/prog",
		},
		"an interpreter that is not there is passed over": {
			files: []string{"a/prog", "b/prog"}, path: "a:b", errs: map[string]error{"a/prog": unix.ENOENT},
			calls: []string{"a/prog", "b/prog"},
		},
		"a file in place of a directory is passed over": {
			files: []string{"a", "b/prog"}, path: "a:b", calls: []string{"b/prog"},
		},
		"any other error ends the search": {
			files: []string{"a/prog", "b/prog"}, path: "a:b", errs: map[string]error{"a/prog": unix.E2BIG},
			calls: []string{"a/prog"}, err: unix.E2BIG, code: CodeNotExecutable, file: "a/prog",
		},
		"no memory is not the file's fault": {
			files: []string{"a/prog", "b/prog"}, path: "a:b", errs: map[string]error{"a/prog": unix.ENOMEM},
			calls: []string{"a/prog"}, err: unix.ENOMEM, code: CodeOwnError, file: "a/prog",
		},
		"a name that is too long": {
			files: []string{"a/"}, path: "a", name: long, err: unix.ENAMETOOLONG, code: CodeNotExecutable, file: "a/" + long,
		},
		"an empty element is the working directory": {
			files: []string{"prog"}, path: ":a", calls: []string{"prog"},
		},
		"an empty element in the middle": {
			files: []string{"prog"}, path: "a::b", calls: []string{"prog"},
		},
		"an empty element at the end": {
			files: []string{"prog"}, path: "a:", calls: []string{"prog"},
		},
		"an empty PATH": {
			files: []string{"prog"}, path: "", calls: []string{"prog"},
		},
		"a name with a slash is not searched for": {
			files: []string{"a/b/prog"}, path: "a", name: "b/prog", errs: map[string]error{"b/prog": unix.ENOENT},
			calls: []string{"b/prog"}, err: unix.ENOENT, code: CodeNotFound, file: "b/prog",
		},
		"a name with a slash, found": {
			files: []string{"prog"}, path: "a", name: "./prog", calls: []string{"./prog"},
		},
		"a name with a slash, not executable": {
			files: []string{"prog", "a/prog"}, path: "a", name: "./prog", errs: map[string]error{"./prog": unix.EACCES},
			calls: []string{"./prog"}, err: unix.EACCES, code: CodeNotExecutable, file: "./prog",
		},
	} {
		t.Run(name, func(t *testing.T) {
			tree(t, test.files...)
			t.Setenv("PATH", test.path)
			if test.name == "" {
				test.name = "prog"
			}
			k := &kernel{errs: test.errs}
			pid, err := execvp(test.name, []string{"argv0", "1"}, os.Environ(), k.start)
			assert.Equal(t, test.calls, k.calls)
			if test.err == nil {
				require.NoError(t, err)
				assert.Equal(t, started, pid)
				assert.Equal(t, []string{"argv0", "1"}, k.argv)
				return
			}
			assert.Zero(t, pid)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.ErrorIs(t, err, test.err)
			assert.Equal(t, test.code, e.ExitCode())
			assert.Equal(t, test.file, e.Name)
		})
	}
}

func TestExecvpEmptyName(t *testing.T) {
	k := &kernel{}
	_, err := execvp("", []string{""}, os.Environ(), k.start)
	assert.EqualError(t, err, `cannot find "": no such file or directory (not in PATH)`)
	assert.Empty(t, k.calls)
}

func TestExecvpWithoutPath(t *testing.T) {
	t.Setenv("PATH", "") // puts it back afterwards
	require.NoError(t, os.Unsetenv("PATH"))
	k := &kernel{}
	_, err := execvp("sh", []string{"sh"}, os.Environ(), k.start)
	require.NoError(t, err)
	assert.Equal(t, []string{"/bin/sh"}, k.calls)
	assert.Equal(t, []string{"/bin", "/usr/bin"}, searchPath(os.Environ()))
}

// A script of which PATH gives the directory, whose interpreter is not there, is the trouble people have with images:
// "not found" would send them the wrong way.
func TestExecvpNamesTheFileWhoseInterpreterIsMissing(t *testing.T) {
	for _, name := range []string{"prog", "a/prog"} {
		tree(t, "a/prog", "b/")
		t.Setenv("PATH", "a:b")
		k := &kernel{errs: map[string]error{"a/prog": unix.ENOENT}}
		_, err := execvp(name, []string{name}, os.Environ(), k.start)
		assert.EqualError(t, err, `cannot execute "a/prog": no such file or directory`+
			` (the file is there: its interpreter or dynamic loader is not)`, name)
	}
}

func TestExecvpGivesScriptsToTheShell(t *testing.T) {
	for _, name := range []string{"script", "./script", "a/script"} {
		tree(t, "script", "a/script")
		t.Setenv("PATH", ":a")
		k := &kernel{errs: map[string]error{name: unix.ENOEXEC}}
		pid, err := execvp(name, []string{"argv0", "one", "two"}, os.Environ(), k.start)
		require.NoError(t, err)
		assert.Equal(t, started, pid)
		assert.Equal(t, []string{name, "/bin/sh"}, k.calls)
		assert.Equal(t, []string{"/bin/sh", name, "one", "two"}, k.argv)
	}
}

func TestExecvpScriptWithoutArguments(t *testing.T) {
	tree(t, "script")
	k := &kernel{errs: map[string]error{"./script": unix.ENOEXEC}}
	_, err := execvp("./script", []string{"argv0"}, os.Environ(), k.start)
	require.NoError(t, err)
	assert.Equal(t, []string{"/bin/sh", "./script"}, k.argv)
}

func TestExecvpScriptWithoutShell(t *testing.T) {
	tree(t, "script")
	k := &kernel{errs: map[string]error{"./script": unix.ENOEXEC, "script": unix.ENOEXEC, "/bin/sh": unix.ENOENT}}
	t.Setenv("PATH", "")
	for _, name := range []string{"./script", "script"} {
		k.calls = nil
		_, err := execvp(name, []string{"argv0"}, os.Environ(), k.start)
		require.ErrorIs(t, err, unix.ENOEXEC, "what the kernel said of the file, not of the shell")
		assert.EqualError(t, err, fmt.Sprintf("cannot execute %q: exec format error"+
			" (without #! it takes /bin/sh, which cannot be started: no such file or directory)", name))
		var e *Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, CodeNotExecutable, e.ExitCode())
		assert.Equal(t, []string{name, "/bin/sh"}, k.calls)
	}
}

func TestExecvpKeepsBinariesFromTheShell(t *testing.T) {
	tree(t)
	require.NoError(t, os.WriteFile("prog", []byte("\x7fELF for another processor"), 0o755))
	k := &kernel{errs: map[string]error{"./prog": unix.ENOEXEC}}
	_, err := execvp("./prog", []string{"prog"}, os.Environ(), k.start)
	assert.EqualError(t, err, `cannot execute "./prog": exec format error (built for another architecture?)`)
	assert.Equal(t, []string{"./prog"}, k.calls)
}

func TestIsELF(t *testing.T) {
	tree(t)
	for content, want := range map[string]bool{
		"\x7fELF": true, "\x7fELF\x02\x01": true, "": false, "\x7fEL": false, "#!/bin/sh": false, "ELF\x7f": false,
	} {
		require.NoError(t, os.WriteFile("file", []byte(content), 0o644))
		assert.Equal(t, want, isELF("file"), "%q", content)
	}
	assert.False(t, isELF("nosuch"))
	assert.False(t, isELF("."))
}

func TestFailure(t *testing.T) {
	tree(t, "there")
	for _, test := range []struct {
		file    string
		err     error
		message string
		code    int
	}{
		{"gone", unix.ENOENT, `cannot find "gone": no such file or directory`, 127},
		{"there", unix.ENOENT, `cannot execute "there": no such file or directory (the file is there: its interpreter or dynamic loader is not)`, 127},
		{"there", unix.ENOEXEC, `cannot execute "there": exec format error (built for another architecture?)`, 126},
		{"there", unix.EACCES, `cannot execute "there": permission denied`, 126},
		{"there", unix.ENOTDIR, `cannot execute "there": not a directory`, 126},
		{"there", unix.E2BIG, `cannot execute "there": argument list too long`, 126},
		{"there", unix.ETXTBSY, `cannot execute "there": text file busy`, 126},
		{"there", unix.EPERM, `cannot execute "there": operation not permitted`, 126},
		{"there", unix.EAGAIN, `cannot start "there": resource temporarily unavailable`, 125},
		{"there", unix.ENOMEM, `cannot start "there": cannot allocate memory`, 125},
		{"there", unix.EMFILE, `cannot start "there": too many open files`, 125},
		{"there", unix.ENFILE, `cannot start "there": too many open files in system`, 125},
	} {
		err := failure(test.file, test.err)
		require.EqualError(t, err, test.message)
		require.ErrorIs(t, err, test.err)
		var e *Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, test.code, e.ExitCode(), test.message)
	}
	assert.NoError(t, failure("there", nil))
}
