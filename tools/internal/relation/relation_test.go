package relation

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Go and Rego read the same: what Go does not decode would be known to rules alone.
func TestKnown(t *testing.T) {
	known := Known()
	content, ok := Data()[Name].(map[string]any)
	if !ok || len(Data()) != 1 {
		t.Fatalf("data has %v", slices.Sorted(maps.Keys(Data())))
	}
	if n := reflect.TypeFor[Relations]().NumField(); len(content) != n {
		t.Errorf("%d parts are described, Go has %d", len(content), n)
	}
	if path, ok := known.Templates.Of("batch", "CronJob"); !ok || !slices.Equal(path, []string{"spec", "jobTemplate", "spec", "template"}) {
		t.Errorf("a CronJob has its template at %v, %t", path, ok)
	}
	if path, ok := known.Templates.Of("", "Pod"); !ok || len(path) != 0 {
		t.Errorf("a Pod is no template of its own: %v, %t", path, ok)
	}
	if _, ok := known.Templates.Of("apps", "Pod"); ok {
		t.Error("a kind of another group is known")
	}
	for _, id := range [][2]string{{"", "Pod"}, {"argoproj.io", "Rollout"}, {"serving.knative.dev", "Service"}, {"postgresql.cnpg.io", "Pooler"}} {
		if !known.MakesPods(id[0], id[1]) || known.MakesPods("example.com", id[1]) {
			t.Errorf("%s makes pods, and one of another group makes none", id)
		}
	}
	for group, kinds := range known.Scaled {
		for _, kind := range kinds {
			if _, ok := known.Templates.Of(group, kind); !ok {
				t.Errorf("%s %s has a number of pods and no template of them", group, kind)
			}
		}
	}
	for group, kinds := range known.Added {
		for kind, labels := range kinds {
			if _, ok := known.Templates.Of(group, kind); !ok || len(labels) == 0 {
				t.Errorf("%s %s adds %v to a template that it does not have", group, kind, labels)
			}
		}
	}
	for group, kinds := range known.References {
		for kind, references := range kinds {
			for _, r := range references {
				if r.Told != "" && r.Told != "target" && r.Told != "namespace" {
					t.Errorf("%s %s: nobody tells %q", group, kind, r.Told)
				}
				if len(r.Path) == 0 || r.Kind == "" || r.Verb == "" {
					t.Errorf("%s %s: a reference without path, kind or verb: %+v", group, kind, r)
				}
			}
		}
	}
	for group, kinds := range known.References {
		for kind, references := range kinds {
			for _, r := range references {
				if n := strings.Count(strings.Join(r.Path, "/"), Every); n > 2 || r.Cluster && (r.Anywhere || r.Namespace != "") {
					t.Errorf("%s %s: rules cannot follow %+v", group, kind, r)
				}
			}
		}
	}
	for group, kinds := range known.Selects {
		for kind, all := range kinds {
			for _, s := range all {
				if n := strings.Count(strings.Join(s.Path, "/"), Every); len(s.Path) == 0 || s.Verb == "" || n > 2 || s.Beside != "" && s.Namespaces != nil {
					t.Errorf("%s %s: rules cannot follow %+v", group, kind, s)
				}
			}
		}
	}
	if len(known.Given.Names) == 0 || len(known.Given.Prefixes) == 0 || !slices.Contains(known.Podless, "postgresql.cnpg.io") {
		t.Error("labels that are given, or groups without pods, are not known")
	}
	used := map[string]bool{}
	for group, kinds := range known.Selecting {
		for kind, names := range kinds {
			for _, name := range names {
				used[name] = true
				if known.Selectors[name] == nil {
					t.Errorf("%s %s has selectors %q, which are not described", group, kind, name)
				}
			}
		}
	}
	for name, selectors := range known.Selectors {
		for _, s := range selectors {
			if !used[name] || len(s.Fields) == 0 || s.Kind == "" || s.Name == "" || s.Verb == "" {
				t.Errorf("selectors %q: without use, fields, kind, name or verb: %+v", name, s)
			}
		}
	}
	for group, kinds := range known.Writes {
		for kind, made := range kinds {
			for _, w := range made {
				if w.Kind == "" || w.Name == "" && len(w.Path) == 0 {
					t.Errorf("%s %s: something made without kind or name: %+v", group, kind, w)
				}
			}
		}
	}
	for _, list := range [][]Source{known.Pod.Env, known.Pod.EnvFrom, known.Pod.Volumes, known.Pod.Projected} {
		if len(list) < 2 {
			t.Errorf("a list of a pod has the sources %v", list)
		}
		for _, s := range list {
			if s.Source == "" || s.Kind == "" || s.Name == "" {
				t.Errorf("a source without field, kind or name: %+v", s)
			}
		}
	}
}

func TestAdded(t *testing.T) {
	added, ok := Known().Added.Of("apps.openshift.io", "DeploymentConfig")
	if got := added.For("shop", "web"); !ok || len(got) != 1 || got["deploymentconfig"] != "web" {
		t.Errorf("got %v", got)
	}
}

func TestMade(t *testing.T) {
	made, ok := Known().Made.Of("opentelemetry.io", "OpenTelemetryCollector")
	if !ok {
		t.Fatal("a Collector makes no pods")
	}
	sets := made.For("shop", "{namespace}")
	if len(sets) != 2 || sets[0]["app.kubernetes.io/instance"] != "shop.{namespace}" || sets[0]["app.kubernetes.io/name"] != "{namespace}-collector" {
		t.Errorf("got %v", sets)
	}
	if again := made.For("", "b"); again[0]["app.kubernetes.io/instance"] != ".b" || made.Labels[0]["app.kubernetes.io/instance"] != "{namespace}.{name}" {
		t.Errorf("got %v of %v", again, made.Labels)
	}
}

func TestOf(t *testing.T) {
	service := Reference{Kind: "Service", Typed: "kind", Default: true, Grouped: "group", Unless: "clusterScope", Qualified: "@"}
	for _, c := range []struct {
		name   string
		beside map[string]any
		want   bool
	}{
		{"web", nil, true},
		{"web", map[string]any{"kind": "Service", "group": ""}, true},
		{"web", map[string]any{"kind": "Pool"}, false},
		{"web", map[string]any{"group": "example.com"}, false},
		{"web", map[string]any{"clusterScope": true}, false},
		{"web@file", nil, false},
	} {
		if got := service.Of(c.name, c.beside); got != c.want {
			t.Errorf("%s beside %v: %t", c.name, c.beside, got)
		}
	}
	if (Reference{Kind: "Service", Typed: "kind"}).Of("web", nil) {
		t.Error("a kind that is not said is none where there is no default")
	}
}

func TestNames(t *testing.T) {
	inject := Annotation{Begins: "instrumentation.opentelemetry.io/inject-"}
	for value, want := range map[string]string{"true": "", "False": "", "": "", "otel": "/otel", "ops/otel": "ops/otel"} {
		namespace, name, ok := inject.Names("instrumentation.opentelemetry.io/inject-java", value)
		if ok != (want != "") || ok && namespace+"/"+name != want {
			t.Errorf("%q names %s/%s, %t", value, namespace, name, ok)
		}
	}
	if _, _, ok := inject.Names("instrumentation.opentelemetry.io/container-names", "app"); ok {
		t.Error("another annotation names something")
	}
}
