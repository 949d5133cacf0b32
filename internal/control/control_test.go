package control

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/reexec"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	reexec.Register("ask", func() {
		text, err := Ask(os.Args[1], time.Minute, os.Args[2:]...)
		fmt.Print(text, err)
	})
	if reexec.Init() {
		return
	}
	os.Exit(m.Run())
}

// echo answers with what it was asked, or with an error if that begins with "no".
func echo(words []string, _ func() <-chan struct{}) (string, error) {
	if len(words) > 0 && words[0] == "no" {
		return "", errors.New(strings.Join(words[1:], " "))
	}
	return strings.Join(words, ","), nil
}

func serveAt(t *testing.T, socket string, answer Answer) {
	t.Helper()
	_, err := Serve(socket, answer)
	require.NoError(t, err)
}

func echoing(t *testing.T) (socket string) {
	t.Helper()
	socket = t.TempDir() + "/socket"
	serveAt(t, socket, echo)
	return socket
}

func TestAsk(t *testing.T) {
	socket := echoing(t)
	text, err := Ask(socket, 0, "stop", "10s")
	require.NoError(t, err)
	assert.Equal(t, "stop,10s", text)
	text, err = Ask(socket, 0)
	require.NoError(t, err)
	assert.Empty(t, text)
	_, err = Ask(socket, 0, "no", "such\nthing")
	assert.EqualError(t, err, "such thing")
	info, err := os.Stat(socket)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestNobodyAnswers(t *testing.T) {
	dir := t.TempDir()
	_, err := Ask(dir+"/none", 0, "x")
	assert.ErrorIs(t, err, ErrNobody)
	_, err = Ask(dir+"/no/folder", 0, "x")
	assert.ErrorIs(t, err, ErrNobody)

	// A socket of one that was killed.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dir + "/socket"})
	require.NoError(t, err)
	l.SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
	_, err = Ask(dir+"/socket", 0, "x")
	assert.ErrorIs(t, err, ErrNobody)
	serveAt(t, dir+"/socket", echo)
	text, err := Ask(dir+"/socket", 0, "x")
	require.NoError(t, err, "it is no hindrance to the next")
	assert.Equal(t, "x", text)
}

// A socket's address has 107 bytes at most.
func TestLongPaths(t *testing.T) {
	dir := t.TempDir()
	for len(dir) < 1000 {
		dir += "/" + strings.Repeat("long", 20)
	}
	require.NoError(t, os.MkdirAll(dir, 0o700))
	_, err := net.Listen("unix", dir+"/socket")
	require.Error(t, err, "control")
	serveAt(t, dir+"/socket", echo)
	text, err := Ask(dir+"/socket", 0, "x")
	require.NoError(t, err)
	assert.Equal(t, "x", text)
}

func TestNoSocketCanBeMade(t *testing.T) {
	_, err := Serve("/proc/socket", echo)
	assert.ErrorContains(t, err, "cannot make the socket /proc/socket")
}

// dial is a client that does what it should not.
func dial(t *testing.T, socket string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	return conn
}

func TestBadRequests(t *testing.T) {
	socket := echoing(t)
	for request, want := range map[string]string{
		"x\n":                                  "ok x\n",
		"\n":                                   "ok \n",
		"x\nmore":                              "ok x\n",
		"x":                                    "", // no more comes
		"":                                     "",
		strings.Repeat("\x00\xff", 100) + "\n": "ok " + strings.Repeat("\x00\xff", 100) + "\n",
		strings.Repeat("x", longest-1) + "\n":  "ok " + strings.Repeat("x", longest-1) + "\n",
		strings.Repeat("x", longest) + "\n":    "",
		strings.Repeat("x", 20*longest) + "\nx\n": "",
	} {
		conn := dial(t, socket)
		_, _ = io.WriteString(conn, request) // it may be closed before all is sent
		_ = conn.(*net.UnixConn).CloseWrite()
		got, err := io.ReadAll(conn)
		if !errors.Is(err, syscall.ECONNRESET) { // by what it sent too much
			require.NoError(t, err, "%.20q", request)
		}
		assert.Equal(t, want, string(got), "%.20q", request)
	}
	text, err := Ask(socket, 0, "x")
	require.NoError(t, err, "the next one is answered")
	assert.Equal(t, "x", text)
}

// Who never sends holds nobody up: with ten times as many as there is room for, others need not wait until these have been given up.
func TestClientsThatDoNothing(t *testing.T) {
	socket := t.TempDir() + "/socket"
	serveAt(t, socket, echo)
	var silent []net.Conn
	for i := range 10 * mostSilent {
		conn := dial(t, socket)
		if i%2 == 0 {
			_, err := io.WriteString(conn, "x")
			require.NoError(t, err)
		}
		silent = append(silent, conn)
	}
	text, err := Ask(socket, patience, "x")
	require.NoError(t, err)
	assert.Equal(t, "x", text)
	last := silent[len(silent)-1]
	_, err = io.WriteString(last, "y\n")
	require.NoError(t, err)
	reply, err := io.ReadAll(last)
	require.NoError(t, err)
	assert.Equal(t, "ok y\n", string(reply), "the last one has not been given up")
}

// Who waits for a long answer does not either. There is an end to their number, which they are told of.
func TestClientsThatWait(t *testing.T) {
	socket := t.TempDir() + "/socket"
	over := make(chan struct{})
	waiting := make(chan struct{}, 2*mostWaiting)
	serveAt(t, socket, func(words []string, _ func() <-chan struct{}) (string, error) {
		if words[0] == "slow" {
			waiting <- struct{}{}
			<-over
		}
		return words[0], nil
	})
	defer close(over)
	ask := func() {
		_, err := io.WriteString(dial(t, socket), "slow\n")
		require.NoError(t, err)
		<-waiting
	}
	for range mostWaiting - 1 {
		ask()
	}
	text, err := Ask(socket, 0, "fast")
	require.NoError(t, err)
	assert.Equal(t, "fast", text)
	ask()
	_, err = Ask(socket, 0, "fast")
	require.ErrorContains(t, err, "too many")
}

// Who has gone takes no place from those that come. Who has said all that it has to say, and waits, has not gone.
func TestClientsThatGo(t *testing.T) {
	socket := t.TempDir() + "/socket"
	waiting, left := make(chan struct{}), make(chan struct{})
	serveAt(t, socket, func(words []string, gone func() <-chan struct{}) (string, error) {
		if words[0] == "slow" {
			client := gone()
			waiting <- struct{}{}
			<-client
			left <- struct{}{}
		}
		return words[0], nil
	})
	ask := func() *net.UnixConn {
		conn := dial(t, socket)
		_, err := io.WriteString(conn, "slow\nmore")
		require.NoError(t, err)
		<-waiting
		return conn.(*net.UnixConn)
	}
	for range 2 * mostWaiting {
		require.NoError(t, ask().Close())
		<-left
	}
	stays := ask()
	require.NoError(t, stays.CloseWrite())
	text, err := Ask(socket, 0, "fast") // time in which it could be taken to have gone
	require.NoError(t, err)
	assert.Equal(t, "fast", text)
	select {
	case <-left:
		t.Error("it waits for the reply")
	default:
	}
	require.NoError(t, stays.Close())
	<-left
}

// An answer may take its time, and others get theirs meanwhile.
func TestAnswersAreGivenSideBySide(t *testing.T) {
	socket := t.TempDir() + "/socket"
	first := make(chan struct{})
	serveAt(t, socket, func(words []string, _ func() <-chan struct{}) (string, error) {
		if words[0] == "slow" {
			<-first
		}
		return words[0], nil
	})
	var both sync.WaitGroup
	both.Go(func() {
		text, err := Ask(socket, 0, "slow")
		assert.NoError(t, err)
		assert.Equal(t, "slow", text)
	})
	text, err := Ask(socket, 0, "fast")
	require.NoError(t, err)
	assert.Equal(t, "fast", text)
	close(first)
	both.Wait()
}

// A keeper may end of what it was asked for, and who asked is to hear of it.
func TestSettle(t *testing.T) {
	socket := t.TempDir() + "/socket"
	asked, may := make(chan struct{}), make(chan struct{})
	settle, err := Serve(socket, func([]string, func() <-chan struct{}) (string, error) {
		close(asked)
		<-may
		return "done", nil
	})
	require.NoError(t, err)
	replied := make(chan string)
	go func() {
		text, _ := Ask(socket, 0, "stop")
		replied <- text
	}()
	<-asked
	settle(time.Millisecond) // it does not wait for ever
	close(may)
	settle(20 * time.Second)
	assert.Equal(t, "done", <-replied)
}

// A server that is stopped, or hangs, accepts all the same: the kernel does.
func TestNoReplyInTime(t *testing.T) {
	l, err := net.Listen("unix", t.TempDir()+"/socket")
	require.NoError(t, err)
	defer l.Close()
	_, err = Ask(l.Addr().String(), 10*time.Millisecond, "x")
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

// A reply goes to root and to the same user, whatever the modes of file and folder are.
func TestOthersGetNoReply(t *testing.T) {
	if unix.Geteuid() != 0 {
		t.Skip("cannot run here: it takes root to be somebody else")
	}
	dir, err := os.MkdirTemp("", "control-")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	require.NoError(t, os.Chmod(dir, 0o755))
	binary, err := os.ReadFile(reexec.Self()) // the place that go test runs it from is closed to others
	require.NoError(t, err)
	exe := filepath.Join(dir, "exe")
	require.NoError(t, os.WriteFile(exe, binary, 0o755))
	socket := dir + "/socket"
	serveAt(t, socket, echo)
	ask := func(uid uint32) string {
		cmd := &exec.Cmd{Path: exe, Args: []string{"ask", socket, "x"}, SysProcAttr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	assert.Equal(t, "x<nil>", ask(0), "control")
	assert.Contains(t, ask(65534), "permission denied")
	require.NoError(t, os.Chmod(socket, 0o777))
	assert.Regexp(t, "no reply: EOF|broken pipe|reset", ask(65534))
}

func FuzzReply(f *testing.F) {
	f.Add("ok x\n")
	f.Add("error y\nz")
	f.Fuzz(func(t *testing.T, text string) {
		line, err := receive(strings.NewReader(text), longest)
		if err == nil && (strings.Contains(line, "\n") || !strings.HasPrefix(text, line+"\n")) {
			t.Fatalf("%q of %q", line, text)
		}
	})
}
