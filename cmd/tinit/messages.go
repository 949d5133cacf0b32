package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The rules of what tinit says:
//
//   - On standard error, one line, "tinit: " first, no capital, no full stop. Never on standard output, which is
//     PROGRAM's.
//   - Nobody waits for a message. Standard error may be a pipe that no one reads; then messages are dropped.
//   - A PROGRAM that ends by itself, or as it was told to, is not worth a word.
type messages struct {
	level level
	queue chan string
	done  chan struct{}
}

type level int

const (
	quiet   level = iota // only why PROGRAM could not be started
	normal               // and what somebody should hear of
	verbose              // and what tinit does
)

const (
	queueLength = 64
	longest     = 4096                   // PIPE_BUF: up to there a write to a pipe is not cut in two
	lastWords   = 200 * time.Millisecond // how long the end waits for messages to be written
)

func newMessages(fd uintptr) *messages {
	m := &messages{level: normal, queue: make(chan string, queueLength), done: make(chan struct{})}
	go m.write(int(fd))
	return m
}

// write has a thread of its own that blocks the signals which writing raises in the writer: SIGPIPE when nobody reads,
// SIGXFSZ at a size limit, SIGTTOU on a terminal with TOSTOP. Taken like any other they would be sent on to PROGRAM, and
// kill it for what tinit did. They stay pending on this thread; the same signals from outside go to another.
func (m *messages) write(fd int) {
	runtime.LockOSThread()
	defer close(m.done)
	if err := blockWriteSignals(); err != nil {
		return
	}
	for text := range m.queue {
		if !writable(fd) {
			continue
		}
		// Not os.File's Write: it answers EPIPE on standard error with a SIGPIPE of its own, to end the process.
		_, _ = unix.Write(fd, []byte(text))
	}
}

func blockWriteSignals() error {
	var set unix.Sigset_t
	for _, sig := range [...]unix.Signal{unix.SIGPIPE, unix.SIGXFSZ, unix.SIGTTIN, unix.SIGTTOU} {
		set.Val[0] |= 1 << (sig - 1)
	}
	return os.NewSyscallError("rt_sigprocmask", unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil))
}

// writable: O_NONBLOCK would be the usual way, but it belongs to the open file, which PROGRAM shares.
func writable(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	for {
		n, err := unix.Poll(fds, 0)
		if err != unix.EINTR {
			return err == nil && n > 0
		}
	}
}

// flush gives what is in the queue a moment to be written. Nothing may be said after it.
func (m *messages) flush() {
	close(m.queue)
	select {
	case <-m.done:
	case <-time.After(lastWords):
	}
}

func (m *messages) error(err error) { m.say(quiet, "%v", err) }

func (m *messages) warn(format string, args ...any) { m.say(normal, format, args...) }

func (m *messages) note(format string, args ...any) { m.say(verbose, format, args...) }

func (m *messages) say(l level, format string, args ...any) {
	if l > m.level {
		return
	}
	text := "tinit: " + strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
	text = text[:min(len(text), longest-1)] + "\n"
	select {
	case m.queue <- text:
	default:
	}
}
