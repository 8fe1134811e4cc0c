package policy_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/kgate-dev/gitops/policies"
	"github.com/kgate-dev/gitops/tools/internal/admission/bootstrap"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/policy"
)

// The built-in rules are loaded as verified, which leaves out the compiler's checks. This is where they are made.
func TestBuiltinRulesCompileStrictly(t *testing.T) {
	library, err := policy.Load(t.Context(), policy.Source{Name: "policies", FS: policies.FS})
	if err != nil {
		t.Fatal(err)
	}
	if err := library.Prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := check.Verify(library.Checks(policy.Facts{})); err != nil {
		t.Fatal(err)
	}
}

// A reader of a built-in rule comes to its code at once: what it says of itself is short, and its examples are files.
func TestBuiltinRulesAreShort(t *testing.T) {
	const most = 18 // lines of METADATA
	library, err := policy.Load(t.Context(), policy.Source{FS: policies.FS})
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range library.Rules {
		text, err := fs.ReadFile(policies.FS, rule.File)
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(string(text), "\npackage ")
		if !strings.Contains(head, "\n#   states: fact\n") && !strings.Contains(head, "\n#   states: convention\n") {
			t.Errorf("%s does not say whether it states a fact or a convention", rule.File)
		}
		if n := strings.Count(head, "\n") + 1; n > most {
			t.Errorf("%s: %d lines stand before the code; the most is %d", rule.File, n, most)
		}
		for _, example := range []string{"bad.yaml", "good.yaml"} {
			if _, err := fs.Stat(policies.FS, path.Join(path.Dir(rule.File), example)); err != nil {
				t.Errorf("%s has no %s beside it", rule.File, example)
			}
		}
	}
}

func TestEveryBuiltinModuleHasATest(t *testing.T) {
	modules := 0
	err := fs.WalkDir(policies.FS, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".rego" || strings.HasSuffix(name, "_test.rego") {
			return err
		}
		modules++
		if base := path.Base(path.Dir(name)) + ".rego"; path.Base(name) != base {
			t.Errorf("%s: the file of this directory is called %s", name, base)
		}
		if _, err := fs.Stat(policies.FS, strings.TrimSuffix(name, ".rego")+"_test.rego"); err != nil {
			t.Errorf("%s has no test beside it", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if modules < 60 {
		t.Fatalf("only %d modules are embedded", modules)
	}
}

// What is compiled at once and what is compiled when an object asks for it say what all rules together say.
func TestRulesNobodyExpected(t *testing.T) {
	renderer := kustomization.New(os.DirFS("../../.."), strings.NewReader(""))
	findings := func(expect func(*policy.Library)) string {
		t.Helper()
		library, err := policy.Load(t.Context(), policy.Source{Name: "policies", FS: policies.FS, Verified: true})
		if err != nil {
			t.Fatal(err)
		}
		expect(library)
		var targets []*check.Target
		for _, overlay := range []string{"base/platform", "overlays/prod", "overlays/dev/platform"} {
			result, err := renderer.Render(t.Context(), overlay)
			if err != nil {
				t.Fatal(err)
			}
			targets = append(targets, &check.Target{
				Path: result.Path, Objects: result.Objects,
				Locate: func(*manifest.Object, manifest.Path) manifest.Origin { return manifest.Origin{} },
			})
		}
		found, failed := check.Run(t.Context(), check.Plan{Checks: library.Checks(policy.Facts{}), Targets: targets, Now: time.Now()})
		if len(failed) > 0 {
			t.Fatal(failed[0].Err)
		}
		var texts []string
		for _, f := range found.Findings {
			texts = append(texts, fmt.Sprintf("%s %s %s", f.Check, f.Object, f.Message))
		}
		return strings.Join(texts, "\n")
	}
	want := findings(func(*policy.Library) {})
	if n := strings.Count(want, "\n"); n < 5 {
		t.Fatalf("these targets are to have many findings, and have %d:\n%s", n, want)
	}
	for name, expected := range map[string]func([]string) []string{
		"nothing": func([]string) []string { return nil },
		"a part":  func(words []string) []string { return words[:len(words)/2] },
	} {
		if got := findings(func(l *policy.Library) { l.Expect(expected) }); got != want {
			t.Errorf("%s expected: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

// TestControllers holds the accounts that gitops/references-resolve takes to be in every cluster to those that the API server binds
// roles to.
func TestControllers(t *testing.T) {
	text, err := fs.ReadFile(policies.FS, "gitops/references_resolve/references_resolve.rego")
	if err != nil {
		t.Fatal(err)
	}
	module, err := ast.ParseModule("references_resolve.rego", string(text))
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, rule := range module.Rules {
		if rule.Head.Name != "_controllers" {
			continue
		}
		set, ok := rule.Head.Value.Value.(ast.Set)
		if !ok {
			t.Fatalf("_controllers is %v, no set", rule.Head.Value)
		}
		set.Foreach(func(term *ast.Term) { listed = append(listed, string(term.Value.(ast.String))) })
	}
	slices.Sort(listed)
	if want := bootstrap.ControllerAccounts(); !slices.Equal(listed, want) {
		t.Errorf("_controllers has\n%q, want\n%q", listed, want)
	}
}
