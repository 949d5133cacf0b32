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

// As wait(2) has them.
func exited(code int) syscall.WaitStatus             { return syscall.WaitStatus(code << 8) }
func killedBy(sig syscall.Signal) syscall.WaitStatus { return syscall.WaitStatus(sig) }
func stoppedBy(sig syscall.Signal) syscall.WaitStatus {
	return syscall.WaitStatus(sig)<<8 | 0x7f
}

const coreDump = 0x80

func TestCode(t *testing.T) {
	for code := range 256 {
		assert.Equal(t, code, (&program{status: exited(code)}).code())
	}
	for sig := syscall.Signal(1); sig <= forwarder.Last; sig++ {
		assert.Equal(t, 128+int(sig), (&program{status: killedBy(sig)}).code())
		assert.Equal(t, 128+int(sig), (&program{status: killedBy(sig) | coreDump}).code())
	}
}

func TestDescribe(t *testing.T) {
	for status, want := range map[syscall.WaitStatus]string{
		exited(0):                         "ended with 0",
		exited(255):                       "ended with 255",
		killedBy(unix.SIGTERM):            "was killed by signal TERM",
		killedBy(34):                      "was killed by signal RTMIN",
		killedBy(32):                      "was killed by signal 32",
		killedBy(unix.SIGSEGV) | coreDump: "was killed by signal SEGV, with a core dump",
	} {
		assert.Equal(t, want, describe(status))
	}
}

// A program that ends by itself or by what it was sent is not worth a word.
func TestSaid(t *testing.T) {
	for _, code := range []int{0, 1, 255} {
		m := newMachine(Config{})
		m.end(exited(code))
		assert.Empty(t, m.warns, "code %d", code)
	}
	for sig := syscall.Signal(1); sig <= forwarder.Last; sig++ {
		m := newMachine(Config{})
		m.signalled(sig)
		m.end(killedBy(sig))
		assert.Empty(t, m.warns, "%d was sent", sig)

		m = newMachine(Config{})
		m.signalled(sig%forwarder.Last + 1)
		m.end(killedBy(sig))
		assert.Equal(t, []string{"prog (process 16777216) was killed by signal " + forwarder.SignalName(sig)}, m.warns)
	}
}

func TestKeysOfTheTerminalAreNoSurprise(t *testing.T) {
	for sig := syscall.Signal(1); sig <= forwarder.Last; sig++ {
		m := newMachine(Config{})
		m.hasTerminal()
		m.end(killedBy(sig))
		expected := sig == unix.SIGINT || sig == unix.SIGQUIT || sig == unix.SIGHUP
		assert.Equal(t, expected, len(m.warns) == 0, "%d", sig)
	}
}

func TestErrorsOfSendingAreSaidOnce(t *testing.T) {
	m := newMachine(Config{})
	m.sendErr = unix.EPERM
	m.signalled(unix.SIGHUP)
	m.signalled(unix.SIGHUP)
	m.signalled(unix.SIGUSR1)
	assert.Equal(t, []string{"HUP to group", "HUP to group", "USR1 to group"}, m.done(), "it goes on trying")
	assert.Equal(t, []string{"cannot send HUP to prog (process 16777216): operation not permitted"}, m.warns)
	assert.NotContains(t, m.notes, "sent USR1 to prog (process 16777216)", "that is not true")
}

// Who is gone was sent nothing, and tinit is about to hear of its end. A signal that others had too is no surprise then.
func TestASignalThatComesTooLate(t *testing.T) {
	m := newMachine(Config{})
	m.sendErr = os.ErrProcessDone
	m.signalled(unix.SIGHUP)
	assert.Equal(t, []string{"HUP to group"}, m.done())
	assert.Equal(t, []string{"HUP came too late for prog (process 16777216)"}, m.notes)
	m.end(killedBy(unix.SIGHUP))
	assert.Empty(t, m.warns)

	m = newMachine(Config{})
	m.signalled(unix.SIGHUP)
	assert.Equal(t, []string{"sent HUP to prog (process 16777216)"}, m.notes, "the control")
}

func TestOrphans(t *testing.T) {
	for _, warn := range []bool{false, true} {
		m := newMachine(Config{WarnReaped: warn})
		m.changed(reaper.Change{PID: 7, Status: exited(0)})
		m.changed(reaper.Change{PID: 8, Status: killedBy(unix.SIGKILL)})
		m.changed(reaper.Change{PID: 9, Status: stoppedBy(unix.SIGTSTP)})
		assert.Equal(t, running, m.phase)
		assert.Empty(t, m.done())
		if warn {
			assert.Equal(t, []string{
				"reaped orphan 7, which ended with 0", "reaped orphan 8, which was killed by signal KILL",
			}, m.warns)
		} else {
			assert.Empty(t, m.warns)
		}
	}
}

// The number of a program that was reaped may be an orphan's before the sweep has ended.
func TestNumberUsedAgain(t *testing.T) {
	m := newMachine(Config{WarnReaped: true})
	m.hasChild = true
	m.end(exited(3))
	m.done()
	m.end(killedBy(unix.SIGSEGV))
	assert.Equal(t, 3, m.main.code())
	assert.Equal(t, []string{"reaped orphan 16777216, which was killed by signal SEGV"}, m.warns)
	assert.Equal(t, sweeping, m.phase)
	m.Supervisor.signal(m.main, unix.SIGTERM)
	assert.Empty(t, m.done(), "nor is it signalled any more")
}

func TestRun(t *testing.T) {
	assert.Equal(t, "code 0\n", output(t, "supervise", "1s", "end-with", "0"))
	assert.Equal(t, "code 255\n", output(t, "supervise", "1s", "end-with", "255"))
	got := output(t, "supervise", "1s", "end-with", "-9")
	assert.Regexp(t, `^/proc/self/exe \(process \d+\) was killed by signal KILL\ncode 137\n$`, got)
}
