package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/tinit-dev/tinit/session"
)

// A command is what tinit does when it is not to be an init: an ordinary program. No signal is taken for it, so Ctrl-C and a
// pipe that nobody reads end it as they end any other. Each has a file of its own.
type command struct {
	name string
	// run is given what follows the name. An err is said by who called it; the code is that of the process in any case.
	run func(args, environ []string) (code int, err error)
}

// implemented has what commandNames names. (That list does not hold the functions, since they may want to parse flags as the
// init does, which looks at the names.)
var implemented = []command{
	{"run", runJob}, {"start", startJobs}, {"jobs", listJobs}, {"status", printStatus}, {"logs", printLogs},
	{"fg", foreground}, {"bg", continueJobs}, {"stop", stopJobs}, {"kill", killJobs}, {"restart", restartJobs},
	{"wait", waitForJobs}, {"rm", removeJobs}, {"ps", ps}, {"check", check},
}

// command is the one that argv asks for, nil if it is none. It may be the first word only: a flag before it would be
// the init's, of which a command has none, and parse says so.
func (who *personality) command(argv []string) *command {
	if who != own || len(argv) < 2 {
		return nil
	}
	i := slices.IndexFunc(implemented, func(c command) bool { return c.name == argv[1] })
	if i < 0 {
		return nil
	}
	return &implemented[i]
}

// runAs is told the number of this process. Process 1 has to be an init: nobody else would reap, and its end is everybody's.
// Most likely a program was meant, in an image whose ENTRYPOINT lacks the --.
func (c *command) runAs(pid int, args, environ []string) (code int, err error) {
	if pid == 1 {
		return session.CodeOwnError, fmt.Errorf("%q is a command of tinit's own, which process 1 does not run; to run a program of that name write: tinit -- %[1]s", c.name)
	}
	return c.run(args, environ)
}

// parseCommand parses the flags of the command of that name, to which it adds -h. If that is given, help is true and there is
// nothing to be done but to print the usage.
func parseCommand(name string, fs flags, args []string) (rest []string, help bool, err error) {
	fs = append(fs, &flag{long: "help", short: "h", ends: true, set: to(&help)})
	rest, _, err = fs.parse(args, syntax{})
	if err != nil {
		return nil, false, hintedTo(name, err)
	}
	return rest, help, nil
}

// hintedTo is for bad usage of the command of that name.
func hintedTo(name string, err error) error {
	return fmt.Errorf("%w (see tinit %s -h)", err, name)
}

// printOut is for what a command was asked for. It waits for who reads it, and when nobody does SIGPIPE ends the process,
// as it does for standard output's [os.File].
func printOut(text string) (code int, err error) {
	if _, err := os.Stdout.WriteString(text); err != nil {
		return session.CodeOwnError, err
	}
	return 0, nil
}
