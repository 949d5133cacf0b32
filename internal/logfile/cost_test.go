package logfile

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWriteAllocatesNothing(t *testing.T) {
	l := open(t, Config{Path: newPath(t), MaxSize: 1 << 30, MaxFiles: 2})
	assert.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = l.Write(line) }))
	assert.NotZero(t, testing.AllocsPerRun(10, l.look), "the control: to ask for a name does")
}

// writes is how many times the calling thread has called write(2) and its like, as the kernel counts.
func writes(t *testing.T) (n int) {
	t.Helper()
	io, err := os.ReadFile("/proc/thread-self/io")
	need(t, err == nil, "the kernel does not count writes")
	var ignored int
	_, err = fmt.Sscanf(string(io), "rchar: %d\nwchar: %d\nsyscr: %d\nsyscw: %d", &ignored, &ignored, &ignored, &n)
	assert.NoError(t, err)
	return n
}

func TestOneWriteAChunk(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	path := newPath(t)
	l := open(t, Config{Path: path, MaxSize: 10*chunk + 1, MaxFiles: 100})
	p := make([]byte, chunk)
	p[100], p[chunk-1] = '\n', '\n'
	before := writes(t)
	for range 100 {
		_, _ = l.Write(p)
	}
	assert.Equal(t, 100, writes(t)-before)
	assert.True(t, exists(path+".9"))
}
