package main

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// costs are measured one after another, for README.md alone.
var costs = []row{
	{what: "time from PROGRAM's end to the init's: nothing left / a leftover that needs 0.2 s after TERM / one that ignores TERM", of: graces},
	{what: "idle: context switches in 10 s, threads", of: idle},
	{what: "idle: memory of its own (written pages)", of: memory},
	{what: "start to end of `true`, median", of: startup},
	{what: "CPU time for an orphan, one after another", of: orphans},
	{what: "size of the binary", of: size},
}

func graces(t *trial) string {
	took := func(what string) string {
		return fmt.Sprintf("%.2f s", t.timed("session", what).Seconds())
	}
	return took("none") + " / " + took("obliging") + " / " + took("stubborn")
}

func idle(t *trial) string {
	const span = 10 * time.Second
	r := t.pid1("--", "sleep", "60").start()
	defer r.kill()
	r.program("sleep")
	time.Sleep(time.Second) // what belongs to the start
	before, _ := threads(r.pid())
	time.Sleep(span)
	after, _ := threads(r.pid())
	return fmt.Sprintf("%d, %s", after-before, status(r.pid(), "Threads"))
}

func memory(t *trial) string {
	r := t.pid1("--", "sleep", "60").start()
	defer r.kill()
	r.program("sleep")
	time.Sleep(time.Second)
	kib := 0
	for _, field := range []string{"Private_Dirty", "Swap"} {
		number, _, _ := strings.Cut(fieldOf(proc(r.pid(), "smaps_rollup"), field), " ")
		n, _ := strconv.Atoi(number)
		kib += n
	}
	return fmt.Sprintf("%d KiB", kib)
}

func startup(t *trial) string {
	var times []time.Duration
	for range 201 {
		cmd := exec.Command(t.path, "--", "true")
		start := time.Now()
		check(cmd.Run())
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return fmt.Sprintf("%.1f ms", times[len(times)/2].Seconds()*1000)
}

// orphans has the scheduler's word for the CPU time of all threads, in
// nanoseconds, before and after a number of orphans.
func orphans(t *trial) string {
	const count = 1000
	var each []float64
	for range 5 {
		file := t.file()
		r := t.pid1("--", "sh", "-c", fmt.Sprintf(
			`: >%[1]s.ready; read x; i=0; while [ $i -lt %[2]d ]; do (true &); i=$((i+1)); done; : >%[1]s.clean; read x`, file, count))
		in, err := r.cmd.StdinPipe()
		check(err)
		r.start()
		eventually(patience, func() bool { return wrote(file, "ready") })
		before := cpu(r.pid())
		_, _ = in.Write([]byte("\n"))
		eventually(time.Minute, func() bool { return wrote(file, "clean") })
		each = append(each, float64(cpu(r.pid())-before)/count/1000)
		r.kill()
	}
	slices.Sort(each)
	return fmt.Sprintf("%.0f µs", each[len(each)/2])
}

func cpu(pid int) (ns int) {
	tasks, _ := filepath.Glob(proc(pid, "task/*/schedstat"))
	for _, file := range tasks {
		text, _ := os.ReadFile(file)
		first, _, _ := strings.Cut(string(text), " ")
		n, _ := strconv.Atoi(first)
		ns += n
	}
	return ns
}

func size(t *trial) string {
	info, err := os.Stat(t.path)
	check(err)
	linked := "static"
	if f, err := elf.Open(t.path); err == nil {
		if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
			linked = "needs libc"
		}
		_ = f.Close()
	}
	return fmt.Sprintf("%d KiB, %s", info.Size()/1024, linked)
}
