package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/tinit-dev/tinit/internal/job"
	"github.com/tinit-dev/tinit/internal/jsontext"
	"github.com/tinit-dev/tinit/internal/keeper"
)

const statusUsage = `Usage: tinit status [--json] [--healthy] [JOB | SERVICE]

Say what is known of a job (the current one if none is named), or in a container
with services, of one of these or all.

      --json     for programs
      --healthy  as a probe: say only what is wrong, and end with 1 then. A service is
                 healthy if it runs and is ready; without a name all have to be

Exit codes are those of init scripts (LSB): 0 it runs, 1 it was lost: its keeper was
killed, or the machine went down; 3 it has ended; 4 there is no such job, or it can't
be told. See tinit-jobs(1).
`

// As the Linux Standard Base has them for the action status of init scripts.
const (
	statusRuns    = 0
	statusLost    = 1
	statusEnded   = 3
	statusUnknown = 4
)

// printStatus is tinit status.
func printStatus(args, _ []string) (code int, err error) {
	var json, wantsHealthy bool
	rest, help, err := parseCommand("status", flags{
		{long: "json", set: to(&json)},
		{long: "healthy", set: to(&wantsHealthy)},
	}, args)
	if err != nil {
		return statusUnknown, err
	}
	if help {
		return printOut(statusUsage)
	}
	if wantsHealthy {
		return healthy(rest)
	}
	if done, code, err := servicesStatus(rest, json); done {
		return code, err
	}
	j, err := findJob("status", rest)
	switch {
	case err != nil && len(rest) == 0:
		return statusUnknown, fmt.Errorf("%w, and %w", err, errNoServices)
	case err != nil:
		return statusUnknown, err
	}
	code = statusRuns
	switch j.Now() {
	case job.Ended:
		code = statusEnded
	case job.Lost:
		code = statusLost
	case job.Away:
		code = statusUnknown
	case job.Starting:
	default:
		if trouble, err := ask(j, keeper.DoTrouble); err != nil {
			complain(err)
		} else {
			j.Trouble = trouble
		}
	}
	var text string
	if json {
		text = string(jsontext.Append(nil, jobObject(j, lookAtUse([]job.Job{j})))) + "\n"
	} else {
		text = statusText(j)
	}
	if _, err := printOut(text); err != nil {
		return statusUnknown, err
	}
	return code, nil
}

func statusText(j job.Job) string {
	u := lookAtUse([]job.Job{j}).of(j)
	t := table{columns: make([]column, 2), gap: 2}
	add := func(is bool, name, format string, args ...any) {
		if is {
			t.add(name+":", fmt.Sprintf(format, args...))
		}
	}
	add(true, "job", "[%d] %s", j.Number, j.Name)
	add(true, "state", "%s", stateLine(j))
	add(true, "program", "%s", commandLine(j.Program))
	add(true, "directory", "%s", cmp.Or(j.Dir, "one that had no name, as when it was removed"))
	add(len(j.Flags) > 0, "flags", "%s", commandLine(j.Flags))
	add(u.pid != 0, "process", "%d, group %d, session %d, kept by %d", u.pid, u.pgid, u.sid, j.Keeper.PID)
	add(!j.Started.IsZero(), "started", "%s", j.Started.Format(time.DateTime))
	add(j.State == job.Ended && j.Exit != nil, "ended", "%s", endedAt(j))
	add(true, "CPU time", "%s", clock(u.cpu))
	add(true, "memory", "%s", bytesText(u.memory))
	add(j.Restarts > 0, "restarts", "%d", j.Restarts)
	add(j.Ready, "ready", "yes")
	add(j.Status != "", "says", "%s", j.Status)
	add(j.Output != "", "output", "%s", j.Output)
	add(j.Errors != j.Output, "errors", "%s", j.Errors)
	add(j.Trouble != "", "trouble", "%s", j.Trouble)
	return t.text(0)
}

func stateLine(j job.Job) string {
	text := stateOf(j)
	switch now := j.Now(); {
	case now == job.Running || now == job.Stopped:
		text += " for " + clock(lasted(j))
	case now == job.Lost && j.BeforeBoot():
		text += ": the machine went down while it ran"
	case now == job.Lost:
		text += ": its keeper was killed; of its processes " + countOf(len(j.Left()))
	case now == job.Away:
		text += ", in another PID namespace"
	case now == job.Pausing && j.Exit != nil:
		text += ", after " + endOf(*j.Exit)
	}
	return text
}

func endedAt(j job.Job) string {
	if j.Exit == nil {
		return ""
	}
	return fmt.Sprintf("%s, after %s", j.Exit.Time.Format(time.DateTime), clock(lasted(j)))
}

func countOf(left int) string {
	switch left {
	case 0:
		return "none is left"
	case 1:
		return "one is left"
	}
	return fmt.Sprintf("%d are left", left)
}
