package oneproc

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOneProcessor(t *testing.T) {
	assert.Equal(t, 1, runtime.GOMAXPROCS(0))
	runtime.GOMAXPROCS(2)
	defer runtime.GOMAXPROCS(1)
	assert.Equal(t, 2, runtime.GOMAXPROCS(0), "the control: there can be two")
}
