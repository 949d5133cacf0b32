package service

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{
		"0": 0, "1": 1, "5b": 5, "500k": 500_000, "500K": 500_000, "500kb": 500_000, "20m": 20_000_000, "1g": 1e9, "1GB": 1e9,
		"2147483647g": 2147483647e9,
	} {
		got, ok := ParseSize(s)
		assert.True(t, ok, s)
		assert.Equal(t, want, got, s)
	}
	for _, s := range []string{
		"", "k", "b", "-1", "+1", "1.5m", "1 k", " 1", "k1", "1k1", "1t", "0x10", "1kk", "2147483648g", "99999999999999999999",
	} {
		_, ok := ParseSize(s)
		assert.False(t, ok, s)
	}
}

func FuzzParseSize(f *testing.F) {
	f.Add("20m")
	f.Fuzz(func(t *testing.T, s string) {
		if n, ok := ParseSize(s); ok && n < 0 {
			t.Fatalf("%q is %d", s, n)
		}
	})
}
