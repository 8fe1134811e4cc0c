package admission

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/admission/custom"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// crd is a CustomResourceDefinition in one version, whose spec has this schema.
func crd(group, plural, kind, metadata, spec string) string {
	return `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ` + plural + "." + group + metadata + `}
spec:
  group: ` + group + `
  scope: Namespaced
  names: {kind: ` + kind + `, plural: ` + plural + `}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, properties: {spec: ` + spec + "}}}\n---\n"
}

const (
	anything = "{type: object, x-kubernetes-preserve-unknown-fields: true}"
	skip     = `, annotations: {argocd.argoproj.io/hook: Skip}`
)

func annotated(documents, from string) string {
	return strings.Replace(documents, from, from+skip, 1)
}

// TestDefinitionsBeside shows which definitions judge an object: what is rendered beside it, in place of the embedded one.
func TestDefinitionsBeside(t *testing.T) {
	const (
		entry = "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: a, namespace: shop}\nspec: {hosts: [a.example.com], ports: [{number: 80, name: http}], resolution: STATIC, workloadSelector: {labels: {a: b}}, endpoints: [{address: 10.0.0.1}]}"
		said  = "accepted a spec: spec is invalid: only one of WorkloadSelector or Endpoints can be set"
		thing = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a, namespace: shop}\nspec: {size: 4}"
		small = "{type: object, properties: {size: {type: integer, maximum: 3}}}"
	)
	const ofIstio = " (so says kgate's definition, of istio.io/api@v1.32.0)"
	both := func(says, admits int) string {
		return fmt.Sprintf(" (so says the CustomResourceDefinition rendered at t.yaml:%d, not the CustomResourceDefinition rendered at t.yaml:%d: an object has to pass every definition of its kind)", says, admits)
	}
	for _, test := range []struct {
		name, documents string
		want            []string
	}{
		{"looser than the embedded one", crd("networking.istio.io", "serviceentries", "ServiceEntry", "", anything) + entry,
			nil}, // schema/definition-agrees says so
		{"and skipped", crd("networking.istio.io", "serviceentries", "ServiceEntry", skip, anything) + entry, []string{said + ofIstio}},
		{"tighter, and skipped", crd("networking.istio.io", "serviceentries", "ServiceEntry", skip, "{type: string}") + entry, []string{said + ofIstio}},
		{"a kind that nobody knows", crd("example.com", "things", "Thing", "", small) + thing,
			[]string{"accepted a spec.size: spec.size 4 is invalid: spec.size in body should be less than or equal to 3"}},
		{"and skipped", crd("example.com", "things", "Thing", skip, small) + thing, nil},
		{"and of a hook", crd("example.com", "things", "Thing", ", annotations: {argocd.argoproj.io/hook: PreSync}", small) + thing,
			[]string{"accepted a spec.size: spec.size 4 is invalid: spec.size in body should be less than or equal to 3"}},
		{"twice, the second looser", crd("example.com", "things", "Thing", "", small) + crd("example.com", "things", "Thing", "", anything) + thing,
			[]string{"accepted a spec.size: spec.size 4 is invalid: spec.size in body should be less than or equal to 3" + both(1, 2)}},
		{"twice, the first looser", crd("example.com", "things", "Thing", "", anything) + crd("example.com", "things", "Thing", "", small) + thing,
			[]string{"accepted a spec.size: spec.size 4 is invalid: spec.size in body should be less than or equal to 3" + both(2, 1)}},
		{"another plural", crd("networking.istio.io", "entries", "ServiceEntry", "", anything),
			[]string{`accepted entries.networking.istio.io spec.names.plural: names.plural "entries" is invalid: kgate's definition, of istio.io/api@v1.32.0 calls the resource of ServiceEntry "serviceentries", and a server takes no second definition of a kind`}},
		{"another plural, skipped", crd("networking.istio.io", "entries", "ServiceEntry", skip, anything), nil},
		{"what Kubernetes serves", strings.Replace(crd("rbac.authorization.k8s.io", "roles", "Role", "", anything), "authorization.k8s.io}", "authorization.k8s.io, annotations: {api-approved.kubernetes.io: unapproved}}", 1) +
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: a, namespace: shop}\nrules: [{verbs: [get]}]",
			[]string{
				"accepted a rules[0].apiGroups: rules[0].apiGroups is missing: resource rules must supply at least one api group",
				"accepted a rules[0].resources: rules[0].resources is missing: resource rules must supply at least one resource",
				`accepted roles.rbac.authorization.k8s.io spec.names.kind: names.kind "Role" is invalid: Kubernetes itself serves Role of rbac.authorization.k8s.io/v1, and asks no definition about it`,
			}},
		{"a group without a dot", crd("apps", "deployments", "Deployment", "", anything) + strings.Replace(deployment, "labels: {app: web}}\n    spec", "labels: {app: other}}\n    spec", 1),
			[]string{
				`accepted deployments.apps spec.group: spec.group "apps" is invalid: should be a domain with at least one dot`,
				"accepted web spec.template.metadata.labels.app: `selector` does not match template `labels`: it asks for app \"web\", and they have \"other\"",
			}},
		{"a policy of the resource, and another plural",
			bound("serviceentries", "serviceentries", `validations: [{expression: "false", message: never}]`) + crd("networking.istio.io", "entries", "ServiceEntry", "", anything) +
				strings.Replace(entry, "workloadSelector: {labels: {a: b}}, ", "", 1),
			[]string{
				`accepted entries.networking.istio.io spec.names.plural: names.plural "entries" is invalid: kgate's definition, of istio.io/api@v1.32.0 calls the resource of ServiceEntry "serviceentries", and a server takes no second definition of a kind`,
				"validating-policy a : ValidatingAdmissionPolicy 'serviceentries' with binding 'serviceentries' denied request: never",
			}},
		{"a policy of what a definition sets by default",
			bound("things", "things", `validations: [{expression: "!has(object.spec.root)", message: never}]`) +
				crd("example.com", "things", "Thing", "", anything) + crd("example.com", "things", "Thing", "", "{type: object, properties: {size: {type: integer}, root: {type: boolean, default: true}}}") + thing,
			[]string{"validating-policy a : ValidatingAdmissionPolicy 'things' with binding 'things' denied request: never"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := placed(t, test.documents); !slices.Equal(got, test.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(test.want, "\n  "))
			}
		})
	}
}

