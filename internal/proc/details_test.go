package proc

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestParseDetails(t *testing.T) {
	line := func(change ...string) string {
		return "10 (a) b) S 7 " + strings.NewReplacer(change...).Replace(tail) + " 5 6 7\n"
	}
	want := Details{
		Process: Process{PID: 10, PPID: 7, State: 'S', Start: 4242, Comm: "a) b"},
		PGID:    10, SID: 10, Terminal: 34816, Foreground: 20, CPU: 30 * time.Millisecond, Nice: 0, Threads: 3,
	}
	got, ok := parseDetails([]byte(line()))
	require.True(t, ok)
	assert.Equal(t, want, got)

	got, ok = parseDetails([]byte(line("10 10 34816 20", "0 0 0 -1", "20 0 3", "0 -20 1")))
	require.True(t, ok)
	assert.Equal(t, []int{0, 0, 0, -1, -20, 1}, []int{got.PGID, got.SID, int(got.Terminal), got.Foreground, got.Nice, got.Threads})

	got, ok = parseDetails([]byte(line("34816", "-1073709057")))
	require.True(t, ok, "a large minor number makes it negative")
	assert.Equal(t, "127:786687", got.Terminal.String())

	for _, wrong := range []string{
		"", "10 (x)", line("34816", "x"), line(" 1 2 0", " -1 2 0"), line(" 1 2 0", " 1 x 0"), line("20 0 3", "20 0 x"), line("20 0 3", "20 x 3"), line("4242", "x"),
		line("10 10 34816", "10 10 99999999999"),
	} {
		_, ok := parseDetails([]byte(wrong))
		assert.False(t, ok, wrong)
	}
}

func TestParseStatus(t *testing.T) {
	type want struct {
		uid        uint32
		locked, ok bool
	}
	for status, want := range map[string]want{
		"Name:\tx\nUid:\t1\t2\t3\t4\nVmLck:\t       4 kB\n": {2, true, true},
		"Uid:\t0\t4294967295\t0\t0\nVmLck:\t0 kB\n":         {1<<32 - 1, false, true},
		"Name:\tx\nUid:\t1\t2\t3\t4\n":                      {2, false, true}, // a zombie, or the kernel's thread
		"Name:\tUid:\t9\t9\nUid:\t1\t2\t3\t4\n":             {2, false, true},
		"Name:\tx\\nUid:\t9\t9\nUid:\t1\t2\t3\t4":           {2, false, true}, // as the kernel writes a newline
		"VmLck:\t4 kB\n":        {0, true, false},
		"Uid:\t1\n":             {},
		"Uid:\t1\tx\n":          {},
		"Uid:\t1\t4294967296\n": {1<<32 - 1, false, false},
		"":                      {},
	} {
		uid, locked, ok := parseStatus([]byte(status))
		assert.Equal(t, want.ok, ok, "%q", status)
		assert.Equal(t, want.locked, locked, "%q", status)
		if ok {
			assert.Equal(t, want.uid, uid, "%q", status)
		}
	}
}

func TestTerminalNames(t *testing.T) {
	number := func(major, minor uint32) Terminal {
		return Terminal(minor&0xff | major<<8 | minor&^0xff<<12) // new_encode_dev in the kernel's kdev_t.h
	}
	for want, terminal := range map[string]Terminal{
		"?": 0, "pts/0": number(136, 0), "pts/255": number(136, 255), "pts/256": number(137, 0), "pts/2047": number(143, 255),
		"pts/300": number(136, 300), // as the kernel numbers them
		"tty1":    number(4, 1), "tty63": number(4, 63), "ttyS0": number(4, 64), "ttyS3": number(4, 67),
		"console": number(5, 1), "4094:70000": number(4094, 70000),
	} {
		assert.Equal(t, want, terminal.String())
	}
}

// A device whose number only the kernel knows has its name from there.
func TestTerminalOfSysfs(t *testing.T) {
	var stat unix.Stat_t
	require.NoError(t, unix.Stat("/dev/null", &stat))
	if _, err := os.Stat("/sys/dev/char/1:3"); err != nil {
		t.Skip("there is no sysfs")
	}
	assert.Equal(t, "null", Terminal(1<<8|3).String())
}

// start's child, as the kernel tells of it in other ways than by /proc.
func TestReadDetails(t *testing.T) {
	pid, end := start(t, ugly)
	require.NoError(t, unix.Setpriority(unix.PRIO_PROCESS, pid, 7))
	pgid, err := unix.Getpgid(pid)
	require.NoError(t, err)
	sid, err := unix.Getsid(pid)
	require.NoError(t, err)

	d, err := ReadDetails(pid)
	require.NoError(t, err)
	p, err := Read(pid)
	require.NoError(t, err)
	p.State = d.State
	assert.Equal(t, p, d.Process)
	assert.Equal(t, []int{pgid, sid, 7}, []int{d.PGID, d.SID, d.Nice})
	assert.Equal(t, os.Geteuid(), int(d.UID))
	assert.Greater(t, d.Threads, 1, "Go's")
	assert.False(t, d.Locked)
	assert.Equal(t, ugly+"\x00", string(d.CommandLine))

	end()
	d, err = ReadDetails(pid)
	require.NoError(t, err)
	assert.Equal(t, byte('Z'), d.State)
	assert.Equal(t, 1, d.Threads)
	assert.Empty(t, d.CommandLine)
	assert.Equal(t, os.Geteuid(), int(d.UID))
}

func TestReadDetailsOfNobody(t *testing.T) {
	cmd := &exec.Cmd{Path: reexec.Self(), Args: []string{"linger"}}
	require.NoError(t, cmd.Run())
	_, err := ReadDetails(cmd.Process.Pid)
	assert.ErrorIs(t, err, unix.ENOENT)
	_, err = ReadDetails(-1)
	assert.ErrorIs(t, err, unix.ENOENT)
}

func TestAllDetails(t *testing.T) {
	pid, _ := start(t, "linger")
	all, err := AllDetails()
	require.NoError(t, err)
	found := map[int]int{}
	for i, d := range all {
		found[d.PID]++
		require.True(t, i == 0 || all[i-1].PID < d.PID, "in the order of numbers")
	}
	assert.Equal(t, 1, found[pid])
	assert.Equal(t, 1, found[os.Getpid()])
	assert.True(t, Mounted())
}
