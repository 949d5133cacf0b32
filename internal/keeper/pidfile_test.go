package keeper

import (
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func pidFileOf(t *testing.T, text string) (path string) {
	t.Helper()
	path = t.TempDir() + "/pid"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

func TestPIDFile(t *testing.T) {
	path := t.TempDir() + "/pid"
	f, err := openPIDFile(path)
	require.NoError(t, err)
	for _, pid := range []int{4194304, 1} {
		require.NoError(t, f.write(pid))
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, strconv.Itoa(pid)+"\n", string(text), "nothing of a longer number is left")
	}
	_, err = openPIDFile(path)
	assert.ErrorContains(t, err, "is another's", "it is locked, whatever it says")
	f.remove()
	assert.NoFileExists(t, path)
	f, err = openPIDFile(path)
	require.NoError(t, err)
	f.remove()
}

func TestNoPIDFile(t *testing.T) {
	f, err := openPIDFile("")
	require.NoError(t, err)
	assert.NoError(t, f.write(1))
	f.remove()
}

func TestPIDFilesThatAreRefused(t *testing.T) {
	self := strconv.Itoa(os.Getpid())
	for name, c := range map[string]struct{ text, err string }{
		"control, empty":           {"", ""},
		"nobody's number":          {"4194304\n", ""},
		"a number below 1":         {"0", ""},
		"one that lives":           {self, "names process " + self + ", which is there"},
		"with blanks":              {"  " + self + " \n", "which is there"},
		"garbage":                  {"hello\n", `is no pidfile: it says "hello\n"`},
		"a file of somebody's":     {"# configuration\n" + self, "is no pidfile"},
		"more than a number":       {self + " " + self, "is no pidfile"},
		"blanks, which are no PID": {"\n", "is no pidfile"},
	} {
		path := pidFileOf(t, c.text)
		f, err := openPIDFile(path)
		if c.err == "" {
			require.NoError(t, err, name)
			f.remove()
			continue
		}
		assert.ErrorContains(t, err, c.err, name)
		text, err := os.ReadFile(path)
		require.NoError(t, err, "it stays")
		assert.Equal(t, c.text, string(text), name)
	}
}

// A process that began after the file was written has the number of one that has ended.
func TestPIDFileOfANumberThatWasUsedAgain(t *testing.T) {
	cmd := exec.Command("sleep", "infinity")
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }()
	path := pidFileOf(t, strconv.Itoa(cmd.Process.Pid))
	_, err := openPIDFile(path)
	require.ErrorContains(t, err, "which is there", "control")

	before := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(path, before, before))
	f, err := openPIDFile(path)
	require.NoError(t, err)
	f.remove()
}

func TestPIDFileOfAZombie(t *testing.T) {
	cmd := exec.Command("true")
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Wait() }()
	path := pidFileOf(t, strconv.Itoa(cmd.Process.Pid))
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		f, err := openPIDFile(path)
		if err == nil {
			f.remove()
			return
		}
		require.True(t, time.Now().Before(end), err)
	}
}

func TestPIDFileThatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Symlink(dir+"/elsewhere", dir+"/link"))
	_, err := openPIDFile(dir + "/link")
	assert.ErrorIs(t, err, unix.ELOOP)
	assert.NoFileExists(t, dir+"/elsewhere")

	require.NoError(t, unix.Mkfifo(dir+"/fifo", 0o600))
	_, err = openPIDFile(dir + "/fifo")
	assert.ErrorContains(t, err, "no regular file")
	_, err = openPIDFile(dir)
	assert.Error(t, err)
	_, err = openPIDFile(dir + "/no/pid")
	assert.ErrorContains(t, err, "cannot open the pidfile")
}

func TestPIDFileOfAnotherIsNotRemoved(t *testing.T) {
	path := t.TempDir() + "/pid"
	f, err := openPIDFile(path)
	require.NoError(t, err)
	require.NoError(t, os.Rename(path, path+".old"))
	require.NoError(t, os.WriteFile(path, []byte("1\n"), 0o644))
	f.remove()
	assert.FileExists(t, path)
}

// A file that another keeper removes at that moment is not the one to hold.
func TestPIDFileIsThereWhenItIsHeld(t *testing.T) {
	path := t.TempDir() + "/pid"
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 300 {
				f, err := openPIDFile(path)
				if err != nil {
					assert.ErrorContains(t, err, "is another's")
					continue
				}
				assert.NoError(t, f.write(1<<22))
				assert.FileExists(t, path)
				f.remove()
			}
		})
	}
	all.Wait()
}
