package manifest

import (
	"slices"
	"strconv"
	"strings"
)

// SyncOptions are the options of Argo CD in an object's annotation, such as Prune=false, in their order.
func (o *Object) SyncOptions() []string {
	return Listed(TextAt(o.Value, "metadata", "annotations", "argocd.argoproj.io/sync-options"))
}

// IsSkipped reports an object that Argo CD neither applies nor prunes: of the kinds of hooks that gitops-engine knows its annotation has
// Skip alone, and once (pkg/sync/hook, NewHookType of pkg/sync/common). Words that it does not know it passes over, and PostDelete is one.
func (o *Object) IsSkipped() bool {
	var kinds []string
	for _, kind := range Listed(TextAt(o.Value, "metadata", "annotations", "argocd.argoproj.io/hook")) {
		switch kind {
		case "PreSync", "Sync", "PostSync", "SyncFail", "Skip":
			kinds = append(kinds, kind)
		}
	}
	return slices.Equal(kinds, []string{"Skip"})
}

// SkipsReconcile reports whether Argo CD passes an Application by, as it is or as a template makes it: it neither syncs nor deletes
// (canProcessApp in its controller/appcontroller.go).
func SkipsReconcile(application any) bool {
	skips, err := strconv.ParseBool(TextAt(application, "metadata", "annotations", "argocd.argoproj.io/skip-reconcile"))
	return err == nil && skips
}

// Listed are the words of a list with commas, as Argo CD and Helm read their annotations.
func Listed(text string) []string {
	var words []string
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); word != "" {
			words = append(words, word)
		}
	}
	return words
}

// ResourcesFinalizer has Argo CD delete with an Application what it deployed. It may say in what way, behind a slash.
const ResourcesFinalizer = "resources-finalizer.argocd.argoproj.io"

// IsResourcesFinalizer reports it among finalizers.
func IsResourcesFinalizer(finalizer any) bool {
	text, _ := finalizer.(string)
	base, _, _ := strings.Cut(text, "/")
	return base == ResourcesFinalizer
}
