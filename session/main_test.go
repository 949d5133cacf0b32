package session

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What changes a session or has a terminal runs in a copy of the test binary, started under one of these names; what it
// found out it writes to descriptor 3.
func TestMain(m *testing.M) {
	if Stage() {
		return
	}
	reexec.Register("lead", lead)
	reexec.Register("lead-below", leadBelow)
	reexec.Register("report", report)
	reexec.Register("report-state", reportState)
	reexec.Register("end-with", endWith)
	reexec.Register("daemonize-on-terminal", daemonizeOnTerminal)
	reexec.Register("terminal-leader", terminalLeader)
	reexec.Register("terminal-background", terminalBackground)
	reexec.Register("terminal-raw", terminalRaw)
	reexec.Register("terminal-start", terminalStart)
	reexec.Register("terminal-unshared", terminalUnshared)
	reexec.Register("terminal-hangup", terminalHangup)
	if reexec.Init() {
		return
	}
	os.Exit(m.Run())
}

const deadline = 20 * time.Second

// results is where children write what they found out.
var results = os.NewFile(3, "results")

func say(args ...any) { _, _ = fmt.Fprintln(results, args...) }

func must[T any](v T, err error) T {
	if err != nil {
		say(err)
		os.Exit(1)
	}
	return v
}

// endWith ends with the code that its first argument says.
func endWith() {
	code, _ := strconv.Atoi(os.Args[1])
	os.Exit(code)
}

// report writes what the kernel says of this process, to the descriptor of its first argument.
func report() {
	fd, _ := strconv.Atoi(os.Args[1])
	sid, _ := unix.Getsid(0)
	_, _ = fmt.Fprintf(os.NewFile(uintptr(fd), "report"), "leads group: %v, leads session: %v\nSigBlk %s SigIgn %s\n%s %s\n",
		unix.Getpgrp() == unix.Getpid(), sid == unix.Getpid(),
		threadStatus("SigBlk"), threadStatus("SigIgn"), os.Args[2:], os.Environ())
}

// threadStatus is a field of /proc/thread-self/status.
func threadStatus(field string) string {
	status, _ := os.ReadFile("/proc/thread-self/status")
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return "?"
}

// A child is a copy of the test binary that is about to be started.
type child struct {
	*exec.Cmd
	results *os.File
}

// newChild has no terminal, whatever the test was started from.
func newChild(t *testing.T, args ...string) *child {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return &child{
		Cmd: &exec.Cmd{
			Path: reexec.Self(), Args: args, Stderr: os.Stderr,
			ExtraFiles: []*os.File{w}, SysProcAttr: &syscall.SysProcAttr{Setsid: true},
		},
		results: r,
	}
}

func (c *child) start(t *testing.T) {
	t.Helper()
	require.NoError(t, c.Start())
	require.NoError(t, c.ExtraFiles[0].Close())
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	require.NoError(t, c.results.SetReadDeadline(time.Now().Add(deadline)))
}

// output runs the child to its end and returns what it found out.
func (c *child) output(t *testing.T) string {
	t.Helper()
	c.start(t)
	text, err := io.ReadAll(c.results)
	require.NoError(t, err, "%s said so far:\n%s", c.Args, text)
	return string(text)
}

// line is the next line that the child wrote.
func (c *child) line(t *testing.T) string {
	t.Helper()
	var line bytes.Buffer
	for b := make([]byte, 1); ; {
		_, err := c.results.Read(b)
		require.NoError(t, err, "after %q", &line)
		if b[0] == '\n' {
			return line.String()
		}
		line.WriteByte(b[0])
	}
}

// lead makes a session if it can. Its arguments are for one more process, started the same way.
func lead() {
	terminal, err := Lead()
	sid := must(unix.Getsid(0))
	say("terminal:", terminal != nil, "error:", err, "leads session:", sid == unix.Getpid())
	sidAfter := must(unix.Getsid(0))
	_, err = Lead()
	say("again:", err, "same session:", sidAfter == sid)
}

// leadBelow runs lead as a child of this session's leader: in a group of its own if its first argument says so.
func leadBelow() {
	cmd := &exec.Cmd{
		Path: reexec.Self(), Args: []string{"lead"}, ExtraFiles: []*os.File{results},
		SysProcAttr: &syscall.SysProcAttr{Setpgid: os.Args[1] == "own-group"},
	}
	must(0, cmd.Run())
}

// run starts a child in a group of its own, with this process's streams and descriptor 3.
func run(args ...string) (pid int) {
	return must(syscall.ForkExec(reexec.Self(), args, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, 1, 2, 3}, Sys: &syscall.SysProcAttr{Setpgid: true},
	}))
}

// wait returns pid's next change, a stop too.
func wait(pid int) unix.WaitStatus {
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, unix.WUNTRACED, nil)
		if !errors.Is(err, unix.EINTR) {
			must(0, err)
			return status
		}
	}
}
