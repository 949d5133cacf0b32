package test

import (
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// servicesImage is what the Dockerfile in examples/services makes.
const servicesImage = "example/services:1"

func (e *engine) buildServices(t *testing.T) {
	t.Helper()
	require.NoError(t, e.buildExample("services", servicesImage, "services.yaml"), "building the example")
}

// keeper is tinit's child.
func (c *container) keeper() int {
	c.t.Helper()
	keeper := c.program()
	require.Equal(c.t, "tinit-services /services.yaml --", commandLine(keeper))
	return keeper
}

// services are what the keeper has started, by their command lines.
func (c *container) services() map[string]int {
	c.t.Helper()
	found := map[string]int{}
	for _, pid := range children(c.keeper()) {
		found[commandLine(pid)] = pid
	}
	return found
}

// probe runs what a manifest says of a probe, as a kubelet does, and returns its exit code.
func (c *container) probe(probe any) int {
	c.t.Helper()
	var words []string
	for _, word := range probe.(manifest)["exec"].(manifest)["command"].([]any) {
		words = append(words, word.(string))
	}
	cmd := c.command(c.t.Context(), slices.Concat([]string{"exec", c.name}, words)...)
	out, err := cmd.CombinedOutput()
	if _, ended := err.(*exec.ExitError); err != nil && !ended {
		c.t.Fatalf("%v: %s", err, out)
	}
	return cmd.ProcessState.ExitCode()
}

const (
	exampleWeb    = "httpd -f -p 8080 -h /run/app/www"
	exampleReport = "sh -c while sleep 60; do date; done"
)

func TestExampleServices(t *testing.T) {
	needRelease(t)
	e := docker(t)
	e.buildServices(t)
	run := func() *container {
		t.Helper()
		id := e.do(t, "run", "--detach", "--network", "none", "--read-only", "--tmpfs", "/run/app:uid=65534,mode=755", servicesImage)
		t.Cleanup(func() { e.do(t, "rm", "--force", id) })
		c := &container{engine: e, t: t, name: id}
		c.pid = c.state().Pid
		eventually(t, c.answers, "the web server answers")
		eventually(t, func() bool { return c.services()[exampleReport] != 0 }, "and what waits for that runs")
		return c
	}
	c := run()
	assert.Len(t, c.services(), 2, "what was to be done once is over")
	for line, pid := range c.services() {
		assert.Equal(t, "65534\t65534\t65534\t65534", procStatus(pid)["Uid"], line)
		assert.Equal(t, pid, procStat(pid).session, "%s leads a session", line)
	}
	healthIs := func(what string) func() bool {
		return func() bool { return e.do(t, "inspect", "--format", "{{.State.Health.Status}}", c.name) == what }
	}
	require.True(t, polls(dockerCommand, healthIs("healthy")), "the HEALTHCHECK succeeds")
	e.do(t, "stop", c.name)
	assert.Zero(t, c.state().ExitCode)

	// A helper's end is the container's no more than its start was.
	c = run()
	before := c.services()
	require.NoError(t, syscall.Kill(before[exampleReport], syscall.SIGKILL))
	eventually(t, func() bool { now := c.services()[exampleReport]; return now != 0 && now != before[exampleReport] }, "it is started again")
	assert.Equal(t, before[exampleWeb], c.services()[exampleWeb])

	// The control: with web ends all, and nobody takes it for a success.
	require.NoError(t, syscall.Kill(before[exampleWeb], syscall.SIGKILL))
	eventually(t, func() bool { return c.state().Status == "exited" }, "the container ends")
	assert.Equal(t, 137, c.state().ExitCode)
}

func TestExampleServicesPod(t *testing.T) {
	t.Parallel()
	e := podman(t)
	e.buildServices(t)
	x := manifestOf(t, "services/pod.yaml")
	p := e.playFile(t, x.file, x.name())
	c, spec := p.member("services"), x.container("services")
	eventually(t, func() bool { return c.probe(spec["startupProbe"]) == 0 }, "all is well")
	assert.True(t, c.answers())
	assert.Contains(t, c.services(), exampleReport)
	assert.Zero(t, c.probe(spec["readinessProbe"]))
	e.do(t, "healthcheck", "run", c.name) // which is what podman makes of the liveness probe

	// The control: a probe sees who is not there. What was stopped by hand is nobody's failure.
	e.do(t, "exec", c.name, "/tinit", "stop", "web")
	for _, probe := range []string{"startupProbe", "readinessProbe", "livenessProbe"} {
		assert.Equal(t, 1, c.probe(spec[probe]), probe)
	}
	assert.False(t, c.answers())
	assert.Contains(t, c.services(), exampleReport)

	e.do(t, "exec", c.name, "/tinit", "start", "web")
	eventually(t, c.answers, "it is started by hand, too")
	eventually(t, func() bool { return c.probe(spec["readinessProbe"]) == 0 }, "and is ready again")
	x.stop(p, c)
	assert.Zero(t, c.state().ExitCode)
}
