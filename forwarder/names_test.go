package forwarder_test

import (
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/forwarder"
)

func TestSignalNamesGoThereAndBack(t *testing.T) {
	seen := map[string]syscall.Signal{}
	for sig := syscall.Signal(1); sig <= forwarder.Last; sig++ {
		name := forwarder.SignalName(sig)
		other, taken := seen[name]
		assert.False(t, taken, "%d and %d are both %s", other, sig, name)
		seen[name] = sig

		number := strconv.Itoa(int(sig))
		spellings := []string{name, strings.ToLower(name), number, "0" + number}
		if name != number {
			spellings = append(spellings, "SIG"+name, "sig"+strings.ToLower(name), "Sig"+name)
		}
		for _, spelling := range spellings {
			got, err := forwarder.ParseSignal(spelling)
			require.NoError(t, err, spelling)
			assert.Equal(t, sig, got, spelling)
		}
	}
}

func TestParseSignal(t *testing.T) {
	good := map[string]syscall.Signal{
		"TERM": 15, "SIGTERM": 15, "sigterm": 15, "Term": 15, "15": 15, "HUP": 1, "KILL": 9, "SIGWINCH": 28, "IO": 29,
		"RTMIN": 34, "RTMIN+0": 34, "SIGRTMIN+3": 37, "rtmin+3": 37, "RTMIN+30": 64,
		"RTMAX": 64, "RTMAX-0": 64, "RTMAX-1": 63, "sigrtmax-30": 34,
		"1": 1, "64": 64, "32": 32, "33": 33, "007": 7,
	}
	for text, want := range good {
		got, err := forwarder.ParseSignal(text)
		if assert.NoError(t, err, text) {
			assert.Equal(t, want, got, text)
		}
	}
	bad := []string{
		"", " ", "0", "00", "65", "-1", "+15", "1.0", "0x0f", "1e1", "99999999999999999999", "4294967311",
		"SIG", "SIGSIGTERM", "SIG15", "TERMINATE", "TERM ", " TERM", "TERM,INT", "TERM:INT", "TERM\n", "TERM\x00",
		"RT", "RTMIN+31", "RTMIN-1", "RTMIN+", "RTMIN++1", "RTMIN+-1", "RTMIN1", "RTMIN+1x", "RTMIN+99999999999",
		"RTMAX+1", "RTMAX-31", "RTMAX-", "RTMAXX", "\xff", "ſigterm", "ıNT",
	}
	for _, text := range bad {
		got, err := forwarder.ParseSignal(text)
		assert.Error(t, err, "%q", text)
		assert.Zero(t, got, "%q", text)
	}
}

func TestParseSignalSaysWhatIsWrong(t *testing.T) {
	_, err := forwarder.ParseSignal("65")
	assert.EqualError(t, err, "no signal has the number 65 (they go from 1 to 64)")
	_, err = forwarder.ParseSignal("nosuch")
	assert.EqualError(t, err, `"nosuch" is no signal`)
}

func TestSignalNameOfWhatIsNone(t *testing.T) {
	for sig, want := range map[syscall.Signal]string{
		0: "0", -1: "-1", 65: "65", 32: "32", 33: "33", 34: "RTMIN", 35: "RTMIN+1", 63: "RTMIN+29", 64: "RTMAX",
	} {
		assert.Equal(t, want, forwarder.SignalName(sig))
	}
}

func TestSet(t *testing.T) {
	var all []syscall.Signal
	for sig := syscall.Signal(1); sig <= forwarder.Last; sig++ {
		one := forwarder.Of(sig)
		for other := syscall.Signal(-1); other <= forwarder.Last+1; other++ {
			assert.Equal(t, other == sig, one.Has(other), "%d in the set of %d", other, sig)
		}
		all = append(all, sig)
	}
	assert.Equal(t, ^forwarder.Set(0), forwarder.Of(all...))
	assert.Zero(t, forwarder.Of())
	for _, sig := range []syscall.Signal{-64, -1, 0, 65, 128} {
		assert.False(t, forwarder.Of(all...).Has(sig), "%d", sig)
	}
}

func TestParseSet(t *testing.T) {
	got, err := forwarder.ParseSet("TERM, int,3 ,SIGTERM,RTMAX")
	require.NoError(t, err)
	assert.Equal(t, forwarder.Of(unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, 64), got)

	for _, list := range []string{"", ",", "TERM,", ",TERM", "TERM,,INT", "TERM,NOSUCH", "TERM INT", "0"} {
		got, err := forwarder.ParseSet(list)
		assert.Error(t, err, "%q", list)
		assert.Zero(t, got, "%q", list)
	}
}

func FuzzParseSignal(f *testing.F) {
	for _, seed := range []string{"TERM", "sigterm", "15", "RTMIN+3", "RTMAX-1", "0", "65", "", "SIG", "RTMIN+", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sig, err := forwarder.ParseSignal(text)
		if err != nil {
			require.Zero(t, sig)
			require.NotEmpty(t, err.Error())
			return
		}
		require.True(t, sig >= 1 && sig <= forwarder.Last, "%q gave %d", text, sig)
		for i := range len(text) {
			require.Less(t, text[i], byte(0x80), "%q is no name of a signal", text)
		}
		for _, same := range []string{strings.ToLower(text), strings.ToUpper(text), forwarder.SignalName(sig)} {
			again, err := forwarder.ParseSignal(same)
			require.NoError(t, err, same)
			require.Equal(t, sig, again, same)
		}
	})
}

func FuzzParseSet(f *testing.F) {
	for _, seed := range []string{"TERM,INT,QUIT", "1", "TERM, INT", ",", "", "RTMIN+1,RTMAX-1,64", "TERM,,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		set, err := forwarder.ParseSet(list)
		if err != nil {
			require.Zero(t, set)
			return
		}
		var names []string
		for sig := syscall.Signal(1); sig <= forwarder.Last; sig++ {
			if set.Has(sig) {
				names = append(names, forwarder.SignalName(sig))
			}
		}
		require.NotEmpty(t, names, "%q gave an empty set", list)
		require.LessOrEqual(t, len(names), strings.Count(list, ",")+1)
		again, err := forwarder.ParseSet(strings.Join(names, ","))
		require.NoError(t, err)
		require.Equal(t, set, again)
	})
}
