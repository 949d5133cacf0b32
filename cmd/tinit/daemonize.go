package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/tinit-dev/tinit/internal/job"
	"github.com/tinit-dev/tinit/session"
)

// keeperName is argv[0] of a keeper, and what ps shows.
const keeperName = "tinit-keeper"

func init() { session.RegisterDaemon(keeperName, runKeeper) }

// daemonize starts the keeper of the job in a folder, which is held for it, in a directory. What the keeper shows in ps beside that
// folder is for those who look there for the program. said is the job as its keeper names it.
func daemonize(folder *job.Folder, record job.Record, in string, env []string) (said string, code int, err error) {
	said, err = session.Daemonize(context.Background(), session.Daemon{
		Name: keeperName, Args: append([]string{folder.Path, record.Name}, record.Program...),
		Env: env, Dir: in, Files: []*os.File{folder.Held()},
	})
	if daemon, ok := errors.AsType[*session.DaemonError](err); ok {
		return "", daemon.ExitCode(), err
	}
	if err != nil {
		return "", session.CodeOwnError, err
	}
	return said, 0, nil
}

// keeperKilled says what became of a job whose keeper was killed before it could say so itself. A start that failed leaves nothing
// that runs.
func (r *jobRequest) keeperKilled(dir *job.Dir, folder *job.Folder, record job.Record, how error) error {
	program, became := quote(record.Program[0]), ""
	if j, err := dir.Read(folder.Number); r.wait && err == nil && j.State != job.Starting && j.Now() == job.Lost {
		// It may have been at work for long: it is stopped as it is when it is not ready in time.
		became = program + " had been started, and was stopped"
		if err := endLost(j, r.stopAfter()); err != nil {
			became = err.Error()
		}
		became += fmt.Sprintf("; what it has written is with job %q (tinit logs %[1]s)", j.Name)
	} else {
		switch ended, left := dir.Discard(folder); {
		case left > 0:
			became = fmt.Sprintf("%d processes that it had started are left, as job %q (tinit stop %[2]s)", left, record.Name)
		case ended:
			became = program + " had been started, and was killed"
		default:
			became = "nothing of " + program + " runs"
		}
	}
	return &session.DaemonError{
		Code: session.CodeOwnError, Text: fmt.Sprintf("the start of %s failed: %v; %s", program, how, became),
	}
}
