package test

import (
	"os"
	"os/exec"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// PROGRAM's exit code is right in start after start, over both ways to reap,
// while orphans, and zombies of PROGRAM's, come to tinit around its end. What
// goes wrong once in ten thousand starts takes more of them to be seen:
// TINIT_TEST_STARTS=100000.
//
// The variable is read before clearOwnVariables comes to it.
func TestStarts(t *testing.T) {
	for _, reaper := range []string{"auto", "wait"} {
		t.Run("TINIT_REAPER="+reaper, func(t *testing.T) {
			n := times(1000)
			if givenStarts != "" {
				n = atoi(givenStarts)
			}
			s := newStarts(t, reaper)
			for i := range n {
				code, sig := s.end(i)
				if got := s.start(i%20 == 0, code, sig); got != want(code, sig) {
					t.Errorf("start %d: PROGRAM ended with %d, signal %d, and tinit with %d", i, code, sig, got)
				}
			}
			t.Logf("%d starts", n)
		})
	}
}

var givenStarts = os.Getenv("TINIT_TEST_STARTS")

// The control: one code of 256 is wrong, and is seen to be.
func TestStartsSeesAWrongCode(t *testing.T) {
	s := newStarts(t, "auto", "-e", "7")
	wrong := map[int]int{}
	for code := range 256 {
		if got := s.start(false, code, 0); got != code {
			wrong[code] = got
		}
	}
	assert.Equal(t, map[int]int{7: 0}, wrong)
}

func want(code, sig int) int {
	if sig != 0 {
		return 128 + sig
	}
	return code
}

// starts starts one tinit after another, as fast as it can.
type starts struct {
	t       *testing.T
	args    []string
	env     []string
	signals []int
}

func newStarts(t *testing.T, reaper string, flags ...string) *starts {
	t.Helper()
	need(t, namespacesMissing() == "", "no namespaces: "+namespacesMissing())
	s := &starts{t: t, env: append(os.Environ(), markOf(t))}
	s.args = slices.Concat([]string{tinitPath, "-q"}, flags, []string{"--", tiny(t, endAmongOrphans(3))})
	if reaper != "auto" {
		s.env = append(s.env, "TINIT_REAPER="+reaper)
	}
	for _, sig := range terminating() {
		if !slices.Contains(dumping, sig) {
			s.signals = append(s.signals, int(sig))
		}
	}
	return s
}

// dumping is the signals whose default action dumps core (signal(7)).
var dumping = []syscall.Signal{
	syscall.SIGQUIT, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGSEGV,
	syscall.SIGXCPU, syscall.SIGXFSZ, syscall.SIGSYS,
}

// end is how PROGRAM ends the i-th time.
func (s *starts) end(i int) (code, sig int) {
	i %= 256 + len(s.signals)
	if i < 256 {
		return i, 0
	}
	return 0, s.signals[i-256]
}

// start is one start, as PID 1 or not. It returns tinit's exit code.
func (s *starts) start(pid1 bool, code, sig int) int {
	cmd := &exec.Cmd{Path: tinitPath, Env: s.env, SysProcAttr: &syscall.SysProcAttr{}}
	cmd.Args = append(slices.Clone(s.args), cString(code), cString(sig))
	if pid1 {
		namespaceFlags(cmd.SysProcAttr)
	}
	require.NoError(s.t, cmd.Start())
	var late atomic.Bool
	overdue := time.AfterFunc(patience, func() {
		late.Store(true)
		_ = cmd.Process.Kill()
	})
	defer overdue.Stop()
	_ = cmd.Wait()
	require.False(s.t, late.Load(), "tinit does not end")
	require.True(s.t, cmd.ProcessState.Exited(), "tinit %v", cmd.ProcessState)
	return cmd.ProcessState.ExitCode()
}

// cString is a byte as an argument, where 0 is its end.
func cString(b int) string {
	if b == 0 {
		return ""
	}
	return string([]byte{byte(b)})
}

// endAmongOrphans is: n times clone, where each child clones an orphan that
// yields the processor a few times and ends, as the child does at once. With
// none of them waited for, it is kill(getpid(), signal) then, or
// exit_group(code): the first byte of the second argument, if there is one, or
// of the first.
func endAmongOrphans(n byte) []byte {
	clone := []byte{
		0xb8, 56, 0, 0, 0, // mov eax, clone
		0xbf, 0x11, 0x01, 0, 0, // mov edi, CLONE_VM|SIGCHLD
		0x31, 0xf6, // xor esi, esi
		0x31, 0xd2, // xor edx, edx
		0x45, 0x31, 0xd2, // xor r10d, r10d
		0x45, 0x31, 0xc0, // xor r8d, r8d
		0x0f, 0x05, // syscall
		0x85, 0xc0, // test eax, eax
	}
	orphan := []byte{
		0x41, 0xbe, 20, 0, 0, 0, // mov r14d, 20
		0xb8, 24, 0, 0, 0, // again: mov eax, sched_yield
		0x0f, 0x05, // syscall
		0x41, 0xff, 0xce, // dec r14d
		0x75, 0xf4, // jne again
	}
	child := slices.Concat(clone, []byte{0x75, byte(len(orphan))}, orphan, []byte{ // jne quit
		0x31, 0xff, // quit: xor edi, edi
		0xb8, 60, 0, 0, 0, // mov eax, exit
		0x0f, 0x05, // syscall
	})
	kill := []byte{
		0xb8, 39, 0, 0, 0, // mov eax, getpid
		0x0f, 0x05, // syscall
		0x89, 0xc7, // mov edi, eax
		0x44, 0x89, 0xee, // mov esi, r13d
		0xb8, 62, 0, 0, 0, // mov eax, kill
		0x0f, 0x05, // syscall
	}
	end := slices.Concat([]byte{
		0x45, 0x85, 0xed, // test r13d, r13d
		0x74, byte(len(kill)), // je exit
	}, kill, []byte{
		0x89, 0xef, // exit: mov edi, ebp
		0xb8, 231, 0, 0, 0, // mov eax, exit_group
		0x0f, 0x05, // syscall
	})
	return elf(slices.Concat([]byte{
		0x48, 0x8b, 0x44, 0x24, 16, // mov rax, [rsp+16]
		0x0f, 0xb6, 0x28, // movzx ebp, byte [rax]
		0x48, 0x8b, 0x44, 0x24, 24, // mov rax, [rsp+24]
		0x44, 0x0f, 0xb6, 0x28, // movzx r13d, byte [rax]
		0xbb, n, 0, 0, 0, // mov ebx, n
	}, clone, []byte{ // loop:
		0x74, byte(4 + len(end)), // je child
		0xff, 0xcb, // dec ebx
		0x75, byte(-(len(clone) + 6)), // jne loop
	}, end, child))
}
