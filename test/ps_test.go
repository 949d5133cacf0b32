package test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A psRow is a line of ps ajx, by its columns' names.
type psRow map[string]string

// psRows takes a list apart. Nothing but COMMAND has blanks in it.
func psRows(t *testing.T, list string) (rows []psRow) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(list, "\n"), "\n")
	names := strings.Fields(lines[0])
	require.Equal(t, strings.Fields("PPID PID PGID SID TTY TPGID STAT UID TIME COMMAND"), names)
	for _, line := range lines[1:] {
		row := psRow{}
		for _, name := range names[:len(names)-1] {
			line = strings.TrimLeft(line, " ")
			row[name], line, _ = strings.Cut(line, " ")
		}
		row["COMMAND"] = strings.TrimRight(line, " ")
		rows = append(rows, row)
	}
	return rows
}

func (r psRow) String() string { return fmt.Sprintf("%v", map[string]string(r)) }

// comparable is what two lists must have in common: what looks is not the same
// process twice, and of what can't be shown procps shows each byte.
func comparable(rows []psRow) (texts []string) {
	for _, r := range rows {
		if r["COMMAND"] == "ps ajx" || r["COMMAND"] == tinitPath+" ps" {
			continue
		}
		r["COMMAND"] = regexp.MustCompile(`\?+`).ReplaceAllString(strings.TrimLeft(r["COMMAND"], " "), "?")
		texts = append(texts, r.String())
	}
	return texts
}

// startScene starts a ps-scene as PROGRAM of PID 1, and gives what makes it look.
func startScene(t *testing.T) (u *running, look_ func() look) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { r.Close(); w.Close() })
	u = pid1(t, "ps-scene", tinitPath).stdin(r).start()
	u.out.waitFor(t, "ready\n")
	count := 0
	return u, func() (l look) {
		count++
		_, err := w.WriteString("\n")
		require.NoError(t, err)
		eventually(t, func() bool {
			if u.ended() {
				t.Fatalf("the scene has ended: %s", u.err)
			}
			return strings.Count(u.out.String(), "\n") > count
		}, "it looks")
		require.NoError(t, json.Unmarshal([]byte(strings.Split(u.out.String(), "\n")[count]), &l))
		return l
	}
}

// Row by row tinit ps shows what procps shows.
func TestPsIsAsProcps(t *testing.T) {
	_, err := exec.LookPath("ps")
	need(t, err == nil, "no ps")
	u, look_ := startScene(t)

	// By STAT and COMMAND; each is there for its own reason.
	want := []string{
		"Ssl+ ps-session", "S+ beside infinity", "S behind infinity", "SN low infinity", "SLl ps-locked",
		"Zl [ps-leaderless] <defunct>", "Z [) R 1 (?[é] <defunct>", "S named infinity", "Ss odd?[31m ? (é 世)? ? infinity",
	}
	if os.Geteuid() == 0 {
		want = append(want, "S< high infinity", "S nobody infinity")
	}
	var l look
	var rows []psRow
	complete := func() bool {
		l = look_()
		rows = psRows(t, l.Tinit)
		a, b := comparable(psRows(t, l.Procps)), comparable(rows)
		have, zombies := map[string]bool{}, 0
		for _, r := range rows {
			have[r["STAT"]+" "+r["COMMAND"]] = true
			if r["STAT"] == "Z" {
				zombies++
			}
		}
		for _, w := range want {
			if !have[w] {
				return false
			}
		}
		// A process is in another state now and then, and uses up another second.
		return zombies == 12 && assert.ObjectsAreEqual(a, b)
	}
	if !polls(deadline, complete) {
		for _, w := range want {
			found := false
			for _, r := range rows {
				found = found || r["STAT"]+" "+r["COMMAND"] == w
			}
			assert.True(t, found, "%q is not shown", w)
		}
		assert.Equal(t, comparable(psRows(t, l.Procps)), comparable(rows))
		return
	}

	ttys, uids := map[string]bool{}, map[string]bool{}
	var zombies []string
	scene, last := "", 0
	for _, r := range rows {
		pid, err := strconv.Atoi(r["PID"])
		require.NoError(t, err)
		assert.Greater(t, pid, last, "in the order of numbers")
		last = pid
		ttys[r["TTY"]], uids[r["UID"]] = true, true
		if r["STAT"] == "Z" {
			zombies = append(zombies, r["PID"])
			scene = r["PPID"]
		}
	}
	assert.Len(t, ttys, 3, "two terminals, and none")
	if os.Geteuid() == 0 {
		assert.Len(t, uids, 2)
	}
	assert.False(t, strings.ContainsFunc(strings.ReplaceAll(l.Tinit, "\n", ""), func(r rune) bool { return !unicode.IsPrint(r) }))

	require.Len(t, zombies, 12)
	assert.Equal(t, strconv.Itoa(nsPid(t, u.program())), scene)
	assert.Equal(t, fmt.Sprintf("tinit: process %s (ps-scene) has not reaped 12 zombies: %s and 2 more\n", scene, strings.Join(zombies[:10], ", ")), l.Said)
}

