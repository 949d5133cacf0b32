package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

var rewriteRows = slices.Concat(
	rewrites(unix.SIGTERM, "-r 15:3", "-r15:3", "--rewrite=15:3", "--rewrite 15:3", "--rew 15:3", "-cr15:3", "-r 15:0", "-r 15:3 -r 15:2",
		"-r 15:3 -r 3:2", "-r 15:20", "-r 15:3:4", "-r 15:3x", "-r +15:3", "-r 015:3", "-r 15:9", "-r 15:17"),
	rewrites(unix.SIGHUP, "-r 1:15", "-r 1:0 -r 15:2"),
	rewrites(unix.SIGCONT, "-r 18:15"),
	calls(dumbInit, "-r 15 true", "-r x:y true", "-r 15:x true", "-r 15:32 true", "-r 32:15 true", "-r 0:1 true", "-r 15:-1 true",
		"-r 15: true", "-r :15 true", "-r TERM:QUIT true", "-r SIGTERM:SIGQUIT true", "-r 9:15 true", "-r 17:15 true", "-r 19:15 true",
		"--rewrite true", "--rewrite= true"),
)

// rewrites are what PROGRAM gets for a signal.
func rewrites(sig syscall.Signal, flags ...string) (rows []row) {
	for _, words := range flags {
		rows = append(rows, row{what: "with `" + words + "` PROGRAM gets for " + signalName(sig), about: dumbInit, of: func(t *trial) string {
			return t.gets(strings.Fields(words), sig)
		}})
	}
	return rows
}

var signalRows = slices.Concat([]row{
	{what: "signals 1–31 forwarded, less KILL, STOP and CHLD: of 28", front: true, of: func(t *trial) string { return t.forwarded(1, 31) }},
	{what: "real-time signals forwarded, 34–64: of 31", front: true, of: func(t *trial) string { return t.forwarded(34, 64) }},
	{what: "signals 32 and 33 forwarded", of: func(t *trial) string { return t.forwarded(32, 33) }},
	{what: "SEGV is sent to an init that is not PID 1", of: func(t *trial) string { return t.fault(unix.SIGSEGV) }},
	{what: "TTIN is sent to an init that is not PID 1", of: func(t *trial) string { return t.fault(unix.SIGTTIN) }},
	{what: "TERM is sent again and again, from before PROGRAM is executed: exit code", of: func(t *trial) string {
		var codes []string
		for range 5 {
			r := t.pid1("--", "sleep", "60").start()
			eventually(patience, func() bool { return len(childrenOf(r.pid())) > 0 })
			eventually(patience, func() bool {
				r.signal(unix.SIGTERM)
				return r.ended()
			})
			codes = append(codes, r.wait())
		}
		return strings.Join(slices.Compact(codes), ", ")
	}},
	{what: "TERM is sent as soon as PROGRAM is executed: exit code", of: func(t *trial) string {
		r := t.pid1("--", "sleep", "60").start()
		r.program("sleep")
		r.signal(unix.SIGTERM)
		return r.wait()
	}},
	{what: "a real-time signal is sent three times at once: PROGRAM gets it so many times", of: (*trial).queued},
	{what: "an init under an init: exit code, and at TERM", of: func(t *trial) string {
		first := t.pid1("--", t.path, "--", "sh", "-c", "exit 7").code()
		r := t.pid1("--", t.path, "--", "sleep", "60").start()
		defer r.kill()
		second := r.program(filepath.Base(t.path))
		eventually(patience, func() bool {
			children := childrenOf(second)
			return len(children) == 1 && status(children[0], "Name") == "sleep"
		})
		r.signal(unix.SIGTERM)
		return first + ", " + r.wait()
	}},
	{what: "PROGRAM has become another user, whom the init may not signal: the init, at USR1", of: func(t *trial) string {
		// Not before the init has come to wait: catatonit first looks whether PROGRAM is there, by a signal.
		const becomes = `until read _ _ state _ </proc/$PPID/stat && [ "$state" = S ]; do :; done; exec setpriv --reuid=65534 sleep 60`
		without := []string{"--bounding-set=-kill", "--inh-caps=-kill", t.path, "--", "sh", "-c", becomes}
		r := t.plainly("setpriv", without...).start()
		defer r.kill()
		r.program("sleep")
		r.send(unix.SIGUSR1)
		if r.ended() {
			return "ends with " + r.wait()
		}
		return "goes on"
	}},
	{what: "KILL is sent to an init that is not PID 1: PROGRAM", of: func(t *trial) string {
		r := t.plain("--", "sleep", "60").start()
		program := r.program("sleep")
		eventually(patience, func() bool { return state(program) == "S" })
		r.kill()
		if lasts(func() bool { return state(program) == "S" }, func() bool { return state(program) == "" }) {
			return "stays behind"
		}
		return "ends"
	}},
}, targets("", ""), targets("", "-g"), targets("", "-c"),
	targets(tini, "TINI_KILL_PROCESS_GROUP="), targets(dumbInit, "DUMB_INIT_SETSID=0"), targets(dumbInit, "DUMB_INIT_SETSID="),
	targets(dumbInit, "DUMB_INIT_SETSID=1"), targets(dumbInit, "DUMB_INIT_SETSID=no"))

