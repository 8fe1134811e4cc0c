package proposal

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
)

func TestGuess(t *testing.T) {
	got := guess([]string{"apps/web/overlays/prod", "apps/web/overlays/dev", "clusters/prod/infra", "clusters/prod/apps", "base"})
	want := []environment{{"dev", []string{"apps/web/overlays/dev"}}, {"prod", []string{"apps/web/overlays/prod", "clusters/prod/**"}}}
	if !slices.EqualFunc(got, want, func(a, b environment) bool { return a.name == b.name && slices.Equal(a.targets, b.targets) }) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := guess([]string{"overlays/prod", "argocd"}); got != nil {
		t.Errorf("one environment separates nothing: %v", got)
	}
}

func TestGlobs(t *testing.T) {
	files := fstest.MapFS{}
	for _, dir := range []string{"overlays/dev", "overlays/prod", "apps/a", "apps/b", "apps/c", "argocd"} {
		files[dir+"/kustomization.yaml"] = &fstest.MapFile{Data: []byte("configMapGenerator: [{name: a}]\n")}
	}
	r := &repo.Repo{FS: files}
	// apps/c is no target, so that a glob would say too much.
	got := globs(t.Context(), r, []string{"overlays/dev", "overlays/prod", "apps/a", "apps/b", "argocd"})
	if want := []string{"overlays/*", "apps/a", "apps/b", "argocd"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDrafts(t *testing.T) {
	for _, environments := range []bool{true, false} {
		all := drafts(environments)
		if first := (held{targets: true, environments: environments, external: true}); all[0] != first {
			t.Errorf("the first is %v, want %v", all[0], first)
		}
		// It says nothing, so that a repository that can be checked has a proposal.
		if last := all[len(all)-1]; last != (held{}) {
			t.Errorf("the last is %v, and says something", last)
		}
	}
	d := draft{chosen: "kgate chose 1 target", targets: []string{"apps"}, environments: []environment{{"dev", []string{"dev"}}, {"prod", []string{"prod"}}},
		absent: []absent{{Reference: check.Reference{Kind: "Secret", Name: "db"}}}}
	config, err := repo.ParseConfig(repo.ConfigFile, []byte(d.text()))
	if err != nil {
		t.Fatal(err)
	}
	if len(config.Targets)+len(config.Environments)+len(config.External) > 0 {
		t.Errorf("a draft that holds nothing says:\n%s", d.text())
	}
}

func TestWorse(t *testing.T) {
	of := func(unchecked, errors int) (r report.Report) {
		r.Errors = make([]report.Failure, unchecked)
		for range errors {
			r.Findings = append(r.Findings, check.Finding{Severity: check.Error})
		}
		return r
	}
	for _, test := range []struct {
		name string
		a, b report.Report
		want bool
	}{
		{"as many", of(1, 2), of(1, 2), false},
		{"more found in as much", of(1, 3), of(1, 2), true},
		{"more found in more", of(0, 9), of(1, 2), false},
		{"less checked", of(1, 0), of(0, 9), true},
	} {
		if got := worse(test.a, test.b); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
