package job

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// smallDisk is a file system of 256 KB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("small", dir, "tmpfs", 0, "size=256k"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("cannot run here: mount: %v", err)
	}
	t.Cleanup(func() { assert.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// fill fills the disk to the last byte.
func fill(t *testing.T, dir string) {
	t.Helper()
	path, err := exec.LookPath("dd")
	require.NoError(t, err)
	_ = exec.Command(path, "if=/dev/zero", "of="+filepath.Join(dir, "filler"), "bs=1k").Run()
	f, err := os.OpenFile(filepath.Join(dir, "filler"), os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.Write(make([]byte, 4096))
	require.ErrorIs(t, err, unix.ENOSPC)
}

func TestEndIsToldOnAFullDisk(t *testing.T) {
	for _, room := range []bool{true, false} {
		disk := smallDisk(t)
		d, err := Make(disk + "/jobs")
		require.NoError(t, err)
		defer d.Close()
		j := add(t, d, full())
		f, err := d.Again(j)
		require.NoError(t, err)
		defer f.Close()
		if room {
			require.NoError(t, f.KeepRoom(j.Record))
		}
		fill(t, disk)
		j.State = Ended
		j.Exit.Code = 7
		err = f.Write(j.Record)
		if !room {
			assert.ErrorIs(t, err, unix.ENOSPC, "control")
			was, err := f.Read()
			require.NoError(t, err)
			assert.Equal(t, Pausing, was.State, "the record that there was stays whole")
			continue
		}
		require.NoError(t, err)
		got, err := f.Read()
		require.NoError(t, err)
		equal(t, j.Record, got)
	}
}

// The room is there for as long as the job is kept, whoever fills the disk.
func TestRoomIsKept(t *testing.T) {
	for _, keeps := range []bool{true, false} {
		disk := smallDisk(t)
		d, err := Make(disk + "/jobs")
		require.NoError(t, err)
		defer d.Close()
		j := add(t, d, full())
		f, err := d.Again(j)
		require.NoError(t, err)
		defer f.Close()
		for range 2 { // as the start of a program does
			require.NoError(t, f.KeepRoom(j.Record))
			require.NoError(t, f.Write(j.Record))
		}
		if !keeps {
			f.giveUpRoom()
		}
		for i := range 20 {
			fill(t, disk)
			j.Restarts, j.Status = i, strings.Repeat("x", 100*(i%3))
			err := f.Write(j.Record)
			if !keeps {
				assert.ErrorIs(t, err, unix.ENOSPC, "control")
				break
			}
			require.NoError(t, err)
			_ = f.KeepRoom(j.Record)
			got, err := f.Read()
			require.NoError(t, err)
			equal(t, j.Record, got)
		}
	}
}

func TestNoRoomIsAnError(t *testing.T) {
	disk := smallDisk(t)
	d, err := Make(disk + "/jobs")
	require.NoError(t, err)
	defer d.Close()
	j := add(t, d, full())
	f, err := d.Again(j)
	require.NoError(t, err)
	defer f.Close()
	fill(t, disk)
	assert.ErrorIs(t, f.KeepRoom(j.Record), unix.ENOSPC)
	require.NoError(t, os.Remove(disk+"/filler"))
	assert.NoError(t, f.KeepRoom(j.Record), "control")
}
