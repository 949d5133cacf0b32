package forwarder_test

import (
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
)

// taken are the signals that Receive promises: all but those that NotForwarded lists.
func taken() (sigs []syscall.Signal) {
	for sig := syscall.Signal(1); sig <= forwarder.Last; sig++ {
		if forwarder.CheckForwarded(sig) == nil {
			sigs = append(sigs, sig)
		}
	}
	return sigs
}

func TestReceiveTakesEverySignal(t *testing.T) {
	c := start(t, nil, "receive")
	require.Equal(t, "ready", c.next(t))
	require.Len(t, taken(), 60)
	for _, sig := range taken() {
		c.kill(t, sig)
		require.Equal(t, strconv.Itoa(int(sig)), c.next(t))
	}
}

// What is never handed out does no harm either.
func TestReceiveLeavesTheRestAlone(t *testing.T) {
	c := start(t, nil, "receive")
	require.Equal(t, "ready", c.next(t))
	for _, n := range forwarder.NotForwarded {
		switch {
		case n.Signal == unix.SIGKILL || n.Signal == unix.SIGSTOP:
			continue
		case n.Signal == 33 && !c.disposition(t, "SigCgt", n.Signal):
			continue // a test binary with cgo leaves it to the C library, tinit has none
		}
		for range 3 {
			c.kill(t, n.Signal)
			c.kill(t, unix.SIGUSR1)
			require.Equal(t, "10", c.next(t), "after %d", n.Signal)
		}
	}
}

func TestReceiveAlso(t *testing.T) {
	c := start(t, nil, "receive-children")
	assert.Equal(t, "<nil> 17", c.next(t))
}

// What the runtime's threads send each other comes all the time, and is not for C. TestReceiveTakesEverySignal shows that
// an URG from outside is.
func TestReceiveOwnInterrupts(t *testing.T) {
	c := start(t, nil, "receive-own")
	got := []string{c.next(t)}
	assert.Subset(t, []string{"10 23", "23 10"}, got, "one of each")

	// The control: os/signal can't tell.
	control := start(t, nil, "notify-own")
	assert.Equal(t, "23", control.next(t))
}

// What a write raises in the writer is not for C, though the kernel has it look as if this process had sent it. The control is
// a PIPE that another process sends.
func TestReceiveWhatWritingRaises(t *testing.T) {
	c := start(t, nil, "receive-written")
	require.Equal(t, "broken pipe", c.next(t))
	require.Equal(t, "10", c.next(t), "a PIPE that had been taken would be pending still")
	c.kill(t, unix.SIGPIPE)
	assert.Equal(t, "13", c.next(t))
}

// The handler must not keep a fault from being told.
func TestFaultIsReported(t *testing.T) {
	cmd := &exec.Cmd{Path: reexec.Self(), Args: []string{"fault"}}
	out, _ := cmd.CombinedOutput()
	assert.Equal(t, 2, cmd.ProcessState.ExitCode())
	assert.Contains(t, string(out), "nil pointer dereference")
}

// Go's runtime would end the process when it has no descriptor for its poller.
func TestReceiveWithoutDescriptors(t *testing.T) {
	c := start(t, nil, "no-descriptors")
	assert.Equal(t, "eventfd: too many open files", c.next(t))
	for range 2 {
		assert.Equal(t, "fcntl(F_DUPFD_CLOEXEC): too many open files", c.next(t))
	}
	assert.Equal(t, "<nil>", c.next(t), "three are enough")
}

func TestSignalDoesNotAllocate(t *testing.T) {
	c := start(t, nil, "count-allocations")
	assert.Equal(t, "0", c.next(t))
}

// The control of TestReceiveTakesEverySignal: Go's runtime alone does not keep these two from ending the process.
func TestReservedSignalsEndOtherProcesses(t *testing.T) {
	for _, sig := range []syscall.Signal{32, 34} {
		c := start(t, nil, "notify-shared")
		require.Equal(t, "ready", c.next(t))
		c.kill(t, sig)
		status := c.end(t)
		require.True(t, status.Signaled(), "it ended with %d", status.ExitStatus())
		assert.Equal(t, sig, status.Signal())
	}
}

// A signal that was sent once gets through whatever is sent beside it, before anybody looks.
func TestReceiveFlood(t *testing.T) {
	c := start(t, nil, "receive-late")
	require.Equal(t, "ready", c.next(t))
	for range 1000 {
		c.kill(t, unix.SIGUSR1)
	}
	once := []string{"12", "15", "28", "64"}
	for _, sig := range []syscall.Signal{unix.SIGUSR2, unix.SIGTERM, unix.SIGWINCH, forwarder.Last} {
		c.kill(t, sig)
	}
	_, err := c.in.Write([]byte("\n"))
	require.NoError(t, err)

	var got []string
	for len(once) > 0 {
		line := c.next(t)
		got = append(got, line)
		for i, sig := range once {
			if sig == line {
				once = append(once[:i], once[i+1:]...)
				break
			}
		}
	}
	assert.Contains(t, got, "10")
	assert.Less(t, len(got), 1000, "signals are not counted")
}

