package forwarder

import (
	"runtime"
	"syscall"

	"github.com/tinit-dev/tinit/internal/sigstate"
)

// startHandlerThread starts a thread that is only there for the handler to run on: whatever the process was started with, it
// has no signal blocked. The kernel looks for a thread that has not (signal(7)).
func startHandlerThread() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		_, err := sigstate.SetMask(sigstate.Mask(0))
		started <- err
		select {}
	}()
	return <-started
}

// Shield keeps the handler off the calling thread, which should be locked while it is called. Signals of real time are queued
// one by one, and a thread that takes them does nothing else until the queue is empty: seconds, if a program sends tens of
// thousands. The threads that other goroutines run on should be somewhere else then.
//
// Faults are not blocked: the kernel would end the process.
func Shield() error {
	var set Set
	for sig := syscall.Signal(1); sig <= Last; sig++ {
		if forwarded(sig) && !isFault(uint32(sig)) {
			set |= Of(sig)
		}
	}
	_, err := sigstate.SetMask(sigstate.Mask(uint64(set)))
	return err
}
