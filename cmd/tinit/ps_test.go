package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tinit-dev/tinit/internal/jsontext"
	"github.com/tinit-dev/tinit/internal/proc"
)

func detail(pid, ppid int, state byte, comm, words string) proc.Details {
	return proc.Details{
		Process: proc.Process{PID: pid, PPID: ppid, State: state, Comm: comm}, PGID: pid, Foreground: -1, Threads: 1,
		CommandLine: []byte(strings.ReplaceAll(words, " ", "\x00")),
	}
}

func TestPsUsage(t *testing.T) {
	code, err := ps([]string{"aux"}, nil)
	assert.Equal(t, 125, code)
	assert.EqualError(t, err, `ps takes no words, but got "aux" (see tinit ps -h)`)
	code, err = ps([]string{"-ef"}, nil)
	assert.Equal(t, 125, code)
	assert.EqualError(t, err, `unknown flag "-e" in "-ef" (see tinit ps -h)`)
}

func TestPsState(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(*proc.Details)
	}{
		{"S", func(*proc.Details) {}},
		{"R", func(d *proc.Details) { d.State = 'R' }},
		{"Ss", func(d *proc.Details) { d.SID = 7 }},
		{"Sl", func(d *proc.Details) { d.Threads = 2 }},
		{"SN", func(d *proc.Details) { d.Nice = 1 }},
		{"S<L", func(d *proc.Details) { d.Nice, d.Locked = -20, true }},
		{"S+", func(d *proc.Details) { d.Foreground = 7 }},
		{"S", func(d *proc.Details) { d.Foreground = 8 }},
		{"S<Lsl+", func(d *proc.Details) { d.SID, d.Foreground, d.Nice, d.Threads, d.Locked = 7, 7, -1, 9, true }},
	} {
		d := detail(7, 1, 'S', "sh", "sh")
		c.change(&d)
		assert.Equal(t, c.want, psState(d))
	}
}

func TestPsTime(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0:00", 999 * time.Millisecond: "0:00", time.Second: "0:01", 59 * time.Second: "0:59", 60 * time.Second: "1:00",
		100 * time.Hour: "6000:00",
	} {
		assert.Equal(t, want, psTime(d))
	}
}

func TestPsCommand(t *testing.T) {
	for want, d := range map[string]proc.Details{
		"sh -c x":          detail(1, 0, 'S', "sh", "sh -c x "),
		"nginx: master":    detail(1, 0, 'S', "nginx", "nginx: master    "), // overwritten, and filled up
		"[kthreadd]":       detail(2, 0, 'S', "kthreadd", ""),
		"[sleep]":          detail(2, 0, 'S', "sleep", " "), // argv[0] is empty
		"[a] b] <defunct>": detail(2, 0, 'Z', "a] b", ""),
		"[x] <defunct>":    detail(2, 0, 'X', "x", "x y "),
	} {
		assert.Equal(t, want, psCommand(d))
	}
}

func TestNeglects(t *testing.T) {
	all := []proc.Details{
		detail(1, 0, 'S', "init", "init"),
		detail(5, 1, 'S', "a\n)\x1b[m", "x"),
		detail(6, 5, 'Z', "z", ""),
		detail(7, 1, 'Z', "z", ""),
		detail(8, 5, 'S', "z", "z"),
		detail(9, 5, 'Z', "z", ""),
		detail(10, 0, 'Z', "exec", ""),
		detail(11, 99, 'Z', "z", ""), // whose parent may not be seen
		detail(12, 1, 'Z', "threaded", ""),
	}
	all[len(all)-1].Threads = 2 // its first thread has ended, and nothing else
	var said []string
	for _, n := range neglects(all) {
		said = append(said, n.String())
	}
	assert.Equal(t, []string{
		"process 5 (a?)?[m) has not reaped 2 zombies: 6, 9",
		"process 1 (init) has not reaped 1 zombie: 7",
		"a process outside of this PID namespace has not reaped 1 zombie: 10",
		"process 99 has not reaped 1 zombie: 11",
	}, said)

	many := []proc.Details{detail(1, 0, 'S', "init", "init")}
	for pid := 2; pid <= 21; pid++ {
		many = append(many, detail(pid, 1, 'Z', "z", ""))
	}
	require.Len(t, neglects(many), 1)
	assert.Equal(t, "process 1 (init) has not reaped 20 zombies: 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 10 more", neglects(many)[0].String())
	assert.Empty(t, neglects(many[:1]))
}

// The keys are for other programs to rely on.
func TestPsObjects(t *testing.T) {
	first := detail(7, 1, 'S', "sh", "sh -c \x1b x\ny")
	first.SID, first.Terminal, first.Foreground, first.UID, first.CPU = 7, 136<<8|3, 7, 1000, 1230*time.Millisecond
	text := jsontext.Append(nil, psObjects([]proc.Details{first, detail(8, 7, 'Z', "z", "")}))
	assert.NotContains(t, string(text), "\x1b")
	var got any
	require.NoError(t, json.Unmarshal(text, &got))
	assert.Equal(t, []any{
		map[string]any{
			"ppid": 1., "pid": 7., "pgid": 7., "sid": 7., "tty": "pts/3", "tpgid": 7., "stat": "Ss+", "uid": 1000., "time": 1.23,
			"name": "sh", "command": "sh -c \x1b x y", "zombies": []any{8.},
		},
		map[string]any{
			"ppid": 7., "pid": 8., "pgid": 8., "sid": 0., "tty": nil, "tpgid": nil, "stat": "Z", "uid": 0., "time": 0.,
			"name": "z", "command": "[z] <defunct>", "zombies": []any{},
		},
	}, got)
}
