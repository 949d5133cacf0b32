package forwarder

import (
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// startHandlerThread starts a thread that is only there for the handler to run on: whatever the process was started with, it
// has no signal blocked. The kernel looks for a thread that has not (signal(7)).
func startHandlerThread() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		started <- setMask(&unix.Sigset_t{})
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
	var set unix.Sigset_t
	for sig := syscall.Signal(1); sig <= Last; sig++ {
		if forwarded(sig) && !isFault(uint32(sig)) {
			word := 1024 / len(set.Val) // 32 or 64 bits, by architecture
			set.Val[(int(sig)-1)/word] |= 1 << ((int(sig) - 1) % word)
		}
	}
	return setMask(&set)
}

func setMask(set *unix.Sigset_t) error {
	return os.NewSyscallError("rt_sigprocmask", unix.PthreadSigmask(unix.SIG_SETMASK, set, nil))
}
