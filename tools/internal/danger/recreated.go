package danger

import (
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

var recreated = &check.Check{
	Name:  "danger/recreated",
	Title: "Nothing is deleted in order to be changed",
	Doc: "A field that the API server lets nobody change fails a sync, unless the object says Force=true to Argo CD, or force: enabled to Flux: then the object is deleted and made anew. " +
		"All pods of a workload end at once, a claim loses its volume, a Service its address. Stated where an object says so itself and such a field differs. Jobs, which are made to be made anew, are left out.",
	Fix:      "Make an object of another name beside it and move over, or take Force=true away and let the sync fail. Exempt what may be gone for a moment.",
	Severity: check.Error, Scope: check.Update, Origin: "kgate",
	References: []string{
		"https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#force-sync",
		"https://fluxcd.io/flux/components/kustomize/kustomizations/#force",
	},
	Was: recreatedWas, Bad: recreatedBad, Good: recreatedGood,
	Run: each(lookForRecreation),
}

// settled are the fields of kinds that no update may change, with what is lost when the object is made anew.
type settled struct {
	group, kind string
	fields      []manifest.Path
	lost        string
}

func settledKinds() []settled {
	selector := []manifest.Path{fields("spec", "selector")}
	const pods = "all its pods end at once"
	return []settled{
		{"apps", "Deployment", selector, pods},
		{"apps", "DaemonSet", selector, pods},
		{"apps", "ReplicaSet", selector, pods},
		{"apps", "StatefulSet", []manifest.Path{fields("spec", "selector"), fields("spec", "serviceName"), fields("spec", "podManagementPolicy"), fields("spec", "volumeClaimTemplates")}, pods},
		{"", "PersistentVolumeClaim", []manifest.Path{fields("spec", "storageClassName"), fields("spec", "accessModes"), fields("spec", "volumeMode"), fields("spec", "volumeName"), fields("spec", "selector")}, "its volume goes, unless the reclaim policy is Retain"},
		{"", "PersistentVolume", []manifest.Path{fields("spec", "csi"), fields("spec", "nfs"), fields("spec", "local"), fields("spec", "hostPath"), fields("spec", "volumeMode")}, "its claim is bound to nothing"},
		{"", "Service", []manifest.Path{fields("spec", "clusterIP")}, "it gets another address"},
		{"storage.k8s.io", "StorageClass", []manifest.Path{fields("provisioner"), fields("parameters"), fields("reclaimPolicy"), fields("volumeBindingMode")}, "claims wait until it is back"},
		{"rbac.authorization.k8s.io", "RoleBinding", []manifest.Path{fields("roleRef")}, "its subjects have no rights until it is back"},
		{"rbac.authorization.k8s.io", "ClusterRoleBinding", []manifest.Path{fields("roleRef")}, "its subjects have no rights until it is back"},
	}
}

// forced is by which word an object is deleted where it cannot be changed; "" for none.
func forced(p check.Pair) string {
	for _, o := range []*manifest.Object{p.New, p.Old} { // Argo CD asks what is in the cluster, too
		if option(o, "Force") == "true" {
			return argoOptions + ": Force=true"
		}
	}
	if strings.EqualFold(annotation(p.New, fluxForce), "enabled") {
		return fluxForce + ": enabled"
	}
	return ""
}

func lookForRecreation(s *scene) {
	all := settledKinds()
	for _, p := range s.changed() {
		i := slices.IndexFunc(all, func(k settled) bool { return is(p.New, k.group, k.kind) })
		how := forced(p)
		if i < 0 || how == "" {
			continue
		}
		for _, path := range all[i].fields {
			old, new := manifest.At(p.Old.Value, path...), manifest.At(p.New.Value, path...)
			if old == nil || new == nil || equal(old, new) || !known(p, path, path) {
				continue // what is not said may be what the cluster filled in
			}
			s.at(p.New, path, "deleted and made anew: %s has another %s, which no update may change, and %s: %s", title(p.New), path, how, all[i].lost)
		}
	}
}
