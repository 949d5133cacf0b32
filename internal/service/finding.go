package service

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tinit-dev/tinit/internal/yaml"
)

// A Finding is what there is to be said of a place in a file.
type Finding struct {
	Path         string
	Line, Column int // from 1
	Text         string
}

// String is of the form that editors take the reader to the place for.
func (f Finding) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", f.Path, f.Line, f.Column, f.Text)
}

// Errors are all that is wrong with a file, in the order of its lines.
type Errors []Finding

func (e Errors) Error() string {
	lines := make([]string, 0, len(e))
	for _, f := range e {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

// findings are collected as a file is read.
type findings struct {
	path     string
	errors   Errors
	warnings []Finding
}

func (f *findings) fail(at *yaml.Node, format string, args ...any) {
	f.errors = append(f.errors, Finding{f.path, at.Line, at.Column, fmt.Sprintf(format, args...)})
}

func (f *findings) warn(at *yaml.Node, format string, args ...any) {
	f.warnings = append(f.warnings, Finding{f.path, at.Line, at.Column, fmt.Sprintf(format, args...)})
}

// sorted: what is said of one place stays in its order. The services file is the first, the others follow as it names them.
func (f *findings) sorted(all []Finding) []Finding {
	files := []string{f.path}
	for _, one := range all {
		if !slices.Contains(files, one.Path) {
			files = append(files, one.Path)
		}
	}
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(files, a.Path), slices.Index(files, b.Path)), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return all
}
