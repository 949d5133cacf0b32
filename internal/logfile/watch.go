package logfile

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A watch says when something in a folder has changed (inotify(7)).
type watch struct {
	changed  chan struct{}
	atLatest time.Duration // how long to wait for changed
	file     *os.File
}

const (
	// A folder may be deleted and made again, and a network's file system says nothing of what others write.
	lookAnyway = time.Second
	// A user has 128 instances of inotify, and they may be in use.
	poll = 100 * time.Millisecond
)

// watchDir makes a watch, which only says how often to look if there is none to be had.
func watchDir(dir string) *watch {
	w := &watch{changed: make(chan struct{}, 1), atLatest: poll}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return w
	}
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MODIFY|unix.IN_CREATE|unix.IN_MOVE); err != nil {
		_ = unix.Close(fd)
		return w
	}
	w.atLatest = lookAnyway
	w.file = os.NewFile(uintptr(fd), "inotify")
	go w.listen()
	return w
}

// listen ends with close.
func (w *watch) listen() {
	events := make([]byte, 4<<10) // what they are does not matter
	for {
		if _, err := w.file.Read(events); err != nil {
			return
		}
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}
}

func (w *watch) close() {
	if w.file != nil {
		_ = w.file.Close()
	}
}
