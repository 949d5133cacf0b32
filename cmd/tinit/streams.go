package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/session"
)

// streamFlags are the flags for the standard streams.
var streamFlags = [3]string{"--stdin", "--stdout", "--stderr"}

// openStreams opens the files for c's streams, as tinit's user and from tinit's directory: PROGRAM's user need not be allowed
// to. What is made has the mode that PROGRAM itself would give it.
func (p *process) openStreams(c *session.Command) error {
	if c.Umask != nil {
		defer unix.Umask(unix.Umask(*c.Umask)) // of all threads, but no other makes a file
	}
	for fd, file := range p.streams {
		if file == "" {
			continue
		}
		flags := unix.O_WRONLY | unix.O_APPEND | unix.O_CREAT
		if fd == unix.Stdin {
			flags = unix.O_RDONLY
		}
		opened, err := open(file, flags)
		if err != nil {
			return fmt.Errorf("flag %s: %w", streamFlags[fd], err)
		}
		if out := c.Streams[unix.Stdout]; fd == unix.Stderr && out != nil && sameFile(opened, int(out.Fd())) {
			// Whatever it is called: with an offset of its own each stream would overwrite the other's, where the file can't be
			// appended to.
			_ = unix.Close(opened)
			c.Streams[fd] = out
			continue
		}
		c.Streams[fd] = os.NewFile(uintptr(opened), file)
	}
	return nil
}

// closeStreams: once PROGRAM has them, tinit has no need of them, and would keep a pipe from ending.
func closeStreams(c session.Command) {
	for _, f := range c.Streams {
		if f != nil {
			_ = f.Close() // twice, if it is for both
		}
	}
}

// open opens file without os, which would have a FIFO not block PROGRAM. A terminal does not become the controlling one.
func open(file string, flags int) (fd int, err error) {
	for {
		fd, err = unix.Open(file, flags|unix.O_CLOEXEC|unix.O_NOCTTY, 0o666)
		if err == nil {
			return fd, nil
		}
		if err != unix.EINTR {
			return -1, fmt.Errorf("cannot open %q: %w", file, err)
		}
	}
}

func sameFile(a, b int) bool {
	var x, y unix.Stat_t
	return unix.Fstat(a, &x) == nil && unix.Fstat(b, &y) == nil && x.Dev == y.Dev && x.Ino == y.Ino
}
