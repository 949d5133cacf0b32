package logfile

import (
	"bytes"
	"strconv"
)

// Lost says how much could not be written since the log was opened, how many ends of lines were in it, and why the last of it
// couldn't. It does not wait for a [Log.Write] that hangs.
func (l *Log) Lost() (bytes, lines int64, why error) {
	if err := l.lostWhy.Load(); err != nil {
		why = *err
	}
	return l.lostBytes.Load(), l.lostLines.Load(), why
}

func (l *Log) lose(p []byte, why error) {
	l.gap += int64(len(p))
	l.lostWhy.Store(&why)
	l.lostLines.Add(int64(bytes.Count(p, []byte{'\n'})))
	l.lostBytes.Add(int64(len(p)))
}

// tell writes a line on what was lost where it would have been. If only a part of it can be written, the next one begins on a
// line of its own.
func (l *Log) tell() error {
	var line []byte
	if l.line > 0 {
		line = append(line, '\n')
	}
	line = append(line, "tinit: "...)
	line = strconv.AppendInt(line, l.gap, 10)
	line = append(line, " bytes of output were lost here: "...)
	line = append(line, (*l.lostWhy.Load()).Error()...)
	line = append(line, '\n')
	if _, err := l.append(line); err != nil {
		return err
	}
	l.gap = 0
	return nil
}
