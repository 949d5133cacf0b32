package logfile

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var killed = Config{MaxSize: 200, MaxFiles: 1000}

// logLines writes numbered lines to the log at its first argument, until it is killed.
func logLines() {
	cfg := killed
	cfg.Path = os.Args[1]
	l, err := Open(cfg)
	if err != nil {
		panic(err)
	}
	for n := 0; ; n++ {
		_, _ = l.Write([]byte(numbered(0, n%20)))
		if n%20 == 19 {
			_, _ = fmt.Fprintln(l, "round", n/20)
		}
	}
}

// Whenever the keeper is killed, what it has written is there, in order, and the next one goes on with it.
func TestKilled(t *testing.T) {
	path := newPath(t)
	before := ""
	for life := range 10 {
		p := child("log-lines", path)
		require.NoError(t, p.Start())
		eventually(t, func() bool { return exists(rotated(path, 10*(life+1))) }, "it has rotated some times")
		require.NoError(t, p.Process.Kill())
		_ = p.Wait()
		now := together(t, path)
		require.True(t, strings.HasPrefix(now, before), "what there was is left as it was")
		var want strings.Builder
		for n := 0; want.Len() <= len(now)-len(before); n++ {
			want.WriteString(numbered(0, n%20))
			if n%20 == 19 {
				fmt.Fprintln(&want, "round", n/20)
			}
		}
		require.Equal(t, want.String()[:len(now)-len(before)], now[len(before):])
		before = now
	}
	l := open(t, Config{Path: path, MaxSize: killed.MaxSize, MaxFiles: killed.MaxFiles})
	write(t, l, "after\n")
	assert.True(t, strings.HasSuffix(together(t, path), "after\n"))
}
