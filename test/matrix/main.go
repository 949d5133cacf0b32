// Matrix runs tinit beside tini, dumb-init and catatonit, and by their names in
// their place, and prints what it sees. As root, with the three installed:
//
//	go run ./test/matrix                        # the tables of README.md
//	go run ./test/matrix -all docs/matrix.md    # and all rows, into a file
//	go run ./test/matrix -row 'exit code'       # all of rows whose name has these words
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
	"strings"
	"sync"

	"github.com/tinit-dev/tinit/test/internal/children"
)

func main() {
	if children.Run() {
		return
	}
	all := flag.String("all", "", "write all rows to `FILE` too")
	only := flag.String("row", "", "print only rows whose name has these `WORDS`")
	flag.Parse()
	if err := matrix(*all, *only); err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

func matrix(file, only string) error {
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
	if file != "" {
		var text bytes.Buffer
		l.printAll(&text, lines)
		if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
			return err
		}
	}
	l.printFront(os.Stdout, lines)
	var complaints []error
	for _, r := range allRows() {
		for _, text := range l.complaints(r, lines[r.what], differences) {
			complaints = append(complaints, fmt.Errorf("%s: %s", r.what, text))
		}
	}
	return errors.Join(complaints...)
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
