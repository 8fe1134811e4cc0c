package admission

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// findings runs every admission check over a target of these documents: check, object, path and message of each.
func findings(t *testing.T, documents string) []string {
	t.Helper()
	target := &check.Target{Path: "t"}
	for _, text := range strings.Split(documents, "\n---\n") {
		encoded, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		object, err := manifest.Decode(encoded)
		if err != nil {
			t.Fatal(err)
		}
		target.Objects = append(target.Objects, object)
	}
	result, failures := check.Run(context.Background(), check.Plan{Checks: Checks(New()), Targets: []*check.Target{target}})
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
			want:      []string{"accepted web spec.template.metadata.labels: Invalid value: {\"app\":\"other\"}: `selector` does not match template `labels`"},
		},
		{
			name:      "one key twice",
			documents: strings.Replace(deployment, `image: "web:1"`, `image: "web:1", ports: [{containerPort: 80}, {containerPort: 80}]`, 1),
			want:      []string{`accepted web spec.template.spec.containers[0].ports: duplicate entries for key [containerPort=80,protocol="TCP"]`},
		},
		{
			name:      "a custom resource",
			documents: "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: web, namespace: shop}\nspec: {hosts: [web], http: [{route: [{destination: {host: web}, weight: ten}]}]}",
			want:      []string{"accepted web spec.http[0].route[0].weight: expected numeric (int or float), got string"},
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
				"accepted four spec.size: Invalid value: 4: spec.size in body should be less than or equal to 3",
				`accepted two spec: Invalid value: two is one too few`,
			},
		},
		{
			name:      "an invalid definition",
			documents: "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.com}\nspec: {group: example.com, scope: Sometimes, names: {kind: Thing, plural: things}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}",
			want:      []string{`accepted things.example.com spec.scope: Unsupported value: "Sometimes": supported values: "Cluster", "Namespaced"`},
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
			want:      []string{`accepted shop metadata.labels["pod-security.kubernetes.io/enforce"]: Invalid value: "strict": must be one of privileged, baseline, restricted`},
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
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := findings(t, test.documents); !slices.Equal(got, test.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(test.want, "\n  "))
			}
		})
	}
}

func TestChecksAreDocumented(t *testing.T) {
	if err := check.Verify(Checks(New())); err != nil {
		t.Error(err)
	}
}
