package main

import (
	"cmp"
	"fmt"
	"io"
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
		for _, r := range g.rows {
			if r.front {
				words := []string{r.what}
				for _, c := range inits {
					words = append(words, cmp.Or(lines[r.what][c.name], none))
				}
				tableLine(w, words)
			}
		}
	}
	for _, r := range costs {
		words := []string{r.what}
		for _, c := range inits {
			words = append(words, l.measure(r, c))
		}
		tableLine(w, words)
	}
	compared := 0
	for _, cells := range lines {
		for _, c := range l.columns {
			if _, ok := cells[c.name]; ok && c.peer != "" {
				compared++
			}
		}
	}
	fmt.Fprintf(w, "\nCalled by the name of a peer, tinit does as the peer does: in %d of %d cells.", compared-len(differences), compared)
	if len(differences) > 0 {
		fmt.Fprint(w, " The others:\n\n")
		head(w, []string{"", "the peer", "tinit by its name", "why"})
		for _, d := range differences {
			tableLine(w, []string{d.row, d.peer + ": " + lines[d.row][d.peer], d.tinit, d.reason})
		}
	}
	fmt.Fprintf(w, "\n%s, %s\n", kernel(), time.Now().Format(time.DateOnly))
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
// a peer's name as "=".
func (l *lab) printAll(w io.Writer, lines map[string]line) {
	fmt.Fprint(w, "# The matrix\n\n"+
		"What tinit does, what tini, dumb-init and catatonit do, and what tinit does when it is called by their names. `=` is the same as the\n"+
		"peer's. The output of `make matrix`; "+kernel()+", "+time.Now().Format(time.DateOnly)+".\n")
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
				cell, ok := cells[c.name]
				switch {
				case !ok:
					cell = none
				case c.peer == "":
				case cell == cells[c.peer]:
					cell = "="
				default:
					cell = "**" + cell + "**"
				}
				words = append(words, cell)
			}
			tableLine(w, words)
		}
	}
	if len(differences) > 0 {
		fmt.Fprint(w, "\n## Why not the same\n\n")
		for _, d := range differences {
			if _, ok := lines[d.row]; ok {
				fmt.Fprintf(w, "- %s, as %s: %s\n", d.row, d.peer, d.reason)
			}
		}
	}
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
