package report

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/kgate-dev/gitops/tools/internal/comparison"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/promotion"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/revision"
)

// statusExample is the status of a service, with everything that there can be.
func statusExample(service, tag string) promotion.Status {
	at := func(line int) promotion.Scalar {
		return promotion.Scalar{Position: manifest.Position{File: "prod/kustomization.yaml", Line: line, Column: 9, EndColumn: 14}}
	}
	workload := &manifest.Object{ID: manifest.ID{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "n", Name: service}, Value: map[string]any{}}
	track := func(tag string, line int) promotion.Track {
		return promotion.Track{Workloads: []*manifest.Object{workload}, Image: promotion.Image{
			Object: workload, Container: "c", Text: "r:5000/i:" + tag, Reference: promotion.ParseReference("r:5000/i:" + tag), Said: promotion.Said{Tag: at(line)},
		}}
	}
	day := func(n int) time.Time { return time.Date(2026, 1, n, 12, 0, 0, 0, time.UTC) }
	commit := revision.Commit{Hash: strings.Repeat("ab", 20), When: day(2), Author: "Ann", Subject: "up"}
	merge := revision.Commit{Hash: strings.Repeat("cd", 20), When: day(3), Author: "Bob", Subject: "merge"}
	change := revision.Change{Commit: commit, Merged: merge, Value: "1.1.0", Said: true}
	here := promotion.Place{
		Environment: "prod", Stable: track(tag, 5), Canary: track("1.1.0", 8),
		Weights:  []promotion.Weight{{Percent: 12.5, Canary: promotion.Value{Text: "1", Scalar: at(20)}}},
		Replicas: []promotion.Replicas{{Workload: workload.ID, Min: promotion.Value{Text: "3", Scalar: at(21)}, Max: promotion.Value{Text: "10"}, By: manifest.ID{Kind: "HorizontalPodAutoscaler", Name: "x"}}},
		Sampling: []promotion.Rate{{Ratio: 0.005, Value: promotion.Value{Scalar: at(22)}}},
	}
	return promotion.Status{
		Past: "the history here ends",
		Table: promotion.Table{
			Environments: []promotion.Environment{{Name: "prod", Targets: []string{"prod"}, Promotion: repo.Promotion{From: "staging", Soak: time.Hour, Ladder: []int{10}}}},
			Shared:       []promotion.Workload{{Service: "agent", Object: manifest.ID{Kind: "DaemonSet", Name: "agent"}, Images: []string{"agent:1"}, Environments: []string{"prod"}}},
		},
		Rows: []promotion.Row{{
			Service: service, Place: here, StableSince: promotion.Since{Knowledge: promotion.Known, Change: change}, CanarySince: promotion.Since{Knowledge: promotion.Older},
			WeightSince: promotion.Since{Knowledge: promotion.Uncommitted},
			Behind:      promotion.Behind{From: "staging", State: promotion.Late, Between: []revision.Change{change, {Value: "1.2.0@sha256:" + strings.Repeat("e", 64), Said: true}}, At: day(3)},
			Drift: []promotion.Drift{{
				Topic: comparison.Settings, Field: "spec.x", Objects: []manifest.ID{workload.ID}, There: promotion.Side{Set: true, Text: "a\nb", At: at(30).Position}, Here: promotion.Side{},
			}},
		}},
	}
}

