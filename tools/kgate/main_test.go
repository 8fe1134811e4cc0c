package main

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the expected outputs in testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kgate": main})
}

// raced are the pages that the race detector sees: every command that works on several targets at once, and every engine. Its
// programs take ten times as long; `make test` runs all pages without it.
func raced() []string {
	var files []string
	for _, page := range []string{
		"apps", "baseline_locked", "config_from_flux", "diff_applications", "flux_edits", "helm", "init", "outputs", "second_faults", "survey",
		"together", "validate_findings", "vendor", "watch",
	} {
		files = append(files, filepath.Join("testdata", "script", page+".txtar"))
	}
	return files
}

// seenByPages is why the race detector does not see a test that runs commands on this whole repository, one after the other.
const seenByPages = "the race detector sees these commands in the pages of TestScript; `make test` runs this without it"

// TestScript runs the command line on small repositories, one page of testdata/script a behaviour.
func TestScript(t *testing.T) {
	dir, files := "testdata/script", []string(nil)
	if underRace {
		dir, files = "", raced()
	}
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		Files:               files,
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			// A terminal is simulated in one script; nowhere may the caller's environment decide about colour.
			env.Setenv("NO_COLOR", "")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"sized": sized,
		},
	})
}

// exits runs a program that must end with one exit code: `exits 2 kgate validate`. Plain `! exec` would take a
// crash for a verdict.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	for _, stream := range []string{"stdout", "stderr"} {
		if text := ts.ReadFile(stream); strings.Contains(text, "panic") || strings.Contains(text, "goroutine ") {
			ts.Fatalf("%s speaks of a panic", stream)
		}
	}
}

// sized makes a file of so many megabytes of which the disk stores none: `sized 50 big.yaml`.
func sized(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sized megabytes file")
	}
	size, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), nil, 0o600))
	ts.Check(os.Truncate(ts.MkAbs(args[1]), int64(size)<<20))
}
