package session

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/sigstate"
)

// Between fork(2) and execve(2) a Go program can do no more than what syscall.SysProcAttr lists. What is not in that list is
// left to a stage: this process's own executable, started in the program's place, which sets it for itself and then executes
// the program. So the program has its number from the start, which is what makes it possible to name that number in its
// environment. It takes as long as to start one more Go program, and is done only for a Command that asks for it.

// stageName is argv[0] of a stage.
const stageName = "tinit-stage"

// Stage must be the first thing that main does, in a program that starts a [Command] with Ignored or PIDVariables. It
// reports whether this process was the stage of such a start, whose program could not be executed; main should return then.
func Stage() bool {
	if len(os.Args) < 6 || os.Args[0] != stageName {
		return false
	}
	stage(os.Args[1:])
	return true
}

// startStage is start by way of a stage. It returns when the stage has executed the program, or has said why it did not.
func (c Command) startStage(attr *syscall.ProcAttr) (pid int, err error) {
	// Not a number from 3 on for the program's side, where SysProcAttr would have it: these are what the program inherits,
	// and from 3 on is where it looks for its sockets (sd_listen_fds(3)).
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return 0, &Error{Step: "start", Name: c.Name, Err: os.NewSyscallError("pipe2", err)}
	}
	defer unix.Close(p[0]) //nolint:errcheck // nothing was written
	if _, err := unix.FcntlInt(uintptr(p[1]), unix.F_SETFD, 0); err != nil {
		_ = unix.Close(p[1])
		return 0, &Error{Step: "start", Name: c.Name, Err: os.NewSyscallError("fcntl(F_SETFD)", err)}
	}
	args := append([]string{
		stageName, strconv.Itoa(p[1]), strconv.FormatUint(bits(c.Ignored...), 16), strings.Join(c.PIDVariables, ","), c.Name,
	}, c.Args...)
	pid, err = forkSelf(args, attr)
	_ = unix.Close(p[1])
	if err != nil {
		return 0, &Error{Step: StepStage, Name: c.Name, Err: err}
	}
	if text := told(p[0]); len(text) > 0 {
		for err = unix.EINTR; err == unix.EINTR; {
			_, err = unix.Wait4(pid, nil, 0, nil)
		}
		return 0, errorOf(text)
	}
	return pid, nil
}

// StepStage is an [Error]'s Step if the program that calls Start cannot execute itself, as where it sees no file of its
// own. Without Ignored and PIDVariables the same Command may succeed.
const StepStage = "stage"

// forkSelf: /proc need not be there, nor be this namespace's, and the file that was executed need not be where it was.
func forkSelf(args []string, attr *syscall.ProcAttr) (pid int, err error) {
	pid, err = syscall.ForkExec("/proc/self/exe", args, attr)
	if err != nil {
		if file := executed(); file != "" {
			return syscall.ForkExec(file, args, attr)
		}
	}
	return pid, err
}

// stage does what the arguments say that startStage gave it. It returns if the program was not executed.
func stage(args []string) {
	// The mask that the program starts with is this thread's, which has it from the start. A signal that kills here would
	// have killed the program too.
	runtime.LockOSThread()
	report, err := strconv.Atoi(args[0])
	if err != nil {
		return
	}
	unix.CloseOnExec(report)
	ignored, err := strconv.ParseUint(args[1], 16, 64)
	if err == nil {
		err = ignore(ignored)
	}
	if err != nil {
		tell(report, &Error{Step: StepStage, Name: args[3], Err: err})
		return
	}
	env := withPID(os.Environ(), strings.Split(args[2], ","))
	_, err = execvp(args[3], args[4:], env, func(file string, args []string) (int, error) {
		return 0, syscall.Exec(file, args, env)
	})
	tell(report, err)
}

func ignore(set uint64) error {
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		if set&bits(sig) == 0 {
			continue
		}
		if errno := sigstate.Change(sig, &sigstate.Action{Handler: sigstate.Ignore}, nil); errno != 0 {
			return os.NewSyscallError("rt_sigaction", errno)
		}
	}
	return nil
}

// withPID has the variables of these names name this process.
func withPID(env, names []string) []string {
	for i, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		if slices.Contains(names, name) {
			env[i] = name + "=" + strconv.Itoa(os.Getpid())
		}
	}
	return env
}

// tell has err be the one that Start returns.
func tell(report int, err error) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = &Error{Step: StepStage, Err: err}
	}
	var errno syscall.Errno
	errors.As(e.Err, &errno)
	_, _ = unix.Write(report, []byte(strings.Join([]string{strconv.Itoa(int(errno)), e.Step, e.Name, e.Hint}, "\x00")))
}

// told reads what a stage has told. It is empty if the stage executed the program, and also if it was killed before, which
// is then how the program ended.
func told(fd int) []byte {
	var text, buf []byte
	buf = make([]byte, 4096)
	for {
		switch n, err := unix.Read(fd, buf); {
		case n > 0:
			text = append(text, buf[:n]...)
		case err != unix.EINTR:
			return text
		}
	}
}

func errorOf(told []byte) error {
	fields := strings.Split(string(told), "\x00")
	if len(fields) != 4 {
		return &Error{Step: StepStage, Name: stageName, Err: unix.EBADMSG}
	}
	errno, _ := strconv.Atoi(fields[0])
	return &Error{Step: fields[1], Name: fields[2], Hint: fields[3], Err: syscall.Errno(errno)}
}
