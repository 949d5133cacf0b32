package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

var exitRows = []row{
	{what: "PROGRAM ends with 0, 42, 255", front: true, of: func(t *trial) string {
		return t.codes(nil, "exit 0", "exit 42", "exit 255")
	}},
	{what: "PROGRAM is killed by TERM, KILL, SEGV", front: true, of: func(t *trial) string {
		return t.codes(nil, "kill -TERM $$", "kill -KILL $$", "kill -SEGV $$")
	}},
	{what: "PROGRAM is killed by a real-time signal, 64", of: func(t *trial) string { return t.codes(nil, "kill -64 $$") }},
	{what: "PROGRAM is not found: in PATH, at its path", front: true, of: func(t *trial) string {
		return t.executes("no-such-program") + ", " + t.executes("/no/such/program")
	}},
	{what: "PROGRAM is a directory, a file that may not be executed", front: true, of: func(t *trial) string {
		return t.executes("/usr") + ", " + t.executes(t.program("not-executable", 0o644, "exit 7\n"))
	}},
	{what: "PROGRAM's interpreter is not found", of: func(t *trial) string {
		return t.executes(t.program("no-interpreter", 0o755, "#!/no/such/interpreter\n"))
	}},
	{what: "PROGRAM's interpreter may not be executed", of: func(t *trial) string {
		return t.executes(t.program("bad-interpreter", 0o755, "#!/etc/passwd\n"))
	}},
	{what: "PROGRAM is in a file's place of a directory (ENOTDIR)", of: func(t *trial) string {
		return t.executes("/etc/passwd/program")
	}},
	{what: "PROGRAM is a link to itself (ELOOP)", of: func(t *trial) string {
		path := filepath.Join(t.dir, "loop")
		check(os.Symlink("loop", path))
		return t.executes(path)
	}},
	{what: "PROGRAM has a name that is too long (ENAMETOOLONG)", of: func(t *trial) string {
		return t.executes(strings.Repeat("x", 300)) + ", " + t.executes("/"+strings.Repeat("x", 300))
	}},
	{what: "PROGRAM is an empty word", of: func(t *trial) string { return t.executes("") }},
	{what: "PROGRAM is a script without `#!`, which ends with 7", front: true, of: func(t *trial) string {
		return t.executes(t.program(script, 0o755, "exit 7\n"))
	}},
	{what: "PROGRAM is a script without `#!`: its name and arguments", of: func(t *trial) string {
		r := t.pid1("--", t.program(script, 0o755, `echo "$(basename "$0")" "$@"`+"\n"), "a b", "c")
		r.code()
		return strings.TrimSpace(textOf(r.out))
	}},
	{what: "PROGRAM is a script without `#!` in PATH", of: func(t *trial) string {
		t.program(script, 0o755, "exit 7\n")
		return t.pid1("--", script).variables("PATH=" + t.dir + ":/usr/bin:/bin").code()
	}},
	{what: "PROGRAM is an empty file", of: func(t *trial) string { return t.executes(t.program("empty", 0o755, "")) }},
	{what: "PROGRAM is for another architecture", of: func(t *trial) string {
		return t.executes(t.program("other", 0o755, otherArchitecture()))
	}},
	{what: "PROGRAM is given by a path from the working directory", of: func(t *trial) string {
		t.program(script, 0o755, "exit 7\n")
		return t.pid1("--", "./"+script).in(t.dir).code()
	}},
	{what: "PROGRAM is in the working directory, and not in PATH", of: func(t *trial) string {
		t.program(script, 0o755, "exit 7\n")
		return t.pid1("--", script).in(t.dir).code()
	}},
	{what: "PROGRAM is in the working directory, and PATH has an empty part", of: func(t *trial) string {
		t.program(script, 0o755, "exit 7\n")
		return t.pid1("--", script).in(t.dir).variables("PATH=/usr/bin::/bin").code()
	}},
	{what: "PATH is not set", of: func(t *trial) string {
		return t.pid1("--", "true").with(func(s *stage) { s.NoVariables = true }).code()
	}},
	{what: "PATH is empty", of: func(t *trial) string { return t.pid1("--", "true").variables("PATH=").code() }},
	{what: "PROGRAM is twice in PATH, first as a file that may not be executed", of: func(t *trial) string {
		t.program("true", 0o644, "exit 7\n")
		return t.pid1("--", "true").variables("PATH=" + t.dir + ":/usr/bin:/bin").code()
	}},
	{what: "PROGRAM is in PATH, but may not be executed", of: func(t *trial) string {
		t.program("only-here", 0o644, "exit 7\n")
		return t.pid1("--", "only-here").variables("PATH=" + t.dir + ":/usr/bin:/bin").code()
	}},
	{what: "PROGRAM is in PATH, behind a file in the place of a directory", of: func(t *trial) string {
		return t.pid1("--", "true").variables("PATH=/etc/passwd:/usr/bin:/bin").code()
	}},
	{what: "PROGRAM is in PATH, but its interpreter is not found", of: func(t *trial) string {
		t.program("true", 0o755, "#!/no/such/interpreter\n")
		return t.pid1("--", "true").variables("PATH=" + t.dir + ":/usr/bin:/bin").code()
	}},
	{what: "what PROGRAM has as its name, argv[0]", of: func(t *trial) string {
		r := t.pid1("--", "cat", "/proc/self/cmdline")
		r.code()
		return strings.TrimSpace(strings.ReplaceAll(textOf(r.out), "\x00", " "))
	}},
	{what: "what it writes of its own when PROGRAM ends with 1: as PID 1, not as PID 1", front: true, of: func(t *trial) string {
		return t.pid1("--", "false").says() + "; " + t.plain("--", "false").says()
	}},
	{what: "exit code and output when PROGRAM is not found", of: func(t *trial) string {
		return t.pid1("--", "no-such-program").says()
	}},
	{what: "exit code and output when PROGRAM is killed by SEGV", of: func(t *trial) string {
		return t.pid1("--", "sh", "-c", "kill -SEGV $$").says()
	}},
}

// script is a name that no other program has.
const script = "matrix-script"

// executes is the exit code with a PROGRAM and no arguments.
func (t *trial) executes(program string) string { return t.pid1("--", program).code() }

// program makes a file to be executed. No process that is just being started may
// have it open still: it would be a busy one (ETXTBSY in execve(2)).
func (t *trial) program(name string, mode os.FileMode, text string) string {
	path := filepath.Join(t.dir, name)
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	check(os.WriteFile(path, []byte(text), mode))
	return path
}

// otherArchitecture is an executable of this one that says that it is for another.
func otherArchitecture() string {
	const machine = 18 // e_machine in elf(5), two bytes
	text, err := os.ReadFile("/bin/true")
	check(err)
	text = bytes.Clone(text)
	text[machine], text[machine+1] = 0xfe, 0xfe
	return string(text)
}
