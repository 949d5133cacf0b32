package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/test/internal/children"
)

// A column is one init under one name.
type column struct {
	name string // in the table's head
	path string
	peer string // the peer whose place tinit takes; empty for an init under its own name
}

const (
	tinit     = "tinit"
	tini      = "tini"
	dumbInit  = "dumb-init"
	catatonit = "catatonit"
)

var peers = []string{tini, dumbInit, catatonit}

// otherNames are called by engines.
var otherNames = map[string]string{"tini-static": tini, "docker-init": tini, "podman-init": catatonit}

// A lab is where cells are measured.
type lab struct {
	dir     string
	columns []column // tinit, and each peer followed by tinit as that peer
	others  []column // tinit by other names of the peers
}

// newLab builds tinit and finds its peers.
func newLab() (*lab, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("needs root")
	}
	dir, err := os.MkdirTemp("", "tinit-matrix-")
	if err != nil {
		return nil, err
	}
	l := &lab{dir: dir}
	if err := l.fill(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *lab) close() { os.RemoveAll(l.dir) }

func (l *lab) fill() error {
	bin := filepath.Join(l.dir, "bin")
	if err := errors.Join(os.Chmod(l.dir, 0o755), os.Mkdir(bin, 0o755), children.Install(bin)); err != nil {
		return err
	}
	clearVariables()
	_ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) // what somebody has left open
	path := filepath.Join(l.dir, tinit)
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "github.com/tinit-dev/tinit/cmd/tinit")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build tinit: %w\n%s", err, out)
	}
	unix.Sync() // until they are on the disk the pages of a new binary count as written
	l.columns = []column{{name: tinit, path: path}}
	for _, peer := range peers {
		at, err := exec.LookPath(peer)
		if err != nil {
			return err
		}
		as, err := l.called(peer, peer)
		if err != nil {
			return err
		}
		l.columns = append(l.columns, column{name: peer, path: at}, as)
	}
	for name, peer := range otherNames {
		as, err := l.called(name, peer)
		if err != nil {
			return err
		}
		l.others = append(l.others, as)
	}
	return nil
}

// called is tinit by another name, which is the peer's.
func (l *lab) called(name, peer string) (column, error) {
	dir := filepath.Join(l.dir, "as-"+name)
	path := filepath.Join(dir, name)
	err := errors.Join(os.Mkdir(dir, 0o755), os.Symlink(filepath.Join(l.dir, tinit), path))
	return column{name: "tinit as " + name, path: path, peer: peer}, err
}

// clearVariables keeps what the caller's shell may have set for an init out of
// the cells.
func clearVariables() {
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		for _, prefix := range []string{"TINIT_", "TINI_", "DUMB_INIT_", "CATATONIT_", "LISTEN_", "POSIXLY_CORRECT"} {
			if strings.HasPrefix(name, prefix) {
				os.Unsetenv(name)
			}
		}
	}
}

// version is the name and what --version gives for a number.
func (c column) version() string {
	if c.name == tinit {
		return c.name
	}
	out, _ := exec.Command(c.path, "--version").CombinedOutput()
	for word := range strings.FieldsSeq(string(out)) {
		number := strings.TrimPrefix(word, "v")
		if number != "" && number[0] >= '0' && number[0] <= '9' {
			number, _, _ = strings.Cut(number, "_")
			return c.name + " " + number
		}
	}
	return c.name
}
