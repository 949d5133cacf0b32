package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The tests of this file run tinit in bundles of the Open Container Initiative, a
// directory and a config.json each, with what the engines have below them: runc
// and crun.

// A bundle is a container that has not been started.
type bundle struct {
	t       *testing.T
	runtime string
	name    string
	dir     string
	spec    map[string]any // config.json
	socket  bool           // whether a file that it is given stands for a socket of systemd's
	cmd     *exec.Cmd
	out     bytes.Buffer
	pid     int // of the container's first process, as the host sees it
}

// withRuntimes runs a test with each of the runtimes.
func withRuntimes(t *testing.T, test func(t *testing.T, runtime string)) {
	for _, runtime := range []string{"runc", "crun"} {
		t.Run(runtime, func(t *testing.T) {
			needRelease(t)
			need(t, os.Geteuid() == 0, "only root can run a bundle without more ado")
			_, err := exec.LookPath(runtime)
			need(t, err == nil, fmt.Sprintf("no %s: %v", runtime, err))
			_, err = staticBusybox()
			need(t, err == nil, fmt.Sprintf("nothing to put into a bundle: %v", err))
			test(t, runtime)
		})
	}
}

// newBundle makes a bundle as the runtime itself suggests it, which has a root that
// is read-only, with tinit and busybox in it and a directory /v that is not.
func newBundle(t *testing.T, runtime string, args ...string) *bundle {
	t.Helper()
	b := &bundle{t: t, runtime: runtime, name: fmt.Sprintf("tinit-%d-%s", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-")), dir: t.TempDir()}
	require.NoError(t, os.Chmod(b.dir, 0o755))
	b.do("spec", "--bundle", b.dir)
	content, err := os.ReadFile(filepath.Join(b.dir, "config.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &b.spec))
	require.Equal(t, true, b.spec["root"].(map[string]any)["readonly"])

	root := filepath.Join(b.dir, "rootfs")
	for _, dir := range []string{"bin", "v", "proc", "dev", "sys"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	volume := filepath.Join(b.dir, "v")
	require.NoError(t, os.Mkdir(volume, 0o777))
	require.NoError(t, os.Chmod(volume, 0o777))
	busybox, err := staticBusybox()
	require.NoError(t, err)
	copyFile(t, busybox, filepath.Join(root, "bin/busybox"))
	copyFile(t, tinitPath, filepath.Join(root, "tinit"))
	require.NoError(t, os.Symlink("tinit", filepath.Join(root, "catatonit")))
	for _, applet := range []string{"sh", "sleep", "setsid", "true", "id", "touch"} {
		require.NoError(t, os.Symlink("busybox", filepath.Join(root, "bin", applet)))
	}

	b.process()["terminal"] = false
	b.process()["args"] = args
	b.spec["mounts"] = append(b.spec["mounts"].([]any),
		map[string]any{"destination": "/v", "type": "bind", "source": volume, "options": []string{"bind", "rw"}})
	return b
}

// process is what the specification says of the container's first process.
func (b *bundle) process() map[string]any { return b.spec["process"].(map[string]any) }

// command makes a command of the runtime. crun takes no machine whose second
// version of cgroups has controllers of its own beside those of the first; it gets
// to see one where it has none.
func (b *bundle) command(ctx context.Context, args ...string) *exec.Cmd {
	all := append([]string{b.runtime, "--root", filepath.Join(b.dir, "state")}, args...)
	if b.runtime == "crun" && exists("/sys/fs/cgroup/unified/cgroup.controllers") {
		all = append([]string{"unshare", "--mount", "sh", "-c", `umount /sys/fs/cgroup/unified && exec "$@"`, "sh"}, all...)
	}
	return exec.CommandContext(ctx, all[0], all[1:]...)
}

// do runs a command of the runtime that must succeed.
func (b *bundle) do(args ...string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := b.command(ctx, args...).CombinedOutput()
	require.NoError(b.t, err, "%s %v: %s", b.runtime, args, out)
}

// start starts the container, whose program says by the file /v/ready that it is.
// What is in the files is kept open for it, from descriptor 3 on.
func (b *bundle) start(files ...*os.File) *bundle {
	b.t.Helper()
	b.run(files...)
	require.True(b.t, polls(patience, func() bool { return b.read("ready") != "" }), "the program is ready: %s", &b.out)
	return b
}

func (b *bundle) run(files ...*os.File) {
	b.t.Helper()
	content, err := json.Marshal(b.spec)
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(b.dir, "config.json"), content, 0o600))
	pidFile := filepath.Join(b.dir, "pid")
	args := []string{"run", "--bundle", b.dir, "--pid-file", pidFile}
	if len(files) > 0 && !b.socket {
		args = append(args, "--preserve-fds", strconv.Itoa(len(files)))
	}
	b.cmd = b.command(context.Background(), append(args, b.name)...)
	if b.socket {
		b.cmd.Path = "/bin/sh"
		b.cmd.Args = append([]string{"sh", "-c", `LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"`, "sh"}, b.cmd.Args...)
	}
	b.cmd.Stdout, b.cmd.Stderr, b.cmd.ExtraFiles = &b.out, &b.out, files
	require.NoError(b.t, b.cmd.Start())
	b.t.Cleanup(func() {
		_ = b.command(context.Background(), "delete", "--force", b.name).Run()
		_ = b.cmd.Process.Kill()
		_, _ = b.cmd.Process.Wait()
	})
	eventually(b.t, func() bool {
		text, _ := os.ReadFile(pidFile)
		b.pid, _ = strconv.Atoi(string(text))
		return b.pid != 0
	}, "the container is started")
}

// wait returns the runtime's exit code, which is the container's.
func (b *bundle) wait() int {
	b.t.Helper()
	err := b.cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil {
		require.ErrorAs(b.t, err, &exit)
	}
	return b.cmd.ProcessState.ExitCode()
}

// read returns a file of the directory /v, "" if there is none.
func (b *bundle) read(name string) string {
	content, _ := os.ReadFile(filepath.Join(b.dir, "v", name))
	return string(content)
}

func TestBundleExitCode(t *testing.T) {
	withRuntimes(t, func(t *testing.T, runtime string) {
		for name, test := range map[string]struct {
			code    int
			program []string
		}{
			"success":        {0, []string{"true"}},
			"a code":         {3, []string{"sh", "-c", "exit 3"}},
			"not found":      {127, []string{"/no/such/program"}},
			"a directory":    {126, []string{"/bin"}},
			"killed by KILL": {137, []string{"sh", "-c", "kill -KILL $$"}},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := newBundle(t, runtime, append([]string{"/tinit", "--"}, test.program...)...)
				b.run()
				assert.Equal(t, test.code, b.wait(), b.out.String())
			})
		}
	})
}

// bundleProgram leaves two orphans, of which one ends soon, and ends on TERM.
const bundleProgram = `
	sh -c 'sleep 0.2 & exit'
	sh -c 'setsid sleep 1000 & exit'` + untilTerm

// Whatever is taken from a container, tinit starts, reaps, forwards and ends.
func TestBundle(t *testing.T) {
	withRuntimes(t, func(t *testing.T, runtime string) {
		user := func(b *bundle) { b.process()["user"] = map[string]any{"uid": nobody, "gid": nobody} }
		rights := func(b *bundle) { b.process()["capabilities"] = map[string]any{} }
		for name, changes := range map[string][]func(*bundle){
			"as the runtime suggests it": nil,
			"an unprivileged user":       {user},
			"no rights":                  {rights},
			"neither":                    {user, rights},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := newBundle(t, runtime, "/tinit", "--", "sh", "-c", bundleProgram)
				for _, change := range changes {
					change(b)
				}
				b.start()
				assert.Equal(t, 1, nsPid(t, b.pid))
				assert.Zero(t, procStat(b.pid).ttyNr, "there is no terminal")
				var flags unix.Statfs_t
				require.NoError(t, unix.Statfs(procPath(b.pid, "root"), &flags))
				assert.NotZero(t, flags.Flags&unix.ST_RDONLY, "the root is read-only")
				status := procStatus(b.pid)
				assert.Equal(t, "1", status["NoNewPrivs"])
				if strings.Contains(name, "user") {
					assert.Equal(t, []string{"65534", "65534", "65534", "65534"}, strings.Fields(status["Uid"]))
				}
				if strings.Contains(name, "rights") {
					assert.Equal(t, "0000000000000000", status["CapPrm"])
					assert.Equal(t, "0000000000000000", status["CapBnd"])
				}

				eventually(t, func() bool { return len(children(b.pid)) == 2 }, "tinit has the program and the orphan that lives")
				assert.Empty(t, zombies(b.pid))
				b.do("kill", b.name, "TERM")
				assert.Equal(t, 7, b.wait(), b.out.String())
				assert.Equal(t, "TERM\n", b.read("got"))
			})
		}
	})
}

