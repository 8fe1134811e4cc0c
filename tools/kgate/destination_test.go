//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/report"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

// TestOutputsAndLinks holds that nothing which a change may commit makes kgate write elsewhere than into the file that was
// named.
func TestOutputsAndLinks(t *testing.T) {
	const secret = "what was there\n"
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, repository, outside string)
		file    string // below the repository; "" names out of it
		refused string // what the error says; "" where the file is written
		plain   bool   // whether what was outside is replaced, because it was named
	}{
		{name: "new file", file: "out.json"},
		{name: "new file in a folder", file: "reports/out.json", prepare: func(t *testing.T, repository, _ string) {
			must(t, os.Mkdir(filepath.Join(repository, "reports"), 0o700))
		}},
		{name: "a file that is there", file: "out.json", prepare: func(t *testing.T, repository, _ string) {
			must(t, os.WriteFile(filepath.Join(repository, "out.json"), []byte("old"), 0o600))
		}},
		{name: "a link to a file elsewhere", file: "out.json", refused: "is a symbolic link in the repository", prepare: func(t *testing.T, repository, outside string) {
			must(t, os.Symlink(filepath.Join(outside, "file"), filepath.Join(repository, "out.json")))
		}},
		{name: "a dangling link", file: "out.json", refused: "is a symbolic link in the repository", prepare: func(t *testing.T, repository, outside string) {
			must(t, os.Symlink(filepath.Join(outside, "new"), filepath.Join(repository, "out.json")))
		}},
		{name: "a link inside", file: "out.json", refused: "is a symbolic link in the repository", prepare: func(t *testing.T, repository, _ string) {
			must(t, os.Symlink("kgate.yaml", filepath.Join(repository, "out.json")))
		}},
		{name: "a hard link", file: "out.json", prepare: func(t *testing.T, repository, outside string) {
			must(t, os.Link(filepath.Join(outside, "file"), filepath.Join(repository, "out.json")))
		}},
		{name: "a named pipe", file: "out.json", refused: "is a named pipe in the repository", prepare: func(t *testing.T, repository, _ string) {
			must(t, syscall.Mkfifo(filepath.Join(repository, "out.json"), 0o600))
		}},
		{name: "a folder that is a link", file: "reports/file", refused: "is a symbolic link in the repository", prepare: func(t *testing.T, repository, outside string) {
			must(t, os.Symlink(outside, filepath.Join(repository, "reports")))
		}},
		{name: "a folder above that is a link", file: "a/b/out.json", refused: "is a symbolic link in the repository", prepare: func(t *testing.T, repository, outside string) {
			must(t, os.Mkdir(filepath.Join(outside, "b"), 0o700))
			must(t, os.Symlink(outside, filepath.Join(repository, "a")))
		}},
		{name: "a folder that is a link to another folder inside", file: "reports/out.json", refused: "is a symbolic link in the repository", prepare: func(t *testing.T, repository, _ string) {
			must(t, os.Mkdir(filepath.Join(repository, ".git", "hooks"), 0o700))
			must(t, os.Symlink(filepath.Join(".git", "hooks"), filepath.Join(repository, "reports")))
		}},
		{name: "elsewhere", plain: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			repository, outside := t.TempDir(), t.TempDir()
			must(t, os.Mkdir(filepath.Join(repository, ".git"), 0o700))
			must(t, os.WriteFile(filepath.Join(repository, "kgate.yaml"), []byte("apiVersion: kgate/v1\n"), 0o600))
			must(t, os.WriteFile(filepath.Join(repository, "a.yaml"), []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"), 0o600))
			must(t, os.WriteFile(filepath.Join(outside, "file"), []byte(secret), 0o600))
			if test.prepare != nil {
				test.prepare(t, repository, outside)
			}
			file := filepath.Join(repository, filepath.FromSlash(test.file))
			if test.file == "" {
				file = filepath.Join(outside, "file")
			}
			t.Chdir(repository)
			for _, file := range []string{file, relative(t, repository, file)} {
				var stderr strings.Builder
				code := run(t.Context(), []string{"validate", "--checks", "schema", "--output", "json=" + file, "a.yaml"}, strings.NewReader(""), io.Discard, &stderr)
				if test.refused != "" {
					if code != exitUnable || !strings.Contains(stderr.String(), test.refused) {
						t.Errorf("exit code %d, %q; want %d and %q", code, stderr.String(), exitUnable, test.refused)
					}
				} else if text, err := os.ReadFile(file); code != exitClean || err != nil || !bytes.HasPrefix(text, []byte("{\n")) {
					t.Errorf("exit code %d, %v, %q, %q", code, err, text, stderr.String())
				}
			}
			entries, err := os.ReadDir(outside)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if e.Name() != "file" && e.Name() != "b" {
					t.Errorf("%s was written elsewhere", e.Name())
				}
			}
			if text, err := os.ReadFile(filepath.Join(outside, "file")); err != nil || (string(text) == secret) == test.plain {
				t.Errorf("the file elsewhere says %q, %v", text, err)
			}
		})
	}
}

