package session

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The daemons of the tests. Each says its number if it runs, and stays until the other end of its first file is closed.
func init() {
	RegisterDaemon("daemon-plain", func(s *Starter) {
		say := "running " + strconv.Itoa(os.Getpid())
		if len(os.Args) > 1 {
			say += " " + strings.Join(os.Args[1:], " ")
		}
		if s.Running(say) == nil {
			outlive(s)
		}
	})
	RegisterDaemon("daemon-fails", func(s *Starter) {
		code, _ := strconv.Atoi(os.Args[1])
		s.Failed(code, errors.New(os.Args[2]))
		_ = s.Running("it does not count")
	})
	RegisterDaemon("daemon-exits", func(*Starter) {
		code, _ := strconv.Atoi(os.Args[1])
		if code != 0 {
			os.Exit(code)
		}
	})
	RegisterDaemon("daemon-signals", func(*Starter) {
		sig, _ := strconv.Atoi(os.Args[1])
		_ = unix.Kill(os.Getpid(), syscall.Signal(sig))
		for {
			_ = unix.Pause()
		}
	})
	RegisterDaemon("daemon-executes", func(*Starter) {
		_ = syscall.Exec("/bin/cat", []string{"cat"}, os.Environ())
	})
	// It starts a program that stays, before it fails.
	RegisterDaemon("daemon-leaves", func(s *Starter) {
		pid, err := Command{Name: "sleep", Args: []string{"sleep", "1000"}, Env: os.Environ()}.Start()
		_, _ = fmt.Fprintln(s.Files[0], pid, err)
		os.Exit(7)
	})
	RegisterDaemon("daemon-terminal", func(s *Starter) {
		flags, _ := strconv.Atoi(os.Args[2])
		_, err := unix.Open(os.Args[1], unix.O_RDWR|flags, 0)
		if err == nil && s.Running(ttyOf("self")) == nil {
			outlive(s)
		}
	})
	RegisterDaemon("daemon-unheard", func(s *Starter) {
		_, _ = io.ReadAll(s.Files[0])
		_, _ = fmt.Fprint(s.Files[1], s.Running(""))
	})
}

// outlive ends when nobody has the other end of the first file.
func outlive(s *Starter) {
	if len(s.Files) > 0 {
		_, _ = io.Copy(io.Discard, s.Files[0])
	}
}

// leash is the first file of a daemon that is to end with the test.
func leash(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r
}

func ttyOf(pid string) string {
	stat, _ := os.ReadFile("/proc/" + pid + "/stat")
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.Fields(rest)[4]
}

// pidIn is the number in what a daemon said.
func pidIn(t *testing.T, said string) int {
	t.Helper()
	fields := strings.Fields(said)
	require.GreaterOrEqual(t, len(fields), 2, said)
	pid, err := strconv.Atoi(fields[1])
	require.NoError(t, err)
	return pid
}

func link(t *testing.T, pid int, name string) string {
	t.Helper()
	target, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", pid, name))
	require.NoError(t, err)
	return target
}

// A directory that was removed is still there for who is in it.
func TestDaemonizeInItsDirectory(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	gone := filepath.Join(dir, "gone")
	require.NoError(t, os.Mkdir(gone, 0o755))
	t.Chdir(gone)
	require.NoError(t, os.Remove(gone))
	for in, want := range map[string]string{".": gone + " (deleted)", "": "/"} {
		said, err := Daemonize(t.Context(), Daemon{Name: "daemon-plain", Dir: in, Files: []*os.File{leash(t)}})
		require.NoError(t, err, in)
		assert.Equal(t, want, link(t, pidIn(t, said), "cwd"))
	}
}

