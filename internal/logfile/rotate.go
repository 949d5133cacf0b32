package logfile

import (
	"bytes"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// fits is how much of p goes into the file, 0 if another one is due before. It ends at the end of a line wherever one can be
// had. Nothing is held back for that: half a line may be a question that somebody is to answer, and what is in a file is not
// lost if the keeper is killed.
func (l *Log) fits(p []byte) int {
	if l.file.Mode&unix.S_IFMT != unix.S_IFREG {
		return len(p)
	}
	limit := l.cfg.MaxSize
	room := limit - l.file.Size
	switch {
	case l.moved:
		room = 0
		if limit == 0 {
			limit = chunk // of a line: one without end would never come to the new file
		}
	case limit == 0:
		return len(p)
	}
	if room >= int64(len(p)) {
		return len(p)
	}
	if end := lastLineEnd(upTo(room, p)); end > 0 {
		return end
	}
	// The next line does not fit.
	if l.line == 0 && (l.file.Size > 0 || l.moved) {
		return 0
	}
	p = upTo(limit-l.line, p)
	if end := bytes.IndexByte(p, '\n') + 1; end > 0 {
		return end
	}
	return len(p)
}

// upTo is p's first n bytes, or as many as there are.
func upTo(n int64, p []byte) []byte { return p[:max(0, min(n, int64(len(p))))] }

// lastLineEnd is the length of those lines of p that are complete.
func lastLineEnd(p []byte) int { return bytes.LastIndexByte(p, '\n') + 1 }

// turn gives the log another file. If it can't the log has the file that it had, whatever that one's name is now.
func (l *Log) turn() bool {
	if l.look(); !l.moved {
		if l.cfg.MaxFiles <= 1 {
			return l.truncate()
		}
		if shift(l.names, l.cfg.MaxFiles) != nil {
			return false
		}
		l.moved = true
	}
	return l.open() == nil
}

func (l *Log) truncate() bool {
	if unix.Ftruncate(l.fd, 0) != nil {
		return false
	}
	l.file.Size, l.line = 0, 0
	return true
}

// shift renames the file at path to path.1, and before that path.1 to path.2 and so on. It only moves as many as it must to
// have path.1 free: if one can't be renamed it leaves a gap, which the next time fills, and no file is pushed out for it.
func shift(path string, files int) error {
	free := 1
	for free < files-1 && exists(rotated(path, free)) {
		free++
	}
	for n := free; n > 0; n-- {
		if err := unix.Rename(rotated(path, n-1), rotated(path, n)); err != nil {
			return err
		}
	}
	return nil
}

func exists(path string) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil
}

// rotated is the name of the n-th file, the current one being number 0.
func rotated(path string, n int) string {
	if n == 0 {
		return path
	}
	return path + "." + strconv.Itoa(n)
}

// resolve is where the file at path is. If that is a symbolic link it is the file that is rotated, not the link.
func resolve(path string) string {
	if at, err := filepath.EvalSymlinks(path); err == nil {
		return at
	}
	return path
}
