package test

import (
	"archive/tar"
	"bytes"
	"cmp"
	elffile "debug/elf"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// image makes sure that there is shellImage.
func (e *engine) image(t *testing.T) {
	t.Helper()
	require.NoError(t, e.images(), "building the images")
}

// buildImages makes Docker's exampleImage and shellImage: Dockerfile.example is
// built as it stands, from a stand-in for the official Go image.
var buildImages = sync.OnceValue(func() error {
	e := runningDocker
	dockerfile, err := os.ReadFile(filepath.Join(sourceTree, "Dockerfile.example"))
	if err != nil {
		return err
	}
	base := regexp.MustCompile(`(?m)^FROM (\S+) AS`).FindSubmatch(dockerfile)
	if base == nil {
		return errors.New("no stage that builds")
	}
	if err := e.importGo(string(base[1])); err != nil {
		return err
	}
	_, err = e.output(dockerBuild, nil, "build", "--network=none",
		"-f", filepath.Join(sourceTree, "Dockerfile.example"), "-t", exampleImage, sourceTree)
	if err != nil {
		return err
	}
	if err := e.buildShell(); err != nil {
		return err
	}

	id, err := e.output(dockerCommand, nil, "create", exampleImage)
	if err != nil {
		return err
	}
	_, err = e.output(dockerCommand, nil, "cp", id+":/tinit", e.initPath())
	return err
})

// sourceTree is the top of the source tree.
const sourceTree = ".."

// buildShell makes shellImage.
func (e *engine) buildShell() error {
	root := newArchive()
	root.busybox()
	from := newArchive()
	from.write("Dockerfile", 0o644, []byte("FROM "+exampleImage+"\nADD root.tar /\nENV PATH=/bin\n"))
	from.write("root.tar", 0o644, root.bytes())
	_, err := e.output(dockerCommand, bytes.NewReader(from.bytes()), "build", "--network=none", "-t", shellImage, "-")
	return errors.Join(root.err, from.err, err)
}

func staticBusybox() (string, error) {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return "", err
	}
	if !isStatic(busybox) {
		return "", fmt.Errorf("%s is not linked statically", busybox)
	}
	return busybox, nil
}

// importGo makes a small stand-in for the official Go image: this machine's Go,
// as far as building tinit takes it, tinit's modules, and busybox's shell.
func (e *engine) importGo(name string) error {
	busybox, err := staticBusybox()
	if err != nil {
		return err
	}
	scratch := filepath.Join(e.dir, "go")
	if err := os.Mkdir(scratch, 0o700); err != nil {
		return err
	}
	modules := filepath.Join(scratch, "modules")

	goroot, err := goCommand(nil, "env", "GOROOT")
	if err != nil {
		return err
	}
	cache, err := goCommand(nil, "env", "GOMODCACHE")
	if err != nil {
		return err
	}
	// This fills the new module cache with what the build takes and no more, from
	// this machine's own cache: the tests could not have been built without it.
	list, err := goCommand([]string{
		"CGO_ENABLED=0", "GOMODCACHE=" + modules, "GOPROXY=file://" + cache + "/cache/download", "GOSUMDB=off",
		"GOFLAGS=-modcacherw",
	}, "list", "-deps", "-f", "{{if .Standard}}{{.Dir}}{{end}}", "./cmd/tinit")
	if err != nil {
		return err
	}
	goBinary := filepath.Join(goroot, "bin", "go")
	if !isStatic(goBinary) {
		goBinary = filepath.Join(scratch, "go")
		if _, err := goCommand([]string{"CGO_ENABLED=0"}, "build", "-o", goBinary, "cmd/go"); err != nil {
			return err
		}
	}

	root := newArchive()
	root.dir("tmp", 0o1777)
	root.copy(busybox, "bin/busybox")
	root.link("busybox", "bin/sh")
	root.copy(goBinary, "usr/local/go/bin/go")
	tools := filepath.Join("pkg", "tool", runtime.GOOS+"_"+runtime.GOARCH)
	for _, file := range []string{
		"VERSION", "go.env", "src/go.mod", "src/go.sum", "src/vendor/modules.txt",
		filepath.Join(tools, "compile"), filepath.Join(tools, "asm"), filepath.Join(tools, "link"),
	} {
		root.copy(filepath.Join(goroot, file), filepath.Join("usr/local/go", file))
	}
	root.copyTree(filepath.Join(goroot, "pkg", "include"), "usr/local/go/pkg/include")
	// The runtime's assembly includes a header of runtime/cgo's.
	for _, dir := range append(strings.Fields(list), filepath.Join(goroot, "src", "runtime", "cgo")) {
		below, err := filepath.Rel(goroot, dir)
		if err != nil {
			return err
		}
		root.copySource(dir, filepath.Join("usr/local/go", below))
	}
	root.copyTree(modules, "go/pkg/mod")
	root.err = cmp.Or(root.err, root.copyCompiled("cache"))
	if root.err != nil {
		return root.err
	}

	args := []string{"import"}
	for _, variable := range []string{
		"PATH=/usr/local/go/bin:/bin", "GOPATH=/go", "GOMODCACHE=/go/pkg/mod", "GOCACHE=/cache", "GOPROXY=off", "GOTOOLCHAIN=local",
	} {
		args = append(args, "--change", "ENV "+variable)
	}
	_, err = e.output(dockerCommand, bytes.NewReader(root.bytes()), append(args, "-", name)...)
	return err
}

