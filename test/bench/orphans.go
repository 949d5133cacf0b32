package main

import "time"

// A storm is a small one, for there have to be many: whether an init is woken by
// each orphan or by the first of a few hundred is up to the scheduler's mood.
const (
	orphansEach = 4000
	batch       = 200
)

// orphans has the init's own CPU time for each orphan that ends. What they cost
// themselves, to be made, to be adopted and to end, is nothing of the init's.
func (b *bench) orphans() ([]row, error) {
	one, storm, later := samples{}, samples{}, samples{}
	reapers := b.reapers()
	err := b.inTurn(b.rounds, reapers, func(c *candidate) error {
		i, err := c.start("bench-orphans")
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
		each, err := i.reaping("one")
		if err != nil {
			return err
		}
		one.add(c, each)
		if each, err = i.reaping("storm"); err != nil {
			return err
		}
		storm.add(c, each)
		after, err := threadsOf(i.pid)
		later.add(c, after-threads)
		return err
	})
	if err != nil {
		return nil, err
	}
	rows := []row{
		{what: "CPU an orphan, one after another: " + kernelReaps, of: one.medians(), as: kernelReaps, goal: &goal{0.2, tini}},
		{what: "the same: " + tinitWaits, of: one.medians(), as: tinitWaits, goal: &goal{5, tini}},
		{what: "CPU an orphan, in a storm: " + kernelReaps, of: storm.medians(), as: kernelReaps, goal: &goal{0.2, tini}},
		{what: "the same: " + tinitWaits, of: storm.medians(), as: tinitWaits, goal: &goal{5, tini}},
	}
	for i := range rows {
		rows[i].show = microseconds
	}
	for _, as := range []string{kernelReaps, tinitWaits} {
		rows = append(rows, row{
			what: "threads that orphans add: " + as, of: later.maxima(), as: as, show: number, goal: &goal{0, absolute},
		})
	}
	return rows, nil
}

// reaping is the CPU time for one orphan of many.
func (i *instance) reaping(order string) (ns float64, err error) {
	for range orphansEach / batch {
		if err := i.ask("make", "done"); err != nil {
			return 0, err
		}
		before, err := i.settled()
		if err != nil {
			return 0, err
		}
		if err := i.ask(order, "done"); err != nil {
			return 0, err
		}
		after, err := i.settled()
		if err != nil {
			return 0, err
		}
		ns += after - before
	}
	return ns / orphansEach, nil
}

// settled is the CPU time when the init has come to rest: the scheduler adds what
// a thread has used when the thread leaves the CPU.
func (i *instance) settled() (float64, error) {
	time.Sleep(10 * time.Millisecond)
	return cpuOf(i.pid)
}