// The control: without tinit the orphan that has ended is a zombie, and to a
// program that does not handle it TERM does nothing.
func TestBundleWithoutTinit(t *testing.T) {
	withRuntimes(t, func(t *testing.T, runtime string) {
		t.Parallel()
		b := newBundle(t, runtime, "sh", "-c", `
			sh -c 'sleep 0.2 & exit'
			echo ready >/v/ready
			exec sleep 1000`).start()
		eventually(t, func() bool { return comm(b.pid) == "sleep" && len(zombies(b.pid)) == 1 }, "the orphan is a zombie")
		b.do("kill", b.name, "TERM")
		assert.True(t, alive(b.pid))
		require.NoError(t, syscall.Kill(b.pid, syscall.SIGKILL))
		assert.Equal(t, 137, b.wait())
	})
}

// A pause process without a pod.
func TestBundlePause(t *testing.T) {
	withRuntimes(t, func(t *testing.T, runtime string) {
		for _, signal := range []string{"INT", "TERM"} {
			t.Run(signal, func(t *testing.T) {
				t.Parallel()
				b := newBundle(t, runtime, "/tinit", "-P")
				b.process()["cwd"] = "/v"
				b.run()
				eventually(t, func() bool {
					cwd, _ := os.Readlink(procPath(b.pid, "cwd"))
					return cwd == "/"
				}, "its directory is /")
				b.do("kill", b.name, signal)
				assert.Zero(t, b.wait(), b.out.String())
			})
		}
	})
}

