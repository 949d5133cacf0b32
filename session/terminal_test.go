package session

import (
	"errors"
	"os"
	"os/signal"
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

// newTerminal opens a pseudo-terminal, which closes with the test.
func newTerminal(t *testing.T) (master, terminal *os.File) {
	t.Helper()
	master, terminal, err := pty.Open()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = master.Close()
		_ = terminal.Close()
	})
	return master, terminal
}

// onTerminal leads a session that terminal controls.
func onTerminal(t *testing.T, terminal *os.File, args ...string) *child {
	c := newChild(t, args...)
	c.Stdin, c.Stdout, c.Stderr = terminal, terminal, terminal
	c.SysProcAttr.Setctty = true
	return c
}

// seen is what this process sees of its terminal. The leader of the session is called 1, the process itself 2.
func seen(what string, t *Terminal) {
	sid := must(unix.Getsid(0))
	foreground := map[int]string{0: "0", sid: "1", unix.Getpid(): "2"}[t.Foreground()]
	if sid == unix.Getpid() && foreground == "2" {
		foreground = "1"
	}
	say(what+":", "foreground", foreground, "mine", t.Mine(), "abandoned", t.Abandoned())
}

func terminalLeader() {
	t, err := Lead()
	say("unshared:", t.Unshared, "error:", err)
	seen("at first", t)
	for _, args := range [][]string{{"terminal-background", "default"}, {"terminal-background", "caught"}} {
		pid := run(args...)
		status := wait(pid)
		say("exited:", status.Exited(), "stopped:", status.Stopped())
		seen("when it has gone", t)
		say("take:", t.Take())
		seen("taken", t)
	}
	say("give away:", t.Give(1))
}

// terminalBackground is in a group of its own, and gives the terminal to it.
func terminalBackground() {
	if os.Args[1] == "caught" {
		signal.Notify(make(chan os.Signal, 1), unix.SIGTTOU)
	}
	t, err := Lead()
	say("unshared:", t.Unshared, "error:", err)
	seen("background", t)
	say("take:", t.Take())
	seen("taken", t)
}

func TestTerminalGoesBackAndForth(t *testing.T) {
	_, terminal := newTerminal(t)
	background := "" +
		"unshared: true error: <nil>\n" +
		"background: foreground 1 mine false abandoned false\n" +
		"take: <nil>\n" +
		"taken: foreground 2 mine true abandoned false\n" +
		"exited: true stopped: false\n" +
		"when it has gone: foreground  mine false abandoned true\n" +
		"take: <nil>\n" +
		"taken: foreground 1 mine true abandoned false\n"
	assert.Equal(t, ""+
		"unshared: true error: <nil>\n"+
		"at first: foreground 1 mine true abandoned false\n"+
		background+background+
		"give away: tcsetpgrp: operation not permitted\n", onTerminal(t, terminal, "terminal-leader").output(t))
}

// terminalRaw starts itself again in the background, where it does what Give does but for the mask.
func terminalRaw() {
	if len(os.Args) > 1 {
		say(unix.IoctlSetPointerInt(0, unix.TIOCSPGRP, unix.Getpgrp()))
		return
	}
	pid := run("terminal-raw", "background")
	status := wait(pid)
	say("stopped by TTOU:", status.Stopped() && status.StopSignal() == unix.SIGTTOU)
	must(0, unix.Kill(pid, unix.SIGKILL))
	wait(pid)
}

// The control of TestTerminalGoesBackAndForth.
func TestTerminalStopsWhoeverTakesItUnmasked(t *testing.T) {
	_, terminal := newTerminal(t)
	assert.Equal(t, "stopped by TTOU: true\n", onTerminal(t, terminal, "terminal-raw").output(t))
}

// terminalUnshared starts itself again as one that does not lead the session, with a stream that is none of the terminal's.
func terminalUnshared() {
	if len(os.Args) > 1 {
		say(os.Args[1]+":", ControllingTerminal().Unshared)
		return
	}
	say("leads:", ControllingTerminal().Unshared)
	null := must(unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0))
	for fd, what := range []string{"without standard input", "without standard output", "without standard error"} {
		kept := must(unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0))
		must(0, unix.Dup3(null, fd, 0))
		wait(run("terminal-unshared", what))
		must(0, unix.Dup3(kept, fd, 0))
	}
}

func TestTerminalUnshared(t *testing.T) {
	_, terminal := newTerminal(t)
	assert.Equal(t, ""+
		"leads: true\n"+
		"without standard input: false\n"+
		"without standard output: false\n"+
		"without standard error: true\n", onTerminal(t, terminal, "terminal-unshared").output(t))
}

