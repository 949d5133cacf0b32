package main

import (
	"errors"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/session"
)

// A personality is what tinit is called by: itself, or a program whose place it takes. All that they differ in is in here;
// the values are in personalities.go.
type personality struct {
	names    []string // of the file, less its folder
	syntax   syntax
	flags    []alias  // nil: all of tinit's
	alone    string   // asks for the version, where it is the only word
	heedsOf  []string // whose variables it heeds, beside tinit's own
	passesOn bool     // PROGRAM gets these too

	usage             string
	version           func(v, commit string) string
	helpTo, versionTo int // descriptors

	codes codes
	// usual are the defaults, which flags and variables change; settle is for what depends on these.
	usual, settle func(*options)
}

// An alias is a flag of another program's, and tinit's that it amounts to.
type alias struct{ long, short, of string }

// called is tinit's own if argv[0] is nobody else's.
func called(argv []string) *personality {
	if len(argv) > 0 {
		base := filepath.Base(argv[0])
		for _, who := range [...]*personality{tini, dumbInit, catatonit} {
			if slices.Contains(who.names, base) {
				return who
			}
		}
	}
	return own
}

// itsFlags are those of all, under the names that they have here.
func (who *personality) itsFlags(all flags) flags {
	if who.flags == nil {
		return all
	}
	its := make(flags, len(who.flags))
	for i, a := range who.flags {
		f := all.find(func(f *flag) bool { return f.long == a.of })
		its[i] = &flag{long: a.long, short: a.short, arg: f.arg, ends: f.ends, set: func(value string) error {
			f.given = true
			return f.set(value)
		}}
	}
	return its
}

// codes are the exit codes that are not PROGRAM's.
type codes struct {
	own      int // an error of the init's, and bad usage
	notFound int
	denied   int // EACCES
	failed   int // PROGRAM could not be executed for any other reason
}

func (c codes) of(err error) int {
	if sig, ok := errors.AsType[interrupted](err); ok {
		return 128 + int(sig)
	}
	start, ok := errors.AsType[*session.Error](err)
	switch {
	case !ok || start.ExitCode() == session.CodeOwnError:
		return c.own
	case start.ExitCode() == session.CodeNotFound:
		return c.notFound
	case errors.Is(err, unix.EACCES):
		return c.denied
	}
	return c.failed
}
