package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/control"
	"github.com/tinit-dev/tinit/internal/job"
	"github.com/tinit-dev/tinit/internal/keeper"
)

// Commands speak of services as they do of jobs: where a keeper of services answers, a name is a service's if there is one of it,
// and else a job's.

// servicesDir is where the keeper of services is asked, empty if there is no place that is this user's alone.
func servicesDir() string {
	switch {
	case os.Getenv("TINIT_STATE_DIR") != "":
		return os.Getenv("TINIT_STATE_DIR")
	case unix.Geteuid() == 0:
		return "/run/tinit"
	case os.Getenv("XDG_RUNTIME_DIR") != "":
		return os.Getenv("XDG_RUNTIME_DIR") + "/tinit"
	}
	return ""
}

// errNoServices says that there is no keeper of services, or none that this user may ask.
var errNoServices = errors.New("no services are kept here, or their keeper has no socket (see tinit-services(5))")

func askServices(within time.Duration, words ...string) (string, error) {
	dir := servicesDir()
	if dir == "" {
		return "", errNoServices
	}
	text, err := control.Ask(dir+"/"+job.SocketName, within, words...)
	if errors.Is(err, control.ErrNobody) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return "", errNoServices
	}
	return text, err
}

// answersSoon is how long is waited for an answer that takes no time.
const answersSoon = 5 * time.Second

func isService(name string) bool {
	if name == "" || strings.ContainsAny(name, " \t\n") {
		return false // it would be another request
	}
	_, err := askServices(answersSoon, keeper.DoStatus, name)
	return err == nil
}

// besideServices has an error that there is no such job say, where services are kept, how these are meant.
func besideServices(err error, word string) error {
	if _, none := askServices(answersSoon, keeper.DoList); none != nil {
		return err
	}
	switch {
	case isService(word):
		return fmt.Errorf("%s is a service, and no job", word)
	case strings.HasPrefix(word, "%"):
		return fmt.Errorf("%w, and a service has to be named", err)
	}
	return fmt.Errorf("%w, and no service of that name", err)
}

// A target is what a word of the command line names: a service, a job, or neither.
type target struct {
	service string
	job     job.Job
	err     error // why it is neither
}

// eachNamed does something with every service and job that words name; with the current job if there are none. One that there is not
// keeps nothing from the others, as with kill(1). All are looked up before anything is done: %% may be another one then. A command
// that is for jobs only has no service.
func eachNamed(words []string, service func(name string) error, do func(*job.Dir, job.Job) error) (code int) {
	var targets []target
	var others []string
	for _, word := range words {
		if service != nil && isService(word) {
			targets = append(targets, target{service: word})
		} else {
			others = append(others, word)
		}
	}
	var dir *job.Dir
	if len(targets) == 0 || len(others) > 0 {
		var found []target
		dir, found = findTargets(others)
		targets = append(targets, found...)
	}
	return each(targets, func(t target) error {
		switch {
		case t.err != nil:
			return &unfound{t.err}
		case t.service != "":
			return service(t.service)
		}
		return do(dir, t.job)
	})
}

// servicesStatus is tinit status where services are kept. done is false if it is about a job.
func servicesStatus(words []string, json bool) (done bool, code int, err error) {
	if len(words) > 0 && !isService(words[0]) {
		return false, 0, nil
	}
	text, err := askServices(answersSoon, append([]string{keeper.DoList}, words...)...)
	switch {
	case errors.Is(err, errNoServices):
		return false, 0, nil
	case err != nil:
		return true, statusUnknown, err
	case len(words) > 1:
		return true, statusUnknown, oneTooMany(words)
	}
	rows, err := serviceRows(text)
	if err != nil {
		return true, statusUnknown, err
	}
	if len(words) > 0 && len(rows) > 0 && keeper.HasEnded(rows[0]) {
		code = statusEnded
	}
	if !json {
		text = servicesTable(rows)
	} else if text, err = askServices(answersSoon, append([]string{keeper.DoStatus}, words...)...); err != nil {
		return true, statusUnknown, err
	} else {
		text += "\n"
	}
	if _, err = printOut(text); err != nil {
		code = statusUnknown
	}
	return true, code, err
}

func oneTooMany(words []string) error {
	return hintedTo("status", fmt.Errorf("%q is one service too many", words[1]))
}

// serviceRows are those of keeper.DoList.
func serviceRows(list string) (rows [][]string, err error) {
	var row []string
	for list = strings.TrimSpace(list); list != ""; list = strings.TrimSpace(list) {
		if rest, ok := strings.CutPrefix(list, ";"); ok {
			rows, row, list = append(rows, row), nil, rest
			continue
		}
		quoted, err := strconv.QuotedPrefix(list)
		if err != nil {
			return nil, fmt.Errorf("no list of services: %w", err)
		}
		cell, _ := strconv.Unquote(quoted)
		row, list = append(row, cell), list[len(quoted):]
	}
	return rows, nil
}

func servicesTable(rows [][]string) string {
	t := table{gap: 2, columns: []column{
		{name: "SERVICE"}, {name: "STATE"}, {name: "PID", side: right}, {name: "HEALTH"}, {name: "TIME", side: right},
		{name: "RESTARTS", side: right}, {name: "SAYS"},
	}}
	for _, row := range rows {
		t.add(row...)
	}
	return t.text(screenWidth(os.Stdout))
}

// healthy is tinit status --healthy, for probes: it says only what is wrong.
func healthy(words []string) (code int, err error) {
	if len(words) > 1 {
		return 1, oneTooMany(words)
	}
	_, err = askServices(answersSoon, append([]string{keeper.DoHealthy}, words...)...)
	if err != nil {
		return 1, err
	}
	return 0, nil
}
