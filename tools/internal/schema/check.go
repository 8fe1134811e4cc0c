package schema

import (
	"context"
	"fmt"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Note says what follows the message about a field of an object: whose word it is, where a target renders a definition
// of the kind that has another; "" else.
type Note func(ctx context.Context, target *check.Target, object *manifest.Object, path manifest.Path) (string, error)

// Checks returns the checks that a Validator makes. Without one they can be listed, not run. Removal says what became
// of a kind that Kubernetes no longer serves, "" of any other.
func Checks(v *Validator, removal func(apiVersion, kind string) string, note Note) []*check.Check {
	j := &judge{validator: v, removal: removal, note: note}
	run := func(missing bool) func(context.Context, *check.Pass) error {
		return func(ctx context.Context, pass *check.Pass) error { return j.run(ctx, pass, missing) }
	}
	return []*check.Check{
		{
			Name:  "schema/known-kind",
			Title: "There is a schema for every object, in every targeted Kubernetes version",
			Doc: "A kind that the targeted version does not serve is refused by the API server at the first sync. A kind that kgate " +
				"has no schema for cannot be checked, and is reported instead of being passed over.",
			Fix:        "Use an apiVersion that every targeted version serves, or correct the kind.",
			Severity:   check.Error,
			Central:    true,
			Scope:      check.Object,
			Origin:     "schema",
			References: []string{"https://kubernetes.io/docs/reference/using-api/deprecation-guide/"},
			Bad:        knownKindBad,
			Good:       knownKindGood,
			Run:        run(true),
		},
		{
			Name:  "schema/valid",
			Title: "Every object fits the schema of its kind, in every targeted Kubernetes version",
			Doc: "The schemas are those that the API servers and the operators publish, made strict: a field that they do not know " +
				"is refused. A misspelt field is otherwise dropped in silence, and what it was meant to set keeps its default.",
			Fix:        "Correct the field: `kubectl explain` shows what the kind has.",
			Severity:   check.Error,
			Central:    true,
			Scope:      check.Object,
			Origin:     "schema",
			References: []string{"https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation"},
			Bad:        validBad,
			Good:       validGood,
			Run:        run(false),
		},
	}
}

// judge validates each text once: for both checks, and for all overlays that render the same object.
type judge struct {
	validator *Validator
	removal   func(apiVersion, kind string) string
	note      Note
}

func (j *judge) run(ctx context.Context, pass *check.Pass, missing bool) error {
	for _, target := range pass.Targets {
		for _, object := range target.Objects {
			violations, err := j.validate(ctx, object)
			if err != nil {
				return fmt.Errorf("%s: %w", object.ID, err)
			}
			for _, violation := range violations {
				if violation.Missing != missing {
					continue
				}
				message := violation.Message
				if violation.Missing {
					if told := j.removal(object.APIVersion, object.Kind); told != "" {
						message += "; " + told
					}
				}
				if len(violation.Versions) < len(j.validator.minors) {
					message += " (in Kubernetes " + strings.Join(violation.Versions, ", ") + ")"
				}
				note, err := j.note(ctx, target, object, violation.Path)
				if err != nil {
					return fmt.Errorf("%s: %w", object.ID, err)
				}
				pass.Report(target, object, violation.Path, message+note)
			}
		}
	}
	return nil
}

func (j *judge) validate(ctx context.Context, object *manifest.Object) ([]Violation, error) {
	return j.validator.verdicts.Get(object.Digest(), func() ([]Violation, error) {
		return j.validator.Validate(ctx, object.APIVersion, object.Kind, object.JSON)
	})
}
