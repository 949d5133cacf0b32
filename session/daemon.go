package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/sys/reexec"
	"golang.org/x/sys/unix"
)

// A Daemon is a function of this program's, given to [RegisterDaemon], that is to run in a process of its own, which outlives
// this one. That process is this program's executable, started again: a Go program can't fork.
type Daemon struct {
	// Name is the one that the function was registered with. It is argv[0], and what ps shows.
	Name string
	// Args are the function's os.Args[1:].
	Args []string
	// Env is the environment, this process's if nil.
	Env []string
	// Dir is the working directory, the root directory if empty: a daemon keeps no file system busy. With "." it stays in this
	// process's, even one that was removed, or that may not be entered any more.
	Dir string
	// Umask is the file mode creation mask (umask(2)), this process's if nil.
	Umask *int
	// Streams are standard input, output and error; nil is /dev/null. They stay open here.
	Streams [3]*os.File
	// Files are [Starter.Files]. Nothing else that is open here is open there.
	Files []*os.File
}

// daemons are the names that were registered.
var daemons []string

// RegisterDaemon gives a function of this program's a name, by which [Daemonize] runs it. That is for an init function, and
// main must begin with
//
//	if reexec.Init() { // of github.com/moby/sys/reexec
//		return
//	}
//
// It panics if the name is taken. The process ends when the function, and with it main, returns.
func RegisterDaemon(name string, daemon func(*Starter)) {
	reexec.Register(name, func() { runDaemon(daemon) })
	daemons = append(daemons, name)
}

// Daemonize starts a daemon, and waits until it says that it runs ([Starter.Running]); said is what it says beside. A daemon
// that says why it does not ([Starter.Failed]), or ends before it has said anything, is a [*DaemonError]; that there is no
// process to be had is an [*Error]. So a start that failed is never reported as a success. Both have an ExitCode.
//
// The daemon leads a session, in which there is no terminal, with no signal blocked. As the leader it would get one by opening
// it, so whatever may be a terminal should be opened with O_NOCTTY (open(2)), which os.OpenFile does not add. There is no
// second fork, which some do for want of that.
//
// A daemon that is stopped, or says nothing, is waited for until ctx is done: then it is sent SIGTERM, and the error is ctx's.
// One that ends is reaped as long as this process is there.
func Daemonize(ctx context.Context, d Daemon) (said string, err error) {
	if !slices.Contains(daemons, d.Name) {
		return "", fmt.Errorf("no daemon is registered as %q", d.Name)
	}
	if _, again := os.LookupEnv(daemonVariable); again {
		return "", errors.New("main does not begin with reexec.Init, and would start itself for ever")
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	report, pid, err := d.start()
	if err != nil {
		return "", &Error{Step: "start", Name: d.Name, Err: err}
	}
	defer report.Close() //nolint:errcheck // nothing was written
	ended := make(chan error, 1)
	go func() { ended <- endOf(pid, d.Name) }()

	stop := context.AfterFunc(ctx, func() { _ = report.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	text, err := io.ReadAll(report)
	code, said, told := strings.Cut(string(text), "\x00")
	if told {
		return parseReport(code, said)
	}
	if err == nil { // the other end is closed, as when a process ends
		select {
		case err := <-ended:
			return "", err
		case <-time.After(lastBreath):
			return "", &DaemonError{CodeOwnError, d.Name + " goes on without having said that it runs", true}
		case <-ctx.Done():
		}
	}
	_ = unix.Kill(pid, unix.SIGTERM)
	_ = unix.Kill(pid, unix.SIGCONT)
	return "", ctx.Err()
}

// lastBreath is more than a process takes to end when its descriptors are closed.
const lastBreath = time.Second

// A DaemonError says why a daemon does not run.
type DaemonError struct {
	Code   int // never 0
	Text   string
	Silent bool // it did not say so itself, and may have left anything behind
}

func (e *DaemonError) Error() string { return e.Text }

// ExitCode is the code that the starter should end with: the one that the daemon gave to [Starter.Failed], or as its own end
// would look to a shell, where that was not 0.
func (e *DaemonError) ExitCode() int { return e.Code }

// start returns when the process has executed this program. report is what the daemon says.
func (d Daemon) start() (report *os.File, pid int, err error) {
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, 0, &os.PathError{Op: "open", Path: os.DevNull, Err: err}
	}
	devNull := os.NewFile(uintptr(null), os.DevNull)
	defer devNull.Close() //nolint:errcheck // nothing was written

	// Not a pipe: to write to one that nobody reads raises SIGPIPE, for which the daemon may have its own plans.
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, 0, os.NewSyscallError("socketpair", err)
	}
	defer unix.Close(ends[1]) //nolint:errcheck // nothing was written
	_ = unix.SetNonblock(ends[0], true)
	report = os.NewFile(uintptr(ends[0]), "report")

	c := Command{Name: d.Name, Env: d.environ(), Streams: d.Streams, Place: NewSession}
	for fd, f := range c.Streams {
		if f == nil {
			c.Streams[fd] = devNull
		}
	}
	attr := c.attributes(nil)
	for _, f := range d.Files {
		attr.Files = append(attr.Files, f.Fd())
	}
	attr.Files = append(attr.Files, uintptr(ends[1]))
	pid, err = c.fork(attr, func() (int, error) {
		return forkSelf(append([]string{d.Name}, d.Args...), attr)
	})
	runtime.KeepAlive(d.Files)
	if err != nil {
		_ = report.Close()
		return nil, 0, err
	}
	return report, pid, nil
}

// daemonVariable tells a daemon what else it is to do to itself. Its arguments would show in ps.
const daemonVariable = "SESSION_DAEMON"

func (d Daemon) environ() []string {
	env := d.Env
	if env == nil {
		env = os.Environ()
	}
	umask := ""
	if d.Umask != nil {
		umask = strconv.Itoa(*d.Umask)
	}
	settings := []string{strconv.Itoa(len(d.Files)), umask, cmp.Or(d.Dir, "/")}
	return append([]string{daemonVariable + "=" + strings.Join(settings, ":")}, env...)
}

// endOf waits for the end of a daemon.
func endOf(pid int, name string) error {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &status, 0, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil: // this process has somebody who waits for any child
			return &DaemonError{CodeOwnError, name + " ended before it said that it runs", true}
		case status.Signaled():
			sig := status.Signal()
			how := cmp.Or(unix.SignalName(sig), sig.String())
			return &DaemonError{128 + int(sig), fmt.Sprintf("%s was killed by %s before it said that it runs", name, how), true}
		}
		code := status.ExitStatus()
		return &DaemonError{cmp.Or(code, CodeOwnError), fmt.Sprintf("%s ended with %d before it said that it runs", name, code), true}
	}
}

func parseReport(code, text string) (said string, err error) {
	if code == running {
		return text, nil
	}
	n, _ := strconv.Atoi(code)
	return "", &DaemonError{Code: cmp.Or(n, CodeOwnError), Text: text}
}
