package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A refusal is a system call that a seccomp filter answers with an errno, of
// ioctl only the one request, of clone only with the one flag.
type refusal struct {
	Call, Request, Flag, Errno uintptr
	Kills                      bool // the process that calls it, instead
}

// install has the filter for this thread, and what it executes.
func (f refusal) install() error {
	// struct seccomp_data: the call, the architecture, the instruction, the arguments.
	const call, firstArgument, secondArgument = 0, 16, 24
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	equal := func(value uintptr, otherwise uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: otherwise, K: uint32(value)}
	}
	answer := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }

	refuse := answer(unix.SECCOMP_RET_ERRNO | uint32(f.Errno))
	if f.Kills {
		refuse = answer(unix.SECCOMP_RET_KILL_PROCESS)
	}
	filter := []unix.SockFilter{load(call), equal(f.Call, 1), refuse}
	switch {
	case f.Request != 0:
		filter = []unix.SockFilter{load(call), equal(f.Call, 3), load(secondArgument), equal(f.Request, 1), refuse}
	case f.Flag != 0:
		has := unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, Jf: 1, K: uint32(f.Flag)}
		filter = []unix.SockFilter{load(call), equal(f.Call, 3), load(firstArgument), has, refuse}
	}
	filter = append(filter, answer(unix.SECCOMP_RET_ALLOW))
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
}

// What the kernel's reaping takes, refused as filters do it (EPERM, ENOSYS), and
// as kernels do that are too old for it: tinit waits then, and where it is told
// to have the kernel reap, it says what is missing.
func TestWithoutWhatTheKernelNeeds(t *testing.T) {
	needKernelReaps(t)
	const sendSignal = "pidfd_send_signal"
	for _, test := range []struct {
		name string
		refusal
	}{
		{"pidfd_open", refusal{Call: unix.SYS_PIDFD_OPEN, Errno: uintptr(unix.ENOSYS)}},
		{"pidfd_open", refusal{Call: unix.SYS_PIDFD_OPEN, Errno: uintptr(unix.EPERM)}},
		{"ioctl(PIDFD_GET_INFO)", refusal{Call: unix.SYS_IOCTL, Request: unix.PIDFD_GET_INFO, Errno: uintptr(unix.ENOTTY)}},
		{"ioctl(PIDFD_GET_INFO)", refusal{Call: unix.SYS_IOCTL, Request: unix.PIDFD_GET_INFO, Errno: uintptr(unix.ENOSYS)}},
		{"ioctl(PIDFD_GET_INFO)", refusal{Call: unix.SYS_IOCTL, Request: unix.PIDFD_GET_INFO, Errno: uintptr(unix.EPERM)}},
		{"ioctl(PIDFD_GET_INFO)", refusal{Call: unix.SYS_IOCTL, Request: unix.PIDFD_GET_INFO}}, // "done", and nothing is
		{sendSignal, refusal{Call: unix.SYS_PIDFD_SEND_SIGNAL, Errno: uintptr(unix.EINVAL)}},
		{sendSignal, refusal{Call: unix.SYS_PIDFD_SEND_SIGNAL, Errno: uintptr(unix.ENOSYS)}},
		{sendSignal, refusal{Call: unix.SYS_PIDFD_SEND_SIGNAL, Errno: uintptr(unix.EPERM)}},
	} {
		refused := func(s *stage) { s.Refuse = &test.refusal }
		t.Run(fmt.Sprintf("%s, %v", test.name, syscall.Errno(test.Errno)), func(t *testing.T) {
			reapsWith(t, refused)
			r := tinit(t, "true").with(refused).env("TINIT_REAPER=kernel").run()
			assert.Equal(t, 125, r.code)
			assert.Equal(t, 1, strings.Count(r.err, "\n"), r.err)
			assert.Contains(t, r.err, "tinit: the kernel cannot reap: "+test.name)
		})
	}
}

// reapsWith is tinit that waits, and does all that it has to, in that state.
func reapsWith(t *testing.T, state func(*stage)) {
	for where, tinit := range map[string]starter{"PID 1": pid1, "not PID 1": tinit} {
		t.Run(where, func(t *testing.T) {
			u := tinit(t, "-v", "sh", "-c", `(read x <"$0" &); trap 'exit 7' TERM; while :; do sleep 1000 & wait; done`, fifoOf(t)).
				with(state).start()
			assert.True(t, u.waits(), "tinit waits")
			eventually(t, func() bool { return len(u.orphans()) == 1 }, "there is an orphan")
			orphan := u.orphans()[0]
			require.NoError(t, unix.Kill(orphan, unix.SIGKILL))
			eventually(t, func() bool { return procStat(orphan).state == 0 }, "it is reaped")
			u.signal(unix.SIGTERM)
			assert.Equal(t, 7, u.wait(), u.err)
		})
	}
}

// A filter that refuses nothing but a pidfd of who is started: PROGRAM runs all
// the same, and tinit waits. The control is a start that has to have it.
func TestNoPidfdOfProgram(t *testing.T) {
	needKernelReaps(t)
	broken := filepath.Join(t.TempDir(), "broken")
	require.NoError(t, os.WriteFile(broken, []byte("#!/no/such/interpreter\n"), 0o755))
	for _, errno := range []syscall.Errno{unix.EPERM, unix.EINVAL, unix.ENOSYS, unix.EACCES} {
		t.Run(errno.Error(), func(t *testing.T) {
			refused := func(s *stage) {
				s.Refuse = &refusal{Call: unix.SYS_CLONE, Flag: unix.CLONE_PIDFD, Errno: uintptr(errno)}
			}
			reapsWith(t, refused)
			r := tinit(t, "true").with(refused).env("TINIT_REAPER=kernel").run()
			assert.Equal(t, 126, r.code)
			oneLine(t, r.err, errno.Error())

			r = tinit(t, broken).with(refused).run()
			assert.Equal(t, 127, r.code, "the error is the one of the start that asked for no more than PROGRAM")
			oneLine(t, r.err, broken, "interpreter")
		})
	}
}

// In the smallest limit of descriptors that waiting runs in, PROGRAM is started
// by default too, though there is no room for its pidfd. The control is a start
// that has to have it.
func TestNoDescriptorForAPidfd(t *testing.T) {
	needKernelReaps(t)
	limited := func(n uint64) func(*stage) {
		return func(s *stage) { s.Limits = map[int]rlimit{unix.RLIMIT_NOFILE: {n, n}} }
	}
	code := func(way string, n uint64) int {
		return tinit(t, "sh", "-c", "exit 7").with(limited(n)).env("TINIT_REAPER=" + way).run().code
	}
	n := uint64(3)
	for code("wait", n) != 7 {
		n++
		require.LessOrEqual(t, n, uint64(20))
	}
	t.Logf("RLIMIT_NOFILE %d", n)
	for m := n; m < n+3; m++ {
		assert.Equal(t, 7, code("auto", m), "RLIMIT_NOFILE %d", m)
	}
	assert.Equal(t, 125, code("auto", n-1), "where waiting is too much, so is this")
	assert.Equal(t, 125, code("kernel", n))
	assert.Equal(t, 7, code("kernel", n+1))
	reapsWith(t, limited(n))
}
