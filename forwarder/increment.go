//go:build !race

package forwarder

import "sync/atomic"

// increment: two threads may be in the handler at one moment.
//
//go:nosplit
func increment(n *uint32) { atomic.AddUint32(n, 1) }
