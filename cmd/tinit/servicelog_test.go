package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFromJSON(t *testing.T) {
	var out bytes.Buffer
	f := &fromJSON{to: &out}
	for _, piece := range []string{
		`{"log":"one\n","stream":"stdout","time":"t"}` + "\n" + `{"log":"tw`, `o\n"}` + "\n",
		"a line that was cut\n", `{"log":"no end","stream":"stdout"}` + "\n", `{"log":"`,
	} {
		n, err := f.Write([]byte(piece))
		require.NoError(t, err)
		assert.Equal(t, len(piece), n)
	}
	assert.Equal(t, "one\ntwo\na line that was cut\nno end", out.String())
}

// FuzzFromJSON: of whatever is JSON the same is read as encoding/json reads, and nothing else does any harm.
func FuzzFromJSON(f *testing.F) {
	for _, seed := range []string{
		`{"log":"a\"\\\/\b\f\n\r\t\u0000\u00e9\ud83d\ude42\ud800\ud800\u0041\udc00"}`,
		`{"log":"x","stream":"stdout","time":"2026-01-01T00:00:00Z"}`, `{"log":"\u12`, `{"log":"\`, `{"log":"`, "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		line = strings.ReplaceAll(line, "\n", " ")
		got := string(appendLog(nil, []byte(line)))
		var entry struct{ Log string }
		if !strings.HasPrefix(line, `{"log":"`) {
			require.Equal(t, line+"\n", got)
		} else if isOne(line) && json.Unmarshal([]byte(line), &entry) == nil {
			require.Equal(t, entry.Log, string([]rune(got)))
		}
	})
}

// isOne: of two members of that name, however written, encoding/json reads the last.
func isOne(line string) bool {
	d := json.NewDecoder(strings.NewReader(line))
	names := 0
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			return names == 1
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				depth++
			} else {
				depth--
			}
		case string:
			if depth == 1 && strings.EqualFold(v, "log") {
				names++
			}
		}
	}
}

func TestServiceRows(t *testing.T) {
	rows, err := serviceRows(`"web" "running" "; \"" ; "a" ; `)
	require.NoError(t, err)
	assert.Equal(t, [][]string{{"web", "running", `; "`}, {"a"}}, rows)
	_, err = serviceRows(`"web`)
	assert.Error(t, err)
}
