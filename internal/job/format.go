package job

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A record is a line for each field: its name, and its values quoted as in Go. encoding/json would do, but all that is linked in is
// made ready at each start of an init too: it took 30 µs of 1.9 ms there, and 360 KB of binary.

// A field is a line: so many values, or a list.
type field struct {
	name   string
	values []value
	list   *[]string
}

// A value is a text, and the way back.
type value struct {
	format func() string
	parse  func(string) error
}

// fields are those of a record whose Exit is exit.
func (r *Record) fields(exit *Exit) []field {
	one := func(name string, values ...value) field { return field{name: name, values: values} }
	fields := []field{
		one("id", text(&r.ID)),
		one("name", text(&r.Name)),
		{name: "program", list: &r.Program},
		{name: "flags", list: &r.Flags},
		one("dir", text(&r.Dir)),
		one("boot", text(&r.Boot)),
		one("namespace", number(&r.Namespace)),
		one("keeper", number(&r.Keeper.PID), number(&r.Keeper.Start)),
		one("main", number(&r.Main.PID), number(&r.Main.Start)),
		one("state", text(&r.State)),
		one("ready", truth(&r.Ready)),
		one("status", text(&r.Status)),
		one("started", moment(&r.Started)),
		one("restarts", number(&r.Restarts)),
		one("trouble", text(&r.Trouble)),
		one("output", text(&r.Output)),
		one("errors", text(&r.Errors)),
	}
	if exit != nil {
		fields = append(fields, one("exit",
			moment(&exit.Time), number(&exit.Code), text(&exit.Signal), number(&exit.CPU), number(&exit.Memory)))
	}
	return fields
}

func (r *Record) format() string {
	var b strings.Builder
	for _, f := range r.fields(r.Exit) {
		b.WriteString(f.name)
		for _, v := range f.texts() {
			b.WriteByte(' ')
			b.WriteString(strconv.Quote(v))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (f field) texts() (texts []string) {
	if f.list != nil {
		return *f.list
	}
	for _, v := range f.values {
		texts = append(texts, v.format())
	}
	return texts
}

// parse leaves lines alone that it does not know, and values too many: a newer tinit may have written them.
func parse(s string) (r Record, err error) {
	var exit Exit
	fields := r.fields(&exit)
	for line := range strings.Lines(s) {
		name, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		texts, err := unquote(rest)
		for _, f := range fields {
			if err == nil && f.name == name {
				err = f.parse(texts)
			}
		}
		if err != nil {
			return Record{}, fmt.Errorf("%.20q: %w", name, err) // which may be anything, for a terminal too
		}
		if name == "exit" {
			r.Exit = &exit
		}
	}
	return r, nil
}

func (f field) parse(texts []string) error {
	if f.list != nil {
		*f.list = texts
		return nil
	}
	if len(texts) < len(f.values) {
		return errors.New("a value is missing")
	}
	for i, v := range f.values {
		if err := v.parse(texts[i]); err != nil {
			return err
		}
	}
	return nil
}

func unquote(s string) (texts []string, err error) {
	for s = strings.TrimLeft(s, " "); s != ""; s = strings.TrimLeft(s, " ") {
		quoted, err := strconv.QuotedPrefix(s)
		if err != nil {
			return nil, err
		}
		text, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, err
		}
		texts, s = append(texts, text), s[len(quoted):]
	}
	return texts, nil
}

func text[T ~string](v *T) value {
	return value{func() string { return string(*v) }, func(s string) error {
		*v = T(s)
		return nil
	}}
}

func number[T ~int | ~int64 | ~uint64](v *T) value {
	return value{func() string { return strconv.FormatInt(int64(*v), 10) }, func(s string) error {
		n, err := strconv.ParseInt(s, 10, 64)
		*v = T(n)
		return err
	}}
}

func truth(v *bool) value {
	return value{func() string { return strconv.FormatBool(*v) }, func(s string) (err error) {
		*v, err = strconv.ParseBool(s)
		return err
	}}
}

func moment(v *time.Time) value {
	return value{func() string { return v.Format(time.RFC3339Nano) }, func(s string) (err error) {
		*v, err = time.Parse(time.RFC3339Nano, s)
		return err
	}}
}
