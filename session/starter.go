package session

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Starter is whoever started a daemon, and waits to hear how that went. It belongs to one goroutine.
type Starter struct {
	// Files are those of [Daemon]. What the daemon starts does not inherit them.
	Files []*os.File

	report int // -1 when it was told
}

// What a report begins with, if the daemon runs; otherwise it is the exit code.
const running = "0"

// longestReport is short enough for a socket to take at once.
const longestReport = 4096

// Running says that the daemon runs, and has [Daemonize] return text. The error is that nobody waits for it any more, as when a
// user has lost patience; most daemons should end then, in good order. There is one report: what comes after it does nothing.
func (s *Starter) Running(text string) error { return s.tell(running, text) }

// Failed says that the daemon does not run, and why, and has Daemonize return that, for the starter to end with code. The
// daemon should end then.
func (s *Starter) Failed(code int, err error) {
	if code == 0 {
		code = CodeOwnError
	}
	_ = s.tell(strconv.Itoa(code), err.Error()) // who does not listen will not be told that either
}

func (s *Starter) tell(code, text string) error {
	if s.report < 0 {
		return nil
	}
	text = strings.ToValidUTF8(text[:min(len(text), longestReport)], "�")
	_, err := unix.SendmsgN(s.report, []byte(code+"\x00"+text), nil, nil, unix.MSG_NOSIGNAL)
	_ = unix.Close(s.report)
	s.report = -1
	return os.NewSyscallError("sendmsg", err)
}

// runDaemon is what is left of main in a daemon.
func runDaemon(daemon func(*Starter)) {
	settings, _ := os.LookupEnv(daemonVariable)
	_ = os.Unsetenv(daemonVariable)
	s, c, err := parseDaemon(settings)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[0], err)
		return
	}
	if err := c.becomeDaemon(); err != nil {
		s.Failed(CodeOwnError, err)
		return
	}
	daemon(s)
}

// parseDaemon is the other side of [Daemon.environ]. It also keeps what the daemon starts from having the report: Daemonize
// would wait for its end.
func parseDaemon(settings string) (s *Starter, c Command, err error) {
	const firstFile = 3
	fields := strings.SplitN(settings, ":", 3)
	files, err := strconv.Atoi(fields[0])
	if err != nil || len(fields) != 3 {
		return nil, c, errors.New("is started by its own program only")
	}
	if fields[1] != "" {
		umask, err := strconv.Atoi(fields[1])
		if err != nil {
			return nil, c, err
		}
		c.Umask = &umask
	}
	if c.Dir = fields[2]; c.Dir == "." {
		c.Dir = "" // to enter it again might be refused
	}
	s = &Starter{report: firstFile + files}
	for fd := firstFile; fd <= s.report; fd++ {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
			return nil, c, os.NewSyscallError("fcntl(F_SETFD)", err)
		}
		if fd < s.report {
			s.Files = append(s.Files, os.NewFile(uintptr(fd), "inherited"))
		}
	}
	return s, c, nil
}

func (c Command) becomeDaemon() error {
	// The caller may have been given what is not for long, such as a pipe whose end somebody waits for.
	if err := CloseInherited(); err != nil {
		return err
	}
	// It has the name of the link by which it was executed, if there is a /proc.
	_ = os.WriteFile("/proc/self/comm", []byte(os.Args[0]), 0)
	return c.settle()
}
