package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/job"
	"github.com/tinit-dev/tinit/internal/jsontext"
	"github.com/tinit-dev/tinit/internal/scribe"
	"github.com/tinit-dev/tinit/session"
)

const jobsUsage = `Usage: tinit jobs [-l] [--json]

List the jobs that run in the background, and those that have ended, as a shell
does: + marks the current one (%%), - the one before (%-).

  -l, --long   with process, process group and session, time, CPU time, memory,
               exit code and restarts
      --json   all of it, for programs

See tinit-jobs(1).
`

// listJobs is tinit jobs.
func listJobs(args, _ []string) (code int, err error) {
	var long, json bool
	rest, help, err := parseCommand("jobs", flags{
		{long: "long", short: "l", set: to(&long)},
		{long: "json", set: to(&json)},
	}, args)
	switch {
	case err != nil:
		return ownError(err)
	case help:
		return printOut(jobsUsage)
	case len(rest) > 0:
		return ownError(hintedTo("jobs", fmt.Errorf("%q is too much", rest[0])))
	}
	_, jobs, err := allJobs()
	if err != nil {
		return ownError(err)
	}
	switch {
	case json:
		objects := []jsontext.Object{}
		use := lookAtUse(jobs)
		for _, j := range jobs {
			objects = append(objects, jobObject(j, use))
		}
		return printOut(string(jsontext.Append(nil, objects)) + "\n")
	case long:
		return printOut(longList(jobs))
	}
	return printOut(shortList(jobs))
}

// ownError is for what is wrong with the command, and not with a job's program.
func ownError(err error) (code int, _ error) { return session.CodeOwnError, err }

// makeJobs opens the folder of all jobs, and makes it if there is none.
func makeJobs() (*job.Dir, error) {
	path, err := job.Place(os.Getenv)
	if err != nil {
		return nil, err
	}
	if _, _, err := job.Here(); err != nil {
		return nil, err
	}
	return job.Make(path)
}

// allJobs reads all jobs. Where there is no folder for them there are none. What it could not read it says, and goes on.
func allJobs() (*job.Dir, []job.Job, error) {
	path, err := job.Place(os.Getenv)
	if err != nil {
		return nil, nil, err
	}
	if _, _, err := job.Here(); err != nil {
		return nil, nil, err
	}
	dir, err := job.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	jobs, problems, err := dir.All()
	for _, problem := range problems {
		complain(problem)
	}
	return dir, jobs, err
}

// findTargets finds the jobs that words name, or the current one if there are none.
func findTargets(words []string) (*job.Dir, []target) {
	dir, all, err := allJobs()
	if err != nil {
		return nil, []target{{err: err}} // the same for all of them
	}
	if len(words) == 0 {
		words = []string{"%%"}
	}
	targets := make([]target, len(words))
	for i, word := range words {
		t := &targets[i]
		if t.job, t.err = job.Find(all, word); t.err != nil {
			t.err = besideServices(t.err, word)
		}
	}
	return dir, targets
}

// complain says what is wrong, for a command that goes on, whether anybody reads it or not: os.Stderr would end it by SIGPIPE.
func complain(err error) {
	if scribe.Writable(unix.Stderr) {
		_, _ = unix.Write(unix.Stderr, []byte(line(err.Error())))
	}
}

// stateOf says in a word or two what has become of a job, as a shell does.
func stateOf(j job.Job) string {
	switch now := j.Now(); {
	case now == job.Ended && j.Exit != nil:
		return endOf(*j.Exit)
	case now == job.Pausing:
		return "Restarting"
	case now == job.Lost && j.BeforeBoot():
		return "Lost at boot"
	case now == job.Away:
		return "Elsewhere"
	default:
		return strings.ToUpper(string(now[:1])) + string(now[1:])
	}
}

func endOf(e job.Exit) string {
	switch {
	case e.Signal == "TERM":
		return "Terminated"
	case e.Signal == "KILL":
		return "Killed"
	case e.Signal != "":
		return "Signal " + e.Signal
	case e.Code == 0:
		return "Done"
	}
	return "Exit " + strconv.Itoa(e.Code)
}

// marks are what a shell puts behind the numbers of the current job and of the one before.
func marks(jobs []job.Job) map[int]string {
	marks := map[int]string{}
	for i, j := range job.Current(jobs) {
		if i < 2 {
			marks[j.Number] = "+-"[i : i+1]
		}
	}
	return marks
}

func shortList(jobs []job.Job) string {
	marks := marks(jobs)
	t := table{columns: make([]column, 4), gap: 2}
	for _, j := range jobs {
		state := stateOf(j)
		switch {
		case j.Restarts == 1:
			state += " (restarted)"
		case j.Restarts > 1:
			state += fmt.Sprintf(" (restarted %d times)", j.Restarts)
		}
		t.add(fmt.Sprintf("[%d]%s", j.Number, marks[j.Number]), state, j.Name, commandLine(j.Program))
	}
	return t.text(screenWidth(os.Stdout))
}

