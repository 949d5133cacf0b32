package session

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What was inherited goes on to those programs alone that are to have it, in whatever way they are started.
func TestInherited(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	said := func(inherits bool, dir string) (text string) {
		var p [2]int
		require.NoError(t, unix.Pipe2(p[:], 0))
		defer unix.Close(p[0])
		setCloseOnExec(p[:1], unix.FD_CLOEXEC)
		held, err := HoldInherited()
		require.NoError(t, err)
		require.Contains(t, held, p[1])
		require.NotContains(t, held, p[0])
		c := Command{Name: reexec.Self(), Args: []string{"report", strconv.Itoa(p[1])}, Env: os.Environ(), Dir: dir}
		if inherits {
			c.Inherited = []int{p[1]}
		}
		pid, err := c.Start()
		require.NoError(t, err)
		flags, err := unix.FcntlInt(uintptr(p[1]), unix.F_GETFD, 0)
		require.NoError(t, err)
		assert.Equal(t, unix.FD_CLOEXEC, flags, "it is held again")
		require.NoError(t, unix.Close(p[1]))
		assert.Zero(t, exitCode(t, pid))
		buf := make([]byte, 1<<16)
		n, err := unix.Read(p[0], buf)
		require.NoError(t, err)
		return string(buf[:n])
	}
	for _, dir := range []string{"", "/"} {
		t.Run(fmt.Sprintf("a stage: %v", dir != ""), func(t *testing.T) {
			assert.Contains(t, said(true, dir), "leads group")
			assert.Empty(t, said(false, dir), "control")
		})
	}
}
