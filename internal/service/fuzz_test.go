package service

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"", "$SET ${SET}", "$$", "${UNSET:-${EMPTY:+x}}", "${UNSET?e}", "${", "}", "${SET:", "$1${_x1}", "${UNSET:-$$}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e := expander{variables, func(name string) { require.Equal(t, name, nameIn(name)) }}
		got, err := e.expand(text)
		if err != nil {
			require.Empty(t, got)
			require.NotEmpty(t, err.Error())
		}
		if !strings.Contains(text, "$") {
			require.NoError(t, err)
			require.Equal(t, text, got)
		}
		meant, err := e.expand(strings.ReplaceAll(text, "$", "$$"))
		require.NoError(t, err)
		require.Equal(t, text, meant)
	})
}

func FuzzSplitWords(f *testing.F) {
	for _, seed := range []string{"", "a b", `'a b' "c\"d" e\ f`, "a && b", "'", `"\n"`, `\`, "a\nb", "''"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, err := splitWords(text)
		if err != nil {
			require.Nil(t, words)
			return
		}
		var quoted []string
		for _, word := range words {
			quoted = append(quoted, "'"+strings.ReplaceAll(word, "'", `'"'"'`)+"'")
		}
		again, err := splitWords(strings.Join(quoted, " "))
		require.NoError(t, err)
		require.Equal(t, words, again)
	})
}

func FuzzEnvFile(f *testing.F) {
	for _, seed := range []string{"", "A=b\n# c\n", "export A='b\nc'", `A="b\n" # c`, "A", "A=$SET", "A='", "=", "A=${", "\ufeffA=b\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, said := parse(t, "services: {a: {command: x, env_file: e}}", map[string]string{"dir/e": text}, map[string]string{"SET": "set"})
		for _, kv := range file.Services[0].Env {
			name, _, given := strings.Cut(kv, "=")
			require.True(t, given)
			require.NotEmpty(t, name)
			require.NotContains(t, kv, "\x00")
		}
		for line := range strings.Lines(said) {
			if !strings.Contains(text, "\n") {
				require.Regexp(t, `^(warning: )?dir/e:1:1: .`, line)
			}
		}
	})
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"", "services: {}", "services: {a: {command: x}}", "services: {program: {depends_on: [a]}, a: {command: [x, y]}}",
		"services:\n  a:\n    command: x $SET\n    entrypoint: y\n    environment: {A: 1, B: , C: ~}\n    env_file: [e, {path: f, required: false}]\n    user: nobody\n    working_dir: /\n",
		"services:\n  a:\n    command: x\n    restart: on-failure:3\n    stop_signal: 15\n    stop_grace_period: 1m\n    x-essential: false\n    x-ready: notify\n    x-logging: plain\n",
		"services:\n  a:\n    command: x\n    healthcheck: {test: y, interval: 1s, timeout: 2s, retries: 4, start_period: 1h, start_interval: 5ms, disable: false}\n    logging: {driver: local, options: {max-size: 1m, max-file: 2}}\n",
		"services: {a: {command: x, depends_on: {b: {condition: service_healthy, required: false, restart: true}}}, b: {command: y, depends_on: [a]}}",
		"services: {a: {command: x, image: y, prots: 1, x-foo: 1}, '': ~}",
	} {
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, text string, withProgram bool) {
		var program []string
		if withProgram {
			program = []string{"p"}
		}
		file, said := parse(t, text, map[string]string{"dir/e": "A=b"}, map[string]string{"SET": "set"}, program...)
		for line := range strings.Lines(said) {
			require.Regexp(t, `^(warning: )?(f|dir/e):[1-9][0-9]*:[1-9][0-9]*: .`, line)
		}
		if strings.Contains("\n"+said, "\nf:") || strings.Contains(said, "dir/e:") {
			return
		}
		require.NotEmpty(t, file.Services)
		require.Equal(t, withProgram, file.Find(ProgramName) != nil)
		order := file.Order()
		for i, s := range order {
			require.NotEmpty(t, s.Name)
			require.NotEmpty(t, s.Args)
			require.NotEmpty(t, s.Args[0])
			require.NotContains(t, strings.Join(slices.Concat(s.Args, s.Env, []string{s.User, s.Dir}), ""), "\x00")
			require.True(t, s.StopSignal > 0 && s.StopSignal <= syscall.Signal(64))
			require.GreaterOrEqual(t, s.StopGrace, 0*s.StopGrace)
			require.False(t, s.Essential && s.Spared)
			if s.Health != nil {
				require.NotEmpty(t, s.Health.Test)
				require.Positive(t, s.Health.Interval)
				require.Positive(t, s.Health.Timeout)
				require.Positive(t, s.Health.Retries)
			}
			for _, d := range s.DependsOn {
				require.Contains(t, names(order[:i]), d.Name, "it is started before")
			}
		}
	})
}

// An error is one of those that can be told from others, with all that was found.
func TestErrorsAreErrors(t *testing.T) {
	err := error(Errors{{"f", 1, 2, "a"}, {"f", 3, 4, "b"}})
	assert := require.New(t)
	assert.EqualError(err, "f:1:2: a\nf:3:4: b")
	all, ok := errors.AsType[Errors](err)
	assert.True(ok)
	assert.Len(all, 2)
}
