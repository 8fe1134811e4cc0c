package architecture

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kgate-dev/gitops/policies"
	"github.com/kgate-dev/gitops/tools/internal/admission"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/exemption"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/mesh"
	"github.com/kgate-dev/gitops/tools/internal/policy"
	"github.com/kgate-dev/gitops/tools/internal/provenance"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/schema"
	"github.com/kgate-dev/gitops/tools/internal/telemetry"
)

// TestChecksLeaveTheirInput makes every check alone, of this repository and of the objects in the examples that checks find
// something in, and looks whether it changed what it was shown. All engines read the same objects, at the same time.
func TestChecksLeaveTheirInput(t *testing.T) {
	repository, err := repo.Open(top)
	if err != nil {
		t.Fatal(err)
	}
	selection, err := repository.Select(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	renderer := kustomization.New(repository.FS, strings.NewReader(""))
	var targets []*check.Target
	for _, name := range selection.Targets {
		result, err := renderer.Render(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		target := &check.Target{
			Path: result.Path, Environment: repository.Config.Environment(result.Path), Objects: result.Objects,
			Locate:  provenance.New(result, nil).Locate,
			Reading: check.Reading{Files: result.Read, Layers: result.Layers(), Unchanged: result.Unchanged()},
		}
		for _, fault := range result.Faults {
			target.Faults = append(target.Faults, check.Fault(fault))
		}
		targets = append(targets, target)
	}
	checks := everyCheck(t, repository)
	for _, c := range checks {
		if objects := exampleOf(t, c); objects != nil {
			targets = append(targets, &check.Target{Path: "example/" + c.Name, Objects: objects})
		}
	}
	plan := check.Plan{Targets: targets, Now: time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC), Exemptions: repository.Config.Exemptions}
	for _, target := range targets {
		plan.All = append(plan.All, target.Path)
	}
	before := copied(targets)
	found := 0
	for _, c := range checks {
		plan.Checks = []*check.Check{c}
		result, failures := check.Run(t.Context(), plan)
		if len(failures) > 0 {
			t.Fatalf("%s: %v", c.Name, failures)
		}
		if len(result.Findings) > 0 {
			found++
		}
		if changed := difference(before, targets); changed != "" {
			t.Errorf("%s changed %s: let it work on a copy of what it changes", c.Name, changed)
			before = copied(targets)
		}
	}
	if found < 60 {
		t.Errorf("only %d checks found something: were they made?", found)
	}
}

func everyCheck(t *testing.T, repository *repo.Repo) []*check.Check {
	t.Helper()
	library, err := policy.Load(t.Context(), policy.Source{Name: "policies", FS: policies.FS, Verified: true})
	if err != nil {
		t.Fatal(err)
	}
	validator, err := schema.New(schema.Versions())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := validator.Close(); err != nil {
			t.Error(err)
		}
	})
	kinds := definition.New()
	server := admission.New(kinds)
	return slices.Concat(kustomization.Checks(), schema.Checks(validator, kinds, admission.Removal, server.Note, schema.Unknown{Severity: check.Error}), admission.Checks(server),
		library.Checks(policy.Facts{}), telemetry.Checks(), mesh.Checks(), coverage.Checks(repository), exemption.Checks())
}

// exampleOf are the objects of the example that a check finds something in; those of kustomizations as they are written.
func exampleOf(t *testing.T, c *check.Check) []*manifest.Object {
	t.Helper()
	var objects []*manifest.Object
	for _, file := range check.ExampleFiles(c.Bad) {
		if base := path.Base(file.Name); base == repo.ConfigFile || repo.IsKustomizationFile(base) || !repo.IsManifestFile(base) {
			continue
		}
		documents, err := manifest.ParseDocuments(file.Name, []byte(file.Text))
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		for _, d := range documents {
			if !repo.IsObject(d) {
				continue
			}
			found, err := d.Objects()
			if err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			objects = append(objects, found...)
		}
	}
	return objects
}

