package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// FuzzValidate drives hostile trees through validate. A fuzzing worker is confined as the real binary is; what it reads
// may end in any of the three exit codes, starts nothing, writes nothing, and gives no line to the repository.
func FuzzValidate(f *testing.F) {
	every := 9
	if underRace {
		every = 36 // `make fuzz-unguided` begins with all of them
	}
	for _, inputs := range hostileKinds() {
		for i, input := range inputs {
			if i%every == 0 && input.make == nil { // every kind, and not so many that a run begins late
				f.Add([]byte(input.files))
			}
		}
	}
	scratch, err := os.MkdirTemp("", "hostile-")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = os.RemoveAll(scratch) })
	ctx := context.Background()
	if worker := flag.Lookup("test.fuzzworker"); worker != nil && worker.Value.String() == "true" {
		ctx = confine(ctx)
	}
	f.Fuzz(func(t *testing.T, tree []byte) {
		top, err := os.MkdirTemp(scratch, "")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(top) }()
		mark := filepath.Join(scratch, "executed")
		repository := filepath.Join(top, "repository")
		if err := os.MkdirAll(filepath.Join(repository, ".git"), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, file := range txtar.Parse(bytes.ReplaceAll(tree, []byte("$SENTINEL"), []byte(mark))).Files {
			if name := filepath.Clean(file.Name); filepath.IsLocal(name) && len(name) < 200 {
				_ = os.MkdirAll(filepath.Dir(filepath.Join(repository, name)), 0o755) // what cannot be made is not in the tree
				_ = os.WriteFile(filepath.Join(repository, name), file.Data, 0o644)
			}
		}
		before := listing(t, repository)
		t.Chdir(repository)
		var stdout, stderr bytes.Buffer
		code := run(ctx, []string{"validate", "--output", "text", "app"}, strings.NewReader(""), &stdout, &stderr)
		if code < 0 || code > 2 {
			t.Errorf("exit code %d", code)
		}
		if _, err := os.Lstat(mark); err == nil {
			t.Fatal("something was executed")
		}
		for _, text := range []string{stdout.String(), stderr.String()} {
			if line := unsafeLine(text, false); line != "" {
				t.Errorf("a line of the repository's making: %q", line)
			}
		}
		if after := listing(t, repository); strings.Join(after, "\n") != strings.Join(before, "\n") {
			t.Errorf("the repository changed to %s", strings.Join(after, "\n"))
		}
	})
}
