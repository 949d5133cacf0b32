package session_test

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/session"
)

// A program that starts another one and ends as it did.
func Example() {
	if _, err := session.Lead(); err != nil {
		fmt.Println(err)
	}
	pid, err := session.Command{Name: "sh", Args: []string{"sh", "-c", "exit 3"}, Env: os.Environ()}.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	var status unix.WaitStatus
	for {
		if _, err = unix.Wait4(pid, &status, 0, nil); err != unix.EINTR {
			break
		}
	}
	fmt.Println(err, status.ExitStatus())
	// Output: <nil> 3
}

func ExampleError() {
	_, err := session.Command{Name: "/etc/passwd", Args: []string{"passwd"}}.Start()
	fmt.Println(err)
	if start, ok := errors.AsType[*session.Error](err); ok {
		fmt.Println(start.Step, start.ExitCode())
	}
	// Output:
	// cannot execute "/etc/passwd": permission denied
	// execute 126
}
