package keeper

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/proc"
)

// A pidFile says the program's number to those who know of no jobs. It is locked (flock(2)) for as long as there is a keeper, by
// a descriptor that the program does not have. A nil one is none.
type pidFile struct {
	path string
	file *os.File
}

// openPIDFile refuses a file that names a process which lives, as daemons do: two of one kind would be in each other's way.
func openPIDFile(path string) (*pidFile, error) {
	if path == "" {
		return nil, nil
	}
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NOCTTY|unix.O_NONBLOCK, 0o644)
		if err != nil {
			return nil, fmt.Errorf("cannot open the pidfile: %w", err)
		}
		f := &pidFile{path, file}
		if err := checkPIDFile(path, file); err != nil {
			_ = file.Close()
			return nil, err
		}
		if f.isThere() {
			return f, nil
		}
		// Another keeper has removed it since it was opened.
		_ = file.Close()
	}
}

func checkPIDFile(path string, file *os.File) error {
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if err == unix.EWOULDBLOCK {
			return fmt.Errorf("pidfile %s is another's, who has it locked", path)
		}
		return fmt.Errorf("cannot lock the pidfile %s: %w", path, os.NewSyscallError("flock", err))
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("pidfile %s is no regular file", path)
	}
	text := make([]byte, 32)
	n, _ := file.ReadAt(text, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	switch {
	case n == 0:
		return nil
	case err != nil:
		return fmt.Errorf("%s is no pidfile: it says %q", path, text[:n])
	case pid > 0 && lived(pid, info.ModTime()):
		return fmt.Errorf("pidfile %s names process %d, which is there", path, pid)
	}
	return nil
}

// lived reports whether there is a process pid that is as old as the file which names it. One that began later has the number
// of one that has ended.
func lived(pid int, since time.Time) bool {
	p, err := proc.Read(pid)
	if err != nil {
		return !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ESRCH)
	}
	const slack = time.Second // the file's clock and the kernel's ticks do not agree to the moment
	return !p.Dead() && p.Started().Before(since.Add(slack))
}

func (f *pidFile) write(pid int) error {
	if f == nil {
		return nil
	}
	text := []byte(strconv.Itoa(pid) + "\n")
	_, err := f.file.WriteAt(text, 0)
	if err == nil {
		err = f.file.Truncate(int64(len(text)))
	}
	if err != nil {
		return fmt.Errorf("cannot write the pidfile: %w", err)
	}
	return nil
}

// remove removes the file if it is still the one that was locked.
func (f *pidFile) remove() {
	if f == nil {
		return
	}
	if f.isThere() {
		_ = os.Remove(f.path)
	}
	_ = f.file.Close()
}

func (f *pidFile) isThere() bool {
	var own, there unix.Stat_t
	return unix.Fstat(int(f.file.Fd()), &own) == nil && unix.Lstat(f.path, &there) == nil && own.Ino == there.Ino && own.Dev == there.Dev
}