func TestStatusText(t *testing.T) {
	now := time.Date(2026, 1, 10, 13, 0, 0, 0, time.UTC)
	const below = `
shop in prod is behind staging: 1.1.0 since 2026-01-03 (abababa by Ann), 1.2.0, which is not committed
shop in prod differs from staging in spec.x of Deployment n/shop: a b (prod/kustomization.yaml:30) in staging, nothing in prod
the history here ends
DaemonSet agent of prod is the same wherever it runs, as files say that every environment reads: agent:1
`
	var out bytes.Buffer
	if err := StatusText(&out, statusExample("shop", "1.0.0"), StatusOptions{Drift: true, Shared: true, Now: now}); err != nil {
		t.Fatal(err)
	}
	// The row is wider than a page: the service has a line of its own.
	want := "  ENVIRONMENT  VERSION         SINCE       CANARY                REPLICAS  SAMPLING  BEHIND\nshop\n" +
		"  prod         1.0.0 (shared)  2026-01-03  1.1.0 (shared) 12.5%  3-10      0.005     2 versions, 7d\n" + below
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for line := range strings.Lines(strings.TrimSuffix(out.String(), below)) {
		if n := utf8.RuneCountInString(line); n > widest+1 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	out.Reset()
	if err := StatusMarkdown(&out, statusExample("a|b", "1.0.0"), StatusOptions{Now: now}); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasPrefix(got, "| Service | Environment | Version | Since | Canary | Replicas | Sampling | Behind |\n| --- |") || !strings.Contains(got, "| a&#124;b | prod |") {
		t.Errorf("got\n%s", got)
	}
	for name, write := range map[string]func() error{
		"text":     func() error { return StatusText(&out, promotion.Status{}, StatusOptions{Now: now}) },
		"markdown": func() error { return StatusMarkdown(&out, promotion.Status{}, StatusOptions{Now: now}) },
	} {
		out.Reset()
		if err := write(); err != nil || !strings.Contains(out.String(), "there is no service") || strings.Contains(out.String(), "SERVICE") || strings.Contains(out.String(), "|") {
			t.Errorf("%s of nothing: %v\n%s", name, err, out.String())
		}
	}
	out.Reset()
	if err := StatusText(&out, statusExample("s\x1b[31m", "1\u202e0"), StatusOptions{Now: now}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\u202e") {
		t.Errorf("what a repository holds moves the cursor: %q", out.String())
	}
}

func TestStatusOnThePage(t *testing.T) {
	s := statusExample("shop", "1.0.0")
	second := s.Rows[0]
	second.Environment = "prod-us"
	s.Rows = append(s.Rows, second)
	page, tree := rendered(t, Report{Status: &s})
	if got, want := all(elements(elements(tree, "table", "compare")[0], "tr", "")), []string{
		"Service Environment Version Since Canary Replicas Sampling Behind",
		"shop Environment prod Version 1.0.0 (shared) prod/kustomization.yaml:5 Since 2026-01-03 Canary 1.1.0 (shared) 12.5% prod/kustomization.yaml:8 Replicas 3-10 Sampling 0.005 Behind 2 versions",
		"Environment prod-us Version 1.0.0 (shared) prod/kustomization.yaml:5 Since 2026-01-03 Canary 1.1.0 (shared) 12.5% prod/kustomization.yaml:8 Replicas 3-10 Sampling 0.005 Behind 2 versions",
	}; !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, said := range []string{"shop in prod is behind staging: 1.1.0 since 2026-01-03", "differs from staging in 1 field besides", "the history here ends"} {
		if !strings.Contains(words(tree), said) {
			t.Errorf("%q is not on the page", said)
		}
	}
	if strings.Contains(string(page), "--drift") {
		t.Error("a page has no flags")
	}
	var linked bytes.Buffer
	r := Report{Status: &s, Commit: "c1", ReadFile: func(string) ([]byte, error) { return nil, nil }}
	if err := HTML(&linked, r, Options{SourceURL: "https://forge.example/{commit}/{file}#L{line}"}); err != nil {
		t.Fatal(err)
	}
	if want := `<a href="https://forge.example/c1/prod/kustomization.yaml#L8" rel="noreferrer">prod/kustomization.yaml:8</a>`; !strings.Contains(linked.String(), want) {
		t.Errorf("the page does not lead to the line of a version: no %s", want)
	}
	if _, tree := rendered(t, Report{}); strings.Contains(words(tree), "What runs where") {
		t.Error("nothing runs, and the page has a section for it")
	}
}

func TestStatusSchemaIsComplete(t *testing.T) {
	describes(t, StatusSchema(), reflect.TypeFor[statusJSON]())
	schema := compile(t, StatusSchema())
	for _, s := range []promotion.Status{statusExample("shop", "1.0.0"), {}} {
		var out bytes.Buffer
		if err := StatusJSON(&out, s); err != nil {
			t.Fatal(err)
		}
		validate(t, schema, out.Bytes())
	}
}
