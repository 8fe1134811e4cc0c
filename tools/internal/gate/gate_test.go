package gate

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"
	"weak"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
)

// tree is a repository of overlays over one base, and of the Applications that deploy them: one to a path that is none, all
// of a project that allows no ConfigMap.
func tree(t testing.TB, overlays ...string) *repo.Repo {
	t.Helper()
	files := fstest.MapFS{}
	add := func(name, text string) { files[name] = &fstest.MapFile{Data: []byte(text)} }
	add("base/kustomization.yaml", "resources: [config.yaml, service.yaml]\n")
	add("base/config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata: {a: b}\n")
	add("base/service.yaml", "apiVersion: v1\nkind: Service\nmetadata:\n  name: app\n  annotations:\n    kgate.dev/exempt: |\n"+
		"      - {check: service/selects-pods, reason: r, owner: o, expires: 2026-12-31}\nspec: {selector: {app: none}, ports: [{port: 80}], prots: 1}\n")
	add("argocd/project.yaml", "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: p, namespace: argocd}\n"+
		"spec: {sourceRepos: ['*'], destinations: [{name: '*', server: '*', namespace: '*'}], namespaceResourceWhitelist: [{group: '', kind: Service}]}\n")
	list := "resources:\n- project.yaml\n"
	for _, name := range append([]string{"gone"}, overlays...) {
		if name != "gone" {
			add("overlays/"+name+"/kustomization.yaml", "namespace: "+name+"\nresources: [../../base]\nlabels: [{pairs: {of: "+name+"}}]\n")
		}
		add("argocd/"+name+".yaml", fmt.Sprintf("apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: %s, namespace: argocd}\n"+
			"spec: {project: p, source: {repoURL: https://git.example/x, path: overlays/%[1]s}, destination: {name: in-cluster, namespace: %[1]s}}\n", name))
		list += "- " + name + ".yaml\n"
	}
	add("argocd/kustomization.yaml", list)
	return &repo.Repo{FS: files, Config: repo.Config{Targets: []string{"overlays/*", "argocd"}}}
}

func opened(t testing.TB, repository *repo.Repo, options Options) *Gate {
	t.Helper()
	options.Now = func() time.Time { return time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC) }
	g, err := Open(t.Context(), repository, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func ran(t testing.TB, g *Gate) report.Report {
	t.Helper()
	out, err := g.Run(t.Context())
	if err != nil || len(out.Errors) > 0 {
		t.Fatal(err, out.Errors)
	}
	return out
}

// What a run forgets changes nothing of what it says: findings between targets are placed as if everything had been kept.
func TestRunForgetsAndSaysTheSame(t *testing.T) {
	repository := tree(t, "dev", "prod")
	kept, forgotten := ran(t, opened(t, repository, Options{Whole: true})), ran(t, opened(t, repository, Options{}))
	for name, pair := range map[string][2]any{
		"findings": {kept.Findings, forgotten.Findings}, "exempted": {kept.Exempted, forgotten.Exempted}, "notes": {kept.Notes, forgotten.Notes},
		"omitted": {kept.Omitted, forgotten.Omitted}, "objects": {kept.Objects(), forgotten.Objects()},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: with everything kept\n%v\nand else\n%v", name, pair[0], pair[1])
		}
	}
	for i, target := range forgotten.Targets {
		if target.Objects != nil || len(kept.Targets[i].Objects) == 0 {
			t.Errorf("%s: %d objects are kept, and %d where all are to be", target.Path, len(target.Objects), len(kept.Targets[i].Objects))
		}
	}
	found := map[string]string{}
	for _, f := range forgotten.Findings {
		found[f.Check] = fmt.Sprintf("%s %v", f.Source, f.Targets())
	}
	for name, want := range map[string]string{
		"gitops/application-paths": "argocd/gone.yaml:4 [argocd]", "gitops/project-allows": "base/config.yaml:2 [overlays/dev overlays/prod]", "schema/valid": "base/service.yaml:8 [overlays/dev overlays/prod]",
	} {
		if found[name] != want {
			t.Errorf("%s at %s, want %s", name, found[name], want)
		}
	}
	if len(forgotten.Exempted) != 2 {
		t.Errorf("exempted %v", forgotten.Exempted)
	}
}

