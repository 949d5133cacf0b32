package scribe

import (
	"math"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// entersyscallblock tells Go's runtime of a system call that blocks: it takes the processor from this thread, and asks for nothing of
// it until the call returns. It is kept for gVisor's sake, as the runtime's source says, which uses it likewise.
//
//go:linkname entersyscallblock runtime.entersyscallblock
func entersyscallblock()

// Serve writes to fd, and never returns. The calling goroutine has to be locked to its thread, on which the signals that writing
// raises are blocked.
//
// For the runtime all of it is one system call. So nothing is called that could need the runtime: no function that may have to
// grow the stack, none that the race detector hears of.
//
//go:nosplit
//go:norace
func (s *Scribe) Serve(fd int) {
	entersyscallblock()
	for {
		in := load(&s.in)
		if in == s.out {
			_, _, _ = syscall.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&s.in)), futexWait, uintptr(in), 0, 0, 0)
			continue
		}
		n := s.lineAt(s.out)
		if Writable(fd) {
			s.write(fd, s.out%size, n)
		}
		store(&s.out, s.out+n)
		wake(&s.out)
	}
}

// lineAt is the length of the line that begins after so many bytes.
//
//go:nosplit
//go:norace
func (s *Scribe) lineAt(out uint32) (n uint32) {
	for s.ring[(out+n)%size] != '\n' {
		n++
	}
	return n + 1
}

// Writable reports whether fd takes a line at once. O_NONBLOCK would be the usual way, but it belongs to the open file, which PROGRAM
// shares.
//
//go:nosplit
//go:norace
func Writable(fd int) bool {
	fds := unix.PollFd{Fd: int32(fd), Events: unix.POLLOUT}
	var now syscall.Timespec
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
		if errno != unix.EINTR {
			return errno == 0 && n > 0
		}
	}
}

// write writes in one call, for a pipe to take it as one.
//
//go:nosplit
//go:norace
func (s *Scribe) write(fd int, at, n uint32) {
	var parts [2]syscall.Iovec
	first := min(n, size-at)
	parts[0].Base = &s.ring[at%size]
	parts[0].SetLen(int(first))
	parts[1].Base = &s.ring[0]
	parts[1].SetLen(int(n - first))
	_, _, _ = syscall.RawSyscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&parts)), uintptr(len(parts)))
}

const (
	futexWait = 0 | 128 // FUTEX_WAIT and FUTEX_PRIVATE_FLAG in futex(2)
	futexWake = 1 | 128
)

// wake wakes all who wait for a change of that word.
//
//go:nosplit
//go:norace
func wake(word *uint32) {
	_, _, _ = syscall.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake, math.MaxInt32, 0, 0, 0)
}

// sleep waits for a change of a word that was so.
func sleep(word *uint32, was uint32, atMost time.Duration) {
	timeout := syscall.NsecToTimespec(int64(atMost))
	_, _, _ = syscall.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(was), uintptr(unsafe.Pointer(&timeout)), 0, 0)
}
