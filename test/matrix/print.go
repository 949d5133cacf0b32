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

// printFront prints how tinit differs from its peers under its own name, and
// then how by theirs.
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
	l.printCounts(w, lines)
	fmt.Fprintf(w, "\n%s, %s\n", kernel(), time.Now().Format(time.DateOnly))
}

func section(w io.Writer, title string, columns []column) {
	tableLine(w, append([]string{"**" + title + "**"}, make([]string, len(columns))...))
}

// printCounts says how much is the same under the peers' names.
func (l *lab) printCounts(w io.Writer, lines map[string]line) {
	var counts []string
	for _, c := range l.columns {
		if c.peer != "" {
			same, compared := l.same(c, lines)
			counts = append(counts, fmt.Sprintf("in %d of %d cells as %s", same, compared, c.peer))
		}
	}
	fmt.Fprintf(w, "\nCalled by the name of a peer, tinit does as the peer does: %s.\n"+
		"[docs/compatibility.md](docs/compatibility.md) has the differences, which are meant, and [docs/matrix.md](docs/matrix.md) all cells.\n",
		strings.Join(counts, ", "))
}

// printDifferences prints why cells are not the same.
func printDifferences(w io.Writer) {
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

// same says in how many cells a column is as the peer's.
func (l *lab) same(c column, lines map[string]line) (same, compared int) {
	for _, cells := range lines {
		if cell, ok := cells[c.name]; ok {
			compared++
			if cell == cells[c.peer] {
				same++
			}
		}
	}
	return same, compared
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
	fmt.Fprint(w, "# tinit beside its peers, and in their place\n\n"+
		"What tinit does, what tini, dumb-init and catatonit do, and what tinit does when it is called by their names: `=` is the same as the\n"+
		"peer, and a number in brackets is why not, in [compatibility.md](compatibility.md). The output of `make matrix`; "+kernel()+", "+time.Now().Format(time.DateOnly)+".\n")
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
