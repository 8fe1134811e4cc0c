package promotion

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/provenance"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// filesOf are the files of an archive.
func filesOf(archive string) fstest.MapFS {
	files := fstest.MapFS{}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		files[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return files
}

// tableOf renders the targets of an archive with a kgate.yaml, and makes their table.
func tableOf(t *testing.T, files fs.FS) Table {
	t.Helper()
	config, err := repo.LoadConfig(files)
	if err != nil {
		t.Fatal(err)
	}
	renderer := kustomization.New(files, strings.NewReader(""))
	var targets []*check.Target
	for _, e := range config.Environments {
		for _, path := range e.Targets {
			result, err := renderer.Render(context.Background(), path)
			if err != nil {
				t.Fatal(err)
			}
			targets = append(targets, &check.Target{
				Path: path, Environment: config.Environment(path), Objects: result.Objects, Locate: provenance.New(result, nil).Locate,
				Reading: check.Reading{Files: result.Read},
			})
		}
	}
	return Of(targets, config, renderer.Files().Documents)
}

func (s Scalar) told() string {
	if s.IsZero() {
		return "-"
	}
	return fmt.Sprintf("%s:%d:%d-%d %s %q of %s", s.File, s.Line, s.Column, s.EndColumn, s.Address, s.Text, strings.Join(s.Environments, ","))
}

// told writes a table down, line by line.
func told(table Table) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	for _, s := range table.Services {
		line("%s", s.Name)
		for _, p := range s.Places {
			if !p.Exists() {
				line("  %s: not there", p.Environment)
				continue
			}
			line("  %s: %s", p.Environment, p.Stable.Image.Version())
			for _, t := range []Track{p.Stable, p.Canary} {
				if len(t.Workloads) > 0 {
					said := t.Image.Said
					line("    %s own %v: tag %s; digest %s", t.Workloads[0].Name, t.Own(), said.Tag.told(), said.Digest.told())
				}
			}
			for _, w := range p.Weights {
				line("    weight %v: %s; own %v", w.Percent, w.Canary.Scalar.told(), table.Own(w.Canary.Scalar))
				for _, s := range w.Stable {
					line("      stable %s: %s; own %v", s.Text, s.Scalar.told(), table.Own(s.Scalar))
				}
			}
			for _, r := range p.Replicas {
				line("    replicas of %s: %s-%s: %s", r.Workload.Name, r.Min.Text, r.Max.Text, r.Min.Scalar.told())
			}
			for _, r := range p.Sampling {
				line("    sampling %v: %s", r.Ratio, r.Value.Scalar.told())
			}
		}
	}
	for _, w := range table.Shared {
		line("shared: %s %v", w.Object, w.Environments)
	}
	return b.String()
}

const staged = `
-- kgate.yaml --
apiVersion: kgate/v1
environments:
  - {name: prod, targets: [prod], promotion: {from: dev}}
  - {name: dev, targets: [dev]}
-- base/kustomization.yaml --
resources: [shop.yaml, agent.yaml]
-- base/agent.yaml --
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: agent, image: "agent:1"}]}
-- base/shop.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: shop, labels: {app.kubernetes.io/name: shop}}
spec:
  selector: {matchLabels: {app: shop, track: stable}}
  template:
    metadata: {labels: {app: shop, track: stable}}
    spec: {containers: [{name: proxy, image: "envoy:1"}, {name: shop, image: shop}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop-canary, namespace: shop, labels: {app.kubernetes.io/name: shop}}
spec:
  replicas: 2
  selector: {matchLabels: {app: shop, track: canary}}
  template:
    metadata: {labels: {app: shop, track: canary}}
    spec: {containers: [{name: shop, image: shop-canary, env: [{name: OTEL_TRACES_SAMPLER_ARG, value: "0.005"}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: shop}
spec: {selector: {app: shop, track: stable}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop-canary, namespace: shop}
spec: {selector: {app: shop, track: canary}, ports: [{port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop}
spec:
  rules:
    - backendRefs:
        - {name: shop, port: 80, weight: 3}
        - {name: shop-canary, port: 80, weight: 1}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: shop, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}
  maxReplicas: 4
-- dev/kustomization.yaml --
resources: [../base]
images:
- name: shop
  newName: registry.local:5000/team/shop
  newTag: "1.1.0"
  digest: sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
- {name: shop-canary, newName: 'registry.local:5000/team/shop', newTag: 1.2.0}
-- prod/kustomization.yaml --
resources: [../base]
patches:
- path: version.yaml
- target: {kind: Deployment, name: shop-canary}
  patch: |-
    - op: replace
      path: /spec/template/spec/containers/0/image
      value: registry.local:5000/team/shop:1.1.0  # beside
- patch: |
    apiVersion: gateway.networking.k8s.io/v1
    kind: HTTPRoute
    metadata: {name: shop, namespace: shop}
    spec:
      rules:
        - backendRefs:
            - {name: shop, port: 80, weight: 90}
            - {name: shop-canary, port: 80, weight: 10}
-- prod/version.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: shop}
spec:
  template:
    spec:
      containers:
        - name: shop
          image: registry.local:5000/team/shop:1.0.0
`

