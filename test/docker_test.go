package test

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// untilTerm is a PROGRAM that says when it is ready, writes down that TERM has
// come, and ends with 7.
const untilTerm = `
	trap 'echo TERM >>/v/got; exit 7' TERM
	echo ready >/v/ready
	while :; do sleep 1000 & wait; done`

// Dockerfile.example makes an image that holds tinit and nothing else, and that
// shows tinit at work as it stands.
func TestDockerfileExample(t *testing.T) {
	e := docker(t)
	e.image(t)

	assert.Equal(t, "[/tinit --]", e.do(t, "inspect", "--format", "{{.Config.Entrypoint}}", exampleImage))
	r := e.runImage(t, exampleImage, nil)
	assert.Zero(t, r.code)
	assert.Regexp(t, `^tinit version \S+`, r.out)
	assert.Empty(t, r.err)

	assert.True(t, isStatic(e.initPath()), "the image's tinit is static")
	id := e.do(t, "create", "--network", "none", exampleImage)
	defer e.do(t, "rm", id)
	image := filepath.Join(t.TempDir(), "image.tar")
	e.do(t, "export", "--output", image, id)
	assert.Equal(t, []string{"tinit"}, filesWithContent(t, image))
}

// filesWithContent lists the regular files of a tar file that are not empty: the
// engine adds some that are, to mount others there.
func filesWithContent(t *testing.T, file string) (names []string) {
	t.Helper()
	tape, err := os.Open(file)
	require.NoError(t, err)
	defer tape.Close()
	for reader := tar.NewReader(tape); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		require.NoError(t, err)
		if header.Typeflag == tar.TypeReg && header.Size > 0 {
			names = append(names, header.Name)
		}
	}
}

func TestDockerExitCode(t *testing.T) {
	e := docker(t)
	for name, test := range map[string]struct {
		code    int
		program []string
	}{
		"success":           {0, []string{"true"}},
		"a code":            {3, []string{"sh", "-c", "exit 3"}},
		"the highest code":  {255, []string{"sh", "-c", "exit 255"}},
		"not found":         {127, []string{"/no/such/program"}},
		"not found in PATH": {127, []string{"no-such-program"}},
		"a directory":       {126, []string{"/bin"}},
		"killed by KILL":    {137, []string{"sh", "-c", "kill -KILL $$"}},
		"killed by TERM":    {143, []string{"sh", "-c", "kill -TERM $$"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := e.run(t, nil, test.program...)
			assert.Equal(t, test.code, r.code)
			if r.code == 126 || r.code == 127 {
				assert.Contains(t, r.err, test.program[0], "the file is named")
			}
		})
	}
	t.Run("bad usage", func(t *testing.T) {
		t.Parallel()
		r := e.run(t, []string{"--entrypoint", "/tinit"}, "--no-such-flag", "--", "true")
		assert.Equal(t, 125, r.code)
		assert.Contains(t, r.err, "no-such-flag")
	})
}

// Docker's filter, which refuses unshare(2), and the capabilities that it leaves
// are enough for all that flags say of PROGRAM's process; without the
// capabilities another user is an error.
func TestDockerProcessFlags(t *testing.T) {
	e := docker(t)
	args := strings.Fields("-u 4711:4712 -C /proc --umask 027 --no-new-privileges --ignore HUP --new-session --stdin /dev/null -- cat self/status")
	r := e.run(t, []string{"--entrypoint", "/tinit"}, args...)
	require.Zero(t, r.code, r.err)
	status := statusFields(r.out)
	assert.Equal(t, "4711 4711 4711 4711, 4712 4712 4712 4712, ", identity(status))
	for field, want := range map[string]string{"Umask": "0027", "NoNewPrivs": "1", "SigIgn": "0000000000000001", "CapEff": "0000000000000000"} {
		assert.Equal(t, want, status[field], field)
	}
	assert.Equal(t, "2", status["Seccomp"], "the control: there is a filter")

	r = e.run(t, []string{"--entrypoint", "/tinit", "--cap-drop", "ALL"}, args...)
	assert.Equal(t, 125, r.code)
	assert.Empty(t, r.out)
	assert.Contains(t, r.err, `flag --user: cannot become "4711:4712": operation not permitted (setgroups needs CAP_SETGID)`)
}

// Without a terminal the streams are the caller's.
func TestDockerStreams(t *testing.T) {
	e := docker(t)
	c := e.container(t)
	cmd := e.command(t.Context(), c.arguments([]string{"--interactive"}, shellImage,
		[]string{"sh", "-c", "cat; echo error >&2; exit 4"})...)
	cmd.Stdin = strings.NewReader("one\ntwo\n")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, _ := cmd.Output()
	assert.Equal(t, "one\ntwo\n", string(stdout))
	assert.Equal(t, "error\n", stderr.String())
	assert.Equal(t, 4, c.state().ExitCode)
}

