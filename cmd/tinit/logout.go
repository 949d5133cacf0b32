package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/tinit-dev/tinit/internal/job"
)

// warnOfLogout says, once for each login, that jobs will not outlive it, where that is so: a process that was started within a
// session of systemd's login manager stays in its scope, daemon or not, and with KillUserProcesses=yes (logind.conf(5)) the scope is
// killed when the user logs out. dir is that of all jobs.
func warnOfLogout(dir string) {
	scope := loginScope()
	if scope == "" || !killsUserProcesses() {
		return
	}
	// A scope's name is used again after a boot.
	boot, _, _ := job.Here()
	told, now := dir+"/told-of-logout", []byte(boot+" "+scope+"\n")
	if before, err := os.ReadFile(told); err == nil && bytes.Equal(before, now) {
		return
	}
	_ = os.WriteFile(told, now, 0o600) // else it is said again
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

func killsUserProcesses() bool {
	var texts []string
	for _, file := range configFiles() {
		if text, err := os.ReadFile(file); err == nil {
			texts = append(texts, string(text))
		}
	}
	return kills(texts)
}

// kills is told the texts of the files in the order in which they count. What systemd was built with for a default, they say in a
// comment.
func kills(texts []string) bool {
	set, usual := "", ""
	for _, text := range texts {
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if value, ok := strings.CutPrefix(line, "KillUserProcesses="); ok {
				set = value
			}
			if value, ok := strings.CutPrefix(line, "#KillUserProcesses="); ok && usual == "" {
				usual = value
			}
		}
	}
	return slices.Contains([]string{"1", "yes", "y", "true", "t", "on"}, strings.ToLower(cmp.Or(set, usual)))
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
