package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Bad usage is 125 and one line that names what is wrong.
func TestBadUsage(t *testing.T) {
	for name, c := range map[string]struct {
		args, env []string
		words     []string
	}{
		"nothing at all":             {nil, nil, []string{"PROGRAM"}},
		"flags alone":                {[]string{"-v"}, nil, []string{"PROGRAM"}},
		"-- alone":                   {[]string{"--"}, nil, []string{"PROGRAM"}},
		"an unknown flag":            {[]string{"--no-such-flag", "true"}, nil, []string{"--no-such-flag"}},
		"an unknown short flag":      {[]string{"-x", "true"}, nil, []string{`"-x"`}},
		"one among known ones":       {[]string{"-vxc", "true"}, nil, []string{`"-x"`}},
		"an abbreviated flag":        {[]string{"--verb", "true"}, nil, []string{"--verb"}},
		"-r without a value":         {[]string{"-r"}, nil, []string{"-r"}},
		"--grace without a value":    {[]string{"--grace"}, nil, []string{"--grace"}},
		"-r without a colon":         {[]string{"-r", "15", "true"}, nil, []string{"flag -r:", `"15"`}},
		"-r from nothing":            {[]string{"-r", ":15", "true"}, nil, []string{"flag -r:"}},
		"-r to nothing":              {[]string{"-r", "15:", "true"}, nil, []string{"flag -r:"}},
		"-r from no signal":          {[]string{"-r", "NOPE:15", "true"}, nil, []string{"flag -r:", "NOPE"}},
		"-r to no signal":            {[]string{"-r", "15:NOPE", "true"}, nil, []string{"flag -r:", "NOPE"}},
		"-r from 0":                  {[]string{"-r", "0:15", "true"}, nil, []string{"flag -r:", "0"}},
		"-r beyond the last":         {[]string{"-r", "65:15", "true"}, nil, []string{"flag -r:", "65"}},
		"-r from KILL":               {[]string{"-r", "KILL:TERM", "true"}, nil, []string{"flag -r:", "KILL"}},
		"-r from what Go keeps":      {[]string{"-r", "33:TERM", "true"}, nil, []string{"flag -r:", "33"}},
		"-r, one of a list":          {[]string{"-r", "TERM:INT,HUP:NOPE", "true"}, nil, []string{"flag -r:", "NOPE"}},
		"-e beyond 255":              {[]string{"-e", "256", "true"}, nil, []string{"flag -e:", "256"}},
		"-e below 0":                 {[]string{"-e", "-1", "true"}, nil, []string{"flag -e:", "-1"}},
		"-e of no number":            {[]string{"-e", "x", "true"}, nil, []string{"flag -e:", `"x"`}},
		"-e, one of a list":          {[]string{"-e", "1,,2", "true"}, nil, []string{"flag -e:"}},
		"-p of no signal":            {[]string{"-p", "NOPE", "true"}, nil, []string{"flag -p:", "NOPE"}},
		"-p of what Go keeps":        {[]string{"-p", "33", "true"}, nil, []string{"flag -p:", "33"}},
		"-k of no duration":          {[]string{"-k", "soon", "true"}, nil, []string{"flag -k:", "soon"}},
		"--grace below 0":            {[]string{"--grace", "-1s", "true"}, nil, []string{"flag --grace:", "-1s"}},
		"--grace of a strange unit":  {[]string{"--grace=1y", "true"}, nil, []string{"flag --grace:", "1y"}},
		"--grace of nothing":         {[]string{"--grace=", "true"}, nil, []string{"flag --grace:"}},
		"--stop-delay too long":      {[]string{"--stop-delay=99999999999d", "true"}, nil, []string{"flag --stop-delay:", "99999999999"}},
		"--stop-signal of none":      {[]string{"--stop-signal=NOPE", "true"}, nil, []string{"flag --stop-signal:", "NOPE"}},
		"--stop-signal of KILL":      {[]string{"--stop-signal=TERM,KILL", "true"}, nil, []string{"flag --stop-signal:", "KILL"}},
		"a value for a switch":       {[]string{"--verbose=maybe", "true"}, nil, []string{"--verbose", "maybe"}},
		"a value for a short switch": {[]string{"-v=false", "true"}, nil, []string{`"-v=false"`}},
		"an equals for a blank":      {[]string{"-r=TERM:QUIT", "true"}, nil, []string{"flag -r:", "=TERM"}},

		"TINIT_SINGLE_CHILD": {[]string{"true"}, []string{"TINIT_SINGLE_CHILD=maybe"}, []string{"TINIT_SINGLE_CHILD", "maybe"}},
		"TINIT_REWRITE":      {[]string{"true"}, []string{"TINIT_REWRITE=15"}, []string{"TINIT_REWRITE", "15"}},
		"TINIT_SUCCESS_CODE": {[]string{"true"}, []string{"TINIT_SUCCESS_CODE=256"}, []string{"TINIT_SUCCESS_CODE", "256"}},
		"TINIT_KILL_AFTER":   {[]string{"true"}, []string{"TINIT_KILL_AFTER=soon"}, []string{"TINIT_KILL_AFTER", "soon"}},
		"TINIT_GRACE":        {[]string{"true"}, []string{"TINIT_GRACE=1y"}, []string{"TINIT_GRACE", "1y"}},
		"TINIT_STOP_DELAY":   {[]string{"true"}, []string{"TINIT_STOP_DELAY=-1"}, []string{"TINIT_STOP_DELAY", "-1"}},
		"TINIT_STOP_SIGNAL":  {[]string{"true"}, []string{"TINIT_STOP_SIGNAL=NOPE"}, []string{"TINIT_STOP_SIGNAL", "NOPE"}},
		"TINIT_VERBOSE":      {[]string{"true"}, []string{"TINIT_VERBOSE=maybe"}, []string{"TINIT_VERBOSE", "maybe"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := tinit(t, c.args...).env(c.env...).run()
			assert.Equal(t, 125, r.code)
			assert.Empty(t, r.out)
			oneLine(t, r.err, c.words...)
		})
	}
	t.Run("as PID 1", func(t *testing.T) {
		r := pid1(t, "--no-such-flag", "true").run()
		assert.Equal(t, 125, r.code)
		oneLine(t, r.err, "--no-such-flag")
	})
}

