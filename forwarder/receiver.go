package forwarder

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Last is the highest signal number of Linux (SIGRTMAX in signal(7)).
const Last = syscall.Signal(64)

// NotForwarded lists the signals that a [Receiver] never hands out, each with the reason. None of them ends the process,
// but for KILL.
var NotForwarded = [...]struct {
	Signal syscall.Signal
	Reason string
}{
	{syscall.SIGKILL, "cannot be caught (signal(7))"},
	{syscall.SIGSTOP, "cannot be caught (signal(7))"},
	{syscall.SIGCHLD, "is about this process's own children"},
	{syscall.SIGURG, "is what Go's runtime interrupts its own threads with (golang.org/issue/37942)"},
	{syscall.SIGPROF, "is what Go's runtime profiles with: its handler never passes it on"},
	{32, "is what Go's runtime leaves to the C library, which cancels threads with it"},
	{33, "is what Go's runtime uses for system calls that all threads must make, as the C library does"},
	{34, "is what Go's runtime leaves to the C library, some of which use it for themselves"},
}

// CheckForwarded returns an error that gives the reason if sig is one of [NotForwarded].
func CheckForwarded(sig syscall.Signal) error {
	for _, n := range NotForwarded {
		if n.Signal == sig {
			return fmt.Errorf("%s is never forwarded: it %s", SignalName(sig), n.Reason)
		}
	}
	return nil
}

// first are registered before all others, since they are what an init is stopped with.
var first = [...]syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP}

// A Receiver hands out the signals that it took.
type Receiver struct {
	// C carries each signal that was sent to this process since it was last received from C. It is never closed.
	C <-chan syscall.Signal
}

// Receive takes all signals but those of [NotForwarded], for the rest of the process's life.
//
// SIGHUP is left alone if it was ignored when the process started, so that a program run under nohup(1) goes on
// ignoring it: Go passes on to a new program only what it was not asked to catch.
func Receive() *Receiver {
	c := make(chan syscall.Signal)
	take(wanted(), c)
	for _, sig := range [...]syscall.Signal{32, 34} {
		_ = swallow(sig) // EINVAL is all that rt_sigaction(2) could say, and the numbers are right
	}
	return &Receiver{C: c}
}

func wanted() []syscall.Signal {
	var left [Last + 1]bool
	for _, n := range NotForwarded {
		left[n.Signal] = true
	}
	left[syscall.SIGHUP] = signal.Ignored(syscall.SIGHUP)

	sigs := make([]syscall.Signal, 0, Last)
	add := func(s syscall.Signal) {
		if !left[s] {
			sigs = append(sigs, s)
			left[s] = true
		}
	}
	for _, s := range first {
		add(s)
	}
	for s := syscall.Signal(1); s <= Last; s++ {
		add(s)
	}
	return sigs
}

// width is how many signals share a goroutine. One goroutine for all would lock and unlock sixty channels for each
// signal; one for each signal would cost sixty stacks.
const width = 8

// take gives each signal a channel of capacity 1: that is its pending bit, and nothing that floods another signal's
// channel can push it out.
func take(sigs []syscall.Signal, out chan<- syscall.Signal) {
	for len(sigs) > 0 {
		n := min(width, len(sigs))
		var in [width]chan os.Signal
		for i, s := range sigs[:n] {
			in[i] = make(chan os.Signal, 1)
			signal.Notify(in[i], s)
		}
		go pump(in, out)
		sigs = sigs[n:]
	}
}

// pump hands over one signal at a time; the others stay pending in their channels. A nil channel is never ready.
func pump(in [width]chan os.Signal, out chan<- syscall.Signal) {
	for {
		var s os.Signal
		select {
		case s = <-in[0]:
		case s = <-in[1]:
		case s = <-in[2]:
		case s = <-in[3]:
		case s = <-in[4]:
		case s = <-in[5]:
		case s = <-in[6]:
		case s = <-in[7]:
		}
		if sig, ok := s.(syscall.Signal); ok {
			out <- sig
		}
	}
}
