package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// emulators are qemu's for the processors that tinit is built for, but 386: no
// Go program with two threads gets far under qemu-i386 7.2.
var emulators = map[string]string{
	"arm64":   "qemu-aarch64-static",
	"arm":     "qemu-arm-static",
	"riscv64": "qemu-riscv64-static",
	"ppc64le": "qemu-ppc64le-static",
	"s390x":   "qemu-s390x-static",
	"loong64": "qemu-loongarch64-static",
}

// foreign is the start of a command line: a tinit built for arch, under qemu.
// PROGRAM is this machine's own.
func foreign(t *testing.T, arch string) []string {
	t.Helper()
	need(t, runtime.GOARCH == "amd64", "the emulators are for amd64")
	// Each builds Go's standard library anew.
	if arch != "arm64" && os.Getenv("CI") != "true" {
		t.Skip("only with CI=true, for it takes long")
	}
	qemu, err := exec.LookPath(emulators[arch])
	need(t, err == nil, "no "+emulators[arch])
	path, err := foreignTinit(arch)
	require.NoError(t, err)
	return []string{qemu, path}
}

var foreignBuilds sync.Map // of func() (string, error), by arch

func foreignTinit(arch string) (string, error) {
	build, _ := foreignBuilds.LoadOrStore(arch, sync.OnceValues(func() (string, error) {
		path := filepath.Join(filepath.Dir(tinitPath), "tinit-"+arch)
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "github.com/tinit-dev/tinit/cmd/tinit")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+arch)
		cmd.Stderr = os.Stderr
		return path, cmd.Run()
	}))
	return build.(func() (string, error))()
}

// -q, since qemu has no subreapers, which tinit says.
func foreignRun(t *testing.T, arch string, args ...string) *run {
	return plainly(t, append(append(foreign(t, arch), "-q", "--"), args...)...)
}

func TestOtherProcessors(t *testing.T) {
	for arch := range emulators {
		t.Run(arch, func(t *testing.T) {
			assert.Equal(t, result{code: 7}, foreignRun(t, arch, "/bin/sh", "-c", "exit 7").run())
			assert.Equal(t, 128+9, foreignRun(t, arch, "/bin/sh", "-c", "kill -KILL $$").run().code)
			assert.Equal(t, 127, foreignRun(t, arch, "no-such-program").run().code)
			assert.Equal(t, 126, foreignRun(t, arch, "/").run().code)

			u := foreignRun(t, arch, "/bin/sh", "-c", `trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done`).start()
			u.out.waitFor(t, "ready")
			u.signal(syscall.SIGTERM)
			assert.Equal(t, 5, u.wait(), u.err)
		})
	}
}

// The signal handler is assembly, for each of them its own. Some of each kind: from a shell, a fault's that was sent, what
// Go's runtime sends itself, of real time.
func TestSignalsOfOtherProcessors(t *testing.T) {
	for arch := range emulators {
		t.Run(arch, func(t *testing.T) {
			u := foreignRun(t, arch, "block-signals").start()
			// Not u.program, which looks at what tinit executes: that is qemu here.
			eventually(t, func() bool { return len(children(u.pid)) == 1 }, "PROGRAM starts")
			program := children(u.pid)[0]
			awaitBlocked(t, program)
			for _, sig := range []syscall.Signal{1, 10, 11, 23, 27, 50} {
				u.signal(sig)
				awaitPending(t, program, sig)
			}
			assert.False(t, u.ended())
		})
	}
}

// As PID 1 it reaps, and sweeps: children are the kernel's business, not qemu's.
func TestOtherProcessorAsPID1(t *testing.T) {
	const n = 5
	command := append(foreign(t, "arm64"), "-w", "--grace", "50ms", "--", "orphans", strconv.Itoa(n), "3")
	u, release := orphaned(t, namespaced(t, command...))
	require.Len(t, children(u.pid), 1+n, "PROGRAM and the orphans")
	release()
	assert.Equal(t, 3, u.wait(), u.err)
	assert.Equal(t, n, strings.Count(u.err.String(), "tinit: reaped orphan"), u.err)

	script := `mkfifo "$1"; linger >"$1" & read x <"$1"; exit 4`
	command = append(foreign(t, "arm64"), "--grace", "50ms", "--", "sh", "-c", script, "sh", filepath.Join(t.TempDir(), "fifo"))
	r := namespaced(t, command...).run()
	assert.Equal(t, 4, r.code, r.err)
	assert.Contains(t, r.err, "tinit: killing what sh left behind: ")
}
