package service

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tinit-dev/tinit/internal/yaml"
)

// A field is a key of a mapping, and what to do with its value.
type field struct {
	name string
	read func(value *yaml.Node)
}

// mapping reads n, of which what says what it is.
func (r *reader) mapping(n *yaml.Node, what string, fields []field) {
	if n.Kind != yaml.Mapping {
		r.fail(n, "%s has to be a mapping, but this is %s", what, n.Kind)
		return
	}
members:
	for _, m := range n.Members {
		for _, f := range fields {
			if f.name == m.Key.Text {
				f.read(m.Value)
				continue members
			}
		}
		r.unknown(m.Key, what, fields)
	}
}

// unknown is said of a key that is none of these fields.
func (r *reader) unknown(key *yaml.Node, what string, fields []field) {
	hint := ""
	for _, f := range fields {
		if near(key.Text, f.name) {
			hint = fmt.Sprintf(": did you mean %s?", f.name)
			break
		}
	}
	reason := inAContainer(key.Text)
	switch {
	case strings.HasPrefix(key.Text, "x-") && hint != "":
		r.warn(key, "%s is not heeded%s", key.Text, hint)
	case strings.HasPrefix(key.Text, "x-"):
	case hint == "" && reason != "":
		r.fail(key, "%s is for a container, and there is one already, in which the services run: %s", key.Text, reason)
	default:
		r.fail(key, "%s has no key %q%s", what, key.Text, hint)
	}
}

// text is a string's. Where Compose wants one nothing else will do.
func (r *reader) text(n *yaml.Node, what string) (text string, ok bool) {
	switch n.Kind {
	case yaml.String:
		return n.Text, true
	case yaml.Bool, yaml.Int, yaml.Float:
		r.fail(n, "%s has to be a string, but this is %s: write %q", what, n.Kind, n.Text)
	default:
		r.fail(n, "%s has to be a string, but this is %s", what, n.Kind)
	}
	return "", false
}

// texts are those of a list of strings.
func (r *reader) texts(n *yaml.Node, what string) (texts []string) {
	for _, item := range n.Items {
		if text, ok := r.text(item, "an item of "+what); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// boolean may be a string too, since that is what a variable's value is.
func (r *reader) boolean(n *yaml.Node, what string) bool {
	if n.Kind == yaml.Bool || n.Kind == yaml.String {
		switch n.Text {
		case "true", "True", "TRUE":
			return true
		case "false", "False", "FALSE":
			return false
		}
	}
	r.fail(n, "%s has to be true or false, but this is %s", what, shown(n))
	return false
}

// number is a whole one, of at least least.
func (r *reader) number(n *yaml.Node, what string, least int) int {
	if n.Kind == yaml.Int || n.Kind == yaml.String {
		if number, err := strconv.ParseUint(n.Text, 10, 31); err == nil && int(number) >= least {
			return int(number)
		}
	}
	r.fail(n, "%s has to be a whole number, %d or more, but this is %s", what, least, shown(n))
	return 0
}

// duration has units, as in Go.
func (r *reader) duration(n *yaml.Node, what string) time.Duration {
	if n.Kind == yaml.String || n.Text == "0" {
		if d, err := time.ParseDuration(n.Text); err == nil && d >= 0 && !strings.HasPrefix(n.Text, "+") {
			return d
		}
	}
	r.fail(n, "%s has to be a duration such as 500ms, 10s or 1m30s, but this is %s", what, shown(n))
	return 0
}

// size is a number of bytes, of which -1 is no limit.
func (r *reader) size(n *yaml.Node, what string) int64 {
	if n.Text == "-1" {
		return 0
	}
	size, ok := ParseSize(n.Text)
	if !ok || size == 0 || n.Kind != yaml.Int && n.Kind != yaml.String {
		r.fail(n, "%s has to be a size such as 500k, 10m or 1g, but this is %s", what, shown(n))
	}
	return size
}

// ParseSize reads a number of bytes as Docker's logging drivers take it: 500k, 20m or 1g, with a b behind it or not. Their k is 1000.
func ParseSize(s string) (bytes int64, ok bool) {
	text := strings.TrimSuffix(strings.ToLower(s), "b")
	unit := int64(1)
	for i, letter := range "kmg" {
		if number, ok := strings.CutSuffix(text, string(letter)); ok {
			text = number
			for range i + 1 {
				unit *= 1000
			}
		}
	}
	number, err := strconv.ParseUint(text, 10, 31)
	return int64(number) * unit, err == nil
}

func shown(n *yaml.Node) string {
	switch n.Kind {
	case yaml.String:
		return strconv.Quote(n.Text)
	case yaml.Bool, yaml.Int, yaml.Float:
		return n.Text
	}
	return n.Kind.String()
}

// near reports whether somebody who wrote a may have meant b: one letter is another, missing or too much, or two are exchanged;
// or two of that in a long word, none in a very short one.
func near(a, b string) bool {
	a = strings.ReplaceAll(strings.ToLower(a), "-", "_")
	return distance(a, strings.ReplaceAll(b, "-", "_")) <= min(len(b)/3, 2)
}

// distance counts what near names (optimal string alignment).
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
