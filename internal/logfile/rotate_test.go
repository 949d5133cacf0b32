package logfile

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestRotatesAtLines(t *testing.T) {
	for name, tt := range map[string]struct {
		writes []string
		size   int64
		want   []string // oldest first
	}{
		"no limit":                   {[]string{"one\n", "two\n"}, 0, []string{"one\ntwo\n"}},
		"nothing":                    {nil, 4, []string{""}},
		"full to the last byte":      {[]string{"one\n", "two\n"}, 8, []string{"one\ntwo\n"}},
		"one byte too many":          {[]string{"one\n", "two\n"}, 7, []string{"one\n", "two\n"}},
		"within a write":             {[]string{"one\ntwo\nthree\n"}, 8, []string{"one\ntwo\n", "three\n"}},
		"several times in a write":   {[]string{"one\ntwo\nthree\n4\n"}, 6, []string{"one\n", "two\n", "three\n", "4\n"}},
		"the line ends later":        {[]string{"one\ntw", "o\nthree\n"}, 8, []string{"one\ntwo\n", "three\n"}},
		"the line ends too late":     {[]string{"one\ntw", "o and a half\nthree\n"}, 16, []string{"one\ntwo and a half\n", "three\n"}},
		"it ends at the limit":       {[]string{"one\ntwo", "\n", "three\n"}, 8, []string{"one\ntwo\n", "three\n"}},
		"a line of the limit":        {[]string{"a\n1234567\nb\n"}, 8, []string{"a\n", "1234567\n", "b\n"}},
		"a line beyond it":           {[]string{"a\n1234567890\nb\n"}, 8, []string{"a\n", "12345678", "90\nb\n"}},
		"a line beyond it in pieces": {[]string{"a\n12", "3456", "7890", "\nb\n"}, 8, []string{"a\n12345678", "90\nb\n"}},
		"no line at all":             {[]string{"1234567890"}, 4, []string{"1234", "5678", "90"}},
		"empty lines":                {[]string{"\n\n\n", "\n\n"}, 2, []string{"\n\n", "\n\n", "\n"}},
		"an empty write":             {[]string{"one\n", "", "two\n"}, 4, []string{"one\n", "two\n"}},
		"binary":                     {[]string{"\x00\xff\n\x00", "\r\n\xfe"}, 4, []string{"\x00\xff\n\x00\r\n", "\xfe"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			l := open(t, Config{Path: path, MaxSize: tt.size, MaxFiles: 100})
			for _, text := range tt.writes {
				write(t, l, text)
			}
			var got []string
			for _, text := range files(t, path) {
				got = append(got, string(text))
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestKeepsSoManyFiles(t *testing.T) {
	for n, want := range [][]string{
		{"5\n"}, {"5\n"}, {"4\n", "5\n"}, {"3\n", "4\n", "5\n"},
	} {
		path := newPath(t)
		l := open(t, Config{Path: path, MaxSize: 2, MaxFiles: n})
		write(t, l, "1\n2\n3\n4\n5\n")
		var got []string
		for _, text := range files(t, path) {
			got = append(got, string(text))
		}
		assert.Equal(t, want, got, "MaxFiles %d", n)
		bytes, _, _ := l.Lost()
		assert.Zero(t, bytes, "what is rotated away isn't lost")
	}
}

func TestGoesOnWithWhatIsThere(t *testing.T) {
	path := newPath(t)
	require.NoError(t, os.WriteFile(path, []byte("old\n"), 0o640))
	l := open(t, Config{Path: path, MaxSize: 8, MaxFiles: 2})
	write(t, l, "new\n")
	assert.Equal(t, "old\nnew\n", content(t, path))
	write(t, l, "newer\n")
	assert.Equal(t, []string{"old\nnew\n", "newer\n"}, []string{content(t, path+".1"), content(t, path)})

	var st unix.Stat_t
	require.NoError(t, unix.Stat(path+".1", &st))
	assert.EqualValues(t, 0o640, st.Mode&0o777)
	require.NoError(t, unix.Stat(path, &st))
	assert.EqualValues(t, 0o600, st.Mode&0o777)
}

// A rotation that fails leaves all in place, and is made up for when it can be.
func TestRotationRefused(t *testing.T) {
	path := newPath(t)
	require.NoError(t, os.MkdirAll(path+".1/in the way", 0o700))
	l := open(t, Config{Path: path, MaxSize: 6, MaxFiles: 2})
	write(t, l, "one\ntwo\n")
	write(t, l, "three\n")
	assert.Equal(t, "one\ntwo\nthree\n", content(t, path))

	require.NoError(t, os.RemoveAll(path+".1"))
	write(t, l, "four\n")
	assert.Equal(t, "one\ntwo\nthree\nfour\n", together(t, path))
	assert.Equal(t, "four\n", content(t, path))
	lost, _, _ := l.Lost()
	assert.Zero(t, lost)
}

// As many files as it takes are the input, each of them within the limit or one line, however it was cut in writes.
func FuzzRotation(f *testing.F) {
	f.Add([]byte("one\ntwo\nthree\n"), uint16(8), uint64(1))
	f.Add([]byte("\n\n\n\n"), uint16(1), uint64(2))
	f.Add([]byte("no line at all"), uint16(3), uint64(3))
	f.Add(bytes.Repeat([]byte("a line of some length\nand one\n"), 50), uint16(100), uint64(4))
	f.Fuzz(func(t *testing.T, input []byte, size uint16, seed uint64) {
		input = input[:min(len(input), 4<<10)]
		limit := max(int(size), len(input)/100, 1)
		path := newPath(t)
		l := open(t, Config{Path: path, MaxSize: int64(limit), MaxFiles: 1000})
		r := rand.New(rand.NewPCG(seed, 0))
		for rest := input; len(rest) > 0; {
			n := 1 + r.IntN(len(rest))
			write(t, l, string(rest[:n]))
			rest = rest[n:]
		}
		all := files(t, path)
		require.Equal(t, string(input), string(bytes.Join(all, nil)))
		for i, text := range all {
			last := bytes.LastIndexByte(bytes.TrimSuffix(text, []byte("\n")), '\n') + 1
			require.LessOrEqual(t, last, limit, "file %d: all but its last line", i)
			require.LessOrEqual(t, len(text)-last, limit, "file %d: its last line", i)
			whole := len(text) == 0 || text[len(text)-1] == '\n' || i == len(all)-1
			require.True(t, whole || len(text)-last == limit, "file %d ends within a line: %s", i, fmt.Sprintf("%q", text))
		}
	})
}
