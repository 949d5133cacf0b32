package supervisor

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/reaper"
)

// An init that sends signals on and reaps orphans all day must not make work for the garbage collector.
func TestSignalsAndOrphansDoNotAllocate(t *testing.T) {
	assert.Zero(t, allocations(false))
	assert.Positive(t, allocations(true), "the control: what is said does")
}

func allocations(verbose bool) float64 {
	m := newMachine(Config{
		Rewrite:     forwarder.Rewrite{unix.SIGHUP: unix.SIGUSR1, unix.SIGUSR2: 0},
		StopSignals: forwarder.Of(unix.SIGTERM, unix.SIGINT, unix.SIGQUIT),
	})
	m.cfg.Verbose, m.cfg.Note = verbose, func(string, ...any) {}
	m.sys.send = func(_ forwarder.Target, sig syscall.Signal) error {
		if sig == unix.SIGUSR1 {
			return os.ErrProcessDone
		}
		return nil
	}
	m.got(unix.SIGTERM) // the first stop signal is noted down
	return testing.AllocsPerRun(100, func() {
		for sig := syscall.Signal(1); sig <= forwarder.Last; sig++ {
			m.got(sig) // CHLD among them, which reaps
		}
		m.changed(reaper.Change{PID: 7, Status: exited(3)})
	})
}
