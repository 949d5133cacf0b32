package main

import (
	"os"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"
)

// A table is what a command lists: a line with the columns' names, if they have any, and one for each row. Columns are as wide
// as they have to be.
type table struct {
	columns []column
	rows    [][]string
	gap     int // blanks between columns, 0 for one
}

type column struct {
	name string
	side side
}

// A side is the one that a column's texts end at.
type side bool

const (
	left  side = false
	right side = true
)

// add adds a row, with a cell for each column. Cells may hold anything.
func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// text has no line that is wider than width, if that is not 0.
func (t *table) text(width int) string {
	rows := t.rows
	if t.columns[0].name != "" {
		rows = append([][]string{t.names()}, rows...)
	}
	widths := make([]int, len(t.columns))
	for _, row := range rows {
		for i, cell := range row {
			row[i] = printable(cell)
			widths[i] = max(widths[i], textWidth(row[i]))
		}
	}
	var text strings.Builder
	for _, row := range rows {
		var one strings.Builder
		for i, cell := range row {
			if i > 0 {
				one.WriteString(strings.Repeat(" ", max(t.gap, 1)))
			}
			blanks := strings.Repeat(" ", widths[i]-textWidth(cell))
			switch {
			case t.columns[i].side == right:
				one.WriteString(blanks + cell)
			case i == len(row)-1:
				one.WriteString(cell)
			default:
				one.WriteString(cell + blanks)
			}
		}
		text.WriteString(cut(one.String(), width) + "\n")
	}
	return text.String()
}

func (t *table) names() (names []string) {
	for _, c := range t.columns {
		names = append(names, c.name)
	}
	return names
}

// screenWidth is how many columns the terminal has that f is, 0 if it is none or does not know.
func screenWidth(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// printable is s with nothing in it that a terminal would take for a command, or not show, as ps(1) does it: the names and
// arguments of processes are chosen by anybody.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// cut cuts s to width columns of a terminal, if that is not 0.
func cut(s string, width int) string {
	if width <= 0 {
		return s
	}
	used := 0
	for i, r := range s {
		if used += runeWidth(r); used > width {
			return s[:i]
		}
	}
	return s
}

func textWidth(s string) (width int) {
	for _, r := range s {
		width += runeWidth(r)
	}
	return width
}

// wide are the blocks of characters that take two columns, for the most part (East Asian Width in Unicode's annex 11).
var wide = [...]struct{ first, last rune }{
	{0x1100, 0x115f}, {0x2e80, 0x303e}, {0x3041, 0xa4cf}, {0xa960, 0xa97c}, {0xac00, 0xd7a3}, {0xf900, 0xfaff},
	{0xfe30, 0xfe6f}, {0xff01, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
	{0x20000, 0x3fffd},
}

// runeWidth is how many columns of a terminal a printable character takes. If a terminal sees it otherwise, a line is cut
// too late and takes two.
func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0 // it goes onto the one before
	}
	for _, block := range wide {
		if r >= block.first && r <= block.last {
			return 2
		}
	}
	return 1
}
