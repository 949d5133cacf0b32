package job

import (
	"bufio"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReserveCounts(t *testing.T) {
	d := newDir(t)
	for i, want := range []string{"prog", "prog-2", "prog-3"} {
		f, name, err := d.Reserve("", "/usr/bin/prog")
		require.NoError(t, err)
		defer f.Close()
		assert.Equal(t, want, name)
		assert.Equal(t, i+1, f.Number)
	}
	f, name, err := d.Reserve("web", "prog")
	require.NoError(t, err)
	defer f.Close()
	assert.Equal(t, "web", name)
	assert.Equal(t, 4, f.Number)
}

// As a shell counts: the number after the greatest there is.
func TestNumbersOfRemovedJobs(t *testing.T) {
	d := newDir(t)
	for range 3 {
		add(t, d, Record{State: Ended})
	}
	for _, n := range []int{2, 3} {
		j, err := d.Read(n)
		require.NoError(t, err)
		f, err := d.Again(j)
		require.NoError(t, err)
		require.NoError(t, d.Remove(f))
		f.Close()
	}
	assert.Equal(t, 2, add(t, d, Record{State: Ended}).Number)
	assert.Equal(t, 3, add(t, d, Record{State: Ended}).Number)
}

func TestReserveOfANameThatHasEnded(t *testing.T) {
	d := newDir(t)
	j := add(t, d, Record{Name: "web", State: Ended})
	require.NoError(t, os.WriteFile(j.Path(OutputName), []byte("before\n"), 0o600))
	f, name, err := d.Reserve("web", "other")
	require.NoError(t, err)
	defer f.Close()
	assert.Equal(t, "web", name)
	assert.Equal(t, j.Number, f.Number)
	text, err := os.ReadFile(j.Path(OutputName))
	require.NoError(t, err)
	assert.Equal(t, "before\n", string(text))

	r, err := f.Read()
	require.NoError(t, err)
	assert.Equal(t, Ended, r.State, "the record stays until the job runs")
	d.Discard(f)
	jobs, _, err := d.All()
	require.NoError(t, err)
	assert.Len(t, jobs, 1, "and when it does not")
}

func TestReserveOfANameThatRuns(t *testing.T) {
	d := newDir(t)
	r := here(t)
	r.Name, r.Main = "web", Process{PID: 4257}
	j := add(t, d, r)
	f, err := d.Again(j)
	require.NoError(t, err, "control: nobody holds it")
	_, _, err = d.Reserve("web", "prog")
	assert.EqualError(t, err, `job "web" runs already: [1] 4257 web`)
	_, err = d.Again(j)
	assert.EqualError(t, err, `job "web" runs already: [1] 4257 web`)
	f.Close()
	f, _, err = d.Reserve("web", "prog")
	require.NoError(t, err)
	f.Close()
}

// A keeper tells the end first, and lets go of the folder when it ends itself.
func TestAgainWaitsForAKeeperThatEnds(t *testing.T) {
	d := newDir(t)
	j := add(t, d, Record{Name: "web", State: Ended})
	f, err := d.Again(j)
	require.NoError(t, err)
	got := make(chan error)
	go func() {
		again, err := d.Again(j)
		if err == nil {
			again.Close()
		}
		got <- err
	}()
	select {
	case err := <-got:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	f.Close()
	assert.NoError(t, <-got)
}

func TestReserveWhileOneStarts(t *testing.T) {
	d := newDir(t)
	f, _, err := d.Reserve("web", "prog")
	require.NoError(t, err)
	defer f.Close()
	_, _, err = d.Reserve("web", "prog")
	assert.EqualError(t, err, `job "web" is being started by somebody else`)
	jobs, _, err := d.All()
	require.NoError(t, err)
	require.Len(t, jobs, 1)
	assert.Equal(t, Starting, jobs[0].Now())
}

// Two processes ask for one name at one moment: one gets it, and the other is told so.
func TestReserveOnce(t *testing.T) {
	rounds := 15
	for range rounds {
		d := newDir(t)
		var outputs []*bufio.Reader
		var inputs []io.Closer
		for range 3 {
			cmd := &exec.Cmd{Path: reexec.Self(), Args: []string{"reserve", d.Path, "web"}}
			in, err := cmd.StdinPipe()
			require.NoError(t, err)
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			defer func() { _ = cmd.Wait() }()
			defer func() { _ = cmd.Process.Kill() }()
			lines := bufio.NewReader(out)
			_, err = lines.ReadString('\n')
			require.NoError(t, err)
			inputs, outputs = append(inputs, in), append(outputs, lines)
		}
		for _, in := range inputs {
			require.NoError(t, in.Close())
		}
		won := 0
		for _, out := range outputs {
			line, err := out.ReadString('\n')
			require.NoError(t, err)
			if line == "won 1\n" {
				won++
				continue
			}
			assert.Equal(t, "job \"web\" is being started by somebody else\n", line)
		}
		assert.Equal(t, 1, won)
	}
}

// What a start left that was killed is no job, and the next start clears it away.
func TestRubbishIsClearedAway(t *testing.T) {
	d := newDir(t)
	kept := add(t, d, Record{Name: "kept", State: Ended})
	killed, _, err := d.Reserve("killed", "prog")
	require.NoError(t, err)
	killed.Close() // as its process's end does
	require.NoError(t, os.Mkdir(d.Path+"/3", 0o700))
	require.NoError(t, os.Mkdir(d.Path+"/4", 0o700))
	require.NoError(t, os.WriteFile(d.Path+"/4/record", []byte("rubbish"), 0o600))

	jobs, problems, err := d.All()
	require.NoError(t, err)
	require.Len(t, jobs, 1)
	assert.Equal(t, kept.Number, jobs[0].Number)
	assert.Len(t, problems, 1)

	f, _, err := d.Reserve("killed", "prog")
	require.NoError(t, err)
	defer f.Close()
	assert.Equal(t, 5, f.Number, "a record that cannot be read stays, for somebody to look at")
	left, err := filepath.Glob(d.Path + "/*")
	require.NoError(t, err)
	assert.Equal(t, []string{d.Path + "/1", d.Path + "/4", d.Path + "/5"}, left)
}

func TestDiscard(t *testing.T) {
	d := newDir(t)
	f, _, err := d.Reserve("web", "prog")
	require.NoError(t, err)
	d.Discard(f)
	assert.NoDirExists(t, f.Path)

	f, _, err = d.Reserve("web", "prog")
	require.NoError(t, err)
	require.NoError(t, f.Write(Record{ID: "1", Name: "web", Program: []string{"prog"}, State: Ended}))
	d.Discard(f)
	assert.DirExists(t, f.Path, "a program was started")
}

func TestAskAndTake(t *testing.T) {
	d := newDir(t)
	f, _, err := d.Reserve("web", "prog")
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, f.Ask(Record{Name: "web", Program: []string{"prog", "x"}}))
	kept, r, err := Take(f.Path, f.Held())
	require.NoError(t, err)
	assert.Equal(t, []string{"prog", "x"}, r.Program)
	assert.Regexp(t, "^[0-9a-f]{32}$", r.ID)
	assert.Equal(t, 1, kept.Number)
	assert.NoFileExists(t, f.Path+"/"+askedName)
	_, _, err = Take(f.Path, f.Held())
	assert.Error(t, err, "it is taken once")
}

// A symbolic link in the folder is not written through, nor read.
func TestLinksInTheFolder(t *testing.T) {
	d := newDir(t)
	j := add(t, d, Record{Name: "web", State: Ended})
	victim := t.TempDir() + "/victim"
	require.NoError(t, os.WriteFile(victim, []byte("mine"), 0o600))
	for _, name := range []string{recordNew, askedName} {
		require.NoError(t, os.Symlink(victim, j.Path(name)))
	}
	f, err := d.Again(j)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, f.Ask(j.Record))
	require.NoError(t, f.Write(j.Record))
	text, err := os.ReadFile(victim)
	require.NoError(t, err)
	assert.Equal(t, "mine", string(text))

	require.NoError(t, os.Rename(j.Path(recordName), victim))
	_, err = f.Read()
	require.Error(t, err)
	require.NoError(t, os.Symlink(victim, j.Path(recordName)))
	_, err = f.Read()
	assert.ErrorContains(t, err, "is a symbolic link")

	require.NoError(t, os.Remove(j.Path(recordName)))
	require.NoError(t, f.Write(j.Record))
	_, err = f.Read()
	assert.NoError(t, err, "control")
}

