// Bench runs tinit beside tini, dumb-init and catatonit, and beside two limits,
// PROGRAM without an init and an empty Go program, and prints what each costs
// and which of tinit's goals are met. As root, with the three installed:
//
//	go run ./test/bench
//	go run ./test/bench -only orphans -rounds 10
//
// Candidates take turns, round by round, so that what else the machine does hits
// all alike; a value is the median of the rounds. They run as they do in a
// container: as PID 1 of a PID namespace, leading a session without a terminal.
// Read the ratios: the times themselves are the machine's.
package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/test/internal/children"
)

// A metric fills rows of the table.
type metric struct {
	name    string
	measure func(*bench) ([]row, error)
	amount  string // what is measured of each candidate
}

var metrics = []metric{
	{"start", (*bench).startup, fmt.Sprintf("%d starts a round", startsEach)},
	{"orphans", (*bench).orphans, fmt.Sprintf("%d orphans one after another and %[1]d in storms of %d a round", orphansEach, batch)},
	{"latency", (*bench).latency, fmt.Sprintf("%d signals a round", signalsEach)},
	{"memory", (*bench).memory, fmt.Sprintf("the memory of one instance a round and of %d once", crowd)},
	{"idle", (*bench).idle, fmt.Sprintf("%.0f s of idleness", window.Seconds())},
	{"size", (*bench).size, "the binaries"},
	{"ways", (*bench).ways, fmt.Sprintf("%d orphans one after another and %[1]d in storms of %d a round", orphansEach, batch)},
	{"services", (*bench).services, "one start a round"},
}

// aside is what is measured only if it is asked for: ways is no metric of tinit's, and services are none of its peers'.
var aside = []string{"ways", "services"}

// bench is what the metrics share.
type bench struct {
	ctx    context.Context
	dir    string
	rounds int
	candidates
}

func init() {
	// Candidates are to end with this process, but the kernel takes the thread
	// that started them for their parent (PR_SET_PDEATHSIG in prctl(2)).
	runtime.LockOSThread()
}

func main() {
	if children.Run() {
		return
	}
	var names []string
	for _, m := range metrics {
		names = append(names, m.name)
	}
	rounds := flag.Int("rounds", 5, "how many `times` each candidate takes its turn; with the default all takes two minutes")
	only := flag.String("only", "", "measure this `METRIC` alone: "+strings.Join(names, ", "))
	flag.Parse()
	switch {
	case flag.NArg() > 0 || *rounds < 1 || *only != "" && !slices.Contains(names, *only):
		flag.Usage()
		os.Exit(2)
	case os.Geteuid() != 0:
		fail(fmt.Errorf("needs root"))
	}
	if err := run(*rounds, *only); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

func run(rounds int, only string) error {
	dir, err := os.MkdirTemp("", "tinit-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := children.Install(dir); err != nil {
		return err
	}
	load := fieldsOf("/proc/loadavg")[0]
	found, err := findCandidates(dir)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := &bench{ctx, dir, rounds, found}
	begin := time.Now()
	var rows []row
	var amounts []string
	for _, m := range metrics {
		if only != "" && m.name != only || only == "" && slices.Contains(aside, m.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "bench: %s\n", m.name)
		more, err := m.measure(b)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		rows = append(rows, more...)
		amounts = append(amounts, m.amount)
	}
	b.print(os.Stdout, rows)
	fmt.Printf("\n%s, load %s before; %s.\nRounds: %d, in %.0f s. Of each: %s.\n",
		machine(), load, begin.Format(time.DateOnly), rounds, time.Since(begin).Seconds(), strings.Join(amounts, "; "))
	return nil
}

func machine() string {
	var u unix.Utsname
	_ = unix.Uname(&u)
	release, _, _ := strings.Cut(unix.ByteSliceToString(u.Release[:]), "-")
	cpu := unix.ByteSliceToString(u.Machine[:])
	if model := fieldOf("/proc/cpuinfo", "model name"); model != "" {
		cpu = model + ", " + cpu
	}
	return fmt.Sprintf("%s, %d cores, Linux %s, %s", cpu, runtime.NumCPU(), release, runtime.Version())
}

// inTurn measures each candidate once a round. Each round begins with another
// one, so that none is always the first.
func (b *bench) inTurn(rounds int, all []*candidate, measure func(*candidate) error) error {
	for r := range rounds {
		for i := range all {
			if b.ctx.Err() != nil {
				return context.Cause(b.ctx)
			}
			c := all[(r+i)%len(all)]
			if err := measure(c); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	return nil
}

// samples has the values of each candidate, by name.
type samples map[string][]float64

func (s samples) add(c *candidate, value float64) { s[c.name] = append(s[c.name], value) }

func (s samples) medians() cells { return s.quantiles(0.5) }

func (s samples) quantiles(q float64) cells {
	out := cells{}
	for name, values := range s {
		out[name] = quantile(values, q)
	}
	return out
}

// maxima is for what should never be seen, where once is too often.
func (s samples) maxima() cells {
	out := cells{}
	for name, values := range s {
		out[name] = slices.Max(values)
	}
	return out
}

// quantile is the nearest rank's value.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[max(rank, 0)]
}

// build compiles a package or a file as a release of tinit is compiled. The file
// has to be on the disk: until then its pages are dirty, and as such they would
// be taken for pages that the process has written (proc_pid_smaps(5)).
func build(out, what string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, what)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", what, err, text)
	}
	f, err := os.Open(out)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
