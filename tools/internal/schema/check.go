package schema

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/admission/custom"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Note says what follows the message about a field of an object: whose word it is, where a target renders a definition
// of the kind that has another; "" else.
type Note func(ctx context.Context, target *check.Target, object *manifest.Object, path manifest.Path) (string, error)

// Unknown is what becomes of an object of a kind that nobody defines. One whose kind is defined in other versions alone is an
// error all the same.
type Unknown struct {
	Severity check.Severity
	Pass     func(apiVersion, kind string) // takes those that are no finding; nil for none
}

// Checks returns the checks that a Validator makes. Without one they can be listed, not run. Kinds of custom resources that it
// has no schema of are looked up by kinds. Removal says what became of a kind that Kubernetes no longer serves, "" of any other.
func Checks(v *Validator, kinds *definition.Kinds, removal func(apiVersion, kind string) string, note Note, unknown Unknown) []*check.Check {
	j := &judge{validator: v, kinds: kinds, removal: removal, note: note, unknown: unknown}
	run := func(missing bool) func(context.Context, *check.Pass) error {
		return func(ctx context.Context, pass *check.Pass) error { return j.run(ctx, pass, missing) }
	}
	return []*check.Check{
		{
			Name:  "schema/known-kind",
			Title: "There is a schema for every object, in every targeted Kubernetes version",
			Doc: "A kind that the targeted version does not serve is refused by the API server at the first sync. A kind that kgate " +
				"has no definition of cannot be checked, and is reported instead of being passed over. A custom kind is defined by a " +
				"CustomResourceDefinition, and the first of these that has one counts: the target itself; another target of the " +
				"repository; `crds` in kgate.yaml; what is embedded, which judges beside each of the others.",
			Fix:        "Use an apiVersion that every targeted version serves, or correct the kind; of a custom kind, give kgate the definition under `crds` in kgate.yaml, or say with `unknownKinds` there what becomes of such objects.",
			Severity:   check.Error,
			Central:    true,
			Scope:      check.Object,
			Origin:     "schema",
			References: []string{"https://kubernetes.io/docs/reference/using-api/deprecation-guide/"},
			Bad:        knownKindBad,
			Good:       knownKindGood,
			Run:        run(true),
			Causes:     true, // what is said of an unknown kind, or of its apiVersion, by others
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
	kinds     *definition.Kinds
	removal   func(apiVersion, kind string) string
	note      Note
	unknown   Unknown
}

func (j *judge) run(ctx context.Context, pass *check.Pass, missing bool) error {
	for _, target := range pass.Targets {
		for _, object := range target.Objects {
			violations, err := j.validate(ctx, target, object)
			if err != nil {
				return fmt.Errorf("%s: %w", object.ID, err)
			}
			for _, violation := range violations {
				if violation.Missing != missing {
					continue
				}
				severity := check.Error
				if violation.Unknown {
					if j.unknown.Pass != nil {
						j.unknown.Pass(object.APIVersion, object.Kind)
						continue
					}
					severity = j.unknown.Severity
				}
				message := violation.Message
				var mend *check.Mend
				if violation.Meant != "" {
					message += fmt.Sprintf("; did you mean `%s`?", violation.Meant)
					mend = &check.Mend{Path: violation.Path, Name: violation.Meant}
					if missing {
						mend = &check.Mend{Path: violation.Path, Set: violation.Meant}
					}
				}
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
				pass.ReportMisspelt(severity, target, object, violation.Path, message+note, mend)
			}
		}
	}
	return nil
}

// validate holds an object to the schemas of its kind; where there are none, to what defines the kind for the target.
func (j *judge) validate(ctx context.Context, target *check.Target, object *manifest.Object) ([]Violation, error) {
	violations, err := j.validator.verdicts.Get(subject{"", object.Digest()}, func() ([]Violation, error) {
		return j.validator.Validate(ctx, object.APIVersion, object.Kind, object.JSON)
	})
	at := slices.IndexFunc(violations, func(v Violation) bool { return v.Unknown })
	if err != nil || at < 0 {
		return violations, err
	}
	known, err := j.kinds.Of(target)
	if err != nil {
		return nil, err
	}
	kind := definition.KindOf(object)
	found, err := known.For(ctx, kind.GroupKind())
	if err != nil {
		return nil, err
	}
	if found.Knows(kind) {
		return j.validator.verdicts.Get(subject{found.Key, object.Digest()}, func() ([]Violation, error) {
			faults, err := found.Structure(ctx, object.Value)
			return j.validator.violationsOf(faults), err
		})
	}
	unknown := violations[at]
	serving := found.Serving(kind.GroupKind())
	obsolete := known.Obsolete(kind.GroupKind())
	switch {
	case len(serving) > 0 && found.Key != "":
		unknown.Path, unknown.Unknown, unknown.Meant = manifest.Path{"apiVersion"}, false, ""
		unknown.Message = fmt.Sprintf("no schema for %s %s: %s", object.APIVersion, object.Kind, strings.Join(serving, ", and "))
	case !obsolete.IsZero():
		unknown.Unknown = false
		unknown.Message += fmt.Sprintf(": what defines it at %s is of an apiVersion that Kubernetes 1.22 removed", obsolete)
	default:
		unknown.Message += ": name a file that holds its CustomResourceDefinition in `crds` of kgate.yaml"
	}
	return []Violation{unknown}, nil
}

// violationsOf are the faults that definitions find, in the words of the other schemas where these say the same.
func (v *Validator) violationsOf(faults []custom.Fault) []Violation {
	var violations []Violation
	for _, f := range faults {
		message := f.Message
		if n := len(f.Path); n > 0 && custom.Undeclared(f) {
			message = fmt.Sprintf("unknown field %q", fmt.Sprint(f.Path[n-1]))
		}
		violations = append(violations, Violation{Path: f.Path, Message: message, Versions: v.minors})
	}
	return violations
}

// subject is what a verdict depends on: what defines the object's kind, "" for the schemas, and its JSON.
type subject struct {
	definitions string
	text        manifest.Digest
}