func TestOf(t *testing.T) {
	const want = `shop
  dev: 1.1.0
    shop own true: tag dev/kustomization.yaml:5:11-18 images[name=shop].newTag "1.1.0" of dev; digest dev/kustomization.yaml:6:11-82 images[name=shop].digest "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" of dev
    shop-canary own true: tag dev/kustomization.yaml:7:73-78 images[name=shop-canary].newTag "1.2.0" of dev; digest -
    weight 25: base/shop.yaml:37:49-50 spec.rules[0].backendRefs[name=shop-canary].weight "1" of dev,prod; own false
      stable 3: base/shop.yaml:36:42-43 spec.rules[0].backendRefs[name=shop].weight "3" of dev,prod; own false
    replicas of shop: 1-4: -
    replicas of shop-canary: 2-: base/shop.yaml:14:13-14 spec.replicas "2" of dev,prod
    sampling 0.005: base/shop.yaml:18:103-110 spec.template.spec.containers[name=shop].env[name=OTEL_TRACES_SAMPLER_ARG].value "0.005" of dev,prod
  prod: 1.0.0
    shop own true: tag prod/version.yaml:9:18-53 spec.template.spec.containers[name=shop].image "registry.local:5000/team/shop:1.0.0" of prod; digest -
    shop-canary own true: tag prod/kustomization.yaml:8:14-49 patches[target.kind=Deployment,target.name=shop-canary].patch|[op=replace,path=/spec/template/spec/containers/0/image].value "registry.local:5000/team/shop:1.1.0" of prod; digest -
    weight 10: prod/kustomization.yaml:17:53-55 patches[2].patch|spec.rules[0].backendRefs[name=shop-canary].weight "10" of prod; own true
      stable 90: prod/kustomization.yaml:16:46-48 patches[2].patch|spec.rules[0].backendRefs[name=shop].weight "90" of prod; own true
    replicas of shop: 1-4: -
    replicas of shop-canary: 2-: base/shop.yaml:14:13-14 spec.replicas "2" of dev,prod
    sampling 0.005: base/shop.yaml:18:103-110 spec.template.spec.containers[name=shop].env[name=OTEL_TRACES_SAMPLER_ARG].value "0.005" of dev,prod
shared: DaemonSet shop/agent [dev prod]
`
	files := filesOf(staged)
	table := tableOf(t, files)
	if got := told(table); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, p := range table.Services[0].Places {
		for _, s := range []Scalar{p.Stable.Image.Said.Tag, p.Canary.Image.Said.Tag, p.Weights[0].Canary.Scalar, p.Replicas[1].Min.Scalar, p.Sampling[0].Value.Scalar} {
			line := strings.Split(string(files[s.File].Data), "\n")[s.Line-1]
			if written := line[s.Column-1 : s.EndColumn-1]; strings.Trim(written, `"`) != s.Text {
				t.Errorf("%s is %s, not %s", s.Position, written, s.Text)
			}
		}
	}
}

