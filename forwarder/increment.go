//go:build !race

package forwarder

import "sync/atomic"

// increment: two threads may be in the handler at one moment.
//
//go:nosplit
func increment(n *uint32) { atomic.AddUint32(n, 1) }

//go:nosplit
func assign(to, from *uint32) { atomic.StoreUint32(to, atomic.LoadUint32(from)) }
