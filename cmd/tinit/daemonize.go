package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/job"
	"github.com/tinit-dev/tinit/session"
)

const keeperName = "tinit-keeper"

func daemonize(folder *job.Folder, record job.Record, env []string) (said string, code int, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return "", session.CodeOwnError, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return "", session.CodeOwnError, err
	}
	args := append([]string{keeperName, folder.Path, record.Name}, record.Program...)
	_, err = syscall.ForkExec("/proc/self/exe", args, &syscall.ProcAttr{
		Env: env, Files: []uintptr{null.Fd(), null.Fd(), null.Fd(), w.Fd(), folder.Held().Fd()}, Sys: &syscall.SysProcAttr{Setsid: true},
		Dir: record.Dir,
	})
	_ = w.Close()
	if err != nil {
		return "", session.CodeOwnError, err
	}
	text, _ := io.ReadAll(r)
	status, text2, _ := strings.Cut(string(text), " ")
	code, err = strconv.Atoi(status)
	if err != nil {
		return "", session.CodeOwnError, errors.New("the keeper died")
	}
	if code != 0 {
		return "", code, errors.New(text2)
	}
	return text2, 0, nil
}

func kept() (bool, int) {
	if len(os.Args) < 2 || os.Args[0] != keeperName {
		return false, 0
	}
	unix.CloseOnExec(3)
	unix.CloseOnExec(4)
	w, held := os.NewFile(3, "report"), os.NewFile(4, "folder")
	return true, keep(os.Args[1], held, func(text string, err error) {
		if err != nil {
			fmt.Fprintf(w, "%d %s", codeFor(err), err)
		} else {
			fmt.Fprintf(w, "0 %s", text)
		}
		_ = w.Close()
	})
}
