package main

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

var pauseRows = []row{
	{what: "`-P`, then TERM, INT: exit code", about: catatonit, front: true, of: func(t *trial) string {
		return t.pause(unix.SIGTERM) + ", " + t.pause(unix.SIGINT)
	}},
	{what: "`-P`, not as PID 1, then TERM, INT: exit code", about: catatonit, of: func(t *trial) string {
		return t.pauses(t.plain("-P"), unix.SIGTERM) + ", " + t.pauses(t.plain("-P"), unix.SIGINT)
	}},
	{what: "`-P`, then QUIT HUP USR1 USR2 ALRM PIPE TSTP RTMIN", about: catatonit, of: func(t *trial) string {
		return t.pause(unix.SIGQUIT, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGPIPE, unix.SIGTSTP, 34)
	}},
	{what: "`-P`, not as PID 1, then HUP", about: catatonit, of: func(t *trial) string { return t.pauses(t.plain("-P"), unix.SIGHUP) }},
	{what: "`-P`, not as PID 1, then QUIT", about: catatonit, of: func(t *trial) string { return t.pauses(t.plain("-P"), unix.SIGQUIT) }},
	{what: "`-P`, INT and TERM were ignored, then INT, TERM: exit code", about: catatonit, of: func(t *trial) string {
		ignoring := func(s *stage) { s.Ignore = []int{int(unix.SIGINT), int(unix.SIGTERM)} }
		return t.pauses(t.plain("-P").with(ignoring), unix.SIGINT) + ", " + t.pauses(t.plain("-P").with(ignoring), unix.SIGTERM)
	}},
	{what: "`-P`: its directory, an inherited descriptor", about: catatonit, of: func(t *trial) string {
		r := t.plain("-P").in(t.dir)
		inherited, err := os.Create(t.inherited())
		check(err)
		defer inherited.Close()
		r.cmd.ExtraFiles = []*os.File{inherited}
		r.start()
		if !r.paused() {
			return r.wait()
		}
		return t.directory(r.pid()) + ", " + words(t.hasInherited(r.pid()), "open", "closed")
	}},
	{what: "`-P PROGRAM`", of: func(t *trial) string {
		return t.pauses(t.pid1("-P", t.program("seven", 0o755, "exit 7\n")), unix.SIGTERM)
	}},
	{what: "`PROGRAM -P`", of: func(t *trial) string {
		return t.pauses(t.pid1(t.program("seven", 0o755, "exit 7\n"), "-P"), unix.SIGTERM)
	}},
	{what: "`-Pg`, `-gP`: exit code at TERM", about: catatonit, of: func(t *trial) string {
		return t.pauses(t.pid1("-Pg"), unix.SIGTERM) + ", " + t.pauses(t.pid1("-gP"), unix.SIGTERM)
	}},
	{what: "`-P`, then TERM: exit code and output", about: catatonit, of: func(t *trial) string {
		r := t.pid1("-P")
		t.pauses(r, unix.SIGTERM)
		return r.says()
	}},
	{what: "`-P`: orphans are reaped", about: catatonit, of: func(t *trial) string {
		// The caller's child is what the init finds as its own.
		r := t.plainly("sh", "-c", `sh -c 'sleep 0.1 & exit 0'; exec "$@"`, "sh", t.path, "-P")
		r.stage.PID1 = true
		r.cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWPID | unix.CLONE_NEWNS
		r.start()
		defer r.kill()
		return yes(eventually(patience, func() bool { return r.executed(t.path) }) &&
			eventually(lasting, func() bool { return len(childrenOf(r.pid())) == 0 }))
	}},
}

// paused waits until the init has no more to do, and says whether it is there
// still.
func (r *run) paused() bool {
	return lasts(func() bool { return state(r.pid()) == "S" && len(childrenOf(r.pid())) == 0 && r.executed(r.t.path) }, r.ended)
}

func (t *trial) pause(signals ...syscall.Signal) string { return t.pauses(t.pid1("-P"), signals...) }

// pauses sends signals to an init that pauses, and says whether it ends.
func (t *trial) pauses(r *run, signals ...syscall.Signal) string {
	r.start()
	defer r.kill()
	if !r.paused() {
		return r.wait() + " at once"
	}
	for _, sig := range signals {
		r.send(sig)
	}
	if !r.ended() {
		return "goes on"
	}
	return r.wait()
}
