package argocd

import (
	"maps"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
)

// syncOptions is about words that Argo CD compares with those it knows, and passes over.
var syncOptions = &check.Check{
	Name:  "gitops/sync-options",
	Title: "Argo CD knows every option of a sync and every hook",
	Doc: "Argo CD compares sync options, compare options, hooks and their delete policies letter by letter with those that it knows, and passes over " +
		"any other without a word. An object with Prune=fales is deleted with its manifest, though it was to stay; one with the hook PreSynk " +
		"is applied in no phase, and the one that lives in the cluster is pruned. Some options count in an Application's spec.syncPolicy.syncOptions " +
		"alone, some in the annotation of an object alone.",
	Fix:      "Write the word as Argo CD spells it, where Argo CD looks for it.",
	Severity: check.Error,
	Scope:    check.Object,
	Origin:   "kgate",
	References: []string{
		"https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/",
		source("gitops-engine/pkg/sync/common/types.go"),
		source("controller/sync.go"),
	},
	Bad:  syncOptionsBad,
	Good: syncOptionsGood,
	Run:  each(judgeOptions),
}

// option is a sync option: its values, and where Argo CD looks for it.
type option struct {
	values      []string
	application bool // in spec.syncPolicy.syncOptions
	object      bool // in the annotation
}

// options are those of Argo CD: controller/sync.go, controller/state.go, controller/appcontroller.go and
// gitops-engine/pkg/sync/sync_context.go. A value that says what holds anyway is no mistake.
func options() map[string]option {
	boolean := []string{"true", "false"}
	confirmed := []string{"true", "false", "confirm"}
	return map[string]option{
		"ApplyOutOfSyncOnly":          {boolean, true, false},
		"ClientSideApplyMigration":    {boolean, true, false},
		"CreateNamespace":             {boolean, true, false},
		"Delete":                      {confirmed, true, true},
		"FailOnSharedResource":        {boolean, true, false},
		"Force":                       {boolean, false, true},
		"Prune":                       {confirmed, true, true},
		"PruneLast":                   {boolean, true, true},
		"PrunePropagationPolicy":      {[]string{"foreground", "background", "orphan"}, true, false},
		"Replace":                     {boolean, true, true},
		"RespectIgnoreDifferences":    {boolean, true, false},
		"ServerSideApply":             {boolean, true, true},
		"SkipDryRunOnMissingResource": {boolean, true, true},
		"Validate":                    {boolean, true, true},
	}
}

const (
	prefix         = "argocd.argoproj.io/"
	syncOptionsKey = prefix + "sync-options"
)

func judgeOptions(object *manifest.Object) faults {
	var found faults
	switch {
	case is(object, "Application"):
		judgeSyncOptions(&found, object.Value, manifest.Path{"spec", "syncPolicy", "syncOptions"})
	case is(object, "ApplicationSet"):
		judgeSyncOptions(&found, object.Value, manifest.Path{"spec", "template", "spec", "syncPolicy", "syncOptions"})
	}
	annotations, _ := manifest.At(object.Value, "metadata", "annotations").(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		name, ours := strings.CutPrefix(key, prefix)
		if !ours {
			continue
		}
		at := manifest.Path{"metadata", "annotations", key}
		text, _ := annotations[key].(string)
		if isTemplated(text) {
			continue
		}
		switch name {
		case "sync-options":
			for _, item := range manifest.Listed(text) {
				judgeOption(&found, at, item, false)
			}
		case "compare-options":
			judgeCompareOptions(&found, at, text, is(object, "Application"))
		case "hook":
			_, ofHelm := annotations["helm.sh/hook"]
			judgeHooks(&found, at, text, ofHelm)
		case "hook-delete-policy":
			known := []string{"HookSucceeded", "HookFailed", "BeforeHookCreation"}
			for _, item := range manifest.Listed(text) {
				if !slices.Contains(known, item) {
					found.add(at, "%q is no delete policy of a hook, so Argo CD passes over it%s", item, among(item, known))
				}
			}
		default:
			known := annotationNames()
			if slices.Contains(known, name) {
				continue
			}
			if meant := spelling.Closest(name, known); meant != "" {
				found.add(at, "Argo CD reads no annotation %s; did you mean `%s`?", key, prefix+meant)
			}
		}
	}
	return found
}

// annotationNames are the annotations that Argo CD reads or writes, docs/user-guide/annotations-and-labels.md, and those that
// its installer and its older releases know.
func annotationNames() []string {
	return []string{
		"application-set-refresh", "client-side-apply-migration-manager", "compare-options", "deletion-approved", "hook", "hook-delete-policy",
		"hydrate", "hydrate-timestamp", "ignore-default-links", "ignore-differences", "ignore-healthcheck", "ignore-resource-updates",
		"ignore-restart-policy", "installation-id", "instance", "managed-by", "managed-by-url", "manifest-generate-paths", "refresh",
		"refresh-timestamp", "secret-type", "skip-reconcile", "sync-options", "sync-wave", "tracking-id",
	}
}