// inNamespace is a command as PROGRAM of PID 1, which has ended.
func inNamespace(t *testing.T, args ...string) result { return pid1(t, args...).run() }

func TestPsAlone(t *testing.T) {
	r := inNamespace(t, tinitPath, "ps")
	assert.Zero(t, r.code)
	assert.Empty(t, r.err, "the control: without zombies there is nothing to be said")
	rows := psRows(t, r.out)
	require.Len(t, rows, 2)
	assert.Equal(t, []string{"0", "1"}, []string{rows[0]["PPID"], rows[0]["PID"]})
	assert.Equal(t, tinitPath+" "+tinitPath+" ps", rows[0]["COMMAND"])
	assert.Equal(t, tinitPath+" ps", rows[1]["COMMAND"])
}

// Each line of the table is an object.
func TestPsJSON(t *testing.T) {
	r := inNamespace(t, "sh", "-c", `
		sh -c 'sleep 0 & exec sleep infinity' &
		until grep -qs '^State:.Z' /proc/[0-9]*/status; do sleep 0.01; done
		"$0" ps --json
		"$0" ps
		exit 7`, tinitPath)
	require.Equal(t, 7, r.code, r.err)
	text, table, _ := strings.Cut(r.out, "\n")
	var objects []struct {
		PPID, PID, PGID, SID, UID int
		TTY                       *string
		TPGID                     *int
		Stat, Name, Command       string
		Time                      float64
		Zombies                   []int
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&objects))
	rows := psRows(t, table)
	require.Len(t, objects, len(rows))
	for i, o := range objects {
		if o.Name == "tinit" && o.PID != 1 {
			continue // another one
		}
		n := func(name string) int { v, _ := strconv.Atoi(rows[i][name]); return v }
		assert.Equal(t, []int{n("PPID"), n("PID"), n("PGID"), n("SID"), n("UID")}, []int{o.PPID, o.PID, o.PGID, o.SID, o.UID})
		assert.Equal(t, rows[i]["COMMAND"], strings.ReplaceAll(o.Command, "\t", "?"))
		assert.Nil(t, o.TTY)
		assert.Nil(t, o.TPGID)
		assert.Less(t, o.Time, 10.)
		if o.Name == "sleep" && o.Stat != "Z" {
			require.Len(t, o.Zombies, 1)
			assert.Contains(t, r.err, fmt.Sprintf("tinit: process %d (sleep) has not reaped 1 zombie: %d\n", o.PID, o.Zombies[0]))
		} else {
			assert.Empty(t, o.Zombies)
		}
	}
	assert.Equal(t, 1, strings.Count(r.err, "\n"), "the objects say it themselves")
}

