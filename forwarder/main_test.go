package forwarder_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
)

// Receive takes the signals of its process for good, so the tests run it in copies of the test binary that are started
// under these names.
func TestMain(m *testing.M) {
	reexec.Register("receive", receive)
	reexec.Register("receive-ignored", receiveIgnored)
	reexec.Register("receive-without", receiveWithout)
	reexec.Register("receive-late", receiveLate)
	reexec.Register("receive-children", receiveChildren)
	reexec.Register("receive-own", receiveOwn)
	reexec.Register("receive-written", receiveWritten)
	reexec.Register("notify-own", notifyOwn)
	reexec.Register("fault", fault)
	reexec.Register("no-descriptors", noDescriptors)
	reexec.Register("count-allocations", countAllocations)
	reexec.Register("notify-shared", notifyShared)
	reexec.Register("ignore-hup", ignoreHUP)
	reexec.Register("leave-group", leaveGroup)
	reexec.Register("send-to", sendTo)
	if reexec.Init() {
		return
	}
	// Who runs the tests under nohup(1) would have all children ignore HUP.
	signal.Notify(make(chan os.Signal, 1), unix.SIGHUP)
	os.Exit(m.Run())
}

// deadline is for what should come soon.
const deadline = 20 * time.Second

func receiver() *forwarder.Receiver {
	signals, err := forwarder.Receive()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	return signals
}

// receive prints "ready" and then the number of each signal, one a line, until standard input ends.
func receive() {
	signals := receiver()
	go exitWithInput()
	fmt.Println("ready")
	for sig := range signals.C {
		fmt.Println(int(sig))
	}
}

// receiveIgnored prints what was ignored, sends itself HUP, takes it, and prints the number of each signal.
func receiveIgnored() {
	signals := receiver()
	go exitWithInput()
	var names []string
	for _, sig := range signals.Ignored.Signals() {
		names = append(names, forwarder.SignalName(sig))
	}
	fmt.Println(names)
	_ = unix.Kill(os.Getpid(), unix.SIGHUP)
	if err := signals.TakeIgnored(); err != nil {
		fmt.Println(err)
	}
	fmt.Println("taken")
	for sig := range signals.C {
		fmt.Println(int(sig))
	}
}

// receiveWithout sends itself HUP and CONT while they are discarded, then USR1.
func receiveWithout() {
	signals := receiver()
	go exitWithInput()
	err := signals.Without(func() {
		_ = unix.Kill(os.Getpid(), unix.SIGHUP)
		_ = unix.Kill(os.Getpid(), unix.SIGCONT)
	}, unix.SIGHUP, unix.SIGCONT)
	if err == nil {
		err = unix.Kill(os.Getpid(), unix.SIGUSR1)
	}
	if err != nil {
		fmt.Println(err)
	}
	for sig := range signals.C {
		fmt.Println(int(sig))
	}
}

// receiveLate takes signals at once, but looks at them only when it is told to.
func receiveLate() {
	signals := receiver()
	fmt.Println("ready")
	in := bufio.NewReader(os.Stdin)
	_, _ = in.ReadString('\n')
	go exitWithInput()
	for sig := range signals.C {
		fmt.Println(int(sig))
	}
}

// receiveChildren asks for SIGCHLD too, and starts a child that ends.
func receiveChildren() {
	signals, err := forwarder.Receive(unix.SIGCHLD)
	if err == nil {
		_, err = syscall.ForkExec("/bin/true", []string{"true"}, nil)
	}
	fmt.Println(err, int(<-signals.C))
}

// receiveOwn sends itself URG, first as Go's runtime does it, then as anybody does.
func receiveOwn() {
	signals := receiver()
	for _, send := range []func() error{
		func() error { return unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGURG) },
		func() error { return unix.Kill(os.Getpid(), unix.SIGUSR1) },
		func() error { return unix.Kill(os.Getpid(), unix.SIGURG) },
	} {
		if err := send(); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(int(<-signals.C), int(<-signals.C))
}

// notifyOwn is receiveOwn's control.
// receiveWritten writes where nobody reads, on a thread that is not shielded.
func receiveWritten() {
	signals := receiver()
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
		fmt.Println(err)
	}
	_ = unix.Close(p[0])
	_, err := unix.Write(p[1], []byte("x"))
	fmt.Println(err)
	_ = unix.Kill(os.Getpid(), unix.SIGUSR1)
	fmt.Println(int(<-signals.C))
	fmt.Println(int(<-signals.C))
}

func notifyOwn() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, unix.SIGURG)
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGURG)
	fmt.Println(int((<-c).(syscall.Signal)))
}

