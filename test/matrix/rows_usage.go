package main

import (
	"os"
	"strings"
)

var usageRows = append(calls("",
	"",
	"--",
	"-h",
	"--help",
	"-V",
	"--version",
	"-l",
	"-L",
	"-hx",
	"-xh",
	"-Z",
	"-Z true",
	"--bogus",
	"--bogus true",
	"--vers",
	"--he",
	"--version=x",
	"--version true",
	"true --version",
	"-v --version",
	"-r",
	"-e",
	"-p",
	"-c",
	"-g",
	"-",
	"-- -h",
	"-- -- true",
	"-v true",
	"-g true",
	"true -g",
	"true -V",
), row{what: "`--version` is a line that Docker accepts from its init", of: func(t *trial) string {
	r := t.pid1("--version")
	r.code()
	return yes(dockerAccepts(textOf(r.out)))
}}, row{what: "`--version`, and nothing can be written: exit code", of: func(t *trial) string {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	check(err)
	defer full.Close()
	r := t.pid1("--version")
	r.cmd.Stdout, r.cmd.Stderr = full, full
	return r.code()
}})

// calls are rows that are named for the arguments.
func calls(about string, args ...string) (rows []row) {
	for _, words := range args {
		what := "`" + words + "`"
		if words == "" {
			what = "no arguments"
		}
		rows = append(rows, row{what: "exit code and output of " + what, about: about, of: func(t *trial) string {
			return t.pid1(strings.Fields(words)...).says()
		}})
	}
	return rows
}

// dockerAccepts is what parseInitVersion in moby's daemon/info_unix.go wants.
func dockerAccepts(out string) bool {
	parts := strings.Split(strings.TrimSpace(out), " - ")
	if len(parts) >= 2 {
		if git := strings.Split(parts[1], "."); len(git) == 2 && git[0] != "git" {
			return false
		}
	}
	return strings.HasPrefix(parts[0], "tini version ")
}