// What the pause process was given beside its standard streams is closed, so that
// it keeps nothing busy. Another process than that keeps it: the control.
func TestBundlePauseDescriptors(t *testing.T) {
	withRuntimes(t, func(t *testing.T, runtime string) {
		inherited := func(args ...string) (b *bundle, has func() bool) {
			t.Helper()
			file, err := os.Open(t.TempDir())
			require.NoError(t, err)
			defer file.Close()
			b = newBundle(t, runtime, args...)
			b.process()["cwd"] = "/v"
			b.run(file)
			return b, func() bool {
				for fd, target := range descriptors(b.pid) {
					if fd > 2 && strings.HasPrefix(target, "/") {
						return true
					}
				}
				return false
			}
		}
		b, has := inherited("/catatonit", "-P")
		eventually(t, func() bool {
			cwd, _ := os.Readlink(procPath(b.pid, "cwd"))
			return cwd == "/" && !has()
		}, "its directory is /, and it has nothing open")
		b.do("kill", b.name, "TERM")
		assert.Zero(t, b.wait(), b.out.String())

		b, has = inherited("sh", "-c", "exec sleep 1000")
		eventually(t, func() bool { return comm(b.pid) == "sleep" }, "the program runs")
		assert.True(t, has())
	})
}

// A socket that systemd has opened is for the process whose number is LISTEN_PID:
// the runtime makes that 1, which is the init, and the program has another.
func TestBundleSocketActivation(t *testing.T) {
	withRuntimes(t, func(t *testing.T, runtime string) {
		socket, err := os.Open(t.TempDir())
		require.NoError(t, err)
		defer socket.Close()
		b := newBundle(t, runtime, "/catatonit", "--", "sh", "-c", `
			echo "$LISTEN_FDS $LISTEN_PID $$" >/v/socket
			echo ready >/v/ready
			exec sleep 1000`)
		b.socket = true
		// crun does not set this by itself.
		b.process()["env"] = append(b.process()["env"].([]any), "LISTEN_FDS=1")
		b.run(socket)
		require.True(t, polls(patience, func() bool { return b.read("ready") != "" }), "the program is ready: %s", &b.out)
		program := children(b.pid)[0]
		pid := nsPid(t, program)
		require.Greater(t, pid, 1)
		assert.Equal(t, fmt.Sprintf("1 %d %d\n", pid, pid), b.read("socket"))
		assert.Contains(t, descriptors(program), 3)
	})
}
