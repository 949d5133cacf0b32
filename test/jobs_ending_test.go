package test

import (
	"os"
	"path/filepath"

	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// How a job ended is known from the moment that it does, whatever becomes of its keeper while that ends what was left behind. The
// control is TestLostJob: of one whose program had not ended nobody knows.
func TestKeeperIsKilledInTheSweep(t *testing.T) {
	j := ours(t)
	j.must("run", "--name", "web", "--grace", "1h", "sh", "-c", "(trap '' TERM; echo $$ >left; while :; do sleep 0.01; done) & until [ -s left ]; do sleep 0.01; done; exit 3")
	eventually(t, func() bool { return j.info("web").State == "ending" }, "the program has ended")
	keeper := j.info("web").Keeper
	require.NoError(t, killOne(keeper, unix.SIGKILL))
	gone(t, keeper)
	assert.Equal(t, "lost", j.info("web").State, "something is left")
	assert.Equal(t, 3, j.do("wait", "web").code)
	j.must("stop", "-t", "0", "web")
	assert.Equal(t, "ended", j.info("web").State)
	assert.Equal(t, 3, *j.info("web").Code)
	assert.Contains(t, j.do("jobs").out, "Exit 3")
	j.must("rm", "web")
}

// A keeper whose socket somebody removed still ends its job.
func TestStopWithoutASocket(t *testing.T) {
	j := ours(t)
	job := j.run("sleep", "infinity")
	require.NoError(t, os.Remove(j.file(1, "socket")))
	assert.NotZero(t, j.do("kill", "-s", "CONT", "sleep").code, "the control")
	j.must("stop")
	assert.False(t, alive(job.pid))
	assert.Equal(t, 143, *j.info("sleep").Code)
}

// A number that another process has now is nobody's of the job. The kernel gives numbers in turn, from where it is told to begin
// (ns_last_pid in proc_sys_kernel(5)).
func TestReusedNumbersAreNotSignalled(t *testing.T) {
	need(t, os.Geteuid() == 0, "only root can choose the next number")
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	require.NoError(t, os.WriteFile(script, []byte(`set -e
		export TINIT_STATE_DIR=`+dir+`/state
		tinit=`+tinitPath+`
		$tinit run --name web sleep infinity >out
		program=$(sed 's/^\[1\] \([0-9]*\) .*/\1/' out)
		keeper=$($tinit status --json web | sed 's/.*"keeper":\([0-9]*\).*/\1/')
		kill -KILL $keeper $program
		while kill -0 $keeper || kill -0 $program; do sleep 0.01; done 2>/dev/null
		for number in $keeper $program; do
			while :; do # others may be quicker
				echo $((number - 1)) >/proc/sys/kernel/ns_last_pid
				setsid sleep 1000 & # as a leader, whose session has that number
				[ $! = $number ] && break
				kill -KILL $!
			done
		done
		$tinit status web || echo "status $?"
		$tinit stop web
		$tinit kill -s KILL web || echo "kill $?"
		$tinit rm -f web
		kill -0 $keeper && kill -0 $program && echo both are there
	`), 0o755))
	r := pid1(t, "--", "sh", script).dir(dir).run()
	assert.Zero(t, r.code, r.err)
	for _, want := range []string{"of its processes none is left", "status 1", "kill 1", "both are there"} {
		assert.Contains(t, r.out, want)
	}
}
