package admission

import (
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
)

// mutation is a MutatingAdmissionPolicy with its binding; rest is what its spec has besides.
func mutation(name, resources, rest string) string {
	return `apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: ` + name + `}
spec:
  reinvocationPolicy: IfNeeded
  matchConstraints: {resourceRules: [{apiGroups: ["*"], apiVersions: ["*"], operations: [CREATE, UPDATE], resources: [` + resources + `]}]}
  ` + rest + `
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: ` + name + `}
spec: {policyName: ` + name + `}
---
`
}

// once is mutation that is not invoked again. Another one is, because it has changed the object itself.
func once(name, resources, rest string) string {
	return strings.Replace(mutation(name, resources, rest), "IfNeeded", "Never", 1)
}

func applying(expression string) string {
	return `mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: "` + expression + `"}}]`
}

func patching(expression string) string {
	return `mutations: [{patchType: JSONPatch, jsonPatch: {expression: "` + expression + `"}}]`
}

func TestMutations(t *testing.T) {
	const restricted = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {pod-security.kubernetes.io/enforce: restricted}}\n---\n"
	secured := func(at, of string) string {
		of += ".containers.securityContext"
		return patching("[JSONPatch{op: 'add', path: '" + at + "/containers/0/securityContext', value: " + of + "{runAsNonRoot: true, allowPrivilegeEscalation: false, " +
			"capabilities: " + of + ".capabilities{drop: ['ALL']}, seccompProfile: " + of + ".seccompProfile{type: 'RuntimeDefault'}}}]")
	}
	for _, test := range []struct {
		name, documents string
		want            []string
	}{
		{
			name: "what a policy sets is there for the policies that validate",
			documents: mutation("team", "deployments", applying("Object{metadata: Object.metadata{labels: Object.metadata.labels{team: 'shop'}}}")) +
				bound("team", "deployments", `validations: [{expression: "object.metadata.labels.team == 'shop'"}]`) + deployment,
		},
		{
			name: "and what it does not set is not",
			documents: mutation("team", "services", applying("Object{metadata: Object.metadata{labels: Object.metadata.labels{team: 'shop'}}}")) +
				bound("team", "deployments", `validations: [{expression: "has(object.metadata.labels)", message: no team}]`) + deployment,
			want: []string{"validating-policy web : ValidatingAdmissionPolicy 'team' with binding 'team' denied request: no team"},
		},
		{
			name:      "a policy mends what its author left out",
			documents: mutation("ports", "services", patching("[JSONPatch{op: 'add', path: '/spec/ports', value: [Object.spec.ports{port: 80}]}]")) + strings.TrimSuffix(service("web", "{selector: {app: web}}"), "\n---\n"),
		},
		{
			name:      "without it that is the author's fault",
			documents: mutation("ports", "deployments", patching("[JSONPatch{op: 'add', path: '/metadata/labels', value: {'a': 'b'}}]")) + strings.TrimSuffix(service("web", "{selector: {app: web}}"), "\n---\n"),
			want:      []string{"accepted web spec.ports: spec.ports is missing"},
		},
		{
			name:      "what a policy breaks stands at its expression",
			documents: once("fewer", "deployments", applying("Object{spec: Object.spec{replicas: object.spec.replicas - 5}}")) + deployment,
			want:      []string{"mutating-policy fewer spec.mutations[0].applyConfiguration.expression: the API server refuses what it makes of the Deployment shop/web: spec.replicas: Invalid value: -2: must be greater than or equal to 0"},
		},
		{
			name: "of several objects it is one finding",
			documents: once("fewer", "deployments", applying("Object{spec: Object.spec{replicas: object.spec.replicas - 5}}")) + deployment + "\n---\n" +
				strings.Replace(deployment, "name: web", "name: api", 1),
			want: []string{"mutating-policy fewer spec.mutations[0].applyConfiguration.expression: the API server refuses what it makes of the Deployment shop/web and of 1 more: spec.replicas: Invalid value: -2: must be greater than or equal to 0"},
		},
		{
			name: "what the author breaks stays his, behind what a policy puts before it",
			documents: once("first", "deployments", patching("[JSONPatch{op: 'add', path: '/spec/template/spec/containers/0', value: Object.spec.template.spec.containers{name: 'sidecar', image: 'sidecar:1'}}]")) +
				strings.Replace(deployment, `image: "web:1"`, `image: "web:1", imagePullPolicy: Sometimes`, 1),
			want: []string{`accepted web spec.template.spec.containers[0].imagePullPolicy: containers[0].imagePullPolicy "Sometimes" is not supported: supported values: "Always", "IfNotPresent", "Never"`},
		},
		{
			name: "a policy is invoked again after another has changed the object",
			documents: mutation("a", "deployments", `matchConditions: [{name: marked, expression: "has(object.metadata.annotations) && object.metadata.annotations.mark == 'yes'"}]`+"\n  "+
				applying("Object{spec: Object.spec{replicas: 7}}")) +
				mutation("b", "deployments", applying("Object{metadata: Object.metadata{annotations: Object.metadata.annotations{mark: 'yes'}}}")) +
				bound("seen", "deployments", `validations: [{expression: "object.spec.replicas == 3", messageExpression: "string(object.spec.replicas) + ' replicas'"}]`) + deployment,
			// It did not match the first time, so that it is not among those that are invoked again.
			want: nil,
		},
		{
			name: "a policy that was invoked is invoked again after another has changed the object",
			documents: mutation("a", "deployments", applying("Object{metadata: Object.metadata{labels: Object.metadata.labels{replicas: string(object.spec.replicas)}}}")) +
				mutation("b", "deployments", applying("Object{spec: Object.spec{replicas: 7}}")) +
				bound("seen", "deployments", `validations: [{expression: "object.metadata.labels.replicas == '7'", messageExpression: "object.metadata.labels.replicas + ' replicas'"}]`) + deployment,
		},
		{
			name: "what must not be invoked again is not",
			documents: once("a", "deployments", applying("Object{metadata: Object.metadata{labels: Object.metadata.labels{replicas: string(object.spec.replicas)}}}")) +
				mutation("b", "deployments", applying("Object{spec: Object.spec{replicas: 7}}")) +
				bound("seen", "deployments", `validations: [{expression: "object.metadata.labels.replicas == '7'", messageExpression: "object.metadata.labels.replicas + ' replicas'"}]`) + deployment,
			want: []string{"validating-policy web : ValidatingAdmissionPolicy 'seen' with binding 'seen' denied request: 3 replicas"},
		},
		{
			name:      "the pods that a controller makes",
			documents: restricted + mutation("secured", "pods", secured("/spec", "Object.spec")) + deployment,
		},
		{
			name:      "the template of a workload",
			documents: restricted + mutation("secured", "deployments", secured("/spec/template/spec", "Object.spec.template.spec")) + deployment,
		},
		{
			name: "pods that only a policy puts below their level",
			documents: strings.Replace(restricted, "restricted", "baseline", 1) + mutation("host", "pods", applying("Object{spec: Object.spec{hostNetwork: true}}")) +
				deployment,
			want: []string{`pod-security host spec.mutations[0].applyConfiguration.expression: what it makes of the pods of the Deployment shop/web: violates PodSecurity "baseline:latest" of namespace shop: host namespaces (hostNetwork=true)`},
		},
		{
			name: "pods after the defaults of a LimitRange, and its maximum",
			documents: "apiVersion: v1\nkind: LimitRange\nmetadata: {name: bounds, namespace: shop}\nspec: {limits: [{type: Container, default: {cpu: 500m}, max: {cpu: 1}}]}\n---\n" +
				mutation("double", "pods", patching("[JSONPatch{op: 'replace', path: '/spec/containers/0/resources/limits/cpu', value: '2'}]")) + deployment,
			want: []string{"limit-range double spec.mutations[0].jsonPatch.expression: what it makes of the pods of the Deployment shop/web: LimitRange bounds: maximum cpu usage per Container is 1, but limit is 2"},
		},
		{
			name: "pods that the server does not take, of a workload that it takes",
			documents: mutation("proxy", "pods", applying("Object{spec: Object.spec{containers: [Object.spec.containers{name: 'Proxy', image: 'proxy:1'}]}}")) +
				mutation("team", "pods", applying("Object{metadata: Object.metadata{labels: Object.metadata.labels{team: 'shop'}}}")) + deployment,
			want: []string{`mutating-policy proxy spec.mutations[0].applyConfiguration.expression: what it makes of the pods of the Deployment shop/web: the API server refuses them: spec.containers[1].name: Invalid value: "Proxy": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`},
		},
		{
			name: "and pods that it takes, with a volume, a node and an account that the policy gives them",
			documents: mutation("pods", "pods", applying("Object{spec: Object.spec{serviceAccountName: 'web', volumes: [Object.spec.volumes{name: 'v', emptyDir: Object.spec.volumes.emptyDir{}}]}}")) +
				deployment + "\n---\n" + strings.Replace(strings.Replace(deployment, "kind: Deployment", "kind: StatefulSet", 1), "name: web,", "name: db,", 1),
		},
		{
			name: "both names of a pod's account are those that the server gives it",
			documents: bound("account", "pods", `validations: [{expression: "object.spec.serviceAccount == 'default' && object.spec.serviceAccountName == 'default'"}]`) +
				deployment + "\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: one, namespace: shop}\nspec: {containers: [{name: web, image: 'web:1'}]}",
		},
		{
			name: "what a quota counts of a pod is what policies make of it",
			documents: quota("limits.cpu: 4") +
				mutation("limited", "pods", patching("[JSONPatch{op: 'add', path: '/spec/containers/0/resources/limits', value: {'cpu': '1'}}]")) + strings.Replace(deployment, "replicas: 3", "replicas: 5", 1),
			want: []string{"resource-quota web spec.template.spec: exceeded quota: share, requested: limits.cpu=5 for 5 pods, used by others: limits.cpu=0, limited: limits.cpu=4"},
		},
		{
			name:      "what cannot be evaluated is refused",
			documents: mutation("broken", "deployments", applying("Object{metadata: Object.metadata{labels: Object.metadata.labels{team: object.metadata.labels.missing}}}")) + deployment,
			want:      []string{"mutating-policy web : the API server refuses it: policy 'broken' with binding 'broken' denied request: expression 'Object{metadata: Object.metadata{labels: Object.metadata.labels{team: object.metadata.labels.missing}}}' resulted in error: no such key: labels"},
		},
		{
			name: "unless the policy says that it may fail",
			documents: mutation("broken", "deployments", "failurePolicy: Ignore\n  "+applying("Object{metadata: Object.metadata{labels: Object.metadata.labels{team: object.metadata.labels.missing}}}")) +
				deployment,
		},
		{
			name:      "a list that must not be set in part",
			documents: mutation("atomic", "deployments", applying("Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec.template.spec.containers{name: 'web', args: ['a']}]}}}}")) + deployment,
			want:      []string{"mutating-policy web : the API server refuses it: policy 'atomic' with binding 'atomic' denied request: error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.template.spec.containers[0].args"},
		},
		{
			name: "a custom resource, with its defaults",
			documents: mutation("subset", "destinationrules", applying("Object{spec: Object.spec{host: 'web.shop.svc.cluster.local'}}")) +
				bound("full", "destinationrules", `validations: [{expression: "object.spec.host == 'web.shop.svc.cluster.local'"}]`) +
				"apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: web, namespace: shop}\nspec: {host: web}",
		},
		{
			name: "what a policy breaks of a custom resource",
			documents: once("subset", "destinationrules", patching("[JSONPatch{op: 'remove', path: '/spec/host'}]")) +
				"apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: web, namespace: shop}\nspec: {host: web}",
			want: []string{"mutating-policy subset spec.mutations[0].jsonPatch.expression: the API server refuses what it makes of the DestinationRule shop/web: spec.host: Required value (so says kgate's definition, of istio.io/api@v1.32.0)"},
		},
		{
			name: "mutations that double a text",
			documents: once("doubled", "deployments", "mutations: ["+
				strings.Repeat("{patchType: ApplyConfiguration, applyConfiguration: {expression: \"Object{metadata: Object.metadata{annotations: {'x': 'x' + "+
					"object.metadata.?annotations['x'].orValue('x') + object.metadata.?annotations['x'].orValue('x')}}}\"}}, ", 40)+"]") + deployment,
			want: []string{"mutating-policy web : the API server refuses it: policy 'doubled' with binding 'doubled' denied request: the object would have more than 3 MB, which no API server keeps"},
		},
		{
			name:      "copies that double the object",
			documents: once("doubled", "deployments", patching("[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25].map(i, JSONPatch{op: 'copy', from: '/spec/template', path: '/spec/template/x' + string(i)})")) + deployment,
			want:      []string{"mutating-policy web : the API server refuses it: policy 'doubled' with binding 'doubled' denied request: JSON Patch: Unable to complete the copy, the accumulated size increase of copy is 6094403, exceeding the limit 3145728"},
		},
		{
			name:      "a policy that nothing binds",
			documents: strings.Split(mutation("fewer", "deployments", applying("Object{spec: Object.spec{replicas: -1}}")), "\n---\n")[0] + "\n---\n" + deployment,
		},
		{
			name: "with a parameter",
			documents: strings.Replace(strings.Replace(mutation("scaled", "deployments", applying("Object{spec: Object.spec{replicas: int(params.data.replicas)}}")),
				"spec:\n", "spec:\n  paramKind: {apiVersion: v1, kind: ConfigMap}\n", 1), "policyName: scaled", "policyName: scaled, paramRef: {name: scale, parameterNotFoundAction: Deny}", 1) +
				"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: scale, namespace: shop}\ndata: {replicas: \"-4\"}\n---\n" + deployment,
			want: []string{"mutating-policy scaled spec.mutations[0].applyConfiguration.expression: the API server refuses what it makes of the Deployment shop/web: spec.replicas: Invalid value: -4: must be greater than or equal to 0"},
		},
		{
			name: "without its parameter",
			documents: strings.Replace(strings.Replace(mutation("scaled", "deployments", applying("Object{spec: Object.spec{replicas: int(params.data.replicas)}}")),
				"spec:\n", "spec:\n  paramKind: {apiVersion: v1, kind: ConfigMap}\n", 1), "policyName: scaled", "policyName: scaled, paramRef: {name: scale, parameterNotFoundAction: Deny}", 1) + deployment,
			want: []string{"mutating-policy web : the API server refuses it: policy 'scaled' with binding 'scaled' denied request: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := findings(t, test.documents); !slices.Equal(got, test.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(test.want, "\n  "))
			}
		})
	}
}

