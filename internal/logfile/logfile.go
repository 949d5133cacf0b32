// Package logfile keeps what a program writes, in files that are rotated by size: the output of a background job or of an
// inner service. It is the keeper's, none of it runs in an init.
//
//	read, write, _ := os.Pipe()    // write is the program's standard output and error
//	log, err := logfile.Open(logfile.Config{Path: path, MaxSize: 10 << 20, MaxFiles: 5})
//	go logfile.Pump(read, log)
//
// The files are path, path.1, path.2 and so on, from the newest to the oldest, as Docker and logrotate name them. Put
// together, oldest first, they hold the program's output byte by byte; nothing is added but where output was lost.
//
// A program must not notice what becomes of its log. So once it is open nothing is an error any more: what can't be written
// is counted, dropped, and told of in the log itself as soon as that works again.
package logfile

import (
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A Config says where a Log is, and how much of it is kept.
type Config struct {
	Path string
	// MaxSize is how many bytes a file may have; 0 is no limit. A file ends with the last line that fits. It gets larger only
	// to complete a line that came in pieces, and by MaxSize at most: a line longer than that is cut.
	MaxSize int64
	// MaxFiles is how many files there are at most, the current one among them. With 1, or 0, that one is truncated when it
	// is full.
	MaxFiles int
	// NoFollow refuses a symbolic link at Path. It is for a place of tinit's own. Whoever names a path may name a link, or a
	// device, which is never rotated.
	NoFollow bool
}

// A Log is a file that is appended to, and its rotation. All of its methods may be called from any goroutine. All but
// [Log.Lost] take as long as the file system does.
type Log struct {
	cfg Config

	mu     sync.Mutex
	fd     int         // negative: there is no file
	file   unix.Stat_t // what fd is: its identity of when it was opened, its size of just now
	names  string      // what the names of the rotated files begin with
	line   int64       // bytes of the unfinished line at the end of the file
	moved  bool        // Path is not this file any more
	looked time.Time   // when that was found out
	gap    int64       // bytes lost since something was last written

	lostBytes, lostLines atomic.Int64
	lostWhy              atomic.Pointer[error]
}

// lookEvery is how often it is looked whether Path is still the same file. It takes longer than to ask an open file whether it
// was deleted, which is done at each write, and nothing is lost meanwhile: the file that was moved gets it.
const lookEvery = 100 * time.Millisecond

// Open opens a log, and creates it with mode 0600 if there is none. What the file has already is kept.
func Open(cfg Config) (*Log, error) {
	l := &Log{cfg: cfg, fd: -1}
	if err := l.open(); err != nil {
		return nil, &os.PathError{Op: "open", Path: cfg.Path, Err: err}
	}
	return l, nil
}

// Write appends p as it is, with a single write(2) unless p goes beyond the limit. It never fails: what can't be written is
// lost, see [Log.Lost].
//
// The kernel raises SIGXFSZ on the calling thread where a file would grow beyond RLIMIT_FSIZE, and SIGPIPE for a FIFO that
// nobody reads. A process that forwards signals should have them blocked on that thread ([forwarder.Shield]).
//
// [forwarder.Shield]: https://pkg.go.dev/github.com/tinit-dev/tinit/forwarder#Shield
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for rest := p; len(rest) > 0; {
		n, err := 0, l.ready()
		if err == nil {
			n = l.fits(rest)
			if n == 0 && l.turn() {
				continue
			}
			if n == 0 {
				n = len(rest) // it goes on in the file that it has
			}
			n, err = l.append(rest[:n])
		}
		if err != nil {
			l.lose(rest[n:], err)
			break
		}
		rest = rest[n:]
	}
	return len(p), nil
}

// Close closes the file. It tells of what was lost if it can.
func (l *Log) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gap > 0 {
		_ = l.ready()
	}
	l.close()
}

// open opens what is at Path now, in place of the file that the log has. If it fails the log keeps that one.
func (l *Log) open() error {
	// Without O_NONBLOCK a FIFO would be waited at until somebody reads it.
	flags := unix.O_WRONLY | unix.O_APPEND | unix.O_CREAT | unix.O_CLOEXEC | unix.O_NOCTTY | unix.O_NONBLOCK
	if l.cfg.NoFollow {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := unix.Open(l.cfg.Path, flags, 0o600)
	if err != nil {
		return err
	}
	var file unix.Stat_t
	if err = unix.Fstat(fd, &file); err == nil {
		err = unix.SetNonblock(fd, false)
	}
	if err != nil {
		_ = unix.Close(fd)
		return err
	}
	l.close()
	l.fd, l.file, l.names, l.line = fd, file, l.cfg.Path, 0
	if !l.cfg.NoFollow {
		l.names = resolve(l.cfg.Path)
	}
	l.moved, l.looked = false, time.Now()
	return nil
}

func (l *Log) close() {
	if l.fd >= 0 {
		_ = unix.Close(l.fd)
		l.fd = -1
	}
}

// ready sees to it that there is a file to write to, and that it tells of what was lost before.
func (l *Log) ready() error {
	var now unix.Stat_t
	switch {
	case l.fd < 0 || unix.Fstat(l.fd, &now) != nil || now.Nlink == 0:
		l.close() // first, since it may be what fills the disk
		if err := l.open(); err != nil {
			return err
		}
	default:
		l.file.Size = now.Size // somebody may have truncated it
		if time.Since(l.looked) >= lookEvery {
			l.look()
		}
	}
	if l.gap > 0 {
		return l.tell()
	}
	return nil
}

// look finds out whether Path is still the file that is open.
func (l *Log) look() {
	var there unix.Stat_t
	err := unix.Stat(l.cfg.Path, &there)
	l.moved = err != nil || there.Dev != l.file.Dev || there.Ino != l.file.Ino
	l.looked = time.Now()
}

// append writes all of p, or says how much of it.
func (l *Log) append(p []byte) (done int, err error) {
	for done < len(p) && err == nil {
		var n int
		n, err = unix.Write(l.fd, p[done:])
		switch {
		case err == unix.EINTR:
			err = nil
		case err == nil && n == 0:
			err = unix.EIO
		case err == nil:
			done += n
		}
	}
	l.file.Size += int64(done)
	l.line += int64(done)
	if end := lastLineEnd(p[:done]); end > 0 {
		l.line = int64(done - end)
	}
	return done, err
}
