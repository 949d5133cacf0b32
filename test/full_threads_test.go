package test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The thread that Go's runtime gives the processor to is one that sleeps, or, if
// none is asleep yet, a new one, which may not be had. So it must not have to: one
// thread does all, beside the handler's, the one that writes, and the runtime's own
// that watches over the others. The rest sleep, however much there is to do.
//
// TestFullPidsCgroup shows that it is enough. Whether this is so shows here more
// surely: on a machine that is not busy, threads fall asleep in time.
func TestOneThreadDoesAll(t *testing.T) {
	needRelease(t)
	everywhere(t, func(t *testing.T, tinit starter) {
		file := filepath.Join(scratch(t), "program")
		u := tinit(t, "-v", "--grace", anHour, "--", "sh", "-c", `setsid linger & exec record "$@"`, "sh", file, "exit:7").start()
		waitRecord(t, file, "ready")
		u.out.waitFor(t, "ready") // the leftover, which ignores TERM
		before := sleeps(u.pid)
		kinds := []unix.Signal{unix.SIGUSR1, unix.SIGHUP, unix.SIGWINCH, unix.SIGALRM}
		const signals = 400
		for i := range signals {
			// One at a time, so that each is work of its own.
			said := lines(u)
			u.signal(kinds[i%len(kinds)])
			eventually(t, func() bool { return lines(u) > said }, "tinit says that it sent the signal")
		}
		u.signal(unix.SIGTERM)
		waitRecord(t, file, "end")
		eventually(t, func() bool { return strings.Contains(u.err.String(), "left behind") }, "the sweep has begun")
		var ran []int
		for thread, n := range sleeps(u.pid) {
			ran = append(ran, n-before[thread])
		}
		require.Greater(t, len(ran), 4)
		slices.Sort(ran)
		slices.Reverse(ran)
		assert.Greater(t, ran[1], signals/2, "the control: there was work")
		for _, n := range ran[4:] {
			assert.Less(t, n, signals/10, "how often each thread ran: %v", ran)
		}
		u.signal(unix.SIGINT) // ends the grace
		assert.Equal(t, 7, u.wait())
	})
}

// lines is how many tinit has said.
func lines(u *running) int { return strings.Count(u.err.String(), "\n") }

// sleeps is how often each of a process's threads has gone to sleep.
func sleeps(pid int) map[string]int {
	counts := map[string]int{}
	tasks, _ := os.ReadDir(procPath(pid, "task"))
	for _, task := range tasks {
		text, _ := os.ReadFile(procPath(pid, filepath.Join("task", task.Name(), "status")))
		counts[task.Name()] = atoi(statusFields(string(text))["voluntary_ctxt_switches"])
	}
	return counts
}
