package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
)

func TestVariables(t *testing.T) {
	type environ = []string
	for _, test := range []struct {
		environ []string
		line    string
		want    func(*options)
	}{
		{environ{"TINIT_SINGLE_CHILD=1"}, "", func(o *options) { o.cfg.SingleChild = true }},
		{environ{"TINIT_SINGLE_CHILD=true"}, "", func(o *options) { o.cfg.SingleChild = true }},
		{environ{"TINIT_SINGLE_CHILD=0"}, "", func(*options) {}},
		{environ{"TINIT_REWRITE=TERM:QUIT,HUP:0"}, "", func(o *options) { o.cfg.Rewrite = forwarder.Rewrite{15: 3, 1: 0} }},
		{environ{"TINIT_SUCCESS_CODE=1,143"}, "", func(o *options) { o.success[1], o.success[143] = true, true }},
		{environ{"TINIT_KILL_AFTER=10"}, "", func(o *options) { o.cfg.KillAfter = 10 * time.Second }},
		{environ{"TINIT_GRACE=0"}, "", func(o *options) { o.cfg.Grace = 0 }},
		{environ{"TINIT_STOP_DELAY=5s"}, "", func(o *options) { o.cfg.StopDelay = 5 * time.Second }},
		{environ{"TINIT_STOP_SIGNAL=QUIT,WINCH"}, "", func(o *options) {
			o.cfg.StopSignals = forwarder.Of(unix.SIGQUIT, unix.SIGWINCH)
		}},
		{environ{"TINIT_VERBOSE=1"}, "", func(o *options) { o.level = verbose }},
		{environ{"TINIT_VERBOSE=0"}, "", func(*options) {}},
		{environ{"TINIT_GRACE=5", "TINIT_VERBOSE=1", "TINIT_KILL_AFTER=1m"}, "", func(o *options) {
			o.cfg.Grace, o.level, o.cfg.KillAfter = 5*time.Second, verbose, time.Minute
		}},
		// Empty is not set.
		{environ{
			"TINIT_SINGLE_CHILD=", "TINIT_REWRITE=", "TINIT_SUCCESS_CODE=", "TINIT_KILL_AFTER=", "TINIT_GRACE=",
			"TINIT_STOP_DELAY=", "TINIT_STOP_SIGNAL=", "TINIT_VERBOSE=", "TINI_SUBREAPER=",
			"DUMB_INIT_SETSID=", "DUMB_INIT_DEBUG=", "TINIT_VERBOSE",
		}, "", func(*options) {}},
		// A flag beats its variable, and that of its opposite.
		{environ{"TINIT_GRACE=5"}, "--grace 3", func(o *options) { o.cfg.Grace = 3 * time.Second }},
		{environ{"TINIT_GRACE=nonsense"}, "--grace 3", func(o *options) { o.cfg.Grace = 3 * time.Second }},
		{environ{"TINIT_SINGLE_CHILD=1"}, "-g", func(*options) {}},
		{environ{"TINIT_VERBOSE=1"}, "-q", func(o *options) { o.level = quiet }},
		{environ{"TINIT_REWRITE=TERM:QUIT"}, "-r HUP:0", func(o *options) { o.cfg.Rewrite = forwarder.Rewrite{1: 0} }},
		{environ{"TINIT_SUCCESS_CODE=1"}, "-e 2", func(o *options) { o.success[2] = true }},
		// tini's and dumb-init's.
		{environ{"TINI_SUBREAPER=", "TINI_SUBREAPER=1"}, "", func(*options) {}},
		{environ{"TINI_KILL_PROCESS_GROUP="}, "", func(*options) {}},
		{environ{"TINI_VERBOSITY=0"}, "", func(o *options) { o.level = quiet }},
		{environ{"TINI_VERBOSITY=1"}, "", func(*options) {}},
		{environ{"TINI_VERBOSITY="}, "", func(o *options) { o.level = quiet }},
		{environ{"TINI_VERBOSITY=loud"}, "", func(o *options) { o.level = quiet }},
		{environ{"TINI_VERBOSITY=2"}, "", func(o *options) { o.level = verbose }},
		{environ{"TINI_VERBOSITY=3"}, "", func(o *options) { o.level = verbose }},
		{environ{"TINI_VERBOSITY=3"}, "-q", func(o *options) { o.level = quiet }},
		{environ{"TINI_VERBOSITY=0"}, "-v", func(o *options) { o.level = verbose }},
		{environ{"DUMB_INIT_SETSID=0"}, "", func(o *options) { o.cfg.SingleChild = true }},
		{environ{"DUMB_INIT_SETSID=1"}, "", func(*options) {}},
		{environ{"DUMB_INIT_SETSID=0"}, "-g", func(*options) {}},
		{environ{"DUMB_INIT_DEBUG=1"}, "", func(o *options) { o.level = verbose }},
		{environ{"DUMB_INIT_DEBUG=0"}, "", func(*options) {}},
		// tinit's own beat them.
		{environ{"TINI_KILL_PROCESS_GROUP=", "TINIT_SINGLE_CHILD=1"}, "", func(o *options) { o.cfg.SingleChild = true }},
		{environ{"TINI_VERBOSITY=0", "TINIT_VERBOSE=1"}, "", func(o *options) { o.level = verbose }},
		{environ{"DUMB_INIT_SETSID=0", "TINIT_SINGLE_CHILD=0"}, "", func(*options) {}},
	} {
		got, err := parse(words(test.line+" prog"), test.environ)
		require.NoError(t, err, "%v", test)
		o, err := parse(words("prog"), nil)
		require.NoError(t, err)
		test.want(o)
		assert.Equal(t, o, got, "%v %s", test.environ, test.line)
	}
}

