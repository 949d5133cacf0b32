package main

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tinit-dev/tinit/forwarder"
)

func FuzzParseDuration(f *testing.F) {
	for _, seed := range []string{"0", "10", "1.5", "500ms", "2m", "1h30m", "1d", "1.5d", "-1s", "", ".", "1e9", "9223372037"} {
		f.Add(seed, uint32(7))
	}
	f.Fuzz(func(t *testing.T, text string, n uint32) {
		d, err := parseDuration(text)
		if err != nil {
			require.Zero(t, d)
			require.NotEmpty(t, err.Error())
		} else {
			require.GreaterOrEqual(t, d, time.Duration(0))
			again, err := parseDuration(d.String())
			require.NoError(t, err)
			require.Equal(t, d, again)
		}
		seconds, err := parseDuration(strconv.Itoa(int(n)))
		require.NoError(t, err)
		require.Equal(t, time.Duration(n)*time.Second, seconds)
		days, err := parseDuration(strconv.Itoa(int(n%100_000)) + "d")
		require.NoError(t, err)
		require.Equal(t, time.Duration(n%100_000)*24*time.Hour, days)
	})
}

// FuzzParse has argv and the environment as the kernel has them: words with a NUL after each.
func FuzzParse(f *testing.F) {
	for _, seed := range [][2]string{
		{"tinit\x00prog", ""},
		{"tinit\x00-cve1\x00--\x00prog\x00-v", "TINIT_GRACE=5\x00A=b"},
		{"tini\x00run", "TINI_VERBOSITY=2"},
		{"tinit\x00run", "TINIT_FOO=1"},
		{"tinit\x00-r\x00TERM:QUIT,HUP:0\x00-e\x001,143\x00-p\x00KILL\x00prog", "TINIT_REWRITE=a"},
		{"tinit\x00-k10\x00--grace=1d\x00--stop-delay\x001m30s\x00--stop-signal\x00QUIT\x00prog", "DUMB_INIT_SETSID=0"},
		{"tinit\x00-uapp:adm\x00-C/\x00--umask=27\x00--env\x00A=b\x00--env-file=f\x00--no-new-privileges\x00prog", "A=c"},
		{"tinit\x00--ignore\x00HUP,64\x00--new-session\x00--stdin=a\x00--stdout=b\x00--stderr\x00c\x00prog", ""},
		{"tinit\x00-P", "TINIT_VERBOSE=1\x00TINIT_SINGLE_CHILD=1"},
		{"tinit\x00-h", "TINIT_STOP_SIGNAL=x\x00=\x00"},
		{"tini\x00prog\x00-v\x00-e\x001\x00--\x00-v", "TINI_SUBREAPER=\x00TINI_KILL_PROCESS_GROUP="},
		{"tini\x00prog\x00-v", "POSIXLY_CORRECT=1"},
		{"/usr/bin/dumb-init\x00--rew\x00TERM:QUIT\x00--v\x00prog", "DUMB_INIT_DEBUG=1\x00DUMB_INIT_SETSID=0"},
		{"podman-init\x00-P", "CATATONIT_DEBUG=\x00LISTEN_PID=1"},
		{"", ""},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, argvText, environText string) {
		argv, environ := split(argvText), split(environText)
		o, err := parse(argv, environ)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		if o.help || o.version || o.license {
			require.NotEmpty(t, printed(o, argv))
			return
		}
		require.Empty(t, printed(o, argv))
		checkProgram(t, o, argv)
		checkConfig(t, o)

		env := o.command.Env
		require.Subset(t, environ, env)
		again := own.sort(env)
		if called(argv) == own {
			require.Empty(t, again.own, "none of tinit's variables goes on to the program")
			require.Equal(t, env, again.rest)
		}
		for _, v := range variables {
			require.NotContains(t, again.own, v.name)
		}

		same, err := parse(argv, environ)
		require.NoError(t, err)
		require.Equal(t, o, same)
	})
}

func FuzzParseEnvFile(f *testing.F) {
	for _, seed := range []string{
		"", "A=b", "A=b\r\n# c\n\n  D\nE= f \n", "\ufeffA=b", "=x", "A B=c", "A=\x00", "\xff=x", "A\n=", "A==b", "A=b\rC=d", "\r", "# A\n#", "A=b\r\r", "\n\ufeff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		variables, err := parseEnvFile(text)
		if err != nil {
			require.Nil(t, variables)
			require.Regexp(t, `^line [1-9][0-9]*: `, err.Error())
			return
		}
		require.LessOrEqual(t, len(variables), bytes.Count(text, []byte("\n"))+1)
		for _, kv := range variables {
			name, _, _ := strings.Cut(kv, "=")
			require.NotEmpty(t, name)
			require.Contains(t, string(text), kv)
			require.False(t, strings.ContainsAny(kv, "\n\x00"), "%q", kv)
			require.False(t, strings.ContainsAny(name, " \t\r"), "%q", kv)
		}
		// A mark that is not at the beginning is a part of a name, as one more CR at the end of a line is of a value.
		again, err := parseEnvFile([]byte("\ufeff" + strings.Join(variables, "\r\n") + "\r\n"))
		require.NoError(t, err)
		require.Equal(t, variables, again)
	})
}

func split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\x00"), "\x00")
}

// checkProgram: it is the end of argv, and there is none for --pause alone.
func checkProgram(t *testing.T, o *options, argv []string) {
	t.Helper()
	program, who := o.command.Args, called(argv)
	require.Equal(t, o.pause, len(program) == 0)
	require.Less(t, len(program), len(argv))
	if who.syntax.permute {
		require.Subset(t, argv, program)
		return
	}
	from := len(argv) - len(program)
	require.True(t, slices.Equal(argv[from:], program), "%q is not the end of %q", program, argv)
	if len(program) > 0 && argv[from-1] != "--" && who == own {
		require.NotContains(t, commandNames, program[0])
		require.False(t, len(program[0]) > 1 && program[0][0] == '-', "%q looks like a flag", program[0])
	}
}

func checkConfig(t *testing.T, o *options) {
	t.Helper()
	for _, d := range []time.Duration{o.cfg.KillAfter, o.cfg.Grace, o.cfg.StopDelay} {
		require.GreaterOrEqual(t, d, time.Duration(0))
	}
	require.NotZero(t, o.cfg.StopSignals)
	for sig := syscall.Signal(1); sig <= forwarder.Last; sig++ {
		if forwarder.CheckForwarded(sig) != nil {
			require.False(t, o.cfg.StopSignals.Has(sig))
			require.Equal(t, sig, o.cfg.Rewrite.Apply(sig))
		}
	}
	if o.parentDeath != 0 && o.parentDeath != syscall.SIGKILL {
		require.NoError(t, forwarder.CheckForwarded(o.parentDeath))
	}
	require.True(t, o.level >= quiet && o.level <= verbose)
	for code := range 256 {
		got := o.report(code)
		require.True(t, got == code && !o.success[code] || got == 0 && (o.success[code] || code == 0))
	}
}
