package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func proc(pid int, file string) string { return fmt.Sprintf("/proc/%d/%s", pid, file) }

func processes() (pids []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// A stat is what the rows want of /proc/PID/stat, by proc_pid_stat(5)'s names.
type stat struct {
	state                                    string
	ppid, pgrp, session, ttyNr, tpgid, flags int
}

// statOf is empty if there is no such process.
func statOf(pid int) stat {
	text, _ := os.ReadFile(proc(pid, "stat"))
	// The command's name, in parentheses, may hold anything.
	_, rest, _ := strings.Cut(string(text[strings.LastIndex(string(text), ")")+1:]), " ")
	f := strings.Fields(rest)
	if len(f) < 7 {
		return stat{}
	}
	number := func(i int) int {
		n, _ := strconv.Atoi(f[i])
		return n
	}
	return stat{f[0], number(1), number(2), number(3), number(4), number(5), number(6)}
}

// exiting says whether a process has ended, or is about to: then it may sleep once
// more, as PID 1 does until all of its namespace is gone.
func (s stat) exiting() bool {
	const exiting = 4 // PF_EXITING in the kernel's sched.h
	return s.state == "" || s.flags&exiting != 0
}

// state is empty for a process that is gone, or about to be: X is one that is being reaped.
func state(pid int) string { return strings.Trim(statOf(pid).state, "X") }

func childrenOf(pid int) (pids []int) {
	for _, p := range processes() {
		if statOf(p).ppid == pid {
			pids = append(pids, p)
		}
	}
	return pids
}

func status(pid int, field string) string { return fieldOf(proc(pid, "status"), field) }

func fieldOf(file, field string) string {
	text, _ := os.ReadFile(file)
	return fieldIn(string(text), field)
}

func fieldIn(text, field string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// quiet says whether a process waits for something to happen, or is stopped, with
// all its threads, and has for a moment. Whoever is sent a signal that it takes
// is no longer asleep when kill(2) returns; so is whoever a thread wakes.
func quiet(pid int) bool {
	before, asleep := threads(pid)
	if !asleep {
		return false
	}
	time.Sleep(time.Millisecond)
	after, asleep := threads(pid)
	return asleep && before == after
}

// threads says how often a process's threads have run and stopped running, and
// whether none does now.
func threads(pid int) (switches int, asleep bool) {
	tasks, _ := os.ReadDir(proc(pid, "task"))
	for _, task := range tasks {
		text, _ := os.ReadFile(proc(pid, "task/"+task.Name()+"/status"))
		if s := fieldIn(string(text), "State"); s == "" || !strings.ContainsRune("STZ", rune(s[0])) {
			return 0, false
		}
		for _, field := range []string{"voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"} {
			n, _ := strconv.Atoi(fieldIn(string(text), field))
			switches += n
		}
	}
	return switches, true
}

// A signals is a set as /proc/PID/status has it.
type signals uint64

func signalsIn(hex string) signals {
	set, _ := strconv.ParseUint(hex, 16, 64)
	return signals(set)
}

func (s signals) has(sig syscall.Signal) bool { return s&(1<<(sig-1)) != 0 }

func (s signals) String() string {
	var names []string
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		if s.has(sig) {
			names = append(names, signalName(sig))
		}
	}
	return orNone(strings.Join(names, " "))
}

// pending is what a process has not taken yet, of what was sent to it.
func pending(pid int) signals { return signalsIn(status(pid, "ShdPnd")) }

func cmdline(pid int) string {
	line, _ := os.ReadFile(proc(pid, "cmdline"))
	return strings.TrimSuffix(strings.ReplaceAll(string(line), "\x00", " "), " ")
}

func hasVariable(pid int, kv string) bool {
	env, _ := os.ReadFile(proc(pid, "environ"))
	return strings.Contains("\x00"+string(env), "\x00"+kv+"\x00")
}

// killMarked kills whatever has a variable in its environment, and says how many
// there were.
func killMarked(mark string) (found int) {
	for _, pid := range processes() {
		if !hasVariable(pid, mark) {
			continue
		}
		// The pidfd first, so that the number cannot change hands.
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue
		}
		if hasVariable(pid, mark) {
			found++
			_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		}
		_ = unix.Close(fd)
	}
	return found
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func yes(ok bool) string {
	if ok {
		return "yes"
	}
	return "no"
}