func TestVariablesOfNoValue(t *testing.T) {
	for variable, value := range map[string]string{
		"TINIT_SINGLE_CHILD": "maybe",
		"TINIT_REWRITE":      "TERM",
		"TINIT_SUCCESS_CODE": "256",
		"TINIT_KILL_AFTER":   "soon",
		"TINIT_GRACE":        "-1s",
		"TINIT_STOP_DELAY":   "1x",
		"TINIT_STOP_SIGNAL":  "CHLD",
		"TINIT_VERBOSE":      "very",
	} {
		_, err := parse(words("prog"), []string{variable + "=" + value})
		if !assert.Error(t, err, variable) {
			continue
		}
		assert.Regexp(t, "^variable "+variable+": ", err.Error())
		assert.NotContains(t, err.Error(), "flag", "nobody gave one")
		assert.NotContains(t, err.Error(), "--")
	}
	for _, v := range variables {
		_, err := parse(words("prog"), []string{v.name + "=\x00"})
		assert.ErrorContains(t, err, v.name, "every variable is checked")
	}
}

func TestEnvironmentOfTheProgram(t *testing.T) {
	kept := []string{
		"PATH=/bin", "=", "", "NOVALUE", "A=b=c", "A=again", "TINIT_=x", "TINIT_FOO=1", "TINIT_PORT_80_TCP=tcp://x",
		"TINI_FOO=1", "DUMB_INIT_FOO=1", "tinit_grace=5", "XTINIT_GRACE=5", "TINIT_GRACE2=5", "TINIT_SERVICE_HOST=1",
		" TINIT_GRACE=5",
	}
	environ := []string{}
	kept = append(kept, "CATATONIT_DEBUG=1") // which tinit does not heed by its own name
	for i, kv := range kept {
		environ = append(environ, kv)
		if i < len(variables) {
			environ = append(environ, variables[i].name+"=")
		}
		if i < len(peerVariables) && peerVariables[i].of != "catatonit" {
			environ = append(environ, peerVariables[i].name+"=0")
		}
	}
	environ = append(environ, "TINIT_GRACE=3", "TINIT_GRACE=3")
	o, err := parse(words("prog"), environ)
	require.NoError(t, err)
	assert.Equal(t, kept, o.command.Env)
}
