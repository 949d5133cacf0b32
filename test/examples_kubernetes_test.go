package test

import (
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// An exampleFile is a manifest among the examples, which podman plays as it
// stands. What a kubelet does beside that, such as asking whether a container is
// ready, the tests do in its place, as the manifest says.
type exampleFile struct {
	t       *testing.T
	file    string
	content manifest
	podSpec manifest
}

// kubernetes reads an example and makes sure that podman has its image.
func kubernetes(t *testing.T, name string) (*engine, *exampleFile) {
	t.Helper()
	e := podman(t)
	require.NoError(t, e.app(), "building the example")
	return e, manifestOf(t, "kubernetes/"+name)
}

// manifestOf reads an example.
func manifestOf(t *testing.T, name string) *exampleFile {
	t.Helper()
	x := &exampleFile{t: t, file: example(name)}
	text, err := os.ReadFile(x.file)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &x.content))
	x.podSpec = x.content["spec"].(manifest)
	if template, ok := x.podSpec["template"]; ok {
		x.podSpec = template.(manifest)["spec"].(manifest)
	}
	return x
}

func (x *exampleFile) name() string { return x.content["metadata"].(manifest)["name"].(string) }

// container is what the manifest says of a container.
func (x *exampleFile) container(name string) manifest {
	x.t.Helper()
	for _, c := range x.podSpec["containers"].([]any) {
		if c.(manifest)["name"] == name {
			return c.(manifest)
		}
	}
	x.t.Fatalf("%s has no container %s", x.file, name)
	return nil
}

// flag is the value that a container's command gives one of tinit's flags.
func (x *exampleFile) flag(container, flag string) string {
	x.t.Helper()
	command := x.container(container)["command"].([]any)
	i := slices.Index(command, any(flag))
	require.GreaterOrEqual(x.t, i, 0)
	return command[i+1].(string)
}

// without takes a flag and its value out of a container's command, for the
// controls, and gives the object another name.
func (x *exampleFile) without(container, flag string) manifest {
	x.t.Helper()
	c := x.container(container)
	command := c["command"].([]any)
	i := slices.Index(command, any(flag))
	require.GreaterOrEqual(x.t, i, 0)
	c["command"] = slices.Delete(slices.Clone(command), i, i+2)
	x.content["metadata"].(manifest)["name"] = x.name() + "-control"
	return x.content
}

// grace is how many seconds a pod has from TERM to KILL.
func (x *exampleFile) grace() string {
	if seconds, ok := x.podSpec["terminationGracePeriodSeconds"].(int); ok {
		return strconv.Itoa(seconds)
	}
	return "30"
}

// stop ends containers of a pod as a kubelet does, and returns how long it took
// after TERM.
func (x *exampleFile) stop(p *pod, members ...*container) time.Duration {
	x.t.Helper()
	begin := time.Now()
	p.stop(x.grace(), members...)
	return time.Since(begin)
}

// The server is ready, answers until the delay is over, and gets TERM then.
func TestExampleDeployment(t *testing.T) {
	t.Parallel()
	e, x := kubernetes(t, "deployment.yaml")
	delay, err := time.ParseDuration(x.flag("server", "--stop-delay"))
	require.NoError(t, err)

	p := e.playFile(t, x.file, x.name())
	server := p.member("server")
	probe := x.container("server")["readinessProbe"].(manifest)["httpGet"]
	assert.Equal(t, manifest{"path": "/healthz", "port": 8080}, probe, "it is what answers looks at")
	eventually(t, server.answers, "the server is ready")
	e.do(t, "healthcheck", "run", server.name) // which is what podman makes of the liveness probe
	program := server.program()
	for _, pid := range []int{server.pid, program} {
		assert.Equal(t, "65534\t65534\t65534\t65534", procStatus(pid)["Uid"])
		assert.Equal(t, "0000000000000000", procStatus(pid)["CapBnd"])
	}

	stopped := make(chan time.Duration)
	go func() { stopped <- x.stop(p, server) }()
	time.Sleep(delay / 2) // not for anything to happen, but for time to have passed
	assert.True(t, alive(program), "the server goes on")
	assert.True(t, server.answers(), "and answers")
	assert.GreaterOrEqual(t, <-stopped, delay)
	assert.Zero(t, server.state().ExitCode, "it was TERM that ended it, which -e makes 0")

	// The control: without the delay TERM is not held back.
	p = e.play(t, x.without("server", "--stop-delay"))
	server = p.member("server")
	eventually(t, server.answers, "the server is ready")
	assert.Less(t, x.stop(p, server), delay)
	assert.Zero(t, server.state().ExitCode)
}

