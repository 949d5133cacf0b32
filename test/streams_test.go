package test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestStreams(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		dir := t.TempDir()
		in, out, errs := filepath.Join(dir, "in"), filepath.Join(dir, "out"), filepath.Join(dir, "err")
		require.NoError(t, os.WriteFile(in, []byte("input\n"), 0o644))
		require.NoError(t, os.WriteFile(out, []byte("before\n"), 0o600))
		// Relative ones are tinit's, not PROGRAM's.
		r := tinit(t, "-C", "/", "--stdin", "in", "--stdout", out, "--stderr=err", "sh", "-c", "cat; echo error >&2").dir(dir).run()
		assert.Equal(t, result{0, "", ""}, r)
		assert.Equal(t, "before\ninput\n", text(t, out), "it is appended to")
		assert.Equal(t, "error\n", text(t, errs))

		r = tinit(t, "sh", "-c", "echo output; echo error >&2").run()
		assert.Equal(t, result{0, "output\n", "error\n"}, r, "the control")
	})
}

func text(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(content)
}

// PROGRAM has the files, in blocking mode, and tinit has let go of them. Its own
// streams are what they were.
func TestStreamsAreProgramsAlone(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		dir := t.TempDir()
		out := filepath.Join(dir, "out")
		u := tinit(t, "--stdin", "/dev/zero", "--stdout", out, "--stderr", dir+"/../"+filepath.Base(dir)+"/out", "sleep", "infinity").start()
		program := u.settled()
		open := given(program, 3)
		assert.Equal(t, map[int]string{0: "/dev/zero", 1: out, 2: out}, open)
		assert.Equal(t, []int{unix.O_RDONLY, unix.O_WRONLY | unix.O_APPEND, unix.O_WRONLY | unix.O_APPEND}, openFlags(t, program))
		eventually(t, func() bool {
			for _, target := range descriptors(u.pid) {
				if target == out || target == "/dev/zero" {
					return false
				}
			}
			return true
		}, "tinit closes them")
	})
}

// openFlags is how a process's standard streams were opened, as far as the
// tests care.
func openFlags(t *testing.T, pid int) (flags []int) {
	t.Helper()
	for _, fd := range []string{"0", "1", "2"} {
		n, err := strconv.ParseInt(statusFields(text(t, procPath(pid, "fdinfo/"+fd)))["flags"], 8, 64)
		require.NoError(t, err)
		flags = append(flags, int(n)&(unix.O_ACCMODE|unix.O_APPEND|unix.O_NONBLOCK))
	}
	return flags
}

// One file for both is opened once: where it can't be appended to, as when
// PROGRAM truncates it, neither stream writes over the other.
func TestStreamsShareAnOffset(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		out := filepath.Join(t.TempDir(), "out")
		u := tinit(t, "--stdout", out, "--stderr", out, "sh", "-c", "echo one; echo two >&2; echo three; exec sleep infinity").start()
		program := u.settled()
		assert.Equal(t, "one\ntwo\nthree\n", text(t, out))
		pos := func(fd string) string { return statusFields(text(t, procPath(program, "fdinfo/"+fd)))["pos"] }
		assert.Equal(t, "14", pos("1"))
		assert.Equal(t, "14", pos("2"))

		// The control: of two openings each has an offset of its own.
		u = tinit(t, "--stdout", out, "sh", "-c", `exec 2>>"$0"; echo four >&2; exec sleep infinity`, out).start()
		program = u.settled()
		assert.NotEqual(t, pos("1"), pos("2"))
	})
}

// A file is made as PROGRAM's own umask says, or tinit's, by tinit's user.
func TestStreamsAreMade(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		for umask, want := range map[string]os.FileMode{"": 0o640, "002": 0o664, "077": 0o600} {
			file := filepath.Join(t.TempDir(), "file")
			flags := []string{"--stdout", file}
			if umask != "" {
				flags = append(flags, "--umask", umask)
			}
			u := tinit(t, append(flags, "sleep", "infinity")...).with(func(s *stage) { s.Umask = 0o027 }).start()
			u.settled()
			info, err := os.Stat(file)
			require.NoError(t, err)
			assert.Equal(t, want, info.Mode().Perm(), umask)
			assert.Equal(t, "0027", procStatus(u.pid)["Umask"], "tinit's own stays")
		}
	})
}

// Before the user is changed: where PROGRAM may not write, it gets a file that
// it can write to.
func TestStreamsAreOpenedByRoot(t *testing.T) {
	need(t, os.Geteuid() == 0, rootOnly)
	everywhere(t, func(t *testing.T, tinit starter) {
		dir := scratch(t)
		require.NoError(t, os.Chmod(dir, 0o755))
		out := filepath.Join(dir, "out")
		r := tinit(t, "-u", "4711:4711", "--stdout", out, "--stderr", out, "sh", "-c", `echo one; echo two >&2; { >"$0"2; } 2>/dev/null || echo three`, out).run()
		require.Zero(t, r.code, r.err)
		assert.Equal(t, "one\ntwo\nthree\n", text(t, out), "the third is the control")
		var st unix.Stat_t
		require.NoError(t, unix.Stat(out, &st))
		assert.Zero(t, st.Uid)
	})
}

// A terminal is written to, and does not become the controlling one of a tinit
// that leads a session.
func TestStreamOnTerminal(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		term := newTerminal(t)
		u := tinit(t, "--stdout", term.device.Name(), "--new-session", "sh", "-c", "echo hello; exec sleep infinity").start()
		program := u.settled()
		term.shows("hello\r\n")
		assert.Zero(t, procStat(program).ttyNr)
		assert.Zero(t, procStat(u.pid).ttyNr)
		sid, err := unix.Getsid(u.pid)
		require.NoError(t, err)
		assert.Equal(t, u.pid, sid, "the control: it leads one, and so could have")
	})
}

// A FIFO takes until its other end is opened. A stop signal does not wait for
// that; any other waits for PROGRAM.
func TestStreamThatTakesItsTime(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		fifo := fifoOf(t)
		opens := func(u *running) func() bool {
			return func() bool { return u.isTinit() && waitsToOpen(u.pid) }
		}
		u := tinit(t, "--stdin", fifo, "cat").start()
		eventually(t, opens(u), "tinit opens it")
		u.signal(unix.SIGTERM)
		assert.Equal(t, 128+15, u.wait())
		oneLine(t, u.err.String(), "TERM")

		u = tinit(t, "--stdin", fifo, "sh", "-c", `trap "exit 9" USR1; read line; while :; do sleep 0.01; done`).start()
		eventually(t, opens(u), "tinit opens it")
		u.signal(unix.SIGUSR1)
		w, err := os.OpenFile(fifo, os.O_WRONLY, 0)
		require.NoError(t, err)
		defer w.Close()
		assert.Contains(t, []int{9, 128 + 10}, u.wait(), "PROGRAM has it, be it before its trap")
	})
}

// waitsToOpen says whether a thread of the process is kept in open(2).
func waitsToOpen(pid int) bool {
	tasks, _ := filepath.Glob(procPath(pid, "task/*/syscall"))
	for _, task := range tasks {
		call, _ := os.ReadFile(task)
		if strings.HasPrefix(string(call), strconv.Itoa(unix.SYS_OPENAT)+" ") {
			return true
		}
	}
	return false
}