// stormOrphans is how many orphans end in one moment.
const stormOrphans = 100

// orphanStorm is a PROGRAM that becomes sleep, which waits for nobody. Its orphans
// are in its process group; the last of them ends all of them by USR1 when a word
// comes through the pipe /v/go.
var orphanStorm = fmt.Sprintf(`
	i=1
	while [ $i -lt %d ]; do (sleep 1000 &); i=$((i+1)); done
	(sh -c 'read word </v/go; kill -USR1 0' &)
	trap '' USR1
	echo ready >/v/ready
	exec sleep 1000`, stormOrphans)

// startStorm starts a container with orphanStorm in it and returns when the
// orphans have ended. others is how many processes there are beside them.
func (e *engine) startStorm(t *testing.T, others int, options []string, program ...string) *container {
	t.Helper()
	c := e.container(t)
	pipe := filepath.Join(c.volume, "go")
	require.NoError(t, unix.Mkfifo(pipe, 0o666))
	require.NoError(t, os.Chmod(pipe, 0o666))
	c.start(options, program...)
	asleep := func(pid int) bool { return comm(pid) == "sleep" }
	eventually(t, func() bool { return c.count(asleep) == stormOrphans }, "all but the last orphan sleep, and so does the program")
	require.Equal(t, stormOrphans+others, c.count(alive))
	require.NoError(t, os.WriteFile(pipe, []byte("go\n"), 0))
	eventually(t, func() bool { return c.count(alive) == others }, "the orphans have ended")
	return c
}

func TestDockerNoZombies(t *testing.T) {
	e := docker(t)
	c := e.startStorm(t, 2, nil, "sh", "-c", orphanStorm)
	c.noZombies()
	code, sent := c.stop()
	assert.Equal(t, 143, code)
	assert.Equal(t, []string{"15"}, sent)
}

// The control: without tinit the same program leaves every orphan a zombie.
func TestDockerZombiesWithoutTinit(t *testing.T) {
	e := docker(t)
	c := e.startStorm(t, 1, []string{"--entrypoint", "sh"}, "-c", orphanStorm)
	assert.Equal(t, stormOrphans, c.zombies())
}

// Whatever is taken from a container, tinit starts, reaps, forwards and ends as
// ever.
func TestDockerHardened(t *testing.T) {
	e := docker(t)
	readOnly := []string{"--read-only"}
	user := []string{"--user", "65534:65534"}
	rights := []string{"--cap-drop", "ALL", "--security-opt", "no-new-privileges"}
	for name, options := range map[string][]string{
		"a root that is read-only": readOnly,
		"an unprivileged user":     user,
		"no rights":                rights,
		"all of that":              slices.Concat(readOnly, user, rights),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := e.startStorm(t, 2, options, "sh", "-c", orphanStorm)
			c.noZombies()
			for _, pid := range []int{c.pid, c.program()} {
				status := procStatus(pid)
				if slices.Contains(options, "--user") {
					assert.Equal(t, []string{"65534", "65534", "65534", "65534"}, strings.Fields(status["Uid"]))
				}
				if slices.Contains(options, "--cap-drop") {
					assert.Equal(t, "0000000000000000", status["CapBnd"])
					assert.Equal(t, "1", status["NoNewPrivs"])
				}
			}
			code, sent := c.stop()
			assert.Equal(t, 143, code)
			assert.Equal(t, []string{"15"}, sent)
		})
	}
}

func TestDockerLittleMemory(t *testing.T) {
	e := docker(t)
	need(t, e.do(t, "info", "--format", "{{.MemoryLimit}}") == "true", "the engine has no memory cgroup")
	c := e.start(t, []string{"--memory", "8m", "--memory-swap", "8m"}, "sh", "-c",
		`i=0; while [ $i -lt 50 ]; do (true &); i=$((i+1)); done`+untilTerm)
	assert.Equal(t, "8388608", c.cgroupFile("memory", "memory.limit_in_bytes", "memory.max"))
	c.noZombies()
	code, sent := c.stop()
	assert.Equal(t, 7, code)
	assert.Equal(t, []string{"15"}, sent)
	assert.False(t, c.state().OOMKilled)
}

// When the container can have not one more process tinit still forwards, reaps,
// and ends with the program's code.
func TestDockerFullPidsLimit(t *testing.T) {
	e := docker(t)
	// The first shell in parentheses makes processes until it dies of it; the
	// second takes the place that this has made free.
	c := e.start(t, []string{"--pids-limit", "32"}, "sh", "-c", `
		trap 'echo TERM >>/v/got; exit 7' TERM
		trap 'echo USR1 >>/v/got' USR1
		(trap '' USR1; while :; do sleep 1000 & done) 2>/dev/null
		(trap '' USR1; exec sleep 1000) &
		echo ready >/v/ready
		while :; do wait; done`)
	assert.Equal(t, "32", c.cgroupFile("pids", "pids.max", "pids.max"))
	assert.Equal(t, "32", c.cgroupFile("pids", "pids.current", "pids.current"))
	c.kill("USR1")
	eventually(t, func() bool { return c.read("got") == "USR1\n" }, "USR1 arrives")
	code, sent := c.stop()
	assert.Equal(t, 7, code)
	assert.Equal(t, []string{"10", "15"}, sent)
	assert.Equal(t, "USR1\nTERM\n", c.read("got"))
}