// terminalStart starts a program in the foreground, and some that can't be started.
func terminalStart() {
	t, err := Lead()
	say("unshared:", t.Unshared, "mine:", t.Mine(), "error:", err)
	for _, c := range []Command{
		{Name: reexec.Self(), Args: []string{"end-with", "7"}},
		{Name: "/no/such/program", Args: []string{"x"}},
		{Name: "/", Args: []string{"x"}},
	} {
		c.Terminal = t
		pid, err := c.Start()
		if err != nil {
			say(err, "mine:", t.Mine())
			continue
		}
		say("its own:", t.Foreground() == pid, "code:", wait(pid).ExitStatus())
		must(0, t.Take())
	}
}

func TestStartInForeground(t *testing.T) {
	_, terminal := newTerminal(t)
	rest := "its own: true code: 7\n" +
		"cannot find \"/no/such/program\": no such file or directory mine: true\n" +
		"cannot execute \"/\": permission denied mine: true\n"
	assert.Equal(t, "unshared: true mine: true error: <nil>\n"+rest, onTerminal(t, terminal, "terminal-start").output(t))

	t.Run("one stream", func(t *testing.T) {
		for i := range 3 {
			_, terminal := newTerminal(t)
			c := onTerminal(t, nil, "terminal-start")
			c.Stdin, c.Stdout, c.Stderr = nil, nil, nil
			switch i {
			case 0:
				c.Stdin = terminal
			case 1:
				c.Stdout = terminal
			case 2:
				c.Stderr = terminal
			}
			c.SysProcAttr.Ctty = i
			assert.Equal(t, "unshared: true mine: true error: <nil>\n"+rest, c.output(t), "descriptor %d", i)
		}
	})
	t.Run("no stream", func(t *testing.T) {
		_, terminal := newTerminal(t)
		c := newChild(t, "terminal-start")
		c.ExtraFiles = append(c.ExtraFiles, terminal)
		c.SysProcAttr.Setctty, c.SysProcAttr.Ctty = true, 4
		assert.Equal(t, "unshared: true mine: true error: <nil>\n"+rest, c.output(t))
	})
}

// A terminal that is standard input but controls another session, or none, is no business of ours.
func TestForeignTerminalIsNone(t *testing.T) {
	_, terminal := newTerminal(t)
	c := newChild(t, "lead")
	c.Stdin, c.Stdout = terminal, terminal
	assert.Equal(t, "terminal: false error: <nil> leads session: true\nagain: <nil> same session: true\n", c.output(t))
}

// terminalHangup loses its terminal in between.
func terminalHangup() {
	signal.Ignore(unix.SIGHUP)
	t, err := Lead()
	say("mine:", t.Mine(), "error:", err)
	for end := time.Now().Add(deadline); t.Foreground() != 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	say("foreground:", t.Foreground(), "mine:", t.Mine(), "abandoned:", t.Abandoned())
	err = t.Take()
	say("lost:", err != nil && (errors.Is(err, unix.EIO) || errors.Is(err, unix.ENOTTY)))
	pid, err := Command{Name: reexec.Self(), Args: []string{"end-with", "7"}, Terminal: t}.Start()
	say("started:", err)
	say("code:", wait(pid).ExitStatus())
	_, err = Command{Name: "/no/such", Args: []string{"x"}, Terminal: t}.Start()
	say(err)
}

func TestStartAfterHangup(t *testing.T) {
	master, terminal := newTerminal(t)
	c := onTerminal(t, terminal, "terminal-hangup")
	c.start(t)
	require.Equal(t, "mine: true error: <nil>", c.line(t))
	require.NoError(t, master.Close())
	for _, want := range []string{
		"foreground: 0 mine: false abandoned: false",
		"lost: true",
		"started: <nil>",
		"code: 7",
		`cannot find "/no/such": no such file or directory`,
	} {
		require.Equal(t, want, c.line(t))
	}
}

// The number of the foreground group, which terminal_test's children print as 1 or 2, is what the kernel shows in
// /proc/PID/stat too.
func TestForegroundIsWhatProcShows(t *testing.T) {
	_, terminal := newTerminal(t)
	c := onTerminal(t, terminal, "terminal-hangup")
	c.start(t)
	require.Equal(t, "mine: true error: <nil>", c.line(t))
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(c.Process.Pid) + "/stat")
	require.NoError(t, err)
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const tpgid = 5 // field 8 in proc_pid_stat(5)
	assert.Equal(t, strconv.Itoa(c.Process.Pid), fields[tpgid])
	pgid, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPGRP)
	assert.Equal(t, unix.ENOTTY, err, "pgid %d: it is not this process's terminal", pgid)
	require.NoError(t, c.Process.Signal(syscall.SIGKILL))
}
