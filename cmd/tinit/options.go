package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/supervisor"
)

type options struct {
	cfg         supervisor.Config
	success     [256]bool
	parentDeath syscall.Signal
	pause       bool
	level       level

	help, version, license bool

	program []string // argv
	env     []string // without tinit's own variables
}

// commands are the words that, without -- before them, stand for tinit's own commands and not for a PROGRAM. The list is
// closed from the first release on: one more would break an image whose program has that name.
var commands = [...]string{
	"run", "start", "jobs", "ps", "status", "logs", "fg", "bg", "stop", "kill", "restart", "wait", "rm", "check",
}

// parse reads flags and variables. Its errors name the flag or variable, and what is wrong with it.
func parse(argv, environ []string) (*options, error) {
	o := &options{level: normal}
	o.cfg.StopSignals = forwarder.Of(syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	o.cfg.Grace = time.Second

	fs := o.flags()
	rest, dashes, err := fs.parse(argv[min(1, len(argv)):])
	if err != nil {
		return nil, hinted(err)
	}
	if o.help || o.version || o.license {
		return o, nil
	}
	own, env := splitEnviron(environ)
	if err := applyVariables(fs, own); err != nil {
		return nil, err
	}
	if err := o.setReaper(own[reaperVariable]); err != nil {
		return nil, fmt.Errorf("variable %s: %w", reaperVariable, err)
	}
	o.program, o.env = rest, env
	return o, o.check(dashes || calledAsPeer(argv))
}

// check is told whether the first word is a program even if it is a command's name: after --, and under the name of a
// peer, which has no commands.
func (o *options) check(isProgram bool) error {
	if o.pause {
		if len(o.program) > 0 {
			return hinted(fmt.Errorf("--pause takes no PROGRAM, but got %q", o.program[0]))
		}
		return nil
	}
	if len(o.program) == 0 {
		return hinted(errors.New("no PROGRAM given"))
	}
	if isProgram {
		return nil
	}
	for _, c := range commands {
		if o.program[0] == c {
			return fmt.Errorf("%q is a word that tinit keeps for a command of its own; to run a program of that name write: tinit -- %s", c, c)
		}
	}
	return nil
}

func hinted(err error) error { return fmt.Errorf("%w (see tinit --help)", err) }

// flags are the rows of the usage text, in its order.
func (o *options) flags() flags {
	return flags{
		{long: "single-child", short: "c", set: boolean(func(on bool) { o.cfg.SingleChild = on })},
		{long: "group", short: "g", set: boolean(func(on bool) { o.cfg.SingleChild = !on })},
		{long: "rewrite", short: "r", arg: true, set: o.cfg.Rewrite.Add},
		{long: "success-code", short: "e", arg: true, set: o.addSuccessCodes},
		{long: "parent-death", short: "p", arg: true, set: o.setParentDeath},
		{long: "subreaper", short: "s", set: boolean(func(bool) {})},
		{long: "warn-reaped", short: "w", set: to(&o.cfg.WarnReaped)},
		{long: "pause", short: "P", set: to(&o.pause)},
		{long: "kill-after", short: "k", arg: true, set: duration(&o.cfg.KillAfter)},
		{long: "grace", arg: true, set: duration(&o.cfg.Grace)},
		{long: "stop-delay", arg: true, set: duration(&o.cfg.StopDelay)},
		{long: "stop-signal", arg: true, set: o.setStopSignals},
		{long: "verbose", short: "v", set: boolean(func(on bool) { o.setLevel(on, verbose) })},
		{long: "quiet", short: "q", set: boolean(func(on bool) { o.setLevel(on, quiet) })},
		{long: "help", short: "h", set: to(&o.help)},
		{long: "version", short: "V", set: to(&o.version)},
		{long: "license", short: "lL", set: to(&o.license)},
	}
}

// setParentDeath also takes KILL, as tini does: it can't be forwarded, but it ends tinit.
func (o *options) setParentDeath(s string) error {
	sig, err := forwarder.ParseSignal(s)
	if err != nil {
		return err
	}
	if sig != syscall.SIGKILL {
		err = forwarder.CheckForwarded(sig)
	}
	o.parentDeath = sig
	return err
}

func (o *options) setReaper(name string) error {
	switch name {
	case "", "auto":
		o.cfg.Reaping = supervisor.BestReaping
	case "kernel":
		o.cfg.Reaping = supervisor.KernelReaps
	case "wait":
		o.cfg.Reaping = supervisor.TinitWaits
	default:
		return fmt.Errorf("%q is none of auto, kernel and wait", name)
	}
	return nil
}

func (o *options) setStopSignals(list string) error {
	set, err := forwarder.ParseSet(list)
	if err != nil {
		return err
	}
	for _, n := range forwarder.NotForwarded {
		if set.Has(n.Signal) {
			return forwarder.CheckForwarded(n.Signal)
		}
	}
	o.cfg.StopSignals = set
	return nil
}

func (o *options) setLevel(on bool, l level) {
	if on {
		o.level = l
	} else {
		o.level = normal
	}
}

func boolean(set func(bool)) func(string) error {
	return func(s string) error {
		on, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", s)
		}
		set(on)
		return nil
	}
}

func to(on *bool) func(string) error {
	return boolean(func(value bool) { *on = value })
}

func duration(d *time.Duration) func(string) error {
	return func(s string) (err error) {
		*d, err = parseDuration(s)
		return err
	}
}

func (o *options) addSuccessCodes(list string) error {
	codes := o.success
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 8)
		if err != nil {
			return fmt.Errorf("%q is no exit code from 0 to 255", text)
		}
		codes[n] = true
	}
	o.success = codes
	return nil
}

// report is the exit code for PROGRAM's.
func (o *options) report(code int) int {
	if code >= 0 && code < len(o.success) && o.success[code] {
		return 0
	}
	return code
}

// print is what -h, -V or -l asked for, empty if none did.
func (o *options) print(argv []string) string {
	switch {
	case o.help:
		return usage
	case o.version:
		return versionLine(argv)
	case o.license:
		return license
	}
	return ""
}