// The Job is done, with a code that would be a failure otherwise. podman 4 knows
// no Jobs: it gets the pod that Kubernetes would make of the Job.
func TestExampleJob(t *testing.T) {
	t.Parallel()
	e, x := kubernetes(t, "job.yaml")
	assert.Equal(t, "Job", x.content["kind"])
	code := func(name string) int {
		t.Helper()
		p := e.play(t, manifest{
			"apiVersion": "v1", "kind": "Pod", "metadata": manifest{"name": name}, "spec": x.podSpec,
		})
		c := &container{engine: e, t: t, name: p.name + "-report"}
		eventually(t, func() bool { return c.state().Status == "exited" }, "the Job ends")
		return c.state().ExitCode
	}
	assert.Zero(t, code("report"))

	// The controls: without the flag, and with a program that is not there.
	x.without("report", "-e")
	assert.Equal(t, 3, code("report-fails"))
	x.container("report")["args"] = []string{"/no/such/program"}
	assert.Equal(t, 127, code("report-missing"))
}

// Neither tinit is process 1. The end of one container is none of the other's
// business, as TestKubeSharedPIDNamespace shows in more detail.
func TestExampleSharedProcessNamespace(t *testing.T) {
	t.Parallel()
	e, x := kubernetes(t, "shared-process-namespace.yaml")
	p := e.playFile(t, x.file, x.name())
	infra, server, reloader := p.infra(), p.member("server"), p.member("reloader")
	infra.pauses()
	eventually(t, server.answers, "the server answers")
	for _, c := range []*container{server, reloader} {
		assert.Greater(t, nsPid(t, c.pid), 1)
		assert.Equal(t, infra.count(alive), c.count(alive), "they see the same processes")
	}
	ofServer := server.ofContainer()
	require.Len(t, ofServer, 2)
	e.do(t, "exec", reloader.name, "killall", "-HUP", "httpd")
	assert.True(t, server.answers(), "the server takes HUP from its neighbour")

	x.stop(p, reloader)
	assert.Zero(t, reloader.state().ExitCode)
	assert.Equal(t, ofServer, server.ofContainer())
	assert.True(t, server.answers())
	x.stop(p, server)
	assert.Zero(t, server.state().ExitCode)
}

// All containers of a pod get TERM at the same moment, and the program has its
// proxy nevertheless. To podman 4 a container that it is stopping has ended, and
// with the last one that has not it stops the pod, by another TERM, which would end
// the delay: so that here the TERM is podman kill's, and nothing may be restarted.
func TestExampleSidecar(t *testing.T) {
	t.Parallel()
	e, x := kubernetes(t, "sidecar.yaml")
	delay, err := time.ParseDuration(x.flag("proxy", "--stop-delay"))
	require.NoError(t, err)
	x.podSpec["restartPolicy"] = "Never"
	end := func(object manifest) (program, proxy containerState, stop time.Time) {
		t.Helper()
		p := e.play(t, object)
		a, b := p.member("program"), p.member("proxy")
		eventually(t, b.answers, "the proxy answers")
		eventually(t, func() bool { return catches(a.program(), syscall.SIGTERM) }, "the program takes TERM")
		stop = time.Now()
		e.do(t, "kill", "--signal", "TERM", a.name, b.name)
		eventually(t, func() bool {
			program, proxy = a.state(), b.state()
			return program.Status == "exited" && proxy.Status == "exited"
		}, "both end")
		return program, proxy, stop
	}

	program, proxy, stop := end(x.content)
	assert.Zero(t, program.ExitCode)
	assert.Zero(t, proxy.ExitCode)
	assert.GreaterOrEqual(t, proxy.FinishedAt.Sub(stop), delay)

	// The control: without the delay the proxy is gone when the program asks for it.
	program, proxy, _ = end(x.without("proxy", "--stop-delay"))
	assert.Equal(t, 1, program.ExitCode)
	assert.Zero(t, proxy.ExitCode)
}
