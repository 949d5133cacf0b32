package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// docker info asks its init for the version, and warns if the answer is not what
// it knows of tini's. Not in parallel: for the control, the init is replaced.
func TestDockerInfo(t *testing.T) {
	e := docker(t)
	e.image(t)
	// What the client says beside this is about the machine: cgroups, storage.
	aboutInit := func() (version, warnings string) {
		t.Helper()
		log := filepath.Join(e.dir, "log")
		before, err := os.ReadFile(log)
		require.NoError(t, err)
		info := e.do(t, "info")
		after, err := os.ReadFile(log)
		require.NoError(t, err)
		for line := range strings.Lines(info) {
			if found, ok := strings.CutPrefix(strings.TrimSpace(line), "init version: "); ok {
				version = found
			}
		}
		for line := range strings.Lines(string(after[len(before):])) {
			if strings.Contains(line, "level=warning") && strings.Contains(line, "init") {
				warnings += line
			}
		}
		return version, warnings
	}

	version, warnings := aboutInit()
	assert.Equal(t, tinitCommit(t, e.initPath()), version)
	assert.Empty(t, warnings)

	// The control: busybox, which does not know the name docker-init.
	busybox, err := staticBusybox()
	require.NoError(t, err)
	replaced := e.initPath() + ".replaced"
	require.NoError(t, os.Rename(e.initPath(), replaced))
	defer func() {
		require.NoError(t, os.Remove(e.initPath()))
		require.NoError(t, os.Rename(replaced, e.initPath()))
	}()
	require.NoError(t, os.Symlink(busybox, e.initPath()))
	version, warnings = aboutInit()
	assert.Equal(t, "N/A", version)
	assert.NotEmpty(t, warnings)
}

// tinitCommit is what a tinit says that it was built from.
func tinitCommit(t *testing.T, file string) string {
	t.Helper()
	r := plainly(t, file, "--version").run()
	_, commit, found := strings.Cut(strings.TrimSpace(r.out), " - git.")
	require.True(t, found, r.out)
	return commit
}

// The code of a command that is not there is the init's to give: to the engine
// the container has started.
func TestDockerInitNotFound(t *testing.T) {
	e := docker(t)
	for name, test := range map[string]struct {
		code    int
		program string
	}{
		"not found":         {127, "/no/such/program"},
		"not found in PATH": {127, "no-such-program"},
		"a directory":       {126, "/bin"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := e.run(t, []string{"--init", "--entrypoint", test.program})
			assert.Equal(t, test.code, r.code)
			assert.Contains(t, r.err, test.program, "the file is named")
		})
	}
}

// slowLeftover is a PROGRAM that ends with 7 on TERM, and leaves a process in a
// session of its own that wants two seconds after TERM.
const slowLeftover = `
	setsid sh -c 'trap "sleep 2; echo done >/v/left; exit" TERM; echo >/v/there; while :; do sleep 1000 & wait; done' &
	while [ ! -e /v/there ]; do sleep 0.01; done` + untilTerm

func TestDockerInitGrace(t *testing.T) {
	t.Parallel()
	e := docker(t)
	c := e.start(t, []string{"--init", "--entrypoint", "sh", "--env", "TINIT_GRACE=8s"}, "-c", slowLeftover)
	code, sent := c.stop()
	assert.Equal(t, 7, code)
	assert.Equal(t, []string{"15"}, sent)
	assert.Equal(t, "done\n", c.read("left"))

	// The control.
	c = e.start(t, []string{"--init", "--entrypoint", "sh"}, "-c", slowLeftover)
	code, _ = c.stop()
	assert.Equal(t, 7, code)
	assert.Empty(t, c.read("left"))
}

// parentAndChild is a PROGRAM that writes down which of two processes of its
// process group got USR1.
const parentAndChild = `
	sh -c 'trap "echo child >>/v/got" USR1; echo >/v/there; while :; do sleep 1000 & wait; done' &
	trap 'echo parent >>/v/got' USR1
	while [ ! -e /v/there ]; do sleep 0.01; done
	echo ready >/v/ready
	while :; do wait; done`

// tini's variable for its flag -g.
func TestDockerInitProcessGroup(t *testing.T) {
	e := docker(t)
	c := e.start(t, []string{"--init", "--entrypoint", "sh", "--env", "TINI_KILL_PROCESS_GROUP=1"}, "-c", parentAndChild)
	c.kill("USR1")
	eventually(t, func() bool { return strings.Contains(c.read("got"), "parent") }, "the program gets USR1")
	eventually(t, func() bool { return strings.Contains(c.read("got"), "child") }, "its child gets USR1")

	// The control: by the name of docker-init tinit is as tini is.
	c = e.start(t, []string{"--init", "--entrypoint", "sh"}, "-c", parentAndChild)
	c.aloneGetsUSR1()
}

// aloneGetsUSR1 sends USR1 to a container of parentAndChild, and looks that it
// reaches the program and not its child.
func (c *container) aloneGetsUSR1() {
	c.t.Helper()
	for n := range 3 {
		c.kill("USR1")
		eventually(c.t, func() bool { return strings.Count(c.read("got"), "parent") == n+1 }, "the program gets USR1")
	}
	assert.NotContains(c.t, c.read("got"), "child")
}

// As tini, and for want of TINIT_GRACE, tinit leaves with the program, and what is
// left gets KILL of the kernel. The control is TestDockerInitGrace.
func TestDockerInitLeavesAtOnce(t *testing.T) {
	e := docker(t)
	c := e.start(t, []string{"--init", "--entrypoint", "sh"}, "-c", `
		setsid sh -c 'trap "echo TERM >/v/left; exit" TERM; echo >/v/there; while :; do sleep 1000 & wait; done' &
		while [ ! -e /v/there ]; do sleep 0.01; done`+untilTerm)
	code, sent := c.stop()
	assert.Equal(t, 7, code)
	assert.Equal(t, []string{"15"}, sent)
	assert.Empty(t, c.read("left"))
}
