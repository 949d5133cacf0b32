package main

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var endRows = []row{
	{what: "a process that PROGRAM leaves in its group", front: true, of: func(t *trial) string { return t.leftover("group") }},
	{what: "one that it leaves in another session", front: true, of: func(t *trial) string { return t.leftover("session") }},
	{what: "a process that PROGRAM leaves in its group, when the init is not PID 1", front: true, of: func(t *trial) string { return t.left("group") }},
	{what: "one that it leaves in another session, when the init is not PID 1", front: true, of: func(t *trial) string { return t.left("session") }},
	{what: "a process that PROGRAM leaves in its group, when the init is not PID 1, with `-c`", about: dumbInit, of: func(t *trial) string { return t.left("group", "-c") }},
	{what: "a process that PROGRAM leaves in its group, when the init is not PID 1, with `-g`", about: tini, of: func(t *trial) string { return t.left("group", "-g") }},
	{what: "one that it leaves in another session, when the init is not PID 1, with `-s`", about: tini, of: func(t *trial) string { return t.left("session", "-s") }},
	{what: "exit code when PROGRAM ends with 3 and leaves something", of: func(t *trial) string {
		return t.pid1("--", "matrix-leave", t.file(), "group", "obliging").code() + ", " +
			t.pid1("--", "matrix-leave", t.file(), "session", "stubborn").code()
	}},
	{what: "nothing is left: leaves", of: func(t *trial) string { return t.promptly("group", "none") }},
	{what: "something is left that needs a moment after TERM: leaves", of: func(t *trial) string { return t.promptly("group", "obliging") }},
	{what: "something is left that ignores TERM: leaves", front: true, of: func(t *trial) string { return t.promptly("group", "stubborn") }},
	{what: "something is left in another session that ignores TERM: leaves", of: func(t *trial) string { return t.promptly("session", "stubborn") }},
	{what: "TERM, and PROGRAM, which ends with 3, leaves something that ignores it: exit code", of: func(t *trial) string {
		file := t.file()
		r := t.pid1("--", "sh", "-c", `trap "exit 3" TERM; (trap "" TERM; exec sleep 60) & : >"$0.ready"; wait; wait`, file).start()
		eventually(patience, func() bool { return wrote(file, "ready") || r.ended() })
		r.signal(unix.SIGTERM)
		return r.wait()
	}},
}

// leftover is what becomes of something that is left to a PID 1, with whose end
// comes KILL for all.
func (t *trial) leftover(where string) string {
	file := t.file()
	t.pid1("--", "matrix-leave", file, where, "obliging").code()
	if wrote(file, "clean") {
		return "TERM, waited for"
	}
	return "KILL at once"
}

// left is the same where the init is an ordinary process.
func (t *trial) left(where string, flags ...string) string {
	file := t.file()
	t.plain(append(append([]string{}, flags...), "--", "matrix-leave", file, where, "obliging")...).code()
	pid, err := strconv.Atoi(strings.TrimSpace(read(file + ".pid")))
	check(err)
	eventually(patience, func() bool { return statOf(pid).exiting() || quiet(pid) })
	switch {
	case wrote(file, "waited"):
		return "TERM, waited for"
	case wrote(file, "term"):
		return "TERM, not waited for"
	case statOf(pid).exiting():
		return "KILL"
	}
	return "stays behind"
}

// timed runs a PROGRAM that leaves something, and says how long after its end the
// init's came.
func (t *trial) timed(where, what string) time.Duration {
	file := t.file()
	t.pid1("--", "matrix-leave", file, where, what).code()
	end := time.Now()
	info, err := os.Stat(file + ".end")
	check(err)
	return end.Sub(info.ModTime())
}

// promptly is a class of the time that it takes. A busy machine may make an init
// late, so the best of some counts.
func (t *trial) promptly(where, what string) string {
	var best time.Duration
	for range 3 {
		span := t.timed(where, what)
		if best == 0 || span < best {
			best = span
		}
	}
	switch {
	case best < cleanup*3/4:
		return "at once"
	case best < 4*cleanup:
		return "when it has ended"
	}
	return "after a while"
}
