// Package keeper is the process that looks after a program in the background: it turns the same loop as the init, and has what an
// init must not have, since it can block or fail: streams that go to files, restarts, a record on disk, a socket.
//
// There is one keeper for each job, as there is a shim for each container in containerd, and no daemon above them.
package keeper

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/control"
	"github.com/tinit-dev/tinit/internal/job"
	"github.com/tinit-dev/tinit/internal/proc"
	"github.com/tinit-dev/tinit/internal/supervisor"
	"github.com/tinit-dev/tinit/session"
)

// A Config says what is to be kept, and how.
type Config struct {
	Supervisor supervisor.Config
	Command    session.Command // its Streams are the keeper's to set
	Folder     *job.Folder
	Record     job.Record
	Report     func(code int) int // what the program's exit code is told as
	Restart    Restart
	Streams    Streams
	PIDFile    string        // empty: none
	Await      bool          // the start is reported when the program says READY=1 (sd_notify(3))
	Timeout    time.Duration // until then, 0 for ever
	StopAfter  time.Duration // between a stop and KILL, if whoever asks for it does not say
	Flush      func()        // has all that Supervisor's functions were told written to standard error; they are not called any more
}

// A Keeper keeps one program. What it knows belongs to the goroutine in Run, and to what [supervisor.Supervisor.Do] calls.
type Keeper struct {
	cfg        Config
	supervisor *supervisor.Supervisor
	streams    *streams
	pidFile    *pidFile
	record     job.Record
	report     func(text string, err error) // to whoever asked for the start; nil when that was done
	settle     func(time.Duration)          // has who asked for something hear of it
	over       chan struct{}                // closed when nothing can be asked any more
	restart    func(text string, err error) // who asked for one, nil if nobody did
	unready    error                        // why the start is a failure, though the program did start
}

// Start starts the program. report tells whoever asked for it, once, of the job or why there is none; with [Config.Await] that
// will be later. The error is report's. If there is one nothing was started.
func Start(cfg Config, signals *forwarder.Receiver, report func(text string, err error)) (*Keeper, error) {
	k := &Keeper{cfg: cfg, record: cfg.Record, report: report, over: make(chan struct{})}
	if err := k.start(signals); err != nil {
		k.leave()
		report("", err)
		return nil, err
	}
	if !cfg.Await {
		k.told(nil)
	}
	return k, nil
}

func (k *Keeper) start(signals *forwarder.Receiver) (err error) {
	if err := k.introduce(); err != nil {
		return err
	}
	k.cfg.Supervisor.Reaping = supervisor.TinitWaits // the kernel's tells nothing of CPU time and memory
	k.cfg.Supervisor.Ended = k.programEnded
	if k.supervisor, err = supervisor.New(k.cfg.Supervisor, signals, nil); err != nil {
		return err
	}
	if k.streams, err = openStreams(k.cfg.Streams, k.cfg.Folder, k.cfg.Command.User); err != nil {
		return err
	}
	// What there is to say is said where the program's own complaints go, as an init's is.
	if err := unix.Dup3(int(k.streams.err.Fd()), unix.Stderr, 0); err != nil {
		return os.NewSyscallError("dup3", err)
	}
	k.record.Output, k.record.Errors = k.streams.files[0], k.streams.files[1]
	if k.pidFile, err = openPIDFile(k.cfg.PIDFile); err != nil {
		return err
	}
	k.setVariable(job.MarkName, k.record.ID)
	if k.cfg.Await {
		if err := k.awaitReadiness(); err != nil {
			return err
		}
	}
	// A disk on which there is no room for the record is found out before there is something to be recorded.
	if err := k.cfg.Folder.KeepRoom(k.record); err != nil {
		return err
	}
	answer := func(words []string, _ func() <-chan struct{}) (string, error) { return k.answer(words) }
	if k.settle, err = control.Serve(k.cfg.Folder.Path+"/"+job.SocketName, answer); err != nil {
		return err
	}
	return k.startRecorded()
}

// startRecorded starts the program, with a record already by which it can be found if this process is killed before it can tell of
// it. If there is no program to be had the record is that of the last time.
func (k *Keeper) startRecorded() error {
	folder := k.cfg.Folder
	before, err := folder.Read()
	if err != nil {
		return err
	}
	if err := folder.Write(k.record); err != nil {
		return err
	}
	if err = folder.KeepRoom(k.record); err == nil {
		err = k.startProgram()
	}
	if err != nil {
		_ = folder.Write(before)
	}
	return err
}

// setVariable sets a variable of the program's. One of that name that the caller had, as within another job, would be what
// getenv(3) finds.
func (k *Keeper) setVariable(name, value string) {
	k.cfg.Command.Env = changed(k.cfg.Command.Env, []string{name + "=" + value})
}

// introduce has the record say who this is.
func (k *Keeper) introduce() (err error) {
	k.record.Boot, k.record.Namespace, err = job.Here()
	if err != nil {
		return err
	}
	self, err := proc.Read(unix.Getpid())
	k.record.Keeper = job.Process{PID: self.PID, Start: self.Start}
	return err
}

