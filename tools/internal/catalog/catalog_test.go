package catalog

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kgate-dev/gitops/tools/internal/check"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// some are checks in which everything differs that can.
func some() []*check.Check {
	return []*check.Check{
		{
			Name: "pod/first", Title: "A title", Fix: "Write <group>/v1.", Severity: check.Error, Scope: check.Object, Origin: "policy", Convention: true,
			Doc: "With `resources: [\"*\"]` a role reads * and every Secret of its namespace, though no line of it says so\n" +
				"in as many words.\n\nA second paragraph — with a dash, in which a letter as wide as é takes one place of eighty.",
			Bad:        "kind: Bad # this is bad\ntext: |\n  a # b\n\n---\n# file: x.yaml\nkind: Other",
			Good:       "kind: Good\n",
			References: []string{"https://example.com/" + strings.Repeat("long/", 20), "https://example.com/b"},
		},
		{Name: "kustomize/second", Title: "Another * title", Doc: "D.", Fix: "F.", Severity: check.Warning, Scope: check.Overlay, Origin: "kustomize", Locked: true},
		{Name: "pod/third", Title: "T", Doc: "D.", Fix: "F.", Severity: check.Error, Scope: check.Repository, Origin: "policy", Central: true},
		{Name: "exemption/fourth", Title: "T", Doc: "D.", Fix: "F.", Severity: check.Error, Scope: check.Itself, Origin: "kgate", Locked: true},
	}
}

func TestFormats(t *testing.T) {
	inColor := func(color bool) Format {
		return func(w io.Writer, checks []*check.Check) error { return Text(w, checks, color) }
	}
	for _, test := range []struct {
		golden string
		format Format
	}{
		{"explain.txt", inColor(false)}, {"explain-color.txt", inColor(true)},
		{"checks.txt", Formats()["text"]}, {"checks.json", Formats()["json"]}, {"checks.md", Formats()["markdown"]},
	} {
		t.Run(test.golden, func(t *testing.T) {
			var got bytes.Buffer
			if err := test.format(&got, some()); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", test.golden)
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("got\n%s\nwant\n%s", got.Bytes(), want)
			}
			if err := test.format(full{}, some()); !errors.Is(err, errFull) {
				t.Errorf("a writer that fails: %v", err)
			}
		})
	}
}

var errFull = errors.New("no space left")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// Pages hold what the one page holds: each check, once.
func TestPages(t *testing.T) {
	pages := Pages(some())
	var files []string
	for _, page := range pages {
		files = append(files, page.File)
		golden := filepath.Join("testdata", "pages", page.File)
		if *update {
			if err := os.WriteFile(golden, []byte(page.Text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if page.Text != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", page.File, page.Text, want)
		}
	}
	if want := []string{"README.md", "pod.md", "kustomize.md", "exemption.md"}; !slices.Equal(files, want) {
		t.Errorf("got %q, want %q", files, want)
	}
}

func TestTextIsNoWiderThanAPage(t *testing.T) {
	var got bytes.Buffer
	if err := Text(&got, some(), false); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(got.String()) {
		line = strings.TrimRight(line, "\n")
		if strings.TrimRight(line, " ") != line {
			t.Errorf("white space at the end of %q", line)
		}
		if n := utf8.RuneCountInString(line); n > width && !strings.Contains(line, "https://") {
			t.Errorf("%d characters: %s", n, line)
		}
	}
}
