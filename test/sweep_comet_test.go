package test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What forks while it is being killed: see hostile_comets_test.go.
var comets = map[string]string{
	"comet":                         "comet,plain",
	"comet in a group of its own":   "comet,group",
	"comet with new sessions":       "comet,session",
	"tree that grows again (hydra)": "hydra",
}

// stopComets is the stop file of comets, which is there when the test ends.
func stopComets(t *testing.T) string {
	t.Helper()
	stop := filepath.Join(scratch(t), "stop")
	t.Cleanup(func() { assert.NoError(t, os.WriteFile(stop, nil, 0o666)) })
	return stop
}

// cometArgs is a program that starts a comet and ends when it flies.
func cometArgs(comet, stop string) []string {
	kind := "wait"
	if comet == "hydra" {
		kind = "session"
	}
	return []string{"leave", "now", "7", kind + "," + comet + "," + stop}
}

// ns-init asks the kernel whether anything is left, so nothing is missed.
func TestSweepOfComets(t *testing.T) {
	for name, comet := range comets {
		t.Run(name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, start func(args ...string) *run) {
				args := append([]string{"--grace", "50ms", "--"}, cometArgs(comet, stopComets(t))...)
				r := start(args...).run()
				assert.Equal(t, 7, r.code, r.err)
				assert.NotContains(t, r.out, "left yes", "%s escaped", comet)
			})
		})
	}
}

// The control: they fly on when nobody ends them.
func TestCometsFlyWithoutTinit(t *testing.T) {
	for name, comet := range comets {
		t.Run(name, func(t *testing.T) {
			r := inNsInit(t, nil, cometArgs(comet, stopComets(t))...).run()
			require.Equal(t, 7, r.code, r.err)
			assert.Contains(t, r.out, "left yes")
		})
	}
}
