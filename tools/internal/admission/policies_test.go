package admission

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/admission/admissiontest/golden"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// TestPolicyAnswers holds kgate to what a real server said while the policies of each fixture were in force;
// `go run ./tools/conformance -policies -record` records that.
func TestPolicyAnswers(t *testing.T) {
	dir := os.DirFS("testdata/policies")
	fixtures, err := golden.ReadFixtures(dir)
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := golden.ReadAnswers(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, fixture := range fixtures {
		t.Run(fixture.Name, func(t *testing.T) {
			checks, err := check.Select(Checks(New(definition.New())), []string{"admission/validating-policy", "admission/policy-warning"})
			if err != nil {
				t.Fatal(err)
			}
			result, failures := check.Run(t.Context(), check.Plan{Checks: checks, Targets: []*check.Target{{Path: fixture.Name, Objects: fixture.Objects}}})
			if len(failures) > 0 {
				t.Fatal(failures)
			}
			for _, different := range fixture.Compare(recorded[fixture.Name], func(object *manifest.Object) (denied, warned []string) {
				for _, f := range result.Findings {
					switch {
					case *f.Object != object.ID || len(f.Path) > 0: // with a path it is about the pods of a workload
					case f.Severity == check.Warning:
						warned = append(warned, f.Message)
					default:
						denied = append(denied, f.Message)
					}
				}
				return denied, warned
			}) {
				t.Error(different)
			}
		})
	}
}

// bound is a policy with its binding; rest is what its spec has besides.
func bound(name, resources, rest string) string {
	return `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: ` + name + `}
spec:
  matchConstraints: {resourceRules: [{apiGroups: ["*"], apiVersions: ["*"], operations: [CREATE], resources: [` + resources + `]}]}
  ` + rest + `
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: ` + name + `}
spec: {policyName: ` + name + `, validationActions: [Deny]}
---
`
}

func TestPolicies(t *testing.T) {
	for _, test := range []struct {
		name, documents string
		want            []string
	}{
		{
			name:      "the pods of a workload, as their controller creates them",
			documents: bound("pods", "pods", `validations: [{expression: "object.spec.containers.all(c, c.image.startsWith('registry/'))", messageExpression: "request.userInfo.username + ' ' + object.metadata.ownerReferences[0].kind + ' ' + object.spec.serviceAccountName + ' ' + object.metadata.labels.app"}]`) + deployment,
			want:      []string{"validating-policy web spec.template.spec: its pods: ValidatingAdmissionPolicy 'pods' with binding 'pods' denied request: system:serviceaccount:kube-system:replicaset-controller ReplicaSet default web"},
		},
		{
			name: "pods with the defaults of a LimitRange",
			documents: bound("limited", "pods", `validations: [{expression: "has(object.spec.containers[0].resources.limits)"}]`) + deployment + "\n---\n" +
				"apiVersion: v1\nkind: LimitRange\nmetadata: {name: bounds, namespace: shop}\nspec: {limits: [{type: Container, default: {cpu: 500m}}]}",
		},
		{
			name: "a pod of its own",
			documents: bound("pods", "pods", `validations: [{expression: "has(object.metadata.ownerReferences)", messageExpression: "'nobody owns it: ' + request.userInfo.username + ' ' + object.status.qosClass"}]`) +
				"apiVersion: v1\nkind: Pod\nmetadata: {name: lonely, namespace: shop}\nspec: {containers: [{name: a, image: \"a:1\"}]}",
			want: []string{"validating-policy lonely : ValidatingAdmissionPolicy 'pods' with binding 'pods' denied request: nobody owns it: kgate BestEffort"},
		},
		{
			name: "every refusal of a policy, and all of them before the object that it is about",
			documents: bound("two", "deployments", `validations: [{expression: "false", message: first}, {expression: "true"}, {expression: "false", message: second}]`) +
				deployment,
			want: []string{
				"validating-policy web : ValidatingAdmissionPolicy 'two' with binding 'two' denied request: first",
				"validating-policy web : ValidatingAdmissionPolicy 'two' with binding 'two' denied request: second",
			},
		},
		{
			name:      "a policy after the object that it is about",
			documents: deployment + "\n---\n" + bound("late", "deployments", `validations: [{expression: "false"}]`),
			want:      []string{"validating-policy web : ValidatingAdmissionPolicy 'late' with binding 'late' denied request: failed expression: false"},
		},
		{
			name:      "nobody knows what the user may do",
			documents: bound("asks", "deployments", `validations: [{expression: "authorizer.group('apps').resource('deployments').namespace('shop').check('create').allowed()", message: not allowed}]`) + deployment,
			want:      []string{"validating-policy web : ValidatingAdmissionPolicy 'asks' with binding 'asks' denied request: not allowed"},
		},
		{
			name:      "a policy that the server refuses is reported once",
			documents: bound("broken", "deployments", `validations: [{expression: "object.spec.replicas <"}]`) + deployment,
			want: []string{"accepted broken spec.validations[0].expression: validations[0].expression \"object.spec.replicas <\" is invalid: compilation failed: ERROR: <input>:1:23: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n" +
				" | object.spec.replicas <\n | ......................^"},
		},
		{
			name:      "what the server refuses before it asks a policy",
			documents: bound("all", "deployments", `validations: [{expression: "false"}]`) + strings.Replace(deployment, "replicas: 3", "replicas: -3", 1),
			want:      []string{"accepted web spec.replicas: spec.replicas -3 is invalid: must be greater than or equal to 0"},
		},
		{
			name: "an expression that costs too much",
			documents: bound("dear", "configmaps", `validations: [{expression: "object.data.all(a, object.data.all(b, object.data.all(c, object.data.all(d, a + b + c + d != ''))))"}]`) +
				"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: many, namespace: shop}\ndata: {" + manyKeys() + "}",
			want: []string{"validating-policy many : ValidatingAdmissionPolicy 'dear' with binding 'dear' denied request: expression 'object.data.all(a, object.data.all(b, object.data.all(c, object.data.all(d, a + b + c + d != ''))))' resulted in error: operation cancelled: actual cost limit exceeded"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := findings(t, test.documents); !slices.Equal(got, test.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(test.want, "\n  "))
			}
		})
	}
}

