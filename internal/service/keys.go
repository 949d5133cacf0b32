package service

import (
	"strings"
	"syscall"
	"time"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/yaml"
)

// defaultGrace is Docker's.
const defaultGrace = 10 * time.Second

// service reads what there is to be said of one, key by key.
func (r *reader) service(key, n *yaml.Node) *draft {
	s := &draft{key: key}
	s.Name, s.Line = key.Text, key.Line
	s.StopSignal, s.StopGrace = syscall.SIGTERM, defaultGrace
	s.Logging.Prefix = true
	r.checkName(key)
	var entrypoint, command []string
	var prefix, logging *yaml.Node
	r.mapping(n, "a service", []field{
		{"command", func(n *yaml.Node) { command = r.command(s, n, "command") }},
		{"entrypoint", func(n *yaml.Node) { entrypoint = r.command(s, n, "entrypoint") }},
		{"environment", func(n *yaml.Node) { s.Env = append(s.Env, r.environment(n)...) }},
		{"env_file", func(n *yaml.Node) { s.Env = append(r.envFiles(n), s.Env...) }},
		{"user", func(n *yaml.Node) { s.User = r.user(n) }},
		{"working_dir", func(n *yaml.Node) { s.Dir, _ = r.text(n, "working_dir") }},
		{"depends_on", func(n *yaml.Node) { r.dependsOn(s, n) }},
		{"healthcheck", func(n *yaml.Node) { s.Health = r.health(n) }},
		{"restart", func(n *yaml.Node) { s.Restart = r.restart(n) }},
		{"stop_signal", func(n *yaml.Node) { s.StopSignal = r.signal(n) }},
		{"stop_grace_period", func(n *yaml.Node) { s.StopGrace = r.duration(n, "stop_grace_period") }},
		{"logging", func(n *yaml.Node) { s.Logging, logging = r.logging(n), n }},
		{"x-essential", func(n *yaml.Node) { s.Essential, s.ends = r.boolean(n, "x-essential"), n }},
		{"x-ready", func(n *yaml.Node) { s.Notify = r.oneOf(n, "x-ready", "notify") == 0 }},
		{"x-logging", func(n *yaml.Node) { s.Logging.Prefix, prefix = r.oneOf(n, "x-logging", "plain", "prefix") == 1, n }},
	})
	s.Args = append(entrypoint, command...)
	if n.Kind != yaml.Mapping {
		s.command, s.Args = n, []string{s.Name}
	}
	if prefix != nil && logging != nil {
		r.fail(prefix, "x-logging is of a service whose output goes to tinit's own streams, where logging has it go elsewhere")
	}
	return s
}

func (r *reader) checkName(key *yaml.Node) {
	const first = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	if key.Text == "" || strings.Trim(key.Text, first+".-") != "" || !strings.Contains(first, key.Text[:1]) {
		r.fail(key, "%q is no name of a service: it has letters, digits, _, . and -, and neither of the last two first", key.Text)
	}
}

// command reads a list, or a string that is split as by a shell. Nothing is none.
func (r *reader) command(s *draft, n *yaml.Node, what string) (words []string) {
	if n.Kind == yaml.Null {
		return nil
	}
	s.command = n
	errors := len(r.errors)
	if n.Kind == yaml.Sequence {
		words = r.texts(n, what)
	} else if text, ok := r.text(n, what+", if it is no list,"); ok {
		var err error
		if words, err = splitWords(text); err != nil {
			r.fail(n, "%s: %v", what, err)
		}
	}
	if len(r.errors) > errors {
		return []string{what} // there is one, and that it is wrong has been said
	}
	return words
}

func (r *reader) user(n *yaml.Node) string {
	user, _ := r.text(n, "user")
	if user == "" {
		return ""
	}
	if err := r.knowsUser(user); err != nil {
		r.fail(n, "%v", err)
	}
	return user
}

func (r *reader) signal(n *yaml.Node) syscall.Signal {
	text, ok := r.text(n, "stop_signal")
	if text == "" {
		return syscall.SIGTERM
	}
	sig, err := forwarder.ParseSignal(text)
	if err != nil && ok {
		r.fail(n, "%v", err)
	}
	return sig
}

func (r *reader) restart(n *yaml.Node) (restart Restart) {
	if n.Kind == yaml.Bool {
		r.fail(n, "restart has to be a string such as \"no\", but this is %s", n.Kind)
		return Restart{}
	}
	text, ok := r.text(n, "restart")
	name, limit, limited := strings.Cut(text, ":")
	switch {
	case text == "no" || text == "":
	case text == "always" || text == "unless-stopped":
		restart.Always = true
	case name == "on-failure" && !limited:
		restart.OnFailure = true
	case name == "on-failure":
		restart.OnFailure = true
		restart.Limit = r.number(&yaml.Node{Kind: yaml.String, Text: limit, Line: n.Line, Column: n.Column}, "the number after on-failure:", 1)
	case ok:
		r.fail(n, "%q is none of no, always, on-failure, on-failure:N and unless-stopped", text)
	}
	return restart
}

