package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/supervisor"
	"github.com/tinit-dev/tinit/session"
)

type options struct {
	cfg         supervisor.Config
	command     session.Command // PROGRAM
	process     process         // and how it is started
	success     [256]bool
	parentDeath syscall.Signal
	services    string   // a file
	kept        []string // the flags that are for the keeper of these
	pause       bool
	level       level

	leads     bool // tinit makes itself the leader of a session
	detaches  bool // the terminal is PROGRAM's alone
	subreaper bool
	keyStops  bool // TSTP is forwarded under a shell only, as the key for it was pressed
	unblocks  bool // PROGRAM starts with no signal blocked, whatever tinit was started with
	forgets   bool // and with none ignored
	toRoot    bool // tinit keeps no directory busy
	closes    bool // nor a file

	help, version, license bool
}

// commandNames are the words that, without -- before them, stand for tinit's own commands and not for a PROGRAM. The list is
// closed from the first release on: one more would break an image whose program has that name.
var commandNames = [...]string{
	"run", "start", "jobs", "ps", "status", "logs", "fg", "bg", "stop", "kill", "restart", "wait", "rm", "check",
}

// defaults are what flags and variables change.
func (who *personality) defaults() *options {
	o := &options{}
	o.cfg.StopSignals = forwarder.Of(syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	o.cfg.Grace = defaultGrace
	o.cfg.Leave = true
	who.usual(o)
	return o
}

// parse reads flags and variables. Its errors name the flag or variable, and what is wrong with it.
func (who *personality) parse(args, environ []string) (*options, error) {
	o := who.defaults()

	if who.alone != "" && len(args) == 1 && args[0] == who.alone {
		o.version = true
		return o, nil
	}
	env := who.sort(environ)
	syntax := who.syntax
	if slices.ContainsFunc(environ, func(kv string) bool { return strings.HasPrefix(kv, "POSIXLY_CORRECT=") }) {
		syntax.permute = false
	}
	all := o.flags()
	rest, dashes, err := who.itsFlags(all).parse(args, syntax)
	if err != nil {
		return nil, who.hinted(err)
	}
	if o.help || o.version || o.license {
		return o, nil
	}
	if err := who.applyVariables(all, env.own); err != nil {
		return nil, err
	}
	if err := o.setReaper(env.own[reaperVariable]); err != nil {
		return nil, fmt.Errorf("variable %s: %w", reaperVariable, err)
	}
	if who.settle != nil {
		who.settle(o)
	}
	o.command.Args, o.command.Env, o.command.PIDVariables = rest, env.rest, env.pids
	if len(rest) > 0 {
		o.command.Name = rest[0]
	}
	if o.services != "" {
		o.kept = all.words("services", "rewrite", "stop-delay", "success-code", "parent-death", "warn-reaped", "subreaper")
	}
	if f := all.find(func(f *flag) bool { return f.process && f.given }); f != nil && o.pause {
		return nil, who.hinted(fmt.Errorf("--pause starts no PROGRAM that --%s could be for", f.long))
	}
	return o, who.check(o, dashes || who != own, len(rest) < len(args))
}

// check is told whether the first word is a program even if it is a command's name: after --, and under the name of a
// peer, which has no commands; and whether there were flags before it.
func (who *personality) check(o *options, isProgram, flagged bool) error {
	program := o.command.Args
	switch {
	case o.pause && o.services != "":
		return who.hinted(errors.New("--pause and --services do not go together"))
	case o.pause && len(program) > 0:
		return who.hinted(fmt.Errorf("--pause takes no PROGRAM, but got %q", program[0]))
	case o.pause, o.services != "" && len(program) == 0:
		return nil
	case len(program) == 0:
		return who.hinted(errors.New("no PROGRAM given"))
	case !isProgram && flagged && slices.Contains(commandNames[:], program[0]):
		return fmt.Errorf("%q is a word that tinit keeps for a command of its own, whose flags come after it; to run a program of that name write: tinit -- %[1]s", program[0])
	case !isProgram && slices.Contains(commandNames[:], program[0]):
		return fmt.Errorf("%q is a word that tinit keeps for a command of its own; to run a program of that name write: tinit -- %[1]s", program[0])
	}
	return nil
}

func (who *personality) hinted(err error) error {
	return fmt.Errorf("%w (see %s -h)", err, who.names[0])
}

// flags are the rows of the usage text, in its order.
func (o *options) flags() flags {
	return slices.Concat(flags{
		{long: "single-child", short: "c", set: boolean(func(on bool) { o.cfg.SingleChild = on })},
		{long: "group", short: "g", set: boolean(func(on bool) { o.cfg.SingleChild = !on })},
		{long: "rewrite", short: "r", arg: true, set: o.cfg.Rewrite.Add},
		{long: "success-code", short: "e", arg: true, set: o.addSuccessCodes},
		{long: "parent-death", short: "p", arg: true, set: o.setParentDeath},
		{long: "subreaper", short: "s", set: to(&o.subreaper)},
		{long: "warn-reaped", short: "w", set: to(&o.cfg.WarnReaped)},
		{long: "pause", short: "P", set: to(&o.pause)},
		{long: "kill-after", short: "k", arg: true, set: duration(&o.cfg.KillAfter)},
		{long: "grace", arg: true, set: o.setGrace},
		{long: "stop-delay", arg: true, set: duration(&o.cfg.StopDelay)},
		{long: "stop-signal", arg: true, set: o.setStopSignals},
		{long: "services", arg: true, set: filled(&o.services)},
	}, o.process.flags(&o.command), flags{
		{long: "verbose", short: "v", set: boolean(func(on bool) { o.setLevel(on, verbose) })},
		{long: "quiet", short: "q", set: boolean(func(on bool) { o.setLevel(on, quiet) })},
		{long: "help", short: "h", ends: true, set: to(&o.help)},
		{long: "version", short: "V", ends: true, set: to(&o.version)},
		{long: "license", short: "lL", ends: true, set: to(&o.license)},
	})
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

// setGrace: who says how long it may take has tinit see to what is left, under whatever name.
func (o *options) setGrace(s string) error {
	o.cfg.Leave, o.subreaper = false, true
	return duration(&o.cfg.Grace)(s)
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

// info is what -h, -V or -l asked for, empty if none did, and the descriptor that it is to be written to.
func (who *personality) info(o *options) (text string, fd int) {
	switch {
	case o.help:
		return who.usage, who.helpTo
	case o.version:
		return who.version(buildVersion()), who.versionTo
	case o.license:
		return license, unix.Stdout
	}
	return "", -1
}
