package gate

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// shared is a repository of overlays over one base that has faults of its own; the overlays add others, each another one.
func shared() (*repo.Repo, []string) {
	files := fstest.MapFS{}
	add := func(name, text string) { files[name] = &fstest.MapFile{Data: []byte(text)} }
	add("base/kustomization.yaml", `resources: [deployment.yaml, service.yaml, scaler.yaml, policy.yaml, inner]
namespace: app
labels: [{pairs: {of: app}, includeTemplates: true}]
configMapGenerator:
- name: settings
  literals: [level=info]
  files: [settings.yaml]
images: [{name: app, newName: registry.example/app}]
`)
	add("base/settings.yaml", "a: b\n")
	add("base/deployment.yaml", `apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  replicas: 2
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      containers:
      - name: app
        image: app
        imagePullPolcy: Always
        envFrom: [{configMapRef: {name: settings}}, {secretRef: {name: nowhere}}]
        ports: [{name: http, containerPort: 8080}]
`)
	add("base/service.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: app}\nspec: {selector: {app: app}, ports: [{port: 80, targetPort: web}]}\n")
	add("base/scaler.yaml", `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: app}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: app}
  minReplicas: 3
  maxReplicas: 2
`)
	add("base/policy.yaml", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: app}\nspec: {podSelector: {matchLabels: {app: app}}, policyTypes: [Ingres]}\n")
	add("base/inner/kustomization.yaml", "resources: [role.yaml]\nnamePrefix: in-\n")
	add("base/inner/role.yaml", "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: reader}\nrules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]\n")
	var targets []string
	for name, more := range map[string]string{
		"same":   "",
		"equal":  "",
		"image":  "images: [{name: registry.example/app, newTag: latest}]\n",
		"tag":    "images: [{name: registry.example/app, newTag: 1.2.3}, {name: ap, newTag: 1.2.3}]\n",
		"patch":  "patches:\n- target: {kind: HorizontalPodAutoscaler}\n  patch: |-\n    - {op: replace, path: /spec/minReplicas, value: 1}\n    - {op: replace, path: /spec/maxReplicas, value: 1}\n",
		"merge":  "patches:\n- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: app, namespace: app}\n    spec: {template: {spec: {hostNetwork: true}}}\n",
		"prefix": "namePrefix: x-\nlabels: [{pairs: {env: prefix}}]\n",
		"count":  "replicas: [{name: app, count: 0}]\n",
		"space":  "namespace: other\n",
		"data":   "configMapGenerator:\n- {name: settings, namespace: app, behavior: merge, literals: [level=debug]}\n",
		"copied": "replacements:\n- source: {kind: Service, fieldPath: spec.ports.0.port}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [spec.template.spec.containers.0.ports.0.containerPort]\n",
	} {
		add("overlays/"+name+"/kustomization.yaml", "resources: [../../base]\n"+more)
		targets = append(targets, "overlays/"+name)
	}
	config := repo.Config{Targets: []string{"overlays/*"}}
	return &repo.Repo{FS: files, Config: config}, targets
}

// What targets share — a base that is accumulated once, verdicts on objects that are the same, what Kustomize was asked for
// the line of a finding — changes nothing of what is found: together and in either order they have the findings that each of
// them has alone, where nothing is known yet.
func TestSharingChangesNoFinding(t *testing.T) {
	repository, targets := shared()
	slices.Sort(targets)
	judged := func(g *Gate, path string) []check.Finding {
		t.Helper()
		target, err := g.Render(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		findings, failed := g.Judge(t.Context(), target)
		if failed != nil {
			t.Fatal(failed)
		}
		return findings
	}
	var engines [2]*Engines
	for i := range engines {
		var err error
		if engines[i], err = NewEngines(t.Context(), []string{"1.28", "1.37"}); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := engines[i].Close(); err != nil {
				t.Error(err)
			}
		}()
	}
	together, again := opened(t, repository, Options{Engines: engines[0]}), opened(t, repository, Options{Engines: engines[0]})
	backwards := map[string][]check.Finding{}
	for _, path := range slices.Backward(targets) {
		backwards[path] = judged(again, path)
	}
	checks := map[string]bool{}
	for _, path := range targets {
		engines[1].sweep()
		engines[1].sweep() // nobody has asked for anything since the first: all is forgotten
		alone := judged(opened(t, repository, Options{Engines: engines[1]}), path)
		for name, findings := range map[string][]check.Finding{"after others": judged(together, path), "the other way round": backwards[path]} {
			if !reflect.DeepEqual(findings, alone) {
				t.Errorf("%s, %s:\n%v\nand alone\n%v", path, name, findings, alone)
			}
		}
		for _, f := range alone {
			checks[f.Check] = true
		}
	}
	if len(checks) < 20 {
		t.Errorf("only %d checks find something: %v", len(checks), slices.Sorted(maps.Keys(checks)))
	}
}
