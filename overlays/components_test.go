package overlays

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// repository is a copy of the manifests that a test may edit.
type repository struct{ filesys.FileSystem }

func manifests(t *testing.T) repository {
	t.Helper()
	r := repository{filesys.MakeFsInMemory()}
	for _, top := range []string{"base", "overlays"} {
		err := fs.WalkDir(os.DirFS(".."), top, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || path.Ext(name) == ".go" {
				return err
			}
			data, err := os.ReadFile(path.Join("..", name))
			if err != nil {
				return err
			}
			return r.WriteFile("/"+name, data)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// edit replaces what a pattern finds in a file, where it finds something once.
func (r repository) edit(t *testing.T, name, pattern, to string) {
	t.Helper()
	data, err := r.ReadFile("/" + name)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?m)" + pattern)
	if n := len(found.FindAll(data, -1)); n != 1 {
		t.Fatalf("%s has %d times %s", name, n, pattern)
	}
	if err := r.WriteFile("/"+name, found.ReplaceAll(data, []byte(to))); err != nil {
		t.Fatal(err)
	}
}

func (r repository) build(t *testing.T, root string) resmap.ResMap {
	t.Helper()
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(r, "/"+root)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// rendered is the text at a path of an object.
func rendered(t *testing.T, objects resmap.ResMap, kind, name, at string) string {
	t.Helper()
	var found *resource.Resource
	for _, object := range objects.Resources() {
		if object.GetKind() == kind && object.GetName() == name {
			found = object
		}
	}
	if found == nil {
		t.Fatalf("no %s %s is rendered", kind, name)
	}
	value, err := found.GetFieldValue(at)
	if err != nil {
		return ""
	}
	return fmt.Sprint(value)
}

const prod = "overlays/prod/go-otlp-app"

// One number is the canary's weight, and the stable route has the rest of a hundred.
func TestCanaryWeight(t *testing.T) {
	r := manifests(t)
	for weight := range 101 {
		if weight > 3 && weight < 97 && weight%31 != 0 {
			continue // each costs a build; the table is read as a whole below
		}
		r.edit(t, prod+"/environment.yaml", `weight: \d+`, fmt.Sprintf("weight: %d", weight))
		objects := r.build(t, prod)
		for i, want := range []int{100 - weight, weight} {
			if got := rendered(t, objects, "VirtualService", "go-otlp-app", fmt.Sprintf("spec.http[1].route[%d].weight", i)); got != fmt.Sprint(want) {
				t.Errorf("with %d, the weight of route %d is %s", weight, i, got)
			}
		}
	}
	table, err := r.ReadFile("/base/components/canary/stable-weight.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for weight := range 101 {
		if want := fmt.Sprintf(`{sourceValue: "%d", targets: [{select: {kind: VirtualService, annotationSelector: canary-weight=%d}`, 100-weight, weight); strings.Count(string(table), want) != 1 {
			t.Errorf("the table has not once %s", want)
		}
	}
}

// Without the canary there is nothing of it.
func TestWithoutCanary(t *testing.T) {
	r := manifests(t)
	r.edit(t, prod+"/kustomization.yaml", `- .*/canary\n`, "")
	r.edit(t, prod+"/kustomization.yaml", `- name: app-canary\n.*\n.*\n`, "")
	objects := r.build(t, prod)
	text, err := objects.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range regexp.MustCompile("(?m)^.*canary.*$").FindAllString(string(text), -1) {
		t.Errorf("without the canary there is %s", strings.TrimSpace(line))
	}
	if routes := rendered(t, objects, "VirtualService", "go-otlp-app", "spec.http"); strings.Contains(routes, "weight:") || !strings.Contains(routes, "subset:stable") {
		t.Errorf("without the canary the routes are %s", routes)
	}
}

// A rate may be any number.
func TestSampling(t *testing.T) {
	r := manifests(t)
	for ratio, percentage := range map[string]string{"0": "0", "0.005": "0.5", "0.1": "10", "0.125": "12.5", "1.0": "100"} {
		r.edit(t, prod+"/environment.yaml", `ratio: .*`, fmt.Sprintf("ratio: %q", ratio))
		r.edit(t, prod+"/environment.yaml", `percentage: .*`, "percentage: "+percentage)
		objects := r.build(t, prod)
		if got := rendered(t, objects, "Telemetry", "go-otlp-app", "spec.tracing[0].randomSamplingPercentage"); got != percentage {
			t.Errorf("the mesh samples %s, want %s", got, percentage)
		}
		for _, name := range []string{"go-otlp-app", "go-otlp-app-canary"} {
			text := rendered(t, objects, "Deployment", name, "spec.template.spec.containers[0].env")
			if !strings.Contains(text, "name:OTEL_TRACES_SAMPLER_ARG value:"+ratio+"]") {
				t.Errorf("%s does not sample %s: %s", name, ratio, text)
			}
		}
	}
}

// The label is the tag, however the registry and the reference are written.
func TestVersion(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0123456789abcdef", 4)
	for entry, want := range map[string]string{
		"newName: ghcr.io/kgate-dev/go-otlp-app\n  newTag: 2.0.0":                               "ghcr.io/kgate-dev/go-otlp-app:2.0.0",
		"newName: registry.example.com:5000/go-otlp-app\n  newTag: 2.0.0":                       "registry.example.com:5000/go-otlp-app:2.0.0",
		"newName: registry.example.com:5000/a/b\n  newTag: 2.0.0\n  digest: " + digest:          "registry.example.com:5000/a/b:2.0.0@" + digest,
		"digest: " + digest + "\n  newName: ghcr.io/kgate-dev/go-otlp-app\n  newTag: \"2.0.0\"": "ghcr.io/kgate-dev/go-otlp-app:2.0.0@" + digest,
	} {
		for name, image := range map[string]string{"go-otlp-app": "app", "go-otlp-app-canary": "app-canary"} {
			r := manifests(t)
			r.edit(t, prod+"/kustomization.yaml", `- name: `+image+`\n.*\n.*$`, "- name: "+image+"\n  "+entry)
			objects := r.build(t, prod)
			if got := rendered(t, objects, "Deployment", name, "spec.template.spec.containers[0].image"); got != want {
				t.Errorf("%s: the image is %s, want %s", name, got, want)
			}
			if got := rendered(t, objects, "Deployment", name, "spec.template.metadata.labels.version"); got != "2.0.0" {
				t.Errorf("%s, %s: the version is %s", name, want, got)
			}
		}
	}
	r := manifests(t)
	r.edit(t, prod+"/kustomization.yaml", `- name: app\n.*\n.*$`, "- name: app\n  digest: "+digest)
	if _, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(r, "/"+prod); err == nil || !strings.Contains(err.Error(), "newTag") {
		t.Errorf("a digest alone: %v", err)
	}
}

// A region is a folder of a few lines on a common prod.
func TestRegions(t *testing.T) {
	r := manifests(t)
	common := r.build(t, prod)
	for region, most := range map[string]string{"prod-eu": "12", "prod-us": "6"} {
		text := "resources:\n- ../../prod/go-otlp-app\npatches:\n- target: {kind: HorizontalPodAutoscaler}\n  patch: |\n    - {op: replace, path: /spec/maxReplicas, value: " + most + "}\n"
		root := "overlays/" + region + "/go-otlp-app"
		if err := r.WriteFile("/"+root+"/kustomization.yaml", []byte(text)); err != nil {
			t.Fatal(err)
		}
		objects := r.build(t, root)
		if got := rendered(t, objects, "HorizontalPodAutoscaler", "go-otlp-app", "spec.maxReplicas"); got != most {
			t.Errorf("%s scales to %s, want %s", region, got, most)
		}
		if objects.Size() != common.Size() {
			t.Errorf("%s has %d objects, prod %d", region, objects.Size(), common.Size())
		}
		if got := rendered(t, objects, "Deployment", "go-otlp-app", "spec.template.metadata.labels.version"); got == "" || got == "unset" {
			t.Errorf("%s runs version %q", region, got)
		}
	}
}
