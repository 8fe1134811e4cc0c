package twin

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kgate-dev/gitops/tools/internal/changeset"
	"github.com/kgate-dev/gitops/tools/internal/renaming"
)

// repository is one with a service and two environments, of which one is promoted from the other.
func repository() Files {
	tree := fstest.MapFS{}
	for name, text := range map[string]string{
		"kgate.yaml": "environments:\n  - name: staging\n    targets: [overlays/staging, 'overlays/staging/*']\n  # The last.\n  - name: prod\n    targets: [overlays/prod]\n    promotion: {from: staging}\n" +
			"external:\n  - kind: Secret\n    namespace: shop\n    name: shop-db\n    provider: whoever runs shop\nexemptions:\n  - check: pod/spread\n    object: {kind: Deployment, name: shop}\n    targets: [overlays/staging]\n    reason: One pod is enough",
		"base/shop/kustomization.yaml":                 "resources: [deployment.yaml, service.yaml]\n",
		"base/shop/deployment.yaml":                    "kind: Deployment\nmetadata: {name: shop}\n",
		"base/shop/service.yaml":                       "apiVersion: kgate/v1\nkind: Service\nmetadata:\n  name: shop\nspec:\n  ports:\n    http: 8080\n    metrics: 9090\n",
		"base/shop/shop.json":                          "{\"uid\": \"shop\"}\n",
		"overlays/staging/kustomization.yaml":          "resources:\n- shop\n- platform\n",
		"overlays/staging/shop/kustomization.yaml":     "resources:\n- ../../../base/shop\nimages:\n- name: app\n  newName: ghcr.io/acme/shop\n  newTag: 1.0.0\n# The canary.\n- digest: sha256:00\n  name: app-canary\n  newName: ghcr.io/acme/shop\npatches: []\n",
		"overlays/staging/platform/kustomization.yaml": "resources:\n- ../../../base/platform\n",
		"overlays/staging/cluster.yaml":                "cluster: staging\n",
		"overlays/prod/kustomization.yaml":             "resources:\n- shop",
		"overlays/prod/shop/kustomization.yaml":        "resources:\n- ../../../base/shop\nimages:\n- name: app\n  newTag: 1.0.0\n",
		"argocd/kustomization.yaml":                    "replacements:\n- source: {name: staging-shop}\n  targets: [{select: {name: staging-shop}}]\nresources:\n- application-staging-shop.yaml\n- application-prod-shop.yaml\n- project.yaml\npatches:\n- target: {labelSelector: environment in (staging)}\n",
		"argocd/application-staging-shop.yaml":         "metadata: {name: staging-shop}\n",
		"argocd/application-prod-shop.yaml":            "metadata: {name: prod-shop}\n",
		"argocd/project.yaml":                          "spec:\n  destinations: [{name: staging, namespace: shop}, {name: prod, namespace: \"shop\"}] # both\n  windows:\n  - applications:\n    - staging-*\n    clusters: [staging]\n",
		"testdata/shop/kustomization.yaml":             "resources: []\n",
		"docs/shop.yaml":                               "- shop\n",
	} {
		tree[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	files := Files{FS: tree, Root: func(name string) bool { return name == "kustomization.yaml" }, Wired: []string{"kgate.yaml"}}
	for name := range tree {
		files.Listed = append(files.Listed, name)
	}
	slices.Sort(files.Listed)
	return files
}

// written is what a set has, a text after the other.
func written(t *testing.T, made *Made) string {
	t.Helper()
	var b strings.Builder
	for _, name := range made.Set.Written() {
		text, _ := made.Set.Text(name)
		b.WriteString("== " + name + "\n" + strings.TrimSuffix(string(text), "\n") + "\n")
	}
	return b.String()
}

func TestEnvironment(t *testing.T) {
	made, err := Make(repository(), Wish{Like: renaming.Name{Kind: renaming.Environment, Old: "staging", New: "qa"}})
	if err != nil {
		t.Fatal(err)
	}
	want := `== argocd/application-qa-shop.yaml
metadata: {name: qa-shop}
== argocd/kustomization.yaml
replacements:
- source: {name: staging-shop}
  targets: [{select: {name: staging-shop}}]
- source: {name: qa-shop}
  targets: [{select: {name: qa-shop}}]
resources:
- application-staging-shop.yaml
- application-qa-shop.yaml
- application-prod-shop.yaml
- project.yaml
patches:
- target: {labelSelector: environment in (staging)}
== argocd/project.yaml
spec:
  destinations: [{name: staging, namespace: shop}, {name: qa, namespace: shop}, {name: prod, namespace: "shop"}] # both
  windows:
  - applications:
    - staging-*
    - qa-*
    clusters: [staging, qa]
== kgate.yaml
environments:
  - name: staging
    targets: [overlays/staging, 'overlays/staging/*']
  - name: qa
    targets: [overlays/qa, 'overlays/qa/*']
  # The last.
  - name: prod
    targets: [overlays/prod]
    promotion: {from: staging}
external:
  - kind: Secret
    namespace: shop
    name: shop-db
    provider: whoever runs shop
exemptions:
  - check: pod/spread
    object: {kind: Deployment, name: shop}
    targets: [overlays/staging, overlays/qa]
    reason: One pod is enough
== overlays/qa/cluster.yaml
cluster: qa
== overlays/qa/kustomization.yaml
resources:
- shop
- platform
== overlays/qa/platform/kustomization.yaml
resources:
- ../../../base/platform
== overlays/qa/shop/kustomization.yaml
resources:
- ../../../base/shop
images:
- name: app
  newName: ghcr.io/acme/shop
  newTag: 1.0.0
# The canary.
- digest: sha256:00
  name: app-canary
  newName: ghcr.io/acme/shop
patches: []
`
	if got := written(t, made); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if want := []Mention{{"argocd/kustomization.yaml", 9, 12}, {"kgate.yaml", 7, 9}}; !slices.Equal(made.Mentions, want) {
		t.Errorf("further mentions: %v, want %v", made.Mentions, want)
	}
	if made.Copied["overlays/qa/cluster.yaml"] != "overlays/staging/cluster.yaml" || len(made.Copied) != 5 || len(made.Wired) != 3 {
		t.Errorf("copied %v, wired %v", made.Copied, made.Wired)
	}
}

func TestRegion(t *testing.T) {
	made, err := Make(repository(), Wish{Like: renaming.Name{Kind: renaming.Environment, Old: "staging", New: "staging-eu"}, Thin: true})
	if err != nil {
		t.Fatal(err)
	}
	const head = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- "
	for name, want := range map[string]string{
		"overlays/staging-eu/kustomization.yaml":          "resources:\n- shop\n- platform\n",
		"overlays/staging-eu/cluster.yaml":                "cluster: staging-eu\n",
		"overlays/staging-eu/shop/kustomization.yaml":     head + "../../staging/shop\n",
		"overlays/staging-eu/platform/kustomization.yaml": head + "../../staging/platform\n",
	} {
		if got, _ := made.Set.Text(name); string(got) != want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, want)
		}
	}
	files := repository()
	files.Listed = slices.DeleteFunc(files.Listed, func(name string) bool { return strings.HasPrefix(name, "overlays/prod/shop/") })
	if made, err = Make(files, Wish{Like: renaming.Name{Kind: renaming.Environment, Old: "prod", New: "prod-eu"}, Thin: true}); err != nil {
		t.Fatal(err)
	}
	if got, _ := made.Set.Text("overlays/prod-eu/kustomization.yaml"); string(got) != head+"../prod\n" {
		t.Errorf("of an environment without parts:\n%s", got)
	}
}

