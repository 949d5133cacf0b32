// Package test runs the real tinit, as PID 1 of a PID namespace and as an
// ordinary process, and looks at the kernel (exit statuses, /proc, files) to
// see what it did. tinit's own messages count only where they are the subject.
//
// The test binary is its own child: TestMain puts a directory of links to it
// first in PATH, so that tinit finds a PROGRAM such as print-signals by its
// name (children_test.go).
package test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/sys/reexec"
	"golang.org/x/sys/unix"
)

var (
	tinitPath string // the tinit under test
	childDir  string // the PROGRAMs that the tests bring along
)

func TestMain(m *testing.M) {
	if reexec.Init() {
		return
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tinit-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	defer stopDocker()
	defer stopPodman()

	tinitPath = filepath.Join(dir, "tinit")
	childDir = filepath.Join(dir, "bin")
	if err := errors.Join(os.Chmod(dir, 0o755), buildTinit(tinitPath), installChildren(childDir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	clearOwnVariables()
	// Who runs the tests under nohup(1), or a script that does in its background,
	// would have all children ignore HUP or INT.
	for _, sig := range []os.Signal{unix.SIGHUP, unix.SIGINT} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
	// What go test or its caller left open is not for tinit.
	_ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
	os.Setenv("PATH", childDir+":"+os.Getenv("PATH"))
	return m.Run()
}

// buildTinit builds the command as a release is built: static and stripped.
// The race detector needs cgo.
func buildTinit(to string) error {
	args := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", to}
	cgo := "CGO_ENABLED=0"
	if raceEnabled {
		args, cgo = append(args, "-race"), "CGO_ENABLED=1"
	}
	cmd := exec.Command("go", append(args, "github.com/tinit-dev/tinit/cmd/tinit")...)
	cmd.Env = append(os.Environ(), cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build tinit: %w\n%s", err, out)
	}
	return nil
}

// installChildren fills dir with the tests' PROGRAMs. It copies the test
// binary, since the place that "go test" runs it from is closed to other users.
func installChildren(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	binary, err := os.ReadFile(reexec.Self())
	if err != nil {
		return err
	}
	const name = ".test-binary"
	if err := os.WriteFile(filepath.Join(dir, name), binary, 0o755); err != nil {
		return err
	}
	for _, child := range childNames {
		if err := os.Symlink(name, filepath.Join(dir, child)); err != nil {
			return err
		}
	}
	for child, script := range scriptChildren {
		if err := os.WriteFile(filepath.Join(dir, child), []byte(script), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// clearOwnVariables keeps what the caller's shell may have set for tinit out
// of the tests.
func clearOwnVariables() {
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		for _, prefix := range []string{"TINIT_", "TINI_", "DUMB_INIT_"} {
			if strings.HasPrefix(name, prefix) {
				os.Unsetenv(name)
			}
		}
	}
}
