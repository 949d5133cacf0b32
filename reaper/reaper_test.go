package reaper

import (
	"fmt"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"
)

type answer struct {
	pid    int
	status uint32
	err    syscall.Errno
}

// fake is a reaper over a wait4 that gives these answers, one a call, and the last one from then on.
func fake(options int, calls *int, answers ...answer) *Reaper {
	return &Reaper{options: options, wait4: func(pid int, status *uint32, opts int) (int, syscall.Errno) {
		if pid != -1 || opts != options {
			return 0, unix.EINVAL
		}
		a := answers[min(*calls, len(answers)-1)]
		*calls++
		*status = a.status
		return a.pid, a.err
	}}
}

func TestNext(t *testing.T) {
	interrupted := answer{pid: -1, err: unix.EINTR}
	for name, test := range map[string]struct {
		answers []answer
		want    Change
		err     error
	}{
		"a child":             {[]answer{{pid: 7, status: 3 << 8}}, Change{7, 3 << 8}, nil},
		"an interrupted wait": {[]answer{interrupted, interrupted, {pid: 7, status: 9}}, Change{7, 9}, nil},
		"none has changed":    {[]answer{{}}, Change{}, ErrNothing},
		"none after EINTR":    {[]answer{interrupted, {}}, Change{}, ErrNothing},
		"no children":         {[]answer{{pid: -1, err: unix.ECHILD}}, Change{}, ErrNoChildren},
		"none at all":         {[]answer{interrupted, {pid: -1, err: unix.ECHILD}}, Change{}, ErrNoChildren},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			got, err := fake(unix.WNOHANG, &calls, test.answers...).Next()
			assert.Equal(t, test.err, err)
			assert.Equal(t, test.want, got)
			assert.Equal(t, len(test.answers), calls, "one call for each answer")
		})
	}
}

func TestNextNeverWaits(t *testing.T) {
	assert.Equal(t, unix.WNOHANG, New(Exits).options)
	assert.Equal(t, unix.WNOHANG|unix.WUNTRACED, New(ExitsAndStops).options)
}

// An init that reaps orphans all day must not make work for the garbage collector.
func TestNextDoesNotAllocate(t *testing.T) {
	assert.Equal(t, "0 allocations in 10 runs\n", output(t, "count-allocations"))
}

func countAllocations() {
	const runs = 10
	r := New(Exits)
	for range runs + 1 { // AllocsPerRun runs once before it counts
		untilDead(must(forkExec(0, "end-with", "0")))
	}
	n := testing.AllocsPerRun(runs, func() { must(r.Next()) })
	fmt.Println(n, "allocations in", runs, "runs")
}

// ends is how the children of reapAll end, in endWith's words.
var ends = [...]int{0, 1, 7, 126, 127, 255, -9, -15, -1, 0, 0, 3}

func reapAll() {
	r := New(Exits)
	want := map[int]int{}
	for _, n := range ends {
		want[must(forkExec(0, "end-with", strconv.Itoa(n)))] = n
	}
	for {
		change, err := next(r)
		if err != nil {
			say(change, err)
			break
		}
		got := change.Status.ExitStatus()
		if change.Status.Signaled() {
			got = -int(change.Status.Signal())
		}
		if n, ok := want[change.PID]; !ok || n != got {
			fmt.Println("process", change.PID, "ended with", got, "and not with", n)
		}
		delete(want, change.PID)
	}
	fmt.Println(len(want), "not reaped")
}

func TestReapAll(t *testing.T) {
	assert.Equal(t, "no children\n0 not reaped\n", output(t, "reap-all"))
}

func reapOnceAWake() {
	r := New(Exits)
	for range ends {
		untilDead(must(forkExec(0, "end-with", "0")))
	}
	reaped := 0
	for len(sigchld) > 0 {
		<-sigchld
		must(r.Next())
		reaped++
	}
	fmt.Println(reaped > 0, reaped < len(ends))
}

// The control of TestReapAll: SIGCHLD is not counted, and whoever reaps one child for each falls behind.
func TestReapingOnceAWakeIsNotEnough(t *testing.T) {
	assert.Equal(t, "true true\n", output(t, "reap-once-a-wake"))
}

func stops() {
	for _, what := range []What{Exits, ExitsAndStops} {
		r := New(what)
		pid, _ := lingering("linger")
		must(0, unix.Kill(pid, unix.SIGSTOP))
		untilState(pid, "T")
		say(r.Next())
		say(r.Next())
		must(0, unix.Kill(pid, unix.SIGKILL))
		say(next(r))
		say(r.Next())
	}
}

func TestStops(t *testing.T) {
	assert.Equal(t, ""+
		"no child has changed\nno child has changed\nkilled by 9\nno children\n"+
		"stopped by 19\nno child has changed\nkilled by 9\nno children\n", output(t, "stops"))
}

func children() {
	r := New(Exits)
	fmt.Println("before:", r.Children())
	pid, end := lingering("linger")
	fmt.Println("alive:", r.Children())
	end()
	untilDead(pid)
	fmt.Println("zombie:", r.Children(), r.Children())
	say(next(r))
	fmt.Println("reaped:", r.Children())
}

func TestChildren(t *testing.T) {
	assert.Equal(t, "before: false\nalive: true\nzombie: true true\nended with 0\nreaped: false\n", output(t, "children"))
}

func adopt(subreaper bool) {
	if subreaper {
		must(0, Subreaper())
	}
	r := New(Exits)
	_, end := lingering("leave-orphan")
	say(next(r))
	fmt.Println("children:", r.Children())
	end()
	say(next(r))
	say(r.Next())
}

func TestSubreaper(t *testing.T) {
	assert.Equal(t, "ended with 0\nchildren: true\nended with 0\nno children\n", output(t, "adopt"))
	// The control: without it the orphan is somebody else's.
	assert.Equal(t, "ended with 0\nchildren: false\nno children\nno children\n", output(t, "do-not-adopt"))
}
