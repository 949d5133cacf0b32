package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/job"
	"github.com/tinit-dev/tinit/internal/keeper"
	"github.com/tinit-dev/tinit/internal/logfile"
	"github.com/tinit-dev/tinit/internal/sigstate"
	"github.com/tinit-dev/tinit/session"
)

const logsUsage = `Usage: tinit logs [-f] [-n N] [-e] [JOB]

Print what a job (the current one if none is named) has written, over all files
that are kept.

  -f, --follow   go on with what it writes, until it ends
  -n, --lines N  the last N lines only
  -e, --errors   what went to standard error, if that has a file of its own

JOB: 1 or %1, %% (the current one), %- (the one before), or its name; in a container
with services, the name of one of these. See tinit-jobs(1).
`

// printLogs is tinit logs.
func printLogs(args, _ []string) (code int, err error) {
	var follow, wantErrors bool
	lines := logfile.All
	rest, help, err := parseCommand("logs", flags{
		{long: "follow", short: "f", set: to(&follow)},
		{long: "lines", short: "n", arg: true, set: func(s string) (err error) { lines, err = parseLines(s); return err }},
		{long: "errors", short: "e", set: to(&wantErrors)},
	}, args)
	if err != nil {
		return ownError(err)
	}
	if help {
		return printOut(logsUsage)
	}
	if len(rest) == 1 && isService(rest[0]) {
		return serviceLog(rest[0], lines, follow, wantErrors)
	}
	j, err := findJob("logs", rest)
	if err != nil {
		return ownError(err)
	}
	file := j.Output
	if wantErrors {
		file = j.Errors
	}
	if err := notKept(j, file); err != nil {
		return ownError(err)
	}
	stop := make(chan struct{})
	runs := false
	if follow {
		if runs, err = closeAtEnd(j, stop); err != nil {
			return ownError(err)
		}
	}
	if !runs {
		close(stop)
	}
	if err := logfile.Tail(os.Stdout, file, lines, stop); err != nil {
		return ownError(err)
	}
	return 0, nil
}

// notKept says why there is nothing to be read in a file that a job writes to, nil if there is.
func notKept(j job.Job, file string) error {
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("what job %q writes goes to %s, and is not kept", j.Name, file)
	}
	return nil
}

func parseLines(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%q is no number of lines", s)
	}
	return int(n), nil
}

// findJob finds the one job that words name, the current one if there are none.
func findJob(command string, words []string) (job.Job, error) {
	if len(words) > 1 {
		return job.Job{}, hintedTo(command, fmt.Errorf("%q is one job too many", words[1]))
	}
	_, targets := findTargets(words)
	return targets[0].job, targets[0].err
}

// closeAtEnd closes a channel when the job ends. It returns false if it has ended already. The error is that nobody here can tell.
func closeAtEnd(j job.Job, end chan<- struct{}) (runs bool, err error) {
	switch j.Now() {
	case job.Ended, job.Lost:
		return false, nil
	case job.Away:
		return false, elsewhere(j)
	case job.Starting:
		return false, fmt.Errorf("job %q is being started", j.Name)
	}
	running, err := j.Keeper.Open()
	if err != nil {
		return false, endedMeanwhile(j, err)
	}
	go func() {
		awaitEnd(running)
		close(end)
	}()
	return true, nil
}

const fgUsage = `Usage: tinit fg [JOB]

Follow the output of a job (the current one if none is named), pass the signals of
the terminal on to it, and leave with its exit code when it ends. Ctrl-Z leaves it
to run in the background. A job that was stopped is continued.

JOB: 1 or %1, %% (the current one), %- (the one before), or its name.
See tinit-jobs(1).
`

const bgUsage = `Usage: tinit bg [JOB...]

Continue jobs that were stopped (the current one if none is named).

JOB: 1 or %1, %% (the current one), %- (the one before), or its name.
See tinit-jobs(1).
`

