package manifest

import (
	"maps"
	"slices"
)

// Applied reports whether a successful sync of Argo CD applies the object. It does not apply a hook that is skipped, one
// that only runs when a sync fails or an Application is deleted, and one of a kind of hook that it does not know: those
// are in no cluster and give nothing to other objects. This is what gitops-engine decides (pkg/sync/hook, pkg/sync/ignore).
func (o *Object) Applied() bool {
	metadata, _ := o.Value["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	text, isHook := annotations["argocd.argoproj.io/hook"]
	kinds := hooks(text, "PreSync", "Sync", "PostSync", "SyncFail", "Skip")
	if len(kinds) > 0 {
		return kinds["PreSync"] || kinds["Sync"] || kinds["PostSync"]
	}
	// Helm's hooks count where Argo CD's annotation names none that there is.
	helm, isHelmHook := annotations["helm.sh/hook"]
	if len(hooks(helm, "pre-install", "pre-upgrade", "post-install", "post-upgrade")) > 0 {
		return true
	}
	return !isHook && (!isHelmHook || helm == "crd-install") // which is no hook
}

// IsHelmTest reports a hook of Helm that runs where somebody tests a release, and in no sync.
func (o *Object) IsHelmTest() bool {
	metadata, _ := o.Value["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	return len(hooks(annotations["helm.sh/hook"], "test", "test-success", "test-failure")) > 0 && !o.Applied()
}

// AsHook is the object as Argo CD brings it to a cluster, where it is a hook with generateName in place of a name: it gets one of
// the revision, the phase and the time of the sync (gitops-engine, pkg/sync/sync_context.go). Any other object is as it is.
func (o *Object) AsHook() (*Object, error) {
	metadata, _ := o.Value["metadata"].(map[string]any)
	prefix, _ := metadata["generateName"].(string)
	annotations, _ := metadata["annotations"].(map[string]any)
	helm, isHelmHook := annotations["helm.sh/hook"]
	phases := hooks(annotations["argocd.argoproj.io/hook"], "PreSync", "Sync", "PostSync", "SyncFail", "PreDelete", "PostDelete")
	if o.Name != "" || prefix == "" || len(phases) == 0 && (!isHelmHook || helm == "crd-install") {
		return o, nil
	}
	return o.With(func(value map[string]any) {
		named := maps.Clone(metadata)
		named["name"] = prefix + "0000000-presync-1000000000"
		value["metadata"] = named
	})
}

// hooks are those of the known ones that an annotation lists.
func hooks(annotation any, known ...string) map[string]bool {
	text, _ := annotation.(string)
	found := map[string]bool{}
	for _, item := range Listed(text) {
		if slices.Contains(known, item) {
			found[item] = true
		}
	}
	return found
}
