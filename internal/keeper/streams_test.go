package keeper

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestFIFOWithoutAReaderIsRefused(t *testing.T) {
	path := t.TempDir() + "/fifo"
	require.NoError(t, unix.Mkfifo(path, 0o600))
	_, err := openOther(path)
	assert.ErrorContains(t, err, "nobody reads "+path)

	reader, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer reader.Close() //nolint:errcheck // nothing was written
	f, err := openOther(path)
	require.NoError(t, err, "control")
	defer f.Close() //nolint:errcheck // nothing was written
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	require.NoError(t, err)
	assert.Zero(t, flags&unix.O_NONBLOCK, "the program is to wait for its reader")
}

// A program must not find its output non-blocking: it would take a full pipe for an error.
func TestStreamsBlock(t *testing.T) {
	k, _ := newKeeper(t)
	s, err := openStreams(Streams{Errors: t.TempDir() + "/errors"}, k.cfg.Folder, nil)
	require.NoError(t, err)
	defer s.close()
	stdin, err := s.input()
	require.NoError(t, err)
	defer stdin.Close() //nolint:errcheck // nothing was written
	for _, f := range []*os.File{stdin, s.out, s.err} {
		flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
		require.NoError(t, err)
		assert.Zero(t, flags&unix.O_NONBLOCK, f.Name())
	}
	assert.NotEqual(t, s.out, s.err)
	assert.Empty(t, s.trouble())
}
