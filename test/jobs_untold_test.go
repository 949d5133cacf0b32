package test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unprintable calls f with standard outputs that nothing can be written to, each with the kernel's word for why.
func unprintable(t *testing.T, f func(t *testing.T, j *jobs, out *os.File, why string)) {
	t.Run("full", func(t *testing.T) {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		need(t, err == nil, "there is no /dev/full")
		defer full.Close()
		f(t, ours(t), full, "no space left on device")
	})
	t.Run("no reader", func(t *testing.T) {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		defer w.Close()
		require.NoError(t, r.Close())
		f(t, ours(t), w, "broken pipe")
	})
}

// A job that runs is told of, if not where its line belongs, and not by a code that says that there is none.
func TestStartedJobThatCannotBePrinted(t *testing.T) {
	unprintable(t, func(t *testing.T, j *jobs, out *os.File, why string) {
		do := func(args ...string) result {
			r := j.cmd(args...)
			r.cmd.Stdout = out
			return r.run()
		}
		says := func(done string) string {
			info := j.info("web")
			return fmt.Sprintf("tinit: [%d] %d web %s, but that could not be printed: write: %s\n", info.Number, info.PID, done, why)
		}
		r := do("run", "--name", "web", "sleep", "infinity")
		assert.Equal(t, result{123, "", says("was started")}, r)
		info := j.info("web")
		assert.Equal(t, "running", info.State)
		assert.True(t, alive(info.PID))

		// Who tries again by its name has no second one.
		r = do("run", "--name", "web", "sleep", "infinity")
		assert.Equal(t, 125, r.code)
		assert.Contains(t, r.err, `job "web" runs already`)
		assert.Len(t, j.list(), 1)

		r = do("restart", "web")
		assert.Equal(t, result{123, "", says("was started")}, r)
		assert.False(t, alive(info.PID))
		r = do("bg", "web")
		assert.Equal(t, result{123, "", says("was continued")}, r)
		assert.Equal(t, result{0, "", ""}, do("stop", "web"), "the control: it has nothing to print")
		r = do("start", "web")
		assert.Equal(t, result{123, "", says("was started")}, r)
		assert.Equal(t, result{0, "", ""}, do("run", "-q", "--name", "quiet", "sleep", "infinity"))
		r = do("run", "/no-such-program")
		assert.Equal(t, 127, r.code, "the control: that it does not run is said by another code")
	})
}

// Of several all are seen to, though the line of the first cannot be printed.
func TestSeveralStartedJobsThatCannotBePrinted(t *testing.T) {
	unprintable(t, func(t *testing.T, j *jobs, out *os.File, _ string) {
		for _, name := range []string{"a", "b"} {
			j.run("--name", name, "sleep", "infinity")
		}
		for _, command := range []string{"bg", "restart", "start"} {
			if command == "start" {
				j.must("stop", "a", "b")
			}
			r := j.cmd(command, "a", "b")
			r.cmd.Stdout = out
			got := r.run()
			assert.Equal(t, 123, got.code)
			assert.Equal(t, 2, strings.Count(got.err, "could not be printed"), got.err)
			for _, name := range []string{"a", "b"} {
				info := j.info(name)
				assert.Equal(t, "running", info.State)
				assert.Equal(t, strings.Repeat("0", 16), procStatus(info.PID)["SigBlk"], "what keeps SIGPIPE away is not inherited")
			}
		}
	})
}
