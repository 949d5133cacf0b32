package proc

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Go's runtime is not told of these system calls. It would hand the processor over to another thread where one takes long, as it does on
// a busy machine, and there may be no thread to be had: an init looks for what is left where that has filled the cgroup's pids.
// Nor does what is read here keep the reader waiting, but for a command line, which an init does not ask for.

func open(dir int, path string, flags int) (fd int, err error) {
	name, err := unix.BytePtrFromString(path)
	if err != nil {
		return -1, err
	}
	return result(syscall.RawSyscall6(unix.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(name)), uintptr(flags|unix.O_CLOEXEC), 0, 0, 0))
}

func shut(fd int) { _, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// fill reads into buf, which must not be empty.
func fill(fd int, buf []byte) (n int, err error) {
	return result(syscall.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf))))
}

// fillEntries does with what a directory holds.
func fillEntries(fd int, buf []byte) (n int, err error) {
	return result(syscall.RawSyscall(unix.SYS_GETDENTS64, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf))))
}

func result(n, _ uintptr, errno syscall.Errno) (int, error) {
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}
