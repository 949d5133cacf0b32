package logfile

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A chain is the files of a log as a reader finds them: path, path.1, path.2 and so on. They may be renamed between any two
// calls, so a name says nothing for certain. What does is an open file, and that a file only ever moves up, by one at a time.
type chain struct{ path string }

// A link is a file of a chain, held open.
type link struct {
	*os.File
	info os.FileInfo
	at   int   // its number, unless it has moved up since
	read int64 // how much of it was copied, or is not to be
}

// errLeft is that a file has none of the chain's names any more.
var errLeft = errors.New("not among the log's files any more")

func (c chain) open(n int) (*link, error) {
	// A FIFO would be waited at.
	file, err := os.OpenFile(rotated(c.path, n), os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "read", Path: file.Name(), Err: errors.New("not a regular file")}
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &link{File: file, info: info, at: n}, nil
}

// newest opens the newest file. In the midst of a rotation that is number 1.
func (c chain) newest() (*link, error) {
	l, err := c.open(0)
	if errors.Is(err, fs.ErrNotExist) {
		if l, err := c.nearest(0, 1); l != nil || err != nil {
			return l, err
		}
	}
	return l, err
}

// names reports whether the n-th name is that of l.
func (c chain) names(n int, l *link) bool {
	info, err := os.Stat(rotated(c.path, n))
	return err == nil && os.SameFile(info, l.info)
}

// find brings l.at up to date.
func (c chain) find(l *link) error {
	for range 10 {
		// In the midst of a rotation one name is missing, and in that of the next another one.
		for n, missing := l.at, 0; missing < 3; n++ {
			switch {
			case c.names(n, l):
				l.at = n
				return nil
			case !exists(rotated(c.path, n)):
				missing++
			}
		}
		if deleted(l) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return errLeft
}

func deleted(l *link) bool {
	var st unix.Stat_t
	return unix.Fstat(int(l.Fd()), &st) != nil || st.Nlink == 0
}

// beside opens the file next to l: the older one if step is 1, the newer one if it is -1. It returns nil if there is none.
func (c chain) beside(l *link, step int) (*link, error) {
	for {
		if err := c.find(l); err != nil {
			return nil, err
		}
		next, err := c.nearest(l.at, step)
		// If l is where it was it was there all the while.
		if (err != nil || step > 0 || !c.between(next, l)) && c.names(l.at, l) {
			return next, err
		}
		if next != nil {
			_ = next.Close()
		}
	}
}

// between reports whether there is a file with a number between theirs. It may have moved up past those who looked downwards,
// but not past those who look up.
func (c chain) between(newer, older *link) bool {
	n := 0
	if newer != nil {
		n = newer.at + 1
	}
	for ; n < older.at; n++ {
		if exists(rotated(c.path, n)) {
			return true
		}
	}
	return false
}

// nearest opens the first file that there is after the n-th, down to the newest, or up to where two names are missing.
func (c chain) nearest(n, step int) (*link, error) {
	last := 0
	if step > 0 {
		last = n + 2
	}
	for n != last {
		n += step
		next, err := c.open(n)
		if !errors.Is(err, fs.ErrNotExist) {
			return next, err
		}
	}
	return nil, nil
}

// after opens the file to go on with where l has none of the names: somebody has moved it away or deleted it, or so much was
// written that it was the oldest, and is gone. It is the oldest one that was written to when l was not any more. It returns nil
// if there is none.
func (c chain) after(l *link) (*link, error) {
	info, err := l.Stat()
	if err != nil {
		return nil, err
	}
	var next os.FileInfo
	at := 0
	for n := 0; ; n++ {
		there, err := os.Stat(rotated(c.path, n))
		if err != nil || n > 0 && !there.ModTime().After(info.ModTime()) {
			break
		}
		next, at = there, n
	}
	if next == nil {
		return nil, nil
	}
	found, err := c.open(at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !os.SameFile(next, found.info): // rotated meanwhile
		_ = found.Close()
		return c.after(l)
	}
	return found, nil
}
