package main

import (
	"fmt"
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

// peerVariables are tini's and dumb-init's, each with the flag that it amounts to; flag returns "" when that is none.
var peerVariables = [...]struct {
	name string
	flag func(value string) (flag string, err error)
}{
	{"TINI_SUBREAPER", func(string) (string, error) { return "", nil }},
	{"TINI_KILL_PROCESS_GROUP", func(string) (string, error) { return "group", nil }},
	{"TINI_VERBOSITY", func(v string) (string, error) {
		n, err := strconv.Atoi(v)
		switch {
		case err != nil:
			return "", fmt.Errorf("%q is no number", v)
		case n <= 0:
			return "quiet", nil
		case n >= 2:
			return "verbose", nil
		}
		return "", nil
	}},
	{"DUMB_INIT_SETSID", func(v string) (string, error) { return ifEqual(v, "0", "single-child"), nil }},
	{"DUMB_INIT_DEBUG", func(v string) (string, error) { return ifEqual(v, "1", "verbose"), nil }},
}

func ifEqual(value, want, flag string) string {
	if value == want {
		return flag
	}
	return ""
}

// opposites: a flag of a pair beats the variable for either.
var opposites = map[string]string{
	"single-child": "group", "group": "single-child",
	"verbose": "quiet", "quiet": "verbose",
}

// splitEnviron takes tinit's own variables out: a tinit that PROGRAM starts is not meant.
func splitEnviron(environ []string) (own map[string]string, rest []string) {
	rest = make([]string, 0, len(environ))
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if !isOwn(name) {
			rest = append(rest, kv)
			continue
		}
		if own == nil {
			own = make(map[string]string)
		}
		own[name] = value
	}
	return own, rest
}

func isOwn(name string) bool {
	if name == reaperVariable {
		return true
	}
	if !strings.HasPrefix(name, "TINI") && !strings.HasPrefix(name, "DUMB_INIT_") {
		return false
	}
	for _, v := range variables {
		if v.name == name {
			return true
		}
	}
	for _, v := range peerVariables {
		if v.name == name {
			return true
		}
	}
	return false
}

// applyVariables sets the flags that were not given. An empty value is no value, except for tini's variables, which
// count when they are set at all. tinit's own come first and so beat a peer's.
func applyVariables(fs flags, own map[string]string) error {
	for _, v := range variables {
		if value := own[v.name]; value != "" {
			if err := fs.apply(v.name, v.flag, value); err != nil {
				return err
			}
		}
	}
	for _, v := range peerVariables {
		value, ok := own[v.name]
		if !ok || (value == "" && v.name != "TINI_KILL_PROCESS_GROUP") {
			continue
		}
		flag, err := v.flag(value)
		if err != nil {
			return fmt.Errorf("variable %s: %w", v.name, err)
		}
		if err := fs.apply(v.name, flag, "true"); err != nil {
			return err
		}
	}
	return nil
}

// apply sets the flag for a variable, unless it or its opposite was given. An empty name is no flag.
func (fs flags) apply(variable, name, value string) error {
	for _, f := range fs {
		if f.given && (f.long == name || f.long == opposites[name]) {
			return nil
		}
	}
	f := fs.find(func(f *flag) bool { return f.long == name })
	if f == nil {
		return nil
	}
	f.given = true
	if err := f.set(value); err != nil {
		return fmt.Errorf("variable %s: %w", variable, err)
	}
	return nil
}
