package job

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/proc"
)

func TestNow(t *testing.T) {
	d := newDir(t)
	keeper, main := start(t), start(t)
	for name, c := range map[string]struct {
		forge func(*Record)
		want  State
	}{
		"control":                   {func(*Record) {}, Running},
		"ended":                     {func(r *Record) { r.State = Ended }, Ended},
		"starting":                  {func(r *Record) { r.State = Starting }, Starting},
		"pausing":                   {func(r *Record) { r.State = Pausing }, Pausing},
		"its number is another's":   {func(r *Record) { r.Keeper.Start++ }, Lost},
		"an older one's":            {func(r *Record) { r.Keeper.Start-- }, Lost},
		"no such number":            {func(r *Record) { r.Keeper.PID = 1 << 22 }, Lost},
		"no number":                 {func(r *Record) { r.Keeper = Process{} }, Lost},
		"another boot":              {func(r *Record) { r.Boot = "2f6ed8b1-0000-0000-0000-000000000000" }, Lost},
		"no boot":                   {func(r *Record) { r.Boot = "" }, Lost},
		"a namespace that is gone":  {func(r *Record) { r.Namespace++ }, Lost},
		"both, and it had ended":    {func(r *Record) { r.Boot, r.Namespace, r.State = "x", 1, Ended }, Ended},
		"both, while it paused":     {func(r *Record) { r.Boot, r.Namespace, r.State = "x", 1, Pausing }, Lost},
		"only the main one is gone": {func(r *Record) { r.Main.Start++ }, Running}, // its keeper will say
	} {
		r := here(t)
		r.Keeper, r.Main = process(t, keeper.Process.Pid), process(t, main.Process.Pid)
		c.forge(&r)
		j := Job{Number: 1, Record: r, folder: d.Path + "/1"}
		if name == "a namespace that is gone" {
			j = add(t, d, r)
		}
		assert.Equal(t, c.want, j.Now(), name)
		assert.Equal(t, r.Boot != here(t).Boot, j.BeforeBoot(), name)
	}
}

// In another namespace the job's numbers mean others. That it is kept there shows by the hold on its folder.
func TestNowOfAnotherNamespace(t *testing.T) {
	d := newDir(t)
	r := here(t)
	r.Namespace++
	j := add(t, d, r)
	assert.Equal(t, Lost, j.Now())
	f, err := d.Again(j)
	require.NoError(t, err)
	assert.Equal(t, Away, j.Now())
	f.Close()
	assert.Equal(t, Lost, j.Now())
	assert.Empty(t, j.Left())
}

func TestNowOfOneThatIsStopped(t *testing.T) {
	r := here(t)
	main := start(t)
	r.Main = process(t, main.Process.Pid)
	j := Job{Record: r}
	require.NoError(t, main.Process.Signal(unix.SIGSTOP))
	eventually(t, func() bool { return j.Now() == Stopped }, "it is seen to be stopped")
	require.NoError(t, main.Process.Signal(unix.SIGCONT))
	eventually(t, func() bool { return j.Now() == Running }, "it is seen to run")
}

// A keeper that has ended and that nobody reaps is none.
func TestNowOfAZombie(t *testing.T) {
	keeper := start(t)
	r := here(t)
	r.Keeper = process(t, keeper.Process.Pid)
	j := Job{Record: r}
	require.Equal(t, Running, j.Now())
	require.NoError(t, keeper.Process.Kill()) // and it is not waited for
	eventually(t, func() bool {
		p, err := proc.Read(keeper.Process.Pid)
		return err == nil && p.Dead()
	}, "it is a zombie")
	assert.Equal(t, Lost, j.Now())
	_, err := r.Keeper.Open()
	assert.ErrorIs(t, err, unix.ESRCH)
}

func TestOpenIsThatProcessAndNoOther(t *testing.T) {
	p := process(t, start(t).Process.Pid)
	f, err := p.Open()
	require.NoError(t, err)
	assert.NoError(t, unix.PidfdSendSignal(int(f.Fd()), 0, nil, 0))
	require.NoError(t, f.Close())
	p.Start++
	_, err = p.Open()
	assert.ErrorIs(t, err, unix.ESRCH)
	_, err = Process{PID: 1 << 22}.Open()
	assert.ErrorIs(t, err, unix.ESRCH)
}

