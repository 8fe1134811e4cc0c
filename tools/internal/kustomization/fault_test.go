package kustomization

import (
	"slices"
	"strings"
	"testing"
)

const app = `
-- base/kustomization.yaml --
resources: [deployment.yaml, config.yaml]
-- base/deployment.yaml --
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app
  labels: {tier: web}
spec:
  template:
    spec:
      containers:
        - name: app
          image: example.com/app:1
-- base/config.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: config}
data: {a: b}
`

const localConfig = `
-- overlay/local.yaml --
apiVersion: v1
kind: ConfigMap
metadata:
  name: environment
  annotations: {config.kubernetes.io/local-config: "true"}
data: {a: x}
`

// TestFaults renders what Kustomize accepts in silence and a reviewer would not, and what looks like it and is fine.
// builtin is a file of builtin transformers that rename and label everything.
func builtin(file string) string {
	text := "-- " + file + " --\n"
	for kind, fields := range map[string]string{
		"NamespaceTransformer":   "metadata: {name: a, namespace: ns}\nfieldSpecs: [{path: metadata/namespace, create: true}]",
		"PrefixTransformer":      "metadata: {name: b}\nprefix: x-\nfieldSpecs: [{path: metadata/name}]",
		"SuffixTransformer":      "metadata: {name: c}\nsuffix: -y\nfieldSpecs: [{path: metadata/name}]",
		"LabelTransformer":       "metadata: {name: d}\nlabels: {a: b}\nfieldSpecs: [{path: metadata/labels, create: true}]",
		"AnnotationsTransformer": "metadata: {name: e}\nannotations: {c: d}\nfieldSpecs: [{path: metadata/annotations, create: true}]",
	} {
		text += "---\napiVersion: builtin\nkind: " + kind + "\n" + fields + "\n"
	}
	return text
}

// peers is an overlay that labels with includeSelectors, and a NetworkPolicy with a peer.
func peers(peer string) string {
	return kustomization("resources: [../base]\nlabels: [{pairs: {team: a}, includeSelectors: true}]", "overlay/") + kustomization("resources: [np.yaml, app.yaml]", "base/") +
		"-- base/app.yaml --\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec: {template: {metadata: {labels: {app: app}}}}\n" +
		"-- base/np.yaml --\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n}\nspec:\n  ingress: [{from: [" + peer + "]}]\n"
}

