package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// PATH is searched, and files are executed, as execvp(3) does it.
func TestSearch(t *testing.T) {
	const unset = "unset"
	root := t.TempDir()
	write := func(name string, mode os.FileMode, text string) {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), mode))
	}
	write("prog", 0o755, "#!/bin/sh\nexit 10\n")
	write("first/prog", 0o755, "#!/bin/sh\nexit 11\n")
	write("second/prog", 0o755, "#!/bin/sh\nexit 12\n")
	write("denied/prog", 0o644, "#!/bin/sh\nexit 13\n")
	write("no-interpreter/prog", 0o755, "#!/no/such/interpreter\n")
	write("folder/prog/x", 0o755, "")
	write("file", 0o755, "")
	require.NoError(t, os.Mkdir(filepath.Join(root, "empty"), 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(root, "loop"), 0o755))
	require.NoError(t, os.Symlink("prog", filepath.Join(root, "loop/prog")))

	for name, c := range map[string]struct {
		path, prog string
		code       int
	}{
		"the first that is there":           {"/nonexistent:$/empty:$/first:$/second", "prog", 11},
		"an empty element first":            {":$/first", "prog", 10},
		"an empty element in the middle":    {"$/empty::$/first", "prog", 10},
		"an empty element last":             {"$/empty:", "prog", 10},
		"an empty PATH":                     {"", "prog", 10},
		"a dot":                             {".:$/first", "prog", 10},
		"a relative directory":              {"second:$/first", "prog", 12},
		"no PATH: the usual places":         {unset, "true", 0},
		"no PATH: not here":                 {unset, "prog", 127},
		"denied, then found":                {"$/denied:$/second", "prog", 12},
		"denied, then not found":            {"$/denied:$/empty", "prog", 126},
		"a directory of that name":          {"$/folder", "prog", 126},
		"a directory of that name, a file":  {"$/folder:$/second", "prog", 12},
		"a file for a directory":            {"$/file:$/second", "prog", 12},
		"a file for a directory, then none": {"$/file", "prog", 127},
		"no interpreter, then found":        {"$/no-interpreter:$/second", "prog", 12},
		"no interpreter":                    {"$/no-interpreter", "prog", 127},
		"a loop of links":                   {"$/loop:$/second", "prog", 126},
		"nowhere":                           {"$/empty", "prog", 127},
		"an empty name":                     {"$/first", "", 127},
		"a slash: no search":                {"$/first", "./prog", 10},
		"a slash within":                    {"$/first", "second/prog", 12},
		"a slash, not there":                {"$/first", "empty/prog", 127},
		"a whole path":                      {"$/first", "$/second/prog", 12},
	} {
		t.Run(name, func(t *testing.T) {
			r := tinit(t, strings.ReplaceAll(c.prog, "$", root)).dir(root)
			if c.path == unset {
				r.onlyEnv()
			} else {
				r.onlyEnv("PATH=" + strings.ReplaceAll(c.path, "$", root))
			}
			got := r.run()
			assert.Equal(t, c.code, got.code, got.err)
			if c.code < 126 {
				assert.Empty(t, got.err)
			}
		})
	}
}

// What cannot be executed is told by its code and by one line that names it.
func TestProgramThatCannotBeStarted(t *testing.T) {
	root := t.TempDir()
	write := func(name string, mode os.FileMode, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), mode))
	}
	write("denied", 0o644, "#!/bin/sh\n")
	write("missing-interpreter", 0o755, "#!/no/such/interpreter\n")
	write("denied-interpreter", 0o755, "#!"+root+"/denied\n")
	write("busy", 0o755, "#!/bin/sh\n")
	write("half-an-elf", 0o755, "\x7fELF")
	write("with\nnewline", 0o644, "")
	require.NoError(t, os.Symlink("loop", filepath.Join(root, "loop")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(root, "dangling")))
	require.NoError(t, unix.Mkfifo(filepath.Join(root, "fifo"), 0o755))
	busy, err := os.OpenFile(filepath.Join(root, "busy"), os.O_WRONLY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { busy.Close() })

	for name, c := range map[string]struct {
		prog, named string
		code        int
	}{
		"not in PATH":            {"no-such-program", "no-such-program", 127},
		"not there":              {"./no-such-program", "./no-such-program", 127},
		"a dangling link":        {"./dangling", "./dangling", 127},
		"a missing interpreter":  {"./missing-interpreter", "./missing-interpreter", 127},
		"not executable":         {"./denied", "./denied", 126},
		"a directory":            {root, root, 126},
		"the root":               {"/", `"/"`, 126},
		"a fifo":                 {"./fifo", "./fifo", 126},
		"a device":               {"/dev/null", "/dev/null", 126},
		"a loop of links":        {"./loop", "./loop", 126},
		"beneath a file":         {"./denied/x", "./denied/x", 126},
		"a denied interpreter":   {"./denied-interpreter", "./denied-interpreter", 126},
		"open for writing":       {"./busy", "./busy", 126},
		"half a binary":          {"./half-an-elf", "./half-an-elf", 126},
		"too long a name":        {"./" + strings.Repeat("x", 300), strings.Repeat("x", 300), 126},
		"too long a path":        {"./" + strings.Repeat("x/", 3000), `x/x/": file name too long`, 126},
		"a newline in the name":  {"./with\nnewline", "with", 126},
		"one that is not UTF-8":  {"./\xff\xfe", "./", 127},
		"an empty name":          {"", `""`, 127},
		"with arguments of note": {"./denied", "./denied", 126},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, tinit starter) {
				r := tinit(t, "--", c.prog, "-x", "y").dir(root).run()
				assert.Equal(t, c.code, r.code, r.err)
				assert.Empty(t, r.out)
				oneLine(t, r.err, c.named)
			})
		})
	}
}

