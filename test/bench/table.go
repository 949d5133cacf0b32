package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// cells are one value for each candidate, by name.
type cells map[string]float64

// A row is one line of the table.
type row struct {
	what  string
	of    cells
	as    string  // whose value stands in tinit's column, if not tinit's
	floor float64 // 0: there is none
	goal  *goal   // nil: none
	show  func(float64) string
	notes map[string]string
}

// A goal is the most that tinit may have, as a multiple of somebody's value.
type goal struct {
	limit float64
	of    string
}

// What else than a peer's name a goal refers to.
const (
	floor    = "floor"
	absolute = ""
)

var (
	columns = []string{noInit, emptyGo, tinit, tini, dumbInit, catatonit}
	ratios  = []string{tini, catatonit, floor}
)

func (b *bench) print(w io.Writer, rows []row) {
	titles := []string{""}
	for _, name := range columns {
		for _, c := range b.inits[1:] {
			if c.name == name {
				name += " " + c.version()
			}
		}
		titles = append(titles, name)
	}
	for _, name := range ratios {
		titles = append(titles, "tinit ÷ "+name)
	}
	line(w, append(titles, "goal"))
	fmt.Fprintln(w, "|"+strings.Repeat(" --- |", len(titles)+1))
	for _, r := range rows {
		line(w, r.words())
	}
	for _, text := range b.caveats {
		fmt.Fprintf(w, "\n%s\n", text)
	}
}

func line(w io.Writer, words []string) { fmt.Fprintln(w, "| "+strings.Join(words, " | ")+" |") }

const none = "–"

func (r row) words() []string {
	words := []string{r.what}
	for _, name := range columns {
		word := none
		if value := r.value(name); !math.IsNaN(value) {
			word = r.show(value)
			if note := r.notes[name]; note != "" {
				word += ", " + note
			}
		}
		words = append(words, word)
	}
	for _, name := range ratios {
		words = append(words, ratio(r.value(tinit)/r.value(name)))
	}
	return append(words, r.judged())
}

// value is NaN where there is none.
func (r row) value(name string) float64 {
	switch {
	case name == floor && r.floor != 0:
		return r.floor
	case name == tinit && r.as != "":
		name = r.as
	}
	if value, ok := r.of[name]; ok {
		return value
	}
	return math.NaN()
}

func ratio(value float64) string {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return none
	}
	return strconv.FormatFloat(value, 'f', 2, 64)
}

func (r row) judged() string {
	if r.goal == nil {
		return ""
	}
	value, limit := r.value(tinit), r.show(r.goal.limit)
	if r.goal.of != absolute {
		value, limit = value/r.value(r.goal.of), number(r.goal.limit)+" × "+r.goal.of
	}
	switch {
	case math.IsNaN(value):
		return none
	case value <= r.goal.limit:
		return "≤ " + limit + ": met"
	}
	return "≤ " + limit + ": **missed**"
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func milliseconds(ns float64) string { return fmt.Sprintf("%.2f ms", ns/1e6) }
func microseconds(ns float64) string { return fmt.Sprintf("%.1f µs", ns/1e3) }
func kibibytes(kib float64) string   { return fmt.Sprintf("%.0f KiB", kib) }
func kilobytes(b float64) string     { return fmt.Sprintf("%.0f kB", b/1000) }
