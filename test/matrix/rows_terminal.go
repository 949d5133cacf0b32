package main

import (
	"golang.org/x/sys/unix"
)

var terminalRows = []row{
	{what: "PID 1 leads the session on the terminal, as with `docker run -it`: PROGRAM", front: true, of: func(t *trial) string {
		return t.leader(func(r *run) {}).onTerminal()
	}},
	{what: "PID 1 leads the session on the terminal, with `-c`: PROGRAM", about: dumbInit, of: func(t *trial) string {
		return t.leader(func(r *run) { r.option("-c") }).onTerminal()
	}},
	{what: "PID 1 leads the session on the terminal, with `-g`: PROGRAM", about: tini, of: func(t *trial) string {
		return t.leader(func(r *run) { r.option("-g") }).onTerminal()
	}},
	{what: "the same, and standard input is something else: PROGRAM", of: func(t *trial) string {
		s := t.leader(func(r *run) {
			// The controlling terminal is set by its descriptor.
			r.cmd.Stdin, r.cmd.SysProcAttr.Ctty = nil, 1
		})
		return s.onTerminal()
	}},
	{what: "the same, and standard output is something else: PROGRAM", of: func(t *trial) string {
		return t.leader(func(r *run) { r.cmd.Stdout = t.output() }).onTerminal()
	}},
	{what: "PID 1 leads the session, whose terminal standard input is not: PROGRAM", of: func(t *trial) string {
		return t.leader(func(r *run) { r.cmd.SysProcAttr.Setctty = false }).onTerminal()
	}},
	{what: "the init has the controlling terminal still", of: func(t *trial) string {
		s := t.leader(func(r *run) {})
		return yes(statOf(s.run.pid()).ttyNr != 0)
	}},
	{what: "on a terminal PROGRAM gets at the start, and when HUP is sent to the init", of: func(t *trial) string {
		s := t.leader(func(r *run) {})
		defer s.run.kill()
		start := pending(s.program)
		s.run.send(unix.SIGHUP)
		return start.String() + ", " + pending(s.program).String()
	}},
	{what: "a new size of the terminal reaches PROGRAM", of: func(t *trial) string {
		s := t.leader(func(r *run) {})
		defer s.run.kill()
		check(unix.IoctlSetWinsize(int(s.terminal.user.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 10, Col: 40}))
		return yes(eventually(lasting, func() bool { return pending(s.program).has(unix.SIGWINCH) }))
	}},
	{what: "Ctrl-C as PID 1 on a terminal: exit code", of: func(t *trial) string { return t.interrupted("") }},
	{what: "Ctrl-C as PID 1 on a terminal, with `-c`: exit code", about: dumbInit, of: func(t *trial) string { return t.interrupted("-c") }},
	{what: "Ctrl-Z as PID 1 on a terminal", front: true, of: func(t *trial) string { return t.frozen("") }},
	{what: "Ctrl-Z as PID 1 on a terminal, with `-c`", about: dumbInit, of: func(t *trial) string { return t.frozen("-c") }},
	{what: "the terminal hangs up on PID 1: exit code", of: func(t *trial) string { return t.hungUp("") }},
	{what: "the terminal hangs up on PID 1, with `-c`: exit code", about: dumbInit, of: func(t *trial) string { return t.hungUp("-c") }},
	{what: "Ctrl-Z, `fg`, Ctrl-C under an interactive shell", front: true, of: func(t *trial) string { return t.jobControl("", "") }},
	{what: "Ctrl-Z, `fg`, Ctrl-C under an interactive shell, with `-g`", about: tini, of: func(t *trial) string { return t.jobControl("-g", "") }},
	{what: "Ctrl-Z, `fg`, Ctrl-C under an interactive shell, with `-c`", about: dumbInit, of: func(t *trial) string { return t.jobControl("-c", "") }},
	{what: "Ctrl-Z, `fg`, Ctrl-C in a pipeline under an interactive shell", of: func(t *trial) string { return t.jobControl("", " | cat") }},
	{what: "Ctrl-C under an interactive shell: exit code", of: func(t *trial) string {
		term := t.terminal()
		shell := t.shell(term)
		term.types("$init -- sh -c 'echo started; exec sleep 61'\n")
		term.waitsFor("started")
		eventually(patience, func() bool { return t.sleeping("sleep 61") != 0 })
		eventually(lasting, func() bool { return term.foreground() != shell.pid() })
		term.types(ctrlC)
		term.waitsFor(prompt)
		term.types("echo \"code: $?\"\n")
		term.waitsFor("code: ")
		term.waitsFor("\n")
		return term.past
	}},
	{what: "Ctrl-C ends all of a pipeline under an interactive shell", of: func(t *trial) string {
		term := t.terminal()
		shell := t.shell(term)
		term.types("$init -- sleep 61 | sleep 62\n")
		eventually(patience, func() bool { return t.sleeping("sleep 61") != 0 && t.sleeping("sleep 62") != 0 })
		eventually(lasting, func() bool { return term.foreground() != shell.pid() })
		term.types(ctrlC)
		return yes(eventually(2*lasting, func() bool { return term.shows(prompt) }))
	}},
	{what: "under an interactive shell: PROGRAM", of: func(t *trial) string {
		term := t.terminal()
		shell := t.shell(term)
		term.types("$init -- sh -c 'echo started; exec sleep 61'\n")
		term.waitsFor("started")
		var program int
		eventually(patience, func() bool { program = t.sleeping("sleep 61"); return program != 0 })
		return place(program, shell.pid())
	}},
	{what: "under an interactive shell, and standard output is something else: PROGRAM", of: func(t *trial) string {
		term := t.terminal()
		shell := t.shell(term)
		term.types("$init -- sh -c 'echo started >&2; exec sleep 61' >/dev/null\n")
		term.waitsFor("started")
		var program int
		eventually(patience, func() bool { program = t.sleeping("sleep 61"); return program != 0 })
		return place(program, shell.pid())
	}},
	{what: "in the background of an interactive shell: the terminal", of: func(t *trial) string {
		term := t.terminal()
		shell := t.shell(term)
		term.types("$init -- sleep 61 </dev/tty &\n")
		var program int
		eventually(patience, func() bool { program = t.sleeping("sleep 61"); return program != 0 })
		stolen := func() bool { return term.foreground() != shell.pid() }
		return words(lasts(func() bool { return !stolen() }, func() bool { return stolen() }), "stays with the shell", "is taken from the shell")
	}},
	{what: "after its end a script without job control still reads the terminal", of: func(t *trial) string {
		term := t.terminal()
		script := t.plainly("sh", "-c", `"$@" -- true; echo done; read line; echo "got <$line>"`, "sh", t.path).on(term).start()
		term.waitsFor("done")
		term.types("a line\n")
		if !eventually(patience, func() bool { return term.shows("got <") || state(script.pid()) == "T" }) || state(script.pid()) == "T" {
			return "it stops"
		}
		return yes(term.waits("a line>", "\n"))
	}},
}

