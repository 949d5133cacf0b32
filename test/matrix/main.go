// Matrix runs tinit beside tini, dumb-init and catatonit, and by their names in
// their place, and prints what it sees. As root, with the three installed:
//
//	go run ./test/matrix                     # what the documents have of it
//	go run ./test/matrix -write              # into README.md and docs
//	go run ./test/matrix -row 'exit code'    # rows whose name has these words
//
// Every cell is measured: by exit codes, by /proc as seen from outside, by what
// a terminal shows. Under go test a row fails where tinit, called by the name of
// a peer, is not as the peer is, unless differences.go says so and why.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/tinit-dev/tinit/test/internal/children"
)

func main() {
	if children.Run() {
		return
	}
	write := flag.Bool("write", false, "write it into README.md and docs, in the current directory")
	only := flag.String("row", "", "print only rows whose name has these `WORDS`")
	flag.Parse()
	if err := matrix(*write, *only); err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

func matrix(write bool, only string) error {
	l, err := newLab()
	if err != nil {
		return err
	}
	defer l.close()
	lines := l.lines(only)
	if only != "" {
		l.printAll(os.Stdout, lines)
		return nil
	}
	var front, why, all bytes.Buffer
	l.printFront(&front, lines)
	printDifferences(&why)
	l.printAll(&all, lines)
	if write {
		err = errors.Join(
			replace("README.md", "measured", front.Bytes()),
			replace("docs/compatibility.md", "differences", why.Bytes()),
			os.WriteFile("docs/matrix.md", all.Bytes(), 0o644))
	} else {
		_, err = fmt.Printf("%s\n%s\n%s", &front, &why, &all)
	}
	for _, r := range allRows() {
		for _, text := range l.complaints(r, lines[r.what], differences) {
			err = errors.Join(err, fmt.Errorf("%s: %s", r.what, text))
		}
	}
	return err
}

// replace puts text between the comments that mark its begin and its end.
func replace(file, mark string, text []byte) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	begin := bytes.Index(old, []byte("<!-- "+mark+": begin"))
	end := bytes.Index(old, []byte("<!-- "+mark+": end"))
	if begin < 0 || end < begin {
		return fmt.Errorf("%s has no comments that mark %q", file, mark)
	}
	first := begin + bytes.IndexByte(old[begin:], '\n') + 1
	return os.WriteFile(file, slices.Concat(old[:first], []byte("\n"), text, []byte("\n"), old[end:]), 0o644)
}

// lines measures all rows whose name has the words.
func (l *lab) lines(words string) map[string]line {
	var mu sync.Mutex
	var wg sync.WaitGroup
	lines := map[string]line{}
	for _, r := range allRows() {
		if !strings.Contains(strings.ToLower(r.what), strings.ToLower(words)) {
			continue
		}
		wg.Go(func() {
			cells := l.line(r)
			mu.Lock()
			defer mu.Unlock()
			lines[r.what] = cells
		})
	}
	wg.Wait()
	return lines
}
