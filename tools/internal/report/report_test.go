package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func at(file string, line int) manifest.Position { return manifest.Position{File: file, Line: line} }

func some(n int) []*manifest.Object {
	objects := make([]*manifest.Object, n)
	for i := range objects {
		objects[i] = &manifest.Object{ID: manifest.ID{APIVersion: "v1", Kind: "ConfigMap", Namespace: "ns", Name: fmt.Sprint("c", i)}}
	}
	return objects
}

// busy is a run in which everything happened that a run can report.
func busy() Report {
	app := &manifest.ID{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "ns", Name: "app"}
	canary := &manifest.ID{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "ns", Name: "app-canary"}
	nameless := &manifest.ID{APIVersion: "v1", Kind: "Namespace"}
	path := manifest.Path{"spec", "containers", 0, "image"}
	host := check.Finding{
		Check: "pod/no-host-path", Severity: check.Error, Place: check.Place{Target: "overlays/prod", Object: app}, Message: "a path of the host", Source: at("base/a.yaml", 9),
	}
	return Report{
		Version: "1.2.3",
		Checks: []*check.Check{
			{Name: "kustomize/patch-target", Title: "Every patch reaches an object", Doc: "It would change nothing.", Fix: "Correct it.", Severity: check.Error, Scope: check.Overlay, Origin: "kustomize", References: []string{"https://example.com/patches"}},
			{
				Name: "pod/image-pinned", Title: "Images have a version", Doc: "What <latest> means changes.\nSo does what runs.", Fix: "Pin it.", Severity: check.Error, Scope: check.Object, Origin: "policy",
				References: []string{"the `team` handbook", "https://example.com/a_b", "https://example.com/c"}, Bad: "image: app\n", Good: "image: app:1\n# ```\n",
			},
			{Name: "pod/probes", Title: "Containers are probed", Doc: "d", Fix: "Add one.", Severity: check.Error, Scope: check.Object, Origin: "policy"},
			{Name: "pod/spread", Title: "Pods are spread", Doc: "d", Fix: "Do this,\nthen that.", Severity: check.Warning, Scope: check.Object, Origin: "policy"},
			{Name: "pod/no-host-path", Title: "No path of the host", Doc: "d", Fix: "f", Severity: check.Error, Scope: check.Object, Origin: "policy"},
			{Name: "schema/valid", Title: "Objects fit their schema", Doc: strings.Repeat("A long word. ", 100), Fix: "Name it.", Severity: check.Error, Scope: check.Object, Origin: "schema"},
			{Name: "gitops/application-paths", Title: "Applications lead somewhere", Doc: "d", Fix: "f", Severity: check.Error, Scope: check.Repository, Origin: "policy"},
			{Name: "exemption/unused", Title: "Exemptions are used", Doc: "d", Fix: "Delete it.", Severity: check.Error, Scope: check.Itself, Origin: "kgate"},
		},
		Asked:   []string{"overlays/dev", "overlays/broken", "overlays/prod"},
		Targets: []Target{{Path: "overlays/dev", Objects: some(1)}, {Path: "overlays/prod", Environment: "prod", Objects: some(12)}},
		Findings: []check.Finding{
			{Check: "kustomize/patch-target", Severity: check.Error, Place: check.Place{Target: "overlays/prod"}, Message: "the patch changes nothing", Fix: "Correct it.", Source: at("overlays/prod/kustomization.yaml", 4)},
			{Check: "pod/image-pinned", Severity: check.Error, Place: check.Place{Target: "overlays/prod", Object: app, Path: path}, Message: "image <a> & \"b\"", Fix: "Pin it.", Source: manifest.Position{File: "base/a.yaml", Line: 7, Column: 12, EndColumn: 19}},
			{Check: "pod/spread", Severity: check.Warning, Place: check.Place{Target: "overlays/prod", Object: app, Path: manifest.Path{"metadata", "annotations", "a.b/c"}}, Message: "two\nlines", Fix: "Do this,\nthen that.", Source: at("base/a.yaml", 0)},
			{Check: "schema/valid", Severity: check.Error, Place: check.Place{Target: "overlays/prod", Object: nameless}, Message: "no name", Fix: "Name it."},
			{
				Check: "pod/probes", Severity: check.Error, Message: "no probe", Fix: "Add one.", Source: at("base/a.yaml", 3),
				Place: check.Place{Target: "overlays/dev", Object: app, Path: manifest.Path{"spec", "containers", 0}},
				Also: []check.Place{
					{Target: "overlays/prod", Object: app, Path: manifest.Path{"spec", "containers", 0}},
					{Target: "overlays/prod", Object: canary, Path: manifest.Path{"spec", "containers", 1}},
				},
				Related: []manifest.Position{at("base/a.yaml", 2), at("base/gone.yaml", 8)},
				With: []check.Part{
					{Object: *canary, Path: manifest.Path{"spec", "replicas"}, Source: manifest.Position{File: "base/a.yaml", Line: 4, Column: 7, EndColumn: 16}},
					{Object: *app, Source: at("base/gone.yaml", 1)},
				},
				Follows: []check.Finding{
					{
						Check: "pod/resources-set", Severity: check.Error, Message: "no <b>\nlimits", Fix: "Set them.", Source: at("base/a.yaml", 7),
						Place: check.Place{Target: "overlays/prod", Object: canary, Path: manifest.Path{"spec", "containers", 1}},
						Also:  []check.Place{{Target: "overlays/staging", Object: canary, Path: manifest.Path{"spec", "containers", 1}}},
					},
					{Check: "pod/probes", Severity: check.Warning, Message: "no probe there", Fix: "Add one.", Place: check.Place{Target: "overlays/dev"}},
				},
			},
			{Check: "exemption/unused", Severity: check.Error, Place: check.Place{Target: "kgate.yaml"}, Message: "lets nothing pass", Fix: "Delete it.", Source: at("kgate.yaml", 9)},
		},
		Exempted: []check.Exempted{{Finding: host, Exemption: check.Exemption{
			Check: "pod/no-host-path", Source: at("kgate.yaml", 4), Reason: "logs are files", Owner: "platform", Expires: time.Date(2027, 10, 31, 0, 0, 0, 0, time.UTC),
		}}},
		Errors: []Failure{
			{Target: "overlays/broken", Source: at("base/b.yaml", 3), Message: "invalid YAML: it\nis odd"},
			{Target: "overlays/broken", Message: "no place"},
		},
		Omitted: []string{"gitops/application-paths"},
		Notes: []Note{
			{About: "targets", Message: "2 of 3 targets were asked for", LeftOut: []string{"overlays/staging"}},
			{About: "unread", Source: at("kgate.yaml", 20), Message: "examples/** is not read (docs team): shown in the manual"},
		},
		ReadFile: func(file string) ([]byte, error) {
			text, ok := map[string]string{
				"base/a.yaml": "kind: Deployment\nspec:\n  containers: # all of them\n    - name: app\n\n\n      image: <a> & b # is bad\n\n\tpath: /\x1b[31m" + strings.Repeat("long", 50) + "\n",
				"kgate.yaml":  strings.Repeat("\n", 8) + "  - check: é\r\n",
			}[file]
			if !ok {
				return nil, fs.ErrNotExist
			}
			return []byte(text), nil
		},
	}
}

