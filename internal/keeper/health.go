package keeper

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/session"
)

// health is what a service's healthcheck has found, with Docker's meaning of its terms.
type health struct {
	state    healthState
	failures int    // in a row
	cancel   func() // of what is to come: the next probe, or the end of the time that one has
	probe    int    // the one that runs, 0 for none
}

type healthState string

const (
	unchecked healthState = ""
	checking  healthState = "starting"
	healthy   healthState = "healthy"
	unhealthy healthState = "unhealthy"
)

// watchHealth begins to look, if there is something to look with.
func (u *unit) watchHealth() {
	u.health = health{}
	if u.Health != nil {
		u.health.state = checking
		u.probeLater()
	}
}

// stop: the service has ended.
func (h *health) stop() {
	if h.probe != 0 {
		_ = unix.Kill(-h.probe, unix.SIGKILL) // it leads a group, and has not been reaped
	}
	if h.state != unchecked {
		h.state = checking
	}
	h.over()
}

// over: the probe that runs has been reaped, and its number may be another's; or nobody waits for it any more.
func (h *health) over() {
	if h.cancel != nil {
		h.cancel()
	}
	h.cancel, h.probe = nil, 0
}

func (u *unit) probeLater() {
	interval := u.Health.Interval
	if u.isStarting() && u.Health.StartInterval > 0 {
		interval = u.Health.StartInterval
	}
	u.health.cancel = u.all.group.After(interval, u.probe)
}

// isStarting: failures do not count yet.
func (u *unit) isStarting() bool {
	return u.health.state == checking && time.Since(u.started) < u.Health.StartPeriod
}

func (u *unit) probe() {
	null := u.all.outputs.null
	c := session.Command{
		Name: u.Health.Test[0], Args: u.Health.Test, Env: changed(u.command.Env, passed), Place: session.NewSession,
		Dir: u.command.Dir, User: u.command.User, Streams: [3]*os.File{null, null, null},
	}
	life := u.started
	pid, err := u.all.group.Start(c, func(status syscall.WaitStatus) {
		if !u.started.Equal(life) || u.health.probe == 0 {
			return // stop has ended it
		}
		u.health.over()
		if u.state == running {
			u.probed(status.ExitStatus() == 0)
		}
	})
	if err != nil {
		u.all.cfg.Supervisor.Note("%s: healthcheck: %v", u.Name, err)
		u.probed(false)
		return
	}
	u.health.probe = pid
	u.health.cancel = u.all.group.After(u.Health.Timeout, func() { _ = unix.Kill(-pid, unix.SIGKILL) })
}

func (u *unit) probed(succeeded bool) {
	h, before := &u.health, u.health.state
	switch {
	case succeeded:
		h.state, h.failures = healthy, 0
	case u.isStarting():
	default:
		if h.failures++; h.failures >= u.Health.Retries {
			h.state = unhealthy
		}
	}
	if h.state != before && h.state == unhealthy {
		often := ""
		if h.failures > 1 {
			often = fmt.Sprintf(" %d times in a row", h.failures)
		}
		u.all.cfg.Supervisor.Tell("%s is unhealthy: its healthcheck failed%s", u.Name, often)
	}
	u.probeLater()
	u.all.advance()
}
