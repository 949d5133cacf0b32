package keeper

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/service"
	"github.com/tinit-dev/tinit/session"
)

// newOutputs has pipes in place of this process's own streams; own returns all that was written to either, when no more is.
func newOutputs(t *testing.T, services ...service.Service) (o *outputs, own func() (out, err string)) {
	t.Helper()
	o, err := openOutputs(ServicesConfig{Services: services, LogDir: t.TempDir() + "/log/tinit"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = o.null.Close() })
	var ends [2]func() string
	for i, stream := range []**shared{&o.out, &o.err} {
		from, to, err := os.Pipe()
		require.NoError(t, err)
		*stream = newShared(int(to.Fd()))
		ends[i] = func() string {
			require.NoError(t, to.Close())
			defer from.Close() //nolint:errcheck // nothing was written
			text, err := io.ReadAll(from)
			require.NoError(t, err)
			return string(text)
		}
	}
	return o, func() (out, err string) { return ends[0](), ends[1]() }
}

// with is a service with such a log.
func with(name string, l service.Logging) service.Service {
	return service.Service{Name: name, Logging: l}
}

var (
	toOwn  = service.Logging{Prefix: true}
	plain  = service.Logging{}
	toJSON = service.Logging{Driver: service.JSONFile, MaxFiles: 1}
	local  = service.Logging{Driver: service.Local, MaxFiles: 1}
)

func write(t *testing.T, to *os.File, text string) {
	t.Helper()
	_, err := io.WriteString(to, text)
	require.NoError(t, err)
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

// Prefixes are as wide as the longest name that is one, and no other.
func TestPrefixWidth(t *testing.T) {
	o, _ := newOutputs(t,
		with("a", toOwn), with("three", toOwn), with("longer-json", toJSON), with("longer-plain", plain), with(service.ProgramName, toOwn))
	assert.Equal(t, "a     | ", o.prefix("a"))
	assert.Equal(t, "three | ", o.prefix("three"))
	o, _ = newOutputs(t, with("a", toOwn), with("longer-json", toOwn))
	assert.Equal(t, "a           | ", o.prefix("a"), "control")
}

// A name has a colour of its own, the same each time, on a terminal.
func TestPrefixColour(t *testing.T) {
	o, _ := newOutputs(t, with("web", toOwn))
	assert.False(t, o.coloured, "it is no terminal")
	o.coloured = true
	assert.Regexp(t, "^\x1b\\[3[1-6]mweb \\| \x1b\\[0m$", o.prefix("web"))
	assert.Equal(t, o.prefix("web"), o.prefix("web"))
	assert.NotEqual(t, o.prefix("web")[:5], o.prefix("wec")[:5])
}

// What is written goes where the file says, all of it, and nowhere else; also what is held open still when all is over.
func TestOutputs(t *testing.T) {
	const long = "0123456789\n"
	all := []service.Service{
		with("own", toOwn), with("none", service.Logging{Driver: service.None}), with("json", toJSON), with("local", local),
	}
	o, own := newOutputs(t, all...)
	files := make(map[string]*output)
	for _, s := range all {
		out, err := o.open(s, nil)
		require.NoError(t, err)
		files[s.Name] = out
		for range 1000 {
			write(t, out.out, long)
		}
		write(t, out.err, "error without an end")
	}
	o.close()
	out, err := own()
	assert.Equal(t, strings.Repeat("own | "+long, 1000), out)
	assert.Equal(t, "own | error without an end\n", err)

	assert.Empty(t, files["own"].file)
	assert.Same(t, o.null, files["none"].out)
	assert.Same(t, o.null, files["none"].err)
	assert.Equal(t, o.logDir+"/local.log", files["local"].file)
	assert.Same(t, files["local"].out, files["local"].err, "one pipe keeps both in their order")
	assert.Equal(t, strings.Repeat(long, 1000)+"error without an end", read(t, files["local"].file))

	lines := strings.SplitAfter(read(t, o.logDir+"/json.log"), "\n")
	require.Len(t, lines, 1002) // with nothing after the last
	count := map[[2]string]int{}
	for _, line := range lines[:1001] {
		var entry struct{ Log, Stream string }
		require.NoError(t, json.Unmarshal([]byte(line), &entry))
		count[[2]string{entry.Stream, entry.Log}]++
	}
	assert.Equal(t, map[[2]string]int{{"stdout", long}: 1000, {"stderr", "error without an end"}: 1}, count)
	names, readErr := os.ReadDir(o.logDir)
	require.NoError(t, readErr)
	assert.Len(t, names, 2, "there are no other files")
}

// Without prefix a service has the streams themselves, which is what tells it of a terminal.
func TestOutputsPlain(t *testing.T) {
	o, _ := newOutputs(t, with("web", toOwn))
	out, err := o.open(with("web", plain), nil)
	require.NoError(t, err)
	assert.Same(t, os.Stdout, out.out)
	assert.Same(t, os.Stderr, out.err)
	out, err = o.open(with("web", toOwn), nil)
	require.NoError(t, err)
	assert.NotSame(t, os.Stdout, out.out, "control")
	o.close()
}

// Files are rotated as the file says.
func TestOutputsRotate(t *testing.T) {
	for _, driver := range []service.Driver{service.JSONFile, service.Local} {
		for size, want := range map[int64]int{100: 3, 0: 1} {
			o, _ := newOutputs(t)
			out, err := o.open(with("web", service.Logging{Driver: driver, MaxSize: size, MaxFiles: 3}), nil)
			require.NoError(t, err)
			for range 100 {
				write(t, out.out, "0123456789\n")
			}
			o.close()
			names, err := os.ReadDir(o.logDir)
			require.NoError(t, err)
			assert.Len(t, names, want, "driver %d, %d bytes", driver, size)
		}
	}
}

// Where a log cannot be, or is what somebody else has put there, there is an error that says so, and nothing is written.
func TestOutputsRefused(t *testing.T) {
	o, _ := newOutputs(t)
	_, err := o.open(with("web", local), nil)
	require.NoError(t, err, "control")
	o.close()

	victim := t.TempDir() + "/victim"
	require.NoError(t, os.WriteFile(victim, []byte("precious"), 0o600))
	require.NoError(t, os.Symlink(victim, o.logDir+"/link.log"))
	_, err = o.open(with("link", local), nil)
	assert.ErrorIs(t, err, unix.ELOOP)
	assert.Equal(t, "precious", read(t, victim))

	o.logDir = victim + "/log"
	_, err = o.open(with("web", local), nil)
	assert.ErrorContains(t, err, "no place for its log")
}

// The pipe is its user's, who has to be able to open /dev/stdout.
func TestOutputsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("cannot run here: it takes root to give a file away")
	}
	o, _ := newOutputs(t, with("web", toOwn))
	for owner, user := range map[uint32]*session.User{4711: {UID: 4711, GID: 4712}, 0: nil} {
		for _, l := range []service.Logging{toOwn, toJSON, local} {
			out, err := o.open(with("web", l), user)
			require.NoError(t, err)
			for _, f := range []*os.File{out.out, out.err} {
				var st unix.Stat_t
				require.NoError(t, unix.Fstat(int(f.Fd()), &st))
				assert.Equal(t, owner, st.Uid)
			}
		}
	}
	o.close()
}
