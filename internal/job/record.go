package job

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/proc"
)

// What a job's folder holds.
const (
	recordName = "record"
	recordNew  = "record.new" // on its way to be the record
	askedName  = "asked"      // what a keeper that starts is to do
	OutputName = "output"     // standard output and error; output.1 and so on are older
	SocketName = "socket"     // where the keeper is asked
)

// MarkName is the variable by which what a job started can be told, together with the record's ID as its value.
const MarkName = "TINIT_JOB_ID"

// A State is how far a job has come, as its keeper knows. What has become of it since is for [Job.Now].
type State string

const (
	Starting State = "starting" // not yet told to whoever asked for it
	Running  State = "running"
	Ending   State = "ending"  // its program has ended, and what it left behind is being ended
	Pausing  State = "pausing" // that has ended too, and the program will be started again
	Ended    State = "ended"
)

func (s State) known() bool {
	return slices.Contains([]State{Starting, Running, Ending, Pausing, Ended}, s)
}

// A Record is what is known of a job. The environment is not in it: it holds people's secrets.
type Record struct {
	ID      string // random, another one for each time that the job is started
	Name    string
	Program []string // with its arguments
	Flags   []string // of tinit run, each --NAME or --NAME=VALUE
	Dir     string   // where tinit run was; empty if that had no name

	Boot      string // whose numbers these are: the kernel's boot ID
	Namespace uint64 // and the inode of the PID namespace
	Keeper    Process
	Main      Process // of Program, while State is Running

	State    State
	Ready    bool   // it said READY=1 (sd_notify(3))
	Status   string // what it said of itself
	Started  time.Time
	Restarts int
	Exit     *Exit // of the last time that it ended
	Trouble  string

	// Files that standard output and error go to.
	Output string
	Errors string
}

// An Exit is how a program ended.
type Exit struct {
	Time   time.Time
	Code   int           // 128+n for a death by signal n
	Signal string        // its name
	CPU    time.Duration // in ns, of all that the job's processes used until then
	Memory int64         // the most that one of its processes had resident, in bytes
}

// A Process is a number, and what makes sure whose it is.
type Process struct {
	PID   int
	Start uint64 // clock ticks after boot
}

// Here is the boot and the PID namespace that this process is in.
func Here() (boot string, namespace uint64, err error) {
	if !proc.Own() {
		return "", 0, errors.New("jobs need a /proc of this PID namespace")
	}
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", 0, err
	}
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &st); err != nil {
		return "", 0, os.NewSyscallError("stat(/proc/self/ns/pid)", err)
	}
	return string(text[:len(text)-1]), st.Ino, nil
}

// NewID returns a random ID. (crypto/rand would bring 500 KB of cryptography along, and its self-tests at each start.)
func NewID() (string, error) {
	var b [16]byte
	if _, err := unix.Getrandom(b[:], 0); err != nil { // in one piece, up to 256 bytes
		return "", os.NewSyscallError("getrandom", err)
	}
	return fmt.Sprintf("%x", b), nil
}

// A Folder is one job's.
type Folder struct {
	Number int
	Path   string
	root   *os.Root
	lock   *os.File // held by whoever keeps the job
	before *Record  // what was in it when it was held; nil if it was made

	current *slot // the record that was written last, if it was here
	spare   *slot // the next one
}

// A slot is a file for a record.
type slot struct {
	file   *os.File
	room   int   // bytes that it can have even on a full disk
	length int64 // without what fills it up
}

func (d *Dir) folder(number int) (*Folder, error) {
	name := strconv.Itoa(number)
	info, err := d.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	path := d.Path + "/" + name
	if err := trusted(path, info); err != nil {
		return nil, err
	}
	root, err := d.root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return &Folder{Number: number, Path: path, root: root}, nil
}

// Close closes the folder, and ends the hold on it unless a keeper has it.
func (f *Folder) Close() {
	f.giveUpRoom()
	if f.current != nil {
		_ = f.current.file.Truncate(f.current.length)
		_ = f.current.file.Close()
	}
	_ = f.root.Close()
	if f.lock != nil {
		_ = f.lock.Close()
	}
}

// longestRecord is far more than any record has. An argument alone may have 128 KiB, all of them a quarter of the stack's limit.
const longestRecord = 16 << 20

// Read reads the record.
func (f *Folder) Read() (Record, error) { return f.read(recordName) }

func (f *Folder) read(name string) (Record, error) {
	// os.Root follows a symbolic link that does not lead out.
	if info, err := f.root.Lstat(name); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return Record{}, fmt.Errorf("%s/%s is a symbolic link, which is not followed", f.Path, name)
	}
	file, err := f.root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return Record{}, err
	}
	defer file.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(io.LimitReader(file, longestRecord))
	if err != nil {
		return Record{}, err
	}
	r, err := parse(strings.TrimRight(string(text), "\n"))
	if err == nil && (r.ID == "" || CheckName(r.Name) != nil || len(r.Program) == 0 || !r.State.known()) {
		err = errors.New("something is missing")
	}
	if err != nil {
		return Record{}, fmt.Errorf("%s/%s is no record of a job: %w (if nothing of it runs, remove its folder)", f.Path, name, err)
	}
	return r, nil
}