func longList(jobs []job.Job) string {
	marks, use := marks(jobs), lookAtUse(jobs)
	t := table{gap: 2, columns: []column{
		{name: "JOB"}, {name: "STATE"}, {name: "PID", side: right}, {name: "PGID", side: right}, {name: "SID", side: right},
		{name: "TIME", side: right}, {name: "CPU", side: right}, {name: "MEM", side: right}, {name: "EXIT", side: right},
		{name: "RESTARTS", side: right}, {name: "NAME"}, {name: "COMMAND"},
	}}
	for _, j := range jobs {
		u := use.of(j)
		exit := "-"
		if j.Exit != nil && j.State == job.Ended {
			exit = strconv.Itoa(j.Exit.Code)
		}
		t.add(
			fmt.Sprintf("[%d]%s", j.Number, marks[j.Number]), stateOf(j), orDash(u.pid), orDash(u.pgid), orDash(u.sid),
			clock(lasted(j)), clock(u.cpu), bytesText(u.memory), exit, strconv.Itoa(j.Restarts), j.Name, commandLine(j.Program),
		)
	}
	return t.text(screenWidth(os.Stdout))
}

func orDash(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

// lasted is how long the program has been running, or did.
func lasted(j job.Job) time.Duration {
	switch {
	case j.Started.IsZero():
		return 0
	case j.State == job.Running && j.Now() != job.Lost:
		return time.Since(j.Started)
	case j.Exit != nil:
		return max(0, j.Exit.Time.Sub(j.Started))
	}
	return 0
}

// clock is a time as ps(1) shows it.
func clock(d time.Duration) string {
	s := int(d / time.Second)
	if s >= 86400 {
		return fmt.Sprintf("%d-%02d:%02d:%02d", s/86400, s/3600%24, s/60%60, s%60)
	}
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

func bytesText(n int64) string {
	switch {
	case n == 0:
		return "-"
	case n < 1<<20:
		return fmt.Sprintf("%dK", n>>10)
	case n < 1<<30:
		return fmt.Sprintf("%.1fM", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1fG", float64(n)/(1<<30))
}

// commandLine is a command line as one would type it.
func commandLine(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = quote(word)
	}
	return strings.Join(quoted, " ")
}

// quote quotes for a shell where that is needed, and shows what a terminal must not be sent.
func quote(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+:,./@%^"
	switch {
	case word != "" && strings.Trim(word, plain) == "":
		return word
	case utf8.ValidString(word) && !strings.ContainsFunc(word, func(r rune) bool { return !strconv.IsPrint(r) }):
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	// As bash, ksh and zsh have it, and POSIX of late.
	var b strings.Builder
	for i, r := range word {
		n := max(utf8.RuneLen(r), 1)
		if r == utf8.RuneError {
			_, n = utf8.DecodeRuneInString(word[i:])
		}
		switch piece := word[i : i+n]; {
		case r == '\'' || r == '\\':
			b.WriteString(`\` + piece)
		case r == '\n':
			b.WriteString(`\n`)
		case strconv.IsPrint(r) && (r != utf8.RuneError || n > 1):
			b.WriteString(piece)
		default:
			for _, c := range []byte(piece) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		}
	}
	return "$'" + b.String() + "'"
}

// jobObject is a job for programs. What there is none of is left out.
func jobObject(j job.Job, use uses) jsontext.Object {
	u := use.of(j)
	o := jsontext.Object{
		{Name: "number", Value: j.Number}, {Name: "name", Value: j.Name}, {Name: "state", Value: string(j.Now())},
		{Name: "program", Value: anys(j.Program)},
	}
	add := func(is bool, name string, value any) {
		if is {
			o = append(o, jsontext.Member{Name: name, Value: value})
		}
	}
	add(j.Dir != "", "directory", j.Dir)
	add(u.pid != 0, "pid", u.pid)
	add(u.pid != 0, "pgid", u.pgid)
	add(u.pid != 0, "sid", u.sid)
	add(j.IsKept(), "keeper", j.Keeper.PID)
	add(!j.Started.IsZero(), "started", j.Started.Format(time.RFC3339Nano))
	add(true, "seconds", lasted(j).Seconds())
	add(true, "cpu_seconds", u.cpu.Seconds())
	add(true, "memory_bytes", float64(u.memory))
	add(true, "restarts", j.Restarts)
	add(j.Ready, "ready", true)
	add(j.Status != "", "status", j.Status)
	if e := j.Exit; e != nil {
		add(true, "ended", e.Time.Format(time.RFC3339Nano))
		add(true, "exit_code", e.Code)
		add(e.Signal != "", "signal", e.Signal)
	}
	add(j.Output != "", "output", j.Output)
	add(j.Errors != "", "errors", j.Errors)
	add(j.Trouble != "", "trouble", j.Trouble)
	return o
}

func anys(words []string) []any {
	values := make([]any, len(words))
	for i, word := range words {
		values[i] = word
	}
	return values
}
