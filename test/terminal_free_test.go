package test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dumbInitReading is tinit as dumb-init, with a terminal as its standard input
// that its session has nothing to do with.
func dumbInitReading(t *testing.T, term *terminal) *running {
	t.Helper()
	return plainly(t, as(t, "dumb-init"), "--", "sleep", "1000").prep(func(cmd *exec.Cmd) {
		cmd.Stdin = term.device
		cmd.SysProcAttr.Setsid = true
	}).start()
}

// A terminal that controls no session is PROGRAM's, as with dumb-init.
func TestTerminalOfNobody(t *testing.T) {
	term := newTerminal(t)
	u := dumbInitReading(t, term)
	var program int
	eventually(t, func() bool {
		program = u.program()
		return comm(program) == "sleep"
	}, "PROGRAM is executed")
	p := procStat(program)
	assert.NotZero(t, p.ttyNr)
	assert.Equal(t, program, p.session)
	assert.Equal(t, program, p.tpgid, "it is in the foreground")
	assert.Zero(t, procStat(u.pid).ttyNr, "it is not tinit's")
	term.types(ctrlC)
	assert.Equal(t, 130, u.wait())
}

// One that controls another session stays there, whatever tinit might do: PROGRAM
// does without, and may do what it might.
func TestTerminalOfAnotherSession(t *testing.T) {
	need(t, os.Geteuid() == 0, "only root can take another's terminal")
	term := newTerminal(t)
	owner := &exec.Cmd{Path: "/bin/sleep", Args: []string{"sleep", "1000"}, SysProcAttr: &syscall.SysProcAttr{}}
	term.attach(owner)
	require.NoError(t, owner.Start())
	t.Cleanup(func() { _ = owner.Process.Kill(); _ = owner.Wait() })
	has := procStat(owner.Process.Pid).ttyNr
	require.NotZero(t, has)

	u := dumbInitReading(t, term)
	var program int
	eventually(t, func() bool {
		program = u.program()
		return comm(program) == "sleep"
	}, "PROGRAM is executed")
	assert.Zero(t, procStat(program).ttyNr)
	assert.Equal(t, has, procStat(owner.Process.Pid).ttyNr)
	assert.Equal(t, procStatus(os.Getpid())["CapEff"], procStatus(program)["CapEff"])
	assert.Equal(t, procStatus(os.Getpid())["CapEff"], procStatus(u.pid)["CapEff"])
	u.signal(syscall.SIGTERM)
	assert.Equal(t, 143, u.wait())

	// The control: what Go starts on a terminal takes it away.
	thief := &exec.Cmd{Path: "/bin/true", Stdin: term.device, SysProcAttr: &syscall.SysProcAttr{Setsid: true, Setctty: true}}
	require.NoError(t, thief.Run())
	assert.Zero(t, procStat(owner.Process.Pid).ttyNr)
}

// The same through a stage, which is in PROGRAM's place.
func TestTerminalOfNobodyThroughStage(t *testing.T) {
	term := newTerminal(t)
	r := plainly(t, as(t, "dumb-init"), "--", "sh", "-c", `echo $LISTEN_PID $$; cut -d" " -f5-8 </proc/self/stat`)
	r.prep(func(cmd *exec.Cmd) { cmd.Stdin, cmd.SysProcAttr.Setsid = term.device, true })
	got := r.via("sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh").run()
	require.Zero(t, got.code, got.err)
	fields := strings.Fields(got.out)
	require.Len(t, fields, 6, got.out)
	assert.Equal(t, fields[1], fields[0], "LISTEN_PID")
	assert.Equal(t, []string{fields[1], fields[1]}, fields[2:4], "its group and session")
	assert.NotEqual(t, "0", fields[4], "the terminal")
	assert.Equal(t, fields[1], fields[5], "its foreground")
}
