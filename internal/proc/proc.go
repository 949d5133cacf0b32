// Package proc reads /proc: who there is, and who descends from whom (proc(5)).
//
// It reads with bare system calls. An [os.File] would wake Go's poller, which takes three descriptors, and an init may
// have none to spare.
package proc

import (
	"bytes"
	"strconv"

	"golang.org/x/sys/unix"
)

// A Process is one line of /proc/PID/stat. PID and Start together name it: a number may be used again, but not within
// the clock tick in which it was free.
type Process struct {
	PID   int
	PPID  int
	State byte   // as ps(1) shows it: R S D Z T t X I
	Start uint64 // clock ticks after boot
	Comm  string // the command's name, 15 bytes at most
}

// Dead reports whether p has ended, and only its status is still there.
func (p Process) Dead() bool { return p.State == 'Z' || p.State == 'X' }

// Own reports whether /proc shows this process's own PID namespace. It need not: it may not be mounted, or be that of an
// outer namespace (unshare --pid without --mount-proc), where the numbers mean other processes.
func Own() bool {
	buf, err := read("/proc/self/status", make([]byte, 0, 4096))
	if err != nil {
		return false
	}
	return ownStatus(buf, unix.Getpid())
}

// ownStatus: NSpid has one number for each PID namespace from that of /proc to that of the process.
func ownStatus(status []byte, pid int) bool {
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte("NSpid:")); ok {
			fields := bytes.Fields(rest)
			return len(fields) == 1 && string(fields[0]) == strconv.Itoa(pid)
		}
	}
	// A kernel without PID namespaces has no such line, and no other /proc either.
	return len(status) > 0
}

// Read reads one process. The error is ENOENT or ESRCH when there is none of that number.
func Read(pid int) (Process, error) {
	buf, err := read("/proc/"+strconv.Itoa(pid)+"/stat", make([]byte, 0, 512))
	if err != nil {
		return Process{}, err
	}
	p, ok := parseStat(buf)
	if !ok {
		return Process{}, unix.EINVAL
	}
	return p, nil
}

// parseStat takes of a line what a Process has.
func parseStat(stat []byte) (Process, bool) {
	number, comm, fields, ok := splitStat(stat)
	if !ok {
		return Process{}, false
	}
	p := Process{Comm: string(comm), State: fields[atState][0]}
	var errs [3]error
	p.PID, errs[0] = strconv.Atoi(string(number))
	p.PPID, errs[1] = strconv.Atoi(string(fields[atPPID]))
	p.Start, errs[2] = strconv.ParseUint(string(fields[atStart]), 10, 64)
	return p, errs == [3]error{}
}

// Where the fields are that follow the name in /proc/PID/stat. The state is the third by the count of proc_pid_stat(5).
const (
	atState      = 0
	atPPID       = 4 - 3
	atPGID       = 5 - 3
	atSID        = 6 - 3
	atTerminal   = 7 - 3
	atForeground = 8 - 3
	atUserTime   = 14 - 3
	atSystemTime = 15 - 3
	atNice       = 19 - 3
	atThreads    = 20 - 3
	atStart      = 22 - 3
)

// splitStat looks for the last parenthesis: the name before it may hold spaces and parentheses of its own. If ok there are
// fields up to the start time.
func splitStat(stat []byte) (number, comm []byte, fields [][]byte, ok bool) {
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return nil, nil, nil, false
	}
	fields = bytes.Fields(stat[end+1:])
	return bytes.TrimSpace(stat[:open]), stat[open+1 : end], fields, len(fields) > atStart
}

// All reads every process that /proc shows. Those that end meanwhile are left out.
func All() ([]Process, error) {
	pids, err := numbers("/proc")
	if err != nil {
		return nil, err
	}
	all := make([]Process, 0, len(pids))
	for _, pid := range pids {
		if p, err := Read(pid); err == nil {
			all = append(all, p)
		}
	}
	return all, nil
}

// Descendants picks from all those that descend from pid, parents before children. /proc is no snapshot: while processes
// fork and are reparented some may be missed, so whoever needs them all has to look again.
func Descendants(all []Process, pid int) []Process {
	children := make(map[int][]Process, len(all))
	for _, p := range all {
		children[p.PPID] = append(children[p.PPID], p)
	}
	found := append([]Process(nil), children[pid]...)
	for i := 0; i < len(found) && len(found) <= len(all); i++ {
		found = append(found, children[found[i].PID]...)
	}
	return found
}

// Children appends to buf the numbers of the children of this process's main thread, which is the one that gets orphans
// (find_new_reaper in the kernel's exit.c). Empty too where the kernel has no such file (CONFIG_PROC_CHILDREN).
func Children(buf []int) []int {
	self := strconv.Itoa(unix.Getpid())
	text, err := read("/proc/self/task/"+self+"/children", make([]byte, 0, 4096))
	if err != nil {
		return buf
	}
	for field := range bytes.FieldsSeq(text) {
		if pid, err := strconv.Atoi(string(field)); err == nil {
			buf = append(buf, pid)
		}
	}
	return buf
}

// read reads the whole of a file into buf.
func read(path string, buf []byte) ([]byte, error) { return readAt(unix.AT_FDCWD, path, buf) }

// readAt is read, with a path that begins in an open directory.
func readAt(dir int, path string, buf []byte) ([]byte, error) {
	fd, err := open(dir, path, unix.O_RDONLY|unix.O_NOCTTY)
	if err != nil {
		return nil, err
	}
	defer shut(fd)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := fill(fd, buf[len(buf):cap(buf)])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, err
		case n == 0:
			return buf, nil
		default:
			buf = buf[:len(buf)+n]
		}
	}
}

// numbers lists the entries of a directory whose names are numbers.
func numbers(dir string) ([]int, error) {
	fd, err := open(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer shut(fd)
	var found []int
	var names []string
	buf := make([]byte, 32<<10)
	for {
		n, err := fillEntries(fd, buf)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return found, nil
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names[:0])
		for _, name := range names {
			if pid, err := strconv.Atoi(name); err == nil {
				found = append(found, pid)
			}
		}
	}
}
