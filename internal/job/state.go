package job

import (
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/proc"
)

// What there is to be said of a job beyond its record.
const (
	Stopped State = "stopped" // as by SIGSTOP (signal(7))
	Lost    State = "lost"    // its keeper is gone, without having told an end
	Away    State = "away"    // it runs in another PID namespace, where its numbers mean something
)

// Now is what the job is now, to the best of this process's knowledge.
func (j Job) Now() State {
	if j.State == Ended || j.State == Starting && j.Keeper.PID == 0 {
		return j.State
	}
	boot, namespace, err := Here()
	switch {
	case j.State == Ending && err == nil && boot != j.Boot:
		return Ended
	case err != nil || boot != j.Boot:
		return Lost
	case namespace != j.Namespace && j.isHeld():
		return Away
	case namespace != j.Namespace: // and that namespace has ended, most likely, as a container's does at its restart
		return Lost
	case j.Keeper.Alive():
	case j.State == Ending && len(j.remaining()) == 0:
		return Ended // its keeper was killed in the last moment, and nothing was lost by it
	case j.endedSince():
		return Ended
	default:
		return Lost
	}
	if j.Main.Stopped() {
		return Stopped
	}
	return j.State
}

// endedSince is for a job whose keeper has ended: it may have told the end when the record had been read.
func (j Job) endedSince() bool {
	dir, err := Open(j.Folder())
	if err != nil {
		return false
	}
	defer dir.Close()
	f, err := dir.folder(j.Number)
	if err != nil {
		return false
	}
	defer f.Close()
	now, err := f.Read()
	return err == nil && now.ID == j.ID && now.State == Ended
}

// IsKept reports whether the job's keeper is there, in this PID namespace.
func (j Job) IsKept() bool {
	return slices.Contains([]State{Running, Stopped, Ending, Pausing}, j.Now())
}

// Stopped reports whether the process is there, and stopped, as by SIGSTOP.
func (p Process) Stopped() bool {
	now, err := proc.Read(p.PID)
	return err == nil && now.Start == p.Start && now.State == 'T'
}

// isHeld reports whether somebody keeps the job, wherever that is.
func (j Job) isHeld() bool {
	dir, err := Open(j.Folder())
	if err != nil {
		return true // nobody knows
	}
	defer dir.Close()
	return dir.isHeld(j.Number)
}

// isHere reports whether the job's numbers mean to this process what they meant to its keeper.
func (j Job) isHere() bool {
	boot, namespace, err := Here()
	return err == nil && boot == j.Boot && namespace == j.Namespace
}

// BeforeBoot reports whether the job was lost because the machine went down.
func (j Job) BeforeBoot() bool {
	boot, _, err := Here()
	return err == nil && boot != j.Boot
}

// Alive reports whether the process is there. A zombie has ended.
func (p Process) Alive() bool {
	now, err := proc.Read(p.PID)
	return err == nil && now.Start == p.Start && !now.Dead()
}

// Open returns a pidfd of the process, which is that process's and nobody else's. It fails with ESRCH if it has ended.
func (p Process) Open() (*os.File, error) {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return nil, os.NewSyscallError("pidfd_open", err)
	}
	// Only now: while the number was looked up it could have become another's.
	if !p.Alive() {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("pidfd_open", unix.ESRCH)
	}
	return os.NewFile(uintptr(fd), "pidfd"), nil
}

// Left are the processes of a job that was lost: those of its session, and of its program's if that leads another. What went
// to a session of its own, as a daemon does, cannot be told any more.
//
// A session's number is used again when the last of its processes has ended. It has not been, if one is there that is surely of
// the job: its program, or one that has the job's mark in its environment. Then all of the session are.
func (j Job) Left() []proc.Process {
	if !j.isHere() || j.Now() != Lost {
		return nil
	}
	return j.remaining()
}

// remaining is Left for who knows that the keeper is gone.
func (j Job) remaining() []proc.Process {
	all, err := proc.All()
	if err != nil {
		return nil
	}
	var left []proc.Process
	for _, session := range []int{j.Keeper.PID, j.Main.PID} {
		members := membersOf(session, all)
		if slices.ContainsFunc(members, func(p proc.Process) bool {
			return p.PID == j.Main.PID && p.Start == j.Main.Start || proc.HasVariable(p.PID, MarkName+"="+j.ID)
		}) {
			left = append(left, members...)
		}
	}
	return left
}

// membersOf are those of a session. That of number 0 is the kernel's threads', or another PID namespace's.
func membersOf(session int, all []proc.Process) (members []proc.Process) {
	for _, p := range all {
		if sid, err := unix.Getsid(p.PID); err == nil && sid == session && sid != 0 && !p.Dead() {
			members = append(members, p)
		}
	}
	return members
}

// endUntold kills what the keeper had started when it was killed before it could tell of it, and reports whether there was anything,
// and how many are left.
func (j Job) endUntold() (ended bool, left int) {
	const patience = time.Second
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		all, err := proc.All()
		if err != nil {
			return ended, 0
		}
		untold := j.untold(all)
		// Those too that are no more than a copy of the keeper yet, which has no mark to be known by.
		if len(untold) == 0 && len(membersOf(j.Keeper.PID, all)) == 0 || time.Now().After(end) {
			return ended, len(untold)
		}
		ended = signal(untold, unix.SIGKILL) > 0 || ended
	}
}

// untold are those that are left, and all that have the job's mark: of a session of the program's own there is no record.
func (j Job) untold(all []proc.Process) []proc.Process {
	untold := j.Left()
	for _, p := range all {
		if !p.Dead() && proc.HasVariable(p.PID, MarkName+"="+j.ID) &&
			!slices.ContainsFunc(untold, func(q proc.Process) bool { return p.PID == q.PID }) {
			untold = append(untold, p)
		}
	}
	return untold
}

// EndLeft sends sig to what is left, and reports how many that were.
func (j Job) EndLeft(sigs ...unix.Signal) (count int) {
	return signal(j.Left(), sigs...)
}

func signal(all []proc.Process, sigs ...unix.Signal) (count int) {
	for _, p := range all {
		f, err := Process{p.PID, p.Start}.Open()
		if err != nil {
			continue
		}
		count++
		for _, sig := range sigs {
			_ = unix.PidfdSendSignal(int(f.Fd()), sig, nil, 0) // EPERM: it stays among those that are left
		}
		_ = f.Close()
	}
	return count
}

// Brief is the job in a few words, as tinit run prints it.
func (j Job) Brief() string { return fmt.Sprintf("[%d] %d %s", j.Number, j.Main.PID, j.Name) }
