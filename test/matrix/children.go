package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/test/internal/children"
)

func init() {
	children.Register(map[string]func(){
		"matrix-stage": runStage,
		"matrix-count": count,
		"matrix-leave": leave,
		"matrix-left":  left,
	})
}

// A stage is what a process does to itself before it executes something in its
// own place: so it says what state its caller leaves an init in, or an init a
// PROGRAM.
type stage struct {
	PID1        bool  `json:",omitempty"` // mount the /proc of a new PID namespace
	Group       bool  `json:",omitempty"` // lead a process group
	Session     bool  `json:",omitempty"` // lead a session
	Ignore      []int `json:",omitempty"` // signals to ignore
	Block       []int `json:",omitempty"` // signals to block
	Close       []int `json:",omitempty"` // descriptors to close
	Files       int   `json:",omitempty"` // the limit of open files (soft)
	Processes   int   `json:",omitempty"` // the limit of the user's processes, threads among them
	Memory      int   `json:",omitempty"` // the limit of the address space, in MiB
	Umask       int   `json:",omitempty"`
	ListenPID   bool  `json:",omitempty"` // set LISTEN_PID, as for who executes it
	NoProc      bool  `json:",omitempty"` // have an empty /proc
	User        int   `json:",omitempty"` // become this user and group
	NoVariables bool  `json:",omitempty"` // have an empty environment
	Twice       bool  `json:",omitempty"` // have a variable TWICE twice, as 1 and 2
}

func (s stage) String() string {
	text, err := json.Marshal(s)
	check(err)
	return string(text)
}

// runStage is "matrix-stage SETTINGS PROGRAM [ARG...]".
func runStage() {
	runtime.LockOSThread()
	var s stage
	check(json.Unmarshal([]byte(os.Args[1]), &s))
	path, err := exec.LookPath(os.Args[2])
	check(err)
	if s.PID1 {
		check(children.OwnProc())
	}
	if s.NoProc {
		check(unix.Mount("none", "/proc", "tmpfs", 0, ""))
	}
	if s.User != 0 {
		check(unix.Setgroups(nil))
		check(unix.Setresgid(s.User, s.User, s.User))
		check(unix.Setresuid(s.User, s.User, s.User))
	}
	if s.Group {
		check(unix.Setpgid(0, 0))
	}
	if s.Session {
		_, err := unix.Setsid()
		check(err)
	}
	for resource, limit := range map[int]int{unix.RLIMIT_NOFILE: s.Files, unix.RLIMIT_NPROC: s.Processes} {
		if limit != 0 {
			check(syscall.Setrlimit(resource, &syscall.Rlimit{Cur: uint64(limit), Max: uint64(limit)}))
		}
	}
	if s.Umask != 0 {
		unix.Umask(s.Umask)
	}
	if s.ListenPID {
		check(os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid())))
	}
	env := os.Environ()
	if s.NoVariables {
		env = nil
	}
	if s.Twice {
		env = append(env, "TWICE=1", "TWICE=2")
	}
	for _, sig := range allSignals {
		dispose(sig, slices.Contains(s.Ignore, sig))
	}
	block(s.Block...)
	for _, fd := range s.Close {
		check(unix.Close(fd))
	}
	args := os.Args[2:]
	if s.Memory != 0 {
		// It would be this program's as well.
		args = append([]string{"prlimit", fmt.Sprintf("--as=%d", s.Memory<<20), path}, args[1:]...)
		path, err = exec.LookPath("prlimit")
		check(err)
	}
	check(syscall.Exec(path, args, env))
}

// dispose has a signal ignored in the kernel, or at its default, whatever the
// matrix was started with: nohup(1), a shell and make(1) have some ignored.
func dispose(sig int, ignored bool) {
	const sigIgn, setSize = 1, 8
	var action [8]uintptr // a struct sigaction, and room to spare
	if ignored {
		action[0] = sigIgn
	}
	if sig == int(unix.SIGKILL) || sig == int(unix.SIGSTOP) {
		return
	}
	if _, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, setSize, 0, 0); errno != 0 {
		check(errno)
	}
}