// placed is findings of a target whose objects are the lines of a file, one each.
func placed(t *testing.T, documents string) []string {
	t.Helper()
	target := &check.Target{Path: "t", Objects: objects(t, documents)}
	for i, object := range target.Objects {
		object.Source = manifest.Position{File: "t.yaml", Line: i + 1}
	}
	return judged(t, New(definition.New()), target)
}

func judged(t *testing.T, server *Server, target *check.Target) []string {
	t.Helper()
	out := found(t, Checks(server), target)
	slices.Sort(out)
	return out
}

// TestSkippedGivesNothing shows that what no sync applies neither limits nor feeds what is applied, and that it is judged
// alone.
func TestSkippedGivesNothing(t *testing.T) {
	const (
		namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {pod-security.kubernetes.io/enforce: baseline}}\n---\n"
		bounds    = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: bounds, namespace: shop}\nspec: {limits: [{type: Container, default: {cpu: 500m}, max: {cpu: 1}}]}\n---\n"
	)
	onHost := strings.Replace(deployment, "containers:", "hostNetwork: true\n      containers:", 1)
	big := strings.Replace(deployment, `image: "web:1"`, `image: "web:1", resources: {limits: {cpu: 2}}`, 1)
	never := bound("deployments", "deployments", `validations: [{expression: "false", message: never}]`)
	for _, test := range []struct {
		name, documents, from string
		applied, skipped      []string
	}{
		{"a Namespace", namespace + onHost, "pod-security.kubernetes.io/enforce: baseline}",
			[]string{`pod-security web spec.template.spec: violates PodSecurity "baseline:latest" of namespace shop: host namespaces (hostNetwork=true)`}, nil},
		{"a LimitRange", bounds + big, "name: bounds, namespace: shop",
			[]string{"limit-range web spec.template.spec: LimitRange bounds: maximum cpu usage per Container is 1, but limit is 2"}, nil},
		{"a LimitRange whose defaults a quota needs", quota("limits.cpu: 4") + bounds + deployment, "name: bounds, namespace: shop",
			nil, []string{"resource-quota web spec.template.spec: failed quota: share: must specify limits.cpu for: web"}},
		{"a ResourceQuota", quota("count/deployments.apps: 0") + deployment, "name: share, namespace: shop",
			[]string{"resource-quota web : exceeded quota: share, requested: count/deployments.apps=1, used: count/deployments.apps=0, limited: count/deployments.apps=0"}, nil},
		{"what a quota counts", quota("count/deployments.apps: 0") + deployment, "name: web, namespace: shop",
			[]string{"resource-quota web : exceeded quota: share, requested: count/deployments.apps=1, used: count/deployments.apps=0, limited: count/deployments.apps=0"}, nil},
		{"a policy", never + deployment, "metadata: {name: deployments",
			[]string{"validating-policy web : ValidatingAdmissionPolicy 'deployments' with binding 'deployments' denied request: never"}, nil},
		{"an object that the server refuses", strings.Replace(deployment, "replicas: 3", "replicas: three", 1), "name: web, namespace: shop",
			[]string{"accepted web spec.replicas: expected numeric (int or float), got string"},
			[]string{"accepted web spec.replicas: expected numeric (int or float), got string"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := placed(t, test.documents); !slices.Equal(got, test.applied) {
				t.Errorf("applied: got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(test.applied, "\n  "))
			}
			if got := placed(t, annotated(test.documents, test.from)); !slices.Equal(got, test.skipped) {
				t.Errorf("skipped: got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(test.skipped, "\n  "))
			}
		})
	}
}

// TestDefinitionsAreReadOnce shows that targets share a definition of the same content, and that a verdict on an object
// is another where other definitions stand beside it.
func TestDefinitionsAreReadOnce(t *testing.T) {
	server := New(definition.New())
	target := func(documents string) *check.Target { return &check.Target{Path: "t", Objects: objects(t, documents)} }
	const thing = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}\nspec: {size: 4}"
	tight := crd("example.com", "things", "Thing", "", "{type: object, properties: {size: {type: integer, maximum: 3}}}")
	one, two, none := target(tight+thing), target(tight+thing), target(thing)
	loose := target(crd("example.com", "things", "Thing", "", anything) + thing)
	for i, of := range []*check.Target{one, two, none, loose} {
		if got := len(judged(t, server, of)); got != map[bool]int{true: 1, false: 0}[i < 2] {
			t.Errorf("target %d has %d findings", i, got)
		}
	}
	labelled := objects(t, strings.Replace(tight, "metadata: {", "metadata: {labels: {env: dev}, ", 1))[0]
	if a, b, c := server.kinds.Define(one.Objects[0]), server.kinds.Define(two.Objects[0]), server.kinds.Define(labelled); a != b || a != c {
		t.Error("the same definition was read twice")
	}
}

