package test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asInit is what has podman put tinit into a container as its init.
func asInit(options ...string) []string {
	return append([]string{"--init", "--init-path", tinitPath, "--entrypoint", "sh"}, options...)
}

func TestPodmanExitCode(t *testing.T) {
	e := podman(t)
	for name, test := range map[string]struct {
		code, init int // as the entrypoint; as the init, with catatonit's codes
		program    []string
	}{
		"success":        {0, 0, []string{"true"}},
		"a code":         {3, 3, []string{"sh", "-c", "exit 3"}},
		"not found":      {127, 1, []string{"/no/such/program"}},
		"a directory":    {126, 1, []string{"/bin"}},
		"killed by KILL": {137, 137, []string{"sh", "-c", "kill -KILL $$"}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.code, e.run(t, nil, test.program...).code)
			init := []string{"--init", "--init-path", tinitPath, "--entrypoint", test.program[0]}
			assert.Equal(t, test.init, e.run(t, init, test.program[1:]...).code, "as the init")
		})
	}
}

// As the init of podman run --init, which is called podman-init and gets no flags.
func TestPodmanInit(t *testing.T) {
	e := podman(t)
	c := e.startStorm(t, 2, asInit(), "-c", orphanStorm)
	assert.True(t, strings.HasPrefix(cmdline(c.pid), "/run/podman-init\x00--\x00"), "it is podman that started it")
	assert.True(t, runsFile(t, c.pid, tinitPath))
	c.noZombies()
	c.do(t, "stop", c.name)
	assert.Equal(t, 143, c.state().ExitCode)
}

// The control: without an init the same program leaves every orphan a zombie, and
// TERM does nothing to it.
func TestPodmanWithoutInit(t *testing.T) {
	e := podman(t)
	c := e.startStorm(t, 1, []string{"--entrypoint", "sh"}, "-c", orphanStorm)
	assert.Equal(t, stormOrphans, c.zombies())
	c.do(t, "stop", "--time", "1", c.name)
	assert.Equal(t, 137, c.state().ExitCode)
}

// TERM reaches a program that handles it, and what is left behind has the time
// that the variable gives.
func TestPodmanInitGrace(t *testing.T) {
	t.Parallel()
	e := podman(t)
	c := e.start(t, asInit("--env", "TINIT_GRACE=8s"), "-c", slowLeftover)
	c.do(t, "stop", c.name)
	assert.Equal(t, 7, c.state().ExitCode)
	assert.Equal(t, "TERM\n", c.read("got"))
	assert.Equal(t, "done\n", c.read("left"))

	// The control.
	c = e.start(t, asInit(), "-c", slowLeftover)
	c.do(t, "stop", c.name)
	assert.Equal(t, 7, c.state().ExitCode)
	assert.Empty(t, c.read("left"))
}

// By the name of podman-init tinit is as catatonit is: signals are the program's
// alone, and the container's directory is not kept busy.
func TestPodmanInitAsCatatonit(t *testing.T) {
	e := podman(t)
	c := e.start(t, asInit("--workdir", "/tmp"), "-c", parentAndChild)
	c.aloneGetsUSR1()
	directory := func(pid int) string {
		target, err := os.Readlink(procPath(pid, "cwd"))
		require.NoError(t, err)
		return target
	}
	eventually(t, func() bool { return directory(c.pid) == "/" }, "its directory is /")
	assert.Equal(t, "/tmp", directory(c.program()))
}

// A pod's pause process is tinit, which podman has found by the name of catatonit:
// it has nothing open and is in nobody's way, reaps what the containers of a
// shared PID namespace leave, and ends with 0.
func TestPodmanPause(t *testing.T) {
	e := podman(t)
	for _, signal := range []string{"INT", "TERM"} {
		t.Run(signal, func(t *testing.T) {
			t.Parallel()
			p := &pod{engine: e, t: t, name: "pause-" + strings.ToLower(signal)}
			e.do(t, "pod", "create", "--name", p.name, "--network", "none", "--share", "pid,ipc,net,uts")
			p.removed()
			e.do(t, "pod", "start", p.name)
			infra := p.infra()
			infra.pauses()

			// Neither the shell nor the one that it leaves has another tinit above it.
			c := p.start("sh", "-c", `
				(exec sh -c 'echo ready >/v/there; exec sleep 1000' &)
				while [ ! -e /v/there ]; do sleep 0.01; done
				echo ready >/v/ready
				exec sleep 1000`)
			require.Greater(t, nsPid(t, c.pid), 1, "the container's first process is not PID 1")
			var orphan int
			eventually(t, func() bool {
				for _, pid := range children(infra.pid) {
					if comm(pid) == "sleep" && pid != c.pid {
						orphan = pid
					}
				}
				return orphan != 0
			}, "the pause process has got the orphan")
			require.NoError(t, syscall.Kill(orphan, syscall.SIGKILL))
			eventually(t, func() bool { return procStat(orphan).state == 0 }, "the orphan is reaped")
			assert.True(t, alive(c.pid))

			infra.kill(signal)
			eventually(t, func() bool { return infra.state().Status == "exited" }, "the pause process ends")
			assert.Zero(t, infra.state().ExitCode)
		})
	}
}

// pauses looks at a pause process.
func (c *container) pauses() {
	c.t.Helper()
	assert.True(c.t, runsFile(c.t, c.pid, tinitPath), "the pause process is tinit")
	assert.Equal(c.t, "-P", strings.Split(cmdline(c.pid), "\x00")[1])
	assert.Equal(c.t, 1, nsPid(c.t, c.pid))
	eventually(c.t, func() bool {
		return catches(c.pid, syscall.SIGTERM) && catches(c.pid, syscall.SIGINT)
	}, "it takes INT and TERM")
	cwd, err := os.Readlink(procPath(c.pid, "cwd"))
	require.NoError(c.t, err)
	assert.Equal(c.t, "/", cwd)
	for fd, target := range descriptors(c.pid) {
		if fd > 2 {
			assert.True(c.t, strings.HasPrefix(target, "anon_inode:"), "descriptor %d is the kernel's alone, not %s", fd, filepath.Base(target))
		}
	}
}
