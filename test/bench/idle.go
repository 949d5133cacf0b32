package main

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"
)

const (
	crowd  = 20
	settle = time.Second // in which what belongs to the start is over
	window = 10 * time.Second
)

// idlers are what is there when nothing happens. PROGRAM alone would be compared
// with itself.
func (b *bench) idlers() []*candidate { return append([]*candidate{b.sleeps}, b.inits...) }

// rest starts a candidate whose PROGRAM sleeps.
func (c *candidate) rest() (*instance, error) {
	i, err := c.start("sh", "-c", "echo ready; exec sleep 1000")
	if err != nil || c.deaf {
		return i, err
	}
	if err := i.hears("ready"); err != nil {
		i.stop()
		return nil, err
	}
	return i, nil
}

// A resting is an instance whose PROGRAM sleeps.
type resting struct {
	*candidate
	*instance
}

// together runs candidates that rest, has a look at them, and ends them.
func together(all []*candidate, look func([]resting) error) error {
	var running []resting
	defer func() {
		for _, r := range running {
			r.stop()
		}
	}()
	for _, c := range all {
		i, err := c.rest()
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		running = append(running, resting{c, i})
	}
	time.Sleep(settle)
	return look(running)
}

// memory has the pages of one instance, and what each of many comes to: pages of
// the file are paid for once.
func (b *bench) memory() ([]row, error) {
	single := map[string]samples{"Private_Dirty": {}, "Private_Clean": {}, "Pss": {}}
	for range b.rounds {
		if b.ctx.Err() != nil {
			return nil, context.Cause(b.ctx)
		}
		err := together(b.idlers(), func(all []resting) error {
			for field, s := range single {
				if err := s.addPages(all, field); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	share := samples{}
	err := b.inTurn(1, b.idlers(), func(c *candidate) error {
		return together(slices.Repeat([]*candidate{c}, crowd), func(all []resting) error {
			// What one has written is its own affair, and a Go program's is never twice the same.
			if err := single["Private_Dirty"].addPages(all, "Private_Dirty"); err != nil {
				return err
			}
			return share.addPages(all, "Pss")
		})
	})
	if err != nil {
		return nil, err
	}
	floored := func(what string, of samples, g *goal) row {
		medians := of.medians()
		return row{what: what, of: medians, show: kibibytes, floor: medians[emptyGo], goal: g}
	}
	return []row{
		floored("memory when idle: written pages (Private_Dirty)", single["Private_Dirty"], &goal{1.25, floor}),
		floored("the same: pages of files that nobody else has mapped (Private_Clean)", single["Private_Clean"], nil),
		floored("the same: with a share of those that others have too (Pss)", single["Pss"], nil),
		floored(fmt.Sprintf("Pss of one of %d instances", crowd), share, nil),
	}, nil
}

func (s samples) addPages(all []resting, field string) error {
	for _, r := range all {
		kib, err := numberOf(proc(r.pid, "smaps_rollup"), field)
		if err != nil {
			return err
		}
		s.add(r.candidate, kib)
	}
	return nil
}

// idle looks at all candidates during one span of time.
func (b *bench) idle() ([]row, error) {
	switches, threads := cells{}, cells{}
	err := together(b.idlers(), func(all []resting) error {
		for _, r := range all {
			before, err := switchesOf(r.pid)
			if err != nil {
				return err
			}
			switches[r.name] = -before
		}
		select {
		case <-time.After(window):
		case <-b.ctx.Done():
			return context.Cause(b.ctx)
		}
		for _, r := range all {
			after, err := switchesOf(r.pid)
			if err != nil {
				return err
			}
			switches[r.name] = (switches[r.name] + after) / window.Seconds()
			if threads[r.name], err = threadsOf(r.pid); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return []row{
		{what: "context switches a second when idle", of: switches, show: number, goal: &goal{0, absolute}},
		{what: "threads", of: threads, show: number, goal: &goal{8, absolute}},
	}, nil
}

// size is of the file, and of what else it needs to run.
func (b *bench) size() ([]row, error) {
	bytes, linked := cells{}, map[string]string{}
	for _, c := range append([]*candidate{b.ends}, b.inits...) {
		info, err := os.Stat(c.path)
		if err != nil {
			return nil, err
		}
		bytes[c.name] = float64(info.Size())
		if linked[c.name], err = linkage(c.path); err != nil {
			return nil, err
		}
	}
	if path, err := exec.LookPath("tini-static"); err == nil {
		if info, err := os.Stat(path); err == nil {
			linked[tini] += fmt.Sprintf(" (static: %s)", kilobytes(float64(info.Size())))
		}
	}
	return []row{
		{what: "size of the binary", of: bytes, notes: linked, show: kilobytes, floor: bytes[emptyGo], goal: &goal{3_500_000, absolute}},
	}, nil
}

func linkage(path string) (string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		return "dynamic", nil
	}
	return "static", nil
}