// TestMutationLeavesObjects: what policies make of objects is theirs, and the objects stay as they were written.
func TestMutationLeavesObjects(t *testing.T) {
	target := &check.Target{Path: "t", Objects: objects(t, mutation("team", `"*"`, applying("Object{metadata: Object.metadata{labels: Object.metadata.labels{team: 'shop'}}}"))+deployment)}
	before := make([]string, len(target.Objects))
	for i, object := range target.Objects {
		before[i] = string(object.JSON)
	}
	found(t, Checks(New(definition.New())), target)
	for i, object := range target.Objects {
		again, err := object.With(func(map[string]any) {})
		if err != nil {
			t.Fatal(err)
		}
		if string(again.JSON) != before[i] {
			t.Errorf("%s became %s", before[i], again.JSON)
		}
	}
}

// TestUpdateOfWhatPoliciesChange: the old object is as the policies before made it, the new one as those after do.
func TestUpdateOfWhatPoliciesChange(t *testing.T) {
	labelled := func(value string) string {
		return once("labelled", "deployments", applying("Object{spec: Object.spec{template: Object.spec.template{metadata: Object.spec.template.metadata{labels: Object.spec.template.metadata.labels{version: '"+value+"'}}}}}"))
	}
	protected := bound("kept", "deployments", `validations: [{expression: "oldObject == null || object.metadata.labels.team == oldObject.metadata.labels.team", message: the team stays}]`)
	protected = strings.Replace(protected, "operations: [CREATE]", "operations: [UPDATE]", 1)
	team := func(name string) string {
		return once("team", "deployments", applying("Object{metadata: Object.metadata{labels: Object.metadata.labels{team: '"+name+"'}}}"))
	}
	job := func(parallelism string) string {
		return "apiVersion: batch/v1\nkind: Job\nmetadata: {name: once, namespace: shop}\nspec: {parallelism: " + parallelism + ", template: {spec: {restartPolicy: Never, containers: [{name: a, image: \"a:1\"}]}}}"
	}
	image := func(tag string) string {
		return once("image", "jobs", patching("[JSONPatch{op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'registry/a:"+tag+"'}]"))
	}
	for name, c := range map[string]struct {
		was, is string
		want    []string
	}{
		"what policies set both times": {was: team("shop") + protected + deployment, is: team("shop") + protected + strings.Replace(deployment, "replicas: 3", "replicas: 4", 1)},
		"what a policy sets otherwise now": {was: team("shop") + protected + deployment, is: team("store") + protected + strings.Replace(deployment, "replicas: 3", "replicas: 4", 1),
			want: []string{"update-policy web : ValidatingAdmissionPolicy 'kept' with binding 'kept' denied request: the team stays"}},
		"a label of a template that may change": {was: labelled("1") + deployment, is: labelled("2") + strings.Replace(deployment, "replicas: 3", "replicas: 4", 1)},
		"a template that must not change, which a policy changes": {was: image("1") + job("1"), is: image("2") + job("2"),
			want: []string{"update image spec.mutations[0].jsonPatch.expression: the API server refuses the update that it makes of the Job shop/once: spec.template: field is immutable"}},
		"a template that a policy sets as before":                    {was: image("1") + job("1"), is: image("1") + job("2")},
		"a template that its author changes and a policy puts right": {was: image("1") + job("1"), is: image("1") + strings.Replace(job("2"), `"a:1"`, `"a:2"`, 1)},
		"a template that a policy put right once":                    {was: image("1") + job("1"), is: job("1") + "\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}"},
		"a policy that refuses updates": {was: deployment, is: once("stop", "deployments", `matchConditions: [{name: updates, expression: "request.operation == 'UPDATE'"}]`+"\n  "+
			applying("Object{spec: Object.spec{replicas: int(object.metadata.labels.missing)}}")) + strings.Replace(deployment, "replicas: 3", "replicas: 4", 1),
			want: []string{"update web spec.replicas: spec.replicas cannot change from 3 to 4: the API server refuses the update: policy 'stop' with binding 'stop' denied request: expression 'Object{spec: Object.spec{replicas: int(object.metadata.labels.missing)}}' resulted in error: no such key: labels; give it another name, or have it made anew (argocd.argoproj.io/sync-options: Force=true,Replace=true): its pods are gone meanwhile"}},
		"a custom resource that a policy changes": {
			was: once("host", "destinationrules", applying("Object{metadata: Object.metadata{labels: Object.metadata.labels{team: 'shop'}}}")) + "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: web, namespace: shop}\nspec: {host: web}",
			is: once("host", "destinationrules", applying("Object{metadata: Object.metadata{labels: Object.metadata.labels{team: 'shop'}}}")) +
				strings.NewReplacer("[CREATE]", "[UPDATE]").Replace(bound("team", "destinationrules", `validations: [{expression: "object.metadata.labels.team == 'shop'"}]`)) +
				"apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: web, namespace: shop}\nspec: {host: web2}",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := changeFindings(t, compared(t, c.was, c.is)); !slices.Equal(got, c.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
		})
	}
}
