package keeper

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// listenForReadiness makes the socket that NOTIFY_SOCKET is to name (sd_notify(3)), and returns that name. It is an abstract one
// (unix(7)), since the program may be another user's, who cannot reach the job's folder. The ID in it is not a secret: who may
// speak is known by the sender's user, which the kernel tells.
func (k *Keeper) listenForReadiness() (name string, err error) {
	name = "@tinit/" + k.record.ID
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
	go k.hear(os.NewFile(uintptr(fd), name))
	if k.cfg.Timeout > 0 {
		time.AfterFunc(k.cfg.Timeout, func() { k.supervisor.Do(k.overdue, k.over) })
	}
	return name, nil
}

func (k *Keeper) hear(socket *os.File) {
	conn, err := socket.SyscallConn()
	if err != nil {
		return
	}
	text, from := make([]byte, 4096), make([]byte, unix.CmsgSpace(unix.SizeofUcred))
	for {
		var n, oobn int
		var recvErr error
		if err := conn.Read(func(fd uintptr) (done bool) {
			n, oobn, _, _, recvErr = unix.Recvmsg(int(fd), text, from, unix.MSG_CMSG_CLOEXEC)
			return recvErr != unix.EAGAIN && recvErr != unix.EINTR
		}); err != nil || recvErr != nil {
			return
		}
		if k.maySpeak(from[:oobn]) {
			said := string(text[:n])
			k.supervisor.Do(func() { k.heard(said) }, k.over)
		}
	}
}

// maySpeak: those of the program's user, this one's, and root. A process of the job's that has ended by now may have spoken, as
// systemd-notify(1) does, so it is not looked for among the descendants.
func (k *Keeper) maySpeak(oob []byte) bool {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(messages) != 1 {
		return false
	}
	who, err := unix.ParseUnixCredentials(&messages[0])
	if err != nil {
		return false
	}
	user := k.cfg.Command.User
	return who.Uid == 0 || int(who.Uid) == os.Geteuid() || user != nil && int(who.Uid) == user.UID
}

func (k *Keeper) heard(said string) {
	for line := range strings.Lines(said) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		switch {
		case name == "READY" && value == "1":
			k.record.Ready = true
		case name == "STATUS":
			k.record.Status = string(bytes.ToValidUTF8([]byte(value[:min(len(value), 512)]), []byte("?")))
		}
	}
	k.write()
	if k.record.Ready {
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
