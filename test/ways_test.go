package test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// needKernelReaps skips where the kernel is too old to reap.
func needKernelReaps(t *testing.T) {
	t.Helper()
	var name unix.Utsname
	require.NoError(t, unix.Uname(&name))
	release := unix.ByteSliceToString(name.Release[:])
	var major, minor int
	_, err := fmt.Sscanf(release, "%d.%d", &major, &minor)
	require.NoError(t, err)
	if major < 6 || major == 6 && minor < 16 {
		t.Skipf("is about what comes with Linux 6.16, and this is %s", release)
	}
}

// waits says whether tinit waits for its children: it has a handler for CHLD.
// tinit must be verbose. It is in its loop, where this is settled, when it has
// sent a signal on, one that does nothing to most.
func (u *running) waits() bool {
	u.t.Helper()
	u.err.waitFor(u.t, "tinit: started")
	u.tell(unix.SIGWINCH)
	u.err.waitFor(u.t, "sent WINCH")
	return sigSet(procStatus(u.tinit())["SigCgt"])[int(unix.SIGCHLD)]
}

const saysTheKernelReaps = "tinit: the kernel reaps\n"

// Who reaps is what was asked for, and what is said.
func TestWhoReaps(t *testing.T) {
	needKernelReaps(t)
	for name, test := range map[string]struct {
		env   []string
		flags []string
		waits bool
	}{
		"by default":         {nil, nil, false},
		"auto":               {[]string{"TINIT_REAPER=auto"}, nil, false},
		"the kernel":         {[]string{"TINIT_REAPER=kernel"}, nil, false},
		"tinit":              {[]string{"TINIT_REAPER=wait"}, nil, true},
		"-w":                 {nil, []string{"-w"}, true},
		"-w, but the kernel": {[]string{"TINIT_REAPER=kernel"}, []string{"-w"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			for where, tinit := range map[string]starter{"PID 1": pid1, "not PID 1": tinit} {
				t.Run(where, func(t *testing.T) {
					u := tinit(t, append(test.flags, "-v", "sleep", "infinity")...).env(test.env...).start()
					assert.Equal(t, test.waits, u.waits())
					assert.Equal(t, !test.waits, strings.Contains(u.err.String(), saysTheKernelReaps), u.err)
					assert.Equal(t, "default", disposition(u.program(), unix.SIGCHLD), "PROGRAM's own children are its own matter")
				})
			}
		})
	}
}

// Beside services it is said once, and not of each.
func TestWhoReapsBesideServices(t *testing.T) {
	for _, waits := range []bool{false, true} {
		s := newServices(t, "services:\n  web: {command: sleep 1000}\n  again: {command: 'true', restart: always}\n")
		u := s.init(starter(tinit).waiting(waits), "-v", "--", "sleep", "1000").start()
		eventually(t, func() bool { return s.info("again").Restarts > 1 }, "it is started again")
		u.signal(unix.SIGTERM)
		assert.Equal(t, 143, u.wait())
		assert.Equal(t, 1, strings.Count(u.err.String(), " reaps\n"), u.err)
		assert.GreaterOrEqual(t, strings.Count(u.err.String(), "tinit: started "), 6, "control: all have been started")
	}
}

func disposition(pid int, sig unix.Signal) string {
	status := procStatus(pid)
	switch {
	case sigSet(status["SigIgn"])[int(sig)]:
		return "ignored"
	case sigSet(status["SigCgt"])[int(sig)]:
		return "caught"
	}
	return "default"
}

// The helpers run their legs over the way that they are named for.
func TestLegsAreOverBothWays(t *testing.T) {
	needKernelReaps(t)
	t.Run("everywhere", func(t *testing.T) {
		everywhere(t, func(t *testing.T, tinit starter) {
			u := tinit(t, "-v", "sleep", "infinity").start()
			assert.Equal(t, strings.HasSuffix(t.Name(), "_waits"), u.waits())
		})
	})
	t.Run("bothWays", func(t *testing.T) {
		bothWays(t, func(t *testing.T, start func(args ...string) *run) {
			u := start("-v", "sleep", "infinity").start()
			assert.Equal(t, strings.HasSuffix(t.Name(), "_waits"), u.waits())
		})
	})
}

// The kernel tells of no stop, which job control is about.
func TestTinitWaitsOnATerminal(t *testing.T) {
	for where, tinit := range map[string]starter{"PID 1": pid1, "not PID 1": tinit} {
		t.Run(where, func(t *testing.T) {
			term := newTerminal(t)
			u := tinit(t, "-v", "sleep", "infinity").prep(term.attach).start()
			u.program()
			u.signal(unix.SIGWINCH)
			term.shows("sent WINCH")
			assert.True(t, sigSet(procStatus(u.pid)["SigCgt"])[int(unix.SIGCHLD)])
			assert.NotContains(t, term.text(), "the kernel reaps")
		})
	}
}

// A pause has no PROGRAM to tell of, and the kernel reaps all the same.
func TestWhoReapsInAPause(t *testing.T) {
	needKernelReaps(t)
	for way, waits := range map[string]bool{"auto": false, "kernel": false, "wait": true} {
		t.Run(way, func(t *testing.T) {
			u := pid1(t, "-v", "-P").env("TINIT_REAPER=" + way).start()
			// In a pause tinit has / for its directory.
			eventually(t, func() bool {
				dir, err := os.Readlink(procPath(u.pid, "cwd"))
				return err == nil && dir == "/" && u.isTinit()
			}, "it pauses")
			if waits {
				never(t, func() bool { return !sigSet(procStatus(u.pid)["SigCgt"])[int(unix.SIGCHLD)] }, "the kernel reaps")
			} else {
				eventually(t, func() bool { return !sigSet(procStatus(u.pid)["SigCgt"])[int(unix.SIGCHLD)] }, "the kernel reaps")
			}
			u.signal(unix.SIGTERM)
			assert.Zero(t, u.wait())
			assert.Equal(t, !waits, strings.Contains(u.err.String(), saysTheKernelReaps), u.err)
		})
	}
}
