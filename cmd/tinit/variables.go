package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// variables are flags for those who can give none, as with docker run --init. None opens a file or changes a user: an
// environment is easier to get at than a command line.
var variables = [...]struct{ name, flag string }{
	{"TINIT_SINGLE_CHILD", "single-child"},
	{"TINIT_REWRITE", "rewrite"},
	{"TINIT_SUCCESS_CODE", "success-code"},
	{"TINIT_KILL_AFTER", "kill-after"},
	{"TINIT_GRACE", "grace"},
	{"TINIT_STOP_DELAY", "stop-delay"},
	{"TINIT_STOP_SIGNAL", "stop-signal"},
	{"TINIT_VERBOSE", "verbose"},
}

// reaperVariable chooses between two ways to the same end. It is for tests, so it has no flag.
const reaperVariable = "TINIT_REAPER"

// peerVariables are those that another init has, each with the flag that it amounts to; flag returns "" when that is none.
var peerVariables = [...]struct {
	of, name string
	empty    bool // it counts when it is set at all
	flag     func(value string) (flag string)
}{
	{"tini", "TINI_SUBREAPER", true, func(string) string { return "subreaper" }},
	{"tini", "TINI_KILL_PROCESS_GROUP", true, func(string) string { return "group" }},
	{"tini", "TINI_VERBOSITY", true, func(v string) string {
		n, _ := strconv.Atoi(v) // 0 for what is no number, which is what it is to tini
		switch {
		case n <= 0:
			return "quiet"
		case n >= 2:
			return "verbose"
		}
		return ""
	}},
	{"dumb-init", "DUMB_INIT_SETSID", false, func(v string) string { return ifEqual(v, "0", "single-child") }},
	{"dumb-init", "DUMB_INIT_DEBUG", false, func(v string) string { return ifEqual(v, "1", "verbose") }},
	{"catatonit", "CATATONIT_DEBUG", true, func(string) string { return "verbose" }},
}

func ifEqual(value, want, flag string) string {
	if value == want {
		return flag
	}
	return ""
}

// opposites: a flag of a pair beats the variable for either.
var opposites = [...][2]string{{"single-child", "group"}, {"verbose", "quiet"}}

func areOpposites(flag, other string) bool {
	return slices.Contains(opposites[:], [2]string{flag, other}) || slices.Contains(opposites[:], [2]string{other, flag})
}

// pidVariables name the process that they are meant for. Where that is tinit, PROGRAM is meant: it is what gets the sockets
// (sd_listen_fds(3)) and keeps the watchdog from barking (sd_watchdog_enabled(3)).
var pidVariables = [...]string{"LISTEN_PID", "WATCHDOG_PID"}

// environment is what becomes of the variables that tinit was started with.
type environment struct {
	own  map[string]string // what tinit heeds
	rest []string          // what PROGRAM gets
	pids []string          // those of pidVariables that are to name PROGRAM
}

// sort takes tinit's own variables out of environ: a tinit that PROGRAM starts is not meant.
func (who *personality) sort(environ []string) (e environment) {
	e.rest = make([]string, 0, len(environ))
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		heeded, passedOn := who.heeds(name)
		if heeded {
			if e.own == nil {
				e.own = make(map[string]string)
			}
			e.own[name] = value
		}
		if heeded && !passedOn {
			continue
		}
		e.rest = append(e.rest, kv)
		if isFor(name, value, os.Getpid()) {
			e.pids = append(e.pids, name)
		}
	}
	if len(e.pids) > 0 {
		// It says the same of tinit by another number, and would have PROGRAM believe itself not meant.
		e.rest = slices.DeleteFunc(e.rest, func(kv string) bool { return strings.HasPrefix(kv, "LISTEN_PIDFDID=") })
	}
	return e
}

// isFor reports whether the variable is one of pidVariables, and names the process pid.
func isFor(name, value string, pid int) bool {
	if !strings.HasSuffix(name, "_PID") || !slices.Contains(pidVariables[:], name) {
		return false
	}
	named, err := strconv.Atoi(value)
	return err == nil && named == pid
}

func (who *personality) heeds(name string) (heeded, passedOn bool) {
	if name == reaperVariable {
		return true, false
	}
	if !strings.HasPrefix(name, "TINI") && !strings.HasPrefix(name, "DUMB_INIT_") && !strings.HasPrefix(name, "CATATONIT_") {
		return false, true
	}
	for _, v := range variables {
		if v.name == name {
			return true, false
		}
	}
	for _, v := range peerVariables {
		if v.name == name && slices.Contains(who.heedsOf, v.of) {
			return true, who.passesOn
		}
	}
	return false, true
}

// applyVariables sets the flags of all that were not given. An empty value is no value, but for some of the peers'. tinit's
// own come first and so beat a peer's.
func (who *personality) applyVariables(all flags, own map[string]string) error {
	for _, v := range variables {
		if value := own[v.name]; value != "" {
			if err := all.apply(v.name, v.flag, value); err != nil {
				return err
			}
		}
	}
	for _, v := range peerVariables {
		value, ok := own[v.name] // only what this personality heeds
		if !ok || (value == "" && !v.empty) {
			continue
		}
		if err := all.apply(v.name, v.flag(value), "true"); err != nil {
			return err
		}
	}
	return nil
}

// apply sets the flag for a variable, unless it or its opposite was given. An empty name is no flag.
func (fs flags) apply(variable, name, value string) error {
	for _, f := range fs {
		if f.given && (f.long == name || areOpposites(f.long, name)) {
			return nil
		}
	}
	f := fs.find(func(f *flag) bool { return f.long == name })
	if f == nil {
		return nil
	}
	f.given = true
	if err := f.take(value); err != nil {
		return fmt.Errorf("variable %s: %w", variable, err)
	}
	return nil
}
