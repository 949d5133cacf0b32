package session

import (
	"syscall"

	"github.com/tinit-dev/tinit/internal/sigstate"
)

// block blocks sig on the calling thread, which must be locked. restore puts the thread's mask back.
func block(sig syscall.Signal) (restore func(), err error) {
	now, err := sigstate.Blocked()
	if err != nil {
		return nil, err
	}
	return setMask(sigstate.Bits(&now) | bits(sig))
}

// setMask is for a locked thread too.
func setMask(blocked uint64) (restore func(), err error) {
	old, err := sigstate.SetMask(sigstate.Mask(blocked))
	if err != nil {
		return nil, err
	}
	was := sigstate.Bits(&old) // which is less to keep
	// It cannot fail where the first call did not.
	return func() { _, _ = sigstate.SetMask(sigstate.Mask(was)) }, nil
}

func bits(sigs ...syscall.Signal) (set uint64) {
	for _, sig := range sigs {
		set |= 1 << (sig - 1)
	}
	return set
}
