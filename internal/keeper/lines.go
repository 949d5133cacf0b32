package keeper

import (
	"bytes"
	"io"
	"runtime"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
)

// What services write in common is written by lines, so that none is cut in two by another's.

// longestLine is what is kept of a line until its end comes; what is longer goes on as a line of its own. It is the most that a pipe
// holds.
const longestLine = 64 << 10

// cutter cuts what is written to it into lines, with their ends. It belongs to one goroutine.
type cutter struct {
	begun []byte // a line that has no end yet
	line  func(line []byte)
	flush func() // after each Write
}

func (c *cutter) Write(p []byte) (int, error) {
	rest := p
	for len(rest) > 0 {
		end := bytes.IndexByte(rest, '\n') + 1
		switch {
		case end > 0 && len(c.begun) == 0:
			c.line(rest[:end])
		case end > 0:
			c.begun = append(c.begun, rest[:end]...)
			c.line(c.begun)
			c.begun = c.begun[:0]
		default:
			end = min(len(rest), longestLine-len(c.begun))
			if c.begun = append(c.begun, rest[:end]...); len(c.begun) >= longestLine {
				c.line(c.begun)
				c.begun = c.begun[:0]
			}
		}
		rest = rest[end:]
	}
	c.flush()
	return len(p), nil
}

// Close passes on what is left of a line.
func (c *cutter) Close() {
	if len(c.begun) > 0 {
		c.line(c.begun)
		c.begun = nil
		c.flush()
	}
}

// A shared is a stream of this process's own that several services write to.
type shared struct {
	fd    int
	asked chan []byte
	done  chan struct{}
	mu    sync.Mutex // held by who has asked
}

func newShared(fd int) *shared {
	s := &shared{fd: fd, asked: make(chan []byte), done: make(chan struct{})}
	go s.serve()
	return s
}

// Write waits for as long as nobody reads, as the service itself would have to.
func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked <- p
	<-s.done
	return len(p), nil
}

// serve writes on a thread of its own, which has those signals blocked that writing raises: from the background of a terminal with
// TOSTOP, SIGTTOU would be raised without end if it were caught (see package forwarder).
func (s *shared) serve() {
	runtime.LockOSThread()
	_ = forwarder.Shield()
	for p := range s.asked {
		s.write(p)
		s.done <- struct{}{}
	}
}

// write: others write to the same pipe, PROGRAM for one, and to them a write is whole if it has no more than atomic bytes (pipe(7)).
func (s *shared) write(p []byte) {
	const atomic = 4096
	for len(p) > 0 {
		n, err := unix.Write(s.fd, p[:wholeLines(p, atomic)])
		switch err {
		case nil:
			p = p[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			// Somebody who shares the file has made it so (O_NONBLOCK).
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLOUT}}, -1)
		default:
			return // nobody will read it
		}
	}
}

// wholeLines is the length of as many lines at the beginning of p as make most bytes, or of the first one if that is longer.
func wholeLines(p []byte, most int) int {
	if len(p) <= most {
		return len(p)
	}
	if end := bytes.LastIndexByte(p[:most], '\n') + 1; end > 0 {
		return end
	}
	if end := bytes.IndexByte(p, '\n') + 1; end > 0 {
		return end
	}
	return len(p)
}

// inLines has what is written cut into lines, each of which format appends to out, and passes all of one Write on in one.
func inLines(to io.Writer, format func(out, line []byte) []byte) *cutter {
	var out []byte
	c := &cutter{flush: func() {
		if len(out) > 0 {
			_, _ = to.Write(out)
			out = out[:0]
		}
	}}
	c.line = func(line []byte) {
		if out = format(out, line); len(out) > longestLine {
			c.flush()
		}
	}
	return c
}

// prefixed puts a prefix before each line, and an end where one has none.
func prefixed(prefix string, to io.Writer) *cutter {
	return inLines(to, func(out, line []byte) []byte {
		out = append(append(out, prefix...), line...)
		if line[len(line)-1] != '\n' {
			out = append(out, '\n')
		}
		return out
	})
}

// jsonLines writes lines as Docker's json-file driver does: an object with log, stream and time each.
func jsonLines(stream string, to io.Writer) *cutter {
	return inLines(to, func(out, line []byte) []byte {
		out = append(out, `{"log":`...)
		out = appendJSON(out, line)
		out = append(out, `,"stream":"`+stream+`","time":"`...)
		out = time.Now().UTC().AppendFormat(out, time.RFC3339Nano)
		return append(out, "\"}\n"...)
	})
}

// appendJSON appends text as a JSON string (RFC 8259), byte by byte as Docker does, which has it safe within HTML too. What is no
// UTF-8 becomes U+FFFD.
func appendJSON(buf, text []byte) []byte {
	buf = append(buf, '"')
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == '"' || r == '\\':
			buf = append(buf, '\\', byte(r))
		case r == '\n':
			buf = append(buf, `\n`...)
		case r == '\r':
			buf = append(buf, `\r`...)
		case r < ' ' || r == '<' || r == '>' || r == '&' || r == '\u2028' || r == '\u2029' || r == utf8.RuneError && size == 1:
			const digits = "0123456789abcdef"
			buf = append(buf, '\\', 'u', digits[r>>12], digits[r>>8&0xf], digits[r>>4&0xf], digits[r&0xf])
		default:
			buf = append(buf, text[:size]...)
		}
		text = text[size:]
	}
	return append(buf, '"')
}