// TestMetadataOfADefinition shows that what is wrong with the metadata is found where the rest of a definition is known.
func TestMetadataOfADefinition(t *testing.T) {
	server := New(definition.New())
	tight := crd("example.com", "things", "Thing", "", anything)
	if got := judged(t, server, &check.Target{Path: "t", Objects: objects(t, tight)}); got != nil {
		t.Errorf("got %q", got)
	}
	bad := strings.Replace(tight, "metadata: {", "metadata: {labels: {env: a b}, ", 1)
	const thing = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}\n"
	got := judged(t, server, &check.Target{Path: "t", Objects: objects(t, bad+thing)})
	if len(got) != 1 || !strings.HasPrefix(got[0], `accepted things.example.com metadata.labels.env: labels.env "a b" is invalid: a valid label must be`) {
		t.Errorf("got %q", got)
	}
}

func TestLargestRequest(t *testing.T) {
	large := objects(t, "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}\nspec: {text: "+strings.Repeat("a", custom.LargestRequest)+"}")
	violations, known, err := New(definition.New()).Judge(t.Context(), large[0], nil)
	if err != nil || !known || len(violations) != 1 || violations[0].Message != "Request entity too large: limit is 3145728" {
		t.Errorf("got %v, %v, %v", violations, known, err)
	}
}

// TestExcessive shows that an expression that takes longer to compile than anyone waits is refused, and that those that
// people write are not.
func TestExcessive(t *testing.T) {
	rule := func(text string) string {
		return crd("example.com", "things", "Thing", "", "{type: object, properties: {a: {type: string, maxLength: 9}}, x-kubernetes-validations: [{rule: \""+text+"\"}]}")
	}
	conditions := func(n int) string { return strings.TrimSuffix(strings.Repeat("self.a == 'x' && ", n), " && ") }
	many := strings.Replace(rule("true"), `{rule: "true"}`, strings.TrimSuffix(strings.Repeat(`{rule: "`+conditions(50)+`"}, `, 170), ", "), 1)
	at := "accepted things.example.com spec.versions[0].schema.openAPIV3Schema.properties.spec.x-kubernetes-validations[0].rule: "
	for _, test := range []struct {
		name, documents string
		want            []string
	}{
		{"long", rule(conditions(400)), nil},
		{"too long", rule(conditions(500)), []string{at + "x-kubernetes-validations[0].rule is too long: kgate compiles expressions of up to 8192 bytes, and this has 8496"}},
		{"deep", rule(strings.Repeat("(", 30) + "true" + strings.Repeat(")", 30)), nil},
		{"too deep", rule(strings.Repeat("[", 200) + "1" + strings.Repeat("]", 200) + " == []"), []string{at + "Too deep: kgate compiles expressions of up to 32 brackets in each other, and this has 200"}},
		{"side by side", rule(strings.TrimSuffix(strings.Repeat("(true) && ", 100), " && ")), nil},
		{"too many", many, []string{"accepted things.example.com : Too long: kgate compiles up to 131072 bytes of expressions in one object, and this has 143820"}},
		{"of a policy", bound("things", "things", `validations: [{expression: "`+strings.TrimSuffix(strings.Repeat("object.a == 'x' && ", 500), " && ")+`"}]`),
			[]string{
				"accepted things spec.validations[0].expression: validations[0].expression is too long: kgate compiles expressions of up to 8192 bytes, and this has 9496",
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := placed(t, test.documents); !slices.Equal(got, test.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(test.want, "\n  "))
			}
		})
	}
}
