package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// takeDescriptors leaves this process none but its standard streams.
func takeDescriptors() {
	if err := syscall.Setrlimit(unix.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: 3}); err != nil {
		panic(err)
	}
}

// useTimers waits on a timer without a free descriptor.
func useTimers(settle func() error) {
	err := settle()
	takeDescriptors()
	time.Sleep(time.Millisecond)
	fmt.Println(err)
}

func TestSettleTimers(t *testing.T) {
	out, code := output(t, "timers-settled")
	assert.Equal(t, "<nil>\n", out)
	assert.Zero(t, code)

	out, code = output(t, "timers-too-late")
	assert.Equal(t, "not enough descriptors: fcntl(F_DUPFD_CLOEXEC): too many open files\n", out)
	assert.Zero(t, code)

	// The control: Go's runtime ends a process that is in want of descriptors for its first timer.
	_, code = output(t, "timers-not-settled")
	assert.Equal(t, 2, code)
}

func TestSettleTimersLeavesNoMoreOpen(t *testing.T) {
	open := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(entries)
	}
	require.NoError(t, settleTimers())
	before := open()
	require.NoError(t, settleTimers())
	assert.Equal(t, before, open())
}

// TestNoMoreThreads in directory test shows that the threads are enough.
func TestSettleThreads(t *testing.T) {
	before := runtime.NumGoroutine()
	settleThreads()
	for end := time.Now().Add(deadline); runtime.NumGoroutine() > before && time.Now().Before(end); {
		runtime.Gosched()
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), before)
	tasks, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	assert.GreaterOrEqual(t, len(tasks), 1+spareThreads, "this one, and those to spare")
}

func TestOneProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	oneProcessor()
	assert.Equal(t, 1, runtime.GOMAXPROCS(0))
}
