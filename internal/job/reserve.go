package job

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Two starts of one name at one moment: whoever makes a job holds its folder (flock(2) on the folder itself), and the keeper
// goes on holding it by the descriptor that it inherits, for as long as the job runs. Who holds it cannot be mistaken, and the
// hold ends with the process, however that ends.

// Reserve gives the caller the folder for a job of the given name, or if that is empty for one named after program. A job of that
// name that has ended makes room, and its output is kept.
func (d *Dir) Reserve(name, program string) (f *Folder, itsName string, err error) {
	unlock, err := d.lock()
	if err != nil {
		return nil, "", err
	}
	defer unlock()
	all, err := d.all()
	if err != nil {
		return nil, "", err
	}
	if name != "" {
		for _, j := range all {
			if j.Name == name {
				f, err = d.again(j)
				return f, name, err
			}
		}
	} else {
		name = unused(nameFor(program), all)
	}
	f, err = d.make(all)
	if err != nil {
		return nil, "", err
	}
	id, err := NewID()
	if err == nil {
		err = f.Write(Record{ID: id, Name: name, Program: []string{program}, State: Starting})
	}
	if err != nil {
		d.Discard(f)
		return nil, "", err
	}
	return f, name, nil
}

// Again gives the caller the folder of a job that has ended.
func (d *Dir) Again(j Job) (*Folder, error) {
	unlock, err := d.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	return d.again(j)
}

func (d *Dir) again(j Job) (*Folder, error) {
	f, err := d.folder(j.Number)
	if err == nil {
		if err = d.holdSoon(f); err != nil {
			f.Close()
		}
	}
	switch {
	case errors.Is(err, unix.EWOULDBLOCK) && j.State == Starting:
		return nil, fmt.Errorf("job %q is being started by somebody else", j.Name)
	case errors.Is(err, unix.EWOULDBLOCK) && j.Now() == Away:
		return nil, fmt.Errorf("job %q runs in another PID namespace", j.Name)
	case errors.Is(err, unix.EWOULDBLOCK):
		return nil, fmt.Errorf("job %q runs already: %s", j.Name, j.Brief())
	case errors.Is(err, fs.ErrNotExist):
		return nil, removed(j.Name)
	case err != nil:
		return nil, err
	}
	// Who keeps it may have come to its end only now.
	before, err := f.Read()
	if err != nil {
		f.Close()
		if errors.Is(err, fs.ErrNotExist) {
			err = removed(j.Name)
		}
		return nil, err
	}
	j.Record = before
	if left := j.Left(); len(left) > 0 {
		f.Close()
		return nil, fmt.Errorf("the keeper of job %q was killed, and %d of its processes are left: end them with tinit stop %[1]s", j.Name, len(left))
	}
	f.before = &before
	return f, nil
}

// removed says of the job of that name that it is not there any more (fs.ErrNotExist).
type removed string

func (name removed) Error() string { return fmt.Sprintf("job %q was removed just now", string(name)) }

func (removed) Is(target error) bool { return target == fs.ErrNotExist }

// Before is the record of a job that had ended when its folder was given to the caller. It may have been started and ended since it was
// looked up.
func (f *Folder) Before() Record { return *f.before }

// holdSoon is hold, and waits for a keeper that has told the job's end, but has not come to its own.
func (d *Dir) holdSoon(f *Folder) (err error) {
	const patience = 5 * time.Second // more than it waits for a log that hangs
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if err = f.hold(); err != unix.EWOULDBLOCK {
			return err
		}
		j, readErr := d.read(f.Number)
		if readErr != nil || j.Now() != Ended && j.Now() != Lost || time.Now().After(end) {
			return err
		}
	}
}

// hold fails with EWOULDBLOCK if somebody has it.
func (f *Folder) hold() error { return f.take(unix.LOCK_EX) }

// take is hold, or with LOCK_SH what many may do at one moment who only want to know whether somebody has it.
func (f *Folder) take(how int) (err error) {
	if f.lock, err = f.root.Open("."); err != nil {
		return err
	}
	if err = unix.Flock(int(f.lock.Fd()), how|unix.LOCK_NB); err != nil {
		_ = f.lock.Close()
		f.lock = nil
	}
	return err
}

// Held is the descriptor by which the folder is held, for the keeper to inherit.
func (f *Folder) Held() *os.File { return f.lock }

// Ask leaves in the folder what its keeper is to do. It is not the record yet: that stays as it is until the job runs.
func (f *Folder) Ask(r Record) error {
	var err error
	r.State = Starting
	if r.ID, err = NewID(); err != nil {
		return err
	}
	_ = f.root.Remove(askedName)
	file, err := f.root.OpenFile(askedName, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(r.format())
	return errors.Join(err, file.Close())
}

// Take is for the keeper of the folder at path, which inherited held, and returns what it was asked for.
func Take(path string, held *os.File) (*Folder, Record, error) {
	number, err := strconv.Atoi(filepath.Base(path))
	if err != nil {
		return nil, Record{}, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, Record{}, err
	}
	f := &Folder{Number: number, Path: path, root: root, lock: held}
	r, err := f.read(askedName)
	_ = root.Remove(askedName)
	return f, r, err
}

// make makes a folder of the next number, as a shell counts jobs.
func (d *Dir) make(all []Job) (*Folder, error) {
	number := 1
	numbers, err := d.numbers()
	if err != nil {
		return nil, err
	}
	// One without a record is what a start left that was killed. Nobody else makes jobs at the moment.
	for _, n := range numbers {
		if slices.ContainsFunc(all, func(j Job) bool { return j.Number == n }) || !d.removeUnused(n) {
			number = max(number, n+1)
		}
	}
	name := strconv.Itoa(number)
	if err := d.root.Mkdir(name, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make a folder for the job: %w", err)
	}
	f, err := d.folder(number)
	if err == nil {
		err = f.hold()
	}
	if err != nil {
		_ = d.root.RemoveAll(name)
		return nil, err
	}
	return f, nil
}

// removeUnused: a record that cannot be read stays, for somebody to look at.
func (d *Dir) removeUnused(number int) (removed bool) {
	f, err := d.folder(number)
	if err != nil {
		return false
	}
	defer f.Close()
	if err := f.hold(); err != nil {
		return false
	}
	r, err := f.Read()
	unused := errors.Is(err, fs.ErrNotExist) || err == nil && r.State == Starting && r.Keeper.PID == 0
	return unused && d.Remove(f) == nil
}

func unused(name string, all []Job) string {
	taken := func(name string) bool {
		return slices.ContainsFunc(all, func(j Job) bool { return j.Name == name })
	}
	if !taken(name) {
		return name
	}
	for n := 2; ; n++ {
		if numbered := name + "-" + strconv.Itoa(n); !taken(numbered) {
			return numbered
		}
	}
}
