package forwarder_test

import (
	"os"
	"os/signal"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
)

// By os/signal, for comparison. It comes first: after Receive os/signal hears of nothing.
func BenchmarkNotify(b *testing.B) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, unix.SIGUSR2)
	pid := os.Getpid()
	b.ReportAllocs()
	for b.Loop() {
		_ = unix.Kill(pid, unix.SIGUSR2)
		<-c
	}
}

// Once, and then this process is what Receive makes of it: the tests have copies for that.
var receiveOnce = sync.OnceValues(func() (*forwarder.Receiver, error) { return forwarder.Receive() })

// From kill(2) until the signal is received, in one process.
func BenchmarkReceive(b *testing.B) {
	signals, err := receiveOnce()
	if err != nil {
		b.Fatal(err)
	}
	pid := os.Getpid()
	b.ReportAllocs()
	for b.Loop() {
		_ = unix.Kill(pid, unix.SIGUSR1)
		<-signals.C
	}
}

func BenchmarkSend(b *testing.B) {
	pid := os.Getpid()
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		b.Skip(err)
	}
	for name, to := range map[string]forwarder.Target{
		"by number": forwarder.Process(pid),
		"by pidfd":  forwarder.Process(pid).By(pidfd),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = to.Send(0)
			}
		})
	}
}