// Nothing of a target that was judged is reachable once the run has ended, though the report, the gate and its engines are.
func TestRunForgets(t *testing.T) {
	var overlays []string
	for i := range 8 {
		overlays = append(overlays, fmt.Sprint("o", i))
	}
	g := opened(t, tree(t, overlays...), Options{})
	var mu sync.Mutex
	var targets []weak.Pointer[check.Target]
	var objects int
	g.checks = append(g.checks, &check.Check{Name: "test/weak", Scope: check.Overlay, Run: func(_ context.Context, pass *check.Pass) error {
		mu.Lock()
		defer mu.Unlock()
		targets = append(targets, weak.Make(pass.Targets[0]))
		objects += len(pass.Targets[0].Objects)
		return nil
	}})
	out := ran(t, g)
	runtime.GC()
	runtime.GC() // what has a cleanup goes in the second
	held := 0
	for _, p := range targets {
		if p.Value() != nil {
			held++
		}
	}
	if len(targets) != 9 || held > 0 {
		t.Errorf("%d of %d targets are held", held, len(targets))
	}
	if out.Objects() != objects || len(out.Findings) == 0 {
		t.Errorf("%d objects, want %d; %d findings", out.Objects(), objects, len(out.Findings))
	}
	runtime.KeepAlive(g)
}

// A run that is interrupted begins no other target.
func TestRunEndsWithItsContext(t *testing.T) {
	var overlays []string
	for i := range 4 * atWork() {
		overlays = append(overlays, fmt.Sprint("o", i))
	}
	ctx, interrupt := context.WithCancel(t.Context())
	last := 0
	g := opened(t, tree(t, overlays...), Options{Progress: func(_ string, n int) {
		last = n
		interrupt()
	}})
	if _, err := g.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if last < 1 || last > atWork() {
		t.Errorf("%d targets were judged; at most %d were at work", last, atWork())
	}
}

