package applicationset

import (
	"slices"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Policy is what the controller does with Applications that an ApplicationSet has made before.
// https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/Controlling-Resource-Modification/
type Policy struct {
	Sync    string // applicationsSync, as the set says it
	Updates bool   // it changes them to what the set says now
	Deletes bool   // it deletes those that the set makes no longer
	Keeps   bool   // what a deleted one has deployed stays: it has no finalizer that deletes it
}

// PolicyOf reads the policy of an ApplicationSet. set is its value.
func PolicyOf(set map[string]any) Policy {
	p := Policy{Sync: manifest.TextAt(set, "spec", "syncPolicy", "applicationsSync"), Updates: true, Deletes: true}
	switch p.Sync {
	case "create-only":
		p.Updates, p.Deletes = false, false
	case "create-update":
		p.Deletes = false
	case "create-delete":
		p.Updates = false
	}
	// The controller gives them the finalizer where the template names none, unless it is to preserve what they deployed.
	if finalizers := manifest.ListAt(set, "spec", "template", "metadata", "finalizers"); len(finalizers) > 0 {
		p.Keeps = !slices.ContainsFunc(finalizers, manifest.IsResourcesFinalizer)
	} else {
		p.Keeps = manifest.At(set, "spec", "syncPolicy", "preserveResourcesOnDeletion") == true
	}
	return p
}
