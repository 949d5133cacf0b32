package jsontext

import (
	"encoding/json"
	"math"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAppend(t *testing.T) {
	for want, value := range map[string]any{
		"null":                       nil,
		"true":                       true,
		"-7":                         -7,
		"4294967295":                 uint32(1<<32 - 1),
		"0.1":                        0.1,
		"123456789.01":               123456789.01,
		`""`:                         "",
		`"a\"b\\c/\u000a\u001b[31m"`: "a\"b\\c/\n\x1b[31m",
		`"é世🙂"`:                      "é世🙂",
		`"\u0085\u202e\udb40\udc01"`: "\u0085\u202e\U000e0001",
		`"��"`:                       "\xff\ufffd",
		`[]`:                         []any{},
		`[1,"a",[]]`:                 []any{1, "a", []any(nil)},
		`{}`:                         Object{},
		`{"b":1,"a":null}`:           Object{{"b", 1}, {"a", nil}},
		`[{"a":1},{"a":2}]`:          []Object{{{"a", 1}}, {{"a", 2}}},
	} {
		got := Append([]byte("x"), value)
		assert.Equal(t, "x"+want, string(got))
		assert.True(t, json.Valid(got[1:]), "%s", got)
	}
	assert.Panics(t, func() { Append(nil, struct{}{}) })
}

// What is written is read back, and a terminal shows it as it is.
func FuzzAppend(f *testing.F) {
	f.Add("a\"\\\x00\x1b\u0085\u202e\U0010ffff\xff", 7, 0.5)
	f.Fuzz(func(t *testing.T, s string, n int, x float64) {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			x = 0 // JSON has no word for it
		}
		text := Append(nil, Object{{"s", s}, {"n", n}, {"x", x}})
		var got struct {
			S string
			N int
			X float64
		}
		require.NoError(t, json.Unmarshal(text, &got), "%s", text)
		require.Equal(t, string([]rune(s)), got.S)
		require.Equal(t, n, got.N)
		require.Equal(t, x, got.X)
		for _, r := range string(text) {
			require.True(t, unicode.IsPrint(r), "%q", r)
		}
	})
}
