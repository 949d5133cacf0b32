package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

var rows = []row{
	{"exit code when PROGRAM ends with 42, is killed by SEGV", func(_ *bench, i initProgram) string {
		return code(i.command(true, "sh", "-c", "exit 42")) + ", " + code(i.command(true, "sh", "-c", "kill -SEGV $$"))
	}},
	{"exit code when PROGRAM is not found, is a directory", func(_ *bench, i initProgram) string {
		return code(i.command(true, "no-such-program")) + ", " + code(i.command(true, "/usr"))
	}},
	{"runs a script that has no `#!`", (*bench).script},
	{"leaves PROGRAM's own flags alone without `--`", func(_ *bench, i initProgram) string {
		cmd := i.bare(true, "echo", "-h", "x")
		out, _ := cmd.Output()
		return yes(string(out) == "-h x\n")
	}},
	{"signals 1–31 forwarded, less KILL, STOP and CHLD: of 28", func(b *bench, i initProgram) string {
		return b.forwarded(i, 1, 31)
	}},
	{"real-time signals forwarded, 34–64: of 31", func(b *bench, i initProgram) string { return b.forwarded(i, 34, 64) }},
	{"a signal reaches PROGRAM's children too", (*bench).group},
	{"a process that PROGRAM leaves in its group", func(b *bench, i initProgram) string {
		return b.leftover(i, true, "group")
	}},
	{"one that it leaves in another session", func(b *bench, i initProgram) string {
		return b.leftover(i, true, "session")
	}},
	{"the same, when the init is not PID 1", func(b *bench, i initProgram) string {
		return b.leftover(i, false, "session")
	}},
	{"time from PROGRAM's end to the init's: nothing left / a leftover that needs 0.1 s after TERM / one that ignores TERM", (*bench).graces},
	{"reaps orphans when it is not PID 1", (*bench).adopts},
	{"Ctrl-Z, `fg`, Ctrl-C under an interactive shell", (*bench).shell},
	{"Ctrl-Z as PID 1 on a terminal", (*bench).frozen},
	{"a signal that was ignored is still ignored in PROGRAM (USR1)", (*bench).ignored},
	{"signals blocked in PROGRAM", (*bench).blocked},
	{"bytes written of its own when PROGRAM ends with 1, as PID 1 / not", func(_ *bench, i initProgram) string {
		own := func(pid1 bool) int {
			out, _ := i.command(pid1, "false").CombinedOutput()
			return len(out)
		}
		return fmt.Sprintf("%d / %d", own(true), own(false))
	}},
	{"idle: context switches in 10 s, threads", (*bench).idle},
	{"idle: memory of its own (written pages)", (*bench).memory},
	{"start to end of `true`, median", (*bench).startup},
	{"CPU time for an orphan, one after another", (*bench).orphans},
	{"size of the binary", (*bench).size},
}

func (b *bench) file() string {
	f, err := os.CreateTemp(b.dir, "")
	check(err)
	defer f.Close()
	return f.Name()
}

func (b *bench) script(i initProgram) string {
	file := filepath.Join(b.dir, "script")
	check(os.WriteFile(file, []byte("exit 7\n"), 0o700))
	return yes(code(i.command(true, file)) == "7")
}

// started starts a command, and waits until PROGRAM, the init's first child, has
// the name.
func started(cmd *exec.Cmd, name string) (program int) {
	check(cmd.Start())
	if !eventually(10*time.Second, func() bool {
		for _, pid := range childrenOf(cmd.Process.Pid) {
			if comm, _ := os.ReadFile(proc(pid, "comm")); strings.TrimSpace(string(comm)) == name {
				program = pid
			}
		}
		return program != 0
	}) {
		check(fmt.Errorf("no %s under %v", name, cmd.Args))
	}
	return program
}

