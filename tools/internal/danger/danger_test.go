package danger

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// objects are those of a text of several documents.
func objects(t *testing.T, file, text string) []*manifest.Object {
	t.Helper()
	documents, err := manifest.ParseDocuments(file, []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var all []*manifest.Object
	for _, document := range documents {
		found, err := document.Objects()
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		all = append(all, found...)
	}
	return all
}

// change is a target that was one text and is another one.
func change(t *testing.T, was, now string) *check.Target {
	t.Helper()
	before := &check.Target{Path: "overlays/prod", Objects: objects(t, "was.yaml", was)}
	target := &check.Target{Path: "overlays/prod", Objects: objects(t, "now.yaml", now), Before: &check.Before{Target: before, Revision: "main"}}
	for _, o := range target.Objects {
		target.Before.Pairs = append(target.Before.Pairs, check.Pair{Old: find(before.Objects, o), New: o})
	}
	for _, o := range before.Objects {
		if find(target.Objects, o) == nil {
			target.Before.Pairs = append(target.Before.Pairs, check.Pair{Old: o})
		}
	}
	return target
}

// found is what checks find in a change, a line for each.
func found(t *testing.T, target *check.Target, checks ...*check.Check) []string {
	t.Helper()
	result, failures := check.Run(t.Context(), check.Plan{Checks: checks, Targets: []*check.Target{target}})
	if len(failures) > 0 {
		t.Fatal(failures)
	}
	var lines []string
	for _, f := range result.Findings {
		lines = append(lines, fmt.Sprintf("%s %s %s: %s", f.Severity, f.Source.File, f.Path, f.Message))
	}
	return lines
}

// ofTargets are the checks whose examples are manifests alone. Those of others are tried by the command's tests.
func ofTargets() []*check.Check {
	return slices.DeleteFunc(Checks(), func(c *check.Check) bool { return c.Scope != check.Update })
}

func TestExamples(t *testing.T) {
	if err := check.Verify(Checks()); err != nil {
		t.Fatal(err)
	}
	for _, c := range ofTargets() {
		t.Run(c.Name, func(t *testing.T) {
			if found := found(t, change(t, c.Was, c.Bad), c); len(found) == 0 {
				t.Error("nothing is found in the bad example")
			}
			for _, lines := range [][]string{found(t, change(t, c.Was, c.Good), c), found(t, change(t, c.Was, c.Was), Checks()...), found(t, change(t, c.Good, c.Good), Checks()...)} {
				if len(lines) > 0 {
					t.Errorf("found in a good example: %s", strings.Join(lines, "\n"))
				}
			}
		})
	}
}

// TestNothingWithoutBefore holds that a target alone has no dangers.
func TestNothingWithoutBefore(t *testing.T) {
	for _, c := range ofTargets() {
		target := change(t, c.Was, c.Bad)
		target.Before = nil
		if lines := found(t, target, Checks()...); len(lines) > 0 {
			t.Errorf("%s: %s", c.Name, lines)
		}
	}
}

// expect holds what is found to what is wanted, in any order.
func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("found\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// TestUnknown holds that nothing is said of what nobody here can read.
func TestUnknown(t *testing.T) {
	for _, c := range ofTargets() {
		target := change(t, c.Was, c.Bad)
		for _, p := range target.Before.Pairs {
			if p.Old != nil && p.New != nil {
				p.Old.Unknown = []manifest.Path{{"spec"}}
			}
		}
		for _, line := range found(t, target, c) {
			if !strings.Contains(line, "is removed") && !strings.Contains(line, "is renamed") {
				t.Errorf("%s: %s", c.Name, line)
			}
		}
	}
}

// TestUnknownOfAnother holds that what cannot be read of a policy of the mesh hides nothing of others.
func TestUnknownOfAnother(t *testing.T) {
	const mode = "spec: {selector: {matchLabels: {app: w}}, mtls: {mode: "
	allow := func(name, app string) string {
		return called("security.istio.io/v1", "AuthorizationPolicy", name, "spec: {selector: {matchLabels: {app: "+app+"}}, rules: [{from: [{source: {namespaces: [till]}}]}]}")
	}
	strict := func(name, rest string) string {
		return called("security.istio.io/v1", "PeerAuthentication", name, rest)
	}
	workloads := pods("w", "app: w", "") + pods("v", "app: v", "")
	for name, c := range map[string]struct{ was, now, hidden string }{
		"who is let through":     {allow("a", "w") + allow("b", "v"), allow("b", "v"), "b"},
		"what is in the clear":   {strict("a", mode+"STRICT}}") + strict("b", strings.Replace(mode, "app: w", "app: v", 1)+"STRICT}}"), strict("a", mode+"PERMISSIVE}}") + strict("b", strings.Replace(mode, "app: w", "app: v", 1)+"STRICT}}"), "b"},
		"who was hidden himself": {allow("a", "w"), "", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			target := change(t, c.was+workloads, c.now+workloads)
			for _, p := range target.Before.Pairs {
				for _, o := range []*manifest.Object{p.Old, p.New} {
					if o != nil && o.Name == c.hidden {
						o.Unknown = []manifest.Path{{"spec", "rules"}, {"spec", "mtls", "mode"}}
					}
				}
			}
			if got := found(t, target, protectionLost); len(got) > 0 == (c.hidden == "a") {
				t.Errorf("found %v", got)
			}
		})
	}
}

// TestMovedToAnotherTarget holds that what another target of the same cluster has from now on is not lost.
func TestMovedToAnotherTarget(t *testing.T) {
	claim := "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: a, namespace: shop}\n"
	for name, c := range map[string]struct {
		environment string
		now         string
		want        int
	}{
		"of the same environment": {"prod", claim, 0},
		"of another environment":  {"dev", claim, 1},
		"of another name":         {"prod", strings.Replace(claim, "name: a", "name: b", 1), 1},
	} {
		t.Run(name, func(t *testing.T) {
			from := change(t, claim, "")
			from.Environment = &check.Environment{Name: "prod"}
			to := &check.Target{Path: "overlays/storage", Environment: &check.Environment{Name: c.environment}, Objects: objects(t, "now.yaml", c.now)}
			result, failures := check.Run(t.Context(), check.Plan{Checks: Checks(), Targets: []*check.Target{from, to}})
			if len(failures) > 0 || len(result.Findings) != c.want {
				t.Errorf("found %v, want %d findings: %v", result.Findings, c.want, failures)
			}
		})
	}
}

func TestEnvironmentsTogether(t *testing.T) {
	target := func(path, environment string, touched bool) *check.Target {
		t := &check.Target{Path: path}
		if environment != "" {
			t.Environment = &check.Environment{Name: environment}
		}
		if touched {
			t.Touched = &check.Touched{Objects: 3, First: manifest.ID{APIVersion: "v1", Kind: "ConfigMap", Name: "a"}, Source: manifest.Position{File: path + "/a.yaml", Line: 7}}
		}
		return t
	}
	from := func(of *check.Target, environment string) *check.Target {
		of.Environment.From = environment
		return of
	}
	for name, c := range map[string]struct {
		targets []*check.Target
		want    string
	}{
		"regions": {[]*check.Target{from(target("a", "prod", true), "staging"), from(target("b", "prod-eu", true), "staging"), target("c", "staging", false)}, ""},
		"a region and what comes before it": {[]*check.Target{from(target("a", "prod", false), "staging"), from(target("b", "prod-eu", true), "staging"), target("c", "staging", true)},
			`b/a.yaml:7 environments together: prod-eu changes in one step with staging: ConfigMap "a" and 2 more`},
		"what comes after production": {[]*check.Target{from(target("a", "prod", true), "staging"), from(target("b", "later", true), "dr"), from(target("c", "dr", true), "prod")}, ""},
		"both":                        {[]*check.Target{target("a", "staging", true), target("b", "eu-prod", true)}, `b/a.yaml:7 environments together: eu-prod changes in one step with staging: ConfigMap "a" and 2 more`},
		"all":                         {[]*check.Target{target("a", "staging", true), target("b", "Production", true), target("c", "dev", true)}, `b/a.yaml:7 environments together: Production changes in one step with dev and staging: ConfigMap "a" and 2 more`},
		"production alone":            {[]*check.Target{target("a", "staging", false), target("b", "prod", true)}, ""},
		"the others alone":            {[]*check.Target{target("a", "staging", true), target("b", "prod", false), target("c", "dev", true)}, ""},
		"without an order":            {[]*check.Target{target("a", "blue", true), target("b", "green", true)}, ""},
		"before production":           {[]*check.Target{target("a", "staging", true), target("b", "prod-like", true)}, ""},
		"without environment":         {[]*check.Target{target("a", "", true), target("b", "prod", true)}, ""},
		"parts of production":         {[]*check.Target{target("a", "prod", true), target("b", "prod", true)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var all []string
			for _, target := range c.targets {
				all = append(all, target.Path)
			}
			result, failures := check.Run(t.Context(), check.Plan{Checks: []*check.Check{environmentsTogether}, Targets: c.targets, All: all})
			var got []string
			for _, f := range result.Findings {
				got = append(got, f.Source.String()+" "+f.Message)
			}
			if got := strings.Join(got, "; "); got != c.want || len(failures) > 0 {
				t.Errorf("got %q, want %q: %v", got, c.want, failures)
			}
		})
	}
}