// goCommand runs the go command at the top of the source tree.
func goCommand(env []string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = sourceTree
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, exit.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

// isStatic says whether a program runs without a dynamic linker.
func isStatic(file string) bool {
	program, err := elffile.Open(file)
	if err != nil {
		return false
	}
	defer program.Close()
	return !slices.ContainsFunc(program.Progs, func(p *elffile.Prog) bool { return p.Type == elffile.PT_INTERP })
}

// archive is a tar file of root's in the making. The first error stays.
type archive struct {
	buffer bytes.Buffer
	tar    *tar.Writer
	err    error
}

func newArchive() *archive {
	a := new(archive)
	a.tar = tar.NewWriter(&a.buffer)
	return a
}

func (a *archive) add(header *tar.Header, content []byte) {
	if a.err == nil {
		a.err = a.tar.WriteHeader(header)
	}
	if a.err == nil {
		_, a.err = a.tar.Write(content)
	}
}

func (a *archive) write(name string, mode int64, content []byte) {
	a.add(&tar.Header{Name: name, Mode: mode, Size: int64(len(content))}, content)
}

func (a *archive) dir(name string, mode int64) {
	a.add(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode}, nil)
}

func (a *archive) link(target, name string) {
	a.add(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, nil)
}

// copy adds a file; one that is not there is left out.
func (a *archive) copy(file, name string) {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	a.err = cmp.Or(a.err, err)
	a.write(name, 0o755, content)
}

// busybox adds busybox by all its names, and a /tmp.
func (a *archive) busybox() {
	busybox, err := staticBusybox()
	a.err = cmp.Or(a.err, err)
	applets, err := exec.Command(busybox, "--list").Output()
	a.err = cmp.Or(a.err, err)
	a.dir("tmp", 0o1777)
	a.dir("bin", 0o755)
	a.copy(busybox, "bin/busybox")
	for applet := range strings.FieldsSeq(string(applets)) {
		if applet != "busybox" {
			a.link("busybox", "bin/"+applet)
		}
	}
}

// copyTree adds every regular file below a directory.
func (a *archive) copyTree(dir, name string) {
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			a.copy(file, name+strings.TrimPrefix(file, dir))
		}
		return err
	})
	a.err = cmp.Or(a.err, err)
}

// copySource adds a package's files, but for its tests.
func (a *archive) copySource(dir, name string) {
	entries, err := os.ReadDir(dir)
	a.err = cmp.Or(a.err, err)
	for _, entry := range entries {
		if !entry.IsDir() && !strings.HasSuffix(entry.Name(), "_test.go") {
			a.copy(filepath.Join(dir, entry.Name()), filepath.Join(name, entry.Name()))
		}
	}
}

// copyCompiled adds what this machine's build cache has of the packages that
// tinit is made of, so that building it once more takes seconds. What is not found
// is compiled.
func (a *archive) copyCompiled(name string) error {
	cache, err := goCommand(nil, "env", "GOCACHE")
	if err != nil {
		return err
	}
	list, err := goCommand([]string{"CGO_ENABLED=0", "GOFLAGS="},
		"list", "-trimpath", "-deps", "-export", "-f", "{{.BuildID}} {{.Export}}", "./cmd/tinit")
	if err != nil {
		return err
	}
	for line := range strings.Lines(list) {
		id, compiled, _ := strings.Cut(strings.TrimSpace(line), " ")
		// A build ID begins with the first bytes of the name that the cache has for
		// the compilation, in base64.
		action, _, _ := strings.Cut(id, "/")
		prefix, err := base64.RawURLEncoding.DecodeString(action)
		if err != nil || len(prefix) == 0 {
			continue
		}
		entries, _ := filepath.Glob(fmt.Sprintf("%s/%x/%x*-a", cache, prefix[:1], prefix))
		for _, file := range append(entries, compiled) {
			if below, found := strings.CutPrefix(file, cache+"/"); found {
				a.copy(file, filepath.Join(name, below))
			}
		}
	}
	return nil
}

func (a *archive) bytes() []byte {
	a.err = cmp.Or(a.err, a.tar.Close())
	return a.buffer.Bytes()
}
