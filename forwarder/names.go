package forwarder

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// glibc's range, which the tools that people send signals with use (kill(1), docker kill). The kernel's begins at 32.
const (
	rtMin = syscall.Signal(34)
	rtMax = Last
)

// ParseSignal reads a signal as people write it: TERM, SIGTERM, sigterm, 15, RTMIN, RTMIN+3, RTMAX-1. Numbers are 1 to
// [Last].
func ParseSignal(s string) (syscall.Signal, error) {
	if n, ok := parseNumber(s); ok {
		if n < 1 || n > int(Last) {
			return 0, fmt.Errorf("no signal has the number %d (they go from 1 to %d)", n, Last)
		}
		return syscall.Signal(n), nil
	}
	name := strings.TrimPrefix(strings.Map(upper, s), "SIG")
	if sig, ok := parseRealTime(name); ok {
		return sig, nil
	}
	if sig := unix.SignalNum("SIG" + name); sig != 0 {
		return sig, nil
	}
	return 0, fmt.Errorf("%q is no signal", s)
}

// upper is for ASCII alone: to unicode.ToUpper the letters ſ and ı are an S and an I too.
func upper(r rune) rune {
	if 'a' <= r && r <= 'z' {
		return r - 'a' + 'A'
	}
	return r
}

// SignalName is the name without SIG, such as TERM or RTMIN+3; a number where there is no name.
func SignalName(sig syscall.Signal) string {
	switch {
	case sig == rtMin:
		return "RTMIN"
	case sig == rtMax:
		return "RTMAX"
	case sig > rtMin && sig < rtMax:
		return "RTMIN+" + strconv.Itoa(int(sig-rtMin))
	}
	if name := unix.SignalName(sig); name != "" {
		return strings.TrimPrefix(name, "SIG")
	}
	return strconv.Itoa(int(sig))
}

// parseNumber takes plain decimal digits only: strconv.Atoi would take +15 as well.
func parseNumber(s string) (int, bool) {
	if s == "" || len(s) > 9 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

func parseRealTime(name string) (syscall.Signal, bool) {
	var base, sign int
	var rest string
	switch {
	case strings.HasPrefix(name, "RTMIN"):
		base, sign, rest = int(rtMin), 1, strings.TrimPrefix(name, "RTMIN")
	case strings.HasPrefix(name, "RTMAX"):
		base, sign, rest = int(rtMax), -1, strings.TrimPrefix(name, "RTMAX")
	default:
		return 0, false
	}
	if rest == "" {
		return syscall.Signal(base), true
	}
	if (rest[0] == '+') != (sign > 0) || (rest[0] != '+' && rest[0] != '-') {
		return 0, false
	}
	n, ok := parseNumber(rest[1:])
	if !ok || n > int(rtMax-rtMin) {
		return 0, false
	}
	return syscall.Signal(base + sign*n), true
}
