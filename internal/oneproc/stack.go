package oneproc

func init() { room(false) }

// room gives main's goroutine a stack that it need not leave. A stack that is full is copied to one twice as large, frame by frame, and
// for each size the runtime writes to all that it makes ready of it, 32 KiB (stackpoolalloc in its stack.go): the way by 4 and 8 KiB
// cost twelve pages, which stayed written. Of 32 KiB there is one, and a page of that is touched when it is needed. Here the first
// stack is next to empty, and so is what is copied.
//
// A function's frame is made room for before its first line is run: nothing needs to be written to it.
//
//go:noinline
func room(needed bool) {
	if needed {
		var frame [20 << 10]byte
		use(&frame)
	}
}

//go:noinline
func use(frame *[20 << 10]byte) { frame[0]++ }
