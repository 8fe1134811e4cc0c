package admission

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// worded is what the server says of a field, but that a value is required: that says nothing without the field.
func worded(object map[string]any, path manifest.Path, message string) string {
	detail, ok := strings.CutPrefix(message, "Required value")
	if !ok || len(path) == 0 {
		return message
	}
	state := " is missing"
	if value, found := path.Lookup(object); found && value != nil {
		state = " is empty"
	}
	return shortest(path) + state + detail
}

// shortest is the end of a path that tells a reader which field is meant: from the last list on, or two names.
func shortest(path manifest.Path) string {
	from := max(len(path)-2, 0)
	for i := len(path) - 1; i > 0; i-- {
		if _, ok := path[i].(int); ok {
			from = i - 1
			break
		}
	}
	return path[from:].String()
}

// mismatch is a template whose labels are not what the selector of its workload asks for.
type mismatch struct {
	path    manifest.Path // the label, or the labels
	with    manifest.Path // what the selector says of it
	message string
	mend    *check.Mend
}

// mismatchOf looks for one where the server refuses the labels of a template; nil for anything else.
func mismatchOf(object map[string]any, path manifest.Path) *mismatch {
	at := manifest.Path{"spec", "template", "metadata", "labels"}
	asks := manifest.Path{"spec", "selector", "matchLabels"}
	if path.String() != at.String() {
		return nil
	}
	wanted, _ := manifest.At(object, asks...).(map[string]any)
	labels, _ := manifest.At(object, at...).(map[string]any)
	meant := maps.Clone(labels)
	if meant == nil {
		meant = map[string]any{}
	}
	var differ []string
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if label, ok := labels[key]; !ok || label != wanted[key] {
			differ = append(differ, key)
			meant[key] = wanted[key]
		}
	}
	if len(differ) == 0 {
		return nil
	}
	m := &mismatch{path: at, with: asks, mend: &check.Mend{Path: at, Set: meant}}
	var said []string
	for _, key := range differ {
		has := "none"
		if label, ok := labels[key]; ok {
			has = fmt.Sprintf("%q", fmt.Sprint(label))
		}
		said = append(said, fmt.Sprintf("it asks for %s %q, and they have %s", key, fmt.Sprint(wanted[key]), has))
	}
	if len(differ) == 1 {
		m.with = append(slices.Clip(asks), differ[0])
		if _, ok := labels[differ[0]]; ok {
			m.path = append(slices.Clip(at), differ[0])
		}
	}
	m.message = "`selector` does not match template `labels`: " + strings.Join(said, "; ")
	return m
}
