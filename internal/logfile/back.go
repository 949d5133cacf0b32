package logfile

import (
	"bytes"
	"io"
)

// back finds where the last lines begin, from l backwards over the older files. A line that goes from one into the next
// counts once. It returns the file, with what is before them marked as read, and closes those that it does not return.
func (c chain) back(l *link, lines int) (*link, error) {
	if lines == 0 {
		l.read = l.info.Size()
		return l, nil
	}
	ends, any := lines, false
	for {
		size := l.info.Size()
		if lines > 0 && size > 0 {
			if !any {
				any = true
				ends += endsLine(l, size) // the last line's own
			}
			start, left, err := seekBack(l, size, ends)
			if err != nil || left == 0 {
				l.read = start
				return l, err
			}
			ends = left
		}
		older, err := c.beside(l, 1)
		if err == errLeft {
			return l, nil // so are those that were older
		}
		if older == nil {
			return l, err
		}
		_ = l.Close()
		l = older
	}
}

// endsLine is 1 if the last byte is a newline, and 0 otherwise.
func endsLine(r io.ReaderAt, size int64) int {
	var last [1]byte
	_, _ = r.ReadAt(last[:], size-1)
	return bytes.Count(last[:], []byte{'\n'})
}

// seekBack finds what comes after the n-th newline from the end, n being 1 or more, and reads no more than it needs. If there
// are less of them, left is how many are missing.
func seekBack(r io.ReaderAt, size int64, n int) (after int64, left int, err error) {
	buf := make([]byte, 32<<10)
	for end := size; end > 0; {
		block := buf[:min(end, int64(len(buf)))]
		end -= int64(len(block))
		switch _, err := r.ReadAt(block, end); {
		case err == io.EOF:
			return 0, 0, nil // it was truncated: all of it is new
		case err != nil:
			return 0, n, err
		}
		for len(block) > 0 {
			i := bytes.LastIndexByte(block, '\n')
			if i < 0 {
				break
			}
			if n--; n == 0 {
				return end + int64(i) + 1, 0, nil
			}
			block = block[:i]
		}
	}
	return 0, n, nil
}
