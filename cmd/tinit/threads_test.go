package main

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNoMoreThreads in directory test shows that the threads are enough.
func TestSettleThreads(t *testing.T) {
	before := runtime.NumGoroutine()
	settleThreads(spareThreads)
	for end := time.Now().Add(deadline); runtime.NumGoroutine() > before && time.Now().Before(end); {
		runtime.Gosched()
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), before)
	tasks, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	assert.GreaterOrEqual(t, len(tasks), 1+spareThreads, "this one, and those to spare")
}
