package main

import (
	"path/filepath"
	"runtime/debug"
)

// version is set by the linker: -X main.version=1.2.3. Otherwise the module's version is taken.
var version string

// commit likewise; otherwise what go build recorded.
var commit string

// peers are the programs whose place tinit takes when it is called by their name.
var peers = map[string]bool{
	"tini": true, "tini-static": true, "docker-init": true,
	"dumb-init": true,
	"catatonit": true, "podman-init": true,
}

func calledAsPeer(argv []string) bool {
	return len(argv) > 0 && peers[filepath.Base(argv[0])]
}

// versionLine is what -V prints. Docker reads a line from its docker-init: it has to begin with "tini version ", and what
// follows " - git." is the commit (parseInitVersion in moby's daemon/info_unix.go).
func versionLine(argv []string) string {
	v, c := buildVersion()
	if calledAsPeer(argv) {
		return "tini version " + v + "_tinit - git." + c + "\n"
	}
	return "tinit version " + v + " - git." + c + "\n"
}

func buildVersion() (v, c string) {
	v, c = version, commit
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return orElse(v, "devel"), orElse(c, "unknown")
	}
	if v == "" && info.Main.Version != "(devel)" {
		v = info.Main.Version
	}
	for _, s := range info.Settings {
		if c == "" && s.Key == "vcs.revision" {
			c = s.Value[:min(7, len(s.Value))]
		}
	}
	return orElse(v, "devel"), orElse(c, "unknown")
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
