//go:build !race

package forwarder_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Several send at once, and several threads take what they send.
func TestRealTimeSignalsCountWhateverThreadTakesThem(t *testing.T) {
	c := start(t, nil, "receive")
	require.Equal(t, "ready", c.next(t))
	const senders, often = 4, 5000
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for range often {
				assert.NoError(t, unix.Kill(c.Process.Pid, 40))
			}
		})
	}
	got := 0
	for range senders * often {
		require.Equal(t, "40", c.next(t))
		got++
	}
	wg.Wait()
	c.kill(t, 64)
	assert.Equal(t, "64", c.next(t), "and none more")
	assert.Equal(t, senders*often, got)
}
