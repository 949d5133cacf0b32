package keeper

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// writes keeps each Write for itself.
type writes [][]byte

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, bytes.Clone(p))
	return len(p), nil
}

func (w writes) all() string { return string(bytes.Join(w, nil)) }

func TestPrefixed(t *testing.T) {
	for _, c := range []struct {
		name   string
		pieces []string
		want   string
	}{
		{"a line", []string{"one\n"}, "> one\n"},
		{"in pieces", []string{"o", "n", "e\nt", "wo\n"}, "> one\n> two\n"},
		{"empty lines", []string{"\n\n"}, "> \n> \n"},
		{"no end", []string{"one\ntwo"}, "> one\n> two\n"},
		{"nothing", []string{""}, ""},
		{"a line as long as may be", []string{strings.Repeat("x", longestLine-1) + "\n"}, "> " + strings.Repeat("x", longestLine-1) + "\n"},
		{"a line that is longer", []string{strings.Repeat("x", longestLine), "x\n"}, "> " + strings.Repeat("x", longestLine) + "\n> x\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var to writes
			p := prefixed("> ", &to)
			for _, piece := range c.pieces {
				n, err := io.WriteString(p, piece)
				require.NoError(t, err)
				assert.Equal(t, len(piece), n)
			}
			p.Close()
			assert.Equal(t, c.want, to.all())
			for _, w := range to {
				assert.Equal(t, byte('\n'), w[len(w)-1], "what is passed on ends with a line")
			}
		})
	}
}

// A program that never ends its line, and one that writes as fast as it can, take no more memory than that.
func TestCutterIsBounded(t *testing.T) {
	for name, text := range map[string]string{
		"without an end": strings.Repeat("x", 1000),
		"short lines":    strings.Repeat("\n", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			largest := 0
			c := prefixed(strings.Repeat("n", 40)+" | ", writerFunc(func(p []byte) { largest = max(largest, len(p)) }))
			for range 4 << 10 {
				_, _ = io.WriteString(c, text)
				require.LessOrEqual(t, cap(c.begun), 2*longestLine)
			}
			c.Close()
			assert.LessOrEqual(t, largest, 2*longestLine+50)
		})
	}
}

type writerFunc func(p []byte)

func (w writerFunc) Write(p []byte) (int, error) { w(p); return len(p), nil }

// FuzzCutter: whatever the pieces are, they come out whole and in order, but for what makes them lines.
func FuzzCutter(f *testing.F) {
	f.Add([]byte("one\ntwo\nthree"), uint8(3))
	f.Add([]byte("\n\n"), uint8(1))
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		var plain, marked writes
		whole := inLines(&plain, func(out, line []byte) []byte {
			require.NotEmpty(t, line)
			require.NotContains(t, string(line[:len(line)-1]), "\n")
			return append(out, line...)
		})
		prefix := prefixed("> ", &marked)
		for rest := text; len(rest) > 0; {
			n := min(len(rest), int(size)+1)
			_, _ = whole.Write(rest[:n])
			_, _ = prefix.Write(rest[:n])
			rest = rest[n:]
		}
		whole.Close()
		prefix.Close()
		require.Equal(t, string(text), plain.all())
		var want strings.Builder
		for line := range strings.Lines(string(text)) {
			want.WriteString("> " + strings.TrimSuffix(line, "\n") + "\n")
		}
		require.Equal(t, want.String(), marked.all())
	})
}

// An entry is a line of a log in the format of Docker's json-file driver.
type entry struct {
	Log, Stream string
	Time        time.Time
}

func TestJSONLines(t *testing.T) {
	var to writes
	j := jsonLines("stderr", &to)
	_, _ = io.WriteString(j, "one\ntw")
	_, _ = io.WriteString(j, "o")
	j.Close()
	var got []entry
	for line := range strings.Lines(to.all()) {
		var e entry
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&e), "%s", line)
		assert.WithinDuration(t, time.Now(), e.Time, time.Minute)
		assert.Equal(t, time.UTC, e.Time.Location())
		e.Time = time.Time{}
		got = append(got, e)
	}
	assert.Equal(t, []entry{{"one\n", "stderr", time.Time{}}, {"two", "stderr", time.Time{}}}, got)
}