func TestFaults(t *testing.T) {
	overlay := func(text string) string { return kustomization("resources: [../base]\n"+text, "overlay/") + app }
	jsonPatch := func(target string) string {
		return overlay("patches:\n- target: " + target + "\n  patch: |\n    - {op: add, path: /metadata/labels, value: {a: b}}")
	}
	for _, test := range []struct {
		name, tree string
		want       []string // "check file:line message…", each a prefix
	}{
		{"target matches", jsonPatch("{kind: Deployment, name: app}"), nil},
		{"target matches by expression", jsonPatch("{kind: Dep.*, name: a.*}"), nil},
		{"target matches by kind alone", jsonPatch("{kind: ConfigMap}"), nil},
		{"target matches by label", jsonPatch("{labelSelector: 'tier=web'}"), nil},
		{"target without a match: name", jsonPatch("{kind: Deployment, name: ap}"), []string{
			`kustomize/patch-target overlay/kustomization.yaml:3 the patch changes nothing: no object here is kind "Deployment", name "ap"; it has the Deployment app`}},
		{"target without a match: expressions are anchored", jsonPatch("{kind: Deployment, name: pp}"), []string{"kustomize/patch-target overlay/kustomization.yaml:3 "}},
		{"target without a match: kind", jsonPatch("{kind: StatefulSet, name: app}"), []string{"kustomize/patch-target overlay/kustomization.yaml:3 "}},
		{"target without a match: group", jsonPatch("{group: extensions, kind: Deployment}"), []string{"kustomize/patch-target overlay/kustomization.yaml:3 "}},
		{"target without a match: namespace", jsonPatch("{kind: Deployment, namespace: other}"), []string{"kustomize/patch-target overlay/kustomization.yaml:3 "}},
		{"target without a match: label", jsonPatch("{labelSelector: 'tier=db'}"), []string{`kustomize/patch-target overlay/kustomization.yaml:3 the patch changes nothing: no object here is labelSelector "tier=db"`}},
		{"target without a match: annotation", jsonPatch("{annotationSelector: 'a=b'}"), []string{"kustomize/patch-target overlay/kustomization.yaml:3 "}},
		{"strategic merge with a target", overlay("patches:\n- target: {kind: Deployment, name: ap}\n  path: p.yaml") + "-- overlay/p.yaml --\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: any}\nspec: {paused: true}\n", []string{
			"kustomize/patch-target overlay/kustomization.yaml:3 "}},
		{"strategic merge with a target that matches", overlay("patches:\n- target: {kind: Deployment}\n  path: p.yaml") + "-- overlay/p.yaml --\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: any}\nspec: {paused: true}\n", nil},
		{"strategic merge without a target", overlay("patches:\n- path: p.yaml") + "-- overlay/p.yaml --\n# The version.\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec: {paused: true}\n", nil},
		{"label that a patch above added", kustomization("resources: [../overlay]\npatches:\n- target: {labelSelector: 'a=b'}\n  patch: '- {op: add, path: /metadata/labels/c, value: d}'", "top/") + jsonPatch("{kind: Deployment}"), nil},
		{"label that the overlay added", kustomization("resources: [../overlay]\npatches:\n- target: {labelSelector: 'env=prod'}\n  patch: '- {op: add, path: /metadata/labels/c, value: d}'", "top/") + overlay("labels: [{pairs: {env: prod}}]"), nil},
		{"label that the same layer adds later", overlay("labels: [{pairs: {env: prod}}]\npatches:\n- target: {labelSelector: 'env=prod'}\n  patch: '- {op: add, path: /metadata/labels/c, value: d}'"), []string{"kustomize/patch-target overlay/kustomization.yaml:4 "}},
		{"original name after a prefix", kustomization("resources: [../overlay]\npatches:\n- target: {name: app}\n  patch: '- {op: add, path: /metadata/labels/c, value: d}'", "top/") + overlay("namePrefix: x-"), nil},
		{"new name after a prefix", kustomization("resources: [../overlay]\npatches:\n- target: {name: x-app}\n  patch: '- {op: add, path: /metadata/labels/c, value: d}'", "top/") + overlay("namePrefix: x-"), nil},
		{"prefixed name in the layer of the prefix", overlay("namePrefix: x-\npatches:\n- target: {name: x-app}\n  patch: '- {op: add, path: /metadata/labels/c, value: d}'"), []string{"kustomize/patch-target overlay/kustomization.yaml:4 "}},
		{"suffix, and a namespace", kustomization("resources: [../overlay]\npatches:\n- target: {name: app-x, namespace: ns}\n  patch: '- {op: add, path: /metadata/labels/c, value: d}'", "top/") + overlay("nameSuffix: -x\nnamespace: ns"), nil},
		{"names of builtin transformers", kustomization("resources: [../overlay]\npatches:\n- target: {name: x-app-y, namespace: ns, labelSelector: 'a=b', annotationSelector: 'c=d'}\n  patch: '- {op: add, path: /metadata/labels/c, value: d}'", "top/") +
			overlay("transformers: [t.yaml]") + builtin("overlay/t.yaml"), nil},
		{"names of builtin transformers, in their own layer", overlay("transformers: [t.yaml]\npatches:\n- target: {name: x-app-y}\n  patch: '- {op: add, path: /metadata/labels/c, value: d}'") + builtin("overlay/t.yaml"), []string{
			"kustomize/patch-target overlay/kustomization.yaml:4 "}},
		{"$patch: delete, then a patch of what is gone", overlay("patches:\n- patch: |\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: config}\n    $patch: delete\n- target: {kind: ConfigMap}\n  patch: '- {op: add, path: /data/c, value: d}'"), []string{"kustomize/patch-target overlay/kustomization.yaml:8 "}},
		{"local-config object", overlay("patches:\n- target: {name: environment}\n  patch: '- {op: replace, path: /data/a, value: z}'") + localConfig, []string{"kustomize/patch-target overlay/kustomization.yaml:3 "}},
		{"local-config object that is listed", kustomization("resources: [../base, local.yaml]\npatches:\n- target: {name: environment}\n  patch: '- {op: replace, path: /data/a, value: z}'", "overlay/") + app + localConfig, nil},
		{"component", overlay("components: [../c]") + kustomization("apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:\n- target: {kind: Deployment}\n  patch: '- {op: add, path: /metadata/labels/c, value: d}'", "c/"), nil},
		{"component that reaches nothing", overlay("components: [../c]") + kustomization("apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:\n- target: {kind: Ingress}\n  patch: '- {op: add, path: /metadata/labels/c, value: d}'", "c/"), []string{"kustomize/patch-target c/kustomization.yaml:4 "}},
		{"component patches what it brings", overlay("components: [../c]") + kustomization("apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [s.yaml]\npatches:\n- target: {kind: Service}\n  patch: '- {op: add, path: /metadata/labels, value: {c: d}}'", "c/") + "-- c/s.yaml --\napiVersion: v1\nkind: Service\nmetadata: {name: s}\n", nil},
		{"generated object, by its name without hash", overlay("configMapGenerator: [{name: g, literals: [a=b]}]\npatches:\n- target: {name: g}\n  patch: '- {op: add, path: /data/c, value: d}'"), nil},
		{"two faults of one file are two", overlay("patches:\n- target: {name: ap}\n  patch: '- {op: add, path: /data/c, value: d}'\n- target: {name: aq}\n  patch: '- {op: add, path: /data/c, value: d}'"), []string{"kustomize/patch-target overlay/kustomization.yaml:3 ", "kustomize/patch-target overlay/kustomization.yaml:5 "}},
		{"patch file of two documents, one idle", overlay("patches:\n- target: {kind: Deployment, name: app}\n  path: p.yaml\n- target: {kind: StatefulSet}\n  path: p.yaml") + "-- overlay/p.yaml --\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec: {paused: true}\n", []string{"kustomize/patch-target overlay/kustomization.yaml:5 "}},

		{"replacement", overlay("replacements:\n- source: {kind: ConfigMap, name: config, fieldPath: data.a}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [metadata.labels.tier]"), nil},
		{"replacements that are cases, of which one applies", overlay("replacements:\n- sourceValue: a\n  targets:\n  - select: {kind: Deployment, labelSelector: tier=api}\n    fieldPaths: [metadata.name]\n- sourceValue: b\n  targets:\n  - select: {kind: Deployment, labelSelector: tier=web}\n    fieldPaths: [metadata.name]"), nil},
		{"replacements that are cases, of which none applies", overlay("replacements:\n- sourceValue: a\n  targets:\n  - select: {kind: Deployment, labelSelector: tier=api}\n    fieldPaths: [metadata.name]\n- sourceValue: b\n  targets:\n  - select: {kind: Deployment, labelSelector: tier=batch}\n    fieldPaths: [metadata.name]"), []string{
			`kustomize/replacement-target overlay/kustomization.yaml:3 the replacement changes nothing, nor does another of the 2 cases of kind "Deployment", labelSelector "tier": none is for what an object here has`}},
		{"replacements of which one is of another label", overlay("replacements:\n- sourceValue: a\n  targets:\n  - select: {kind: Deployment, labelSelector: tier=api}\n    fieldPaths: [metadata.name]\n- sourceValue: b\n  targets:\n  - select: {kind: Deployment, labelSelector: track=web}\n    fieldPaths: [metadata.name]"), []string{
			`kustomize/replacement-target overlay/kustomization.yaml:5 `, `kustomize/replacement-target overlay/kustomization.yaml:9 `}},
		{"replacement without a target", overlay("replacements:\n- source: {kind: ConfigMap, name: config, fieldPath: data.a}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [metadata.labels.tier]\n  - select: {kind: StatefulSet, name: app}\n    fieldPaths: [metadata.labels.tier]"), []string{
			`kustomize/replacement-target overlay/kustomization.yaml:7 the replacement changes nothing: no object here is kind "StatefulSet", name "app"`}},
		{"replacement whose targets are all rejected", overlay("replacements:\n- source: {kind: ConfigMap, name: config, fieldPath: data.a}\n  targets:\n  - select: {kind: Deployment}\n    reject: [{name: app}]\n    fieldPaths: [metadata.labels.tier]"), []string{"kustomize/replacement-target overlay/kustomization.yaml:5 "}},
		{"replacement in a file", overlay("replacements:\n- path: r.yaml") + "-- overlay/r.yaml --\nsource: {kind: ConfigMap, name: config, fieldPath: data.a}\ntargets:\n- select: {kind: StatefulSet}\n  fieldPaths: [metadata.labels.tier]\n", []string{"kustomize/replacement-target overlay/r.yaml:3 "}},

		{"image", overlay("images: [{name: example.com/app, newTag: '2'}]"), nil},
		{"image that nothing uses", overlay("images:\n- {name: example.com/app, newTag: '2'}\n- {name: example.com/ap, newTag: '2'}"), []string{
			`kustomize/image-used overlay/kustomization.yaml:4 the entry changes nothing: no image here is called "example.com/ap"`}},
		{"image under its new name above", kustomization("resources: [../overlay]\nimages: [{name: mirror/app, newTag: '3'}]", "top/") + overlay("images: [{name: example.com/app, newName: mirror/app}]"), nil},
		{"image that a patch brings", overlay("images: [{name: sidecar, newTag: '3'}]\npatches:\n- target: {kind: Deployment}\n  patch: '- {op: add, path: /spec/template/spec/containers/-, value: {name: s, image: sidecar}}'"), nil},

		{"image that is there already", overlay("images: [{name: example.com/app, newTag: '1'}]"), []string{
			`kustomize/no-effect overlay/kustomization.yaml:2 the entry changes nothing: every image called "example.com/app" is already what it says`}},
		{"image of another layer", kustomization("resources: [../overlay]\npatches:\n- target: {kind: Deployment}\n  patch: '- {op: add, path: /spec/template/spec/containers/-, value: {name: s, image: sidecar}}'", "top/") + overlay("images:\n- {name: sidecar, newTag: '3'}"), []string{
			`kustomize/image-used overlay/kustomization.yaml:3 the entry changes nothing: no image here is called "sidecar"`}},
		{"image in a text that is none", overlay("images:\n- {name: app, newTag: '2'}"), []string{`kustomize/image-used overlay/kustomization.yaml:3 `}},
		{"operation that writes what is there", overlay("patches:\n- target: {kind: Deployment}\n  patch: |\n    - {op: replace, path: /metadata/labels/tier, value: web}\n    - {op: add, path: /metadata/labels/a, value: b}"), []string{
			"kustomize/no-effect overlay/kustomization.yaml:5 the operation changes nothing: the Deployment app is the same without it"}},
		{"operation that writes back what another one changed", overlay("patches:\n- target: {kind: Deployment}\n  patch: |\n    - {op: replace, path: /metadata/labels, value: {}}\n    - {op: add, path: /metadata/labels/tier, value: web}"), []string{
			"kustomize/no-effect overlay/kustomization.yaml:5 the patch changes nothing: its operations undo each other, and the Deployment app is the same without them"}},
		{"operation that inserts an equal item", overlay("patches:\n- target: {kind: Deployment}\n  patch: '- {op: add, path: /spec/template/spec/containers/0, value: {name: app, image: example.com/app:1}}'"), nil},
		{"patch of what is there", overlay("patches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: app}\n    spec:\n      template: {spec: {containers: [{name: app, image: 'example.com/app:1'}]}}"), []string{
			"kustomize/no-effect overlay/kustomization.yaml:7 the patch changes nothing: the Deployment app is the same without it"}},
		{"patch that removes what is not there", overlay("patches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: app}\n    spec:\n      paused: null\n      template: {spec: {containers: [{name: ap, $patch: delete}]}}"), []string{
			"kustomize/no-effect overlay/kustomization.yaml:8 the patch removes nothing here: the Deployment app has no spec.paused",
			"kustomize/no-effect overlay/kustomization.yaml:9 the patch removes nothing here: the Deployment app has no ap in spec.template.spec.containers; it has app"}},
		{"patch that removes what is there", overlay("patches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: app, labels: {tier: null}}\n    spec:\n      template: {spec: {containers: [{name: app, $patch: delete}]}}"), nil},
		{"patch that replaces a list of a custom resource", kustomization("resources: [../base]\npatches:\n- patch: |\n    apiVersion: e.com/v1\n    kind: W\n    metadata: {name: w}\n    spec:\n      env: [{name: B}]", "overlay/") +
			kustomization("resources: [w.yaml]", "base/") + "-- base/w.yaml --\napiVersion: e.com/v1\nkind: W\nmetadata: {name: w}\nspec: {env: [{name: A}, {name: B}, {name: C}]}\n", []string{
			"kustomize/list-replaced overlay/kustomization.yaml:8 the patch replaces the whole list spec.env of the W w and loses A, C:"}},
		{"patch that keeps every item of a list", kustomization("resources: [../base]\npatches:\n- patch: |\n    apiVersion: e.com/v1\n    kind: W\n    metadata: {name: w}\n    spec:\n      env: [{name: A, x: 1}, {name: B}]", "overlay/") +
			kustomization("resources: [w.yaml]", "base/") + "-- base/w.yaml --\napiVersion: e.com/v1\nkind: W\nmetadata: {name: w}\nspec: {env: [{name: A}]}\n", nil},
		{"operations after an index has shifted", overlay("patches:\n- target: {kind: Deployment}\n  patch: |\n    - {op: add, path: /spec/template/spec/containers/0/args, value: [a, b, c]}\n    - {op: remove, path: /spec/template/spec/containers/0/args/0}\n    - {op: replace, path: /spec/template/spec/containers/0/args/1, value: b}"), nil},
		{"operation after a move", overlay("patches:\n- target: {kind: Deployment}\n  patch: |\n    - {op: move, from: /metadata/labels/tier, path: /metadata/labels/was}\n    - {op: add, path: /metadata/labels/tier, value: web}"), nil},
		{"operation on the last item", overlay("patches:\n- target: {kind: Deployment}\n  patch: '- {op: replace, path: /spec/template/spec/containers/-1/image, value: x}'"), nil},
		{"item with another name under the key of its list", kustomization("resources: [../base]\npatches:\n- patch: |\n    apiVersion: v1\n    kind: Service\n    metadata: {name: s}\n    spec: {ports: [{name: https, port: 80}]}", "overlay/") + kustomization("resources: [s.yaml]", "base/") +
			"-- base/s.yaml --\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{name: http, port: 80}]}\n", nil},
		{"item without the key of its list", overlay("patches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: app}\n    spec:\n      template: {spec: {containers: [{nam: app, image: x}]}}"), []string{
			"kustomize/list-replaced overlay/kustomization.yaml:8 the item has no name, by which Kustomize merges spec.template.spec.containers"}},
		{"item without the key beside one with a directive", overlay("patches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: app}\n    spec:\n      template: {spec: {containers: [{nam: app, image: x}, {name: b, image: x, $patch: merge}]}}"), []string{
			"kustomize/list-replaced overlay/kustomization.yaml:8 the item has no name, by which Kustomize merges spec.template.spec.containers"}},
		{"list that is said to be replaced above", overlay("patches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: app}\n    spec:\n      template: {spec: {$patch: replace, containers: [{name: b, image: x}]}}"), nil},
		{"replicas that are there already", overlay("replicas: [{name: app, count: 3}]\npatches:\n- target: {kind: Deployment}\n  patch: '- {op: add, path: /spec/replicas, value: 3}'"), []string{
			"kustomize/no-effect overlay/kustomization.yaml:2 the entry changes nothing: app has 3 replicas already"}},
		{"labels that are there already", kustomization("resources: [../base]\nlabels: [{pairs: {tier: web}}]", "overlay/") + kustomization("resources: [deployment.yaml]", "base/") +
			"-- base/deployment.yaml --\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app, labels: {tier: web}}\n", []string{"kustomize/no-effect overlay/kustomization.yaml:2 "}},
		{"includeSelectors and the peers of a NetworkPolicy", peers("{namespaceSelector: {}, podSelector: {matchLabels: {app: gateway}}}"), []string{
			"kustomize/selector-reach overlay/kustomization.yaml:2 includeSelectors also writes the labels into a NetworkPolicy's peer at base/np.yaml:5"}},
		{"includeSelectors and peers that are of the kustomization", peers("{podSelector: {matchLabels: {app: app}}}"), nil},
		{"includeSelectors and peers of the same namespace", peers("{namespaceSelector: {}, podSelector: {matchLabels: {app: app}}}"), nil},
		{"includeSelectors and peers that get the labels in their own layer", kustomization("resources: [../overlay, ../other]", "top/") + peers("{podSelector: {matchLabels: {app: gateway}}}") +
			kustomization("resources: [pod.yaml]\nlabels: [{pairs: {team: a}}]", "other/") + "-- other/pod.yaml --\napiVersion: v1\nkind: Pod\nmetadata: {name: g, labels: {app: gateway}}\n", nil},
		{"no-effect of a component", overlay("components: [../c]") + kustomization("apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nlabels: [{pairs: {tier: web}}]\npatches:\n- target: {kind: Deployment}\n  patch: '- {op: add, path: /metadata/labels/tier, value: web}'", "c/"), []string{
			"kustomize/no-effect c/kustomization.yaml:6 the operation changes nothing: the Deployment app is the same without it"}},
		{"includeSelectors and peers by expression", peers("{podSelector: {matchExpressions: [{key: a, operator: Exists}]}}"), nil},
		{"empty patch", overlay("patches:\n- path: p.yaml") + "-- overlay/p.yaml --\n# later\n", []string{"kustomize/no-effect overlay/kustomization.yaml:3 the patch is empty"}},
		{"label of generator options", overlay("generatorOptions: {labels: {made: here}}\nconfigMapGenerator: [{name: g, literals: [a=b]}]\npatches:\n- target: {kind: ConfigMap, labelSelector: made=here}\n  patch: '- {op: add, path: /data/c, value: d}'"), nil},
		{"label that a patch took away", overlay("patches:\n- patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: app, labels: {tier: null}}}'\n- target: {labelSelector: '!tier', kind: Deployment}\n  patch: '- {op: add, path: /spec/paused, value: true}'"), nil},
		{"label that a patch took away, wanted", overlay("patches:\n- target: {kind: Deployment}\n  patch: '- {op: replace, path: /metadata, value: {name: app}}'\n- target: {labelSelector: 'tier=web'}\n  patch: '- {op: add, path: /spec/paused, value: true}'"), []string{
			"kustomize/patch-target overlay/kustomization.yaml:5 "}},
		{"plugin that patches nothing", overlay("transformers: [t.yaml]") + "-- overlay/t.yaml --\napiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: t}\ntarget: {kind: Deploymnt}\npatch: '[{\"op\": \"add\", \"path\": \"/spec/paused\", \"value\": true}]'\n", []string{
			`kustomize/patch-target overlay/t.yaml:4 the patch changes nothing: no object here is kind "Deploymnt"`}},

		{"namespace of objects of the cluster", kustomization("resources: [n.yaml]\nnamespace: a", "overlay/") + "-- overlay/n.yaml --\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\n", []string{
			"kustomize/no-effect overlay/kustomization.yaml:2 the namespace changes nothing: every object here is of the cluster"}},
		{"namespace of a default account of a binding", kustomization("resources: [n.yaml]\nnamespace: a", "overlay/") + "-- overlay/n.yaml --\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: r}\nsubjects: [{kind: ServiceAccount, name: default, namespace: a}]\n", nil},
		{"namespace that the objects have already, and the Namespace", kustomization("resources: [n.yaml]\nnamespace: a", "overlay/") + "-- overlay/n.yaml --\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: a}\n", nil},
		{"namespace that its Namespace has already", kustomization("resources: [n.yaml]\nnamespace: a", "overlay/") + "-- overlay/n.yaml --\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n", nil},
		{"prefix and suffix of what is not renamed", kustomization("resources: [n.yaml]\nnamePrefix: a-\nnameSuffix: -b", "overlay/") + "-- overlay/n.yaml --\napiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n", []string{
			"kustomize/no-effect overlay/kustomization.yaml:2 the namePrefix changes nothing: every object here is",
			"kustomize/no-effect overlay/kustomization.yaml:3 the nameSuffix changes nothing: every object here is"}},
		{"prefix of a Namespace and of another object", kustomization("resources: [n.yaml, ../base]\nnamePrefix: a-", "overlay/") + app + "-- overlay/n.yaml --\napiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n", nil},
		{"annotations that are there already", kustomization("resources: [../base]\ncommonAnnotations: {a: b}", "overlay/") + kustomization("resources: [c.yaml]\ncommonAnnotations: {a: b}", "base/") + "-- base/c.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n", []string{
			"kustomize/no-effect overlay/kustomization.yaml:2 commonAnnotations changes nothing: every object that it reaches has these annotations already"}},
		{"annotations that a template has not", kustomization("resources: [../base]\ncommonAnnotations: {a: b}", "overlay/") + kustomization("resources: [d.yaml]", "base/") + "-- base/d.yaml --\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, annotations: {a: b}}\nspec: {template: {spec: {}}}\n", nil},
		{"generator that merges what is there", overlay("configMapGenerator:\n- {name: config, behavior: merge, literals: [a=b], options: {disableNameSuffixHash: true}}"), []string{
			"kustomize/no-effect overlay/kustomization.yaml:3 the generator changes nothing: the ConfigMap config has all of it already"}},
		{"generator that merges what is there, and takes the hash away", kustomization("resources: [../base]\nconfigMapGenerator:\n- {name: g, behavior: merge, literals: [a=b], options: {disableNameSuffixHash: true}}", "overlay/") + kustomization("configMapGenerator: [{name: g, literals: [a=b]}]", "base/"), nil},
		{"generator that replaces by the same", overlay("configMapGenerator:\n- {name: config, behavior: replace, literals: [a=b], options: {disableNameSuffixHash: true}}"), []string{
			"kustomize/no-effect overlay/kustomization.yaml:3 the generator changes nothing"}},
		{"generator that replaces by less", overlay("configMapGenerator:\n- {name: config, behavior: replace, literals: [c=b], options: {disableNameSuffixHash: true}}"), nil},
		{"replacement of what is there", overlay("replacements:\n- source: {kind: Deployment, name: app, fieldPath: metadata.name}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: ['spec.template.spec.containers.0.name']"), []string{
			"kustomize/no-effect overlay/kustomization.yaml:3 the replacement changes nothing: the Deployment app has the value already"}},
		{"replacement with a target that has the value and one that has not", overlay("replacements:\n- source: {kind: Deployment, name: app, fieldPath: metadata.name}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: ['spec.template.spec.containers.0.name', metadata.labels.tier]"), nil},
		{"replacement with a target that has the value and one that is missing", overlay("replacements:\n- source: {kind: Deployment, name: app, fieldPath: metadata.name}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: ['spec.template.spec.containers.0.name']\n  - select: {kind: Job}\n    fieldPaths: [a]"), []string{
			"kustomize/replacement-target overlay/kustomization.yaml:7 "}},
		{"builtin transformers that change nothing", overlay("transformers: [t.yaml]") + "-- overlay/t.yaml --\napiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: l}\nlabels: {tier: web}\nfieldSpecs: [{kind: Deployment, path: metadata/labels}]\n---\napiVersion: builtin\nkind: ImageTagTransformer\nmetadata: {name: i}\nimageTag: {name: example.com/ap, newTag: '2'}\nfieldSpecs: [{path: 'spec/template/spec/containers[]/image'}]\n---\napiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\ntarget: {kind: Deployment}\npatch: |\n  - {op: add, path: /metadata/labels/tier, value: web}\n  - {op: add, path: /metadata/labels/a, value: web}\n", []string{
			`kustomize/image-used overlay/t.yaml:7 the entry changes nothing: no image here is called "example.com/ap"; it has "example.com/app"`,
			"kustomize/no-effect overlay/t.yaml:1 the transformer changes nothing: every object here is the same without it",
			"kustomize/no-effect overlay/t.yaml:18 the operation changes nothing: the Deployment app is the same without it"}},
		{"builtin transformers that change something", overlay("transformers: [t.yaml]") + builtin("overlay/t.yaml"), nil},

		{"container that a patch adds without an image", kustomization("namePrefix: x-\nresources: [../overlay]", "top/") + overlay("patches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: app}\n    spec:\n      template:\n       spec:\n          containers:\n          - {name: ap, env: [{name: A, value: b}]}\n    "), []string{
			"kustomize/container-added overlay/kustomization.yaml:11 the patch adds the container ap, which has no image, to the Deployment x-app; it has app"}},
		{"container that a patch adds, and another one gives an image", overlay("patches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: app}\n    spec:\n      template:\n       spec:\n          containers:\n          - {name: ap, env: [{name: A, value: b}]}\n- target: {kind: Deployment}\n  patch: '- {op: add, path: /spec/template/spec/containers/0/image, value: x}'"), nil},
		{"container that a patch adds with an image", overlay("patches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: app}\n    spec:\n      template:\n       spec:\n          containers:\n          - {name: ap, image: x}\n    "), nil},
		{"init container that a patch adds where there is none", overlay("patches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: app}\n    spec:\n      template:\n       spec:\n          initContainers:\n          - {name: ap}\n    "), nil},

		{"deprecated fields", kustomization("bases: [../base]\ncommonLabels: {a: b}", "overlay/") + app, []string{
			"kustomize/deprecated-field overlay/kustomization.yaml:1 `bases` is deprecated: use `resources`",
			"kustomize/deprecated-field overlay/kustomization.yaml:2 `commonLabels` is deprecated: use `labels`"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			target := "overlay"
			if strings.Contains(test.tree, "-- top/") {
				target = "top"
			}
			result, err := New(tree(test.tree), strings.NewReader("")).Render(t.Context(), target)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range result.Faults {
				got = append(got, f.Check+" "+f.Source.String()+" "+f.Message)
			}
			slices.Sort(got)
			if !slices.EqualFunc(got, test.want, strings.HasPrefix) {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(test.want, "\n     "))
			}
		})
	}
}

