package main

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"github.com/moby/sys/reexec"
	"golang.org/x/sys/unix"
)

// The programs that the inits are given. They are links to this one, in a
// directory that comes first in PATH.
var children = map[string]func(){
	"compare-pid1":    executeAsPID1,
	"compare-ignore":  executeIgnoring,
	"compare-blocked": executeBlocked,
	"compare-leave":   leave,
	"compare-left":    left,
}

func init() {
	for name, f := range children {
		reexec.Register(name, f)
	}
}

func installChildren(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for name := range children {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return os.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// executeAsPID1 executes its arguments after mounting the new namespace's /proc.
func executeAsPID1() {
	check(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	check(unix.Mount("proc", "/proc", "proc", 0, ""))
	check(syscall.Exec(os.Args[1], os.Args[1:], os.Environ()))
}

// executeIgnoring executes its arguments with USR1 ignored.
func executeIgnoring() {
	action := [8]uintptr{1} // SIG_IGN in a struct sigaction, and room to spare
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGUSR1), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	if errno != 0 {
		check(errno)
	}
	check(syscall.Exec(os.Args[1], os.Args[1:], os.Environ()))
}

// executeBlocked becomes a sleep that has every signal blocked: what was sent
// to it is seen as pending.
func executeBlocked() {
	runtime.LockOSThread()
	var all unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	check(unix.PthreadSigmask(unix.SIG_BLOCK, &all, nil))
	path, err := exec.LookPath("sleep")
	check(err)
	check(syscall.Exec(path, []string{"sleep", "60"}, os.Environ()))
}

// leave is "leave FILE group|session none|obliging|stubborn": it leaves a
// process behind and ends once that is ready.
func leave() {
	defer write(os.Args[1], "end")
	if os.Args[3] == "none" {
		return
	}
	cmd := exec.Command("compare-left", os.Args[1], os.Args[3])
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: os.Args[2] == "session"}
	check(cmd.Start())
	eventually(10*time.Second, func() bool { return wrote(os.Args[1], "ready") })
}

// left is what leave leaves. On TERM it needs a moment to clean up, unless it
// is stubborn.
func left() {
	file, stubborn := os.Args[1], os.Args[2] == "stubborn"
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGTERM)
	write(file, "ready")
	end := time.After(30 * time.Second)
	for {
		select {
		case <-end:
			return
		case <-got:
			write(file, "term")
			if !stubborn {
				time.Sleep(cleanup)
				write(file, "clean")
				return
			}
		}
	}
}

const cleanup = 100 * time.Millisecond

// What a child did is told by files, which outlive it.
func write(file, word string)      { check(os.WriteFile(file+"."+word, nil, 0o600)) }
func wrote(file, word string) bool { _, err := os.Stat(file + "." + word); return err == nil }

func check(err error) {
	if err != nil {
		os.Stderr.WriteString(filepath.Base(os.Args[0]) + ": " + err.Error() + "\n")
		os.Exit(99)
	}
}
