package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// environ runs env(1) as PROGRAM, and returns what it shows that begins with
// X_, HOME or TINIT_.
func environ(t *testing.T, r *run) (shown []string) {
	t.Helper()
	got := r.run()
	require.Zero(t, got.code, got.err)
	for line := range strings.Lines(got.out) {
		for _, prefix := range []string{"X_", "HOME=", "TINIT_"} {
			if strings.HasPrefix(line, prefix) {
				shown = append(shown, strings.TrimSuffix(line, "\n"))
			}
		}
	}
	return shown
}

func TestEnv(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	one := file("one", "\ufeff# comment\n\n  X_A=file one\r\nX_B=\"quoted\" \n\tX_FROM\nX_NOWHERE\nX_EMPTY=\nX_EQUALS=a=b # c")
	two := file("two", "X_A=file two\n")
	inherited := []string{"X_FROM=tinit's", "X_OTHER=stays", "HOME=/home"}
	everywhere(t, func(t *testing.T, tinit starter) {
		for _, c := range []struct {
			flags []string
			want  []string
		}{
			{nil, inherited}, // the control
			{[]string{"--env", "X_A=b c"}, append(inherited[:3:3], "X_A=b c")},
			{[]string{"--env", "X_OTHER=changed", "--env=X_OTHER=again"}, []string{"X_FROM=tinit's", "HOME=/home", "X_OTHER=again"}},
			{[]string{"--env", "X_FROM", "--env", "X_NOWHERE"}, []string{"X_OTHER=stays", "HOME=/home", "X_FROM=tinit's"}},
			{[]string{"--env", "X_OTHER="}, []string{"X_FROM=tinit's", "HOME=/home", "X_OTHER="}},
			{
				[]string{"--env-file", one},
				[]string{"X_OTHER=stays", "HOME=/home", "X_A=file one", `X_B="quoted" `, "X_FROM=tinit's", "X_EMPTY=", "X_EQUALS=a=b # c"},
			},
			{[]string{"--env-file", one, "--env-file", two, "--env", "X_B=flag", "--env", "X_EMPTY", "--env", "X_EQUALS"}, []string{
				"X_OTHER=stays", "HOME=/home", "X_FROM=tinit's", "X_A=file two", "X_B=flag",
			}},
			// A flag beats a file, whatever comes first.
			{[]string{"--env", "X_A=flag", "--env-file", two}, append(inherited[:3:3], "X_A=flag")},
			// tinit's own variables are PROGRAM's only if they are named.
			{[]string{"--env", "TINIT_GRACE"}, append(inherited[:3:3], "TINIT_GRACE=2")},
		} {
			r := tinit(t, append(c.flags, "env")...).env(append(inherited, "TINIT_GRACE=2")...)
			assert.ElementsMatch(t, c.want, environ(t, r), "%q", c.flags)
		}
	})
}

// The user's home gives way to a flag.
func TestEnvBeatsUser(t *testing.T) {
	need(t, os.Geteuid() == 0, rootOnly)
	run := func(flags ...string) []string {
		return environ(t, tinit(t, append(flags, "-u", "4711:4711", "env")...).env("HOME=/home"))
	}
	assert.Equal(t, []string{"HOME=/"}, run(), "the control")
	assert.Equal(t, []string{"HOME=/home"}, run("--env", "HOME"))
	assert.Equal(t, []string{"HOME=/srv"}, run("--env", "HOME=/srv"))
}

// What a flag says of LISTEN_PID is meant.
func TestEnvOfPIDVariables(t *testing.T) {
	show := func(flags ...string) string {
		r := activated(tinit(t, append(flags, "sh", "-c", "echo $(($LISTEN_PID == $$))")...), "LISTEN_PID=$$").run()
		require.Zero(t, r.code, r.err)
		return r.out
	}
	assert.Equal(t, "1\n", show(), "the control")
	assert.Equal(t, "0\n", show("--env", "LISTEN_PID=77777"))
}

// A file may be a pipe, as a shell makes one of <(command).
func TestEnvFileIsAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	_, err = w.WriteString("X_A=piped\n")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	assert.Equal(t, []string{"X_A=piped"}, environ(t, tinit(t, "--env-file", "/dev/fd/3", "env").onlyEnv("PATH="+os.Getenv("PATH")).files(r)))
}

// One that never ends is too long.
func TestEnvFileIsEndless(t *testing.T) {
	r := tinit(t, "--env-file", "/dev/zero", "true").run()
	assert.Equal(t, 125, r.code)
	oneLine(t, r.err, "flag --env-file: ", "/dev/zero", "bytes")
}
