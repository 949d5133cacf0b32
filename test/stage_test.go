package test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/sigstate"
)

// A stage is what a process does to itself before it executes tinit in its own
// place: so it says what state tinit's caller leaves it in.
type stage struct {
	Proc       bool           // mount the /proc of a new PID namespace
	NoProc     bool           // have no /proc at all
	ReadOnly   bool           // have a read-only root
	Bind       [][2]string    // put files, or folders, in the place of others
	User       int            // become this user and group, without any other group
	NoCaps     bool           // drop every capability
	NoNewPrivs bool           // no new privileges
	Umask      int            // 0: leave it
	Limits     map[int]rlimit // resource limits
	Ignore     []int          // signals to ignore
	Block      []int          // signals to block
	Close      []int          // descriptors to close
	Argv0      string         // what tinit is called by
	Nameless   bool           // execute tinit by a descriptor
	Refuse     *refusal       // have a filter refuse a system call
}

type rlimit struct{ Soft, Hard uint64 }

func (s *stage) String() string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (s *stage) empty() bool { return s.String() == (&stage{}).String() }

// runStage is the child "stage SETTINGS PATH ARG...".
func runStage() {
	runtime.LockOSThread()
	var s stage
	if err := json.Unmarshal([]byte(os.Args[1]), &s); err != nil {
		fail("stage", err)
	}
	args := os.Args[2:]
	path := args[0]
	if s.Argv0 != "" {
		args[0] = s.Argv0
	}
	catchNothing()
	if err := s.apply(); err != nil {
		fail("stage", err)
	}
	if s.Nameless {
		fail("stage", execFile(path, args))
	}
	fail("stage", syscall.Exec(path, args, os.Environ()))
}

// catchNothing takes Go's handlers away. execve(2) does so too, but after it has changed what /proc/PID/exe shows: who looks for the
// new program's handlers in SigCgt would see these for a moment, and PID 1 is sent nothing that it does not catch.
func catchNothing() {
	for sig := syscall.Signal(1); sig <= forwarder.Last; sig++ {
		var was sigstate.Action
		// Of those that are not forwarded one is what Go's runtime changes the user of all threads by.
		if forwarder.CheckForwarded(sig) == nil && sigstate.Change(sig, nil, &was) == 0 && was.Handler != sigstate.Ignore {
			_ = sigstate.Change(sig, &sigstate.Action{}, nil)
		}
	}
}

// execFile is execve(2) of a file that has no name any more, as far as the new
// program can tell.
func execFile(path string, args []string) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	argv, err := syscall.SlicePtrFromStrings(args)
	if err != nil {
		return err
	}
	envv, err := syscall.SlicePtrFromStrings(os.Environ())
	if err != nil {
		return err
	}
	var empty [1]byte
	_, _, errno := unix.Syscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(&empty)),
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envv[0])), unix.AT_EMPTY_PATH, 0)
	return errno
}

func (s *stage) apply() error {
	var errs []error
	step := func(name string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if s.Proc || s.NoProc || s.ReadOnly || s.Bind != nil {
		step("private mounts", unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	}
	if s.Proc {
		step("mount /proc", unix.Mount("proc", "/proc", "proc", 0, ""))
	}
	if s.NoProc {
		step("cover /proc", unix.Mount("none", "/proc", "tmpfs", 0, ""))
	}
	for _, b := range s.Bind {
		step("bind "+b[1], unix.Mount(b[0], b[1], "", unix.MS_BIND, ""))
	}
	if s.ReadOnly {
		step("remount /", unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
	}
	if s.Umask != 0 {
		unix.Umask(s.Umask)
	}
	for resource, l := range s.Limits {
		step("setrlimit", unix.Setrlimit(resource, &unix.Rlimit{Cur: l.Soft, Max: l.Hard}))
	}
	if s.NoCaps {
		for c := 0; unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0) == nil; c++ {
			continue
		}
	}
	if s.User != 0 {
		step("setgroups", unix.Setgroups(nil))
		step("setresgid", unix.Setresgid(s.User, s.User, s.User))
		step("setresuid", unix.Setresuid(s.User, s.User, s.User))
	}
	if s.NoCaps {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		step("capset", unix.Capset(&header, &none[0]))
	}
	if s.NoNewPrivs {
		step("prctl", unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
	}
	for _, sig := range s.Ignore {
		step("sigaction", ignoreSignal(sig))
	}
	step("sigmask", blockSignals(s.Block...))
	for _, fd := range s.Close {
		step("close", unix.Close(fd))
	}
	if s.Refuse != nil {
		step("seccomp", s.Refuse.install())
	}
	if len(errs) > 0 {
		return errs[0]
	}
	return nil
}

// blockSignals blocks signals in this thread: what it executes inherits them.
func blockSignals(signals ...int) error {
	var set unix.Sigset_t
	words := unsafe.Slice((*uintptr)(unsafe.Pointer(&set)), unsafe.Sizeof(set)/unsafe.Sizeof(uintptr(0)))
	bits := int(unsafe.Sizeof(uintptr(0))) * 8
	for _, sig := range signals {
		words[(sig-1)/bits] |= 1 << ((sig - 1) % bits)
	}
	return unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil)
}

// ignoreSignal ignores a signal in the kernel. os/signal keeps some to itself.
func ignoreSignal(sig int) error {
	const sigIgn, setSize = 1, 8
	action := [8]uintptr{sigIgn} // a struct sigaction, and room to spare
	if _, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, setSize, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// namespaceFlags asks for a new PID and mount namespace, and for a user
// namespace if the test is not root.
func namespaceFlags(attr *syscall.SysProcAttr) {
	attr.Cloneflags = unix.CLONE_NEWPID | unix.CLONE_NEWNS
	if os.Geteuid() != 0 {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
	}
}

// namespacesMissing says why there are no new namespaces to be had here; it is
// empty if there are.
var namespacesMissing = sync.OnceValue(func() string {
	cmd := exec.Command(filepath.Join(childDir, "stage"), (&stage{Proc: true}).String(), "/bin/true")
	cmd.Args[0] = "stage"
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	namespaceFlags(cmd.SysProcAttr)
	if out, err := cmd.CombinedOutput(); err != nil {
		return err.Error() + ": " + string(out)
	}
	return ""
})