// A standard error that is full and that nobody reads holds nothing up, however
// much tinit has to say.
func TestDockerFullStderr(t *testing.T) {
	e := docker(t)
	c := e.start(t, []string{"--entrypoint", "sh"}, "-c", `
		mkfifo /tmp/full
		exec 9<>/tmp/full
		dd if=/dev/zero bs=4096 count=16 >&9
		exec /tinit -v -w -- sh -c "$1" 2>&9`,
		"sh", `trap 'echo USR1 >>/v/got' USR1; (true &); (true &)`+untilTerm)
	stderr, err := os.OpenFile(procPath(c.pid, "fd/2"), os.O_RDONLY|unix.O_NONBLOCK, 0)
	require.NoError(t, err)
	defer stderr.Close()
	size, err := unix.FcntlInt(stderr.Fd(), unix.F_GETPIPE_SZ, 0)
	require.NoError(t, err)
	unread := func() int {
		n, err := unix.IoctlGetInt(int(stderr.Fd()), unix.TIOCINQ)
		require.NoError(t, err)
		return n
	}
	require.Equal(t, size, unread(), "the pipe is full")

	c.noZombies()
	c.kill("USR1")
	eventually(t, func() bool { return c.read("got") == "USR1\n" }, "USR1 arrives")
	code, sent := c.stop()
	assert.Equal(t, 7, code)
	assert.Equal(t, []string{"10", "15"}, sent)
	assert.Equal(t, size, unread(), "nobody has read")
}

// Two containers in one PID namespace, as those of a Kubernetes pod that shares
// it: the second's tinit is not PID 1, and what the first has is none of its
// business.
func TestDockerSharedPIDNamespace(t *testing.T) {
	e := docker(t)
	first := e.start(t, nil, "sh", "-c", untilTerm)
	alone := first.count(alive)
	second := e.start(t, []string{"--pid", "container:" + first.name}, "sh", "-c", `(setsid sleep 1000 &)`+untilTerm)
	require.Greater(t, nsPid(t, second.pid), 1)
	require.Equal(t, first.count(alive), second.count(alive), "they see the same processes")
	eventually(t, func() bool {
		return second.count(func(pid int) bool { s := procStat(pid); return s.ppid == second.pid && s.session == pid }) == 1
	}, "an orphan is in a session of its own")

	code, sent := second.stop()
	assert.Equal(t, 7, code)
	assert.Equal(t, []string{"15"}, sent)
	assert.Equal(t, alone, first.count(alive), "of the second container nothing is left")
	assert.Empty(t, first.read("got"), "the first one's program got no signal")

	code, sent = first.stop()
	assert.Equal(t, 7, code)
	assert.Equal(t, []string{"15"}, sent)
}

// As the init of docker run --init, which is called docker-init and gets no flags,
// tinit does what it does as an ENTRYPOINT.
func TestDockerInit(t *testing.T) {
	e := docker(t)
	c := e.startStorm(t, 2, []string{"--init", "--entrypoint", "sh"}, "-c", orphanStorm)
	assert.True(t, strings.HasPrefix(cmdline(c.pid), "/sbin/docker-init\x00--\x00"), "it is the engine that started it")
	c.noZombies()
	code, sent := c.stop()
	assert.Equal(t, 143, code)
	assert.Equal(t, []string{"15"}, sent)

	// The engine asks its init for the version, and understands tini's answer alone.
	components := e.do(t, "version", "--format", "{{range .Server.Components}}{{.Name}}={{.Version}} {{end}}")
	assert.Regexp(t, `docker-init=\S+_tinit\b`, components)
}

// docker run --init has no place for flags: there are variables.
func TestDockerInitVariables(t *testing.T) {
	e := docker(t)
	r := e.run(t, []string{"--init", "--entrypoint", "sh", "--env", "TINIT_SUCCESS_CODE=7"},
		"-c", `[ -z "$TINIT_SUCCESS_CODE" ] && exit 7`)
	assert.Zero(t, r.code)
	assert.Empty(t, r.err)
}

// Below another init tinit is not PID 1, and the one that reaps what its program
// leaves nevertheless.
func TestDockerBelowAnotherInit(t *testing.T) {
	e := docker(t)
	c := e.startStorm(t, 3, []string{"--init"}, "sh", "-c", orphanStorm)
	c.noZombies()
	code, sent := c.stop()
	assert.Equal(t, 143, code)
	assert.Equal(t, []string{"15"}, sent)
}
