package keeper

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/job"
	"github.com/tinit-dev/tinit/internal/supervisor"
	"github.com/tinit-dev/tinit/session"
)

// newKeeper has a job whose start is awaited, and no program.
func newKeeper(t *testing.T) (k *Keeper, told func() []error) {
	t.Helper()
	d, err := job.Make(t.TempDir() + "/jobs")
	require.NoError(t, err)
	folder, name, err := d.Reserve("web", "prog")
	require.NoError(t, err)
	t.Cleanup(folder.Close)
	var reports []error
	r := job.Record{ID: "0123", Name: name, Program: []string{"prog"}, State: job.Running}
	k = &Keeper{
		cfg: Config{Folder: folder, Record: r, Supervisor: supervisor.Config{
			Warn: func(format string, args ...any) { t.Errorf(format, args...) },
		}},
		record: r, report: func(_ string, err error) { reports = append(reports, err) },
	}
	return k, func() []error { return reports }
}

func TestHeard(t *testing.T) {
	for said, want := range map[string]struct {
		ready  bool
		status string
	}{
		"READY=1":                            {ready: true},
		"READY=1\n":                          {ready: true},
		"STATUS=50 %\nREADY=1\nMAINPID=12\n": {true, "50 %"},
		"READY=0":                            {},
		"READY=11":                           {},
		"xREADY=1":                           {},
		"ready=1":                            {},
		"READY":                              {},
		"":                                   {},
		"\x00\xff":                           {},
		"STATUS=a=b":                         {status: "a=b"},
		"STATUS=\xff\x1b[31m":                {status: "?\x1b[31m"}, // the table has it printable
		"STATUS=" + strings.Repeat("x", 600): {status: strings.Repeat("x", 512)},
		"STATUS=a\nSTATUS=b":                 {status: "b"},
		"STOPPING=1\nSTATUS=":                {},
	} {
		k, told := newKeeper(t)
		k.heard(said)
		assert.Equal(t, want.ready, k.record.Ready, "%q", said)
		assert.Equal(t, want.status, k.record.Status, "%q", said)
		if want.ready {
			assert.Equal(t, []error{nil}, told(), "%q", said)
		} else {
			assert.Empty(t, told(), "%q", said)
		}
		got, err := k.cfg.Folder.Read()
		require.NoError(t, err)
		assert.Equal(t, want.ready, got.Ready)
		k.heard("READY=1")
		assert.Len(t, told(), 1, "it is told once")
	}
}

// Readiness that comes when the program is already being stopped for the lack of it is no success.
func TestReadyTooLate(t *testing.T) {
	k, told := newKeeper(t)
	k.unready = &Unready{124, "overdue"}
	k.heard("READY=1")
	assert.Empty(t, told())
}

// credentials are what the kernel tells of a sender.
func credentials(uid uint32) []byte { return unix.UnixCredentials(&unix.Ucred{Pid: 1, Uid: uid}) }

func TestWhoMaySpeak(t *testing.T) {
	own := uint32(os.Geteuid())
	assert.True(t, maySpeak(credentials(own), nil))
	assert.True(t, maySpeak(credentials(0), nil))
	assert.False(t, maySpeak(credentials(own+1000), nil))
	user := &session.User{UID: int(own) + 1000}
	assert.True(t, maySpeak(credentials(own+1000), user), "the program's own")
	assert.False(t, maySpeak(credentials(own+1001), user))
	for _, bad := range [][]byte{nil, {1, 2, 3}, unix.UnixRights(0), append(credentials(0), unix.UnixRights(0)...)} {
		assert.False(t, maySpeak(bad, nil))
	}
}

func TestListenForReadiness(t *testing.T) {
	said := make(chan string, 1)
	id, err := job.NewID()
	require.NoError(t, err)
	name, err := listenForReadiness(id, nil, func(text string) { said <- text })
	require.NoError(t, err)
	assert.Equal(t, "@tinit/"+id, name)
	conn, err := net.Dial("unixgram", name)
	require.NoError(t, err, "it is there")
	_, err = conn.Write([]byte("READY=1"))
	require.NoError(t, err)
	assert.Equal(t, "READY=1", <-said)
	require.NoError(t, conn.Close())
	_, err = listenForReadiness(id, nil, nil)
	assert.ErrorContains(t, err, "cannot listen for readiness", "nobody else's")
}

// The caller may have these two itself, as within another job.
func TestVariablesAreReplaced(t *testing.T) {
	k, _ := newKeeper(t)
	k.cfg.Command.Env = []string{"A=1", job.MarkName + "=outer", "NOTIFY_SOCKET=/run/systemd/notify", "NOTIFY_SOCKETS=x"}
	before := k.cfg.Command.Env
	k.setVariable(job.MarkName, "inner")
	k.setVariable("NOTIFY_SOCKET", "@x")
	assert.Equal(t, []string{"A=1", "NOTIFY_SOCKETS=x", job.MarkName + "=inner", "NOTIFY_SOCKET=@x"}, k.cfg.Command.Env)
	assert.Equal(t, job.MarkName+"=outer", before[1], "of others nothing is changed")
}