// TestRefusedPolicy: alone, the check does not keep quiet about a policy that it cannot evaluate.
func TestRefusedPolicy(t *testing.T) {
	checks, err := check.Select(Checks(New(definition.New())), []string{"admission/validating-policy"})
	if err != nil {
		t.Fatal(err)
	}
	target := &check.Target{Path: "t", Objects: objects(t, bound("broken", "deployments", `validations: [{expression: "object.spec.replicas"}]`)+deployment)}
	result, failures := check.Run(t.Context(), check.Plan{Checks: checks, Targets: []*check.Target{target}})
	if len(failures) > 0 {
		t.Fatal(failures)
	}
	const want = "the API server refuses it, so that nothing is held to it: Invalid value: \"object.spec.replicas\": must evaluate to bool but got dyn"
	if len(result.Findings) != 1 || result.Findings[0].Object.Name != "broken" || result.Findings[0].Message != want {
		t.Errorf("got %v, want one finding: %s", result.Findings, want)
	}
}

// TestParametersElsewhere: what another target of the cluster renders, or kgate.yaml declares, is not said to be missing.
func TestParametersElsewhere(t *testing.T) {
	policy := func(paramRef string) string {
		return strings.Replace(strings.Replace(bound("bounded", "deployments", `validations: [{expression: "object.spec.replicas <= int(params.data.most)"}]`),
			"spec:\n", "spec:\n  paramKind: {apiVersion: v1, kind: ConfigMap}\n", 1), "validationActions", "paramRef: {"+paramRef+", parameterNotFoundAction: Deny}, validationActions", 1) + deployment
	}
	const bounds = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bounds, namespace: shop}\ndata: {most: \"3\"}"
	for name, c := range map[string]struct {
		paramRef, other string
		external        []check.External
		found           bool
	}{
		"nowhere":                       {paramRef: "name: bounds", found: true},
		"by name":                       {paramRef: "name: bounds", other: bounds},
		"of another name":               {paramRef: "name: limits", other: bounds, found: true},
		"in another namespace":          {paramRef: "name: bounds, namespace: policies", other: bounds, found: true},
		"by selector":                   {paramRef: "selector: {matchLabels: {a: b}}", other: bounds},
		"by selector, and of none":      {paramRef: "selector: {matchLabels: {a: b}}", found: true},
		"declared":                      {paramRef: "name: bounds", external: []check.External{{Kind: "ConfigMap", Namespace: "shop", Name: "bounds"}}},
		"declared, and selected":        {paramRef: "selector: {}", external: []check.External{{Kind: "ConfigMap", Namespace: "shop", Name: "bounds"}}},
		"declared for another kind too": {paramRef: "name: bounds", external: []check.External{{Kind: "Secret", Namespace: "shop", Name: "bounds"}}, found: true},
	} {
		t.Run(name, func(t *testing.T) {
			checks, err := check.Select(Checks(New(definition.New())), []string{"admission/validating-policy"})
			if err != nil {
				t.Fatal(err)
			}
			targets := []*check.Target{{Path: "t", Objects: objects(t, policy(c.paramRef))}}
			if c.other != "" {
				targets = append(targets, &check.Target{Path: "other", Objects: objects(t, c.other)})
			}
			result, failures := check.Run(t.Context(), check.Plan{Checks: checks, Targets: targets, External: c.external})
			if len(failures) > 0 {
				t.Fatal(failures)
			}
			if found := len(result.Findings) > 0; found != c.found {
				t.Errorf("got %v", result.Findings)
			}
		})
	}
}