func TestDaemonize(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	out, err := os.Create(filepath.Join(dir, "out"))
	require.NoError(t, err)
	defer out.Close() //nolint:errcheck // nothing was written
	// What the caller may have been given, and did not close.
	var stray [2]int
	require.NoError(t, unix.Pipe2(stray[:], 0))
	defer unix.Close(stray[0]) //nolint:errcheck // nothing was written
	defer unix.Close(stray[1]) //nolint:errcheck // nothing was written

	said, err := Daemonize(context.Background(), Daemon{
		Name: "daemon-plain", Args: []string{"one", "two words"}, Env: []string{"A=b"}, Dir: dir, Umask: new(0o135),
		Streams: [3]*os.File{1: out}, Files: []*os.File{leash(t), out},
	})
	require.NoError(t, err)
	pid := pidIn(t, said)
	assert.Equal(t, fmt.Sprintf("running %d one two words", pid), said)

	sid, err := unix.Getsid(pid)
	require.NoError(t, err)
	assert.Equal(t, pid, sid, "it leads a session")
	assert.Equal(t, "0", ttyOf(strconv.Itoa(pid)))
	assert.Equal(t, dir, link(t, pid, "cwd"))
	proc := func(name string) string {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		require.NoError(t, err)
		return string(text)
	}
	assert.Contains(t, proc("status"), "Umask:\t0135\n")
	assert.Contains(t, proc("status"), "SigBlk:\t0000000000000000\n")
	assert.Equal(t, "daemon-plain\x00one\x00two words\x00", proc("cmdline"))
	assert.Equal(t, "daemon-plain\n", proc("comm"))
	for fd, want := range []string{os.DevNull, out.Name(), os.DevNull} {
		assert.Equal(t, want, link(t, pid, "fd/"+strconv.Itoa(fd)))
	}
	// Go's own have the flag to close them at an execve(2), and so do the files. The report is gone.
	assert.False(t, closesOnExec(t, pid, "1"), "the control")
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	require.NoError(t, err)
	for _, entry := range fds {
		if n, _ := strconv.Atoi(entry.Name()); n < 3 {
			continue
		}
		target := link(t, pid, "fd/"+entry.Name())
		assert.True(t, closesOnExec(t, pid, entry.Name()), target)
		assert.NotContains(t, target, "socket:")
		assert.NotEqual(t, link(t, os.Getpid(), "fd/"+strconv.Itoa(stray[1])), target)
	}
}

// closesOnExec tells by the flags that the kernel shows.
func closesOnExec(t *testing.T, pid int, fd string) bool {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", pid, fd))
	require.NoError(t, err)
	_, flags, _ := strings.Cut(string(text), "flags:")
	n, err := strconv.ParseInt(strings.Fields(flags)[0], 8, 64)
	require.NoError(t, err)
	return n&unix.O_CLOEXEC != 0
}

// The controls: what it has if nothing is said, and what a program has that is no daemon.
func TestDaemonizeDefaults(t *testing.T) {
	t.Setenv("A", "of this process")
	said, err := Daemonize(context.Background(), Daemon{Name: "daemon-plain", Files: []*os.File{leash(t)}})
	require.NoError(t, err)
	pid := pidIn(t, said)
	assert.Equal(t, "/", link(t, pid, "cwd"))
	assert.Equal(t, os.DevNull, link(t, pid, "fd/1"))
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	assert.Contains(t, string(status), "Umask:\t"+threadStatus("Umask")+"\n")
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	require.NoError(t, err)
	assert.Contains(t, string(environ), "\x00A=of this process\x00")

	state := stateOf(t, Command{})
	assert.NotEqual(t, "/ <nil>", state["cwd"])
}

