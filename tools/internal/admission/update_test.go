package admission

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// compared is a target of documents as a change finds and leaves it.
func compared(t *testing.T, was, is string) *check.Target {
	t.Helper()
	old, new := objects(t, was), objects(t, is)
	target := &check.Target{Path: "t", Objects: new, Before: &check.Before{Target: &check.Target{Path: "t", Objects: old}, Revision: "main"}}
	same := func(a, b *manifest.Object) bool {
		return a.Group() == b.Group() && a.Kind == b.Kind && a.Namespace == b.Namespace && a.Name == b.Name
	}
	for _, n := range new {
		pair := check.Pair{New: n}
		if i := slices.IndexFunc(old, func(o *manifest.Object) bool { return same(o, n) }); i >= 0 {
			pair.Old = old[i]
		}
		target.Before.Pairs = append(target.Before.Pairs, pair)
	}
	for _, o := range old {
		if !slices.ContainsFunc(new, func(n *manifest.Object) bool { return same(o, n) }) {
			target.Before.Pairs = append(target.Before.Pairs, check.Pair{Old: o})
		}
	}
	return target
}

// changeFindings runs the checks of a change over a target: check, object, path and message of each.
func changeFindings(t *testing.T, target *check.Target) []string {
	t.Helper()
	return found(t, slices.DeleteFunc(Checks(New(definition.New())), func(c *check.Check) bool { return c.Scope != check.Update }), target)
}

