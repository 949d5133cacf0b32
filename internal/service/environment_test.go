package service

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	library "go.yaml.in/yaml/v3"
)

// valueOf is the value of a variable that is written so, false if that is an error.
func valueOf(t *testing.T, written string) (value string, ok bool) {
	f, said := parse(t, "services:\n  a:\n    command: x\n    environment:\n      A: "+written+"\n", nil, map[string]string{"A": "tinit's"})
	if said != "" || len(f.Services[0].Env) != 1 {
		return "", false
	}
	return strings.TrimPrefix(f.Services[0].Env[0], "A="), true
}

func TestValuesOfVariables(t *testing.T) {
	for written := range strings.FieldsSeq("0 1 -1 1.5 -2.25 true false yes no on off y 10.0.0.1 12:30 1h a_b 1.2.3 -x .a 1e 5m 0.5 1/2 1-2 12-34-56 00a") {
		value, ok := valueOf(t, written)
		assert.True(t, ok, written)
		assert.Equal(t, written, value)
	}
	for written := range strings.FieldsSeq("1.10 1.0 +1 007 08 0o7 0x1f 0b1 1_000 1_0.5 .5 1. 1e3 1E3 .inf .nan True TRUE FALSE 2001-01-01 2001-1-1 -0 1e400 18446744073709551615 0_1 +0b1") {
		_, ok := valueOf(t, written)
		assert.False(t, ok, written)
		value, ok := valueOf(t, `"`+written+`"`)
		assert.True(t, ok, "in quotes: %s", written)
		assert.Equal(t, written, value)
	}
	for _, written := range []string{"", "~", "null"} {
		value, ok := valueOf(t, written)
		assert.True(t, ok)
		assert.Equal(t, "tinit's", value)
	}
}

// A variable has what was written, and has that for Compose too, which reads the file with this library.
func TestValuesAreComposes(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	const letters = "0123456789019.-+_eExobTZ:aif "
	count, same := 5000, 0
	for range count {
		b := make([]byte, 1+random.Intn(9))
		for i := range b {
			b[i] = letters[random.Intn(len(letters))]
		}
		written := strings.TrimSpace(string(b))
		value, ok := valueOf(t, written)
		if !ok || value == "tinit's" {
			continue
		}
		var read map[string]any
		require.NoError(t, library.Unmarshal([]byte("A: "+written), &read), written)
		require.Equal(t, fmt.Sprint(read["A"]), value, written)
		require.Equal(t, written, value)
		same++
	}
	assert.Greater(t, same, count/4)
}
