package logfile

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

var line = []byte("0123456789012345678901234567890123456789012345678901234567890123456789012345678\n")

// What Write costs beside the bare write(2), and with a rotation each 16 chunks.
func BenchmarkWrite(b *testing.B) {
	const large = 64 << 20 // each is truncated there
	for _, size := range []int{len(line), 4 << 10, chunk} {
		p := bytes.Repeat(line, size/len(line)+1)[:size]
		run := func(name string, write func()) {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					write()
				}
			})
		}
		bare, err := os.OpenFile(newPath(b), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		require.NoError(b, err)
		fd, written := int(bare.Fd()), 0
		run("write(2)", func() {
			if written += size; written > large {
				_, written = unix.Ftruncate(fd, 0), 0
			}
			_, _ = unix.Write(fd, p)
		})
		_ = bare.Close()
		l := open(b, Config{Path: newPath(b), MaxSize: large})
		run("Write", func() { _, _ = l.Write(p) })
		l = open(b, Config{Path: newPath(b), MaxSize: 16 * chunk, MaxFiles: 5})
		run("rotating", func() { _, _ = l.Write(p) })
	}
}

// What a write is preceded by: by asking the open file, and by asking for the name each time, which is the road not taken.
func BenchmarkLook(b *testing.B) {
	l := open(b, Config{Path: newPath(b)})
	var st unix.Stat_t
	b.Run("fstat", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = unix.Fstat(l.fd, &st)
		}
	})
	b.Run("stat", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = unix.Stat(l.cfg.Path, &st)
		}
	})
}
