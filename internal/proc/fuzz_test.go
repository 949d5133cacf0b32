package proc

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

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

func FuzzParseDetails(f *testing.F) {
	f.Add([]byte("10 (cat) R 7 "+tail+" 5 6 7\n"), "cat", int32(7), int32(34816), int32(-1), uint32(7))
	f.Add([]byte("10 (x) S -1 -1 -1 -1 -1"), ") R 1 (", int32(-1), int32(-1), int32(0), uint32(0))
	f.Add([]byte(""), "\n", int32(0), int32(1<<31-1), int32(1), uint32(1<<31))
	f.Fuzz(func(t *testing.T, line []byte, comm string, group, terminal, foreground int32, ticks uint32) {
		before := bytes.Clone(line)
		d, ok := parseDetails(line)
		p, okProcess := parseStat(line)
		require.Equal(t, before, line, "it only reads")
		if ok {
			require.True(t, okProcess)
			require.Equal(t, p, d.Process)
			require.NotEmpty(t, d.Terminal.String())
		}

		// Whatever the name, what the kernel writes is read back.
		kernel := fmt.Sprintf("1 (%s) S 2 %d %d %d %d 4194304 1 2 3 4 %d 0 0 0 20 -5 6 0 9 0 0\n", comm, group, group, terminal, foreground, ticks)
		d, ok = parseDetails([]byte(kernel))
		require.True(t, ok, "%q", kernel)
		require.Equal(t, Details{
			Process: Process{PID: 1, PPID: 2, State: 'S', Start: 9, Comm: comm},
			PGID:    int(group), SID: int(group), Terminal: Terminal(terminal), Foreground: int(foreground),
			CPU: time.Duration(ticks) * 10 * time.Millisecond, Nice: -5, Threads: 6,
		}, d)
	})
}

func FuzzParseStatus(f *testing.F) {
	f.Add([]byte("Name:\tx\nUid:\t1\t2\t3\t4\nVmLck:\t4 kB\n"), uint32(2))
	f.Add([]byte("Uid:"), uint32(0))
	f.Add([]byte("VmLck:\nUid:\t0\t-1"), uint32(1<<32-1))
	f.Fuzz(func(t *testing.T, status []byte, uid uint32) {
		_, locked, _ := parseStatus(status)
		require.False(t, locked && !bytes.Contains(status, []byte("VmLck:")))
		got, _, ok := parseStatus(fmt.Appendf(bytes.Clone(status), "\nUid:\t0\t%d\t0\t0\n", uid))
		require.True(t, ok)
		require.Equal(t, uid, got)
	})
}
