package proc

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("10 (cat) R 7 "+tail+" 5 6 7\n"), "cat", 10, 7, uint64(4242))
	f.Add([]byte("12345 ((ugly )pr()cess() R 1 "+tail), "(ugly )pr()cess(", 12345, 1, uint64(0))
	f.Add([]byte("10 (x)"), ") R 1 (", 1, 0, uint64(1<<63))
	f.Add([]byte(""), "", 0, 0, uint64(0))
	f.Fuzz(func(t *testing.T, line []byte, comm string, pid, ppid int, start uint64) {
		before := bytes.Clone(line)
		if p, ok := parseStat(line); ok {
			require.True(t, bytes.Contains(line, []byte("("+p.Comm+")")))
			require.NotContains(t, " \t\n", string(p.State))
		}
		require.Equal(t, before, line, "it only reads")

		// Whatever the name, what the kernel writes is read back.
		want := Process{PID: pid, PPID: ppid, State: 'S', Start: start, Comm: comm}
		kernel := fmt.Sprintf("%d (%s) S %d %s%d 0 0\n", pid, comm, ppid, strings.TrimSuffix(tail, "4242"), start)
		got, ok := parseStat([]byte(kernel))
		require.True(t, ok, "%q", kernel)
		require.Equal(t, want, got)
	})
}

func FuzzOwnStatus(f *testing.F) {
	f.Add([]byte("Name:\tx\nNSpid:\t7\n"), 7)
	f.Add([]byte("Name:\tx\nNSpid:\t4257\t7\n"), 7)
	f.Add([]byte("NSpid:"), 0)
	f.Add([]byte("Name:\tx\n"), 1)
	f.Add([]byte(""), 1)
	f.Fuzz(func(t *testing.T, status []byte, pid int) {
		own := ownStatus(status, pid)
		line := fmt.Appendf(nil, "NSpid:\t%d\n", pid)
		hasLine := bytes.HasPrefix(status, []byte("NSpid:")) || bytes.Contains(status, []byte("\nNSpid:"))
		switch {
		case len(status) == 0:
			require.False(t, own)
		case !hasLine:
			require.True(t, own)
			require.True(t, ownStatus(append(append(status, '\n'), line...), pid))
			require.False(t, ownStatus(append(append(status, '\n'), fmt.Sprintf("NSpid:\t%d\t%d\n", pid, pid)...), pid))
		case own:
			require.False(t, ownStatus(status, pid+1), "of two processes it can be one's only")
		}
	})
}