// Whatever is long heeds the context: the walks through the repository, the rules, every stage of a run.
func TestEverythingEndsWithItsContext(t *testing.T) {
	repository := tree(t, "o1")
	g := opened(t, repository, Options{})
	ended, end := context.WithCancel(t.Context())
	end()
	for name, do := range map[string]func() error{
		"open":    func() error { _, err := Open(ended, repository, Options{}); return err },
		"engines": func() error { _, err := NewEngines(ended, nil); return err },
		"checks":  func() error { _, err := Checks(ended); return err },
		"targets": func() error { _, err := repository.Select(ended); return err },
		"roots":   func() error { _, err := repository.Roots(ended); return err },
		"render":  func() error { _, err := g.Render(ended, "o1"); return err },
		"run":     func() error { _, err := g.Run(ended); return err },
	} {
		if err := do(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Engines that gates share judge an object by the configuration of each.
func TestSharedEngines(t *testing.T) {
	engines, err := NewEngines(t.Context(), []string{"1.37"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := engines.Close(); err != nil {
			t.Error(err)
		}
	}()
	repository := tree(t, "dev")
	all := opened(t, repository, Options{Engines: engines})
	some := opened(t, repository, Options{Engines: engines, Targets: []string{"overlays/dev"}, Checks: []string{"schema"}})
	for _, test := range []struct {
		gate *Gate
		want bool
	}{{some, false}, {all, true}, {some, false}} {
		out := ran(t, test.gate)
		if found := len(ofCheck(out, "gitops/project-allows")) > 0; found != test.want || len(ofCheck(out, "schema/valid")) != 1 {
			t.Errorf("project-allows: %t, want %t; findings %v", found, test.want, out.Findings)
		}
	}
}

func ofCheck(out report.Report, name string) []check.Finding {
	var findings []check.Finding
	for _, f := range out.Findings {
		if f.Check == name {
			findings = append(findings, f)
		}
	}
	return findings
}

// Judge gives what was found before anything is exempt or put together.
func TestJudge(t *testing.T) {
	g := opened(t, tree(t, "dev"), Options{Checks: []string{"schema"}})
	target, err := g.Render(t.Context(), "overlays/dev")
	if err != nil {
		t.Fatal(err)
	}
	findings, failed := g.Judge(t.Context(), target)
	if len(findings) != 1 || failed != nil {
		t.Errorf("%v, %v", findings, failed)
	}
	if _, err := g.Render(t.Context(), "overlays/none"); !errors.As(err, new(*kustomization.Error)) {
		t.Errorf("got %v", err)
	}
}

// What an entry of a component does is asked of every target that lists the component.
func TestComponentOfSeveralTargets(t *testing.T) {
	const component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:\n" +
		"- target: {kind: ConfigMap}\n  patch: |\n    - {op: add, path: /data/a, value: b}\n" +
		"- target: {kind: Secret}\n  patch: |\n    - {op: add, path: /metadata/labels, value: {x: z}}\n" +
		"images:\n- {name: app, newTag: '2'}\n"
	config := func(name, value string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\ndata: {a: " + value + "}\n"
	}
	const pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: app, image: 'app:1'}]}\n"
	for _, test := range []struct {
		name      string
		dev, prod string
		more      map[string]string
		targets   []string
		want      []string
	}{
		{name: "each entry works somewhere", dev: config("d", "x") + pod, prod: config("p", "b") + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"},
		{name: "what works nowhere is one finding", dev: config("d", "b") + pod, prod: config("p", "b"), want: []string{
			"kustomize/no-effect c/kustomization.yaml:6 [overlays/dev overlays/prod]", "kustomize/patch-target c/kustomization.yaml:7 [overlays/dev overlays/prod]"}},
		{name: "a part of the targets", dev: config("d", "b"), prod: config("p", "x"), targets: []string{"overlays/dev"}},
		{name: "a root that no target reads", dev: config("d", "b") + pod, prod: config("p", "b"), more: map[string]string{
			"examples/kustomization.yaml": "resources: [o.yaml]\ncomponents: [../d]\n", "examples/o.yaml": config("e", "x"),
			"d/kustomization.yaml": "kind: Component\ncomponents: [../c]\n",
		}},
		{name: "a component of a base", dev: config("d", "b"), prod: config("p", "x"), targets: []string{"overlays/dev"}, more: map[string]string{
			"base/kustomization.yaml": "resources: [o.yaml]\ncomponents: [../c]\n", "base/o.yaml": config("e", "b"),
			"overlays/dev/kustomization.yaml":  "resources: [../../base]\n",
			"overlays/prod/kustomization.yaml": "resources: [../../base]\n",
		}, want: []string{"kustomize/image-used c/kustomization.yaml:11 [overlays/dev]", "kustomize/no-effect c/kustomization.yaml:6 [overlays/dev]", "kustomize/patch-target c/kustomization.yaml:7 [overlays/dev]"}},
		{name: "twice in one target", dev: config("d", "b"), prod: config("p", "x"), targets: []string{"overlays/dev"}, more: map[string]string{
			"overlays/dev/kustomization.yaml":     "resources: [one, two]\n",
			"overlays/dev/one/kustomization.yaml": "resources: [o.yaml]\ncomponents: [../../../c]\n", "overlays/dev/one/o.yaml": config("e", "b") + pod,
			"overlays/dev/two/kustomization.yaml": "resources: [o.yaml]\ncomponents: [../../../c]\n", "overlays/dev/two/o.yaml": config("f", "x"),
			"overlays/prod/kustomization.yaml": "resources: [o.yaml]\n",
		}, want: []string{"kustomize/patch-target c/kustomization.yaml:7 [overlays/dev]"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := fstest.MapFS{}
			add := func(name, text string) { files[name] = &fstest.MapFile{Data: []byte(text)} }
			add("c/kustomization.yaml", component)
			for name, objects := range map[string]string{"dev": test.dev, "prod": test.prod} {
				add("overlays/"+name+"/kustomization.yaml", "resources: [o.yaml]\ncomponents: [../../c]\n")
				add("overlays/"+name+"/o.yaml", objects)
			}
			for name, text := range test.more {
				add(name, text)
			}
			repository := &repo.Repo{FS: files, Config: repo.Config{Targets: []string{"overlays/*"}}}
			out := ran(t, opened(t, repository, Options{Checks: []string{"kustomize"}, Targets: test.targets}))
			var got []string
			for _, f := range out.Findings {
				got = append(got, fmt.Sprintf("%s %s %v", f.Check, f.Source, f.Targets()))
			}
			slices.Sort(got)
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(test.want, "\n     "))
			}
		})
	}
}
