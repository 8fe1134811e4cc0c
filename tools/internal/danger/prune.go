package danger

import (
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

const (
	argoOptions = "argocd.argoproj.io/sync-options"
	fluxPrune   = "kustomize.toolkit.fluxcd.io/prune"
	fluxForce   = "kustomize.toolkit.fluxcd.io/force"
)

// option is the value of one of Argo CD's options in an object's annotation; "" where it is not there. Argo CD takes the first.
func option(o *manifest.Object, name string) string {
	for _, item := range o.SyncOptions() {
		if value, ok := strings.CutPrefix(item, name+"="); ok {
			return value
		}
	}
	return ""
}

func annotation(o *manifest.Object, key string) string {
	return manifest.TextAt(o.Value, "metadata", "annotations", key)
}

// kept reports whether an object says that no sync may delete it for being gone from the repository. It is the one in the
// cluster that is asked, which is as the repository had it. helm.sh/resource-policy holds for Helm alone, and Delete=false for
// the deletion of an Application.
func kept(o *manifest.Object) bool {
	disabled := func(key string) bool { return strings.EqualFold(annotation(o, key), "disabled") }
	return option(o, "Prune") == "false" || disabled(fluxPrune)
}

// outlives reports whether an object stays when Argo CD deletes its Application with what that deployed: shouldBeDeleted in
// controller/appcontroller.go.
func outlives(o *manifest.Object) bool {
	return is(o, "apiextensions.k8s.io", "CustomResourceDefinition") || option(o, "Delete") == "false" || annotation(o, "helm.sh/resource-policy") == "keep"
}

// fate says what becomes of an object that the repository has no longer.
func (s *scene) fate(o *manifest.Object) (how string, severity check.Severity, ends bool) {
	return Fate(o, s.deployers)
}

// Fate says what becomes of an object that the repository has no longer, and how much that weighs: what is deleted is an
// error, and what waits for somebody a warning. False is one that stays. The deployers are those of its target; none are where
// nobody here knows them.
func Fate(o *manifest.Object, deployers []check.Deployer) (how string, severity check.Severity, ends bool) {
	if len(deployers) == 0 {
		deployers = []check.Deployer{{Name: "a sync that prunes", Prunes: true}}
	}
	keeps := func(d check.Deployer) bool { return d.Stays || d.Cascades && outlives(o) || !d.Cascades && kept(o) }
	i := slices.IndexFunc(deployers, func(d check.Deployer) bool { return d.Prunes && !keeps(d) })
	switch {
	case i >= 0:
		d, asked := deployers[i], "Prune"
		if how, severity = d.Name+" deletes it", check.Error; d.Cascades {
			asked = "Delete"
		}
		if option(o, asked) == "confirm" {
			how, severity = "once somebody confirms it, "+how, check.Warning
		}
		return how, severity, true
	case slices.ContainsFunc(deployers, keeps):
		return "", "", false
	}
	return deployers[0].Name + " does not prune, so that it stays until somebody deletes it", check.Warning, true
}