// Every flag is taken in each of its forms, and PROGRAM runs: what a flag does
// is tested with the thing it is about.
func TestForms(t *testing.T) {
	self := fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid())
	for _, flags := range []string{
		"-c", "--single-child", "-g", "--group",
		"-r TERM:QUIT", "-rTERM:QUIT", "--rewrite TERM:QUIT", "--rewrite=15:3,1:0",
		"-e 1", "-e1", "--success-code 1", "--success-code=1,2,255", "-e 1 -e 2",
		"-p TERM", "-pSIGTERM", "--parent-death KILL", "--parent-death=9",
		"-s", "--subreaper", "-w", "--warn-reaped",
		"-k 5", "-k1.5", "-k500ms", "--kill-after 10s", "--kill-after=2m", "-k 1h", "-k 1m30s", "-k 1d", "-k 0", "-k .5",
		"--grace 1", "--grace=0", "--stop-delay 1", "--stop-delay=0s",
		"--stop-signal TERM", "--stop-signal=SIGQUIT,hup,RTMIN+3,28",
		"-u " + self, "-u" + self, "--user " + self, "--user=" + self, "-C /", "-C/", "--chdir /", "--chdir=/", "--umask 22", "--umask=0022",
		"--env A=b", "--env=A", "--env-file /dev/null", "--env-file=/dev/null", "--no-new-privileges", "--new-session",
		"--ignore HUP", "--ignore=1,sigusr1", "--stdin /dev/null", "--stdout=/dev/null", "--stderr /dev/null",
		"-q", "--quiet",
		"-cgsw", "-sgwe1", "-gqk5 -s", "-sr15:3 -p15", "-g -s --",
	} {
		t.Run(flags, func(t *testing.T) {
			r := tinit(t, append(strings.Fields(flags), "sh", "-c", "exit 77")...).run()
			assert.Equal(t, result{77, "", ""}, r)
		})
	}
}