// fault is at fault itself.
func fault() {
	receiver()
	var p *int
	fmt.Println(*p)
}

func noDescriptors() {
	free, _ := unix.Dup(0)
	_ = unix.Close(free)
	var limit syscall.Rlimit
	_ = syscall.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	for room := range 4 {
		limit.Cur = uint64(free + room)
		_ = syscall.Setrlimit(unix.RLIMIT_NOFILE, &limit)
		_, err := forwarder.Receive()
		fmt.Println(err)
	}
}

func countAllocations() {
	signals := receiver()
	pid, self := os.Getpid(), forwarder.Process(os.Getpid())
	n := testing.AllocsPerRun(1000, func() {
		_ = unix.Kill(pid, unix.SIGUSR1)
		<-signals.C
		_ = self.Send(unix.SIGUSR2)
		<-signals.C
	})
	fmt.Println(n)
}

// notifyShared is what package forwarder is not: USR1 and USR2 share a channel. It tells when USR1 has filled it, and,
// as soon as WINCH came, what is in it.
func notifyShared() {
	shared, winch := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(shared, unix.SIGUSR1, unix.SIGUSR2)
	signal.Notify(winch, unix.SIGWINCH)
	fmt.Println("ready")
	for len(shared) == 0 {
		time.Sleep(time.Millisecond)
	}
	fmt.Println("full")
	<-winch
	for range len(shared) {
		sig := (<-shared).(syscall.Signal)
		fmt.Println(int(sig))
	}
	fmt.Println("empty")
}

// ignoreHUP is nohup(1) for the child named by its first argument.
func ignoreHUP() {
	signal.Ignore(unix.SIGHUP)
	fmt.Println(syscall.Exec(reexec.Self(), os.Args[1:], os.Environ()))
}

// leaveGroup moves to its parent's process group.
func leaveGroup() {
	pgid, err := unix.Getpgid(unix.Getppid())
	if err == nil {
		err = unix.Setpgid(0, pgid)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("ready")
	exitWithInput()
}

// sendTo sends signal 0 to the process of its first argument.
func sendTo() {
	pid, _ := strconv.Atoi(os.Args[1])
	fmt.Println(forwarder.Process(pid).Send(0))
}

func exitWithInput() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// A child is a copy of the test binary that runs.
type child struct {
	*exec.Cmd
	in    io.WriteCloser
	lines chan string
}

func start(t *testing.T, sys *syscall.SysProcAttr, args ...string) *child {
	t.Helper()
	c := &child{Cmd: &exec.Cmd{Path: reexec.Self(), Args: args, SysProcAttr: sys, Stderr: os.Stderr}}
	in, err := c.StdinPipe()
	require.NoError(t, err)
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	c.in, c.lines = in, make(chan string, 1000)
	require.NoError(t, c.Start())
	go func() {
		defer close(c.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			c.lines <- lines.Text()
		}
	}()
	t.Cleanup(func() {
		_ = in.Close()
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	return c
}

// next is the child's next line.
func (c *child) next(t *testing.T) string {
	t.Helper()
	select {
	case line, ok := <-c.lines:
		require.True(t, ok, "%s ended without a word", c.Args[0])
		return line
	case <-time.After(deadline):
		require.FailNow(t, "no line", "from %s", c.Args[0])
		return ""
	}
}

// end waits until the child has ended by itself.
func (c *child) end(t *testing.T) syscall.WaitStatus {
	t.Helper()
	for {
		select {
		case _, ok := <-c.lines:
			if ok {
				continue
			}
			_ = c.Wait()
			return c.ProcessState.Sys().(syscall.WaitStatus)
		case <-time.After(deadline):
			require.FailNow(t, "does not end", c.Args[0])
		}
	}
}

func (c *child) kill(t *testing.T, sig syscall.Signal) {
	t.Helper()
	require.NoError(t, unix.Kill(c.Process.Pid, sig))
}

// handled waits until sig is not pending any more.
func (c *child) handled(t *testing.T, sig syscall.Signal) {
	t.Helper()
	require.Eventually(t, func() bool { return !c.disposition(t, "ShdPnd", sig) }, deadline, time.Millisecond)
}

// disposition is what /proc/PID/status says in the field SigIgn, SigCgt, … about sig.
func (c *child) disposition(t *testing.T, field string, sig syscall.Signal) bool {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Process.Pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			mask, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			require.NoError(t, err)
			return mask>>(sig-1)&1 == 1
		}
	}
	require.FailNow(t, "no such field", field)
	return false
}
