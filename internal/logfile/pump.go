package logfile

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// chunk is as much as a pipe holds, unless somebody has made it larger (pipe(7)).
const chunk = 64 << 10

// Pump copies what comes out of a pipe until its end, and holds no more than one chunk of it.
//
// The end comes when the last process has closed the pipe, which may be one that has outlived its job. For that, or for any
// other reason to stop,
//
//	from.SetReadDeadline(time.Now())
//
// has it copy what is in the pipe at that moment, and return. A writer that goes on writing can't hold it up, but a Write
// that does not return can.
//
// What to can't write is lost: a program is not held up, nor ended, for the sake of its log.
func Pump(from *os.File, to io.Writer) {
	buf := make([]byte, chunk)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			_, _ = to.Write(buf[:n])
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			drain(from, to, buf)
			return
		case err != nil:
			return
		}
	}
}

// drain copies as much as is in the pipe now, and waits for nothing.
func drain(from *os.File, to io.Writer, buf []byte) {
	pipe, err := from.SyscallConn()
	if err != nil || from.SetReadDeadline(time.Time{}) != nil { // past it, nothing could be read
		return
	}
	left := 0
	_ = pipe.Control(func(fd uintptr) { left, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }) // FIONREAD's other name
	for left > 0 {
		n := 0
		err := pipe.Read(func(fd uintptr) bool {
			n, err = unix.Read(int(fd), buf[:min(left, len(buf))])
			return err != unix.EINTR // nor is there a wait for more: it is done, whatever came of it
		})
		if err != nil || n <= 0 {
			return
		}
		_, _ = to.Write(buf[:n])
		left -= n
	}
}
