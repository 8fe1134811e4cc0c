package admission

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func objects(t *testing.T, documents string) []*manifest.Object {
	t.Helper()
	var all []*manifest.Object
	for _, text := range strings.Split(strings.TrimSuffix(documents, "\n---\n"), "\n---\n") {
		encoded, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		object, err := manifest.Decode(encoded)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, object)
	}
	return all
}

// findings runs every admission check over a target of these documents: check, object, path and message of each.
func findings(t *testing.T, documents string) []string {
	t.Helper()
	return found(t, Checks(New(definition.New())), &check.Target{Path: "t", Objects: objects(t, documents)})
}

// found is what checks find in a target, in their order.
func found(t *testing.T, checks []*check.Check, target *check.Target) []string {
	t.Helper()
	result, failures := check.Run(t.Context(), check.Plan{Checks: checks, Targets: []*check.Target{target}})
	if len(failures) > 0 {
		t.Fatal(failures)
	}
	var out []string
	for _, f := range result.Findings {
		out = append(out, fmt.Sprintf("%s %s %s: %s", strings.TrimPrefix(f.Check, "admission/"), f.Object.Name, f.Path, f.Message))
	}
	return out
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "web:1"}]`

func quota(hard string) string {
	return "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: share, namespace: shop}\nspec: {hard: {" + hard + "}}\n---\n"
}

func service(name, spec string) string {
	return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name + ", namespace: shop}\nspec: " + spec + "\n---\n"
}

func TestChecks(t *testing.T) {
	for _, test := range []struct {
		name, documents string
		want            []string
	}{
		{name: "good", documents: deployment},
		{
			name:      "typed before validated",
			documents: strings.NewReplacer("replicas: 3", `replicas: three`, "app: web}}\n    spec", "app: other}}\n    spec").Replace(deployment),
			want:      []string{"accepted web spec.replicas: expected numeric (int or float), got string"},
		},
		{
			name:      "selector",
			documents: strings.Replace(deployment, "labels: {app: web}}\n    spec", "labels: {app: other}}\n    spec", 1),
			want:      []string{"accepted web spec.template.metadata.labels.app: `selector` does not match template `labels`: it asks for app \"web\", and they have \"other\""},
		},
		{
			name:      "one key twice",
			documents: strings.Replace(deployment, `image: "web:1"`, `image: "web:1", ports: [{containerPort: 80}, {containerPort: 80}]`, 1),
			want:      []string{`accepted web spec.template.spec.containers[0].ports: duplicate entries for key [containerPort=80,protocol="TCP"]`},
		},
		{
			name:      "a custom resource",
			documents: "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: web, namespace: shop}\nspec: {hosts: [web], http: [{route: [{destination: {host: web}, weight: ten}]}]}",
			want:      []string{"accepted web spec.http[0].route[0].weight: expected numeric (int or float), got string (so says kgate's definition, of istio.io/api@v1.32.0)"},
		},
		{
			name: "a custom resource that is defined beside it",
			documents: `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Thing, plural: things}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties: {size: {type: integer, maximum: 3}}
              x-kubernetes-validations: [{rule: "self.size != 2", message: "two is one too few"}]
