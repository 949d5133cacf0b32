// Ways is a bare init that reaps in one of the ways that tinit could have, for
// "go run ./test/bench -only ways": ways WAY PROGRAM [ARG...].
package main

import (
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
	_ "github.com/tinit-dev/tinit/internal/oneproc"
	"github.com/tinit-dev/tinit/reaper"
)

// ways wake the loop when there is something to reap. Each calls drain, which
// reaps until nothing is left.
var ways = map[string]func(drain func()){
	"os/signal": func(drain func()) {
		c := make(chan os.Signal, 1)
		signal.Notify(c, unix.SIGCHLD)
		for ; ; <-c {
			drain()
		}
	},
	"waitid": watch,
	"waitid, SIGCHLD at its default": func(drain func()) {
		var none [128]byte // SIG_DFL, no flags
		const sigsetSize = 8
		_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGCHLD), uintptr(unsafe.Pointer(&none)), 0, sigsetSize, 0, 0)
		watch(drain)
	},
	"handler": func(drain func()) {
		signals, err := forwarder.Receive(unix.SIGCHLD)
		if err != nil {
			panic(err)
		}
		for drain(); ; {
			if <-signals.C == unix.SIGCHLD {
				drain()
			}
		}
	},
}

// watch has a thread that sleeps in waitid(2) and reaps nothing: reaping, like
// signalling, is for the one goroutine that has the programs.
func watch(drain func()) {
	dead, reaped := make(chan struct{}), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		for {
			_ = unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOWAIT, nil)
			dead <- struct{}{}
			<-reaped
		}
	}()
	for {
		<-dead
		drain()
		reaped <- struct{}{}
	}
}

func main() {
	way := ways[os.Args[1]]
	r := reaper.New(reaper.Exits)
	path, err := exec.LookPath(os.Args[2])
	if err != nil {
		panic(err)
	}
	program, err := syscall.ForkExec(path, os.Args[2:], &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}})
	if err != nil {
		panic(err)
	}
	way(func() {
		for {
			change, err := r.Next()
			if err != nil {
				return
			}
			if change.PID == program {
				os.Exit(change.Status.ExitStatus())
			}
		}
	})
}
