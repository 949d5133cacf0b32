package forwarder

import (
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/sigstate"
)

// Last is the highest signal number of Linux (SIGRTMAX in signal(7)).
const Last = syscall.Signal(64)

// NotForwarded lists the signals that a [Receiver] does not hand out by itself, each with the reason. None of them ends
// the process, but for KILL.
var NotForwarded = [...]struct {
	Signal syscall.Signal
	Reason string
}{
	{syscall.SIGKILL, "cannot be caught (signal(7))"},
	{syscall.SIGSTOP, "cannot be caught (signal(7))"},
	{syscall.SIGCHLD, "is about this process's own children"},
	{33, "is what Go's runtime uses for system calls that all threads must make, as the C library does"},
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

// forwarded is [CheckForwarded] without its words, for what every start does.
func forwarded(sig syscall.Signal) bool {
	for _, n := range NotForwarded {
		if n.Signal == sig {
			return false
		}
	}
	return true
}

// A Receiver hands out the signals that it took.
type Receiver struct {
	// C carries each signal that was sent to this process since it was last received from C, once; one of real time as often
	// as it was sent. It is never closed.
	C <-chan syscall.Signal
	// Ignored are the signals that were ignored when it was made, and Blocked those that the calling thread had blocked, as
	// it was when the process was started: whoever started it may have meant that for a program which it is to start, as
	// nohup(1) does with HUP. It is not all of it. Go's runtime has a handler for most before main begins, but for HUP,
	// INT, CONT, TSTP, TTIN, TTOU, 32 and 34 if they were ignored; and it unblocks those by which it ends or throws.
	Ignored, Blocked Set
}

// Receive takes all signals but those of [NotForwarded], and of the latter those in also, for the rest of the process's
// life. Call it once, and use no [os/signal] beside it, which hears of nothing any more.
//
// Those that are ignored stay so until [Receiver.TakeIgnored], for a program that is started before that: it inherits what is
// ignored, and not what has a handler.
//
// The error is a system call's, most likely for want of descriptors: three are needed.
//
// Signals may have been blocked when the process was started. There is a thread on which they are not.
func Receive(also ...syscall.Signal) (*Receiver, error) {
	prepare()
	blocked, err := sigstate.Blocked()
	if err != nil {
		return nil, err
	}
	var ignored Set
	for sig := syscall.Signal(1); sig <= Last; sig++ {
		if !forwarded(sig) && !slices.Contains(also, sig) {
			continue
		}
		wasIgnored, err := takeUnlessIgnored(sig)
		if err != nil {
			return nil, err
		}
		if wasIgnored {
			ignored |= Of(sig)
		}
	}
	if err := startHandlerThread(); err != nil {
		return nil, err
	}
	w, err := newWaker()
	if err != nil {
		return nil, err
	}
	c := make(chan syscall.Signal)
	go w.pump(c)
	return &Receiver{C: c, Ignored: ignored, Blocked: Set(sigstate.Bits(&blocked))}, nil
}

// TakeIgnored takes those of Ignored too. They were lost until now, but not to a program that has just been started: it
// would have ignored them.
func (r *Receiver) TakeIgnored() error {
	for _, sig := range r.Ignored.Signals() {
		if err := take(sig); err != nil {
			return err
		}
	}
	return nil
}

// Without calls do, while the kernel discards those of sigs that are sent to this process: what do raises itself must not
// be handed out. What others send in these microseconds is lost too, so there should be no program yet.
func (r *Receiver) Without(do func(), sigs ...syscall.Signal) error {
	for _, sig := range sigs {
		if err := discard(sig); err != nil {
			return err
		}
	}
	do()
	for _, sig := range sigs {
		if err := take(sig); err != nil {
			return err
		}
	}
	return nil
}

// pump hands over one signal at a time; the others stay pending. Each has its turn, however many there are of another.
func (w *waker) pump(c chan<- syscall.Signal) {
	for {
		w.sleep()
		for more := true; more; {
			more = false
			for sig := syscall.Signal(1); sig <= Last; sig++ {
				if takePending(sig) {
					c <- sig
					more = true
				}
			}
		}
	}
}

// A waker sleeps until the handler wakes it.
type waker struct{ conn syscall.RawConn }

func newWaker() (*waker, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	if err := roomForPoller(); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "eventfd")
	conn, err := f.SyscallConn()
	if err == nil {
		err = f.SetDeadline(time.Time{}) // fails for what Go's poller does not have
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	wakeFD = fd
	wake() // for what came before
	return &waker{conn}, nil
}

// roomForPoller: Go's runtime opens two descriptors to wait for others with, and ends the process if it can't have them.
func roomForPoller() error {
	for range 2 {
		fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("fcntl(F_DUPFD_CLOEXEC)", err)
		}
		defer unix.Close(fd) //nolint:errcheck // nothing was written
	}
	return nil
}

// sleep returns when the handler has run since the last sleep. It sleeps in the runtime's poller, where a goroutine keeps
// no thread. The descriptor is in the poller and never closed, so there is no error to come.
func (w *waker) sleep() { _ = w.conn.Read(drain) }
