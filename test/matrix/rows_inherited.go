package main

import (
	"slices"

	"golang.org/x/sys/unix"
)

var inheritedRows = slices.Concat([]row{
	{what: "signals blocked in PROGRAM", front: true, of: func(t *trial) string { return t.inPROGRAM("SigBlk", stage{}) }},
	{what: "signals ignored in PROGRAM", of: func(t *trial) string { return t.inPROGRAM("SigIgn", stage{}) }},
	{what: "of USR1, TERM and TTIN, which the caller blocks, blocked in PROGRAM", of: func(t *trial) string {
		return t.inPROGRAM("SigBlk", stage{Block: []int{int(unix.SIGUSR1), int(unix.SIGTERM), int(unix.SIGTTIN)}})
	}},
	{what: "of HUP INT QUIT USR1 PIPE TERM TSTP TTIN TTOU, which the caller ignores, ignored in PROGRAM", front: true,
		of: func(t *trial) string {
			var set []int
			for _, sig := range []unix.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGUSR1, unix.SIGPIPE, unix.SIGTERM,
				unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU} {
				set = append(set, int(sig))
			}
			return t.inPROGRAM("SigIgn", stage{Ignore: set})
		}},
	{what: "the caller ignores SIGCHLD: exit code when PROGRAM ends with 7", of: func(t *trial) string {
		file := t.file()
		r := t.pid1("--", "sh", "-c", `until [ -e "$0.go" ]; do sleep 0.01; done; exit 7`, file)
		r.with(func(s *stage) { s.Ignore = []int{int(unix.SIGCHLD)} }).start()
		defer r.kill()
		r.program("sh")
		eventually(patience, func() bool { return state(r.pid()) == "S" })
		write(file, "go")
		if lasts(func() bool { return len(childrenOf(r.pid())) == 0 }, r.ended) {
			return "hangs"
		}
		return r.wait()
	}},
	{what: "the caller ignores SIGCHLD: ignored in PROGRAM", of: func(t *trial) string {
		r := t.pid1("--", "sleep", "60").with(func(s *stage) { s.Ignore = []int{int(unix.SIGCHLD)} }).start()
		defer r.kill()
		return signalsIn(status(r.program("sleep"), "SigIgn")).String()
	}},
}, forwardedThough("TERM", unix.SIGTERM), forwardedThough("HUP", unix.SIGHUP), forwardedThough("USR1", unix.SIGUSR1))

// inPROGRAM is a set of signals of PROGRAM's.
func (t *trial) inPROGRAM(field string, s stage) string {
	r := t.plain("--", "cat", "/proc/self/status").with(func(of *stage) { *of = s })
	r.code()
	return signalsIn(fieldIn(textOf(r.out), field)).String()
}

// forwardedThough says whether an init forwards a signal that it was started with
// ignored, or blocked.
func forwardedThough(name string, sig unix.Signal) []row {
	forwarded := func(t *trial, s stage) string {
		r := t.plain(append([]string{"--"}, blocked(allSignals...)...)...).with(func(of *stage) { *of = s }).start()
		program := r.program("sleep")
		r.send(sig)
		return yes(pending(program).has(sig))
	}
	return []row{
		{what: "the caller ignores " + name + ": it is forwarded", of: func(t *trial) string { return forwarded(t, stage{Ignore: []int{int(sig)}}) }},
		{what: "the caller blocks " + name + ": it is forwarded", of: func(t *trial) string { return forwarded(t, stage{Block: []int{int(sig)}}) }},
	}
}