---
apiVersion: example.com/v1
kind: Thing
metadata: {name: two}
spec: {size: 2}
---
apiVersion: example.com/v1
kind: Thing
metadata: {name: four}
spec: {size: 4}`,
			want: []string{
				"accepted four spec.size: spec.size 4 is invalid: spec.size in body should be less than or equal to 3",
				`accepted two spec: spec is invalid: two is one too few`,
			},
		},
		{
			name:      "an invalid definition",
			documents: "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.com}\nspec: {group: example.com, scope: Sometimes, names: {kind: Thing, plural: things}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}",
			want:      []string{`accepted things.example.com spec.scope: spec.scope "Sometimes" is not supported: supported values: "Cluster", "Namespaced"`},
		},
		{
			name: "a version that the server does not serve any more",
			documents: "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: good, namespace: shop}\nspec: {minAvailable: 1, selector: {matchLabels: {a: b}}}\n---\n" +
				"apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: bad, namespace: shop}\nspec: {minAvailable: -1, selector: {matchLabels: {a: b}}}",
			want: []string{"accepted bad spec.minAvailable: spec.minAvailable -1 is invalid: must be greater than or equal to 0"},
		},
		{name: "a kind that nobody knows", documents: "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}\nspec: 3"},
		{
			name:      "pod security",
			documents: "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {pod-security.kubernetes.io/enforce: baseline}}\n---\n" + strings.Replace(deployment, "containers:", "hostNetwork: true\n      containers:", 1),
			want:      []string{`pod-security web spec.template.spec: violates PodSecurity "baseline:latest" of namespace shop: host namespaces (hostNetwork=true)`},
		},
		{
			name:      "pod security elsewhere",
			documents: "apiVersion: v1\nkind: Namespace\nmetadata: {name: other, labels: {pod-security.kubernetes.io/enforce: restricted}}\n---\n" + deployment,
		},
		{
			name:      "a level that is none",
			documents: "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {pod-security.kubernetes.io/enforce: strict}}",
			want:      []string{`accepted shop metadata.labels["pod-security.kubernetes.io/enforce"]: labels["pod-security.kubernetes.io/enforce"] "strict" is invalid: must be one of privileged, baseline, restricted`},
		},
		{
			name: "defaults of a LimitRange, and its maximum",
			documents: "apiVersion: v1\nkind: LimitRange\nmetadata: {name: bounds, namespace: shop}\nspec: {limits: [{type: Container, default: {cpu: 500m}, max: {cpu: 1}}]}\n---\n" + deployment + "\n---\n" +
				strings.NewReplacer("name: web, n", "name: big, n", `image: "web:1"`, `image: "web:1", resources: {limits: {cpu: 2}}`).Replace(deployment),
			want: []string{"limit-range big spec.template.spec: LimitRange bounds: maximum cpu usage per Container is 1, but limit is 2"},
		},
		{
			name:      "a quota that counts what the pod does not say",
			documents: "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: share, namespace: shop}\nspec: {hard: {limits.cpu: 4}}\n---\n" + deployment,
			want:      []string{"resource-quota web spec.template.spec: failed quota: share: must specify limits.cpu for: web"},
		},
		{
			name: "a quota that the autoscaler can exceed",
			documents: "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: share, namespace: shop}\nspec: {hard: {limits.cpu: 4, pods: 20}}\n---\n" +
				"apiVersion: v1\nkind: LimitRange\nmetadata: {name: bounds, namespace: shop}\nspec: {limits: [{type: Container, default: {cpu: 500m}}]}\n---\n" +
				"apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web, namespace: shop}\nspec: {maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}\n---\n" + deployment,
			want: []string{"resource-quota web spec.template.spec: exceeded quota: share, requested: limits.cpu=4500m for 9 pods, used by others: limits.cpu=0, limited: limits.cpu=4"},
		},
		{
			name: "a quota of services",
			documents: quota("services: 2, services.loadbalancers: 1, services.nodeports: 3") +
				service("a", "{type: LoadBalancer, ports: [{port: 80, name: a}, {port: 81, name: b}]}") + service("b", "{type: LoadBalancer, ports: [{port: 80}]}") +
				service("c", "{type: NodePort, ports: [{port: 80, name: a}, {port: 81, name: b}]}") + service("d", "{ports: [{port: 80}]}") + service("e", "{ports: [{port: 80}]}"),
			want: []string{
				"resource-quota b : exceeded quota: share, requested: services.loadbalancers=1, used: services.loadbalancers=1, limited: services.loadbalancers=1",
				"resource-quota c : exceeded quota: share, requested: services.nodeports=2, used: services.nodeports=2, limited: services.nodeports=3",
				"resource-quota e : exceeded quota: share, requested: services=1, used: services=2, limited: services=2",
			},
		},
		{
			name:      "a quota of services elsewhere",
			documents: quota("services: 0") + strings.ReplaceAll(service("a", "{ports: [{port: 80}]}"), "shop", "other"),
		},
		{
			name: "a quota of objects, of which every namespace has some",
			documents: quota("configmaps: 2, count/secrets: 1, count/serviceaccounts: 1, count/deployments.apps: 1, resourcequotas: 1") + deployment + "\n---\n" +
				"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: shop}\n---\n" +
				"apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: shop}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: b, namespace: shop}\n---\n" +
				"apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default, namespace: shop}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: b, namespace: shop}",
			want: []string{
				"resource-quota b : exceeded quota: share, requested: configmaps=1, used: configmaps=2, limited: configmaps=2",
				"resource-quota b : exceeded quota: share, requested: count/secrets=1, used: count/secrets=1, limited: count/secrets=1",
				"resource-quota b : exceeded quota: share, requested: count/serviceaccounts=1, used: count/serviceaccounts=1, limited: count/serviceaccounts=1",
			},
		},
		{
			name: "a quota of custom resources",
			documents: quota("count/virtualservices.networking.istio.io: 1") +
				"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a, namespace: shop}\nspec: {hosts: [a], http: [{route: [{destination: {host: a}}]}]}\n---\n" +
				"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: b, namespace: shop}\nspec: {hosts: [b], http: [{route: [{destination: {host: b}}]}]}",
			want: []string{"resource-quota b : exceeded quota: share, requested: count/virtualservices.networking.istio.io=1, used: count/virtualservices.networking.istio.io=1, limited: count/virtualservices.networking.istio.io=1"},
		},
		{
			name: "a quota of storage, which a StatefulSet asks for too",
			documents: quota("persistentvolumeclaims: 3, requests.storage: 25Gi, fast.storageclass.storage.k8s.io/requests.storage: 5Gi") +
				"apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: fast, namespace: shop}\nspec: {storageClassName: fast, accessModes: [ReadWriteOnce], resources: {requests: {storage: 6Gi}}}\n---\n" +
				strings.NewReplacer("Deployment", "StatefulSet", "  replicas: 3", "  replicas: 3\n  serviceName: web\n  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}}]").Replace(deployment),
			want: []string{
				"resource-quota fast spec: exceeded quota: share, requested: fast.storageclass.storage.k8s.io/requests.storage=6Gi, used: fast.storageclass.storage.k8s.io/requests.storage=0, limited: fast.storageclass.storage.k8s.io/requests.storage=5Gi",
				"resource-quota web spec.volumeClaimTemplates[0].spec: exceeded quota: share, requested: requests.storage=10Gi, used: requests.storage=20Gi, limited: requests.storage=25Gi",
			},
		},
		{
			name:      "two quotas, and one that an object cannot fit into on its own",
			documents: quota("count/services: 5") + strings.Replace(quota("services.nodeports: 1"), "share", "ports", 1) + service("a", "{type: NodePort, ports: [{port: 80, name: a}, {port: 81, name: b}]}"),
			want:      []string{"resource-quota a : exceeded quota: ports, requested: services.nodeports=2, used: services.nodeports=0, limited: services.nodeports=1"},
		},
		{
			name: "claims of a StatefulSet and a LimitRange",
			documents: "apiVersion: v1\nkind: LimitRange\nmetadata: {name: bounds, namespace: shop}\nspec: {limits: [{type: PersistentVolumeClaim, max: {storage: 5Gi}}]}\n---\n" +
				strings.NewReplacer("Deployment", "StatefulSet", "  replicas: 3", "  serviceName: web\n  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}}]").Replace(deployment),
			want: []string{"limit-range web spec.volumeClaimTemplates[0].spec.resources: LimitRange bounds: maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 10Gi"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := findings(t, test.documents); !slices.Equal(got, test.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(test.want, "\n  "))
			}
		})
	}
}

func TestChecksAreDocumented(t *testing.T) {
	if err := check.Verify(Checks(New(definition.New()))); err != nil {
		t.Error(err)
	}
}

func TestPinpoint(t *testing.T) {
	object := map[string]any{
		"metadata": map[string]any{"labels": map[string]any{"a": "Not/Valid", "b": "fine", "c/d/e": "x", "f": "twice", "g": "twice"}},
		"spec": map[string]any{
			"strategy": map[string]any{"type": "Gradual", "rollingUpdate": map[string]any{"maxSurge": int64(1)}},
			"template": map[string]any{"metadata": map[string]any{"labels": map[string]any{"a": "Not/Valid"}}},
			"replicas": int64(1),
		},
	}
	for _, test := range []struct{ path, message, want string }{
		{"metadata.labels", `Invalid value: "Not/Valid": a valid label must be …`, "metadata.labels.a"},
		{"metadata.labels", `Invalid value: "c/d/e": name part must consist of …`, `metadata.labels["c/d/e"]`},
		{"metadata.labels", `Invalid value: "twice": a valid label must be …`, "metadata.labels"},
		{"metadata.labels", `Required value`, "metadata.labels"},
		{"spec.template.labels", `Invalid value: "Not/Valid": a valid label must be …`, "spec.template.metadata.labels.a"},
		{"spec.template.labels", `Required value`, "spec.template.metadata.labels"},
		{"spec.template.annotations", `Required value`, "spec.template.annotations"},
		{"spec.strategy", `Unsupported value: {"Type":"Gradual","RollingUpdate":null}: supported values: "Recreate", "RollingUpdate"`, "spec.strategy.type"},
		{"spec.replicas", `Invalid value: "1": must be less`, "spec.replicas"},
	} {
		path, err := manifest.ParsePath(test.path)
		if err != nil {
			t.Fatal(err)
		}
		if got := pinpoint(object, fault.Fault{Path: path, Message: test.message}).String(); got != test.want {
			t.Errorf("%s: %s is about %s, want %s", test.path, test.message, got, test.want)
		}
	}
}
