package main

import (
	"maps"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/session"
)

var own = &personality{
	names:   []string{"tinit"},
	heedsOf: []string{"tini", "dumb-init"},
	usage:   usage,
	version: func(v, commit string) string { return "tinit version " + v + " - git." + commit + "\n" },
	helpTo:  unix.Stdout, versionTo: unix.Stdout,
	codes: codes{
		own: session.CodeOwnError, notFound: session.CodeNotFound, denied: session.CodeNotExecutable, failed: session.CodeNotExecutable,
	},
	usual: func(o *options) {
		o.level = normal
		o.leads, o.subreaper, o.unblocks = true, true, true
		o.cfg.Leave = false
	},
}

// docker-init is what Docker calls its copy of tini.
var tini = &personality{
	names:  []string{"tini", "tini-static", "docker-init"},
	syntax: syntax{permute: true},
	flags: []alias{
		{"", "h", "help"}, {"", "s", "subreaper"}, {"", "p", "parent-death"}, {"", "v", "verbose"},
		{"", "w", "warn-reaped"}, {"", "g", "group"}, {"", "e", "success-code"}, {"", "l", "license"},
	},
	alone:   "--version",
	heedsOf: []string{"tini"}, passesOn: true,
	usage: `Usage: tini [flags] [--] PROGRAM [ARG...]
       tini --version

tinit, as tini: be PROGRAM's init, signal PROGRAM alone, leave when it ends.

  -s       reap orphans too when not process 1 (TINI_SUBREAPER)
  -p SIG   get SIG when the parent ends, and forward it
  -v       say what it does (TINI_VERBOSITY=2)
  -w       say when an orphan is reaped
  -g       signal PROGRAM's process group (TINI_KILL_PROCESS_GROUP)
  -e N     report exit code N as 0 (repeatable)
  -l       print the licence
  -h       print this

TINIT_GRACE=DURATION has it end what PROGRAM leaves behind. See tinit(1).
`,
	version: dockersVersion,
	helpTo:  unix.Stdout, versionTo: unix.Stdout,
	codes: codes{own: 1, notFound: 127, denied: 126, failed: 1},
	usual: func(o *options) {
		o.level = warnings
		o.cfg.SingleChild = true
		o.cfg.Rewrite = forwarder.Rewrite{syscall.SIGTTIN: 0, syscall.SIGTTOU: 0}
	},
}

var dumbInit = &personality{
	names:  []string{"dumb-init"},
	syntax: syntax{abbreviate: true},
	flags: []alias{
		{"help", "h", "help"}, {"verbose", "v", "verbose"}, {"version", "V", "version"},
		{"single-child", "c", "single-child"}, {"rewrite", "r", "rewrite"},
	},
	heedsOf: []string{"dumb-init"}, passesOn: true,
	usage: `Usage: dumb-init [flags] [--] PROGRAM [ARG...]

tinit, as dumb-init: be PROGRAM's init, with PROGRAM in a session of its own,
whose process group gets the signals, and leave when PROGRAM ends.

  -c, --single-child   signal PROGRAM alone, in this session (DUMB_INIT_SETSID=0)
  -r, --rewrite S:R    send signal R in place of S; R 0 drops it (repeatable)
  -v, --verbose        say what it does (DUMB_INIT_DEBUG=1)
  -h, --help           print this
  -V, --version        print the version

TINIT_GRACE=DURATION has it end what PROGRAM leaves behind. See tinit(1).
`,
	version: func(v, _ string) string { return "dumb-init v" + v + "_tinit\n" },
	helpTo:  unix.Stderr, versionTo: unix.Stderr,
	codes: codes{own: 1, notFound: 2, denied: 2, failed: 2},
	usual: func(o *options) {
		o.level = quiet
		o.unblocks, o.forgets, o.detaches, o.toRoot = true, true, true, true
		o.command.Place = session.NewSession
		o.cfg.Farewell = syscall.SIGTERM
		o.cfg.StopAlong = true
	},
	settle: func(o *options) {
		if o.cfg.SingleChild {
			o.detaches = false
			o.command.Place = session.SameGroup
			return
		}
		// In its session PROGRAM's group is orphaned, so these would not stop it.
		stops := forwarder.Rewrite{syscall.SIGTSTP: syscall.SIGSTOP, syscall.SIGTTIN: syscall.SIGSTOP, syscall.SIGTTOU: syscall.SIGSTOP}
		maps.Copy(stops, o.cfg.Rewrite)
		o.cfg.Rewrite = stops
	},
}

// podman-init is what podman calls its copy of catatonit.
var catatonit = &personality{
	names:  []string{"catatonit", "podman-init"},
	syntax: syntax{permute: true, abbreviate: true},
	flags: []alias{
		{"", "g", "group"}, {"", "h", "help"}, {"", "L", "license"}, {"", "P", "pause"}, {"version", "V", "version"},
	},
	heedsOf: []string{"catatonit"}, passesOn: true,
	usage: `Usage: catatonit [flags] [--] PROGRAM [ARG...]
       catatonit -P

tinit, as catatonit: be PROGRAM's init, signal PROGRAM alone, leave when it ends.

  -g              signal PROGRAM's process group
  -P              no PROGRAM: reap until TERM or INT, leave with 0
  -h              print this
  -L              print the licence
  -V, --version   print the version

CATATONIT_DEBUG has it say what it does, TINIT_GRACE=DURATION has it end what
PROGRAM leaves behind. See tinit(1).
`,
	version: dockersVersion,
	helpTo:  unix.Stderr, versionTo: unix.Stdout,
	codes: codes{own: 1, notFound: 1, denied: 1, failed: 1},
	usual: func(o *options) {
		o.level = quiet
		o.subreaper, o.toRoot, o.closes = true, true, true
		o.cfg.SingleChild, o.keyStops = true, true
		o.cfg.Rewrite = forwarder.Rewrite{syscall.SIGTTIN: 0, syscall.SIGTTOU: 0}
	},
}

// dockersVersion is the line that Docker reads from its docker-init: it has to begin with "tini version ", and what follows
// " - git." is the commit (parseInitVersion in moby's daemon/info_unix.go).
func dockersVersion(v, commit string) string {
	return "tini version " + v + "_tinit - git." + commit + "\n"
}

// defaultGrace is for whoever sweeps.
const defaultGrace = time.Second
