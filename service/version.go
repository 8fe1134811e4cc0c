package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Stamped by -ldflags "-X main.version=… -X main.buildTime=…". A build without them is a development build.
var (
	version   = "development"
	buildTime = "unknown"
)

// describeBuild is one line: what was built, from what, when, by which Go.
func describeBuild() string {
	return fmt.Sprintf("go-otlp-app %s (commit %s, built %s, %s %s/%s)", version, revision(), buildTime, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// revision is the commit of the binary, where Go knew it.
func revision() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				return setting.Value
			}
		}
	}
	return "unknown"
}
