package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tinit-dev/tinit/internal/keeper"
	"github.com/tinit-dev/tinit/internal/logfile"
)

// serviceLog is tinit logs for a service. It follows until it is interrupted: a service that ends may be started again.
func serviceLog(name string, lines int, follow, errorsOnly bool) (code int, err error) {
	text, err := askServices(answersSoon, keeper.DoLog, name)
	if err != nil {
		return ownError(err)
	}
	format, file, _ := strings.Cut(text, " ")
	var to io.Writer = os.Stdout
	if errorsOnly {
		return ownError(fmt.Errorf("the errors of %s are in one file with its other output", name))
	}
	if format == "json" {
		to = &fromJSON{to: to}
	}
	stop := make(chan struct{})
	if !follow {
		close(stop)
	}
	if err := logfile.Tail(to, file, lines, stop); err != nil {
		return ownError(err)
	}
	return 0, nil
}

// fromJSON passes on what a service wrote, from the lines of a log in the format of Docker's json-file driver.
type fromJSON struct {
	to   io.Writer
	rest []byte
}

func (f *fromJSON) Write(p []byte) (int, error) {
	f.rest = append(f.rest, p...)
	var out []byte
	for {
		line, rest, ok := bytes.Cut(f.rest, []byte("\n"))
		if !ok {
			break
		}
		out, f.rest = appendLog(out, line), rest
	}
	_, err := f.to.Write(out)
	return len(p), err
}

// appendLog appends the text of one line. What is none of these, as a line that was cut off by a full disk, goes on as it is.
func appendLog(out, line []byte) []byte {
	text, ok := bytes.CutPrefix(line, []byte(`{"log":"`))
	if !ok {
		return append(append(out, line...), '\n')
	}
	for len(text) > 0 && text[0] != '"' {
		if text[0] != '\\' || len(text) < 2 {
			out, text = append(out, text[0]), text[1:]
			continue
		}
		switch c := text[1]; c {
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'u':
			var r rune
			r, text = unescape(text)
			out = utf8.AppendRune(out, r)
			continue
		default:
			out = append(out, c)
		}
		text = text[2:]
	}
	return out
}

// unescape reads \uXXXX, and another one after it if both make one character.
func unescape(text []byte) (r rune, rest []byte) {
	unit := func(text []byte) (rune, bool) {
		if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
			return 0, false
		}
		n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
		return rune(n), err == nil
	}
	r, ok := unit(text)
	if !ok {
		return utf8.RuneError, text[2:]
	}
	if low, ok := unit(text[6:]); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
		return utf16.DecodeRune(r, low), text[12:]
	}
	return r, text[6:]
}