// A kgate.yaml further down, or a link from elsewhere, makes links of the checkout no better.
func TestOutputsOfACheckout(t *testing.T) {
	repository, outside := t.TempDir(), t.TempDir()
	must(t, os.MkdirAll(filepath.Join(repository, ".git"), 0o700))
	must(t, os.MkdirAll(filepath.Join(repository, "app"), 0o700))
	must(t, os.WriteFile(filepath.Join(repository, "app", "kgate.yaml"), []byte("apiVersion: kgate/v1\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(repository, "app", "a.yaml"), []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"), 0o600))
	must(t, os.Symlink(filepath.Join(outside, "stolen"), filepath.Join(repository, "out.json")))
	must(t, os.Symlink(repository, filepath.Join(outside, "checkout")))
	must(t, os.Symlink(filepath.Join(outside, "real.json"), filepath.Join(outside, "mine.json")))
	t.Chdir(filepath.Join(repository, "app"))
	for file, want := range map[string]int{
		"../out.json": exitUnable, filepath.Join(outside, "checkout", "out.json"): exitUnable,
		filepath.Join(outside, "checkout", "app", "fine.json"): exitClean, filepath.Join(outside, "mine.json"): exitClean,
	} {
		var stderr strings.Builder
		if code := run(t.Context(), []string{"validate", "--checks", "schema", "--output", "json=" + file, "a.yaml"}, strings.NewReader(""), io.Discard, &stderr); code != want {
			t.Errorf("%s: exit code %d, want %d: %s", file, code, want, stderr.String())
		}
	}
	for _, name := range []string{"stolen", "real.json"} { // a link of one's own is replaced, and not written through either
		if _, err := os.Lstat(filepath.Join(outside, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s was written through a link: %v", name, err)
		}
	}
}

// Pipes and descriptors that the user names are written into: process substitution and /dev/stderr stay of use.
func TestOutputsIntoPipes(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	read := make(chan []byte)
	go func() {
		text, _ := os.ReadFile(pipe)
		read <- text
	}()
	outputs, err := parseOutputs([]string{"json=" + pipe})
	must(t, err)
	must(t, keepWithin(outputs, t.TempDir()))
	must(t, writeReports(t.Context(), outputs, report.Report{}, terminal.NewStream(io.Discard), report.Options{}))
	if text := <-read; !bytes.HasPrefix(text, []byte("{\n")) {
		t.Errorf("the pipe got %q", text)
	}
	if _, err := parseOutputs([]string{"text", "json=/dev/stdout"}); err == nil {
		t.Error("two reports go to standard output")
	}
}

// A run that is given up while it writes leaves the report of the one before.
func TestOutputsOfARunThatIsGivenUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.json")
	must(t, os.WriteFile(file, []byte("before"), 0o600))
	outputs, err := parseOutputs([]string{"json=" + file, "text"})
	must(t, err)
	ctx, end := context.WithCancel(t.Context())
	end()
	var stdout bytes.Buffer
	out := terminal.NewStream(&stdout)
	if err := writeReports(ctx, outputs, report.Report{}, out, report.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	must(t, out.Flush())
	if text, err := os.ReadFile(file); err != nil || string(text) != "before" || stdout.Len() > 0 {
		t.Errorf("the file has %q, %v; standard output got %q", text, err, stdout.String())
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func relative(t *testing.T, from, to string) string {
	t.Helper()
	name, err := filepath.Rel(from, to)
	must(t, err)
	return name
}
