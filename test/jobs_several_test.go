package test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Of several jobs named, one that there is not keeps nothing from the others, as with kill(1) and rm(1).
func TestOneOfSeveralJobsIsUnknown(t *testing.T) {
	const unknown = "tinit: there is no job \"nobody\"\n"
	for command, done := range map[string]func(info jobInfo) bool{
		"stop":    func(info jobInfo) bool { return info.State == "ended" },
		"kill":    func(info jobInfo) bool { return info.State == "ended" },
		"bg":      func(info jobInfo) bool { return info.State == "running" },
		"restart": func(info jobInfo) bool { return info.State == "running" && info.PID != 0 },
		"start":   func(info jobInfo) bool { return info.State == "running" },
		"rm -f":   func(info jobInfo) bool { return info.Name == "" },
		"wait":    func(info jobInfo) bool { return info.State == "ended" },
	} {
		t.Run(command, func(t *testing.T) {
			j := ours(t)
			before := map[string]int{}
			for _, name := range []string{"a", "b"} {
				before[name] = j.run("--name", name, "sleep", "infinity").pid
			}
			switch command {
			case "bg":
				j.must("kill", "-s", "STOP", "a", "b")
				j.becomes("a", "stopped")
				j.becomes("b", "stopped")
			case "start", "wait":
				j.must("stop", "a", "b")
			}
			r := j.do(append(strings.Fields(command), "a", "nobody", "b")...)
			assert.Equal(t, 125, r.code)
			assert.Equal(t, unknown, r.err)
			for name, pid := range before {
				eventually(t, func() bool {
					infos := j.list()
					var info jobInfo
					for _, i := range infos {
						if i.Name == name {
							info = i
						}
					}
					return done(info) && (command != "restart" || info.PID != pid)
				}, command+" "+name)
			}

			// The control: alone it is the same error, and nothing is done.
			list := j.must("jobs")
			r = j.do(append(strings.Fields(command), "nobody")...)
			assert.Equal(t, result{125, "", unknown}, r)
			assert.Equal(t, list, j.must("jobs"))
		})
	}
}

// Nor does it when nobody reads what is said of it.
func TestUnknownJobIsNotHeardOf(t *testing.T) {
	j := ours(t)
	j.run("--name", "web", "sleep", "infinity")
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer w.Close()
	require.NoError(t, r.Close())
	u := j.cmd("stop", "nobody", "web")
	u.cmd.Stderr = w
	assert.Equal(t, 125, u.run().code)
	assert.Equal(t, "ended", j.info("web").State)
}

// What the words name is looked up first: with the current job ended, %% would be the one before.
func TestSeveralJobsAreFoundFirst(t *testing.T) {
	j := ours(t)
	j.run("--name", "first", "sleep", "infinity")
	j.run("--name", "second", "sleep", "infinity")
	j.run("--name", "third", "sleep", "infinity")
	j.must("stop", "%%", "%-")
	assert.Equal(t, "running", j.info("first").State)
	assert.Equal(t, "ended", j.info("second").State)
	assert.Equal(t, "ended", j.info("third").State)
	j.must("stop", "%%")
	assert.Equal(t, "ended", j.info("first").State, "the control: now it is that one")
}

// The highest code is that of all.
func TestCodesOfSeveralJobs(t *testing.T) {
	j := ours(t)
	j.run("--name", "gone", "exit", "3")
	assert.Equal(t, 3, j.do("wait", "gone").code)
	j.run("--name", "web", "sleep", "infinity")
	for _, words := range []string{"gone nobody", "nobody gone"} {
		r := j.do(append([]string{"kill", "-s", "CONT", "web"}, strings.Fields(words)...)...)
		assert.Equal(t, 125, r.code, words)
		assert.Contains(t, r.err, `tinit: job "gone" has ended`+"\n")
		assert.Contains(t, r.err, `tinit: there is no job "nobody"`+"\n")
	}
	assert.Equal(t, 1, j.do("kill", "-s", "CONT", "gone", "web").code, "the control")

	// Of a wait it is that of the last one, if all are to be had. What is wrong is said before the wait.
	u := j.cmd("wait", "nobody", "web").start()
	u.err.waitFor(t, `there is no job "nobody"`)
	assert.False(t, u.ended())
	j.must("stop", "web")
	assert.Equal(t, 125, u.wait())
	j.must("start", "web")
	r := j.do("wait", "nobody", "gone")
	assert.Equal(t, 125, r.code)
	j.loseKeeper("web")
	r = j.do("wait", "web", "gone")
	assert.Equal(t, 125, r.code)
	assert.Contains(t, r.err, `"web" was lost`)
	assert.Equal(t, 3, j.do("wait", "gone", "gone").code)
	require.Equal(t, 125, j.do("wait", "gone", "nobody").code)
}

// Jobs that are told to end are all told at once: with the time for one of them after that for another, a stop of several could take
// for ever.
func TestSeveralJobsEndAtOnce(t *testing.T) {
	for _, command := range []string{"stop a b", "rm -f a b", "rm -fa"} {
		j := ours(t)
		for i, name := range []string{"a", "b"} {
			j.run("--name", name, "--kill-after", "1h", "print-signals")
			j.writes(i+1, "ready")
		}
		u := j.cmd(strings.Fields(command)...).start()
		j.writes(1, "\n15\n")
		j.writes(2, "\n15\n")
		assert.False(t, u.ended(), "the control: neither has ended")
		j.must("kill", "-s", "KILL", "b", "a")
		assert.Zero(t, u.wait())
		for _, info := range j.list() {
			assert.Equal(t, "KILL", info.Signal)
		}
		assert.Equal(t, command != "stop a b", len(j.list()) == 0, command)
	}
}

// Services among the words are none the worse for it either.
func TestUnknownBesideServices(t *testing.T) {
	s := newServices(t, "services:\n  one: {command: sleep 1000, x-essential: false}\n  two: {command: sleep 1000}\n")
	s.init(tinit).start()
	s.becomes("one", "running")
	r := s.do("stop", "nobody", "one")
	assert.Equal(t, 125, r.code)
	assert.Equal(t, "tinit: there is no job \"nobody\", and no service of that name\n", r.err)
	assert.Equal(t, "ended", s.info("one").State)
	assert.Equal(t, "running", s.info("two").State)
}