// TestFaultsExplain renders what Kustomize does refuse, but without a place.
func TestFaultsExplain(t *testing.T) {
	for _, test := range []struct{ name, tree, want string }{
		{"strategic merge of nothing", kustomization("resources: [../base]\npatches:\n- path: p.yaml", "overlay/") + app + "-- overlay/p.yaml --\n# The version.\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ap}\n",
			`overlay/p.yaml:4: the patch changes nothing: no object here is group "apps", version "v1", kind "Deployment", name "ap"; it has the Deployment app`},
		{"replacement without a source", kustomization("resources: [../base]\nreplacements:\n- source: {kind: ConfigMap, name: confg, fieldPath: data.a}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [metadata.labels.tier]", "overlay/") + app,
			`overlay/kustomization.yaml:3: the replacement has no source: no object here is kind "ConfigMap", name "confg"`},
		{"replacement of a field that is not there", kustomization("resources: [../base]\nreplacements:\n- source: {kind: ConfigMap, name: config, fieldPath: data.x}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [metadata.labels.tier]", "overlay/") + app,
			"base/config.yaml:4: the ConfigMap config has no data.x, which the replacement at overlay/kustomization.yaml:3 takes from it"},
		{"replacement of a field that only a patch adds, and of one that nobody does", kustomization("resources: [../base]\npatches:\n- patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: config}, data: {x: y}}'\nreplacements:\n- source: {kind: ConfigMap, name: config, fieldPath: data.x}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [metadata.labels.tier]\n- source: {kind: Deployment, name: app, fieldPath: data.x}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [metadata.labels.tier]", "overlay/") + app,
			"base/deployment.yaml:1: the Deployment app has no data.x, which the replacement at overlay/kustomization.yaml:9 takes from it"},
		{"replacement that makes a number a text", kustomization("resources: [../base]\npatches:\n- {path: p.yaml}\nreplacements:\n- source: {kind: ConfigMap, name: config, fieldPath: data.a}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [spec.minReadySeconds]", "overlay/") + strings.Replace(app, "spec:\n  template", "spec:\n  minReadySeconds: 5\n  template", 1) + "-- overlay/p.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\n",
			"base/config.yaml:4: Kustomize: a replacement makes spec.minReadySeconds of the Deployment app this, which is of another type than what stands at base/deployment.yaml:7"},
		{"key that is a number", kustomization("resources: [../base]", "overlay/") + strings.Replace(app, "spec:\n  template", "spec:\n  more: [{a: b}, {8080: c}]\n  template", 1),
			"base/deployment.yaml:7: Kustomize: the key 8080 of spec.more[1] is no text, and what Kubernetes is sent has no other keys: quote it, \"8080\""},
		{"key that is a number, in a patch", kustomization("resources: [../base]\npatches:\n- {path: p.yaml}", "overlay/") + app + "-- overlay/p.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata:\n  8080: c\n",
			"overlay/p.yaml:5: Kustomize: the key 8080 of data is no text, and what Kubernetes is sent has no other keys: quote it, \"8080\""},
		{"replacement of a field that is misspelt", kustomization("resources: [../base]\nreplacements:\n- source: {kind: ConfigMap, name: config, fieldPath: data.percentage}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [metadata.labels.tier]", "overlay/") + strings.Replace(app, "{a: b}", "{a: b, percentag: d}", 1),
			"base/config.yaml:4: the ConfigMap config has no data.percentage, which the replacement at overlay/kustomization.yaml:3 takes from it; here it has percentag"},
		{"replacement of a field beside one of half its letters", kustomization("resources: [../base]\nreplacements:\n- source: {kind: ConfigMap, name: config, fieldPath: data.min}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [metadata.labels.tier]", "overlay/") + strings.Replace(app, "{a: b}", "{a: b, max: d}", 1),
			"which the replacement at overlay/kustomization.yaml:3 takes from it\x00"},
		{"replacement whose source's kind is misspelt", kustomization("resources: [../base]\nreplacements:\n- source: {kind: ConfigMap, name: config, fieldPath: data.a}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [metadata.labels.tier]", "overlay/") + strings.Replace(app, "ConfigMap", "ConfigMapp", 1),
			`overlay/kustomization.yaml:3: the replacement has no source: no object here is kind "ConfigMap", name "config"; it has the ConfigMapp config, from base/config.yaml:1`},
		{"replacement into a field that is misspelt in a patch", kustomization("resources: [../base]\npatches:\n- {path: p.yaml}\nreplacements:\n- source: {kind: ConfigMap, name: config, fieldPath: data.a}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: ['spec.template.spec.containers.[name=app].env.[name=RATE].value']", "overlay/") + app + "-- overlay/p.yaml --\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec:\n  template:\n    spec:\n      containers:\n      - name: app\n        env:\n        - namex: RATE\n          value: x\n",
			`overlay/p.yaml:10: the Deployment app has no spec.template.spec.containers["[name=app]"].env["[name=RATE]"].value, which the replacement at overlay/kustomization.yaml:8 writes to; here it has namex`},
		{"replacement into an object without the field", kustomization("resources: [../base]\nreplacements:\n- source: {kind: ConfigMap, name: config, fieldPath: data.a}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [spec.template.spec.containers.0.command.1]", "overlay/") + app,
			"base/deployment.yaml:10: the Deployment app has no spec.template.spec.containers[\"0\"].command[\"1\"], which the replacement at overlay/kustomization.yaml:6 writes to"},
		{"replacement of the wrong type", kustomization("resources: [../base]\nreplacements:\n- path: r.yaml", "overlay/") + app + "-- overlay/r.yaml --\n- source: {kind: ConfigMap, name: config, fieldPath: data.a}\n  targets:\n  - select: {kind: Deployment}\n    options: {create: yes please}\n    fieldPaths: [metadata.labels.tier]\n",
			"overlay/r.yaml:4: `create` must be true or false"},
		{"reference of the wrong type, in a patch", kustomization("namePrefix: x-\nresources: [../base]\npatches:\n- {path: p.yaml}", "overlay/") + app + "-- overlay/p.yaml --\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec:\n  template:\n    spec:\n      serviceAccountName: {wrong: type}\n",
			"overlay/p.yaml:7: Kustomize: updating name reference in 'spec/template/spec/serviceAccountName' field of 'Deployment.v1.apps/x-app.[noNs]'"},
		{"patch without a name", kustomization("resources: [../base]\npatches:\n- {target: {kind: Deployment}, path: p.yaml}", "overlay/") + app + "-- overlay/p.yaml --\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  labels: {a: b}\nspec: {paused: true}\n",
			"overlay/p.yaml:3: the patch has no metadata.name; Kustomize wants one, also where a target says which objects are meant"},
		{"mapping in place of a text", kustomization("resources: [../base]\npatches:\n- {path: p.yaml}", "overlay/") + app + "-- overlay/p.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata:\n  a: {b: c}\n",
			"overlay/p.yaml:5: Kustomize: wrong node kind"},
		{"JSON patch of a field that is not there, from a file", kustomization("resources: [../base]\npatches:\n- {target: {kind: Deployment}, path: p.yaml}", "overlay/") + app + "-- overlay/p.yaml --\n- op: add\n  path: /spec/paused\n  value: true\n- op: remove\n  path: /spec/replicas\n",
			"overlay/p.yaml:5: the operation cannot be applied to the Deployment app: it has no /spec/replicas"},
		{"JSON patch that copies what is not there", kustomization("resources: [../base]\npatches:\n- target: {kind: Deployment}\n  patch: |\n    - op: move\n      from: /metadata/labels/tir\n      path: /metadata/labels/x", "overlay/") + app,
			"overlay/kustomization.yaml:6: the operation cannot be applied to the Deployment app: it has no /metadata/labels/tir; it has tier"},
		{"an image entry of nothing, whose tag a replacement wants", kustomization("resources: [../base]\nimages:\n- {name: example.com/ap, newTag: '2'}\nreplacements:\n- source: {kind: Deployment, fieldPath: spec.template.spec.containers.0.image, options: {delimiter: ':', index: 5}}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [metadata.labels.tier]", "overlay/") + app,
			`overlay/kustomization.yaml:3: the entry changes nothing: no image here is called "example.com/ap"`},
		{"replacement that takes the tag of an image with a digest alone", kustomization("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nmetadata: {name: k, annotations: {config.kubernetes.io/local-config: 'true'}}\nresources: [../base, kustomization.yaml]\nimages:\n- {name: example.com/app, digest: sha256:abc}\ncomponents: [../c]", "overlay/") + kustomization("apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nreplacements:\n- source: {kind: Kustomization, fieldPath: 'images.[name=example.com/app].newTag'}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [metadata.labels.tier]", "c/") + app,
			"which the replacement at c/kustomization.yaml:4 takes from it: a digest alone tells no version; `kustomize edit set image example.com/app=example.com/app:TAG@sha256:abc` writes both\x00"},
		{"field spec with the index of an item", kustomization("resources: [../base]\nimages: [{name: a, newTag: b}]\nconfigurations: [c.yaml]", "overlay/") + app + "-- overlay/c.yaml --\nimages:\n- kind: Deployment\n  path: spec/template/spec/containers/0/image\n",
			"overlay/c.yaml:3: the path of a field spec goes through the items of a list without a step for them"},
		{"literal without a value", kustomization("configMapGenerator:\n- name: g\n  literals:\n  - a=b\n  - c", "overlay/"),
			`overlay/kustomization.yaml:5: the literal "c" has no value: write it as key=value`},
		{"count that is a text", kustomization("resources: [../base]\nreplicas:\n- name: app\n  count: x", "overlay/") + app,
			"overlay/kustomization.yaml:4: `count` must be a whole number"},
		{"crds of a definition", kustomization("resources: [../base]\ncrds: [crd.yaml]", "overlay/") + app + "-- overlay/crd.yaml --\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: w.e.com}\n",
			"overlay/crd.yaml:2: `crds` takes OpenAPI definitions by the names of their types, and this is a CustomResourceDefinition: list it under `resources`"},
		{"strategic merge of nothing, in a base", kustomization("resources: [../overlay]", "top/") + kustomization("resources: [../base]\npatches:\n- patch: |\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: x}", "overlay/") + app,
			`overlay/kustomization.yaml:6: the patch changes nothing`},
	} {
		t.Run(test.name, func(t *testing.T) {
			target := "overlay"
			if strings.Contains(test.tree, "-- top/") {
				target = "top"
			}
			_, err := New(tree(test.tree), strings.NewReader("")).Render(t.Context(), target)
			if err == nil || !strings.Contains(err.Error()+"\x00", test.want) { // a NUL is the end
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}
