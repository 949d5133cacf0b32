package job

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A record is a file, and no link to one, wherever that leads.
func TestRecordIsNoLink(t *testing.T) {
	dir, err := Make(t.TempDir() + "/state")
	require.NoError(t, err)
	defer dir.Close()
	f, _, err := dir.Reserve("web", "web")
	require.NoError(t, err)
	defer f.Close()
	_, err = f.Read()
	require.NoError(t, err, "control")
	require.NoError(t, os.Rename(f.Path+"/record", f.Path+"/other"))
	require.NoError(t, os.Symlink("other", f.Path+"/record"))
	_, err = f.Read()
	assert.ErrorContains(t, err, "is a symbolic link, which is not followed")
}
