package test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func procPath(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}

// pids is every process that there is.
func pids() (all []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// procStatus is /proc/PID/status; empty if there is no such process.
func procStatus(pid int) map[string]string {
	text, _ := os.ReadFile(procPath(pid, "status"))
	return statusFields(string(text))
}

func statusFields(text string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields[name] = strings.TrimSpace(value)
		}
	}
	return fields
}

// A stat is what the tests want of /proc/PID/stat, by proc_pid_stat(5)'s
// names. State is 0 if there is no such process.
type stat struct {
	state                                    byte
	ppid, pgrp, session, ttyNr, tpgid, start int
}

func procStat(pid int) stat {
	text, err := os.ReadFile(procPath(pid, "stat"))
	if err != nil {
		return stat{}
	}
	// The command's name, in parentheses, may hold anything.
	_, rest, _ := cutLast(string(text), ")")
	f := strings.Fields(rest)
	if len(f) < 20 {
		return stat{}
	}
	n := func(i int) int { v, _ := strconv.Atoi(f[i]); return v }
	return stat{state: f[0][0], ppid: n(1), pgrp: n(2), session: n(3), ttyNr: n(4), tpgid: n(5), start: n(19)}
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// alive says whether the process is there and not a zombie.
func alive(pid int) bool {
	state := procStat(pid).state
	return state != 0 && state != 'Z' && state != 'X'
}

// children is the processes whose parent is pid, the oldest first.
func children(pid int) (kids []int) {
	started := map[int]int{}
	for _, p := range pids() {
		if s := procStat(p); s.ppid == pid {
			kids = append(kids, p)
			started[p] = s.start
		}
	}
	slices.SortStableFunc(kids, func(a, b int) int { return started[a] - started[b] })
	return kids
}

// zombies is those children of pid that have ended and were not reaped.
func zombies(pid int) (dead []int) {
	for _, p := range pids() {
		if s := procStat(p); s.ppid == pid && s.state == 'Z' {
			dead = append(dead, p)
		}
	}
	return dead
}

func cmdline(pid int) string {
	text, _ := os.ReadFile(procPath(pid, "cmdline"))
	return string(text)
}

// comm is the name of what the process executes.
func comm(pid int) string {
	text, _ := os.ReadFile(procPath(pid, "comm"))
	return strings.TrimSpace(string(text))
}

// nsPid is the number that a process has in its own PID namespace.
func nsPid(t *testing.T, pid int) int {
	t.Helper()
	all := strings.Fields(procStatus(pid)["NSpid"])
	require.NotEmpty(t, all)
	inner, err := strconv.Atoi(all[len(all)-1])
	require.NoError(t, err)
	return inner
}

// sigSet is the signals of a mask as /proc/PID/status shows it.
func sigSet(hex string) map[int]bool {
	mask, _ := strconv.ParseUint(hex, 16, 64)
	set := map[int]bool{}
	for sig := 1; sig <= 64; sig++ {
		if mask&(1<<(sig-1)) != 0 {
			set[sig] = true
		}
	}
	return set
}

// pending is the signals that were sent to a process that blocks them, and so
// wait. Those sent to its thread, which Go's runtime may send when the process
// was Go still, are not among them.
func pending(pid int) map[int]bool { return sigSet(procStatus(pid)["ShdPnd"]) }

// descriptors is what a process has open: the number, and what it leads to.
func descriptors(pid int) map[int]string {
	open := map[int]string{}
	entries, _ := os.ReadDir(procPath(pid, "fd"))
	for _, e := range entries {
		if target, err := os.Readlink(procPath(pid, "fd/"+e.Name())); err == nil {
			fd, _ := strconv.Atoi(e.Name())
			open[fd] = target
		}
	}
	return open
}

// given is descriptors as soon as there are n: who was executed a moment ago has its libraries and its locale open too.
func given(pid, n int) (open map[int]string) {
	polls(deadline, func() bool {
		open = descriptors(pid)
		return len(open) == n
	})
	return open
}
