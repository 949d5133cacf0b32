package keeper

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/job"
	"github.com/tinit-dev/tinit/internal/logfile"
	"github.com/tinit-dev/tinit/session"
)

// Streams says where a program's standard streams go. Paths are absolute.
type Streams struct {
	Input          string // empty: /dev/null
	Output, Errors string // empty: to the job's own file, both in the order in which they are written
	MaxSize        int64  // of the job's own file, in bytes; 0 for no limit
	MaxFiles       int    // how many of them
	RotateNamed    bool   // the same goes for Output and Errors: somebody asked for it
}

// streams are the open ones. What the program writes goes through a pipe, so that it is the keeper that a full or a slow disk
// holds up, and so that files can be rotated under it.
type streams struct {
	cfg      Streams
	user     *session.User // the program's, nil for this process's
	out, err *os.File      // what the program is given
	logs     []*log
	files    [2]string
}

// A log is a file, and what carries a stream there.
type log struct {
	path string
	to   *logfile.Log
	pump *pump
}

func openStreams(cfg Streams, folder *job.Folder, user *session.User) (s *streams, err error) {
	s = &streams{cfg: cfg, user: user}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	own := folder.Path + "/" + job.OutputName
	s.files = [2]string{cmp.Or(cfg.Output, own), cmp.Or(cfg.Errors, own)}
	if s.out, err = s.open(s.files[0], s.files[0] == own); err != nil {
		return s, err
	}
	s.err = s.out
	if s.files[1] != s.files[0] {
		s.err, err = s.open(s.files[1], s.files[1] == own)
	}
	return s, err
}

// open returns what is to be a stream of the program's. What is no regular file, such as a terminal, a FIFO or /dev/null, the
// program gets itself: there is nothing to rotate, and it may want to know what it is.
func (s *streams) open(path string, own bool) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !own {
		return openOther(path)
	}
	cfg := logfile.Config{Path: path, NoFollow: own}
	if own || s.cfg.RotateNamed {
		cfg.MaxSize, cfg.MaxFiles = s.cfg.MaxSize, s.cfg.MaxFiles
	}
	to, err := logfile.Open(cfg)
	if err != nil {
		return nil, fmt.Errorf("cannot write the output: %w", err)
	}
	p, pipe, err := startPump(to, s.user)
	if err != nil {
		to.Close()
		return nil, err
	}
	s.logs = append(s.logs, &log{path: path, to: to, pump: p})
	return pipe, nil
}

// openOther does not wait for somebody to read a FIFO: nobody would see what the start waits for.
func openOther(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, unix.ENXIO):
		return nil, fmt.Errorf("cannot write the output: nobody reads %s", path)
	case err != nil:
		return nil, fmt.Errorf("cannot write the output: %w", err)
	}
	return f, unix.SetNonblock(int(f.Fd()), false)
}

// input is opened anew for each life of the program.
func (s *streams) input() (*os.File, error) {
	f, err := os.OpenFile(cmp.Or(s.cfg.Input, os.DevNull), os.O_RDONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot read the input: %w", err)
	}
	// Only the open was not to wait, as for who writes to a FIFO.
	return f, unix.SetNonblock(int(f.Fd()), false)
}

// drain returns when all that the program has written is in its files, as far as that can be waited for.
func (s *streams) drain() {
	var pumps []*pump
	for _, l := range s.logs {
		pumps = append(pumps, l.pump)
	}
	drain(pumps)
}

// trouble says what became of output that is not in its file, empty if all is.
func (s *streams) trouble() string {
	var lost int64
	var reason error
	for _, l := range s.logs {
		if bytes, _, why := l.to.Lost(); bytes > 0 {
			lost, reason = lost+bytes, errors.Join(reason, fmt.Errorf("%s: %w", l.path, why))
		}
	}
	if lost == 0 {
		return ""
	}
	return fmt.Sprintf("%d bytes of output were lost: %v", lost, reason)
}

func (s *streams) close() {
	s.drain()
	for _, f := range []*os.File{s.out, s.err} {
		if f != nil {
			_ = f.Close()
		}
	}
	for _, l := range s.logs {
		if l.pump.isDone() { // else it hangs in the file, and would have Close wait
			l.to.Close()
		}
	}
}
