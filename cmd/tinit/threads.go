package main

import (
	"runtime"

	"github.com/tinit-dev/tinit/forwarder"
)

// Go's runtime starts a thread when it first needs one, and ends the process with a trace if it does not get it. An init
// can't have that: PROGRAM may have filled the cgroup's pids. So what the runtime will ever want is made before PROGRAM is
// started, while an error can still be reported.

// spareThreads: one to run the other goroutines while one is kept in a system call, and one for a flood of signals, where a
// thread may still be on its way to sleep when the next is wanted. Verbose there are messages too, each of which goes over
// to the thread that writes and back. (Forty times 400,000 signals made the runtime want no other; verbose, in a pids cgroup
// that was full, on a busy machine, with two to spare it did in 2 of 120 times.) Signals and messages have a thread each already.
func spareThreads(l level) int {
	if l == verbose {
		return 6
	}
	return 2
}

// settleThreads makes the runtime start its threads, which then stay, and keeps signals off them. How many depends on package
// oneproc.
func settleThreads(spare int) {
	started, leave := make(chan struct{}), make(chan struct{})
	for range spare {
		go func() {
			// Locked, a goroutine that waits keeps its thread, so whoever runs next needs another.
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			shield()
			started <- struct{}{}
			<-leave
		}()
	}
	for range spare {
		<-started
	}
	shield() // the others are taken, so this is the last one
	close(leave)
}

func shield() { _ = forwarder.Shield() } // rt_sigprocmask(2) fails for bad arguments only
