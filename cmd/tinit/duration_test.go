package main

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "5": 5 * time.Second, "10": 10 * time.Second, "1.5": 1500 * time.Millisecond,
		".5": 500 * time.Millisecond, "5.": 5 * time.Second, "007": 7 * time.Second, "0.000000001": 1,
		"500ms": 500 * time.Millisecond, "10s": 10 * time.Second, "2m": 2 * time.Minute, "1h": time.Hour,
		"1m30s": 90 * time.Second, "1h30m": 90 * time.Minute, "1.5h": 90 * time.Minute, "0s": 0, "1ns": 1,
		"1d": 24 * time.Hour, "0d": 0, "1.5d": 36 * time.Hour, "30d": 720 * time.Hour, "106751d": 106751 * 24 * time.Hour,
		"9223372036": 9223372036 * time.Second,
	} {
		got, err := parseDuration(text)
		if assert.NoError(t, err, text) {
			assert.Equal(t, want, got, text)
		}
	}
	for _, text := range []string{
		"", " ", "-1", "-1s", "-0.5", "-1d", "s", "d", "ms", ".", "..", "1.2.3", "1.2.3d", "1x", "1 s", " 1", "1 ",
		"1e3", "1e3s", "0x10", "inf", "nan", "Inf", "+Inf", "infd", "1_000", "1,5", "1,000", "1dd", "1h1d", "1d1h", "d1",
		"9223372037", "106752d", "1e400", "99999999999999999999999999999999", "2562048h", "\xff", "1\n", "１",
	} {
		got, err := parseDuration(text)
		if assert.Error(t, err, "%q", text) {
			assert.Zero(t, got, "%q", text)
			assert.NotContains(t, err.Error(), "\n", "%q", text)
		}
	}
}

func TestParseDurationSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"soon":       `"soon" is no duration`,
		"-1s":        `"-1s" is negative`,
		"1.2.3":      `"1.2.3"`,
		"9223372037": "9223372037 is too long",
	} {
		_, err := parseDuration(text)
		assert.ErrorContains(t, err, want)
	}
}

func TestParseDurationNearTheEnd(t *testing.T) {
	got, err := parseDuration("9223372036.854")
	require.NoError(t, err)
	assert.InDelta(t, float64(math.MaxInt64), got, float64(time.Second))
	_, err = parseDuration("9223372036.855")
	assert.Error(t, err)
}
