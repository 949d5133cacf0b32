package keeper

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseRestart(t *testing.T) {
	for s, want := range map[string]Restart{
		"no": {}, "always": {Always: true}, "on-failure": {OnFailure: true}, "on-failure:3": {OnFailure: true, Limit: 3},
	} {
		got, err := ParseRestart(s)
		require.NoError(t, err, s)
		assert.Equal(t, want, got, s)
	}
	for _, s := range []string{
		"", "yes", "No", "no:1", "always:3", "on-failure:", "on-failure:0", "on-failure:-1", "on-failure:x", "on-failure:3:4", "unless-stopped",
		"on-failure:9999999999",
	} {
		_, err := ParseRestart(s)
		assert.Error(t, err, s)
	}
}

// A life is how one ended.
type life struct {
	ok, stopped bool
	lasted      time.Duration
}

func pauses(policy Restart, all ...life) (got []time.Duration) {
	l := lives{policy: policy}
	for _, life := range all {
		pause, again := l.next(life.ok, life.stopped, life.lasted)
		if !again {
			return append(got, -1)
		}
		got = append(got, pause)
	}
	return got
}

func many(n int, l life) (all []life) {
	for range n {
		all = append(all, l)
	}
	return all
}

func TestPausesDouble(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	want := []time.Duration{
		100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 12800 * ms, 25600 * ms, 51200 * ms, 60 * s, 60 * s,
	}
	assert.Equal(t, want, pauses(Restart{Always: true}, many(len(want), life{})...))
	assert.Equal(t, want, pauses(Restart{OnFailure: true}, many(len(want), life{})...))
}

func TestALongLifeBeginsAnew(t *testing.T) {
	const ms = time.Millisecond
	short, long := life{lasted: longLife - 1}, life{lasted: longLife}
	assert.Equal(t, []time.Duration{100 * ms, 200 * ms, 100 * ms, 200 * ms}, pauses(Restart{Always: true}, short, short, long, short))
	assert.Equal(t, []time.Duration{100 * ms, 200 * ms, 100 * ms, 200 * ms, -1}, pauses(Restart{OnFailure: true, Limit: 2}, short, short, long, short, short),
		"the count of restarts too")
}

func TestPolicies(t *testing.T) {
	const first, no = firstPause, -1
	ok, failed, stopped := life{ok: true}, life{}, life{stopped: true}
	for _, c := range []struct {
		policy Restart
		life   life
		want   time.Duration
	}{
		{Restart{}, ok, no}, {Restart{}, failed, no}, {Restart{}, stopped, no},
		{Restart{Always: true}, ok, first}, {Restart{Always: true}, failed, first}, {Restart{Always: true}, stopped, no},
		{Restart{OnFailure: true}, ok, no}, {Restart{OnFailure: true}, failed, first}, {Restart{OnFailure: true}, stopped, no},
	} {
		assert.Equal(t, []time.Duration{c.want}, pauses(c.policy, c.life), "%+v %+v", c.policy, c.life)
	}
	assert.Equal(t, []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, no}, pauses(Restart{OnFailure: true, Limit: 2}, many(3, failed)...))
}

func FuzzParseRestart(f *testing.F) {
	f.Add("on-failure:3")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRestart(s)
		if err == nil && (r.Limit < 0 || r.Always && r.OnFailure || r.Limit > 0 && !r.OnFailure) {
			t.Fatalf("%q is %+v", s, r)
		}
	})
}
