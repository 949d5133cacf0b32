package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The tests of this file and of docker_*_test.go run tinit in containers of a
// real Docker engine: a dockerd of their own, that is started when the first of
// them asks for it, needs no network, and is gone when the tests are.

const (
	// dockerStart is how long a dockerd may take until it answers.
	dockerStart = 60 * time.Second
	// dockerEnd is how long it may take to leave after TERM, containers and all.
	dockerEnd = 30 * time.Second
	// dockerCommand is how long one docker command may take, docker stop and its
	// ten seconds of patience and more among them.
	dockerCommand = 90 * time.Second
	// dockerBuild is how long a docker build that compiles tinit may take.
	dockerBuild = 5 * time.Minute
)

const (
	// exampleImage is what Dockerfile.example makes.
	exampleImage = "tinit-example"
	// shellImage is exampleImage with busybox in /bin.
	shellImage = "tinit-shell"
)

// engine is a running dockerd, or a podman (podman_engine_test.go).
type engine struct {
	dir    string        // all that it has; short, since a socket's name is at most 107 bytes
	client []string      // what begins each of its commands
	env    []string      // their environment, beside the tests' own
	images func() error  // makes shellImage
	app    func() error  // makes appImage
	cgroup string        // the name of the cgroup that its containers are in
	daemon *os.Process   // dockerd
	gone   chan struct{} // closed when dockerd has ended
	names  atomic.Int32  // containers so far
}

// runningDocker is the engine that stopDocker stops.
var runningDocker *engine

var startDocker = sync.OnceValues(func() (*engine, error) {
	dir, err := os.MkdirTemp("/tmp", "tinit-docker-")
	if err != nil {
		return nil, err
	}
	e := &engine{
		dir: dir, client: []string{"docker"}, images: buildImages,
		cgroup: filepath.Base(dir), gone: make(chan struct{}),
	}
	e.app = sync.OnceValue(e.buildApp)
	// The client speaks to this engine, whatever the user's own configuration says.
	e.env = []string{
		"DOCKER_HOST=" + e.socket(),
		"DOCKER_CONFIG=" + filepath.Join(dir, "config"),
		"DOCKER_CONTEXT=", "DOCKER_TLS_VERIFY=", "DOCKER_DEFAULT_PLATFORM=",
		"DOCKER_BUILDKIT=0",
	}
	runningDocker = e // whatever fails from here on, stopDocker cleans up

	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	// The user's own configuration is not for this engine, nor for its client.
	if err := os.WriteFile(filepath.Join(dir, "daemon.json"), []byte("{}"), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command("dockerd",
		"--host", e.socket(),
		"--data-root", filepath.Join(dir, "data"),
		"--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"),
		"--containerd-namespace", e.cgroup,
		"--containerd-plugins-namespace", e.cgroup+"-plugins",
		"--config-file", filepath.Join(dir, "daemon.json"),
		"--cgroup-parent", "/"+e.cgroup,
		"--exec-opt", "native.cgroupdriver=cgroupfs",
		"--storage-driver=vfs",
		"--bridge=none", "--iptables=false", "--ip6tables=false",
		"--init-path", e.initPath(),
	)
	cmd.Stdout, cmd.Stderr = log, log
	// TERM, should the tests end without stopDocker. It is sent when the thread
	// ends that started dockerd, which is therefore kept until dockerd has ended.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer close(e.gone)
		err := cmd.Start()
		e.daemon = cmd.Process
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}

	for deadline := time.Now().Add(dockerStart); ; {
		_, err := e.command(context.Background(), "version").Output()
		if err == nil {
			return e, nil
		}
		select {
		case <-e.gone:
			return nil, fmt.Errorf("dockerd ended: %s", e.lastWords())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("dockerd does not answer: %w: %s", err, e.lastWords())
		}
	}
})

func (e *engine) socket() string { return "unix://" + filepath.Join(e.dir, "sock") }

// initPath is the file that docker run --init puts into a container.
func (e *engine) initPath() string { return filepath.Join(e.dir, "docker-init") }

