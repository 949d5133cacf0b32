package test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A check that takes too long is killed, with what it has started, and has failed.
func TestServicesHealthTimeout(t *testing.T) {
	const yaml = `
services:
	web:
		command: sleep 1000
		healthcheck: {test: [CMD-SHELL, 'echo $$$$ >>probes; sleep 1234'], interval: 10ms, timeout: 100ms, retries: 2, start_period: %s, start_interval: 10ms}
`
	probes := func(s *services) (all []int) {
		for word := range strings.FieldsSeq(s.read("probes")) {
			pid, _ := strconv.Atoi(word)
			all = append(all, pid)
		}
		return all
	}
	s := newServices(t, fmt.Sprintf(yaml, "0s"))
	u := s.init(tinit).start()
	u.err.waitFor(t, "web is unhealthy: its healthcheck failed 2 times in a row\n")
	assert.Equal(t, "running", s.info("web").State, "that is all that comes of it")
	eventually(t, func() bool { return len(probes(s)) > 3 }, "it is looked at further on")
	all := probes(s)
	for _, pid := range all[:len(all)-1] {
		gone(t, pid)
	}

	// A service that ends takes its check with it, and none is begun any more.
	s.must("stop", "web")
	eventually(t, func() bool { return len(marked(u)) == 2 }, "the init and the keeper are left")
	count := len(probes(s))
	s.must("start", "web")
	eventually(t, func() bool { return len(probes(s)) > count }, "control")
	u.signal(unix.SIGTERM)
	u.wait()

	s = newServices(t, fmt.Sprintf(yaml, "1h"))
	u = s.init(tinit).start()
	eventually(t, func() bool { return len(probes(s)) > 4 }, "it is looked at")
	assert.Equal(t, "starting", s.info("web").Health, "in the beginning failures do not count")
	assert.Empty(t, u.err.String())
}

// A service that is killed while it is checked is checked anew in its next life.
func TestServicesHealthOfTheNextLife(t *testing.T) {
	s := newServices(t, `
services:
	web:
		command: [sh, -c, 'echo up >>lives; exec sleep 1000']
		restart: always
		healthcheck: {test: [CMD, test, -e, well], interval: 10ms, start_period: 1h, start_interval: 10ms}
`)
	s.init(tinit).start()
	for life := range 3 {
		eventually(t, func() bool { return strings.Count(s.read("lives"), "up") > life }, "it lives")
		assert.Equal(t, "starting", s.info("web").Health, "it is not known yet")
		s.write("well", "")
		eventually(t, func() bool { return s.info("web").Health == "healthy" }, "it is well")
		require.NoError(t, os.Remove(s.path("well"))) // the first check may come before the service does anything
		s.must("kill", "-s", "KILL", "web")
	}
}
