package test

import (
	"fmt"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// kept is the signals that are never forwarded: two that cannot be caught,
// tinit's own SIGCHLD, and the one that Go's runtime needs.
var kept = []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, 33}

// forwarded is all the others.
func forwarded() (signals []syscall.Signal) {
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		if !slices.Contains(kept, sig) {
			signals = append(signals, sig)
		}
	}
	return signals
}

// sentinel is the signal that a test sends last, to see that those before it
// were dealt with. It is the highest number, since pending signals are taken
// in the order of their numbers.
const sentinel = syscall.Signal(64)

// blocked waits until PROGRAM, the child block-signals, blocks everything.
func (u *running) blocked() (pid int) {
	u.t.Helper()
	pid = u.program()
	awaitBlocked(u.t, pid)
	return pid
}

func awaitBlocked(t *testing.T, pid int) {
	t.Helper()
	eventually(t, func() bool { return comm(pid) == "sleep" }, "everything is blocked")
}

func awaitPending(t *testing.T, pid int, sig syscall.Signal) {
	t.Helper()
	eventually(t, func() bool { return pending(pid)[int(sig)] }, fmt.Sprintf("signal %d reaches %d", sig, pid))
}

// pair starts block-signals as PROGRAM with another one in its group.
func pair(r *run) (u *running, program, member int) {
	u = r.start()
	program = u.blocked()
	eventually(u.t, func() bool { return len(children(program)) == 1 }, "PROGRAM starts a child")
	member = children(program)[0]
	awaitBlocked(u.t, member)
	return u, program, member
}

var pairOf = []string{"sh", "-c", "block-signals & exec block-signals"}

// Every signal that can be forwarded reaches every process of PROGRAM's group,
// and no signal comes that was not sent.
func TestEverySignalReachesTheGroup(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		u, program, member := pair(tinit(t, pairOf...))
		want := map[int]bool{}
		for _, sig := range forwarded() {
			u.signal(sig)
			awaitPending(t, program, sig)
			awaitPending(t, member, sig)
			// The kernel lets a CONT take the stop signals away, and the other
			// way round (kill(2), "NOTES"; signal(7)).
			want[int(sig)] = true
			switch sig {
			case syscall.SIGCONT:
				delete(want, int(syscall.SIGTSTP))
				delete(want, int(syscall.SIGTTIN))
				delete(want, int(syscall.SIGTTOU))
			case syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
				delete(want, int(syscall.SIGCONT))
			}
		}
		assert.Equal(t, want, pending(program), "PROGRAM")
		assert.Equal(t, want, pending(member), "the other member of its group")
		assert.False(t, u.ended())
	})
}

// Those too that the caller had blocked.
func TestSignalsBlockedByTheCaller(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		u := tinit(t, "block-signals").with(func(s *stage) {
			for sig := 1; sig <= 64; sig++ {
				s.Block = append(s.Block, sig)
			}
		}).start()
		program := u.blocked()
		for _, sig := range forwarded() {
			u.signal(sig)
			awaitPending(t, program, sig)
		}
	})
}

// With -c they reach PROGRAM alone.
func TestSingleChild(t *testing.T) {
	for name, c := range map[string]struct{ env, flags []string }{
		"-c":                    {nil, []string{"-c"}},
		"--single-child":        {nil, []string{"--single-child"}},
		"the last of -g and -c": {nil, []string{"-gc"}},
		"TINIT_SINGLE_CHILD":    {[]string{"TINIT_SINGLE_CHILD=1"}, nil},
		"DUMB_INIT_SETSID":      {[]string{"DUMB_INIT_SETSID=0"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, tinit starter) {
				u, program, member := pair(tinit(t, append(c.flags, pairOf...)...).env(c.env...))
				for _, sig := range forwarded() {
					u.signal(sig)
					awaitPending(t, program, sig)
				}
				assert.Empty(t, pending(member), "the other member of PROGRAM's group")
			})
		})
	}
}

