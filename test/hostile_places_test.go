package test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// placeMain is `place SETTING... -- PROGRAM ARG...`: it does to its own process
// what a stage does not, in the order given, and becomes PROGRAM.
func placeMain() {
	settings, argv := beforeDashes(os.Args[1:])
	path, err := exec.LookPath(argv[0])
	if err != nil {
		childFatal("%v", err)
	}
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		set, ok := places[name]
		if !ok {
			childFatal("no setting %q", setting)
		}
		if err := set(value); err != nil {
			childFatal("%s: %v", setting, err)
		}
	}
	childFatal("%s: %v", path, syscall.Exec(path, argv, os.Environ()))
}

var places = map[string]func(value string) error{
	// child=FILE: it has a child `record FILE obliging`, which PROGRAM inherits.
	"child": func(value string) error {
		cmd := exec.Command("record", value, "obliging")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		defer pollUntil("the child", func() bool { return recorded(value, "ready") })
		return cmd.Start()
	},
	// take=N: all descriptors below N are taken, in PROGRAM too.
	"take": func(value string) error {
		for fd := range atoi(value) {
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
				if err := unix.Dup3(0, fd, 0); err != nil {
					return err
				}
			} else if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
				return err
			}
		}
		return nil
	},
	// cgroup=DIR: it is a member of that cgroup.
	"cgroup": func(value string) error {
		return os.WriteFile(filepath.Join(value, "cgroup.procs"), []byte("0"), 0)
	},
	// gone=DIR: its working directory is DIR, which has been removed.
	"gone": func(value string) error {
		return errors.Join(os.Chdir(value), os.Remove(value))
	},
	// chroot=DIR
	"chroot": func(value string) error {
		return errors.Join(os.Chdir(value), unix.Chroot("."))
	},
	// full=DIR: standard output and error go to DIR/log, on a file system of one
	// page that is full. Only for a mount namespace of one's own.
	"full": func(value string) error {
		if err := unix.Mount("tmpfs", value, "tmpfs", 0, "size=4k"); err != nil {
			return err
		}
		f, err := os.OpenFile(filepath.Join(value, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
		if err != nil {
			return err
		}
		for err == nil {
			_, err = f.Write([]byte("x"))
		}
		if !errors.Is(err, unix.ENOSPC) {
			return err
		}
		return errors.Join(unix.Dup3(int(f.Fd()), 1, 0), unix.Dup3(int(f.Fd()), 2, 0))
	},
}
