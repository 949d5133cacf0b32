package test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// In an image that holds tinit and nothing else, docker exec has a ps.
func TestDockerPsFromScratch(t *testing.T) {
	e := docker(t)
	e.image(t)
	id := e.do(t, "run", "--detach", "--network", "none", exampleImage, "/tinit", "-P")
	t.Cleanup(func() { e.do(t, "rm", "--force", id) })
	rows := psRows(t, e.do(t, "exec", id, "/tinit", "ps"))
	require.Len(t, rows, 3)
	for i, want := range []string{"/tinit -- /tinit -P", "/tinit -P", "/tinit ps"} {
		assert.Equal(t, want, rows[i]["COMMAND"])
		assert.Equal(t, "?", rows[i]["TTY"])
	}
	assert.Equal(t, []string{"1", "0", "Ssl"}, []string{rows[0]["PID"], rows[0]["PPID"], rows[0]["STAT"]})
	assert.Equal(t, "1", rows[1]["PPID"])
	assert.Equal(t, "0", rows[2]["PPID"], "it came from outside")

	_, err := e.output(dockerCommand, nil, "exec", id, "/ps")
	assert.Error(t, err, "the control: there is no other")

	// As process 1 it is taken for what it most likely is.
	r := e.runImage(t, exampleImage, []string{"--entrypoint", "/tinit"}, "ps")
	assert.Equal(t, 125, r.code)
	oneLine(t, r.err, "tinit -- ps")
}

// Who is PID 1 without knowing it does not reap, and is named.
func TestDockerPsNamesWhoNeglects(t *testing.T) {
	e := docker(t)
	c := e.startStorm(t, 1, []string{"--entrypoint", "sh"}, "-c", orphanStorm)
	out, err := e.command(t.Context(), "exec", c.name, "/tinit", "ps").CombinedOutput()
	require.NoError(t, err)
	assert.Contains(t, string(out), fmt.Sprintf("tinit: process 1 (sleep) has not reaped %d zombies: ", stormOrphans))
	assert.Equal(t, stormOrphans, strings.Count(string(out), "] <defunct>"))

	// The control: tinit as PID 1 leaves none.
	c = e.startStorm(t, 2, nil, "sh", "-c", orphanStorm)
	c.noZombies()
	out, err = e.command(t.Context(), "exec", c.name, "/tinit", "ps").CombinedOutput()
	require.NoError(t, err)
	assert.NotContains(t, string(out), "has not reaped")
	assert.NotContains(t, string(out), "<defunct>")
}

// A terminal's name is the one that it has in the container.
func TestDockerPsTerminal(t *testing.T) {
	e := docker(t)
	c, x := e.interactive(t, "ready", "sh", "-c", "echo ready; exec cat")
	rows := psRows(t, e.do(t, "exec", c.name, "/tinit", "ps"))
	require.Len(t, rows, 3)
	assert.Equal(t, []string{"pts/0", "pts/0", "?"}, []string{rows[0]["TTY"], rows[1]["TTY"], rows[2]["TTY"]})
	assert.Equal(t, []string{"Ssl", "S+"}, []string{rows[0]["STAT"], rows[1]["STAT"]})
	assert.Equal(t, rows[1]["PID"], rows[1]["TPGID"])
	x.types(ctrlD)
	x.wait()
}
