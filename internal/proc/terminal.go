package proc

import (
	"bytes"
	"fmt"
	"strconv"
)

// A Terminal is a process's controlling one as /proc/PID/stat has it: a device's number, 0 for none.
type Terminal int32

// String is its name below /dev, as ps(1) shows it: pts/0, tty1; ? for none. Nothing in /dev is looked at. A container may
// have other files there, or no /dev at all.
func (t Terminal) String() string {
	major, minor := t.device()
	const ttys, more = 4, 5 // TTY_MAJOR and TTYAUX_MAJOR
	switch {
	case t == 0:
		return "?"
	case major >= 136 && major <= 143: // UNIX98_PTY_SLAVE_MAJOR, and those that follow
		return "pts/" + strconv.Itoa(int(minor)+int(major-136)<<8)
	case major == ttys && minor < 64:
		return "tty" + strconv.Itoa(int(minor))
	case major == ttys:
		return "ttyS" + strconv.Itoa(int(minor-64))
	case major == more && minor == 1:
		return "console"
	}
	number := fmt.Sprintf("%d:%d", major, minor)
	if name := deviceName(number); name != "" {
		return name
	}
	return number
}

// device takes the number apart, which is not quite as in unix.Major and unix.Minor (new_decode_dev in the kernel's
// kdev_t.h).
func (t Terminal) device() (major, minor uint32) {
	n := uint32(t)
	return n >> 8 & 0xfff, n&0xff | n>>12&0xfff00
}

// deviceName is what the kernel calls a device whose number depends on what else there is, empty if sysfs does not tell.
func deviceName(number string) string {
	text, err := read("/sys/dev/char/"+number+"/uevent", make([]byte, 0, 256))
	if err != nil {
		return ""
	}
	for line := range bytes.Lines(text) {
		if name, ok := bytes.CutPrefix(line, []byte("DEVNAME=")); ok {
			return string(bytes.TrimSpace(name))
		}
	}
	return ""
}
