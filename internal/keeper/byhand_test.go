package keeper

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tinit-dev/tinit/internal/service"
	"github.com/tinit-dev/tinit/session"
)

// missing has u be a program that is not there.
func missing(u *unit) {
	u.command = session.Command{Name: "/no/such", Args: []string{"/no/such"}}
}

// is returns what the outcome is.
func is(t *testing.T, o *outcome) error {
	t.Helper()
	require.NotNil(t, o)
	select {
	case <-o.known:
		return o.err
	default:
		t.Fatal("it is not known yet")
		return nil
	}
}

// What is to be started anyway is started at once by who asks, and if that fails it is as if nobody had asked. What has ended stays so.
func TestStartByHandFails(t *testing.T) {
	for _, c := range []struct {
		before, after unitState
		policy        Restart
	}{
		{pausing, pausing, Restart{Always: true}},
		{waiting, pausing, Restart{Always: true}},
		{waiting, ended, Restart{}},
		{ended, ended, Restart{Always: true}},
		{ended, ended, Restart{}},
	} {
		s, _ := newServices(service.Started, "web", "other")
		web, other := s.units[0], s.units[1]
		missing(web)
		missing(other)
		other.DependsOn, other.state = nil, running
		web.state, web.lives.policy, web.Essential = c.before, c.policy, true
		rested := false
		web.rests = func() { rested = true }
		o, err := web.startByHand()
		require.NoError(t, err)
		assert.ErrorContains(t, is(t, o), `web: cannot find "/no/such"`)
		assert.True(t, rested)
		assert.Equal(t, c.after, web.state, "%+v", c)
		assert.Equal(t, c.before == ended, web.manual)
		assert.Equal(t, c.before != ended && c.after == ended, s.ending, "%+v: nobody waited for a hand", c)
		web.rest()
	}
}

// Who asks last is heeded, and the others hear of it.
func TestByHandAgainAndAgain(t *testing.T) {
	s, _ := newServices(service.Healthy, "db", "web")
	db, web := s.units[0], s.units[1]
	missing(web)
	db.state = running
	db.Health = &service.Health{}
	o, err := web.startByHand()
	require.NoError(t, err)
	again, err := web.restartByHand(time.Second)
	require.NoError(t, err)
	assert.Same(t, o, again, "there is one start, however many ask for it")
	assert.NoError(t, is(t, web.stopByHand(time.Second)))
	assert.EqualError(t, is(t, o), "web was stopped, and not started again")
	assert.Equal(t, ended, web.state)
	assert.Nil(t, web.stopByHand(time.Second), "there is nothing to be stopped")

	o, err = web.startByHand()
	require.NoError(t, err)
	select {
	case <-o.known:
		t.Error("control: db is not well")
	default:
	}
	s.end()
	assert.Equal(t, errAllStop, is(t, o))

	// A db that never will be well is known before anything is done.
	s.ending, web.state, web.manual, db.state = false, running, false, ended
	_, err = web.restartByHand(time.Second)
	assert.EqualError(t, err, "web cannot start: db has ended")
	assert.Equal(t, running, web.state)
	web.state = ended
	_, err = web.startByHand()
	assert.EqualError(t, err, "web cannot start: db has ended")
	assert.False(t, web.manual)
}

// Who waits for one that waits for one that was stopped by hand waits for that one.
func TestStoppedBefore(t *testing.T) {
	s, _ := newServices(service.Healthy, "disk", "db", "web")
	disk, db, web := s.units[0], s.units[1], s.units[2]
	assert.Nil(t, s.stoppedBefore(web))
	disk.state, disk.manual = ended, true
	assert.Same(t, disk, s.stoppedBefore(web))
	assert.Same(t, disk, s.stoppedBefore(db))
	assert.Nil(t, s.stoppedBefore(disk))
	db.state = running
	assert.Nil(t, s.stoppedBefore(web), "db runs")
	db.state, disk.manual = waiting, false
	assert.Nil(t, s.stoppedBefore(web), "it ended by itself")
}
