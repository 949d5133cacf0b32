package proc

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The main goroutine stays on the main thread, for adopt.
func init() { runtime.LockOSThread() }

const deadline = 20 * time.Second

// The processes that the tests look at are copies of the test binary.
func TestMain(m *testing.M) {
	reexec.Register("linger", linger)
	reexec.Register(ugly, linger)
	reexec.Register("with-child", withChild)
	reexec.Register("adopt", adopt)
	if reexec.Init() {
		return
	}
	os.Exit(m.Run())
}

// ugly is a name as nobody should have it, but anybody may. The kernel keeps 15 bytes of it.
const ugly = ") R 1 (\t\n)) S 2 3"

// linger says that it is there, under its own name, and stays until standard input ends.
func linger() {
	// The main thread's name is the process's.
	must(os.WriteFile("/proc/self/comm", []byte(os.Args[0]), 0))
	_, _ = os.Stdout.WriteString("ready\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// withChild starts a linger and waits for it.
func withChild() {
	cmd := &exec.Cmd{Path: reexec.Self(), Args: []string{"linger"}, Stdin: os.Stdin, Stdout: os.Stdout}
	_ = cmd.Run()
}

// adopt is a subreaper whose child is a thread's that is not the main one. It tells whether Children lists the child,
// and the grandchild that it leaves.
func adopt() {
	must(unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
	started := make(chan int)
	go func() {
		runtime.LockOSThread() // the main goroutine has the main thread
		pid, err := syscall.ForkExec(reexec.Self(), []string{"with-child"}, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}})
		must(err)
		started <- pid
		select {} // if its thread ended, its child would be the main thread's
	}()
	child := <-started
	grandchild := 0
	for end := time.Now().Add(deadline); grandchild == 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
		all, err := All()
		must(err)
		if below := Descendants(all, child); len(below) > 0 && below[0].Comm == "linger" {
			grandchild = below[0].PID
		}
	}
	fmt.Println("children:", len(Children(nil)))
	must(unix.Kill(child, unix.SIGKILL))
	_, err := unix.Wait4(child, nil, 0, nil)
	must(err)
	now := Children([]int{-1})
	fmt.Println("orphan:", grandchild > 0 && slices.Equal(now, []int{-1, grandchild}))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// start starts a child, and returns when it is ready, its number and how to end it.
func start(t *testing.T, name string) (pid int, end func()) {
	t.Helper()
	cmd := &exec.Cmd{Path: reexec.Self(), Args: []string{name}, Stderr: os.Stderr, SysProcAttr: &syscall.SysProcAttr{}}
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	end = func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
	t.Cleanup(end)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	return cmd.Process.Pid, func() {
		_ = in.Close()
		require.NoError(t, unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil))
	}
}
