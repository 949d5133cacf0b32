package forwarder_test

import (
	"fmt"
	"maps"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
)

func TestRewriteZeroValueChangesNothing(t *testing.T) {
	var r forwarder.Rewrite
	for sig := syscall.Signal(1); sig <= forwarder.Last; sig++ {
		assert.Equal(t, sig, r.Apply(sig))
	}
}

func TestRewriteAdd(t *testing.T) {
	for rules, want := range map[string]forwarder.Rewrite{
		"TERM:QUIT":             {15: 3},
		"15:3":                  {15: 3},
		"sigterm:SIGQUIT":       {15: 3},
		"HUP:0":                 {1: 0},
		"TERM:QUIT,HUP:0":       {15: 3, 1: 0},
		" TERM:QUIT , HUP:0 ":   {15: 3, 1: 0},
		"TERM:QUIT,TERM:INT":    {15: 2}, // the later rule counts
		"RTMIN+3:TERM":          {37: 15},
		"TERM:32,INT:RTMIN":     {15: 32, 2: 34},
		"TERM:KILL":             {15: 9}, // what can't be caught can be sent
		"USR1:STOP,USR2:CONT":   {10: 19, 12: 18},
		"TERM:TERM":             {15: 15},
		"TERM:INT,INT:TERM":     {15: 2, 2: 15},
		"TSTP:0,TTIN:0,TTOU:0":  {20: 0, 21: 0, 22: 0},
		"SEGV:TERM,ABRT:RTMAX":  {11: 15, 6: 64},
		"WINCH:QUIT,WINCH:0":    {28: 0},
		"WINCH:0,28:QUIT":       {28: 3},
		"1:64,64:1,RTMAX:RTMIN": {1: 64, 64: 34},
	} {
		var got forwarder.Rewrite
		require.NoError(t, got.Add(rules), rules)
		assert.Equal(t, want, got, rules)
	}
}

func TestRewriteIsAppliedOnce(t *testing.T) {
	var r forwarder.Rewrite
	require.NoError(t, r.Add("TERM:INT,INT:TERM"))
	require.NoError(t, r.Add("HUP:0"))
	require.NoError(t, r.Add("TERM:QUIT"), "a later rule replaces an earlier one")
	assert.Equal(t, unix.SIGQUIT, r.Apply(unix.SIGTERM))
	assert.Equal(t, unix.SIGTERM, r.Apply(unix.SIGINT))
	assert.Equal(t, syscall.Signal(0), r.Apply(unix.SIGHUP))
	assert.Equal(t, unix.SIGUSR1, r.Apply(unix.SIGUSR1))
}

func TestRewriteAddErrors(t *testing.T) {
	for rules, message := range map[string]string{
		"":               `"" is not of the form FROM:TO`,
		"TERM":           `"TERM" is not of the form FROM:TO`,
		"TERM=QUIT":      `"TERM=QUIT" is not of the form FROM:TO`,
		"HUP:INT,":       `"" is not of the form FROM:TO`,
		":":              `"" is no signal`,
		"TERM:":          `"" is no signal`,
		":TERM":          `"" is no signal`,
		"0:TERM":         "no signal has the number 0",
		"TERM:65":        "no signal has the number 65",
		"TERM:00":        "no signal has the number 0",
		"TERM:QUIT:INT":  `"QUIT:INT" is no signal`,
		"HUP:INT,NO:INT": `"NO" is no signal`,
		"HUP:INT,INT:NO": `"NO" is no signal`,
		"KILL:TERM":      "KILL is never forwarded: it cannot be caught",
		"STOP:TSTP":      "STOP is never forwarded",
		"CHLD:TERM":      "CHLD is never forwarded",
		"33:TERM":        "33 is never forwarded",
	} {
		var empty forwarder.Rewrite
		assert.ErrorContains(t, empty.Add(rules), message, "%q", rules)
		assert.Empty(t, empty, "%q", rules)

		before := forwarder.Rewrite{unix.SIGHUP: unix.SIGUSR1}
		r := maps.Clone(before)
		assert.Error(t, r.Add(rules), "%q", rules)
		assert.Equal(t, before, r, "%q", rules)
	}
}

func FuzzRewrite(f *testing.F) {
	for _, seed := range []string{"TERM:QUIT", "15:3,HUP:0", "", ",", "TERM:", ":", "KILL:TERM", "RTMIN+1:RTMAX-1", "a:b:c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, rules string) {
		before := forwarder.Rewrite{unix.SIGUSR1: unix.SIGUSR2, unix.SIGWINCH: 0}
		r := maps.Clone(before)
		if err := r.Add(rules); err != nil {
			require.Equal(t, before, r, "an error adds nothing")
			return
		}
		var again []string
		for from, to := range r {
			require.NoError(t, forwarder.CheckForwarded(from))
			require.True(t, from >= 1 && from <= forwarder.Last && to >= 0 && to <= forwarder.Last, "%d:%d", from, to)
			require.Equal(t, to, r.Apply(from))
			again = append(again, fmt.Sprintf("%s:%s", forwarder.SignalName(from), forwarder.SignalName(to)))
		}
		for sig := syscall.Signal(1); sig <= forwarder.Last; sig++ {
			if _, ok := r[sig]; !ok {
				require.Equal(t, sig, r.Apply(sig))
			}
		}
		var second forwarder.Rewrite
		require.NoError(t, second.Add(strings.Join(again, ",")))
		require.Equal(t, r, second)
	})
}
