package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

func execute(argv ...string) {
	path, err := exec.LookPath(argv[0])
	check(err)
	check(syscall.Exec(path, argv, os.Environ()))
}

func proc(pid int, file string) string { return fmt.Sprintf("/proc/%d/%s", pid, file) }

// fieldOf is the rest of the line of file that begins with field.
func fieldOf(file, field string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if name, rest, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == field {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// numberOf is the number that a field begins with.
func numberOf(file, field string) (float64, error) {
	word, _, _ := strings.Cut(fieldOf(file, field), " ")
	n, err := strconv.ParseFloat(word, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %s: %w", file, field, err)
	}
	return n, nil
}

// fieldsOf is the words of file, of which there is one at least.
func fieldsOf(file string) []string {
	text, _ := os.ReadFile(file)
	if words := strings.Fields(string(text)); len(words) > 0 {
		return words
	}
	return []string{"?"}
}

// cpuOf is the CPU time of all threads of one process in nanoseconds, as the
// scheduler has it. The times in stat and of getrusage(2) are no use here: they
// have the children's with them, or ticks.
func cpuOf(pid int) (ns float64, err error) {
	err = eachThread(pid, "schedstat", func(file string) error {
		n, err := strconv.ParseFloat(fieldsOf(file)[0], 64)
		ns += n
		return err
	})
	return ns, err
}

// switchesOf is how often the threads of a process were put on and off a CPU.
func switchesOf(pid int) (count float64, err error) {
	err = eachThread(pid, "status", func(file string) error {
		for _, field := range []string{"voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"} {
			n, err := numberOf(file, field)
			if err != nil {
				return err
			}
			count += n
		}
		return nil
	})
	return count, err
}

func eachThread(pid int, name string, read func(file string) error) error {
	files, err := filepath.Glob(proc(pid, "task/*/"+name))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("process %d has ended", pid)
	}
	for _, file := range files {
		if err := read(file); err != nil {
			return err
		}
	}
	return nil
}

func threadsOf(pid int) (float64, error) { return numberOf(proc(pid, "status"), "Threads") }
