// Package forwarder takes the signals that are sent to this process and sends them on to a program.
//
// A signal goes through three hands. A [Receiver] takes it from the kernel, a [Rewrite] says what becomes of it,
// and a [Target] is who gets it:
//
//	signals, err := forwarder.Receive() // first thing in main, see below
//	pid := …                            // start the program, in a process group of its own
//	for sig := range signals.C {
//		if sig = rewrite.Apply(sig); sig != 0 {
//			forwarder.Group(pid).Send(sig)
//		}
//	}
//
// Call [Receive] before anything slow. Until it has a signal, Go's runtime does: it ends the process on HUP, INT, QUIT,
// ABRT and TERM, and drops the others without a word (os/signal, "Default behavior of signals in Go programs").
//
// The signal handler is this package's own, not os/signal's, which can't tell URG and PROF from the runtime's own use of
// them, knows nothing of 32 and 34, and may want a thread just when there is none to be had (handler_unsafe.go has more).
//
// Signals are not counted and keep no order among themselves, as in the kernel (signal(7), "Queueing and delivery
// semantics for standard signals"): what holds is that a signal sent at least once is received at least once. That is
// stricter than a shared channel given to [os/signal.Notify], where a flood of one signal pushes out another.
//
// Linux only.
package forwarder
