package main

import (
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tinit-dev/tinit/internal/job"
	"github.com/tinit-dev/tinit/internal/keeper"
)

func TestClock(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0:00", time.Second - 1: "0:00", 59 * time.Second: "0:59", time.Minute: "1:00", 59*time.Minute + 59*time.Second: "59:59",
		time.Hour: "1:00:00", 23*time.Hour + 5*time.Minute: "23:05:00", 24 * time.Hour: "1-00:00:00", 1000*time.Hour + time.Second: "41-16:00:01",
	} {
		assert.Equal(t, want, clock(d))
	}
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{
		0: "-", 1: "0K", 1 << 10: "1K", 1<<20 - 1: "1023K", 1 << 20: "1.0M", 1536 << 10: "1.5M", 1 << 30: "1.0G", 3 << 29: "1.5G",
	} {
		assert.Equal(t, want, bytesText(n))
	}
}

// awkward are words that a shell or a terminal could take amiss.
var awkward = []string{
	"", " ", "plain", "a b", "it's", `"`, `\`, "$HOME", "`id`", "~", "~root", "*", "[a]", "{a,b}", "a;b", "a&b", "a|b", "<", ">", "#", "!", "!!",
	"-n", "--", "=", "a=b", "%1", "\n", "a\nb'c\"d\\e", "\t", "\x1b[31m", "\x7f", "\a\b\f\r\v", "\x01" + "23", "\xff", "\xff'", "é", "日本", "\u00a0", "\u200b",
	"\u0085", "\ufffd", "\ufffd\n", "\x1bé\xc3", "'\n", `\n`, "\\\n'",
}

func TestCommandLineIsReadByAShell(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("cannot run here: no bash")
	}
	for _, locale := range []string{"C", "C.UTF-8"} {
		cmd := exec.Command(bash, "-c", "printf '%s\\0' "+commandLine(awkward))
		cmd.Env = append(cmd.Environ(), "LC_ALL="+locale)
		out, err := cmd.Output()
		require.NoError(t, err)
		assert.Equal(t, awkward, strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), locale)
	}
}

// What is quoted passes through the table, which leaves nothing that a terminal would obey, as it is.
func TestQuotedIsPrintable(t *testing.T) {
	for _, word := range awkward {
		if strings.Contains(word, "\ufffd") { // which stands for what cannot be shown
			continue
		}
		assert.Equal(t, quote(word), printable(quote(word)), "%q", word)
	}
	assert.Equal(t, "plain --a=b 'a b' 'it'\\''s' ''", commandLine([]string{"plain", "--a=b", "a b", "it's", ""}))
}

func TestEndOf(t *testing.T) {
	for want, e := range map[string]job.Exit{
		"Done": {}, "Exit 3": {Code: 3}, "Terminated": {Code: 143, Signal: "TERM"}, "Killed": {Code: 137, Signal: "KILL"},
		"Signal SEGV": {Code: 139, Signal: "SEGV"}, "Exit 143": {Code: 143},
	} {
		assert.Equal(t, want, endOf(e))
	}
}

// A job's flags are kept as words, and a keeper has to make the same of them.
func TestWordsRoundTrip(t *testing.T) {
	for _, line := range []string{
		"",
		"-n web --restart on-failure:3 --wait --timeout 3s --pidfile a.pid --log-max-size 500k --log-max-files 7",
		"--stdin /in --stdout out --stderr err -k 3s --grace 0 --stop-delay 1m --stop-signal QUIT,TERM",
		"-c -r TERM:QUIT -r HUP:0 -e 3 -e 143,4 -v",
		"-g -q --umask 027 -C /tmp --no-new-privileges --ignore HUP --ignore PIPE,USR1 --new-session",
		"--env A=1 --env B --env-file f --env-file g",
		"-cvr1:2 -e1",
		"-g -c -q -v",
		"-c -g -v -q",
		"-vq -cg",
		"-qv -gc",
	} {
		given := newJobRequest()
		_, err := given.parse(append(strings.Fields(line), "--", "prog", "-x"), nil)
		require.NoError(t, err, line)
		again := newJobRequest()
		_, err = again.parse(slices.Concat(given.flags.words(), []string{"--", "prog", "-x"}), nil)
		require.NoError(t, err, line)
		assert.Equal(t, set(given), set(again), line)
		assert.Equal(t, given.flags.words(), again.flags.words())
		assert.NotContains(t, strings.Join(given.flags.words("name", "env"), " "), "--env=")
	}
	one, other := newJobRequest(), newJobRequest()
	_, err := one.parse(strings.Fields("-k 3s prog"), nil)
	require.NoError(t, err)
	_, err = other.parse(strings.Fields("-k 4s prog"), nil)
	require.NoError(t, err)
	assert.NotEqual(t, set(one), set(other), "control")
}

// set is what flags have set, and functions not.
func set(r *jobRequest) any {
	o := *r.options
	o.cfg.Warn, o.cfg.Tell, o.cfg.Note = nil, nil, nil
	v := reflect.ValueOf(o.cfg)
	for i := range v.NumField() {
		if v.Field(i).Kind() == reflect.Func && !v.Field(i).IsNil() {
			panic(v.Type().Field(i).Name)
		}
	}
	return []any{o, r.name, r.restart, r.wait, r.timeout, r.pidFile, r.logs, r.stopAfter()}
}

// Variables set what flags do, and are kept as flags: the keeper has no variables.
func TestVariablesAreKeptAsWords(t *testing.T) {
	r := newJobRequest()
	_, err := r.parse([]string{"-k", "1s", "prog"}, []string{"TINIT_GRACE=3s", "TINIT_KILL_AFTER=9s", "TINIT_SINGLE_CHILD=true", "A=b"})
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"--kill-after=1s", "--grace=3s", "--single-child"}, r.flags.words())
	assert.Equal(t, []string{"A=b"}, r.command.Env)

	r = newJobRequest()
	_, err = r.parse([]string{"prog"}, []string{"TINIT_SINGLE_CHILD=false", "TINIT_VERBOSE=0"})
	require.NoError(t, err)
	assert.Empty(t, r.flags.words(), "what a variable says no to")
}

func TestRunDefaults(t *testing.T) {
	r := newJobRequest()
	_, err := r.parse([]string{"prog"}, nil)
	require.NoError(t, err)
	assert.Equal(t, 10*time.Second, r.stopAfter())
	assert.Equal(t, keeper.Restart{}, r.restart)
	assert.Equal(t, keeper.Streams{MaxSize: 20 << 20, MaxFiles: 5}, r.logs)
	assert.False(t, r.cfg.Leave, "what the program leaves behind ends with it")

	r = newJobRequest()
	_, err = r.parse([]string{"-k", "0", "prog"}, nil)
	require.NoError(t, err)
	assert.Greater(t, r.stopAfter(), 1000*time.Hour, "0 is never, as for the init")
}

func TestBadRuns(t *testing.T) {
	for line, want := range map[string]string{
		"":                       "no PROGRAM given (see tinit run -h)",
		"--timeout 1s prog":      "--timeout is for --wait (see tinit run -h)",
		"--log-max-files 0 prog": `flag --log-max-files: "0" is no number of files (see tinit run -h)`,
		"-n 1 prog":              `flag -n: "1" is a number, and no name for a job (see tinit run -h)`,
		"--pause":                `unknown flag "--pause" (see tinit run -h)`,
		"--services f prog":      `unknown flag "--services" (see tinit run -h)`,
		"--pidfile= prog":        "flag --pidfile: the value is empty (see tinit run -h)",
	} {
		r := newJobRequest()
		_, err := r.parse(strings.Fields(line), nil)
		assert.EqualError(t, err, want, line)
	}
}

func TestLogoutScope(t *testing.T) {
	for text, want := range map[string]string{
		"0::/user.slice/user-1000.slice/session-3.scope\n":                             "session-3.scope",
		"0::/user.slice/user-1000.slice/session-3.scope/x\n":                           "session-3.scope",
		"12:pids:/a\n1:name=systemd:/user.slice/session-c2.scope\n0::/\n":              "session-c2.scope",
		"0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-r12ab.scope\n": "",
		"0::/system.slice/ssh.service\n":                                               "",
		"0::/\n":                                                                       "",
		"":                                                                             "",
	} {
		assert.Equal(t, want, scopeIn(text), "%q", text)
	}
}

func TestKills(t *testing.T) {
	for _, test := range []struct {
		texts []string
		want  bool
	}{
		{nil, false},
		{[]string{"[Login]\n#KillUserProcesses=no\n"}, false},
		{[]string{"[Login]\n#KillUserProcesses=yes\n"}, true},
		{[]string{"[Login]\n#KillUserProcesses=no\n", "[Login]\nKillUserProcesses=yes\n"}, true},
		{[]string{"#KillUserProcesses=yes\n", " KillUserProcesses=no \n"}, false},
		{[]string{"KillUserProcesses=on\n", "KillUserProcesses=0\n"}, false},
		{[]string{"KillUserProcesses=no\nKillUserProcesses=1\n"}, true},
		{[]string{"KillOnlyUsers=yes\n"}, false},
	} {
		assert.Equal(t, test.want, kills(test.texts), "%q", test.texts)
	}
}

func TestWithin(t *testing.T) {
	assert.Equal(t, "/a/b", within("/a", "b"))
	assert.Equal(t, "/b", within("/a", "/b"))
	assert.Equal(t, "/b", within("/a", "../b"))
}
