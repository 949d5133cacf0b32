package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The columns, and tinit again by the way it reaps.
const (
	noInit    = "no init"
	emptyGo   = "an empty Go program"
	tinit     = "tinit"
	tini      = "tini"
	dumbInit  = "dumb-init"
	catatonit = "catatonit"

	kernelReaps = "tinit, the kernel reaps"
	tinitWaits  = "tinit waits"
)

// A candidate runs PROGRAM in its way.
type candidate struct {
	name string
	path string   // empty: PROGRAM is run by itself
	args []string // what is needed before PROGRAM
	env  []string
	deaf bool // it takes no PROGRAM
}

// candidates are what is there to be run.
type candidates struct {
	alone   *candidate // no init
	ends    *candidate // an empty Go program
	sleeps  *candidate // the same, but that it sleeps
	inits   []*candidate
	empty   string // the empty PROGRAM
	caveats []string
}

// As a user would write them.
const (
	goEnds   = "package main\n\nfunc main() {}\n"
	goSleeps = "package main\n\nimport \"time\"\n\nfunc main() { time.Sleep(1 << 62) }\n"
)

// findCandidates builds what is built here, and finds the others.
func findCandidates(dir string) (found candidates, err error) {
	goProgram := func(name, source string) (*candidate, error) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path+".go", []byte(source), 0o600); err != nil {
			return nil, err
		}
		return &candidate{name: emptyGo, path: path, deaf: true}, build(path, path+".go")
	}
	found.alone = &candidate{name: noInit}
	if found.ends, err = goProgram("ends", goEnds); err != nil {
		return found, err
	}
	if found.sleeps, err = goProgram("sleeps", goSleeps); err != nil {
		return found, err
	}
	path := filepath.Join(dir, tinit)
	if err := build(path, "github.com/tinit-dev/tinit/cmd/tinit"); err != nil {
		return found, err
	}
	found.inits = []*candidate{{name: tinit, path: path, args: []string{"--"}}}
	for _, name := range []string{tini, dumbInit, catatonit} {
		path, err := exec.LookPath(name)
		if err != nil {
			return found, err
		}
		found.inits = append(found.inits, &candidate{name: name, path: path, args: []string{"--"}})
	}
	if found.empty, err = emptyProgram(dir); err != nil {
		return found, err
	}
	if filepath.Dir(found.empty) != dir {
		found.caveats = append(found.caveats, "The empty program is "+found.empty+".")
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err == nil && fs.Type == unix.TMPFS_MAGIC {
		found.caveats = append(found.caveats,
			"What was built is on a tmpfs, whose pages are always dirty, and counted with the written ones: set TMPDIR.")
	}
	return found, nil
}

// reapers are the inits, tinit in both of its ways.
func (f candidates) reapers() []*candidate {
	kernel, waits := *f.inits[0], *f.inits[0]
	kernel.name, kernel.env = kernelReaps, []string{"TINIT_REAPER=kernel"}
	waits.name, waits.env = tinitWaits, []string{"TINIT_REAPER=wait"}
	return append([]*candidate{&kernel, &waits}, f.inits[1:]...)
}

func (c *candidate) argv(program ...string) []string {
	switch {
	case c.path == "":
		return program
	case c.deaf:
		return []string{c.path}
	}
	return append(append([]string{c.path}, c.args...), program...)
}

// version is what --version gives for a number.
func (c *candidate) version() string {
	out, _ := exec.Command(c.path, "--version").CombinedOutput()
	for word := range strings.FieldsSeq(string(out)) {
		number := strings.TrimPrefix(word, "v")
		if number != "" && number[0] >= '0' && number[0] <= '9' {
			number, _, _ = strings.Cut(number, "_")
			return number
		}
	}
	return ""
}

// An instance is a candidate that runs, and the standard streams that PROGRAM
// has from it.
type instance struct {
	cmd *exec.Cmd
	pid int
	in  io.Writer
	out *bufio.Reader
	end *time.Timer
}

// patient is how long an instance may take, before it counts as one that hangs.
const patient = time.Minute

// start starts a candidate as PID 1 with a /proc of its own.
func (c *candidate) start(program ...string) (*instance, error) {
	cmd := exec.Command("bench-pid1", c.argv(program...)...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS,
		Setsid:     true,
		Pdeathsig:  syscall.SIGKILL,
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	end := time.AfterFunc(patient, func() { _ = cmd.Process.Kill() })
	return &instance{cmd, cmd.Process.Pid, in, bufio.NewReader(out), end}, nil
}

// stop ends the whole PID namespace.
func (i *instance) stop() {
	i.end.Stop()
	_ = i.cmd.Process.Kill()
	_ = i.cmd.Wait()
}

// hears waits for a line from PROGRAM.
func (i *instance) hears(line string) error {
	got, err := i.out.ReadString('\n')
	if err != nil || got != line+"\n" {
		return fmt.Errorf("PROGRAM said %q, not %q (%v)", got, line, err)
	}
	return nil
}

// ask has PROGRAM do one thing and say so.
func (i *instance) ask(order, answer string) error {
	if _, err := io.WriteString(i.in, order+"\n"); err != nil {
		return err
	}
	return i.hears(answer)
}
