package reaper

import (
	"syscall"
	"unsafe"
)

// wait4 is for options that have WNOHANG: it does not tell Go's runtime of a system call that may take long, for which
// the runtime would have another thread ready.
func wait4(pid int, status *uint32, options int) (int, syscall.Errno) {
	got, _, errno := syscall.RawSyscall6(syscall.SYS_WAIT4, uintptr(pid), uintptr(unsafe.Pointer(status)), uintptr(options), 0, 0, 0)
	return int(got), errno
}

// waitid is for the same, and only asks.
func waitid(idType, id, options int) syscall.Errno {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_WAITID, uintptr(idType), uintptr(id), 0, uintptr(options), 0, 0)
	return errno
}
