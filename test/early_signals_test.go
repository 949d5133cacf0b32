package test

import (
	"fmt"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TERM sent the instant tinit catches it is not lost: either PROGRAM gets it,
// which ends with it, or tinit ends. If it were lost, PROGRAM would stay.
func TestTermAtTheEarliestMoment(t *testing.T) {
	for name, r := range map[string]func(*testing.T) *run{
		"PID 1":     func(t *testing.T) *run { return pid1(t, "sleep", "infinity") },
		"not PID 1": func(t *testing.T) *run { return tinit(t, "sleep", "infinity") },
	} {
		t.Run(name, func(t *testing.T) {
			for range times(300) {
				u := r(t).start()
				// No pause between two looks: the moment is what it is about.
				for !u.ended() && !(u.isTinit() && sigSet(procStatus(u.pid)["SigCgt"])[int(syscall.SIGTERM)]) {
					continue
				}
				u.signal(syscall.SIGTERM)
				code := u.wait()
				// 2 is what Go's runtime ends with as PID 1, where TERM's default
				// action does not exist.
				require.Contains(t, []int{128 + 15, 2}, code, u.err)
			}
		})
	}
}

// The same a little later each time, all along the start of PROGRAM: what comes
// then is PROGRAM's.
func TestTermWhileProgramIsStarted(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		for i := range times(100) {
			u := tinit(t, "sleep", "infinity").start()
			for !u.ended() && !u.isTinit() {
				continue
			}
			for range i * 10 {
				_ = procStat(u.pid) // a few microseconds
			}
			if caught := sigSet(procStatus(u.pid)["SigCgt"]); !caught[int(syscall.SIGTERM)] {
				eventually(t, func() bool { return sigSet(procStatus(u.pid)["SigCgt"])[int(syscall.SIGTERM)] }, "tinit catches TERM")
			}
			u.signal(syscall.SIGTERM)
			require.Contains(t, []int{128 + 15, 2}, u.wait(), u.err)
		}
	})
}

// fromProgram is the signals that end a process by default, and that tinit
// forwards.
func fromProgram() []syscall.Signal {
	return slices.DeleteFunc(terminating(), func(sig syscall.Signal) bool { return slices.Contains(kept, sig) })
}

// A signal that PROGRAM sends to tinit comes back and ends it; if it did not,
// PROGRAM would stay.
func TestSignalFromProgramAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		for _, sig := range some(fromProgram()) {
			u := tinit(t, "sh", "-c", fmt.Sprintf("kill -%d $PPID; exec sleep infinity", sig)).with(noCore).start()
			require.Equal(t, 128+int(sig), u.wait(), u.err)
		}
	})
}

func TestSignalFromProgramInItsFirstInstruction(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		for _, sig := range some(fromProgram()) {
			u := tinit(t, tiny(t, signalParent(int(sig)))).with(noCore).start()
			require.Equal(t, 128+int(sig), u.wait(), "signal %d: %s", sig, u.err)
		}
	})
}
