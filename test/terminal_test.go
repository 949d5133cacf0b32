package test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What a user types to have the terminal send a signal, or to end the input.
const (
	ctrlC         = "\x03"
	ctrlD         = "\x04"
	ctrlZ         = "\x1a"
	ctrlBackslash = "\x1c"
)

// A terminal is a pseudo-terminal seen from its user's chair. It echoes
// nothing, so that all that it shows was written by a program.
type terminal struct {
	t      *testing.T
	user   *os.File // the keyboard and the screen
	device *os.File // what programs have as their terminal

	mu    sync.Mutex
	shown strings.Builder
	seen  int           // how much of what was shows has gone past
	gone  chan struct{} // closed when nothing more can be shown
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	user, device, err := pty.Open()
	need(t, err == nil, fmt.Sprintf("no pseudo-terminal: %v", err))
	term := &terminal{t: t, user: interruptible(t, user), device: device, gone: make(chan struct{})}

	modes, err := unix.IoctlGetTermios(int(device.Fd()), unix.TCGETS)
	require.NoError(t, err)
	modes.Lflag &^= unix.ECHO
	require.NoError(t, unix.IoctlSetTermios(int(device.Fd()), unix.TCSETS, modes))

	go term.watch()
	t.Cleanup(func() {
		term.hangUp()
		<-term.gone
		if t.Failed() {
			t.Logf("the terminal showed:\n%s", term.text())
		}
	})
	return term
}

// interruptible gives a file whose Close wakes its readers. What pty.Open
// returns is in blocking mode: its Close waits for a Read that may never end.
func interruptible(t *testing.T, file *os.File) *os.File {
	t.Helper()
	defer file.Close()
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	require.NoError(t, err)
	require.NoError(t, unix.SetNonblock(fd, true))
	return os.NewFile(uintptr(fd), file.Name())
}

// watch keeps what is shown, until the terminal is gone.
func (term *terminal) watch() {
	defer close(term.gone)
	page := make([]byte, 4096)
	for {
		n, err := term.user.Read(page)
		term.mu.Lock()
		term.shown.Write(page[:n])
		term.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (term *terminal) text() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.shown.String()
}

// hangUp pulls the plug: for all who have it open, it is no terminal any more.
func (term *terminal) hangUp() {
	term.device.Close()
	term.user.Close()
}

func (term *terminal) types(keys string) {
	term.t.Helper()
	_, err := io.WriteString(term.user, keys)
	require.NoError(term.t, err)
}

func (term *terminal) line(format string, args ...any) {
	term.t.Helper()
	term.types(fmt.Sprintf(format, args...) + "\n")
}

// shows waits for text, beyond what was waited for before, and goes past it.
func (term *terminal) shows(text string) {
	term.t.Helper()
	eventually(term.t, func() bool {
		all := term.text()
		at := strings.Index(all[term.seen:], text)
		if at >= 0 {
			term.seen += at + len(text)
		}
		return at >= 0
	}, fmt.Sprintf("the terminal shows %q", text))
}

// attach makes this the three streams of cmd, and its controlling terminal.
func (term *terminal) attach(cmd *exec.Cmd) {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = term.device, term.device, term.device
	cmd.SysProcAttr.Setsid = true
	cmd.SysProcAttr.Setctty = true
}

func init() { registerChild("hear", hear) }

// hear prints "up", "continued" at each CONT, and at a HUP writes "heard" to
// the file hup and exits with 3. TERM, which a shell sends after a HUP to what
// it has stopped, is nothing to it.
//
// A shell's script would not do where Ctrl-Z is pressed: between vfork(2) and
// execve(2) of a child it can't be stopped, and hangs if the child was.
func hear() {
	signal.Ignore(syscall.SIGTERM)
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGCONT, syscall.SIGHUP)
	fmt.Println("up")
	for sig := range signals {
		if sig == syscall.SIGHUP {
			_ = os.WriteFile("hup", []byte("heard"), 0o600)
			os.Exit(3)
		}
		fmt.Println("continued")
	}
}

// A session is what a session leader started on its terminal. The leader is a
// user's shell, a script, or tinit itself.
type session struct {
	*terminal
	leader *running
	dir    string // the working directory
}

// onTerminal starts a session leader on a terminal of its own.
func onTerminal(t *testing.T, leader *run, also ...func(*exec.Cmd)) *session {
	t.Helper()
	s := &session{terminal: newTerminal(t), dir: t.TempDir()}
	leader.dir(s.dir).env("tinit="+tinitPath, "PS1="+prompt, "HISTFILE=").prep(s.attach)
	for _, prep := range also {
		leader.prep(prep)
	}
	s.leader = leader.start()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.processes())
		}
	})
	return s
}

