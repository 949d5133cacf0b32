package keeper

import (
	"io"
	"os"
	"time"

	"github.com/tinit-dev/tinit/internal/logfile"
	"github.com/tinit-dev/tinit/session"
)

// A pump carries what comes out of a pipe to where it goes.
type pump struct {
	from *os.File
	done chan struct{} // closed when nothing will be carried any more
}

// startPump returns the end of the pipe that a program is to have. It is its user's, as engines have it for a container's: who opens
// /dev/stdout has to be its owner. Where this process may not give it away, it can be written to only. What a size limit raises when it is overstepped, SIGXFSZ, is not
// for the program, and package forwarder leaves it out.
func startPump(to io.Writer, owner *session.User) (p *pump, pipe *os.File, err error) {
	from, pipe, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	if owner != nil {
		_ = pipe.Chown(owner.UID, -1)
	}
	p = &pump{from, make(chan struct{})}
	go func() {
		defer close(p.done)
		logfile.Pump(from, to)
		if c, ok := to.(*cutter); ok {
			c.Close()
		}
	}()
	return p, pipe, nil
}

// drain returns when all that was written is where it goes, or cannot be got there soon. A pipe may be held open by somebody who has
// escaped, a file system may hang, and nobody may read.
func drain(pumps []*pump) {
	const patience = 2 * time.Second
	timeout := time.After(patience)
	for _, p := range pumps {
		_ = p.from.SetReadDeadline(time.Now())
		select {
		case <-p.done:
		case <-timeout:
			return
		}
	}
}

// isDone reports whether nothing will be carried any more.
func (p *pump) isDone() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}
