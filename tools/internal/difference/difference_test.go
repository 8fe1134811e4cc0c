package difference

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/admission"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func objects(t testing.TB, text string) []*manifest.Object {
	t.Helper()
	documents, err := manifest.ParseDocuments("all.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var all []*manifest.Object
	for _, d := range documents {
		read, err := d.Objects()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, read...)
	}
	return all
}

func object(t testing.TB, text string) *manifest.Object {
	t.Helper()
	all := objects(t, text)
	if len(all) != 1 {
		t.Fatalf("%d objects in:\n%s", len(all), text)
	}
	return all[0]
}

func comparer() *Comparer { return New(admission.New(definition.New())) }

// lines writes changes one a line: "path: old -> new (why they are equal)".
func lines(changes []Change) string {
	var b strings.Builder
	value := func(v any) string {
		if v == nil {
			return "none"
		}
		if s, ok := v.(Secret); ok {
			return s.String()
		}
		return textOf(v)
	}
	for _, c := range changes {
		at := c.Path.String()
		if c.OldPath != nil && c.OldPath.String() != at {
			at = c.OldPath.String() + " > " + at
		}
		switch {
		case c.Moved:
			fmt.Fprintf(&b, "%s: moved", at)
		default:
			fmt.Fprintf(&b, "%s: %s -> %s", at, value(c.Old), value(c.New))
		}
		if c.Filled {
			b.WriteString(" [filled]")
		}
		if c.Default != nil {
			fmt.Fprintf(&b, " [%s]", value(c.Default))
		}
		if c.Equal != "" {
			fmt.Fprintf(&b, " (%s", c.Equal)
			if c.Kept && c.Equal == Quantity {
				b.WriteString(", kept")
			}
			b.WriteString(")")
		}
		b.WriteString("\n")
	}
	return b.String()
}

const widgets = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.acme.dev}
spec:
  group: acme.dev
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
          spec:
            type: object
            properties:
              mode: {type: string, default: fast}
              size:
                anyOf: [{type: integer}, {type: string}]
                pattern: ^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$
                x-kubernetes-int-or-string: true
              ratio: {type: number}
              every: {type: string, format: duration}
              label: {type: string}
              steps:
                type: array
                items: {type: object, properties: {do: {type: string}, with: {type: string}}}
              hosts: {type: array, items: {type: string}, x-kubernetes-list-type: set}
              parts:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [id]
                items: {type: object, required: [id], properties: {id: {type: string}, of: {type: integer}}}