// Where /proc does not show this PID namespace's processes, none are shown.
func TestPsWithoutItsProc(t *testing.T) {
	t.Run("none", func(t *testing.T) {
		needRelease(t) // the race detector's has something to say without /proc
		r := pid1(t, tinitPath, "ps").noProc().run()
		assert.Equal(t, 125, r.code)
		assert.Empty(t, r.out)
		oneLine(t, r.err, "/proc is not mounted")
	})
	t.Run("the outer namespace's", func(t *testing.T) {
		for _, args := range [][]string{{"ps"}, {"ps", "--json"}} {
			r := pid1(t, append([]string{tinitPath}, args...)...).with(func(s *stage) { s.Proc = false }).run()
			assert.Equal(t, 125, r.code)
			assert.Empty(t, r.out)
			oneLine(t, r.err, "another PID namespace")
		}
	})
	t.Run("an inner namespace's", func(t *testing.T) {
		needRelease(t) // nor if it is not in there itself
		_, err := exec.LookPath("nsenter")
		need(t, err == nil && os.Geteuid() == 0, "no nsenter, or not root")
		u := pid1(t, "sleep", "infinity").start()
		u.program()
		enter := func(namespaces ...string) result {
			return plainly(t, append(append([]string{"nsenter", "--target", strconv.Itoa(u.pid)}, namespaces...), tinitPath, "ps")...).
				prep(func(cmd *exec.Cmd) { cmd.Path, _ = exec.LookPath("nsenter") }).run()
		}
		r := enter("--mount")
		assert.Equal(t, 125, r.code)
		assert.Empty(t, r.out)
		oneLine(t, r.err, "another PID namespace")

		r = enter("--mount", "--pid") // the control
		assert.Zero(t, r.code, r.err)
		rows := psRows(t, r.out)
		require.Len(t, rows, 3)
		assert.Equal(t, "sleep infinity", rows[1]["COMMAND"])
		assert.Equal(t, "0", rows[2]["PPID"], "who has come from outside")
	})
}

// What hidepid hides is not shown, and nothing else is missing.
func TestPsHidepid(t *testing.T) {
	_, err := exec.LookPath("setpriv")
	need(t, err == nil && os.Geteuid() == 0, "no setpriv, or not root")
	for option, count := range map[string]int{"0": 3, "1": 1, "2": 1} {
		r := inNamespace(t, "sh", "-c", `mount -o remount,hidepid="$1" /proc || exit 9
			sleep infinity &
			exec setpriv --reuid 65534 --regid 65534 --clear-groups "$0" ps`, tinitPath, option)
		require.Zero(t, r.code, r.err)
		rows := psRows(t, r.out)
		require.Len(t, rows, count, "hidepid=%s\n%s", option, r.out)
		assert.Equal(t, "65534", rows[min(1, count-1)]["UID"])
	}
}

// A line is not wider than the terminal, and whole where there is none.
func TestPsWidth(t *testing.T) {
	long := strings.Repeat("世x", 100)
	script := []string{"sh", "-c", `sh -c 'read x' ` + long + ` </dev/zero &
		until grep -qzx 'read x' /proc/$!/cmdline; do :; done # it is what it is to be
		` + tinitPath + ` ps; kill $!`}
	r := inNamespace(t, script...)
	require.Zero(t, r.code, r.err)
	assert.Contains(t, r.out, long)

	term := newTerminal(t)
	require.NoError(t, pty.Setsize(term.device, &pty.Winsize{Rows: 24, Cols: 61}))
	run := pid1(t, script...)
	u := run.stdin(term.device).stdout(term.device).prep(term.attach).start()
	require.Zero(t, u.wait(), u.err)
	term.shows("COMMAND")
	var widest int
	eventually(t, func() bool { return strings.Contains(term.text(), "世") }, "the row is shown")
	for line := range strings.SplitSeq(strings.TrimSuffix(term.text(), "\r\n"), "\r\n") {
		columns := 0
		for _, r := range line {
			columns++
			if r == '世' {
				columns++
			}
		}
		assert.LessOrEqual(t, columns, 61, line)
		widest = max(widest, columns)
	}
	assert.GreaterOrEqual(t, widest, 60)
}

// A pipe that nobody reads ends it, as it ends any program.
func TestPsEndsByPipe(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	r.Close()
	defer w.Close()
	assert.Equal(t, 128+13, tinit(t, "ps").stdout(w).run().code)
}
