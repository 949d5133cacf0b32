package proc

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Use is the CPU time that a process has used, and the memory that it has resident, in bytes.
func Use(pid int) (cpu time.Duration, resident int64, err error) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := read(dir+"/stat", make([]byte, 0, 512))
	if err != nil {
		return 0, 0, err
	}
	d, ok := parseDetails(stat)
	if !ok {
		return 0, 0, unix.EINVAL
	}
	statm, err := read(dir+"/statm", make([]byte, 0, 128))
	if err != nil {
		return 0, 0, err
	}
	fields := bytes.Fields(statm)
	if len(fields) < 2 {
		return 0, 0, unix.EINVAL
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	return d.CPU, pages * int64(os.Getpagesize()), err
}
