package service

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tinit-dev/tinit/internal/yaml"
)

// environment reads a mapping, or a list of K=V. What has no value has tinit's own, or is taken out if tinit has none.
func (r *reader) environment(n *yaml.Node) (env []string) {
	switch n.Kind {
	case yaml.Sequence:
		seen := map[string]bool{}
		for _, item := range n.Items {
			kv, ok := r.text(item, "an item of environment")
			name, value, given := strings.Cut(kv, "=")
			if seen[name] && ok {
				r.fail(item, "variable %s is there already", name)
			}
			seen[name] = true
			if ok && r.checkVariable(item, name) {
				env = append(env, r.variable(name, value, given))
			}
		}
	case yaml.Mapping:
		for _, m := range n.Members {
			if r.checkVariable(m.Key, m.Key.Text) && r.checkScalar(m.Value, m.Key.Text) {
				env = append(env, r.variable(m.Key.Text, m.Value.Text, m.Value.Kind != yaml.Null))
			}
		}
	default:
		r.fail(n, "environment has to be a mapping or a list, but this is %s", n.Kind)
	}
	return env
}

func (r *reader) variable(name, value string, given bool) string {
	if !given {
		if value, given = r.getenv(name); !given {
			return name
		}
	}
	return name + "=" + value
}

func (r *reader) checkVariable(at *yaml.Node, name string) bool {
	if name == "" || strings.ContainsAny(name, "= \t\n") {
		r.fail(at, "%q is no name of a variable", name)
		return false
	}
	return true
}

// checkScalar: to Compose 1.10 is a number, and the variable is 1.1. Here it would be what was written, so that the file would
// not mean the same.
func (r *reader) checkScalar(n *yaml.Node, name string) bool {
	var means string
	switch n.Kind {
	case yaml.Null:
		return true
	case yaml.String:
		if n.Plain && readOtherwise(n.Text) {
			r.fail(n, "some readers of YAML take this for a number or a time: write %q", n.Text)
			return false
		}
		return true
	case yaml.Bool:
		means = strings.ToLower(n.Text)
	case yaml.Int, yaml.Float:
		means = canonical(n.Text)
	default:
		r.fail(n, "variable %s has to have a string, a number, a boolean or nothing, but this is %s", name, n.Kind)
		return false
	}
	if means != n.Text {
		r.fail(n, "to YAML this is %s, which would be written in another way: write %q", n.Kind, n.Text)
		return false
	}
	return true
}

// readOtherwise is of a plain string: YAML 1.1 has 1_000, 0b1 and times, as has what Compose reads files with.
func readOtherwise(text string) bool {
	if strings.IndexByte("+-.0123456789", text[0]) < 0 {
		return false
	}
	// A time begins with a date, whose year has four digits.
	if year, _, ok := strings.Cut(text, "-"); ok && len(year) == 4 && strings.Trim(year, "0123456789") == "" {
		return true
	}
	number := strings.ReplaceAll(text, "_", "")
	if digits := strings.TrimLeft(number, "+-"); len(digits) > 1 && digits[0] == '0' && strings.IndexByte("box", digits[1]|0x20) >= 0 {
		return true
	}
	_, err := strconv.ParseFloat(number, 64)
	return err == nil
}

// canonical is how a number is written that was read.
func canonical(text string) string {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return strconv.FormatInt(i, 10)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return ""
	}
	return fmt.Sprint(f)
}

// envFiles reads env_file: a file, or a list of them. One file's variables beat those of the ones before it.
func (r *reader) envFiles(n *yaml.Node) (env []string) {
	files := n.Items
	if n.Kind != yaml.Sequence {
		files = []*yaml.Node{n}
	}
	for _, file := range files {
		path, optional := file, false
		if file.Kind == yaml.Mapping && n.Kind == yaml.Sequence {
			path = nil
			r.mapping(file, "an item of env_file", []field{
				{"path", func(n *yaml.Node) { path = n }},
				{"required", func(n *yaml.Node) { optional = !r.boolean(n, "required") }},
			})
			if path == nil {
				r.fail(file, "an item of env_file that is a mapping has to have a path")
				continue
			}
		}
		if name, ok := r.text(path, "env_file, or what it lists,"); ok {
			env = append(env, r.envFile(path, name, optional)...)
		}
	}
	return env
}
