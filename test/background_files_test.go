package test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A job that is started again from elsewhere finds the files that it was given by relative names.
func TestBackgroundFilesFromElsewhere(t *testing.T) {
	home, there := scratch(t), scratch(t)
	job := func(args ...string) *run { return tinit(t, args...).env("HOME="+home, "XDG_STATE_HOME="+home) }
	require.NoError(t, os.WriteFile(filepath.Join(there, "variables"), []byte("WORD=there\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(there, "input"), []byte("in\n"), 0o600))

	r := job("run", "--name", "elsewhere", "--env-file", "variables", "--stdin", "input", "--stdout", "output",
		"sh", "-c", `read line; echo "$line $WORD $(pwd)"`).dir(there).run()
	require.Zero(t, r.code, r.err)
	require.Zero(t, job("wait", "elsewhere").run().code)
	r = job("start", "elsewhere").dir("/").run()
	require.Zero(t, r.code, r.err)
	require.Zero(t, job("wait", "elsewhere").run().code)
	text, err := os.ReadFile(filepath.Join(there, "output"))
	require.NoError(t, err)
	assert.Equal(t, "in there "+there+"\nin there "+there+"\n", string(text))

	require.NoError(t, os.Remove(filepath.Join(there, "variables"))) // the control: it is that file which is read
	r = job("start", "elsewhere").dir("/").run()
	assert.Equal(t, 1, r.code)
	oneLine(t, r.err, filepath.Join(there, "variables"))
}
