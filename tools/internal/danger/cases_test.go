package danger

import (
	"context"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// step is a change in a test, with what is found in it: none is that nothing is.
type step struct {
	name     string
	check    *check.Check
	was, now string
	want     []string
}

// run holds each step to what is found in it.
func run(t *testing.T, steps []step) {
	t.Helper()
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) { expect(t, found(t, change(t, s.was, s.now), s.check), s.want...) })
	}
}

// of is an object of a kind that is called a, with further fields of its own.
func of(apiVersion, kind string, rest ...string) string {
	return called(apiVersion, kind, "a", rest...)
}

func called(apiVersion, kind, name string, rest ...string) string {
	return "---\napiVersion: " + apiVersion + "\nkind: " + kind + "\nmetadata: {name: " + name + ", namespace: shop}\n" + strings.Join(rest, "\n") + "\n"
}

// annotated is the same with an annotation.
func annotated(object, annotation string) string {
	return strings.Replace(object, "namespace: shop}", "namespace: shop, annotations: {"+annotation+"}}", 1)
}

// pods are a Deployment whose pods have labels and a spec.
func pods(name, labels, spec string) string {
	return called("apps/v1", "Deployment", name, "spec: {replicas: 3, template: {metadata: {labels: {"+labels+"}}, spec: {"+spec+"}}}")
}

func container(rest string) string { return "containers: [{name: c, image: a" + rest + "}]" }

func TestDataLost(t *testing.T) {
	claim := of("v1", "PersistentVolumeClaim", "spec: {storageClassName: fast}")
	class := func(policy string) string {
		return called("storage.k8s.io/v1", "StorageClass", "fast", "reclaimPolicy: "+policy)
	}
	set := func(spec string) string {
		return of("apps/v1", "StatefulSet", "spec: {replicas: 3, volumeClaimTemplates: [{metadata: {name: d}}], "+spec+"}")
	}
	volume := func(source string) string { return pods("w", "app: w", "volumes: [{name: d, "+source+"}]") }
	run(t, []step{
		{"a claim", dataLost, claim, "", []string{`error was.yaml@main : data lost: PersistentVolumeClaim "a" is removed: a sync that prunes deletes it, with its volume, unless the reclaim policy is Retain`}},
		{"a claim of a class that deletes", dataLost, claim + class("Delete"), class("Delete"), []string{`error was.yaml@main : data lost: PersistentVolumeClaim "a" is removed: a sync that prunes deletes it, with its volume (reclaim policy Delete of StorageClass "fast")`}},
		{"a claim of a class that retains", dataLost, claim + class("Retain"), class("Retain"), []string{`warning was.yaml@main : data left behind: PersistentVolumeClaim "a" is removed: its volume stays (reclaim policy Retain of StorageClass "fast"), for no claim`}},
		{"a claim of a volume that is retained", dataLost, of("v1", "PersistentVolumeClaim", "spec: {volumeName: v}") + called("v1", "PersistentVolume", "v", "spec: {}"), called("v1", "PersistentVolume", "v", "spec: {}"), []string{`warning was.yaml@main : data left behind: PersistentVolumeClaim "a" is removed: its volume stays (reclaim policy Retain of PersistentVolume "v"), for no claim`}},
		{"a claim renamed", dataLost, claim, strings.Replace(claim, "name: a", "name: b", 1), []string{`error was.yaml@main : data lost: PersistentVolumeClaim "a" is renamed: a → b: a sync that prunes deletes it, with its volume, unless the reclaim policy is Retain`}},
		{"a claim moved", dataLost, claim, strings.Replace(claim, "namespace: shop", "namespace: store", 1), []string{`error was.yaml@main : data lost: PersistentVolumeClaim "a" is moved: namespace shop → store: a sync that prunes deletes it, with its volume, unless the reclaim policy is Retain`}},
		{"one of two added", dataLost, claim, strings.Replace(claim, "name: a", "name: b", 1) + strings.Replace(claim, "name: a", "name: c", 1), []string{`error was.yaml@main : data lost: PersistentVolumeClaim "a" is removed: a sync that prunes deletes it, with its volume, unless the reclaim policy is Retain`}},
		{"kept", dataLost, annotated(claim, "argocd.argoproj.io/sync-options: 'Validate=false, Prune=false'"), "", nil},
		{"kept no longer", dataLost, annotated(claim, "argocd.argoproj.io/sync-options: Prune=false"), claim, []string{`warning now.yaml metadata: data at stake: PersistentVolumeClaim "a" is deleted from now on with its manifest: Prune=false, or prune: disabled → neither`}},
		{"kept by Flux", dataLost, annotated(claim, "kustomize.toolkit.fluxcd.io/prune: disabled"), "", nil},
		{"asked for", dataLost, annotated(claim, "argocd.argoproj.io/sync-options: Prune=confirm"), "", []string{`warning was.yaml@main : data lost: PersistentVolumeClaim "a" is removed: once somebody confirms it, a sync that prunes deletes it, with its volume, unless the reclaim policy is Retain`}},
		{"kept by Helm alone", dataLost, annotated(claim, "helm.sh/resource-policy: keep"), "", []string{`error was.yaml@main : data lost: PersistentVolumeClaim "a" is removed: a sync that prunes deletes it, with its volume, unless the reclaim policy is Retain`}},
		{"a hook", dataLost, annotated(claim, "argocd.argoproj.io/hook: PreSync"), "", nil},
		{"skipped from now on", dataLost, claim, annotated(claim, "argocd.argoproj.io/hook: Skip"), nil},
		{"a namespace", dataLost, of("v1", "Namespace"), "", []string{`error was.yaml@main : data lost: Namespace "a" is removed: a sync that prunes deletes it, with everything in the namespace`}},
		{"a definition", dataLost, of("apiextensions.k8s.io/v1", "CustomResourceDefinition", "spec: {names: {kind: Shop}}"), "", []string{`error was.yaml@main : data lost: CustomResourceDefinition "a" is removed: a sync that prunes deletes it, with every Shop in the cluster`}},
		{"a volume that is deleted", dataLost, of("v1", "PersistentVolume", "spec: {persistentVolumeReclaimPolicy: Delete}"), "", []string{`error was.yaml@main : data lost: PersistentVolume "a" is removed: a sync that prunes deletes it, with the storage behind it (reclaim policy Delete)`}},
		{"a volume that is retained", dataLost, of("v1", "PersistentVolume", "spec: {persistentVolumeReclaimPolicy: Retain}"), "", nil},
		{"a StatefulSet", dataLost, set(""), "", []string{`warning was.yaml@main : data left behind: StatefulSet "a" is removed: the claims of its pods stay, and nothing reads them`}},
		{"a StatefulSet that deletes", dataLost, set("persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}"), "", []string{`error was.yaml@main : data lost: StatefulSet "a" is removed: a sync that prunes deletes it, with the claims of its pods and their volumes (whenDeleted: Delete)`}},
		{"a StatefulSet without claims", dataLost, of("apps/v1", "StatefulSet", "spec: {}"), "", nil},
		{"a database", dataLost, of("postgresql.cnpg.io/v1", "Cluster", "spec: {}"), "", []string{`error was.yaml@main : data lost: Cluster "a" is removed: a sync that prunes deletes it, with its claims and their volumes`}},
		{"Kafka", dataLost, of("kafka.strimzi.io/v1beta2", "Kafka", "spec: {kafka: {storage: {type: persistent-claim}}}"), "", []string{`warning was.yaml@main : data left behind: Kafka "a" is removed: its claims stay, and nothing reads them`}},
		{"Kafka that deletes", dataLost, of("kafka.strimzi.io/v1beta2", "Kafka", "spec: {kafka: {storage: {type: jbod, volumes: [{deleteClaim: true}]}}}"), "", []string{`error was.yaml@main : data lost: Kafka "a" is removed: a sync that prunes deletes it, with its claims and their volumes (deleteClaim: true)`}},
		{"a topic that is its own", dataLost, annotated(of("kafka.strimzi.io/v1beta2", "KafkaTopic"), "strimzi.io/managed: 'false'"), "", nil},
		{"Elasticsearch", dataLost, of("elasticsearch.k8s.elastic.co/v1", "Elasticsearch", "spec: {}"), "", []string{`error was.yaml@main : data lost: Elasticsearch "a" is removed: a sync that prunes deletes it, with its claims`}},
		{"Elasticsearch that keeps", dataLost, of("elasticsearch.k8s.elastic.co/v1", "Elasticsearch", "spec: {volumeClaimDeletePolicy: DeleteOnScaledownOnly}"), "", []string{`warning was.yaml@main : data left behind: Elasticsearch "a" is removed: its claims stay (spec.volumeClaimDeletePolicy: DeleteOnScaledownOnly), and nothing reads them`}},
		{"a finalizer that deletes", dataLost, strings.Replace(of("pxc.percona.com/v1", "PerconaXtraDBCluster"), "name: a", "name: a, finalizers: [percona.com/delete-pxc-pvc]", 1), "", []string{`error was.yaml@main : data lost: PerconaXtraDBCluster "a" is removed: a sync that prunes deletes it, with its claims and their volumes (finalizer delete-pxc-pvc)`}},
		{"a ConfigMap", dataLost, of("v1", "ConfigMap"), "", nil},
		{"Retain to Delete", dataLost, set(""), set("persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}"), []string{`warning now.yaml spec.persistentVolumeClaimRetentionPolicy.whenDeleted: data at stake: StatefulSet "a" has spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Retain → Delete: the claims of its pods go with it`}},
		{"Delete to Retain", dataLost, set("persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}"), set(""), nil},
		{"a volume from Retain to Delete", dataLost, of("v1", "PersistentVolume", "spec: {}"), of("v1", "PersistentVolume", "spec: {persistentVolumeReclaimPolicy: Delete}"), []string{`warning now.yaml spec.persistentVolumeReclaimPolicy: data at stake: PersistentVolume "a" has spec.persistentVolumeReclaimPolicy: Retain → Delete: the storage goes with the claim that has it`}},
		{"scaled down", dataLost, set("persistentVolumeClaimRetentionPolicy: {whenScaled: Delete}"), strings.Replace(set("persistentVolumeClaimRetentionPolicy: {whenScaled: Delete}"), "replicas: 3", "replicas: 2", 1), []string{`error now.yaml spec.replicas: data lost: StatefulSet "a" has spec.replicas: 3 → 2: the claims of the pods that go are deleted with their volumes (whenScaled: Delete)`}},
		{"scaled down and kept", dataLost, set(""), strings.Replace(set(""), "replicas: 3", "replicas: 2", 1), nil},
		{"another claim", dataLost, volume("persistentVolumeClaim: {claimName: a}"), volume("persistentVolumeClaim: {claimName: b}"), []string{`warning now.yaml spec.template.spec.volumes[0].persistentVolumeClaim.claimName: data left behind: volume "d" of Deployment "w" is of another claim: a → b`}},
		{"another claim for one that goes", dataLost, claim + volume("persistentVolumeClaim: {claimName: a}"), strings.Replace(claim, "name: a", "name: b", 1) + volume("persistentVolumeClaim: {claimName: b}"), []string{`error was.yaml@main : data lost: PersistentVolumeClaim "a" is renamed: a → b: a sync that prunes deletes it, with its volume, unless the reclaim policy is Retain`}},
		{"no claim", dataLost, volume("persistentVolumeClaim: {claimName: a}"), volume("emptyDir: {}"), []string{`warning now.yaml spec.template.spec.volumes[0]: data left behind: volume "d" of Deployment "w" is PersistentVolumeClaim "a" → emptyDir`}},
		{"a claim at last", dataLost, volume("emptyDir: {}"), volume("persistentVolumeClaim: {claimName: b}"), nil},
	})
}

func TestDeployersPrune(t *testing.T) {
	for name, c := range map[string]struct {
		deployers []check.Deployer
		want      string
	}{
		"one that prunes":      {[]check.Deployer{{Name: `Application "shop"`, Prunes: true}}, `error was.yaml@main : data lost: Namespace "a" is removed: Application "shop" deletes it, with everything in the namespace`},
		"one that does not":    {[]check.Deployer{{Name: `Application "shop"`}}, `warning was.yaml@main : data lost: Namespace "a" is removed: Application "shop" does not prune, so that it stays until somebody deletes it, with everything in the namespace`},
		"one of two that does": {[]check.Deployer{{Name: `Application "a"`}, {Name: `Application "b"`, Prunes: true}}, `error was.yaml@main : data lost: Namespace "a" is removed: Application "b" deletes it, with everything in the namespace`},
	} {
		t.Run(name, func(t *testing.T) {
			target := change(t, of("v1", "Namespace"), "")
			target.Deployers = func(context.Context) ([]check.Deployer, error) { return c.deployers, nil }
			expect(t, found(t, target, dataLost), c.want)
		})
	}
}

// TestCascade holds what goes with an Application to what Argo CD deletes then, which is not what it prunes.
func TestCascade(t *testing.T) {
	claim := of("v1", "PersistentVolumeClaim", "spec: {}")
	options := func(options string) string { return annotated(claim, "argocd.argoproj.io/sync-options: "+options) }
	const volume = `deletes it, with its volume, unless the reclaim policy is Retain`
	for name, c := range map[string]struct{ object, want string }{
		"a claim":      {claim, `error was.yaml@main : data lost: PersistentVolumeClaim "a" is removed: the finalizer ` + volume},
		"not pruned":   {options("Prune=false"), `error was.yaml@main : data lost: PersistentVolumeClaim "a" is removed: the finalizer ` + volume},
		"asked for":    {options("Delete=confirm"), `warning was.yaml@main : data lost: PersistentVolumeClaim "a" is removed: once somebody confirms it, the finalizer ` + volume},
		"not deleted":  {options("Delete=false"), ""},
		"kept by Helm": {annotated(claim, "helm.sh/resource-policy: keep"), ""},
		"a definition": {of("apiextensions.k8s.io/v1", "CustomResourceDefinition", "spec: {names: {kind: Shop}}"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			target := change(t, c.object, "")
			target.Deployers = func(context.Context) ([]check.Deployer, error) {
				return []check.Deployer{{Name: "the finalizer", Prunes: true, Cascades: true, Argo: true}}, nil
			}
			var want []string
			if c.want != "" {
				want = []string{c.want}
			}
			expect(t, found(t, target, dataLost), want...)
		})
	}
}