// sleeper is a PID 1 on a terminal, whose PROGRAM sleeps.
func (t *trial) sleeper(term *terminal, option string) *run {
	r := t.pid1("--", "sh", "-c", "echo started; exec sleep 60").option(option).on(term).start()
	term.waitsFor("started")
	r.program("sleep")
	r.settle()
	return r
}

func (t *trial) interrupted(option string) string {
	term := t.terminal()
	r := t.sleeper(term, option)
	defer r.kill()
	term.types(ctrlC)
	return r.wait()
}

func (t *trial) hungUp(option string) string {
	term := t.terminal()
	r := t.sleeper(term, option)
	defer r.kill()
	term.hangUp()
	return r.wait()
}

func (t *trial) frozen(option string) string {
	term := t.terminal()
	r := t.pid1("--", "sh", "-c", `echo started; read line; echo "got $line"`).option(option).on(term).start()
	defer r.kill()
	term.waitsFor("started")
	program := r.program("sh")
	term.types(ctrlZ)
	term.types("a line\n")
	got := false
	if lasts(func() bool { return state(program) == "T" }, func() bool { got = got || term.shows("got a line"); return got }) {
		return "freezes"
	}
	return words(got, "goes on", "?")
}

// A session is an init that leads one on a terminal.
type session struct {
	run      *run
	terminal *terminal
	program  int
}

func (t *trial) leader(change func(*run)) *session {
	term := t.terminal()
	r := t.pid1(append([]string{"--"}, blocked(allSignals...)...)...).on(term)
	change(r)
	r.start()
	program := r.program("sleep")
	r.settle()
	return &session{r, term, program}
}

func (s *session) onTerminal() string {
	defer s.run.kill()
	return place(s.program, s.run.pid())
}

// place is where a program is with regard to a session and its terminal.
func place(program, leader int) string {
	at := statOf(program)
	return words(at.session == leader, "in the session", words(at.session == program, "in its own session", "in another session")) + ", " +
		words(at.ttyNr == 0, "without the terminal", words(at.tpgid == at.pgrp, "in the foreground", "in the background"))
}

func (t *trial) jobControl(flags, rest string) string {
	term := t.terminal()
	shell := t.shell(term)
	term.types("$init " + flags + " -- sh -c 'echo started; exec sleep 61'" + rest + "\n")
	if !term.waitsFor("started") {
		return "?"
	}
	var program int
	eventually(patience, func() bool { program = t.sleeping("sleep 61"); return program != 0 })
	eventually(lasting, func() bool { return term.foreground() != shell.pid() })
	term.types(ctrlZ)
	if !eventually(2*lasting, func() bool { return term.shows(prompt) }) {
		return "hangs at Ctrl-Z"
	}
	if !eventually(lasting, func() bool { return state(program) == "T" }) {
		return "Ctrl-Z does not stop PROGRAM"
	}
	term.types("fg\n")
	eventually(patience, func() bool { return state(program) == "S" && term.foreground() != shell.pid() })
	// The shell may not have handed over the terminal for the last time when it shows, so once may be too early.
	if !eventually(2*lasting, func() bool {
		term.types(ctrlC)
		return eventually(lasting/10, func() bool { return term.shows(prompt) })
	}) {
		return "hangs after fg"
	}
	return words(state(program) == "" || state(program) == "Z", "works", "PROGRAM stays")
}

// waits waits for one of the texts, and says whether it was the first.
func (term *terminal) waits(first, second string) (is bool) {
	eventually(patience, func() bool {
		is = term.shows(first)
		return is || term.shows(second)
	})
	return is
}
