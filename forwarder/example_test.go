package forwarder_test

import (
	"fmt"
	"os"
	"syscall"

	"github.com/tinit-dev/tinit/forwarder"
)

// A program that stands before another one, and hands on what it is sent: TERM as QUIT, HUP not at all.
func Example() {
	signals, err := forwarder.Receive() // before anything else
	if err != nil {
		fmt.Println(err)
		return
	}

	var rewrite forwarder.Rewrite
	if err := rewrite.Add("TERM:QUIT,HUP:0"); err != nil {
		fmt.Println(err)
		return
	}
	pid, err := syscall.ForkExec("/usr/sbin/nginx", []string{"nginx", "-g", "daemon off;"}, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for sig := range signals.C {
		if sig = rewrite.Apply(sig); sig == 0 {
			continue
		}
		if err := forwarder.Group(pid).Send(sig); err != nil && err != os.ErrProcessDone {
			fmt.Println(err)
		}
	}
}

func ExampleRewrite_Add() {
	var r forwarder.Rewrite
	fmt.Println(r.Add("TERM:QUIT,HUP:0"))
	fmt.Println(r.Add("KILL:TERM"))
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT} {
		fmt.Println(forwarder.SignalName(sig), "→", forwarder.SignalName(r.Apply(sig)))
	}
	// Output:
	// <nil>
	// KILL is never forwarded: it cannot be caught (signal(7))
	// TERM → QUIT
	// HUP → 0
	// INT → INT
}

func ExampleParseSignal() {
	for _, text := range []string{"SIGTERM", "hup", "RTMIN+3", "64", "65"} {
		sig, err := forwarder.ParseSignal(text)
		fmt.Println(int(sig), err)
	}
	// Output:
	// 15 <nil>
	// 1 <nil>
	// 37 <nil>
	// 64 <nil>
	// 0 no signal has the number 65 (they go from 1 to 64)
}
