package custom

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
)

// Warnings are what the API server tells a client of a custom resource that it takes: which finalizers others may take for
// theirs. That a version is deprecated is for schema/current-version to report.
func Warnings(value map[string]any) []Fault {
	metadata, _ := value["metadata"].(map[string]any)
	finalizers, _ := metadata["finalizers"].([]any)
	var all []Fault
	for i, f := range finalizers {
		name, ok := f.(string)
		if !ok {
			continue
		}
		warn := func(format string, args ...any) {
			all = append(all, fault.Fault{Path: []any{"metadata", "finalizers", i}, Message: fmt.Sprintf("%q: ", name) + fmt.Sprintf(format, args...)})
		}
		for _, message := range validation.IsQualifiedName(name) {
			warn("%s", message)
		}
		switch {
		case strings.Contains(name, "/"), name == "kubernetes", name == "orphan", name == "foregroundDeletion":
		case strings.Contains(name, "."):
			warn("prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers")
		default:
			warn("prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers")
		}
	}
	return all
}
