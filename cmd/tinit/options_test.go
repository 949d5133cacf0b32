package main

import (
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

// words is an argv: tinit, and what the line says.
func words(line string) []string { return strings.Fields("tinit " + line) }

func TestParseDefaults(t *testing.T) {
	o, err := parse(words("prog"), nil)
	require.NoError(t, err)
	want := &options{level: normal, leads: true, subreaper: true, unblocks: true}
	want.command = session.Command{Name: "prog", Args: []string{"prog"}, Env: []string{}}
	want.cfg.StopSignals = forwarder.Of(unix.SIGTERM, unix.SIGINT, unix.SIGQUIT)
	want.cfg.Grace = time.Second
	assert.Equal(t, want, o)
}

func TestParseFlags(t *testing.T) {
	for line, want := range map[string]func(*options){
		"-c":                          func(o *options) { o.cfg.SingleChild = true },
		"--single-child":              func(o *options) { o.cfg.SingleChild = true },
		"-c -g":                       func(*options) {},
		"-g -c":                       func(o *options) { o.cfg.SingleChild = true },
		"--group":                     func(*options) {},
		"-r TERM:QUIT":                func(o *options) { o.cfg.Rewrite = forwarder.Rewrite{15: 3} },
		"-rTERM:QUIT":                 func(o *options) { o.cfg.Rewrite = forwarder.Rewrite{15: 3} },
		"-r TERM:QUIT,1:0 -r 15:2":    func(o *options) { o.cfg.Rewrite = forwarder.Rewrite{15: 2, 1: 0} },
		"--rewrite=TERM:QUIT":         func(o *options) { o.cfg.Rewrite = forwarder.Rewrite{15: 3} },
		"-e 1":                        func(o *options) { o.success[1] = true },
		"-e 143,130 --success-code=0": func(o *options) { o.success[143], o.success[130], o.success[0] = true, true, true },
		"-e 255":                      func(o *options) { o.success[255] = true },
		"-p TERM":                     func(o *options) { o.parentDeath = unix.SIGTERM },
		"-p KILL":                     func(o *options) { o.parentDeath = unix.SIGKILL },
		"--parent-death rtmin+1":      func(o *options) { o.parentDeath = 35 },
		"-s":                          func(*options) {},
		"--subreaper":                 func(*options) {},
		"-w":                          func(o *options) { o.cfg.WarnReaped = true },
		"--warn-reaped":               func(o *options) { o.cfg.WarnReaped = true },
		"-k 10":                       func(o *options) { o.cfg.KillAfter = 10 * time.Second },
		"-k10":                        func(o *options) { o.cfg.KillAfter = 10 * time.Second },
		"--kill-after=1m30s":          func(o *options) { o.cfg.KillAfter = 90 * time.Second },
		"--grace 0":                   func(o *options) { o.cfg.Grace = 0 },
		"--grace 2 --grace 500ms":     func(o *options) { o.cfg.Grace = 500 * time.Millisecond },
		"--stop-delay 5":              func(o *options) { o.cfg.StopDelay = 5 * time.Second },
		"--stop-signal QUIT":          func(o *options) { o.cfg.StopSignals = forwarder.Of(unix.SIGQUIT) },
		"--stop-signal WINCH,35":      func(o *options) { o.cfg.StopSignals = forwarder.Of(unix.SIGWINCH, 35) },
		"-u app":                      func(o *options) { o.process.user = "app" },
		"--user 1000:adm -u :adm":     func(o *options) { o.process.user = ":adm" },
		"-C /srv":                     func(o *options) { o.command.Dir = "/srv" },
		"--chdir=srv":                 func(o *options) { o.command.Dir = "srv" },
		"--umask 027":                 func(o *options) { o.command.Umask = new(0o27) },
		"--umask=0":                   func(o *options) { o.command.Umask = new(0) },
		"--env A=b=c --env D":         func(o *options) { o.process.env = []string{"A=b=c", "D"} },
		"--env-file a --env-file=b":   func(o *options) { o.process.envFiles = []string{"a", "b"} },
		"--no-new-privileges":         func(o *options) { o.command.NoNewPrivileges = true },
		"--ignore HUP,33 --ignore 64": func(o *options) { o.process.ignored = forwarder.Of(unix.SIGHUP, 33, 64) },
		"--new-session":               func(o *options) { o.command.Place = session.NewSession },
		"--stdin a --stdout=- --stderr b": func(o *options) {
			o.process.streams = [3]string{"a", "-", "b"}
		},
		"-v":           func(o *options) { o.level = verbose },
		"-vvv":         func(o *options) { o.level = verbose },
		"-q":           func(o *options) { o.level = quiet },
		"-v -q":        func(o *options) { o.level = quiet },
		"-q --verbose": func(o *options) { o.level = verbose },
		"-cvw": func(o *options) {
			o.cfg.SingleChild, o.level, o.cfg.WarnReaped = true, verbose, true
		},
		"-cve1": func(o *options) { o.cfg.SingleChild, o.level, o.success[1] = true, verbose, true },
		"-sgk 3 -wp HUP": func(o *options) {
			o.cfg.KillAfter, o.cfg.WarnReaped, o.parentDeath = 3*time.Second, true, unix.SIGHUP
		},
	} {
		for _, end := range []string{" prog arg", " -- prog arg"} {
			got, err := parse(words(line+end), []string{"A=b"})
			require.NoError(t, err, line)
			o, err := parse(words("prog arg"), []string{"A=b"})
			require.NoError(t, err)
			want(o)
			assert.Equal(t, o, got, line)
		}
	}
}

// What follows the first word that is no flag is PROGRAM's.
func TestParseEndsAtTheProgram(t *testing.T) {
	for line, want := range map[string]string{
		"prog -v":              "prog -v",
		"prog -- -v":           "prog -- -v",
		"prog --nosuch":        "prog --nosuch",
		"-- prog -v":           "prog -v",
		"-- -v":                "-v",
		"-- --":                "--",
		"-c prog -c -- -c":     "prog -c -- -c",
		"-":                    "-",
		"- -v":                 "- -v",
		"-e 1 2":               "2",
		"-- run":               "run",
		"-v -- stop x":         "stop x",
		"/bin/run":             "/bin/run",
		"runs":                 "runs",
		"prog run":             "prog run",
		"-k 3 prog -k nonsens": "prog -k nonsens",
	} {
		o, err := parse(words(line), nil)
		require.NoError(t, err, line)
		assert.Equal(t, strings.Fields(want), o.command.Args, line)
	}
	o, err := parse([]string{"tinit", "--", ""}, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{""}, o.command.Args)
}

func TestCommandsAreReserved(t *testing.T) {
	for c := range strings.FieldsSeq("run start jobs ps status logs fg bg stop kill restart wait rm check") {
		for _, line := range []string{c, c + " arg", "-v " + c, "-e 1 " + c + " -- x"} {
			_, err := parse(words(line), nil)
			assert.ErrorContains(t, err, `"`+c+`" is a word that tinit keeps`, line)
			assert.ErrorContains(t, err, "tinit -- "+c, line)
		}
		o, err := parse(words("-- "+c), nil)
		require.NoError(t, err)
		assert.Equal(t, []string{c}, o.command.Args)

		for _, peer := range peers {
			o, err := parse([]string{"/sbin/" + peer, c}, nil)
			require.NoError(t, err, "a peer has no commands")
			assert.Equal(t, []string{c}, o.command.Args)
		}
	}
	_, err := parse(nil, nil)
	assert.ErrorContains(t, err, "no PROGRAM given")
}

func TestParseErrors(t *testing.T) {
	const help = "(see tinit -h)"
	for line, want := range map[string][]string{
		"":                             {"no PROGRAM given", help},
		"--":                           {"no PROGRAM given", help},
		"-v":                           {"no PROGRAM given", help},
		"-P prog":                      {"--pause", `"prog"`, help},
		"-P -- prog":                   {"--pause", `"prog"`, help},
		"-z prog":                      {`unknown flag "-z"`, help},
		"-vz prog":                     {`unknown flag "-z" in "-vz"`, help},
		"-é prog":                      {`unknown flag "-é"`, help},
		"-v\xff prog":                  {"unknown flag", help},
		"--nosuch prog":                {`unknown flag "--nosuch"`, help},
		"--nosuch=1 prog":              {`unknown flag "--nosuch"`, help},
		"--=1 prog":                    {`unknown flag "--"`, help},
		"---v prog":                    {`unknown flag "---v"`, help},
		"-v- prog":                     {`unknown flag "--" in "-v-"`, help},
		"--single prog":                {`unknown flag "--single"`, help},
		"-k":                           {"flag -k needs an argument", help},
		"-vk":                          {"flag -k needs an argument", help},
		"--grace":                      {"flag --grace needs an argument", help},
		"-k soon prog":                 {`flag -k: "soon"`, help},
		"-kv prog":                     {`flag -k: "v"`, help},
		"--grace=-1s prog":             {`flag --grace: "-1s" is negative`, help},
		"--grace -1s prog":             {`flag --grace: "-1s" is negative`, help},
		"--grace= prog":                {`flag --grace: ""`, help},
		"--stop-delay 1x prog":         {`flag --stop-delay: "1x"`, help},
		"-r TERM prog":                 {`flag -r: "TERM" is not of the form FROM:TO`, help},
		"-r=TERM:QUIT prog":            {`flag -r: "=TERM"`, help},
		"--rewrite TERM prog":          {"flag --rewrite: ", help},
		"-r KILL:TERM prog":            {"flag -r: KILL is never forwarded", help},
		"-r TERM:QUIT,x:y prog":        {`flag -r: "x" is no signal`, help},
		"-e 256 prog":                  {`flag -e: "256"`, help},
		"-e -1 prog":                   {`flag -e: "-1"`, help},
		"-e +1 prog":                   {`flag -e: "+1"`, help},
		"-e 1,,2 prog":                 {`flag -e: ""`, help},
		"-e 0x1 prog":                  {`flag -e: "0x1"`, help},
		"-p prog":                      {`flag -p: "prog" is no signal`, help},
		"-p STOP prog":                 {"flag -p: STOP is never forwarded", help},
		"-p CHLD prog":                 {"flag -p: CHLD is never forwarded", help},
		"-p 0 prog":                    {"flag -p: no signal has the number 0", help},
		"--stop-signal CHLD prog":      {"flag --stop-signal: CHLD is never forwarded", help},
		"--stop-signal TERM,KILL prog": {"flag --stop-signal: KILL is never forwarded", help},
		"--stop-signal , prog":         {"flag --stop-signal: ", help},
		"-c=false prog":                {`unknown flag "-=" in "-c=false"`, help},
		"--group=false prog":           {`flag --group takes no argument, but got "false"`, help},
		"--pause= prog":                {`flag --pause takes no argument, but got ""`, help},
	} {
		o, err := parse(words(line), nil)
		if !assert.Error(t, err, line) {
			continue
		}
		for _, part := range want {
			assert.ErrorContains(t, err, part, line)
		}
		if o != nil {
			assert.Empty(t, printed(o, words(line)), "%q prints nothing", line)
		}
		assert.NotContains(t, err.Error(), "\n", line)
	}
}

func TestPause(t *testing.T) {
	for _, line := range []string{"-P", "--pause", "-vP", "-P --"} {
		o, err := parse(words(line), nil)
		require.NoError(t, err, line)
		assert.True(t, o.pause)
		assert.Empty(t, o.command.Args)
	}
}

func TestPrint(t *testing.T) {
	for line, want := range map[string]string{
		"-h": usage, "--help": usage, "-h prog": usage, "-vh": usage, "-h -V": usage, "-hV": usage, "-hx": usage, "-h --nosuch": usage,
		"-Vh": own.version(buildVersion()),
		"-V":  own.version(buildVersion()), "--version": own.version(buildVersion()),
		"-l": license, "-L": license, "--license": license,
		"prog": "", "prog -h": "", "-- -h": "",
	} {
		o, err := parse(words(line), []string{"TINIT_GRACE=nonsense"})
		if want == "" {
			require.ErrorContains(t, err, "TINIT_GRACE", line)
			continue
		}
		require.NoError(t, err, "help is for those whose flags and variables are wrong: %s", line)
		assert.Equal(t, want, printed(o, words(line)), line)
	}
	o, err := parse(words("prog"), nil)
	require.NoError(t, err)
	assert.Empty(t, printed(o, words("prog")))
}

func TestReport(t *testing.T) {
	o, err := parse(words("-e 1,143 -e 255 prog"), nil)
	require.NoError(t, err)
	for code := range 256 {
		want := code
		if code == 1 || code == 143 || code == 255 {
			want = 0
		}
		assert.Equal(t, want, o.report(code))
	}
	assert.Equal(t, 256, o.report(256))
	assert.Equal(t, -1, o.report(-1))
}

// Every forwarded signal can be a stop signal and a parent's last word.
func TestSignalsOfFlags(t *testing.T) {
	for sig := syscall.Signal(1); sig <= forwarder.Last; sig++ {
		name := forwarder.SignalName(sig)
		o, err := parse(words("-p "+name+" --stop-signal "+name+" prog"), nil)
		if forwarder.CheckForwarded(sig) != nil {
			assert.ErrorContains(t, err, "never forwarded", name)
			continue
		}
		require.NoError(t, err, name)
		assert.Equal(t, sig, o.parentDeath)
		assert.Equal(t, forwarder.Of(sig), o.cfg.StopSignals)
	}
}