// lastWords is the end of dockerd's log.
func (e *engine) lastWords() string {
	log, _ := os.ReadFile(filepath.Join(e.dir, "log"))
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// stopDocker ends the private engine, if there is one, and removes all that it
// had: containers, images, mounts, cgroups. For TestMain, after the tests.
func stopDocker() {
	e := runningDocker
	if e == nil {
		return
	}
	if e.daemon != nil {
		_ = e.daemon.Signal(syscall.SIGTERM)
		select {
		case <-e.gone:
		case <-time.After(dockerEnd):
			_ = e.daemon.Kill()
			<-e.gone
			e.killHelpers()
		}
	}
	e.unmountAll()
	e.removeDirectories()
}

// removeDirectories removes the engine's cgroups, where nobody else has anything
// in them, and its directory.
func (e *engine) removeDirectories() {
	removeCgroup(e.cgroup)
	if err := os.RemoveAll(e.dir); err != nil {
		fmt.Fprintf(os.Stderr, "what %s had is not all removed: %v\n", e.client[0], err)
	}
}

// removeCgroup removes a cgroup and those below it, which are empty or about to
// be: of the second version, or one of each of the first version's controllers.
func removeCgroup(name string) {
	roots, _ := filepath.Glob("/sys/fs/cgroup/*")
	polls(time.Second, func() bool {
		left := 0
		for _, root := range append(roots, "/sys/fs/cgroup") {
			var dirs []string
			_ = filepath.WalkDir(filepath.Join(root, name), func(file string, entry fs.DirEntry, err error) error {
				if err == nil && entry.IsDir() {
					dirs = append(dirs, file)
				}
				return nil
			})
			for _, dir := range slices.Backward(dirs) {
				if unix.Rmdir(dir) != nil {
					left++
				}
			}
		}
		return left == 0
	})
}

// killHelpers ends what an engine that had to be killed leaves: Docker's containerd
// and all containers' shims, which name its directory in their arguments.
func (e *engine) killHelpers() {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		args, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if pid != os.Getpid() && bytes.Contains(args, []byte(e.dir+"/")) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// unmountAll undoes every mount below the engine's directory, the last one first.
func (e *engine) unmountAll() {
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	lines := strings.Split(string(mounts), "\n")
	slices.Reverse(lines)
	for _, line := range lines {
		fields := strings.Fields(line)
		if len(fields) > 4 && strings.HasPrefix(fields[4], e.dir+"/") {
			_ = unix.Unmount(fields[4], unix.MNT_DETACH)
		}
	}
}

// docker returns the private engine, running.
func docker(t *testing.T) *engine {
	t.Helper()
	need(t, os.Geteuid() == 0, "only root can start a Docker engine")
	for _, file := range []string{"docker", "dockerd"} {
		_, err := exec.LookPath(file)
		need(t, err == nil, fmt.Sprintf("no Docker engine: %v", err))
	}
	_, err := staticBusybox()
	need(t, err == nil, fmt.Sprintf("nothing to put into a container: %v", err))
	e, err := startDocker()
	need(t, err == nil, fmt.Sprintf("the Docker engine does not start: %v", err))
	return e
}

// command makes a command of the engine's client.
func (e *engine) command(ctx context.Context, args ...string) *exec.Cmd {
	all := slices.Concat(e.client, args)
	cmd := exec.CommandContext(ctx, all[0], all[1:]...)
	cmd.Env = append(os.Environ(), e.env...)
	return cmd
}

// output runs a command with a standard input and returns its standard output.
func (e *engine) output(patience time.Duration, stdin io.Reader, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := e.command(ctx, args...)
	cmd.Stdin = stdin
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	if failed := cmd.Run(); failed != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s%s", e.client[0], strings.Join(args, " "), failed, out.String(), err.String())
	}
	return strings.TrimSpace(out.String()), nil
}

// do runs a command that must succeed and returns its standard output.
func (e *engine) do(t *testing.T, args ...string) string {
	t.Helper()
	out, err := e.output(dockerCommand, nil, args...)
	require.NoError(t, err)
	return out
}

// A container is one that was made for a test.
type container struct {
	*engine
	t      *testing.T
	name   string
	volume string    // this directory is /v in the container
	made   time.Time // before the engine knew of it
	pid    int       // of the container's first process, as the host sees it
}

// A containerState is what the engine knows of a container's first process.
type containerState struct {
	Status     string
	Pid        int // 0 if it has ended
	ExitCode   int
	OOMKilled  bool
	FinishedAt time.Time
}

// container names a container that is not there yet.
func (e *engine) container(t *testing.T) *container {
	t.Helper()
	e.image(t)
	c := &container{engine: e, t: t, name: fmt.Sprintf("c%d", e.names.Add(1)), volume: t.TempDir(), made: time.Now()}
	require.NoError(t, os.Chmod(c.volume, 0o777))
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := e.command(context.Background(), "logs", c.name).CombinedOutput()
			t.Logf("%s said: %s", c.name, logs)
		}
		_, _ = e.output(dockerCommand, nil, "rm", "--force", c.name)
	})
	return c
}

// arguments are those of docker run, with options of it, for this container.
func (c *container) arguments(options []string, image string, program []string) []string {
	return slices.Concat([]string{
		"run", "--name", c.name, "--network", "none", "--volume", c.volume + ":/v", "--env", "PS1=prompt> ",
	}, options, []string{image}, program)
}

// run runs a container of shellImage to its end.
func (e *engine) run(t *testing.T, options []string, program ...string) result {
	t.Helper()
	return e.runImage(t, shellImage, options, program...)
}

func (e *engine) runImage(t *testing.T, image string, options []string, program ...string) result {
	t.Helper()
	c := e.container(t)
	ctx, cancel := context.WithTimeout(t.Context(), dockerCommand)
	defer cancel()
	cmd := e.command(ctx, c.arguments(options, image, program)...)
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	_ = cmd.Run() // docker run has exit codes of its own: not to be trusted
	state := c.state()
	require.Equal(t, "exited", state.Status, "docker run: %s%s", out.String(), err.String())
	return result{state.ExitCode, out.String(), err.String()}
}

