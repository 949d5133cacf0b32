package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/tinit-dev/tinit/internal/job"
	"github.com/tinit-dev/tinit/internal/keeper"
)

const startUsage = `Usage: tinit start [--env K[=V]] [--env-file FILE] [JOB...]

Start jobs again that have ended (the current one if none is named), in the same
directory and with the same flags. The environment is that of the caller: what a
job had before is not kept.

  --env K[=V]      give PROGRAM this variable (repeatable)
  --env-file FILE  the same from a file (repeatable)

JOB: 1 or %1, %% (the current one), %- (the one before), or its name; in a container
with services, the name of one of these. See tinit-run(1).
`

const restartUsage = `Usage: tinit restart [-t DURATION] [JOB...]

Stop jobs (the current one if none is named) and start them again, with the
environment that they have. A job that has ended is started, see tinit start.

  -t, --timeout DURATION  until KILL (default what tinit run was told, or 10s)

JOB: 1 or %1, %% (the current one), %- (the one before), or its name; in a container
with services, the name of one of these. See tinit-jobs(1).
`

// startJobs is tinit start.
func startJobs(args, environ []string) (code int, err error) {
	more := newJobRequest()
	env := slices.DeleteFunc(slices.Clone(more.flags), func(f *flag) bool { return f.long != "env" && f.long != "env-file" })
	rest, help, err := parseCommand("start", env, args)
	if err != nil {
		return ownError(err)
	}
	if help {
		return printOut(startUsage)
	}
	return eachNamed(rest, func(name string) error {
		if len(env.words()) > 0 {
			return fmt.Errorf("%s is a service, whose environment is that of its file", name)
		}
		_, err := askServices(0, keeper.DoStart, name)
		return err
	}, func(dir *job.Dir, j job.Job) error { return startJob(dir, j, env.words(), environ) }), nil
}

// startJob starts a job that has ended. more are flags beside those that it was started with first.
func startJob(dir *job.Dir, j job.Job, more, environ []string) error {
	folder, err := dir.Again(j)
	if err != nil {
		return err
	}
	was := folder.Before()
	r, err := againAs(was, more, environ)
	if err != nil {
		folder.Close()
		return err
	}
	record := job.Record{Name: was.Name, Program: was.Program, Dir: was.Dir, Flags: was.Flags}
	_, err = r.startKeeper(dir, folder, record, was.Dir)
	return err
}

// againAs is the request for a job like the one that there was.
func againAs(was job.Record, more, environ []string) (*jobRequest, error) {
	switch {
	case was.State == job.Starting && was.Keeper.PID == 0:
		return nil, fmt.Errorf("job %q has not been started yet", was.Name) // and there is no more than its name
	case was.Dir == "":
		return nil, fmt.Errorf("job %q was started in a directory that had no name, as one that was removed, and cannot be started there again", was.Name)
	}
	r := newJobRequest()
	if _, err := r.parse(slices.Concat(was.Flags, more, []string{"--"}, was.Program), environ); err != nil {
		return nil, err
	}
	return r, r.completeEnvironment(environ)
}

// restartJobs is tinit restart.
func restartJobs(args, environ []string) (code int, err error) {
	timeout := time.Duration(-1)
	rest, help, err := parseCommand("restart", flags{
		{long: "timeout", short: "t", arg: true, set: duration(&timeout)},
	}, args)
	if err != nil {
		return ownError(err)
	}
	if help {
		return printOut(restartUsage)
	}
	return eachNamed(rest, func(name string) error {
		_, err := askServices(0, keeper.DoRestart, timeoutWord(timeout), name)
		return err
	}, func(dir *job.Dir, j job.Job) error {
		switch now := j.Now(); now {
		case job.Lost:
			if err := stopJob(j, timeout); err != nil {
				return err
			}
			fallthrough
		case job.Ended:
			return startJob(dir, j, nil, environ)
		}
		said, err := ask(j, keeper.DoRestart, timeoutWord(timeout))
		if err != nil {
			return err
		}
		return tellStarted(said)
	}), nil
}

const rmUsage = `Usage: tinit rm [-f] [-a | JOB...]

Remove jobs that have ended, with their output (the current one if none is named).

  -a, --all    all that have ended
  -f, --force  end those that have not, as tinit stop does

JOB: 1 or %1, %% (the current one), %- (the one before), or its name.
See tinit-jobs(1).
`

// removeJobs is tinit rm.
func removeJobs(args, _ []string) (code int, err error) {
	var all, force bool
	rest, help, err := parseCommand("rm", flags{
		{long: "all", short: "a", set: to(&all)},
		{long: "force", short: "f", set: to(&force)},
	}, args)
	switch {
	case err != nil:
		return ownError(err)
	case help:
		return printOut(rmUsage)
	case all && len(rest) > 0:
		return ownError(hintedTo("rm", errors.New("--all and JOB do not go together")))
	}
	var ends []func() error
	remove := func(dir *job.Dir, j job.Job) error {
		if !force {
			return removeJob(dir, j)
		}
		end, err := beginStop(j, -1)
		if err == nil {
			ends = append(ends, func() error {
				if err := end(); err != nil {
					return err
				}
				return removeJob(dir, j)
			})
		}
		return err
	}
	if all {
		dir, jobs, err := allJobs()
		if err != nil {
			return ownError(err)
		}
		jobs = slices.DeleteFunc(jobs, func(j job.Job) bool { return !force && !over(j) })
		code = each(jobs, func(j job.Job) error { return remove(dir, j) })
	} else {
		code = eachNamed(rest, nil, remove)
	}
	return max(code, finish(ends)), nil
}

func removeJob(dir *job.Dir, j job.Job) error {
	folder, err := dir.Again(j)
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w (tinit rm -f ends it first)", err)
	}
	defer folder.Close()
	return dir.Remove(folder)
}

// over reports whether nothing of the job runs any more.
func over(j job.Job) bool {
	now := j.Now()
	return now == job.Ended || now == job.Lost && len(j.Left()) == 0
}
