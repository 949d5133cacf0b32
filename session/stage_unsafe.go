package session

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const atExecFn = 31 // AT_EXECFN in getauxval(3)

// executed is the path by which execve(2) was asked for this program, empty if the kernel did not tell.
func executed() string {
	vector, err := unix.Auxv()
	if err != nil {
		return ""
	}
	for _, entry := range vector {
		if entry[0] == atExecFn {
			return unix.BytePtrToString(*(**byte)(unsafe.Pointer(&entry[1])))
		}
	}
	return ""
}
