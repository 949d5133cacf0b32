package test

import (
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestListJobs(t *testing.T) {
	everyones(t, func(t *testing.T, j *jobs) {
		assert.Empty(t, j.must("jobs"), "there is no folder yet")
		assert.Equal(t, "[]\n", j.must("jobs", "--json"))
		assert.NoDirExists(t, j.dir, "and to look makes none")
		j.run("true")
		j.do("wait", "true")
		j.run("exit", "3")
		j.do("wait", "exit")
		up := j.run("--name", "web", "sh", "-c", "exec sleep infinity")
		j.run("sleep", "infinity")
		j.must("kill", "-s", "STOP", "sleep")
		j.becomes("sleep", "stopped")
		j.must("kill", "-s", "KILL", "web")
		j.do("wait", "web")
		j.must("start", "web")
		assert.Equal(t, strings.Join([]string{
			"[1]   Done     true   true",
			"[2]   Exit 3   exit   exit 3",
			"[3]+  Running  web    sh -c 'exec sleep infinity'",
			"[4]-  Stopped  sleep  sleep infinity",
			"",
		}, "\n"), j.must("jobs"))

		long := strings.Split(j.must("jobs", "-l"), "\n")
		require.Len(t, long, 6)
		assert.Equal(t, strings.Fields("JOB STATE PID PGID SID TIME CPU MEM EXIT RESTARTS NAME COMMAND"), strings.Fields(long[0]))
		info := j.info("web")
		assert.NotEqual(t, up.pid, info.PID)
		want := strings.Fields("[3]+ Running PID PID SID")
		fields := strings.Fields(long[3])
		for i, word := range want {
			switch word {
			case "PID":
				assert.Equal(t, strconv.Itoa(info.PID), fields[i])
			case "SID":
				assert.Equal(t, strconv.Itoa(info.Keeper), fields[i])
			default:
				assert.Equal(t, word, fields[i])
			}
		}
		assert.Regexp(t, `^\[2\]\s+Exit 3\s+-\s+-\s+-\s+0:00\s+0:00\s+\S+\s+3\s+0\s+exit\s+exit 3$`, long[2])

		var all []map[string]any
		require.NoError(t, json.Unmarshal([]byte(j.must("jobs", "--json")), &all))
		require.Len(t, all, 4)
		assert.Equal(t, 3.0, all[1]["exit_code"])
		assert.NotContains(t, all[1], "pid")
		assert.Equal(t, []any{"sh", "-c", "exec sleep infinity"}, all[2]["program"])
		assert.NotContains(t, all[2], "environment")
		_, err := time.Parse(time.RFC3339Nano, all[2]["started"].(string))
		assert.NoError(t, err)
	})
}

// What a job is called cannot make a terminal obey.
func TestListedJobsAreHarmless(t *testing.T) {
	j := ours(t)
	j.run("sh", "-c", "exit 0; \x1b[31m \xff \n'\"")
	j.do("wait", "%1")
	for _, command := range [][]string{{"jobs"}, {"jobs", "-l"}, {"status"}} {
		text := j.cmd(command...).run().out
		assert.NotRegexp(t, regexp.MustCompile("[^\n -~]"), text)
	}
	var all []jobInfo
	require.NoError(t, json.Unmarshal([]byte(j.must("jobs", "--json")), &all))
}

// The exit codes of tinit status are the Linux Standard Base's for init scripts.
func TestStatusCodes(t *testing.T) {
	everyones(t, func(t *testing.T, j *jobs) {
		assert.Equal(t, 4, j.do("status").code, "there is none")
		job := j.run("sleep", "infinity")
		r := j.do("status")
		assert.Zero(t, r.code)
		assert.Contains(t, r.out, "state:      Running for 0:0")
		assert.Contains(t, r.out, "output:     "+j.file(1, "output"))
		assert.Equal(t, 4, j.do("status", "no-such-job").code)
		j.must("stop")
		r = j.do("status", "sleep")
		assert.Equal(t, 3, r.code)
		assert.Contains(t, r.out, "state:      Terminated\n")
		assert.Contains(t, r.out, "ended:")

		j.must("start", "sleep")
		info := j.info("sleep")
		require.NoError(t, killOne(info.Keeper, unix.SIGKILL))
		gone(t, info.Keeper)
		r = j.do("status", "sleep")
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.out, "Lost: its keeper was killed; of its processes one is left")
		assert.False(t, alive(job.pid))
	})
}

// Records from before the machine went down, and from a place that was another container's.
func TestJobsOfAnotherBoot(t *testing.T) {
	j := ours(t)
	job := j.run("sleep", "infinity")
	record := j.read(j.file(1, "record"))
	forge := func(field, value string) {
		forged := regexp.MustCompile(`(?m)^`+field+` .*$`).ReplaceAllString(record, field+` "`+value+`"`)
		require.NotEqual(t, record, forged)
		require.NoError(t, os.WriteFile(j.file(1, "record"), []byte(forged), 0o600))
	}
	forge("boot", "2f6ed8b1-1111-2222-3333-444444444444")
	assert.Regexp(t, `^\[1\]\+  Lost at boot  sleep  sleep infinity\n$`, j.must("jobs"))
	r := j.do("status")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.out, "the machine went down while it ran")
	j.must("stop")
	assert.Equal(t, 1, j.do("kill").code)
	assert.Equal(t, 125, j.do("wait").code)
	assert.True(t, alive(job.pid), "nobody is signalled on the word of another boot")

	forge("namespace", "1")
	assert.Regexp(t, `Elsewhere`, j.must("jobs"))
	assert.Equal(t, 4, j.do("status").code)
	for _, command := range []string{"stop", "kill", "bg", "wait", "fg", "restart", "logs -f", "rm -f"} {
		r := j.do(strings.Fields(command)...)
		assert.NotZero(t, r.code, command)
		assert.Contains(t, r.err, "in another PID namespace", command)
	}
	assert.True(t, alive(job.pid))

	require.NoError(t, os.WriteFile(j.file(1, "record"), []byte(record), 0o600))
	j.must("stop")
	assert.False(t, alive(job.pid), "control")
}
