package test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The tests of examples_*_test.go run what is in the directory examples, as it
// stands.

// appImage is what the Dockerfile among the examples makes, and what the other
// examples are made of.
const appImage = "example/app:1"

func example(name string) string { return filepath.Join(sourceTree, "examples", name) }

func (e *engine) buildApp() error { return e.buildExample("docker", appImage) }

// buildExample makes an image of the Dockerfile in a directory among the examples, from a
// stand-in for the image that it begins with. It is given tinit, and these files that
// are beside it.
func (e *engine) buildExample(dir, image string, files ...string) error {
	dockerfile, err := os.ReadFile(example(dir + "/Dockerfile"))
	if err != nil {
		return err
	}
	base := regexp.MustCompile(`(?m)^FROM (\S+)$`).FindSubmatch(dockerfile)
	if base == nil {
		return errors.New("there is nothing that the image begins with")
	}
	root := newArchive()
	root.busybox()
	_, err = e.output(dockerCommand, bytes.NewReader(root.bytes()), "import", "--change", "ENV PATH=/bin", "-", string(base[1]))
	if err := errors.Join(root.err, err); err != nil {
		return err
	}

	context, err := os.MkdirTemp(e.dir, "context-")
	if err != nil {
		return err
	}
	binary, err := os.ReadFile(tinitPath)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(context, "tinit"), binary, 0o755); err != nil {
		return err
	}
	for _, name := range files {
		text, err := os.ReadFile(example(dir + "/" + name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(context, name), text, 0o644); err != nil {
			return err
		}
	}
	_, err = e.output(dockerBuild, nil, "build", "--network=none", "-f", example(dir+"/Dockerfile"), "-t", image, context)
	return err
}

// answers says whether the web server of appImage answers in a container's network.
// Not by exec, which engines refuse in a container that they are stopping.
func (c *container) answers() bool {
	url := "http://127.0.0.1:8080/healthz"
	cmd := exec.CommandContext(c.t.Context(), "nsenter", "--target", strconv.Itoa(c.pid), "--net", "busybox", "wget", "-q", "-O", "/dev/null", url)
	return cmd.Run() == nil
}

func TestExampleDockerfile(t *testing.T) {
	needRelease(t)
	e := docker(t)
	require.NoError(t, e.app(), "building the example")
	id := e.do(t, "run", "--detach", "--network", "none", "--read-only", appImage)
	defer e.do(t, "rm", "--force", id)
	c := &container{engine: e, t: t, name: id}
	c.pid = c.state().Pid
	eventually(t, c.answers, "the web server answers")
	assert.Equal(t, "/tinit -e 143 -- httpd -f -p 8080", commandLine(c.pid))
	assert.Equal(t, "65534", strings.Fields(procStatus(c.program())["Uid"])[0])
	c.do(t, "stop", id)
	assert.Zero(t, c.state().ExitCode)
}

// commandLine is a process's, with spaces between the words.
func commandLine(pid int) string {
	return strings.TrimSpace(strings.ReplaceAll(cmdline(pid), "\x00", " "))
}

// The Compose file is run by docker compose, or what it was before that. For want
// of a network the services get none.
func TestExampleCompose(t *testing.T) {
	t.Parallel()
	needRelease(t)
	compose := []string{"docker-compose"}
	if exec.Command("docker", "compose", "version").Run() == nil {
		compose = []string{"docker", "compose"}
	}
	_, err := exec.LookPath(compose[0])
	need(t, err == nil, "no docker compose")
	e := docker(t)
	e.image(t) // and with it the init
	require.NoError(t, e.app(), "building the example")
	override := filepath.Join(t.TempDir(), "override.json")
	require.NoError(t, os.WriteFile(override, []byte(`{"services": {"entrypoint": {"network_mode": "none"}, "flags": {"network_mode": "none"}, "init": {"network_mode": "none"}}}`), 0o600))
	inCompose := func(args ...string) string {
		t.Helper()
		all := append(compose, "--project-name", "tinit", "-f", example("docker/compose.yaml"), "-f", override)
		cmd := exec.CommandContext(t.Context(), all[0], append(all[1:], args...)...)
		cmd.Env = append(os.Environ(), e.env...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, &stderr)
		return strings.TrimSpace(string(out))
	}
	defer inCompose("down", "--timeout", "0")
	inCompose("up", "--detach", "--no-build")

	services := map[string]*container{}
	for service, first := range map[string]string{
		"entrypoint": "/tinit -e 143 -- httpd -f -p 8080",
		"flags":      "/tinit --stop-delay 3s -e 143 -- httpd -f -p 8080",
		"init":       "/sbin/docker-init -- httpd -f -p 8080",
	} {
		c := &container{engine: e, t: t, name: inCompose("ps", "--quiet", service)}
		services[service] = c
		c.pid = c.state().Pid
		eventually(t, c.answers, service+" answers")
		assert.Equal(t, first, commandLine(c.pid))
		assert.Equal(t, "httpd", comm(c.program()), service)
	}
	eventually(t, func() bool {
		return e.do(t, "inspect", "--format", "{{.State.Health.Status}}", services["entrypoint"].name) == "healthy"
	}, "the health check succeeds")
	stop := time.Now()
	inCompose("stop")
	for service, c := range services {
		state := c.state()
		assert.Zero(t, state.ExitCode, service)
		// What there is a delay for, and no other, has it.
		if service == "flags" {
			assert.GreaterOrEqual(t, state.FinishedAt.Sub(stop), 3*time.Second)
		} else {
			assert.Less(t, state.FinishedAt, services["flags"].state().FinishedAt, service)
		}
	}
}
