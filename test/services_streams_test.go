package test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A service opens its streams by name, as nginx does its logs, and as another user than tinit: they are its own.
func TestServiceOpensItsStreams(t *testing.T) {
	need(t, os.Geteuid() == 0, "only root can become another user")
	const services = `services:
  writer:
    command: ["sh", "-c", "echo to stdout >/dev/stdout && echo to stderr >/dev/stderr"]
    user: "65534"
`
	start := func(text string) *run {
		t.Helper()
		dir := t.TempDir()
		file := filepath.Join(dir, "services.yaml")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return pid1(t, "--services", file).env("TINIT_STATE_DIR=" + dir + "/state")
	}
	r := start(services).run()
	assert.Zero(t, r.code, r.err)
	assert.Equal(t, "writer | to stdout\n", r.out)
	assert.Contains(t, r.err, "writer | to stderr\n")

	// The control: a pipe of who has started tinit is not the service's.
	out, pipe, err := os.Pipe()
	require.NoError(t, err)
	defer out.Close()
	defer pipe.Close()
	assert.NotZero(t, start(services+"    x-logging: plain\n").stdout(pipe).run().code)
}
