package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/job"
	"github.com/tinit-dev/tinit/internal/keeper"
	"github.com/tinit-dev/tinit/internal/service"
	"github.com/tinit-dev/tinit/session"
)

const runUsage = `Usage: tinit run [flags] [--] PROGRAM [ARG...]

Run PROGRAM in the background, as a job: in a session without a terminal, with a
keeper that is its init. Print the job's number, PROGRAM's process and its name.

  -n, --name NAME            the job's name (default PROGRAM's)
      --restart POLICY       no, on-failure, on-failure:N or always (default no)
      --wait                 return when PROGRAM says READY=1 (sd_notify(3))
      --timeout DURATION     and have that fail after DURATION (default never)
      --pidfile FILE         have FILE hold PROGRAM's process ID
      --stdin FILE           have PROGRAM read FILE (default /dev/null)
      --stdout FILE          append PROGRAM's output to FILE, not to the job's own
      --stderr FILE          append PROGRAM's errors to FILE
      --log-max-size SIZE    rotate a file of that size, 500k, 20m, 1g, 0 for never
                             (default 20m for the job's own, 0 for others)
      --log-max-files N      keep N files, the current one among them (default 5)
  -k, --kill-after DURATION  how long tinit stop waits before KILL (default 10s)

As for tinit itself: -c -g -r -e --grace --stop-delay --stop-signal -u -C --umask
--env --env-file --no-new-privileges --ignore --new-session -v -q. See tinit(1).
Exit codes: 0 it runs; 127 not found, 126 not executable, 125 an error of tinit's
own; with --wait, 124 not ready in time; 123 it runs, and could not be printed.
See tinit-run(1).
`

// A jobRequest is what tinit run was asked for, and what it takes to start the job again.
type jobRequest struct {
	*options
	flags   flags
	name    string
	restart keeper.Restart
	wait    bool
	timeout time.Duration
	pidFile string
	logs    keeper.Streams
}

const (
	usualStopAfter  = 10 * time.Second // as docker stop
	defaultLogSize  = 20 << 20         // as Docker's local driver
	defaultLogFiles = 5
)

// newJobRequest has the flags of tinit run, most of which are the init's.
func newJobRequest() *jobRequest {
	r := &jobRequest{options: own.defaults()}
	r.logs.MaxSize, r.logs.MaxFiles = defaultLogSize, defaultLogFiles
	inits := slices.DeleteFunc(r.options.flags(), func(f *flag) bool {
		return slices.Contains([]string{
			"parent-death", "subreaper", "warn-reaped", "pause", "services", "help", "version", "license",
		}, f.long)
	})
	r.flags = append(flags{
		{long: "name", short: "n", arg: true, set: r.setName},
		{long: "restart", arg: true, set: func(s string) (err error) { r.restart, err = keeper.ParseRestart(s); return err }},
		{long: "wait", set: to(&r.wait)},
		{long: "timeout", arg: true, set: duration(&r.timeout)},
		{long: "pidfile", arg: true, set: filled(&r.pidFile)},
		{long: "log-max-size", arg: true, set: r.setLogSize},
		{long: "log-max-files", arg: true, set: r.setLogFiles},
	}, inits...)
	return r
}

func (r *jobRequest) setName(name string) error {
	r.name = name
	return job.CheckName(name)
}

func (r *jobRequest) setLogSize(s string) error {
	r.logs.RotateNamed = true
	size, ok := service.ParseSize(s)
	if !ok {
		return fmt.Errorf("%q is no size such as 500k, 20m or 1g", s)
	}
	r.logs.MaxSize = size
	return nil
}

func (r *jobRequest) setLogFiles(s string) error {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("%q is no number of files", s)
	}
	r.logs.MaxFiles = int(n)
	return nil
}

// parse reads the flags and variables of the job, and what follows them.
func (r *jobRequest) parse(args, environ []string) (help bool, err error) {
	env := own.sort(environ)
	rest, help, err := parseCommand("run", r.flags, args)
	if err != nil || help {
		return help, err
	}
	if err := own.applyVariables(r.flags, env.own); err != nil {
		return false, err
	}
	if len(rest) == 0 {
		return false, hintedTo("run", errors.New("no PROGRAM given"))
	}
	if r.timeout > 0 && !r.wait {
		return false, hintedTo("run", errors.New("--timeout is for --wait"))
	}
	r.command.Name, r.command.Args, r.command.Env = rest[0], rest, env.rest
	return false, nil
}

