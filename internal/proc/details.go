package proc

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Details are what ps(1) shows of a process. They take three files; for a [Process], which is all that an init wants, one is
// enough.
type Details struct {
	Process
	PGID       int
	SID        int
	Terminal   Terminal
	Foreground int // the process group that has the terminal's foreground, -1 if there is no terminal
	CPU        time.Duration
	Nice       int
	Threads    int
	UID        uint32 // the effective one
	Locked     bool   // it has pages that are not swapped out (mlock(2))
	// CommandLine has a NUL after each word, and may be anything: a process can write over it. That of a kernel's thread, or of
	// one that has ended, is empty.
	CommandLine []byte
}

// ticks is how many of the kernel's clock make a second. It has been 100 for all of user space on every architecture that Go
// runs on (USER_HZ).
const ticks = 100

// ReadDetails reads one process. The error is ENOENT or ESRCH when there is none of that number.
func ReadDetails(pid int) (Details, error) {
	// By way of its directory all files are of one process, even if the number changes hands meanwhile.
	dir, err := open(unix.AT_FDCWD, "/proc/"+strconv.Itoa(pid), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return Details{}, err
	}
	defer shut(dir)
	buf := make([]byte, 0, 4096)
	stat, err := readAt(dir, "stat", buf)
	if err != nil {
		return Details{}, err
	}
	d, ok := parseDetails(stat)
	if !ok {
		return Details{}, unix.EINVAL
	}
	status, err := readAt(dir, "status", buf)
	if err != nil {
		return Details{}, err
	}
	if d.UID, d.Locked, ok = parseStatus(status); !ok {
		return Details{}, unix.EINVAL
	}
	// Of a process that ends now, or may not be looked into, there is still the name.
	if line, err := readAt(dir, "cmdline", buf); err == nil {
		d.CommandLine = bytes.Clone(line)
	}
	return d, nil
}

// parseDetails takes of a line of /proc/PID/stat what there is in it of Details.
func parseDetails(stat []byte) (Details, bool) {
	p, ok := parseStat(stat)
	if !ok {
		return Details{}, false
	}
	d := Details{Process: p}
	_, _, fields, _ := splitStat(stat)
	var device int
	for _, field := range [...]struct {
		of *int
		at int
	}{
		{&d.PGID, atPGID}, {&d.SID, atSID}, {&device, atTerminal}, {&d.Foreground, atForeground},
		{&d.Nice, atNice}, {&d.Threads, atThreads},
	} {
		n, err := strconv.ParseInt(string(fields[field.at]), 10, 32)
		if err != nil {
			return Details{}, false
		}
		*field.of = int(n)
	}
	d.Terminal = Terminal(device)
	user, err1 := strconv.ParseUint(string(fields[atUserTime]), 10, 64)
	system, err2 := strconv.ParseUint(string(fields[atSystemTime]), 10, 64)
	d.CPU = time.Duration(user+system) * (time.Second / ticks)
	return d, err1 == nil && err2 == nil
}

// parseStatus wants two lines of /proc/PID/status. No name can look like one: the kernel writes its newlines as \n.
func parseStatus(status []byte) (uid uint32, locked, ok bool) {
	for line := range bytes.Lines(status) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		fields := bytes.Fields(value)
		switch {
		case string(name) == "Uid" && len(fields) > 1:
			effective, err := strconv.ParseUint(string(fields[1]), 10, 32)
			uid, ok = uint32(effective), err == nil
		case string(name) == "VmLck" && len(fields) > 0:
			locked = string(fields[0]) != "0"
		}
	}
	return uid, locked, ok
}

// AllDetails reads every process that /proc shows, in the order of their numbers. Those that end meanwhile are left out, and
// those that may not be seen (hidepid in proc(5)).
func AllDetails() ([]Details, error) {
	pids, err := numbers("/proc")
	if err != nil {
		return nil, err
	}
	slices.Sort(pids)
	all := make([]Details, 0, len(pids))
	for _, pid := range pids {
		if d, err := ReadDetails(pid); err == nil {
			all = append(all, d)
		}
	}
	return all, nil
}

// Mounted reports whether there is a /proc, whoever's it is.
func Mounted() bool {
	var fs unix.Statfs_t
	return unix.Statfs("/proc", &fs) == nil && fs.Type == unix.PROC_SUPER_MAGIC
}
