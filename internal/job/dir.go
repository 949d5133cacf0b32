// Package job is what there is on disk of the jobs that run in the background: a folder for each, with a record of what was
// asked, where it runs and how it ended, and its output. The keeper of a job writes it, tinit's commands read it.
//
// A record is believed only as far as it goes. A process is the one that it names if boot, PID namespace, number and start
// time are the same: a number alone may be another's by now, or mean another process in a container that shares the folder.
package job

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Dir is the folder of all jobs of one user.
type Dir struct {
	Path string
	root *os.Root
}

// rootsPlace is where a system's services keep what lasts (hier(7)).
const rootsPlace = "/var/lib/tinit"

// Place is where the jobs of this process's user are: $TINIT_STATE_DIR, else tinit in $XDG_STATE_HOME (~/.local/state). For
// root whose home is missing or somebody else's, as under sudo, it is /var/lib/tinit.
func Place(getenv func(string) string) (string, error) {
	if dir := getenv("TINIT_STATE_DIR"); dir != "" {
		return absolute("TINIT_STATE_DIR", dir)
	}
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) { // others "should be ignored", by the XDG Base Directory Specification
		return filepath.Join(dir, "tinit"), nil
	}
	home := getenv("HOME")
	isRoot := unix.Geteuid() == 0
	switch {
	case isRoot && !isOwn(home):
		return rootsPlace, nil
	case home == "":
		return "", errors.New("no place for jobs: HOME is not set (TINIT_STATE_DIR can name a folder)")
	}
	if _, err := absolute("HOME", home); err != nil {
		return "", err
	}
	return filepath.Join(home, ".local/state/tinit"), nil
}

func absolute(variable, dir string) (string, error) {
	if !filepath.IsAbs(dir) {
		return "", fmt.Errorf("no place for jobs: %s is %q, which is no absolute path", variable, dir)
	}
	return filepath.Clean(dir), nil
}

func isOwn(dir string) bool {
	var st unix.Stat_t
	return unix.Stat(dir, &st) == nil && int(st.Uid) == unix.Geteuid()
}

// Open opens the folder of all jobs at path. A folder that others could write to, or that is another user's, is refused: what
// is written there is acted upon. The error is fs.ErrNotExist if there is none, which is to say that there are no jobs.
func Open(path string) (*Dir, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, unreachable(err)
	}
	if err := trusted(path, info); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, unreachable(err)
	}
	// Again, of what was opened: it may not be what was looked at.
	if info, err = root.Stat("."); err == nil {
		err = trusted(path, info)
	}
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	return &Dir{path, root}, nil
}

// Make is Open, and makes the folder if there is none.
func Make(path string) (*Dir, error) {
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		if err = os.Mkdir(path, 0o700); errors.Is(err, fs.ErrExist) {
			err = nil
		}
	}
	if err != nil {
		return nil, unreachable(err)
	}
	return Open(path)
}

func unreachable(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("no place for jobs: %w (TINIT_STATE_DIR can name another folder)", err)
}

func trusted(path string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s is a symbolic link, which is not followed: name the folder itself in TINIT_STATE_DIR", path)
	case !info.IsDir():
		return fmt.Errorf("%s is no folder", path)
	case ok && int(st.Uid) != unix.Geteuid():
		return fmt.Errorf("%s belongs to user %d, and this is user %d (TINIT_STATE_DIR can name another folder)", path, st.Uid, unix.Geteuid())
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s may be used by others (its mode is %#o, and has to be 0700)", path, info.Mode().Perm())
	}
	return nil
}

// Close closes the folder, not those that were opened in it.
func (d *Dir) Close() { _ = d.root.Close() }

// lock keeps others from making jobs, until unlock. Who has it needs it for some milliseconds, unless it was stopped: there is no
// flock(2) that waits for a while.
func (d *Dir) lock() (unlock func(), err error) {
	f, err := d.root.Open(".")
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(lockPatience); ; time.Sleep(time.Millisecond) {
		switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
		case err == nil:
			return func() { _ = f.Close() }, nil
		case err == unix.EINTR:
		case err == unix.EWOULDBLOCK && time.Now().Before(end):
		case err == unix.EWOULDBLOCK:
			_ = f.Close()
			return nil, fmt.Errorf("somebody else is starting or removing a job in %s, and has been for %v", d.Path, lockPatience)
		default:
			_ = f.Close()
			return nil, fmt.Errorf("cannot lock %s: %w", d.Path, err)
		}
	}
}

const lockPatience = 10 * time.Second // more than a thousand starts at one moment take

// CheckName reports what is wrong with a job's name: it must not look like a number, a %job or a path.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("a job's name cannot be empty")
	case len(name) > maxName:
		return fmt.Errorf("a job's name has %d characters at most", maxName)
	case strings.Trim(name, "0123456789") == "":
		return fmt.Errorf("%q is a number, and no name for a job", name)
	case strings.IndexFunc(name, forbidden) >= 0 || strings.HasPrefix(name, "-") || strings.HasPrefix(name, "."):
		return fmt.Errorf("%q is no name for a job: it may have letters, digits and _.- in it, and begins with neither . nor -", name)
	}
	return nil
}

const maxName = 64

func forbidden(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_.-", r))
}

// nameFor is a job's name if none was given: that of its program.
func nameFor(program string) string {
	name := strings.Map(func(r rune) rune {
		if forbidden(r) {
			return '-'
		}
		return r
	}, filepath.Base(program))
	name = strings.TrimLeft(name, "-.")
	name = name[:min(len(name), maxName-10)]
	if CheckName(name) != nil {
		return "job"
	}
	return name
}
