package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/session"
)

// A process is what flags say of how PROGRAM is started, as far as a [session.Command] does not yet have it: what takes a look
// into a file, or opens one. None of them has a variable.
type process struct {
	user     string
	env      []string // K=V or K
	envFiles []string
	streams  [3]string
	ignored  forwarder.Set
}

// flags are the rows of the usage text that are about how c is started.
func (p *process) flags(c *session.Command) flags {
	return flags{
		{long: "user", short: "u", arg: true, process: true, set: filled(&p.user)},
		{long: "chdir", short: "C", arg: true, process: true, set: filled(&c.Dir)},
		{long: "umask", arg: true, process: true, set: umask(&c.Umask)},
		{long: "env", arg: true, process: true, set: p.addEnv},
		{long: "env-file", arg: true, process: true, set: p.addEnvFile},
		{long: "no-new-privileges", process: true, set: to(&c.NoNewPrivileges)},
		{long: "ignore", arg: true, process: true, set: p.addIgnored},
		{long: "new-session", process: true, set: boolean(func(on bool) { c.Place = place(on) })},
		{long: "stdin", arg: true, process: true, set: filled(&p.streams[unix.Stdin])},
		{long: "stdout", arg: true, process: true, set: filled(&p.streams[unix.Stdout])},
		{long: "stderr", arg: true, process: true, set: filled(&p.streams[unix.Stderr])},
	}
}

func filled(to *string) func(string) error {
	return func(s string) error {
		if s == "" {
			return errors.New("the value is empty")
		}
		*to = s
		return nil
	}
}

func place(newSession bool) session.Place {
	if newSession {
		return session.NewSession
	}
	return session.NewGroup
}

func umask(to **int) func(string) error {
	return func(s string) error {
		n, err := strconv.ParseUint(s, 8, 32)
		if err != nil || n > 0o777 {
			return fmt.Errorf("%q is no octal number from 0 to 777", s)
		}
		mask := int(n)
		*to = &mask
		return nil
	}
}

func (p *process) addEnv(kv string) error {
	if name, _, _ := strings.Cut(kv, "="); name == "" {
		return fmt.Errorf("%q has no name", kv)
	}
	p.env = append(p.env, kv)
	return nil
}

func (p *process) addEnvFile(file string) error {
	p.envFiles = append(p.envFiles, file)
	return nil
}

// addIgnored takes signals that are never forwarded too: what PROGRAM ignores need not come by way of tinit.
func (p *process) addIgnored(list string) error {
	set, err := forwarder.ParseSet(list)
	if err != nil {
		return err
	}
	for _, sig := range [...]unix.Signal{unix.SIGKILL, unix.SIGSTOP} {
		if set.Has(sig) {
			return fmt.Errorf("%s cannot be ignored (signal(7))", forwarder.SignalName(sig))
		}
	}
	p.ignored |= set
	return nil
}

// opens reports whether prepare has a file to open, which may take its time.
func (p *process) opens() bool {
	return p.user != "" || len(p.envFiles) > 0 || p.streams != [3]string{}
}

// prepare completes c, whose environment is what PROGRAM is to inherit of environ. The files for its streams come last: when
// they are made, no more than the start itself can fail. The error names the flag.
func (p *process) prepare(c *session.Command, environ []string) (err error) {
	c.Ignored = p.ignored.Signals()
	if p.user != "" {
		if c.User, err = session.LookupUser(p.user); err != nil {
			return fmt.Errorf("flag --user: %w", err)
		}
		c.Env = c.User.Environ(c.Env)
	}
	if err := p.setEnv(c, environ); err != nil {
		return err
	}
	return p.openStreams(c)
}

// flagged has an error of the start name the flag that asked for what failed.
func flagged(c session.Command, err error) error {
	start, ok := errors.AsType[*session.Error](err)
	if !ok {
		return err
	}
	flags := ""
	switch start.Step {
	case session.StepUser:
		flags = "flag --user"
	case session.StepDir:
		flags = "flag --chdir"
	case session.StepNoNewPrivileges:
		flags = "flag --no-new-privileges"
	case session.StepIgnored:
		flags = "flag --ignore"
	case session.StepStage:
		// It can't be done without: PROGRAM would be somebody else, or somewhere else.
		flags = stageFlags(c)
	}
	if flags == "" {
		return err
	}
	return fmt.Errorf("%s: %w", flags, err)
}

func stageFlags(c session.Command) string {
	var names []string
	for _, f := range [...]struct {
		given bool
		name  string
	}{
		{c.User != nil, "--user"}, {c.Dir != "", "--chdir"}, {c.Umask != nil, "--umask"},
		{c.NoNewPrivileges, "--no-new-privileges"}, {len(c.Ignored) > 0, "--ignore"},
	} {
		if f.given {
			names = append(names, f.name)
		}
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return "flag " + names[0]
	}
	return "flags " + strings.Join(names, ", ")
}
