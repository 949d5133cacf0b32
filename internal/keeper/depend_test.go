package keeper

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tinit-dev/tinit/internal/service"
	"github.com/tinit-dev/tinit/internal/supervisor"
)

// newServices has services of which each depends on the one before it, in this condition, and no loop: their states are the tests' to
// set. said is what was said.
func newServices(condition service.Condition, names ...string) (s *Services, said *[]string) {
	said = &[]string{}
	say := func(format string, args ...any) { *said = append(*said, fmt.Sprintf(format, args...)) }
	s = &Services{cfg: ServicesConfig{Supervisor: supervisor.Config{Tell: say, Warn: say, Note: say}}}
	s.group = supervisor.NewGroup(nil, false)
	for i, name := range names {
		u := &unit{Service: service.Service{Name: name}, all: s, state: waiting}
		u.supervisor = s.group.Add(s.cfg.Supervisor, nil, "MARK="+name, func() {})
		if i > 0 {
			u.DependsOn = []service.Dependency{{Name: names[i-1], Condition: condition}}
		}
		s.units = append(s.units, u)
	}
	return s, said
}

func TestFulfils(t *testing.T) {
	const started, well, completed = service.Started, service.Healthy, service.Completed
	failed, succeeded := &exit{code: 3}, &exit{}
	for _, c := range []struct {
		name      string
		u         unit
		condition service.Condition
		fulfilled bool
		never     string
		code      int
	}{
		{"it waits itself", unit{state: waiting}, started, false, "", 0},
		{"it runs", unit{state: running, ran: true}, started, true, "", 0},
		{"it has run", unit{state: pausing, ran: true, exit: failed}, started, true, "", 0},
		{"it has run, and ended", unit{state: ended, ran: true, exit: failed}, started, true, "", 0},
		{"it could not be started so far", unit{state: pausing, exit: failed}, started, false, "", 0},
		{"it could not be started", unit{state: ended, exit: &exit{code: 127}}, started, false, "db has not started (exit code 127)", 127},
		{"it was not to be started", unit{state: ended}, started, false, "db has not started", 1},

		{"unchecked", unit{state: running, ran: true}, well, true, "", 0},
		{"checking", unit{state: running, ran: true, Service: service.Service{Health: &service.Health{}}, health: health{state: checking}}, well, false, "", 0},
		{"healthy", unit{state: running, ran: true, Service: service.Service{Health: &service.Health{}}, health: health{state: healthy}}, well, true, "", 0},
		{"unhealthy", unit{state: running, ran: true, Service: service.Service{Health: &service.Health{}}, health: health{state: unhealthy}}, well, false, "db is unhealthy", 1},
		{"not ready", unit{state: running, ran: true, Service: service.Service{Notify: true}}, well, false, "", 0},
		{"ready", unit{state: running, ran: true, Service: service.Service{Notify: true}, readiness: readiness{ready: true}}, well, true, "", 0},
		{"ready, but not healthy", unit{
			state: running, ran: true, Service: service.Service{Notify: true, Health: &service.Health{}},
			readiness: readiness{ready: true}, health: health{state: checking},
		}, well, false, "", 0},
		{"between two lives", unit{state: pausing, ran: true, exit: failed}, well, false, "", 0},
		{"ended well, which is not to be well", unit{state: ended, ran: true, exit: succeeded}, well, false, "db has ended (exit code 0)", 1},
		{"ended", unit{state: ended, ran: true, exit: failed}, well, false, "db has ended (exit code 3)", 3},
		{"stopped by hand", unit{state: ended, ran: true, exit: failed, manual: true}, well, false, "", 0},

		{"it goes on", unit{state: running, ran: true}, completed, false, "", 0},
		{"completed", unit{state: ended, ran: true, exit: succeeded}, completed, true, "", 0},
		{"failed", unit{state: ended, ran: true, exit: failed}, completed, false, "db has failed (exit code 3)", 3},
		{"killed", unit{state: ended, ran: true, exit: &exit{137, "KILL"}}, completed, false, "db has failed (signal KILL)", 137},
		{"failed, to be tried again", unit{state: pausing, ran: true, exit: failed}, completed, false, "", 0},
		{"stopped by hand before its end", unit{state: ended, ran: true, exit: failed, manual: true}, completed, false, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.u.Name = "db"
			fulfilled, never := c.u.fulfils(c.condition)
			assert.Equal(t, c.fulfilled, fulfilled)
			if c.never == "" {
				assert.Nil(t, never)
				return
			}
			assert.EqualError(t, never, c.never)
			assert.Equal(t, c.code, never.code)
		})
	}
}

