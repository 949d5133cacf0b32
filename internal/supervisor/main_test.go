package supervisor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/proc"
	"github.com/tinit-dev/tinit/reaper"
	"github.com/tinit-dev/tinit/session"
)

// Most of what is tested here has no process behind it: a Supervisor whose system is a machine. What has runs in a copy
// of the test binary, started under one of these names.
func TestMain(m *testing.M) {
	reexec.Register("supervise", func() { supervise(lookEvery) })
	reexec.Register("supervise-looking", func() { supervise(looking) })
	reexec.Register("pause-looking", pauseLooking)
	reexec.Register("end-traced", endTraced)
	reexec.Register("end-with", endWith)
	reexec.Register("linger", linger)
	reexec.Register("leave", leave)
	reexec.Register("with-session", withSession)
	reexec.Register("say-orphaned", func() { fmt.Println(orphaned()) })
	reexec.Register("say-orphaned-below", sayOrphanedBelow)
	if reexec.Init() {
		return
	}
	// The terminal that machine.terminal claims to have is standard input: not one of the user's.
	null, err := os.Open(os.DevNull)
	if err == nil {
		err = unix.Dup3(int(null.Fd()), 0, 0)
	}
	if err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

const deadline = 20 * time.Second

// A machine is a Supervisor in its loop, with a main program that is number and name only, and a record of what the
// Supervisor does.
type machine struct {
	*Supervisor
	did   []string // in order
	warns []string
	notes []string

	sendErr   error
	killErr   error
	hasChild  bool
	isOrphan  bool
	left      []proc.Process
	clock     time.Time
	scheduled time.Duration // negative: nothing
}

const mainPID = 1 << 24 // above any number that Linux gives

func newMachine(cfg Config) *machine {
	m := &machine{clock: time.Unix(0, 0), scheduled: -1}
	cfg.Warn = func(format string, args ...any) { m.warns = append(m.warns, fmt.Sprintf(format, args...)) }
	cfg.Tell = cfg.Warn
	cfg.Note = func(format string, args ...any) { m.notes = append(m.notes, fmt.Sprintf(format, args...)) }
	cfg.Verbose = true
	target := forwarder.Group(mainPID)
	if cfg.SingleChild {
		target = forwarder.Process(mainPID)
	}
	p := &program{name: "prog", pid: mainPID, target: target, pidfd: -1}
	m.Supervisor = &Supervisor{
		cfg: cfg, programs: []*program{p}, main: p, reaper: reaper.New(reaper.Exits), again: make(chan struct{}, 1),
	}
	m.sys = system{
		send: func(to forwarder.Target, sig syscall.Signal) error {
			whom := map[forwarder.Target]string{
				forwarder.Group(mainPID): "group", forwarder.Process(mainPID): "process",
			}[to]
			m.act("%s to %s", forwarder.SignalName(sig), whom)
			return m.sendErr
		},
		kill: func(pid int, sig syscall.Signal) error {
			m.act("kill %d %s", pid, forwarder.SignalName(sig))
			return m.killErr
		},
		children:  func() bool { return m.hasChild },
		leftovers: func(*program) leftovers { return m },
		orphaned:  func() bool { return m.isOrphan },
		now:       func() time.Time { return m.clock },
		schedule:  func(d time.Duration) { m.scheduled = d },
	}
	return m
}

func (m *machine) act(format string, args ...any) {
	m.did = append(m.did, fmt.Sprintf(format, args...))
}

// done is what the machine did since it was last asked.
func (m *machine) done() []string {
	did := m.did
	m.did = nil
	return did
}

// expire is the end of the current phase's deadline.
func (m *machine) expire(t *testing.T) {
	t.Helper()
	require.GreaterOrEqual(t, m.scheduled, time.Duration(0), "nothing is scheduled in phase %d", m.phase)
	m.clock = m.clock.Add(m.scheduled)
	m.scheduled = -1
	m.expired()
}

// end is the main program's.
func (m *machine) end(status syscall.WaitStatus) {
	m.changed(reaper.Change{PID: mainPID, Status: status})
}

// The machine is its own leftovers.
func (m *machine) signal(sigs ...syscall.Signal) {
	var names []string
	for _, sig := range sigs {
		names = append(names, forwarder.SignalName(sig))
	}
	m.act("leftovers %s", strings.Join(names, " "))
}

func (m *machine) killChildren() { m.act("children KILL") }

func (m *machine) list() []proc.Process { return m.left }

// supervise runs a Supervisor over the program of its arguments, the first of which is the grace, and prints what it says
// and what it returns.
func supervise(every time.Duration) {
	signals, err := forwarder.Receive(syscall.SIGCHLD)
	must(err)
	say := func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	grace, err := time.ParseDuration(os.Args[1])
	must(err)
	must(reaper.Subreaper())
	cfg := Config{
		Grace: grace, Warn: say, Tell: say, Note: func(string, ...any) {},
		StopSignals: forwarder.Of(syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT),
	}
	s, err := New(cfg, signals, nil)
	must(err)
	s.lookEvery = every
	if err := s.Start(session.Command{Name: reexec.Self(), Args: os.Args[2:]}); err != nil {
		say("not started: %v", err)
		return
	}
	say("code %d", s.Run())
}

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// endWith ends with the code that its first argument says, or by the signal, as in "9" and "-9".
func endWith() {
	n, _ := strconv.Atoi(os.Args[1])
	if n >= 0 {
		os.Exit(n)
	}
	_ = unix.Kill(unix.Getpid(), syscall.Signal(-n))
	select {}
}

// linger says that it is there and stays, TERM or not if it is told "ignore".
func linger() {
	if slices.Contains(os.Args, "ignore") {
		signal.Ignore(syscall.SIGTERM)
	}
	_, _ = os.Stdout.WriteString("ready\n")
	time.Sleep(10 * deadline)
}

// leave ends with 3 as soon as the lingers that it started are there, each told what the arguments say.
func leave() {
	for _, arg := range os.Args[1:] {
		waitReady(&exec.Cmd{Path: reexec.Self(), Args: []string{"linger", arg}, SysProcAttr: &syscall.SysProcAttr{Setsid: true}})
	}
	os.Exit(3)
}

// withSession is a linger that has a child in a session of its own.
func withSession() {
	waitReady(&exec.Cmd{Path: reexec.Self(), Args: []string{"linger"}, SysProcAttr: &syscall.SysProcAttr{Setsid: true}})
	linger()
}

func waitReady(cmd *exec.Cmd) {
	out, err := cmd.StdoutPipe()
	must(err)
	must(cmd.Start())
	_, err = io.ReadFull(out, make([]byte, len("ready\n")))
	must(err)
}

// sayOrphanedBelow has it said by a child of its group.
func sayOrphanedBelow() {
	must((&exec.Cmd{Path: reexec.Self(), Args: []string{"say-orphaned"}, Stdout: os.Stdout}).Run())
}

// output runs a child to its end.
func output(t *testing.T, args ...string) string {
	t.Helper()
	return outputOf(t, nil, args...)
}

func outputOf(t *testing.T, sys *syscall.SysProcAttr, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	cmd := &exec.Cmd{Path: reexec.Self(), Args: args, Stdout: &out, Stderr: &out, SysProcAttr: sys}
	cmd.WaitDelay = deadline
	require.NoError(t, cmd.Start())
	overdue := time.AfterFunc(deadline, func() { _ = cmd.Process.Kill() })
	defer overdue.Stop()
	err := cmd.Wait()
	if !errors.Is(err, exec.ErrWaitDelay) {
		require.NoError(t, err, "it said:\n%s", &out)
	}
	return out.String()
}
