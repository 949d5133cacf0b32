//go:build race

package forwarder

// increment: under the race detector sync/atomic is more than a signal handler may call. So a signal of real time may count
// once too little there.
//
//go:nosplit
//go:norace
func increment(n *uint32) { *n++ }

//go:nosplit
//go:norace
func assign(to, from *uint32) { *to = *from }
