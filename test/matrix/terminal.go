package main

import (
	"bytes"
	"os"
	"strings"
	"sync"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// What a user types to have the terminal send a signal.
const (
	ctrlC = "\x03"
	ctrlZ = "\x1a"
)

// A terminal is a pseudo-terminal seen from its user's chair, and what was shown
// on it. It echoes nothing: all that it shows was written by a program.
type terminal struct {
	user, device *os.File
	mu           sync.Mutex
	text         []byte
	past         string        // what was there before the text that was found last
	gone         chan struct{} // closed when nothing more can be shown
}

func (t *trial) terminal() *terminal {
	user, device, err := pty.Open()
	check(err)
	defer user.Close()
	// What pty.Open returns is in blocking mode: its Close waits for a Read that may never end.
	fd, err := unix.FcntlInt(user.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	check(err)
	check(unix.SetNonblock(fd, true))
	term := &terminal{user: os.NewFile(uintptr(fd), user.Name()), device: device, gone: make(chan struct{})}
	t.open = append(t.open, term.user, term.device)
	modes, err := unix.IoctlGetTermios(int(device.Fd()), unix.TCGETS)
	check(err)
	modes.Lflag &^= unix.ECHO
	check(unix.IoctlSetTermios(int(device.Fd()), unix.TCSETS, modes))
	go term.watch()
	return term
}

func (term *terminal) watch() {
	defer close(term.gone)
	page := make([]byte, 4096)
	for {
		n, err := term.user.Read(page)
		term.mu.Lock()
		term.text = append(term.text, page[:n]...)
		term.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// shows says whether text is there, beyond what was found before, and goes past
// it.
func (term *terminal) shows(text string) bool {
	term.mu.Lock()
	defer term.mu.Unlock()
	before, rest, found := bytes.Cut(term.text, []byte(text))
	if found {
		term.text, term.past = rest, strings.TrimSpace(string(before))
	}
	return found
}

func (term *terminal) waitsFor(text string) bool {
	return eventually(patience, func() bool { return term.shows(text) })
}

func (term *terminal) types(keys string) {
	_, err := term.user.WriteString(keys)
	check(err)
}

// hangUp pulls the plug.
func (term *terminal) hangUp() {
	term.device.Close()
	term.user.Close()
	<-term.gone
}

// foreground is the process group that has the terminal.
func (term *terminal) foreground() int {
	group, err := unix.IoctlGetInt(int(term.user.Fd()), unix.TIOCGPGRP)
	check(err)
	return group
}

// on has a run lead a session whose controlling terminal this is.
func (r *run) on(term *terminal) *run {
	r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr = term.device, term.device, term.device
	r.cmd.SysProcAttr.Setsid, r.cmd.SysProcAttr.Setctty = true, true
	return r
}

const prompt = "PROMPT> "

// shell is an interactive shell that nobody has set up.
func (t *trial) shell(term *terminal) *run {
	shell := t.plainly("bash", "--norc", "--noprofile", "--noediting", "-i").on(term)
	shell.variables("PS1="+prompt, "HISTFILE=", "init="+t.path).start()
	term.waitsFor(prompt)
	return shell
}

// sleeping finds a process of the trial by its command line.
func (t *trial) sleeping(line string) (found int) {
	for _, pid := range processes() {
		if cmdline(pid) == line && hasVariable(pid, t.mark) {
			return pid
		}
	}
	return 0
}
