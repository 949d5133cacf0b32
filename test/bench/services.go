package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const servicesEach = 100

// services has the time from fork until PROGRAM, which is started last, has said that it is there, after servicesEach of sleep: of
// tinit, and of a shell that starts them with &.
func (b *bench) services() ([]row, error) {
	var file, script strings.Builder
	file.WriteString("services:\n")
	for i := range servicesEach {
		fmt.Fprintf(&file, "  s%d: {command: [sleep, \"1000\"]}\n", i)
		script.WriteString("sleep 1000 &\n")
	}
	script.WriteString("exec echo up\n")
	path := filepath.Join(b.dir, "services.yaml")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		return nil, err
	}
	shell := &candidate{name: noInit, path: "/bin/sh", args: []string{"-c", script.String()}}
	kept := &candidate{name: tinit, path: b.inits[0].path, args: []string{"--services", path, "--", "echo", "up"}}
	took := samples{}
	err := b.inTurn(b.rounds, []*candidate{shell, kept}, func(c *candidate) error {
		t, err := b.untilUp(append([]string{c.path}, c.args...))
		took.add(c, t)
		return err
	})
	return []row{{
		what:  fmt.Sprintf("%d services of sleep, until PROGRAM after them runs", servicesEach),
		of:    took.medians(),
		show:  milliseconds,
		notes: map[string]string{noInit: "a shell with &"},
	}}, err
}

// untilUp starts a PID 1 and returns the time until something is written. Then it ends all.
func (b *bench) untilUp(argv []string) (took float64, err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer read.Close()
	attr := &syscall.ProcAttr{
		Env:   append(os.Environ(), "TINIT_STATE_DIR="+filepath.Join(b.dir, "state")),
		Files: []uintptr{0, write.Fd(), 2},
		Sys:   &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL, Cloneflags: unix.CLONE_NEWPID},
	}
	begin := time.Now()
	pid, err := syscall.ForkExec(argv[0], argv, attr)
	_ = write.Close()
	if err != nil {
		return 0, err
	}
	_, err = io.ReadFull(read, make([]byte, len("up\n")))
	took = float64(time.Since(begin))
	_ = syscall.Kill(pid, syscall.SIGKILL)
	_, _ = syscall.Wait4(pid, nil, 0, nil)
	return took, err
}
