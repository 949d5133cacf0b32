package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// withCommand adds a command of that name for as long as the test runs, in place of the real one.
func withCommand(t *testing.T, name string, run func(args, environ []string) (int, error)) {
	t.Helper()
	before := implemented
	implemented = []command{{name: name, run: run}}
	t.Cleanup(func() { implemented = before })
}

func TestCommandIsTheFirstWord(t *testing.T) {
	withCommand(t, "jobs", nil)
	for line, want := range map[string]bool{
		"tinit jobs": true, "/sbin/tinit jobs -l": true, "init jobs": true, "./tinit jobs -- x": true,
		"tinit": false, "tinit Jobs": false, "tinit job": false, "tinit ./jobs": false, "tinit prog jobs": false,
		"tinit -- jobs": false, "tinit -v jobs": false, "tinit --grace=1 jobs": false, "tinit -e 1 jobs": false,
		"tini jobs": false, "/sbin/docker-init jobs": false, "dumb-init jobs": false, "catatonit jobs": false,
		"tinit status": false, // not in this table
	} {
		argv := strings.Fields(line)
		assert.Equal(t, want, called(argv).command(argv) != nil, line)
	}
	assert.Nil(t, own.command(nil))
	assert.Nil(t, own.command([]string{"tinit", ""}))
}

func TestCommandGetsWhatFollows(t *testing.T) {
	withCommand(t, "jobs", func(args, environ []string) (int, error) {
		assert.Equal(t, []string{"-l", "--", "x"}, args)
		assert.Equal(t, []string{"A=b", "TINIT_GRACE=nonsense"}, environ)
		return 3, io.EOF
	})
	code, err := tinit(strings.Fields("tinit jobs -l -- x"), []string{"A=b", "TINIT_GRACE=nonsense"})
	assert.Equal(t, 3, code)
	assert.Equal(t, io.EOF, err)
}

func TestProcess1RunsNoCommand(t *testing.T) {
	c := &command{name: "jobs", run: func([]string, []string) (int, error) { return 3, nil }}
	code, err := c.runAs(1, nil, nil)
	assert.Equal(t, 125, code)
	assert.ErrorContains(t, err, "tinit -- jobs")
	code, err = c.runAs(2, nil, nil)
	assert.Equal(t, 3, code)
	assert.NoError(t, err)
}

func TestCommandNamesAreImplemented(t *testing.T) {
	var names []string
	for _, c := range implemented {
		names = append(names, c.name)
		assert.NotNil(t, c.run)
	}
	assert.ElementsMatch(t, commandNames, names, "one more would take the name from somebody's program")
}

func TestFlagsOfACommandFollowIt(t *testing.T) {
	for _, line := range []string{"-v jobs", "-e 1 jobs -l", "--grace 1 jobs"} {
		_, err := parse(words(line), nil)
		assert.ErrorContains(t, err, "whose flags come after it", line)
	}
	_, err := parse(words("jobs -l"), nil)
	assert.NotContains(t, err.Error(), "flags")
}

func TestParseCommand(t *testing.T) {
	for line, want := range map[string]struct {
		long, help bool
		rest       string
		err        string
	}{
		"":            {},
		"-l":          {long: true},
		"-l a b":      {long: true, rest: "a b"},
		"a -l":        {rest: "a -l"}, // as POSIX has it
		"-- -l":       {rest: "-l"},
		"-h":          {help: true},
		"--help -z":   {help: true, rest: "-z"}, // not looked at
		"-lh":         {long: true, help: true},
		"-z":          {err: `unknown flag "-z" (see tinit jobs -h)`},
		"-l --long=1": {err: `flag --long takes no argument, but got "1" (see tinit jobs -h)`},
	} {
		var long bool
		rest, help, err := parseCommand("jobs", flags{{long: "long", short: "l", set: to(&long)}}, strings.Fields(line))
		if want.err != "" {
			assert.EqualError(t, err, want.err)
			continue
		}
		require.NoError(t, err, line)
		assert.Equal(t, want.long, long, line)
		assert.Equal(t, want.help, help, line)
		assert.Equal(t, want.rest, strings.Join(rest, " "), line)
	}
}

// prints is a command that says more than a pipe holds.
func prints() {
	withoutEnd := command{name: "jobs", run: func([]string, []string) (int, error) {
		for {
			if code, err := printOut(strings.Repeat("line\n", 1000)); err != nil {
				return code, err
			}
		}
	}}
	implemented = []command{withoutEnd}
	os.Exit(leave(tinit([]string{"tinit", "jobs"}, nil)))
}

// An init takes INT and PIPE; a command is ended by them.
func TestCommandIsAnOrdinaryProgram(t *testing.T) {
	for name, end := range map[string]func(*exec.Cmd, io.Closer) error{
		"SIGINT":  func(cmd *exec.Cmd, _ io.Closer) error { return cmd.Process.Signal(syscall.SIGINT) },
		"SIGPIPE": func(_ *exec.Cmd, out io.Closer) error { return out.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			cmd := &exec.Cmd{Path: reexec.Self(), Args: []string{"prints"}, Stderr: os.Stderr}
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			overdue := time.AfterFunc(deadline, func() { _ = cmd.Process.Kill() })
			defer overdue.Stop()
			line, err := bufio.NewReader(out).ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "line\n", line)

			require.NoError(t, end(cmd, out))
			_ = cmd.Wait()
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			want := map[string]syscall.Signal{"SIGINT": syscall.SIGINT, "SIGPIPE": syscall.SIGPIPE}[name]
			assert.True(t, status.Signaled() && status.Signal() == want, "%v", cmd.ProcessState)
		})
	}
}

func TestPrintOutSaysWhatFailed(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer full.Close() //nolint:errcheck // nothing can be written
	before := os.Stdout
	os.Stdout = full
	code, err := printOut("x")
	os.Stdout = before
	assert.Equal(t, 125, code)
	assert.ErrorContains(t, err, "no space left on device")
}
