package test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

func init() {
	registerChild("ps-scene", psScene)
	registerChild("ps-session", leadPsSession)
	registerChild("ps-locked", lockPage)
	registerChild("ps-leaderless", loseFirstThread)
}

// oddName is a file's name that looks like more than one field of
// /proc/PID/stat, and oddWords are no better for a terminal.
const (
	oddName  = ") R 1 (\n\x1b[é"
	oddWords = "odd\x1b[31m \t\n(é 世)\u0085 \xff\u202e"
)

// A look is what two ways to look at the same processes show.
type look struct{ Procps, Tinit, Said string }

// psScene is "ps-scene TINIT": it starts processes of all kinds, prints "ready",
// and for each line of standard input, a look, as JSON.
func psScene() {
	must := func(err error) {
		if err != nil {
			fail("ps-scene", err)
		}
	}
	null, err := os.Open(os.DevNull)
	must(err)
	start := func(path string, files *os.File, attr *syscall.SysProcAttr, args ...string) (pid int) {
		f := files.Fd()
		pid, err := syscall.ForkExec(path, args, &syscall.ProcAttr{Files: []uintptr{f, f, 2}, Sys: attr, Env: os.Environ()})
		must(err)
		return pid
	}
	find := func(name string) string {
		path, err := exec.LookPath(name)
		must(err)
		return path
	}
	sleep := find("sleep")
	// Two terminals, each with a session on it that has a foreground and a background.
	for range 2 {
		user, terminal, err := pty.Open()
		must(err)
		defer user.Close() // which would hang up
		start(find("ps-session"), terminal, &syscall.SysProcAttr{Setsid: true, Setctty: true}, "ps-session")
	}
	plain := &syscall.SysProcAttr{Setpgid: true}
	must(unix.Setpriority(unix.PRIO_PROCESS, start(sleep, null, plain, "low", "infinity"), 5))
	if os.Geteuid() == 0 && unix.Setpriority(unix.PRIO_PROCESS, start(sleep, null, plain, "high", "infinity"), -5) == nil {
		start(sleep, null, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}, "nobody", "infinity")
	}
	start(find("ps-locked"), null, plain, "ps-locked")
	start(find("ps-leaderless"), null, plain, "ps-leaderless")
	start(sleep, null, &syscall.SysProcAttr{Setsid: true}, oddWords, "infinity")

	dir, err := os.MkdirTemp("", "ps-scene-")
	must(err)
	odd := filepath.Join(dir, oddName)
	must(os.Symlink(sleep, odd))
	start(odd, null, plain, "named", "infinity")
	// These are not reaped.
	for range 12 {
		start(odd, null, nil, "ends", "0")
	}
	fmt.Println("ready")

	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var l look
		var said strings.Builder
		procps := exec.Command("ps", "ajx")
		procps.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
		out, err := procps.Output()
		must(err)
		l.Procps = string(out)
		tinit := exec.Command(os.Args[1], "ps")
		tinit.Stderr = &said
		out, err = tinit.Output()
		must(err)
		l.Tinit, l.Said = string(out), said.String()
		must(json.NewEncoder(os.Stdout).Encode(l))
	}
	must(os.RemoveAll(dir))
}

// leadPsSession is the leader of a session in the foreground of its terminal,
// with one process beside it and one in the background.
func leadPsSession() {
	path, err := exec.LookPath("sleep")
	if err != nil {
		fail("ps-session", err)
	}
	for name, attr := range map[string]*syscall.SysProcAttr{"beside": {}, "behind": {Setpgid: true}} {
		if _, err := syscall.ForkExec(path, []string{name, "infinity"}, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}, Sys: attr}); err != nil {
			fail("ps-session", err)
		}
	}
	for {
		_ = unix.Pause()
	}
}

func lockPage() {
	if err := unix.Mlock(make([]byte, os.Getpagesize())); err != nil {
		fail("ps-locked", err)
	}
	for {
		_ = unix.Pause()
	}
}

// loseFirstThread ends the first thread of the process, and leaves the others.
func loseFirstThread() {
	for range 100 {
		go func() {
			runtime.LockOSThread()
			if unix.Gettid() == os.Getpid() {
				unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
			}
			for {
				_ = unix.Pause()
			}
		}()
	}
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() {
		unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
	}
	for {
		_ = unix.Pause()
	}
}
