package reaper_test

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/tinit-dev/tinit/reaper"
)

// An init starts its program and ends with it. Whoever else it reaps meanwhile is an orphan.
func Example() {
	sigchld := make(chan os.Signal, 1)
	signal.Notify(sigchld, syscall.SIGCHLD) // before the first child is started
	r := reaper.New(reaper.Exits)
	if err := reaper.Subreaper(); err != nil {
		fmt.Println(err)
	}
	program, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", "exit 3"}, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{0, 1, 2},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range sigchld {
		for {
			change, err := r.Next()
			if err != nil {
				break // nothing more for now
			}
			if change.PID == program {
				fmt.Println("the program ended with", change.Status.ExitStatus())
				return
			}
		}
	}
	// Output: the program ended with 3
}