// A start that failed is never a success, and says why.
func TestDaemonizeFailures(t *testing.T) {
	for name, test := range map[string]struct {
		d    Daemon
		code int
		text string
	}{
		"it says so":            {Daemon{Name: "daemon-fails", Args: []string{"127", "no such program"}}, 127, "no such program"},
		"with the code 0":       {Daemon{Name: "daemon-fails", Args: []string{"0", "why"}}, 125, "why"},
		"with no text":          {Daemon{Name: "daemon-fails", Args: []string{"1", ""}}, 1, ""},
		"it ends with 3":        {Daemon{Name: "daemon-exits", Args: []string{"3"}}, 3, "daemon-exits ended with 3 before it said that it runs"},
		"it ends with 0":        {Daemon{Name: "daemon-exits", Args: []string{"0"}}, 125, "daemon-exits ended with 0 before it said that it runs"},
		"it is killed":          {Daemon{Name: "daemon-signals", Args: []string{"9"}}, 137, "daemon-signals was killed by SIGKILL before it said that it runs"},
		"it executes another":   {Daemon{Name: "daemon-executes", Streams: [3]*os.File{leash(t)}}, 125, "daemon-executes goes on without having said that it runs"},
		"no such directory":     {Daemon{Name: "daemon-plain", Dir: "/no/such"}, 125, `cannot enter "/no/such": no such file or directory`},
		"a directory of colons": {Daemon{Name: "daemon-plain", Dir: "a:b"}, 125, `cannot enter "a:b": no such file or directory`},
	} {
		t.Run(name, func(t *testing.T) {
			said, err := Daemonize(context.Background(), test.d)
			assert.Empty(t, said)
			e, ok := errors.AsType[*DaemonError](err)
			require.True(t, ok, err)
			assert.Equal(t, test.text, err.Error())
			assert.Equal(t, test.code, e.ExitCode())
		})
	}
	t.Run("nobody of that name", func(t *testing.T) {
		_, err := Daemonize(context.Background(), Daemon{Name: "nobody"})
		assert.EqualError(t, err, `no daemon is registered as "nobody"`)
	})
	t.Run("main does not call Init", func(t *testing.T) {
		t.Setenv(daemonVariable, "0::/")
		_, err := Daemonize(context.Background(), Daemon{Name: "daemon-plain"})
		assert.ErrorContains(t, err, "main does not begin with reexec.Init")
	})
	t.Run("no process to be had", func(t *testing.T) {
		_, err := Daemonize(context.Background(), Daemon{Name: "daemon-plain", Args: []string{strings.Repeat("x", 1<<18)}})
		var e *Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, CodeOwnError, e.ExitCode())
		assert.ErrorIs(t, err, unix.E2BIG)
	})
	t.Run("started by hand", func(t *testing.T) {
		cmd := &exec.Cmd{Path: reexec.Self(), Args: []string{"daemon-plain"}}
		out, err := cmd.CombinedOutput()
		assert.NoError(t, err)
		assert.Equal(t, "daemon-plain: is started by its own program only\n", string(out))
	})
}

// What a daemon started before it died has no end of the report, which would keep Daemonize waiting.
func TestReportIsNotInherited(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close() //nolint:errcheck // nothing was written
	_, err = Daemonize(context.Background(), Daemon{Name: "daemon-leaves", Files: []*os.File{w}})
	assert.EqualError(t, err, "daemon-leaves ended with 7 before it said that it runs")
	require.NoError(t, w.Close())
	line, err := bufio.NewReader(r).ReadString('\n')
	require.NoError(t, err)
	pid, why, _ := strings.Cut(strings.TrimSpace(line), " ")
	require.Equal(t, "<nil>", why)
	left, err := strconv.Atoi(pid)
	require.NoError(t, err)
	defer unix.Kill(left, unix.SIGKILL) //nolint:errcheck // it is there
	// Its dynamic loader opens files, and closes them.
	eventually(t, func() bool {
		fds, err := os.ReadDir("/proc/" + pid + "/fd")
		return err == nil && len(fds) == 3 // standard streams only
	})
	assert.Equal(t, "sleep\n", commOf(t, left), "the control: it is there")
}

func commOf(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	require.NoError(t, err)
	return string(text)
}

// One that says nothing, or is stopped, is waited for as long as the caller likes, and no longer.
func TestDaemonizeInterrupted(t *testing.T) {
	for name, sig := range map[string]syscall.Signal{"it says nothing": 0, "it is stopped": unix.SIGSTOP} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			leash, end, err := os.Pipe()
			require.NoError(t, err)
			returned := make(chan error, 1)
			go func() {
				_, err := Daemonize(ctx, Daemon{Name: "daemon-signals", Args: []string{strconv.Itoa(int(sig))}, Files: []*os.File{end}})
				returned <- err
			}()
			var pid int
			eventually(t, func() bool { pid = childNamed("daemon-signals"); return pid != 0 })
			if sig != 0 {
				eventually(t, func() bool { return strings.Contains(statusOf(pid), "State:\tT") })
			}
			select {
			case err := <-returned:
				t.Fatal("the control: it is waited for", err)
			default:
			}
			cancel()
			assert.Equal(t, context.Canceled, <-returned)
			require.NoError(t, end.Close())
			_ = leash.SetReadDeadline(time.Now().Add(deadline))
			_, err = io.ReadAll(leash)
			assert.NoError(t, err, "it ends, and so its end of the pipe is closed")
			eventually(t, func() bool { return statusOf(pid) == "" })
		})
	}
	t.Run("before the start", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := Daemonize(ctx, Daemon{Name: "daemon-plain"})
		assert.Equal(t, context.Canceled, err)
	})
}

func statusOf(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return string(text)
}

