package keeper

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tinit-dev/tinit/forwarder"
	"github.com/tinit-dev/tinit/internal/jsontext"
	"github.com/tinit-dev/tinit/internal/service"
)

// What can be asked of a keeper of services, each with its arguments.
const (
	DoStatus  = "status"  // none, or a service. The reply is an array of JSON objects
	DoList    = "list"    // the same for people: each quoted, as by strconv.Quote, the cells of a row and after it a ";"
	DoHealthy = "healthy" // none, or a service. The reply is an error unless it, or all, run and are ready
	DoLog     = "log"     // a service. The reply is the format, json or text, and the file that its output goes to
	DoStart   = "start"   // a service that does not run. The reply comes when it does
	// And DoStop, DoRestart ("-" or a duration) and DoKill (a signal), with a service after that.
)

// answer runs in a goroutine of the client's.
func (s *Services) answer(words []string, gone func() <-chan struct{}) (text string, err error) {
	words = append(words, "", "", "")
	var asked *outcome
	if !s.group.Do(func() { text, asked, err = s.do(words[0], words[1], words[2]) }) {
		return "", errAllEnded
	}
	if asked == nil {
		return text, err
	}
	select {
	case <-asked.known:
	case <-s.over:
	case <-gone(): // it is done all the same
	}
	select {
	case <-asked.known:
		return "", asked.err
	default:
		return "", nil // it was to end, and with all of them it has
	}
}

// do returns an outcome if there is more to be waited for.
func (s *Services) do(what, argument, name string) (text string, asked *outcome, err error) {
	switch what {
	case DoStatus, DoList, DoHealthy, DoLog, DoStart:
		argument, name = "", argument
	case DoStop, DoRestart, DoKill:
	default:
		return "", nil, fmt.Errorf("%q is nothing that can be asked of services", what)
	}
	u := s.find(name)
	switch {
	case u == nil && name != "":
		return "", nil, fmt.Errorf("there is no service %q", name)
	case what == DoStatus:
		return s.status(u), nil, nil
	case what == DoList:
		return s.list(u), nil, nil
	case what == DoHealthy:
		return "", nil, s.healthy(u)
	case u == nil:
		return "", nil, errors.New("which service?")
	case s.ending && what != DoKill && what != DoLog:
		return "", nil, errAllStop
	}
	switch what {
	case DoLog:
		if u.output == nil || u.output.file == "" {
			return "", nil, fmt.Errorf("the output of %s is in no file: it goes where that of the container does, or nowhere", name)
		}
		format := "text "
		if u.Logging.Driver == service.JSONFile {
			format = "json "
		}
		return format + u.output.file, nil, nil
	case DoStart:
		asked, err = u.startByHand()
		return "", asked, err
	case DoKill:
		sig, err := forwarder.ParseSignal(argument)
		if err == nil && u.supervisor.PID() == 0 {
			err = fmt.Errorf("%s is %s", name, u.state)
		}
		if err == nil {
			u.supervisor.Kill(sig)
		}
		return "", nil, err
	}
	after := u.StopGrace
	if argument != "-" {
		d, err := time.ParseDuration(argument)
		if err != nil {
			return "", nil, err
		}
		after = d
	}
	if what == DoRestart {
		asked, err = u.restartByHand(after)
		return "", asked, err
	}
	return "", u.stopByHand(after), nil
}

// healthy is for probes of the whole container.
func (s *Services) healthy(one *unit) error {
	for _, u := range s.units {
		if one != nil && u != one || one == nil && u.state == ended && u.code() == 0 {
			continue // a one-shot that is done
		}
		if err := u.unwell(); err != nil {
			return err
		}
	}
	return nil
}

func (u *unit) unwell() error {
	switch {
	case u.state == ended:
		return fmt.Errorf("%s has ended", u.Name)
	case u.state != running:
		return fmt.Errorf("%s is %s", u.Name, u.state)
	case u.Health != nil && u.health.state != healthy:
		return fmt.Errorf("%s is %s", u.Name, u.health.state)
	case u.Notify && !u.ready:
		return fmt.Errorf("%s is not ready", u.Name)
	}
	return nil
}

// status is an array of objects, one for each service in the order in which they start.
func (s *Services) status(one *unit) string {
	objects := []jsontext.Object{}
	for _, u := range s.units {
		if one == nil || u == one {
			objects = append(objects, u.object())
		}
	}
	return string(jsontext.Append(nil, objects))
}

// list has the rows of a table: name, state, process, health, time, restarts, what it says of itself.
func (s *Services) list(one *unit) string {
	var b strings.Builder
	for _, u := range s.units {
		if one != nil && u != one {
			continue
		}
		for _, cell := range u.row() {
			b.WriteString(strconv.Quote(cell) + " ")
		}
		b.WriteString("; ")
	}
	return b.String()
}

// HasEnded is told a row of DoList.
func HasEnded(row []string) bool { return len(row) > 1 && strings.HasPrefix(row[1], string(ended)) }

func (u *unit) row() []string {
	state, pid, health, lasted := string(u.state), "-", "-", "-"
	switch {
	case u.state == ended && u.exit != nil:
		state += ", " + u.exit.String()
	case u.state == pausing:
		state += " after " + u.exit.String()
	}
	if p := u.supervisor.PID(); p != 0 {
		pid, lasted = strconv.Itoa(p), time.Since(u.started).Round(time.Second).String()
	}
	switch {
	case u.health.state != unchecked:
		health = string(u.health.state)
	case u.ready:
		health = "ready"
	case u.Notify:
		health = "not ready"
	}
	return []string{u.Name, state, pid, health, lasted, strconv.Itoa(u.restarts), u.says()}
}

// says is what it has said of itself, and what of its output is in no file.
func (u *unit) says() string {
	if u.lost() == 0 {
		return u.status
	}
	return strings.TrimSpace(fmt.Sprintf("%s (%d bytes of output were lost)", u.status, u.lost()))
}

func (u *unit) lost() (bytes int64) {
	if u.output != nil && u.output.log != nil {
		bytes, _, _ = u.output.log.Lost()
	}
	return bytes
}

func (u *unit) object() jsontext.Object {
	o := jsontext.Object{
		{Name: "name", Value: u.Name}, {Name: "state", Value: string(u.state)}, {Name: "restarts", Value: u.restarts},
	}
	add := func(is bool, name string, value any) {
		if is {
			o = append(o, jsontext.Member{Name: name, Value: value})
		}
	}
	pid := u.supervisor.PID()
	add(pid != 0, "pid", pid)
	add(!u.started.IsZero(), "started", u.started.Format(time.RFC3339))
	add(u.health.state != unchecked, "health", string(u.health.state))
	add(u.Notify, "ready", u.ready)
	add(u.status != "", "status", u.status)
	if u.exit != nil {
		add(true, "exit_code", u.exit.code)
		add(u.exit.signal != "", "signal", u.exit.signal)
	}
	add(u.Essential, "essential", true)
	if u.output != nil {
		add(u.output.file != "", "output", u.output.file)
	}
	add(u.lost() > 0, "lost_bytes", float64(u.lost()))
	return o
}