// FuzzPolicy: whatever the expression, a policy that the server takes can be evaluated, and gives the same twice.
func FuzzPolicy(f *testing.F) {
	for _, seed := range []string{
		"true", "object.spec.replicas > 3", "object.metadata.name.matches('^w')", "1 / 0 == 1", "object.x.y", "params == null", "authorizer.path('/').check('get').allowed()",
		"object.spec.template.spec.containers.all(c, quantity(c.resources.limits.cpu).isLessThan(quantity('1')))", "oldObject == null", "variables.a", "'", "[1, 2].sum() == 3",
		"request.userInfo.groups.exists(g, g.startsWith('system'))", "namespaceObject.metadata.labels['kubernetes.io/metadata.name'] == 'shop'", "format.dns1123Label().validate('-').hasValue()",
	} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, expression, message string) {
		text, err := json.Marshal(map[string]any{
			"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": map[string]any{"name": "fuzzed"},
			"spec": map[string]any{
				"matchConstraints": map[string]any{"resourceRules": []any{map[string]any{
					"apiGroups": []any{"*"}, "apiVersions": []any{"*"}, "operations": []any{"*"}, "resources": []any{"*"},
				}}},
				"validations": []any{map[string]any{"expression": expression, "messageExpression": message}},
			},
		})
		if err != nil {
			t.Skip(err)
		}
		documents := string(text) + "\n---\n" + strings.SplitAfter(bound("fuzzed", "pods", ""), "\n---\n")[1] + deployment
		first := findings(t, documents)
		if second := findings(t, documents); !slices.Equal(first, second) {
			t.Errorf("first\n%q\nthen\n%q", first, second)
		}
	})
}

func manyKeys() string {
	var keys []string
	for i := range 200 {
		keys = append(keys, fmt.Sprintf("key-%d: value", i))
	}
	return strings.Join(keys, ", ")
}
