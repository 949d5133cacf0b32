package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A row is one thing that is measured of each column.
type row struct {
	what string
	// of measures a cell. What it says must not depend on how busy the machine is.
	of    func(*trial) string
	about string // the peer that the row is about, or empty: all
	front bool   // README.md has it
}

// A group is rows of one kind.
type group struct {
	title string
	rows  []row
}

var groups = []group{
	{"Exit codes", exitRows},
	{"Help, version, wrong usage", usageRows},
	{"Flags and variables", flagRows},
	{"Rewriting", rewriteRows},
	{"Signals", signalRows},
	{"Stop and continue", stopRows},
	{"The end", endRows},
	{"What PROGRAM and the init have", stateRows},
	{"Signals that the caller ignores or blocks", inheritedRows},
	{"Terminals", terminalRows},
	{"Orphans", orphanRows},
	{"Pause", pauseRows},
}

func allRows() (all []row) {
	for _, g := range groups {
		all = append(all, g.rows...)
	}
	return all
}

// none stands where a row is not about a column.
const none = "–"

func (r row) isAbout(c column) bool {
	return r.about == "" || c.name == tinit || c.name == r.about || c.peer == r.about
}

// A line is a row's cells, by the names of their columns.
type line map[string]string

// crowd is how many cells are measured at a time: most of them wait for something.
const crowd = 8

var room = make(chan struct{}, crowd)

// line measures a row.
func (l *lab) line(r row) line {
	var mu sync.Mutex
	var wg sync.WaitGroup
	cells := line{}
	for _, c := range l.columns {
		if !r.isAbout(c) {
			continue
		}
		wg.Go(func() {
			room <- struct{}{}
			cell := l.measure(r, c)
			<-room
			mu.Lock()
			defer mu.Unlock()
			cells[c.name] = cell
		})
	}
	wg.Wait()
	return cells
}

// complaints says what is wrong with the cells of a row: tinit by the name of a
// peer has to be as the peer itself is, but for what is documented.
func (l *lab) complaints(r row, cells line, documented []difference) (all []string) {
	for _, c := range l.columns {
		cell, ok := cells[c.name]
		if !ok {
			continue
		}
		if strings.HasPrefix(cell, errorCell) {
			all = append(all, fmt.Sprintf("%s: %s", c.name, cell))
			continue
		}
		if c.peer == "" {
			continue
		}
		peers := cells[c.peer]
		d := find(documented, r.what, c.peer)
		switch {
		case d == nil && cell != peers:
			all = append(all, fmt.Sprintf("%s: %q, but %s: %q", c.name, cell, c.peer, peers))
		case d != nil && cell == peers:
			all = append(all, fmt.Sprintf("%s and %s: both %q, but a difference is documented", c.name, c.peer, cell))
		case d != nil && cell != d.tinit:
			all = append(all, fmt.Sprintf("%s: %q, but %q is documented, and %s: %q", c.name, cell, d.tinit, c.peer, peers))
		}
	}
	return all
}

func find(documented []difference, what, peer string) *difference {
	i := slices.IndexFunc(documented, func(d difference) bool { return d.row == what && d.peer == peer })
	if i < 0 {
		return nil
	}
	return &documented[i]
}
