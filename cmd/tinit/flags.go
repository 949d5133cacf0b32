package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A flag is one row of the usage text.
type flag struct {
	long    string
	short   string // its letters, more than one where peers differ
	arg     bool   // whether it takes an argument
	ends    bool   // what follows is not looked at
	process bool   // whether it is about how PROGRAM is started
	set     func(value string) error
	given   bool
	words   []string // each time that it was given, as --LONG or --LONG=VALUE
	at      int      // the last time, by taken
}

// taken counts the flags that were given, of whatever command.
var taken int

// flags are parsed as POSIX has it (Utility Syntax Guidelines, 12.2), with GNU's long ones beside: -abc, -r15:3, -r 15:3,
// --rewrite=15:3, --rewrite 15:3. The first word that is none of them ends them, as does --. There is no permutation but under
// the names of those that have it: what comes after PROGRAM is PROGRAM's.
//
// A library would do the same and more. But spf13/pflag brings package net along, and tinit starts in every container: it
// took 12 % more CPU time to start (pborman/getopt 7 %), and 300 KB more of binary.
type flags []*flag

// syntax is what GNU's getopt(3) does beside.
type syntax struct {
	permute    bool // flags may come after PROGRAM, up to --
	abbreviate bool // a long flag may be cut short
}

// parse sets the flags that args begin with. rest is what follows them, after -- if dashes.
func (fs flags) parse(args []string, s syntax) (rest []string, dashes bool, err error) {
	var words []string // passed over, with permute
	for len(args) > 0 {
		word := args[0]
		switch {
		case word == "--":
			return append(words, args[1:]...), true, nil
		case strings.HasPrefix(word, "--"):
			args, err = fs.parseLong(word[2:], args[1:], s)
		case len(word) > 1 && word[0] == '-':
			args, err = fs.parseShort(word, args[1:])
		case s.permute:
			words, args = append(words, word), args[1:]
		default:
			return args, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		if fs.ended() {
			return args, false, nil
		}
	}
	return words, false, nil
}

func (fs flags) parseLong(word string, args []string, s syntax) (rest []string, err error) {
	name, value, hasValue := strings.Cut(word, "=")
	f := fs.find(func(f *flag) bool { return f.long == name && name != "" })
	if f == nil && s.abbreviate {
		if f, err = fs.abbreviated(name); err != nil {
			return nil, err
		}
	}
	switch {
	case f == nil:
		return nil, fmt.Errorf("unknown flag %q", "--"+name)
	case !f.arg && hasValue:
		return nil, fmt.Errorf("flag --%s takes no argument, but got %q", name, value)
	case !f.arg:
		return args, f.give("--"+name, "true")
	case hasValue:
		return args, f.give("--"+name, value)
	}
	return f.giveNext("--"+name, args)
}

func (fs flags) abbreviated(name string) (found *flag, err error) {
	for _, f := range fs {
		if name == "" || !strings.HasPrefix(f.long, name) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("flag %q may be --%s or --%s", "--"+name, found.long, f.long)
		}
		found = f
	}
	return found, nil
}

// parseShort parses a word such as -v, -vw or -vr15:3.
func (fs flags) parseShort(word string, args []string) (rest []string, err error) {
	for i, letter := range word[1:] {
		name := "-" + string(letter)
		f := fs.find(func(f *flag) bool { return strings.ContainsRune(f.short, letter) })
		switch {
		case f == nil && name == word:
			return nil, fmt.Errorf("unknown flag %q", name)
		case f == nil:
			return nil, fmt.Errorf("unknown flag %q in %q", name, word)
		case f.arg:
			if value := word[1+i+1:]; value != "" {
				return args, f.give(name, value)
			}
			return f.giveNext(name, args)
		}
		if err := f.give(name, "true"); err != nil {
			return nil, err
		}
		if f.ends {
			break
		}
	}
	return args, nil
}

// ended: who asks for help gets it, whatever else is wrong.
func (fs flags) ended() bool {
	return fs.find(func(f *flag) bool { return f.ends && f.given }) != nil
}

func (fs flags) find(is func(*flag) bool) *flag {
	for _, f := range fs {
		if is(f) {
			return f
		}
	}
	return nil
}

func (f *flag) giveNext(name string, args []string) (rest []string, err error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("flag %s needs an argument", name)
	}
	return args[1:], f.give(name, args[0])
}

func (f *flag) give(name, value string) error {
	f.given = true
	if err := f.take(value); err != nil {
		return fmt.Errorf("flag %s: %w", name, err)
	}
	return nil
}

func (f *flag) take(value string) error {
	word := "--" + f.long
	if f.arg {
		word += "=" + value
	}
	// A variable can say no, and no flag can: the word would say yes.
	if on, err := strconv.ParseBool(value); f.arg || err == nil && on {
		f.words = append(f.words, word)
	}
	taken++
	f.at = taken
	return f.set(value)
}

// words are the flags that were given, in a form that parse takes, less those of these names. Of two that say the opposite the
// last one stays the last.
func (fs flags) words(but ...string) (words []string) {
	for _, f := range slices.SortedStableFunc(slices.Values(fs), func(a, b *flag) int { return a.at - b.at }) {
		if !slices.Contains(but, f.long) {
			words = append(words, f.words...)
		}
	}
	return words
}
