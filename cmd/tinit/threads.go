package main

import (
	"runtime"

	"github.com/tinit-dev/tinit/forwarder"
)

// Go's runtime starts a thread when it first needs one, and ends the process with a trace if it does not get it. An init
// can't have that: PROGRAM may have filled the cgroup's pids. So what the runtime will ever want is made before PROGRAM is
// started, while an error can still be reported.

// spareThreads: one to run the other goroutines while one is kept in a system call, and one for when the one before is still on its
// way to sleep. That takes no more while each is given the processor seldom. Signals and messages, which come in floods, have a
// thread each that never has it: see packages forwarder and scribe.
const spareThreads = 2

// keeperThreads: what carries the two streams may hang in their files, and so may the record. One more is for who asks. With
// services there are two streams of each.
const keeperThreads = spareThreads + 4

// settleThreads makes the runtime start its threads, which then stay, and keeps signals off them. How many depends on package
// oneproc, and on what blocks in system calls.
func settleThreads(spareThreads int) {
	started, leave, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
	for range spareThreads {
		go func() {
			// Locked, a goroutine that waits keeps its thread, so whoever runs next needs another.
			runtime.LockOSThread()
			shield()
			started <- struct{}{}
			<-leave
			runtime.UnlockOSThread()
			left <- struct{}{}
		}()
	}
	for range spareThreads {
		<-started
	}
	shield() // the others are taken, so this is the last one
	close(leave)
	for range spareThreads {
		<-left // until then its thread is nobody else's
	}
}

func shield() { _ = forwarder.Shield() } // rt_sigprocmask(2) fails for bad arguments only
