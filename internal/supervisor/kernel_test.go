package supervisor

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/reaper"
)

// looking is in place of lookEvery, for which no test waits.
const looking = 10 * time.Millisecond

// endTraced has its parent trace another thread than the first, and ends with 9 at the end of standard input.
func endTraced() {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		go endTraced()
		select {} // and keeps the first thread
	}
	if _, _, errno := syscall.RawSyscall(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0); errno != 0 {
		must(errno)
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	must(err)
	os.Exit(9)
}

// The control is TestThreadThatIsTracedByTinitWhereTheKernelReaps in directory test: nothing else tells of that end.
func TestLooksForTraced(t *testing.T) {
	assert.Equal(t, "code 9\n", output(t, "supervise-looking", "1s", "end-traced"))
}

// pauseLooking pauses until a child is gone that ended when it was first looked for.
func pauseLooking() {
	signals, err := forwarder.Receive(syscall.SIGCHLD)
	must(err)
	s, err := New(Config{Note: func(string, ...any) {}}, signals, nil)
	must(err)
	s.lookEvery = looking
	var in [2]int
	must(unix.Pipe2(in[:], unix.O_CLOEXEC))
	pid, err := syscall.ForkExec(reexec.Self(), []string{"end-traced"}, &syscall.ProcAttr{Files: []uintptr{uintptr(in[0]), 1, 2}})
	must(err)
	go func() {
		for len(s.again) > 0 {
			time.Sleep(time.Millisecond)
		}
		must(unix.Close(in[1]))
		for unix.Kill(pid, 0) != unix.ESRCH {
			time.Sleep(time.Millisecond)
		}
		must(unix.Kill(unix.Getpid(), syscall.SIGTERM))
	}()
	s.Pause()
	_, err = s.reaper.Next()
	fmt.Println(err)
}

func TestPauseLooksForTraced(t *testing.T) {
	assert.Equal(t, reaper.ErrNoChildren.Error()+"\n", output(t, "pause-looking"))
}
