package main

import (
	"cmp"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/job"
	"github.com/tinit-dev/tinit/internal/keeper"
	"github.com/tinit-dev/tinit/internal/service"
	"github.com/tinit-dev/tinit/reaper"
	"github.com/tinit-dev/tinit/session"
)

// servicesKeeper is argv[0] of the keeper of services, which the init starts in PROGRAM's place.
const servicesKeeper = "tinit-services"

// keepServices has the init start a keeper of services in PROGRAM's place. What flags say of how PROGRAM is started and stopped is
// the keeper's; what they say of signals on their way to it stays the init's.
func (o *options) keepServices() {
	args := slices.Concat([]string{servicesKeeper, o.services}, o.kept, []string{"--"}, o.command.Args)
	o.command = session.Command{Name: session.Self(), Args: args, Env: o.command.Env}
	o.process = process{}
	o.cfg.Called, o.cfg.SingleChild, o.cfg.KillAfter = servicesKeeper, true, 0
}

// keepsServices is the keeper of services: its arguments are those of keepServices.
func keepsServices(argv, environ []string) (code int, err error) {
	signals, err := forwarder.Receive(unix.SIGCHLD)
	if err != nil {
		return session.CodeOwnError, err
	}
	if len(argv) < 2 {
		return session.CodeOwnError, errors.New("is started by tinit --services only")
	}
	o := own.defaults()
	program, _, err := o.flags().parse(argv[2:], syntax{})
	if err != nil {
		return session.CodeOwnError, err
	}
	file, warnings, err := service.Read(argv[1], os.LookupEnv, program)
	if err != nil {
		return session.CodeOwnError, lastOf(err)
	}
	say := newMessages(&stderr, unix.Stderr, o.level, 0)
	defer say.flush()
	settleThreads(keeperThreads + 2*len(file.Services))
	o.cfg.Warn, o.cfg.Tell, o.cfg.Note, o.cfg.Verbose = say.warn, say.tell, say.note, o.level == verbose
	for _, w := range warnings {
		say.warn("%v", w)
	}
	o.overrule(file, environ)
	held, err := session.HoldInherited()
	if err != nil {
		say.warn("services have descriptors that are PROGRAM's: %v", err)
	}
	o.inherit(signals, say)
	if err := reaper.Subreaper(); err != nil {
		say.warn("orphans go to another process: %v", err)
	}
	cfg := keeper.ServicesConfig{
		Services: file.Services, Supervisor: o.cfg, Environ: environ, LogDir: cmp.Or(os.Getenv("TINIT_LOG_DIR"), "/var/log/tinit"), Socket: servicesSocket(say),
	}
	if len(program) > 0 {
		o.command.Name, o.command.Args, o.command.Env = program[0], program, environ
		o.command.Inherited, o.command.PIDVariables = held, meantForInit(environ)
		if err := o.prepare(environ, signals); err != nil {
			return own.codes.of(err), err
		}
		cfg.Command, cfg.Terminal = o.command, session.ControllingTerminal()
	}
	s, err := keeper.StartServices(cfg, signals)
	if err != nil {
		return session.CodeOwnError, err
	}
	o.takeIgnored(signals, say)
	return s.Run(), nil
}

// meantForInit are the variables that name the init, which started this process, and are to name PROGRAM.
func meantForInit(environ []string) (variables []string) {
	for _, kv := range environ {
		if name, value, _ := strings.Cut(kv, "="); isFor(name, value, os.Getppid()) {
			variables = append(variables, name)
		}
	}
	return variables
}

// lastOf says all that is wrong with a file but the last, which is for the caller to say: each is a line.
func lastOf(err error) error {
	all, ok := errors.AsType[service.Errors](err)
	if !ok {
		return err
	}
	for _, finding := range all[:len(all)-1] {
		complain(errors.New(finding.String()))
	}
	return errors.New(all[len(all)-1].String())
}

// overrule: what flags say of PROGRAM prevails.
func (o *options) overrule(file *service.File, environ []string) {
	p := file.Find(service.ProgramName)
	if p == nil {
		return
	}
	if o.cfg.KillAfter > 0 {
		p.StopGrace = o.cfg.KillAfter
	}
	for _, given := range o.process.env {
		if kv, ok := withValue(given, environ); ok {
			given = kv
		}
		p.Env = append(p.Env, given)
	}
}

// servicesSocket makes the place for the socket. All but the commands works without.
func servicesSocket(say *messages) string {
	path := servicesDir()
	if path == "" {
		say.note("no socket: there is no place that is this user's alone (TINIT_STATE_DIR can name one)")
		return ""
	}
	dir, err := job.Make(path)
	if err != nil {
		say.note("no socket: %v", err)
		return ""
	}
	dir.Close()
	if _, err := askServices(time.Second, keeper.DoHealthy); err == nil || !errors.Is(err, errNoServices) {
		say.note("no socket: %s has that of another keeper of services (TINIT_STATE_DIR can name another place)", path)
		return ""
	}
	return path + "/" + job.SocketName
}
