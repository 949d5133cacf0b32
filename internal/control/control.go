// Package control is how a keeper is asked things: a unix socket in a folder that only its user can reach. A client sends a line,
// such as "stop 10s", and gets one back: "ok", or "error" and why, with a text after either.
//
// It uses bare sockets. Package net would make every start of tinit slower, and nothing of it is needed.
package control

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	longest  = 4096            // of a request, in bytes
	longer   = 1 << 20         // of a reply
	patience = 5 * time.Second // until a request is there, and until a reply is taken
)

// An Answer is called by a goroutine for each client with the words of a request, and may take its time. One that does should end
// when gone, which it calls first then, says that the client has gone.
type Answer func(words []string, gone func() <-chan struct{}) (text string, err error)

// Serve answers requests at the socket, which it makes, until the process ends. Only this process's user and root get an answer.
//
// What a client does wrong is its own loss: a line too long or none in time, and its connection is closed.
//
// settle is for a process that is about to end: it returns when those that have asked have their replies, or after that time.
func Serve(socket string, answer Answer) (settle func(time.Duration), err error) {
	listener, err := listen(socket)
	if err != nil {
		return nil, err
	}
	s := &server{answer: answer, places: make(chan struct{}, mostWaiting)}
	go s.acceptAll(listener)
	return func(patience time.Duration) {
		settled := make(chan struct{})
		go func() {
			s.answering.Lock()
			defer s.answering.Unlock()
			close(settled)
		}()
		select {
		case <-settled:
		case <-time.After(patience):
		}
	}, nil
}

type server struct {
	answer    Answer
	lobby     lobby
	places    chan struct{} // of those that wait for an answer
	answering sync.RWMutex  // held by the same
}

func (s *server) acceptAll(listener *os.File) {
	for {
		client, err := accept(listener)
		if err != nil {
			time.Sleep(time.Second) // no descriptor to be had, most likely
			continue
		}
		if !permitted(client) {
			_ = client.Close()
			continue
		}
		s.lobby.enter(client)
		go s.serve(client)
	}
}

func (s *server) serve(client *os.File) {
	defer client.Close() //nolint:errcheck // who does not take the reply will not miss it
	request, err := receive(client, longest)
	s.lobby.leave(client)
	if err != nil {
		return
	}
	s.answering.RLock()
	defer s.answering.RUnlock()
	reply := failed + "too many wait for an answer already"
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
		_ = client.SetReadDeadline(time.Time{})
		text, err := s.answer(strings.Fields(request), func() <-chan struct{} { return gone(client) })
		if reply = said + text; err != nil {
			reply = failed + err.Error()
		}
	default:
	}
	_ = client.SetWriteDeadline(time.Now().Add(patience))
	_ = send(client, reply, longer)
}

// permitted: the socket's folder and mode keep others out already, where the file system has owners.
func permitted(client *os.File) bool {
	conn, err := client.SyscallConn()
	if err != nil {
		return false
	}
	ok := false
	err = conn.Control(func(fd uintptr) {
		peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		ok = err == nil && (peer.Uid == 0 || int(peer.Uid) == unix.Geteuid())
	})
	return err == nil && ok
}

// ErrNobody says that no process serves at the socket.
var ErrNobody = errors.New("nobody answers there")

// A reply begins with one of these.
const (
	said   = "ok "
	failed = "error "
)

// Ask sends a request to who serves at the socket, and returns the text of the reply when it comes: within that time, else the error
// is os.ErrDeadlineExceeded. With 0 it waits as long as it takes.
func Ask(socket string, within time.Duration, words ...string) (text string, err error) {
	conn, err := connect(socket)
	if err != nil {
		return "", err
	}
	defer conn.Close() //nolint:errcheck // all was read
	_ = conn.SetWriteDeadline(time.Now().Add(patience))
	if within > 0 {
		_ = conn.SetReadDeadline(time.Now().Add(within))
	}
	if err := send(conn, strings.Join(words, " "), longest); err != nil {
		return "", err
	}
	reply, err := receive(conn, longer)
	if err != nil {
		return "", fmt.Errorf("no reply: %w", err)
	}
	if text, ok := strings.CutPrefix(reply, said); ok {
		return text, nil
	}
	return "", errors.New(strings.TrimPrefix(reply, failed))
}

// send sends one line, whatever is in it.
func send(to io.Writer, text string, most int) error {
	text = strings.ReplaceAll(text, "\n", " ")
	_, err := io.WriteString(to, text[:min(len(text), most-1)]+"\n")
	return err
}

func receive(from io.Reader, most int64) (line string, err error) {
	line, err = bufio.NewReader(io.LimitReader(from, most)).ReadString('\n')
	return strings.TrimSuffix(line, "\n"), err
}

func listen(path string) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	err = inFolder(path, func(short string) error {
		_ = unix.Unlink(short) // of one that was killed
		if err := unix.Bind(fd, &unix.SockaddrUnix{Name: short}); err != nil {
			return os.NewSyscallError("bind", err)
		}
		return os.NewSyscallError("chmod", unix.Chmod(short, 0o600))
	})
	if err == nil {
		err = os.NewSyscallError("listen", unix.Listen(fd, unix.SOMAXCONN))
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("cannot make the socket %s: %w", path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

func accept(listener *os.File) (*os.File, error) {
	conn, err := listener.SyscallConn()
	if err != nil {
		return nil, err
	}
	var client int
	var acceptErr error
	err = conn.Read(func(fd uintptr) (done bool) {
		client, _, acceptErr = unix.Accept4(int(fd), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		return acceptErr != unix.EAGAIN && acceptErr != unix.EINTR && acceptErr != unix.ECONNABORTED
	})
	if err = errors.Join(err, os.NewSyscallError("accept4", acceptErr)); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(client), "client"), nil
}

func connect(path string) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	// The kernel's queue of who is not accepted yet may be full.
	limit := unix.NsecToTimeval(int64(patience))
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit)
	err = inFolder(path, func(short string) error { return unix.Connect(fd, &unix.SockaddrUnix{Name: short}) })
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	switch {
	case err == nil:
		return os.NewFile(uintptr(fd), path), nil
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ECONNREFUSED):
		err = ErrNobody
	}
	_ = unix.Close(fd)
	return nil, fmt.Errorf("cannot connect to %s: %w", path, err)
}

// inFolder: a socket's path has 107 bytes at most (unix(7)), that of a file 4095.
func inFolder(path string, do func(short string) error) error {
	folder, name := filepath.Split(path)
	fd, err := unix.Open(folder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	return do("/proc/self/fd/" + strconv.Itoa(fd) + "/" + name)
}