// block blocks signals in this thread, and no others: what it executes inherits
// that.
func block(signals ...int) {
	var set unix.Sigset_t
	bits := 8 * int(unsafe.Sizeof(set.Val[0]))
	for _, sig := range signals {
		set.Val[(sig-1)/bits] |= 1 << ((sig - 1) % bits)
	}
	check(unix.PthreadSigmask(unix.SIG_SETMASK, &set, nil))
}

// allSignals are those that there are.
var allSignals = func() (all []int) {
	for sig := 1; sig <= 64; sig++ {
		all = append(all, sig)
	}
	return all
}()

// blocked is a sleep that has these signals blocked: what was sent to it is seen
// as pending.
func blocked(signals ...int) []string {
	return []string{"matrix-stage", stage{Block: signals}.String(), "sleep", "60"}
}

// count is "count FILE": it counts how often the signal counted comes before the
// one after it, and writes that to the file. It is started with both blocked,
// as a Go program then has them in all threads.
func count() {
	var set unix.Sigset_t
	set.Val[0] |= 1<<(counted-1) | 1<<counted
	write(os.Args[1], "ready")
	for n := 0; ; {
		sig, _, _ := unix.RawSyscall6(unix.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&set)), 0, 0, unsafe.Sizeof(uint64(0)), 0, 0)
		switch sig {
		case counted:
			n++
		case counted + 1:
			check(os.WriteFile(os.Args[1], []byte(strconv.Itoa(n)), 0o600))
			return
		}
	}
}

// counted is a real-time signal, of which the kernel keeps as many as are sent.
const counted = 40

// leave is "leave FILE group|session none|obliging|stubborn|blocked": it leaves a
// process behind and ends with 3 once that is ready.
func leave() {
	file, where, what := os.Args[1], os.Args[2], os.Args[3]
	defer func() {
		write(file, "end")
		os.Exit(3)
	}()
	var cmd *exec.Cmd
	switch what {
	case "none":
		return
	case "blocked":
		cmd = exec.Command("matrix-stage", blocked(allSignals...)[1:]...)
	default:
		cmd = exec.Command("matrix-left", file, what, strconv.Itoa(os.Getppid()))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: where == "session"}
	check(cmd.Start())
	check(os.WriteFile(file+".pid", []byte(strconv.Itoa(cmd.Process.Pid)), 0o600))
	eventually(patience, func() bool {
		return wrote(file, "ready") || status(cmd.Process.Pid, "Name") == "sleep"
	})
}

// left is "left FILE obliging|stubborn INIT", what leave leaves. On TERM it needs
// a moment to clean up, unless it is stubborn, and then sees whether the init
// is still there.
func left() {
	file, stubborn := os.Args[1], os.Args[2] == "stubborn"
	init, err := strconv.Atoi(os.Args[3])
	check(err)
	got := make(chan os.Signal, 8)
	signal.Notify(got, syscall.SIGTERM, syscall.SIGHUP)
	write(file, "ready")
	for sig := range got {
		if sig != syscall.SIGTERM {
			continue
		}
		write(file, "term")
		if !stubborn {
			time.Sleep(cleanup)
			if s := state(init); s != "" && s != "Z" {
				write(file, "waited")
			}
			write(file, "clean")
			return
		}
	}
}

const cleanup = 200 * time.Millisecond

// What a child did is told by files, which outlive it.
func write(file, word string)      { check(os.WriteFile(file+"."+word, nil, 0o600)) }
func wrote(file, word string) bool { _, err := os.Stat(file + "." + word); return err == nil }

func read(file string) string {
	text, _ := os.ReadFile(file)
	return string(text)
}

func signalName(sig syscall.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return strings.TrimPrefix(name, "SIG")
	}
	return strconv.Itoa(int(sig))
}

// check ends a child. In the matrix itself it ends the cell.
func check(err error) {
	name := filepath.Base(os.Args[0])
	switch {
	case err == nil:
	case strings.HasPrefix(name, "matrix-"):
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(99)
	default:
		panic(failure{err})
	}
}

type failure struct{ error }
