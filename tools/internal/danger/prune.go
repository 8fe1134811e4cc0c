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

// kept reports whether an object says that nobody may delete it for being gone from the repository. It is the one in the
// cluster that is asked, which is as the repository had it. helm.sh/resource-policy holds for Helm alone, and Delete=false for
// the deletion of an Application.
func kept(o *manifest.Object) bool {
	disabled := func(key string) bool { return strings.EqualFold(annotation(o, key), "disabled") }
	return option(o, "Prune") == "false" || disabled(fluxPrune)
}

// fate says what becomes of an object that the repository has no longer, and how much that weighs: what is deleted is an
// error, and what waits for somebody a warning. False is one that stays.
func (s *scene) fate(o *manifest.Object) (how string, severity check.Severity, ends bool) {
	if kept(o) {
		return "", "", false
	}
	severity = check.Error
	switch deployers := s.deployers; {
	case len(deployers) == 0:
		how = "a sync that prunes deletes it"
	case slices.ContainsFunc(deployers, func(d check.Deployer) bool { return d.Prunes }):
		i := slices.IndexFunc(deployers, func(d check.Deployer) bool { return d.Prunes })
		how = deployers[i].Name + " deletes it"
	case slices.ContainsFunc(deployers, func(d check.Deployer) bool { return d.Stays }):
		return "", "", false
	default:
		how, severity = deployers[0].Name+" does not prune, so that it stays until somebody deletes it", check.Warning
	}
	if option(o, "Prune") == "confirm" {
		how, severity = "once somebody confirms it, "+how, check.Warning
	}
	return how, severity, true
}