func TestMayStart(t *testing.T) {
	s, _ := newServices(service.Completed, "migrate", "app")
	migrate, app := s.units[0], s.units[1]
	ready, never := s.mayStart(app)
	assert.False(t, ready)
	assert.Nil(t, never)

	migrate.state, migrate.exit = ended, &exit{code: 4}
	ready, never = s.mayStart(app)
	assert.False(t, ready && never == nil)
	assert.Equal(t, 4, never.code)
	app.DependsOn[0].Optional = true
	ready, never = s.mayStart(app)
	assert.True(t, ready, "it is no more than worth a warning")
	assert.Nil(t, never)
}

// What can't start ends all, unless the file spares it.
func TestCannotStart(t *testing.T) {
	for _, spared := range []bool{false, true} {
		s, said := newServices(service.Completed, "migrate", "app", "other")
		s.units[0].state, s.units[0].exit = ended, &exit{code: 4}
		s.units[1].Spared = spared
		s.units[2].DependsOn, s.units[2].state = nil, running
		s.startWhatCan()
		assert.Equal(t, ended, s.units[1].state)
		assert.Equal(t, !spared, s.ending)
		assert.Contains(t, *said, "app cannot start: migrate has failed (exit code 4)")
		if !spared {
			assert.Equal(t, 4, s.code)
			assert.True(t, s.blame)
		}
	}
}

// Nobody is stopped while there is somebody who depends on it.
func TestStopOrder(t *testing.T) {
	s, _ := newServices(service.Started, "db", "app", "proxy", "later")
	s.units[0].state, s.units[1].state, s.units[2].state, s.units[3].state = running, running, pausing, waiting
	rested := false
	s.units[2].rests = func() { rested = true }
	states := func() (all []unitState) {
		for _, u := range s.units {
			all = append(all, u.state)
		}
		return all
	}
	s.end()
	assert.Equal(t, []unitState{running, stopping, ended, ended}, states())
	assert.True(t, rested, "the pause before its next start is over")
	s.units[1].over(exit{code: 0})
	assert.Equal(t, []unitState{stopping, ended, ended, ended}, states())
}

func TestHasEnded(t *testing.T) {
	onFailure := service.Restart{OnFailure: true, Limit: 1}
	for _, c := range []struct {
		name   string
		spec   service.Service
		code   int
		ending bool
		said   string
	}{
		{"essential", service.Service{Essential: true}, 3, true, "db has ended (exit code 3), and with it all"},
		{"essential, with 0", service.Service{Essential: true}, 0, true, "db has ended (exit code 0), and with it all"},
		{"used up", service.Service{Restart: onFailure}, 3, true, "db has failed 2 times in a row (exit code 3), and with it all"},
		{"used up, but spared", service.Service{Restart: onFailure, Spared: true}, 3, false, "db has failed (exit code 3)"},
		{"succeeded at last", service.Service{Restart: onFailure}, 0, false, ""},
		{"a one-shot", service.Service{}, 0, false, ""},
		{"a one-shot that failed", service.Service{}, 3, false, "db has failed (exit code 3)"},
		{"spared", service.Service{Spared: true}, 3, false, "db has failed (exit code 3)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, said := newServices(service.Started, "db", "other")
			c.spec.Name = "db"
			s.units[1].DependsOn, s.units[1].state = nil, ended
			u := s.units[0]
			u.Service, u.state, u.started = c.spec, running, time.Now()
			u.lives = lives{policy: Restart(c.spec.Restart), count: c.spec.Restart.Limit}
			u.over(exit{code: c.code})
			assert.Equal(t, c.ending, s.ending)
			if assert.Equal(t, c.said != "", len(*said) > 0); c.said != "" {
				assert.Equal(t, []string{c.said}, *said)
			}
			if c.ending {
				assert.Equal(t, c.code, s.code)
			}
		})
	}
	t.Run("stopped by hand", func(t *testing.T) {
		s, said := newServices(service.Started, "db", "other")
		s.units[1].DependsOn, s.units[1].state = nil, running
		u := s.units[0]
		u.Essential, u.state, u.manual = true, stopping, true
		u.over(exit{code: 143, signal: "TERM"})
		assert.False(t, s.ending)
		assert.Empty(t, *said)
	})
}

// What was stopped by hand can be started by hand, though nothing else runs any more; a stop signal ends that.
func TestStoppedByHandKeepsUp(t *testing.T) {
	s, _ := newServices(service.Started, "web")
	u := s.units[0]
	u.state = ended
	assert.False(t, s.keepsUp(u), "control")
	u.manual = true
	assert.True(t, s.keepsUp(u))
	s.ending = true
	assert.False(t, s.keepsUp(u))
}

func TestChanged(t *testing.T) {
	env := []string{"A=1", "AB=2", "A=3", "C=4"}
	assert.Equal(t, []string{"AB=2", "C=4", "A=5"}, changed(env, []string{"A=5"}))
	assert.Equal(t, []string{"AB=2", "C=4"}, changed(env, []string{"A"}))
	assert.Equal(t, []string{"A=1", "AB=2", "A=3", "C=4"}, env, "it is others' too")
}
