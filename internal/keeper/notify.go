package keeper

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/session"
)

// listenForReadiness makes the socket that NOTIFY_SOCKET is to name (sd_notify(3)), and returns that name. hear is called with what
// is sent there, by a goroutine of its own.
//
// It is an abstract one (unix(7)), since the program may be another user's, who cannot reach a folder of this one's. id, which is in
// the name, is no secret: who may speak is known by the sender's user, which the kernel tells. Those are this process's, user and root.
// A process that has ended by now may have spoken, as systemd-notify(1) does, so nobody is looked for among the descendants.
func listenForReadiness(id string, user *session.User, hear func(said string)) (name string, err error) {
	name = "@tinit/" + id
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: name})
	}
	if err != nil {
		return "", fmt.Errorf("cannot listen for readiness: %w", err)
	}
	socket := os.NewFile(uintptr(fd), name)
	go func() {
		text, from := make([]byte, 4096), make([]byte, unix.CmsgSpace(unix.SizeofUcred))
		for {
			n, oobn, err := receive(socket, text, from)
			if err != nil {
				return
			}
			if maySpeak(from[:oobn], user) {
				hear(string(text[:n]))
			}
		}
	}()
	return name, nil
}

func receive(socket *os.File, text, from []byte) (n, oobn int, err error) {
	conn, err := socket.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	var recvErr error
	err = conn.Read(func(fd uintptr) (done bool) {
		n, oobn, _, _, recvErr = unix.Recvmsg(int(fd), text, from, unix.MSG_CMSG_CLOEXEC)
		return recvErr != unix.EAGAIN && recvErr != unix.EINTR
	})
	return n, oobn, errors.Join(err, recvErr)
}

func maySpeak(from []byte, user *session.User) bool {
	messages, err := unix.ParseSocketControlMessage(from)
	if err != nil || len(messages) != 1 {
		return false
	}
	who, err := unix.ParseUnixCredentials(&messages[0])
	if err != nil {
		return false
	}
	return who.Uid == 0 || int(who.Uid) == os.Geteuid() || user != nil && int(who.Uid) == user.UID
}

// readiness is what a program has said of itself.
type readiness struct {
	ready  bool
	status string
}

func (r *readiness) hear(said string) {
	for line := range strings.Lines(said) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		switch {
		case name == "READY" && value == "1":
			r.ready = true
		case name == "STATUS":
			r.status = strings.ToValidUTF8(value[:min(len(value), 512)], "?")
		}
	}
}

// awaitReadiness has the start reported when the program says that it is ready.
func (k *Keeper) awaitReadiness() error {
	socket, err := listenForReadiness(k.record.ID, k.cfg.Command.User, func(said string) {
		k.supervisor.Do(func() { k.heard(said) }, k.over)
	})
	if err != nil {
		return err
	}
	k.setVariable("NOTIFY_SOCKET", socket)
	if k.cfg.Timeout > 0 {
		time.AfterFunc(k.cfg.Timeout, func() { k.supervisor.Do(k.overdue, k.over) })
	}
	return nil
}

func (k *Keeper) heard(said string) {
	r := readiness{k.record.Ready, k.record.Status}
	r.hear(said)
	k.record.Ready, k.record.Status = r.ready, r.status
	k.write()
	if r.ready && k.unready == nil {
		k.told(nil)
	}
}

// overdue: a program that is not ready in time has failed, and is not left to itself.
func (k *Keeper) overdue() {
	if k.report == nil {
		return
	}
	const overdue = 124 // as timeout(1)
	k.unready = &Unready{overdue, fmt.Sprintf("%s was not ready after %v, and was stopped", k.record.Name, k.cfg.Timeout)}
	k.supervisor.Stop(k.cfg.StopAfter)
}

// Unready says that a program did start, and did not become ready.
type Unready struct {
	Code int // that whoever asked for the start should end with
	text string
}

func (u *Unready) Error() string { return u.text }