// foreground is tinit fg.
func foreground(args, _ []string) (code int, err error) {
	rest, help, err := parseCommand("fg", nil, args)
	if err != nil {
		return ownError(err)
	}
	if help {
		return printOut(fgUsage)
	}
	j, err := findJob("fg", rest)
	if err != nil {
		return ownError(err)
	}
	signals, err := forwarder.Receive()
	if err != nil {
		return ownError(err)
	}
	// A terminal that lets nobody write from the background (stty tostop) stops who does: taken, the signal would be raised by the
	// same write for ever.
	if !signals.Ignored.Has(unix.SIGTTOU) {
		_ = sigstate.Change(unix.SIGTTOU, &sigstate.Action{Handler: sigstate.Default}, nil)
	}
	end := make(chan struct{})
	runs, err := closeAtEnd(j, end)
	if err != nil {
		return ownError(err)
	}
	if !runs {
		return 1, fmt.Errorf("job %q has ended (%s)", j.Name, stateOf(j))
	}
	complain(fmt.Errorf("%s: Ctrl-Z leaves it in the background", j.Brief()))
	if j.Now() == job.Stopped {
		if _, err := ask(j, keeper.DoKill, "CONT"); err != nil {
			return ownError(err)
		}
	}
	printed := make(chan error, 1)
	if err := notKept(j, j.Output); err != nil {
		complain(err)
		go func() { <-end; printed <- nil }()
	} else {
		go func() { printed <- logfile.Tail(os.Stdout, j.Output, 0, end) }()
	}
	return attend(j, signals, printed)
}

// attend passes signals on until all that the job wrote is printed.
func attend(j job.Job, signals *forwarder.Receiver, printed <-chan error) (code int, err error) {
	for {
		select {
		case err := <-printed:
			if err != nil {
				return ownError(err)
			}
			return exitCode(j)
		case sig := <-signals.C:
			switch sig {
			case unix.SIGTSTP, unix.SIGHUP, unix.SIGTERM, unix.SIGPIPE:
				// As with a shell's job the code says that this is not the end.
				return 128 + int(sig), fmt.Errorf("%s goes on in the background", j.Brief())
			case unix.SIGINT, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2:
				if _, err := ask(j, keeper.DoKill, forwarder.SignalName(sig)); err != nil {
					complain(err)
				}
			}
		}
	}
}

// exitCode is that of a job whose keeper has gone.
func exitCode(j job.Job) (code int, err error) {
	dir, err := job.Open(j.Folder())
	var now job.Job
	if err == nil {
		defer dir.Close()
		now, err = dir.Read(j.Number)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ownError(fmt.Errorf("job %q has ended and was removed meanwhile, and its exit code with it", j.Name))
	case err != nil:
		return ownError(fmt.Errorf("job %q: %w", j.Name, err))
	case now.ID != j.ID:
		return ownError(fmt.Errorf("job %q has ended and was started again meanwhile", j.Name))
	case now.State != job.Ended && now.State != job.Ending || now.Exit == nil:
		return ownError(fmt.Errorf("job %q was lost: its keeper was killed, and nobody knows its exit code", j.Name))
	}
	return now.Exit.Code, nil
}

// continueJobs is tinit bg.
func continueJobs(args, _ []string) (code int, err error) {
	rest, help, err := parseCommand("bg", nil, args)
	if err != nil {
		return ownError(err)
	}
	if help {
		return printOut(bgUsage)
	}
	return eachNamed(rest, nil, func(_ *job.Dir, j job.Job) error {
		if err := killJob(j, unix.SIGCONT); err != nil {
			return err
		}
		return tell(fmt.Sprintf("[%d] %s", j.Number, commandLine(j.Program)), j.Brief()+" was continued")
	}), nil
}

const waitUsage = `Usage: tinit wait [JOB...]

Wait until jobs have ended (the current one if none is named), and leave with the
exit code of the last, or with 125 if that of one is not to be had.

JOB: 1 or %1, %% (the current one), %- (the one before), or its name.
See tinit-jobs(1).
`

// waitForJobs is tinit wait.
func waitForJobs(args, _ []string) (code int, err error) {
	rest, help, err := parseCommand("wait", nil, args)
	if err != nil {
		return ownError(err)
	}
	if help {
		return printOut(waitUsage)
	}
	var last int
	failed := eachNamed(rest, nil, func(_ *job.Dir, j job.Job) (err error) {
		end := make(chan struct{})
		runs, err := closeAtEnd(j, end)
		if err != nil {
			return err
		}
		if runs {
			<-end
		}
		last, err = exitCode(j)
		return err
	})
	if failed != 0 {
		return session.CodeOwnError, nil
	}
	return last, nil
}
