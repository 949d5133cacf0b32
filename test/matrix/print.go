package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// printFront prints how tinit under its own name differs from its peers, and
// then how it does by theirs.
func (l *lab) printFront(w io.Writer, lines map[string]line) {
	inits := l.inits()
	titles := []string{""}
	for _, c := range inits {
		titles = append(titles, c.version())
	}
	head(w, titles)
	for _, g := range groups {
		begun := false
		for _, r := range g.rows {
			if !r.front {
				continue
			}
			if !begun {
				section(w, g.title, inits)
				begun = true
			}
			words := []string{r.what}
			for _, c := range inits {
				words = append(words, cmp.Or(lines[r.what][c.name], none))
			}
			tableLine(w, words)
		}
	}
	section(w, "Cost", inits)
	for _, r := range costs {
		words := []string{r.what}
		for _, c := range inits {
			words = append(words, l.measure(r, c))
		}
		tableLine(w, words)
	}
	l.printDifferences(w, lines)
	fmt.Fprintf(w, "\n%s, %s\n", kernel(), time.Now().Format(time.DateOnly))
}

func section(w io.Writer, title string, columns []column) {
	tableLine(w, append([]string{"**" + title + "**"}, make([]string, len(columns))...))
}

// printDifferences sums up what is not the same under a peer's name.
func (l *lab) printDifferences(w io.Writer, lines map[string]line) {
	compared, same := 0, 0
	for _, cells := range lines {
		for _, c := range l.columns {
			if cell, ok := cells[c.name]; ok && c.peer != "" {
				compared++
				if cell == cells[c.peer] {
					same++
				}
			}
		}
	}
	fmt.Fprintf(w, "\nCalled by the name of a peer, tinit does as the peer does: in %d of the %d cells of [the whole matrix](docs/matrix.md).",
		same, compared)
	fmt.Fprint(w, " The others are meant:\n\n")
	head(w, []string{"", "why", "called", "where"})
	for i, reason := range reasons() {
		var rows, names []string
		for _, d := range differences {
			if d.reason == reason {
				rows, names = append(rows, d.row), append(names, d.peer)
			}
		}
		tableLine(w, []string{fmt.Sprint(i + 1), reason, strings.Join(unique(names), ", "), strings.Join(unique(rows), "; ")})
	}
}

// reasons are those of the documented differences, each once. The number of a
// reason is its place.
func reasons() (all []string) {
	for _, d := range differences {
		all = append(all, d.reason)
	}
	return unique(all)
}

func unique(words []string) (each []string) {
	for _, word := range words {
		if !slices.Contains(each, word) {
			each = append(each, word)
		}
	}
	return each
}

// inits are the columns of inits under their own names.
func (l *lab) inits() (own []column) {
	for _, c := range l.columns {
		if c.peer == "" {
			own = append(own, c)
		}
	}
	return own
}

// printAll prints all rows that were measured, with what is the same for tinit by
// a peer's name as "=", and what is not with the number of its reason.
func (l *lab) printAll(w io.Writer, lines map[string]line) {
	fmt.Fprint(w, "# The matrix\n\n"+
		"What tinit does, what tini, dumb-init and catatonit do, and what tinit does when it is called by their names: `=` is the same as the\n"+
		"peer, and a number in brackets is why not, below. The output of `make matrix`; "+kernel()+", "+time.Now().Format(time.DateOnly)+".\n")
	titles := []string{""}
	for _, c := range l.columns {
		if c.peer != "" {
			titles = append(titles, "called "+c.peer)
		} else {
			titles = append(titles, c.version())
		}
	}
	for _, g := range groups {
		begun := false
		for _, r := range g.rows {
			cells, ok := lines[r.what]
			if !ok {
				continue
			}
			if !begun {
				fmt.Fprintf(w, "\n## %s\n\n", g.title)
				head(w, titles)
				begun = true
			}
			words := []string{r.what}
			for _, c := range l.columns {
				words = append(words, cells.word(r, c))
			}
			tableLine(w, words)
		}
	}
	begun := false
	for i, reason := range reasons() {
		if !slices.ContainsFunc(differences, func(d difference) bool { return d.reason == reason && lines[d.row] != nil }) {
			continue
		}
		if !begun {
			fmt.Fprint(w, "\n## Why not the same\n\n")
			begun = true
		}
		fmt.Fprintf(w, "%d. %s\n", i+1, reason)
	}
}

// word is what the table has of a cell.
func (cells line) word(r row, c column) string {
	cell, ok := cells[c.name]
	switch {
	case !ok:
		return none
	case c.peer == "":
		return cell
	case cell == cells[c.peer]:
		return "="
	}
	why := "?"
	if d := find(differences, r.what, c.peer); d != nil {
		why = fmt.Sprint(1 + slices.Index(reasons(), d.reason))
	}
	return cell + " [" + why + "]"
}

func head(w io.Writer, titles []string) {
	tableLine(w, titles)
	fmt.Fprintln(w, "|"+strings.Repeat(" --- |", len(titles)))
}

func tableLine(w io.Writer, words []string) {
	for i, word := range words {
		words[i] = strings.ReplaceAll(word, "|", `\|`)
	}
	fmt.Fprintln(w, "| "+strings.Join(words, " | ")+" |")
}

func kernel() string {
	var u unix.Utsname
	_ = unix.Uname(&u)
	release, _, _ := strings.Cut(unix.ByteSliceToString(u.Release[:]), "-")
	return "Linux " + release + " " + unix.ByteSliceToString(u.Machine[:])
}
