package check

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

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
		"made by an object of its own":    {Reference{"Deployment", "a", "web"}, making(target("app", "", "HelmRelease a/web"), Reference{"Deployment", "a", "web"}), nil, false},
		"another one of its own":          {Reference{"Deployment", "a", "web"}, making(target("app", "", "HelmRelease a/web"), Reference{"Deployment", "b", "web"}), nil, true},
		"made by many objects":            {Reference{"Namespace", "", "w-dev"}, target("app", "", "Pod a/p"), []*Target{{Path: "argocd", Makes: []Reference{{"Namespace", "", "w-*"}}}}, false},
		"not made by many":                {Reference{"Namespace", "", "v-dev"}, target("app", "", "Pod a/p"), []*Target{{Path: "argocd", Makes: []Reference{{"Namespace", "", "w-*"}}}}, true},
		"named by what makes it":          {Reference{"Issuer", "a", "i"}, target("app", "", "Pod a/p"), []*Target{{Path: "argocd", Makes: []Reference{{AnyKind, "a", "i"}}}}, false},
		"a namespace that is only named":  {Reference{"Namespace", "", "a"}, target("app", "", "Pod a/p"), []*Target{{Path: "argocd", Makes: []Reference{{AnyKind, "b", "a"}}}}, true},
		"any, where one name is named":    {Reference{"Issuer", "a", AnyName}, target("app", "", "Pod a/p"), []*Target{{Path: "argocd", Makes: []Reference{{AnyKind, "a", "i"}}}}, true},
		"pods":                            {Reference{PodsKind, "a", `{"app":"web"}`}, target("app", "", "Service a/s"), []*Target{{Path: "infra", Pods: []Pods{{"a", map[string]string{"app": "web", "track": "b"}}}}}, false},
		"pods with other labels":          {Reference{PodsKind, "a", `{"app":"web"}`}, target("app", "", "Service a/s"), []*Target{{Path: "infra", Pods: []Pods{{"a", map[string]string{"app": "other"}}}}}, true},
		"pods of another namespace":       {Reference{PodsKind, "a", `{"app":"web"}`}, target("app", "", "Service a/s"), []*Target{{Path: "infra", Pods: []Pods{{"b", map[string]string{"app": "web"}}}}}, true},
		"pods that may be anywhere":       {Reference{PodsKind, "a", `{"app":"web"}`}, target("app", "", "Service a/s"), []*Target{{Path: "infra", Pods: []Pods{{"", map[string]string{"app": "web"}}}}}, false},
		"any pods":                        {Reference{PodsKind, "a", `{"a.io/app":"web"}`}, target("app", "", "Service a/s"), []*Target{{Path: "infra", Makes: []Reference{{PodsKind, "a", "*"}}}}, false},
		"any pods of another namespace":   {Reference{PodsKind, "a", `{"a.io/app":"web"}`}, target("app", "", "Service a/s"), []*Target{{Path: "infra", Makes: []Reference{{PodsKind, "b", "*"}}}}, true},
		"pods without labels":             {Reference{PodsKind, "a", `{}`}, target("app", "", "Service a/s"), []*Target{{Path: "infra", Pods: []Pods{{"a", nil}}}}, true},
		"pods by expressions":             {Reference{PodsKind, "a", `{"matchLabels":{"app":"web"},"matchExpressions":[{"key":"track","operator":"In","values":["a","b"]},{"key":"x","operator":"DoesNotExist"},{"key":"app","operator":"Exists"},{"key":"app","operator":"NotIn","values":["c"]}]}`}, target("app", "", "Service a/s"), []*Target{{Path: "infra", Pods: []Pods{{"a", map[string]string{"app": "web", "track": "b"}}}}}, false},
		"pods by other expressions":       {Reference{PodsKind, "a", `{"matchExpressions":[{"key":"track","operator":"NotIn","values":["b"]}]}`}, target("app", "", "Service a/s"), []*Target{{Path: "infra", Pods: []Pods{{"a", map[string]string{"track": "b"}}}}}, true},
		"pods by an unknown operator":     {Reference{PodsKind, "a", `{"matchExpressions":[{"key":"track","operator":"Near"}]}`}, target("app", "", "Service a/s"), []*Target{{Path: "infra", Pods: []Pods{{"a", map[string]string{"track": "b"}}}}}, true},
		"pods by a pattern":               {Reference{PodsKind, "a", `{"matchExpressions":[{"key":"track","operator":"NotIn","values":["b"]}]}`}, target("app", "", "Service a/s"), []*Target{{Path: "infra", Pods: []Pods{{"a", map[string]string{"track": "*"}}}}}, false},
		"every pod":                       {Reference{PodsKind, "a", `{"matchLabels":{},"port":"http"}`}, target("app", "", "Service a/s"), []*Target{{Path: "infra", Pods: []Pods{{"a", map[string]string{"track": "b"}}}}}, false},
		"policies":                        {Reference{PoliciesKind, "a", `{"to":"db"}`}, target("app", "", "NetworkPolicy a/p"), []*Target{target("infra", "", "NetworkPolicy a/q")}, false},
		"policies of a cluster":           {Reference{PoliciesKind, "a", `{"to":"db"}`}, target("app", "", "NetworkPolicy a/p"), []*Target{target("infra", "", "CiliumClusterwideNetworkPolicy q")}, false},
		"policies of another namespace":   {Reference{PoliciesKind, "a", `{"to":"db"}`}, target("app", "", "NetworkPolicy a/p"), []*Target{target("infra", "", "NetworkPolicy b/q", "Secret a/s")}, true},
		"policies of a chart":             {Reference{PoliciesKind, "a", `{"to":"db"}`}, target("app", "", "NetworkPolicy a/p"), []*Target{{Path: "infra", Makes: []Reference{{PodsKind, "a", "*"}}}}, false},
		"pods of another environment":     {Reference{PodsKind, "a", `{"app":"web"}`}, target("prod", "prod", "Service a/s"), []*Target{{Path: "dev", Environment: &Environment{Name: "dev"}, Pods: []Pods{{"a", map[string]string{"app": "web"}}}}}, true},
		"shared, in one environment":      {Reference{"Secret", "a", "s"}, target("app", "prod", "Pod a/p", "ServiceAccount a/p"), []*Target{target("infra", "prod", "ServiceAccount a/p", "Secret a/s")}, false},
		"one of the cluster is the same":  {Reference{"Secret", "a", "s"}, target("app", "", "Pod a/p", "PriorityClass c"), []*Target{target("infra", "", "PriorityClass c", "Secret a/s")}, false},
		"the namespace alone is the same": {Reference{"Secret", "a", "s"}, target("app", "", "Pod a/p", "Namespace a"), []*Target{target("infra", "", "Namespace a", "Secret a/s")}, false},
		"most is the same":                {Reference{"Secret", "", "s"}, target("prod", "", "Pod p", "Service p", "Job j"), []*Target{target("dev", "", "Pod p", "Service p", "Secret s")}, true},
		"little is the same":              {Reference{"Secret", "", "s"}, target("one", "", "Pod p", "Service p", "Job j"), []*Target{target("two", "", "Pod p", "Deployment d", "Secret s")}, false},
		"any of a kind":                   {Reference{"Secret", "a", AnyName}, target("app", "", "Pod a/p"), []*Target{target("infra", "", "Secret a/s")}, false},
		"any of a kind, of another":       {Reference{"Secret", "a", AnyName}, target("app", "", "Pod a/p"), []*Target{target("infra", "", "Secret b/s", "ConfigMap a/s")}, true},
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

