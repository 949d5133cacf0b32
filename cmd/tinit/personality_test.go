package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/session"
)

func TestCalled(t *testing.T) {
	for argv0, want := range map[string]*personality{
		"tinit": own, "": own, "init": own, "/": own, "tini2": own, "Tini": own, "/tini/": tini,
		"tini": tini, "/sbin/docker-init": tini, "./tini-static": tini, "dumb-init": dumbInit,
		"/catatonit": catatonit, "/run/podman-init": catatonit,
	} {
		assert.Same(t, want, called([]string{argv0}), argv0)
	}
	assert.Same(t, own, called(nil))
}

func TestAliases(t *testing.T) {
	for _, who := range []*personality{tini, dumbInit, catatonit} {
		o := &options{}
		all := o.flags()
		require.NotPanics(t, func() { who.itsFlags(all) }, "each is one of tinit's")
		letters := map[string]bool{}
		for _, a := range who.flags {
			assert.False(t, letters[a.short], "%s -%s", who.names[0], a.short)
			letters[a.short] = true
			assert.Contains(t, who.usage, "-"+a.short)
			assert.Contains(t, who.usage, a.long)
		}
	}
}

// The words of PROGRAM, with / between, that a line comes to; or the error.
func TestPeersSyntax(t *testing.T) {
	for line, want := range map[string]string{
		// getopt of tini and catatonit looks for flags among the program's, up to --.
		"tini prog -v -- -g x":         "prog/-g/x",
		"tini prog -- -- x":            "prog/--/x",
		"tini -- prog -v":              "prog/-v",
		"tini a -vg b -e 143 c":        "a/b/c",
		"tini -e143 -s -pSIGTERM prog": "prog",
		"tini - x":                     "-/x",
		"tini grep -E x":               `unknown flag "-E"`,
		"tini prog -e":                 "flag -e needs an argument",
		"tini":                         "no PROGRAM given (see tini -h)",
		"tini --":                      "no PROGRAM given",
		"tini --version prog":          `unknown flag "--version"`,
		"tini -s --help":               `unknown flag "--help"`,
		"tini -c prog":                 `unknown flag "-c"`,
		"tini --group prog":            `unknown flag "--group"`,
		"catatonit prog -g x":          "prog/x",
		"catatonit prog -P":            "takes no PROGRAM",
		"catatonit --group prog":       `unknown flag "--group"`,
		"catatonit -v prog":            `unknown flag "-v"`,
		// dumb-init's stops at the first word that is none.
		"dumb-init prog -v":            "prog/-v",
		"dumb-init -v prog -- -v":      "prog/--/-v",
		"dumb-init -cvr 15:3 prog":     "prog",
		"dumb-init --rew=15:3 prog":    "prog",
		"dumb-init --rew 15:3 prog":    "prog",
		"dumb-init --sing --verb prog": "prog",
		"dumb-init --ver prog":         "may be --verbose or --version",
		"dumb-init --verbose=1 prog":   "takes no argument",
		"dumb-init --= prog":           "unknown flag",
		"dumb-init -g prog":            `unknown flag "-g"`,
		"dumb-init -r":                 "flag -r needs an argument",
	} {
		o, err := parse(strings.Fields(line), nil)
		if err != nil {
			assert.ErrorContains(t, err, want, line)
			continue
		}
		assert.Equal(t, want, strings.Join(o.command.Args, "/"), line)
	}
	o, err := parse(strings.Fields("tini prog -v"), []string{"POSIXLY_CORRECT="})
	require.NoError(t, err)
	assert.Equal(t, []string{"prog", "-v"}, o.command.Args, "as getopt(3) has it")
}