func TestWhatDeployersKeep(t *testing.T) {
	replicas := func(o *manifest.Object) []manifest.Path { return []manifest.Path{{"spec", "replicas"}} }
	set := func(n string) string { return of("apps/v1", "Deployment", "spec: {replicas: "+n+"}") }
	want := `warning now.yaml spec.replicas: capacity cut: Deployment "a" has spec.replicas: 3 → 2`
	for name, c := range map[string]struct {
		deployers []check.Deployer
		want      []string
	}{
		"nobody":            {nil, []string{want}},
		"one that writes":   {[]check.Deployer{{Name: "a"}}, []string{want}},
		"one that keeps":    {[]check.Deployer{{Name: "a", Keeps: &check.Kept{Of: replicas}}}, nil},
		"one of two":        {[]check.Deployer{{Name: "a", Keeps: &check.Kept{Of: replicas}}, {Name: "b"}}, []string{want}},
		"one keeps another": {[]check.Deployer{{Name: "a", Keeps: &check.Kept{Of: func(*manifest.Object) []manifest.Path { return []manifest.Path{{"spec", "paused"}, {}} }}}}, []string{want}},
	} {
		t.Run(name, func(t *testing.T) {
			target := change(t, set("3"), set("2"))
			target.Deployers = func(context.Context) ([]check.Deployer, error) { return c.deployers, nil }
			expect(t, found(t, target, capacityCut), c.want...)
		})
	}
}

func TestRecreated(t *testing.T) {
	force := "argocd.argoproj.io/sync-options: 'Replace=true,Force=true'"
	set := func(spec string) string { return of("apps/v1", "StatefulSet", "spec: {"+spec+"}") }
	run(t, []step{
		{"a selector", recreated, annotated(set("selector: {matchLabels: {a: b}}"), force), annotated(set("selector: {matchLabels: {a: c}}"), force), []string{`error now.yaml spec.selector: deleted and made anew: StatefulSet "a" has another spec.selector, which no update may change, and argocd.argoproj.io/sync-options: Force=true: all its pods end at once`}},
		{"by Flux", recreated, set("serviceName: a"), annotated(set("serviceName: b"), "kustomize.toolkit.fluxcd.io/force: enabled"), []string{`error now.yaml spec.serviceName: deleted and made anew: StatefulSet "a" has another spec.serviceName, which no update may change, and kustomize.toolkit.fluxcd.io/force: enabled: all its pods end at once`}},
		{"without force", recreated, set("serviceName: a"), set("serviceName: b"), nil},
		{"a field that may change", recreated, annotated(set("replicas: 1"), force), annotated(set("replicas: 2"), force), nil},
		{"a field that was filled in", recreated, annotated(set(""), force), annotated(set("podManagementPolicy: OrderedReady"), force), nil},
		{"a claim", recreated, annotated(of("v1", "PersistentVolumeClaim", "spec: {storageClassName: a}"), force), annotated(of("v1", "PersistentVolumeClaim", "spec: {storageClassName: b}"), force), []string{`error now.yaml spec.storageClassName: deleted and made anew: PersistentVolumeClaim "a" has another spec.storageClassName, which no update may change, and argocd.argoproj.io/sync-options: Force=true: its volume goes, unless the reclaim policy is Retain`}},
		{"a role", recreated, annotated(of("rbac.authorization.k8s.io/v1", "RoleBinding", "roleRef: {name: a}"), force), annotated(of("rbac.authorization.k8s.io/v1", "RoleBinding", "roleRef: {name: b}"), force), []string{`error now.yaml roleRef: deleted and made anew: RoleBinding "a" has another roleRef, which no update may change, and argocd.argoproj.io/sync-options: Force=true: its subjects have no rights until it is back`}},
		{"a Job", recreated, annotated(of("batch/v1", "Job", "spec: {selector: {a: b}}"), force), annotated(of("batch/v1", "Job", "spec: {selector: {a: c}}"), force), nil},
	})
}

