package test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// While tinit waits for what PROGRAM left behind, the terminal is tinit's, and
// who loses patience is heard.
func TestTerminalKeysInSweep(t *testing.T) {
	// A background process of a script ignores INT and QUIT: only a KILL ends it.
	const leaves = `trap "" TERM; sleep 1000 & echo $! >left; exit 3`
	for _, c := range []struct{ name, key string }{{"Ctrl-C", ctrlC}, {`Ctrl-\`, ctrlBackslash}} {
		t.Run(c.name, func(t *testing.T) {
			s := interactiveShell(t)
			s.line(`$tinit --grace 30 sh -c '%s'`, leaves)
			tinit, _ := s.started()
			left := s.childNamed(tinit, "sleep")
			s.hasTerminal(tinit)
			s.types(c.key)
			s.ends(3)
			isGone(t, left)
		})
	}
	leaders(t, func(t *testing.T, tinit starter) {
		s := onTerminal(t, tinit(t, "--grace", "30", "sh", "-c", leaves))
		left := s.childNamed(s.leader.pid, "sleep")
		s.hasTerminal(s.leader.pid)
		s.types(ctrlC)
		assert.Equal(t, 3, s.leader.wait())
		isGone(t, left)
	})
}
