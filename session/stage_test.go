package session

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestStageSetsWhatForkExecCannot(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var pid int
	got := reported(t, func(args, _ []string) (_ int, err error) {
		pid, err = Command{
			Name: reexec.Self(), Args: args, Env: []string{"A_PID=?", "B_PID=1"}, PIDVariables: []string{"A_PID"},
			Blocked: []syscall.Signal{unix.SIGWINCH, 64}, Place: SameGroup,
		}.Start()
		return pid, err
	})
	want := fmt.Sprintf("leads group: false, leads session: false\nSigBlk %016x SigIgn %s\n[one two words] [A_PID=%d B_PID=1]\n",
		uint64(1)<<63|1<<(unix.SIGWINCH-1), threadStatus("SigIgn"), pid)
	assert.Equal(t, want, got)

	// The control: without, no stage is needed, and nothing is set.
	got = reported(t, func(args, _ []string) (int, error) {
		return Command{Name: reexec.Self(), Args: args, Env: []string{"A_PID=?"}, Place: NewSession}.Start()
	})
	want = "leads group: true, leads session: true\nSigBlk %016x SigIgn " + threadStatus("SigIgn") + "\n[one two words] [A_PID=?]\n"
	assert.Equal(t, fmt.Sprintf(want, 0), got)
}

func TestStageFailures(t *testing.T) {
	for _, name := range []string{"/no/such", "/", "/etc/passwd", "no-such-program-anywhere", "", strings.Repeat("x", 5000)} {
		c := Command{Name: name, Args: []string{"x"}, Env: os.Environ()}
		_, direct := c.Start()
		c.PIDVariables = []string{"A_PID"}
		pid, staged := c.Start()
		assert.Zero(t, pid)
		require.Error(t, staged)
		assert.Equal(t, direct, staged)
		noChildren(t)
	}
}

// noChildren: the stage is reaped, sooner or later other tests' daemons are too, and no child is left.
func noChildren(t *testing.T) {
	t.Helper()
	eventually(t, func() bool {
		return unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil) == unix.ECHILD
	})
}

// A process that is no stage of anybody's goes on.
func TestNoStage(t *testing.T) {
	assert.False(t, Stage())
}

func TestExecuted(t *testing.T) {
	path := executed()
	require.NotEmpty(t, path)
	a, err := os.Stat(path)
	require.NoError(t, err)
	b, err := os.Stat("/proc/self/exe")
	require.NoError(t, err)
	assert.True(t, os.SameFile(a, b), path)
}
