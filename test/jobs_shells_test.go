package test

import (
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Several shells that know nothing of each other start, stop and remove the same few jobs. Who comes too late hears of it in words
// that are true of a job: none is called lost, whose keeper nobody kills. In the end nothing is left.
func TestJobsFromSeveralShells(t *testing.T) {
	needRelease(t) // the race detector's stays for a second when it has done, and nobody comes at one moment
	const shells, names = 5, "ab"
	j := ours(t)
	late := regexp.MustCompile(`^(tinit: (there is no job "."|job "."(| runs already: \[\d+\] \d+ .| (is being started|is being started by somebody else|has ended|` +
		`has not been started yet|was removed just now)|: it (has just ended|was stopped, and not started again|has ended, and was not started again))` +
		`( \(tinit rm -f ends it first\))?)\n)?$`)
	do := map[string][]string{
		"run": {"--name", "NAME", "sh", "-c", "echo $$ >>pids; exec sleep infinity"}, "stop": {"NAME"}, "restart": {"NAME"},
		"start": {"NAME"}, "rm": {"-f", "NAME"}, "kill": {"-s", "KILL", "NAME"}, "jobs": nil,
	}
	var mu sync.Mutex
	succeeded := map[string]int{}
	inTime := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(succeeded) == len(do)
	}
	end := time.Now().Add(deadline)
	var all sync.WaitGroup
	for range shells {
		all.Go(func() {
			for i := 0; i < 15 || !inTime() && time.Now().Before(end); i++ {
				for command, args := range do { // in any order
					line := strings.ReplaceAll(strings.Join(args, "\n"), "NAME", string(names[rand.IntN(len(names))]))
					r := j.do(append([]string{command}, strings.FieldsFunc(line, func(c rune) bool { return c == '\n' })...)...)
					assert.Regexp(t, late, r.err, command)
					assert.NotContains(t, r.out, "Lost", command)
					mu.Lock()
					if r.code == 0 {
						succeeded[command]++
					}
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	assert.True(t, inTime(), "the control: each was in time, too: %v", succeeded)
	j.must("rm", "-fa")
	assert.Empty(t, j.list())
	text, err := os.ReadFile(j.home + "/pids")
	require.NoError(t, err)
	for word := range strings.FieldsSeq(string(text)) {
		pid, err := strconv.Atoi(word)
		require.NoError(t, err)
		assert.False(t, alive(pid))
	}
}