const (
	volume = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, namespace: shop}\nspec: {storageClassName: fast, accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}"
	class  = "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: fast}\nprovisioner: ebs.csi.aws.com\nparameters: {type: gp3}\nreclaimPolicy: Delete\n"
	set    = `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  replicas: 3
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers: [{name: db, image: "db:1", ports: [{containerPort: 80}]}]
  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}}]`
	binding = "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: a, namespace: shop}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}\nsubjects: [{kind: ServiceAccount, name: a, namespace: shop}]"
	job     = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a, namespace: shop}\nspec: {parallelism: 1, template: {spec: {restartPolicy: Never, containers: [{name: a, image: \"a:1\"}]}}}"
	web     = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {type: ClusterIP, clusterIP: None, selector: {app: web}, ports: [{port: 80, name: http}]}"
	thing   = `apiVersion: example.com/v1
kind: Policy
metadata: {name: a, namespace: shop}
spec: {name: Long, size: 3, mode: a}
`
	ofThing = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: policies.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Policy, plural: policies}
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
              properties:
                name: {type: string}
                size: {type: integer, x-kubernetes-validations: [{rule: self >= oldSelf, message: a size never shrinks}]}
                mode: {type: string, x-kubernetes-validations: [{rule: self == oldSelf, message: mode is immutable}]}
`
)

// TestUpdate: what is there, a change of its text, and what the server refuses of it.
func TestUpdate(t *testing.T) {
	const (
		setOut    = "delete it with `kubectl delete --cascade=orphan` and sync again, which keeps its pods and claims as they are; claims keep their size and class"
		refused   = ": the API server refuses the update: "
		anew      = "argocd.argoproj.io/sync-options: Force=true,Replace=true"
		otherwise = "leave it as it was, or have the object made anew (" + anew + ")"
		claimOut  = "make a claim of another name and copy the data: a claim that is deleted takes its volume along where the reclaim policy is Delete"
	)
	for _, test := range []struct {
		name, was string
		change    []string // old, new, …
		want      []string
	}{
		{"nothing", deployment, nil, nil},
		{"another image", deployment, []string{"web:1", "web:2"}, nil},
		{"fewer fields", strings.Replace(deployment, "replicas: 3", "replicas: 3\n  paused: true", 1), []string{"\n  paused: true", ""}, nil},
		{"a selector", deployment, []string{"app: web", "app: shop"}, []string{`update web spec.selector.matchLabels.app: matchLabels.app cannot change from "web" to "shop"` + refused +
			"field is immutable; give it another name, or have it made anew (" + anew + "): its pods are gone meanwhile"}},
		{"a selector, of one that is made anew", strings.Replace(deployment, "namespace: shop", `namespace: shop, annotations: {argocd.argoproj.io/sync-options: "Replace=true, Force=true"}`, 1),
			[]string{"app: web", "app: shop"}, nil},
		{"a claim template", set, []string{"10Gi", "5Gi"}, []string{
			`update db spec.volumeClaimTemplates[0].spec.resources.requests.storage: volumeClaimTemplates[0].spec.resources.requests.storage cannot change from "10Gi" to "5Gi"` + refused + "field is immutable" + "; " + setOut}},
		{"a claim template, a default and an image", set, []string{"10Gi", "5Gi", "containerPort: 80", "containerPort: 80, protocol: TCP", "db:1", "db:2", "replicas: 3", "replicas: 3\n  podManagementPolicy: OrderedReady"}, []string{
			`update db spec.volumeClaimTemplates[0].spec.resources.requests.storage: volumeClaimTemplates[0].spec.resources.requests.storage cannot change from "10Gi" to "5Gi"` + refused + "field is immutable" + "; " + setOut}},
		{"a service's name of a set", set, []string{"serviceName: db", "serviceName: dbs"}, []string{`update db spec.serviceName: spec.serviceName cannot change from "db" to "dbs"` + refused + "field is immutable" + "; " + setOut}},
		{"another template and scale of a set", set, []string{"db:1", "db:2", "replicas: 3", "replicas: 5"}, nil},
		{"a roleRef", binding, []string{"name: reader", "name: writer"}, []string{`update a roleRef.name: roleRef.name cannot change from "reader" to "writer"` + refused +
			"field is immutable; give it another name, or have it made anew (" + anew + "): its subjects have no rights meanwhile"}},
		{"subjects", binding, []string{"name: a, namespace: shop}]", "name: b, namespace: shop}]"}, nil},
		{"the template of a job", job, []string{"a:1", "a:2"}, []string{`update a spec.template.spec.containers[0].image: containers[0].image cannot change from "a:1" to "a:2"` + refused +
			"field is immutable; give it another name, or have it made anew (" + anew + "): it runs again from the start"}},
		{"the parallelism of a job", job, []string{"parallelism: 1", "parallelism: 2"}, nil},
		{"a hook", strings.Replace(job, "namespace: shop", "namespace: shop, annotations: {argocd.argoproj.io/hook: PreSync}", 1), []string{"a:1", "a:2"}, nil},
		{"a claim that grows", volume, []string{"10Gi", "20Gi"}, nil},
		{"a claim that grows, of a class that lets none", class + "---\n" + volume, []string{"10Gi", "20Gi"}, []string{"update data spec.resources.requests.storage: requests.storage cannot grow from 10Gi to 20Gi" + refused +
			"StorageClass fast does not say allowVolumeExpansion: true; let the class say it, if its provisioner can, or " + claimOut}},
		{"a claim that grows, of a class that lets them", class + "allowVolumeExpansion: true\n---\n" + volume, []string{"10Gi", "20Gi"}, nil},
		{"a claim that shrinks", volume, []string{"10Gi", "5Gi"}, []string{`update data spec.resources.requests.storage: requests.storage cannot change from "10Gi" to "5Gi"` + refused +
			"field can not be less than status.capacity; " + claimOut}},
		{"a claim of another class", volume, []string{"fast", "slow"}, []string{`update data spec.storageClassName: spec.storageClassName cannot change from "fast" to "slow"` + refused +
			"spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims; " + claimOut}},
		{"a claim that names the class that it was given", strings.Replace(volume, "storageClassName: fast, ", "", 1), []string{"{accessModes", "{storageClassName: fast, accessModes"}, nil},
		{"parameters of a class", class, []string{"gp3", "gp2"}, []string{`update fast parameters.type: parameters.type cannot change from "gp3" to "gp2"` + refused +
			"field is immutable; give it another name, or have it made anew (" + anew + "): volumes that are there keep what they were made with"}},
		{"a ConfigMap that is immutable", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\nimmutable: true\ndata: {a: b}", []string{"a: b", "a: c"}, []string{`update a data.a: data.a cannot change from "b" to "c"` + refused +
			"field is immutable when `immutable` is set; give it another name, as a generator's hash does, and let what reads it follow"}},
		{"words that HTML would escape", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\nimmutable: true\ndata: {a: b}", []string{"a: b", "a: <c>&"}, []string{`update a data.a: data.a cannot change from "b" to "<c>&"` + refused +
			"field is immutable when `immutable` is set; give it another name, as a generator's hash does, and let what reads it follow"}},
		{"a ConfigMap", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\ndata: {a: b}", []string{"a: b", "a: c"}, nil},
		{"a Secret that is immutable", "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: shop}\nimmutable: true\nstringData: {a: hunter2}", []string{"hunter2", "hunter3"}, []string{"update a stringData.a: stringData.a cannot change" + refused +
			"field is immutable when `immutable` is set; give it another name, as a generator's hash does, and let what reads it follow"}},
		{"the type of a Secret", "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: shop}\ntype: Opaque\nstringData: {a: b}", []string{"Opaque", "example.com/a"}, []string{`update a type: type cannot change from "Opaque" to "example.com/a"` + refused +
			"field is immutable; give it another name, as a generator's hash does, and let what reads it follow"}},
		{"a service that is headless no more", web, []string{"clusterIP: None", "clusterIP: 10.0.0.7"}, []string{`update web spec.clusterIP: spec.clusterIP cannot change from "None" to "10.0.0.7"` + refused +
			"may not change once set; give it another name, or have it made anew (" + anew + "): its address changes, and connections to it end"}},
		{"a service that becomes headless", strings.Replace(web, "clusterIP: None, ", "", 1), []string{"type: ClusterIP", "type: ClusterIP, clusterIP: None"}, []string{`update web spec.clusterIP: spec.clusterIP cannot become "None", where it was not set` + refused +
			"may not change once set; give it another name, or have it made anew (" + anew + "): its address changes, and connections to it end"}},
		{"a service that names the address that it was given", strings.Replace(web, "clusterIP: None, ", "", 1), []string{"type: ClusterIP", "type: ClusterIP, clusterIP: 10.0.0.7"}, nil},
		{"a service of another type", strings.Replace(web, "clusterIP: None, ", "", 1), []string{"type: ClusterIP", "type: LoadBalancer", "port: 80", "port: 81"}, nil},
		{"a service that is external", strings.Replace(web, "clusterIP: None, ", "", 1), []string{"type: ClusterIP", "type: ExternalName, externalName: a.example.com"}, nil},
		{"the class of an Ingress", "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a, namespace: shop}\nspec: {ingressClassName: nginx, defaultBackend: {service: {name: a, port: {number: 80}}}}", []string{"nginx", "istio"}, nil},
		{"a PodDisruptionBudget", "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a, namespace: shop}\nspec: {minAvailable: 1, selector: {matchLabels: {app: web}}}", []string{"minAvailable: 1", "maxUnavailable: 1", "web", "shop"}, nil},
		{"an autoscaler", "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: shop}\nspec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}", []string{"maxReplicas: 3", "maxReplicas: 5"}, nil},
		{"an autoscaler of another version", "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: shop}\nspec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}", []string{"autoscaling/v2", "autoscaling/v1"}, nil},
		{"a command of a pod", "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\nspec: {containers: [{name: a, image: \"a:1\", args: [a]}]}", []string{"a:1", "a:2", "[a]", "[b]"}, []string{
			`update a spec.containers[0].args[0]: args[0] cannot change from "a" to "b"` + refused + "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative); " +
				"give it another name, or have it made anew (" + anew + "): its pods are gone meanwhile"}},
		{"the image of a pod", "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\nspec: {containers: [{name: a, image: \"a:1\"}]}", []string{"a:1", "a:2"}, nil},
		{"the value of a PriorityClass", "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: a}\nvalue: 10", []string{"10", "20"}, []string{`update a value: value cannot change from 10 to 20` + refused + "may not be changed in an update.; " + otherwise}},
		{"the scope of a definition", ofThing, []string{"Namespaced", "Cluster"}, []string{`update policies.example.com spec.scope: spec.scope cannot change from "Namespaced" to "Cluster"` + refused +
			"field is immutable; define another kind and move the objects: a definition that is deleted takes all objects of its kind along"}},
		{"the version that objects are stored in", ofThing, []string{"name: v1", "name: v2"}, []string{`update policies.example.com spec.versions[0].name: versions[0].name cannot change from "v1" to "v2"` + refused +
			"the cluster has objects stored as v1, so that a version of that name must stay, served or not, until they are stored anew and status.storedVersions is cleared: missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions; keep it until no object is stored or applied that way"}},
		{"rules that see oldSelf", ofThing + "---\n" + thing, []string{"size: 3,", "size: 2,", "mode: a", "mode: b"}, []string{
			`update a spec.mode: spec.mode cannot change from "a" to "b"` + refused + "mode is immutable; leave it as it was, or give the object another name: what its controller keeps for it is lost where it is made anew",
			`update a spec.size: spec.size cannot change from 3 to 2` + refused + "a size never shrinks; leave it as it was, or give the object another name: what its controller keeps for it is lost where it is made anew"}},
		{"a size that grows", ofThing + "---\n" + thing, []string{"size: 3,", "size: 4,"}, nil},
		{"what was so before is forgiven", ofThing + "---\n" + thing, []string{"name: {type: string}", "name: {type: string, maxLength: 3}", "size: 3,", "size: 4,"}, nil},
		{"an object that is refused alone", deployment, []string{"replicas: 3", "replicas: -1"}, nil},
		{"a database that shrinks", updateOperatorWas, []string{"100Gi", "10Gi", ":17.5", ":16.9"}, []string{
			"update-operator db spec.imageName: PostgreSQL cannot go back from major 17 to 16: its files are those of 17; the way back is a new cluster that imports a dump (the webhook of cloudnative-pg v1.27.0 refuses the update)",
			"update-operator db spec.storage.size: storage cannot shrink from 100Gi to 10Gi: ask for as much as before; a smaller database is a new cluster that recovers from a backup of this one (the webhook of cloudnative-pg v1.27.0 refuses the update)"}},
		{"a database that grows and is upgraded", updateOperatorWas, []string{"100Gi", "200Gi", ":17.5", ":18.1"}, nil},
		{"a Collector of another mode", collector, []string{"mode: daemonset", "mode: statefulset"}, []string{
			"update-operator otel spec.mode: the mode of a Collector cannot change from daemonset to statefulset: give the new one another name, and let what sends to it follow (the webhook of opentelemetry-operator v0.140.0 refuses the update)"}},
		{"a Collector of the mode that it has by itself", strings.Replace(collector, "mode: daemonset", "mode: deployment", 1), []string{"mode: deployment, ", ""}, nil},
		{"a policy", updatePolicyWas, []string{"gold", "silver"}, []string{"update-policy app : ValidatingAdmissionPolicy 'tier-stays' with binding 'tier-stays' denied request: the tier of a ConfigMap stays"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := changeFindings(t, compared(t, test.was, strings.NewReplacer(test.change...).Replace(test.was)))
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(test.want, "\n  "))
			}
		})
	}
}

const collector = "apiVersion: opentelemetry.io/v1beta1\nkind: OpenTelemetryCollector\nmetadata: {name: otel, namespace: shop}\n" +
	"spec: {mode: daemonset, config: {receivers: {otlp: {}}, exporters: {debug: {}}, service: {pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}}}\n"

// TestUpdateOfWhatNobodyKnows: values that are filled in elsewhere state nothing.
func TestUpdateOfWhatNobodyKnows(t *testing.T) {
	for _, side := range []string{"old", "new"} {
		target := compared(t, deployment, strings.ReplaceAll(deployment, "app: web", "app: shop"))
		pair := target.Before.Pairs[0]
		hidden := pair.New
		if side == "old" {
			hidden = pair.Old
		}
		hidden.Unknown = []manifest.Path{{"spec", "selector", "matchLabels", "app"}}
		if got := changeFindings(t, target); len(got) > 0 {
			t.Errorf("the %s one hides the label: %v", side, got)
		}
	}
}

// TestUpdateByDeployer: what was filled in stays where a change is applied server-side, and goes with its union where it is merged
// client-side. Of what nobody says how it is applied, what both refuse is said.
func TestUpdateByDeployer(t *testing.T) {
	const refused = "update web spec.strategy.rollingUpdate: strategy.rollingUpdate cannot change: the API server refuses the update: may not be specified when strategy `type` is 'Recreate'; " +
		"give it another name, or have it made anew (argocd.argoproj.io/sync-options: Force=true,Replace=true): its pods are gone meanwhile"
	client, server, flux := check.Deployer{Argo: true}, check.Deployer{Argo: true, ServerSide: true}, check.Deployer{ServerSide: true}
	annotated := func(options string) string {
		return strings.Replace(deployment, "namespace: shop", `namespace: shop, annotations: {argocd.argoproj.io/sync-options: "Validate=false, `+options+`"}`, 1)
	}
	recreate := []string{"replicas: 3", "replicas: 3\n  strategy: {type: Recreate}"}
	volume := strings.Replace(deployment, "containers:", "volumes: [{name: v, emptyDir: {}}]\n      containers:", 1)
	selector := []string{"app: web", "app: shop"}
	for name, c := range map[string]struct {
		deployers []check.Deployer
		was       string
		change    []string
		want      int
	}{
		"client-side":                        {[]check.Deployer{client}, deployment, recreate, 0},
		"server-side":                        {[]check.Deployer{server}, deployment, recreate, 1},
		"by Flux":                            {[]check.Deployer{flux}, deployment, recreate, 1},
		"by both":                            {[]check.Deployer{client, flux}, deployment, recreate, 1},
		"by nobody that is known":            {nil, deployment, recreate, 0},
		"the object says server-side":        {[]check.Deployer{client}, annotated("ServerSideApply=true"), recreate, 1},
		"the object says client-side":        {[]check.Deployer{server}, annotated("ServerSideApply=false"), recreate, 0},
		"the object is replaced":             {[]check.Deployer{server}, annotated("Replace=true"), recreate, 0},
		"Flux does not read it":              {[]check.Deployer{flux}, annotated("Replace=true"), recreate, 1},
		"a volume of another source":         {[]check.Deployer{client}, volume, []string{"emptyDir: {}", "configMap: {name: c}"}, 0},
		"a selector client-side":             {[]check.Deployer{client}, deployment, selector, 1},
		"a selector by both":                 {[]check.Deployer{client, flux}, deployment, selector, 1},
		"a selector by nobody that is known": {nil, deployment, selector, 1},
	} {
		t.Run(name, func(t *testing.T) {
			target := compared(t, c.was, strings.NewReplacer(c.change...).Replace(c.was))
			target.Deployers = func(context.Context) ([]check.Deployer, error) { return c.deployers, nil }
			got := changeFindings(t, target)
			if len(got) != c.want || c.want > 0 && slices.Equal(c.change, recreate) && got[0] != refused {
				t.Errorf("got %d, want %d\n  %s", len(got), c.want, strings.Join(got, "\n  "))
			}
		})
	}
}

// TestUpdateAlone: nothing is said of what is added or removed, nor without a change to look at.
func TestUpdateAlone(t *testing.T) {
	target := compared(t, deployment, volume)
	if got := changeFindings(t, target); len(got) > 0 {
		t.Error(got)
	}
	target = compared(t, job, strings.Replace(job, "a:1", "a:2", 1))
	if got := changeFindings(t, target); len(got) != 1 {
		t.Error(got)
	}
	target.Deployers = func(context.Context) ([]check.Deployer, error) { return []check.Deployer{{Forces: true}}, nil }
	if got := changeFindings(t, target); len(got) > 0 {
		t.Errorf("Flux makes it anew: %v", got)
	}
	target.Before = nil
	if got := changeFindings(t, target); len(got) > 0 {
		t.Error(got)
	}
}

// TestUpdateOfMetadata: of whatever kind an object is, a note on it and the same once more are no change that a server refuses.
func TestUpdateOfMetadata(t *testing.T) {
	server := New(definition.New())
	merged := &check.Target{Path: "t", Deployers: func(context.Context) ([]check.Deployer, error) { return []check.Deployer{{Argo: true}}, nil }}
	for _, base := range recorded(t) {
		// The server completes the selectors of its pod, and a server-side apply takes what it added away again.
		completed := manifest.TextAt(base.Object, "metadata", "name") == "spread"
		if base.Refused != "" || completed {
			continue
		}
		old, err := object(base.Object)
		if err != nil {
			t.Fatal(err)
		}
		noted, err := old.Edit(func(value map[string]any) bool {
			metadata, _ := value["metadata"].(map[string]any)
			notes, _ := metadata["annotations"].(map[string]any)
			if notes == nil {
				notes = map[string]any{}
				metadata["annotations"] = notes
			}
			notes["example.com/note"] = "a"
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range []*check.Target{nil, merged} {
			for _, new := range []*manifest.Object{old, noted} {
				if faults, known, err := server.Update(t.Context(), target, old, new); err != nil || !known || len(faults) > 0 {
					t.Errorf("%s: %v, %t, %v", old.ID, faults, known, err)
				}
			}
		}
	}
}

// TestQuotaOfChange: the server counts what is there first, and of what a change edits how much more it is.
func TestQuotaOfChange(t *testing.T) {
	const load, port = "{type: LoadBalancer, ports: [{port: 80}]}", "{ports: [{port: 80}]}"
	named := func(name, replicas string) string {
		return strings.NewReplacer("name: web, n", "name: "+name+", n", "replicas: 3", "replicas: "+replicas, `image: "web:1"`, `image: "web:1", resources: {limits: {cpu: 1}}`).Replace(deployment) + "\n---\n"
	}
	services, pods := quota("services.loadbalancers: 1, services: 2"), quota("limits.cpu: 4")
	for name, c := range map[string]struct {
		was, is string
		want    []string
	}{
		"one that is added before those that are there": {was: services + service("b", port) + service("c", port), is: services + service("a", port) + service("b", port) + service("c", port),
			want: []string{"resource-quota a : exceeded quota: share, requested: services=1, used: services=2, limited: services=2"}},
		"one that takes the place of another": {was: services + service("b", port) + service("c", port), is: services + service("a", port) + service("c", port)},
		"one that is made dearer": {was: services + service("a", port) + service("b", load), is: services + service("a", load) + service("b", load),
			want: []string{"resource-quota a : exceeded quota: share, requested: services.loadbalancers=1, used: services.loadbalancers=1, limited: services.loadbalancers=1"}},
		"one that is edited and no dearer":  {was: services + service("a", port) + service("b", load), is: services + service("a", port) + service("b", strings.Replace(load, "80", "81", 1))},
		"a quota that is full already":      {was: services + service("a", port) + service("b", port), is: services + service("a", strings.Replace(port, "80", "81", 1)) + service("b", port)},
		"a workload that is added in front": {was: pods + named("b", "3"), is: pods + named("a", "2") + named("b", "3"), want: []string{"resource-quota a spec.template.spec: exceeded quota: share, requested: limits.cpu=2 for 2 pods, used by others: limits.cpu=3, limited: limits.cpu=4"}},
		"a workload that grows": {was: pods + named("a", "1") + named("b", "3"), is: pods + named("a", "2") + named("b", "3"),
			want: []string{"resource-quota a spec.template.spec: exceeded quota: share, requested: limits.cpu=2 for 2 pods, used by others: limits.cpu=3, limited: limits.cpu=4"}},
		"a workload that shrinks": {was: pods + named("a", "2") + named("b", "2"), is: pods + named("a", "1") + named("b", "2")},
		"claims of a StatefulSet that is scaled": {
			was:  quota("persistentvolumeclaims: 3") + claims("1") + "\n---\n" + strings.ReplaceAll(volume, "name: data", "name: one"),
			is:   quota("persistentvolumeclaims: 3") + claims("3") + "\n---\n" + strings.ReplaceAll(volume, "name: data", "name: one"),
			want: []string{"resource-quota web spec.volumeClaimTemplates[0].spec: exceeded quota: share, requested: persistentvolumeclaims=1, used: persistentvolumeclaims=3, limited: persistentvolumeclaims=3"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			checks, err := check.Select(Checks(New(definition.New())), []string{"admission/resource-quota"})
			if err != nil {
				t.Fatal(err)
			}
			if got := found(t, checks, compared(t, c.was, c.is)); !slices.Equal(got, c.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
		})
	}
}

// claims is a StatefulSet whose pods have a claim each.
func claims(replicas string) string {
	return strings.NewReplacer("Deployment", "StatefulSet", "  replicas: 3", "  replicas: "+replicas+"\n  serviceName: web\n  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}}]").Replace(deployment)
}
