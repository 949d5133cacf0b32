package main

import (
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

var stopRows = slices.Concat(
	stops("", unix.SIGTSTP, ""), stops("", unix.SIGTTIN, ""), stops("", unix.SIGTTOU, ""),
	stops(dumbInit, unix.SIGTSTP, "-c"), stops(dumbInit, unix.SIGTTIN, "-c"),
	stops(dumbInit, unix.SIGTSTP, "-r 20:20"), stops(dumbInit, unix.SIGTSTP, "-r 20:0"), stops(dumbInit, unix.SIGTSTP, "-r 20:15"),
	stops("", unix.SIGTSTP, "-g"),
	[]row{
		{what: "PROGRAM stops itself: the init", of: func(t *trial) string {
			r := t.pid1("--", "sleep", "60").leading().start()
			defer r.kill()
			program := r.program("sleep")
			check(unix.Kill(program, unix.SIGSTOP))
			eventually(patience, func() bool { return state(program) == "T" })
			r.settle()
			if state(r.pid()) == "T" {
				return "stops"
			}
			return "goes on"
		}},
	},
)

// stops are what a stop signal does to PROGRAM and the init, and then a CONT.
func stops(about string, sig syscall.Signal, flags string) (rows []row) {
	what := signalName(sig) + " is sent to the init"
	if flags != "" {
		what += ", with `" + flags + "`"
	}
	return []row{
		{what: what + " as PID 1", about: about, of: func(t *trial) string { return t.stopped(t.pid1, sig, flags) }},
		{what: what + " not as PID 1", about: about, of: func(t *trial) string { return t.stopped(t.plain, sig, flags) }},
	}
}

func (t *trial) stopped(start func(...string) *run, sig syscall.Signal, flags string) string {
	r := start(append(append(strings.Fields(flags), "--"), "sleep", "60")...).leading().start()
	defer r.kill()
	program := r.program("sleep")
	r.settle()
	r.send(sig)
	eventually(patience, func() bool {
		// What is pending for a zombie stays so.
		return state(program) == "T" || state(program) == "Z" || pending(program)&^signalsIn(status(program, "SigBlk")) == 0
	})
	describe := func() string {
		if s := state(program); (s == "" || s == "Z") && state(r.pid()) != "T" {
			return "PROGRAM and the init end: " + r.wait()
		}
		var stopped []string
		if state(program) == "T" {
			stopped = append(stopped, "PROGRAM")
		}
		if state(r.pid()) == "T" {
			stopped = append(stopped, "the init")
		}
		return orNone(strings.Join(stopped, " and "))
	}
	before := describe()
	if r.ended() {
		return before
	}
	if before == "none" {
		return "nothing stops"
	}
	r.signal(unix.SIGCONT)
	eventually(lasting, func() bool { return state(program) != "T" && state(r.pid()) != "T" })
	before += words(strings.Contains(before, " and "), " stop", " stops")
	switch after := describe(); {
	case after == "none":
		return before + ", CONT wakes"
	case r.ended():
		return before + "; after CONT " + after
	default:
		return before + "; after CONT still " + after
	}
}
