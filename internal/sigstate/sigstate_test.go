package sigstate

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestMask(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := Blocked()
	require.NoError(t, err)
	for _, sig := range []syscall.Signal{1, 31, 32, 33, 64} {
		bits := uint64(1) << (sig - 1)
		_, err := SetMask(Mask(bits))
		require.NoError(t, err)
		now, err := Blocked()
		require.NoError(t, err)
		old, err := SetMask(before)
		require.NoError(t, err)

		assert.Equal(t, bits, Bits(&old), "%v", sig)
		assert.Equal(t, bits, Bits(&now), "%v", sig)
	}
	now, err := Blocked()
	require.NoError(t, err)
	assert.Equal(t, before, now)
}

func TestChange(t *testing.T) {
	const sig = unix.SIGTSTP // which Go's runtime leaves alone
	var old Action
	require.Zero(t, Change(sig, nil, &old))
	require.Equal(t, Default, old.Handler)
	assert.Zero(t, ignored(t)&(1<<(sig-1)), "the control")

	require.Zero(t, Change(sig, &Action{Handler: Ignore}, nil))
	assert.NotZero(t, ignored(t)&(1<<(sig-1)))
	require.Zero(t, Change(sig, &old, nil))
	assert.Zero(t, ignored(t)&(1<<(sig-1)))

	assert.Equal(t, unix.EINVAL, Change(unix.SIGKILL, &Action{Handler: Ignore}, nil))
}

// ignored are the bits that /proc/self/status shows.
func ignored(t *testing.T) uint64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(status), "SigIgn:")
	require.True(t, found)
	bits, err := strconv.ParseUint(strings.Fields(rest)[0], 16, 64)
	require.NoError(t, err)
	return bits
}