// TestMissingWhereDeployersTell goes by what deploys targets, behind environments and before what they have in common.
func TestMissingWhereDeployersTell(t *testing.T) {
	id := func(kind, name string) *manifest.Object {
		return &manifest.Object{ID: manifest.ID{APIVersion: "v1", Kind: kind, Namespace: "a", Name: name}}
	}
	for name, c := range map[string]struct {
		environment string
		common      bool
		apart, told bool
		found       bool
	}{
		"other clusters":                  {apart: true, told: true, found: true},
		"one cluster":                     {common: true, told: true, found: false},
		"untold, and something in common": {common: true, found: true},
		"untold":                          {found: false},
		"one environment, whatever deployers tell": {environment: "prod", apart: true, told: true, found: false},
	} {
		t.Run(name, func(t *testing.T) {
			here := &Target{Path: "app", Objects: []*manifest.Object{id("Pod", "p")}}
			there := &Target{Path: "infra", Objects: []*manifest.Object{id("Secret", "s")}}
			if c.common {
				there.Objects = append(there.Objects, id("Pod", "p"))
			}
			if c.environment != "" {
				here.Environment, there.Environment = &Environment{Name: c.environment}, &Environment{Name: c.environment}
			}
			checks := []*Check{{
				Name: "a/a", Title: "T", Doc: "D.", Fix: "F.", Origin: "test", Severity: Error, Scope: Overlay,
				Run: func(_ context.Context, pass *Pass) error {
					if at := pass.Targets[0]; at == here {
						pass.ReportMissing(Field{Target: at, Object: at.Objects[0]}, "M", Reference{"Secret", "a", "s"})
					}
					return nil
				},
			}}
			result, _ := Run(t.Context(), Plan{Checks: checks, Targets: []*Target{here, there}, Apart: func(a, b string) (bool, bool) { return c.apart, c.told }})
			if found := len(result.Findings) > 0; found != c.found {
				t.Errorf("got %v", result.Findings)
			}
		})
	}
}

