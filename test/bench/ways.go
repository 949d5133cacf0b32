package main

import "path/filepath"

// ways compares how tinit could be woken where it reaps itself: see directory
// ways. It is for docs/performance.md, and no metric of the table.
func (b *bench) ways() ([]row, error) {
	path := filepath.Join(b.dir, "ways")
	if err := build(path, "github.com/tinit-dev/tinit/test/bench/ways"); err != nil {
		return nil, err
	}
	var all []*candidate
	for _, way := range []string{"os/signal", "waitid", "waitid, SIGCHLD at its default", "handler"} {
		all = append(all, &candidate{name: way, path: path, args: []string{way}})
	}
	one, storm := samples{}, samples{}
	err := b.inTurn(b.rounds, all, func(c *candidate) error {
		i, err := c.start("bench-orphans")
		if err != nil {
			return err
		}
		defer i.stop()
		if err := i.hears("ready"); err != nil {
			return err
		}
		each, err := i.reaping("one")
		if err != nil {
			return err
		}
		one.add(c, each)
		each, err = i.reaping("storm")
		storm.add(c, each)
		return err
	})
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, c := range all {
		rows = append(rows,
			row{what: "CPU an orphan, one after another: " + c.name, of: one.medians(), as: c.name, show: microseconds},
			row{what: "CPU an orphan, in a storm: " + c.name, of: storm.medians(), as: c.name, show: microseconds})
	}
	return rows, nil
}
