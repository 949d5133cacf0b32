package service

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/tinit-dev/tinit/internal/yaml"
)

// envFile reads the file of that name, which is relative to the services file's folder.
func (r *reader) envFile(at *yaml.Node, name string, optional bool) (env []string) {
	if name == "" {
		r.fail(at, "env_file has an empty name")
		return nil
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(r.folder, name)
	}
	text, err := r.readFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && optional:
		return nil
	case err != nil:
		r.fail(at, "env_file: %v", err)
		return nil
	}
	f := &envFile{findings: findings{path: name}, getenv: r.getenv, rest: strings.TrimPrefix(string(text), "\ufeff"), line: 1, values: map[string]string{}}
	f.rest = strings.ReplaceAll(f.rest, "\r\n", "\n")
	f.check()
	for f.rest != "" && len(f.errors) == 0 {
		if kv := f.next(); kv != "" {
			env = append(env, kv)
		}
	}
	r.errors, r.warnings = append(r.errors, f.errors...), append(r.warnings, f.warnings...)
	return env
}

// An envFile is read as Compose reads one: NAME=VALUE a line, of which VALUE may be in quotes and then have several lines, and
// variables are expanded but in single quotes. Its own variables come after those of the environment. NAME alone is as in the
// environment.
type envFile struct {
	findings
	getenv func(name string) (string, bool)
	rest   string
	line   int // that rest begins in
	values map[string]string
}

// check looks for what no variable can have (environ(7)), and no text.
func (f *envFile) check() {
	line := 0
	for text := range strings.Lines(f.rest) {
		line++
		if !utf8.ValidString(text) || strings.Contains(text, "\x00") {
			f.fail(&yaml.Node{Line: line, Column: 1}, "this is no text in UTF-8")
			return
		}
	}
}

func (f *envFile) failed(format string, args ...any) string {
	f.fail(&yaml.Node{Line: f.line, Column: 1}, format, args...)
	return ""
}

// next is the variable of the next line or lines; empty if there is none, or an error.
func (f *envFile) next() (kv string) {
	line, after, _ := strings.Cut(f.rest, "\n")
	trimmed := strings.TrimSpace(line)
	name, value, given := strings.Cut(strings.TrimLeft(strings.TrimPrefix(trimmed, "export "), " \t"), "=")
	name = strings.TrimRight(name, " \t")
	value = strings.TrimLeft(value, " \t")
	lines := 1
	switch {
	case trimmed == "" || trimmed[0] == '#':
		f.rest, f.line = after, f.line+1
		return ""
	case name == "" || strings.ContainsAny(name, " \t\"'$:#"):
		return f.failed("%q is no name of a variable", name)
	case !given:
		if value, given = f.getenv(name); given {
			kv = name + "=" + value
		}
	case value != "" && (value[0] == '"' || value[0] == '\''):
		// A quote may be closed in a line that follows.
		begin := strings.Index(line, "=") + 1
		begin += strings.IndexAny(line[begin:], `"'`)
		var n int
		if value, n = f.quoted(f.rest[begin:]); n == 0 {
			return ""
		}
		lines += strings.Count(f.rest[begin:begin+n], "\n")
		line, after, _ = strings.Cut(f.rest[begin+n:], "\n")
		if trimmed = strings.TrimLeft(line, " \t"); trimmed != "" && (trimmed == line || trimmed[0] != '#') {
			f.line += lines - 1
			return f.failed("%q follows the closing quote", trimmed)
		}
		kv = name + "=" + value
	case value != "" && value[0] == '#':
		return f.failed("a value that begins with # needs quotes")
	default:
		value = strings.TrimRight(beforeComment(value), " \t")
		if value, given = f.expand(value); !given {
			return ""
		}
		kv = name + "=" + value
	}
	if given {
		f.values[name] = value
	}
	f.rest, f.line = after, f.line+lines
	return kv
}

func beforeComment(value string) string {
	for i := 1; i < len(value); i++ {
		if value[i] == '#' && (value[i-1] == ' ' || value[i-1] == '\t') {
			return value[:i]
		}
	}
	return value
}

// quoted is the value that text begins with, and how long it is with its quotes; 0 if there is an error.
func (f *envFile) quoted(text string) (value string, n int) {
	var b strings.Builder
	quote := text[0]
	for i := 1; i < len(text); i++ {
		c := text[i]
		escaped := c == '\\' && i+1 < len(text)
		switch {
		case c == quote && quote == '"':
			value, ok := f.expand(b.String())
			if !ok {
				return "", 0
			}
			return value, i + 1
		case c == quote:
			return b.String(), i + 1
		case escaped && quote == '\'' && text[i+1] == '\'':
			b.WriteByte('\'')
			i++
		case escaped && quote == '"':
			i++
			means, ok := map[byte]string{'n': "\n", 'r': "\r", 't': "\t", '\\': `\`, '"': `"`, '$': "$$"}[text[i]]
			if !ok {
				f.failed("%q is no escape: a backslash that is meant is doubled", text[i-1:i+1])
				return "", 0
			}
			b.WriteString(means)
		default:
			b.WriteByte(c)
		}
	}
	f.failed("the quote is not closed")
	return "", 0
}

func (f *envFile) expand(value string) (expanded string, ok bool) {
	e := expander{func(name string) (string, bool) {
		if value, ok := f.getenv(name); ok {
			return value, true
		}
		value, ok := f.values[name]
		return value, ok
	}, func(name string) {
		f.warn(&yaml.Node{Line: f.line, Column: 1}, "variable %s is not set: there is nothing in its place", name)
	}}
	expanded, err := e.expand(value)
	if err != nil {
		f.failed("%s", fmt.Sprint(err))
		return "", false
	}
	return expanded, true
}
