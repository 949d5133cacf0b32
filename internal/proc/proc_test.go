package proc

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// tail is what follows the parent's number in a line of /proc/PID/stat, up to the start time.
const tail = "10 10 34816 20 4194304 130 0 0 0 1 2 0 0 20 0 3 0 4242"

func TestParseStat(t *testing.T) {
	for line, want := range map[string]Process{
		"10 (cat) R 7 " + tail + " 5 6 7\n":                         {10, 7, 'R', 4242, "cat"},
		"10 (cat) Z 7 " + tail:                                      {10, 7, 'Z', 4242, "cat"},
		"1 (tinit) S 0 " + tail + " 0":                              {1, 0, 'S', 4242, "tinit"},
		"12345 ((ugly )pr()cess() R 1 " + tail + "\n":               {12345, 1, 'R', 4242, "(ugly )pr()cess("},
		"10 () S 7 " + tail:                                         {10, 7, 'S', 4242, ""},
		"10 ()) S 7 " + tail:                                        {10, 7, 'S', 4242, ")"},
		"10 (() S 7 " + tail:                                        {10, 7, 'S', 4242, "("},
		"10 (a b) S 7 " + tail:                                      {10, 7, 'S', 4242, "a b"},
		"10 (a\nb) S 7 " + tail:                                     {10, 7, 'S', 4242, "a\nb"},
		"10 () R 1 1 1) S 7 " + tail:                                {10, 7, 'S', 4242, ") R 1 1 1"},
		"10 (\xff\xfe) S 7 " + tail:                                 {10, 7, 'S', 4242, "\xff\xfe"},
		"4194304 (x) t 4194303 " + tail:                             {4194304, 4194303, 't', 4242, "x"},
		"10 (x) S 7 " + strings.Replace(tail, "4242", "1"+max64, 1): {},
		"10 (x) S 7 " + strings.Replace(tail, "4242", max64, 1):     {10, 7, 'S', 1<<64 - 1, "x"},
		"10 (x) S 7 " + strings.Replace(tail, "4242", "-1", 1):      {},
		"10 (x) S 7 " + strings.Replace(tail, "4242", "", 1):        {},
		"10 (x) S 7 " + strings.Replace(tail, " 20 4194304", "", 1): {},
		"10 (x) S seven " + tail:                                    {},
		"ten (x) S 7 " + tail:                                       {},
		"(x) S 7 " + tail:                                           {},
		"10 x S 7 " + tail:                                          {},
		"10 (x S 7 " + tail:                                         {},
		"10 )x( S 7 " + tail:                                        {},
		"10 (x)":                                                    {},
		"10 (":                                                      {},
		")":                                                         {},
		"\n":                                                        {},
		"":                                                          {},
		"10 (x) S 7 " + strings.Repeat("-1 ", 17) + "99 " + "1 2 3\n": {10, 7, 'S', 99, "x"},
	} {
		got, ok := parseStat([]byte(line))
		if assert.Equal(t, want != Process{}, ok, "%q", line) && ok {
			assert.Equal(t, want, got, "%q", line)
		}
	}
}

const max64 = "18446744073709551615"

func TestOwnStatus(t *testing.T) {
	const head = "Name:\tx\nNSpid:x\nPid:\t7\nNStgid:\t7\n"
	for status, want := range map[string]bool{
		"Name:\tx\nPid:\t7\nNSpid:\t7\nThreads:\t1\n": true,
		"Name:\tx\nNSpid:\t7":                         true,
		"Name:\tx\nNSpid:\t4257\t7\n":                 false, // an outer namespace's /proc
		"Name:\tx\nNSpid:\t7\t1\n":                    false,
		"Name:\tx\nNSpid:\t8\n":                       false,
		"Name:\tx\nNSpid:\t07\n":                      false,
		"Name:\tx\nNSpid:\n":                          false,
		"Name:\tx\nPid:\t7\n":                         true, // a kernel without PID namespaces
		"NSpid:\t8\nNSpid:\t7\n":                      false,
		head:                                          false,
		"":                                            false,
	} {
		assert.Equal(t, want, ownStatus([]byte(status), 7), "%q", status)
	}
}

func pids(ps []Process) []int {
	found := []int{}
	for _, p := range ps {
		found = append(found, p.PID)
	}
	return found
}

func TestDescendants(t *testing.T) {
	family := func(pairs ...int) (all []Process) {
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, Process{PID: pairs[i], PPID: pairs[i+1]})
		}
		return all
	}
	for name, test := range map[string]struct {
		all  []Process
		root int
		want []int
	}{
		"none":                     {nil, 1, []int{}},
		"itself is none":           {family(1, 0), 1, []int{}},
		"children":                 {family(1, 0, 5, 1, 3, 1), 1, []int{5, 3}},
		"grandchildren come later": {family(9, 5, 5, 1, 1, 0, 3, 1, 2, 9), 1, []int{5, 3, 9, 2}},
		"siblings are none":        {family(1, 0, 2, 1, 3, 1, 4, 3, 5, 2), 3, []int{4}},
		"root is not listed":       {family(5, 1), 1, []int{5}},
		"nobody's":                 {family(5, 4), 1, []int{}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, pids(Descendants(test.all, test.root)))
		})
	}
}

