package check

import (
	"context"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// TestMissing leaves out what another target of the same cluster renders.
func TestMissing(t *testing.T) {
	object := func(text string) *manifest.Object {
		kind, name, _ := strings.Cut(text, " ")
		namespace, name, ok := strings.Cut(name, "/")
		if !ok {
			namespace, name = "", namespace
		}
		return &manifest.Object{ID: manifest.ID{APIVersion: "v1", Kind: kind, Namespace: namespace, Name: name}}
	}
	target := func(path, environment string, objects ...string) *Target {
		made := &Target{Path: path}
		if environment != "" {
			made.Environment = &Environment{Name: environment}
		}
		for _, o := range objects {
			made.Objects = append(made.Objects, object(o))
		}
		return made
	}
	for name, c := range map[string]struct {
		missing Reference
		here    *Target
		others  []*Target
		found   bool
	}{
		"nowhere":                         {Reference{"Secret", "a", "s"}, target("app", "", "Pod a/p"), []*Target{target("infra", "", "Secret b/s", "Secret a/t")}, true},
		"beside":                          {Reference{"Secret", "a", "s"}, target("app", "", "Pod a/p"), []*Target{target("infra", "", "Secret a/s")}, false},
		"a namespace":                     {Reference{"Namespace", "", "a"}, target("app", "", "Pod a/p"), []*Target{target("infra", "", "Namespace a")}, false},
		"here, under another name":        {Reference{"Secret", "", "s"}, target("app", "", "Pod p", "Secret a/s"), nil, true},
		"without a namespace":             {Reference{"Secret", "", "s"}, target("app", "", "Pod p"), []*Target{target("infra", "", "Secret a/s")}, false},
		"there without a namespace":       {Reference{"Secret", "a", "s"}, target("app", "", "Pod a/p"), []*Target{target("infra", "", "Secret s")}, false},
		"another environment":             {Reference{"Secret", "a", "s"}, target("prod", "prod", "Pod a/p"), []*Target{target("dev", "dev", "Secret a/s")}, true},
		"the same environment":            {Reference{"Secret", "a", "s"}, target("prod/app", "prod", "Pod a/p"), []*Target{target("prod/platform", "prod", "Secret a/s")}, false},
		"an overlay of the same":          {Reference{"Secret", "a", "s"}, target("prod", "", "Pod a/p", "Namespace a"), []*Target{target("dev", "", "Pod a/p", "Namespace a", "Secret a/s")}, true},
		"made by an object":               {Reference{"Namespace", "", "a"}, target("app", "", "Pod a/p"), []*Target{{Path: "argocd", Makes: []Reference{{"Namespace", "", "a"}}}}, false},
		"made by many objects":            {Reference{"Namespace", "", "w-dev"}, target("app", "", "Pod a/p"), []*Target{{Path: "argocd", Makes: []Reference{{"Namespace", "", "w-*"}}}}, false},
		"not made by many":                {Reference{"Namespace", "", "v-dev"}, target("app", "", "Pod a/p"), []*Target{{Path: "argocd", Makes: []Reference{{"Namespace", "", "w-*"}}}}, true},
		"shared, in one environment":      {Reference{"Secret", "a", "s"}, target("app", "prod", "Pod a/p", "ServiceAccount a/p"), []*Target{target("infra", "prod", "ServiceAccount a/p", "Secret a/s")}, false},
		"one of the cluster is the same":  {Reference{"Secret", "a", "s"}, target("app", "", "Pod a/p", "PriorityClass c"), []*Target{target("infra", "", "PriorityClass c", "Secret a/s")}, false},
		"the namespace alone is the same": {Reference{"Secret", "a", "s"}, target("app", "", "Pod a/p", "Namespace a"), []*Target{target("infra", "", "Namespace a", "Secret a/s")}, false},
		"most is the same":                {Reference{"Secret", "", "s"}, target("prod", "", "Pod p", "Service p", "Job j"), []*Target{target("dev", "", "Pod p", "Service p", "Secret s")}, true},
		"little is the same":              {Reference{"Secret", "", "s"}, target("one", "", "Pod p", "Service p", "Job j"), []*Target{target("two", "", "Pod p", "Deployment d", "Secret s")}, false},
		"beside another overlay": {Reference{"Secret", "a", "s"}, target("prod", "", "Pod a/p"),
			[]*Target{target("dev", "", "Pod a/p", "Secret a/s"), target("infra", "", "Secret a/s")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			checks := []*Check{{
				Name: "a/a", Title: "T", Doc: "D.", Fix: "F.", Origin: "test", Severity: Error, Scope: Overlay,
				Run: func(_ context.Context, pass *Pass) error {
					if at := pass.Targets[0]; at == c.here {
						pass.ReportMissing(Field{Target: at, Object: at.Objects[0]}, "M", c.missing)
						pass.Report(at, at.Objects[0], nil, "stays")
					}
					return nil
				},
			}}
			result, failed := Run(context.Background(), Plan{Checks: checks, Targets: append([]*Target{c.here}, c.others...)})
			if len(failed) > 0 {
				t.Fatal(failed)
			}
			found := false
			for _, f := range result.Findings {
				found = found || f.Message == "M"
			}
			if found != c.found || len(result.Findings) == 0 {
				t.Errorf("got %v", result.Findings)
			}
		})
	}
}