// The group is signalled although -c or its variable was there before.
func TestGroup(t *testing.T) {
	for name, c := range map[string]struct{ env, flags []string }{
		"by default":                {nil, nil},
		"-g beats the variable":     {[]string{"TINIT_SINGLE_CHILD=1"}, []string{"-g"}},
		"--group beats dumb-init's": {[]string{"DUMB_INIT_SETSID=0"}, []string{"--group"}},
		"the last of -c and -g":     {nil, []string{"-c", "-g"}},
		"tini's variable":           {[]string{"TINI_KILL_PROCESS_GROUP="}, nil},
		"dumb-init's default":       {[]string{"DUMB_INIT_SETSID=1"}, nil},
		"the variable says so":      {[]string{"TINIT_SINGLE_CHILD=0"}, nil},
		"the variable is empty":     {[]string{"TINIT_SINGLE_CHILD="}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			u, program, member := pair(tinit(t, append(c.flags, pairOf...)...).env(c.env...))
			u.signal(syscall.SIGUSR1)
			awaitPending(t, program, syscall.SIGUSR1)
			awaitPending(t, member, syscall.SIGUSR1)
		})
	}
}

func TestRewrite(t *testing.T) {
	const term, hup, usr1 = syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1
	for name, c := range map[string]struct {
		flags, env []string
		sent       []syscall.Signal
		want       []int // beside the sentinel
	}{
		"by number":             {[]string{"-r", "15:3"}, nil, []syscall.Signal{term}, []int{3}},
		"by name":               {[]string{"-r", "TERM:QUIT"}, nil, []syscall.Signal{term}, []int{3}},
		"by whole name":         {[]string{"-r", "SIGTERM:SIGQUIT"}, nil, []syscall.Signal{term}, []int{3}},
		"in lower case":         {[]string{"-r", "term:sigquit"}, nil, []syscall.Signal{term}, []int{3}},
		"real time":             {[]string{"-r", "RTMIN+1:RTMAX-1"}, nil, []syscall.Signal{35}, []int{63}},
		"dropped":               {[]string{"-r", "HUP:0"}, nil, []syscall.Signal{hup}, nil},
		"one dropped, one not":  {[]string{"-r", "HUP:0"}, nil, []syscall.Signal{hup, usr1}, []int{10}},
		"swapped":               {[]string{"-r", "HUP:USR1,USR1:HUP"}, nil, []syscall.Signal{hup}, []int{10}},
		"once only":             {[]string{"-r", "HUP:USR1", "-r", "USR1:USR2"}, nil, []syscall.Signal{hup}, []int{10}},
		"repeated":              {[]string{"-r", "HUP:INT", "-r", "TERM:QUIT"}, nil, []syscall.Signal{hup, term}, []int{2, 3}},
		"a list":                {[]string{"-r", "HUP:INT,TERM:QUIT,USR1:0"}, nil, []syscall.Signal{hup, term, usr1}, []int{2, 3}},
		"long":                  {[]string{"--rewrite=TERM:QUIT"}, nil, []syscall.Signal{term}, []int{3}},
		"short, in one word":    {[]string{"-rTERM:QUIT"}, nil, []syscall.Signal{term}, []int{3}},
		"to itself":             {[]string{"-r", "TERM:TERM"}, nil, []syscall.Signal{term}, []int{15}},
		"to one that Go keeps":  {[]string{"-r", "TERM:33"}, nil, []syscall.Signal{term}, []int{33}},
		"the variable":          {nil, []string{"TINIT_REWRITE=TERM:QUIT,HUP:0"}, []syscall.Signal{term, hup}, []int{3}},
		"the variable is empty": {nil, []string{"TINIT_REWRITE="}, []syscall.Signal{term}, []int{15}},
		"a flag beats it":       {[]string{"-r", "TERM:INT"}, []string{"TINIT_REWRITE=TERM:QUIT"}, []syscall.Signal{term}, []int{2}},
	} {
		t.Run(name, func(t *testing.T) {
			u := tinit(t, append(c.flags, "block-signals")...).env(c.env...).start()
			program := u.blocked()
			want := map[int]bool{int(sentinel): true}
			for _, sig := range c.sent {
				u.signal(sig)
			}
			for _, sig := range c.want {
				awaitPending(t, program, syscall.Signal(sig))
				want[sig] = true
			}
			u.signal(sentinel)
			awaitPending(t, program, sentinel)
			assert.Equal(t, want, pending(program))
		})
	}
}

// A signal may be rewritten to one that tinit itself could not be sent.
func TestRewriteToKILL(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		u := tinit(t, "-r", "TERM:KILL", "block-signals").start()
		u.blocked()
		u.signal(syscall.SIGTERM)
		assert.Equal(t, 128+9, u.wait())
	})
}