func stop(cmd *exec.Cmd, more ...int) {
	for _, pid := range more {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func (b *bench) forwarded(i initProgram, from, to syscall.Signal) string {
	cmd := i.command(true, "compare-blocked")
	program := started(cmd, "sleep")
	defer stop(cmd)
	n := 0
	var missing []string
	for sig := from; sig <= to; sig++ {
		if sig == unix.SIGKILL || sig == unix.SIGSTOP || sig == unix.SIGCHLD {
			continue
		}
		_ = cmd.Process.Signal(sig)
		// A pending CONT and a pending stop cancel each other, so each is looked for at once. To a blocked TSTP,
		// TTIN or TTOU dumb-init adds a STOP, and one for itself, so PROGRAM's stop counts.
		if eventually(500*time.Millisecond, func() bool { return pending(program)&(1<<(sig-1)) != 0 || state(program) == "T" }) {
			n++
		} else {
			missing = append(missing, signalName(sig))
		}
		if state(cmd.Process.Pid) == "T" || state(program) == "T" {
			_ = cmd.Process.Signal(syscall.SIGCONT)
			_ = unix.Kill(program, unix.SIGCONT)
			eventually(time.Second, func() bool { return state(cmd.Process.Pid) != "T" && state(program) != "T" })
		}
	}
	if len(missing) > 0 {
		return fmt.Sprintf("%d (not %s)", n, strings.Join(missing, " "))
	}
	return strconv.Itoa(n)
}

func signalName(sig syscall.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return strings.TrimPrefix(name, "SIG")
	}
	return strconv.Itoa(int(sig))
}

func pending(pid int) uint64 {
	set, _ := strconv.ParseUint(status(pid, "ShdPnd"), 16, 64)
	return set
}

// group: TERM goes to the init; a child of PROGRAM has it blocked and pending, or
// not. PROGRAM, which ignores it, gets USR1 after it.
func (b *bench) group(i initProgram) string {
	cmd := i.command(true, "sh", "-c", `trap "" TERM; compare-blocked & wait`)
	program := started(cmd, "sh")
	defer stop(cmd)
	var child int
	eventually(10*time.Second, func() bool {
		for _, pid := range childrenOf(program) {
			if comm, _ := os.ReadFile(proc(pid, "comm")); string(comm) == "sleep\n" {
				child = pid
			}
		}
		return child != 0
	})
	_ = cmd.Process.Signal(syscall.SIGTERM)
	return yes(eventually(time.Second, func() bool { return pending(child)&(1<<(syscall.SIGTERM-1)) != 0 }))
}

func (b *bench) leftover(i initProgram, pid1 bool, where string) string {
	file := b.file()
	code(i.command(pid1, "compare-leave", file, where, "obliging"))
	// Whoever has TERM by now, and is left alone, has cleaned up in a while.
	clean := eventually(5*cleanup, func() bool { return wrote(file, "clean") })
	switch {
	case clean && !pid1 && survives(file):
		return "?"
	case clean:
		return "TERM, waited for"
	case wrote(file, "term"):
		return "TERM, then KILL at once"
	case pid1:
		return "KILL at once"
	}
	if survives(file) {
		return "stays behind"
	}
	return "?"
}

// survives says whether what was left is still there, and ends it.
func survives(file string) (is bool) {
	for _, pid := range processes() {
		line, _ := os.ReadFile(proc(pid, "cmdline"))
		if bytes.HasPrefix(line, []byte("compare-left\x00"+file+"\x00")) {
			is = true
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	return is
}

func (b *bench) graces(i initProgram) string {
	took := func(what string) string {
		file := b.file()
		code(i.command(true, "compare-leave", file, "session", what))
		end := time.Now()
		info, err := os.Stat(file + ".end")
		check(err)
		return fmt.Sprintf("%.2f s", end.Sub(info.ModTime()).Seconds())
	}
	return took("none") + " / " + took("obliging") + " / " + took("stubborn")
}

func (b *bench) adopts(i initProgram) string {
	cmd := i.command(false, "sh", "-c", "(sleep 61 &); exec sleep 62")
	program := started(cmd, "sleep")
	var orphan int
	eventually(time.Second, func() bool {
		for _, pid := range processes() {
			line, _ := os.ReadFile(proc(pid, "cmdline"))
			if string(line) == "sleep\x0061\x00" && parent(pid) != program {
				orphan = pid
			}
		}
		return orphan != 0
	})
	adopted := orphan != 0 && parent(orphan) == cmd.Process.Pid
	stop(cmd, program, orphan)
	return yes(adopted)
}

// A terminal is a pty and what was shown on it.
type terminal struct {
	file *os.File
	mu   sync.Mutex
	text []byte
}

func open(cmd *exec.Cmd) *terminal {
	file, err := pty.Start(cmd)
	check(err)
	t := &terminal{file: file}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := file.Read(buf)
			t.mu.Lock()
			t.text = append(t.text, buf[:n]...)
			t.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return t
}

// shows waits for text, and forgets what was shown up to its end.
func (t *terminal) shows(text string) bool {
	return eventually(3*time.Second, func() bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		_, rest, found := bytes.Cut(t.text, []byte(text))
		if found {
			t.text = rest
		}
		return found
	})
}

func (t *terminal) types(keys string) { _, _ = t.file.WriteString(keys) }

func (b *bench) shell(i initProgram) string {
	cmd := exec.Command("bash", "--norc", "--noediting", "-i")
	cmd.Env = append(os.Environ(), "PS1=PROMPT ")
	t := open(cmd)
	defer t.file.Close()
	defer func() { endSession(cmd) }()
	t.shows("PROMPT ")
	t.types(i.path + " -- sh -c 'echo sta\"\"rted; exec sleep 63'\n")
	if !t.shows("started") {
		return "?"
	}
	eventually(time.Second, func() bool { return sleeping(63) })
	t.types("\x1a")
	if !t.shows("PROMPT ") {
		return "hangs at Ctrl-Z"
	}
	t.types("fg\n")
	for range 10 {
		time.Sleep(100 * time.Millisecond) // a moment, for the shell to hand over the terminal
		t.types("\x03")
		if t.sees("PROMPT ") && !sleeping(63) {
			return "works"
		}
	}
	return "hangs after fg"
}

func (t *terminal) sees(text string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Contains(t.text, []byte(text))
}

func sleeping(seconds int) bool {
	for _, pid := range processes() {
		if line, _ := os.ReadFile(proc(pid, "cmdline")); string(line) == fmt.Sprintf("sleep\x00%d\x00", seconds) {
			return true
		}
	}
	return false
}

// endSession kills whatever is in the session that cmd leads.
func endSession(cmd *exec.Cmd) {
	for _, pid := range processes() {
		if sid, err := unix.Getsid(pid); err == nil && sid == cmd.Process.Pid {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	for _, pid := range processes() {
		if line, _ := os.ReadFile(proc(pid, "cmdline")); string(line) == "sleep\x0063\x00" {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	_ = cmd.Wait()
}

func (b *bench) frozen(i initProgram) string {
	cmd := i.command(true, "sh", "-c", `echo sta""rted; read line; echo "got $line"`)
	t := open(cmd)
	defer t.file.Close()
	defer stop(cmd)
	if !t.shows("started") {
		return "?"
	}
	t.types("\x1a")
	t.types("a line\n")
	if t.shows("got a line") {
		return "goes on"
	}
	return "freezes"
}

func (b *bench) ignored(i initProgram) string {
	cmd := exec.Command("compare-ignore", append([]string{i.path}, append(i.pass, "cat", "/proc/self/status")...)...)
	return yes(mask(cmd, "SigIgn:")&(1<<(unix.SIGUSR1-1)) != 0)
}

func (b *bench) blocked(i initProgram) string {
	set := mask(i.command(true, "cat", "/proc/self/status"), "SigBlk:")
	var names []string
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		if set&(1<<(sig-1)) != 0 {
			names = append(names, signalName(sig))
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, " ")
}

func mask(cmd *exec.Cmd, field string) (set uint64) {
	out, _ := cmd.Output()
	for line := range strings.Lines(string(out)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			set, _ = strconv.ParseUint(strings.TrimSpace(rest), 16, 64)
		}
	}
	return set
}

func proc(pid int, file string) string { return fmt.Sprintf("/proc/%d/%s", pid, file) }

func processes() (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

func childrenOf(pid int) (pids []int) {
	for _, p := range processes() {
		if parent(p) == pid {
			pids = append(pids, p)
		}
	}
	return pids
}

func parent(pid int) int {
	n, _ := strconv.Atoi(status(pid, "PPid"))
	return n
}

func state(pid int) string {
	word, _, _ := strings.Cut(status(pid, "State"), " ")
	return word
}

func status(pid int, field string) string { return fieldOf(proc(pid, "status"), field) }

func fieldOf(file, field string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
