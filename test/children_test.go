package test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/moby/sys/reexec"
	"golang.org/x/sys/unix"
)

// childNames is the names that the test binary answers to as another program.
var childNames []string

// registerChild makes f a PROGRAM of that name. Call it in an init function.
func registerChild(name string, f func()) {
	reexec.Register(name, f)
	childNames = append(childNames, name)
}

// scriptChildren is the PROGRAMs that are shell scripts. Go's runtime would
// change what show-status is to show.
var scriptChildren = map[string]string{
	"show-status":    "#!/bin/sh\nexec cat /proc/self/status\n",
	"show-arguments": "#!/bin/sh\necho \"$*\"\n",
}

func init() {
	registerChild("stage", runStage)
	registerChild("print-signals", printSignals)
	registerChild("block-signals", execBlocked)
	registerChild("orphans", leaveOrphans)
	registerChild("exit", func() { os.Exit(number(1, 0)) })
	registerChild("linger", linger)
}

// printSignals is "print-signals [stdin]": it prints "ready PID PGID SID",
// then the number of each signal that reaches it, one a line, as far as Go
// lets it have them. It exits with 0 on the second USR2, and with "stdin" at
// the end of its standard input too.
func printSignals() {
	got := make(chan os.Signal, 256)
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		if sig != syscall.SIGURG && sig != syscall.SIGCHLD {
			signal.Notify(got, sig)
		}
	}
	sid, _ := unix.Getsid(0)
	fmt.Println("ready", os.Getpid(), unix.Getpgrp(), sid)

	end := make(chan struct{})
	if len(os.Args) > 1 && os.Args[1] == "stdin" {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			close(end)
		}()
	}
	for last := 0; last < 2; {
		select {
		case sig := <-got:
			fmt.Println(int(sig.(syscall.Signal)))
			if sig == syscall.SIGUSR2 {
				last++
			}
		case <-end:
			last = 2
		}
	}
}

// execBlocked is "block-signals [PROGRAM ARG...]": it blocks every signal and
// executes PROGRAM, which is "sleep infinity" if none is named. What reached
// it stands in the kernel's own list of what is pending.
func execBlocked() {
	args := os.Args[1:]
	if len(args) == 0 {
		args = []string{"sleep", "infinity"}
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		fail("block-signals", err)
	}
	runtime.LockOSThread()
	all := make([]int, 64)
	for i := range all {
		all[i] = i + 1
	}
	if err := blockSignals(all...); err != nil {
		fail("block-signals", err)
	}
	fail("block-signals", syscall.Exec(path, args, os.Environ()))
}

// leaveOrphans is "orphans N [CODE]": it leaves N orphans behind, prints
// "ready", and waits for the end of its standard input. Then all of them end
// at one moment, and it exits with CODE at once; with "stay" it prints "done"
// and stays.
func leaveOrphans() {
	count := number(1, 1)
	r, w, err := os.Pipe()
	if err != nil {
		fail("orphans", err)
	}
	// The one that starts them ends, so that they lose their parent. They end
	// when the pipe does.
	cmd := startOfReaders(count)
	cmd.ExtraFiles = []*os.File{r}
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		fail("orphans", err)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	if len(os.Args) > 2 && os.Args[2] == "stay" {
		_ = w.Close()
		fmt.Println("done")
		for {
			_ = unix.Pause()
		}
	}
	code := number(2, 0)
	_ = w.Close()
	os.Exit(code)
}

// startOfReaders is the command that leaves count readers of descriptor 3. The
// shell's are bigger and slower to start.
func startOfReaders(count int) *exec.Cmd {
	path, err := memFile(leaveReaders(count))
	if err != nil || runtime.GOARCH != "amd64" {
		return exec.Command("/bin/sh", "-c", fmt.Sprintf("i=0; while [ $i -lt %d ]; do read x <&3 & i=$((i+1)); done", count))
	}
	return exec.Command(path)
}

// memFile puts code into memory as a file to execute; it takes a /proc.
func memFile(code []byte) (path string, err error) {
	fd, err := unix.MemfdCreate("tiny", unix.MFD_CLOEXEC)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, code); err != nil {
		return "", err
	}
	// A file that is open for writing cannot be executed.
	ro, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), ro), err
}

// linger is "linger [SIGNAL...]": it ignores TERM, or the signals given by
// number, prints "ready PID" and stays for ever.
func linger() {
	ignored := os.Args[1:]
	if len(ignored) == 0 {
		ignored = []string{"15"}
	}
	for _, word := range ignored {
		sig, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil {
			fail("linger", err)
		}
		signal.Ignore(syscall.Signal(sig))
	}
	path, err := exec.LookPath("sleep")
	if err != nil {
		fail("linger", err)
	}
	fmt.Println("ready", os.Getpid())
	fail("linger", syscall.Exec(path, []string{"sleep", "infinity"}, os.Environ()))
}

// number is the i-th argument, or another number if there is none.
func number(i, otherwise int) int {
	if len(os.Args) <= i {
		return otherwise
	}
	n, err := strconv.Atoi(os.Args[i])
	if err != nil {
		fail(os.Args[0], err)
	}
	return n
}

func fail(who string, err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", who, err)
	os.Exit(99)
}
