package session

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// What glibc's execvp(3) takes for an unset PATH. Unlike exec.LookPath it allows the current directory.
const defaultPath = "/bin:/usr/bin"

const shell = "/bin/sh"

// execvp calls start with the file that name stands for, as execvp(3) would execute it: a name without a slash is tried
// in each directory of PATH in env, where one that may not be executed is passed over, and a file of no known format is a
// shell script.
func execvp(name string, args, env []string, start func(file string, args []string) (int, error)) (int, error) {
	if strings.Contains(name, "/") {
		pid, err := withShell(name, args, start)
		return pid, failure(name, err)
	}
	denied, broken := "", ""
	if name != "" {
		for _, dir := range searchPath(env) {
			file := name
			if dir != "" {
				file = dir + "/" + name
			}
			err := look(file)
			if err == nil {
				var pid int
				if pid, err = withShell(file, args, start); err == nil {
					return pid, nil
				}
				if errors.Is(err, unix.ENOENT) && broken == "" {
					broken = file
				}
			}
			switch {
			case errors.Is(err, unix.EACCES):
				if denied == "" {
					denied = file
				}
			case passedOver(err):
			default:
				return 0, failure(file, err)
			}
		}
	}
	switch {
	case denied != "":
		return 0, failure(denied, unix.EACCES)
	case broken != "":
		return 0, failure(broken, unix.ENOENT)
	}
	return 0, &Error{Step: "find", Name: name, Err: unix.ENOENT, Hint: "not in PATH"}
}

// withShell starts file, with the shell if the kernel knows no other way (ENOEXEC).
func withShell(file string, args []string, start func(string, []string) (int, error)) (int, error) {
	pid, err := start(file, args)
	if !errors.Is(err, unix.ENOEXEC) || isELF(file) {
		return pid, err
	}
	script := append([]string{shell, file}, args[min(1, len(args)):]...)
	pid, shErr := start(shell, script)
	if shErr == nil {
		return pid, nil
	}
	hint := fmt.Sprintf("without #! it takes %s, which cannot be started: %v", shell, shErr)
	return 0, &Error{Step: "execute", Name: file, Err: err, Hint: hint}
}

// isELF: a program for another processor is no script. execvp(3) gives it to the shell all the same, whose complaint
// about line 1 has cost people hours.
func isELF(file string) bool {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	var magic [4]byte
	n, err := unix.Read(fd, magic[:])
	return err == nil && string(magic[:n]) == "\x7fELF"
}

// look saves a fork for each directory of PATH that the file is not in.
func look(file string) error {
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return unix.EACCES
	}
	return nil
}

// passedOver: errors after which execvp(3) tries the next directory.
func passedOver(err error) bool {
	for _, e := range [...]error{unix.ENOENT, unix.ENOTDIR, unix.ESTALE, unix.ENODEV, unix.ETIMEDOUT} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func searchPath(env []string) []string {
	for _, kv := range env {
		if path, ok := strings.CutPrefix(kv, "PATH="); ok {
			return strings.Split(path, ":")
		}
	}
	return strings.Split(defaultPath, ":")
}
