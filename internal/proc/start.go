package proc

import (
	"time"

	"golang.org/x/sys/unix"
)

// Started is when the process was started, by today's clock.
func (p Process) Started() time.Time {
	return booted().Add(time.Duration(p.Start) * (time.Second / ticks))
}

func booted() time.Time {
	var since unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &since); err != nil {
		return time.Time{}
	}
	return time.Now().Add(-time.Duration(since.Nano()))
}
