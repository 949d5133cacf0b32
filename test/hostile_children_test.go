package test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The programs of the shutdown, sweep and hostile tests. None of them outlives
// childLife, whatever becomes of the test that started it.
func init() {
	if exe, err := os.Executable(); err == nil && filepath.Base(exe) == ".test-binary" && strings.Contains(os.Args[0], "/") {
		// Called by a path it would not know that it is a child, and would run the
		// tests, each of which runs the tests.
		childFatal("call me by my name alone")
	}
	registerChild("record", recordMain)
	registerChild("leave", leaveMain)
	registerChild("ns-init", nsInitMain)
	registerChild("place", placeMain)
	registerChild("join", joinMain)
	registerChild("as-root", asRootMain)
	registerChild("with-pid", withPIDMain)
}

const childLife = 90 * time.Second

// childFatal ends a child with a code that no test expects of a program.
func childFatal(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s: %s\n", filepath.Base(os.Args[0]), fmt.Sprintf(format, args...))
	os.Exit(99)
}

// appendLine adds a line to a file in one write(2), so that several writers can
// share the file.
func appendLine(file, line string) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	if err != nil {
		childFatal("%v", err)
	}
	defer f.Close()
	if _, err := f.WriteString(line + "\n"); err != nil {
		childFatal("%v", err)
	}
}

// recorded tells whether a line of the file is (or begins with) the word.
func recorded(file, word string) bool {
	data, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		if first, _, _ := strings.Cut(line, " "); first == word {
			return true
		}
	}
	return false
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// pollUntil is eventually for a child, which has no testing.T.
func pollUntil(what string, done func() bool) {
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			childFatal("timed out: %s", what)
		}
	}
}

// catchable is every signal that a Go program can have and that is not its
// runtime's own.
func catchable() []os.Signal {
	var sigs []os.Signal
	for n := syscall.Signal(1); n <= 64; n++ {
		switch {
		case n == unix.SIGKILL, n == unix.SIGSTOP, n == unix.SIGCHLD, n == unix.SIGURG, n == unix.SIGPROF:
		case n >= 32 && n <= 34:
		default:
			sigs = append(sigs, n)
		}
	}
	return sigs
}

// recordMain is `record FILE MODE`: it writes "ready PID PPID PGID SID" to FILE
// and then the name of each signal that it gets. What it does on TERM is MODE:
//
//	obliging      it writes "end" and ends with 0
//	exit:N        the same, with N
//	after:D:N     the same, D later
//	until:F       it writes "end" and ends once there is a file F
//	stubborn      nothing
func recordMain() {
	if len(os.Args) != 3 {
		childFatal("usage: record FILE MODE")
	}
	file := os.Args[1]
	mode, arg, _ := strings.Cut(os.Args[2], ":")
	sigs := make(chan os.Signal, 256)
	signal.Notify(sigs, catchable()...)
	sid, _ := unix.Getsid(0)
	appendLine(file, fmt.Sprintf("ready %d %d %d %d", os.Getpid(), os.Getppid(), unix.Getpgrp(), sid))

	end := func(code int) {
		appendLine(file, "end")
		os.Exit(code)
	}
	life := time.After(childLife)
	for {
		select {
		case <-life:
			childFatal("nobody ended me")
		case sig := <-sigs:
			appendLine(file, signalName(sig))
			if sig != unix.SIGTERM {
				continue
			}
			switch mode {
			case "obliging":
				end(0)
			case "exit":
				end(atoi(arg))
			case "after":
				wait, code, _ := strings.Cut(arg, ":")
				d, err := time.ParseDuration(wait)
				if err != nil {
					childFatal("%v", err)
				}
				time.AfterFunc(d, func() { end(atoi(code)) })
			case "until":
				go func() {
					pollUntil("no "+arg, func() bool { return exists(arg) })
					end(0)
				}()
			case "stubborn":
			default:
				childFatal("no mode %q", mode)
			}
		}
	}
}