`

const deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n"

func pod(spec string) string {
	return deployment + "spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: " + spec + "}}"
}

func widget(spec string) string {
	return "apiVersion: acme.dev/v1\nkind: Widget\nmetadata: {name: a}\nspec: " + spec
}

const inPod = "spec.template.spec."

func TestOf(t *testing.T) {
	role := func(rules string) string {
		return "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: a}\nrules: " + rules
	}
	files := func(data string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: " + data
	}
	for _, test := range []struct{ name, old, new, want string }{
		{"changed, added and removed", deployment + "spec: {replicas: 1, paused: true}", deployment + "spec: {replicas: 2, minReadySeconds: 5}",
			"spec.minReadySeconds: none -> 5\nspec.paused: true -> none\nspec.replicas: 1 -> 2\n"},
		{"apiVersion, kind and metadata first", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: x}\n", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {l: m}}\ndata: {a: z}\n",
			"metadata.labels: none -> {\"l\":\"m\"}\ndata.a: \"x\" -> \"z\"\n"},

		// What the server fills in.
		{"defaulted scalar", deployment + "spec: {}", deployment + "spec: {replicas: 1}", "spec.replicas: none -> 1 [1] (default)\n"},
		{"in place of a default", deployment + "spec: {}", deployment + "spec: {replicas: 2}", "spec.replicas: none -> 2 [1]\n"},
		{"defaulted mapping", deployment + "spec: {}", deployment + "spec: {strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 25%}}}",
			"spec.strategy: none -> {\"rollingUpdate\":{\"maxSurge\":\"25%\",\"maxUnavailable\":\"25%\"},\"type\":\"RollingUpdate\"} [{\"rollingUpdate\":{\"maxSurge\":\"25%\",\"maxUnavailable\":\"25%\"},\"type\":\"RollingUpdate\"}] (default)\n"},
		{"partly defaulted mapping", deployment + "spec: {}", deployment + "spec: {strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1}}}",
			"spec.strategy.rollingUpdate.maxSurge: none -> 1 [\"25%\"]\nspec.strategy.type: none -> \"RollingUpdate\" [\"RollingUpdate\"] (default)\n"},
		{"partly defaulted mapping is removed", deployment + "spec: {strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1}}}", deployment + "spec: {}",
			"spec.strategy.rollingUpdate.maxSurge: 1 -> none [\"25%\"]\nspec.strategy.type: \"RollingUpdate\" -> none [\"RollingUpdate\"] (default)\n"},
		{"mapping of which nothing is defaulted", pod("{containers: [{name: a}]}"), pod("{containers: [{name: a, resources: {limits: {cpu: 1}}}]}"),
			inPod + "containers[0].resources: none -> {\"limits\":{\"cpu\":1}} [{}]\n"},
		{"protocol of a port", pod("{containers: [{name: a, ports: [{containerPort: 80}]}]}"), pod("{containers: [{name: a, ports: [{containerPort: 80, protocol: TCP}]}]}"),
			inPod + "containers[0].ports[0].protocol: none -> \"TCP\" [\"TCP\"] (default)\n"},
		{"another name of a field", pod("{serviceAccount: x}"), pod("{serviceAccountName: x}"),
			inPod + "serviceAccount: \"x\" -> none [\"x\"] (default)\n" + inPod + "serviceAccountName: none -> \"x\" [\"x\"] (default)\n"},
		{"empty where the type leaves it out", deployment + "spec: {}", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, labels: {}, creationTimestamp: null}\nspec: {paused: false}",
			"metadata.creationTimestamp: none -> null (default)\nmetadata.labels: none -> {} (default)\nspec.paused: none -> false (default)\n"},
		{"empty where it means something", pod("{volumes: [{name: v}]}"), pod("{volumes: [{name: v, emptyDir: {}}]}"), inPod + "volumes[0].emptyDir: none -> {} [{}] (default)\n"},
		{"empty selector selects all", networkPolicy1("{ingress: [{from: [{}]}]}"), networkPolicy1("{ingress: [{from: [{podSelector: {}}]}]}"),
			"spec.ingress[0].from[0].podSelector: none -> {}\n"},
		{"what else the server fills in", pod("{containers: [{name: a, image: 'a:1'}]}"), pod("{containers: [{name: a, image: 'a:latest'}]}"),
			inPod + "containers[0].image: \"a:1\" -> \"a:latest\"\n" + inPod + "containers[0].imagePullPolicy: \"IfNotPresent\" -> \"Always\" [filled]\n"},
		{"requests of a pod", "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, resources: {limits: {cpu: 1}}}]}}", "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, resources: {limits: {cpu: 2}}}]}}",
			"spec.containers[0].resources.limits.cpu: 1 -> 2\nspec.containers[0].resources.requests.cpu: \"1\" -> \"2\" [filled]\n"},
		{"what the server repeats", pod("{serviceAccountName: a}"), pod("{serviceAccountName: b}"), inPod + "serviceAccountName: \"a\" -> \"b\"\n"},
		{"field that the kind does not have", deployment + "spec: {replica: 1}", deployment + "spec: {}", "spec.replica: 1 -> none\n"},
		{"empty field that the kind does not have", deployment + "spec: {}", deployment + "spec: {replica: 0}", "spec.replica: none -> 0\n"},
		{"custom default", widget("{}"), widget("{mode: fast}"), "spec.mode: none -> \"fast\" [\"fast\"] (default)\n"},
		{"custom null", widget("{}"), widget("{label: null, mode: null}"), "spec.label: none -> null (default)\nspec.mode: none -> null [\"fast\"] (default)\n"},
		{"status of a kind that keeps none", "apiVersion: acme.dev/v1\nkind: Widget\nmetadata: {name: a}\nstatus: {a: 1}", widget("{}"),
			"spec: none -> {}\nstatus: {\"a\":1} -> none (status)\n"},
		{"status of Kubernetes' own", deployment + "status: {replicas: 3}", deployment, "status: {\"replicas\":3} -> none [{}] (status)\n"},

		// Values that are written in two ways.
		{"quantity", pod("{containers: [{name: a, resources: {limits: {cpu: 1000m, memory: 1Gi}}}]}"), pod("{containers: [{name: a, resources: {limits: {cpu: 1, memory: 1024Mi}}}]}"),
			inPod + "containers[0].resources.limits.cpu: \"1000m\" -> 1 (quantity)\n" + inPod + "containers[0].resources.limits.memory: \"1Gi\" -> \"1024Mi\" (quantity)\n"},
		{"another quantity", pod("{containers: [{name: a, resources: {limits: {cpu: 100m}}}]}"), pod("{containers: [{name: a, resources: {limits: {cpu: 1}}}]}"),
			inPod + "containers[0].resources.limits.cpu: \"100m\" -> 1\n"},
		{"custom quantity", widget("{size: 1Gi}"), widget("{size: 1024Mi}"), "spec.size: \"1Gi\" -> \"1024Mi\" (quantity, kept)\n"},
		{"a text is no quantity", widget("{label: 1Gi}"), widget("{label: 1024Mi}"), "spec.label: \"1Gi\" -> \"1024Mi\"\n"},
		{"a label is no quantity", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {a: 1Gi}}", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {a: 1024Mi}}",
			"metadata.labels.a: \"1Gi\" -> \"1024Mi\"\n"},
		{"duration", widget("{every: 60s}"), widget("{every: 1m}"), "spec.every: \"60s\" -> \"1m\" (format)\n"},
		{"number", widget("{ratio: 1}"), widget("{ratio: 1.0}"), ""},
		{"port by name or number", pod("{containers: [{name: a, livenessProbe: {httpGet: {port: 80}}}]}"), pod("{containers: [{name: a, livenessProbe: {httpGet: {port: '80'}}}]}"),
			inPod + "containers[0].livenessProbe.httpGet.port: 80 -> \"80\"\n"},
		{"amount in another unit, kept as it is written", pod("{containers: [{name: a, resources: {requests: {memory: 512Mi}}}]}"), pod("{containers: [{name: a, resources: {requests: {memory: '536870912'}}}]}"),
			inPod + "containers[0].resources.requests.memory: \"512Mi\" -> \"536870912\" (quantity, kept)\n"},
		{"amount that the server fills in", "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, resources: {limits: {memory: 512Mi}}}]}}", "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, resources: {limits: {memory: 536870912}}}]}}",
			"spec.containers[0].resources.limits.memory: \"512Mi\" -> 536870912 (quantity, kept)\nspec.containers[0].resources.requests.memory: \"512Mi\" -> \"536870912\" [filled] (quantity, kept)\n"},
		{"what reads JSON in a ConfigMap nobody knows", files(`{a.json: '{"a":1,"b":2}'}`), files(`{a.json: '{ "b": 2, "a": 1 }'}`), "data[\"a.json\"]: \"{\\\"a\\\":1,\\\"b\\\":2}\" -> \"{ \\\"b\\\": 2, \\\"a\\\": 1 }\"\n"},
		{"what reads YAML in a ConfigMap nobody knows", files(`{a.yaml: "a: 1 # one"}`), files(`{a.yaml: "a: 1"}`), "data[\"a.yaml\"]: \"a: 1 # one\" -> \"a: 1\"\n"},

		// Lists.
		{"list by key", pod("{containers: [{name: a, image: v}, {name: b, image: w}]}"), pod("{containers: [{name: b, image: z}, {name: a, image: v}, {name: c}]}"),
			inPod + "containers[1] > " + inPod + "containers[0]: moved (order)\n" + inPod + "containers[1].image > " + inPod + "containers[0].image: \"w\" -> \"z\"\n" + inPod + "containers[2]: none -> {\"name\":\"c\"}\n"},
		{"list by two keys", pod("{containers: [{name: a, ports: [{containerPort: 53, protocol: UDP}, {containerPort: 53}]}]}"), pod("{containers: [{name: a, ports: [{containerPort: 53, name: dns}, {containerPort: 53, protocol: UDP}]}]}"),
			inPod + "containers[0].ports[1] > " + inPod + "containers[0].ports[0]: moved (order)\n" + inPod + "containers[0].ports[0].name: none -> \"dns\"\n"},
		{"a port with another number", pod("{containers: [{name: a, ports: [{containerPort: 80, name: http}, {containerPort: 81}, {containerPort: 90, name: m}]}]}"), pod("{containers: [{name: a, ports: [{containerPort: 8080, name: http}, {containerPort: 82}, {containerPort: 91, name: o}]}]}"),
			inPod + "containers[0].ports[0].containerPort: 80 -> 8080\n" + inPod + "containers[0].ports[1]: {\"containerPort\":81} -> none\n" + inPod + "containers[0].ports[2]: {\"containerPort\":90,\"name\":\"m\"} -> none\n" +
				inPod + "containers[0].ports[1]: none -> {\"containerPort\":82}\n" + inPod + "containers[0].ports[2]: none -> {\"containerPort\":91,\"name\":\"o\"}\n"},
		{"two mounts of one volume", pod("{containers: [{name: a, volumeMounts: [{name: v, mountPath: /a}, {name: v, mountPath: /b}]}]}"), pod("{containers: [{name: a, volumeMounts: [{name: v, mountPath: /c}, {name: v, mountPath: /d}]}]}"),
			inPod + "containers[0].volumeMounts[0]: {\"mountPath\":\"/a\",\"name\":\"v\"} -> none\n" + inPod + "containers[0].volumeMounts[1]: {\"mountPath\":\"/b\",\"name\":\"v\"} -> none\n" +
				inPod + "containers[0].volumeMounts[0]: none -> {\"mountPath\":\"/c\",\"name\":\"v\"}\n" + inPod + "containers[0].volumeMounts[1]: none -> {\"mountPath\":\"/d\",\"name\":\"v\"}\n"},
		{"init containers have an order", pod("{initContainers: [{name: a}, {name: b}]}"), pod("{initContainers: [{name: b}, {name: a}]}"), inPod + "initContainers[1] > " + inPod + "initContainers[0]: moved\n"},
		{"variables have none", pod("{containers: [{name: a, env: [{name: A, value: a}, {name: B, value: b}]}]}"), pod("{containers: [{name: a, env: [{name: B, value: b}, {name: A, value: a}]}]}"),
			inPod + "containers[0].env[1] > " + inPod + "containers[0].env[0]: moved (order)\n"},
		{"variables made of others have one", pod("{containers: [{name: a, env: [{name: A, value: a}, {name: B, value: $(A)}]}]}"), pod("{containers: [{name: a, env: [{name: B, value: $(A)}, {name: A, value: a}]}]}"),
			inPod + "containers[0].env[1] > " + inPod + "containers[0].env[0]: moved\n"},
		{"arguments", pod("{containers: [{name: a, args: [run, --a=1, --b]}]}"), pod("{containers: [{name: a, args: [run, --c, --a=2, --b]}]}"),
			inPod + "containers[0].args[1]: none -> \"--c\"\n" + inPod + "containers[0].args[1] > " + inPod + "containers[0].args[2]: \"--a=1\" -> \"--a=2\"\n"},
		{"arguments have an order", pod("{containers: [{name: a, args: [--a, --b]}]}"), pod("{containers: [{name: a, args: [--b, --a]}]}"),
			inPod + "containers[0].args[1] > " + inPod + "containers[0].args[0]: moved\n"},
		{"rules have none", role("[{apiGroups: [''], resources: [pods, secrets], verbs: [get]}, {apiGroups: [apps], resources: [deployments], verbs: [get, list]}]"),
			role("[{apiGroups: [apps], resources: [deployments], verbs: [list, get]}, {apiGroups: [''], resources: [pods, secrets], verbs: [get, watch]}]"),
			"rules[1] > rules[0]: moved (order)\nrules[1].verbs[1] > rules[0].verbs[0]: moved (order)\nrules[1].verbs[1]: none -> \"watch\"\n"},
		{"custom set", widget("{hosts: [a, b]}"), widget("{hosts: [b, c, a]}"), "spec.hosts[1] > spec.hosts[0]: moved (order)\nspec.hosts[1]: none -> \"c\"\n"},
		{"custom list by key", widget("{parts: [{id: a, of: 1}, {id: b, of: 2}]}"), widget("{parts: [{id: b, of: 3}]}"), "spec.parts[0]: {\"id\":\"a\",\"of\":1} -> none\nspec.parts[1].of > spec.parts[0].of: 2 -> 3\n"},
		{"custom list has an order", widget("{steps: [{do: a, with: x}, {do: b}, {do: c}]}"), widget("{steps: [{do: b}, {do: a, with: z}, {do: c}]}"),
			"spec.steps[0]: {\"do\":\"a\",\"with\":\"x\"} -> none\nspec.steps[1]: none -> {\"do\":\"a\",\"with\":\"z\"}\n"},
		{"items without a name", pod("{containers: [{name: a, envFrom: [{configMapRef: {name: x}}, {secretRef: {name: y}}]}]}"), pod("{containers: [{name: a, envFrom: [{configMapRef: {name: z}}, {secretRef: {name: y}}]}]}"),
			inPod + "containers[0].envFrom[0].configMapRef.name: \"x\" -> \"z\"\n"},
		{"definition by field", widgets, strings.Replace(strings.Replace(widgets, "ratio: {type: number}", "ratio: {type: number, minimum: 0}", 1), "label: {type: string}", "label: {type: string, description: x}", 1),
			"spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.label.description: none -> \"x\"\nspec.versions[0].schema.openAPIV3Schema.properties.spec.properties.ratio.minimum: none -> 0\n"},
		{"another type", files("{a: b}"), files("[a]"), "data: {\"a\":\"b\"} -> [\"a\"]\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			target := &check.Target{Objects: objects(t, widgets)}
			changes, err := comparer().Of(context.Background(), target, object(t, test.old), object(t, test.new))
			if err != nil {
				t.Fatal(err)
			}
			if got := lines(changes); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
			for _, c := range changes {
				if c.Removed != (c.New == nil) {
					t.Errorf("%s: removed is %t", c.Path, c.Removed)
				}
			}
		})
	}
}

func networkPolicy1(spec string) string {
	return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: " + spec
}

// TestStandIns holds that what nobody here knows is compared, and shown, as it is written.
func TestStandIns(t *testing.T) {
	old := object(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: x-xhost-1, b: xhost-1, c: xhost-1}}")
	new := object(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: x-xhost-2, b: xport-2, c: c, d: xport-2}}")
	old.Unknown = []manifest.Path{{"data", "a"}, {"data", "b"}, {"data", "c"}}
	new.Unknown = []manifest.Path{{"data", "a"}, {"data", "b"}, {"data", "d"}}
	target := &check.Target{StandIns: check.StandIns{"xhost-2": "${HOST}", "xport-2": "${PORT}"},
		Before: &check.Before{Target: &check.Target{StandIns: check.StandIns{"xhost-1": "${HOST}"}}}}
	changes, err := comparer().Of(context.Background(), target, old, new)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := lines(changes), "data.b: \"${HOST}\" -> \"${PORT}\"\ndata.c: \"${HOST}\" -> \"c\"\ndata.d: none -> \"${PORT}\"\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// BenchmarkOf compares 300 Deployments of which each has another image.
func BenchmarkOf(b *testing.B) {
	text := objects(b, corpus)[0]
	var pairs [][2]*manifest.Object
	for i := range 300 {
		var pair [2]*manifest.Object
		for j := range pair {
			o, err := text.Edit(func(value map[string]any) bool {
				value["metadata"].(map[string]any)["name"] = fmt.Sprint("a", i)
				container, _ := manifest.At(value, "spec", "template", "spec", "containers", 0).(map[string]any)
				container["image"] = fmt.Sprintf("app:%d.%d", i, j)
				return true
			})
			if err != nil {
				b.Fatal(err)
			}
			pair[j] = o
		}
		pairs = append(pairs, pair)
	}
	c := comparer()
	for b.Loop() {
		for _, pair := range pairs {
			changes, err := c.Of(context.Background(), nil, pair[0], pair[1])
			if err != nil || len(changes) != 1 {
				b.Fatal(changes, err)
			}
		}
	}
}

// TestLargeLists holds that items without a name are compared in bounded time, however large they are.
func TestLargeLists(t *testing.T) {
	list := func(offset int) *manifest.Object {
		var items []any
		for i := range 50 {
			item := map[string]any{}
			for j := range 2000 {
				item[fmt.Sprint("f", j)] = fmt.Sprint(i*j + offset)
			}
			items = append(items, item)
		}
		o, err := manifest.Encode(map[string]any{"apiVersion": "unknown.dev/v1", "kind": "Thing", "metadata": map[string]any{"name": "a"}, "items": items})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	old, new := list(0), list(1)
	changes, err := comparer().Of(context.Background(), nil, old, new)
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) == 0 || len(changes) >= 50*2000 {
		t.Errorf("%d changes: of 50 items with 2000 fields not all are compared with each other", len(changes))
	}
}
