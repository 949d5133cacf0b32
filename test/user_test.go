package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// users is a passwd and a group file for a mount namespace.
func users(t *testing.T) [][2]string {
	t.Helper()
	dir := scratch(t)
	passwd, group := filepath.Join(dir, "passwd"), filepath.Join(dir, "group")
	require.NoError(t, os.WriteFile(passwd, []byte("root:x:0:0::/root:/bin/sh\napp:x:4711:4712:The app:/srv/app:/bin/false\nbad:x::0::/:\n"), 0o644))
	require.NoError(t, os.WriteFile(group, []byte("root:x:0:\napp:x:4712:\naudio:x:29:app\nvideo:x:44:root,app\nwww:x:33:\n"), 0o644))
	return [][2]string{{passwd, "/etc/passwd"}, {group, "/etc/group"}}
}

// identity is a process's IDs by its status.
func identity(status map[string]string) string {
	groups := strings.Join(strings.Fields(status["Groups"]), " ")
	return strings.ReplaceAll(status["Uid"], "\t", " ") + ", " + strings.ReplaceAll(status["Gid"], "\t", " ") + ", " + groups
}

const rootOnly = "only root can become another user"

func TestUser(t *testing.T) {
	need(t, os.Geteuid() == 0, rootOnly)
	files := users(t)
	run := func(t *testing.T, spec string, waits bool) result {
		return starter(pid1).waiting(waits)(t, "-u", spec, "sh", "-c", `cat /proc/$$/status; echo "environ: $HOME $USER $LOGNAME $SHELL"`).
			env("SHELL=/bin/zsh", "USER=root", "LOGNAME=root", "HOME=/root").with(func(s *stage) { s.Bind = files }).run()
	}
	for spec, want := range map[string][2]string{
		"app":       {"4711 4711 4711 4711, 4712 4712 4712 4712, 29 44", "/srv/app app app /bin/zsh"},
		"4711":      {"4711 4711 4711 4711, 4712 4712 4712 4712, 29 44", "/srv/app app app /bin/zsh"},
		"app:www":   {"4711 4711 4711 4711, 33 33 33 33, ", "/srv/app app app /bin/zsh"},
		"app:1234":  {"4711 4711 4711 4711, 1234 1234 1234 1234, ", "/srv/app app app /bin/zsh"},
		"1234:5678": {"1234 1234 1234 1234, 5678 5678 5678 5678, ", "/ /bin/zsh"},
		"1234":      {"1234 1234 1234 1234, 0 0 0 0, ", "/ /bin/zsh"},
		":www":      {"0 0 0 0, 33 33 33 33, ", "/root root root /bin/zsh"},
		"root":      {"0 0 0 0, 0 0 0 0, 44", "/root root root /bin/zsh"},
	} {
		for _, waits := range []bool{false, true} {
			t.Run(leg(spec, waits), func(t *testing.T) {
				r := run(t, spec, waits)
				require.Zero(t, r.code, r.err)
				status := statusFields(r.out)
				assert.Equal(t, want[0], identity(status))
				assert.Equal(t, want[1], strings.Join(strings.Fields(status["environ"]), " "))
			})
		}
	}
	for spec, says := range map[string]string{"nobody": `no user "nobody"`, "bad": `no user "bad"`, "app:nogroup": `no group "nogroup"`} {
		r := run(t, spec, false)
		assert.Equal(t, 125, r.code)
		assert.Empty(t, r.out)
		oneLine(t, r.err, "flag --user: ", says)
	}
	t.Run("no files at all", func(t *testing.T) {
		empty := [][2]string{{t.TempDir(), "/etc"}}
		start := func(spec string) result {
			return pid1(t, "-u", spec, "/bin/sh", "-c", "cat /proc/$$/status").with(func(s *stage) { s.Bind = empty }).run()
		}
		assert.Equal(t, "4711 4711 4711 4711, 4712 4712 4712 4712, ", identity(statusFields(start("4711:4712").out)))
		oneLine(t, start("root").err, "flag --user: ", `no user "root"`)
	})
}

// tinit stays root, and so may signal PROGRAM and what it leaves behind.
func TestUserIsProgramsAlone(t *testing.T) {
	need(t, os.Geteuid() == 0, rootOnly)
	everywhere(t, func(t *testing.T, tinit starter) {
		plain := tinit(t, "sleep", "infinity").start()
		u := tinit(t, "-u", "4711:4712", "sh", "-c", "sleep infinity & exec sleep infinity").start()
		program := u.settled()
		assert.Equal(t, "4711 4711 4711 4711, 4712 4712 4712 4712, ", identity(procStatus(program)))
		assert.Equal(t, "0000000000000000", procStatus(program)["CapEff"])
		assert.Equal(t, "0000000000000000", procStatus(program)["CapPrm"])
		assert.Equal(t, identity(procStatus(plain.pid)), identity(procStatus(u.pid)))
		assert.Equal(t, identity(procStatus(plain.pid)), identity(procStatus(plain.settled())), "the control")
		eventually(t, func() bool { return len(children(program)) == 1 }, "there is something to leave")
		left := children(program)[0]
		u.signal(unix.SIGTERM)
		assert.Equal(t, 128+15, u.wait(), u.err)
		assert.False(t, alive(left))
	})
}