// The control of TestReceiveFlood: a channel that signals share loses one.
func TestSharedChannelLosesSignals(t *testing.T) {
	c := start(t, nil, "notify-shared")
	require.Equal(t, "ready", c.next(t))
	for range 1000 {
		c.kill(t, unix.SIGUSR1)
	}
	require.Equal(t, "full", c.next(t))
	c.kill(t, unix.SIGUSR2)
	c.kill(t, unix.SIGWINCH)
	assert.Equal(t, "10", c.next(t))
	assert.Equal(t, "empty", c.next(t))
}

// Signals of real time are queued, others are not (signal(7)).
func TestRealTimeSignalsCount(t *testing.T) {
	c := start(t, nil, "receive-late")
	require.Equal(t, "ready", c.next(t))
	const often = 1000
	for range often {
		c.kill(t, 40)
		c.kill(t, unix.SIGUSR1)
	}
	c.kill(t, 64)
	_, err := c.in.Write([]byte("\n"))
	require.NoError(t, err)
	got := map[string]int{}
	for sum := 0; sum < often+1; {
		sig := c.next(t)
		if got[sig]++; sig != "10" {
			sum++
		}
		if sig == "64" {
			assert.Less(t, got["40"], often, "it had its turn before the last of the others")
		}
	}
	assert.Equal(t, often, got["40"])
	assert.Equal(t, 1, got["64"])
	assert.Less(t, got["10"], often, "the control")
}

// CONT takes back a stop signal that nobody has acted upon, as in the kernel.
func TestContinueWithdrawsStops(t *testing.T) {
	for _, stop := range []syscall.Signal{unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU} {
		got := func(sent ...syscall.Signal) (got []string) {
			c := start(t, nil, "receive-late")
			require.Equal(t, "ready", c.next(t))
			// The first one is on its way already, and the others wait behind it.
			for _, sig := range append([]syscall.Signal{unix.SIGUSR1}, sent...) {
				c.kill(t, sig)
				c.handled(t, sig)
			}
			c.kill(t, 64)
			_, err := c.in.Write([]byte("\n"))
			require.NoError(t, err)
			for {
				switch sig := c.next(t); sig {
				case "10":
				case "64":
					return got
				default:
					got = append(got, sig)
				}
			}
		}
		number := strconv.Itoa(int(stop))
		assert.Equal(t, []string{"18"}, got(stop, unix.SIGCONT))
		assert.Equal(t, []string{"18", number}, got(stop, unix.SIGCONT, stop))
		assert.Equal(t, []string{"18", number}, got(unix.SIGCONT, stop))
		assert.Equal(t, []string{number}, got(stop), "the control")
	}
}

// An ignored signal stays ignored until it is taken, and it is told that it was.
func TestIgnored(t *testing.T) {
	c := start(t, nil, "ignore-hup", "receive-ignored")
	assert.Equal(t, "[HUP]", c.next(t))
	assert.Equal(t, "taken", c.next(t))
	assert.False(t, c.disposition(t, "SigIgn", unix.SIGHUP))
	c.kill(t, unix.SIGUSR1)
	assert.Equal(t, "10", c.next(t), "the first HUP was ignored")
	c.kill(t, unix.SIGHUP)
	assert.Equal(t, "1", c.next(t))

	control := start(t, nil, "receive-ignored")
	assert.Equal(t, "[]", control.next(t))
	var got []string
	for range 2 {
		got = append(got, control.next(t))
	}
	assert.ElementsMatch(t, []string{"taken", "1"}, got)
}

func TestWithout(t *testing.T) {
	c := start(t, nil, "receive-without")
	assert.Equal(t, "10", c.next(t), "HUP and CONT, which were sent before it, are not told of")
	c.kill(t, unix.SIGHUP)
	assert.Equal(t, "1", c.next(t), "but are from then on")
}

func TestNotForwarded(t *testing.T) {
	var got []syscall.Signal
	for _, n := range forwarder.NotForwarded {
		got = append(got, n.Signal)
		err := forwarder.CheckForwarded(n.Signal)
		require.Error(t, err)
		assert.Contains(t, err.Error(), forwarder.SignalName(n.Signal)+" is never forwarded: it ")
		assert.Contains(t, err.Error(), n.Reason)
		assert.NotEmpty(t, n.Reason)
	}
	assert.ElementsMatch(t, []syscall.Signal{
		unix.SIGKILL, unix.SIGSTOP, unix.SIGCHLD, 33,
	}, got)
	assert.NoError(t, forwarder.CheckForwarded(unix.SIGTERM))
	assert.NoError(t, forwarder.CheckForwarded(forwarder.Last))
}
