package service

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestExpand(t *testing.T) {
	for _, c := range []struct{ text, want, unset, err string }{
		{text: "", want: ""},
		{text: "a $SET ${SET}b", want: "a set setb"},
		{text: "$SET$SET-${SET}", want: "setset-set"},
		{text: "$EMPTY|$UNSET|${UNSET}|", want: "|||", unset: "UNSET UNSET"},
		{text: "$SETx", want: "", unset: "SETx"},
		{text: "$$SET $$$SET $${SET}", want: "$SET $set ${SET}"},
		{text: "$ $1 $( $- 5$", want: "$ $1 $( $- 5$"},
		{text: "$_x1", want: "underscore"},
		{text: "${SET-d} ${EMPTY-d} ${UNSET-d}", want: "set  d"},
		{text: "${SET:-d} ${EMPTY:-d} ${UNSET:-d}", want: "set d d"},
		{text: "${SET+d} ${EMPTY+d} ${UNSET+d}", want: "d d "},
		{text: "${SET:+d} ${EMPTY:+d} ${UNSET:+d}", want: "d  "},
		{text: "${SET?no} ${EMPTY?no} ${SET:?no}", want: "set  set"},
		{text: "${UNSET:-${EMPTY:-${SET}}}/${UNSET-a$SET}", want: "set/aset"},
		{text: "${UNSET:-$$SET $${x} -?+:}", want: "$SET ${x} -?+:"},
		{text: "${UNSET:-{a}} ${SET:-{a}} ${UNSET:-{}}", want: "{a} set {}"},
		{text: "${UNSET-a:-b}", want: "a:-b"},
		{text: "${UNSET:-${UNSET:-}}${UNSET-}", want: ""},
		{text: "${SET:-${EMPTY:?not needed}}", want: "set"},
		{text: "${DOLLARS}", want: "$SET"}, // what is put in is not looked at
		{text: "${UNSET?}", err: "variable UNSET is not set: it has to be given"},
		{text: "${EMPTY:?it is $SET}", err: "variable EMPTY is empty: it is set"},
		{text: "a${UNSET:-${UNSET?b}}", err: "variable UNSET is not set: b"},
		{text: "a ${SET", err: `"${SET" has no }, or more than 16 of its kind within it: a $ that is meant is $$`},
		{text: "${UNSET:-${SET}", err: `"${UNSET:-${SET}" has no }, or more than 16 of its kind within it: a $ that is meant is $$`},
		{text: "${}", err: `"${}" is no variable such as ${NAME}, ${NAME:-default} or ${NAME:?message}: a $ that is meant is $$`},
		{text: "${1}", err: `"${1}" is no variable such as ${NAME}, ${NAME:-default} or ${NAME:?message}: a $ that is meant is $$`},
		{text: "${SET:}", err: `"${SET:}" is no variable such as ${NAME}, ${NAME:-default} or ${NAME:?message}: a $ that is meant is $$`},
		{text: "${SET/a/b}", err: `"${SET/a/b}" is no variable such as ${NAME}, ${NAME:-default} or ${NAME:?message}: a $ that is meant is $$`},
		{text: "${SET }", err: `"${SET }" is no variable such as ${NAME}, ${NAME:-default} or ${NAME:?message}: a $ that is meant is $$`},
		{text: strings.Repeat("${UNSET:-", 16) + "x" + strings.Repeat("}", 16), want: "x"},
		{text: strings.Repeat("${UNSET:-", 17) + "x" + strings.Repeat("}", 17), err: `"${UNSET:-x}" has no }, or more than 16 of its kind within it: a $ that is meant is $$`},
	} {
		var unset []string
		e := expander{variables, func(name string) { unset = append(unset, name) }}
		got, err := e.expand(c.text)
		if c.err != "" {
			assert.EqualError(t, err, c.err, c.text)
			continue
		}
		assert.NoError(t, err, c.text)
		assert.Equal(t, c.want, got, c.text)
		assert.Equal(t, c.unset, strings.Join(unset, " "), c.text)
	}
}

func variables(name string) (string, bool) {
	value, ok := map[string]string{"SET": "set", "EMPTY": "", "_x1": "underscore", "DOLLARS": "$SET"}[name]
	return value, ok
}
