package main

import (
	"os"
	"strings"
	"testing"
	"unicode"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	all := &table{columns: []column{{"PID", right}, {"STAT", left}, {"COMMAND", left}}}
	all.add("1", "Ss", "init é世 x")
	all.add("4194304", "S<Lsl+", "a\nb\tc\x1b[31m")
	assert.Equal(t, strings.Join([]string{
		"    PID STAT   COMMAND",
		"      1 Ss     init é世 x",
		"4194304 S<Lsl+ a?b?c?[31m",
		"",
	}, "\n"), all.text(0))
	assert.Equal(t, strings.Join([]string{
		"    PID STAT   COMMAND",
		"      1 Ss     init é", // half of the next would be beyond
		"4194304 S<Lsl+ a?b?c?[",
		"",
	}, "\n"), all.text(22))
}

func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{
		"": "", "é 世 🙂": "é 世 🙂", "a\x00b\tc\x7f": "a?b?c?", "a\nb": "a?b", "\u0085\u009b31m": "??31m",
		"\u202egnp.exe": "?gnp.exe", "\xff\xc3": "??", "\ufffd": "?", "\u200b": "?", "e\u0301": "e\u0301", "\u00a0": "?",
	} {
		assert.Equal(t, want, printable(s), "%q", s)
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		s     string
		width int
		want  string
	}{
		{"abc", 0, "abc"}, {"abc", 3, "abc"}, {"abc", 2, "ab"}, {"", 1, ""}, {"世界", 3, "世"}, {"世界", 4, "世界"}, {"世", 1, ""},
		{"e\u0301e\u0301", 1, "e\u0301"}, {"🙂x", 2, "🙂"},
	} {
		assert.Equal(t, c.want, cut(c.s, c.width), "%q %d", c.s, c.width)
	}
}

func TestScreenWidth(t *testing.T) {
	master, terminal, err := pty.Open()
	require.NoError(t, err)
	defer master.Close()   //nolint:errcheck // nothing was written
	defer terminal.Close() //nolint:errcheck // nothing was written
	require.NoError(t, pty.Setsize(terminal, &pty.Winsize{Rows: 24, Cols: 57}))
	assert.Equal(t, 57, screenWidth(terminal))
	require.NoError(t, pty.Setsize(terminal, &pty.Winsize{}))
	assert.Zero(t, screenWidth(terminal), "as where docker exec -t has just begun")
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close() //nolint:errcheck // nothing was written
	assert.Zero(t, screenWidth(null))
}

// Whatever is in a cell, a row is one line, of no more than the width, and safe to show.
func FuzzTable(f *testing.F) {
	f.Add("pts/0", "a\nb\x1b[31m\u202e\xff é世", uint8(7))
	f.Add("", "🙂\u0301", uint8(0))
	f.Fuzz(func(t *testing.T, tty, command string, width uint8) {
		all := &table{columns: []column{{"TTY", left}, {"COMMAND", left}}}
		all.add(tty, command)
		all.add("x", "y")
		text := all.text(int(width))
		require.Equal(t, 3, strings.Count(text, "\n"))
		require.True(t, strings.HasSuffix(text, "\n"))
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			require.True(t, width == 0 || textWidth(line) <= int(width), "%q", line)
			require.False(t, strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }), "%q", line)
		}
	})
}
