package test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A write of tinit's may raise a signal in tinit: that one is not for PROGRAM,
// which would end with it. The same signal from outside is.
func TestSignalsThatTinitRaisesItself(t *testing.T) {
	for name, c := range map[string]struct {
		sig    syscall.Signal
		stderr func(t *testing.T, r *run)
	}{
		"PIPE: nobody reads standard error": {syscall.SIGPIPE, func(t *testing.T, r *run) {
			reader, writer, err := os.Pipe()
			require.NoError(t, err)
			t.Cleanup(func() { writer.Close() })
			require.NoError(t, reader.Close())
			r.stderr(writer)
		}},
		"XFSZ: standard error is at the size limit": {syscall.SIGXFSZ, func(t *testing.T, r *run) {
			path := filepath.Join(t.TempDir(), "log")
			require.NoError(t, os.WriteFile(path, make([]byte, 4096), 0o600))
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			require.NoError(t, err)
			t.Cleanup(func() { f.Close() })
			r.stderr(f).with(func(s *stage) { s.Limits = map[int]rlimit{unix.RLIMIT_FSIZE: {4096, 4096}} })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, tinit starter) {
				// With -v it has something to say at each signal: see the control.
				r := tinit(t, "-v", "block-signals")
				c.stderr(t, r)
				u := r.start()
				program := u.blocked()
				// 35 and up, so that one that tinit raised would be taken first.
				for sig := syscall.Signal(35); sig <= 64; sig++ {
					u.signal(sig)
					awaitPending(t, program, sig)
				}
				assert.False(t, pending(program)[int(c.sig)], "PROGRAM got what tinit raised")

				u.signal(c.sig)
				awaitPending(t, program, c.sig)
				require.NoError(t, syscall.Kill(program, syscall.SIGKILL))
				assert.Equal(t, 128+9, u.wait())
			})
		})
	}
	t.Run("control: it speaks", func(t *testing.T) {
		u := tinit(t, "-v", "block-signals").start()
		u.blocked()
		for sig := syscall.Signal(35); sig <= 64; sig++ {
			u.signal(sig)
		}
		eventually(t, func() bool { return strings.Count(u.err.String(), "\n") >= 30 }, "a line for each signal")
	})
}

// With -p the end of tinit's parent is a signal to PROGRAM.
func TestParentDeath(t *testing.T) {
	for name, c := range map[string]struct {
		flags []string
		busy  bool
		want  map[int]bool
	}{
		"-p":               {[]string{"-p", "USR1"}, false, map[int]bool{10: true}},
		"--parent-death":   {[]string{"--parent-death=sigusr1"}, false, map[int]bool{10: true}},
		"by number":        {[]string{"-p10"}, false, map[int]bool{10: true}},
		"rewritten":        {[]string{"-p", "USR1", "-r", "USR1:USR2"}, false, map[int]bool{12: true}},
		"after much work":  {[]string{"-p", "USR1", "-r", "HUP:0"}, true, map[int]bool{10: true}},
		"control: no -p":   {nil, false, map[int]bool{}},
		"a terminating RT": {[]string{"-p", "RTMIN+1"}, false, map[int]bool{35: true}},
	} {
		t.Run(name, func(t *testing.T) {
			u, inner := withParent(t, append(c.flags, "block-signals")...)
			program := inner.blocked()
			if c.busy {
				// The kernel keeps it for one thread (prctl(2)), and which threads
				// tinit has by now is Go's affair.
				for range 5000 {
					require.NoError(t, syscall.Kill(inner.pid, syscall.SIGHUP))
				}
			}
			u.signal(syscall.SIGKILL)
			u.wait()
			eventually(t, func() bool { return procStat(inner.pid).ppid != u.pid }, "tinit loses its parent")
			want := map[int]bool{int(sentinel): true}
			for sig := range c.want {
				awaitPending(t, program, syscall.Signal(sig))
				want[sig] = true
			}
			require.NoError(t, syscall.Kill(inner.pid, sentinel))
			awaitPending(t, program, sentinel)
			assert.Equal(t, want, pending(program))
		})
	}
}

// As PID 1 its parent is in another namespace.
func TestParentDeathAsPID1(t *testing.T) {
	why := namespacesMissing()
	need(t, why == "" && os.Geteuid() == 0, "no namespaces: "+why)
	u := plainly(t, "/bin/sh", "-c", `exec unshare --pid --fork --mount-proc "$0" -p USR1 block-signals`, tinitPath).start()
	inner := childTinit(t, u)
	assert.Equal(t, 1, nsPid(t, inner.pid))
	program := inner.blocked()
	u.signal(syscall.SIGKILL)
	awaitPending(t, program, syscall.SIGUSR1)
}

// withParent starts tinit with a parent that waits for it: a shell of one
// thread. The second running is tinit, the first is its parent.
func withParent(t *testing.T, args ...string) (parent, inner *running) {
	t.Helper()
	parent = plainly(t, append([]string{"/bin/sh", "-c", `"$0" "$@"; :`, tinitPath}, args...)...).start()
	return parent, childTinit(t, parent)
}

// childTinit waits until a process has a tinit as its child.
func childTinit(t *testing.T, parent *running) *running {
	t.Helper()
	inner := *parent
	inner.done = make(chan struct{}) // nobody waits for it
	eventually(t, func() bool {
		for _, inner.pid = range children(parent.pid) {
			if inner.isTinit() {
				return true
			}
		}
		return false
	}, "tinit starts")
	return &inner
}
