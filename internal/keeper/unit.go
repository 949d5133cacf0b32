package keeper

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/job"
	"github.com/tinit-dev/tinit/internal/service"
	"github.com/tinit-dev/tinit/internal/supervisor"
	"github.com/tinit-dev/tinit/session"
)

// A unit is one service.
type unit struct {
	service.Service
	all        *Services
	supervisor *supervisor.Supervisor
	command    session.Command
	output     *output
	id         string

	state      unitState
	lives      lives
	started    time.Time // when it last was to; zero: never
	ran        bool      // its program has run
	restarts   int
	exit       *exit
	manual     bool           // somebody asked for its stop, or for its start after that, which has not succeeded yet
	again      bool           // it was the start
	ends       *outcome       // of the stop; nil if nobody waits
	begins     *outcome       // of the start
	stopSignal syscall.Signal // in place of the service's
	readiness
	health health
	rests  func() // stops the pause before the next start
}

type unitState string

const (
	waiting  unitState = "waiting" // for those that it depends on
	running  unitState = "running"
	pausing  unitState = "restarting"
	stopping unitState = "stopping"
	ended    unitState = "ended"
)

// An exit is how a service's program ended last.
type exit struct {
	code   int
	signal string
}

func (e *exit) String() string {
	if e.signal != "" {
		return "signal " + e.signal
	}
	return "exit code " + strconv.Itoa(e.code)
}

func (s *Services) add(spec service.Service) (*unit, error) {
	id, err := job.NewID()
	if err != nil {
		return nil, err
	}
	u := &unit{Service: spec, all: s, id: id, state: waiting, stopSignal: spec.StopSignal}
	u.lives.policy = Restart(spec.Restart)
	mark := job.MarkName + "=" + id
	cfg, terminal := s.cfg.Supervisor, s.cfg.Terminal
	u.command = s.cfg.Command
	if spec.Name != service.ProgramName {
		terminal = nil
		cfg = supervisor.Config{
			// The main process alone: many servers lose work if their own ones are told to end by somebody else. What is left is
			// told when it has ended.
			SingleChild: true,
			Grace:       cfg.Grace, Verbose: cfg.Verbose, Warn: cfg.Warn, Tell: cfg.Tell, Note: cfg.Note,
		}
		u.command = session.Command{Name: spec.Args[0], Args: spec.Args, Env: changed(s.cfg.Environ, passed), Place: session.NewSession}
	}
	if err := s.complete(&u.command, spec); err != nil {
		return nil, err
	}
	if spec.Name != service.ProgramName || spec.Logging.Driver != service.Own {
		if u.output, err = s.outputs.open(spec, u.command.User); err != nil {
			return nil, err
		}
		u.command.Streams = [3]*os.File{s.outputs.null, u.output.out, u.output.err}
	}
	cfg.Called = spec.Name
	u.command.PIDVariables = slices.DeleteFunc(slices.Clone(u.command.PIDVariables), func(variable string) bool {
		return slices.ContainsFunc(spec.Env, func(change string) bool { return variableOf(change) == variable })
	})
	// Last, and in place of what this process may have of that name, as within a job: getenv(3) finds the first.
	u.command.Env = changed(changed(u.command.Env, spec.Env), []string{mark})
	if spec.Notify {
		socket, err := listenForReadiness(id, u.command.User, func(said string) {
			s.group.Do(func() {
				u.hear(said)
				s.advance()
			})
		})
		if err != nil {
			return nil, err
		}
		u.command.Env = changed(u.command.Env, []string{"NOTIFY_SOCKET=" + socket})
	}
	u.supervisor = s.group.Add(cfg, terminal, mark, u.gone)
	return u, nil
}

// complete adds to c what the file says. Of PROGRAM the flags have said more, and they prevail.
func (s *Services) complete(c *session.Command, spec service.Service) (err error) {
	if c.Dir == "" {
		c.Dir = spec.Dir
	}
	if spec.User == "" || c.User != nil {
		return nil
	}
	if c.User, err = session.LookupUser(spec.User); err == nil {
		c.Env = c.User.Environ(c.Env)
	}
	return err
}

// passed are variables that are about what was passed to tinit, sockets (sd_listen_fds(3)), a watchdog (sd_watchdog_enabled(3)) and
// who is to hear of readiness (sd_notify(3)): these are PROGRAM's, as the descriptors are. A service that has the number that they
// name would take others for them, and one that is ready would say so for all.
var passed = []string{"LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID", "WATCHDOG_USEC", "NOTIFY_SOCKET"}

// changed is env with changes: K=V sets K, K alone takes it out.
func changed(env, changes []string) []string {
	env = slices.Clone(env)
	for _, change := range changes {
		name := variableOf(change)
		env = slices.DeleteFunc(env, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
		if name != change {
			env = append(env, change)
		}
	}
	return env
}

func variableOf(change string) string {
	name, _, _ := strings.Cut(change, "=")
	return name
}

func (u *unit) start() {
	u.state = running
	u.started, u.readiness = time.Now(), readiness{}
	if err := u.supervisor.Start(u.command); err != nil {
		u.all.cfg.Supervisor.Warn("%s: %v", u.Name, err)
		tell(&u.begins, fmt.Errorf("%s: %w", u.Name, err))
		u.over(exit{code: codeOf(err)})
		return
	}
	u.ran, u.manual = true, false
	tell(&u.begins, nil)
	u.watchHealth()
	if u == u.all.program {
		u.all.programRuns()
	}
	u.all.advance() // some wait for no more
}

// stop has the service end, as its file says.
func (u *unit) stop() {
	u.state = stopping
	u.supervisor.StopBy(u.stopSignal, u.StopGrace)
}

// gone: the program, and what it left behind, have ended.
func (u *unit) gone() {
	status := u.supervisor.Status()
	e := exit{code: status.ExitStatus()}
	if status.Signaled() {
		e.code, e.signal = 128+int(status.Signal()), forwarder.SignalName(status.Signal())
	}
	u.over(e)
	if u.state == pausing && e.code != 0 && e.signal == "" { // that a signal killed it has been said
		u.all.cfg.Supervisor.Tell("%s has failed (%s), and is started again", u.Name, u.exit)
	}
}

// over: a life of the service has ended so.
func (u *unit) over(e exit) {
	u.exit = &e
	u.health.stop()
	asked := u.all.ending || u.manual
	pause, again := u.lives.next(e.code == 0, asked, time.Since(u.started))
	if again {
		u.state = pausing
		u.rests = u.all.group.After(pause, func() {
			u.restarts++
			u.start()
		})
	} else {
		u.settle()
		u.all.hasEnded(u)
	}
	u.all.advance()
}

// rest ends the pause before the next start, if there is one.
func (u *unit) rest() {
	if u.rests != nil {
		u.rests()
		u.rests = nil
	}
}

// code is that of its last end. What never ran has not succeeded.
func (u *unit) code() int {
	if u.exit == nil {
		return 1
	}
	return u.exit.code
}
