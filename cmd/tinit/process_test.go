package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/session"
)

func TestParseEnvFile(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                nil,
		"\n\r\n  \n#A=b\n\t# c":           nil,
		"A=b":                             {"A=b"},
		"A=b\nC=d\n":                      {"A=b", "C=d"},
		"A=b\r\nC=d\r\n":                  {"A=b", "C=d"},
		"  A= b 'c' \"d\" # e ":           {"A= b 'c' \"d\" # e "},
		"A":                               {"A"},
		"A=":                              {"A="},
		"A==":                             {"A=="},
		"A=b\nA=c":                        {"A=b", "A=c"},
		"\ufeffA=b\n":                     {"A=b"},
		"A-b.c=d":                         {"A-b.c=d"},
		"export=x":                        {"export=x"},
		"Ä=ö":                             {"Ä=ö"},
		"A=" + strings.Repeat("x", 1<<17): {"A=" + strings.Repeat("x", 1<<17)},
	} {
		got, err := parseEnvFile([]byte(text))
		require.NoError(t, err, "%.20q", text)
		assert.Equal(t, want, got, "%.20q", text)
	}
	for text, want := range map[string]string{
		"=b":            `line 1: "=b" has no name`,
		"A=b\n\n =c\n":  `line 3: "=c" has no name`,
		"export A=b":    `line 1: the name "export A" has a blank in it`,
		"A =b":          `line 1: the name "A " has a blank in it`,
		"#\nA ":         `line 2: the name "A " has a blank in it`,
		"A=\xff":        `line 1: "A=\xff" is not UTF-8`,
		"A=b\nC=d\x00e": `line 2: "C=d\x00e" has a NUL in it`,
	} {
		got, err := parseEnvFile([]byte(text))
		assert.Nil(t, got)
		assert.EqualError(t, err, want)
	}
}

func TestNames(t *testing.T) {
	assert.True(t, names("A=b", "A"))
	assert.True(t, names("A=", "A"))
	for _, kv := range []string{"", "A", "AB=c", "B=A=", "=A"} {
		assert.False(t, names(kv, "A"), kv)
	}
}

// An error of the start names the flags that asked for what failed, and no other
// does.
func TestFlagged(t *testing.T) {
	all := session.Command{
		User: &session.User{}, Dir: "/", Umask: new(int), NoNewPrivileges: true, Ignored: []unix.Signal{1}, PIDVariables: []string{"A"},
	}
	for step, want := range map[string]string{
		session.StepUser:            `flag --user: cannot become "x": EOF`,
		session.StepDir:             `flag --chdir: cannot enter "x": EOF`,
		session.StepNoNewPrivileges: `flag --no-new-privileges: cannot set "x": EOF`,
		session.StepIgnored:         `flag --ignore: cannot ignore "x": EOF`,
		session.StepStage:           `flags --user, --chdir, --umask, --no-new-privileges, --ignore: cannot stage "x": EOF`,
		"find":                      `cannot find "x": EOF`,
		"execute":                   `cannot execute "x": EOF`,
		"start":                     `cannot start "x": EOF`,
	} {
		err := &session.Error{Step: step, Name: "x", Err: errors.New("EOF")}
		flagged := flagged(all, err)
		assert.EqualError(t, flagged, want)
		assert.Equal(t, own.codes.of(err), own.codes.of(flagged))
	}
	stage := &session.Error{Step: session.StepStage, Name: "x", Err: errors.New("EOF")}
	assert.EqualError(t, flagged(session.Command{Umask: new(int)}, stage), `flag --umask: cannot stage "x": EOF`)
	assert.Equal(t, error(stage), flagged(session.Command{PIDVariables: []string{"A"}}, stage))
	other := errors.New("other")
	assert.Equal(t, other, flagged(all, other))
}
