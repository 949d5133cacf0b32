package reaper

import (
	"testing"

	"golang.org/x/sys/unix"
)

// What a look costs that finds nothing: each wake-up ends with one. What orphans cost in all is measured by test/bench.
func BenchmarkNext(b *testing.B) {
	r := New(Exits)
	b.Run("no children", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = r.Next()
		}
	})
	b.Run("a child that lives", func(b *testing.B) {
		pid, end := lingering("linger")
		defer func() {
			end()
			_, _ = unix.Wait4(pid, nil, 0, nil)
		}()
		b.ReportAllocs()
		for b.Loop() {
			_, _ = r.Next()
		}
	})
}
