package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A service whose log is on a disk that is full goes on, and its state says what is not there.
func TestServiceLogOnFullDisk(t *testing.T) {
	need(t, os.Geteuid() == 0, "only root can mount")
	dir := scratch(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "services.yaml"), []byte(`services:
  writer:
    command: ["sh", "-c", "head -c 1000000 /dev/zero; echo done >done; exec sleep 1000"]
    logging: {driver: local}
`), 0o600))
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)
	const all = 1_000_000
	// What is mounted is this namespace's, and the folder may be missing below.
	const begin = `mkdir -p var/tinit && mount --bind var /var/log && mount -t tmpfs -o size=SIZE tmpfs /var/log/tinit && exec "$@"`
	status := func(size string, written int64) string {
		t.Helper()
		_ = os.Remove(filepath.Join(dir, "done"))
		u := namespaced(t, sh, "-c", strings.Replace(begin, "SIZE", size, 1), "sh", tinitPath, "--services", "services.yaml").
			dir(dir).env("TINIT_STATE_DIR=" + dir + "/state").start()
		eventually(t, func() bool { _, err := os.Stat(filepath.Join(dir, "done")); return err == nil }, "the service has written it all")
		eventually(t, func() bool {
			info, err := os.Stat(procPath(u.pid, "root/var/log/tinit/writer.log"))
			return err == nil && info.Size() == written
		}, "what there is room for is in the log")
		var out []byte
		polls(deadline, func() bool {
			cmd := exec.CommandContext(t.Context(), "nsenter", "--target", strconv.Itoa(u.pid), "--pid", "--mount", tinitPath, "status", "writer")
			cmd.Env = append(os.Environ(), "TINIT_STATE_DIR="+dir+"/state")
			var err error
			out, err = cmd.Output()
			require.NoError(t, err)
			return written == all || strings.Contains(string(out), "lost") // the last of it was just now
		})
		u.signal(syscall.SIGTERM)
		assert.Zero(t, u.wait())
		return string(out)
	}
	lost := status("64k", 64<<10)
	assert.Contains(t, lost, "running")
	assert.Regexp(t, `\(\d+ bytes of output were lost\)`, lost)
	assert.NotContains(t, status("4m", all), "lost", "the control")
}
