package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var commandUsages = map[string]string{
	"run": runUsage, "start": startUsage, "jobs": jobsUsage, "status": statusUsage, "logs": logsUsage, "fg": fgUsage, "bg": bgUsage,
	"stop": stopUsage, "kill": killUsage, "restart": restartUsage, "wait": waitUsage, "rm": rmUsage, "ps": psUsage,
	"check": checkUsage,
}

// commandPages are the manual pages, and what each is about.
var commandPages = map[string][]string{
	"tinit-run.1":      {"run", "start"},
	"tinit-jobs.1":     {"jobs", "status", "logs", "fg", "bg", "stop", "kill", "restart", "wait", "rm"},
	"tinit-ps.1":       {"ps"},
	"tinit-services.5": {"check"},
}

var flagNames = regexp.MustCompile(`(?:^|[ ,])(--?[A-Za-z][a-z-]*)`)

// namedIn is the flags that a command's usage text names: in its left column, and in what it says to be as for tinit itself.
func namedIn(text string) (names []string) {
	_, inits, _ := strings.Cut(text, "As for tinit itself:")
	inits, _, _ = strings.Cut(inits, ".")
	for line := range strings.Lines(text) {
		if column := strings.TrimSpace(line); strings.HasPrefix(column, "-") && strings.HasPrefix(line, "  ") {
			column, _, _ = strings.Cut(column, "  ")
			inits += " " + column
		}
	}
	for _, found := range flagNames.FindAllStringSubmatch(strings.ReplaceAll(inits, "\n", " "), -1) {
		names = append(names, found[1])
	}
	return names
}

// accepts reports whether a command takes the flag, with the value that its usage text says it has, if any. Help ends the command.
func accepts(t *testing.T, c command, flag, value string) bool {
	t.Helper()
	out := os.Stdout
	defer func() { os.Stdout = out }()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer null.Close()
	os.Stdout = null
	args := []string{flag, value, "-h"}
	if value == "" {
		args = []string{flag, "-h"}
	}
	code, err := c.run(args, nil)
	return code == 0 && err == nil
}

// A usage text names every flag of its command, and no other.
func TestCommandUsagesNameEveryFlagAndNoOther(t *testing.T) {
	values := []string{"", "1", "a", "A=b", "1k", "always", "TERM", "TERM:0"}
	var all []string
	for _, text := range commandUsages {
		all = append(all, namedIn(text)...)
	}
	for letter := 'a'; letter <= 'z'; letter++ {
		all = append(all, "-"+string(letter), "-"+strings.ToUpper(string(letter)))
	}
	all = append(all, known()...)
	slices.Sort(all)
	all = slices.DeleteFunc(slices.Compact(all), func(name string) bool { return name == "-h" || name == "--help" })
	require.Greater(t, len(all), 80)

	require.Len(t, commandUsages, len(implemented))
	for _, c := range implemented {
		named := namedIn(commandUsages[c.name])
		var taken []string
		for _, name := range all {
			if slices.ContainsFunc(values, func(value string) bool { return accepts(t, c, name, value) }) {
				taken = append(taken, name)
			}
		}
		var missing []string
		for _, name := range taken {
			// As for tinit itself, where one of two names will do.
			if !slices.Contains(named, name) && (c.name != "run" || !oneIsNamed(name, named)) {
				missing = append(missing, name)
			}
		}
		assert.Empty(t, missing, "tinit %s takes these, and its usage does not say so", c.name)
		for _, name := range named {
			assert.Contains(t, append(taken, "-h", "--help"), name, "tinit %s", c.name)
		}
	}
}

// oneIsNamed reports whether a flag of the init's is named by its other name.
func oneIsNamed(name string, named []string) bool {
	for _, f := range (&options{}).flags() {
		if name == "--"+f.long || f.short != "" && name == "-"+f.short {
			return slices.Contains(named, "--"+f.long) || f.short != "" && slices.Contains(named, "-"+f.short)
		}
	}
	return false
}

// describedIn is the flags that a manual page has an item for, as in ".It Fl l , L , Fl Fl license".
func describedIn(t *testing.T, page string) (names []string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + page)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		item, is := strings.CutPrefix(line, ".It Fl ")
		if !is {
			continue
		}
		item, _, _ = strings.Cut(item, " Ar ")
		for name := range strings.SplitSeq(strings.TrimSpace(item), " , ") {
			dashes := "-" + strings.Repeat("-", strings.Count("Fl "+name, "Fl Fl "))
			names = append(names, dashes+name[strings.LastIndexByte(name, ' ')+1:])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// The manual pages have an item for every flag, and for no other.
func TestManualPagesDescribeEveryFlagAndNoOther(t *testing.T) {
	assert.ElementsMatch(t, known(), describedIn(t, "tinit.1"))
	var covered []string
	for page, commands := range commandPages {
		want := []string{"-h", "--help"}
		for _, name := range commands {
			covered = append(covered, name)
			want = append(want, namedIn(commandUsages[name])...)
		}
		if slices.Contains(commands, "run") { // where one of two names will do
			for _, f := range newJobRequest().flags {
				want = append(want, "--"+f.long)
				if f.short != "" {
					want = append(want, "-"+f.short)
				}
			}
		}
		slices.Sort(want)
		assert.Equal(t, slices.Compact(want), describedIn(t, page), page)
	}
	assert.Len(t, covered, len(implemented))
}