// What a glob of the list matches already needs no entry.
func TestCovered(t *testing.T) {
	for _, test := range []struct{ list, like, name, want string }{
		{"[prod-*]", "prod", "prod-eu", "[prod-*]"},
		{"[prod, prod-*]", "prod", "prod-eu", "[prod, prod-*]"},
		{"\n- 'prod*'\n- dev", "prod", "prod-eu", "\n- 'prod*'\n- dev"},
		{"[overlays/*, overlays/prod]", "prod", "qa", "[overlays/*, overlays/prod]"},
		{"[prod-*]", "prod", "qa", "[prod-*, qa-*]"},
		{"[prod]", "prod", "prod-eu", "[prod, prod-eu]"},
		{"[overlays/prod, overlays/prod/*]", "prod", "prod-eu", "[overlays/prod, overlays/prod-eu, overlays/prod/*, overlays/prod-eu/*]"},
		{"\n- 'prod-?'\n- prod", "prod", "prod-e", "\n- 'prod-?'\n- 'prod-e-?'\n- prod\n- prod-e"},
		{"[{name: prod-*}]", "prod", "prod-eu", "[{name: prod-*}, {name: prod-eu-*}]"},
	} {
		files := repository()
		put(&files, "argocd/project.yaml", "applications: "+test.list+"\n")
		made, err := Make(files, Wish{Like: renaming.Name{Kind: renaming.Environment, Old: test.like, New: test.name}})
		if err != nil {
			t.Errorf("%s: %v", test.list, err)
			continue
		}
		want := "applications: " + test.want + "\n"
		if got, changed := made.Set.Text("argocd/project.yaml"); changed && string(got) != want || !changed && test.list != test.want {
			t.Errorf("%s of %s: %q, want %q", test.name, test.list, got, want)
		}
	}
}

