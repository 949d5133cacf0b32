package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A manifest is a Kubernetes object, as encoding/json and the YAML package have it.
type manifest = map[string]any

// play has podman make the pod of a manifest.
func (e *engine) play(t *testing.T, object manifest) *pod {
	t.Helper()
	content, err := json.Marshal(object) // which is YAML too
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "manifest.yaml")
	require.NoError(t, os.WriteFile(file, content, 0o600))
	return e.playFile(t, file, object["metadata"].(manifest)["name"].(string))
}

// playFile has podman make the pod of a file, with the name that is in it.
func (e *engine) playFile(t *testing.T, file, name string) *pod {
	t.Helper()
	e.do(t, "kube", "play", "--network", "none", file)
	// Versions of podman have different names for a Deployment's pod.
	pods := slices.DeleteFunc(strings.Fields(e.do(t, "pod", "ps", "--format", "{{.Name}}")), func(pod string) bool {
		return pod != name && !strings.HasPrefix(pod, name+"-pod")
	})
	require.Len(t, pods, 1)
	p := &pod{engine: e, t: t, name: pods[0]}
	p.removed()
	return p
}

// member is a container that the pod's manifest names.
func (p *pod) member(name string) *container {
	p.t.Helper()
	return p.running(p.name + "-" + name)
}

// stop has podman stop containers at once, as the end of a pod does: with TERM,
// and KILL after a time.
func (p *pod) stop(seconds string, members ...*container) {
	p.t.Helper()
	args := []string{"stop", "--time", seconds}
	for _, c := range members {
		args = append(args, c.name)
	}
	p.do(p.t, args...)
}

// sharedPod is a pod of two containers in one PID namespace, with a directory of
// the test's each. The command of the second is given.
func (e *engine) sharedPod(t *testing.T, name string, second ...string) (p *pod, one, two *container) {
	t.Helper()
	e.image(t)
	var volumes, mounts [2]manifest
	var dirs [2]string
	for i, volume := range []string{"one", "two"} {
		dirs[i] = t.TempDir()
		require.NoError(t, os.Chmod(dirs[i], 0o777))
		volumes[i] = manifest{"name": volume, "hostPath": manifest{"path": dirs[i], "type": "Directory"}}
		mounts[i] = manifest{"name": volume, "mountPath": "/v"}
	}
	p = e.play(t, manifest{
		"apiVersion": "v1", "kind": "Pod", "metadata": manifest{"name": name},
		"spec": manifest{
			"shareProcessNamespace": true,
			"restartPolicy":         "Never",
			"volumes":               volumes,
			"containers": []manifest{{
				"name": "one", "image": shellImage, "imagePullPolicy": "Never", "volumeMounts": mounts[:1],
				"args": []string{"sh", "-c", strings.TrimSpace(untilTerm)},
			}, {
				"name": "two", "image": shellImage, "imagePullPolicy": "Never", "volumeMounts": mounts[1:],
				"command": second,
			}},
		},
	})
	for i, c := range []**container{&one, &two} {
		*c = p.member([]string{"one", "two"}[i])
		(*c).volume = dirs[i]
		(*c).ready()
	}
	return p, one, two
}

// leavesOrphans is a PROGRAM with two orphans, of which one lives in a session of
// its own and writes down that it was told to end.
//
// It begins with no white space: podman writes and reads a manifest once more, and
// trips over that.
const leavesOrphans = `sh -c 'sleep 1000 & exit'
	sh -c 'setsid sh -c "trap \"echo TERM >/v/left; exit\" TERM; echo >/v/there; while :; do sleep 1000 & wait; done" & exit'
	while [ ! -e /v/there ]; do sleep 0.01; done` + untilTerm

// In a pod that shares its PID namespace tinit is not PID 1, which is the pod's
// pause process. What its own program leaves is tinit's to reap and to end, and
// what is in the other container is not.
func TestKubeSharedPIDNamespace(t *testing.T) {
	t.Parallel()
	e := podman(t)
	p, one, two := e.sharedPod(t, "shared", "/tinit", "--", "sh", "-c", leavesOrphans)
	infra := p.infra()
	infra.pauses()
	ofOne := one.ofContainer()
	require.Len(t, ofOne, 3, "tinit, the shell, its sleep")
	for _, c := range []*container{one, two} {
		assert.Greater(t, nsPid(t, c.pid), 1)
		assert.Equal(t, infra.count(alive), c.count(alive), "they see the same processes")
	}

	program := two.program()
	orphans := func() []int {
		return slices.DeleteFunc(children(two.pid), func(pid int) bool { return pid == program })
	}
	eventually(t, func() bool { return len(orphans()) == 2 }, "two orphans are tinit's")
	assert.Empty(t, children(infra.pid), "and nothing is the pause process's")
	sleeper := orphans()[slices.IndexFunc(orphans(), func(pid int) bool { return comm(pid) == "sleep" })]
	require.NoError(t, syscall.Kill(sleeper, syscall.SIGKILL))
	eventually(t, func() bool { return procStat(sleeper).state == 0 }, "it is reaped when it ends")

	p.stop("10", two)
	assert.Equal(t, 7, two.state().ExitCode)
	assert.Equal(t, "TERM\n", two.read("got"))
	assert.Equal(t, "TERM\n", two.read("left"), "the orphan was told to end")
	assert.Equal(t, ofOne, one.ofContainer(), "the other container is as it was")
	assert.Empty(t, one.read("got"))
	assert.True(t, alive(infra.pid))

	p.stop("10", one)
	assert.Equal(t, 7, one.state().ExitCode)
	// With its last container podman ends such a pod.
	eventually(t, func() bool { return infra.state().Status == "exited" }, "the pause process ends")
	assert.Zero(t, infra.state().ExitCode)
}

// The controls: without tinit the orphans are the pause process's and nobody tells
// them to end, and a TERM to all would have reached the other container.
func TestKubeSharedPIDNamespaceWithoutTinit(t *testing.T) {
	t.Parallel()
	e := podman(t)
	p, one, two := e.sharedPod(t, "unshielded", "sh", "-c", leavesOrphans)
	infra := p.infra()
	eventually(t, func() bool { return len(children(infra.pid)) == 2 }, "both orphans are the pause process's")
	p.stop("10", two)
	assert.Equal(t, 7, two.state().ExitCode)
	assert.Empty(t, two.read("left"))

	assert.Empty(t, one.read("got"))
	e.do(t, "exec", one.name, "kill", "-TERM", "-1")
	// Twice, if the one that its own tinit forwards comes soon enough.
	eventually(t, func() bool { return strings.HasPrefix(one.read("got"), "TERM\n") }, "the program gets TERM")
}

// ofContainer is the processes of the container and not of the rest of its pod:
// those that see its root.
func (c *container) ofContainer() (all []int) {
	c.t.Helper()
	namespace, err := os.Readlink(procPath(c.pid, "ns/mnt"))
	require.NoError(c.t, err, "the container has ended")
	for _, pid := range pids() {
		if of, err := os.Readlink(procPath(pid, "ns/mnt")); err == nil && of == namespace {
			all = append(all, pid)
		}
	}
	return all
}
