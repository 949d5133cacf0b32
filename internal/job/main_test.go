package job

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/proc"
)

// The processes that the tests look at are copies of the test binary.
func TestMain(m *testing.M) {
	reexec.Register("linger", linger)
	reexec.Register("reserve", reserve)
	if reexec.Init() {
		return
	}
	os.Exit(m.Run())
}

const deadline = 20 * time.Second

func eventually(t *testing.T, cond func() bool, what string) {
	t.Helper()
	for end := time.Now().Add(deadline); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timed out: %s", what)
		}
	}
}

// linger says that it is there, and stays until standard input ends.
func linger() {
	_, _ = os.Stdout.WriteString("ready\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// start starts a linger in a session of its own, with these variables beside its own. Its input ends with the test.
func start(t *testing.T, env ...string) *exec.Cmd {
	t.Helper()
	cmd := &exec.Cmd{
		Path: reexec.Self(), Args: []string{"linger"}, Env: append(os.Environ(), env...),
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	_, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	_, err = io.ReadFull(out, make([]byte, len("ready\n")))
	require.NoError(t, err)
	return cmd
}

// process is what a record has of a process that is there.
func process(t *testing.T, pid int) Process {
	t.Helper()
	p, err := proc.Read(pid)
	require.NoError(t, err)
	return Process{p.PID, p.Start}
}

// newDir is an empty folder of jobs.
func newDir(t *testing.T) *Dir {
	t.Helper()
	d, err := Make(t.TempDir() + "/jobs")
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

// add adds a job that nobody keeps, and returns it as it is read.
func add(t *testing.T, d *Dir, r Record) Job {
	t.Helper()
	f, name, err := d.Reserve(r.Name, "prog")
	require.NoError(t, err)
	defer f.Close()
	r.Name = name
	if r.ID == "" {
		r.ID = "0123"
	}
	if r.Program == nil {
		r.Program = []string{"prog"}
	}
	require.NoError(t, f.Write(r))
	j, err := d.Read(f.Number)
	require.NoError(t, err)
	return j
}

// here is a record of a job that this process could have started, kept by this very process.
func here(t *testing.T) Record {
	t.Helper()
	boot, namespace, err := Here()
	require.NoError(t, err)
	return Record{State: Running, Boot: boot, Namespace: namespace, Keeper: process(t, unix.Getpid())}
}

// reserve is "reserve DIR NAME": at the end of its standard input it asks for a job of that name. If it gets it, it says so and keeps
// it until it is killed.
func reserve() {
	d, err := Open(os.Args[1])
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	f, _, err := d.Reserve(os.Args[2], "prog")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("won", strconv.Itoa(f.Number))
	_ = os.Stdout.Close()
	time.Sleep(10 * deadline)
}
