package service

import (
	"fmt"
	"strings"
)

// An expander puts the values of variables in the place of their names, as Compose does: $NAME, ${NAME}, and with what is to be
// there if NAME is not set (-), not set or empty (:-), set (+), set and not empty (:+), or with a message that says why it has to
// be set (?), and not be empty (:?). $$ is a $, as is one that no name and no { follows.
type expander struct {
	getenv func(name string) (value string, ok bool)
	// unset is told of a variable that is not set and has nothing in its place.
	unset func(name string)
}

// nested is how many ${ may be within each other.
const nested = 16

func (e *expander) expand(text string) (string, error) { return e.within(text, nested) }

func (e *expander) within(text string, levels int) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name := nameIn(rest)
		switch {
		case strings.HasPrefix(rest, "$"):
			b.WriteByte('$')
			text = rest[1:]
		case name != "":
			b.WriteString(e.value(name))
			text = rest[len(name):]
		case strings.HasPrefix(rest, "{"):
			inner, after, ok := braced(rest)
			if !ok || levels == 0 {
				return "", fmt.Errorf("%q has no }, or more than %d of its kind within it: a $ that is meant is $$", "$"+rest[:min(len(rest), 20)], nested)
			}
			value, err := e.substitute(inner, levels-1)
			if err != nil {
				return "", err
			}
			b.WriteString(value)
			text = after
		default:
			b.WriteByte('$')
			text = rest
		}
	}
}

// substitute takes what is between braces.
func (e *expander) substitute(inner string, levels int) (string, error) {
	name := nameIn(inner)
	operator, word := "", inner[len(name):]
	for _, o := range [...]string{":-", ":+", ":?", "-", "+", "?"} {
		if rest, ok := strings.CutPrefix(word, o); ok {
			operator, word = o, rest
			break
		}
	}
	if name == "" || operator == "" && word != "" {
		return "", fmt.Errorf("%q is no variable such as ${NAME}, ${NAME:-default} or ${NAME:?message}: a $ that is meant is $$", "${"+inner+"}")
	}
	if operator == "" {
		return e.value(name), nil
	}
	value, given := e.getenv(name)
	set := given && (value != "" || operator[0] != ':')
	switch operator[len(operator)-1] {
	case '-':
		if set {
			return value, nil
		}
	case '+':
		if !set {
			return "", nil
		}
	case '?':
		if set {
			return value, nil
		}
		word, err := e.within(word, levels)
		if err != nil {
			return "", err
		}
		return "", missing(name, given, word)
	}
	return e.within(word, levels)
}

func missing(name string, given bool, message string) error {
	state := "not set"
	if given {
		state = "empty"
	}
	if message == "" {
		message = "it has to be given"
	}
	return fmt.Errorf("variable %s is %s: %s", name, state, message)
}

func (e *expander) value(name string) string {
	value, ok := e.getenv(name)
	if !ok {
		e.unset(name)
	}
	return value
}

// nameIn is the name that text begins with.
func nameIn(text string) string {
	for i := range len(text) {
		c := text[i] | 0x20
		if text[i] != '_' && (c < 'a' || c > 'z') && (i == 0 || text[i] < '0' || text[i] > '9') {
			return text[:i]
		}
	}
	return text
}

// braced takes a text that begins with the { of a ${, and parts it at the } of that. Any { has one, as it has to Compose.
func braced(text string) (inner, after string, ok bool) {
	open := 0
	for i := range len(text) {
		switch {
		case text[i] == '{':
			open++
		case text[i] == '}':
			if open--; open == 0 {
				return text[1:i], text[i+1:], true
			}
		}
	}
	return "", "", false
}
