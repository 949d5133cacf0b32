// Package service is the services file: read, checked, and put in order. It starts nothing.
//
// The file is a subset of the Compose specification, whose words mean here what they mean there, with keys of tinit's own that
// begin with x-. What Compose, or another reader of YAML, takes for something else than what was written is an error.
package service

import (
	"syscall"
	"time"
)

// ProgramName stands in a file for the PROGRAM of the command line.
const ProgramName = "program"

// A File is what there is to be started.
type File struct {
	Services []Service // in the file's order; PROGRAM, if there is one, where the file has it, else the last
}

// A Service is a program that is started and looked after, PROGRAM too.
type Service struct {
	Name      string
	Args      []string // the program, and its arguments: at least one
	Env       []string // changes to tinit's own environment, in this order: K=V sets K, K alone takes it out
	User      string   // as for [session.LookupUser], which knows it; empty: tinit's own
	Dir       string   // empty: tinit's own
	DependsOn []Dependency
	Health    *Health // nil: none
	Notify    bool    // it says READY=1 (sd_notify(3)) when it is ready, and is not healthy before
	Restart   Restart
	// Essential is one whose end ends all, with its code, if no start follows it.
	Essential bool
	// Spared is one whose failure ends nothing, even for good: the file says that it is not essential. Of others that are not, a
	// failure that no start follows ends all, with its code.
	Spared     bool
	StopSignal syscall.Signal
	StopGrace  time.Duration // between StopSignal and KILL
	Logging    Logging
	Line       int // of its name in the file; 0 for a PROGRAM that the file does not name
}

// A Dependency is a service that has to be in some condition before another one is started.
type Dependency struct {
	Name      string
	Condition Condition
	Optional  bool // if it fails to be in that condition that is worth a warning, and no more
}

// A Condition is what is waited for.
type Condition int

const (
	Started   Condition = iota // its program runs
	Healthy                    // its check has succeeded, it has said that it is ready, or both if it has both
	Completed                  // it has ended with 0
)

func (c Condition) String() string {
	return [...]string{"service_started", "service_healthy", "service_completed_successfully"}[c]
}

// A Health is a program that ends with 0 while a service is well.
type Health struct {
	Test          []string      // the program and its arguments
	Interval      time.Duration // from the end of one to the beginning of the next
	Timeout       time.Duration // for each, which has failed then
	Retries       int           // how many have to fail, one after another, for the service not to be well any more
	StartPeriod   time.Duration // from the start of the service, in which failures do not count until one has succeeded
	StartInterval time.Duration // as Interval, in that time
}

// A Restart says what follows the end of a service, in Docker's words.
type Restart struct {
	Always    bool
	OnFailure bool
	Limit     int // of OnFailure: how often at most, 0 for no limit
}

// A Driver is where a service's output goes.
type Driver int

const (
	Own      Driver = iota // tinit's own streams
	JSONFile               // files, in Docker's format
	Local                  // files, of lines as they are
	None                   // nowhere
)

// Logging is what becomes of a service's output.
type Logging struct {
	Driver   Driver
	MaxSize  int64 // of a file in bytes, when the next one is begun; 0: never
	MaxFiles int   // how many there are at most, that one included
	Prefix   bool  // of Own: with the service's name before each line
}
