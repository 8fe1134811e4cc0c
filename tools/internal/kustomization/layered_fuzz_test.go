package kustomization

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
)

// FuzzEqual builds layered trees at random and compares what kgate renders with what Kustomize does: the same bytes, and
// an error where that has one.
func FuzzEqual(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		files := layered(rand.New(rand.NewPCG(seed, 0)))
		want, theirs := asKustomize(NewFiles(NewStore(files)), "top")
		result, err := New(files, strings.NewReader("")).Render(t.Context(), "top")
		var got []byte
		if err == nil {
			got, err = result.YAML()
		}
		switch {
		case err != nil && theirs == nil && len(want) > 0:
			t.Errorf("Kustomize renders it: %v", err)
		case err == nil && theirs != nil:
			t.Errorf("Kustomize does not render it: %v", theirs)
		case err == nil && !bytes.Equal(got, want):
			t.Errorf("it differs: %s", firstDifference(got, want))
		case err == nil && sameObjects(result) != nil:
			t.Error(sameObjects(result))
		}
		if t.Failed() {
			for name, file := range files {
				t.Logf("-- %s --\n%s", name, file.Data)
			}
		}
	})
}

// layered is a base, overlays of overlays and a component, each with a few fields.
func layered(random *rand.Rand) fstest.MapFS {
	files := fstest.MapFS{}
	write := func(name, format string, args ...any) {
		files[name] = &fstest.MapFile{Data: fmt.Appendf(nil, format, args...)}
	}
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	name := func() string { return pick("a", "b", "c") }
	write("base/objects.yaml", `apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, labels: {app: a}}
spec:
  replicas: 1
  selector: {matchLabels: {app: a}}
  template:
    metadata: {labels: {app: a}}
    spec:
      serviceAccountName: %[2]s
      containers:
        - {name: a, image: "registry:5000/a:1", envFrom: [{configMapRef: {name: %[2]s}}], ports: [{containerPort: 1}]}
        - {name: b, image: b@sha256:00}
---
apiVersion: v1
kind: Service
metadata: {name: %[1]s%[3]s}
spec: {selector: {app: a}, ports: [{port: 80, targetPort: 1}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: %[2]s}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: %[2]s}
data: {a: "1", b: $(VAR)}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: n}
spec: {podSelector: {matchLabels: {app: a}}, ingress: [{from: [{podSelector: {matchLabels: {app: x}}}]}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: r}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: %[2]s}
subjects: [{kind: ServiceAccount, name: %[2]s%[4]s}]
`, name(), name(), pick("", ", namespace: other"), pick("", ", namespace: default"))
	fields := []func() string{
		func() string { return "namespace: " + pick("x", "y") + "\n" },
		func() string { return "namePrefix: " + pick("p-", "q-") + "\n" },
		func() string { return "nameSuffix: " + pick("-s", "-t") + "\n" },
		func() string {
			return fmt.Sprintf("labels: [{pairs: {%s: v}, includeSelectors: %s, includeTemplates: %s}]\n", pick("k", "app"), pick("true", "false"), pick("true", "false"))
		},
		func() string { return "commonAnnotations: {note: " + pick("one", "two") + "}\n" },
		func() string { return fmt.Sprintf("replicas: [{name: %s, count: %d}]\n", name(), random.IntN(3)) },
		func() string {
			return fmt.Sprintf("images: [{name: %s, %s}]\n", pick("registry:5000/a", "b", "c"), pick(`newTag: "2"`, "newName: c", "digest: sha256:11"))
		},
		func() string {
			return fmt.Sprintf("configMapGenerator: [{name: %s, behavior: %s, literals: [a=%s]%s}]\n", name(), pick("create", "merge", "replace"), name(),
				pick("", ", options: {disableNameSuffixHash: true}", ", namespace: x"))
		},
		func() string {
			return fmt.Sprintf("patches:\n  - target: {%s}\n    patch: '[{\"op\": \"%s\", \"path\": \"%s\", \"value\": \"z\"}]'\n",
				pick("kind: Deployment", "kind: ConfigMap, name: "+name(), "labelSelector: app=a", "name: p-.*"), pick("add", "replace"), pick("/metadata/labels", "/metadata/annotations", "/data/a"))
		},
		func() string {
			return fmt.Sprintf("patches:\n  - patch: |\n      apiVersion: apps/v1\n      kind: Deployment\n      metadata: {name: %s}\n      spec: {replicas: %s, template: {spec: {containers: [{name: %s, $patch: %s, image: y}]}}}\n",
				name(), pick("3", "null"), name(), pick("delete", "replace", "merge"))
		},
		func() string {
			return fmt.Sprintf("patches:\n  - options: {allowNameChange: %s}\n    target: {kind: ConfigMap}\n    patch: |\n      apiVersion: v1\n      kind: ConfigMap\n      metadata: {name: %s}\n      %s\n",
				pick("true", "false"), name(), pick("$patch: delete", "data: {c: d}"))
		},
		func() string {
			return fmt.Sprintf("replacements: [{source: {kind: %s, fieldPath: metadata.name}, targets: [{select: {kind: %s}, reject: [{name: %s}], fieldPaths: [%s], options: {create: %s}}]}]\n",
				pick("ConfigMap", "Service"), pick("Deployment", "ConfigMap"), name(), pick("data.a", "metadata.labels.z", "spec.replicas"), pick("true", "false"))
		},
		func() string {
			return fmt.Sprintf("vars: [{name: VAR%s, objref: {kind: Service, apiVersion: v1, name: %s}}]\n", pick("", "B"), name())
		},
		func() string { return "components: [../part]\n" },
		func() string { return "sortOptions: {order: " + pick("fifo", "legacy") + "}\n" },
		func() string {
			return "buildMetadata: [" + pick("originAnnotations", "transformerAnnotations", "managedByLabel") + "]\n"
		},
	}
	layer := func(head string, most int) string {
		used := map[string]bool{}
		for range random.IntN(most + 1) {
			text := fields[random.IntN(len(fields))]()
			key, _, _ := strings.Cut(text, ":")
			if used[key] || key == "components" && strings.Contains(head, "Component") {
				continue
			}
			used[key] = true
			head += text
		}
		return head
	}
	write("base/kustomization.yaml", "%s", layer("resources: [objects.yaml]\n", 2))
	write("one/kustomization.yaml", "%s", layer("resources: [../base]\n", 4))
	write("two/kustomization.yaml", "%s", layer("resources: [../base]\n", 2))
	write("part/kustomization.yaml", "%s", layer("apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n", 3))
	write("top/kustomization.yaml", "%s", layer("resources: ["+pick("../one", "../one, ../two", "../two")+"]\n", 4))
	return files
}
