package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/session"
)

// readyTimers makes Go's runtime open the two descriptors that its timers wait with, now. It would do so at the first
// timer, long after PROGRAM was started, and if there were none to be had it would end tinit with a stack trace and
// PROGRAM's exit code would be lost.
func readyTimers() error {
	var spare [2]int
	for i := range spare {
		fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("not enough descriptors: %w", os.NewSyscallError("fcntl(F_DUPFD_CLOEXEC)", err))
		}
		spare[i] = fd
	}
	for _, fd := range spare {
		_ = unix.Close(fd)
	}
	time.AfterFunc(time.Hour, func() {}).Stop()
	return nil
}

// withoutTimers says err without messages, whose flush needs a timer.
func withoutTimers(err error) (code int) {
	if fd := unix.Stderr; writable(fd) {
		_, _ = unix.Write(fd, []byte("tinit: "+err.Error()+"\n"))
	}
	return session.CodeOwnError
}
