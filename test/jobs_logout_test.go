package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Who starts a job in a login session whose end is that of all in it is told so, once. There is no login manager here, but what it is
// known by: the name of a cgroup, and a file in a place that only this mount namespace has.
func TestLogoutEndsTheJob(t *testing.T) {
	c := newCgroup(t, "pids")
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)
	const login = `mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/logind.conf.d && echo KillUserProcesses=$SETTING >/run/systemd/logind.conf.d/x.conf &&
		"$0" run -n one true && "$0" wait one && "$0" run -n two true && "$0" wait two`
	run := func(group, setting string) result {
		dir := filepath.Join(c.dir, group)
		require.NoError(t, os.Mkdir(dir, 0o755))
		t.Cleanup(func() { eventually(t, func() bool { return os.Remove(dir) == nil }, "the cgroup is empty") })
		r := namespaced(t, sh, "-c", "SETTING="+setting+"; eval \"$1\"", tinitPath, login)
		return r.env("TINIT_STATE_DIR=" + t.TempDir() + "/state").in("cgroup=" + dir).run()
	}
	r := run("session-9.scope", "yes")
	assert.Zero(t, r.code, r.err)
	assert.Regexp(t, `^tinit: the login manager will end this job when you log out [^\n]*\n$`, r.err)

	r = run("session-10.scope", "no")
	assert.Zero(t, r.code, r.err)
	assert.Empty(t, r.err, "control")
	r = run("app-x.scope", "yes")
	assert.Zero(t, r.code, r.err)
	assert.Empty(t, r.err, "control")
}
