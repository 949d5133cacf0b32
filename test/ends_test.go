package test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Ends of PROGRAM's that are not simply told to its parent, whoever reaps.

// That there is a core is one bit more in the status, which must not come to be
// in the exit code.
func TestCoreDump(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		for _, sig := range []syscall.Signal{unix.SIGSEGV, unix.SIGABRT, unix.SIGQUIT} {
			dir := t.TempDir()
			kill := fmt.Sprintf(`cd "$0"; ulimit -S -c "$(ulimit -H -c)"; kill -%d $$`, sig)
			assert.Equal(t, 128+int(sig), tinit(t, "sh", "-c", kill, dir).run().code)

			// The control: there was one.
			pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
			require.NoError(t, err)
			var limit unix.Rlimit
			require.NoError(t, unix.Getrlimit(unix.RLIMIT_CORE, &limit))
			if strings.HasPrefix(string(pattern), "core") && limit.Max == unix.RLIM_INFINITY {
				files, err := os.ReadDir(dir)
				require.NoError(t, err)
				assert.Len(t, files, 1, "the core")
			}
		}
	})
}

// PROGRAM ends when its last thread does, and its first may have been gone for
// long, as a zombie that nobody may reap.
func TestFirstThreadEndsFirst(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		in, end := held(t)
		u := tinit(t, "-v", tiny(t, endInThread(7))).stdin(in).start()
		require.NoError(t, in.Close())
		eventually(t, func() bool { return len(zombies(u.tinit())) == 1 }, "the first thread has ended")
		u.tell(unix.SIGWINCH) // has tinit look for what it could reap
		u.err.waitFor(t, "sent WINCH")
		require.False(t, u.ended(), u.err)
		end()
		assert.Equal(t, 7, u.wait(), u.err)
	})
}

// A zombie that is traced is its tracer's first, and not yet tinit's.
func TestProgramThatIsTracedBySomebody(t *testing.T) {
	need(t, os.Geteuid() == 0, "only root can trace whom it likes")
	everywhere(t, func(t *testing.T, tinit starter) {
		runtime.LockOSThread() // the kernel has a thread for the tracer
		defer runtime.UnlockOSThread()
		in, end := held(t)
		u := tinit(t, "-v", "sh", "-c", "read x; exit 9").stdin(in).start()
		require.NoError(t, in.Close())
		program := u.program()
		require.NoError(t, unix.PtraceSeize(program))
		end()
		eventually(t, func() bool { return procStat(program).state == 'Z' }, "PROGRAM has ended")
		u.tell(unix.SIGWINCH)
		u.err.waitFor(t, "WINCH")
		require.False(t, u.ended(), "nobody has the status yet")
		var status unix.WaitStatus
		_, err := unix.Wait4(program, &status, 0, nil)
		require.NoError(t, err)
		assert.Equal(t, 9, status.ExitStatus())
		assert.Equal(t, 9, u.wait(), u.err)
	})
}