// A scan of /proc is no snapshot: with numbers used again it may show what never was.
func TestDescendantsOfCyclesEnd(t *testing.T) {
	for _, all := range [][]Process{
		{{PID: 1, PPID: 1}},
		{{PID: 1, PPID: 2}, {PID: 2, PPID: 1}},
		{{PID: 1, PPID: 0}, {PID: 2, PPID: 1}, {PID: 3, PPID: 4}, {PID: 4, PPID: 3}, {PID: 3, PPID: 2}},
		slices.Repeat([]Process{{PID: 1, PPID: 1}}, 100),
	} {
		found := Descendants(all, 1)
		assert.LessOrEqual(t, len(found), 2*len(all)+1)
	}
}

func TestDescendantsDeep(t *testing.T) {
	const depth = 10000
	var all []Process
	want := make([]int, 0, depth)
	for pid := range depth {
		all = append(all, Process{PID: depth - pid + 1, PPID: depth - pid})
		want = append(want, pid+2)
	}
	assert.Equal(t, want, pids(Descendants(all, 1)))
}

func TestRead(t *testing.T) {
	self, err := Read(os.Getpid())
	require.NoError(t, err)
	assert.Equal(t, os.Getpid(), self.PID)
	assert.Equal(t, os.Getppid(), self.PPID)
	assert.NotZero(t, self.Start)
	assert.False(t, self.Dead())
	comm, err := os.ReadFile("/proc/self/comm")
	require.NoError(t, err)
	assert.Equal(t, strings.TrimSpace(string(comm)), self.Comm)

	pid, end := start(t, "linger")
	alive, err := Read(pid)
	require.NoError(t, err)
	assert.Equal(t, "linger", alive.Comm)
	assert.False(t, alive.Dead())
	end()
	zombie, err := Read(pid)
	require.NoError(t, err)
	assert.True(t, zombie.Dead(), "state %c", zombie.State)
	assert.Equal(t, alive.Start, zombie.Start)

	for _, nobody := range []int{0, -1, 1 << 30} {
		_, err := Read(nobody)
		assert.ErrorIs(t, err, unix.ENOENT, "%d", nobody)
	}
}

func TestReadUglyName(t *testing.T) {
	pid, _ := start(t, ugly)
	p, err := Read(pid)
	require.NoError(t, err)
	assert.Equal(t, Process{PID: pid, PPID: os.Getpid(), State: p.State, Start: p.Start, Comm: ugly[:15]}, p)
	assert.Contains(t, "RSD", string(p.State))
}

func TestDead(t *testing.T) {
	for _, state := range "RSDTtIZX" {
		assert.Equal(t, state == 'Z' || state == 'X', Process{State: byte(state)}.Dead(), "%c", state)
	}
}

func TestOwn(t *testing.T) {
	self, err := os.Readlink("/proc/self")
	require.NoError(t, err)
	assert.Equal(t, self == strconv.Itoa(os.Getpid()), Own())
}

func TestAll(t *testing.T) {
	child, _ := start(t, "with-child")
	all, err := All()
	require.NoError(t, err)
	found := pids(all)
	assert.Contains(t, found, os.Getpid())
	assert.Contains(t, found, child)
	assert.NotContains(t, found, 0)

	below := Descendants(all, os.Getpid())
	assert.Contains(t, pids(below), child)
	require.NotEmpty(t, Descendants(all, child))
	assert.Equal(t, "linger", Descendants(all, child)[0].Comm)
	assert.Contains(t, pids(below), Descendants(all, child)[0].PID)
	assert.NotContains(t, pids(below), os.Getpid())
}

func TestChildrenOfTheMainThread(t *testing.T) {
	if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid())); err != nil {
		t.Skipf("cannot run here: %v", err)
	}
	// Whoever waits for input ends with this.
	in, w, err := os.Pipe()
	require.NoError(t, err)
	defer w.Close() //nolint:errcheck // nothing was written
	cmd := &exec.Cmd{Path: reexec.Self(), Args: []string{"adopt"}, Stdin: in, Stderr: os.Stderr}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	require.NoError(t, in.Close())
	lines := bufio.NewScanner(out)
	var got []string
	for len(got) < 3 && lines.Scan() {
		got = append(got, lines.Text())
	}
	assert.ElementsMatch(t, []string{"ready", "children: 0", "orphan: true"}, got, "ready is the orphan's")
	require.NoError(t, cmd.Wait())
}

func TestReadGrows(t *testing.T) {
	for _, size := range []int{0, 1, 2, 100, 4096, 100_000} {
		path := t.TempDir() + "/file"
		want := slices.Repeat([]byte("x"), size)
		require.NoError(t, os.WriteFile(path, want, 0o600))
		for _, room := range []int{0, 1, 99, 100, 101} {
			got, err := read(path, make([]byte, 0, room))
			require.NoError(t, err)
			require.Len(t, got, size)
		}
	}
	_, err := read(t.TempDir(), nil)
	assert.ErrorIs(t, err, unix.EISDIR)
}

func TestNumbers(t *testing.T) {
	dir := t.TempDir()
	want := []int{}
	for n := range 3000 {
		want = append(want, n)
		require.NoError(t, os.WriteFile(fmt.Sprintf("%s/%d", dir, n), nil, 0o600))
	}
	for _, name := range []string{"x", "1x", "self", ".1", "0x1"} {
		require.NoError(t, os.WriteFile(dir+"/"+name, nil, 0o600))
	}
	got, err := numbers(dir)
	require.NoError(t, err)
	slices.Sort(got)
	assert.Equal(t, want, got)

	_, err = numbers(dir + "/x")
	assert.ErrorIs(t, err, unix.ENOTDIR)
}

func BenchmarkAll(b *testing.B) {
	b.ReportAllocs()
	all := 0
	for b.Loop() {
		ps, err := All()
		require.NoError(b, err)
		all = len(ps)
	}
	b.ReportMetric(float64(all), "processes")
}
