package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// warnOfLogout says that the job will not outlive the login, where that is so: a process that was started within a
// session of systemd's login manager stays in its scope, daemon or not, and with KillUserProcesses=yes (logind.conf(5)) the scope is
// killed when the user logs out.
func warnOfLogout() {
	scope := loginScope()
	if scope == "" || !killsUserProcesses() {
		return
	}
	complain(errors.New("the login manager will end this job when you log out (KillUserProcesses=yes in logind.conf); " +
		"to keep it: loginctl enable-linger, and systemd-run --user --scope tinit run …"))
}

// loginScope is the scope of a login session that this process is in, as session-3.scope, empty if it is in none.
func loginScope() string {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	return scopeIn(string(text))
}

func scopeIn(cgroups string) string {
	for line := range strings.Lines(cgroups) {
		for part := range strings.SplitSeq(strings.TrimSpace(line), "/") {
			if strings.HasPrefix(part, "session-") && strings.HasSuffix(part, ".scope") {
				return part
			}
		}
	}
	return ""
}

// killsUserProcesses: the default is that of systemd's own build, no on Debian and its kin.
func killsUserProcesses() bool {
	kills := false
	for _, file := range configFiles() {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), "KillUserProcesses="); ok {
				kills = value == "yes" || value == "true" || value == "1" || value == "on"
			}
		}
	}
	return kills
}

func configFiles() []string {
	files := []string{"/usr/lib/systemd/logind.conf", "/etc/systemd/logind.conf"}
	for _, dir := range []string{"/usr/lib/systemd/logind.conf.d", "/run/systemd/logind.conf.d", "/etc/systemd/logind.conf.d"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".conf") {
				files = append(files, fmt.Sprintf("%s/%s", dir, e.Name()))
			}
		}
	}
	return files
}
