package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/tinit-dev/tinit/internal/service"
	"github.com/tinit-dev/tinit/session"
)

const checkUsage = `Usage: tinit check [--order] FILE [[--] PROGRAM [ARG...]]

Read a services file, and the files of variables that it names, and say all that is
wrong with them, each as FILE:LINE:COLUMN: MESSAGE. Nothing is started. PROGRAM is the
one that the services are to be started with, if there is one.

      --order  print the services in the order in which they would be started
  -h, --help   print this

Exit codes: 0 nothing is wrong, 1 something is, 125 the file cannot be read, or bad
usage. See tinit-services(5).
`

// codeFaulty is for a file that can be read, and is wrong.
const codeFaulty = 1

// check is tinit check. What it says has no "tinit: " before it: it is of the form that editors and CI look for.
func check(args, environ []string) (code int, err error) {
	var order bool
	rest, help, err := parseCommand("check", flags{{long: "order", set: to(&order)}}, args)
	switch {
	case err != nil:
		return session.CodeOwnError, err
	case help:
		return printOut(checkUsage)
	case len(rest) == 0:
		return session.CodeOwnError, hintedTo("check", errors.New("no FILE given"))
	}
	file, program := rest[0], rest[1:]
	if len(program) > 0 && program[0] == "--" {
		program = program[1:]
	}
	f, warnings, err := service.Read(file, lookup(environ), program)
	for _, w := range warnings {
		w.Text = "warning: " + w.Text
		report(w)
	}
	if faults, ok := errors.AsType[service.Errors](err); ok {
		for _, fault := range faults {
			report(fault)
		}
		return codeFaulty, nil
	}
	if err != nil {
		return session.CodeOwnError, err
	}
	if order {
		return printOut(orderText(f))
	}
	return 0, nil
}

// lookup looks for a variable in environ.
func lookup(environ []string) func(name string) (value string, ok bool) {
	return func(name string) (string, bool) {
		kv, ok := withValue(name, environ)
		return strings.TrimPrefix(kv, name+"="), ok
	}
}

func report(f service.Finding) {
	_, _ = os.Stderr.WriteString(strings.TrimPrefix(line(f.String()), "tinit: "))
}

// orderText has a line for each service, with what it waits for.
func orderText(f *service.File) string {
	var text strings.Builder
	for _, s := range f.Order() {
		text.WriteString(s.Name)
		for i, d := range s.DependsOn {
			text.WriteString([...]string{" after ", ", "}[min(i, 1)])
			fmt.Fprintf(&text, "%s (%s)", d.Name, d.Condition)
		}
		text.WriteByte('\n')
	}
	return text.String()
}
