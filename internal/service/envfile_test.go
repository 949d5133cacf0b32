package service

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestEnvFile(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
		said string
	}{
		{"", nil, ""},
		{"\ufeff# c\n\n  \t\n A=b\r\nC = d \n\tE=f", []string{"A=b", "C=d", "E=f"}, ""},
		{"A=\nB=\"\"\nC=''", []string{"A=", "B=", "C="}, ""},
		{"A=b # c\nB=b# c\nC=b#c d", []string{"A=b", "B=b# c", "C=b#c d"}, ""},
		{"export A=b\nexport  B='c'\nexported=1", []string{"A=b", "B=c", "exported=1"}, ""},
		{"SET\nUNSET\nexport SET", []string{"SET=set", "SET=set"}, ""},
		{"A=b=c\nB=\"d\" # e\nC='f'", []string{"A=b=c", "B=d", "C=f"}, ""},
		{"A=$SET ${UNSET:-x}\nB=\"$SET\"\nC='$SET'\nD=$$SET", []string{"A=set x", "B=set", "C=$SET", "D=$SET"}, ""},
		{"A=1\nB=$A\nSET=2\nC=$SET", []string{"A=1", "B=1", "SET=2", "C=set"}, ""}, // the environment is the first
		{`A="a\nb\r\t\\\"\$SET"` + "\n" + `B='a\nb\'c'` + "\nC=a\\nb", []string{"A=a\nb\r\t\\\"$SET", `B=a\nb'c`, `C=a\nb`}, ""},
		{"A=\"b\n c\n\"\nB='d\n#e'\nC=f", []string{"A=b\n c\n", "B=d\n#e", "C=f"}, ""},

		{"A=$UNSET", []string{"A="}, "warning: dir/e:1:1: variable UNSET is not set: there is nothing in its place"},
		{"\n=b", nil, `dir/e:2:1: "" is no name of a variable`},
		{"A B=c", nil, `dir/e:1:1: "A B" is no name of a variable`},
		{"A: b", nil, `dir/e:1:1: "A: b" is no name of a variable`},
		{"A=#b", nil, "dir/e:1:1: a value that begins with # needs quotes"},
		{"A=b\nB='c\n\n", []string{"A=b"}, "dir/e:2:1: the quote is not closed"},
		{"A='b'c", nil, `dir/e:1:1: "c" follows the closing quote`},
		{"A='b\nc'#d", nil, `dir/e:2:1: "#d" follows the closing quote`},
		{`A="\q"`, nil, `dir/e:1:1: "\\q" is no escape: a backslash that is meant is doubled`},
		{"A=${UNSET:?b}", nil, "dir/e:1:1: variable UNSET is not set: b"},
		{"A=\"${UNSET\"", nil, `dir/e:1:1: "${UNSET" has no }, or more than 16 of its kind within it: a $ that is meant is $$`},
		{"A=\xff", nil, "dir/e:1:1: this is no text in UTF-8"},
		{"A='b\n\x00'", nil, "dir/e:2:1: this is no text in UTF-8"},
	} {
		f, said := parse(t, "services: {a: {command: x, env_file: e}}", map[string]string{"dir/e": c.text}, map[string]string{"SET": "set"})
		assert.Equal(t, c.said, strings.TrimSpace(said), "%q", c.text)
		assert.Equal(t, c.want, f.Services[0].Env, "%q", c.text)
	}
}
