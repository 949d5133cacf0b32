package keeper

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/service"
	"github.com/tinit-dev/tinit/internal/supervisor"
	"github.com/tinit-dev/tinit/reaper"
)

// A group takes all children of its process, so what starts some has a copy of the test binary to itself.
func TestMain(m *testing.M) {
	for name, f := range map[string]func(*Services){
		"check-results": checkResults, "check-timeout": checkTimeout, "check-stop": checkStop, "check-intervals": checkIntervals,
	} {
		reexec.Register(name, func() { lookAfter(f) })
	}
	if reexec.Init() {
		return
	}
	os.Exit(m.Run())
}

// What checks have found, one after the other.
func TestProbed(t *testing.T) {
	const never = time.Hour
	for name, c := range map[string]struct {
		retries  int
		period   time.Duration
		found    string // + and -
		want     healthState
		failures int
		told     int
	}{
		"nothing":                               {3, 0, "", checking, 0, 0},
		"well":                                  {3, 0, "+", healthy, 0, 0},
		"a failure is not enough":               {3, 0, "--", checking, 2, 0},
		"so many are":                           {3, 0, "---", unhealthy, 3, 1},
		"one is":                                {1, 0, "-", unhealthy, 1, 1},
		"of one who was well":                   {3, 0, "+---", unhealthy, 3, 1},
		"it is said once":                       {3, 0, "-----", unhealthy, 5, 1},
		"they have to come in a row":            {3, 0, "+--+--", healthy, 2, 0},
		"it is well again":                      {2, 0, "--+", healthy, 0, 1},
		"and ill again":                         {2, 0, "--+--", unhealthy, 2, 2},
		"in the beginning they do not count":    {3, never, "-----", checking, 0, 0},
		"from the first success on they do":     {3, never, "--+---", unhealthy, 3, 1},
		"after that time they do":               {3, time.Nanosecond, "---", unhealthy, 3, 1},
		"what failed then does not count later": {2, never, "-----+-", healthy, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, said := newServices(service.Started, "web")
			u := s.units[0]
			u.state, u.started = running, time.Now().Add(-time.Second)
			u.Health = &service.Health{Retries: c.retries, Interval: never, StartPeriod: c.period}
			u.watchHealth()
			for _, found := range c.found {
				u.probed(found == '+')
			}
			u.health.over()
			assert.Equal(t, c.want, u.health.state)
			assert.Equal(t, c.failures, u.health.failures)
			assert.Len(t, *said, c.told)
		})
	}
}

// What is not looked at has no health, and an end changes nothing of that.
func TestUnchecked(t *testing.T) {
	s, _ := newServices(service.Started, "web")
	u := s.units[0]
	u.state = running
	u.watchHealth()
	assert.Equal(t, unchecked, u.health.state)
	u.health.stop()
	assert.Equal(t, unchecked, u.health.state)

	u.Health = &service.Health{Interval: time.Hour}
	u.watchHealth()
	u.probed(true)
	assert.Equal(t, healthy, u.health.state)
	u.health.stop()
	assert.Equal(t, checking, u.health.state, "the next life is another one")
	assert.Nil(t, u.health.cancel)
}

// lookAfter turns a loop in which f, beside it, has two units looked at.
func lookAfter(f func(*Services)) {
	signals, err := forwarder.Receive(syscall.SIGCHLD)
	if err == nil {
		err = reaper.Subreaper()
	}
	null, openErr := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil || openErr != nil {
		panic(fmt.Sprint(err, openErr))
	}
	say := func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	s := &Services{
		cfg:     ServicesConfig{Supervisor: supervisor.Config{Tell: say, Warn: say, Note: say}},
		group:   supervisor.NewGroup(signals, false),
		outputs: &outputs{null: null},
	}
	for _, name := range []string{"web", "db"} {
		u := &unit{Service: service.Service{Name: name}, all: s, state: running, started: time.Now()}
		u.command.Env = os.Environ()
		u.supervisor = s.group.Add(s.cfg.Supervisor, nil, "MARK="+name, func() {})
		s.units = append(s.units, u)
	}
	go func() {
		f(s)
		s.group.Do(s.group.End)
	}()
	s.group.Run(func(syscall.Signal) {})
}

// looksAt has u looked at as h says, from now on.
func (s *Services) looksAt(u *unit, h service.Health) {
	s.group.Do(func() { lookAt(u, h) })
}

func lookAt(u *unit, h service.Health) {
	u.Health, u.started = &h, time.Now()
	u.watchHealth()
}

// sees waits until the owner of all this sees cond hold.
func (s *Services) sees(what string, cond func() bool) {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		seen := false
		s.group.Do(func() { seen = cond() })
		if seen {
			fmt.Println(what)
			return
		}
	}
	fmt.Println("timed out: " + what)
}

