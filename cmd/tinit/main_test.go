package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/session"
)

func TestMain(m *testing.M) {
	reexec.Register("leave", leaveChild)
	reexec.Register("leave-in-background", leaveInBackground)
	reexec.Register("parent", parent)
	reexec.Register("prints", prints)
	reexec.Register("tied", tied)
	if reexec.Init() {
		return
	}
	os.Exit(m.Run())
}

const deadline = 20 * time.Second

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// output runs the child of that name to its end.
func output(t *testing.T, name string) (out string, code int) {
	t.Helper()
	var both bytes.Buffer
	cmd := &exec.Cmd{Path: reexec.Self(), Args: []string{name}, Stdout: &both, Stderr: &both}
	require.NoError(t, cmd.Start())
	overdue := time.AfterFunc(deadline, func() { _ = cmd.Process.Kill() })
	defer overdue.Stop()
	_ = cmd.Wait()
	return both.String(), cmd.ProcessState.ExitCode()
}

// parse is what tinit does with its arguments and variables.
func parse(argv, environ []string) (*options, error) {
	return called(argv).parse(argv[min(1, len(argv)):], environ)
}

// printed is what that asks for.
func printed(o *options, argv []string) string {
	text, _ := called(argv).info(o)
	return text
}

func TestStartCode(t *testing.T) {
	for want, err := range map[int]error{
		session.CodeNotFound:      &session.Error{Step: "find", Err: unix.ENOENT},
		session.CodeNotExecutable: fmt.Errorf("wrapped: %w", &session.Error{Step: "execute", Err: unix.EACCES}),
		session.CodeOwnError:      &session.Error{Step: "start", Err: unix.ENOMEM},
	} {
		assert.Equal(t, want, own.codes.of(err))
	}
	assert.Equal(t, 125, own.codes.of(unix.ENOENT), "an error of no known step is tinit's own")
}
