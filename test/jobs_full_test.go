package test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A keeper has all the threads that it will ever want when the program starts, which may fill the cgroup's pids. It does more
// that blocks than an init: what the program writes goes to files, and there is who asks.
func TestKeeperInFullPidsCgroup(t *testing.T) {
	needRelease(t)
	c := newCgroup(t, "pids")
	j := ours(t)
	const writes = `trap 'exit 3' TERM; touch ready
		while :; do echo output; echo error >&2; done`
	job := j.started(j.cmd("run", "--stdout", "out", "--stderr", "err", "--log-max-size", "64k", "sh", "-c", writes).
		in("cgroup=" + c.dir).run().out)
	info := j.info("sh")
	c.write(filepath.Join(c.dir, "pids.max"), "1")
	threads := procStatus(info.Keeper)["Threads"]
	eventually(t, func() bool { return exists(filepath.Join(j.home, "out.2")) && exists(filepath.Join(j.home, "err.2")) }, "the files are rotated")
	for range 10 {
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { _ = j.do("kill", "-s", "CONT") })
		}
		all.Wait()
	}
	require.Equal(t, "running", j.info("sh").State)
	assert.Equal(t, threads, procStatus(info.Keeper)["Threads"])
	j.must("stop")
	assert.False(t, alive(job.pid))
	assert.Equal(t, 3, *j.info("sh").Code)
}
