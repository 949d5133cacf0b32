package forwarder_test

import (
	"os"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
)

func TestSendToProcessAndGroup(t *testing.T) {
	leader := start(t, &syscall.SysProcAttr{Setpgid: true}, "receive")
	member := start(t, &syscall.SysProcAttr{Setpgid: true, Pgid: leader.Process.Pid}, "receive")
	require.Equal(t, "ready", leader.next(t))
	require.Equal(t, "ready", member.next(t))

	require.NoError(t, forwarder.Group(leader.Process.Pid).Send(unix.SIGUSR1))
	assert.Equal(t, "10", leader.next(t))
	assert.Equal(t, "10", member.next(t))

	require.NoError(t, forwarder.Process(leader.Process.Pid).Send(unix.SIGUSR2))
	assert.Equal(t, "12", leader.next(t))
	require.NoError(t, forwarder.Group(leader.Process.Pid).Send(unix.SIGWINCH))
	assert.Equal(t, "28", leader.next(t))
	assert.Equal(t, "28", member.next(t), "USR2 was for the leader alone")
}

func TestSendToOneThatLeftItsGroup(t *testing.T) {
	c := start(t, &syscall.SysProcAttr{Setpgid: true}, "leave-group")
	require.Equal(t, "ready", c.next(t))
	pid := c.Process.Pid
	require.Equal(t, unix.ESRCH, unix.Kill(-pid, 0), "the group is empty")

	require.NoError(t, forwarder.Group(pid).Send(unix.SIGTERM))
	status := c.end(t)
	require.True(t, status.Signaled())
	assert.Equal(t, unix.SIGTERM, status.Signal())
}

func TestSendToNobody(t *testing.T) {
	c := start(t, &syscall.SysProcAttr{Setpgid: true}, "receive")
	require.NoError(t, c.in.Close())
	require.True(t, c.end(t).Exited())
	pid := c.Process.Pid
	require.Equal(t, unix.ESRCH, unix.Kill(pid, 0), "nobody has the number")

	// Signal 0 harms no one who gets the number at this moment.
	assert.Equal(t, os.ErrProcessDone, forwarder.Process(pid).Send(0))
	assert.Equal(t, os.ErrProcessDone, forwarder.Group(pid).Send(0))
}

func TestSendToZombieIsNoError(t *testing.T) {
	c := start(t, &syscall.SysProcAttr{Setpgid: true}, "receive")
	require.NoError(t, c.in.Close())
	require.NoError(t, unix.Waitid(unix.P_PID, c.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil))

	assert.NoError(t, forwarder.Process(c.Process.Pid).Send(unix.SIGTERM))
	assert.NoError(t, forwarder.Group(c.Process.Pid).Send(unix.SIGTERM))
	assert.True(t, c.end(t).Exited())
}

func TestSendToAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		err := forwarder.Process(1).Send(0)
		require.ErrorIs(t, err, unix.EPERM)
		return
	}
	nobody := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534, NoSetGroups: true}}
	c := start(t, nobody, "send-to", strconv.Itoa(os.Getpid()))
	assert.Equal(t, "kill: operation not permitted", c.next(t))

	control := start(t, nil, "send-to", strconv.Itoa(os.Getpid()))
	assert.Equal(t, "<nil>", control.next(t))
}
