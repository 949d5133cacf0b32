package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
)

var stateRows = slices.Concat([]row{
	{what: "PROGRAM's session and group", front: true, of: func(t *trial) string { return t.kinship(t.pid1, "") }},
	{what: "PROGRAM's session and group, not as PID 1", of: func(t *trial) string { return t.kinship(t.plain, "") }},
	{what: "PROGRAM's session and group, with `-c`", about: dumbInit, of: func(t *trial) string { return t.kinship(t.plain, "-c") }},
	{what: "PROGRAM's session and group, with `-g`", about: tini, of: func(t *trial) string { return t.kinship(t.plain, "-g") }},
	{what: "PROGRAM's session and group, with DUMB_INIT_SETSID=0", about: dumbInit, of: func(t *trial) string { return t.kinship(t.plain, "DUMB_INIT_SETSID=0") }},
	{what: "the init's own session and group", of: func(t *trial) string {
		return t.running(func(r *run, _ int) string {
			own, caller := statOf(r.pid()), statOf(os.Getpid())
			return words(own.session == caller.session, "the caller's session", "another session") + ", " +
				words(own.pgrp == caller.pgrp, "the caller's group", "another group")
		})
	}},
	{what: "the init's working directory", front: true, of: func(t *trial) string {
		return t.running(func(r *run, _ int) string {
			return t.directory(r.pid())
		})
	}},
	{what: "PROGRAM's working directory", of: func(t *trial) string {
		return t.running(func(_ *run, program int) string { return t.directory(program) })
	}},
	{what: "an inherited descriptor, 3: in the init, in PROGRAM", front: true, of: func(t *trial) string {
		return t.running(func(r *run, program int) string {
			return words(t.hasInherited(r.pid()), "open", "closed") + ", " + words(t.hasInherited(program), "open", "closed")
		})
	}},
	{what: "the init's standard streams", of: func(t *trial) string {
		return t.running(func(r *run, _ int) string { return streams(r.pid()) })
	}},
	{what: "descriptors that PROGRAM has beside the inherited ones", of: func(t *trial) string {
		return t.running(func(_ *run, program int) string {
			fds, _ := os.ReadDir(proc(program, "fd"))
			var more []string
			for _, fd := range fds {
				if name := fd.Name(); !slices.Contains([]string{"0", "1", "2", "3"}, name) {
					more = append(more, name)
				}
			}
			return orNone(strings.Join(more, " "))
		})
	}},
	{what: "PROGRAM's limit of open files, umask", of: func(t *trial) string {
		r := t.pid1("--", "sleep", "60").with(func(s *stage) { s.Files, s.Umask = 123, 0o27 }).start()
		defer r.kill()
		program := r.program("sleep")
		return nofile(program) + ", " + status(program, "Umask")
	}},
	{what: "PROGRAM reads standard input", of: func(t *trial) string {
		r := t.pid1("--", "cat")
		r.cmd.Stdin = strings.NewReader("text")
		r.code()
		return yes(textOf(r.out) == "text")
	}},
	{what: "exit code and output as another user than root", of: func(t *trial) string {
		return t.pid1("--", "true").with(func(s *stage) { s.User = 65534 }).says()
	}},
	{what: "exit code and output where /proc is empty", of: func(t *trial) string {
		return t.pid1("--", "true").with(func(s *stage) { s.NoProc = true }).says()
	}},
	{what: "the init's name in /proc", of: func(t *trial) string {
		return t.running(func(r *run, _ int) string { return status(r.pid(), "Name") })
	}},
	{what: "PROGRAM's parent", of: func(t *trial) string {
		return t.running(func(r *run, program int) string { return words(statOf(program).ppid == r.pid(), "the init", "another") })
	}},
	{what: "LISTEN_PID, if it is the init's: PROGRAM has", of: func(t *trial) string { return t.listenPID(true) }},
	{what: "LISTEN_PID, if it is another's: PROGRAM has", of: func(t *trial) string { return t.listenPID(false) }},
	{what: "LISTEN_PID=01, as PID 1: PROGRAM has", of: func(t *trial) string { return t.pidVariable("LISTEN_PID", "01") }},
	{what: "LISTEN_PID=1x, as PID 1: PROGRAM has", of: func(t *trial) string { return t.pidVariable("LISTEN_PID", "1x") }},
	{what: "WATCHDOG_PID=1, as PID 1: PROGRAM has", of: func(t *trial) string { return t.pidVariable("WATCHDOG_PID", "1") }},
	{what: "4 open files are allowed: exit code when PROGRAM ends with 7", of: func(t *trial) string {
		return t.limited(func(s *stage) { s.Files = 4 })
	}},
	{what: "8 open files are allowed: exit code when PROGRAM ends with 7", of: func(t *trial) string {
		return t.limited(func(s *stage) { s.Files = 8 })
	}},
	{what: "4 processes are allowed: exit code when PROGRAM ends with 7", of: func(t *trial) string {
		return t.limited(func(s *stage) { s.User, s.Processes = t.nobody(), 4 })
	}},
	{what: "12 processes are allowed: exit code when PROGRAM ends with 7", of: func(t *trial) string {
		return t.limited(func(s *stage) { s.User, s.Processes = t.nobody(), 12 })
	}},
	{what: "500 MiB of address space are allowed: exit code when PROGRAM ends with 7", of: func(t *trial) string {
		return t.limited(func(s *stage) { s.Memory = 500 })
	}},
},
	closed("0"), closed("1"), closed("2"), closed("0 1 2"))

