package kustomization

import (
	"context"

	"github.com/kgate-dev/gitops/tools/internal/check"
)

// The names of the checks.
const (
	patchTarget       = "kustomize/patch-target"
	replacementTarget = "kustomize/replacement-target"
	imageUsed         = "kustomize/image-used"
	deprecatedField   = "kustomize/deprecated-field"
	noEffect          = "kustomize/no-effect"
	listReplaced      = "kustomize/list-replaced"
	selectorReach     = "kustomize/selector-reach"
	differentRelease  = "kustomize/release"
	rewritten         = "kustomize/rewritten"
	containerAdded    = "kustomize/container-added"
	rendersObjects    = "kustomize/renders-objects"
	chartVaries       = "kustomize/chart-varies"
)

// Checks lists the checks of this package. Rendering finds the faults; each check reports those of its name. Where
// something reaches nothing, the check is locked: the fault is of no object, so an exemption would let every other one
// of the target pass as well, and what does nothing can be deleted.
func Checks() []*check.Check {
	checks := described()
	for _, c := range checks {
		c.Scope, c.Origin = check.Overlay, "kustomize"
		c.Run = func(_ context.Context, pass *check.Pass) error {
			for _, target := range pass.Targets {
				for _, fault := range target.Faults {
					if fault.Check == c.Name {
						pass.ReportFault(target, fault)
					}
				}
			}
			return nil
		}
	}
	return checks
}