// Write puts r in place of the record: whoever reads finds the one or the other whole, after a crash too.
func (f *Folder) Write(r Record) error {
	if err := f.write([]byte(r.format())); err != nil {
		_ = f.root.Remove(recordNew)
		return fmt.Errorf("cannot write %s/%s: %w", f.Path, recordName, err)
	}
	return nil
}

// write writes where there is room already, so that a disk that has become full does not keep it from telling a job's end. What is
// replaced keeps its room for the next time: others may fill the disk as well.
func (f *Folder) write(text []byte) error {
	next := f.spare
	f.spare = nil
	if next == nil {
		file, err := f.newFile()
		if err != nil {
			return err
		}
		next = &slot{file: file}
	}
	next.length = int64(len(text))
	if rest := next.room - len(text); rest > 0 {
		text = append(text, bytes.Repeat([]byte{'\n'}, rest)...) // to truncate the file would give the room back
	}
	_, err := next.file.WriteAt(text, 0)
	if err == nil {
		err = next.file.Truncate(int64(len(text)))
	}
	if err == nil {
		err = next.file.Sync()
	}
	if err == nil && f.current != nil && f.current.room > 0 && f.exchange() == nil {
		f.current, f.spare = next, f.current
		return nil
	}
	if err == nil {
		err = f.root.Rename(recordNew, recordName)
	}
	if err != nil {
		_ = next.file.Close()
		return err
	}
	if f.current != nil {
		_ = f.current.file.Close()
	}
	f.current = next
	return nil
}

// exchange swaps the record and the next one. Not every file system can do it.
func (f *Folder) exchange() error {
	dir, err := f.root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close() //nolint:errcheck // nothing was written
	fd := int(dir.Fd())
	return unix.Renameat2(fd, recordNew, fd, recordName, unix.RENAME_EXCHANGE)
}

func (f *Folder) newFile() (*os.File, error) {
	_ = f.root.Remove(recordNew) // of a keeper that was killed
	return f.root.OpenFile(recordNew, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// KeepRoom sees to it that the next Write of a record like r will succeed, as far as the file system can promise that. The error
// is that there is no room for it.
func (f *Folder) KeepRoom(r Record) error {
	const growth = 4096 // of what a program says of itself, and of how it ends
	if f.spare != nil {
		return nil
	}
	spare, err := f.newFile()
	if err != nil {
		return fmt.Errorf("cannot write %s/%s: %w", f.Path, recordName, err)
	}
	f.spare = &slot{file: spare, room: len(r.format()) + growth}
	err = unix.Fallocate(int(spare.Fd()), 0, 0, int64(f.spare.room))
	if err == unix.ENOSPC || err == unix.EDQUOT { // any other: the file system cannot promise it
		f.giveUpRoom()
		return fmt.Errorf("no room for %s/%s: %w", f.Path, recordName, err)
	}
	return nil
}

func (f *Folder) giveUpRoom() {
	if f.spare != nil {
		_ = f.root.Remove(recordNew)
		_ = f.spare.file.Close()
		f.spare = nil
	}
}

// RemoveSocket removes the keeper's socket from this folder: at its path there may be another one by now, with another's.
func (f *Folder) RemoveSocket() { _ = f.root.Remove(SocketName) }

// Remove removes the job's folder, which must be held.
func (d *Dir) Remove(f *Folder) error {
	return d.root.RemoveAll(strconv.Itoa(f.Number))
}

// Discard gives a folder back whose job was not started: it is as if it had not been asked for. A keeper that was killed meanwhile
// may have started the program. That is ended, which is reported, and the job stays if some of its processes are left all the same.
func (d *Dir) Discard(f *Folder) (ended bool, left int) {
	defer f.Close()
	r, err := f.Read()
	isNew := f.before == nil || r.ID != f.before.ID
	if j := (Job{f.Number, r, f.Path}); err == nil && isNew && j.Now() == Lost {
		ended, left = j.endUntold()
	}
	switch {
	case left > 0 || err == nil && r.State == Ended:
	case f.before == nil:
		_ = d.Remove(f)
	case err != nil || isNew:
		_ = f.Write(*f.before)
		f.RemoveSocket()
	}
	return ended, left
}

// numbers lists the jobs' numbers, in no order.
func (d *Dir) numbers() ([]int, error) {
	entries, err := fs.ReadDir(d.root.FS(), ".")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && n > 0 && strconv.Itoa(n) == e.Name() {
			found = append(found, n)
		}
	}
	return found, nil
}
