package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Stamped by -ldflags "-X main.version=… -X main.commit=… -X main.buildTime=…". A build without them is a development
// build.
var (
	version   = "development"
	commit    = "unknown"
	buildTime = "unknown"
)

// describeBuild is one line: what was built, from what, when, by which Go.
func describeBuild() string {
	return fmt.Sprintf("go-otlp-app %s (commit %s, built %s, %s %s/%s)", version, revision(), buildTime, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// revision is the commit of the binary: the one it was stamped with, else the one that Go saw.
func revision() string {
	if commit != "unknown" {
		return commit
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				return setting.Value
			}
		}
	}
	return "unknown"
}
