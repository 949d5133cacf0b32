// Package scribe writes lines on a thread of its own, with which Go's scheduler has nothing to do any more.
//
// A goroutine that is locked to its thread would have it as well, but is scheduled: each time that it is woken, the thread that ran
// hands its processor over to that one and goes to sleep, and each time that it has written, it hands it to a third that sleeps
// already. On a busy machine the first may still be on its way to sleep then, because the kernel has others run before it. So may
// the third, the next time. There is no number of threads that is enough, and where another can't be had, because PROGRAM has
// filled the cgroup's pids, Go's runtime ends the process.
package scribe

import (
	"sync"
	"time"
)

// Longest is the longest line, which is PIPE_BUF: a pipe takes so much at once or, when it is full, nothing.
const Longest = 4096

// size is a power of two.
const size = 1 << 16

// A Scribe keeps lines until they are written, and takes no more when it has too many. It is best no part of the heap, which would
// have to make room for it.
type Scribe struct {
	said sync.Mutex

	// in and out count the bytes that came and those that were written or dropped. What is between them is in ring.
	in, out uint32
	ring    [size]byte
}

// Put has a line written, which is no longer than Longest, and ends in a newline and has no other. It does not wait for that. It
// reports whether there was room.
func (s *Scribe) Put(line string) bool {
	s.said.Lock()
	defer s.said.Unlock()
	if len(line) > size-int(s.in-load(&s.out)) {
		return false
	}
	for i := range len(line) {
		s.ring[(s.in+uint32(i))%size] = line[i]
	}
	store(&s.in, s.in+uint32(len(line)))
	wake(&s.in)
	return true
}

// Flush waits until what was put is written, or dropped because nobody reads, but not longer than that time. It reports whether it
// is.
func (s *Scribe) Flush(atMost time.Duration) bool {
	until := time.Now().Add(atMost)
	for {
		out := load(&s.out)
		if out == load(&s.in) {
			return true
		}
		left := time.Until(until)
		if left <= 0 {
			return false
		}
		sleep(&s.out, out, left)
	}
}
