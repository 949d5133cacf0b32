package session

import (
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestLead(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"a plain process": {[]string{"lead-below", "plain"}, "terminal: false error: <nil> leads session: true\n"},
		"a group leader":  {[]string{"lead-below", "own-group"}, "terminal: false error: <nil> leads session: false\n"},
		"a leader":        {[]string{"lead"}, "terminal: false error: <nil> leads session: true\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := newChild(t, test.args...).output(t)
			assert.Equal(t, test.want+"again: <nil> same session: true\n", got)
		})
	}
}

// blocked is the mask of this thread.
func blocked(t *testing.T) uint64 {
	t.Helper()
	mask, err := strconv.ParseUint(threadStatus("SigBlk"), 16, 64)
	require.NoError(t, err)
	return mask
}

func TestBlock(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := blocked(t)
	for sig := unix.Signal(1); sig <= 64; sig++ {
		restore, err := block(sig)
		require.NoError(t, err)
		during := blocked(t)
		restore()
		if sig == unix.SIGKILL || sig == unix.SIGSTOP {
			assert.Equal(t, before, during, "%d cannot be blocked", sig)
		} else {
			assert.Equal(t, before|1<<(sig-1), during, "%d", sig)
		}
		require.Equal(t, before, blocked(t), "restored after %d", sig)
	}
}

func TestUnblockAll(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, sig := range []unix.Signal{unix.SIGWINCH, unix.SIGUSR2, 64} {
		restore, err := block(sig)
		require.NoError(t, err)
		defer restore()
	}
	before := blocked(t)
	require.NotZero(t, before)

	restore, err := setMask(0)
	require.NoError(t, err)
	during := blocked(t)
	restore()
	assert.Zero(t, during)
	assert.Equal(t, before, blocked(t))
}
