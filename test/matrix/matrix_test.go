package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tinit-dev/tinit/test/internal/children"
)

var (
	testLab *lab
	labErr  error
)

func TestMain(m *testing.M) {
	if children.Run() {
		return
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	flag.Parse()
	// Rows wait for most of their time, whatever the number of processors.
	_ = flag.Set("test.parallel", fmt.Sprint(crowd))
	if !raceEnabled {
		if testLab, labErr = newLab(); labErr == nil {
			defer testLab.close()
		}
	}
	return m.Run()
}

// needLab skips a test that this machine cannot run. Where CI=true says that it
// must be able to, the test fails instead.
func needLab(t *testing.T) {
	t.Helper()
	switch {
	case raceEnabled:
		t.Skip("is run without the race detector: it is about other programs, and about tinit's release")
	case labErr == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("cannot run here: %v", labErr)
	default:
		t.Skipf("cannot run here: %v", labErr)
	}
}

func TestMatrix(t *testing.T) {
	needLab(t)
	for _, g := range groups {
		for _, r := range g.rows {
			t.Run(g.title+": "+r.what, func(t *testing.T) {
				t.Parallel()
				for _, complaint := range testLab.complaints(r, testLab.line(r), differences) {
					t.Error(complaint)
				}
			})
		}
	}
}

// Every documented difference is of a row that there is, and a row's name is its
// own.
func TestDifferencesHaveRows(t *testing.T) {
	names := map[string]bool{}
	for _, r := range allRows() {
		assert.False(t, names[r.what], "two rows %q", r.what)
		names[r.what] = true
	}
	for _, d := range differences {
		assert.True(t, names[d.row], "no row %q", d.row)
		assert.Contains(t, peers, d.peer, "row %q", d.row)
		assert.NotEmpty(t, d.reason, "row %q", d.row)
	}
}

// Engines call their inits by other names too, by which tinit is the same.
func TestOtherNames(t *testing.T) {
	needLab(t)
	t.Parallel()
	for _, c := range testLab.others {
		for _, as := range testLab.columns {
			if as.peer != c.peer {
				continue
			}
			for _, r := range slices.Concat(usageRows[:4], targets("", ""), targets("", "-c"), endRows[:4]) {
				if r.isAbout(c) {
					assert.Equal(t, testLab.measure(r, as), testLab.measure(r, c), "%s, %s", c.name, r.what)
				}
			}
		}
	}
}

// The control: a difference is seen, and so is one that is not there any more.
func TestDifferenceShows(t *testing.T) {
	l := &lab{columns: []column{{name: tini}, {name: "tinit as tini", peer: tini}}}
	r := row{what: "a row"}
	same := line{tini: "1", "tinit as tini": "1"}
	other := line{tini: "1", "tinit as tini": "2"}
	documented := []difference{{row: "a row", peer: tini, tinit: "2", reason: "a reason"}}

	assert.Empty(t, l.complaints(r, same, nil))
	assert.Len(t, l.complaints(r, other, nil), 1)
	assert.Empty(t, l.complaints(r, other, documented))
	assert.Len(t, l.complaints(r, same, documented), 1, "a difference that is none")
	assert.Len(t, l.complaints(r, line{tini: "1", "tinit as tini": "3"}, documented), 1, "another difference than the documented one")
	assert.Len(t, l.complaints(r, line{tini: errorCell, "tinit as tini": errorCell}, nil), 2, "no results")
}

// The control with processes: dumb-init is no tini, whatever it is called.
func TestImpostorShows(t *testing.T) {
	needLab(t)
	t.Parallel()
	impostor := &lab{dir: testLab.dir}
	for _, c := range testLab.columns {
		switch {
		case c.name == tini:
			impostor.columns = append(impostor.columns, c)
		case c.name == dumbInit:
			link := filepath.Join(t.TempDir(), tini)
			require.NoError(t, os.Symlink(c.path, link))
			impostor.columns = append(impostor.columns, column{name: "dumb-init as tini", path: link, peer: tini})
		}
	}
	seen := 0
	for _, r := range signalRows {
		if r.about == "" {
			seen += len(impostor.complaints(r, impostor.line(r), nil))
		}
	}
	assert.Greater(t, seen, 1)
}