// runJob is tinit run.
func runJob(args, environ []string) (code int, err error) {
	r := newJobRequest()
	help, err := r.parse(args, environ)
	if err != nil {
		return ownError(err)
	}
	if help {
		return printOut(runUsage)
	}
	dir, err := makeJobs()
	if err != nil {
		return ownError(err)
	}
	if err := r.completeEnvironment(environ); err != nil {
		return ownError(err)
	}
	// One that was removed has no name, and the kernel has it all the same: the job can be in it, as with nohup.
	wd, err := os.Getwd()
	if err != nil {
		wd, err = unix.Getwd() // which need not be allowed to look into it
	}
	if file := r.relative(); err != nil && file != "" {
		return ownError(fmt.Errorf("cannot tell where %q is: the working directory was removed, or has no name (%w)", file, err))
	}
	folder, name, err := dir.Reserve(r.name, r.command.Name)
	if err != nil {
		return ownError(err)
	}
	record := job.Record{
		Name: name, Program: r.command.Args, Dir: wd,
		// What --env says is not kept: see job.Record.
		Flags: seenFrom(wd, r.flags.words("name", "env")),
	}
	return r.startKeeper(dir, folder, record, ".")
}

// relative is a file that would be looked for in the working directory by another process, if there is one.
func (r *jobRequest) relative() string {
	for _, file := range slices.Concat([]string{r.pidFile}, r.process.streams[:], r.process.envFiles) {
		if file != "" && !filepath.IsAbs(file) {
			return file
		}
	}
	return ""
}

// seenFrom has files named in full that the keeper does not open, as it does the others from the job's directory: tinit start does,
// and it may be anywhere.
func seenFrom(dir string, words []string) []string {
	const flag = "--env-file="
	for i, word := range words {
		if file, ok := strings.CutPrefix(word, flag); ok {
			words[i] = flag + within(dir, file)
		}
	}
	return words
}

// completeEnvironment is for what flags and the caller say of PROGRAM's environment, which goes to the keeper as its own.
func (r *jobRequest) completeEnvironment(environ []string) error {
	p := r.process
	p.streams = [3]string{} // the keeper's to open
	return p.prepare(&r.command, environ)
}

// startKeeper starts a job's keeper in a directory, and says what became of the job.
func (r *jobRequest) startKeeper(dir *job.Dir, folder *job.Folder, record job.Record, in string) (code int, err error) {
	defer folder.Close()
	var said string
	if err = folder.Ask(record); err != nil {
		code = session.CodeOwnError
	} else {
		said, code, err = daemonize(folder, record, in, r.command.Env)
	}
	if err != nil {
		if daemon, ok := errors.AsType[*session.DaemonError](err); ok && daemon.Silent {
			return ownError(r.keeperKilled(dir, folder, record, err))
		}
		dir.Discard(folder)
		return code, err
	}
	if r.level > quiet {
		warnOfLogout(dir.Path)
		if err := tellStarted(said); err != nil {
			return codeUntold, err
		}
	}
	return 0, nil
}

// codeUntold is for a job that runs, which its line could not say. Every other code but 0 says that it does not: whoever tries again
// then would have a second one.
const codeUntold = 123

// An untold says what was done with a job, after its line did not.
type untold struct {
	done string
	err  error
}

func (e *untold) Error() string {
	return fmt.Sprintf("%s, but that could not be printed: %v", e.done, e.err)
}

func (e *untold) Unwrap() error { return e.err }

// tell prints the line of a job with which something is done by now. That nobody reads it is said too, and not died of.
func tell(line, done string) error {
	if err := writeLast(unix.Stdout, line+"\n"); err != nil {
		return &untold{done, err}
	}
	return nil
}

// tellStarted tells of a job as its keeper names it.
func tellStarted(said string) error { return tell(said, said+" was started") }

// stopAfter is how long a stop waits before KILL if nothing else is asked for. That --kill-after is 0 means never.
func (r *jobRequest) stopAfter() time.Duration {
	const never = 1 << 62
	switch given := r.flags.find(func(f *flag) bool { return f.long == "kill-after" }).given; {
	case !given:
		return usualStopAfter
	case r.cfg.KillAfter == 0:
		return never
	}
	return r.cfg.KillAfter
}
