package coverage

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// delivering is a repository of files, one a line. The deployers in it are written as what they deploy and a flow mapping
// of what they say besides.
func delivering(t *testing.T, lines string) *Deliveries {
	t.Helper()
	files := fstest.MapFS{}
	for _, line := range strings.Split(lines, "\n") {
		name, text, _ := strings.Cut(line, ": ")
		kind, rest, _ := strings.Cut(text, " ")
		path, more, _ := strings.Cut(rest, " ")
		switch kind {
		case "APPLICATION":
			text = fmt.Sprintf("apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\nspec:\n  destination: %s\n  source: {repoURL: https://git.example.com/a, path: %s}\n", cmp.Or(more, "{}"), path)
		case "PATCHED":
			text = fmt.Sprintf("apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\nspec:\n  destination: {namespace: other}\n  source: {repoURL: https://git.example.com/a, path: %s, kustomize: %s}\n", path, more)
		case "SET":
			text = fmt.Sprintf("apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: a}\nspec:\n  generators: [%s]\n  template:\n    spec:\n      destination: {namespace: 'w-{{path.basename}}{{env}}'}\n      source: {repoURL: https://git.example.com/a, path: '%s'}\n", more, path)
		case "FLUX":
			text = fmt.Sprintf("apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a}\nspec:\n  path: ./%s\n  sourceRef: {kind: GitRepository, name: a}\n%s", path, more)
		case "ROOT":
			text = "resources: []\n"
		}
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	found, err := FindDeliveries(t.Context(), &repo.Repo{FS: files}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// applicationOf is one of Argo CD's, of its spec's fields.
func applicationOf(t *testing.T, name, spec string) *manifest.Object {
	t.Helper()
	documents, err := manifest.ParseDocuments("a.yaml", []byte("apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: "+name+", namespace: argocd}\nspec:\n"+spec))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := documents[0].Objects()
	if err != nil {
		t.Fatal(err)
	}
	return objects[0]
}

// TestPlaces finds the namespaces to which a target is brought.
func TestPlaces(t *testing.T) {
	for name, c := range map[string]struct{ files, want string }{
		"nobody deploys it":            {"argocd/a.yaml: APPLICATION other {namespace: shop}\nother/kustomization.yaml: ROOT", ""},
		"an Application":               {"argocd/a.yaml: APPLICATION app {namespace: shop}", "shop at argocd/a.yaml:5"},
		"an Application of a path":     {"argocd/a.yaml: APPLICATION ./app/ {namespace: shop}", "shop at argocd/a.yaml:5"},
		"one that does not say":        {"argocd/a.yaml: APPLICATION app {server: x}", " at "},
		"no name of a namespace":       {"argocd/a.yaml: APPLICATION app {namespace: '{{a}}'}", " at "},
		"by Kustomize's options":       {"argocd/a.yaml: PATCHED app {namespace: shop}", "shop over all at argocd/a.yaml:6"},
		"Flux":                         {"clusters/a.yaml: FLUX app   targetNamespace: shop", "shop over all at clusters/a.yaml:7"},
		"Flux without a namespace":     {"clusters/a.yaml: FLUX app ", " at "},
		"Flux, above":                  {"clusters/a.yaml: FLUX apps \napps/a.yaml: FLUX app   targetNamespace: shop", "shop over all at apps/a.yaml:7"},
		"several, to one namespace":    {"a/a.yaml: APPLICATION app {namespace: shop}\na/b.yaml: APPLICATION app {namespace: shop}", "shop at a/a.yaml:5"},
		"several":                      {"a/a.yaml: APPLICATION app {namespace: shop}\na/b.yaml: APPLICATION app {namespace: other}", "shop at a/a.yaml:5, other at a/b.yaml:5"},
		"directories of a generator":   {"a/a.yaml: SET {{path}} {git: {directories: [{path: app}]}}", " at "}, // env is not said
		"elements of a list":           {"a/a.yaml: SET {{env}} {list: {elements: [{env: app, path.basename: x-}]}}", "w-x-app at a/a.yaml:8"},
		"to several namespaces":        {"a/a.yaml: SET app {list: {elements: [{env: dev, path.basename: x}, {env: prod, path.basename: x}]}}", "w-xdev at a/a.yaml:8, w-xprod at a/a.yaml:8"},
		"a directory and its elements": {"a/a.yaml: SET {{path}} {matrix: {generators: [{git: {directories: [{path: app}]}}, {list: {elements: [{env: dev}]}}]}}", "w-appdev at a/a.yaml:8"},
	} {
		t.Run(name, func(t *testing.T) {
			found := delivering(t, c.files+"\napp/kustomization.yaml: ROOT")
			var got []string
			for _, p := range found.Places("app") {
				over := ""
				if p.Overrides {
					over = " over all"
				}
				got = append(got, fmt.Sprintf("%s%s at %s", p.Namespace, over, p.Source))
			}
			if got := strings.Join(got, ", "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if want := strings.Contains(c.want, "over all"); found.Override() != want {
				t.Errorf("Override is %t, want %t", found.Override(), want)
			}
		})
	}
}

// TestApart tells clusters apart by what deploys two targets, or by where this lies.
func TestApart(t *testing.T) {
	const apart, same, unknown = "apart", "same", "unknown"
	for name, c := range map[string]struct{ files, want string }{
		"nobody deploys them":    {"x: y", unknown},
		"servers":                {"argocd/a.yaml: APPLICATION a {server: https://a}\nargocd/b.yaml: APPLICATION b {server: https://b}", apart},
		"one server":             {"argocd/a.yaml: APPLICATION a {server: https://a}\nargocd/b.yaml: APPLICATION b {server: https://a/}", same},
		"names":                  {"argocd/a.yaml: APPLICATION a {name: dev}\nargocd/b.yaml: APPLICATION b {name: prod}", apart},
		"a name and a server":    {"argocd/a.yaml: APPLICATION a {name: dev}\nargocd/b.yaml: APPLICATION b {server: https://b}", unknown},
		"the cluster of Argo CD": {"argocd/a.yaml: APPLICATION a {name: in-cluster}\nargocd/b.yaml: APPLICATION b {server: https://kubernetes.default.svc}", unknown},
		"beside that of Argo CD": {"argocd/a.yaml: APPLICATION a {name: in-cluster}\nargocd/b.yaml: APPLICATION b {server: https://b}", apart},
		"beside it, by name":     {"argocd/a.yaml: APPLICATION a {server: 'https://kubernetes.default.svc:443/'}\nargocd/b.yaml: APPLICATION b {name: prod}", apart},
		"both there and elsewhere": {"argocd/a.yaml: APPLICATION a {name: in-cluster}\nargocd/b.yaml: APPLICATION b {name: in-cluster}\n" +
			"argocd/c.yaml: APPLICATION a {server: https://a}\nargocd/d.yaml: APPLICATION b {server: https://b}", unknown},
		"one of a spoke and the hub's": {"argocd/s.yaml: APPLICATION spoke {server: https://b}\nspoke/kustomization.yaml: ROOT\nspoke/a.yaml: APPLICATION a {name: in-cluster}\n" +
			"argocd/b.yaml: APPLICATION b {server: https://b}", same},
		"of some spoke, and the hub's": {"argocd/s.yaml: APPLICATION spoke {server: '{{server}}'}\nspoke/a.yaml: APPLICATION a {name: in-cluster}\n" +
			"argocd/b.yaml: APPLICATION b {server: https://b}", unknown},
		"both of some spoke": {"argocd/s.yaml: APPLICATION spoke {server: '{{server}}'}\nspoke/a.yaml: APPLICATION a {name: in-cluster}\n" +
			"spoke/b.yaml: APPLICATION b {name: in-cluster}", unknown},
		"one that is filled in": {"clusters/hub/a.yaml: APPLICATION a {server: '{{server}}'}\nclusters/prod/b.yaml: APPLICATION b {name: in-cluster}", unknown},
		"filled in and known": {"argocd/a.yaml: APPLICATION a {server: '{{server}}'}\nargocd/c.yaml: APPLICATION a {server: https://a}\n" +
			"argocd/b.yaml: APPLICATION b {server: https://b}", unknown},
		"one in both":                 {"argocd/a.yaml: APPLICATION a {name: dev}\nargocd/b.yaml: APPLICATION b {name: prod}\nargocd/c.yaml: APPLICATION a {name: prod}", same},
		"a cluster of which is known": {"argocd/a.yaml: APPLICATION a {name: dev}", unknown},
		"by access to it":             {"f/a.yaml: FLUX a   kubeConfig: {secretRef: {name: dev}}\nf/b.yaml: FLUX b   kubeConfig: {secretRef: {name: prod}}", apart},
		"directories of clusters":     {"clusters/dev/a.yaml: FLUX a \nclusters/prod/b.yaml: FLUX b ", apart},
		"one directory of a cluster":  {"clusters/dev/a.yaml: FLUX a \nclusters/dev/b.yaml: FLUX b ", same},
		"what clusters share":         {"clusters/base/a.yaml: FLUX a \nclusters/prod/b.yaml: FLUX b ", unknown},
		"each its own Argo CD":        {"clusters/dev/a.yaml: APPLICATION a {name: in-cluster}\nclusters/prod/b.yaml: APPLICATION b {name: in-cluster}", apart},
		"what deploys itself":         {"sites/dev/sync/s.yaml: FLUX sites/dev \nsites/dev/a.yaml: FLUX a \nsites/prod/sync/s.yaml: FLUX sites/prod \nsites/prod/b.yaml: FLUX b ", apart},
		"by way of another":           {"clusters/dev/a.yaml: FLUX apps/dev \nclusters/prod/b.yaml: FLUX apps/prod \napps/dev/a.yaml: FLUX a \napps/prod/b.yaml: FLUX b ", apart},
		"in a circle":                 {"a/a.yaml: FLUX b \nb/a.yaml: FLUX a ", unknown},
	} {
		t.Run(name, func(t *testing.T) {
			found := delivering(t, c.files+"\na/kustomization.yaml: ROOT\nb/kustomization.yaml: ROOT")
			for _, pair := range [][2]string{{"a", "b"}, {"b", "a"}} {
				isApart, told := found.Apart(pair[0], pair[1])
				got := map[[2]bool]string{{true, true}: apart, {false, true}: same, {false, false}: unknown}[[2]bool{isApart, told}]
				if got != c.want {
					t.Errorf("%v: got %s, want %s", pair, got, c.want)
				}
			}
		})
	}
}

// TestApartByTrees tells clusters apart that each have an Argo CD of their own: all call theirs in-cluster.
func TestApartByTrees(t *testing.T) {
	application := func(name, path string) *manifest.Object {
		return applicationOf(t, name, "  destination: {name: in-cluster}\n  source: {repoURL: https://git.example.com/a, path: "+path+"}\n")
	}
	tree := func(path string, layers []string, objects ...*manifest.Object) *check.Target {
		return &check.Target{
			Path: path, Objects: objects, Reading: check.Reading{Layers: layers},
			Locate: func(*manifest.Object, manifest.Path) manifest.Origin { return manifest.Origin{} },
		}
	}
	files := fstest.MapFS{}
	for _, dir := range []string{"a", "b", "argocd/dev", "argocd/prod"} {
		files[dir+"/kustomization.yaml"] = &fstest.MapFile{Data: []byte("resources: []\n")}
	}
	for name, c := range map[string]struct {
		trees       []*check.Target
		apart, told bool
	}{
		"a name in both":    {[]*check.Target{tree("argocd/dev", nil, application("web", "a")), tree("argocd/prod", nil, application("web", "b"))}, true, true},
		"other names":       {[]*check.Target{tree("argocd/dev", nil, application("dev", "a")), tree("argocd/prod", nil, application("prod", "b"))}, false, false},
		"one is of another": {[]*check.Target{tree("argocd/dev", nil, application("web", "a")), tree("argocd/prod", []string{"argocd/dev"}, application("web", "b"))}, false, false},
		"one tree of two": {[]*check.Target{
			tree("argocd/dev", nil, application("web", "a"), application("logs", "b")), tree("argocd/prod", nil, application("web", "c")),
		}, false, true},
		"a tree that another one has deployed": {[]*check.Target{
			tree("argocd/dev", nil, application("web", "a"), application("of-prod", "argocd/prod")), tree("argocd/prod", nil, application("logs", "b")),
		}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := FindDeliveries(t.Context(), &repo.Repo{FS: files}, c.trees)
			if err != nil {
				t.Fatal(err)
			}
			if apart, told := found.Apart("a", "b"); apart != c.apart || told != c.told {
				t.Errorf("apart %t, told %t; want %t, %t", apart, told, c.apart, c.told)
			}
		})
	}
}

// TestDeployersOfCharts tells who brings the charts of an Application, which are a target that no directory is.
func TestDeployersOfCharts(t *testing.T) {
	d := delivering(t, "a/a.yaml: APPLICATION other")
	web := applicationOf(t, "web", "  destination: {namespace: shop}\n  source: {chart: web}\n  syncPolicy: {automated: {prune: true}, syncOptions: [ServerSideApply=true]}\n")
	d.Add("a:web", Application{Object: web, Sources: []ApplicationSource{{Type: "helm", Field: manifest.Path{"spec", "source"}}}, Locate: func(manifest.Path) manifest.Position { return manifest.Position{} }})
	want := check.Deployer{Name: `Application "web"`, Prunes: true, ServerSide: true, Argo: true}
	for _, namespace := range []string{"", "shop"} {
		if got := d.DeployersIn("a:web", namespace, false); len(got) != 1 || got[0] != want {
			t.Errorf("in namespace %q: got %+v, want %+v", namespace, got, want)
		}
	}
	if places := d.Places("a:web"); len(places) != 1 || places[0].Namespace != "shop" {
		t.Errorf("it is brought to %+v", places)
	}
	if got := d.Leaving("a:web", "shop", delivering(t, "a/a.yaml: APPLICATION other")); len(got) != 0 {
		t.Errorf("without a finalizer %+v deletes", got)
	}
}

// TestDeployersThatKeep tells what a sync leaves as the cluster has it: what it ignores and respects, but nothing of a list.
func TestDeployersThatKeep(t *testing.T) {
	object := applicationOf(t, "web", "")
	for name, c := range map[string]struct {
		syncOptions string
		want        bool
	}{
		"respected": {"RespectIgnoreDifferences=true", true},
		"ignored":   {"ServerSideApply=true", false},
	} {
		t.Run(name, func(t *testing.T) {
			d := delivering(t, "a/a.yaml: APPLICATION other")
			web := applicationOf(t, "web", "  destination: {namespace: shop}\n  source: {chart: web}\n  syncPolicy: {automated: {}, syncOptions: ["+c.syncOptions+"]}\n"+
				"  ignoreDifferences: [{group: argoproj.io, kind: Application, jsonPointers: [/spec/replicas, /spec/list/0]}]\n")
			d.Add("a:web", Application{Object: web, Sources: []ApplicationSource{{Type: "helm", Field: manifest.Path{"spec", "source"}}}, Locate: func(manifest.Path) manifest.Position { return manifest.Position{} }})
			got := d.DeployersIn("a:web", "", false)
			if len(got) != 1 || got[0].Keeps.Has(object, manifest.Path{"spec", "replicas"}) != c.want {
				t.Errorf("got %+v", got)
			}
			if len(got) == 1 && (got[0].Keeps.Has(object, manifest.Path{"spec", "list", 0}) || got[0].Keeps.Has(object, manifest.Path{"spec"})) {
				t.Error("it keeps more than it says")
			}
		})
	}
}

// TestDeployers tells who deletes what a target has no longer.
func TestDeployers(t *testing.T) {
	application := func(policy string) string {
		return "a/a.yaml: {apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: a}, spec: {syncPolicy: {" + policy + "}, source: {repoURL: https://git.example.com/a, path: app}}}"
	}
	set := func(rest string) string {
		return "a/a.yaml: {apiVersion: argoproj.io/v1alpha1, kind: ApplicationSet, metadata: {name: a}, spec: {generators: [{list: {elements: [{env: dev}]}}], " + rest +
			"template: {spec: {syncPolicy: {automated: {prune: true}}, source: {repoURL: https://git.example.com/a, path: app}}}}}"
	}
	of := func(object, revision string) string {
		return strings.Replace(object, "path: app", "path: app, targetRevision: "+revision, 1)
	}
	for name, c := range map[string]struct{ files, want string }{
		"nobody":                       {"a/a.yaml: APPLICATION other", ""},
		"by hand":                      {application(""), `Application "a"`},
		"automated":                    {application("automated: {}"), `Application "a"`},
		"of a tag":                     {of(application("automated: {prune: true}"), "v1.0.0"), `Application "a" prunes, reads no commit`},
		"of a branch":                  {of(application("automated: {prune: true}"), "main"), `Application "a" prunes`},
		"a set of a tag":               {of(set(""), "v1.0.0"), `ApplicationSet "a" prunes, reads no commit`},
		"a set of a tag by element":    {of(strings.Replace(set(""), "env: dev", "env: v1.0.0", 1), "'{{env}}'"), `ApplicationSet "a" prunes, reads no commit`},
		"pruning":                      {application("automated: {prune: true}"), `Application "a" prunes`},
		"switched off":                 {application("automated: {prune: true, enabled: false}"), `Application "a"`},
		"by an option":                 {application("automated: {prune: true}, syncOptions: [Prune=false]"), `Application "a"`},
		"server-side":                  {application("syncOptions: [ServerSideApply=true]"), `Application "a" server-side`},
		"a set":                        {set(""), `ApplicationSet "a" prunes`},
		"a set that may say otherwise": {set("templatePatch: x, "), ""},
		"Flux":                         {"a/a.yaml: FLUX app   prune: true", `Flux Kustomization "a" prunes`},
		"Flux that keeps":              {"a/a.yaml: FLUX app   prune: false", `Flux Kustomization "a"`},
		"Flux that forces":             {"a/a.yaml: FLUX app   force: true", `Flux Kustomization "a" forces`},
		"two":                          {application("automated: {prune: true}") + "\na/b.yaml: FLUX app ", `Application "a" prunes, Flux Kustomization "a"`},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, d := range delivering(t, c.files+"\napp/kustomization.yaml: ROOT").Deployers("app") {
				said := d.Name
				if d.Prunes {
					said += " prunes"
				}
				if d.Stays {
					said += ", reads no commit"
				}
				if d.Forces {
					said += " forces"
				}
				if d.ServerSide && d.Argo {
					said += " server-side"
				}
				if d.ServerSide == d.Argo && !d.Argo {
					t.Errorf("%s applies client-side and is not Argo CD", d.Name)
				}
				got = append(got, said)
			}
			if got := strings.Join(got, ", "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
