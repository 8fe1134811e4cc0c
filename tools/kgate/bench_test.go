package main

import (
	"context"
	"io"
	"strings"
	"testing"
)

// BenchmarkValidate runs the whole command in process. What a process pays once, before its first run, is outside
// of it: `make bench` times that too.
func BenchmarkValidate(b *testing.B) {
	b.Chdir("../..")
	for b.Loop() {
		args := []string{"validate", "overlays/dev", "overlays/staging", "overlays/prod"}
		if code := run(context.Background(), args, strings.NewReader(""), io.Discard, io.Discard); code == exitUnable {
			b.Fatalf("kgate %s: exit code %d", strings.Join(args, " "), code)
		}
	}
}