// Flags end at the first word that is none: what follows is PROGRAM's.
func TestFlagsAfterProgramAreItsOwn(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		for _, c := range [][]string{
			{"show-arguments", "-v", "-c"},
			{"show-arguments", "--help"},
			{"show-arguments", "--", "-P"},
			{"-c", "show-arguments", "-V", "--version"},
			{"--", "show-arguments", "-h"},
			{"-c", "--", "show-arguments", "--grace", "x"},
			{"-s", "show-arguments", "start", "--no-such-flag"},
		} {
			r := tinit(t, c...).run()
			_, want, _ := strings.Cut(strings.Join(c, " "), "show-arguments ")
			assert.Equal(t, result{0, want + "\n", ""}, r)
		}
	})
}

// commands is the words that tinit keeps for commands of its own.
var commands = strings.Fields("run start jobs ps status logs fg bg stop kill restart wait rm check")

// A command's name is never a program's, as PID 1 or not, so that one command
// line means one thing; after -- it is.
func TestCommandNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range commands {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\nexit 40\n"), 0o755))
	}
	path := "PATH=" + dir + ":" + os.Getenv("PATH")
	refused := func(t *testing.T, r *run, name string, words ...string) {
		t.Helper()
		got := r.env(path).run()
		assert.Equal(t, 125, got.code, name)
		assert.Empty(t, got.out)
		oneLine(t, got.err, append(words, "tinit -- "+name)...)
	}
	for _, name := range commands {
		refused(t, pid1(t, name, "x"), name)
		refused(t, pid1(t, name), name)
	}
	everywhere(t, func(t *testing.T, tinit starter) {
		for _, name := range commands {
			refused(t, tinit(t, "-c", name), name, "flags come after it")
			assert.Equal(t, result{40, "", ""}, tinit(t, "--", name, "x").env(path).run(), "-- %s", name)
		}
		assert.Equal(t, 40, tinit(t, dir+"/start").run().code, "a path is no command")
		assert.Equal(t, 127, tinit(t, "starts").env(path).run().code, "nor is a longer word")
		assert.Equal(t, 127, tinit(t, "Start").env(path).run().code, "nor a word in capitals")
		assert.Equal(t, 40, tinit(t, "-c", "--", "start").env(path).run().code, "flags before --")
		assert.Equal(t, 40, tinit(t, "env", "start").env(path).run().code, "an argument")
	})
}

// What is asked for goes to standard output, and nothing else does.
func TestHelpVersionAndLicense(t *testing.T) {
	for args, want := range map[string]string{
		"-h":                    `(?s)\AUsage: tinit .*--stop-delay.*\n\z`,
		"--help":                `(?s)\AUsage: tinit .*\n\z`,
		"-V":                    `\Atinit version \S+ - git\.\S+\n\z`,
		"--version":             `\Atinit version \S+ - git\.\S+\n\z`,
		"-l":                    `(?s)\A.*Apache License.*\n\z`,
		"-L":                    `(?s)\A.*Apache License.*\n\z`,
		"--license":             `(?s)\A.*Apache License.*\n\z`,
		"-h no-such-program":    `(?s)\AUsage: tinit .*\n\z`,
		"-v -V":                 `\Atinit version \S+ - git\.\S+\n\z`,
		"-V start":              `\Atinit version \S+ - git\.\S+\n\z`,
		"--version --help":      `\Atinit version \S+ - git\.\S+\n\z`,
		"-P -h":                 `(?s)\AUsage: tinit .*\n\z`,
		"-V -- no-such-program": `\Atinit version \S+ - git\.\S+\n\z`,
	} {
		t.Run(args, func(t *testing.T) {
			r := tinit(t, strings.Fields(args)...).env("TINIT_GRACE=bad").run()
			assert.Zero(t, r.code)
			assert.Empty(t, r.err)
			assert.Regexp(t, want, r.out)
		})
	}
	t.Run("every flag and variable is in the help", func(t *testing.T) {
		help := tinit(t, "-h").run().out
		for _, kv := range ownVariables[:8] {
			name, _, _ := strings.Cut(kv, "=")
			assert.Contains(t, help, name)
		}
		for flag := range strings.FieldsSeq(`-c --single-child -g --group -r --rewrite -e --success-code -p --parent-death
			-s --subreaper -w --warn-reaped -P --pause -k --kill-after --grace --stop-delay --stop-signal
			-u --user -C --chdir --umask --env --env-file --no-new-privileges --ignore --new-session --stdin --stdout --stderr
			-v --verbose -q --quiet -h --help -V --version -l -L --license`) {
			assert.Regexp(t, `(?m)^ .*[ ,]`+flag+`[ ,]`, " "+help)
		}
	})
	t.Run("it could not be written", func(t *testing.T) {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		require.NoError(t, err)
		t.Cleanup(func() { full.Close() })
		r := tinit(t, "-V").stdout(full).run()
		assert.Equal(t, 125, r.code)
		oneLine(t, r.err, "no space left")
	})
}