func signalName(sig os.Signal) string {
	n, _ := sig.(syscall.Signal)
	if name := unix.SignalName(n); name != "" {
		return strings.TrimPrefix(name, "SIG")
	}
	return strconv.Itoa(int(n))
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		childFatal("%v", err)
	}
	return n
}

// leaveMain is `leave WHEN CODE LEFTOVER...`: a program that leaves something
// behind. When all of it is there it prints "ready"; it ends with CODE (or by
// signal n where CODE is -n) WHEN it is told: "now", on "TERM", "TERM+8s" or
// "never", in which case it ignores TERM.
// A leftover is KIND,COMMAND,ARG,…:
//
//	group     in the program's own process group
//	session   in a session of its own
//	double    in a session of its own, its parent gone before the program
//	stopped   in the group, stopped by SIGSTOP
//	wait      run to its end, which leaves what it left
func leaveMain() {
	if len(os.Args) < 3 {
		childFatal("usage: leave WHEN CODE LEFTOVER...")
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, unix.SIGTERM)
	for _, leftover := range os.Args[3:] {
		startLeftover(leftover)
	}
	fmt.Println("ready")

	when, delay, late := strings.Cut(os.Args[1], "+")
	switch when {
	case "now":
	case "TERM":
		select {
		case <-term:
		case <-time.After(childLife):
			childFatal("nobody ended me")
		}
	default:
		time.Sleep(childLife)
	}
	if late {
		d, err := time.ParseDuration(delay)
		if err != nil {
			childFatal("%v", err)
		}
		time.Sleep(d)
	}
	if code := atoi(os.Args[2]); code < 0 {
		_ = unix.Kill(os.Getpid(), unix.Signal(-code))
		time.Sleep(childLife)
	} else {
		os.Exit(code)
	}
}

// startLeftover makes do with few descriptors, which os/exec does not.
func startLeftover(leftover string) {
	words := strings.Split(leftover, ",")
	kind, argv := words[0], words[1:]
	if kind == "double" {
		kind, argv = "wait", []string{"leave", "now", "0", "session," + strings.Join(argv, ",")}
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		childFatal("%v", err)
	}
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		childFatal("%v", err)
	}
	defer unix.Close(null)
	pid, err := syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{uintptr(null), uintptr(null), uintptr(null)},
		Sys:   &syscall.SysProcAttr{Setsid: kind == "session"},
	})
	if err != nil {
		childFatal("%s: %v", leftover, err)
	}

	var status unix.WaitStatus
	if kind == "wait" {
		if _, err := unix.Wait4(pid, &status, 0, nil); err != nil || status != 0 {
			childFatal("%s: %v, status %#x", leftover, err, status)
		}
		return
	}
	if argv[0] == "record" {
		pollUntil(leftover, func() bool { return recorded(argv[1], "ready") })
	}
	if kind == "stopped" {
		if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
			childFatal("%s: %v", leftover, err)
		}
		if _, err := unix.Wait4(pid, &status, unix.WUNTRACED, nil); err != nil || !status.Stopped() {
			childFatal("%s: not stopped: %v", leftover, err)
		}
	}
}

// nsInitMain is `ns-init [SETTING...] -- COMMAND ARG...`: the PID 1 of a fresh
// PID namespace in which tinit is another process than PID 1. It starts
// COMMAND, reaps until that has ended, and then prints "left yes" or "left no":
// whether any process is there but itself. It ends with COMMAND's code, and
// with it ends everything in the namespace: what escapes tinit does not escape
// the test. Settings:
//
//	pid=N             the PID that COMMAND is to have
//	bystander=N,FILE  starts `record FILE obliging` with PID N (0: any) before
//	                  COMMAND, prints "bystander yes" or "bystander no" (whether
//	                  it is there) after it, and ends it
func nsInitMain() {
	settings, argv := beforeDashes(os.Args[1:])
	pid, bystander := 0, 0
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		switch name {
		case "pid":
			pid = atoi(value)
		case "bystander":
			n, file, _ := strings.Cut(value, ",")
			bystander = startWithPID(atoi(n), false, "record", file, "obliging")
			pollUntil("the bystander", func() bool { return recorded(file, "ready") })
		default:
			childFatal("no setting %q", setting)
		}
	}
	code := waitFor(startWithPID(pid, false, argv...))
	left := drain()
	if bystander != 0 {
		fmt.Println("bystander", yes(unix.Kill(bystander, unix.SIGKILL) == nil))
		_ = waitFor(bystander)
		left = drain()
	}
	fmt.Println("left", yes(left))
	os.Exit(code)
}

