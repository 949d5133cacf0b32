package keeper

import (
	"errors"
	"fmt"
	"time"
)

// What somebody asks for a service by its name. That it cannot be done is the error of who asks, and ends nobody else.

// An outcome is what has become of what was asked for. Others who ask for the same wait for the same one.
type outcome struct {
	known chan struct{} // closed when it is
	err   error
}

// await returns the outcome of what is asked for at o now.
func await(o **outcome) *outcome {
	if *o == nil {
		*o = &outcome{known: make(chan struct{})}
	}
	return *o
}

// tell tells it to who waits, if anybody does.
func tell(o **outcome, err error) {
	if *o != nil {
		(*o).err = err
		close((*o).known)
		*o = nil
	}
}

var (
	errAllStop  = errors.New("all services are being stopped")
	errAllEnded = errors.New("all services have ended")
)

// stopByHand has it end: its end is no failure, and it stays so until it is asked for again. It returns nil if there is nothing to be
// waited for.
func (u *unit) stopByHand(killAfter time.Duration) *outcome {
	if u.state == ended {
		return nil
	}
	u.manual, u.again = true, false
	tell(&u.begins, fmt.Errorf("%s was stopped, and not started again", u.Name)) // who asks last is heeded
	ends := await(&u.ends)
	u.endByHand(killAfter)
	return ends
}

func (u *unit) endByHand(killAfter time.Duration) {
	switch u.state {
	case running, stopping:
		u.state = stopping
		u.supervisor.StopBy(u.stopSignal, killAfter)
	default:
		u.rest()
		u.settle()
		u.all.advance()
	}
}

// restartByHand has it end and start. One that could not be started now goes on.
func (u *unit) restartByHand(killAfter time.Duration) (*outcome, error) {
	if u.state != running && u.state != stopping {
		return u.startByHand()
	}
	if err := u.hindrance(); err != nil {
		return nil, err
	}
	u.manual, u.again = true, true
	begins := await(&u.begins)
	u.endByHand(killAfter)
	return begins, nil
}

// startByHand is for one that does not run. One that has ended is as if it had been stopped by hand, should the start fail; one that
// is to be started anyway is what its file says.
func (u *unit) startByHand() (*outcome, error) {
	switch u.state {
	case running, stopping:
		return nil, fmt.Errorf("%s is %s", u.Name, u.state)
	case ended:
		if _, never := u.all.mayStart(u); never != nil {
			return nil, u.cannotStart(never)
		}
		u.manual = true
	}
	u.rest()
	u.lives.reset()
	u.state = waiting
	begins := await(&u.begins)
	u.all.advance()
	return begins, nil
}

// settle is the end of a stop by hand, or of all: it stays so, or is started again.
func (u *unit) settle() {
	u.state = ended
	if u.again && !u.all.ending {
		u.again, u.state = false, waiting
		u.lives.reset()
	}
	tell(&u.ends, nil)
}

// hindrance says why u would not be started soon without somebody's help, nil if it would.
func (u *unit) hindrance() error {
	if _, never := u.all.mayStart(u); never != nil {
		return u.cannotStart(never)
	}
	if on := u.all.stoppedBefore(u); on != nil {
		return fmt.Errorf("%s waits for %s, which has to be started by hand", u.Name, on.Name)
	}
	return nil
}

func (u *unit) cannotStart(why *never) error { return fmt.Errorf("%s cannot start: %w", u.Name, why) }

// stoppedBefore is who u waits for, or somebody that one waits for, that does not start by itself. Nobody waits for itself.
func (s *Services) stoppedBefore(u *unit) *unit {
	for _, d := range u.DependsOn {
		on := s.find(d.Name)
		if on == nil {
			continue
		}
		if fulfilled, _ := on.fulfils(d.Condition); fulfilled {
			continue
		}
		if on.state == ended && on.manual {
			return on
		}
		if on.state == waiting {
			if on = s.stoppedBefore(on); on != nil {
				return on
			}
		}
	}
	return nil
}