// Without the privilege it is an error, unless there is nothing to change.
func TestUserWithoutPrivilege(t *testing.T) {
	need(t, os.Geteuid() == 0, "only root can be another user")
	dir := scratch(t)
	everywhere(t, func(t *testing.T, tinit starter) {
		ran := filepath.Join(dir, "ran")
		start := func(spec string, who func(*stage)) result {
			_ = os.Remove(ran)
			r := tinit(t, "-u", spec, "sh", "-c", `cat /proc/$$/status; >"$0"`, ran).with(who).run()
			_, err := os.Stat(ran)
			assert.Equal(t, r.code == 0, err == nil, "whether it ran")
			return r
		}
		for _, c := range []struct {
			name string
			who  func(*stage)
		}{
			{"another user", func(s *stage) { s.User = 4711 }},
			{"without capabilities", func(s *stage) { s.User, s.NoCaps = 4711, true }},
		} {
			for _, spec := range []string{"4711:4711", "4711"} {
				r := start(spec, c.who)
				require.Zero(t, r.code, r.err)
				assert.Equal(t, "4711 4711 4711 4711, 4711 4711 4711 4711, ", identity(statusFields(r.out)))
			}
			for _, spec := range []string{"0", "root:root", "4712:4711", "4711:4712", ":0"} {
				r := start(spec, c.who)
				assert.Equal(t, 125, r.code, spec)
				oneLine(t, r.err, "flag --user: cannot become", "operation not permitted", "needs CAP_SET")
			}
		}
		r := start("4711:4711", func(s *stage) { s.NoCaps = true })
		assert.Equal(t, 125, r.code, "root without capabilities")
		oneLine(t, r.err, "flag --user: cannot become", "needs CAP_SET")
		assert.Zero(t, start("4711:4711", func(*stage) {}).code, "the control")
	})
}

// Paths are the user's to search: what it may not see is no program to it.
func TestFilesAreSeenByTheUser(t *testing.T) {
	need(t, os.Geteuid() == 0, rootOnly)
	dir := scratch(t)
	private, public := filepath.Join(dir, "private"), filepath.Join(dir, "public")
	for path, mode := range map[string]os.FileMode{private: 0o700, public: 0o755} {
		require.NoError(t, os.Mkdir(path, mode))
		require.NoError(t, os.WriteFile(filepath.Join(path, "prog"), []byte("#!/bin/sh\nexit 7\n"), 0o755))
	}
	everywhere(t, func(t *testing.T, tinit starter) {
		for _, c := range []struct {
			args []string
			code int
			says string
		}{
			{[]string{"-u", "4711:4711", public + "/prog"}, 7, ""},
			{[]string{"-u", "4711:4711", private + "/prog"}, 126, "permission denied"},
			{[]string{"-u", "0:0", private + "/prog"}, 7, ""}, // the control
			{[]string{"-u", "4711:4711", "--env", "PATH=" + private + ":" + public, "prog"}, 7, ""},
			{[]string{"-u", "4711:4711", "--env", "PATH=" + private, "prog"}, 126, "permission denied"},
			{[]string{"-u", "4711:4711", "--env", "PATH=" + public, "prog2"}, 127, "not in PATH"},
			{[]string{"-u", "4711:4711", "-C", public, "./prog"}, 7, ""},
			{[]string{"-u", "4711:4711", "-C", private, "./prog"}, 125, fmt.Sprintf("flag --chdir: cannot enter %q: permission denied", private)},
			{[]string{"-C", private, "./prog"}, 7, ""}, // the control
		} {
			r := tinit(t, c.args...).run()
			assert.Equal(t, c.code, r.code, "%v: %s", c.args, r.err)
			assert.Contains(t, r.err, c.says)
		}
	})
}

// gosu, which the flag stands in for, makes the same of a user.
func TestUserAsWithGosu(t *testing.T) {
	need(t, os.Geteuid() == 0, rootOnly)
	gosu, err := exec.LookPath("gosu")
	need(t, err == nil, fmt.Sprintf("nobody to compare with: %v", err))
	files := users(t)
	for _, spec := range []string{"app", "4711", "app:www", "app:1234", "1234:5678", "1234", "root", "0:29", ":www"} {
		var got [2]result
		for i, command := range [][]string{{gosu, spec}, {tinitPath, "-u", spec}} {
			command = append(command, "sh", "-c", "cat /proc/$$/status; echo home: $HOME")
			got[i] = namespaced(t, command...).with(func(s *stage) { s.Bind = files }).run()
			require.Zero(t, got[i].code, got[i].err)
		}
		theirs, ours := statusFields(got[0].out), statusFields(got[1].out)
		assert.Equal(t, identity(theirs), identity(ours), spec)
		assert.Equal(t, theirs["home"], ours["home"], spec)
	}
}
