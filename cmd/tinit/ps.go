package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/tinit-dev/tinit/internal/jsontext"
	"github.com/tinit-dev/tinit/internal/proc"
	"github.com/tinit-dev/tinit/session"
)

const psUsage = `Usage: tinit ps [--json]

List every process of this PID namespace, as ps ajx does, and say which processes
have not reaped their zombies. It reads /proc and needs nothing else.

      --json  print an array of objects
  -h, --help  print this

STAT is R running, S asleep, D in the kernel's hands, T stopped, t traced, Z a
zombie or I idle, then < or N for a high or low priority, L pages locked in memory,
s a session's leader, l several threads, + in the terminal's foreground. TIME is
minutes and seconds of CPU time. See tinit-ps(1).
`

// ps lists processes on standard output. Who neglects zombies is said on standard error: what reads the list has a line a
// process and nothing else.
func ps(args, _ []string) (code int, err error) {
	var asJSON bool
	rest, help, err := parseCommand("ps", flags{{long: "json", set: to(&asJSON)}}, args)
	switch {
	case err != nil:
		return session.CodeOwnError, err
	case help:
		return printOut(psUsage)
	case len(rest) > 0:
		return session.CodeOwnError, hintedTo("ps", fmt.Errorf("ps takes no words, but got %q", rest[0]))
	}
	all, err := ownProcesses()
	if err != nil {
		return session.CodeOwnError, err
	}
	if asJSON {
		return printOut(string(jsontext.Append(nil, psObjects(all))) + "\n")
	}
	if code, err = printOut(psTable(all).text(screenWidth(os.Stdout))); err != nil {
		return code, err
	}
	for _, n := range neglects(all) {
		_, _ = os.Stderr.WriteString(line(n.String()))
	}
	return 0, nil
}

// ownProcesses never takes another PID namespace's processes for this one's.
func ownProcesses() ([]proc.Details, error) {
	switch {
	case proc.Own():
		return proc.AllDetails()
	case proc.Mounted():
		return nil, errors.New("/proc shows another PID namespace's processes: mount this one's (mount -t proc proc /proc)")
	}
	return nil, errors.New("no process can be seen: /proc is not mounted (mount -t proc proc /proc)")
}

func psTable(all []proc.Details) *table {
	t := &table{columns: []column{
		{"PPID", right}, {"PID", right}, {"PGID", right}, {"SID", right}, {"TTY", left}, {"TPGID", right},
		{"STAT", left}, {"UID", right}, {"TIME", right}, {"COMMAND", left},
	}}
	for _, d := range all {
		t.add(
			strconv.Itoa(d.PPID), strconv.Itoa(d.PID), strconv.Itoa(d.PGID), strconv.Itoa(d.SID),
			d.Terminal.String(), strconv.Itoa(d.Foreground), psState(d), strconv.FormatUint(uint64(d.UID), 10),
			psTime(d.CPU), psCommand(d),
		)
	}
	return t
}

func psState(d proc.Details) string {
	text := []byte{d.State}
	for _, f := range [...]struct {
		holds  bool
		letter byte
	}{
		{d.Nice < 0, '<'}, {d.Nice > 0, 'N'}, {d.Locked, 'L'}, {d.SID == d.PID, 's'}, {d.Threads > 1, 'l'},
		{d.PGID == d.Foreground, '+'},
	} {
		if f.holds {
			text = append(text, f.letter)
		}
	}
	return string(text)
}

func psTime(d time.Duration) string {
	seconds := int64(d / time.Second)
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}

// psCommand is the command line, or the name in brackets where there is none.
func psCommand(d proc.Details) string {
	words := bytes.TrimRight(d.CommandLine, "\x00 ")
	switch {
	case d.Dead():
		return "[" + d.Comm + "] <defunct>"
	case len(words) == 0:
		return "[" + d.Comm + "]"
	}
	return strings.NewReplacer("\x00", " ", "\n", " ").Replace(string(words)) // the newline too, as procps does
}

// psObjects have the same keys in each; nothing that is said on standard error is missing.
func psObjects(all []proc.Details) []jsontext.Object {
	zombies := map[int][]any{}
	for _, n := range neglects(all) {
		for _, pid := range n.zombies {
			zombies[n.parent] = append(zombies[n.parent], pid)
		}
	}
	objects := make([]jsontext.Object, 0, len(all))
	for _, d := range all {
		var tty, foreground any
		if d.Terminal != 0 {
			tty, foreground = d.Terminal.String(), d.Foreground
		}
		objects = append(objects, jsontext.Object{
			{Name: "ppid", Value: d.PPID}, {Name: "pid", Value: d.PID}, {Name: "pgid", Value: d.PGID}, {Name: "sid", Value: d.SID},
			{Name: "tty", Value: tty}, {Name: "tpgid", Value: foreground}, {Name: "stat", Value: psState(d)},
			{Name: "uid", Value: d.UID}, {Name: "time", Value: d.CPU.Seconds()},
			{Name: "name", Value: d.Comm}, {Name: "command", Value: psCommand(d)}, {Name: "zombies", Value: zombies[d.PID]},
		})
	}
	return objects
}

// A neglect is a parent, and its children that it has not reaped.
type neglect struct {
	parent  int
	name    string // empty if the parent is not to be seen
	zombies []int
}

// neglects are in the order of the first zombies. One that is about to be reaped is among them too.
func neglects(all []proc.Details) (found []*neglect) {
	names, of := map[int]string{}, map[int]*neglect{}
	for _, d := range all {
		names[d.PID] = d.Comm
	}
	for _, d := range all {
		// Where other threads are left it is the first one that has ended, and nobody can reap it yet.
		if !d.Dead() || d.Threads > 1 {
			continue
		}
		if of[d.PPID] == nil {
			of[d.PPID] = &neglect{parent: d.PPID, name: names[d.PPID]}
			found = append(found, of[d.PPID])
		}
		of[d.PPID].zombies = append(of[d.PPID].zombies, d.PID)
	}
	return found
}

// named is how many zombies a line names.
const named = 10

func (n *neglect) String() string {
	who := fmt.Sprintf("process %d", n.parent)
	switch {
	case n.parent == 0:
		who = "a process outside of this PID namespace"
	case n.name != "":
		who += " (" + printable(n.name) + ")"
	}
	list := make([]string, 0, named)
	for _, pid := range n.zombies[:min(named, len(n.zombies))] {
		list = append(list, strconv.Itoa(pid))
	}
	more, word := "", "zombies"
	switch count := len(n.zombies); {
	case count > named:
		more = fmt.Sprintf(" and %d more", count-named)
	case count == 1:
		word = "zombie"
	}
	return fmt.Sprintf("%s has not reaped %d %s: %s%s", who, len(n.zombies), word, strings.Join(list, ", "), more)
}
