package keeper

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/logfile"
	"github.com/tinit-dev/tinit/internal/service"
	"github.com/tinit-dev/tinit/session"
)

// outputs is where services write to.
type outputs struct {
	null     *os.File
	out, err *shared // this process's own
	width    int     // of the longest name that is written before lines
	coloured bool
	logDir   string
	pumps    []*pump
}

// An output is what a service is given for its streams.
type output struct {
	out, err *os.File
	file     string       // where it goes, empty for nowhere that could be read again
	log      *logfile.Log // nil if there is none
}

func openOutputs(cfg ServicesConfig) (*outputs, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	o := &outputs{null: null, out: newShared(unix.Stdout), err: newShared(unix.Stderr), logDir: cfg.LogDir}
	_, notTerminal := unix.IoctlGetTermios(unix.Stdout, unix.TCGETS)
	o.coloured = notTerminal == nil && os.Getenv("NO_COLOR") == ""
	for _, s := range cfg.Services {
		if s.Name != service.ProgramName && s.Logging.Driver == service.Own && s.Logging.Prefix {
			o.width = max(o.width, len(s.Name))
		}
	}
	return o, nil
}

func (o *outputs) open(s service.Service, user *session.User) (*output, error) {
	switch s.Logging.Driver {
	case service.None:
		return &output{out: o.null, err: o.null}, nil
	case service.JSONFile, service.Local:
		return o.openFile(s, user)
	}
	if !s.Logging.Prefix {
		return &output{out: os.Stdout, err: os.Stderr}, nil
	}
	prefix := o.prefix(s.Name)
	out, err1 := o.pipe(user, prefixed(prefix, o.out))
	err, err2 := o.pipe(user, prefixed(prefix, o.err))
	return &output{out: out, err: err}, errors.Join(err1, err2)
}

// openFile: one file has both streams, as Docker's have.
func (o *outputs) openFile(s service.Service, user *session.User) (*output, error) {
	if err := os.MkdirAll(o.logDir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("no place for its log: %w", err)
	}
	file := o.logDir + "/" + s.Name + ".log"
	log, err := logfile.Open(logfile.Config{Path: file, MaxSize: s.Logging.MaxSize, MaxFiles: s.Logging.MaxFiles, NoFollow: true})
	if err != nil {
		return nil, err
	}
	result := &output{file: file, log: log}
	if s.Logging.Driver == service.Local {
		result.out, err = o.pipe(user, log)
		result.err = result.out
		return result, err
	}
	var errs [2]error
	result.out, errs[0] = o.pipe(user, jsonLines("stdout", log))
	result.err, errs[1] = o.pipe(user, jsonLines("stderr", log))
	return result, errors.Join(errs[:]...)
}

// prefix is as Compose has it.
func (o *outputs) prefix(name string) string {
	prefix := name + strings.Repeat(" ", o.width-len(name)) + " | "
	if !o.coloured {
		return prefix
	}
	const first, count = 31, 6 // red to cyan, of the terminal's eight
	sum := 0
	for _, c := range []byte(name) {
		sum += int(c)
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", first+sum%count, prefix)
}

// pipe returns the end that a service of this user is to have of one whose other end goes to.
func (o *outputs) pipe(user *session.User, to io.Writer) (*os.File, error) {
	p, pipe, err := startPump(to, user)
	if err != nil {
		return nil, err
	}
	o.pumps = append(o.pumps, p)
	return pipe, nil
}

func (o *outputs) close() { drain(o.pumps) }
