package keeper

import (
	"fmt"
	"slices"

	"github.com/tinit-dev/tinit/internal/service"
)

// A never says why a service will not be as far as one that depends on it wants it to be.
type never struct {
	code int // an exit code for what comes of that
	text string
}

func (n *never) Error() string { return n.text }

// mayStart reports whether all that u depends on is as u wants it, or that some of it never will be.
func (s *Services) mayStart(u *unit) (ready bool, why *never) {
	ready = true
	for _, d := range u.DependsOn {
		on := s.find(d.Name)
		if on == nil {
			continue
		}
		fulfilled, never := on.fulfils(d.Condition)
		switch {
		case never != nil && d.Optional: // said when it happened
		case never != nil && why == nil:
			why = never
		case never == nil:
			ready = ready && fulfilled
		}
	}
	return ready, why
}

// fulfils reports whether u is as far as somebody who depends on it wants it to be, or will never be. What was stopped by hand may be
// started by hand.
func (u *unit) fulfils(condition service.Condition) (fulfilled bool, why *never) {
	ended := u.state == ended && !u.manual
	switch condition {
	case service.Healthy:
		switch {
		case ended:
			return false, u.never("has ended")
		case u.health.state == unhealthy:
			return false, &never{1, u.Name + " is unhealthy"}
		}
		return u.unwell() == nil, nil
	case service.Completed:
		if ended && u.code() != 0 {
			return false, u.never("has failed")
		}
		return ended, nil
	}
	if ended && !u.ran {
		return false, u.never("has not started")
	}
	return u.ran, nil
}

func (u *unit) never(what string) *never {
	if u.exit == nil {
		return &never{u.code(), fmt.Sprintf("%s %s", u.Name, what)}
	}
	return &never{max(u.code(), 1), fmt.Sprintf("%s %s (%s)", u.Name, what, u.exit)}
}

// isNeeded reports whether somebody who has not ended depends on u.
func (s *Services) isNeeded(u *unit) bool {
	return slices.ContainsFunc(s.units, func(other *unit) bool {
		return other.state != ended && slices.ContainsFunc(other.DependsOn, func(d service.Dependency) bool { return d.Name == u.Name })
	})
}
