package main

import (
	"slices"
	"strings"
	"syscall"
)

var flagRows = slices.Concat([]row{
	{what: "PROGRAM's own flags are left alone without `--`", front: true, of: func(t *trial) string {
		r := t.pid1("echo", "-h", "x")
		r.code()
		return yes(textOf(r.out) == "-h x\n")
	}},
	{what: "PROGRAM's own flags are left alone without `--`, with POSIXLY_CORRECT", of: func(t *trial) string {
		r := t.pid1("echo", "-h", "x").variables("POSIXLY_CORRECT=1")
		r.code()
		return yes(textOf(r.out) == "-h x\n")
	}},
	{what: "`echo a -- -h`: PROGRAM writes", of: func(t *trial) string { return t.writes("echo", "a", "--", "-h") }},
	{what: "`echo a -- b -- c`: PROGRAM writes", of: func(t *trial) string { return t.writes("echo", "a", "--", "b", "--", "c") }},
	{what: "`-- echo -h -- x`: PROGRAM writes", of: func(t *trial) string { return t.writes("--", "echo", "-h", "--", "x") }},
	{what: "`echo - x`: PROGRAM writes", of: func(t *trial) string { return t.writes("echo", "-", "x") }},
	{what: "a word that tinit keeps for itself as PROGRAM: `run`, exit code", of: func(t *trial) string {
		t.program("run", 0o755, "exit 7\n")
		return t.pid1("run").variables("PATH=" + t.dir + ":/usr/bin:/bin").code()
	}},
	{what: "variables of tini, dumb-init and catatonit that PROGRAM has too", of: func(t *trial) string {
		all := []string{"TINI_SUBREAPER=", "TINI_KILL_PROCESS_GROUP=", "TINI_VERBOSITY=0", "DUMB_INIT_SETSID=1", "DUMB_INIT_DEBUG=0", "CATATONIT_DEBUG="}
		r := t.pid1("--", "env").variables(all...)
		r.code()
		var has []string
		for _, kv := range all {
			name, _, _ := strings.Cut(kv, "=")
			if strings.Contains("\n"+textOf(r.out), "\n"+kv+"\n") {
				has = append(has, name)
			}
		}
		return orNone(strings.Join(has, " "))
	}},
	{what: "of several variables of one name PROGRAM has", of: func(t *trial) string {
		r := t.pid1("--", "/usr/bin/env", "env").with(func(s *stage) { s.Twice = true })
		r.code()
		var values []string
		for line := range strings.Lines(textOf(r.out)) {
			if value, ok := strings.CutPrefix(line, "TWICE="); ok {
				values = append(values, strings.TrimSpace(value))
			}
		}
		return strings.Join(values, " ")
	}},
},
	effects(tini, "143", "-e 143", "-e143", "-e 3 -e 143", "-ge143", "-ge 143", "-e 3", "-e 143 -e 3"),
	effects(tini, "127", "-e 127 -s"),
	[]row{{what: "PROGRAM is killed by TERM, and `-e 143`", about: tini, of: func(t *trial) string {
		return t.codes([]string{"-e", "143"}, "kill -TERM $$")
	}}},
	calls(tini,
		"-e 256 true", "-e -1 true", "-e x true", "-e 3x true", "-e 0x3 true", "-e 03 true", "-e 3,4 true", "-e 0 true",
		"-p SIGTERM true", "-pSIGTERM true", "-p TERM true", "-p 15 true", "-p sigterm true", "-p SIGKILL true", "-p SIGSTOP true",
		"-p SIGCHLD true", "-p SIGRTMIN true", "-p SIGPWR true", "-p SIGSTKFLT true", "-p SIGIO true", "-p SIGCLD true", "-p SIGBOGUS true",
		"-s true", "-w true", "-swg true", "-vv true", "-vvvv true", "-gv true", "true -v"),
	[]row{
		{what: "`-e ''`: exit code and output", about: tini, of: func(t *trial) string { return t.pid1("-e", "", "true").says() }},
		{what: "`-e 127` and PROGRAM is not found: exit code", about: tini, of: func(t *trial) string {
			return t.pid1("-e", "127", "--", "no-such-program").code()
		}},
		{what: "`-w`, an orphan is reaped: exit code and output", about: tini, of: func(t *trial) string {
			return t.pid1("-w", "--", "sh", "-c", `pid=$(sh -c 'sleep 0.1 >/dev/null & echo $!'); while [ -e /proc/$pid ]; do :; done`).says()
		}},
		{what: "`-p SIGUSR1`, the caller ends: PROGRAM gets", about: tini, of: func(t *trial) string { return t.bereft("-p", "SIGUSR1") }},
		{what: "the caller ends: PROGRAM gets", of: func(t *trial) string { return t.bereft() }},
	},
	variable(tini, "TINI_VERBOSITY=0"), variable(tini, "TINI_VERBOSITY=1"), variable(tini, "TINI_VERBOSITY=2"),
	variable(tini, "TINI_VERBOSITY="), variable(tini, "TINI_VERBOSITY=x"), variable(tini, "TINI_SUBREAPER="),
	variable(tini, "TINI_SUBREAPER=0"),
	variable(dumbInit, "DUMB_INIT_DEBUG=1"), variable(dumbInit, "DUMB_INIT_DEBUG=0"), variable(dumbInit, "DUMB_INIT_DEBUG="),
	variable(dumbInit, "DUMB_INIT_DEBUG=true"),
	variable(catatonit, "CATATONIT_DEBUG=1"), variable(catatonit, "CATATONIT_DEBUG="), variable(catatonit, "CATATONIT_LOG=x"),
	calls(dumbInit, "--verbose true", "--verb true", "--v true", "--ver true", "-cv true", "--single-child true",
		"--single true", "--single-child=x true"),
	calls(catatonit, "-gg true", "-gV true", "--v"),
)