// start starts a container of shellImage, whose program says by the file
// /v/ready that it is.
func (e *engine) start(t *testing.T, options []string, program ...string) *container {
	t.Helper()
	c := e.container(t)
	c.start(options, program...)
	return c
}

func (c *container) start(options []string, program ...string) {
	c.t.Helper()
	c.do(c.t, c.arguments(append([]string{"--detach"}, options...), shellImage, program)...)
	c.ready()
}

// ready waits until the program is.
func (c *container) ready() {
	c.t.Helper()
	require.True(c.t, polls(dockerCommand, func() bool { return c.read("ready") != "" }), "the program is ready")
	c.pid = c.state().Pid
	require.NotZero(c.t, c.pid, "the container has ended")
}

// read returns a file of the volume, "" if there is none.
func (c *container) read(name string) string {
	content, _ := os.ReadFile(filepath.Join(c.volume, name))
	return string(content)
}

func (c *container) state() (state containerState) {
	c.t.Helper()
	var text string
	var err error
	polls(deadline, func() bool {
		text, err = c.output(dockerCommand, nil, "inspect", "--format", "{{json .State}}", c.name)
		// One podman does not always know at once what another has just written to the store of both.
		return err == nil || !strings.Contains(err.Error(), "container not known")
	})
	require.NoError(c.t, err)
	require.NoError(c.t, json.Unmarshal([]byte(text), &state))
	return state
}

// kill has the engine send a signal.
func (c *container) kill(signal string) {
	c.t.Helper()
	c.do(c.t, "kill", "--signal", signal, c.name)
}

// stop has the engine stop the container, with options of docker stop. It returns
// the exit code, and the signals that the engine has sent to the container in its
// life.
func (c *container) stop(options ...string) (code int, sent []string) {
	c.t.Helper()
	c.do(c.t, slices.Concat([]string{"stop"}, options, []string{c.name})...)
	return c.state().ExitCode, c.sent()
}

// sent are the signals that the engine has sent to the container so far.
func (c *container) sent() []string {
	c.t.Helper()
	stamp := func(at time.Time) string { return fmt.Sprintf("%d.%09d", at.Unix(), at.Nanosecond()) }
	return strings.Fields(c.do(c.t, "events", "--since", stamp(c.made), "--until", stamp(time.Now()),
		"--filter", "container="+c.name, "--filter", "event=kill", "--format", "{{.Actor.Attributes.signal}}"))
}

// count returns how many processes of the container's PID namespace satisfy a
// condition. They are given by their number outside.
func (c *container) count(condition func(pid int) bool) (n int) {
	c.t.Helper()
	namespace, err := os.Readlink(procPath(c.pid, "ns/pid"))
	require.NoError(c.t, err, "the container has ended")
	for _, pid := range pids() {
		if of, err := os.Readlink(procPath(pid, "ns/pid")); err == nil && of == namespace && condition(pid) {
			n++
		}
	}
	return n
}

// zombies is how many processes of the container have ended and were not reaped.
func (c *container) zombies() int {
	c.t.Helper()
	return c.count(func(pid int) bool { return procStat(pid).state == 'Z' })
}

// noZombies waits until there is none.
func (c *container) noZombies() {
	c.t.Helper()
	eventually(c.t, func() bool { return c.zombies() == 0 }, "no zombie is left")
}

// program is tinit's first child.
func (c *container) program() int {
	c.t.Helper()
	all := children(c.pid)
	require.NotEmpty(c.t, all, "tinit has no child")
	return all[0]
}

// ignores says whether a process ignores a signal.
func ignores(pid int, signal syscall.Signal) bool {
	return sigSet(procStatus(pid)["SigIgn"])[int(signal)]
}

// catches says whether a process has a handler for a signal.
func catches(pid int, signal syscall.Signal) bool {
	return sigSet(procStatus(pid)["SigCgt"])[int(signal)]
}

// cgroupFile reads a file of the container's cgroup, whose name depends on the
// cgroups' version.
func (c *container) cgroupFile(controller, v1, v2 string) string {
	c.t.Helper()
	groups, err := os.ReadFile(procPath(c.pid, "cgroup"))
	require.NoError(c.t, err)
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // number, controllers, path
		var file string
		switch {
		case parts[1] == "":
			file = filepath.Join("/sys/fs/cgroup", parts[2], v2)
		case slices.Contains(strings.Split(parts[1], ","), controller):
			file = filepath.Join("/sys/fs/cgroup", parts[1], parts[2], v1)
		}
		if content, err := os.ReadFile(file); err == nil {
			return strings.TrimSpace(string(content))
		}
	}
	c.t.Fatalf("the container has neither %s nor %s", v1, v2)
	return ""
}
