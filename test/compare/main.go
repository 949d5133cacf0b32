// Compare runs tinit beside tini, dumb-init and catatonit, each with its own
// defaults, and prints what it sees as the table of README.md. As root, with
// the three installed:
//
//	go run ./test/compare
//
// Every cell is measured: by exit codes, by /proc as seen from outside, by what
// a terminal shows. Nothing else should run on the machine meanwhile.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/moby/sys/reexec"
	"golang.org/x/sys/unix"
)

// An initProgram is one column.
type initProgram struct {
	name, path string
	pass       []string // what it needs before PROGRAM
}

// A row measures one thing of each.
type row struct {
	what string
	of   func(*bench, initProgram) string
}

// bench is what the measurements share.
type bench struct{ dir string }

func main() {
	if reexec.Init() {
		return
	}
	if err := compare(); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func compare() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("needs root")
	}
	dir, err := os.MkdirTemp("", "tinit-compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := installChildren(dir); err != nil {
		return err
	}
	inits, err := columns(dir)
	if err != nil {
		return err
	}
	b := &bench{dir}
	fmt.Print("| |")
	for _, i := range inits {
		fmt.Printf(" %s |", i.version())
	}
	fmt.Println("\n|" + strings.Repeat(" --- |", len(inits)+1))
	for _, r := range rows {
		fmt.Printf("| %s |", r.what)
		for _, i := range inits {
			fmt.Printf(" %s |", r.of(b, i))
		}
		fmt.Println()
	}
	fmt.Printf("\n%s, %s\n", kernel(), time.Now().Format(time.DateOnly))
	return nil
}

// columns builds tinit and finds its peers.
func columns(dir string) ([]initProgram, error) {
	tinit := filepath.Join(dir, "tinit")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", tinit, "github.com/tinit-dev/tinit/cmd/tinit")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build tinit: %w\n%s", err, out)
	}
	unix.Sync() // until they are on the disk the pages of a new binary count as written
	inits := []initProgram{{"tinit", tinit, []string{"--"}}}
	for _, name := range []string{"tini", "dumb-init", "catatonit"} {
		path, err := exec.LookPath(name)
		if err != nil {
			return nil, err
		}
		inits = append(inits, initProgram{name, path, []string{"--"}})
	}
	return inits, nil
}

// version is the name and what --version gives for a number.
func (i initProgram) version() string {
	if i.name == "tinit" {
		return i.name
	}
	out, _ := exec.Command(i.path, "--version").CombinedOutput()
	for word := range strings.FieldsSeq(string(out)) {
		number := strings.TrimPrefix(word, "v")
		if number != "" && number[0] >= '0' && number[0] <= '9' {
			number, _, _ = strings.Cut(number, "_")
			return i.name + " " + number
		}
	}
	return i.name
}

func kernel() string {
	var u unix.Utsname
	_ = unix.Uname(&u)
	release := unix.ByteSliceToString(u.Release[:])
	release, _, _ = strings.Cut(release, "-")
	return "Linux " + release + " " + unix.ByteSliceToString(u.Machine[:])
}

// command is init with args. As PID 1 it has a PID namespace and a /proc of its
// own.
func (i initProgram) command(pid1 bool, args ...string) *exec.Cmd {
	return i.bare(pid1, append(append([]string{}, i.pass...), args...)...)
}

// bare is the same without anything before args.
func (i initProgram) bare(pid1 bool, args ...string) *exec.Cmd {
	if !pid1 {
		return exec.Command(i.path, args...)
	}
	cmd := exec.Command(reexec.Self())
	cmd.Args = append([]string{"compare-pid1", i.path}, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}
	return cmd
}

// ends waits for the end of a command that was started, and kills it if it
// takes too long.
func ends(cmd *exec.Cmd, within time.Duration) bool {
	timer := time.AfterFunc(within, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait()
	return timer.Stop()
}

// code runs a command to its end: its exit code as a shell shows it.
func code(cmd *exec.Cmd) string {
	if err := cmd.Start(); err != nil {
		return err.Error()
	}
	if !ends(cmd, 20*time.Second) {
		return "hangs"
	}
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return fmt.Sprint(128 + int(status.Signal()))
	}
	return fmt.Sprint(status.ExitStatus())
}

// eventually polls.
func eventually(within time.Duration, cond func() bool) bool {
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if cond() {
			return true
		}
	}
	return cond()
}

func yes(ok bool) string {
	if ok {
		return "yes"
	}
	return "no"
}