func (t *trial) writes(args ...string) string {
	r := t.pid1(args...)
	r.code()
	return orNone(strings.TrimSpace(textOf(r.out)))
}

// effects are exit codes with flags, when PROGRAM ends with that code.
func effects(about, code string, flags ...string) (rows []row) {
	for _, words := range flags {
		rows = append(rows, row{what: "PROGRAM ends with " + code + ", and `" + words + "`", about: about, of: func(t *trial) string {
			return t.codes(strings.Fields(words), "exit "+code)
		}})
	}
	return rows
}

// variable is about what is written, by an init that is not PID 1.
func variable(about, kv string) []row {
	return []row{{what: "exit code and output with `" + kv + "`, not as PID 1", about: about, of: func(t *trial) string {
		return t.plain("--", "true").variables(kv).says()
	}}}
}

// bereft is what PROGRAM gets when the process that started the init is killed.
func (t *trial) bereft(flags ...string) string {
	args := append(append([]string{t.path}, flags...), "--")
	caller := t.plainly("sh", append([]string{"-c", `"$@" & wait`, "sh"}, append(args, blocked(allSignals...)...)...)...).start()
	var init, program int
	if !eventually(patience, func() bool {
		for _, pid := range childrenOf(caller.pid()) {
			init = pid
		}
		for _, pid := range childrenOf(init) {
			program = pid
		}
		return caller.ended() || program != 0 && status(program, "Name") == "sleep"
	}) || caller.ended() {
		return caller.says()
	}
	caller.kill()
	eventually(patience, func() bool { return quiet(init) })
	return pending(program).String()
}

// gets is what PROGRAM gets of a signal sent to the init.
func (t *trial) gets(flags []string, sent syscall.Signal) string {
	r := t.pid1(append(append(flags[:len(flags):len(flags)], "--"), blocked(allSignals...)...)...).start()
	defer r.kill()
	program := r.program("sleep")
	r.send(sent)
	// PROGRAM may be about to end of it, and the init with it.
	eventually(patience, func() bool { return quiet(program) })
	r.settle()
	if r.ended() {
		return "ends with " + r.wait()
	}
	return pending(program).String()
}
