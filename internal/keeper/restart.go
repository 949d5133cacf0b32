package keeper

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Restart is a restart policy, in Docker's words.
type Restart struct {
	Always    bool
	OnFailure bool
	Limit     int // of OnFailure: how often at most, 0 for no limit
}

// ParseRestart reads no, always, on-failure or on-failure:N.
func ParseRestart(s string) (Restart, error) {
	name, limit, limited := strings.Cut(s, ":")
	switch {
	case s == "no":
		return Restart{}, nil
	case s == "always":
		return Restart{Always: true}, nil
	case name == "on-failure" && !limited:
		return Restart{OnFailure: true}, nil
	case name == "on-failure":
		n, err := strconv.ParseUint(limit, 10, 31)
		if err != nil || n == 0 {
			return Restart{}, fmt.Errorf("%q is no number of restarts", limit)
		}
		return Restart{OnFailure: true, Limit: int(n)}, nil
	}
	return Restart{}, fmt.Errorf("%q is none of no, on-failure, on-failure:N and always", s)
}

// The pause before a restart is Docker's: it doubles each time, and begins anew after a life that was long enough.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = time.Minute
	longLife   = 10 * time.Second
)

// lives counts those of one program.
type lives struct {
	policy Restart
	count  int // restarts since the last long life
	pause  time.Duration
}

// next is told how a life ended, and says whether there is to be another one, and after what pause.
func (l *lives) next(succeeded, stopped bool, lasted time.Duration) (pause time.Duration, again bool) {
	if lasted >= longLife {
		l.reset()
	}
	switch {
	case stopped:
		return 0, false
	case l.policy.Always:
	case !l.policy.OnFailure || succeeded:
		return 0, false
	case l.policy.Limit > 0 && l.count >= l.policy.Limit:
		return 0, false
	}
	l.count++
	pause = l.pause
	l.pause = min(2*l.pause, lastPause)
	if pause == 0 {
		pause, l.pause = firstPause, 2*firstPause
	}
	return pause, true
}

func (l *lives) reset() { l.count, l.pause = 0, 0 }
