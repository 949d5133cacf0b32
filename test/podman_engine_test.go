package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The tests of podman_*_test.go run tinit in containers and pods of a podman that
// has everything in a directory of its own, and no network.

// runningPodman is the podman that stopPodman cleans up after.
var runningPodman *engine

var startPodman = sync.OnceValues(func() (*engine, error) {
	dir, err := os.MkdirTemp("/tmp", "tinit-podman-")
	if err != nil {
		return nil, err
	}
	below := func(name string) string { return filepath.Join(dir, name) }
	e := &engine{dir: dir, cgroup: "libpod_parent", images: importImages}
	e.app = sync.OnceValue(e.buildApp)
	e.client = []string{
		"podman", "--root", below("root"), "--runroot", below("run"), "--tmpdir", below("tmp"),
		"--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file",
	}
	e.env = []string{
		"CONTAINERS_CONF=" + below("containers.conf"),
		"CONTAINERS_STORAGE_CONF=" + below("storage.conf"),
		"CONTAINERS_REGISTRIES_CONF=" + below("registries.conf"),
		"TMPDIR=" + dir,
	}
	// Even empty, these would have podman ask a server.
	os.Unsetenv("CONTAINER_HOST")
	os.Unsetenv("CONTAINER_CONNECTION")
	runningPodman = e // whatever fails from here on, stopPodman cleans up

	// podman makes the image of a pod's pause process from the program that it finds
	// by this name, and has other helpers in the directories after it.
	if err := os.MkdirAll(below("helpers"), 0o755); err != nil {
		return nil, err
	}
	binary, err := os.ReadFile(tinitPath)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(below("helpers/catatonit"), binary, 0o755); err != nil {
		return nil, err
	}
	// The ulimits are podman's own to choose otherwise, and it may choose more than
	// the tests may have. Locks in shared memory would be those of the user's podman.
	for name, content := range map[string]string{
		"registries.conf": "",
		"storage.conf":    fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n", below("root"), below("run")),
		"containers.conf": fmt.Sprintf(`[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
lock_type = "file"
helper_binaries_dir = [%q, "/usr/local/libexec/podman", "/usr/local/lib/podman", "/usr/libexec/podman", "/usr/lib/podman"]
`, below("helpers")),
	} {
		if err := os.WriteFile(below(name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	_, err = e.output(dockerCommand, nil, "version")
	return e, err
})

// stopPodman removes all that the tests' podman had. For TestMain, after the
// tests.
func stopPodman() {
	e := runningPodman
	if e == nil {
		return
	}
	for _, all := range [][]string{{"pod", "rm", "--force", "--all", "--time", "0"}, {"rm", "--force", "--all", "--time", "0"}} {
		if _, err := e.output(dockerCommand, nil, all...); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	e.killHelpers()
	e.unmountAll()
	e.removeDirectories()
}

// podman returns the tests' podman.
func podman(t *testing.T) *engine {
	t.Helper()
	needRelease(t) // the other cannot run in a container that has nothing else
	need(t, os.Geteuid() == 0, "as another user than root podman needs more than a directory")
	for _, file := range []string{"podman", "conmon", "runc"} {
		_, err := exec.LookPath(file)
		need(t, err == nil, fmt.Sprintf("no podman: %v", err))
	}
	_, err := staticBusybox()
	need(t, err == nil, fmt.Sprintf("nothing to put into a container: %v", err))
	e, err := startPodman()
	need(t, err == nil, fmt.Sprintf("podman does not run: %v", err))
	return e
}

// importImages makes podman's shellImage.
var importImages = sync.OnceValue(func() error {
	root := newArchive()
	root.busybox()
	root.copy(tinitPath, "tinit")
	_, err := runningPodman.output(dockerCommand, bytes.NewReader(root.bytes()), "import",
		"--change", "ENV PATH=/bin", "--change", `ENTRYPOINT ["/tinit","--"]`, "-", shellImage)
	return errors.Join(root.err, err)
})

// A pod is one that podman made for a test.
type pod struct {
	*engine
	t    *testing.T
	name string
}

// infra is the container of the pod's pause process.
func (p *pod) infra() *container {
	p.t.Helper()
	return p.running(p.do(p.t, "pod", "inspect", "--format", "{{.InfraContainerID}}", p.name))
}

// start starts a container of shellImage in the pod, whose program says by the
// file /v/ready that it is. tinit is not in it unless the program says so.
func (p *pod) start(program ...string) *container {
	p.t.Helper()
	c := p.container(p.t)
	c.do(p.t, slices.Concat([]string{
		"run", "--detach", "--name", c.name, "--pod", p.name, "--volume", c.volume + ":/v", "--entrypoint", program[0], shellImage,
	}, program[1:])...)
	c.ready()
	return c
}

// running is a container of the pod's.
func (p *pod) running(name string) *container {
	p.t.Helper()
	c := &container{engine: p.engine, t: p.t, name: name}
	c.pid = c.state().Pid
	require.NotZero(p.t, c.pid, "the container has ended")
	return c
}

// removed has a pod removed at the test's end, and its containers' words shown if
// the test has failed.
func (p *pod) removed() {
	p.t.Cleanup(func() {
		if p.t.Failed() {
			logs, _ := p.command(context.Background(), "pod", "logs", "--names", p.name).CombinedOutput()
			p.t.Logf("%s said: %s", p.name, logs)
		}
		_, _ = p.output(dockerCommand, nil, "pod", "rm", "--force", "--time", "0", p.name)
	})
}

// runsFile says whether what a process executes has the content of a file.
func runsFile(t *testing.T, pid int, file string) bool {
	t.Helper()
	running, err := os.ReadFile(procPath(pid, "exe"))
	require.NoError(t, err)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	return bytes.Equal(running, content)
}