// copied are targets with objects and faults of their own.
func copied(targets []*check.Target) []*check.Target {
	var out []*check.Target
	for _, target := range targets {
		own := *target
		own.Objects = nil
		for _, o := range target.Objects {
			own.Objects = append(own.Objects, &manifest.Object{ID: o.ID, Source: o.Source, Value: runtime.DeepCopyJSON(o.Value), JSON: bytes.Clone(o.JSON)})
		}
		own.Faults = slices.Clone(target.Faults)
		own.Reading = check.Reading{
			Files: slices.Clone(target.Reading.Files), Layers: slices.Clone(target.Reading.Layers), Unchanged: slices.Clone(target.Reading.Unchanged),
		}
		out = append(out, &own)
	}
	return out
}

// difference names the first thing that is not as it was, or nothing.
func difference(before, after []*check.Target) string {
	for i, was := range before {
		is := after[i]
		if len(is.Objects) != len(was.Objects) {
			return fmt.Sprintf("the list of objects of %s", was.Path)
		}
		for k, object := range was.Objects {
			now := is.Objects[k]
			switch {
			case now.ID != object.ID || now.Source != object.Source:
				return fmt.Sprintf("%s of %s, which is %s now", object.ID, was.Path, now.ID)
			case !bytes.Equal(now.JSON, object.JSON):
				return fmt.Sprintf("the JSON of %s of %s", object.ID, was.Path)
			}
			if at := differs(object.Value, now.Value, nil); at != nil {
				return fmt.Sprintf("%s of %s of %s", at, object.ID, was.Path)
			}
		}
		if is.Path != was.Path || is.Environment != was.Environment || !slices.Equal(is.Faults, was.Faults) || !reflect.DeepEqual(is.Reading, was.Reading) {
			return fmt.Sprintf("the target %s", was.Path)
		}
	}
	return ""
}

// differs is the path to the first value that is another one, of the same keys in the same order; nil if there is none.
func differs(a, b any, at manifest.Path) manifest.Path {
	if reflect.DeepEqual(a, b) {
		return nil
	}
	switch a := a.(type) {
	case map[string]any:
		if b, ok := b.(map[string]any); ok && len(a) == len(b) {
			for _, key := range slices.Sorted(maps.Keys(a)) {
				if found := differs(a[key], b[key], append(slices.Clone(at), key)); found != nil {
					return found
				}
			}
		}
	case []any:
		if b, ok := b.([]any); ok && len(a) == len(b) {
			for i := range a {
				if found := differs(a[i], b[i], append(slices.Clone(at), i)); found != nil {
					return found
				}
			}
		}
	}
	if at == nil {
		return manifest.Path{"everything"}
	}
	return at
}

// TestDifference holds that the test above would see a change.
func TestDifference(t *testing.T) {
	object := func() *manifest.Object {
		o, err := manifest.Decode([]byte(`{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "ports": [{"containerPort": 80}]}]}}`))
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	container := func(o *manifest.Object) map[string]any {
		list, ok := o.Value["spec"].(map[string]any)["containers"].([]any)
		if !ok {
			t.Fatal("no containers")
		}
		return list[0].(map[string]any)
	}
	for name, test := range map[string]struct {
		change func(*check.Target)
		want   string
	}{
		"nothing":    {func(*check.Target) {}, ""},
		"a field":    {func(t *check.Target) { container(t.Objects[0])["name"] = "d" }, "spec.containers[0].name of Pod a of t"},
		"a default":  {func(t *check.Target) { container(t.Objects[0])["image"] = "a" }, "spec.containers[0] of Pod a of t"},
		"an item":    {func(t *check.Target) { container(t.Objects[0])["ports"] = []any{} }, "spec.containers[0].ports of Pod a of t"},
		"the order":  {func(t *check.Target) { t.Objects[0], t.Objects[1] = t.Objects[1], t.Objects[0] }, "Pod a of t, which is Pod b now"},
		"an object":  {func(t *check.Target) { t.Objects = t.Objects[:1] }, "the list of objects of t"},
		"the text":   {func(t *check.Target) { t.Objects[0].JSON[0] = '[' }, "the JSON of Pod a of t"},
		"the target": {func(t *check.Target) { t.Reading.Files[0] = "z" }, "the target t"},
	} {
		t.Run(name, func(t *testing.T) {
			second := object()
			second.Name = "b"
			target := &check.Target{Path: "t", Objects: []*manifest.Object{object(), second}, Reading: check.Reading{Files: []string{"a"}}}
			before := copied([]*check.Target{target})
			test.change(target)
			if got := difference(before, []*check.Target{target}); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
