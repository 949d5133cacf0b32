package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const startsEach = 200

// floorPart is the empty program as an init has it: a process more, but not a
// PID namespace more.
const floorPart = "the empty program alone"

// startup has the time from fork to wait of an init whose PROGRAM is empty, and
// the CPU time of both, made and ended PID namespace included. No /proc is
// mounted, which would be most of it, and inits need none.
func (b *bench) startup() ([]row, error) {
	wall, cpu := samples{}, samples{}
	all := append([]*candidate{b.alone, b.ends, {name: floorPart}}, b.inits...)
	meters, err := newMeters(all)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: no CPU times of start-up:", err)
	}
	defer meters.remove()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	err = b.inTurn(b.rounds*startsEach, all, func(c *candidate) error {
		attr := &syscall.ProcAttr{
			Env:   os.Environ(),
			Files: []uintptr{null.Fd(), null.Fd(), null.Fd()},
			Sys:   &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
		}
		if c.name != floorPart {
			attr.Sys.Cloneflags = unix.CLONE_NEWPID
		}
		took, used, err := meters.of(c).time(attr, c.argv(b.empty))
		wall.add(c, took)
		cpu.add(c, used)
		return err
	})
	if err != nil {
		return nil, err
	}
	floored := func(what string, of cells) row {
		sum := of[emptyGo] + of[floorPart]
		return row{
			what: fmt.Sprintf("start to end of an empty program: %s (floor: %s)", what, milliseconds(sum)),
			of:   of, show: milliseconds, floor: sum, goal: &goal{1.65, floor},
		}
	}
	return []row{floored("time", wall.medians()), floored("CPU time", cpu.medians())}, nil
}

// A meter is a cgroup to start processes in. wait4(2) has the CPU time only of
// what was waited for, and where the kernel reaps nobody waits.
type meter struct{ dir *os.File }

type meters map[string]meter

func newMeters(all []*candidate) (meters, error) {
	root, err := cgroups()
	if err != nil {
		return nil, err
	}
	made := meters{}
	for i, c := range all {
		path := filepath.Join(root, fmt.Sprintf("tinit-bench-%d-%d", os.Getpid(), i))
		if err := os.Mkdir(path, 0o755); err != nil {
			made.remove()
			return nil, err
		}
		dir, err := os.Open(path)
		if err != nil {
			made.remove()
			return nil, err
		}
		made[c.name] = meter{dir}
	}
	return made, nil
}

func (m meters) of(c *candidate) meter { return m[c.name] }

func (m meters) remove() {
	for _, one := range m {
		_ = os.Remove(one.dir.Name())
		_ = one.dir.Close()
	}
}

// cgroups is where version 2 is mounted. Every cgroup of it has CPU times, with or
// without the controller (cgroup v2 in the kernel's documentation).
func cgroups() (string, error) {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 2 && words[2] == "cgroup2" {
			return words[1], nil
		}
	}
	return "", fmt.Errorf("no cgroup v2 mounted")
}

// time starts a process and waits for its end, both on this thread, with nothing
// of os/exec's between.
func (m meter) time(attr *syscall.ProcAttr, argv []string) (wall, cpu float64, err error) {
	var before float64
	if m.dir != nil {
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, int(m.dir.Fd())
		before = m.used()
	}
	var status syscall.WaitStatus
	begin := time.Now()
	pid, err := syscall.ForkExec(argv[0], argv, attr)
	if err != nil {
		return 0, 0, err
	}
	for {
		_, err = syscall.Wait4(pid, &status, 0, nil)
		if err != syscall.EINTR {
			break
		}
	}
	wall = float64(time.Since(begin))
	switch {
	case err != nil:
		return 0, 0, err
	case !status.Exited() || status.ExitStatus() != 0:
		return 0, 0, fmt.Errorf("%s: wait status %#x", strings.Join(argv, " "), int(status))
	}
	return wall, m.used() - before, nil
}

// used is NaN where there is no cgroup.
func (m meter) used() float64 {
	if m.dir == nil {
		return math.NaN()
	}
	for line := range strings.Lines(readAll(filepath.Join(m.dir.Name(), "cpu.stat"))) {
		var us float64
		if n, _ := fmt.Sscanf(line, "usage_usec %g", &us); n == 1 {
			return us * 1000
		}
	}
	return math.NaN()
}

func readAll(file string) string {
	text, _ := os.ReadFile(file)
	return string(text)
}