// lost is a job whose keeper, which led a session with these processes, was killed.
func lost(t *testing.T, session int) Job {
	t.Helper()
	r := here(t)
	r.ID, r.Keeper = "cafe", Process{session, 1}
	return Job{Record: r}
}

func TestLeft(t *testing.T) {
	marked := start(t, MarkName+"=cafe")
	j := lost(t, marked.Process.Pid)
	require.Equal(t, Lost, j.Now())
	require.Len(t, j.Left(), 1)
	assert.Equal(t, marked.Process.Pid, j.Left()[0].PID)

	for name, forge := range map[string]func(*Job){
		"another's mark":        func(j *Job) { j.ID = "caf" },
		"another session":       func(j *Job) { j.Keeper.PID = 1 << 22 },
		"another boot":          func(j *Job) { j.Boot = "x" },
		"another namespace":     func(j *Job) { j.Namespace++ },
		"its keeper lives":      func(j *Job) { j.Keeper = process(t, unix.Getpid()) },
		"it was told to end":    func(j *Job) { j.State = Ended },
		"it has yet to begin":   func(j *Job) { j.State, j.Keeper = Starting, Process{} },
		"an empty mark, and no": func(j *Job) { j.ID = "" },
	} {
		j := j
		forge(&j)
		assert.Empty(t, j.Left(), name)
		assert.Zero(t, j.EndLeft(unix.SIGKILL), name)
	}
	eventually(t, func() bool { return len(j.Left()) == 1 }, "it is still there")
	j.State = Starting
	assert.Len(t, j.Left(), 1, "its keeper was killed before it could tell of it")

	assert.Equal(t, 1, j.EndLeft(unix.SIGTERM))
	state, err := marked.Process.Wait()
	require.NoError(t, err)
	assert.Equal(t, unix.SIGTERM, state.Sys().(syscall.WaitStatus).Signal())
	assert.Empty(t, j.Left())
}

// A session's number was used again: that of processes which know nothing of the job.
func TestLeftWithoutTheMark(t *testing.T) {
	other := start(t)
	j := lost(t, other.Process.Pid)
	assert.Empty(t, j.Left())
	j.Main = process(t, other.Process.Pid)
	assert.NotEmpty(t, j.Left(), "it is known to be the job's program")
	j.Main.Start++
	assert.Empty(t, j.Left(), "and that is another of its number")
}

// The program may lead a session of its own (--new-session).
func TestLeftOfTheProgramsSession(t *testing.T) {
	main := start(t)
	j := lost(t, 1<<22)
	j.Main = process(t, main.Process.Pid)
	require.Len(t, j.Left(), 1)
}

func TestHere(t *testing.T) {
	boot, namespace, err := Here()
	require.NoError(t, err)
	assert.Regexp(t, "^[0-9a-f-]{36}$", boot)
	link, err := os.Readlink("/proc/self/ns/pid")
	require.NoError(t, err)
	assert.Equal(t, link, "pid:["+itoa(namespace)+"]")
}

func itoa(n uint64) string { return number(&n).format() }

func TestNewID(t *testing.T) {
	a, err := NewID()
	require.NoError(t, err)
	b, err := NewID()
	require.NoError(t, err)
	assert.Regexp(t, "^[0-9a-f]{32}$", a)
	assert.NotEqual(t, a, b)
}

// Between a look at the record and one at its keeper the job may end in good order, and is not lost then.
func TestEndedSince(t *testing.T) {
	d := newDir(t)
	keeper := start(t)
	r := here(t)
	r.Name, r.Keeper = "web", process(t, keeper.Process.Pid)
	j := add(t, d, r)
	require.Equal(t, Running, j.Now())
	require.NoError(t, keeper.Process.Kill())
	_ = keeper.Wait()
	assert.Equal(t, Lost, j.Now(), "the control")
	f, err := d.folder(j.Number)
	require.NoError(t, err)
	defer f.Close()
	told := j.Record
	told.State = Ended
	require.NoError(t, f.Write(told))
	assert.Equal(t, Ended, j.Now())
	told.ID = "4567" // of another start, of which this job knows nothing
	require.NoError(t, f.Write(told))
	assert.Equal(t, Lost, j.Now())
}
