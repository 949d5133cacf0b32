package service

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSplitWords(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
		err  string
	}{
		{"", nil, ""},
		{" \t\n ", nil, ""},
		{"a", []string{"a"}, ""},
		{" a  b\tc\nd\r\ne\n", []string{"a", "b", "c", "d", "e"}, ""},
		{`a 'b c' "d e" f" g"'h'`, []string{"a", "b c", "d e", "f gh"}, ""},
		{`'' "" a''`, []string{"", "", "a"}, ""},
		{`'a\b"$c' "d'e" "\"\\\$\` + "`" + `"`, []string{`a\b"$c`, "d'e", "\"\\$`"}, ""},
		{`a\ b \' \" \\ \a \;\&`, []string{"a b", "'", `"`, `\`, "a", ";&"}, ""},
		{"$A ~ * # {} = ! [a] ?", []string{"$A", "~", "*", "#", "{}", "=", "!", "[a]", "?"}, ""},
		{"'a && b; c | d > e' \"(f)\"", []string{"a && b; c | d > e", "(f)"}, ""},
		{"ä 'ö ü'", []string{"ä", "ö ü"}, ""},

		{"a 'b", nil, "a ' is not closed"},
		{`a "b`, nil, `a " is not closed`},
		{`a "b\`, nil, `a " is not closed`},
		{`a \`, nil, "a backslash has nothing after it"},
		{`a \n`, nil, `"\\n" is not the same to all who read it: put it in single quotes`},
		{"a \\\n", nil, `"\\\n" is not the same to all who read it: put it in single quotes`},
		{`"\n"`, nil, `"\\n" in double quotes is not the same to all who read it: use single quotes`},
		{`"\ "`, nil, `"\\ " in double quotes is not the same to all who read it: use single quotes`},
		{"a && b", nil, `'&' is for a shell, and none reads this: quote it, or write ["sh", "-c", "..."]`},
		{"a;b", nil, `';' is for a shell, and none reads this: quote it, or write ["sh", "-c", "..."]`},
		{"a|b", nil, `'|' is for a shell, and none reads this: quote it, or write ["sh", "-c", "..."]`},
		{"a 2>b", nil, `'>' is for a shell, and none reads this: quote it, or write ["sh", "-c", "..."]`},
		{"a <b", nil, `'<' is for a shell, and none reads this: quote it, or write ["sh", "-c", "..."]`},
		{"$(a)", nil, `'(' is for a shell, and none reads this: quote it, or write ["sh", "-c", "..."]`},
		{"`a`", nil, "'`' is for a shell, and none reads this: quote it, or write [\"sh\", \"-c\", \"...\"]"},
	} {
		got, err := splitWords(c.text)
		assert.Equal(t, c.want, got, c.text)
		if c.err == "" {
			assert.NoError(t, err, c.text)
		} else {
			assert.EqualError(t, err, c.err, c.text)
		}
	}
}