// Called by a peer's name, tinit says so in the form that Docker reads, and
// has no commands.
func TestPeersNames(t *testing.T) {
	for _, name := range []string{"tini", "tini-static", "docker-init", "dumb-init", "catatonit", "podman-init"} {
		t.Run(name, func(t *testing.T) {
			link := filepath.Join(t.TempDir(), name)
			require.NoError(t, os.Symlink(tinitPath, link))
			r := plainly(t, link, "--version").run()
			assert.Zero(t, r.code)
			if name == "dumb-init" {
				assert.Regexp(t, `\Adumb-init v\S+_tinit\n\z`, r.err)
			} else {
				assert.Regexp(t, `\Atini version \S+_tinit - git\.\S+\n\z`, r.out)
			}
			assert.Equal(t, 42, plainly(t, link, "--", "sh", "-c", "exit 42").run().code)
			assert.Equal(t, 43, namespaced(t, link, "--", "sh", "-c", "exit 43").run().code)
			assert.Contains(t, plainly(t, link, "jobs").run().err, `cannot find "jobs"`, "a command's name is a PROGRAM's")
		})
	}
	t.Run("any other", func(t *testing.T) {
		link := filepath.Join(t.TempDir(), "init")
		require.NoError(t, os.Symlink(tinitPath, link))
		assert.Regexp(t, `\Atinit version \S+ - git\.\S+\n\z`, plainly(t, link, "-V").run().out)
	})
}

// A variable is as its flag, and the flag beats it.
func TestVariables(t *testing.T) {
	const exit3 = "exit 3"
	for name, c := range map[string]struct {
		env, flags []string
		code       int
	}{
		"a success code":         {[]string{"TINIT_SUCCESS_CODE=3"}, nil, 0},
		"a list":                 {[]string{"TINIT_SUCCESS_CODE=4,3"}, nil, 0},
		"another":                {[]string{"TINIT_SUCCESS_CODE=4"}, nil, 3},
		"empty is unset":         {[]string{"TINIT_SUCCESS_CODE="}, nil, 3},
		"the flag beats it":      {[]string{"TINIT_SUCCESS_CODE=3"}, []string{"-e", "4"}, 3},
		"an unknown one":         {[]string{"TINIT_SERVICE_PORT=tcp://x"}, nil, 3},
		"all of them empty":      {[]string{"TINIT_REWRITE=", "TINIT_GRACE=", "TINIT_VERBOSE=", "TINI_VERBOSITY=", "DUMB_INIT_DEBUG="}, nil, 3},
		"a bad one, but a flag":  {[]string{"TINIT_GRACE=bad"}, []string{"--grace=1"}, 3},
		"all of them, well used": {ownVariables, nil, 3},
	} {
		t.Run(name, func(t *testing.T) {
			r := tinit(t, append(c.flags, "sh", "-c", exit3)...).env(c.env...).run()
			assert.Equal(t, c.code, r.code, r.err)
		})
	}
}

// A tinit within a tinit is not meant by the variables.
func TestVariablesAreForTheOuterTinit(t *testing.T) {
	r := tinit(t, tinitPath, "sh", "-c", "exit 3").env("TINIT_SUCCESS_CODE=4").run()
	assert.Equal(t, 3, r.code)
	r = tinit(t, tinitPath, "-e", "4", "sh", "-c", "exit 4").env("TINIT_SUCCESS_CODE=3").run()
	assert.Equal(t, 0, r.code)
}

