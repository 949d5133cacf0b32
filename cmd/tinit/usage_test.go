package main

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// helped is the left column of the usage text, which names the flags.
func helped() (column string) {
	for line := range strings.Lines(usage) {
		if strings.HasPrefix(line, "  -") || strings.HasPrefix(line, "      --") {
			flags, _, _ := strings.Cut(strings.TrimSpace(line), "  ")
			column += flags + "\n"
		}
	}
	return column
}

// known is how flags are spelt.
func known() (names []string) {
	for _, f := range (&options{}).flags() {
		names = append(names, "--"+f.long)
		for _, letter := range f.short {
			names = append(names, "-"+string(letter))
		}
	}
	return names
}

func TestUsageNamesEveryFlagAndNoOther(t *testing.T) {
	inUsage := regexp.MustCompile(`--?[A-Za-z][a-z-]*`).FindAllString(helped(), -1)
	require.Greater(t, len(inUsage), 30)
	assert.ElementsMatch(t, known(), inUsage)
}

func TestFlagsAreUnambiguous(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range known() {
		assert.False(t, seen[name], name)
		assert.Regexp(t, `^(-[A-Za-z]|--[a-z]{2}[a-z-]*)$`, name)
		seen[name] = true
	}
	for _, pair := range opposites {
		assert.True(t, seen["--"+pair[0]] && seen["--"+pair[1]], "%v", pair)
		assert.True(t, areOpposites(pair[0], pair[1]) && areOpposites(pair[1], pair[0]), "%v", pair)
		assert.False(t, areOpposites(pair[0], pair[0]) || areOpposites(pair[0], ""), "%v", pair)
	}
}

// A flag that takes a value shows so.
func TestUsageShowsValues(t *testing.T) {
	for _, f := range (&options{}).flags() {
		assert.Equal(t, f.arg, regexp.MustCompile(`--`+f.long+` [A-Z]`).MatchString(helped()), f.long)
	}
}

func TestUsageNamesEveryVariable(t *testing.T) {
	inUsage := regexp.MustCompile(`TINIT_[A-Z_]+`).FindAllString(usage, -1)
	var names []string
	for _, v := range variables {
		names = append(names, v.name)
		assert.Contains(t, known(), "--"+v.flag, v.name)
		assert.Equal(t, "TINIT_"+strings.ToUpper(strings.ReplaceAll(v.flag, "-", "_")), v.name)
	}
	assert.ElementsMatch(t, names, inUsage)
}

func TestUsageNamesEveryCommand(t *testing.T) {
	for _, c := range implemented {
		assert.Regexp(t, `(?m)^  `+c.name+` +[a-z]`, usage)
	}
}

func TestTextsAreForTerminals(t *testing.T) {
	texts := maps.Clone(commandUsages)
	maps.Copy(texts, map[string]string{
		"usage": usage, "license": license, "as tini": tini.usage, "as dumb-init": dumbInit.usage, "as catatonit": catatonit.usage,
	})
	for name, text := range texts {
		assert.True(t, strings.HasSuffix(text, ".\n"), name)
		for line := range strings.Lines(text) {
			assert.LessOrEqual(t, len(line), 89, "%s: %s", name, line)
			assert.NotContains(t, line, "\t")
			assert.Equal(t, strings.TrimRight(line, " \n")+"\n", line)
		}
	}
}

var peers = []string{"tini", "tini-static", "docker-init", "dumb-init", "catatonit", "podman-init"}

func TestVersionLine(t *testing.T) {
	v, c := version, commit
	defer func() { version, commit = v, c }()
	version, commit = "1.2.3", "abcdef0"
	line := func(argv ...string) string {
		text, _ := called(argv).info(&options{version: true})
		return text
	}
	for _, argv0 := range []string{"tinit", "/sbin/tinit", "./tinit", "init", "tini2", "", "/"} {
		assert.Equal(t, "tinit version 1.2.3 - git.abcdef0\n", line(argv0), argv0)
	}
	assert.Equal(t, "tinit version 1.2.3 - git.abcdef0\n", line())
	for _, peer := range peers {
		want := "tini version 1.2.3_tinit - git.abcdef0\n" // as Docker wants it, with the commit after " - git."
		if peer == "dumb-init" {
			want = "dumb-init v1.2.3_tinit\n"
		}
		for _, argv0 := range []string{peer, "/usr/bin/" + peer, "./" + peer} {
			assert.Equal(t, want, line(argv0), argv0)
		}
	}
	version, commit = "", ""
	assert.Regexp(t, `^tinit version \S+ - git\.\S+\n$`, line(), "whatever go build knew")
}
