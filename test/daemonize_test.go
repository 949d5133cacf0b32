package test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	lib "github.com/tinit-dev/tinit/session" // session is a terminal's here
)

// session.Daemonize finds this program again where there is no /proc, as a
// namespace has it that nobody mounted one for.

func init() {
	lib.RegisterDaemon("daemon", func(s *lib.Starter) { _ = s.Running("running") })
	registerChild("daemonize", func() {
		said, err := lib.Daemonize(context.Background(), lib.Daemon{Name: "daemon"})
		fmt.Println(said, err)
	})
}

func TestDaemonizeWithoutProc(t *testing.T) {
	needRelease(t) // the race detector has something to say without /proc
	daemonize := filepath.Join(childDir, "daemonize")
	start := func(nameless bool) result {
		return namespaced(t, daemonize).argv0("daemonize").noProc().with(func(s *stage) { s.Nameless = nameless }).run()
	}
	assert.Equal(t, result{0, "running <nil>\n", ""}, start(false))
	r := start(true)
	require.Zero(t, r.code)
	assert.Equal(t, " cannot start \"daemon\": no such file or directory\n", r.out, "the control: it has no name")
}
