package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/tools/txtar"
)

// hostile is a tree that somebody made to run something, to pass, to write into a log, or to keep kgate busy.
type hostile struct {
	name  string
	files string   // txtar; below the top of a repository
	args  []string // behind `kgate validate`; app where there are none
	exit  int
	want  []string // what the output says, each somewhere
	not   []string // what it does not say
	make  func(t *testing.T, dir string)
}

// What a run of a hostile tree may cost. A clean run over this repository takes three seconds of CPU and 250 MB.
const (
	mostCPU    = 20 * time.Second
	mostMemory = 700 << 20 // bytes resident, at the peak
)

// hostileKinds are the inputs by what they are after; SECURITY.md has the table.
func hostileKinds() map[string][]hostile {
	return map[string][]hostile{
		"hidden fields":      hiddenFields(),
		"remote references":  remoteReferences(),
		"programs":           programs(),
		"reading elsewhere":  readingElsewhere(),
		"nothing bad passes": nothingBadPasses(),
		"logs":               logLines(),
		"reports":            reportLinks(),
		"bounded":            boundedWork(),
	}
}

// TestHostile runs every hostile input with the real binary: it ends with the right exit code and a message that names
// the place, starts nothing, changes nothing, and costs no more than it may.
func TestHostile(t *testing.T) {
	binary := hostileBinary(t)
	total := 0
	for kind, inputs := range hostileKinds() {
		total += len(inputs)
		seen := map[string]bool{}
		for _, input := range inputs {
			if seen[input.name] {
				t.Errorf("%s: two inputs are called %s", kind, input.name)
			}
			seen[input.name] = true
			t.Run(kind+"/"+input.name, func(t *testing.T) {
				t.Parallel()
				input.run(t, binary)
			})
		}
	}
	if total < 300 {
		t.Errorf("%d inputs, fewer than SECURITY.md promises", total)
	}
	text, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	for kind, inputs := range hostileKinds() {
		if row := fmt.Sprintf("| %s | %d |", kind, len(inputs)); !strings.Contains(string(text), row) {
			t.Errorf("SECURITY.md has no row %q", row)
		}
	}
	if sum := fmt.Sprintf("**%d**", total); !strings.Contains(string(text), sum) {
		t.Errorf("SECURITY.md does not have the sum %s", sum)
	}
}

// hostileBinary builds kgate as `make build` does, without the race detector: what it costs is measured.
func hostileBinary(t testing.TB) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "kgate")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build kgate: %v\n%s", err, out)
	}
	return binary
}

func (h hostile) run(t *testing.T, binary string) {
	top, err := os.MkdirTemp("", "hostile-") // T.TempDir has the input's name in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(top) })
	repository, outside := filepath.Join(top, "repository"), filepath.Join(top, "outside")
	sentinel := filepath.Join(top, "executed")
	text := strings.ReplaceAll(h.files, "$SENTINEL", sentinel)
	writeTree(t, repository, text)
	writeTree(t, outside, "-- secret --\nouter-secret\n")
	if err := os.MkdirAll(filepath.Join(repository, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	if h.make != nil {
		h.make(t, repository)
	}
	// Programs that leave a mark where something starts them.
	path := filepath.Join(top, "bin")
	for _, name := range []string{"git", "helm", "sh", "docker", "go"} {
		writeTree(t, path, "-- "+name+" --\n#!/bin/sh\n/usr/bin/touch "+sentinel+"\n")
		if err := os.Chmod(filepath.Join(path, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	before := listing(t, repository)
	args := h.args
	if args == nil {
		args = []string{"app"}
	}
	for i := range args {
		args = slices.Clone(args)
		args[i] = strings.ReplaceAll(args[i], "$TOP", top)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append([]string{"validate"}, args...)...)
	cmd.Dir = repository
	cmd.Env = append(os.Environ(), "PATH="+path, "SENTINEL="+sentinel, "TMPDIR="+top, "XDG_CACHE_HOME="+top, "HOME="+top, "GIT_ALLOW_PROTOCOL=file:ext:https")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	most := make(chan int64)
	go func() { most <- peak(cmd.Process.Pid, ended) }()
	err = cmd.Wait()
	close(ended)
	memory := <-most
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	out := stdout.String() + stderr.String()
	if code := cmd.ProcessState.ExitCode(); code != h.exit {
		t.Errorf("exit code %d, want %d", code, h.exit)
	}
	for _, want := range h.want {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	for _, not := range append(h.not, "goroutine ", "panic:", "outer-secret") {
		if strings.Contains(out, not) {
			t.Errorf("it says %q", not)
		}
	}
	if _, err := os.Lstat(sentinel); err == nil {
		t.Error("something was executed")
	}
	own := strings.Contains(strings.Join(args, " "), "github")
	for _, line := range []string{unsafeLine(stdout.String(), own), unsafeLine(stderr.String(), false)} {
		if line != "" {
			t.Errorf("a line of the repository's making: %q", line)
		}
	}
	if after := listing(t, repository); !slices.Equal(before, after) {
		t.Errorf("the repository changed from\n%s\nto\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	if cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(); cpu > mostCPU {
		t.Errorf("it took %s of CPU", cpu)
	}
	if memory > mostMemory {
		t.Errorf("it took %d MB of memory", memory>>20)
	}
	if t.Failed() {
		t.Logf("%.3000s", out)
	}
}

func writeTree(t testing.TB, dir, text string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range txtar.Parse([]byte(text)).Files {
		name := filepath.Join(dir, file.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, file.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// listing is every file below a directory with its size and mode.
func listing(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	if err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			names = append(names, fmt.Sprintf("%s %s %d", path, info.Mode(), info.Size()))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

// unsafeLine finds a line that a runner of CI would take for a command, or that a terminal would; empty without one.
// With commands, those of the github format pass.
func unsafeLine(text string, commands bool) string {
	if !utf8.ValidString(text) {
		return "not UTF-8"
	}
	for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' }) {
		trimmed := strings.TrimSpace(line)
		if commands && slices.ContainsFunc([]string{"::error ", "::warning ", "::notice ", "::error::", "::warning::", "::notice::", "::group::", "::endgroup::"}, func(own string) bool {
			return strings.HasPrefix(line, own)
		}) {
			trimmed = "" // what follows is escaped, and its characters are looked at below
		}
		if strings.HasPrefix(trimmed, "::") || strings.Contains(line, "##[") || strings.Contains(line, "##vso[") {
			return line
		}
		for _, r := range line {
			if unicode.IsControl(r) && r != '\t' || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
				return line
			}
		}
	}
	return ""
}