// described are the checks as `kgate explain` shows them.
func described() []*check.Check {
	return []*check.Check{
		{
			Name:  patchTarget,
			Title: "Every patch reaches an object",
			Doc: "Kustomize applies a patch with a `target` to whatever matches it, and to nothing without a word when nothing does. " +
				"After a rename in the base, production quietly loses what the patch was for.",
			Fix:        "Correct the patch's target, or delete the patch.",
			Severity:   check.Error,
			References: []string{"https://github.com/kubernetes-sigs/kustomize/issues/4379"},
			Locked:     true,
			Bad:        patchTargetBad, Good: patchTargetGood,
		},
		{
			Name:  replacementTarget,
			Title: "Every replacement finds its source and a target",
			Doc: "A replacement copies one value to many places, and Kustomize skips a target that selects nothing. " +
				"The value then differs between places that were meant to agree.",
			Fix:        "Correct `source` or `select`, or delete the target.",
			Severity:   check.Error,
			References: []string{"https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/replacements/"},
			Locked:     true,
			Bad:        replacementTargetBad, Good: replacementTargetGood,
		},
		{
			Name:  imageUsed,
			Title: "Every entry of images names an image that the tree uses",
			Doc: "`kustomize edit set image` adds an entry for whatever name it is given. With a typing error the promotion is merged, " +
				"synced and green, and the old version keeps running.",
			Fix:        "Correct the name, or delete the entry.",
			Severity:   check.Error,
			References: []string{"https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/images/"},
			Locked:     true,
			Bad:        imageUsedBad, Good: imageUsedGood,
		},
		{
			Name:  noEffect,
			Title: "Every entry of a kustomization changes something",
			Doc: "A patch, an operation of a JSON patch, a replacement, an image, a replica count, a label or a generator that writes what is " +
				"there already, or removes what is not, looks like a difference between environments and is none; a field spec of " +
				"`configurations` that leads to no field leaves what it was for as it is. kgate compares the objects before and after " +
				"Kustomize applies the entry. What an entry of a component, or a field spec, does is asked of every target that reads it.",
			Fix:        "Delete what changes nothing, or correct the name that it was meant for.",
			Severity:   check.Warning,
			References: []string{"https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/patches/"},
			Bad:        noEffectBad, Good: noEffectGood,
		},
		{
			Name:  listReplaced,
			Title: "No patch loses items of a list without saying so",
			Doc: "Kustomize merges lists by a key that it takes from an OpenAPI schema. For lists without one, those of most custom " +
				"resources, a strategic merge patch replaces the whole list, and the items of the base are gone. Of two items of a patch " +
				"with one key, such as two variables of one name, it makes one.",
			Fix:        "Use a JSON patch, or name a schema with the key under `openapi:`; give each item of a patch a key of its own.",
			Severity:   check.Warning,
			References: []string{"https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/openapi/"},
			Bad:        listReplacedBad, Good: listReplacedGood,
		},
		{
			Name:  containerAdded,
			Title: "No patch adds a container without an image",
			Doc: "Kustomize merges containers by name. A strategic merge patch that misspells it, or keeps one that the base has changed, " +
				"adds a second container in place of changing the first: the API server refuses it, as it has no image, and what the patch was " +
				"for is not there. What other checks find in that container follows from it and stands below it.",
			Fix:        "Correct the name of the container in the patch, or give it an image.",
			Severity:   check.Error,
			References: []string{"https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/patches/"},
			Locked:     true,
			Causes:     true,
			Bad:        containerAddedBad, Good: containerAddedGood,
		},
		{
			Name:  selectorReach,
			Title: "Nothing is written beside what is meant",
			Doc: "`includeSelectors` also writes into the peers of a NetworkPolicy. Peers that are not of the kustomization, an ingress " +
				"gateway or another team's client, do not get the label, and are locked out. The `[name=app]` of a replacement's path is a " +
				"regular expression, and picks a container app-proxy too.",
			Fix:        "Use `includeTemplates` in place of `includeSelectors`; write `[name=^app$]`.",
			Severity:   check.Warning,
			References: []string{"https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/labels/"},
			Bad:        selectorReachBad, Good: selectorReachGood,
		},
		{
			Name:  rewritten,
			Title: "No value becomes another one on the way",
			Doc: "YAML takes a date without quotes for a point in time, and Kustomize writes it as one: 2026-01-01 in a ConfigMap is " +
				"2026-01-01T00:00:00Z in the cluster. A label or an annotation that a patch with a target sets to null is not removed, but " +
				"becomes the text \"null\". No schema and no server notices.",
			Fix:        "Put quotes around it; remove a label with a JSON patch.",
			Severity:   check.Warning,
			References: []string{"https://yaml.org/type/timestamp.html"},
			Bad:        rewrittenBad, Good: rewrittenGood,
		},
		{
			Name:  rendersObjects,
			Title: "Every target renders an object",
			Doc: "A root whose resources are empty, are all comments or are deleted by its patches renders to nothing, and Kustomize is content. " +
				"Flux and an Argo CD Application with `prune` and `allowEmpty` delete all that it deployed before; other Applications stop syncing. " +
				"What `flux bootstrap` has yet to fill is a warning.",
			Fix:        "List the resources that are missing, or delete the root and what deploys it; name it under `unread` in kgate.yaml, with a reason, where it is to stay.",
			Severity:   check.Error,
			References: []string{"https://argo-cd.readthedocs.io/en/stable/user-guide/auto_sync/#automatic-pruning-with-allow-empty-v18"},
			Bad:        rendersObjectsBad,
			Good:       rendersObjectsGood,
		},
		{
			Name:  chartVaries,
			Title: "Every chart renders to the same each time",
			Doc: "A template that asks for a random text, a new certificate or the time makes another object at every render. `helm upgrade` " +
				"keeps such a value with `lookup`, which renders nothing where Kustomize calls Helm: Argo CD and Flux see a difference that no sync " +
				"ends, and replace a password or a certificate that is in use. kgate renders such a chart twice and compares.",
			Fix:        "Give the chart the value, or the name of a Secret that holds it; most charts have a key for that.",
			Severity:   check.Warning,
			References: []string{"https://helm.sh/docs/chart_template_guide/function_list/#cryptographic-and-security-functions"},
			Bad:        chartVariesBad, Good: chartVariesGood,
		},
		{
			Name:  differentRelease,
			Title: "The deployer's Kustomize renders what kgate renders",
			Doc: "kgate renders as Kustomize " + KustomizeRelease + ". Argo CD and Flux pin a release of their own, which kgate.yaml names under " +
				"`kustomize`: where that one is known to render a target in another way, what is judged here is not what is deployed.",
			Fix:        "Write it so that both releases render the same, or bring the deployer's Kustomize up to date.",
			Severity:   check.Warning,
			References: []string{"https://github.com/kubernetes-sigs/kustomize/releases/tag/kustomize%2Fv5.8.2"},
			Bad:        differentReleaseBad, Good: differentReleaseGood,
		},
		{
			Name:  deprecatedField,
			Title: "No kustomization uses a deprecated field",
			Doc: "Deprecated fields keep working until the Kustomize that Argo CD embeds drops them, and then every sync fails at once. " +
				"`commonLabels` also writes into selectors, which cannot be changed on a running Deployment.",
			Fix:        "Use the field that replaces it; `kustomize edit fix` rewrites most of them.",
			Severity:   check.Warning,
			References: []string{"https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/"},
			Bad:        deprecatedFieldBad, Good: deprecatedFieldGood,
		},
	}
}
