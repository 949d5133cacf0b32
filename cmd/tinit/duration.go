package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parseDuration reads 10 and 1.5 as seconds and d as days, as timeout(1) does, and all that time.ParseDuration reads, as
// Compose files do.
func parseDuration(s string) (time.Duration, error) {
	text := s
	if days, ok := strings.CutSuffix(s, "d"); ok && plain(days) {
		return scaled(days, 24*time.Hour)
	}
	if plain(s) {
		return scaled(s, time.Second)
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration such as 10, 1.5s, 500ms, 2m or 1h30m", s)
	}
	if d < 0 {
		return 0, fmt.Errorf("%q is negative", s)
	}
	return d, nil
}

// plain: strconv.ParseFloat alone would read inf, nan, 1e9 and 0x10 too.
func plain(s string) bool {
	return s != "" && strings.Trim(s, "0123456789.") == ""
}

func scaled(number string, unit time.Duration) (time.Duration, error) {
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", number)
	}
	ns := f * float64(unit)
	if ns >= float64(1<<63-1) {
		return 0, fmt.Errorf("%s is too long", number)
	}
	return time.Duration(ns), nil
}
