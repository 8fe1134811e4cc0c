package check_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// TestUnknown holds that nothing is said of a value that nobody knows, nor by comparison with one, and that what is said reads as it is
// written.
func TestUnknown(t *testing.T) {
	object := &manifest.Object{
		ID: manifest.ID{APIVersion: "apps/v1", Kind: "Deployment", Name: "xapp-1"},
		Value: map[string]any{"spec": map[string]any{
			"replicas": int64(1), "initContainers": []any{map[string]any{"name": "xother-2"}}, "ports": []any{map[string]any{"name": "xother-2"}},
		}},
		Unknown: []manifest.Path{{"metadata", "name"}, {"spec", "replicas"}},
	}
	plain := &manifest.Object{ID: manifest.ID{APIVersion: "v1", Kind: "Service", Name: "web"}, Value: map[string]any{}}
	labelled := &manifest.Object{ID: manifest.ID{APIVersion: "v1", Kind: "Pod", Name: "a"}, Value: map[string]any{}, Unknown: []manifest.Path{{"metadata", "labels", "app"}}}
	for name, c := range map[string]struct {
		origin  string
		scope   check.Scope
		objects []*manifest.Object
		path    manifest.Path
		message string
		with    bool
		want    string // the message; "" for nothing
	}{
		"another field":                 {"policy", check.Object, nil, manifest.Path{"spec", "paused"}, `Deployment "xapp-1" is paused`, false, `Deployment "${APP}" is paused`},
		"the field":                     {"policy", check.Object, nil, manifest.Path{"spec", "replicas"}, "too few", false, ""},
		"a field in it":                 {"admission", check.Object, nil, manifest.Path{"spec", "replicas", "a"}, "no number", false, ""},
		"that it is no field":           {"schema", check.Object, nil, manifest.Path{"spec", "replicas"}, `unknown field "replicas"`, false, `unknown field "replicas"`},
		"all of the object, refused":    {"admission", check.Object, nil, nil, "no quantity", false, ""},
		"held against the field":        {"policy", check.Overlay, nil, manifest.Path{"spec", "paused"}, "fewer", true, ""},
		"about another unknown":         {"policy", check.Object, nil, manifest.Path{"spec", "paused"}, "Service xother-2 has it", false, ""},
		"about a container":             {"policy", check.Object, nil, manifest.Path{"spec", "initContainers", 0, "a"}, "xother-2 has it", false, "${OTHER} has it"},
		"about a port":                  {"policy", check.Object, nil, manifest.Path{"spec", "ports", 0, "a"}, "xother-2 has it", false, ""},
		"a container beside another":    {"policy", check.Overlay, nil, manifest.Path{"spec", "initContainers", 0}, "xother-2 has it", false, ""},
		"what selects what is unknown":  {"policy", check.Overlay, []*manifest.Object{labelled}, manifest.Path{"spec", "paused"}, "nothing selects it", false, ""},
		"what one object says for sure": {"policy", check.Object, []*manifest.Object{labelled}, manifest.Path{"spec", "paused"}, "paused", false, "paused"},
	} {
		target := &check.Target{Path: "a", Objects: append([]*manifest.Object{object, plain}, c.objects...), StandIns: check.StandIns{"xapp-1": "${APP}", "xother-2": "${OTHER}"}}
		round := check.Begin([]*check.Check{{
			Name: "a/b", Severity: check.Error, Scope: c.scope, Origin: c.origin,
			Run: func(_ context.Context, pass *check.Pass) error {
				var with []check.Field
				if c.with {
					with = []check.Field{{Target: target, Object: object, Path: manifest.Path{"spec", "replicas"}}}
				}
				pass.Report(target, object, c.path, c.message, with...)
				return nil
			},
		}})
		round.Judge(t.Context(), target)
		findings, failed := round.Findings()
		var got []string
		for _, f := range findings {
			got = append(got, f.Message)
			if f.Object.Name != "${APP}" {
				t.Errorf("%s: it is about %s", name, f.Object)
			}
		}
		if strings.Join(got, "; ") != c.want || len(failed) > 0 {
			t.Errorf("%s: got %q, %v; want %q", name, got, failed, c.want)
		}
	}
}

// What has a name that nobody knows may be what is missing.
func TestMissingMayBeUnknown(t *testing.T) {
	object := &manifest.Object{ID: manifest.ID{APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: "a"}, Value: map[string]any{}}
	target := &check.Target{Path: "a", Objects: []*manifest.Object{object}, Makes: []check.Reference{{Kind: "Secret", Namespace: "*", Name: "*-tokens"}}}
	result, failed := check.Run(t.Context(), check.Plan{Targets: []*check.Target{target}, Checks: []*check.Check{{
		Name: "a/b", Severity: check.Error, Scope: check.Overlay, Origin: "policy",
		Run: func(_ context.Context, pass *check.Pass) error {
			for _, name := range []string{"web-tokens", "other"} {
				pass.ReportMissing(check.Field{Target: target, Object: object, Path: manifest.Path{"spec"}}, name, check.Reference{Kind: "Secret", Namespace: "shop", Name: name})
			}
			return nil
		},
	}}})
	var got []string
	for _, f := range result.Findings {
		got = append(got, f.Message)
	}
	if !slices.Equal(got, []string{"other"}) || len(failed) > 0 {
		t.Errorf("got %q, %v", got, failed)
	}
}