// TestVariants judges a target in each namespace that it is known to be brought to.
func TestVariants(t *testing.T) {
	in := func(namespace string) *Target {
		return &Target{Path: "app", Namespace: namespace, Objects: []*manifest.Object{
			{ID: manifest.ID{APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: "p"}},
			{ID: manifest.ID{APIVersion: "v1", Kind: "Node", Name: "n"}},
		}}
	}
	strict := func(run func(pass *Pass, at *Target, pod, node *manifest.Object)) []*Check {
		return []*Check{{
			Name: "a/a", Title: "T", Doc: "D.", Fix: "F.", Origin: "test", Severity: Error, Scope: Overlay,
			Run: func(_ context.Context, pass *Pass) error {
				at := pass.Targets[0]
				if len(at.Objects) == 2 {
					run(pass, at, at.Objects[0], at.Objects[1])
				}
				return nil
			},
		}}
	}
	shared := &Target{Path: "shared", Objects: []*manifest.Object{{ID: manifest.ID{APIVersion: "v1", Kind: "Secret", Namespace: "a", Name: "s"}}}}
	exemptA := Exemption{Check: "a/a", Expires: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC), Object: ObjectPattern{Kind: "Pod", Namespace: "a"}}
	for name, c := range map[string]struct {
		places     []string
		exemptions []Exemption
		run        func(pass *Pass, at *Target, pod, node *manifest.Object)
		want       string
	}{
		"in each": {[]string{"a", "b", "c"}, nil, func(pass *Pass, at *Target, pod, node *manifest.Object) {
			pass.Report(at, pod, manifest.Path{"x"}, "of "+pod.Namespace)
			pass.Report(at, node, manifest.Path{"x"}, "a node")
			pass.ReportTarget(at, manifest.Position{File: "f"}, "a file")
		}, "a file: a node: of a"},
		"in some": {[]string{"a", "b", "c"}, nil, func(pass *Pass, at *Target, pod, node *manifest.Object) {
			if at.Namespace == "a" {
				return
			}
			pass.Report(at, pod, manifest.Path{"x"}, "privileged")
			pass.Report(at, node, manifest.Path{"x"}, "a node")
			pass.Report(at, node, manifest.Path{"y"}, "names "+at.Namespace)
			pass.ReportTarget(at, manifest.Position{File: "f"}, "a file")
		}, "a file, where it is brought to namespace b: a node, where it is brought to namespace b: names b: privileged"},
		"two of one field": {[]string{"a", "b"}, nil, func(pass *Pass, at *Target, pod, node *manifest.Object) {
			pass.Report(at, pod, manifest.Path{"x"}, "one")
			pass.Report(at, pod, manifest.Path{"x"}, "two")
		}, "one: two"},
		"missing where nothing else renders it": {[]string{"a", "b"}, nil, func(pass *Pass, at *Target, pod, node *manifest.Object) {
			pass.ReportMissing(Field{Target: at, Object: pod, Path: manifest.Path{"x"}}, "no secret in "+pod.Namespace, Reference{"Secret", pod.Namespace, "s"})
		}, "no secret in b"},
		"exempt in one": {[]string{"a", "b"}, []Exemption{exemptA}, func(pass *Pass, at *Target, pod, node *manifest.Object) {
			pass.Report(at, pod, manifest.Path{"x"}, "of "+pod.Namespace)
		}, "of b"},
		"nothing of a place that nobody knows": {[]string{"a", ""}, nil, func(pass *Pass, at *Target, pod, node *manifest.Object) {
			if at.Namespace == "a" {
				pass.Report(at, pod, manifest.Path{"x"}, "known")
			} else {
				pass.Report(at, pod, manifest.Path{"y"}, "unknown")
			}
		}, "known"},
		"no place is known": {[]string{""}, nil, func(pass *Pass, at *Target, pod, node *manifest.Object) {
			pass.Report(at, pod, manifest.Path{"x"}, "as it is")
		}, "as it is"},
	} {
		t.Run(name, func(t *testing.T) {
			target := in(c.places[0])
			for _, namespace := range c.places[1:] {
				target.Variants = append(target.Variants, in(namespace))
			}
			result, failed := Run(t.Context(), Plan{
				Checks: strict(c.run), Targets: []*Target{target, shared}, Exemptions: c.exemptions, Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
			})
			if failed != nil {
				t.Fatal(failed)
			}
			var got []string
			for _, f := range result.Findings {
				got = append(got, f.Message)
			}
			if got := strings.Join(got, ": "); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestChangeInSeveralNamespaces holds what a change does in each namespace that a target is brought to: told once, with the others.
func TestChangeInSeveralNamespaces(t *testing.T) {
	in := func(namespace string) *Target {
		return &Target{Path: "app", Namespace: namespace, Before: &Before{}, Objects: []*manifest.Object{{ID: manifest.ID{APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: "p"}}}}
	}
	for name, c := range map[string]struct {
		found []string // the namespaces
		want  string
	}{
		"all":  {[]string{"a", "b", "c"}, "gone in a; and so in namespace b, c"},
		"some": {[]string{"b", "c"}, "gone in b; and so in namespace c"},
		"one":  {[]string{"c"}, "gone in c"},
	} {
		t.Run(name, func(t *testing.T) {
			target := in("a")
			target.Variants = []*Target{in("b"), in("c")}
			result, failed := Run(t.Context(), Plan{Targets: []*Target{target}, Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Checks: []*Check{{
				Name: "a/a", Title: "T", Doc: "D.", Fix: "F.", Origin: "test", Severity: Error, Scope: Update,
				Run: func(_ context.Context, pass *Pass) error {
					if at := pass.Targets[0]; slices.Contains(c.found, at.Namespace) {
						pass.Report(at, at.Objects[0], manifest.Path{"x"}, "gone in "+at.Namespace)
					}
					return nil
				},
			}}})
			if failed != nil {
				t.Fatal(failed)
			}
			if len(result.Findings) != 1 || result.Findings[0].Message != c.want {
				t.Errorf("got %+v, want %s", result.Findings, c.want)
			}
		})
	}
}

func making(t *Target, made ...Reference) *Target {
	t.Makes = append(t.Makes, made...)
	return t
}
