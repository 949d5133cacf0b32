package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tinit-dev/tinit/internal/service"
)

// The tests of this file hold docs/services.md to what it says.

func servicesPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(sourceTree, "docs/services.md"))
	require.NoError(t, err)
	return string(page)
}

// section is what follows a heading, up to the next one of that level or above.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, "\n"+heading+"\n")
	require.True(t, found, "the page has %s", heading)
	level := strings.Index(heading, " ")
	if end := regexp.MustCompile(`(?m)^#{2,` + strconv.Itoa(level) + `} `).FindStringIndex(rest); end != nil {
		rest = rest[:end[0]]
	}
	return rest
}

// block is the first block of code in some language.
func block(t *testing.T, text, language string) string {
	t.Helper()
	found := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```$").FindStringSubmatch(text)
	require.NotNil(t, found, "there is a block of %s", language)
	return found[1]
}

// Whatever the page says of a file is read as one. Words of a service are those of one that has another beside it.
func TestServicesPageIsRead(t *testing.T) {
	page := servicesPage(t)
	read := func(text string, program ...string) error {
		file := filepath.Join(t.TempDir(), "services.yaml")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		_, _, err := service.Read(file, os.LookupEnv, program)
		return err
	}
	// Users and files that are there, for those that need not be here.
	here := strings.NewReplacer("user: www-data", `user: "33"`, "user: postgres", `user: "70"`, "/etc/app.env", "/dev/null")
	readme, err := os.ReadFile(filepath.Join(sourceTree, "README.md"))
	require.NoError(t, err)
	blocks := 0
	for _, found := range regexp.MustCompile("(?ms)^```yaml\n(services:\n.*?)^```$").FindAllStringSubmatch(page+string(readme), -1) {
		var program []string
		if strings.Contains(found[1], "\n  program:\n") {
			program = []string{"true"}
		}
		assert.NoError(t, read(here.Replace(found[1]), program...), found[1])
		blocks++
	}
	assert.Equal(t, 5, blocks)

	const template = `services:
  db:
    command: /srv/db
    healthcheck: {test: /srv/check}
  x:
`
	words := 0
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		for _, found := range regexp.MustCompile("`([a-z_-]+: [^`]+)`").FindAllStringSubmatch(line, -1) {
			text := template
			if !strings.HasPrefix(found[1], "command:") {
				text += "    command: /srv/app\n"
			}
			text += "    " + here.Replace(found[1]) + "\n"
			assert.NoError(t, read(text), found[1])
			words++
		}
	}
	assert.Greater(t, words, 40)
	assert.Error(t, read(template+"    command: /srv/app\n    stop_signal: SHUT\n"), "the control")
}

// What the page has tinit check say, it says.
func TestServicesPageWrongFile(t *testing.T) {
	page := servicesPage(t)
	_, rest, found := strings.Cut(page, "```yaml\n# wrong.yaml\n")
	require.True(t, found)
	text, rest, _ := strings.Cut(rest, "```\n")
	said := strings.TrimPrefix(block(t, rest, ""), "$ tinit check wrong.yaml\n")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "wrong.yaml"), []byte("# wrong.yaml\n"+text), 0o600))
	r := tinit(t, "check", "wrong.yaml").dir(dir).run()
	assert.Equal(t, 1, r.code)
	assert.Equal(t, said, r.err)
	assert.Equal(t, 125, pid1(t, "--services", "wrong.yaml").dir(dir).run().code)
}

// supervisord's own source says which keys there are.
func TestServicesPageHasSupervisordsKeys(t *testing.T) {
	file := "/usr/lib/python3/dist-packages/supervisor/options.py"
	text, err := os.ReadFile(file)
	need(t, err == nil, fmt.Sprint("no supervisord: ", err))
	page := section(t, servicesPage(t), "## From supervisord's words")
	source := func(from, to string) string {
		_, rest, found := strings.Cut(string(text), from)
		require.True(t, found, from)
		rest, _, found = strings.Cut(rest, to)
		require.True(t, found, to)
		return rest
	}
	for _, part := range []struct {
		source, key string
		least       int
	}{
		{source("def _processes_from_section(", "\n    def "), `get\(section, ?'([a-z_]+)'`, 20},
		{source("def _processes_from_section(", "\n    def "), `'(%s_[a-z_]+)' % k`, 4},
		{source("def read_config(", "\n    def "), `= [a-z_(]*get\('([a-z_]+)'`, 12},
	} {
		found := regexp.MustCompile(part.key).FindAllStringSubmatch(part.source, -1)
		require.GreaterOrEqual(t, len(found), part.least)
		for _, key := range found {
			for _, stream := range []string{"stdout", "stderr"} {
				name := strings.ReplaceAll(key[1], "%s", stream)
				assert.True(t, strings.Contains(page, "`"+name+"`"), name)
			}
		}
	}
}

// What the numbers of the comparison count.
func TestServicesPageCounts(t *testing.T) {
	page := servicesPage(t)
	lines := func(text string) (n int) {
		for line := range strings.Lines(text) {
			if strings.TrimSpace(line) != "" {
				n++
			}
		}
		return n
	}
	supervisord := section(t, page, "### supervisord")
	s6 := block(t, section(t, page, "### s6-overlay"), "")
	s6Files := len(regexp.MustCompile(`(?m)^# \S+/\S+$`).FindAllString(s6, -1))
	for _, row := range []string{
		fmt.Sprintf("| files | %d | 2 | 1 |\n", s6Files),
		fmt.Sprintf("| lines in them | %d | %d | %d |\n", lines(s6)-s6Files,
			lines(block(t, supervisord, "ini"))+lines(block(t, supervisord, "sh")), lines(block(t, section(t, page, "### tinit"), "yaml"))),
	} {
		assert.True(t, strings.Contains(page, row), row)
	}
}

