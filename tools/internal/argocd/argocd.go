// Package argocd holds what Argo CD reads to what its controllers and its API make of it: Applications, AppProjects,
// ApplicationSets, and the annotations of whatever it syncs.
package argocd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
)

// release is the release of Argo CD whose code the checks of this package were written after.
const release = "v3.6.1"

// source is a file of that release, to read on.
func source(file string) string {
	return "https://github.com/argoproj/argo-cd/blob/" + release + "/" + file
}

// Checks lists the checks of this package.
func Checks() []*check.Check {
	return []*check.Check{applicationSpec, projectSpec, applicationSet, syncOptions, applySize, objectOwner, windowApplications, notifications}
}

// fault is something that is wrong with a field.
type fault struct {
	path    manifest.Path
	message string
	with    manifest.Path // that it does not fit; nil for none
}

// faults are those of one object, as they are found.
type faults []fault

func (f *faults) add(path manifest.Path, format string, args ...any) {
	*f = append(*f, fault{path: path, message: fmt.Sprintf(format, args...)})
}

// addWith is add of a field that does not fit another one.
func (f *faults) addWith(with, path manifest.Path, format string, args ...any) {
	*f = append(*f, fault{path: path, message: fmt.Sprintf(format, args...), with: with})
}

// each makes of a function of one object what a check of objects runs.
func each(judge func(*manifest.Object) faults) func(context.Context, *check.Pass) error {
	return func(_ context.Context, pass *check.Pass) error {
		for _, target := range pass.Targets {
			for _, object := range target.Objects {
				for _, f := range judge(object) {
					var with []check.Field
					if f.with != nil {
						with = []check.Field{{Target: target, Object: object, Path: f.with}}
					}
					pass.Report(target, object, f.path, f.message, with...)
				}
			}
		}
		return nil
	}
}

func is(object *manifest.Object, kind string) bool {
	return object.Kind == kind && object.Group() == "argoproj.io"
}

// below is a path that goes on from another one.
func below(path manifest.Path, steps ...any) manifest.Path {
	return slices.Concat(path, manifest.Path(steps))
}

// isTemplated reports whether an ApplicationSet fills something into a text, so that nobody knows what it will be.
func isTemplated(text string) bool { return strings.Contains(text, "{{") }

// meant is a question to put behind a message about a word, which is quoted.
func meant(word string, known []string) string { return spelling.Meant(word, known) }