// queued has signals wait until the init goes on.
func (t *trial) queued() string {
	file := t.file()
	r := t.pid1("--", "matrix-stage", stage{Block: []int{counted, counted + 1}}.String(), "matrix-count", file).start()
	defer r.kill()
	program := r.program("matrix-count")
	eventually(patience, func() bool { return wrote(file, "ready") })
	r.signal(unix.SIGSTOP)
	r.settle()
	for range 3 {
		r.signal(counted)
	}
	r.send(unix.SIGCONT)
	check(unix.Kill(program, counted+1))
	r.wait()
	return orNone(read(file))
}

// fault has sig sent to an init that is no PID 1, to which the kernel's default
// action applies.
func (t *trial) fault(sig syscall.Signal) string {
	r := t.plain(append([]string{"--"}, blocked(allSignals...)...)...).start()
	program := r.program("sleep")
	r.settle()
	r.send(sig)
	switch {
	case r.ended():
		return "it ends with " + r.wait()
	case pending(program).has(sig):
		return "forwarded"
	case state(r.pid()) == "T":
		return "it stops"
	}
	return "nothing"
}

func (t *trial) forwarded(from, to syscall.Signal) string {
	r := t.pid1(append([]string{"--"}, blocked(allSignals...)...)...).start()
	defer r.kill()
	program := r.program("sleep")
	var missing []string
	n := 0
	for sig := from; sig <= to; sig++ {
		if sig == unix.SIGKILL || sig == unix.SIGSTOP || sig == unix.SIGCHLD {
			continue
		}
		if t.arrives(r, program, sig) {
			n++
		} else {
			missing = append(missing, signalName(sig))
		}
	}
	if len(missing) > 0 {
		return fmt.Sprintf("%d (not %s)", n, strings.Join(missing, " "))
	}
	return fmt.Sprint(n)
}

// arrives says whether a signal reaches PROGRAM. A pending CONT and a pending stop cancel each other, so each is looked
// for at once. To a blocked TSTP, TTIN or TTOU dumb-init adds a STOP, and one
// for itself, so PROGRAM's stop counts.
func (t *trial) arrives(r *run, program int, sig syscall.Signal) bool {
	arrived := func() bool { return pending(program)&(1<<(sig-1)|1<<(unix.SIGSTOP-1)) != 0 || state(program) == "T" }
	r.send(sig)
	is := arrived()
	if state(r.pid()) == "T" || state(program) == "T" {
		r.signal(unix.SIGCONT)
		_ = unix.Kill(program, unix.SIGCONT)
		eventually(patience, func() bool { return state(r.pid()) != "T" && state(program) != "T" })
	}
	return is
}

// targets has a family: PROGRAM and three children. Which of them get a TERM?
func targets(about, option string) []row {
	what := "a signal reaches"
	if option != "" {
		what += ", with `" + option + "`"
	}
	return []row{{what: what, about: about, front: option == "" || option == "-c" || option == "-g", of: func(t *trial) string {
		sleep := func(s stage, seconds string) string {
			s.Block = allSignals
			return "matrix-stage '" + s.String() + "' sleep " + seconds
		}
		script := sleep(stage{}, "61") + " & " + sleep(stage{Group: true}, "62") + " & " + sleep(stage{Session: true}, "63") + " & exec " +
			sleep(stage{}, "60")
		r := t.pid1("--", "sh", "-c", script).option(option).start()
		defer r.kill()
		program := r.program("sleep")
		who := []struct{ name, line string }{
			{"PROGRAM", "sleep 60"}, {"its children", "sleep 61"}, {"another group", "sleep 62"}, {"another session", "sleep 63"},
		}
		family := map[string]int{"sleep 60": program}
		eventually(patience, func() bool {
			for _, pid := range childrenOf(program) {
				family[cmdline(pid)] = pid
			}
			return family["sleep 61"] != 0 && family["sleep 62"] != 0 && family["sleep 63"] != 0
		})
		r.send(unix.SIGTERM)
		var reached []string
		for _, w := range who {
			if pending(family[w.line]).has(unix.SIGTERM) {
				reached = append(reached, w.name)
			}
		}
		return orNone(strings.Join(reached, ", "))
	}}}
}