// tinit is there after every signal that can be sent to it, three times over,
// and goes on forwarding. Those that it keeps for itself do not reach PROGRAM.
func TestTinitSurvivesEverySignal(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		u := tinit(t, "block-signals").start()
		program := u.blocked()
		for range 3 {
			for sig := syscall.Signal(1); sig <= 64; sig++ {
				if sig != syscall.SIGKILL && sig != syscall.SIGSTOP && sig != sentinel {
					u.signal(sig)
				}
			}
		}
		u.signal(sentinel)
		awaitPending(t, program, sentinel)
		got := pending(program)
		for _, sig := range kept {
			assert.False(t, got[int(sig)], "PROGRAM got signal %d", sig)
		}
		require.NoError(t, syscall.Kill(program, syscall.SIGKILL))
		assert.Equal(t, 128+9, u.wait())
	})
}

// STOP stops tinit, whatever it does about it; after CONT it is as before, and
// what was sent meanwhile is forwarded.
func TestTinitGoesOnAfterSTOP(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		u := tinit(t, "block-signals").start()
		program := u.blocked()
		u.signal(syscall.SIGSTOP)
		eventually(t, func() bool { return procStat(u.pid).state == 'T' }, "tinit stops")
		u.signal(syscall.SIGUSR1)
		u.signal(syscall.SIGCONT)
		awaitPending(t, program, syscall.SIGUSR1)
		awaitPending(t, program, syscall.SIGCONT)
	})
}

// An ignored HUP is still ignored in PROGRAM, and is sent on all the same: it
// may have a handler for it by now, as servers do that reload at it.
func TestIgnoredHUP(t *testing.T) {
	for name, r := range map[string]func(*run) *run{
		"by the caller": func(r *run) *run { return r.with(func(s *stage) { s.Ignore = []int{1} }) },
		"by nohup":      func(r *run) *run { return r.via("nohup") },
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, tinit starter) {
				u := r(tinit(t, "block-signals")).start()
				program := u.blocked()
				assert.True(t, sigSet(procStatus(program)["SigIgn"])[1], "PROGRAM ignores HUP")
				eventually(t, func() bool { return sigSet(procStatus(u.tinit())["SigCgt"])[1] }, "tinit takes it, now that PROGRAM has been started")
				u.signal(syscall.SIGHUP)
				awaitPending(t, program, syscall.SIGHUP) // a blocked signal is pending even if it is ignored
				u.signal(sentinel)
				awaitPending(t, program, sentinel)

				deaf := r(tinit(t, "sh", "-c", "echo ready; while :; do sleep 0.01; done")).start()
				deaf.out.waitFor(t, "ready")
				deaf.signal(syscall.SIGHUP)
				deaf.signal(syscall.SIGTERM)
				assert.Equal(t, 143, deaf.wait(), "HUP did not end it")
			})
		})
	}
}

// A flood does not push out what comes after it.
func TestFlood(t *testing.T) {
	var flood []syscall.Signal
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		if sig != syscall.SIGTERM && sig != syscall.SIGKILL && sig != syscall.SIGSTOP {
			flood = append(flood, sig)
		}
	}
	everywhere(t, func(t *testing.T, tinit starter) {
		u := tinit(t, "block-signals").start()
		program := u.blocked()
		for i := range 20_000 {
			u.signal(flood[i%len(flood)])
		}
		u.signal(syscall.SIGTERM)
		awaitPending(t, program, syscall.SIGTERM)
		assert.False(t, u.ended())
	})
}

// A PROGRAM that no longer exists is no error, whatever is sent.
func TestSignalsWhileProgramEnds(t *testing.T) {
	everywhere(t, func(t *testing.T, tinit starter) {
		for range times(20) {
			u := tinit(t, "sh", "-c", "trap 'exit 5' USR1; echo ready; while :; do :; done").start()
			u.out.waitFor(t, "ready")
			for range 20 {
				u.signal(syscall.SIGUSR1)
				u.signal(syscall.SIGCONT)
			}
			require.Equal(t, 5, u.wait(), u.err)
			require.NotContains(t, u.err.String(), "no such process")
		}
	})
}
