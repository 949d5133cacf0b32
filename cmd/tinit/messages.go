package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/scribe"
)

// The rules of what tinit says:
//
//   - On standard error, one line, "tinit: " first, no capital, no full stop. Never on standard output, which is
//     PROGRAM's.
//   - Nobody waits for a message. Standard error may be a pipe that no one reads; then messages are dropped.
//   - A PROGRAM that ends by itself, or as it was told to, is not worth a word.
type messages struct {
	level level
	out   *scribe.Scribe
}

type level int

const (
	quiet    level = iota // nothing but why PROGRAM could not be started
	warnings              // what went wrong, which is as much as tini says
	normal                // and what became of PROGRAM, if somebody should hear of it
	verbose               // and what tinit does
)

const lastWords = 200 * time.Millisecond // how long the end waits for messages to be written

var stderr scribe.Scribe

// newMessages starts the thread that writes. It is there for as long as the process, and so it is also the one that asks
// for parentDeath, if that is not 0.
func newMessages(out *scribe.Scribe, fd int, l level, parentDeath unix.Signal) *messages {
	m := &messages{level: l, out: out}
	tied := make(chan struct{})
	go m.write(fd, parentDeath, tied)
	<-tied
	return m
}

// write has a thread of its own that blocks, with all others, the signals which writing raises in the writer: SIGPIPE when nobody reads,
// SIGXFSZ at a size limit, SIGTTOU on a terminal with TOSTOP. Taken like any other they would be sent on to PROGRAM, and
// kill it for what tinit did. They stay pending on this thread; the same signals from outside go to another.
func (m *messages) write(fd int, parentDeath unix.Signal, tied chan<- struct{}) {
	runtime.LockOSThread()
	err := forwarder.Shield()
	m.tieToParent(parentDeath)
	close(tied)
	if err == nil {
		m.out.Serve(fd)
	}
}

// tieToParent asks for a signal at the parent's end. The kernel keeps that wish for the thread that made it
// (PR_SET_PDEATHSIG in prctl(2)), and Go's other threads may end.
func (m *messages) tieToParent(sig unix.Signal) {
	if sig == 0 {
		return
	}
	parent := unix.Getppid()
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(sig), 0, 0, 0); err != nil {
		m.warn("no signal will tell of the parent's end: %v", os.NewSyscallError("prctl(PR_SET_PDEATHSIG)", err))
		return
	}
	if unix.Getppid() != parent {
		// It ended in between, and no signal was sent.
		_ = unix.Kill(unix.Getpid(), sig)
	}
}

// flush gives what was said a moment to be written.
func (m *messages) flush() { m.out.Flush(lastWords) }

func (m *messages) warn(format string, args ...any) { m.say(warnings, format, args...) }

func (m *messages) tell(format string, args ...any) { m.say(normal, format, args...) }

func (m *messages) note(format string, args ...any) { m.say(verbose, format, args...) }

func (m *messages) say(l level, format string, args ...any) {
	if l > m.level {
		return
	}
	m.out.Put(line(fmt.Sprintf(format, args...)))
}

func line(text string) string {
	// A name may have been chosen to look like something else.
	text = "tinit: " + strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	return text[:min(len(text), scribe.Longest-1)] + "\n"
}

// leave passes code on. With an err no PROGRAM runs and none will: it says why, whoever is quiet.
func leave(code int, err error) int {
	if err != nil && scribe.Writable(unix.Stderr) {
		_ = writeLast(unix.Stderr, line(err.Error()))
	}
	return code
}

// writeLast writes on a thread that then stays shielded, for a process that is about to end.
func writeLast(fd int, text string) error {
	runtime.LockOSThread()
	if err := forwarder.Shield(); err != nil {
		return err
	}
	for len(text) > 0 {
		n, err := unix.Write(fd, []byte(text))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("write", err)
		}
		text = text[n:]
	}
	return nil
}
