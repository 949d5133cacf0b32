package yaml

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKinds(t *testing.T) {
	for kind, texts := range map[Kind]string{
		Null:   "~ null Null NULL",
		Bool:   "true True TRUE false False FALSE",
		Int:    "0 1 -1 +1 007 08 0o7 0x1F 12345678901234567890",
		Float:  "1.0 -1. .5 1e3 1E-3 +1.5e+10 .inf -.Inf +.INF .nan .NaN",
		String: "yes no on off Yes NO y n nULL tRUE 0o8 0xG 0x + . .e1 e1 1e 1e+ 1_000 0b1 1.2.3 -.nan 1:30 12h 2001-01-01 .infinity nan",
	} {
		for text := range strings.FieldsSeq(texts) {
			n, err := Parse([]byte(text))
			require.NoError(t, err, text)
			assert.Equal(t, Node{Kind: kind, Text: text, Line: 1, Column: 1, Plain: true}, *n, text)
			n, err = Parse([]byte(`"` + text + `"`))
			require.NoError(t, err, text)
			assert.Equal(t, String, n.Kind, "in quotes: %s", text)
		}
	}
	n, err := Parse(nil)
	require.NoError(t, err)
	assert.Equal(t, Null, n.Kind)
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		// What is rare.
		{"a: &b c", `1:4: an anchor (&), which is not supported: a text that begins with it needs quotes`},
		{"a: *b", `1:4: an alias (*), which is not supported: a text that begins with it needs quotes`},
		{"a: !!str b", `1:4: a tag (!), which is not supported: a text that begins with it needs quotes`},
		{"<<: a", `1:1: a merge key (<<), which is not supported`},
		{"{<<: a}", `1:2: a merge key (<<), which is not supported`},
		{"? a\n: b", `1:1: a complex key (?), which is not supported`},
		{"[a]: b", `1:1: a complex key: a key has to be a text`},
		{"a:\n  {b: c}: d", `2:3: a complex key: a key has to be a text`},
		{"{[a]: b}", `1:2: a complex key: a key has to be a text`},
		{"%YAML 1.2\n---\na: b", `1:1: a directive (%), which is not supported`},
		{"---\na: b\n---\nc: d", `3:1: --- ends the document, and there has to be one only`},
		{"a: b\n...\n", `2:1: ... ends the document, and there has to be one only`},
		{"--- a", `1:5: text after ---: begin it on the next line`},

		// Keys.
		{"a: 1\nb: 2\na: 3", `3:1: the key "a" is there already, in line 1`},
		{"\"a\": 1\na: 3", `2:1: the key "a" is there already, in line 1`},
		{"{a: 1, a: 2}", `1:8: the key "a" is there already, in line 1`},
		{"{a, a}", `1:5: the key "a" is there already, in line 1`},
		{"a: b\nc", `2:1: a key has to have a : and a blank after it`},
		{"a: b\nc:d", `2:1: a key has to have a : and a blank after it`},
		{": a", `1:1: a key is missing before this :`},
		{"\"a\n b\": c", `1:1: a key has to be on one line`},
		{strings.Repeat("a", 1001) + ": b", `1:1: a key of more than 1000 bytes`},
		{"a: b: c", `1:5: a value may not follow here: a text with a : in it needs quotes`},
		{"a: 'b': c", `1:7: a value may not follow here: a text with a : in it needs quotes`},
		{"a: b\n  c: d", `2:4: a value may not follow here: a text with a : in it needs quotes`},

		// Indentation.
		{"a:\n\tb: c", `2:1: a tab, where YAML wants blanks`},
		{"a:\tb", `1:3: a tab, where YAML wants blanks`},
		{"a: b\n\tc", `2:1: a tab, where YAML wants blanks`},
		{"a: [b,\tc]", `1:7: a tab, where YAML wants blanks`},
		{"a:\n  b: c\n d: e", `3:2: this is indented like nothing above it`},
		{"a:\n    b: c\n  d: e", `3:3: this is indented like nothing above it`},
		{"  a: b\nc: d", `2:1: this is indented like nothing above it`},
		{"- a\nb: c", `2:1: this is indented like nothing above it`},
		{"a:\n  - b\n  c: d", `3:3: this is indented like nothing above it`},
		{"a: b\n- c", `2:1: an item of a list among keys`},
		{"a: - b", `1:4: a list has to begin in a line of its own`},

		// Quotes.
		{"a: \"b", `1:4: this quote is not closed`},
		{"a: 'b\n\n", `1:4: this quote is not closed`},
		{"a: \"b\\", `1:4: this quote is not closed`},
		{"a: \"b\nc\"", `2:1: this has to be indented by more, or the quote in line 1 be closed`},
		{"a: 'b\n\tc'", `2:2: this has to be indented by more, or the quote in line 1 be closed`},
		{"\"a\n---\n\"", `2:1: this has to be indented by more, or the quote in line 1 be closed`},
		{"a: \"b\"c", `1:7: more text, after the end of a value`},
		{"a: \"b\"#c", `1:7: a comment needs a blank before it`},
		{`a: "\q"`, `1:5: \q is no escape: a \ that is meant is \\`},
		{`a: "é\é"`, `1:6: \é is no escape: a \ that is meant is \\`},
		{`a: "\x4"`, `1:5: \x has to have 2 hexadecimal digits`},
		{`a: "\ud800"`, `1:5: this escape is no character`},
		{`a: "\UFFFFFFFF"`, `1:5: this escape is no character`},
		{"a: @b", `1:4: a text that begins with @ needs quotes`},
		{"a: `b", "1:4: a text that begins with ` needs quotes"},
		{"a: %b", `1:4: a text that begins with % needs quotes`},
		{"a: ]", `1:4: a text that begins with ] needs quotes`},

		// Flow collections.
		{"a: [b", `1:4: this [ is not closed`},
		{"a: {b: c", `1:4: this { is not closed`},
		{"a: [b\n---\n]", `1:4: this [ is not closed`},
		{"a: [b}", `1:6: a , or a ] is missing before this`},
		{"a: {b c: d e: f}", `1:13: a , or a } is missing before this`},
		{"a: [b: c]", `1:5: a key in a list: a mapping there needs braces`},
		{"a: [b,,c]", `1:7: a text that begins with , needs quotes`},
		{"a: [|]", `1:5: a text that begins with | needs quotes`},
		{"a: [b] c", `1:8: more text, after the end of a value`},
		{"{a:}", `1:3: a : needs a blank after it, or the text quotes`},
		{"[a?]", `1:3: within [] and {} a text with a ? in it needs quotes`},
		{"[- a]", `1:2: a list has to begin in a line of its own`},
		{"[?a]", `1:2: a text that begins with ? needs quotes here`},

		// Block scalars.
		{"a: | b", `1:6: after | or > there may be + or -, a digit and a comment: the text begins in the next line`},
		{"a: |0\n b", `1:5: after | or > there may be + or -, a digit and a comment: the text begins in the next line`},
		{"a: >-+\n b", `1:6: after | or > there may be + or -, a digit and a comment: the text begins in the next line`},
		{"a: |#c\n  b", `1:5: a comment needs a blank before it`},
		{"a: |\n    \n  b\n", `2:5: an empty line with more blanks than the text after it is indented by`},
		{"a: |\n  b\n c\n", `3:2: this is indented like nothing above it`},
		{"a: |\n  \tb", `2:3: a tab: where the text is to begin with one, | or > need a digit for how much it is indented`},

		// The text itself.
		{"a: \x01", `1:4: the character U+0001 may not be in YAML: write it in double quotes, with a backslash`},
		{"é: \x00", `1:4: the character U+0000 may not be in YAML: write it in double quotes, with a backslash`},
		{"a: \xff", `1:4: this is not UTF-8`},
		{"# \u2028", `1:3: the character U+2028 ends a line to some readers: write it in double quotes, with a backslash`},
		{"a: b\rc: d", `1:5: the character U+000D may not be in YAML: write it in double quotes, with a backslash`},
		{"a: \ufeff", `1:4: the character U+FEFF may not be in YAML: write it in double quotes, with a backslash`},
		{strings.Repeat("#", longest+1), `1:1: the text has more than 1048576 bytes`},
		{strings.Repeat("[", 64), `1:64: this is more than 64 levels deep`},
		{strings.Repeat("- ", 65), `1:129: this is more than 64 levels deep`},
		{strings.Repeat("{a: ", 64), `1:253: this is more than 64 levels deep`},
	} {
		n, err := Parse([]byte(c.text))
		assert.Nil(t, n, "%.40q", c.text)
		assert.EqualError(t, err, c.want, "%.40q", c.text)
	}
}

// Nothing is quadratic: that would take minutes.
func TestLargeTexts(t *testing.T) {
	for _, part := range []string{"a ", "a\n", "- a\n", "[],", "\n", "'", "\\n", "''", "a, ", "é", "  b\n"} {
		for _, begin := range []string{"", "a: \"", "a: [", "a: >\n  "} {
			text := begin + strings.Repeat(part, longest/4/len(part))
			n, err := Parse([]byte(text))
			require.Equal(t, n == nil, err != nil)
		}
	}
}
