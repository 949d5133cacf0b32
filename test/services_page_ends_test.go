package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What docs/services.md says of the end of each kind of service, row by row. Services write into files what has
// become of them, and "last" ends the container where nothing else is to, when there were enough lives.
func TestServicesPageEnds(t *testing.T) {
	const life = "echo >>lives; "
	const last = `
  last:
    command: ["sh", "-c", "until [ $$(wc -l <lives) -ge WANTED ]; do sleep 0.05; done; exit 9"]
`
	table := section(t, servicesPage(t), "## Restart, and what ends the container")
	tested := map[string]bool{
		"one that was stopped by `tinit stop`":                           true, // by TestExampleServicesPod
		"one that could not be executed at a `tinit start` or `restart`": true, // by TestServicesStartByHandIsNotExecuted
	}
	for _, test := range []struct {
		row, one string // the table's first cell, and the service after its command
		command  string
		more     string // services, or with "--" before it PROGRAM
		code     int
		lives    int
	}{
		{"an essential service, with whatever code", "", life + "exit 3", "\n  other: {command: sleep 1000}\n", 3, 1},
		{"an essential service, with whatever code", "", life + "exit 0", "\n  other: {command: sleep 1000}\n", 0, 1},
		{"an essential service, with whatever code", "", life + "kill -KILL $$$$", "\n  other: {command: sleep 1000}\n", 137, 1},
		{"one with `restart: always` (or `unless-stopped`)", "restart: always", life, strings.Replace(last, "WANTED", "3", 1), 9, 3},
		{"one with `restart: always` (or `unless-stopped`)", "restart: unless-stopped", life, strings.Replace(last, "WANTED", "3", 1), 9, 3},
		{"one with `restart: on-failure:3`", "restart: on-failure:3", life + "exit 4", "\n  other: {command: sleep 1000}\n", 4, 4},
		{"one with `restart: on-failure:3`", "restart: on-failure:3\n    x-essential: false", life + "exit 4", strings.Replace(last, "WANTED", "4", 1), 9, 4},
		{"one that others wait for to complete", "", life + "exit 0", "\n  other: {command: sh -c 'exit 6', depends_on: {one: {condition: service_completed_successfully}}}\n", 6, 1},
		{"one that others wait for to complete", "", life + "exit 5", "\n  other: {command: sh -c 'echo >>lives', depends_on: {one: {condition: service_completed_successfully}}}\n", 5, 1},
		{"one with `x-essential: false`", "x-essential: false", life + "exit 5", strings.Replace(last, "WANTED", "1", 1), 9, 1},
		{"PROGRAM, unless the file has `x-essential: false` for it", "", life + "exec sleep 1000", "--exit 8", 8, 1},
		{"all that there is", "x-essential: false", life + "exit 5", "", 0, 1},
	} {
		tested[test.row] = true
		t.Run(test.row, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			text := "services:\n  one:\n    command: [\"sh\", \"-c\", \"" + test.command + "\"]\n"
			if test.one != "" {
				text += "    " + test.one + "\n"
			}
			args := []string{"--services", "services.yaml"}
			if script, ok := strings.CutPrefix(test.more, "--"); ok {
				args = append(args, "--", "sh", "-c", "until [ -s lives ]; do sleep 0.05; done; "+script)
			} else {
				text += test.more
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, "services.yaml"), []byte(text), 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "lives"), nil, 0o600))
			r := pid1(t, args...).dir(dir).env("TINIT_STATE_DIR=" + dir + "/state").run()
			assert.Equal(t, test.code, r.code, r.err)
			lives, err := os.ReadFile(filepath.Join(dir, "lives"))
			require.NoError(t, err)
			assert.GreaterOrEqual(t, strings.Count(string(lives), "\n"), test.lives, r.err)
			if !strings.Contains(test.one, "always") && !strings.Contains(test.one, "unless") {
				assert.Len(t, string(lives), test.lives, r.err)
			}
		})
	}
	rows := 0
	for line := range strings.Lines(table) {
		cell, _, is := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if is && strings.HasPrefix(line, "| ") && cell != "what ends" && cell != "---" {
			assert.True(t, tested[cell], cell)
			rows++
		}
	}
	assert.Len(t, tested, rows, "and the page has all that is tested")
}
