package main

import (
	"cmp"
	"runtime/debug"
)

// version is set by the linker: -X main.version=1.2.3. Otherwise the module's version is taken.
var version string

// commit likewise; otherwise what go build recorded.
var commit string

func buildVersion() (v, c string) {
	v, c = version, commit
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return cmp.Or(v, "devel"), cmp.Or(c, "unknown")
	}
	if v == "" && info.Main.Version != "(devel)" {
		v = info.Main.Version
	}
	for _, s := range info.Settings {
		if c == "" && s.Key == "vcs.revision" {
			c = s.Value[:min(7, len(s.Value))]
		}
	}
	return cmp.Or(v, "devel"), cmp.Or(c, "unknown")
}