// among lists what there is, or asks for what was meant.
func among(word string, known []string) string {
	if meant := spelling.Meant(word, known); meant != "" {
		return meant
	}
	return ": there are " + strings.Join(known, ", ")
}

func judgeSyncOptions(found *faults, object any, place manifest.Path) {
	for i, item := range manifest.ListAt(object, place...) {
		if text, ok := item.(string); ok && !isTemplated(text) {
			judgeOption(found, below(place, i), text, true)
		}
	}
}

// judgeOption judges one option of an Application, or else of the annotation of an object.
func judgeOption(found *faults, at manifest.Path, text string, ofApplication bool) {
	known := options()
	name, value, assigned := strings.Cut(text, "=")
	o, exists := known[name]
	switch {
	case !exists && text != strings.TrimSpace(text), !exists && name != strings.TrimSpace(name):
		found.add(at, "%q has a space that Argo CD does not take away, so it passes over the option", text)
	case !exists:
		found.add(at, "Argo CD has no sync option %s, and passes over it%s", name, spelling.Meant(name, slices.Collect(maps.Keys(known))))
	case !assigned:
		found.add(at, "sync option %s has no value, so Argo CD passes over it: write %s=%s", name, name, strings.Join(o.values, " or "))
	case !slices.Contains(o.values, value):
		found.add(at, "sync option %s has no value %q, so Argo CD passes over it%s", name, value, among(value, o.values))
	case ofApplication && !o.application && value == "true":
		found.add(at, "Argo CD looks for sync option %s in the annotation %s of an object alone, and passes over it here", name, syncOptionsKey)
	case !ofApplication && !o.object:
		found.add(at, "Argo CD looks for sync option %s in an Application's spec.syncPolicy.syncOptions alone, and passes over it here", name)
	}
}

// judgeCompareOptions judges the options of a comparison: controller/state.go.
func judgeCompareOptions(found *faults, at manifest.Path, text string, ofApplication bool) {
	known := []string{"IgnoreExtraneous", "IncludeMutationWebhook=true", "ServerSideDiff=true", "ServerSideDiff=false"}
	for _, item := range manifest.Listed(text) {
		switch {
		case item == "IncludeMutationWebhook=false": // what holds anyway
		case !slices.Contains(known, item):
			found.add(at, "%q is no compare option, so Argo CD passes over it%s", item, among(item, known))
		case !ofApplication && item != "IgnoreExtraneous":
			found.add(at, "Argo CD looks for compare option %s at an Application alone, and passes over it here", item)
		}
	}
}

// judgeHooks judges the phases of a hook. An object with none that there is, is applied in none, unless Helm's annotation names one.
func judgeHooks(found *faults, at manifest.Path, text string, ofHelm bool) {
	known := []string{"PreSync", "Sync", "PostSync", "SyncFail", "Skip", "PreDelete", "PostDelete"}
	all := manifest.Listed(text)
	valid := ofHelm
	for _, item := range all {
		valid = valid || slices.Contains(known, item)
	}
	for _, item := range all {
		switch {
		case slices.Contains(known, item):
		case valid:
			found.add(at, "%q is no hook of Argo CD, which passes over it%s", item, among(item, known))
		default:
			found.add(at, "%q is no hook of Argo CD, which applies the object in no phase and prunes the one in the cluster%s", item, among(item, known))
		}
	}
	if len(all) == 0 && !ofHelm {
		found.add(at, "the hook has no name: Argo CD applies the object in no phase, and prunes the one in the cluster")
	}
}

const (
	syncOptionsBad = `apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata:
  name: shop-db
  annotations:
    argocd.argoproj.io/sync-options: Prune=fales # a deleted manifest deletes the database
---
apiVersion: v1
kind: Service
metadata:
  name: shop
  annotations:
    argocd.argoproj.io/hook: PreSynk # applied in no phase
    argocd.argoproj.io/hook-delete-policy: HookSuceeded
    argocd.argoproj.io/compare-option: IgnoreExtraneous # no such annotation
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, namespace: argocd}
spec:
  syncPolicy:
    syncOptions:
      - CreateNamespaces=true # no such option
      - PruneLast # no value
      - Force=true # of objects alone
`
	syncOptionsGood = `apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata:
  name: shop-db
  annotations:
    argocd.argoproj.io/sync-options: Prune=false, Delete=confirm,SkipDryRunOnMissingResource=true
    argocd.argoproj.io/compare-options: IgnoreExtraneous
    argocd.argoproj.io/my-team.note: nobody reads this
---
apiVersion: batch/v1
kind: Job
metadata:
  generateName: migrate-
  annotations:
    argocd.argoproj.io/hook: PreSync,PostSync
    argocd.argoproj.io/hook-delete-policy: BeforeHookCreation, HookSucceeded
    argocd.argoproj.io/sync-wave: "-1"
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: shop
  namespace: argocd
  annotations:
    argocd.argoproj.io/compare-options: ServerSideDiff=true,IncludeMutationWebhook=true
    argocd.argoproj.io/manifest-generate-paths: .
spec:
  syncPolicy:
    syncOptions: [CreateNamespace=true, PrunePropagationPolicy=orphan, Prune=confirm, Force=false]
`
)
