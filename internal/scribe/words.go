//go:build !race

package scribe

import "sync/atomic"

//go:nosplit
func load(word *uint32) uint32 { return atomic.LoadUint32(word) }

//go:nosplit
func store(word *uint32, n uint32) { atomic.StoreUint32(word, n) }
