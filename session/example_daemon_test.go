package session_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/tinit-dev/tinit/session"
)

// A daemon that needs a directory for its work.
func serve(starter *session.Starter) {
	spool, err := os.Open(os.Args[1])
	if err != nil {
		starter.Failed(66, err)
		return
	}
	defer spool.Close() //nolint:errcheck // nothing was written
	if err := starter.Running("serving " + spool.Name()); err != nil {
		return // nobody waited for it
	}
	// … its work, for as long as it takes
}

func init() { session.RegisterDaemon("serve", serve) }

// In main, after
//
//	if reexec.Init() {
//		return
//	}
//
// this program starts itself as a daemon, and says whether that runs. A start that failed has an exit code to end with.
func ExampleDaemonize() {
	for _, spool := range []string{"/", "/no/such"} {
		said, err := session.Daemonize(context.Background(), session.Daemon{Name: "serve", Args: []string{spool}})
		if failed, ok := errors.AsType[*session.DaemonError](err); ok {
			fmt.Println("cannot start:", err, failed.ExitCode())
			continue
		}
		fmt.Println(said, err)
	}
	// Output:
	// serving / <nil>
	// cannot start: open /no/such: no such file or directory 66
}
