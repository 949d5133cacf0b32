//go:build race

package scribe

// Under the race detector sync/atomic is more than Serve may call. It has processors only on which this is as good but for what Flush
// may learn late.

//go:nosplit
//go:norace
func load(word *uint32) uint32 { return *word }

//go:nosplit
//go:norace
func store(word *uint32, n uint32) { *word = n }