func (k *Keeper) startProgram() error {
	c := k.cfg.Command
	stdin, err := k.streams.input()
	if err != nil {
		return err
	}
	defer stdin.Close() //nolint:errcheck // nothing was written
	c.Streams = [3]*os.File{stdin, k.streams.out, k.streams.err}
	if err := k.supervisor.Start(c); err != nil {
		return err
	}
	// It has not been reaped, dead or alive, so /proc has it.
	p, err := proc.Read(k.supervisor.PID())
	if err != nil {
		k.cfg.Supervisor.Warn("cannot look at process %d: %v", k.supervisor.PID(), err)
	}
	k.record.Main = job.Process{PID: k.supervisor.PID(), Start: p.Start}
	k.record.State, k.record.Started = job.Running, time.Now()
	k.record.Ready, k.record.Status = false, ""
	k.write()
	if err := k.pidFile.write(k.record.Main.PID); err != nil {
		k.cfg.Supervisor.Warn("%v", err)
	}
	return nil
}

// Run keeps the program until its end, which with a restart policy is not its first, and returns its last exit code.
func (k *Keeper) Run() (code int) {
	lives := lives{policy: k.cfg.Restart}
	code = k.live()
	for k.livesOn(&lives, code) {
		code = k.liveAgain()
	}
	k.finish(code)
	return code
}

func (k *Keeper) live() (code int) {
	code = k.supervisor.Run()
	k.ended(code, k.supervisor.Status())
	return code
}

// programEnded writes down at once how: what it left behind takes its time, and the keeper may be killed meanwhile.
func (k *Keeper) programEnded() {
	k.record.State = job.Ending
	k.ended(k.supervisor.Code(), k.supervisor.Status())
	k.write()
}

// livesOn reports whether the program is to be started again, after the pause that there has to be.
func (k *Keeper) livesOn(l *lives, code int) bool {
	if k.restart != nil {
		l.reset()
		return true
	}
	pause, again := l.next(k.cfg.Report(code) == 0, k.supervisor.Stopping(), time.Since(k.record.Started))
	if !again || k.unready != nil {
		return false
	}
	k.record.State = job.Pausing
	k.write()
	k.supervisor.Rest(pause)
	return k.restart != nil || !k.supervisor.Stopping()
}

func (k *Keeper) liveAgain() (code int) {
	asked := k.restart
	if k.restart = nil; asked == nil {
		k.record.Restarts++
	}
	err := k.startProgram()
	if asked != nil {
		asked(k.brief(), err)
	}
	if err != nil {
		k.cfg.Supervisor.Warn("%v", err)
		k.record.Started = time.Now()
		k.ended(codeOf(err), 0)
		return codeOf(err)
	}
	return k.live()
}

// codeOf is the exit code for a program that was not started.
func codeOf(err error) int {
	if e, ok := errors.AsType[*session.Error](err); ok {
		return e.ExitCode()
	}
	return session.CodeOwnError
}

// ended takes down how the program ended, which need not be the job's end.
func (k *Keeper) ended(code int, status syscall.WaitStatus) {
	var used unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_CHILDREN, &used) // of all that were reaped here, orphans too
	exit := job.Exit{
		Time: time.Now(), Code: k.cfg.Report(code),
		CPU:    time.Duration(used.Utime.Nano() + used.Stime.Nano()),
		Memory: fromKiB(used.Maxrss),
	}
	if status.Signaled() {
		exit.Signal = forwarder.SignalName(status.Signal())
	}
	k.record.Exit = &exit
}

// finish is the job's end.
func (k *Keeper) finish(code int) {
	close(k.over)
	k.cfg.Flush()
	k.streams.drain()
	k.record.State, k.record.Trouble = job.Ended, k.streams.trouble()
	// It was tried to have room for it. Nobody is left to be told if there is none all the same: the job will look lost.
	_ = k.cfg.Folder.Write(k.record)
	if k.report != nil { // it was to be ready first
		if k.unready == nil {
			k.unready = &Unready{max(code, 1), fmt.Sprintf("%s ended with %d before it was ready", k.record.Name, code)}
		}
		k.told(k.unready)
	}
	k.settle(time.Second)
	k.leave()
}

// leave gives up what others may see of this keeper, but for the record.
func (k *Keeper) leave() {
	k.pidFile.remove()
	k.cfg.Folder.RemoveSocket()
	if k.streams != nil {
		k.streams.close()
	}
}

// told tells whoever asked for the start what became of it.
func (k *Keeper) told(err error) {
	if k.report != nil {
		k.report(k.brief(), err)
		k.report = nil
	}
}

func (k *Keeper) brief() string {
	return job.Job{Number: k.cfg.Folder.Number, Record: k.record}.Brief()
}

// write: once the program runs no error ends it.
func (k *Keeper) write() {
	if err := k.cfg.Folder.Write(k.record); err != nil {
		k.cfg.Supervisor.Warn("%v", err)
	}
	_ = k.cfg.Folder.KeepRoom(k.record) // there may be some again when it is needed
}

// fromKiB: how wide a field of struct rusage is depends on the architecture.
func fromKiB[T int32 | int64](n T) int64 { return int64(n) << 10 }