// The expected ones are what dockerd 28.2 wrote.
func TestAppendJSONAsDocker(t *testing.T) {
	for text, want := range map[string]string{
		"":                      `""`,
		"a\"b\\c/\n\r":          `"a\"b\\c/\n\r"`,
		"\t\x00\x1b[31m\b\f":    `"\u0009\u0000\u001b[31m\u0008\u000c"`,
		"\x7f":                  "\"\x7f\"",
		"<a href='x'>&amp;</a>": `"\u003ca href='x'\u003e\u0026amp;\u003c/a\u003e"`,
		"é世🙂\u0085\u202e\ufffd": "\"é世🙂\u0085\u202e\ufffd\"",
		"\u2028\u2029":          `"\u2028\u2029"`,
		"\xff\xc3a\xf0\x9f\x99": `"\ufffd\ufffda\ufffd\ufffd\ufffd"`,
	} {
		assert.Equal(t, want, string(appendJSON(nil, []byte(text))), "%q", text)
	}
}

func FuzzAppendJSON(f *testing.F) {
	f.Add([]byte("a\"\\\x00\x1b\u0085\u2028\U0010ffff\xff\xed\xa0\x80<>&\x7f"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got := appendJSON([]byte{}, text)
		require.True(t, utf8.Valid(got))
		var back string
		require.NoError(t, json.Unmarshal(got, &back), "%s", got)
		require.Equal(t, string([]rune(string(text))), back)
		require.NotContains(t, string(got), "\n", "a line of a log is one line")
	})
}

func TestWholeLines(t *testing.T) {
	for _, c := range []struct {
		text string
		want int
	}{
		{"", 0}, {"a\nb\n", 4}, {"abcdefgh", 8}, {"ab\ncd\nefgh\n", 6}, {"abcdefghij\nk\n", 11}, {"abcdefghijk", 11}, {"abcdefg\n", 8},
	} {
		assert.Equal(t, c.want, wholeLines([]byte(c.text), 8), "%q", c.text)
	}
}

// Whoever else writes to the pipe, as PROGRAM does, cuts none of the lines that are no longer than what the kernel writes in one; and
// while the pipe is full nobody's are lost.
func TestSharedPipeOfManyWriters(t *testing.T) {
	cuts := func(t *testing.T, write func(fd int, p []byte)) (cut int) {
		from, to, err := os.Pipe()
		require.NoError(t, err)
		defer from.Close() //nolint:errcheck // nothing was written
		line := func(c string) string { return strings.Repeat(c, 999) + "\n" }
		var writers sync.WaitGroup
		writers.Go(func() {
			for range 300 {
				write(int(to.Fd()), []byte(strings.Repeat(line("s"), 40)))
			}
		})
		writers.Go(func() {
			for range 3000 {
				_, _ = unix.Write(int(to.Fd()), []byte(line("p")))
			}
		})
		go func() {
			writers.Wait()
			_ = to.Close()
		}()
		text, err := io.ReadAll(from)
		require.NoError(t, err)
		require.Len(t, text, 15000*1000)
		for got := range strings.Lines(string(text)) {
			if got != line(got[:1]) {
				cut++
			}
		}
		return cut
	}
	assert.Zero(t, cuts(t, func(fd int, p []byte) { (&shared{fd: fd}).write(p) }))
	assert.NotZero(t, cuts(t, func(fd int, p []byte) {
		for len(p) > 0 {
			n, _ := unix.Write(fd, p)
			p = p[max(n, 0):]
		}
	}), "control")
}

// A full pipe that somebody has made non-blocking is waited for.
func TestSharedNonBlocking(t *testing.T) {
	var fds [2]int
	require.NoError(t, unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK))
	from := os.NewFile(uintptr(fds[0]), "from")
	defer from.Close() //nolint:errcheck // nothing was written
	const lines = 20000
	go func() {
		s := &shared{fd: fds[1]}
		for i := range lines {
			s.write(fmt.Appendf(nil, "line %d\n", i))
		}
		_ = unix.Close(fds[1])
	}()
	text, err := io.ReadAll(from)
	require.NoError(t, err)
	assert.Equal(t, lines, strings.Count(string(text), "\n"))
	assert.True(t, strings.HasSuffix(string(text), fmt.Sprintf("\nline %d\n", lines-1)))
}
