package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const unitName = "tinit-example.service"

// exampleServer stands for the user's program. It takes a moment after TERM, and
// has a helper in a session of its own that writes down whether it was told to end
// before the server had ended.
const exampleServer = `#!/bin/sh
cd "$HOME"
setsid sh -c 'trap "[ -e got ] && echo in order >left || echo too soon >left; exit" TERM; echo >there; while :; do sleep 1000 & wait; done' &
trap 'sleep 1; echo TERM >got; exit 0' TERM
while [ ! -e there ]; do sleep 0.01; done
echo ready >ready
while :; do sleep 1000 & wait; done
`

// systemdHome makes a home with the example's unit, and all that this names.
func systemdHome(t *testing.T) (home string) {
	t.Helper()
	for _, file := range []string{"systemd-analyze", "systemctl"} {
		_, err := exec.LookPath(file)
		need(t, err == nil, fmt.Sprintf("no systemd: %v", err))
	}
	home = t.TempDir()
	for _, dir := range []string{".local/bin", ".config/systemd/user", "run"} {
		require.NoError(t, os.MkdirAll(filepath.Join(home, dir), 0o700))
	}
	copyFile(t, tinitPath, filepath.Join(home, ".local/bin/tinit"))
	unit, err := os.ReadFile(example("systemd/" + unitName))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(home, ".config/systemd/user", unitName), unit, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(home, ".local/bin/server"), []byte(exampleServer), 0o755))
	return home
}

// systemd has not a word to say against the unit.
func TestExampleUnitVerified(t *testing.T) {
	home := systemdHome(t)
	unit := filepath.Join(home, ".config/systemd/user", unitName)
	verify := func() string {
		cmd := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--user", "--man=no", unit)
		cmd.Env = append(os.Environ(), "HOME="+home, "XDG_RUNTIME_DIR="+filepath.Join(home, "run"))
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	assert.Empty(t, verify())

	// The control.
	text, err := os.ReadFile(unit)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(unit, []byte(strings.Replace(string(text), "KillMode", "KillMood", 1)), 0o600))
	assert.Contains(t, verify(), "KillMood")
}

// userManager is what starts systemd for a user, where systemd is not the init:
// with a /run that says that it is, and a cgroup to divide, in whichever hierarchy
// of cgroups it may take for its own. The shell stays PID 1, or systemd would be the
// system's. $1 is the name of the cgroup.
const userManager = `
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system "$XDG_RUNTIME_DIR" || exit
for root in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
	[ -e $root/cgroup.procs ] || continue
	mkdir $root/$1 && echo 0 >$root/$1/cgroup.procs || exit
done
for manager in /usr/lib/systemd/systemd /lib/systemd/systemd; do
	[ -x $manager ] && break
done
$manager --user --unit=basic.target &
wait
`

// systemd starts the unit and stops it: the server gets TERM alone, and when it
// has ended its helper gets TERM too.
func TestExampleUnit(t *testing.T) {
	need(t, os.Geteuid() == 0, "only root can make the namespaces and the cgroup for another systemd")
	home := systemdHome(t)
	cgroup := "tinit-test-" + strconv.Itoa(os.Getpid())
	const runtimeDir = "/run/user/0"
	manager := namespaced(t, "/bin/sh", "-c", userManager, "sh", cgroup).env("HOME="+home, "XDG_RUNTIME_DIR="+runtimeDir).start()
	t.Cleanup(func() {
		manager.kill()
		removeCgroup(cgroup)
	})
	systemctl := func(args ...string) (string, error) {
		all := append([]string{"--target", strconv.Itoa(manager.pid), "--mount", "--pid", "systemctl", "--user"}, args...)
		cmd := exec.CommandContext(t.Context(), "nsenter", all...)
		cmd.Env = append(os.Environ(), "HOME="+home, "XDG_RUNTIME_DIR="+runtimeDir)
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	do := func(args ...string) string {
		t.Helper()
		out, err := systemctl(args...)
		require.NoError(t, err, "%s\n%s", out, manager.err)
		return out
	}
	inHome := func(name string) string {
		text, _ := os.ReadFile(filepath.Join(home, name))
		return string(text)
	}
	eventually(t, func() bool {
		if manager.ended() {
			t.Fatalf("systemd does not run: %s", manager.err)
		}
		_, err := systemctl("is-active", "basic.target")
		return err == nil
	}, "systemd runs")

	for _, test := range []struct{ mode, left string }{
		{"", "in order\n"},
		{"[Service]\nKillMode=control-group\n", "too soon\n"}, // the control: systemd's default
	} {
		if test.mode != "" {
			dropIns := filepath.Join(home, ".config/systemd/user", unitName+".d")
			require.NoError(t, os.Mkdir(dropIns, 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(dropIns, "control.conf"), []byte(test.mode), 0o600))
			do("daemon-reload")
		}
		for _, file := range []string{"there", "ready", "got", "left"} {
			require.NoError(t, os.RemoveAll(filepath.Join(home, file)))
		}
		do("start", unitName)
		eventually(t, func() bool { return inHome("ready") != "" }, "the server is ready")
		do("stop", unitName)
		assert.Equal(t, "TERM\n", inHome("got"))
		assert.Equal(t, test.left, inHome("left"))
		assert.Equal(t, "Result=success\nExecMainStatus=0", do("show", "--property", "Result,ExecMainStatus", unitName))
	}
}
