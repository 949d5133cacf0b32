package session

import (
	"os"

	"golang.org/x/sys/unix"
)

// block blocks sig on the calling thread, which must be locked. restore puts the thread's mask back.
func block(sig unix.Signal) (restore func(), err error) {
	var set unix.Sigset_t
	word := 1024 / len(set.Val) // 32 or 64 bits, by architecture
	set.Val[(int(sig)-1)/word] |= 1 << ((int(sig) - 1) % word)
	return mask(unix.SIG_BLOCK, &set)
}

// unblockAll empties the mask of the calling thread, which must be locked.
func unblockAll() (restore func(), err error) {
	return mask(unix.SIG_SETMASK, &unix.Sigset_t{})
}

func mask(how int, set *unix.Sigset_t) (restore func(), err error) {
	var old unix.Sigset_t
	if err := unix.PthreadSigmask(how, set, &old); err != nil {
		return nil, os.NewSyscallError("rt_sigprocmask", err)
	}
	return func() {
		// It cannot fail where the first call did not.
		_ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	}, nil
}