func TestDeliveryMoved(t *testing.T) {
	application := func(spec string) string { return of("argoproj.io/v1alpha1", "Application", "spec: {"+spec+"}") }
	final := func(object string) string {
		return strings.Replace(object, "name: a", "name: a, finalizers: [resources-finalizer.argocd.argoproj.io/background]", 1)
	}
	flux := func(spec string) string {
		return of("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "spec: {"+spec+"}")
	}
	run(t, []step{
		{"with its finalizer", deliveryMoved, final(application("")), "", []string{`error was.yaml@main : everything that it deploys is deleted: Application "a" is removed: a sync that prunes deletes it, with what it deployed`}},
		{"without one", deliveryMoved, application(""), "", []string{`warning was.yaml@main : nobody deploys it any more: Application "a" is removed: what it deployed stays, and nobody keeps it`}},
		{"kept", deliveryMoved, annotated(final(application("")), "argocd.argoproj.io/sync-options: Prune=false"), "", nil},
		{"renamed", deliveryMoved, final(application("")), strings.Replace(final(application("")), "name: a,", "name: b,", 1), []string{`error was.yaml@main : everything that it deploys is deleted: Application "a" is renamed: a → b: a sync that prunes deletes it, with what it deployed`}},
		{"renamed without a finalizer", deliveryMoved, application(""), strings.Replace(application(""), "name: a,", "name: b,", 1), nil},
		{"a set", deliveryMoved, of("argoproj.io/v1alpha1", "ApplicationSet", "spec: {}"), "", []string{`error was.yaml@main : everything that it deploys is deleted: ApplicationSet "a" is removed: a sync that prunes deletes it, with what it deployed`}},
		{"a set that preserves", deliveryMoved, of("argoproj.io/v1alpha1", "ApplicationSet", "spec: {syncPolicy: {preserveResourcesOnDeletion: true}}"), "", []string{`warning was.yaml@main : nobody deploys it any more: ApplicationSet "a" is removed: what it deployed stays, and nobody keeps it`}},
		{"Flux", deliveryMoved, flux("prune: true"), "", []string{`error was.yaml@main : everything that it deploys is deleted: Kustomization "a" is removed: a sync that prunes deletes it, with what it deployed`}},
		{"Flux that keeps", deliveryMoved, flux("prune: true, deletionPolicy: Orphan"), "", []string{`warning was.yaml@main : nobody deploys it any more: Kustomization "a" is removed: what it deployed stays, and nobody keeps it`}},
		{"Flux that does not prune", deliveryMoved, flux("prune: false"), "", []string{`warning was.yaml@main : nobody deploys it any more: Kustomization "a" is removed: what it deployed stays, and nobody keeps it`}},
		{"a release", deliveryMoved, of("helm.toolkit.fluxcd.io/v2", "HelmRelease", "spec: {}"), "", []string{`error was.yaml@main : everything that it deploys is deleted: HelmRelease "a" is removed: a sync that prunes deletes it, with what it deployed`}},
		{"a project", deliveryMoved, of("argoproj.io/v1alpha1", "AppProject", "spec: {}"), "", nil},
		{"elsewhere", deliveryMoved, application("project: p, destination: {name: dev, namespace: a}, source: {path: x, repoURL: r}"), application("project: q, destination: {name: prod, namespace: b}, source: {path: y, repoURL: r}"), []string{
			`warning now.yaml spec.destination.name: deployed elsewhere, and what was deployed is left or pruned: Application "a" has spec.destination.name: dev → prod`,
			`warning now.yaml spec.destination.namespace: deployed elsewhere, and what was deployed is left or pruned: Application "a" has spec.destination.namespace: a → b`,
			`warning now.yaml spec.project: in the hands of another project: Application "a" has spec.project: p → q`,
			`warning now.yaml spec.source.path: deploys something else: Application "a" has spec.source.path: x → true`,
		}},
		{"a set elsewhere", deliveryMoved, of("argoproj.io/v1alpha1", "ApplicationSet", "spec: {template: {spec: {project: p}}}"), of("argoproj.io/v1alpha1", "ApplicationSet", "spec: {template: {spec: {project: q}}}"), []string{`warning now.yaml spec.template.spec.project: in the hands of another project: ApplicationSet "a" has spec.template.spec.project: p → q`}},
		{"automated", deliveryMoved, application("syncPolicy: {}"), application("syncPolicy: {automated: {prune: true}}"), []string{`warning now.yaml spec.syncPolicy.automated: no person is waited for: Application "a" syncs by itself: manual → automated`}},
		{"enabled", deliveryMoved, application("syncPolicy: {automated: {enabled: false}}"), application("syncPolicy: {automated: {}}"), []string{`warning now.yaml spec.syncPolicy.automated: no person is waited for: Application "a" syncs by itself: manual → automated`}},
		{"prunes", deliveryMoved, application("syncPolicy: {automated: {}}"), application("syncPolicy: {automated: {prune: true}}"), []string{`warning now.yaml spec.syncPolicy.automated.prune: no person is waited for: Application "a" deletes by itself what the repository has no longer: prune: false → true`}},
		{"disabled", deliveryMoved, final(application("syncPolicy: {automated: {}}")), application("syncPolicy: {automated: {enabled: false}}"), nil},
		{"manual at last", deliveryMoved, application("syncPolicy: {automated: {}}"), application(""), nil},
		{"a finalizer", deliveryMoved, application(""), final(application("")), []string{`warning now.yaml metadata.finalizers: more at stake: what Application "a" deployed goes with it from now on: no finalizer → resources-finalizer.argocd.argoproj.io`}},
		{"Flux elsewhere", deliveryMoved, flux("path: a, targetNamespace: a, suspend: true"), flux("path: b, targetNamespace: b, prune: true"), []string{
			`warning now.yaml spec.path: deploys something else: Kustomization "a" has spec.path: a → b`,
			`warning now.yaml spec.prune: no person is waited for: Kustomization "a" deletes by itself what the repository has no longer: spec.prune: false → true`,
			`warning now.yaml spec.targetNamespace: deployed elsewhere, and what was deployed is left or pruned: Kustomization "a" has spec.targetNamespace: a → b`,
			`warning now.yaml spec: no person is waited for: Kustomization "a" syncs by itself: spec.suspend: true → not set`,
		}},
		{"in other words", deliveryMoved, application("destination: {name: in-cluster}"), application("destination: {server: 'https://kubernetes.default.svc'}"), nil},
		{"in another spelling", deliveryMoved, application("source: {path: x, repoURL: 'https://example.com/a/b'}"), application("source: {path: ./x/, repoURL: 'https://Example.com/a/b.git'}"), nil},
		{"by another way", deliveryMoved, application("source: {repoURL: 'https://example.com/a/b.git'}"), application("source: {repoURL: 'git@example.com:a/b.git'}"), nil},
		{"another repository", deliveryMoved, application("source: {repoURL: 'https://example.com/a/b'}"), application("source: {repoURL: 'https://example.com/a/c'}"), []string{`warning now.yaml spec.source.repoURL: deploys something else: Application "a" has spec.source.repoURL: https://example.com/a/b → https://example.com/a/c`}},
		{"another repository of charts", deliveryMoved, application("source: {chart: c, repoURL: 'https://example.com/A'}"), application("source: {chart: c, repoURL: 'https://example.com/a'}"), []string{`warning now.yaml spec.source.repoURL: deploys something else: Application "a" has spec.source.repoURL: https://example.com/A → https://example.com/a`}},
		{"a repository of charts in another spelling", deliveryMoved, application("source: {chart: c, repoURL: 'https://example.com/a'}"), application("source: {chart: c, repoURL: 'https://example.com/a/'}"), nil},
		{"a folder of Flux", deliveryMoved, flux("path: ./a"), flux("path: a/"), nil},
		{"another revision", deliveryMoved, application("source: {targetRevision: a}"), application("source: {targetRevision: b}"), nil},
	})
}

func TestTrafficMoved(t *testing.T) {
	service := func(selector string) string { return of("v1", "Service", "spec: {selector: {"+selector+"}}") }
	blue, green := pods("blue", "app: w, track: blue", ""), pods("green", "app: w, track: green", "")
	run(t, []step{
		{"another", trafficMoved, service("track: blue") + blue + green, service("track: green") + blue + green, []string{`warning now.yaml spec.selector: traffic moved: Service "a" sends to Deployment "blue" → Deployment "green"`}},
		{"one of two", trafficMoved, service("app: w") + blue + green, service("track: green") + blue + green, []string{`warning now.yaml spec.selector: traffic moved: Service "a" sends to Deployment "blue", Deployment "green" → Deployment "green"`}},
		{"more", trafficMoved, service("track: blue") + blue + green, service("app: w") + blue + green, nil},
		{"for one that goes", trafficMoved, service("track: blue") + blue, service("track: green") + green, nil},
		{"to nothing", trafficMoved, service("track: blue") + blue, service("track: red") + blue, nil},
		{"by labels", trafficMoved, service("app: w") + blue + green, service("app: w") + pods("blue", "app: x", "") + green, []string{`warning now.yaml spec.template.metadata.labels: traffic moved: the pods of Deployment "blue" have no longer the labels that Service "a" selects: it sends to Deployment "blue", Deployment "green" → Deployment "green"`}},
		{"the same by other labels", trafficMoved, service("track: blue") + blue, service("app: w") + blue, nil},
		{"another namespace", trafficMoved, service("track: blue") + blue + strings.Replace(green, "namespace: shop", "namespace: b", 1), service("track: green") + blue + strings.Replace(green, "namespace: shop", "namespace: b", 1), nil},
		{"no selector", trafficMoved, service("track: blue") + blue, of("v1", "Service", "spec: {}") + blue, nil},
	})
}

func TestPrivilegeGained(t *testing.T) {
	w := func(spec string) string { return pods("w", "app: w", spec) }
	c := func(context string) string { return w(container(", securityContext: {" + context + "}")) }
	role := func(rules string) string {
		return of("rbac.authorization.k8s.io/v1", "ClusterRole", "rules: ["+rules+"]")
	}
	bind := func(subjects string) string {
		return of("rbac.authorization.k8s.io/v1", "RoleBinding", "roleRef: {kind: ClusterRole, name: edit}\nsubjects: ["+subjects+"]")
	}
	level := func(text string) string {
		return strings.Replace(of("v1", "Namespace"), "namespace: shop", "labels: {pod-security.kubernetes.io/enforce: "+text+"}", 1)
	}
	const account = "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: w, namespace: shop}\n"
	run(t, []step{
		{"host", privilegeGained, w(container("")), w("hostNetwork: true, hostPID: true, hostIPC: true, shareProcessNamespace: true, " + container("")), []string{
			`warning now.yaml spec.template.spec.hostIPC: privilege gained: Deployment "w" has hostIPC: not set → true`,
			`warning now.yaml spec.template.spec.hostNetwork: privilege gained: Deployment "w" has hostNetwork: not set → true`,
			`warning now.yaml spec.template.spec.hostPID: privilege gained: Deployment "w" has hostPID: not set → true`,
			`warning now.yaml spec.template.spec.shareProcessNamespace: privilege gained: Deployment "w" has shareProcessNamespace: not set → true`,
		}},
		{"host before", privilegeGained, w("hostNetwork: true, " + container("")), w("hostNetwork: true, " + container(", tty: true")), nil},
		{"users of the host", privilegeGained, w("hostUsers: false"), w(""), []string{`warning now.yaml spec.template.spec: privilege gained: Deployment "w" has hostUsers: false → not set`}},
		{"a path of the host", privilegeGained, w("volumes: [{name: a, hostPath: {path: /var/log}}]"), w("volumes: [{name: b, hostPath: {path: /var/log}}, {name: c, hostPath: {path: /}}]"), []string{`warning now.yaml spec.template.spec.volumes[1].hostPath.path: privilege gained: Deployment "w" has the host's /: volume "c" was not there, or of another path`}},
		{"a token", privilegeGained, w("automountServiceAccountToken: false"), w("automountServiceAccountToken: true"), []string{`warning now.yaml spec.template.spec.automountServiceAccountToken: privilege gained: Deployment "w" has automountServiceAccountToken: false → true`}},
		{"a token by default", privilegeGained, w("automountServiceAccountToken: false"), w(""), []string{`warning now.yaml spec.template.spec: privilege gained: Deployment "w" has automountServiceAccountToken: false → not set`}},
		{"a token that the account keeps", privilegeGained, w("automountServiceAccountToken: false"), w("serviceAccountName: w") + account + "automountServiceAccountToken: false\n", nil},
		{"privileged", privilegeGained, c("privileged: false"), c("privileged: true, procMount: Unmasked"), []string{
			`warning now.yaml spec.template.spec.containers[0].securityContext.privileged: privilege gained: container "c" of Deployment "w" has privileged: false → true`,
			`warning now.yaml spec.template.spec.containers[0].securityContext.procMount: privilege gained: container "c" of Deployment "w" has procMount: not set → Unmasked`,
		}},
		{"root", privilegeGained, c("runAsUser: 1000, runAsNonRoot: true"), c("runAsUser: 0"), []string{
			`warning now.yaml spec.template.spec.containers[0].securityContext.runAsUser: privilege gained: container "c" of Deployment "w" has runAsUser: 1000 → 0`,
			`warning now.yaml spec.template.spec.containers[0].securityContext: privilege gained: container "c" of Deployment "w" has runAsNonRoot: true → not set`,
		}},
		{"root of the pod", privilegeGained, w(container("")), w("securityContext: {runAsUser: 0}, " + container("")), []string{`warning now.yaml spec.template.spec.securityContext.runAsUser: privilege gained: container "c" of Deployment "w" has runAsUser: not set → 0`}},
		{"said for the pod now", privilegeGained, c("runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}"), w("securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}, " + container("")), nil},
		{"no sandbox", privilegeGained, c("seccompProfile: {type: RuntimeDefault}, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true"), c("seccompProfile: {type: Unconfined}"), []string{
			`warning now.yaml spec.template.spec.containers[0].securityContext.seccompProfile.type: privilege gained: container "c" of Deployment "w" has seccompProfile: RuntimeDefault → Unconfined`,
			`warning now.yaml spec.template.spec.containers[0].securityContext: privilege gained: container "c" of Deployment "w" has allowPrivilegeEscalation: false → not set`,
			`warning now.yaml spec.template.spec.containers[0].securityContext: privilege gained: container "c" of Deployment "w" has readOnlyRootFilesystem: true → not set`,
		}},
		{"another name", privilegeGained, c("privileged: true, runAsUser: 0, runAsNonRoot: false"), strings.Replace(c("privileged: true, runAsUser: 0"), "name: c,", "name: d,", 1), nil},
		{"another name and less", privilegeGained, c("readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}"), strings.Replace(c("capabilities: {add: [NET_ADMIN], drop: [ALL]}"), "name: c,", "name: d,", 1), []string{
			`warning now.yaml spec.template.spec.containers[0].securityContext.capabilities.add[0]: privilege gained: container "d" of Deployment "w" has the capability NET_ADMIN: not added → added`,
			`warning now.yaml spec.template.spec.containers[0].securityContext: privilege gained: container "d" of Deployment "w" has readOnlyRootFilesystem: true → not set`,
		}},
		{"another in the place of one", privilegeGained, c("privileged: true"), w("containers: [{name: d, image: b, securityContext: {privileged: true, capabilities: {add: [SYS_ADMIN]}}}]"), nil},
		{"another beside it", privilegeGained, c("privileged: true"), w("containers: [{name: c, image: a, securityContext: {privileged: true}}, {name: d, image: b, securityContext: {privileged: true}}]"), []string{`warning now.yaml spec.template.spec.containers[1].securityContext.privileged: privilege gained: container "d" of Deployment "w" has privileged: no such container → true`}},
		{"a container that begins first", privilegeGained, c("runAsUser: 0"), w("initContainers: [{name: c, image: a, restartPolicy: Always, securityContext: {runAsUser: 0}}]"), nil},
		{"names that change places", privilegeGained, w("containers: [{name: c, image: a}, {name: d, image: a, securityContext: {privileged: true}}]"), w("containers: [{name: e, image: a}, {name: f, image: a, securityContext: {privileged: true}}]"), nil},
		{"a port of the node by another container", privilegeGained, w("containers: [{name: c, image: a, ports: [{hostPort: 80}]}, {name: d, image: b}]"), w("containers: [{name: c, image: a}, {name: d, image: b, ports: [{hostPort: 80}]}]"), nil},
		{"one capability of all", privilegeGained, c("privileged: true"), c("capabilities: {add: [SYS_ADMIN]}"), nil},
		{"capabilities", privilegeGained, c("capabilities: {drop: [ALL], add: [CHOWN]}"), c("capabilities: {add: [CAP_CHOWN, SYS_ADMIN]}"), []string{
			`warning now.yaml spec.template.spec.containers[0].securityContext.capabilities.add[1]: privilege gained: container "c" of Deployment "w" has the capability SYS_ADMIN: not added → added`,
			`warning now.yaml spec.template.spec.containers[0].securityContext.capabilities: privilege gained: container "c" of Deployment "w" keeps the capability ALL: dropped → not dropped`,
		}},
		{"another spelling of capabilities", privilegeGained, c("capabilities: {drop: [CAP_NET_RAW]}"), c("capabilities: {drop: [all]}"), nil},
		{"a port of the host", privilegeGained, w(container(", ports: [{containerPort: 80}]")), w(container(", ports: [{containerPort: 80, hostPort: 80}]")), []string{`warning now.yaml spec.template.spec.containers[0].ports[0].hostPort: privilege gained: container "c" of Deployment "w" listens on port 80 of its node: hostPort: not set → 80`}},
		{"another container", privilegeGained, w(container("")), w("containers: [{name: c, image: a}, {name: d, image: a, securityContext: {privileged: true}}]"), []string{`warning now.yaml spec.template.spec.containers[1].securityContext.privileged: privilege gained: container "d" of Deployment "w" has privileged: no such container → true`}},
		{"another container that is confined", privilegeGained, c("runAsNonRoot: true"), w("containers: [{name: c, image: a, securityContext: {runAsNonRoot: true}}, {name: d, image: a}]"), nil},
		{"a new workload", privilegeGained, "", c("privileged: true"), nil},
		{"a level lowered", privilegeGained, level("restricted"), level("baseline"), []string{`warning now.yaml metadata.labels["pod-security.kubernetes.io/enforce"]: privilege gained: Namespace "a" has pod-security.kubernetes.io/enforce: restricted → baseline`}},
		{"a level raised", privilegeGained, level("baseline"), level("restricted"), nil},
		{"a level removed", privilegeGained, level("restricted"), level("''"), []string{`warning now.yaml metadata.labels["pod-security.kubernetes.io/enforce"]: privilege gained: Namespace "a" has pod-security.kubernetes.io/enforce: restricted → not set, so that what the cluster says holds, which is privileged unless it is told otherwise`}},
		{"a wildcard", privilegeGained, role("{apiGroups: [''], resources: [pods], verbs: [get]}"), role("{apiGroups: [''], resources: ['*'], verbs: [get]}"), []string{`warning now.yaml rules[0]: privilege gained: ClusterRole "a" may get *, which it might not before`}},
		{"what was a wildcard", privilegeGained, role("{apiGroups: ['*'], resources: ['*'], verbs: ['*']}"), role("{apiGroups: [''], resources: [secrets], verbs: [get, list]}"), nil},
		{"secrets", privilegeGained, role("{apiGroups: [''], resources: [secrets], resourceNames: [a], verbs: [get]}"), role("{apiGroups: [''], resources: [secrets], verbs: [get]}"), []string{`warning now.yaml rules[0]: privilege gained: ClusterRole "a" may get secrets, which it might not before`}},
		{"fewer secrets", privilegeGained, role("{apiGroups: [''], resources: [secrets], verbs: [get]}"), role("{apiGroups: [''], resources: [secrets], resourceNames: [a], verbs: [get]}"), nil},
		{"to more", privilegeGained, role(""), role("{apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], verbs: [bind, escalate]}, {apiGroups: [''], resources: [pods/exec, serviceaccounts/token], verbs: [create]}"), []string{
			`warning now.yaml rules[0]: privilege gained: ClusterRole "a" may bind clusterroles.rbac.authorization.k8s.io, escalate clusterroles.rbac.authorization.k8s.io, which it might not before`,
			`warning now.yaml rules[1]: privilege gained: ClusterRole "a" may create pods/exec, create serviceaccounts/token, which it might not before`,
		}},
		{"the heaviest first", privilegeGained, role(""), role("{apiGroups: ['', apps, rbac.authorization.k8s.io], resources: [pods, configmaps, deployments, clusterroles, pods/exec, secrets], verbs: [create, get, bind, impersonate]}, {apiGroups: [''], resources: [configmaps, serviceaccounts, secrets], verbs: ['*', impersonate]}"), []string{
			`warning now.yaml rules[0]: privilege gained: ClusterRole "a" may get secrets, create clusterroles.rbac.authorization.k8s.io, bind clusterroles.rbac.authorization.k8s.io and 4 more, which it might not before`,
			`warning now.yaml rules[1]: privilege gained: ClusterRole "a" may * secrets, impersonate serviceaccounts, * configmaps, * serviceaccounts, which it might not before`,
		}},
		{"verbs that mean nothing there", privilegeGained, role(""), role("{apiGroups: [''], resources: [configmaps, '*'], verbs: [bind, escalate]}, {apiGroups: [''], resources: [configmaps], verbs: [impersonate]}"), nil},
		{"what leads no further", privilegeGained, role(""), role("{apiGroups: [apps], resources: [deployments], verbs: [get, patch]}"), nil},
		{"a subject", privilegeGained, bind("{kind: Group, name: dev}"), bind("{kind: Group, name: dev}, {kind: User, name: eve}, {kind: ServiceAccount, name: w, namespace: shop}"), []string{
			`warning now.yaml subjects[1]: privilege gained: User "eve" has ClusterRole edit in namespace shop: not bound → bound`,
			`warning now.yaml subjects[2]: privilege gained: ServiceAccount "w" has ClusterRole edit in namespace shop: not bound → bound`,
		}},
		{"a binding for an account", privilegeGained, account, account + bind("{kind: ServiceAccount, name: w, namespace: shop}"), []string{`warning now.yaml subjects[0]: privilege gained: ServiceAccount "w" has ClusterRole edit in namespace shop: not bound → bound`}},
		{"a binding for the account that pods run as by default", privilegeGained, pods("w", "app: w", container("")), pods("w", "app: w", container("")) + bind("{kind: ServiceAccount, name: default, namespace: shop}"), []string{`warning now.yaml subjects[0]: privilege gained: ServiceAccount "default" has ClusterRole edit in namespace shop: not bound → bound`}},
		{"a binding for that account by its name as a user", privilegeGained, pods("w", "app: w", container("")), pods("w", "app: w", container("")) + bind("{kind: User, name: 'system:serviceaccount:shop:default'}"), []string{`warning now.yaml subjects[0]: privilege gained: ServiceAccount "default" has ClusterRole edit in namespace shop: not bound → bound`}},
		{"a binding for an account of elsewhere that pods run as", privilegeGained, pods("w", "app: w", "serviceAccountName: x"), pods("w", "app: w", "serviceAccountName: x") + bind("{kind: ServiceAccount, name: x, namespace: shop}"), []string{`warning now.yaml subjects[0]: privilege gained: ServiceAccount "x" has ClusterRole edit in namespace shop: not bound → bound`}},
		{"a binding for an account that new pods run as", privilegeGained, account, account + pods("w", "app: w", "") + bind("{kind: ServiceAccount, name: default, namespace: shop}"), nil},
		{"a binding for a new account", privilegeGained, "", account + bind("{kind: ServiceAccount, name: w, namespace: shop}"), nil},
		{"a binding renamed", privilegeGained, bind("{kind: Group, name: dev}"), strings.Replace(bind("{kind: Group, name: dev}"), "name: a", "name: b", 1), nil},
	})
}

func TestProtectionLost(t *testing.T) {
	w := pods("w", "app: w", "")
	policy := func(name, spec string) string {
		return called("networking.k8s.io/v1", "NetworkPolicy", name, "spec: {"+spec+"}")
	}
	budget := func(spec string) string { return of("policy/v1", "PodDisruptionBudget", "spec: {"+spec+"}") }
	mesh := func(spec string) string { return of("security.istio.io/v1", "PeerAuthentication", "spec: {"+spec+"}") }
	other := strings.Replace(mesh("selector: {matchLabels: {app: v}}, mtls: {mode: PERMISSIVE}"), "name: a", "name: other", 1)
	root := strings.Replace(mesh("mtls: {mode: STRICT}"), "name: a, namespace: shop", "name: default, namespace: istio-system", 1)
	strict := func(mode string) string {
		return called("security.istio.io/v1", "PeerAuthentication", "own", "spec: {selector: {matchLabels: {app: w}}, mtls: {mode: "+mode+"}}")
	}
	const ofW = "selector: {matchLabels: {app: w}}, "
	onPort := func(mode, port string) string {
		return "mtls: {mode: " + mode + "}, portLevelMtls: {'8080': {mode: " + port + "}}"
	}
	namespaced := called("security.istio.io/v1", "PeerAuthentication", "default", "spec: {mtls: {mode: STRICT}}")
	quota := func(hard string) string { return of("v1", "ResourceQuota", "spec: {hard: {"+hard+"}}") }
	limits := func(spec string) string { return of("v1", "LimitRange", "spec: {limits: ["+spec+"]}") }
	namespace := func(label string) string {
		return strings.Replace(of("v1", "Namespace"), "namespace: shop", "labels: {"+label+"}", 1)
	}
	account := called("v1", "ServiceAccount", "w")
	bound := called("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", "b", "spec: {policyName: a, validationActions: [Deny]}")
	const some = "podSelector: {}, ingress: [{from: [{podSelector: {}}]}]"
	const till = "{podSelector: {matchLabels: {app: till}}}"
	fence := func(peers, of, ports string) string {
		return "podSelector: {}, " + map[string]string{"from": "ingress", "to": "egress"}[peers] + ": [{" + peers + ": [" + of + "], ports: [" + ports + "]}]"
	}
	without := func(except string) string { return "{ipBlock: {cidr: 0.0.0.0/0, except: [" + except + "]}}" }
	run(t, []step{
		{"removed", protectionLost, policy("a", some) + w, w, []string{`warning was.yaml@main : protection lost: NetworkPolicy "a" is removed: anybody may send to the pods of Deployment "w"`}},
		{"one of two removed", protectionLost, policy("a", some) + policy("b", some) + w, policy("b", some) + w, nil},
		{"with the workload", protectionLost, policy("a", some) + w, pods("v", "app: v", ""), nil},
		{"renamed", protectionLost, policy("a", some) + w, policy("b", some) + w, nil},
		{"selects others", protectionLost, policy("a", "podSelector: {matchLabels: {app: w}}") + w, policy("a", "podSelector: {matchLabels: {app: v}}") + w, []string{`warning now.yaml spec.podSelector: protection lost: NetworkPolicy "a" is no longer over the pods of Deployment "w": anybody may send to them`}},
		{"other labels", protectionLost, policy("a", "podSelector: {matchLabels: {app: w}}") + w, policy("a", "podSelector: {matchLabels: {app: w}}") + pods("w", "app: v", ""), []string{`warning now.yaml spec.template.metadata.labels: protection lost: the pods of Deployment "w" have no longer the labels that NetworkPolicy "a" selects: anybody may send to them`}},
		{"a direction less", protectionLost, policy("a", "podSelector: {}, policyTypes: [Ingress, Egress]") + w, policy("a", "podSelector: {}, policyTypes: [Ingress]") + w, []string{`warning now.yaml spec.podSelector: protection lost: NetworkPolicy "a" is no longer over the pods of Deployment "w": any address is open to them`}},
		{"removed, of pods that are elsewhere", protectionLost, policy("a", "podSelector: {matchLabels: {app: w}}") + account, account, []string{`warning was.yaml@main : protection lost: NetworkPolicy "a" is removed: anybody may send to what it selects`}},
		{"removed, of pods that are elsewhere, beside one for all", protectionLost, policy("a", "podSelector: {matchLabels: {app: w}}") + policy("b", some) + account, policy("b", some) + account, nil},
		{"selects others, of pods that are elsewhere", protectionLost, policy("a", "podSelector: {}") + account, policy("a", "podSelector: {matchLabels: {app: v}}") + account, []string{`warning now.yaml spec.podSelector: protection lost: NetworkPolicy "a" is no longer over all that it selected: anybody may send to it`}},
		{"as it was, of pods that are elsewhere, without a label", protectionLost, policy("a", "podSelector: {matchExpressions: [{key: public, operator: DoesNotExist}]}") + account, policy("a", "podSelector: {matchExpressions: [{key: public, operator: DoesNotExist}]}") + account, nil},
		{"renamed, of pods that are elsewhere, with other labels", protectionLost, policy("a", "podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [db]}]}") + account, policy("b", "podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [db]}]}") + account, nil},
		{"as it was, of pods that are elsewhere, of two values of which one is asked", protectionLost, policy("a", "podSelector: {matchLabels: {app: w}, matchExpressions: [{key: app, operator: In, values: [v, w]}, {key: app, operator: Exists}]}") + account, policy("a", "podSelector: {matchLabels: {app: w}, matchExpressions: [{key: app, operator: In, values: [v, w]}, {key: app, operator: Exists}]}") + account, nil},
		{"of one value of two, of pods that are elsewhere", protectionLost, policy("a", "podSelector: {matchExpressions: [{key: app, operator: In, values: [v, w]}]}") + account, policy("a", "podSelector: {matchLabels: {app: v}}") + account, []string{`warning now.yaml spec.podSelector: protection lost: NetworkPolicy "a" is no longer over all that it selected: anybody may send to it`}},
		{"of one value each, of pods that are elsewhere", protectionLost, policy("a", "podSelector: {matchExpressions: [{key: app, operator: In, values: [v, w]}]}") + account, policy("a", "podSelector: {matchLabels: {app: v}}") + policy("b", "podSelector: {matchLabels: {app: w}}") + account, nil},
		{"strict removed, of pods that are elsewhere", protectionLost, mesh("mtls: {mode: STRICT}") + account, account, []string{`warning was.yaml@main : protection lost: PeerAuthentication "a" is removed: what it selects may take what is in the clear, unless the mesh is strict`}},
		{"strict for others alone, of pods that are elsewhere", protectionLost, mesh("mtls: {mode: STRICT}") + account, mesh("mtls: {mode: STRICT}, selector: {matchLabels: {app: v}}") + account, []string{`warning now.yaml spec.selector: protection lost: PeerAuthentication "a" is no longer over all that it selected: it may take what is in the clear, unless the mesh is strict`}},
		{"by another maker", protectionLost, policy("a", some) + w, of("cilium.io/v2", "CiliumNetworkPolicy", "spec: {}") + w, nil},
		{"beside one of another maker", protectionLost, policy("a", some) + of("cilium.io/v2", "CiliumNetworkPolicy", "spec: {}") + w, of("cilium.io/v2", "CiliumNetworkPolicy", "spec: {}") + w, []string{`warning was.yaml@main : protection lost: NetworkPolicy "a" is removed: unless CiliumNetworkPolicy "a" fences them, anybody may send to the pods of Deployment "w"`}},
		{"beside one of Kyverno that makes none", protectionLost, policy("a", some) + w, of("kyverno.io/v1", "ClusterPolicy", "spec: {rules: [{name: a, validate: {}}]}") + w, []string{`warning was.yaml@main : protection lost: NetworkPolicy "a" is removed: anybody may send to the pods of Deployment "w"`}},
		{"by one of Kyverno that makes some", protectionLost, policy("a", some) + w, of("kyverno.io/v1", "ClusterPolicy", "spec: {rules: [{name: a, generate: {kind: NetworkPolicy}}]}") + w, nil},
		{"opened", protectionLost, policy("a", some) + w, policy("a", "podSelector: {}, ingress: [{}]") + w, []string{`warning now.yaml spec.ingress: protection lost: Deployment "w" is open to every address, by rule 1 of NetworkPolicy "a": fenced → open`}},
		{"open already, on the default protocol", protectionLost, policy("a", "podSelector: {}, ingress: [{ports: [{port: 80}]}]") + w, policy("a", "podSelector: {}, ingress: [{ports: [{port: 80, protocol: TCP}]}]") + w, nil},
		{"open already, in another order", protectionLost, policy("a", "podSelector: {}, ingress: [{ports: [{port: 80}, {port: 443}]}]") + w, policy("a", "podSelector: {}, ingress: [{ports: [{port: 443}, {port: 80}]}]") + w, nil},
		{"open on fewer ports", protectionLost, policy("a", "podSelector: {}, ingress: [{ports: [{port: 80}, {port: 443}]}]") + w, policy("a", "podSelector: {}, ingress: [{ports: [{port: 443}]}]") + w, nil},
		{"open in two rules", protectionLost, policy("a", "podSelector: {}, ingress: [{ports: [{port: 80}]}, {ports: [{port: 81, endPort: 90}]}]") + w, policy("a", "podSelector: {}, ingress: [{ports: [{port: 80, endPort: 90}]}]") + w, nil},
		{"open by its number and by its name", protectionLost, policy("a", "podSelector: {}, ingress: [{ports: [{port: 80}]}]") + pods("w", "app: w", container(", ports: [{name: http, containerPort: 80}]")),
			policy("a", "podSelector: {}, ingress: [{ports: [{port: http}]}]") + pods("w", "app: w", container(", ports: [{name: http, containerPort: 80}]")), nil},
		{"open by a name that is another port", protectionLost, policy("a", "podSelector: {}, ingress: [{ports: [{port: 80}]}]") + pods("w", "app: w", container(", ports: [{name: admin, containerPort: 81}]")),
			policy("a", "podSelector: {}, ingress: [{ports: [{port: admin}]}]") + pods("w", "app: w", container(", ports: [{name: admin, containerPort: 81}]")), []string{
				`warning now.yaml spec.ingress: protection lost: Deployment "w" is open to every address on port 81, by rule 1 of NetworkPolicy "a": fenced → open`}},
		{"open by a name that no container has", protectionLost, policy("a", some) + w, policy("a", some) + policy("b", "podSelector: {}, ingress: [{ports: [{port: nowhere}]}]") + w, nil},
		{"open by a name that is another number now", protectionLost, policy("a", "podSelector: {}, ingress: [{ports: [{port: http}]}]") + pods("w", "app: w", container(", ports: [{name: http, containerPort: 80}]")),
			policy("a", "podSelector: {}, ingress: [{ports: [{port: http}]}]") + pods("w", "app: w", container(", ports: [{name: http, containerPort: 81}]")), nil},
		{"open by a name that is renamed", protectionLost, policy("a", "podSelector: {}, ingress: [{ports: [{port: http}]}]") + pods("w", "app: w", container(", ports: [{name: http, containerPort: 80}]")),
			policy("a", "podSelector: {}, ingress: [{ports: [{port: web}]}]") + pods("w", "app: w", container(", ports: [{name: web, containerPort: 80}]")), nil},
		{"open by a name that an operator gives", protectionLost, policy("a", "podSelector: {}, ingress: [{ports: [{port: metrics}]}]") + of("postgresql.cnpg.io/v1", "Cluster", "spec: {instances: 1}"),
			policy("a", "podSelector: {}, ingress: [{ports: [{port: 9187}]}]") + of("postgresql.cnpg.io/v1", "Cluster", "spec: {instances: 1}"), nil},
		{"open on a port more", protectionLost, policy("a", "podSelector: {}, ingress: [{ports: [{port: 80}]}]") + w, policy("a", "podSelector: {}, ingress: [{ports: [{port: 80}, {port: 90, endPort: 95}, {port: 53, protocol: UDP}]}]") + w, []string{`warning now.yaml spec.ingress: protection lost: Deployment "w" is open to every address on port 53/UDP, 90-95, by rule 1 of NetworkPolicy "a": fenced → open`}},
		{"open on every port", protectionLost, policy("a", "podSelector: {}, ingress: [{ports: [{port: 80}]}]") + w, policy("a", "podSelector: {}, ingress: [{}]") + w, []string{`warning now.yaml spec.ingress: protection lost: Deployment "w" is open to every address, by rule 1 of NetworkPolicy "a": fenced → open`}},
		{"opened by another", protectionLost, policy("a", some) + w, policy("a", some) + policy("b", "podSelector: {matchLabels: {app: w}}, ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 9090}]}]") + w, []string{`warning now.yaml spec.ingress: protection lost: Deployment "w" is open to every pod of the cluster on port 9090, by rule 1 of NetworkPolicy "b": fenced → open`}},
		{"open before", protectionLost, policy("a", "podSelector: {}, ingress: [{}]") + w, policy("a", "podSelector: {}, ingress: [{ports: [{port: 80}]}]") + w, nil},
		{"more peers", protectionLost, policy("a", some) + w, policy("a", "podSelector: {}, ingress: [{from: [{podSelector: {}}, {namespaceSelector: {matchLabels: {a: b}}}]}]") + w, nil},
		{"sends anywhere", protectionLost, policy("a", "podSelector: {}, egress: [{to: [{podSelector: {}}]}]") + w, policy("a", "podSelector: {}, egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]") + w, []string{`warning now.yaml spec.egress: protection lost: Deployment "w" may send to every address, by rule 1 of NetworkPolicy "a": fenced → open`}},
		{"resolves names", protectionLost, policy("a", "podSelector: {}, egress: [{to: [{podSelector: {}}]}]") + w, policy("a", "podSelector: {}, egress: [{to: [{podSelector: {}}]}, {to: [{namespaceSelector: {}}], ports: [{port: 53}]}]") + w, nil},
		{"every port for those that had one", protectionLost, policy("a", fence("from", till, "{port: 80}, {port: 81}")) + w, policy("a", fence("from", till, "")) + w, []string{`warning now.yaml spec.ingress[0]: protection lost: Deployment "w" is open to those of rule 1 of NetworkPolicy "a" on more ports: 80, 81 → every port`}},
		{"a longer range of ports", protectionLost, policy("a", fence("to", till, "{port: 80, endPort: 90}")) + w, policy("a", fence("to", till, "{port: 80, endPort: 65535}")) + w, []string{`warning now.yaml spec.egress[0]: protection lost: Deployment "w" may send to those of rule 1 of NetworkPolicy "a" on more ports: 80-90 → 80-65535`}},
		{"a range that was in two", protectionLost, policy("a", fence("from", till, "{port: 80, endPort: 85}, {port: 86, endPort: 90}")) + w, policy("a", fence("from", till, "{port: 80, endPort: 90}")) + w, nil},
		{"every port of another protocol", protectionLost, policy("a", fence("from", till, "{port: 80}")) + w, policy("a", fence("from", till, "{port: 80}, {protocol: UDP}")) + w, []string{`warning now.yaml spec.ingress[0]: protection lost: Deployment "w" is open to those of rule 1 of NetworkPolicy "a" on more ports: 80 → 0-65535/UDP`}},
		{"a port more", protectionLost, policy("a", fence("from", till, "{port: 80}")) + w, policy("a", fence("from", till, "{port: 80}, {port: 81}")) + w, nil},
		{"every port for others", protectionLost, policy("a", fence("from", till, "{port: 80}")) + w, policy("a", fence("from", "{podSelector: {matchLabels: {app: b}}}", "")) + w, nil},
		{"every port, by another policy before", protectionLost, policy("a", fence("from", till, "{port: 80}")) + policy("b", fence("from", till, "")) + w, policy("a", fence("from", till, "")) + policy("b", fence("from", till, "")) + w, nil},
		{"every port to every address", protectionLost, policy("a", fence("to", "{ipBlock: {cidr: 0.0.0.0/0}}", "{port: 443}")) + w, policy("a", fence("to", "{ipBlock: {cidr: 0.0.0.0/0}}", "{port: 1, endPort: 65535}")) + w, []string{`warning now.yaml spec.egress[0]: protection lost: Deployment "w" may send to those of rule 1 of NetworkPolicy "a" on more ports: 443 → 1-65535`}},
		{"an address excepted no more", protectionLost, policy("a", fence("to", without("169.254.169.254/32, 10.0.0.0/8"), "{port: 80}")) + w, policy("a", fence("to", without("10.0.0.0/8"), "{port: 80}")) + w, []string{`warning now.yaml spec.egress[0]: protection lost: Deployment "w" may send to 169.254.169.254/32, by rule 1 of NetworkPolicy "a": excepted → open`}},
		{"an address excepted in a wider range", protectionLost, policy("a", fence("to", without("169.254.169.254/32"), "{port: 80}")) + w, policy("a", fence("to", without("169.254.0.0/16"), "{port: 80}")) + w, nil},
		{"half of the addresses excepted", protectionLost, policy("a", fence("to", without("10.0.0.0/8"), "{port: 80}")) + w, policy("a", fence("to", without("10.0.0.0/9"), "{port: 80}")) + w, []string{`warning now.yaml spec.egress[0]: protection lost: Deployment "w" may send to 10.128.0.0/9, by rule 1 of NetworkPolicy "a": excepted → open`}},
		{"an address excepted, by name", protectionLost, policy("a", fence("to", without("10.0.0.0/8"), "{port: 80}")) + w, policy("a", fence("to", without("10.0.0.0/8")+", {ipBlock: {cidr: 10.0.0.0/8}}", "{port: 80}")) + w, nil},
		{"an address excepted, open before", protectionLost, policy("a", fence("to", without("10.0.0.0/8")+", {ipBlock: {cidr: 10.0.0.0/8}}", "{port: 80}")) + w, policy("a", fence("to", "{ipBlock: {cidr: 0.0.0.0/0}}", "{port: 80}")) + w, nil},
		{"addresses excepted from a block", protectionLost, policy("a", fence("from", "{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}", "")) + w, policy("a", fence("from", "{ipBlock: {cidr: 10.0.0.0/8}}", "")) + w, []string{`warning now.yaml spec.ingress[0]: protection lost: Deployment "w" is open to 10.1.0.0/16, by rule 1 of NetworkPolicy "a": excepted → open`}},
		{"permissive", protectionLost, mesh("mtls: {mode: STRICT}") + w, mesh("mtls: {mode: PERMISSIVE}") + w, []string{`warning now.yaml spec.mtls.mode: protection lost: PeerAuthentication "a" asks for mutual TLS no longer: spec.mtls.mode: STRICT → PERMISSIVE`}},
		{"permissive on a port", protectionLost, mesh(ofW+"mtls: {mode: STRICT}") + w, mesh(ofW+"mtls: {mode: STRICT}, portLevelMtls: {'80': {mode: DISABLE}}") + w, []string{`warning now.yaml spec.portLevelMtls["80"].mode: protection lost: PeerAuthentication "a" asks for mutual TLS on port 80 no longer: STRICT → DISABLE`}},
		{"strict removed", protectionLost, mesh("mtls: {mode: STRICT}") + w, w, []string{`warning was.yaml@main : protection lost: PeerAuthentication "a" is removed: the pods of Deployment "w" take what is in the clear, unless the mesh is strict`}},
		{"strict of a namespace removed, beside one for others", protectionLost, mesh("mtls: {mode: STRICT}") + other + w, other + w, []string{`warning was.yaml@main : protection lost: PeerAuthentication "a" is removed: the pods of Deployment "w" take what is in the clear, unless the mesh is strict`}},
		{"strict removed where the mesh is strict", protectionLost, mesh("mtls: {mode: STRICT}") + root + w, root + w, nil},
		{"strict for others alone", protectionLost, mesh("mtls: {mode: STRICT}") + w, mesh("mtls: {mode: STRICT}, selector: {matchLabels: {app: v}}") + w, []string{`warning now.yaml spec.selector: protection lost: PeerAuthentication "a" is no longer over the pods of Deployment "w": they take what is in the clear, unless the mesh is strict`}},
		{"strict for these alone", protectionLost, mesh("mtls: {mode: STRICT}") + w, mesh("mtls: {mode: STRICT}, selector: {matchLabels: {app: w}}") + w, nil},
		{"permissive by another", protectionLost, mesh("mtls: {mode: STRICT}") + w, mesh("mtls: {mode: STRICT}") + strings.Replace(other, "app: v", "app: w", 1) + w, []string{`warning now.yaml spec.mtls.mode: protection lost: the pods of Deployment "w" take what is in the clear: spec.mtls.mode: STRICT (of PeerAuthentication "a") → PERMISSIVE`}},
		{"strict no longer by labels", protectionLost, mesh("mtls: {mode: STRICT}, selector: {matchLabels: {app: w}}") + w, mesh("mtls: {mode: STRICT}, selector: {matchLabels: {app: w}}") + pods("w", "app: v", ""), []string{`warning now.yaml spec.template.metadata.labels: protection lost: the pods of Deployment "w" have no longer the labels that PeerAuthentication "a" selects: they take what is in the clear, unless the mesh is strict`}},
		{"unset where the namespace is strict", protectionLost, mesh("mtls: {mode: STRICT}") + strict("STRICT") + w, mesh("mtls: {mode: STRICT}") + strict("UNSET") + w, nil},
		{"unset where nobody says more", protectionLost, strict("STRICT") + w, strict("UNSET") + w, []string{`warning now.yaml spec.mtls.mode: protection lost: PeerAuthentication "own" asks for mutual TLS no longer: spec.mtls.mode: STRICT → UNSET, unless the mesh is strict`}},
		{"permissive, of pods that are elsewhere", protectionLost, mesh("mtls: {mode: STRICT}"), mesh("mtls: {mode: PERMISSIVE}"), []string{`warning now.yaml spec.mtls.mode: protection lost: PeerAuthentication "a" asks for mutual TLS no longer: spec.mtls.mode: STRICT → PERMISSIVE`}},
		{"permissive for no pods here", protectionLost, mesh("mtls: {mode: STRICT}") + strict("STRICT") + w, mesh("mtls: {mode: PERMISSIVE}") + strict("STRICT") + w, nil},
		{"strict at last", protectionLost, mesh("mtls: {mode: PERMISSIVE}"), mesh("mtls: {mode: STRICT}"), nil},
		{"tokens", protectionLost, of("security.istio.io/v1", "RequestAuthentication") + w, w, []string{`warning was.yaml@main : protection lost: RequestAuthentication "a" is removed: no token of a request to its namespace is looked at`}},
		{"a budget lowered", protectionLost, budget("minAvailable: 2"), budget("minAvailable: 1"), []string{`warning now.yaml spec.minAvailable: protection lost: PodDisruptionBudget "a" lets more pods go at once: spec.minAvailable: 2 → 1`}},
		{"a budget of percent", protectionLost, budget("maxUnavailable: 10%"), budget("maxUnavailable: 50%"), []string{`warning now.yaml spec.maxUnavailable: protection lost: PodDisruptionBudget "a" lets more pods go at once: spec.maxUnavailable: 10% → 50%`}},
		{"a budget raised", protectionLost, budget("minAvailable: 1"), budget("minAvailable: 2"), nil},
		{"a budget of another sort", protectionLost, budget("maxUnavailable: 1"), budget("maxUnavailable: 50%"), nil},
		{"a budget removed", protectionLost, budget("selector: {matchLabels: {app: w}}") + w, w, []string{`warning was.yaml@main : protection lost: PodDisruptionBudget "a" is removed: a drain may take all pods of Deployment "w" at once`}},
		{"a budget renamed", protectionLost, budget("selector: {matchLabels: {app: w}}") + w, strings.Replace(budget("selector: {matchLabels: {app: w}}"), "name: a", "name: b", 1) + w, nil},
		{"a quota", protectionLost, of("v1", "ResourceQuota") + of("v1", "LimitRange") + w, w, []string{
			`warning was.yaml@main : protection lost: LimitRange "a" is removed: nothing bounds what the namespace of Deployment "w" takes`,
			`warning was.yaml@main : protection lost: ResourceQuota "a" is removed: nothing bounds what the namespace of Deployment "w" takes`,
		}},
		{"audited", protectionLost, of("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", "spec: {validationActions: [Deny]}"), of("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", "spec: {validationActions: [Audit]}"), []string{`warning now.yaml spec.validationActions: protection lost: ValidatingAdmissionPolicyBinding "a" refuses nothing any more: spec.validationActions: [Deny] → [Audit]`}},
		{"a binding removed", protectionLost, of("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", "spec: {validationActions: [Deny]}"), "", []string{`warning was.yaml@main : protection lost: ValidatingAdmissionPolicyBinding "a" is removed: what it refused is let in`}},
		{"a binding renamed that audits", protectionLost, of("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", "spec: {validationActions: [Deny]}"), called("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", "b", "spec: {validationActions: [Audit]}"), []string{`warning now.yaml spec.validationActions: protection lost: ValidatingAdmissionPolicyBinding "b" refuses nothing any more: spec.validationActions: [Deny] → [Audit]`}},
		{"a policy removed that is bound", protectionLost, of("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "spec: {}") + bound, bound, []string{`warning was.yaml@main : protection lost: ValidatingAdmissionPolicy "a" is removed: what it refused is let in`}},
		{"a policy removed that is not", protectionLost, of("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "spec: {}"), "", nil},
		{"a webhook renamed", protectionLost, of("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "webhooks: [{name: a}]"), called("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "b", "webhooks: [{name: a}]"), nil},
		{"a webhook renamed and ignored", protectionLost, of("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "webhooks: [{name: a}]"), called("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "b", "webhooks: [{name: a, failurePolicy: Ignore}]"), []string{`warning now.yaml webhooks[0].failurePolicy: protection lost: ValidatingWebhookConfiguration "b" refuses no longer: webhooks[0].failurePolicy: Fail → Ignore`}},
		{"Kyverno renamed and audited", protectionLost, of("kyverno.io/v1", "ClusterPolicy", "spec: {validationFailureAction: Enforce}"), called("kyverno.io/v1", "ClusterPolicy", "b", "spec: {validationFailureAction: Audit}"), []string{`warning now.yaml spec.validationFailureAction: protection lost: ClusterPolicy "b" refuses no longer: spec.validationFailureAction: Enforce → Audit`}},
		{"ignored", protectionLost, of("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "webhooks: [{name: a}]"), of("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "webhooks: [{name: a, failurePolicy: Ignore}]"), []string{`warning now.yaml webhooks[0].failurePolicy: protection lost: ValidatingWebhookConfiguration "a" refuses no longer: webhooks[0].failurePolicy: Fail → Ignore`}},
		{"Kyverno", protectionLost, of("kyverno.io/v1", "ClusterPolicy", "spec: {validationFailureAction: Enforce}"), of("kyverno.io/v1", "ClusterPolicy", "spec: {validationFailureAction: Audit}"), []string{`warning now.yaml spec.validationFailureAction: protection lost: ClusterPolicy "a" refuses no longer: spec.validationFailureAction: Enforce → Audit`}},
		{"webhooks in another order", protectionLost, of("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "webhooks: [{name: a}, {name: b, failurePolicy: Ignore}]"), of("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "webhooks: [{name: b, failurePolicy: Ignore}, {name: a}]"), nil},
		{"a webhook before one that is ignored", protectionLost, of("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "webhooks: [{name: a}]"), of("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "webhooks: [{name: b}, {name: a, failurePolicy: Ignore}]"), []string{`warning now.yaml webhooks[1].failurePolicy: protection lost: ValidatingWebhookConfiguration "a" refuses no longer: webhooks[1].failurePolicy: Fail → Ignore`}},
		{"Kyverno rules that say it themselves", protectionLost, of("kyverno.io/v1", "ClusterPolicy", "spec: {validationFailureAction: Enforce, rules: [{name: a, validate: {}}]}"), of("kyverno.io/v1", "ClusterPolicy", "spec: {rules: [{name: a, validate: {failureAction: Enforce}}]}"), nil},
		{"Kyverno rules in another order", protectionLost, of("kyverno.io/v1", "ClusterPolicy", "spec: {rules: [{name: a, validate: {failureAction: Enforce}}, {name: b, validate: {}}]}"), of("kyverno.io/v1", "ClusterPolicy", "spec: {rules: [{name: b, validate: {}}, {name: a, validate: {failureAction: Enforce}}]}"), nil},
		{"Kyverno rules that the policy speaks for", protectionLost, of("kyverno.io/v1", "ClusterPolicy", "spec: {rules: [{name: a, validate: {failureAction: Enforce}}]}"), of("kyverno.io/v1", "ClusterPolicy", "spec: {validationFailureAction: Enforce, rules: [{name: a, validate: {}}]}"), nil},
		{"a rule of Kyverno", protectionLost, of("kyverno.io/v1", "ClusterPolicy", "spec: {rules: [{name: a, validate: {failureAction: Enforce}}]}"), of("kyverno.io/v1", "ClusterPolicy", "spec: {rules: [{name: a, validate: {failureAction: Audit}}]}"), []string{`warning now.yaml spec.rules[0].validate.failureAction: protection lost: ClusterPolicy "a" refuses no longer: spec.rules[0].validate.failureAction: Enforce → Audit`}},
		{"several rules of Kyverno", protectionLost, of("kyverno.io/v1", "ClusterPolicy", "spec: {validationFailureAction: Enforce, rules: [{name: a, validate: {}}, {name: b, validate: {}}, {name: c, mutate: {}}]}"), of("kyverno.io/v1", "ClusterPolicy", "spec: {validationFailureAction: Audit, rules: [{name: a, validate: {}}, {name: b, validate: {}}, {name: c, mutate: {}}]}"), []string{`warning now.yaml spec.validationFailureAction: protection lost: ClusterPolicy "a" refuses no longer: spec.validationFailureAction: Enforce → Audit`}},
		{"Kyverno in lower case", protectionLost, of("kyverno.io/v1", "ClusterPolicy", "spec: {validationFailureAction: enforce}"), of("kyverno.io/v1", "ClusterPolicy", "spec: {validationFailureAction: Enforce}"), nil},
		{"in the clear", protectionLost, of("networking.istio.io/v1", "DestinationRule", "spec: {trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}"), of("networking.istio.io/v1", "DestinationRule", "spec: {trafficPolicy: {tls: {mode: DISABLE}}}"), []string{`warning now.yaml spec.trafficPolicy.tls.mode: protection lost: DestinationRule "a" sends in the clear: spec.trafficPolicy.tls.mode: ISTIO_MUTUAL → DISABLE`}},
		{"out of the mesh", protectionLost, namespace("istio-injection: enabled"), namespace(""), []string{`warning now.yaml metadata.labels: protection lost: new pods of Namespace "a" are outside of the mesh: istio-injection: enabled → not set`}},
		{"out of the mesh by word", protectionLost, namespace("istio-injection: enabled"), namespace("istio-injection: disabled, istio.io/rev: prod"), []string{`warning now.yaml metadata.labels.istio-injection: protection lost: new pods of Namespace "a" are outside of the mesh: istio-injection: enabled → disabled`}},
		{"out of an ambient mesh", protectionLost, namespace("istio.io/dataplane-mode: ambient"), namespace(""), []string{`warning now.yaml metadata.labels: protection lost: new pods of Namespace "a" are outside of the mesh: istio.io/dataplane-mode: ambient → not set`}},
		{"out of a revision", protectionLost, namespace("istio.io/rev: prod"), namespace(""), []string{`warning now.yaml metadata.labels: protection lost: new pods of Namespace "a" are outside of the mesh: istio.io/rev: prod → not set`}},
		{"by revision", protectionLost, namespace("istio-injection: enabled"), namespace("istio.io/rev: prod"), nil},
		{"from sidecars to ambient", protectionLost, namespace("istio.io/rev: prod"), namespace("istio.io/dataplane-mode: ambient"), nil},
		{"a budget that lets all go", protectionLost, budget("maxUnavailable: 1"), budget("maxUnavailable: 100%"), []string{`warning now.yaml spec.maxUnavailable: protection lost: PodDisruptionBudget "a" lets more pods go at once: spec.maxUnavailable: 1 → 100%`}},
		{"a budget that asks for none", protectionLost, budget("minAvailable: 2"), budget("minAvailable: 0%"), []string{`warning now.yaml spec.minAvailable: protection lost: PodDisruptionBudget "a" lets more pods go at once: spec.minAvailable: 2 → 0%`}},
		{"a budget of the other field that lets all go", protectionLost, budget("minAvailable: 2"), budget("maxUnavailable: 100%"), []string{`warning now.yaml spec.maxUnavailable: protection lost: PodDisruptionBudget "a" lets more pods go at once: spec.maxUnavailable: not set → 100%`}},
		{"a budget that let all go", protectionLost, budget("minAvailable: 0"), budget("maxUnavailable: 100%"), nil},
		{"a port that is strict alone", protectionLost, mesh(ofW+onPort("PERMISSIVE", "STRICT")) + w, mesh(ofW+onPort("PERMISSIVE", "PERMISSIVE")) + w, []string{
			`warning now.yaml spec.portLevelMtls["8080"].mode: protection lost: PeerAuthentication "a" asks for mutual TLS on port 8080 no longer: STRICT → PERMISSIVE`}},
		{"a port that is strict alone, of pods that are elsewhere", protectionLost, mesh(ofW + onPort("PERMISSIVE", "STRICT")), mesh(ofW + onPort("PERMISSIVE", "DISABLE")), []string{
			`warning now.yaml spec.portLevelMtls["8080"].mode: protection lost: PeerAuthentication "a" asks for mutual TLS on port 8080 no longer: STRICT → DISABLE`}},
		{"a port that is strict alone no longer named", protectionLost, mesh(ofW+onPort("PERMISSIVE", "STRICT")) + w, mesh(ofW+"mtls: {mode: PERMISSIVE}") + w, []string{
			`warning now.yaml spec: protection lost: PeerAuthentication "a" asks for mutual TLS on port 8080 no longer: STRICT → PERMISSIVE`}},
		{"a port that is strict alone removed", protectionLost, mesh(ofW+onPort("PERMISSIVE", "STRICT")) + w, w, []string{
			`warning was.yaml@main : protection lost: PeerAuthentication "a" is removed: the pods of Deployment "w" may take what is in the clear on port 8080, unless the mesh is strict`}},
		{"a port that is strict in a strict namespace removed", protectionLost, root + mesh(ofW+onPort("PERMISSIVE", "STRICT")) + w, root + w, nil},
		{"a port in the clear in a strict namespace", protectionLost, namespaced + w, namespaced + mesh(ofW+onPort("STRICT", "PERMISSIVE")) + w, []string{
			`warning now.yaml spec.portLevelMtls["8080"].mode: protection lost: the pods of Deployment "w" may take what is in the clear on port 8080: STRICT (of PeerAuthentication "default") → PERMISSIVE`}},
		{"a port in the clear in a strict namespace, and nothing else said", protectionLost, namespaced + w, namespaced + mesh(ofW+"portLevelMtls: {8080: {mode: DISABLE}}") + w, []string{
			`warning now.yaml spec.portLevelMtls["8080"].mode: protection lost: the pods of Deployment "w" may take what is in the clear on port 8080: STRICT (of PeerAuthentication "default") → DISABLE`}},
		{"a port in the clear of new pods", protectionLost, namespaced, namespaced + mesh(ofW+onPort("STRICT", "PERMISSIVE")) + w, nil},
		{"a port that is strict by the whole", protectionLost, mesh(ofW+onPort("PERMISSIVE", "STRICT")) + w, mesh(ofW+"mtls: {mode: STRICT}") + w, nil},
		{"a port of a policy renamed", protectionLost, mesh(ofW+onPort("PERMISSIVE", "STRICT")) + w, strings.Replace(mesh(ofW+onPort("PERMISSIVE", "STRICT")), "name: a", "name: b", 1) + w, nil},
		{"pods that leave the mesh by a label", protectionLost, mesh("mtls: {mode: STRICT}") + called("apps/v1", "Deployment", "w", "spec: {template: {metadata: {labels: {app: w}}, spec: {}}}"), mesh("mtls: {mode: STRICT}") + called("apps/v1", "Deployment", "w", "spec: {template: {metadata: {labels: {app: w, sidecar.istio.io/inject: 'false'}}, spec: {}}}"), []string{
			`warning now.yaml spec.template.metadata.labels["sidecar.istio.io/inject"]: protection lost: new pods of Deployment "w" are outside of the mesh: sidecar.istio.io/inject: not set → false`}},
		{"pods that leave the mesh by an annotation", protectionLost, mesh("mtls: {mode: STRICT}") + called("apps/v1", "Deployment", "w", "spec: {template: {metadata: {labels: {app: w}}, spec: {}}}"), mesh("mtls: {mode: STRICT}") + called("apps/v1", "Deployment", "w", "spec: {template: {metadata: {labels: {app: w}, annotations: {sidecar.istio.io/inject: 'false'}}, spec: {}}}"), []string{
			`warning now.yaml spec.template.metadata.annotations["sidecar.istio.io/inject"]: protection lost: new pods of Deployment "w" are outside of the mesh: sidecar.istio.io/inject: not set → false`}},
		{"pods that leave the ambient mesh", protectionLost, called("apps/v1", "Deployment", "w", "spec: {template: {metadata: {labels: {istio.io/dataplane-mode: ambient}}, spec: {}}}"), called("apps/v1", "Deployment", "w", "spec: {template: {metadata: {labels: {istio.io/dataplane-mode: none}}, spec: {}}}"), []string{
			`warning now.yaml spec.template.metadata.labels["istio.io/dataplane-mode"]: protection lost: new pods of Deployment "w" are outside of the mesh: istio.io/dataplane-mode: ambient → none`}},
		{"pods that take what comes past the mesh", protectionLost, mesh("mtls: {mode: STRICT}") + called("apps/v1", "Deployment", "w", "spec: {template: {metadata: {annotations: {traffic.sidecar.istio.io/excludeInboundPorts: '9090'}}, spec: {}}}"), mesh("mtls: {mode: STRICT}") + called("apps/v1", "Deployment", "w", "spec: {template: {metadata: {annotations: {traffic.sidecar.istio.io/excludeInboundPorts: '9090, 8080'}}, spec: {}}}"), []string{
			`warning now.yaml spec.template.metadata.annotations["traffic.sidecar.istio.io/excludeInboundPorts"]: protection lost: new pods of Deployment "w" take what comes past the mesh on port 8080: traffic.sidecar.istio.io/excludeInboundPorts: 9090 → 9090, 8080`}},
		{"pods that take as much past the mesh", protectionLost, mesh("mtls: {mode: STRICT}") + called("apps/v1", "Deployment", "w", "spec: {template: {metadata: {annotations: {traffic.sidecar.istio.io/excludeInboundPorts: '9090,8080'}}, spec: {}}}"), mesh("mtls: {mode: STRICT}") + called("apps/v1", "Deployment", "w", "spec: {template: {metadata: {annotations: {traffic.sidecar.istio.io/excludeInboundPorts: '8080'}}, spec: {}}}"), nil},
		{"pods that leave the mesh of a namespace", protectionLost, "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n" + called("apps/v1", "Deployment", "w", "spec: {template: {metadata: {labels: {app: w}}, spec: {}}}"), "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n" + called("apps/v1", "Deployment", "w", "spec: {template: {metadata: {labels: {app: w, sidecar.istio.io/inject: 'false'}}, spec: {}}}"), []string{
			`warning now.yaml spec.template.metadata.labels["sidecar.istio.io/inject"]: protection lost: new pods of Deployment "w" are outside of the mesh: sidecar.istio.io/inject: not set → false`}},
		{"pods of a namespace that is outside of the mesh", protectionLost, mesh("mtls: {mode: STRICT}") + "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: disabled}}\n" + called("apps/v1", "Deployment", "w", "spec: {template: {metadata: {labels: {app: w}}, spec: {}}}"), mesh("mtls: {mode: STRICT}") + "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: disabled}}\n" + called("apps/v1", "Deployment", "w", "spec: {template: {metadata: {labels: {app: w, sidecar.istio.io/inject: 'false'}}, spec: {}}}"), nil},
		{"pods that were outside of the mesh", protectionLost, mesh("mtls: {mode: STRICT}") + called("apps/v1", "Deployment", "w", "spec: {template: {metadata: {labels: {sidecar.istio.io/inject: 'false'}}, spec: {}}}"), mesh("mtls: {mode: STRICT}") + called("apps/v1", "Deployment", "w", "spec: {template: {metadata: {labels: {istio.io/dataplane-mode: none}}, spec: {}}}"), nil},
		{"pods that say that they are in the mesh", protectionLost, mesh("mtls: {mode: STRICT}") + called("apps/v1", "Deployment", "w", "spec: {template: {metadata: {labels: {app: w}}, spec: {}}}"), mesh("mtls: {mode: STRICT}") + called("apps/v1", "Deployment", "w", "spec: {template: {metadata: {labels: {app: w, sidecar.istio.io/inject: 'true'}}, spec: {}}}"), nil},
		{"pods of which nothing says that they were in the mesh", protectionLost, called("apps/v1", "Deployment", "w", "spec: {template: {metadata: {labels: {app: w}}, spec: {}}}"), called("apps/v1", "Deployment", "w", "spec: {template: {metadata: {labels: {app: w, sidecar.istio.io/inject: 'false'}}, spec: {}}}"), nil},
		{"a quota raised", protectionLost, quota("pods: 10, requests.cpu: 1"), quota("pods: 1000, requests.cpu: 1000m"), []string{`warning now.yaml spec.hard.pods: protection lost: ResourceQuota "a" lets more be taken: pods: 10 → 1000`}},
		{"a quota by its other names", protectionLost, quota("cpu: 10, requests.memory: 1Gi, count/services: 3"), quota("requests.cpu: 10, memory: 1Gi, services: 3"), nil},
		{"a quota raised by its other name", protectionLost, quota("cpu: 10"), quota("requests.cpu: 20"), []string{`warning now.yaml spec.hard["requests.cpu"]: protection lost: ResourceQuota "a" lets more be taken: cpu: 10 → 20`}},
		{"a quota of all pods, where it was of those that run", protectionLost, quota("pods: 10"), quota("count/pods: 10"), nil},
		{"a quota of less", protectionLost, quota("pods: 10, services: 2"), quota("services: 1"), []string{`warning now.yaml spec.hard: protection lost: ResourceQuota "a" lets more be taken: pods: 10 → not set`}},
		{"a quota that another one holds", protectionLost, quota("pods: 10") + strings.Replace(quota("pods: 8"), "name: a", "name: b", 1), quota("pods: 20") + strings.Replace(quota("pods: 8"), "name: a", "name: b", 1), nil},
		{"one of two quotas", protectionLost, quota("pods: 10") + strings.Replace(quota("services: 8"), "name: a", "name: b", 1) + w, strings.Replace(quota("services: 8"), "name: a", "name: b", 1) + w, []string{`warning was.yaml@main : protection lost: ResourceQuota "a" is removed: what the namespace of Deployment "w" takes is bound no longer in pods (10)`}},
		{"a limit raised", protectionLost, limits("{type: Container, max: {memory: 1Gi}}"), limits("{type: Pod, max: {memory: 1Gi}}, {type: Container, max: {memory: 100Gi}}"), []string{`warning now.yaml spec.limits[1].max.memory: protection lost: LimitRange "a" lets more be taken: Container max memory: 1Gi → 100Gi`}},
		{"a limit lowered", protectionLost, limits("{type: Container, max: {memory: 1Gi}, default: {memory: 1Gi}}"), limits("{type: Container, max: {memory: 512Mi}, default: {memory: 512Mi}}"), nil},
		{"Kyverno removed that says it in its rules", protectionLost, of("kyverno.io/v1", "ClusterPolicy", "spec: {rules: [{name: a, validate: {failureAction: Enforce}}]}"), "", []string{`warning was.yaml@main : protection lost: ClusterPolicy "a" is removed: what it refused is let in`}},
		{"Kyverno removed that audits", protectionLost, of("kyverno.io/v1", "ClusterPolicy", "spec: {rules: [{name: a, validate: {}}]}"), "", nil},
		{"a rule of Kyverno removed", protectionLost, of("kyverno.io/v1", "ClusterPolicy", "spec: {rules: [{name: a, validate: {failureAction: Enforce}}, {name: b, validate: {failureAction: Enforce}}]}"), of("kyverno.io/v1", "ClusterPolicy", "spec: {rules: [{name: b, validate: {failureAction: Enforce}}]}"), []string{`warning now.yaml spec.rules: protection lost: ClusterPolicy "a" has "a" no longer: what it refused is let in`}},
		{"a rule of Kyverno renamed", protectionLost, of("kyverno.io/v1", "ClusterPolicy", "spec: {rules: [{name: a, validate: {failureAction: Enforce}}]}"), of("kyverno.io/v1", "ClusterPolicy", "spec: {rules: [{name: b, validate: {failureAction: Enforce}}]}"), nil},
		{"opened by halves", protectionLost, policy("a", some) + w, policy("a", "podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}, {ipBlock: {cidr: 128.0.0.0/2}}, {ipBlock: {cidr: 192.0.0.0/2}}]}]") + w, []string{`warning now.yaml spec.ingress: protection lost: Deployment "w" is open to every address, by rule 1 of NetworkPolicy "a": fenced → open`}},
		{"opened by half", protectionLost, policy("a", some) + w, policy("a", "podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}, {ipBlock: {cidr: 10.0.0.0/8}}, {ipBlock: {cidr: '::/1'}}]}]") + w, nil},
		{"opened to every namespace by its name", protectionLost, policy("a", some) + w, policy("a", "podSelector: {}, ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: Exists}]}}]}]") + w, []string{`warning now.yaml spec.ingress: protection lost: Deployment "w" is open to every pod of the cluster, by rule 1 of NetworkPolicy "a": fenced → open`}},
		{"opened to namespaces with a label", protectionLost, policy("a", some) + w, policy("a", "podSelector: {}, ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: team, operator: Exists}]}}]}]") + w, nil},
	})
}

func TestExposed(t *testing.T) {
	service := func(spec string) string { return of("v1", "Service", "spec: {"+spec+"}") }
	ingress := func(name, spec string) string {
		return called("networking.k8s.io/v1", "Ingress", name, "spec: {"+spec+"}")
	}
	gateway := func(server string) string {
		return of("networking.istio.io/v1", "Gateway", "spec: {servers: [{hosts: [a], port: {number: 443, "+server+"}]}")
	}
	listener := func(rest string) string {
		return of("gateway.networking.k8s.io/v1", "Gateway", "spec: {listeners: [{name: l, "+rest+"}]}")
	}
	const internal = "service.beta.kubernetes.io/aws-load-balancer-scheme: internal"
	run(t, []step{
		{"a load balancer", exposed, service(""), service("type: LoadBalancer"), []string{`warning now.yaml spec.type: exposed: Service "a" is open outside of the cluster: ClusterIP → LoadBalancer`}},
		{"a new one", exposed, "", service("type: NodePort"), []string{`warning now.yaml spec.type: exposed: Service "a" is open outside of the cluster: no such Service → NodePort`}},
		{"an internal one", exposed, service(""), annotated(service("type: LoadBalancer"), internal), nil},
		{"no longer internal", exposed, annotated(service("type: LoadBalancer"), internal), service("type: LoadBalancer"), []string{`warning now.yaml spec.type: exposed: Service "a" is open outside of the cluster: internal LoadBalancer → LoadBalancer`}},
		{"less", exposed, service("type: LoadBalancer"), service("type: NodePort"), nil},
		{"for everybody", exposed, service("type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/8]"), service("type: LoadBalancer"), []string{`warning now.yaml spec: exposed: Service "a" is open to every address: spec.loadBalancerSourceRanges: [10.0.0.0/8] → not set`}},
		{"an address", exposed, service(""), service("externalIPs: [203.0.113.1]"), []string{`warning now.yaml spec.externalIPs: exposed: Service "a" answers on 203.0.113.1: not among spec.externalIPs → entry 1`}},
		{"a host", exposed, ingress("a", "rules: [{host: a.example.com}]"), ingress("a", "rules: [{host: a.example.com}, {host: b.example.com}, {}]"), []string{
			`warning now.yaml spec.rules[1].host: exposed: Ingress "a" answers for b.example.com: not served → served`,
			`warning now.yaml spec.rules[2]: exposed: Ingress "a" answers for any host: not served → served`,
		}},
		{"a host of another object", exposed, ingress("a", "rules: [{host: a.example.com}]"), of("gateway.networking.k8s.io/v1", "HTTPRoute", "spec: {hostnames: [a.example.com, c.example.com]}"), []string{`warning now.yaml spec.hostnames[1]: exposed: HTTPRoute "a" answers for c.example.com: not served → served`}},
		{"within the mesh", exposed, "", of("networking.istio.io/v1", "VirtualService", "spec: {hosts: [a]}"), nil},
		{"at a gateway", exposed, "", of("networking.istio.io/v1", "VirtualService", "spec: {hosts: [a.example.com], gateways: [g, mesh]}"), []string{`warning now.yaml spec.hosts[0]: exposed: VirtualService "a" answers for a.example.com: not served → served`}},
		{"without TLS", exposed, ingress("a", "tls: [{hosts: ['*.example.com']}], rules: [{host: a.example.com}]"), ingress("a", "rules: [{host: a.example.com}]"), []string{`warning now.yaml spec.rules[0].host: exposed: Ingress "a" serves a.example.com in the clear: TLS → none`}},
		{"with another's TLS", exposed, ingress("a", "tls: [{hosts: [a.example.com]}], rules: [{host: a.example.com}]"), ingress("a", "rules: [{host: a.example.com}]") + ingress("b", "tls: [{hosts: [a.example.com]}], rules: [{host: a.example.com}]"), nil},
		{"without a login", exposed, annotated(ingress("a", "rules: [{host: a}]"), "nginx.ingress.kubernetes.io/auth-url: https://a"), ingress("a", "rules: [{host: a}]"), []string{`warning now.yaml metadata: exposed: Ingress "a" asks no longer what nginx.ingress.kubernetes.io/auth-url asked: https://a → not set`}},
		{"to the internet", exposed, annotated(ingress("a", "rules: [{host: a}]"), "alb.ingress.kubernetes.io/scheme: internal"), annotated(ingress("a", "rules: [{host: a}]"), "alb.ingress.kubernetes.io/scheme: internet-facing"), []string{`warning now.yaml metadata.annotations["alb.ingress.kubernetes.io/scheme"]: exposed: Ingress "a" is open to the internet: internal → internet-facing`}},
		{"a server in the clear", exposed, gateway("protocol: HTTPS}, tls: {mode: SIMPLE}"), gateway("protocol: HTTP}"), []string{`warning now.yaml spec.servers[0].port.protocol: exposed: Gateway "a" serves port 443 in the clear: HTTPS → HTTP`}},
		{"no certificates", exposed, gateway("protocol: HTTPS}, tls: {mode: MUTUAL}"), gateway("protocol: HTTPS}, tls: {mode: SIMPLE}"), []string{`warning now.yaml spec.servers[0].tls.mode: exposed: Gateway "a" asks for no certificate of clients on port 443: MUTUAL → SIMPLE`}},
		{"no redirect", exposed, gateway("protocol: HTTP}, tls: {httpsRedirect: true}"), gateway("protocol: HTTP}"), []string{`warning now.yaml spec.servers[0]: exposed: Gateway "a" answers in the clear on port 443: httpsRedirect: true → not set`}},
		{"a host of the cluster", exposed, ingress("a", ""), ingress("a", "rules: [{host: shop}, {host: shop.cluster.local}]"), nil},
		{"a listener", exposed, listener("protocol: HTTPS"), listener("protocol: HTTP, allowedRoutes: {namespaces: {from: All}}"), []string{
			`warning now.yaml spec.listeners[0].allowedRoutes.namespaces.from: exposed: any namespace may put routes on listener "l" of Gateway "a": not set → All`,
			`warning now.yaml spec.listeners[0].protocol: exposed: listener "l" of Gateway "a" serves in the clear: HTTPS → HTTP`,
		}},
	})
}

func TestCapacityCut(t *testing.T) {
	replicas := func(text string) string { return of("apps/v1", "Deployment", "spec: {"+text+"}") }
	scaler := func(min, max string) string {
		return of("autoscaling/v2", "HorizontalPodAutoscaler", "spec: {scaleTargetRef: {kind: Deployment, name: a}, minReplicas: "+min+", maxReplicas: "+max+"}")
	}
	limit := func(memory, cpu string) string {
		return pods("w", "app: w", container(", resources: {limits: {memory: "+memory+", cpu: "+cpu+"}}"))
	}
	run(t, []step{
		{"fewer", capacityCut, replicas("replicas: 3"), replicas("replicas: 2"), []string{`warning now.yaml spec.replicas: capacity cut: Deployment "a" has spec.replicas: 3 → 2`}},
		{"none", capacityCut, replicas("replicas: 3"), replicas("replicas: 0"), []string{`warning now.yaml spec.replicas: capacity cut: Deployment "a" runs no longer: spec.replicas: 3 → 0`}},
		{"none of one", capacityCut, replicas(""), replicas("replicas: 0"), []string{`warning now.yaml spec.replicas: capacity cut: Deployment "a" runs no longer: spec.replicas: 1 → 0`}},
		{"more", capacityCut, replicas("replicas: 3"), replicas("replicas: 4"), nil},
		{"for an autoscaler to say", capacityCut, replicas("replicas: 3") + scaler("2", "4"), replicas("replicas: 1") + scaler("2", "4"), nil},
		{"no number", capacityCut, replicas("replicas: 3"), replicas(""), []string{`warning now.yaml spec: capacity cut: Deployment "a" has spec.replicas: 3 → not set, which is 1`}},
		{"no number where it was 1", capacityCut, replicas("replicas: 1"), replicas(""), nil},
		{"no number for an autoscaler to say", capacityCut, replicas("replicas: 3"), replicas("") + scaler("2", "4"), nil},
		{"no number of an operator's", capacityCut, of("kafka.strimzi.io/v1", "KafkaConnect", "spec: {replicas: 3}"), of("kafka.strimzi.io/v1", "KafkaConnect", "spec: {}"), nil},
		{"maximum", capacityCut, scaler("2", "10"), scaler("2", "6"), []string{`warning now.yaml spec.maxReplicas: capacity cut: HorizontalPodAutoscaler "a" has spec.maxReplicas: 10 → 6`}},
		{"maximum below what runs", capacityCut, scaler("4", "10"), scaler("2", "3"), []string{
			`warning now.yaml spec.maxReplicas: capacity cut: HorizontalPodAutoscaler "a" has spec.maxReplicas: 10 → 3, fewer than the 4 that run at least now`,
			`warning now.yaml spec.minReplicas: capacity cut: HorizontalPodAutoscaler "a" has spec.minReplicas: 4 → 2`,
		}},
		{"wider", capacityCut, scaler("2", "10"), scaler("3", "12"), nil},
		{"KEDA", capacityCut, of("keda.sh/v1alpha1", "ScaledObject", "spec: {minReplicaCount: 2, maxReplicaCount: 9}"), of("keda.sh/v1alpha1", "ScaledObject", "spec: {maxReplicaCount: 9}"), []string{`warning now.yaml spec: capacity cut: ScaledObject "a" has spec.minReplicaCount: 2 → 0`}},
		{"autoscaler removed", capacityCut, replicas("replicas: 2") + scaler("2", "9"), replicas("replicas: 2"), []string{`warning was.yaml@main : capacity cut: HorizontalPodAutoscaler "a" is removed: Deployment "a" has up to 9 pods → 2`}},
		{"autoscaler removed with enough", capacityCut, replicas("replicas: 2") + scaler("2", "9"), replicas("replicas: 9"), nil},
		{"limits", capacityCut, limit("1Gi", "1"), limit("512Mi", "500m"), []string{
			`warning now.yaml spec.template.spec.containers[0].resources.limits.cpu: capacity cut: container "c" of Deployment "w" has a limit of cpu: 1 → 500m`,
			`warning now.yaml spec.template.spec.containers[0].resources.limits.memory: capacity cut: container "c" of Deployment "w" has a limit of memory: 1Gi → 512Mi`,
		}},
		{"limits in other words", capacityCut, limit("1Gi", "1"), limit("1024Mi", "1000m"), nil},
		{"instances", capacityCut, of("postgresql.cnpg.io/v1", "Cluster", "spec: {instances: 3}"), of("postgresql.cnpg.io/v1", "Cluster", "spec: {instances: 1}"), []string{`warning now.yaml spec.instances: capacity cut: Cluster "a" has spec.instances: 3 → 1`}},
	})
}

func TestImages(t *testing.T) {
	image := func(text string) string { return pods("w", "app: w", "containers: [{name: c, image: '"+text+"'}]") }
	const digest = "@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	for _, c := range []struct{ was, now, want string }{
		{"a:1.4.2", "a:1.4.1", "danger/image-backwards"},
		{"a:v1.10", "a:v1.9", "danger/image-backwards"},
		{"a:1.4.2-alpine", "a:1.4.2-debian", ""},
		{"a:1.4.2", "a:1.4", ""}, // which may be later
		{"a:1.4.2", "a:1.5.0", ""},
		{"a:1.4.2", "a:2.0.0", "danger/major-step"},
		{"a:1.4.2", "b:1.3.0", ""},
		{"a:main", "a:1.0.0", ""},
		{"a:1f3c5d7", "a:0a1b2c3", ""},
		{"a:20251201", "a:20260101", ""},
		{"a:2025.12.1", "a:2026.1.0", ""},
		{"a:412", "a:411", "danger/image-backwards"},
		{"a:411", "a:412", ""},
		{"a:17beta2", "a:17beta1", ""}, // what stands behind the numbers is not compared
		{"a:17-alpine", "a:16-alpine", "danger/image-backwards"},
		{"a:17rc1", "a:16.4", "danger/image-backwards"},
		{"a:20260101", "a:20251201", "danger/image-backwards"},
		{"a:2.20260101120000", "a:1.20260102120000", "danger/image-backwards"},
		{"a:5.1a2b3c", "a:4.9f8e7d", ""}, // commits
		{"a:5.a1b2c3", "a:4.f9e8d7", ""},
		{"a:7654321", "a:1234567", ""},
		{"a:765432a", "a:12345b7", ""},
		{"a:1.0.0-rc1", "a:1.0.0", ""},
		{"a:1.4.2" + digest, "a:1.4.3", "danger/image-source"},
		{"a:1.4.2", "a:1.4.3" + digest, ""},
		{"ghcr.io/shop/a:1.4.2", "quay.io/shop/a:1.4.2", "danger/image-source"},
		{"ghcr.io/shop/a:1.4.2", "ghcr.io/eve/a:1.4.2", "danger/image-source"},
		{"ghcr.io/shop/a:1.4.2", "ghcr.io/shop/b:1.4.2", ""},
		{"ghcr.io/a:1.4.2", "ghcr.io/b:1.4.2", ""},
		{"docker.io/library/a:1", "a:1", ""},
		{"k8s.gcr.io/pause:3.8", "registry.k8s.io/pause:3.9", ""},
		{"k8s.gcr.io/pause:3.8", "quay.io/pause:3.9", "danger/image-source"},
		{"a:1", "A b", ""},
	} {
		t.Run(c.was+" to "+c.now, func(t *testing.T) {
			result, failures := check.Run(t.Context(), check.Plan{Checks: Checks(), Targets: []*check.Target{change(t, image(c.was), image(c.now))}})
			var names []string
			for _, f := range result.Findings {
				names = append(names, f.Check)
			}
			if got := strings.Join(names, " "); got != c.want || len(failures) > 0 {
				t.Errorf("found %q, want %q: %v", got, c.want, failures)
			}
		})
	}
	run(t, []step{
		{"a chart", majorStep, of("helm.toolkit.fluxcd.io/v2", "HelmRelease", "spec: {chart: {spec: {version: 1.2.3}}}"), of("helm.toolkit.fluxcd.io/v2", "HelmRelease", "spec: {chart: {spec: {version: 2.0.0}}}"), []string{`warning now.yaml spec.chart.spec.version: major version: HelmRelease "a" has spec.chart.spec.version: 1.2.3 → 2.0.0`}},
		{"a chart of Argo CD", imageBackwards, of("argoproj.io/v1alpha1", "Application", "spec: {source: {chart: a, targetRevision: 1.2.3}}"), of("argoproj.io/v1alpha1", "Application", "spec: {source: {chart: a, targetRevision: 1.2.2}}"), []string{`warning now.yaml spec.source.targetRevision: older version: Application "a" has spec.source.targetRevision: 1.2.3 → 1.2.2`}},
		{"a branch", imageBackwards, of("argoproj.io/v1alpha1", "Application", "spec: {source: {path: a, targetRevision: v1.2.3}}"), of("argoproj.io/v1alpha1", "Application", "spec: {source: {path: a, targetRevision: v1.2.2}}"), nil},
		{"a database", majorStep, of("postgresql.cnpg.io/v1", "Cluster", "spec: {imageName: 'ghcr.io/cloudnative-pg/postgresql:16.4'}"), of("postgresql.cnpg.io/v1", "Cluster", "spec: {imageName: 'ghcr.io/cloudnative-pg/postgresql:17.0'}"), []string{`warning now.yaml spec.imageName: major version: Cluster "a" runs ghcr.io/cloudnative-pg/postgresql: 16.4 → 17.0`}},
	})
}

func TestCanaryStep(t *testing.T) {
	split := func(stable, canary string) string {
		return of("networking.istio.io/v1", "VirtualService", "spec: {http: [{route: [{destination: {host: a, subset: stable}, weight: "+stable+"}, {destination: {host: a, subset: canary}, weight: "+canary+"}]}]}")
	}
	ladder := func(object string) string { return annotated(object, "kgate.dev/canary-steps: '5, 20, 50, 100'") }
	one := func(subset string) string {
		return of("networking.istio.io/v1", "VirtualService", "spec: {http: [{route: [{destination: {host: a, subset: "+subset+"}}]}]}")
	}
	nginx := func(weight string) string {
		return annotated(of("networking.k8s.io/v1", "Ingress", "spec: {rules: [{host: a.example.com}]}"), "nginx.ingress.kubernetes.io/canary: 'true', nginx.ingress.kubernetes.io/canary-weight: '"+weight+"'")
	}
	route := func(a, b string) string {
		return of("gateway.networking.k8s.io/v1", "HTTPRoute", "spec: {rules: [{backendRefs: [{name: a, weight: "+a+"}, {name: b, weight: "+b+"}]}]}")
	}
	matched := func(object string) string {
		return strings.Replace(object, "http: [", "http: [{match: [{headers: {x-canary: {exact: '1'}}}], route: [{destination: {host: a, subset: canary}}]}, ", 1)
	}
	run(t, []step{
		{"a small step", canaryStep, split("90", "10"), split("50", "50"), nil},
		{"a large step", canaryStep, split("90", "10"), split("30", "70"), []string{`warning now.yaml spec.http[0].route[1].weight: canary step: VirtualService "a" sends a (canary) 10 % → 70 % of route 0: a step of 60 points`}},
		{"all at once", canaryStep, split("90", "10"), split("0", "100"), []string{`warning now.yaml spec.http[0].route[1].weight: canary step: VirtualService "a" sends a (canary) 10 % → 100 % of route 0: a step of 90 points`}},
		{"the next", canaryStep, ladder(split("95", "5")), ladder(split("80", "20")), nil},
		{"the one after", canaryStep, ladder(split("95", "5")), ladder(split("50", "50")), []string{`warning now.yaml spec.http[0].route[1].weight: canary step: VirtualService "a" sends a (canary) 5 % → 50 % of route 0: the next step is 20 % (5, 20, 50, 100)`}},
		{"the last", canaryStep, ladder(split("50", "50")), ladder(split("0", "100")), nil},
		{"back", canaryStep, ladder(split("50", "50")), ladder(split("100", "0")), nil},
		{"rolled back", canaryStep, split("10", "90"), split("100", "0"), nil},
		{"rolled back beside steps", canaryStep, ladder(split("20", "80")), ladder(split("100", "0")), nil},
		{"rolled back by place", canaryStep, route("10", "90"), route("100", "0"), nil},
		{"the canary first", canaryStep, strings.NewReplacer("stable", "canary", "canary", "stable").Replace(split("10", "90")), strings.NewReplacer("stable", "canary", "canary", "stable").Replace(split("100", "0")), []string{`warning now.yaml spec.http[0].route[0].weight: canary step: VirtualService "a" sends a (canary) 10 % → 100 % of route 0: a step of 90 points`}},
		{"of a stable host", canaryStep, strings.ReplaceAll(split("90", "10"), "host: a", "host: stable"), strings.ReplaceAll(split("0", "100"), "host: a", "host: stable"), []string{`warning now.yaml spec.http[0].route[1].weight: canary step: VirtualService "a" sends stable (canary) 10 % → 100 % of route 0: a step of 90 points`}},
		{"beside a canary", canaryStep, strings.ReplaceAll(split("10", "90"), "stable", "v1"), strings.ReplaceAll(split("100", "0"), "stable", "v1"), nil},
		{"of ingress-nginx", canaryStep, nginx("5"), nginx("95"), []string{`warning now.yaml metadata.annotations["nginx.ingress.kubernetes.io/canary-weight"]: canary step: Ingress "a" sends the canary 5 % → 95 % of route a.example.com: a step of 90 points`}},
		{"of ingress-nginx in a small step", canaryStep, nginx("5"), nginx("50"), nil},
		{"of ingress-nginx back", canaryStep, nginx("95"), nginx("0"), nil},
		{"of ingress-nginx in other numbers", canaryStep, nginx("10"), nginx("100', nginx.ingress.kubernetes.io/canary-weight-total: '1000"), nil},
		{"another name", canaryStep, one("v1"), one("v2"), nil},
		{"a route before it", canaryStep, split("100", "0"), matched(split("100", "0")), nil},
		{"a route before it no more", canaryStep, matched(split("100", "0")), split("100", "0"), nil},
		{"a step of the second route", canaryStep, matched(split("100", "0")), matched(split("20", "80")), []string{`warning now.yaml spec.http[1].route[1].weight: canary step: VirtualService "a" sends a (canary) 0 % → 80 % of route 1: a step of 80 points`}},
		{"weights of a route", canaryStep, route("9", "1"), route("1", "9"), []string{`warning now.yaml spec.rules[0].backendRefs[1].weight: canary step: HTTPRoute "a" sends b 10 % → 90 % of route 0: a step of 80 points`}},
		{"weights of a route in other numbers", canaryStep, route("9", "1"), route("90", "10"), nil},
	})
}