func TestService(t *testing.T) {
	files := repository()
	made, err := Make(files, Wish{Like: renaming.Name{Kind: renaming.Service, Old: "shop", New: "till"}, Without: []string{"prod"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := made.SetImage(files, Image{Name: "registry.example.com:5000/till", Tag: "1.10", Digest: "sha256:01"}, nil); err != nil {
		t.Fatal(err)
	}
	for name, port := range map[string]int{"http": 9000, "metrics": 9001} {
		if _, err := made.SetPort("kgate", name, port); err != nil {
			t.Fatal(err)
		}
	}
	want := `== argocd/application-staging-till.yaml
metadata: {name: staging-till}
== argocd/kustomization.yaml
replacements:
- source: {name: staging-shop}
  targets: [{select: {name: staging-shop}}]
- source: {name: staging-till}
  targets: [{select: {name: staging-till}}]
resources:
- application-staging-shop.yaml
- application-staging-till.yaml
- application-prod-shop.yaml
- project.yaml
patches:
- target: {labelSelector: environment in (staging)}
== argocd/project.yaml
spec:
  destinations: [{name: staging, namespace: shop}, {name: staging, namespace: till}, {name: prod, namespace: "shop"}] # both
  windows:
  - applications:
    - staging-*
    clusters: [staging]
== base/till/deployment.yaml
kind: Deployment
metadata: {name: till}
== base/till/kustomization.yaml
resources: [deployment.yaml, service.yaml]
== base/till/service.yaml
apiVersion: kgate/v1
kind: Service
metadata:
  name: till
spec:
  ports:
    http: 9000
    metrics: 9001
== base/till/till.json
{"uid": "till"}
== kgate.yaml
environments:
  - name: staging
    targets: [overlays/staging, 'overlays/staging/*']
  # The last.
  - name: prod
    targets: [overlays/prod]
    promotion: {from: staging}
external:
  - kind: Secret
    namespace: shop
    name: shop-db
    provider: whoever runs shop
  - kind: Secret
    namespace: till
    name: till-db
    provider: whoever runs till
exemptions:
  - check: pod/spread
    object: {kind: Deployment, name: shop}
    targets: [overlays/staging]
    reason: One pod is enough
  - check: pod/spread
    object: {kind: Deployment, name: till}
    targets: [overlays/staging]
    reason: One pod is enough
== overlays/staging/kustomization.yaml
resources:
- shop
- till
- platform
== overlays/staging/till/kustomization.yaml
resources:
- ../../../base/till
images:
- digest: sha256:01
  name: app
  newName: registry.example.com:5000/till
  newTag: "1.10"
# The canary.
- digest: sha256:01
  name: app-canary
  newName: registry.example.com:5000/till
  newTag: "1.10"
patches: []
`
	if got := written(t, made); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if _, err := Make(Files{FS: upon(t, files, made), Listed: append(files.Listed, made.Set.Written()...), Root: files.Root, Wired: files.Wired},
		Wish{Like: renaming.Name{Kind: renaming.Service, Old: "shop", New: "till"}}); err == nil || !strings.Contains(err.Error(), "till is there already") {
		t.Errorf("a second time: %v", err)
	}
}

// upon is a tree as a wish leaves it.
func upon(t *testing.T, files Files, made *Made) fs.FS {
	t.Helper()
	tree, err := made.Set.Over(files.FS)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestRefused(t *testing.T) {
	service := func(old, to string) Wish { return Wish{Like: renaming.Name{Kind: renaming.Service, Old: old, New: to}} }
	for want, change := range map[string]func(*Files, *Wish){
		"there is no folder stall with a kustomization": func(_ *Files, w *Wish) { *w = service("stall", "till") },
		"is no service":                             func(_ *Files, w *Wish) { *w = service("shop", "Till") },
		"base/platform is there already":            func(_ *Files, w *Wish) { *w = service("shop", "platform") },
		"every environment is left out":             func(_ *Files, w *Wish) { *w = service("shop", "till"); w.Without = []string{"base", "staging", "prod"} },
		"argocd/project.yaml:2: a comment stands":   func(f *Files, _ *Wish) { put(f, "argocd/project.yaml", "a:\n  [shop # one\n  , b]\n") },
		"argocd/project.yaml:2: the entry does not": func(f *Files, _ *Wish) { put(f, "argocd/project.yaml", "a:\n- - shop\n  - b\n") },
		"read argocd/project.yaml":                  func(f *Files, _ *Wish) { put(f, "argocd/project.yaml", "a: [\n") },
		"argocd/till.yaml is there already": func(f *Files, _ *Wish) {
			put(f, "argocd/shop.yaml", "a: b\n")
			put(f, "argocd/till.yaml", "a: b\n")
		},
	} {
		files, wish := repository(), service("shop", "till")
		put(&files, "base/platform/kustomization.yaml", "resources: []\n")
		change(&files, &wish)
		if _, err := Make(files, wish); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	made := &Made{Copied: map[string]string{"a/kustomization.yaml": "b/kustomization.yaml"}}
	made.Set.Write("a/kustomization.yaml", changeset.File{Text: []byte("images: [{name: app}]\n")})
	if err := made.SetImage(repository(), Image{Name: "a/b", Tag: "1"}, nil); err == nil || !strings.Contains(err.Error(), "b/kustomization.yaml:1: images stand in brackets") {
		t.Errorf("images in brackets: %v", err)
	}
	made.Set.Write("a/kustomization.yaml", changeset.File{Text: []byte("resources: []\n")})
	if err := made.SetImage(repository(), Image{Name: "a/b", Tag: "1"}, nil); err == nil || !strings.Contains(err.Error(), "no copied kustomization has an `images` entry") {
		t.Errorf("no images: %v", err)
	}
	if _, err := made.SetPort("kgate", "http", 80); err == nil || !strings.Contains(err.Error(), "has a port http") {
		t.Errorf("no ports: %v", err)
	}
}

func put(files *Files, name, text string) {
	tree, _ := files.FS.(fstest.MapFS)
	tree[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	files.Listed = append(files.Listed, name)
	slices.Sort(files.Listed)
	files.Listed = slices.Compact(files.Listed)
}

func TestParseImage(t *testing.T) {
	for text, want := range map[string]Image{
		"ghcr.io/a/b:1.0.0":       {"ghcr.io/a/b", "1.0.0", ""},
		"registry:5000/a/b:1.0.0": {"registry:5000/a/b", "1.0.0", ""},
		"registry:5000/a/b:1.0.0@sha256:0123012301230123012301230123012301230123012301230123012301230123": {"registry:5000/a/b", "1.0.0", "sha256:0123012301230123012301230123012301230123012301230123012301230123"},
	} {
		if got, err := ParseImage(text); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "registry:5000/a/b", "a/b@sha256:01", "a b:1"} {
		if got, err := ParseImage(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}