// drain reaps what has ended, for PID 1, and says whether any process is left.
// Whoever is alive is a child of its, or has an ancestor who is; and wait(2) looks
// at all children at one moment, where a scan of /proc may miss somebody. The
// kernel does not count those that it reaps itself, which kill(2) of -1 finds
// for as long as it takes: milliseconds, on a busy machine.
func drain() (left bool) {
	for {
		n, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		switch {
		case n > 0 || errors.Is(err, unix.EINTR):
		case n == 0 && err == nil:
			return true
		case errors.Is(err, unix.ECHILD):
			return false
		default:
			childFatal("wait: %v", err)
		}
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// startWithPID starts a command that gets the PID (0: any) and may lead a process
// group of its own. The kernel gives the numbers out one after another.
func startWithPID(pid int, lead bool, argv ...string) int {
	for range 100 {
		if pid != 0 {
			last := []byte(strconv.Itoa(pid - 1))
			if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", last, 0); err != nil {
				childFatal("%v", err)
			}
		}
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: lead}
		if err := cmd.Start(); err != nil {
			childFatal("%v", err)
		}
		if pid == 0 || cmd.Process.Pid == pid {
			return cmd.Process.Pid
		}
		// A thread of this process was given the number.
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	childFatal("cannot have PID %d", pid)
	return 0
}

// waitFor reaps until the process has ended and returns its exit code.
func waitFor(pid int) int {
	for {
		var status unix.WaitStatus
		n, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR), err == nil && n != pid:
		case err != nil:
			childFatal("wait4: %v", err)
		case status.Signaled():
			return 128 + int(status.Signal())
		default:
			return status.ExitStatus()
		}
	}
}

func beforeDashes(args []string) (before, after []string) {
	for i, arg := range args {
		if arg == "--" {
			return args[:i], args[i+1:]
		}
	}
	childFatal("no --")
	return nil, nil
}

// joinMain is `join PID COMMAND ARG...`: it runs COMMAND in the PID namespace of
// a process, as `docker exec` does: the parent, this process, stays outside.
func joinMain() {
	f, err := os.Open("/proc/" + os.Args[1] + "/ns/pid")
	if err != nil {
		childFatal("%v", err)
	}
	// setns(2) into a PID namespace counts for the children of this thread.
	runtime.LockOSThread()
	if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWPID); err != nil {
		childFatal("setns: %v", err)
	}
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		childFatal("%v", err)
	}
}

// withPIDMain is `with-pid N COMMAND ARG...`: it starts COMMAND with the PID N
// and at the head of a process group, waits for its end and prints its exit
// code.
func withPIDMain() {
	pid := startWithPID(atoi(os.Args[1]), true, os.Args[2:]...)
	fmt.Println("ended with", waitFor(pid))
}

// asRootMain is `as-root FILE COMMAND ARG...`: FILE is a setuid copy of this
// program, which becomes root for good, in its real user ID too, and then
// COMMAND.
func asRootMain() {
	if os.Geteuid() != 0 {
		childFatal("%v", syscall.Exec(os.Args[1], os.Args, os.Environ()))
	}
	if err := syscall.Setresuid(0, 0, 0); err != nil {
		childFatal("%v", err)
	}
	path, err := exec.LookPath(os.Args[2])
	if err != nil {
		childFatal("%v", err)
	}
	childFatal("%v", syscall.Exec(path, os.Args[2:], os.Environ()))
}
