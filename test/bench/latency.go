package main

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const signalsEach = 400

// latency has the time from kill(2) to PROGRAM's return from the wait for that
// signal. Between signals all sleep, as they do when a signal comes once in a
// while.
func (b *bench) latency() ([]row, error) {
	ns, later := samples{}, samples{}
	all := append([]*candidate{b.alone}, b.inits...)
	err := b.inTurn(b.rounds, all, func(c *candidate) error {
		file := filepath.Join(b.dir, "times")
		if err := os.WriteFile(file, make([]byte, 8*(1+signalsEach)), 0o600); err != nil {
			return err
		}
		got, err := mapTimes(file)
		if err != nil {
			return err
		}
		i, err := c.start("bench-blocked", "bench-await", file)
		if err != nil {
			return err
		}
		defer i.stop()
		if err := i.hears("ready"); err != nil {
			return err
		}
		threads, err := threadsOf(i.pid)
		if err != nil {
			return err
		}
		for n := range int64(signalsEach) {
			time.Sleep(time.Millisecond)
			sent := now()
			if err := unix.Kill(i.pid, asked); err != nil {
				return os.NewSyscallError("kill", err)
			}
			if err := got.wait(n + 1); err != nil {
				return err
			}
			ns.add(c, float64(got.at[n]-sent))
		}
		after, err := threadsOf(i.pid)
		later.add(c, after-threads)
		return err
	})
	if err != nil {
		return nil, err
	}
	median, p99 := ns.medians(), ns.quantiles(0.99)
	delete(later, noInit)
	return []row{
		{what: "forward latency, median", of: median, show: microseconds, floor: median[noInit], goal: &goal{2, catatonit}},
		{what: "forward latency, p99", of: p99, show: microseconds, floor: p99[noInit]},
		{what: "threads that signals add", of: later.maxima(), show: number, goal: &goal{0, absolute}},
	}, nil
}

var errLost = errors.New("a signal did not come through")

func (t *times) wait(count int64) error {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Microsecond) {
		if t.count.Load() >= count {
			return nil
		}
	}
	return errLost
}
