package proc

import (
	"bytes"
	"strconv"
)

// HasVariable reports whether a process was started with the variable kv, as K=V, in its environment. It is false too where that
// may not be seen, as with a process of another user.
func HasVariable(pid int, kv string) bool {
	environ, err := read("/proc/"+strconv.Itoa(pid)+"/environ", make([]byte, 0, 4096))
	return err == nil && bytes.Contains(append([]byte{0}, environ...), []byte("\x00"+kv+"\x00"))
}
