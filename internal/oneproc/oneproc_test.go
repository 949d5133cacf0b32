package oneproc

import (
	"runtime"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
)

func TestOneProcessor(t *testing.T) {
	assert.Equal(t, 1, runtime.GOMAXPROCS(0))
	runtime.GOMAXPROCS(2)
	defer runtime.GOMAXPROCS(1)
	assert.Equal(t, 2, runtime.GOMAXPROCS(0), "the control: there can be two")
}

// A local variable's address tells whether its stack was copied.
func TestRoom(t *testing.T) {
	moved := func(before func()) bool {
		answer := make(chan bool)
		go func() {
			before()
			var here byte
			was := uintptr(unsafe.Pointer(&here))
			deep(15)
			answer <- was != uintptr(unsafe.Pointer(&here))
		}()
		return <-answer
	}
	assert.False(t, moved(func() { room(false) }))
	assert.True(t, moved(func() {}), "the control")
}

// deep uses as many KiB of stack.
//
//go:noinline
func deep(levels int) (sum byte) {
	var kib [1 << 10]byte
	kib[levels] = 1
	if levels > 0 {
		sum = deep(levels - 1)
	}
	return sum + kib[levels]
}