// oneOf returns the index of n's text among these words, or -1.
func (r *reader) oneOf(n *yaml.Node, what string, words ...string) int {
	text, ok := r.text(n, what)
	for i, word := range words {
		if word == text {
			return i
		}
	}
	if ok {
		r.fail(n, "%s has to be %s, but this is %q", what, either(words), text)
	}
	return -1
}

func either(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// dependsOn reads a list of names, or a mapping of them to what is waited for.
func (r *reader) dependsOn(s *draft, n *yaml.Node) {
	if n.Kind == yaml.Sequence {
		for _, item := range n.Items {
			if name, ok := r.text(item, "an item of depends_on"); ok {
				s.dependOn(item, Dependency{Name: name})
			}
		}
		return
	}
	if n.Kind != yaml.Mapping {
		r.fail(n, "depends_on has to be a list or a mapping, but this is %s", n.Kind)
		return
	}
	for _, m := range n.Members {
		d := Dependency{Name: m.Key.Text}
		given := false
		r.mapping(m.Value, "a dependency", []field{
			{"condition", func(n *yaml.Node) {
				d.Condition = Condition(max(0, r.oneOf(n, "condition", Started.String(), Healthy.String(), Completed.String())))
				given = true
			}},
			{"restart", func(n *yaml.Node) {
				if r.boolean(n, "restart") {
					r.warn(n, "restart is not heeded: a restart is of one service")
				}
			}},
			{"required", func(n *yaml.Node) { d.Optional = !r.boolean(n, "required") }},
		})
		if !given && m.Value.Kind == yaml.Mapping {
			r.fail(m.Key, "a dependency that is a mapping has to have a condition")
		}
		s.dependOn(m.Key, d)
	}
}

func (s *draft) dependOn(at *yaml.Node, d Dependency) {
	s.DependsOn, s.depends = append(s.DependsOn, d), append(s.depends, at)
}

// The defaults are Docker's.
func (r *reader) health(n *yaml.Node) *Health {
	h := &Health{Interval: 30 * time.Second, Timeout: 30 * time.Second, Retries: 3, StartInterval: 5 * time.Second}
	var disabled, given, none bool
	r.mapping(n, "healthcheck", []field{
		{"test", func(n *yaml.Node) { h.Test, none = r.test(n); given = true }},
		{"interval", func(n *yaml.Node) { r.pause(n, "interval", &h.Interval) }},
		{"timeout", func(n *yaml.Node) { r.pause(n, "timeout", &h.Timeout) }},
		{"retries", func(n *yaml.Node) {
			if retries := r.number(n, "retries", 0); retries > 0 {
				h.Retries = retries
			}
		}},
		{"start_period", func(n *yaml.Node) { h.StartPeriod = r.duration(n, "start_period") }},
		{"start_interval", func(n *yaml.Node) { r.pause(n, "start_interval", &h.StartInterval) }},
		{"disable", func(n *yaml.Node) { disabled = r.boolean(n, "disable") }},
	})
	if !given && !disabled && n.Kind == yaml.Mapping {
		r.fail(n, "healthcheck has no test")
	}
	if disabled || none {
		return nil
	}
	return h
}

// pause: 0 is the default, as Docker has it, which takes nothing shorter than a millisecond.
func (r *reader) pause(n *yaml.Node, what string, to *time.Duration) {
	switch d := r.duration(n, what); {
	case d >= time.Millisecond:
		*to = d
	case d > 0:
		r.fail(n, "%s has to be 1ms or more, but this is %s", what, shown(n))
	}
}

func (r *reader) test(n *yaml.Node) (words []string, none bool) {
	shell := []string{"/bin/sh", "-c"}
	if n.Kind != yaml.Sequence {
		text, ok := r.text(n, "test, if it is no list,")
		if ok && text == "" {
			r.fail(n, "test is empty")
		}
		return append(shell, text), false
	}
	errors := len(r.errors)
	words = r.texts(n, "test")
	switch {
	case len(r.errors) > errors:
		return nil, false
	case len(words) == 1 && words[0] == "NONE":
		return nil, true
	case len(words) > 1 && words[0] == "CMD" && words[1] != "":
		return words[1:], false
	case len(words) == 2 && words[0] == "CMD-SHELL" && words[1] != "":
		return append(shell, words[1]), false
	}
	r.fail(n, `test has to be a string, ["CMD", PROGRAM, ARGUMENT...], ["CMD-SHELL", TEXT] or ["NONE"]`)
	return nil, false
}
