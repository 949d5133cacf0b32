package job

import (
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func full() Record {
	return Record{
		ID: "0123abcd", Name: "web", Program: []string{"python3", "-c", "print(\"a\n\")", "", "\xff\x01 é", "exit"},
		Flags: []string{"--chdir=/a b", "--wait"}, Dir: "/a\nexit \"1\"",
		Boot: "b-o-o-t", Namespace: 4026531836, Keeper: Process{12, 345}, Main: Process{13, math.MaxUint64},
		State: Pausing, Ready: true, Status: "50 %\n\"", Started: time.Date(2026, 2, 3, 4, 5, 6, 789, time.FixedZone("", 3600)),
		Restarts: 3, Exit: &Exit{
			Time: time.Date(2026, 2, 3, 4, 5, 7, 0, time.UTC), Code: 143, Signal: "TERM", CPU: 1500 * time.Millisecond, Memory: 1 << 40,
		},
		Trouble: "5 bytes", Output: "/o", Errors: "/e",
	}
}

func equal(t *testing.T, want, got Record) {
	t.Helper()
	assert.True(t, want.Started.Equal(got.Started))
	got.Started = want.Started
	if want.Exit != nil && got.Exit != nil {
		assert.True(t, want.Exit.Time.Equal(got.Exit.Time))
		got.Exit.Time = want.Exit.Time
	}
	assert.Equal(t, want, got)
}

func TestRecordRoundTrip(t *testing.T) {
	for _, r := range []Record{full(), {}, {Program: []string{"a"}, Exit: &Exit{}}} {
		text := r.format()
		got, err := parse(text)
		require.NoError(t, err, text)
		equal(t, r, got)
	}
}

// A field that is not in full would not be missed by the round trip.
func TestFullRecordIsFull(t *testing.T) {
	for _, v := range []reflect.Value{reflect.ValueOf(full()), reflect.ValueOf(*full().Exit)} {
		for i := range v.NumField() {
			assert.False(t, v.Field(i).IsZero(), v.Type().Field(i).Name)
		}
	}
}

func formatted(r Record) string { return r.format() }

func TestNewerRecordsAreRead(t *testing.T) {
	r := full()
	got, err := parse("colour \"blue\"\n\n" + strings.Replace(r.format(), "ready \"true\"", "ready \"true\" \"soon\"", 1) + "name2")
	require.NoError(t, err)
	equal(t, r, got)
}

func TestBadRecords(t *testing.T) {
	good := formatted(full())
	_, err := parse(good)
	require.NoError(t, err, "control")
	for name, text := range map[string]string{
		"a number that is none": strings.Replace(good, `restarts "3"`, `restarts "x"`, 1),
		"no value":              strings.Replace(good, `restarts "3"`, `restarts`, 1),
		"one of two values":     strings.Replace(good, `keeper "12" "345"`, `keeper "12"`, 1),
		"no quotes":             strings.Replace(good, `restarts "3"`, `restarts 3`, 1),
		"half a text":           strings.Replace(good, `name "web"`, `name "we`, 1),
		"a time that is none":   strings.Replace(good, `started "2026`, `started "x`, 1),
		"neither true nor not":  strings.Replace(good, `ready "true"`, `ready "maybe"`, 1),
	} {
		require.NotEqual(t, good, text, name)
		_, err := parse(text)
		assert.Error(t, err, name)
	}
}

// What is there after a crash, on a file system that does not hold to the order of writes, is a record or a problem.
func TestTruncatedAndGarbageRecords(t *testing.T) {
	d := newDir(t)
	j := add(t, d, full())
	path := j.Path(recordName)
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	for n := range len(good) {
		require.NoError(t, os.WriteFile(path, good[:n], 0o600))
		j, err := d.Read(1)
		if err == nil {
			assert.True(t, j.State.known(), "the first %d bytes", n)
			assert.NotEmpty(t, j.Program)
			_ = j.Now()
		}
	}
	for _, garbage := range []string{"", "\x00\x00\x00", "{}", strings.Repeat("\n", 1000), "state \"dancing\"\n" + string(good)} {
		require.NoError(t, os.WriteFile(path, []byte(garbage), 0o600))
		if garbage != "state \"dancing\"\n"+string(good) { // the last one wins
			_, err = d.Read(1)
			assert.ErrorContains(t, err, "is no record of a job", "%q", garbage)
		}
	}
	require.NoError(t, os.WriteFile(path, []byte("\x1b[2J"+strings.Repeat("x", 100)+" \"\n"), 0o600))
	_, err = d.Read(1)
	assert.ErrorContains(t, err, `is no record of a job: "\x1b[2Jxxxxxxxxxxxxxxxx": `, "a terminal does not obey it, and it is short")
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(good), `state "pausing"`, `state "dancing"`, 1)), 0o600))
	_, err = d.Read(1)
	assert.ErrorContains(t, err, "is no record of a job")

	jobs, problems, err := d.All()
	require.NoError(t, err)
	assert.Empty(t, jobs)
	assert.Len(t, problems, 1, "the others are listed all the same")

	require.NoError(t, os.WriteFile(path, good, 0o600))
	_, err = d.Read(1)
	assert.NoError(t, err, "control")
}

func FuzzParse(f *testing.F) {
	f.Add(formatted(full()))
	f.Add("exit\nname \"\\\"\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parse(text)
		if err != nil {
			return
		}
		again, err := parse(r.format())
		if err != nil {
			if y := r.Started.Year(); y > 9999 { // RFC 3339 has four digits
				t.Skip()
			}
			t.Fatal(err)
		}
		if again.format() != r.format() {
			t.Fatalf("%q became %q", r.format(), again.format())
		}
	})
}
