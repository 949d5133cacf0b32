package control

import (
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	mostSilent  = 32 // clients that have not said what they want
	mostWaiting = 64 // clients that wait for an answer
)

// A lobby is where clients are until they have said what they want. Who has something to ask says so at once: when there are too
// many the one that has been there longest has to go. Others need not wait for those that say nothing.
type lobby struct {
	mu     sync.Mutex
	silent []*os.File // oldest first
}

// enter is called by who accepts, so that the order is theirs.
func (l *lobby) enter(client *os.File) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = client.SetReadDeadline(time.Now().Add(patience))
	if len(l.silent) == mostSilent {
		_ = l.silent[0].SetReadDeadline(time.Unix(1, 0)) // long ago: its goroutine closes it
		l.silent = slices.Delete(l.silent, 0, 1)
	}
	l.silent = append(l.silent, client)
}

func (l *lobby) leave(client *os.File) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent = slices.DeleteFunc(l.silent, func(c *os.File) bool { return c == client })
}

// gone returns a channel that is closed when the client has gone, or was closed. One that has shut down its own direction only, and
// waits for the reply, has not: that is no POLLHUP (poll(2)).
func gone(client *os.File) <-chan struct{} {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		conn, err := client.SyscallConn()
		if err != nil {
			return
		}
		_ = conn.Read(func(fd uintptr) (done bool) {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd)}}, 0)
			return err == nil && n > 0
		})
	}()
	return gone
}
