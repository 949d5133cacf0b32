package main

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

var orphanRows = []row{
	{what: "orphans are reaped by PID 1", of: func(t *trial) string {
		file := t.file()
		r := t.pid1("--", "sh", "-c", fmt.Sprintf(
			`i=0; while [ $i -lt 20 ]; do sh -c 'true >/dev/null & echo $!' >>%[1]s; i=$((i+1)); done; : >%[1]s.ready; exec sleep 60`, file)).start()
		defer r.kill()
		program := r.program("sleep")
		return yes(eventually(lasting, func() bool {
			children := childrenOf(r.pid())
			return wrote(file, "ready") && len(children) == 1 && children[0] == program
		}))
	}},
	{what: "orphans are adopted when the init is not PID 1", front: true, of: func(t *trial) string { return t.adopts() }},
	{what: "orphans are adopted when the init is not PID 1, with `-s`", about: tini, of: func(t *trial) string { return t.adopts("-s") }},
	{what: "orphans are adopted when the init is not PID 1, with TINI_SUBREAPER=", about: tini, of: func(t *trial) string { return t.adopts("TINI_SUBREAPER=") }},
	{what: "a warning when it is not PID 1", front: true, of: func(t *trial) string { return t.warns() }},
	{what: "a warning when it is not PID 1, with `-s`", about: tini, of: func(t *trial) string { return t.warns("-s") }},
	{what: "a warning when it is not PID 1, with TINI_SUBREAPER=", about: tini, of: func(t *trial) string { return t.warns("TINI_SUBREAPER=") }},
	{what: "a warning when it is not PID 1, with TINI_VERBOSITY=0", about: tini, of: func(t *trial) string { return t.warns("TINI_VERBOSITY=0") }},
	{what: "the end of an orphan is no end for the init", of: func(t *trial) string {
		r := t.pid1("--", "sh", "-c", "sh -c 'exit 3 & exit 4'; sh -c 'kill -TERM $$'; exit 7").start()
		return r.wait()
	}},
}

func (t *trial) adopts(options ...string) string {
	file := t.file()
	r := t.plain("--", "sh", "-c", fmt.Sprintf(
		`sh -c 'sleep 61 >/dev/null 2>&1 & echo $!' >%[1]s; : >%[1]s.ready; exec sleep 60`, file)).option(options...).start()
	r.program("sleep")
	eventually(patience, func() bool { return wrote(file, "ready") })
	orphan, err := strconv.Atoi(strings.TrimSpace(read(file)))
	check(err)
	defer unix.Kill(orphan, unix.SIGKILL)
	return yes(statOf(orphan).ppid == r.pid())
}

func (t *trial) warns(options ...string) string {
	r := t.plain("--", "true").option(options...)
	r.code()
	return yes(textOf(r.err) != "")
}