// processes says who is there, and how.
func (s *session) processes() string {
	var text strings.Builder
	fmt.Fprintf(&text, "group %d has the terminal", s.owner())
	for _, pid := range s.members() {
		stat := procStat(pid)
		fmt.Fprintf(&text, "\nprocess %d of group %d, parent %d, state %c: %q", pid, stat.pgrp, stat.ppid, stat.state, cmdline(pid))
	}
	return text.String()
}

// script starts a session whose leader is a shell without job control.
func script(t *testing.T, text string) *session {
	t.Helper()
	return onTerminal(t, plainly(t, "/bin/sh", "-c", text))
}

// prompt is what the shell shows when it waits for a command.
const prompt = "ready> "

// interactiveShell starts bash as a user has it and waits for its prompt.
func interactiveShell(t *testing.T) *session {
	t.Helper()
	s := onTerminal(t, plainly(t, bash(t)...))
	s.prompts()
	return s
}

// bash is the command line of an interactive shell that nobody has set up.
func bash(t *testing.T) []string {
	t.Helper()
	path, err := exec.LookPath("bash")
	need(t, err == nil, "no bash")
	return []string{path, "--norc", "--noprofile", "--noediting", "-i"}
}

// prompts waits for the shell's prompt and for the terminal to be the shell's.
func (s *session) prompts() {
	s.t.Helper()
	s.shows(prompt)
	s.hasTerminal(s.leader.pid)
}

// do types a command that ends at once.
func (s *session) do(command string) {
	s.t.Helper()
	s.line("%s", command)
	s.prompts()
}

// ends waits for the prompt that follows a command, which must have ended with
// this exit code.
func (s *session) ends(code int) {
	s.t.Helper()
	s.prompts()
	s.line(`echo "code: $?"`)
	s.shows(fmt.Sprintf("code: %d\r\n", code))
	s.prompts()
}

// owner is the process group in the foreground, which has the terminal.
func (s *session) owner() int { return procStat(s.leader.pid).tpgid }

// hasTerminal waits until the process's group is in the foreground.
func (s *session) hasTerminal(pid int) {
	s.t.Helper()
	eventually(s.t, func() bool { return alive(pid) && s.owner() == procStat(pid).pgrp },
		fmt.Sprintf("process %d has the terminal", pid))
}

// members are the processes of the session that live, the leader among them.
func (s *session) members() (found []int) {
	for _, pid := range pids() {
		if alive(pid) && procStat(pid).session == s.leader.pid {
			found = append(found, pid)
		}
	}
	return found
}

// started waits for a tinit in the session to have started its program.
func (s *session) started() (tinit, program int) {
	s.t.Helper()
	eventually(s.t, func() bool {
		for _, pid := range s.members() {
			parent := procStat(pid).ppid
			if executes(parent, tinitPath) && !executes(pid, tinitPath) && alive(pid) {
				tinit, program = parent, pid
				return true
			}
		}
		return false
	}, "tinit starts its program")
	return tinit, program
}

func executes(pid int, file string) bool {
	exe, err := os.Readlink(procPath(pid, "exe"))
	return err == nil && exe == file
}

// file is the path of a file in the session's working directory.
func (s *session) file(name string) string { return filepath.Join(s.dir, name) }

// makes makes a file that a script of the session waits for.
func (s *session) makes(name string) {
	s.t.Helper()
	require.NoError(s.t, os.WriteFile(s.file(name), nil, 0o600))
}

// wrote waits until the file that a script of the session writes has text.
func (s *session) wrote(name, text string) {
	s.t.Helper()
	eventually(s.t, func() bool {
		content, err := os.ReadFile(s.file(name))
		return err == nil && strings.Contains(string(content), text)
	}, fmt.Sprintf("%q is written to %s", text, name))
}

// isStopped waits until each of the processes is stopped.
func isStopped(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		eventually(t, func() bool { return procStat(pid).state == 'T' }, fmt.Sprintf("process %d is stopped", pid))
	}
}

// goesOn waits until none of the processes is stopped.
func goesOn(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		eventually(t, func() bool { return alive(pid) && procStat(pid).state != 'T' }, fmt.Sprintf("process %d goes on", pid))
	}
}

// isGone waits until none of the processes is there.
func isGone(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		eventually(t, func() bool { return !alive(pid) }, fmt.Sprintf("process %d is gone", pid))
	}
}

func send(t *testing.T, pid int, sig syscall.Signal) {
	t.Helper()
	require.NoError(t, syscall.Kill(pid, sig))
}