func TestPeersDefaults(t *testing.T) {
	base := func() *options {
		o := &options{command: session.Command{Name: "prog", Args: []string{"prog"}, Env: []string{}}}
		o.cfg.StopSignals = forwarder.Of(unix.SIGTERM, unix.SIGINT, unix.SIGQUIT)
		o.cfg.Grace, o.cfg.Leave = time.Second, true
		return o
	}
	asTini := func(o *options) {
		o.level, o.cfg.SingleChild = warnings, true
		o.cfg.Rewrite = forwarder.Rewrite{unix.SIGTTIN: 0, unix.SIGTTOU: 0}
	}
	asDumbInit := func(o *options) {
		o.unblocks, o.forgets, o.detaches, o.toRoot = true, true, true, true
		o.command.Place, o.cfg.Farewell, o.cfg.StopAlong = session.NewSession, unix.SIGTERM, true
		o.cfg.Rewrite = forwarder.Rewrite{unix.SIGTSTP: unix.SIGSTOP, unix.SIGTTIN: unix.SIGSTOP, unix.SIGTTOU: unix.SIGSTOP}
	}
	singly := func(o *options) {
		asDumbInit(o)
		o.detaches, o.command.Place, o.cfg.SingleChild, o.cfg.Rewrite = false, session.SameGroup, true, nil
	}
	asCatatonit := func(o *options) {
		o.subreaper, o.toRoot, o.closes, o.cfg.SingleChild, o.keyStops = true, true, true, true, true
		o.cfg.Rewrite = forwarder.Rewrite{unix.SIGTTIN: 0, unix.SIGTTOU: 0}
	}
	and := func(first func(*options), then func(*options)) func(*options) {
		return func(o *options) { first(o); then(o) }
	}
	for _, test := range []struct {
		line, environ string
		want          func(*options)
	}{
		{"tini prog", "", asTini},
		{"docker-init -- prog", "", asTini},
		{"tini -g prog", "", and(asTini, func(o *options) { o.cfg.SingleChild = false })},
		{"tini -s prog", "", and(asTini, func(o *options) { o.subreaper = true })},
		{"tini prog", "TINI_SUBREAPER=", and(asTini, func(o *options) { o.subreaper = true })},
		{"tini prog", "TINI_KILL_PROCESS_GROUP=", and(asTini, func(o *options) { o.cfg.SingleChild = false })},
		{"tini prog", "TINI_VERBOSITY=0", and(asTini, func(o *options) { o.level = quiet })},
		{"tini prog", "TINI_VERBOSITY=1", asTini},
		{"tini prog", "DUMB_INIT_DEBUG=1", asTini},
		{"tini prog", "TINIT_GRACE=5", and(asTini, func(o *options) {
			o.cfg.Grace, o.cfg.Leave, o.subreaper = 5*time.Second, false, true
		})},
		{"tini prog", "TINIT_REWRITE=TERM:INT", and(asTini, func(o *options) { o.cfg.Rewrite[unix.SIGTERM] = unix.SIGINT })},
		{"dumb-init prog", "", asDumbInit},
		{"dumb-init -c prog", "", singly},
		{"dumb-init prog", "DUMB_INIT_SETSID=0", singly},
		{"dumb-init prog", "DUMB_INIT_DEBUG=1", and(asDumbInit, func(o *options) { o.level = verbose })},
		{"dumb-init prog", "TINI_VERBOSITY=5", asDumbInit},
		{"dumb-init -r 20:0 -r 15:3 prog", "", and(asDumbInit, func(o *options) {
			o.cfg.Rewrite[unix.SIGTSTP], o.cfg.Rewrite[unix.SIGTERM] = 0, unix.SIGQUIT
		})},
		{"catatonit prog", "", asCatatonit},
		{"podman-init -g -- prog", "", and(asCatatonit, func(o *options) { o.cfg.SingleChild = false })},
		{"catatonit prog", "CATATONIT_DEBUG=", and(asCatatonit, func(o *options) { o.level = verbose })},
		{"catatonit -P", "", and(asCatatonit, func(o *options) { o.pause, o.command.Name, o.command.Args = true, "", nil })},
	} {
		var environ []string
		want := base()
		if test.environ != "" {
			environ = []string{test.environ}
			if !strings.HasPrefix(test.environ, "TINIT_") {
				want.command.Env = environ // PROGRAM gets the peers' own, as under the peers
			}
		}
		test.want(want)
		got, err := parse(strings.Fields(test.line), environ)
		require.NoError(t, err, test.line)
		assert.Equal(t, want, got, "%s %s", test.environ, test.line)
	}
	// One that is parsed later does not see what an earlier one set.
	_, err := parse(strings.Fields("tini prog"), []string{"TINIT_REWRITE=TTIN:TERM"})
	require.NoError(t, err)
	o, err := parse(strings.Fields("tini prog"), nil)
	require.NoError(t, err)
	assert.Zero(t, o.cfg.Rewrite.Apply(syscall.SIGTTIN))
}

func TestCodes(t *testing.T) {
	errs := []error{
		unix.EMFILE,
		&session.Error{Step: "start", Err: unix.EAGAIN},
		&session.Error{Step: "find", Err: unix.ENOENT},
		&session.Error{Step: "execute", Err: unix.EACCES},
		&session.Error{Step: "execute", Err: unix.ELOOP},
	}
	for who, want := range map[*personality][]int{
		own: {125, 125, 127, 126, 126}, tini: {1, 1, 127, 126, 1}, dumbInit: {1, 1, 2, 2, 2}, catatonit: {1, 1, 1, 1, 1},
	} {
		for i, err := range errs {
			assert.Equal(t, want[i], who.codes.of(err), "%s: %v", who.names[0], err)
		}
	}
}

func TestInfoGoesWhereThePeersGoes(t *testing.T) {
	for line, want := range map[string]int{
		"tinit -h": 1, "tinit -V": 1, "tini -h": 1, "tini --version": 1, "tini -l": 1,
		"dumb-init -h": 2, "dumb-init --version": 2, "catatonit -h": 2, "catatonit -V": 1, "catatonit -L": 1, "tini prog": -1,
	} {
		o, err := parse(strings.Fields(line), nil)
		require.NoError(t, err)
		_, fd := called(strings.Fields(line)).info(o)
		assert.Equal(t, want, fd, line)
	}
}

func TestPIDVariables(t *testing.T) {
	self := strconv.Itoa(os.Getpid())
	for _, test := range []struct{ environ, env, pids []string }{
		{[]string{"LISTEN_PID=" + self, "LISTEN_FDS=1", "LISTEN_PIDFDID=7"}, []string{"LISTEN_PID=" + self, "LISTEN_FDS=1"}, []string{"LISTEN_PID"}},
		{[]string{"WATCHDOG_PID=" + self}, []string{"WATCHDOG_PID=" + self}, []string{"WATCHDOG_PID"}},
		{[]string{"LISTEN_PID=0" + self}, []string{"LISTEN_PID=0" + self}, []string{"LISTEN_PID"}},
		// Not meant for tinit, so not for PROGRAM either.
		{[]string{"LISTEN_PID=1" + self, "LISTEN_PIDFDID=7"}, []string{"LISTEN_PID=1" + self, "LISTEN_PIDFDID=7"}, nil},
		{[]string{"LISTEN_PID=" + self + "x"}, []string{"LISTEN_PID=" + self + "x"}, nil},
		{[]string{"LISTEN_PID=", "OTHER_PID=" + self}, []string{"LISTEN_PID=", "OTHER_PID=" + self}, nil},
	} {
		o, err := parse(words("prog"), test.environ)
		require.NoError(t, err)
		assert.Equal(t, test.env, o.command.Env)
		assert.Equal(t, test.pids, o.command.PIDVariables)
	}
}