// TestOfNames holds which workloads are one service.
func TestOfNames(t *testing.T) {
	workload := func(kind, name, label, image string) string {
		return fmt.Sprintf("---\napiVersion: apps/v1\nkind: %s\nmetadata: {name: %s, labels: {%s}}\nspec:\n  selector: {matchLabels: {a: b}}\n"+
			"  template:\n    metadata: {labels: {a: b}}\n    spec: {containers: [{name: c, image: %q}]}\n", kind, name, label, image)
	}
	const named = "app.kubernetes.io/name: shop"
	for name, test := range map[string]struct{ dev, prod, images, want string }{
		"label, whatever the names":      {workload("Deployment", "d-shop", named, "i:1"), workload("StatefulSet", "p", named, "i:2"), "", "shop dev=1 prod=2"},
		"name without the environment's": {workload("Deployment", "dev-web", "", "i:1"), workload("Deployment", "web-prod", "", "i:2"), "", "web dev=1 prod=2"},
		"one scalar for two workloads is one service": {
			workload("Deployment", "web", named, "i") + workload("Deployment", "worker", named, "i"), workload("Deployment", "web", named, "i") + workload("Deployment", "worker", named, "i"),
			"images: [{name: i, newTag: \"7\"}]\n", "shop dev=7 prod=7",
		},
		"two scalars are two services": {
			workload("Deployment", "web", named, "i:1") + workload("Deployment", "worker", named, "i:2"), workload("Deployment", "web", named, "i:3"),
			"", "web dev=1 prod=3; worker dev=2 prod=none",
		},
		"a canary has a stable one":       {workload("Deployment", "shop", named, "i:1") + workload("Deployment", "shop-canary", named, "i:2"), workload("Deployment", "shop", named, "i:1"), "", "shop dev=1/2 prod=1"},
		"what is only called canary":      {workload("Deployment", "canary-checker", "", "i:1"), workload("Deployment", "bird-canary", "", "i:1"), "", "bird dev=none prod=1; canary-checker dev=1 prod=none"},
		"a digest alone is its beginning": {workload("Deployment", "a", "", "r:5000/i@sha256:0123456789abcdef"), workload("Deployment", "a", "", "r:5000/i"), "", "a dev=sha256:0123456789ab prod="},
	} {
		t.Run(name, func(t *testing.T) {
			files := filesOf("-- kgate.yaml --\napiVersion: kgate/v1\nenvironments:\n  - {name: dev, targets: [dev]}\n  - {name: prod, targets: [prod]}\n" +
				"-- dev/kustomization.yaml --\nresources: [all.yaml]\n" + test.images + "-- dev/all.yaml --\n" + test.dev +
				"-- prod/kustomization.yaml --\nresources: [all.yaml]\n" + test.images + "-- prod/all.yaml --\n" + test.prod)
			var all []string
			for _, s := range tableOf(t, files).Services {
				line := s.Name
				for _, p := range s.Places {
					version := "none"
					if p.Exists() {
						version = p.Stable.Image.Version()
					}
					if len(p.Canary.Workloads) > 0 {
						version += "/" + p.Canary.Image.Version()
					}
					line += " " + p.Environment + "=" + version
				}
				all = append(all, line)
			}
			if got := strings.Join(all, "; "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestAddressFollows holds that an address leads to the same scalar in a file as it was at other times.
func TestAddressFollows(t *testing.T) {
	files := filesOf(staged)
	table := tableOf(t, files)
	place, _ := table.Services[0].Place("dev")
	tag := place.Canary.Image.Said.Tag
	for name, test := range map[string]struct{ text, want string }{
		"other entries before it": {"images: [{name: a, newTag: x}, {name: b}, {name: shop-canary, newTag: 0.9.0}]\n", "0.9.0"},
		"no such entry":           {"images: [{name: shop, newTag: 1.0.0}]\n", ""},
		"the entry twice":         {"images: [{name: shop-canary, newTag: 1.0.0}, {name: shop-canary, newTag: 2.0.0}]\n", ""},
		"no tag":                  {"images: [{name: shop-canary, digest: x}]\n", ""},
		"another shape":           {"images: {shop-canary: x}\n", ""},
		"no images":               {"resources: []\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			renderer := kustomization.New(fstest.MapFS{"f": {Data: []byte(test.text)}}, nil)
			documents, err := renderer.Files().Documents("f")
			if err != nil {
				t.Fatal(err)
			}
			found, ok := tag.Address.Find(documents)
			if found.Text != test.want || ok != (test.want != "") {
				t.Errorf("got %q, %v", found.Text, ok)
			}
		})
	}
}