func TestWriteIsWhole(t *testing.T) {
	d := newDir(t)
	j := add(t, d, Record{Name: "web", State: Ended})
	f, err := d.Again(j)
	require.NoError(t, err)
	defer f.Close()
	long, short := j.Record, j.Record
	long.Status = strings.Repeat("long ", 1000)
	for range 3 {
		for _, r := range []Record{long, short} {
			require.NoError(t, f.KeepRoom(r))
			require.NoError(t, f.Write(r))
			text, err := os.ReadFile(j.Path(recordName))
			require.NoError(t, err)
			assert.Equal(t, r.format(), strings.TrimRight(string(text), "\n")+"\n", "nothing of a longer one is left")
		}
	}
	f.Close()
	text, err := os.ReadFile(j.Path(recordName))
	require.NoError(t, err)
	assert.Equal(t, short.format(), string(text), "nor of the room")
	assert.NoFileExists(t, j.Path(recordNew))
}

// Somebody who has been stopped while he makes a job holds the others up, and not for ever.
func TestReserveDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	unlock, err := d.lock()
	require.NoError(t, err)
	_, _, err = d.Reserve("", "prog")
	assert.ErrorContains(t, err, "somebody else is starting or removing a job")
	unlock()
	f, _, err := d.Reserve("", "prog")
	require.NoError(t, err, "the control")
	f.Close()
}

// What became of a job since it was looked up counts, and is said by its name.
func TestAgainAfterOthers(t *testing.T) {
	d := newDir(t)
	j := add(t, d, Record{Name: "web", Program: []string{"prog"}, Dir: "/before", State: Ended})
	f, err := d.Again(j)
	require.NoError(t, err)
	assert.Equal(t, "/before", f.Before().Dir, "the control")
	since := j.Record
	since.Program, since.Dir = []string{"other", "x"}, "/since"
	require.NoError(t, f.Write(since))
	f.Close()
	f, err = d.Again(j)
	require.NoError(t, err)
	assert.Equal(t, since, f.Before())
	f.Close()

	for _, path := range []string{j.Path(recordName), j.Path("")} {
		require.NoError(t, os.RemoveAll(path))
		_, err = d.Again(j)
		require.EqualError(t, err, `job "web" was removed just now`)
		assert.ErrorIs(t, err, fs.ErrNotExist)
	}
}
