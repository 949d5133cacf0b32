package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/job"
	"github.com/tinit-dev/tinit/internal/keeper"
	"github.com/tinit-dev/tinit/session"
)

// runKeeper is a job's keeper: startKeeper started it, in a session of its own, to look after the job whose folder is its first
// argument and whose environment it has.
func runKeeper(s *session.Starter) {
	report := func(text string, err error) {
		if err != nil {
			s.Failed(codeFor(err), err)
			return
		}
		_ = s.Running(text) // nobody waits for it any more, which is no reason not to run
	}
	keep(os.Args[1], s.Files[0], report)
}

func keep(path string, held *os.File, report func(text string, err error)) {
	signals, err := forwarder.Receive(unix.SIGCHLD)
	if err != nil {
		report("", err)
		return
	}
	folder, record, err := job.Take(path, held)
	if err != nil {
		report("", err)
		return
	}
	defer folder.Close()
	if k, err := startKept(folder, record, signals, report); err == nil {
		k.Run()
	}
}

func startKept(folder *job.Folder, record job.Record, signals *forwarder.Receiver, report func(string, error)) (*keeper.Keeper, error) {
	r := newJobRequest()
	if _, err := r.parse(slices.Concat(record.Flags, []string{"--"}, record.Program), nil); err != nil {
		report("", err)
		return nil, err
	}
	say := newMessages(&stderr, unix.Stderr, r.level, 0)
	settleThreads(keeperThreads)
	opts := r.options
	opts.cfg.Warn, opts.cfg.Tell, opts.cfg.Note, opts.cfg.Verbose = say.warn, say.tell, say.note, opts.level == verbose
	opts.inherit(signals, say)
	opts.adoptOrphans(say)

	p := r.process
	p.envFiles, p.env, p.streams = nil, nil, [3]string{}
	if err := p.prepare(&r.command, nil); err != nil {
		report("", err)
		return nil, err
	}
	r.command.Env = os.Environ() // complete, as the caller made it
	r.logs.Input, r.logs.Output, r.logs.Errors = r.process.streams[0], r.process.streams[1], r.process.streams[2]
	for _, file := range []*string{&r.pidFile, &r.logs.Input, &r.logs.Output, &r.logs.Errors} {
		if *file != "" {
			*file = within(record.Dir, *file)
		}
	}
	k, err := keeper.Start(keeper.Config{
		Supervisor: r.cfg, Command: r.command, Folder: folder, Record: record,
		Report: r.report, Restart: r.restart, Streams: r.logs, PIDFile: r.pidFile,
		Await: r.wait, Timeout: r.timeout, StopAfter: r.stopAfter(), Flush: say.flush,
	}, signals, func(text string, err error) { report(text, flagged(r.command, err)) })
	if err != nil {
		return nil, err
	}
	opts.takeIgnored(signals, say)
	return k, nil
}

// within is path as seen from dir.
func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// codeFor is the exit code of tinit run when the job does not run.
func codeFor(err error) int {
	if unready, ok := errors.AsType[*keeper.Unready](err); ok {
		return unready.Code
	}
	return own.codes.of(err)
}