// lenient is what exemptions of kgate.yaml and of an annotation let pass.
func lenient() []check.Exempted {
	logs := check.Exemption{Check: "pod/no-host-path", Source: at("kgate.yaml", 14), Reason: "logs\nare files", Owner: "platform", Expires: time.Date(2027, 10, 31, 0, 0, 0, 0, time.UTC)}
	carried := check.Exemption{Check: "pod/spread", Source: at("base/a.yaml", 5), Reason: "one is enough", Owner: "app team", Expires: time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC), Holders: []check.Holder{{Target: "b", Object: manifest.ID{Kind: "DaemonSet", Name: "two"}}}}
	earlier := logs
	earlier.Check, earlier.Source = "kustomize/deprecated-field", at("kgate.yaml", 9)
	found := func(target, name string, line int, message string) check.Finding {
		return check.Finding{
			Check: "a/b", Message: message, Source: at("base/a.yaml", line),
			Place: check.Place{Target: target, Object: &manifest.ID{Kind: "DaemonSet", Name: name}, Path: manifest.Path{"spec", "x"}},
		}
	}
	return []check.Exempted{
		{Finding: found("a", "one", 9, "volume x\nof the node"), Exemption: logs},
		{Finding: found("a", "one", 12, "volume y"), Exemption: logs},
		{Finding: found("b", "one", 9, "volume x\nof the node"), Exemption: logs},
		{Finding: found("b", "two", 9, "volume x\nof the node"), Exemption: logs},
		{Finding: found("b", "two", 30, "alone"), Exemption: carried},
		{Finding: check.Finding{Check: "kustomize/deprecated-field", Message: "commonLabels", Place: check.Place{Target: "b"}}, Exemption: earlier},
	}
}

