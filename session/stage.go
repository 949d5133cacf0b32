package session

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Between fork(2) and execve(2) a Go program can do no more than what syscall.SysProcAttr lists, and what fails there is a bare
// errno, as is execve's. The rest takes a stage: this process's own executable, started in the program's place, which does to
// itself what the Command says, sees files as the program's user does, and executes the program. It takes as long as to start
// one more Go program, and as many threads, and is done only for a Command that asks for it.
//
// A thread of this process that has left the others' file-system state (unshare(CLONE_FS)) would be quicker for the umask and
// for no new privileges. But Docker's filter refuses that call, and the thread would have to end with its start.

// stageName is argv[0] of a stage.
const stageName = "tinit-stage"

// StepStage is an [Error]'s Step if there could be no stage: this process cannot execute itself, as where it sees no file of
// its own, or there were too few processes to be had. Without what takes a stage the same Command may succeed.
const StepStage = "stage"

// Stage must be the first thing that main does, in a program that starts a [Command] with something that takes a stage. It
// reports whether this process was the stage of such a start, whose program could not be executed; main should end then.
func Stage() bool {
	if len(os.Args) < 2 || os.Args[0] != stageName {
		return false
	}
	report, err := strconv.Atoi(os.Args[1])
	if c, ok := parseStage(os.Args[2:]); ok && err == nil {
		c.stage(report)
	}
	return true
}

// startStage is start by way of a stage. It returns when the stage has executed the program, or has said why it did not.
func (c Command) startStage(attr *syscall.ProcAttr) (pid int, err error) {
	failed := func(err error) (int, error) { return 0, &Error{Step: StepStage, Name: c.Name, Err: err} }
	// Not one of attr's Files: they would be given the numbers from 3 on, which is where the program looks for its sockets.
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return failed(os.NewSyscallError("pipe2", err))
	}
	defer unix.Close(p[0]) //nolint:errcheck // nothing was written
	if _, err = unix.FcntlInt(uintptr(p[1]), unix.F_SETFD, 0); err == nil {
		pid, err = forkSelf(append([]string{stageName, strconv.Itoa(p[1])}, c.formatStage()...), attr)
	}
	_ = unix.Close(p[1])
	if err != nil {
		return failed(err)
	}
	switch said := listen(p[0], pid); {
	case said == aboutToExecute:
		return pid, nil
	case strings.HasPrefix(said, aboutToExecute):
		_, _ = reapStage(pid)
		return 0, parseError(said[len(aboutToExecute):])
	}
	// It ended before. If it was killed, then so was the program; but by itself it ends where it can't have its threads.
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err == nil && info.Code != cldExited {
		return pid, nil
	}
	status, err := reapStage(pid)
	if err == nil {
		err = fmt.Errorf("it ended with %d before it could execute the program", status.ExitStatus())
	}
	return failed(err)
}

const cldExited = 1 // CLD_EXITED in waitid(2)

func reapStage(pid int) (status unix.WaitStatus, err error) {
	for {
		if _, err = unix.Wait4(pid, &status, 0, nil); err != unix.EINTR {
			return status, os.NewSyscallError("wait4", err)
		}
	}
}

// forkSelf: /proc need not be there, nor be this namespace's, and the file that was executed need not be where it was.
func forkSelf(args []string, attr *syscall.ProcAttr) (pid int, err error) {
	pid, err = syscall.ForkExec("/proc/self/exe", args, attr)
	if err != nil {
		// The kernel gives the name of a script, if this process is its interpreter.
		if file := executed(); isELF(file) {
			return syscall.ForkExec(file, args, attr)
		}
	}
	return pid, err
}

// Self is the file by which this process's own program can be executed again, for what is to be a [Command] and not a [Daemon].
func Self() string {
	const proc = "/proc/self/exe"
	if unix.Access(proc, unix.X_OK) == nil {
		return proc
	}
	return executed()
}

// listen reads what the stage says until it can say no more. A stage that was stopped, as by a key of the terminal, is
// continued: nobody knows of it who would do that.
func listen(fd, pid int) (said string) {
	const patience = 100 // milliseconds
	buf := make([]byte, 4096)
	for {
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(ready, patience); n == 0 || err == unix.EINTR {
			continueIfStopped(pid)
			continue
		}
		switch n, err := unix.Read(fd, buf); {
		case n > 0:
			said += string(buf[:n])
		case err != unix.EINTR:
			return said
		}
	}
}

func continueIfStopped(pid int) {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT, nil)
	if err == nil && info.Signo == int32(unix.SIGCHLD) {
		_ = unix.Kill(pid, unix.SIGCONT)
	}
}

// What a stage says: that it is about to execute the program, and then, if it could not, why. The end of the pipe is
// closed by execve(2).
const aboutToExecute = "executing\x00"

func (c Command) stage(report int) {
	runtime.LockOSThread() // the mask that the program starts with is this thread's, which has it from the start
	unix.CloseOnExec(report)
	env := os.Environ()
	for i, kv := range env {
		if variable, _, ok := strings.Cut(kv, "="); ok && slices.Contains(c.PIDVariables, variable) {
			env[i] = variable + "=" + strconv.Itoa(os.Getpid())
		}
	}
	_, _ = unix.Write(report, []byte(aboutToExecute))
	err := c.settle()
	if err == nil {
		_, err = execvp(c.Name, c.Args, env, func(file string, args []string) (int, error) {
			return 0, syscall.Exec(file, args, env)
		})
	}
	_, _ = unix.Write(report, []byte(formatError(err)))
}

func formatError(err error) string {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return ""
	}
	var errno syscall.Errno
	errors.As(e.Err, &errno)
	return strings.Join([]string{strconv.Itoa(int(errno)), e.Step, e.Name, e.Hint}, "\x00")
}

func parseError(text string) error {
	fields := strings.Split(text, "\x00")
	if len(fields) != 4 {
		return &Error{Step: StepStage, Name: stageName, Err: unix.EBADMSG}
	}
	errno, _ := strconv.Atoi(fields[0])
	return &Error{Step: fields[1], Name: fields[2], Hint: fields[3], Err: syscall.Errno(errno)}
}
