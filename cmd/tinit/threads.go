package main

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Go's runtime starts a thread, or opens a descriptor, when it first needs one, and ends the process with a trace if it
// does not get it. An init can't have that: PROGRAM may have filled the cgroup's pids, and the table of descriptors may
// be full. So what the runtime will ever want is made before PROGRAM is started, while an error can still be reported.

// spareThreads: while the loop is kept in a system call another thread has to run the other goroutines, and one is to
// spare. The others are for a flood of signals, where threads that are done queue up to say so, while the next is wanted
// already. (With two, 400,000 signals made the runtime want another in one of five runs; with three, in one of thirteen; with
// four, in none of forty.) Signals, their masks and messages have a thread each already.
const spareThreads = 4

// settleThreads makes the runtime start its threads, which then stay. It needs [oneProcessor] before.
func settleThreads() {
	started, leave := make(chan struct{}), make(chan struct{})
	for range spareThreads {
		go func() {
			// Locked, a goroutine that waits keeps its thread, so whoever runs next needs another.
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			started <- struct{}{}
			<-leave
		}()
	}
	for range spareThreads {
		<-started
	}
	close(leave)
}

// oneProcessor bounds how many threads the runtime can want. There is nothing here to be done in parallel.
func oneProcessor() { runtime.GOMAXPROCS(1) }

// settleTimers makes the runtime open the two descriptors that its timers wait with.
func settleTimers() error {
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
