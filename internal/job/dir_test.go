package job

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// asUser runs f on a thread that is another user's for as long, as far as [unix.Geteuid] and the file system know.
func asUser(t *testing.T, uid int, f func()) {
	t.Helper()
	if unix.Geteuid() != 0 {
		t.Skip("cannot run here: it takes root to be somebody else")
	}
	require.NoError(t, unix.Setreuid(-1, uid))
	defer func() { require.NoError(t, unix.Setreuid(-1, 0)) }()
	f()
}

func TestPlace(t *testing.T) {
	own := t.TempDir()
	for _, c := range []struct {
		state, xdg, home string
		want, err        string
	}{
		{state: "/s", xdg: "/x", home: own, want: "/s"},
		{state: "/s/../t/", want: "/t"},
		{state: "s", home: own, err: `TINIT_STATE_DIR is "s", which is no absolute path`},
		{xdg: "/x", home: own, want: "/x/tinit"},
		{xdg: "x", home: own, want: own + "/.local/state/tinit"}, // as if it were not set
		{home: own, want: own + "/.local/state/tinit"},
	} {
		getenv := func(name string) string {
			return map[string]string{"TINIT_STATE_DIR": c.state, "XDG_STATE_HOME": c.xdg, "HOME": c.home}[name]
		}
		got, err := Place(getenv)
		if c.err != "" {
			assert.ErrorContains(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, c.want, got, "%+v", c)
	}
}

func TestPlaceOfRootAndOthers(t *testing.T) {
	roots, theirs := t.TempDir(), t.TempDir()
	if unix.Geteuid() != 0 {
		t.Skip("cannot run here: it takes root to be somebody else")
	}
	require.NoError(t, os.Chown(theirs, 65534, 65534))
	place := func(home string) (string, error) {
		return Place(func(name string) string { return map[string]string{"HOME": home}[name] })
	}
	for _, c := range []struct{ home, root, other, err string }{
		{home: roots, root: roots + "/.local/state/tinit", other: roots + "/.local/state/tinit"},
		{home: theirs, root: rootsPlace, other: theirs + "/.local/state/tinit"},
		{home: "", root: rootsPlace, err: "HOME is not set"},
		{home: "/nonexistent", root: rootsPlace, other: "/nonexistent/.local/state/tinit"},
		{home: "h", root: rootsPlace, err: `HOME is "h", which is no absolute path`},
	} {
		got, err := place(c.home)
		require.NoError(t, err)
		assert.Equal(t, c.root, got, "%+v", c)
		asUser(t, 65534, func() { got, err = place(c.home) })
		if c.err != "" {
			assert.ErrorContains(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, c.other, got, "%+v", c)
	}
}

func TestMakeMakesWhatIsMissing(t *testing.T) {
	path := t.TempDir() + "/a/b/jobs"
	_, err := Open(path)
	assert.ErrorIs(t, err, fs.ErrNotExist, "which is to say that there are no jobs")
	for range 2 {
		d, err := Make(path)
		require.NoError(t, err)
		d.Close()
	}
	for _, dir := range []string{path, filepath.Dir(path)} {
		info, err := os.Stat(dir)
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o700), info.Mode().Perm(), dir)
	}
}

func TestFolderIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, path string) error
		err   string
	}{
		"control":             {spoil: func(*testing.T, string) error { return nil }},
		"others may read it":  {func(_ *testing.T, path string) error { return os.Chmod(path, 0o740) }, "may be used by others (its mode is 0740, and has to be 0700)"},
		"others may write it": {func(_ *testing.T, path string) error { return os.Chmod(path, 0o702) }, "may be used by others"},
		"a symbolic link": {func(_ *testing.T, path string) error {
			return os.Rename(path, path+".real")
		}, "is a symbolic link, which is not followed"},
		"a file": {func(_ *testing.T, path string) error {
			return os.Remove(path)
		}, "is no folder"},
		"somebody else's": {func(t *testing.T, path string) error {
			if unix.Geteuid() != 0 {
				t.Skip("cannot run here: it takes root to be somebody else")
			}
			return os.Chown(path, 65534, 65534)
		}, "belongs to user 65534, and this is user 0"},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir() + "/jobs"
			require.NoError(t, os.Mkdir(path, 0o700))
			require.NoError(t, c.spoil(t, path))
			switch name {
			case "a symbolic link":
				require.NoError(t, os.Symlink(path+".real", path))
			case "a file":
				require.NoError(t, os.WriteFile(path, nil, 0o600))
			}
			for _, open := range []func(string) (*Dir, error){Open, Make} {
				d, err := open(path)
				if c.err == "" {
					require.NoError(t, err)
					d.Close()
					continue
				}
				assert.ErrorContains(t, err, c.err)
			}
		})
	}
}

// A job's own folder is looked at as that of all is.
func TestJobsFolderIsRefused(t *testing.T) {
	d := newDir(t)
	j := add(t, d, Record{State: Ended})
	require.NoError(t, os.Chmod(j.folder, 0o750))
	_, problems, err := d.All()
	require.NoError(t, err)
	require.Len(t, problems, 1)
	assert.ErrorContains(t, problems[0], "may be used by others")

	require.NoError(t, os.Rename(j.folder, d.Path+"/real"))
	require.NoError(t, os.Chmod(d.Path+"/real", 0o700))
	require.NoError(t, os.Symlink("real", j.folder))
	_, problems, _ = d.All()
	require.Len(t, problems, 1)
	assert.ErrorContains(t, problems[0], "symbolic link")

	require.NoError(t, os.Remove(j.folder))
	require.NoError(t, os.Rename(d.Path+"/real", j.folder))
	jobs, problems, _ := d.All()
	assert.Empty(t, problems)
	assert.Len(t, jobs, 1, "control")
}

func TestNoFolderCanBeMade(t *testing.T) {
	file := t.TempDir() + "/file"
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Make(file + "/jobs")
	assert.ErrorContains(t, err, "no place for jobs: mkdir")
	assert.ErrorContains(t, err, "TINIT_STATE_DIR can name another folder")
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"web", "a", "1a", "web-2", "a.b_c", "A9", strings.Repeat("a", maxName)} {
		assert.NoError(t, CheckName(name), name)
	}
	for _, name := range []string{
		"", "1", "007", "%1", "%", ".", "..", ".a", "-a", "--", "a/b", "a b", "a\n", "ä", "a\x00", "+", strings.Repeat("a", maxName+1),
	} {
		assert.Error(t, CheckName(name), name)
	}
}

func TestNameFor(t *testing.T) {
	for program, want := range map[string]string{
		"web": "web", "/usr/bin/python3.11": "python3.11", "./a.out": "a.out", "my prog": "my-prog", "7": "job", "/": "job",
		"": "job", ".hidden": "hidden", "-x": "x", "größe": "gr--e", "[": "job", strings.Repeat("x", 300): strings.Repeat("x", maxName-10),
	} {
		name := nameFor(program)
		assert.Equal(t, want, name, program)
		assert.NoError(t, CheckName(name))
	}
}
