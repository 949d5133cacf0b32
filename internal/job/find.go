package job

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Job is a record, and the number that it goes by.
type Job struct {
	Number int
	Record
	folder string
}

// Path is a file's in the job's folder.
func (j Job) Path(name string) string { return j.folder + "/" + name }

// Folder is that of all jobs, for [Open].
func (j Job) Folder() string { return filepath.Dir(j.folder) }

// Read reads one job.
func (d *Dir) Read(number int) (Job, error) { return d.read(number) }

// All returns the jobs by number. problems are of those that could not be read.
func (d *Dir) All() (jobs []Job, problems []error, err error) {
	numbers, err := d.numbers()
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		j, err := d.read(n)
		switch {
		case errors.Is(err, fs.ErrNotExist): // it is about to be made, or was removed just now
		case err != nil:
			problems = append(problems, fmt.Errorf("job %d: %w", n, err))
		case j.State == Starting && j.Keeper.PID == 0 && !d.isHeld(n): // its start was killed
		default:
			jobs = append(jobs, j)
		}
	}
	return jobs, problems, nil
}

// all leaves those out that cannot be read.
func (d *Dir) all() ([]Job, error) {
	jobs, _, err := d.All()
	return jobs, err
}

func (d *Dir) read(number int) (Job, error) {
	f, err := d.folder(number)
	if err != nil {
		return Job{}, err
	}
	defer f.Close()
	r, err := f.Read()
	if err == nil && r.State != Ended && r.Keeper.PID != 0 && !r.Keeper.Alive() {
		r, err = f.Read() // the end may have been told, and come, since
	}
	j := Job{Number: number, Record: r, folder: f.Path}
	if err == nil && j.State == Ending && j.Now() == Ended {
		j.State = Ended
	}
	return j, err
}

func (d *Dir) isHeld(number int) bool {
	f, err := d.folder(number)
	if err != nil {
		return false
	}
	defer f.Close()
	return f.take(unix.LOCK_SH) == unix.EWOULDBLOCK
}

// Find finds the job that word names, as in a shell: 1 or %1 by its number, %% (or %, %+) the current one, %- the one before, and
// by its name.
func Find(jobs []Job, word string) (Job, error) {
	name, percent := strings.CutPrefix(word, "%")
	if n, err := strconv.Atoi(name); err == nil && strings.Trim(name, "0123456789") == "" {
		for _, j := range jobs {
			if j.Number == n {
				return j, nil
			}
		}
		return Job{}, fmt.Errorf("there is no job %d", n)
	}
	current := Current(jobs)
	switch {
	case percent && (name == "" || name == "%" || name == "+"):
		if len(current) == 0 {
			return Job{}, errors.New("there are no jobs")
		}
		return current[0], nil
	case percent && name == "-":
		if len(current) < 2 {
			return Job{}, errors.New("there is no job before the current one")
		}
		return current[1], nil
	}
	for _, j := range jobs {
		if j.Name == name {
			return j, nil
		}
	}
	return Job{}, fmt.Errorf("there is no job %q", name)
}

// Current returns the jobs in the order of %%, %- and so on: those that run before those that have ended, and the last to be
// started first.
func Current(jobs []Job) []Job {
	sorted := slices.Clone(jobs)
	slices.SortStableFunc(sorted, func(a, b Job) int {
		if a.lives() != b.lives() {
			if a.lives() {
				return -1
			}
			return 1
		}
		return b.Started.Compare(a.Started)
	})
	return sorted
}

func (j Job) lives() bool { return j.State != Ended }