// What tinit says, and what it does not.
func TestWhatTinitSays(t *testing.T) {
	const (
		nothing = `\A\z`
		oneLine = `\Atinit: [^\n]+\n\z`
		lines   = `(?s)\Atinit: .+\n\z`
	)
	for name, c := range map[string]struct {
		env, args []string
		want      string
	}{
		"an end with 0":                   {nil, []string{"true"}, nothing},
		"an end with 1":                   {nil, []string{"false"}, nothing},
		"a death by a signal":             {nil, []string{"sh", "-c", "kill -9 $$"}, oneLine},
		"a death by a signal, -q":         {nil, []string{"-q", "sh", "-c", "kill -9 $$"}, nothing},
		"a death by a signal, --quiet":    {nil, []string{"--quiet", "sh", "-c", "kill -9 $$"}, nothing},
		"a death by a signal, 0":          {[]string{"TINI_VERBOSITY=0"}, []string{"sh", "-c", "kill -9 $$"}, nothing},
		"a death by a signal, 1":          {[]string{"TINI_VERBOSITY=1"}, []string{"sh", "-c", "kill -9 $$"}, oneLine},
		"not found":                       {nil, []string{"no-such-program"}, oneLine},
		"not found, -q":                   {nil, []string{"-q", "no-such-program"}, oneLine},
		"not found, 0":                    {[]string{"TINI_VERBOSITY=0"}, []string{"no-such-program"}, oneLine},
		"bad usage, -q":                   {nil, []string{"-q", "--no-such-flag"}, oneLine},
		"-v":                              {nil, []string{"-v", "true"}, lines},
		"--verbose":                       {nil, []string{"--verbose", "true"}, lines},
		"TINIT_VERBOSE=1":                 {[]string{"TINIT_VERBOSE=1"}, []string{"true"}, lines},
		"TINIT_VERBOSE=0":                 {[]string{"TINIT_VERBOSE=0"}, []string{"true"}, nothing},
		"TINI_VERBOSITY=2":                {[]string{"TINI_VERBOSITY=2"}, []string{"true"}, lines},
		"TINI_VERBOSITY=3":                {[]string{"TINI_VERBOSITY=3"}, []string{"true"}, lines},
		"DUMB_INIT_DEBUG=1":               {[]string{"DUMB_INIT_DEBUG=1"}, []string{"true"}, lines},
		"DUMB_INIT_DEBUG=0":               {[]string{"DUMB_INIT_DEBUG=0"}, []string{"true"}, nothing},
		"-q beats a variable":             {[]string{"TINIT_VERBOSE=1"}, []string{"-q", "true"}, nothing},
		"-v beats a variable":             {[]string{"TINI_VERBOSITY=0"}, []string{"-v", "true"}, lines},
		"tinit's variable beats a peer's": {[]string{"TINI_VERBOSITY=0", "TINIT_VERBOSE=1"}, []string{"true"}, lines},
		"leftovers that end when told to": {nil, []string{"sh", "-c", "sleep infinity & exit 0"}, nothing},
		"a name with control characters":  {nil, []string{"no\n\x1b[31mprogram"}, oneLine},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, tinit starter) {
				r := tinit(t, c.args...).env(c.env...).run()
				assert.Regexp(t, c.want, r.err)
				assert.Empty(t, r.out)
			})
		})
	}
	t.Run("a death by a signal that it forwarded", func(t *testing.T) {
		everywhere(t, func(t *testing.T, tinit starter) {
			u := tinit(t, "sleep", "infinity").start()
			u.program()
			u.signal(syscall.SIGTERM)
			assert.Equal(t, 128+15, u.wait())
			assert.Empty(t, u.err.String())
		})
	})
	t.Run("a death by a signal that it forwarded rewritten", func(t *testing.T) {
		u := tinit(t, "-r", "TERM:USR1", "sleep", "infinity").start()
		u.program()
		u.signal(syscall.SIGTERM)
		assert.Equal(t, 128+10, u.wait())
		assert.Empty(t, u.err.String())
	})
}
