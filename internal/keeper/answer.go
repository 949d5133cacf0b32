package keeper

import (
	"errors"
	"fmt"
	"time"

	"github.com/tinit-dev/tinit/forwarder"
)

// What can be asked of a keeper, each with its argument.
const (
	DoStop    = "stop"    // until KILL: a duration, or "-" for the job's own
	DoKill    = "kill"    // a signal's number
	DoRestart = "restart" // as with stop. The reply comes when it was started again
	DoTrouble = "trouble" // none. The reply is what is wrong with the streams, if anything is
)

// answer runs in a goroutine of the client's.
func (k *Keeper) answer(words []string) (text string, err error) {
	words = append(words, "", "")
	do, argument := words[0], words[1]
	switch do {
	case DoStop:
		after, err := k.stopAfter(argument)
		if err != nil {
			return "", err
		}
		return "", k.do(func() {
			if k.restart != nil { // who asks last is heeded
				k.restart("", errors.New("it was stopped, and not started again"))
				k.restart = nil
			}
			k.supervisor.Stop(after)
		})
	case DoKill:
		sig, err := forwarder.ParseSignal(argument)
		if err != nil {
			return "", err
		}
		return "", k.do(func() { k.supervisor.Kill(sig) })
	case DoRestart:
		after, err := k.stopAfter(argument)
		if err != nil {
			return "", err
		}
		return k.startedAgain(after)
	case DoTrouble:
		return k.streams.trouble(), nil
	}
	return "", fmt.Errorf("%q is nothing that can be asked of a job", do)
}

// do has f called by the owner of all this.
func (k *Keeper) do(f func()) error {
	if !k.supervisor.Do(f, k.over) {
		return errors.New("it has just ended")
	}
	return nil
}

func (k *Keeper) stopAfter(argument string) (time.Duration, error) {
	if argument == "-" {
		return k.cfg.StopAfter, nil
	}
	return time.ParseDuration(argument)
}

func (k *Keeper) startedAgain(stopAfter time.Duration) (text string, err error) {
	type result struct {
		text string
		err  error
	}
	started := make(chan result, 1)
	err = k.do(func() {
		earlier := k.restart
		k.restart = func(text string, err error) {
			if earlier != nil {
				earlier(text, err)
			}
			started <- result{text, err}
		}
		k.supervisor.Stop(stopAfter) // again, since this one may be in more of a hurry
	})
	if err != nil {
		return "", err
	}
	select {
	case r := <-started:
		return r.text, r.err
	case <-k.over:
		return "", errors.New("it has ended, and was not started again")
	}
}