// said is what the copy of that name prints.
func said(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := &exec.Cmd{Path: reexec.Self(), Args: args, Stderr: os.Stderr}
	out, err := cmd.Output()
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

const soon = time.Millisecond

func checkResults(s *Services) {
	web, db := s.units[0], s.units[1]
	h := service.Health{Interval: soon, Timeout: time.Hour, Retries: 2}
	h.Test = []string{"sh", "-c", "exit 0"}
	s.looksAt(web, h)
	h.Test = []string{"sh", "-c", "exit 1"}
	s.looksAt(db, h)
	s.sees("both are known", func() bool { return web.health.state == healthy && db.health.state == unhealthy })
	s.group.Do(func() { db.health.stop() })
	h.Test, h.Interval = []string{"/no/such"}, time.Hour
	s.looksAt(db, h)
	s.group.Do(db.probe)
	s.sees("it has failed", func() bool { return db.health.state == checking && db.health.failures == 1 && db.health.cancel != nil })
}

// The result is the exit code, and that of what cannot be executed is a failure.
func TestCheckResults(t *testing.T) {
	assert.Equal(t, []string{
		"db is unhealthy: its healthcheck failed 2 times in a row",
		"both are known",
		`db: healthcheck: cannot find "/no/such": no such file or directory`,
		"it has failed",
	}, said(t, "check-results"))
}

// group is the process group of the check that has written its number to a file.
func group(file string) int {
	text, _ := os.ReadFile(file)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

// isThere reports whether some process is in the group.
func isThere(group int) bool { return group > 1 && unix.Kill(-group, 0) == nil }

// hang is a check that never ends by itself, and has a child.
func hang(file string) []string {
	return []string{"sh", "-c", `sleep 1000 & echo $$ >"$0.new"; mv "$0.new" "$0"; wait`, file}
}

func checkTimeout(s *Services) {
	web, db := s.units[0], s.units[1]
	hasTime := os.Args[1] + "/hasTime"
	s.looksAt(db, service.Health{Test: hang(hasTime), Interval: soon, Timeout: time.Hour, Retries: 1})
	s.sees("it hangs", func() bool { return isThere(group(hasTime)) })
	hasNone := os.Args[1] + "/hasNone"
	s.looksAt(web, service.Health{Test: hang(hasNone), Interval: soon, Timeout: 100 * time.Millisecond, Retries: 2})
	s.sees("it has hung twice", func() bool { return web.health.state == unhealthy })
	s.group.Do(web.health.stop)
	s.sees("nothing is left of it", func() bool { return !isThere(group(hasNone)) })
	s.sees("control: the other one has its time", func() bool { return isThere(group(hasTime)) && db.health.state == checking })
	s.group.Do(db.health.stop)
}

// A check that takes too long has failed, and goes with all that it has started.
func TestCheckTimeout(t *testing.T) {
	assert.Equal(t, []string{
		"it hangs",
		"web is unhealthy: its healthcheck failed 2 times in a row", "it has hung twice", "nothing is left of it",
		"control: the other one has its time",
	}, said(t, "check-timeout", t.TempDir()))
}

func checkStop(s *Services) {
	web, file := s.units[0], os.Args[1]+"/web"
	h := service.Health{Test: hang(file), Interval: soon, Timeout: time.Hour, Retries: 1}
	s.looksAt(web, h)
	s.sees("it hangs", func() bool { return isThere(group(file)) })
	first := group(file)
	s.group.Do(func() {
		web.health.stop()
		lookAt(web, h) // before the end of the first is heard of
	})
	s.sees("the first is gone", func() bool { return !isThere(first) })
	s.sees("the next life has its own", func() bool { return group(file) != first && isThere(group(file)) })
	s.sees("the end of the first says nothing of it", func() bool {
		return web.health.state == checking && web.health.failures == 0 && web.health.probe == group(file)
	})
	s.group.Do(func() { _ = unix.Kill(-web.health.probe, unix.SIGKILL) })
	s.sees("control: that of its own does", func() bool { return web.health.state == unhealthy })
	s.group.Do(web.health.stop)
}

// The end of a service is that of its check.
func TestCheckStop(t *testing.T) {
	assert.Equal(t, []string{
		"it hangs", "the first is gone", "the next life has its own", "the end of the first says nothing of it",
		"web is unhealthy: its healthcheck failed", "control: that of its own does",
	}, said(t, "check-stop", t.TempDir()))
}

func checkIntervals(s *Services) {
	web, db := s.units[0], s.units[1]
	count := func(u *unit) int {
		text, _ := os.ReadFile(os.Args[1] + "/" + u.Name)
		return len(text)
	}
	fails := func(u *unit) []string {
		return []string{"sh", "-c", `printf x >>"$0"; exit 1`, os.Args[1] + "/" + u.Name}
	}
	s.looksAt(db, service.Health{Test: fails(db), Interval: time.Hour, StartInterval: soon, Timeout: time.Hour, Retries: 3})
	s.looksAt(web, service.Health{
		Test: fails(web), Interval: time.Hour, StartInterval: soon, StartPeriod: time.Hour, Timeout: time.Hour, Retries: 3,
	})
	s.sees("web is looked at again and again", func() bool { return count(web) > 5 })
	s.sees("control: db is not", func() bool { return count(db) == 0 })
	s.looksAt(db, service.Health{Test: fails(db), Interval: soon, StartInterval: time.Hour, Timeout: time.Hour, Retries: 9})
	s.sees("db is", func() bool { return count(db) > 5 })
	s.sees("failures count", func() bool { return db.health.failures > 5 && web.health.failures == 0 })
}

// In the beginning, as long as the file says, the interval is another one.
func TestCheckIntervals(t *testing.T) {
	assert.Equal(t, []string{"web is looked at again and again", "control: db is not", "db is", "failures count"},
		said(t, "check-intervals", t.TempDir()))
}