// What the image of the comparison has beside nginx and cron.
var comparedFiles = map[string]string{
	"srv/migrate":        "#!/bin/sh\necho migrated >>/run/migrations\n",
	"srv/app":            "#!/bin/sh\nexec busybox httpd -f -p 127.0.0.1:8000 -h /srv/www\n",
	"srv/www/index.html": "hello\n",
	"nginx.conf": `user www-data;
pid /run/nginx.pid;
error_log /dev/stderr;
events {}
http {
	access_log /dev/stdout;
	server {
		listen 127.0.0.1:8080;
		location / { proxy_pass http://127.0.0.1:8000; }
	}
}
`,
}

// compared starts a command in the place of the comparison's image, in a network of its own.
func compared(t *testing.T, files map[string]string, command ...string) *running {
	t.Helper()
	need(t, os.Geteuid() == 0, "only root can mount")
	for _, file := range []string{"nginx", "cron", "busybox"} {
		_, err := exec.LookPath(file)
		need(t, err == nil, fmt.Sprintf("nothing to run: %v", err))
	}
	dir := scratch(t)
	require.NoError(t, os.Chmod(dir, 0o755))
	for _, all := range []map[string]string{comparedFiles, files} {
		for name, text := range all {
			path := filepath.Join(dir, name)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, []byte(text), 0o755))
		}
	}
	busybox, err := exec.LookPath("busybox")
	require.NoError(t, err)
	unshare, err := exec.LookPath("unshare")
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "srv/bin"), 0o755))
	require.NoError(t, os.Symlink(busybox, filepath.Join(dir, "srv/bin/wget")))
	const begin = `mount -t tmpfs -o mode=755 tmpfs /run && mount --bind srv /srv && mount --bind nginx.conf /etc/nginx/nginx.conf &&
busybox ip link set lo up && PATH=/srv/bin:/usr/sbin:/usr/bin:/sbin:/bin exec "$@"`
	return namespaced(t, append([]string{unshare, "--net", "sh", "-c", begin, "sh"}, command...)...).dir(dir).start()
}

// comparedPrograms waits for the three that are to run, and returns them by name.
func comparedPrograms(t *testing.T, u *running) map[string]int {
	t.Helper()
	found := map[string]int{}
	if !polls(deadline, func() bool {
		clear(found)
		own, err := os.Readlink(procPath(u.pid, "ns/pid"))
		if err != nil {
			return false
		}
		for _, pid := range pids() {
			if ns, _ := os.Readlink(procPath(pid, "ns/pid")); ns != own {
				continue
			}
			switch line := commandLine(pid); {
			case strings.HasPrefix(line, "nginx: master process"):
				if _, before := found["nginx"]; !before || pid < found["nginx"] { // its workers have its name at first
					found["nginx"] = pid
				}
			case strings.HasPrefix(line, "busybox httpd"):
				found["app"] = pid
			case line == "cron -f":
				found["cron"] = pid
			}
		}
		return len(found) == 3
	}) {
		t.Fatalf("not all of them run, but %v\n%s%s", found, u.out, u.err)
	}
	return found
}

// Both files make the same of the container, and only one of them ends it with what was wrong.
func TestServicesPageComparison(t *testing.T) {
	page := servicesPage(t)
	supervisord := section(t, page, "### supervisord")
	for _, c := range []struct {
		name    string
		files   map[string]string
		command []string
		code    int
	}{
		{
			"tinit",
			map[string]string{"services.yaml": block(t, section(t, page, "### tinit"), "yaml")},
			[]string{tinitPath, "--services", "services.yaml"}, 137,
		},
		{
			"supervisord",
			map[string]string{"supervisord.conf": block(t, supervisord, "ini"), "srv/end": block(t, supervisord, "sh")},
			[]string{"/usr/bin/supervisord", "-c", "supervisord.conf"}, 0,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := exec.LookPath(c.command[0])
			need(t, err == nil, fmt.Sprint(err))
			u := compared(t, c.files, c.command...)
			programs := comparedPrograms(t, u)
			for name, uid := range map[string]string{"nginx": "0", "app": "33", "cron": "0"} {
				assert.Equal(t, uid, strings.Fields(procStatus(programs[name])["Uid"])[0], name)
			}
			eventually(t, func() bool {
				cmd := exec.CommandContext(t.Context(), "nsenter", "--target", strconv.Itoa(u.pid), "--net", "busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:8080/")
				out, _ := cmd.Output()
				return string(out) == "hello\n"
			}, "the app is there, behind nginx")
			migrations, err := os.ReadFile(procPath(u.pid, "root/run/migrations"))
			require.NoError(t, err)
			assert.Equal(t, "migrated\n", string(migrations), "once")

			require.NoError(t, syscall.Kill(programs["cron"], syscall.SIGKILL))
			again := comparedPrograms(t, u)
			eventually(t, func() bool { again = comparedPrograms(t, u); return again["cron"] != programs["cron"] }, "cron is started again")
			assert.Equal(t, programs["app"], again["app"])
			assert.Equal(t, programs["nginx"], again["nginx"])

			require.NoError(t, syscall.Kill(programs["app"], syscall.SIGKILL))
			assert.Equal(t, c.code, u.wait())
		})
	}
}
