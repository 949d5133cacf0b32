package main

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/job"
	"github.com/tinit-dev/tinit/internal/proc"
)

// uses is what the processes of jobs use, in one look at /proc.
type uses struct{ all []proc.Process }

func lookAtUse(jobs []job.Job) uses {
	for _, j := range jobs {
		if j.State == job.Running {
			all, _ := proc.All() // without it there is less to be told
			return uses{all}
		}
	}
	return uses{}
}

// A use is a job's.
type use struct {
	pid, pgid, sid int           // of the program, while it runs
	cpu            time.Duration // of those processes that there are, or of all when the job has ended
	memory         int64         // what they have resident, in bytes; or the most that one of them had
}

func (u uses) of(j job.Job) (sum use) {
	now := j.Now()
	if now != job.Running && now != job.Stopped {
		if j.Exit != nil && now != job.Lost { // of one that was lost it is that of an earlier life
			sum.cpu, sum.memory = j.Exit.CPU, j.Exit.Memory
		}
		return sum
	}
	sum.pid = j.Main.PID
	sum.pgid, _ = unix.Getpgid(sum.pid)
	sum.sid, _ = unix.Getsid(sum.pid)
	for _, p := range proc.Descendants(u.all, j.Keeper.PID) {
		cpu, resident, err := proc.Use(p.PID)
		if err == nil {
			sum.cpu += cpu
			sum.memory += resident
		}
	}
	return sum
}
