package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/control"
	"github.com/tinit-dev/tinit/internal/job"
	"github.com/tinit-dev/tinit/internal/keeper"
	"github.com/tinit-dev/tinit/session"
)

const stopUsage = `Usage: tinit stop [-t DURATION] [JOB...]

End jobs (the current one if none is named), whole trees of processes: send PROGRAM
its stop signal, and KILL when DURATION is over. Return when they have ended.

  -t, --timeout DURATION  until KILL (default what tinit run was told, or 10s)

JOB: 1 or %1, %% (the current one), %- (the one before), or its name; in a container
with services, the name of one of these. See tinit-jobs(1).
`

const killUsage = `Usage: tinit kill [-s SIGNAL] [JOB...]

Send jobs (the current one if none is named) a signal. It is a stop signal, or KILL,
that keeps a job from being started again by its restart policy.

  -s, --signal SIGNAL  by name or number (default TERM)

JOB: 1 or %1, %% (the current one), %- (the one before), or its name; in a container
with services, the name of one of these. See tinit-jobs(1).
`

// stopJobs is tinit stop.
func stopJobs(args, _ []string) (code int, err error) {
	timeout := time.Duration(-1)
	rest, help, err := parseCommand("stop", flags{
		{long: "timeout", short: "t", arg: true, set: duration(&timeout)},
	}, args)
	if err != nil {
		return ownError(err)
	}
	if help {
		return printOut(stopUsage)
	}
	var ends []func() error
	code = eachNamed(rest, func(name string) error {
		_, err := askServices(0, keeper.DoStop, timeoutWord(timeout), name)
		return err
	}, func(_ *job.Dir, j job.Job) error {
		end, err := beginStop(j, timeout)
		ends = append(ends, end)
		return err
	})
	return max(code, finish(ends)), nil
}

// each does something with every one, whatever becomes of the others, and says at once what has failed: with the next one it may take
// its time. The code is the highest of theirs.
func each[T any](all []T, do func(T) error) (code int) {
	for _, one := range all {
		if err := do(one); err != nil {
			complain(err)
			code = max(code, failedWith(err))
		}
	}
	return code
}

// finish does the rest of what was begun for several, each in its turn.
func finish(ends []func() error) (code int) {
	return each(ends, func(end func() error) error { return end() })
}

// An unfound says why a word names no job.
type unfound struct{ error }

// failedWith is the exit code for what could not be done to one of several: for a program that could not be started, that of tinit
// run.
func failedWith(err error) int {
	if daemon, ok := errors.AsType[*session.DaemonError](err); ok {
		return daemon.ExitCode()
	}
	if _, ok := errors.AsType[*unfound](err); ok {
		return session.CodeOwnError
	}
	if _, ok := errors.AsType[*untold](err); ok {
		return codeUntold
	}
	return 1
}

// stopJob returns when the job has ended. A timeout below 0 is the job's own.
func stopJob(j job.Job, timeout time.Duration) error {
	end, err := beginStop(j, timeout)
	if err != nil {
		return err
	}
	return end()
}

// beginStop is the beginning of stopJob, which takes no time, and returns the rest, so that several jobs have their time at once. It
// holds nothing meanwhile. (A goroutine for each would take a thread for each, and what is to be stopped may have left none.)
func beginStop(j job.Job, timeout time.Duration) (end func() error, err error) {
	end = func() error { return nil }
	switch j.Now() {
	case job.Ended:
		return end, nil
	case job.Lost:
		return func() error { return endLost(j, timeout) }, nil
	case job.Away, job.Starting:
		_, err := ask(j, keeper.DoStop)
		return end, err
	}
	if j.Keeper.Stopped() {
		if err := continueKeeper(j); err != nil {
			return end, err
		}
	}
	_, reason := ask(j, keeper.DoStop, timeoutWord(timeout))
	return func() error {
		running, err := j.Keeper.Open()
		if err != nil {
			return endedMeanwhile(j, err)
		}
		defer running.Close() //nolint:errcheck // nothing was written
		if reason != nil {
			return stopUnasked(j, running, timeout, reason)
		}
		awaitEnd(running)
		return nil
	}, nil
}

// continueKeeper is for a keeper that was stopped, as its program is if that was: so that it can end.
func continueKeeper(j job.Job) error {
	running, err := j.Keeper.Open()
	if err != nil {
		return endedMeanwhile(j, err)
	}
	defer running.Close() //nolint:errcheck // nothing was written
	_ = unix.PidfdSendSignal(int(running.Fd()), unix.SIGCONT, nil, 0)
	waitFor(func() bool { return !j.Keeper.Stopped() }, time.Second)
	return nil
}

// stopUnasked is for a keeper that does not answer, as when its socket was removed. It takes TERM from anybody, as an init does.
func stopUnasked(j job.Job, running *os.File, timeout time.Duration, reason error) error {
	if unix.PidfdSendSignal(int(running.Fd()), unix.SIGTERM, nil, 0) == unix.ESRCH {
		return nil
	}
	if timeout < 0 {
		timeout = usualStopAfter
	}
	ended := func() bool {
		return unix.PidfdSendSignal(int(running.Fd()), 0, nil, 0) == unix.ESRCH || !j.Keeper.Alive()
	}
	if waitFor(ended, timeout+time.Second) {
		return nil
	}
	return fmt.Errorf("%w, and TERM has not ended it after %v (process %d)", reason, timeout, j.Keeper.PID)
}

