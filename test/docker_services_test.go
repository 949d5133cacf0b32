package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Services in a container, whatever that is not allowed.
func TestDockerServices(t *testing.T) {
	e := docker(t)
	readOnly := []string{"--read-only", "--tmpfs", "/run"}
	user := []string{"--user", "65534:65534", "--env", "TINIT_STATE_DIR=/v/state"}
	rights := []string{"--cap-drop", "ALL", "--security-opt", "no-new-privileges"}
	for name, options := range map[string][]string{
		"as it comes":              nil,
		"a root that is read-only": readOnly,
		"an unprivileged user":     user,
		"all of that":              slices.Concat(readOnly, user, rights),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := e.container(t)
			c.write("services.yaml", `
services:
  one: {command: [sh, -c, 'echo one >>/v/log']}
  web:
    command: [sh, -c, 'trap "echo web >>/v/log; exit" TERM; echo of web; while :; do sleep 0.05; done']
    depends_on: {one: {condition: service_completed_successfully}}
    healthcheck: {test: [CMD, test, -e, /v/log], start_period: 1m, start_interval: 50ms}
`)
			c.start(slices.Concat(options, []string{"--entrypoint", "/tinit"}),
				"--services", "/v/services.yaml", "--", "sh", "-c",
				`trap "echo program >>/v/log; exit 7" TERM; echo ready >/v/ready; while :; do sleep 0.05; done`)
			eventually(t, func() bool {
				out, _ := e.command(t.Context(), "exec", c.name, "/tinit", "status", "--healthy").CombinedOutput()
				return string(out) == ""
			}, "all are well")
			var all []serviceInfo
			require.NoError(t, json.Unmarshal([]byte(e.do(t, "exec", c.name, "/tinit", "status", "--json")), &all))
			require.Len(t, all, 3)
			assert.Equal(t, "ended", all[0].State)
			assert.Equal(t, "healthy", all[1].Health)
			assert.Equal(t, "web | of web", strings.TrimSpace(e.do(t, "logs", c.name)))
			c.noZombies()
			code, _ := c.stop()
			assert.Equal(t, 7, code)
			assert.Equal(t, "one\nprogram\nweb\n", c.read("log"))
			assert.False(t, c.state().OOMKilled)
		})
	}
}

func (c *container) write(name, text string) {
	c.t.Helper()
	require.NoError(c.t, os.WriteFile(filepath.Join(c.volume, name), []byte(text), 0o644))
}

// A container ends with the code of the essential service that failed.
func TestDockerServicesEnd(t *testing.T) {
	e := docker(t)
	c := e.container(t)
	c.write("services.yaml", "services:\n  web: {command: [sh, -c, 'exit 9']}\n")
	_, _ = e.output(dockerCommand, nil, c.arguments([]string{"--entrypoint", "/tinit"}, shellImage, []string{"--services", "/v/services.yaml", "--", "sleep", "1000"})...)
	assert.Equal(t, 9, c.state().ExitCode)
}

// The driver json-file writes what Docker's does, but for the time.
func TestDockerServicesJSON(t *testing.T) {
	e := docker(t)
	const text = `\tone "quoted" \\ <a href=x>&amp;</a>\r\n\000\033[31m\177\b\f\v\n\n\303\251\302\205\342\200\256\357\277\275\342\200\250\360\237\231\202\377\303a\360\237\231\nno end`
	theirs := e.container(t)
	_, err := e.output(dockerCommand, nil, theirs.arguments([]string{"--log-driver", "json-file", "--entrypoint", "printf"}, shellImage, []string{text})...)
	require.NoError(t, err)
	log, err := os.ReadFile(e.do(t, "inspect", "--format", "{{.LogPath}}", theirs.name))
	require.NoError(t, err)

	ours := e.container(t)
	require.NoError(t, os.Mkdir(filepath.Join(ours.volume, "log"), 0o777))
	command, err := json.Marshal([]string{"printf", text})
	require.NoError(t, err)
	ours.write("services.yaml", "services:\n  web: {command: "+string(command)+", logging: {driver: json-file}}\n")
	_, err = e.output(dockerCommand, nil, ours.arguments([]string{"--entrypoint", "/tinit", "--volume", ours.volume + "/log:/var/log"}, shellImage,
		[]string{"--services", "/v/services.yaml"})...)
	require.NoError(t, err)
	time := regexp.MustCompile(`"time":"[-0-9]{10}T[:0-9]{8}\.\d+Z"`)
	blank := func(text string) string { return time.ReplaceAllString(text, `"time":""`) }
	assert.Contains(t, string(log), `"log":"no end"`, "control")
	assert.Equal(t, blank(string(log)), blank(ours.read("log/tinit/web.log")))
}
