package proc

import (
	"slices"
	"strconv"
	"strings"
)

// Environ is the environment that a process was started with, each as K=V. It is nil where that may not be seen, as with a process of
// another user.
func Environ(pid int) []string {
	environ, err := read("/proc/"+strconv.Itoa(pid)+"/environ", make([]byte, 0, 4096))
	if err != nil {
		return nil
	}
	return strings.Split(string(environ), "\x00")
}

// HasVariable reports whether the variable kv, as K=V, is in that.
func HasVariable(pid int, kv string) bool { return slices.Contains(Environ(pid), kv) }
