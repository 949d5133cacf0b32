// Package children has a binary bring the programs along that its inits are
// given: they are links to the binary itself, in a directory that comes first in
// PATH, and it does what the name says that it is called by.
package children

import (
	"os"
	"path/filepath"

	"github.com/moby/sys/reexec"
	"golang.org/x/sys/unix"
)

var names []string

// Register names children and what each does. It is for init functions.
func Register(children map[string]func()) {
	for name, f := range children {
		reexec.Register(name, f)
		names = append(names, name)
	}
}

// Run is to be called first thing in main. It says whether this process was a
// child, which has then done its work.
func Run() bool { return reexec.Init() }

// Install makes the links in dir, and has PATH begin with it.
func Install(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return os.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// OwnProc mounts the /proc of the namespace that the process is PID 1 of.
func OwnProc() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount", err)
	}
	return os.NewSyscallError("mount", unix.Mount("proc", "/proc", "proc", 0, ""))
}
