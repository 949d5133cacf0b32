package main

import (
	"context"
	"errors"
	"os"

	"github.com/tinit-dev/tinit/internal/job"
	"github.com/tinit-dev/tinit/session"
)

// keeperName is argv[0] of a keeper, and what ps shows.
const keeperName = "tinit-keeper"

func init() { session.RegisterDaemon(keeperName, runKeeper) }

// daemonize starts the keeper of the job in a folder, which is held for it, in a directory. What the keeper shows in ps beside that folder is for
// those who look there for the program. said is the job as its keeper names it.
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
