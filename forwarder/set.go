package forwarder

import (
	"strings"
	"syscall"
)

// A Set is a set of signals. The zero value is empty.
type Set uint64

// Of returns the set of sigs, each from 1 to [Last].
func Of(sigs ...syscall.Signal) Set {
	var s Set
	for _, sig := range sigs {
		s |= 1 << (sig - 1)
	}
	return s
}

// Has reports whether sig is in the set.
func (s Set) Has(sig syscall.Signal) bool { return sig >= 1 && sig <= Last && s&Of(sig) != 0 }

// Signals returns those in the set, in order.
func (s Set) Signals() (sigs []syscall.Signal) {
	for sig := syscall.Signal(1); s != 0 && sig <= Last; sig++ {
		if s.Has(sig) {
			sigs = append(sigs, sig)
		}
	}
	return sigs
}

// ParseSet reads a list of signals with commas between them, such as TERM,INT.
func ParseSet(list string) (Set, error) {
	var s Set
	for name := range strings.SplitSeq(list, ",") {
		sig, err := ParseSignal(strings.TrimSpace(name))
		if err != nil {
			return 0, err
		}
		s |= Of(sig)
	}
	return s, nil
}
