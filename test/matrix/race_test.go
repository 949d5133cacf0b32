//go:build race

package main

// raceEnabled says that the tests, and their children with them, run under the
// race detector.
const raceEnabled = true
