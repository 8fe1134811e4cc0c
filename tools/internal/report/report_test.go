package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

func sample() report.Report {
	app := &manifest.ID{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "app", Name: "web"}
	service := &manifest.ID{APIVersion: "v1", Kind: "Service", Name: "web"}
	finding := func(c string, severity check.Severity, target string, id *manifest.ID, path manifest.Path, line int) check.Finding {
		return check.Finding{
			Check: c, Severity: severity, Target: target, Object: id, Path: path,
			Message: "what is wrong <here> & now", Fix: "What to do.", Source: manifest.Position{File: "base/web.yaml", Line: line},
		}
	}
	exempted := finding("pod/no-host-path", check.Error, "overlays/prod", app, manifest.Path{"spec", "volumes"}, 9)
	return report.Report{
		Asked:   []string{"overlays/dev", "overlays/broken", "overlays/prod"},
		Targets: []report.Target{{Path: "overlays/dev", Objects: 1}, {Path: "overlays/prod", Objects: 12}},
		Findings: []check.Finding{
			finding("kustomize/patch-target", check.Error, "overlays/prod", nil, nil, 4),
			finding("pod/one", check.Error, "overlays/prod", app, manifest.Path{"spec", "containers", 0, "image"}, 12),
			finding("pod/two", check.Warning, "overlays/prod", app, manifest.Path{"metadata", "annotations", "a.b/c"}, 3),
			finding("service/one", check.Error, "overlays/prod", service, nil, 0),
			finding("exemption/expired", check.Error, "kgate.yaml", nil, nil, 30),
		},
		Exempted: []check.Exempted{{Finding: exempted, Exemption: check.Exemption{
			Reason: "files of the node", Owner: "platform", Expires: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC),
		}}},
		Errors: []report.Failure{{
			Target: "overlays/broken", Message: "invalid YAML: bad\nsecond line",
			Source: manifest.Position{File: "overlays/broken/x.yaml", Line: 2},
		}},
	}
}

func clean() report.Report {
	return report.Report{Asked: []string{"overlays/dev"}, Targets: []report.Target{{Path: "overlays/dev", Objects: 57}}}
}

func TestGolden(t *testing.T) {
	for name, test := range map[string]struct {
		report  report.Report
		format  string
		options report.Options
	}{
		"findings.txt":         {sample(), "text", report.Options{}},
		"findings-verbose.txt": {sample(), "text", report.Options{Verbose: true}},
		"findings-color.txt":   {sample(), "text", report.Options{Color: true}},
		"findings.json":        {sample(), "json", report.Options{}},
		"clean.txt":            {clean(), "text", report.Options{}},
		"clean.json":           {clean(), "json", report.Options{}},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := report.Formats()[test.format](&out, test.report, test.options); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.Bytes(), want) {
				t.Errorf("%s differs (go test -update writes it anew):\n%s", file, out.String())
			}
		})
	}
}

// The keys are a promise to programs; the golden file alone could be updated away.
func TestJSONShape(t *testing.T) {
	var out bytes.Buffer
	if err := report.JSON(&out, sample(), report.Options{}); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Version  string
		Summary  map[string]int
		Findings []map[string]any
		Errors   []map[string]any
	}
	decoder := json.NewDecoder(&out)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Version != "v1" || got.Summary["targets"] != 2 || got.Summary["objects"] != 13 || got.Summary["errors"] != 4 ||
		got.Summary["warnings"] != 1 || got.Summary["exempted"] != 1 || len(got.Summary) != 5 {
		t.Errorf("version and summary: %s %v", got.Version, got.Summary)
	}
	for _, f := range got.Findings {
		for _, key := range []string{"check", "severity", "target", "path", "message", "fix", "source"} {
			if _, ok := f[key]; !ok {
				t.Errorf("%v lacks %s", f, key)
			}
		}
	}
	if object, _ := got.Findings[3]["object"].(map[string]any); object["kind"] != "Service" || object["apiVersion"] != "v1" {
		t.Errorf("object: %v", got.Findings[3])
	}
	if len(got.Errors) != 1 || got.Errors[0]["target"] != "overlays/broken" {
		t.Errorf("errors: %v", got.Errors)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestAWriterThatFailsIsAnError(t *testing.T) {
	for name, format := range report.Formats() {
		if err := format(full{}, sample(), report.Options{}); err == nil {
			t.Errorf("%s: the report was lost without an error", name)
		}
	}
}

func TestColorIsOnlyPaint(t *testing.T) {
	var plain, color bytes.Buffer
	_ = report.Text(&plain, sample(), report.Options{})
	_ = report.Text(&color, sample(), report.Options{Color: true})
	bare := color.String()
	for _, code := range []string{"0", "1", "2", "31", "32", "33"} {
		bare = strings.ReplaceAll(bare, "\x1b["+code+"m", "")
	}
	if bare != plain.String() || color.Len() == plain.Len() {
		t.Errorf("with the colour taken off:\n%s", bare)
	}
}
