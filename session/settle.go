package session

import (
	"errors"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/sigstate"
)

// What else an [Error]'s Step can be: that what the [Command] says could not be done. Name is what it says.
const (
	StepUser            = "become"
	StepDir             = "enter"
	StepNoNewPrivileges = "set"
	StepIgnored         = "ignore"
)

// staged reports whether the Command takes a stage.
func (c Command) staged() bool {
	return len(c.PIDVariables) > 0 || len(c.Ignored) > 0 || c.User != nil || c.Dir != "" || c.Umask != nil || c.NoNewPrivileges
}

// settle makes of this process, which is a stage or a daemon, what the Command says. The umask and the user belong to all threads here,
// the mark against new privileges to the calling one alone, which should be locked.
func (c Command) settle() error {
	if c.Umask != nil {
		unix.Umask(*c.Umask)
	}
	if c.User != nil {
		if hint, err := c.User.become(); err != nil {
			return &Error{Step: StepUser, Name: c.User.String(), Err: err, Hint: hint}
		}
	}
	if c.Dir != "" {
		if err := unix.Chdir(c.Dir); err != nil {
			return &Error{Step: StepDir, Name: c.Dir, Err: err}
		}
	}
	if c.NoNewPrivileges {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return &Error{Step: StepNoNewPrivileges, Name: "no_new_privs", Err: err}
		}
	}
	for _, sig := range c.Ignored {
		if errno := sigstate.Change(sig, &sigstate.Action{Handler: sigstate.Ignore}, nil); errno != 0 {
			return &Error{Step: StepIgnored, Name: sig.String(), Err: errno}
		}
	}
	return nil
}

// formatStage is the Command as the arguments of a stage, less what it inherits. They come in the order of parseStage.
func (c Command) formatStage() []string {
	var user, umask, noNewPrivileges string
	if c.User != nil {
		user = c.User.format()
	}
	if c.Umask != nil {
		umask = strconv.Itoa(*c.Umask)
	}
	if c.NoNewPrivileges {
		noNewPrivileges = "yes"
	}
	words := []string{strings.Join(c.PIDVariables, ","), user, c.Dir, umask, noNewPrivileges, formatInts(c.Ignored), c.Name}
	return append(words, c.Args...)
}

// parseStage takes nothing that it does not understand: the program would run as somebody else.
func parseStage(words []string) (c Command, ok bool) {
	const settings = 7
	if len(words) <= settings {
		return c, false
	}
	c.PIDVariables = strings.Split(words[0], ",")
	var errs [3]error
	if words[1] != "" {
		c.User, errs[0] = parseUser(words[1])
	}
	c.Dir = words[2]
	if words[3] != "" {
		c.Umask = new(int)
		*c.Umask, errs[1] = strconv.Atoi(words[3])
	}
	c.NoNewPrivileges = words[4] != ""
	c.Ignored, errs[2] = parseInts[syscall.Signal](words[5])
	c.Name, c.Args = words[6], words[settings:]
	return c, errors.Join(errs[:]...) == nil
}

func formatInts[T ~int](ints []T) string {
	texts := make([]string, len(ints))
	for i, n := range ints {
		texts[i] = strconv.Itoa(int(n))
	}
	return strings.Join(texts, ",")
}

func parseInts[T ~int](text string) (ints []T, err error) {
	if text == "" {
		return nil, nil
	}
	for field := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		ints = append(ints, T(n))
	}
	return ints, nil
}
