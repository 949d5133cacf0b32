package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/session"
)

// setEnv changes c's environment as --env-file and --env say, in this order. What they name without a value is as in environ. As
// with docker run, what is not there is left as it is by a line of a file, and taken out by a flag.
func (p *process) setEnv(c *session.Command, environ []string) error {
	for _, file := range p.envFiles {
		text, err := readEnvFile(file)
		if err != nil {
			return fmt.Errorf("flag --env-file: %w", err)
		}
		variables, err := parseEnvFile(text)
		if err != nil {
			return fmt.Errorf("flag --env-file: %q, %w", file, err)
		}
		for _, given := range variables {
			if kv, ok := withValue(given, environ); ok {
				setVariable(c, kv)
			}
		}
	}
	for _, given := range p.env {
		if kv, ok := withValue(given, environ); ok {
			setVariable(c, kv)
		} else {
			unsetVariable(c, given)
		}
	}
	return nil
}

// withValue returns kv, with the value that it has in environ if it is a name alone.
func withValue(kv string, environ []string) (found string, ok bool) {
	if strings.Contains(kv, "=") {
		return kv, true
	}
	i := slices.IndexFunc(environ, func(have string) bool { return names(have, kv) })
	if i < 0 {
		return "", false
	}
	return environ[i], true
}

// names reports whether kv is of the variable name.
func names(kv, name string) bool {
	return len(kv) > len(name) && kv[len(name)] == '=' && kv[:len(name)] == name
}

// setVariable: a variable that names tinit itself by its number would name PROGRAM, had the user not said something else.
func setVariable(c *session.Command, kv string) {
	name, _, _ := strings.Cut(kv, "=")
	unsetVariable(c, name)
	c.Env = append(c.Env, kv)
}

func unsetVariable(c *session.Command, name string) {
	c.Env = slices.DeleteFunc(c.Env, func(kv string) bool { return names(kv, name) })
	c.PIDVariables = slices.DeleteFunc(c.PIDVariables, func(variable string) bool { return variable == name })
}

// longestEnvFile is more than execve(2) takes.
const longestEnvFile = 8 << 20

func readEnvFile(file string) ([]byte, error) {
	fd, err := open(file, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), file)
	defer f.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(io.LimitReader(f, longestEnvFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read %q: %w", file, errors.Unwrap(err))
	case len(text) > longestEnvFile:
		return nil, fmt.Errorf("%q has more than %d bytes", file, longestEnvFile)
	}
	return text, nil
}

// parseEnvFile reads what docker run --env-file reads: a variable a line, K=V or K alone, whose V is all that follows, quotes
// and blanks included. Blank lines are passed over, and those that begin with #. The error names the line.
func parseEnvFile(text []byte) (variables []string, err error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	n := 0
	for line := range bytes.Lines(text) {
		n++
		kv := strings.TrimLeftFunc(strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), unicode.IsSpace)
		if kv == "" || kv[0] == '#' {
			continue
		}
		name, _, _ := strings.Cut(kv, "=")
		switch {
		case name == "":
			return nil, fmt.Errorf("line %d: %q has no name", n, kv)
		case strings.ContainsFunc(name, unicode.IsSpace):
			return nil, fmt.Errorf("line %d: the name %q has a blank in it", n, name)
		case !utf8.ValidString(kv):
			return nil, fmt.Errorf("line %d: %q is not UTF-8", n, kv)
		case strings.Contains(kv, "\x00"):
			return nil, fmt.Errorf("line %d: %q has a NUL in it", n, kv)
		}
		variables = append(variables, kv)
	}
	return variables, nil
}