func TestFormats(t *testing.T) {
	clean := Report{Asked: []string{"a", "b"}, Targets: []Target{{Path: "a", Objects: some(1)}, {Path: "b"}}}
	exempted := clean
	exempted.Exempted = lenient()
	warned := clean
	warned.Findings = busy().Findings[2:3]
	for _, test := range []struct {
		golden  string
		report  Report
		format  string
		options Options
	}{
		{"busy.txt", busy(), "text", Options{}},
		{"busy-verbose.txt", busy(), "text", Options{Verbose: true}},
		{"busy-color.txt", busy(), "text", Options{Color: true, Verbose: true}},
		{"busy.json", busy(), "json", Options{}},
		{"exempted.txt", exempted, "text", Options{}},
		{"exempted-verbose.txt", exempted, "text", Options{Verbose: true}},
		{"clean.txt", clean, "text", Options{}},
		{"clean-color.txt", clean, "text", Options{Color: true}},
		{"clean.json", clean, "json", Options{Color: true, Verbose: true}},
		{"warned-color.txt", warned, "text", Options{Color: true}},
		{"nothing.json", Report{}, "json", Options{}},
		{"busy.yaml", busy(), "yaml", Options{}},
		{"busy.sarif", busy(), "sarif", Options{}},
		{"busy.junit.xml", busy(), "junit", Options{}},
		{"clean.junit.xml", clean, "junit", Options{}},
		{"busy.github", busy(), "github", Options{}},
		{"clean.github", clean, "github", Options{}},
		{"clean.sarif", clean, "sarif", Options{}},
		{"busy.md", busy(), "markdown", Options{}},
		{"busy-verbose.md", busy(), "markdown", Options{Verbose: true}},
		{"clean.md", clean, "markdown", Options{}},
		{"changed.md", changed(t), "markdown", Options{}},
		{"changed.txt", changed(t), "text", Options{Verbose: true}},
		{"changed.json", changed(t), "json", Options{}},
		{"changed.yaml", changed(t), "yaml", Options{}},
	} {
		t.Run(test.golden, func(t *testing.T) {
			var got bytes.Buffer
			if err := Formats()[test.format](&got, test.report, test.options); err != nil {
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
				t.Errorf("%s differs (-update rewrites it):\n--- got\n%s\n--- want\n%s", file, got.Bytes(), want)
			}
			if test.format == "json" && !json.Valid(got.Bytes()) {
				t.Error("this is no JSON")
			}
		})
	}
}

// broken fails every write, like a full disk.
type broken struct{}

var errFull = errors.New("disk full")

func (broken) Write([]byte) (int, error) { return 0, errFull }

func TestWriteError(t *testing.T) {
	for name, format := range Formats() {
		if err := format(broken{}, busy(), Options{}); !errors.Is(err, errFull) {
			t.Errorf("%s: got %v, want the error of the writer", name, err)
		}
	}
}

func TestCount(t *testing.T) {
	r := busy()
	if e, w, o := r.Count(check.Error), r.Count(check.Warning), r.Objects(); e != 5 || w != 1 || o != 13 {
		t.Errorf("%d errors, %d warnings, %d objects; want 5, 1 and 13", e, w, o)
	}
}

func TestColorIsOnlyPaint(t *testing.T) {
	var plain, color bytes.Buffer
	for w, options := range map[*bytes.Buffer]Options{&plain: {}, &color: {Color: true}} {
		if err := Text(w, busy(), options); err != nil {
			t.Fatal(err)
		}
	}
	bare := regexp.MustCompile("\x1b\\[[0-9]+m").ReplaceAllString(color.String(), "")
	if bare != plain.String() || color.Len() == plain.Len() {
		t.Errorf("with the colour taken off:\n%s", bare)
	}
}

// What is wrong at one line keeps several targets from being checked and is told once to a reader, with all of them; programs
// have each.
func TestFailuresOfSeveralTargets(t *testing.T) {
	broken := func(target, message string, line int) Failure {
		return Failure{Target: target, Source: at("base/b.yaml", line), Message: message}
	}
	r := Report{Asked: []string{"dev", "prod"}, Errors: []Failure{
		broken("dev", "a tab", 3), broken("dev", "no base", 4), broken("prod", "a tab", 3), broken("prod", "a tab", 0), broken("dev", "a tab", 0),
	}}
	for name, test := range map[string]struct {
		write Format
		want  map[string]int
	}{
		"text":   {Text, map[string]int{"base/b.yaml:3: cannot check: a tab\n  in   dev, prod\n": 1, "base/b.yaml:4: cannot check: no base\n": 1, "base/b.yaml: cannot check: a tab\n": 2, "5 not checked": 1, "  in   ": 1}},
		"github": {GitHub, map[string]int{"line=3,": 1, "In dev, prod": 1, "::error file=base/b.yaml": 4}},
		"html":   {HTML, map[string]int{"<dt>In</dt><dd>dev, prod</dd>": 1, "<article class=\"finding unknown\">": 4}},
		"json":   {JSON, map[string]int{`"message": "a tab"`: 4}},
		"junit":  {JUnit, map[string]int{`<error message="a tab (and 2 more)"`: 1, `<error message="a tab (and 1 more)"`: 1}},
	} {
		var out strings.Builder
		if err := test.write(&out, r, Options{}); err != nil {
			t.Fatal(err)
		}
		for text, want := range test.want {
			if got := strings.Count(out.String(), text); got != want {
				t.Errorf("%s has %q %d times, want %d:\n%s", name, text, got, want, out.String())
			}
		}
	}
}
