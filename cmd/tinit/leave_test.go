package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
)

// leaveChild leaves as tinit does when nothing was started.
func leaveChild() {
	forwarder.Receive()
	os.Exit(leave(127, errors.New("cannot find \"x\":\nno such file or directory")))
}

func TestLeave(t *testing.T) {
	out, code := output(t, "leave")
	assert.Equal(t, "tinit: cannot find \"x\": no such file or directory\n", out)
	assert.Equal(t, 127, code)
}

func TestLeaveWithoutReader(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	cmd := &exec.Cmd{Path: reexec.Self(), Args: []string{"leave"}, Stderr: w}
	_ = cmd.Run()
	require.NoError(t, w.Close())
	assert.Equal(t, 127, cmd.ProcessState.ExitCode(), "SIGPIPE does not change the code")
}

func TestLeaveWithFullPipe(t *testing.T) {
	_, w := pipe(t)
	size, err := unix.FcntlInt(uintptr(w), unix.F_GETPIPE_SZ, 0)
	require.NoError(t, err)
	_, err = unix.Write(w, make([]byte, size))
	require.NoError(t, err)
	own, err := unix.FcntlInt(uintptr(w), unix.F_DUPFD_CLOEXEC, 0) // which the file closes, at the latest when it is collected
	require.NoError(t, err)
	full := os.NewFile(uintptr(own), "full")
	defer full.Close()
	cmd := &exec.Cmd{Path: reexec.Self(), Args: []string{"leave"}, Stderr: full}
	require.NoError(t, cmd.Start())
	overdue := time.AfterFunc(deadline, func() { _ = cmd.Process.Kill() })
	defer overdue.Stop()
	_ = cmd.Wait()
	assert.Equal(t, 127, cmd.ProcessState.ExitCode())
}

// leaveInBackground leads the session of a terminal that lets nobody write from the background (stty tostop), and has
// another process leave there.
func leaveInBackground() {
	settings, err := unix.IoctlGetTermios(0, unix.TCGETS)
	must(err)
	settings.Lflag |= unix.TOSTOP
	must(unix.IoctlSetTermios(0, unix.TCSETS, settings))
	cmd := &exec.Cmd{
		Path: reexec.Self(), Args: []string{"leave"}, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stdout,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	must(cmd.Start())
	overdue := time.AfterFunc(deadline/2, func() { _ = cmd.Process.Kill() })
	defer overdue.Stop()
	_ = cmd.Wait()
	fmt.Println("code", cmd.ProcessState.ExitCode())
}

// Go's write(2) is raised TTOU again and again if it is caught and not blocked, and never comes back.
func TestLeaveInTheBackground(t *testing.T) {
	master, terminal, err := pty.Open()
	require.NoError(t, err)
	defer master.Close()   //nolint:errcheck // nothing was written
	defer terminal.Close() //nolint:errcheck // nothing was written
	cmd := &exec.Cmd{
		Path: reexec.Self(), Args: []string{"leave-in-background"}, Stdin: terminal, Stdout: terminal, Stderr: terminal,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, Setctty: true},
	}
	require.NoError(t, cmd.Start())
	defer cmd.Wait() //nolint:errcheck // its output counts
	var last string
	for lines := bufio.NewScanner(master); !strings.HasPrefix(last, "code") && lines.Scan(); {
		last = lines.Text()
	}
	assert.Equal(t, "code 127", last)
}

// parent starts one whose parent it is, and ends when that one is ready.
func parent() {
	cmd := &exec.Cmd{Path: reexec.Self(), Args: []string{"tied"}, Stderr: os.Stderr}
	out, err := cmd.StdoutPipe()
	must(err)
	cmd.ExtraFiles = []*os.File{os.Stdout}
	must(cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	must(err)
	fmt.Print(line)
}

// tied waits for the signal of its parent's end.
func tied() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, unix.SIGUSR2)
	newMessages(&stderr, 2, normal, unix.SIGUSR2)
	_, _ = os.Stdout.WriteString("tied\n")
	result := os.NewFile(3, "result")
	select {
	case sig := <-c:
		_, _ = fmt.Fprintln(result, sig)
	case <-time.After(deadline / 2):
		_, _ = fmt.Fprintln(result, "no signal")
	}
}

func TestParentDeath(t *testing.T) {
	out, code := output(t, "parent")
	assert.Equal(t, "tied\nuser defined signal 2\n", out)
	assert.Zero(t, code)
}
