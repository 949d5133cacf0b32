package main

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (b *bench) idle(i initProgram) string {
	const span = 10 * time.Second
	cmd := i.command(true, "sleep", "60")
	started(cmd, "sleep")
	defer stop(cmd)
	pid := cmd.Process.Pid
	time.Sleep(time.Second) // what belongs to the start
	before := switches(pid)
	time.Sleep(span)
	return fmt.Sprintf("%d, %s", switches(pid)-before, status(pid, "Threads"))
}

func switches(pid int) (n int) {
	tasks, _ := filepath.Glob(proc(pid, "task/*/status"))
	for _, file := range tasks {
		for _, field := range []string{"voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"} {
			count, _ := strconv.Atoi(fieldOf(file, field))
			n += count
		}
	}
	return n
}

func (b *bench) memory(i initProgram) string {
	cmd := i.command(true, "sleep", "60")
	started(cmd, "sleep")
	defer stop(cmd)
	time.Sleep(time.Second)
	kib := 0
	for _, field := range []string{"Private_Dirty", "Swap"} {
		number, _, _ := strings.Cut(fieldOf(proc(cmd.Process.Pid, "smaps_rollup"), field), " ")
		n, _ := strconv.Atoi(number)
		kib += n
	}
	return fmt.Sprintf("%d KiB", kib)
}

func (b *bench) startup(i initProgram) string {
	var times []time.Duration
	for range 201 {
		cmd := i.command(false, "true")
		start := time.Now()
		check(cmd.Run())
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return fmt.Sprintf("%.1f ms", times[len(times)/2].Seconds()*1000)
}

// orphans has the scheduler's word for the CPU time of all threads, in
// nanoseconds, before and after a number of orphans.
func (b *bench) orphans(i initProgram) string {
	const count = 1000
	var each []float64
	for range 5 {
		file := b.file()
		cmd := i.command(true, "sh", "-c", fmt.Sprintf(
			`: >%[1]s.ready; read x; i=0; while [ $i -lt %[2]d ]; do (true &); i=$((i+1)); done; : >%[1]s.clean; read x`, file, count))
		in, err := cmd.StdinPipe()
		check(err)
		check(cmd.Start())
		eventually(10*time.Second, func() bool { return wrote(file, "ready") })
		before := cpu(cmd.Process.Pid)
		_, _ = in.Write([]byte("\n"))
		eventually(60*time.Second, func() bool { return wrote(file, "clean") })
		each = append(each, float64(cpu(cmd.Process.Pid)-before)/count/1000)
		stop(cmd)
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

func (b *bench) size(i initProgram) string {
	info, err := os.Stat(i.path)
	check(err)
	linked := "static"
	if f, err := elf.Open(i.path); err == nil {
		if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
			linked = "needs libc"
		}
		_ = f.Close()
	}
	return fmt.Sprintf("%d KiB, %s", info.Size()/1024, linked)
}