func (t *trial) limited(limit func(*stage)) string {
	return t.pid1("--", "sh", "-c", "exit 7").with(limit).code()
}

var users atomic.Int64

// nobody is a user who has no processes: a limit is on all that a user has.
func (t *trial) nobody() int { return 64_000 + int(users.Add(1)) }

// pidVariable is what PROGRAM sees of a variable.
func (t *trial) pidVariable(name, value string) string {
	r := t.pid1("--", "sh", "-c", `[ "$`+name+`" = $$ ] && echo its own || echo "$`+name+`"`).variables(name + "=" + value)
	r.code()
	return orNone(strings.TrimSpace(textOf(r.out)))
}

func words(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// running looks at an init that waits for signals, started in the cell's
// directory with a descriptor 3, and at its PROGRAM.
func (t *trial) running(look func(r *run, program int) string) string {
	r := t.plain(append([]string{"--"}, blocked(allSignals...)...)...).in(t.dir)
	inherited, err := os.Create(t.inherited())
	check(err)
	defer inherited.Close()
	r.cmd.ExtraFiles = []*os.File{inherited}
	r.start()
	program := r.program("sleep")
	r.settle()
	return look(r, program)
}

func (t *trial) inherited() string { return t.dir + "/inherited" }

func (t *trial) hasInherited(pid int) bool {
	link, _ := os.Readlink(proc(pid, "fd/3"))
	return link == t.inherited()
}

func (t *trial) directory(pid int) string {
	switch link, _ := os.Readlink(proc(pid, "cwd")); link {
	case t.dir:
		return "unchanged"
	default:
		return link
	}
}

// kinship is whose session and group PROGRAM is in.
func (t *trial) kinship(start func(...string) *run, option string) string {
	r := start(append([]string{"--"}, blocked(allSignals...)...)...).option(option).leading().start()
	defer r.kill()
	program := r.program("sleep")
	r.settle()
	own, init := statOf(program), statOf(r.pid())
	return words(own.session == program, "a session of its own", words(own.session == init.session, "the init's session", "another session")) + ", " +
		words(own.pgrp == program, "a group of its own", words(own.pgrp == init.pgrp, "the init's group", "another group"))
}

// streams says what a process has as its standard streams.
func streams(pid int) string {
	var has []string
	for fd := range 3 {
		switch link, err := os.Readlink(proc(pid, fmt.Sprint("fd/", fd))); {
		case err != nil:
			has = append(has, "closed")
		case link == os.DevNull:
			has = append(has, "null")
		default:
			has = append(has, "open")
		}
	}
	return strings.Join(has, " ")
}

// closed are what becomes of standard streams that were closed.
func closed(which string) []row {
	what := "standard streams " + which + " closed: exit code, PROGRAM's streams"
	return []row{{what: what, of: func(t *trial) string {
		start := func(args ...string) *run {
			return t.pid1(append([]string{"--"}, args...)...).with(func(s *stage) {
				for fd := range strings.FieldsSeq(which) {
					s.Close = append(s.Close, int(fd[0]-'0'))
				}
			}).start()
		}
		if code := start("sh", "-c", "exit 7").wait(); code != "7" {
			return code
		}
		r := start("sleep", "60")
		defer r.kill()
		return "7, " + streams(r.program("sleep"))
	}}}
}

func nofile(pid int) string {
	text, _ := os.ReadFile(proc(pid, "limits"))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			return strings.Fields(rest)[0]
		}
	}
	return "?"
}

// listenPID is what PROGRAM sees of the variable that says for whom a descriptor
// is, in sd_listen_fds(3).
func (t *trial) listenPID(initsOwn bool) string {
	r := t.pid1("--", "sh", "-c", `[ "$LISTEN_FDS" = 1 ] || echo lost; [ "$LISTEN_PID" = $$ ] && echo its own || echo "$LISTEN_PID"`)
	r.variables("LISTEN_FDS=1")
	if initsOwn {
		r.with(func(s *stage) { s.ListenPID = true })
	} else {
		r.variables("LISTEN_PID=12345")
	}
	r.code()
	return orNone(strings.TrimSpace(textOf(r.out)))
}