// oneLine checks the form of a message: one line with tinit's prefix, no full
// stop, and these words in it.
func oneLine(t *testing.T, text string, words ...string) {
	t.Helper()
	assert.Regexp(t, `^tinit: [^\n]*[^.\n]\n$`, text)
	for _, word := range words {
		assert.Contains(t, text, word)
	}
}

// A file that is executable and of no known format is a script of /bin/sh.
func TestScriptWithoutShebang(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		dir := t.TempDir()
		script := filepath.Join(dir, "script")
		require.NoError(t, os.WriteFile(script, []byte(`echo "$0" "$#" "$1" "$2"; exit 7`), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "empty"), nil, 0o755))

		r := tinit(t, script, "a b", "").run()
		assert.Equal(t, result{7, script + " 2 a b \n", ""}, r)

		r = tinit(t, "script", "-x").env("PATH=" + dir).run()
		assert.Equal(t, result{7, script + " 1 -x \n", ""}, r, "found by PATH")

		r = tinit(t, "./empty").dir(dir).run()
		assert.Equal(t, result{0, "", ""}, r, "an empty file")
	})
}

// A root without a shell, as images from scratch are. What is wrong with a
// script is not what is wrong with a binary, the control.
func TestScriptWithoutShell(t *testing.T) {
	needRelease(t)
	need(t, namespacesMissing() == "", "no namespaces: "+namespacesMissing())
	root := scratch(t)
	copyFile(t, tinitPath, filepath.Join(root, "tinit"))
	for name, text := range map[string]string{"script": "exit 7", "binary": "\x7fELF?"} {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o755))
	}
	start := func(file string) result {
		return plainly(t, "/tinit", file).prep(func(cmd *exec.Cmd) {
			namespaceFlags(cmd.SysProcAttr)
			cmd.SysProcAttr.Chroot, cmd.Dir = root, "/"
		}).run()
	}
	r := start("/script")
	assert.Equal(t, 126, r.code)
	oneLine(t, r.err, "/script", "/bin/sh", "no such file")
	assert.NotContains(t, r.err, "architecture")
	r = start("/binary")
	assert.Equal(t, 126, r.code)
	oneLine(t, r.err, "/binary", "architecture")
	assert.NotContains(t, r.err, "/bin/sh")
}

// PROGRAM is started by the user that tinit runs as: what that user may not
// reach is not executable, whatever root could do.
func TestProgramThatThisUserMayNotExecute(t *testing.T) {
	need(t, os.Geteuid() == 0, "only root can become another user")
	dir := t.TempDir()
	prog := filepath.Join(dir, "closed", "prog")
	require.NoError(t, os.Mkdir(filepath.Dir(prog), 0o700))
	require.NoError(t, os.WriteFile(prog, []byte("#!/bin/sh\n"), 0o755))
	everywhere(t, func(t *testing.T, tinit starter) {
		r := tinit(t, prog).user(65534).run()
		assert.Equal(t, 126, r.code)
		oneLine(t, r.err, prog)
		r = tinit(t, "prog").env("PATH=" + filepath.Dir(prog)).user(65534).run()
		assert.Equal(t, 126, r.code, "found by PATH")
		oneLine(t, r.err, prog)
	})
}

func TestEveryExitCode(t *testing.T) {
	var codes []int
	for code := range 256 {
		codes = append(codes, code)
	}
	everywhere(t, func(t *testing.T, tinit starter) {
		for _, code := range some(codes) {
			r := tinit(t, "sh", "-c", fmt.Sprintf("exit %d", code)).run()
			require.Equal(t, result{code, "", ""}, r)
		}
	})
}

// terminating is the signals that end a process that does nothing about them.
func terminating() (signals []syscall.Signal) {
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		switch sig {
		case syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU,
			syscall.SIGURG, syscall.SIGWINCH:
		default:
			signals = append(signals, sig)
		}
	}
	return signals
}

func noCore(s *stage) { s.Limits = map[int]rlimit{unix.RLIMIT_CORE: {}} }

// A death by a signal that tinit did not forward is 128+n and one line.
func TestExitCodeOfEverySignalThatKills(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		for _, sig := range some(terminating()) {
			r := tinit(t, "sh", "-c", fmt.Sprintf("kill -%d $$", sig)).with(noCore).run()
			require.Equal(t, 128+int(sig), r.code, r.err)
			oneLine(t, r.err)
		}
	})
}

func TestSuccessCode(t *testing.T) {
	const killed = "kill -9 $$"
	for name, c := range map[string]struct {
		flags  []string
		script string
		code   int
	}{
		"the code":             {[]string{"-e", "3"}, "exit 3", 0},
		"another":              {[]string{"-e", "3"}, "exit 4", 4},
		"zero stays zero":      {[]string{"-e", "3"}, "exit 0", 0},
		"repeated":             {[]string{"-e", "3", "-e", "4"}, "exit 3", 0},
		"a list":               {[]string{"-e", "3,4,5"}, "exit 5", 0},
		"a list, long":         {[]string{"--success-code=3,4"}, "exit 4", 0},
		"the last":             {[]string{"-e255"}, "exit 255", 0},
		"a death by signal":    {[]string{"-e", "137"}, killed, 0},
		"not the death itself": {[]string{"-e", "9"}, killed, 137},
		"zero":                 {[]string{"-e", "0"}, "exit 1", 1},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, tinit starter) {
				r := tinit(t, append(c.flags, "sh", "-c", c.script)...).run()
				assert.Equal(t, c.code, r.code, r.err)
			})
		})
	}
	t.Run("not of a failure of tinit's own", func(t *testing.T) {
		assert.Equal(t, 127, tinit(t, "-e", "127", "no-such-program").run().code)
	})
}
