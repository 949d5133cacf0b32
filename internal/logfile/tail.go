package logfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// All is for [Tail]: all lines that are there.
const All = -1

// Tail copies the last lines of the log at path, over all of its files, and then what is written to it until stop is closed.
// What there is by then is still copied. A stop that is closed from the beginning prints the log as it is.
//
// It follows the log from file to file as they are rotated, and no byte is left out or comes twice as long as its file is
// there to be read: a log of a single file loses what was not read before it is truncated.
//
// It returns an error if the log can't be read, or to can't be written. If there is no log it waits for one until stop, and
// then says so (fs.ErrNotExist).
func Tail(to io.Writer, path string, lines int, stop <-chan struct{}) error {
	r := &reader{chain: chain{resolve(path)}, to: to, stop: stop, buf: make([]byte, chunk)}
	defer r.close()
	watch := new(watch)
	if !r.stopped() {
		watch = watchDir(filepath.Dir(r.path)) // first: what happens after the first look is seen
		defer watch.close()
	}
	for {
		stopped := r.stopped()
		err := r.begin(lines)
		if err == nil {
			err = r.drain()
		} else if errors.Is(err, fs.ErrNotExist) && !stopped {
			err = nil
		}
		if err != nil || stopped {
			return err
		}
		select {
		case <-stop:
		case <-watch.changed:
		case <-time.After(watch.atLatest):
		}
	}
}

type reader struct {
	chain
	to   io.Writer
	stop <-chan struct{}
	buf  []byte
	now  *link       // the file that is being read
	end  os.FileInfo // what was the newest file, and its size, at the stop
	over bool        // there was a stop
}

func (r *reader) close() {
	if r.now != nil {
		_ = r.now.Close()
	}
}

// stopped reports whether stop is closed. The first time it is, it marks the end: a program may write faster than we read.
func (r *reader) stopped() bool {
	if !r.over {
		select {
		case <-r.stop:
			r.over = true
			r.end, _ = os.Stat(r.path)
		default:
		}
	}
	return r.over
}

// begin opens the file in which the last lines begin, once.
func (r *reader) begin(lines int) error {
	if r.now != nil {
		return nil
	}
	newest, err := r.newest()
	if err != nil {
		return err
	}
	if r.over {
		r.end = newest.info // the lines are counted from there
	}
	r.now, err = r.back(newest, lines)
	return err
}

// drain copies all that there is.
func (r *reader) drain() error {
	for {
		next, err := r.newer() // first, so that nothing is written any more to the file that is left
		if err != nil {
			return err
		}
		ended, err := r.copy()
		if next == nil {
			return err
		}
		if err != nil || ended {
			_ = next.Close()
			return err
		}
		r.close()
		r.now = next
	}
}

// newer opens the file after the one that is being read, if that has got all it will: if there is something in the newer one.
// A logrotate may have made that long before the log turns to it.
func (r *reader) newer() (*link, error) {
	if r.names(0, r.now) {
		return nil, nil
	}
	next, err := r.beside(r.now, -1)
	if err == errLeft {
		next, err = r.after(r.now)
	}
	if next != nil && next.at == 0 && next.info.Size() == 0 {
		_ = next.Close()
		next = nil
	}
	return next, err
}

// copy copies the file to its end, or to where the end was at the stop.
func (r *reader) copy() (ended bool, err error) {
	info, err := r.now.Stat()
	if err != nil {
		return false, err
	}
	if info.Size() < r.now.read {
		r.now.read = 0 // it was truncated
	}
	for {
		buf := r.buf
		if r.stopped() && r.end != nil && os.SameFile(r.end, r.now.info) {
			buf = upTo(r.end.Size()-r.now.read, buf)
			ended = len(buf) == 0
		}
		if ended {
			return true, nil
		}
		n, err := r.now.ReadAt(buf, r.now.read)
		r.now.read += int64(n)
		if n > 0 {
			if _, err := r.to.Write(buf[:n]); err != nil {
				return false, err
			}
		}
		switch {
		case err == io.EOF:
			return false, nil
		case err != nil:
			return false, err
		}
	}
}