// endedMeanwhile: its keeper was there a moment ago.
func endedMeanwhile(j job.Job, err error) error {
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return fmt.Errorf("job %q: %w", j.Name, err)
}

// endLost ends what is left of a job that has no keeper any more.
func endLost(j job.Job, timeout time.Duration) error {
	if timeout < 0 {
		timeout = usualStopAfter
	}
	if j.EndLeft(unix.SIGTERM, unix.SIGCONT) == 0 {
		return nil
	}
	none := func() bool { return len(j.Left()) == 0 }
	if waitFor(none, timeout) {
		return nil
	}
	const killWait = time.Second
	if waitFor(func() bool { j.EndLeft(unix.SIGKILL); return none() }, killWait) {
		return nil
	}
	return fmt.Errorf("job %q: %d processes are left that KILL did not end", j.Name, len(j.Left()))
}

// waitFor looks now and then whether cond has come to hold. Whoever has no parent here tells nobody of its end.
func waitFor(cond func() bool, timeout time.Duration) bool {
	const every = 20 * time.Millisecond
	for end := time.Now().Add(timeout); !cond(); time.Sleep(every) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// ask asks a job's keeper. But for a restart, which may take its time, the reply comes at once.
func ask(j job.Job, words ...string) (string, error) {
	switch j.Now() {
	case job.Away:
		return "", elsewhere(j)
	case job.Starting:
		return "", fmt.Errorf("job %q is being started", j.Name)
	}
	const patience = 5 * time.Second
	within := patience
	if words[0] == keeper.DoRestart {
		within = 0
	}
	if j.Keeper.Stopped() {
		return "", fmt.Errorf("job %q: its keeper is stopped, and does not answer (kill -CONT %d)", j.Name, j.Keeper.PID)
	}
	text, err := control.Ask(j.Path(job.SocketName), within, words...)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "", fmt.Errorf("job %q: its keeper, process %d, does not answer", j.Name, j.Keeper.PID)
	case hungUp(err) && waitFor(func() bool { return !j.Keeper.Alive() }, time.Second):
		return "", fmt.Errorf("job %q: it has just ended", j.Name)
	case err != nil:
		return "", fmt.Errorf("job %q: %w", j.Name, err)
	}
	return text, nil
}

// hungUp reports whether the other end is gone, or the socket is.
func hungUp(err error) bool {
	return slices.ContainsFunc([]error{control.ErrNobody, fs.ErrNotExist, io.EOF, unix.ECONNRESET, unix.EPIPE},
		func(end error) bool { return errors.Is(err, end) })
}

func elsewhere(j job.Job) error {
	return fmt.Errorf("job %q runs in another PID namespace, and can be reached from there only", j.Name)
}

func timeoutWord(timeout time.Duration) string {
	if timeout < 0 {
		return "-"
	}
	return timeout.String()
}

// awaitEnd returns when the process of a pidfd has ended.
func awaitEnd(pidfd *os.File) {
	fds := []unix.PollFd{{Fd: int32(pidfd.Fd()), Events: unix.POLLIN}}
	for {
		if n, err := unix.Poll(fds, -1); n > 0 || err != unix.EINTR {
			return
		}
	}
}

// killJobs is tinit kill.
func killJobs(args, _ []string) (code int, err error) {
	sig := unix.SIGTERM
	rest, help, err := parseCommand("kill", flags{
		{long: "signal", short: "s", arg: true, set: func(s string) (err error) { sig, err = forwarder.ParseSignal(s); return err }},
	}, spelledOut(args))
	if err != nil {
		return ownError(err)
	}
	if help {
		return printOut(killUsage)
	}
	return eachNamed(rest, func(name string) error {
		_, err := askServices(answersSoon, keeper.DoKill, forwarder.SignalName(sig), name)
		return err
	}, func(_ *job.Dir, j job.Job) error { return killJob(j, sig) }), nil
}

func killJob(j job.Job, sig unix.Signal) error {
	switch j.Now() {
	case job.Ended:
		return fmt.Errorf("job %q has ended", j.Name)
	case job.Lost:
		if j.EndLeft(sig) == 0 {
			return fmt.Errorf("job %q was lost, and nothing is left of it", j.Name)
		}
		return nil
	}
	_, err := ask(j, keeper.DoKill, forwarder.SignalName(sig))
	return err
}

// spelledOut has a signal that is given as to kill(1), -9 or -HUP, be one that is given by -s.
func spelledOut(args []string) []string {
	if len(args) == 0 || !strings.HasPrefix(args[0], "-") {
		return args
	}
	if _, err := forwarder.ParseSignal(args[0][1:]); err != nil {
		return args
	}
	return append([]string{"-s", args[0][1:]}, args[1:]...)
}
