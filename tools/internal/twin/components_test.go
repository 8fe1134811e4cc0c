package twin

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kgate-dev/gitops/tools/internal/renaming"
)

// withComponents is a repository of two services, of which one takes what the other lacks.
func withComponents(changed map[string]string) Files {
	tree := fstest.MapFS{}
	for name, text := range map[string]string{
		"kgate.yaml":                              "external:\n- kind: Secret\n  namespace: shop\n  name: shop-cache-token\n- kind: Secret\n  namespace: shop\n  name: shop-key\n- kind: Secret\n  namespace: plain\n  name: plain-key\n",
		"components/base/kustomization.yaml":      "kind: Component\nresources: [deployment.yaml]\n",
		"components/base/deployment.yaml":         "apiVersion: apps/v1\nkind: Deployment\n",
		"components/cache/kustomization.yaml":     "kind: Component\nresources: [redis.yaml]\nreplacements: [{path: values.yaml}]\n",
		"components/cache/redis.yaml":             "apiVersion: example.com/v1\nkind: Redis\nspec: {image: app-cache, secret: app-cache-token}\n---\napiVersion: apps/v1\nkind: Deployment\n",
		"components/cache/values.yaml":            "- source: {kind: Environment, fieldPath: spec.cache.size}\n  targets: []\n",
		"components/cache/big/kustomization.yaml": "kind: Component\n",
		"components/unused/kustomization.yaml":    "kind: Component\n",
		"services/shop/kustomization.yaml":        "components:\n  - ../../components/base\n  - ../../components/cache\npatches:\n  - path: redis.yaml\n  - path: deployment.yaml\n",
		"services/shop/redis.yaml":                "apiVersion: example.com/v1\nkind: Redis\nmetadata: {name: shop}\n",
		"services/shop/deployment.yaml":           "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\n",
		"services/plain/kustomization.yaml":       "resources:\n  - service.yaml\ncomponents:\n  - ../../components/base\n",
		"services/plain/service.yaml":             "kind: Service\n",
		"overlays/prod/shop/kustomization.yaml": "resources:\n- ../../../services/shop\n- environment.yaml\ncomponents:\n- ../../../components/cache/big\n" +
			"images:\n- name: app\n  newTag: \"1\"\n- name: app-cache\n  newName: example.com/shop-cache\n  newTag: \"7\"\n" +
			"patches:\n- target:\n    kind: Redis\n  patch: |\n    - {op: add, path: /spec/of, value: shop}\n- target: {kind: Deployment}\n  patch: '[]'\n",
		"overlays/prod/shop/environment.yaml":    "kind: Environment\nspec:\n  replicas: 2\n  # Not many\n  # are needed.\n  cache:\n    size: 1Gi\n\n    names:\n    - shop\n  other:\n    of: shop\n",
		"overlays/prod/plain/kustomization.yaml": "resources:\n- ../../../services/plain\n- environment.yaml\nimages:\n- name: app\n  newTag: \"1\"",
		"overlays/prod/plain/environment.yaml":   "kind: Environment\nspec:\n    replicas: 1",
		"overlays/dev/plain/kustomization.yaml":  "resources:\n- ../../../services/plain\n",
	} {
		if to, ok := changed[name]; ok {
			text = to
		}
		tree[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	files := Files{FS: tree, Root: func(name string) bool { return name == "kustomization.yaml" }, Wired: []string{"kgate.yaml"}}
	for name := range tree {
		files.Listed = append(files.Listed, name)
	}
	slices.Sort(files.Listed)
	return files
}

func takeCache(t *testing.T, files Files) (*Made, error) {
	t.Helper()
	like := renaming.Name{Kind: renaming.Service, Old: "plain", New: "till"}
	made, err := Make(files, Wish{Like: like})
	if err != nil {
		t.Fatal(err)
	}
	components, err := Components(files, []string{"plain", "shop"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range components {
		names = append(names, c.Name+" of "+strings.Join(c.Takes, ", "))
	}
	if got := strings.Join(names, "; "); got != "base of plain, shop; cache of shop" {
		t.Fatalf("components: %s", got)
	}
	return made, made.Take(files, components[1], renaming.Name{Kind: renaming.Service, Old: "shop", New: "till"})
}

func TestTake(t *testing.T) {
	made, err := takeCache(t, withComponents(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := `== kgate.yaml
external:
- kind: Secret
  namespace: shop
  name: shop-cache-token
- kind: Secret
  namespace: till
  name: till-cache-token
- kind: Secret
  namespace: shop
  name: shop-key
- kind: Secret
  namespace: plain
  name: plain-key
- kind: Secret
  namespace: till
  name: till-key
== overlays/dev/till/kustomization.yaml
resources:
- ../../../services/till
== overlays/prod/till/environment.yaml
kind: Environment
spec:
    replicas: 1
    # Not many
    # are needed.
    cache:
      size: 1Gi

      names:
      - till
== overlays/prod/till/kustomization.yaml
resources:
- ../../../services/till
- environment.yaml
components:
- ../../../components/cache/big
images:
- name: app
  newTag: "1"
- name: app-cache
  newName: example.com/shop-cache
  newTag: "7"
patches:
- target:
    kind: Redis
  patch: |
    - {op: add, path: /spec/of, value: till}
== services/till/kustomization.yaml
resources:
  - service.yaml
components:
  - ../../components/base
  - ../../components/cache
patches:
- path: redis.yaml
== services/till/redis.yaml
apiVersion: example.com/v1
kind: Redis
metadata: {name: till}
== services/till/service.yaml
kind: Service
`
	if got := written(t, made); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if made.Copied["services/till/redis.yaml"] != "services/shop/redis.yaml" || !slices.Equal(made.Wired, []string{"kgate.yaml"}) {
		t.Errorf("copied %v, wired %v", made.Copied, made.Wired)
	}
	// The component's image is its own.
	if err := made.SetImage(withComponents(nil), Image{Name: "example.com/till", Tag: "2"}, nil); err != nil {
		t.Fatal(err)
	}
	if got, _ := made.Set.Text("overlays/prod/till/kustomization.yaml"); !strings.Contains(string(got), "images:\n- name: app\n  newName: example.com/till\n  newTag: \"2\"\n- name: app-cache\n  newName: example.com/shop-cache\n") {
		t.Errorf("images:\n%s", got)
	}
	// Nothing comes twice.
	again := written(t, made)
	if err := made.Take(withComponents(nil), Component{Name: "cache", Dir: "components/cache"}, renaming.Name{Kind: renaming.Service, Old: "shop", New: "till"}); err != nil {
		t.Fatal(err)
	}
	if got := written(t, made); strings.Count(got, "components/cache\n") != 1 || strings.Count(got, "cache:") != 1 || strings.Count(got, "name: app-cache") != 1 || strings.Count(got, "till-cache-token") != 1 {
		t.Errorf("taken twice:\n%s\nonce:\n%s", got, again)
	}
}

func TestTakeRefused(t *testing.T) {
	for name, test := range map[string]struct {
		changed map[string]string
		want    string
	}{
		"in brackets": {map[string]string{"services/plain/kustomization.yaml": "components: [../../components/base]\n"}, "services/till/kustomization.yaml:1: components stand in brackets"},
		"nobody's":    {map[string]string{"services/shop/kustomization.yaml": "components:\n- ../../components/base\n- ../../components/cache\npatches:\n- path: ../redis.yaml\n"}, "services/redis.yaml"},
		"no object":   {map[string]string{"overlays/prod/plain/environment.yaml": "kind: Other\n"}, "the component reads spec.cache of a Environment, and overlays/prod/till has none"},
	} {
		if _, err := takeCache(t, withComponents(test.changed)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}
