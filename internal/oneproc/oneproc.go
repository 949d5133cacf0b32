// Package oneproc has Go's runtime use one processor only, and gives the main goroutine its stack. There is nothing in an init to
// be done in parallel, and it bounds how many threads the runtime can want.
//
// It is a package, to be imported for its effect, because it imports nothing itself but the runtime and so is initialised
// before all others: later the second processor would have a cache for each size of what was allocated, all of which is
// kept, and the stack would have grown.
package oneproc

import "runtime"

func init() { runtime.GOMAXPROCS(1) }