// childNamed is a child of this process of that name, 0 if there is none.
func childNamed(name string) int {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		status := statusOf(pid)
		if strings.HasPrefix(status, "Name:\t"+name+"\n") && strings.Contains(status, fmt.Sprintf("\nPPid:\t%d\n", os.Getpid())) {
			return pid
		}
	}
	return 0
}

func eventually(t *testing.T, cond func() bool) {
	t.Helper()
	require.Eventually(t, cond, deadline, 2*time.Millisecond)
}

// A daemon that nobody waits for any more hears of it, without a signal.
func TestNobodyWaits(t *testing.T) {
	hold, release, err := os.Pipe()
	require.NoError(t, err)
	answer, w, err := os.Pipe()
	require.NoError(t, err)
	report, pid, err := Daemon{Name: "daemon-unheard", Files: []*os.File{hold, w}}.start()
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, report.Close())
	require.NoError(t, release.Close())
	text, err := io.ReadAll(answer)
	require.NoError(t, err)
	assert.Equal(t, "sendmsg: broken pipe", string(text))
	assert.Zero(t, exitCode(t, pid))
}

func TestReportsAreCut(t *testing.T) {
	for text, want := range map[string]string{
		strings.Repeat("x", 1<<16):       strings.Repeat("x", longestReport),
		"x" + strings.Repeat("ö", 1<<12): "x" + strings.Repeat("ö", longestReport/2-1) + "�",
		"a\x00b\n":                       "a\x00b\n",
	} {
		ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		require.NoError(t, err)
		s := &Starter{report: ends[1]}
		require.NoError(t, s.Running(text))
		require.NoError(t, s.Running("again"))
		got, err := io.ReadAll(os.NewFile(uintptr(ends[0]), "report"))
		require.NoError(t, err)
		assert.True(t, running+"\x00"+want == string(got), "%d bytes: %.20q", len(got), got)
	}
	said, err := Daemonize(context.Background(), Daemon{Name: "daemon-plain", Args: []string{strings.Repeat("x", 1<<16)}})
	require.NoError(t, err)
	assert.Len(t, said, longestReport)
}

// It has no terminal, whatever its caller has, and gets none by opening one with O_NOCTTY.
func TestDaemonHasNoTerminal(t *testing.T) {
	user, device, err := pty.Open()
	require.NoError(t, err)
	defer user.Close()   //nolint:errcheck // nothing was written
	defer device.Close() //nolint:errcheck // nothing was written
	c := newChild(t, "daemonize-on-terminal", device.Name())
	c.Stdin, c.Stdout = device, device
	c.SysProcAttr.Setctty = true
	out := strings.Fields(c.output(t))
	require.Len(t, out, 3)
	assert.NotEqual(t, "0", out[0], "the control: the caller's terminal")
	assert.Equal(t, "0", out[1], "with O_NOCTTY")
	assert.NotEqual(t, "0", out[2], "the control: without")
}

// daemonizeOnTerminal has a controlling terminal, and says which it has, and its daemons.
func daemonizeOnTerminal() {
	say(ttyOf("self"))
	free, device := must2(pty.Open())
	defer free.Close() //nolint:errcheck // nothing was written
	for _, flags := range []int{unix.O_NOCTTY, 0} {
		say(must(Daemonize(context.Background(), Daemon{Name: "daemon-terminal", Args: []string{device.Name(), strconv.Itoa(flags)}})))
	}
}

func must2[A, B any](a A, b B, err error) (A, B) {
	must(0, err)
	return a, b
}

// Daemons that are started at one time don't hear of each other.
func TestDaemonsAtOneTime(t *testing.T) {
	const n = 8
	file := leash(t)
	got := make(chan string, n)
	for i := range n {
		go func() {
			said, err := Daemonize(context.Background(), Daemon{Name: "daemon-plain", Args: []string{strconv.Itoa(i)}, Files: []*os.File{file}})
			_, number, _ := strings.Cut(strings.TrimPrefix(said, "running "), " ")
			got <- fmt.Sprint(number, err)
		}()
	}
	var all, want []string
	for i := range n {
		all, want = append(all, <-got), append(want, strconv.Itoa(i)+"<nil>")
	}
	assert.ElementsMatch(t, want, all)
}

// One that ends is reaped, however long its starter is there.
func TestDaemonIsReaped(t *testing.T) {
	said, err := Daemonize(context.Background(), Daemon{Name: "daemon-plain"})
	require.NoError(t, err)
	pid := pidIn(t, said)
	eventually(t, func() bool { return statusOf(pid) == "" })
}
