package schema

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

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
	disagreements := func(stubs bool) func(context.Context, *check.Pass) error {
		return func(ctx context.Context, pass *check.Pass) error { return j.disagreements(ctx, pass, stubs) }
	}
	return []*check.Check{
		{
			Name:  "schema/known-kind",
			Title: "There is a schema for every object, in every targeted Kubernetes version",
			Doc: "A kind that the targeted version does not serve is refused by the API server at the first sync. A kind that kgate " +
				"has no definition of cannot be checked, and is reported instead of being passed over. A custom kind is defined by a " +
				"CustomResourceDefinition, and the first of these that has one counts: the target itself; another target of the " +
				"repository, unless what deploys both says that it is for another cluster; `crds` in kgate.yaml; kgate's catalogue, of the release that `releases` in kgate.yaml names, else of the " +
				"newest that serves the version. `kgate crds` lists what is known, and from where.",
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
			Fix: "Correct the field: `kubectl explain` shows what the kind has. Where the message names a release of kgate's catalogue and the " +
				"cluster has a newer one, give kgate its definition: `kgate crds add`.",
			Severity:   check.Error,
			Central:    true,
			Scope:      check.Object,
			Origin:     "schema",
			References: []string{"https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation"},
			Bad:        validBad,
			Good:       validGood,
			Run:        run(false),
		},
		{
			Name:  "schema/current-version",
			Title: "No custom resource is of a version that its operator has deprecated or dropped",
			Doc: "The definition of a kind says which of its versions are deprecated: they work, and a later release of the operator " +
				"serves them no more. A version that only an older release serves, of those in kgate's catalogue, is refused once the " +
				"operator is updated.",
			Fix: "Write the object in the version that the message names; where the cluster runs an older release of the operator, name it " +
				"under `releases` in kgate.yaml.",
			Severity:   check.Warning,
			Scope:      check.Object,
			Origin:     "schema",
			Yields:     []string{"schema/known-kind"},
			References: []string{"https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#version-deprecation"},
			Bad:        currentVersionBad,
			Good:       currentVersionGood,
			Run:        j.versions,
		},
		{
			Name:  "schema/gated-field",
			Title: "No field or value that a targeted Kubernetes version has switched off",
			Doc: "A new field of Kubernetes stands behind a feature gate, which is off at first. The API server of such a release knows the " +
				"field and drops it without a word, so that what it was to set keeps its default: a sidecar among the init containers never " +
				"lets the pod begin, and user namespaces are not there. A value that is new it refuses. What is refused, or keeps the pod from " +
				"starting, is an error, and what is dropped else a warning. This is asked of every version in " +
				"`kubernetesVersions`, with the gates as the release has them by default.",
			Fix: "Leave the field out until every cluster has it, or raise `kubernetesVersions` to what the clusters run; where the gate is on " +
				"in all of them, exempt the field.",
			Severity:   check.Error,
			Scope:      check.Object,
			Origin:     "schema",
			References: []string{"https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/"},
			Bad:        gatedFieldBad,
			Good:       gatedFieldGood,
			Run:        j.gated,
		},
		{
			Name:  "schema/definition-strict",
			Title: "No stub of a definition takes what kgate's own of the kind refuses",
			Doc: "What the repository or `crds` defines of a kind judges its objects, and kgate's catalogue does not, for a cluster may " +
				"run another release of the operator. A stub, which keeps whatever fields there are where the catalogue names them, would " +
				"so let everything pass. Where one takes an object that the catalogue refuses, this says so, once a definition, with the first such field.",
			Fix: "Take the definition from the release of the operator that the cluster runs, or mend the object; `releases` in kgate.yaml says " +
				"which release kgate compares with.",
			Severity:   check.Error,
			Central:    true,
			Scope:      check.Overlay,
			Origin:     "schema",
			References: []string{"https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema"},
			Bad:        definitionStrictBad,
			Good:       definitionAgreesGood,
			Run:        disagreements(true),
		},
		{
			Name:  "schema/definition-agrees",
			Title: "A definition takes no object that kgate's own of the kind refuses",
			Doc: "What the repository or `crds` defines of a kind judges its objects. Where a definition that is no stub lets an object pass " +
				"that the catalogue refuses, this says so, once a definition, with the first such field. It is silent where the definition " +
				"says that it is of a newer release than the catalogue has.",
			Fix: "Take the definition from the release of the operator that the cluster runs, or mend the object; `releases` in kgate.yaml says " +
				"which release kgate compares with.",
			Severity:   check.Warning,
			Central:    true,
			Scope:      check.Overlay,
			Origin:     "schema",
			References: []string{"https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema"},
			Bad:        definitionAgreesBad,
			Good:       definitionAgreesGood,
			Run:        disagreements(false),
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
				note := violation.Note
				if note == "" {
					var err error
					if note, err = j.note(ctx, target, object, violation.Path); err != nil {
						return fmt.Errorf("%s: %w", object.ID, err)
					}
				}
				pass.ReportMisspelt(severity, target, object, violation.Path, message+note, mend)
			}
		}
	}
	return nil
}

// validate holds an object to the schemas of its kind. A custom kind is held to what defines it for the target, of which the
// schemas are a part of kgate's catalogue in another form.
func (j *judge) validate(ctx context.Context, target *check.Target, object *manifest.Object) ([]Violation, error) {
	schemas := func() ([]Violation, error) {
		return j.validator.verdicts.Get(subject{"", object.Digest()}, func() ([]Violation, error) {
			return j.validator.Validate(ctx, object.APIVersion, object.Kind, object.JSON)
		})
	}
	kind := definition.KindOf(object)
	if !j.validator.bundle.customGroup(kind.Group) {
		return schemas()
	}
	found, known, err := j.definitions(ctx, target, kind)
	if err != nil {
		return nil, err
	}
	if found.Key == "" {
		violations, err := schemas()
		if err != nil || !slices.ContainsFunc(violations, func(v Violation) bool { return v.Unknown }) {
			return violations, err
		}
	}
	if found.Knows(kind) {
		return j.validator.verdicts.Get(subject{"definitions " + found.Key, object.Digest()}, func() ([]Violation, error) {
			faults, err := found.Structure(ctx, object.Value)
			return j.validator.violationsOf(object.Value, faults), err
		})
	}
	elsewhere, err := known.Apart(ctx, kind.GroupKind())
	if err != nil {
		return nil, err
	}
	return []Violation{j.unknownKind(object, kind, found, known, elsewhere)}, nil
}

func (j *judge) definitions(ctx context.Context, target *check.Target, kind schema.GroupVersionKind) (definition.Found, *definition.Known, error) {
	known, err := j.kinds.Of(target)
	if err != nil {
		return definition.Found{}, nil, err
	}
	found, err := known.For(ctx, kind.GroupKind())
	return found, known, err
}

// unknownKind says that nothing defines a custom kind in the version of an object, and how to come by what does. Elsewhere is
// where another cluster has its definition from.
func (j *judge) unknownKind(object *manifest.Object, kind schema.GroupVersionKind, found definition.Found, known *definition.Known, elsewhere manifest.Position) Violation {
	unknown := Violation{Path: manifest.Path{"kind"}, Missing: true, Unknown: true, Versions: j.validator.minors}
	serving := found.Serving(kind.GroupKind())
	if len(serving) > 0 {
		unknown.Path = manifest.Path{"apiVersion"}
		if found.Key != "" { // what the repository has of the kind, or the release that it names, is all there is
			unknown.Unknown = false
			unknown.Message = fmt.Sprintf("no schema for %s %s: %s", object.APIVersion, object.Kind, strings.Join(serving, ", and "))
			return unknown
		}
	}
	unknown.Message = fmt.Sprintf("kgate has no definition of %s %s", object.APIVersion, object.Kind)
	if len(serving) == 0 {
		kinds := append(j.validator.bundle.kindsOf(object.APIVersion), found.KindsOf(kind.GroupVersion())...)
		slices.Sort(kinds)
		unknown.Meant = nearest(kind.Kind, slices.Compact(kinds))
	}
	if obsolete := known.Obsolete(kind.GroupKind()); !obsolete.IsZero() {
		unknown.Unknown = false
		unknown.Message += fmt.Sprintf(": what defines it at %s is of an apiVersion that Kubernetes 1.22 removed", obsolete)
		return unknown
	}
	if len(serving) > 0 {
		unknown.Message += ": " + strings.Join(serving, ", and ")
	}
	if pin := found.Pin(kind.GroupKind()); pin != "" && len(serving) == 0 {
		unknown.Message += fmt.Sprintf(": %s, which kgate.yaml names, has none", pin)
	}
	if now := custom.Renamed(kind.Group); now != "" {
		unknown.Message += fmt.Sprintf(": the group %s was renamed to %s", kind.Group, now)
	}
	if elsewhere.IsZero() {
		unknown.Message += ": "
	} else {
		unknown.Message += fmt.Sprintf(": %s defines it for another cluster: deploy it to this one, or, where something else does, ", elsewhere)
	}
	if custom.Aggregated(kind.Group) {
		unknown.Message += "no CustomResourceDefinition does, as OpenShift's API server serves it: take its JSON schema in by `kgate crds add`, or let " +
			"such kinds pass by `unknownKinds` in kgate.yaml or --unknown-kinds"
		return unknown
	}
	unknown.Message += "name a file that holds its CustomResourceDefinition in `crds` of kgate.yaml, as `kgate crds add` does"
	return unknown
}

// versions reports objects of versions that work and will not for ever.
func (j *judge) versions(ctx context.Context, pass *check.Pass) error {
	for _, target := range pass.Targets {
		for _, object := range target.Objects {
			kind := definition.KindOf(object)
			if !j.validator.bundle.customGroup(kind.Group) {
				continue
			}
			found, _, err := j.definitions(ctx, target, kind)
			if err != nil {
				return fmt.Errorf("%s: %w", object.ID, err)
			}
			if told := found.Deprecation(kind); told != "" {
				pass.Report(target, object, manifest.Path{"apiVersion"}, told)
			}
		}
	}
	return nil
}

// disagreements reports definitions that let pass what the catalogue refuses, each once a target: stubs, or the
// others.
func (j *judge) disagreements(ctx context.Context, pass *check.Pass, stubs bool) error {
	for _, target := range pass.Targets {
		told := map[manifest.Position]bool{}
		for _, object := range target.Objects {
			kind := definition.KindOf(object)
			if !j.validator.bundle.customGroup(kind.Group) {
				continue
			}
			found, _, err := j.definitions(ctx, target, kind)
			if err != nil {
				return fmt.Errorf("%s: %w", object.ID, err)
			}
			if found.Key == "" {
				continue
			}
			all, err := j.validator.disagreed.Get(subject{found.Key, object.Digest()}, func() ([]custom.Disagreement, error) {
				return found.Disagreements(ctx, object.Value)
			})
			if err != nil {
				return fmt.Errorf("%s: %w", object.ID, err)
			}
			for _, d := range all {
				if d.Stub != stubs || told[d.Definition] {
					continue
				}
				told[d.Definition] = true
				path := manifest.Path(d.Faults[0].Path)
				message := fmt.Sprintf("this definition of %s takes what that of %s in kgate's catalogue refuses: %s: %s", kind.GroupKind(), d.Release, path, d.Faults[0].Message)
				at := target.Origin(object, path).Position
				if i := slices.IndexFunc(target.Objects, func(o *manifest.Object) bool {
					return definition.Defines(o) == kind.GroupKind() && o.Source == d.Definition
				}); i >= 0 {
					pass.Report(target, target.Objects[i], manifest.Path{"spec", "versions"}, message, check.Field{Target: target, Object: object, Path: path})
					continue
				}
				pass.ReportTarget(target, d.Definition, message, at)
			}
		}
	}
	return nil
}

// violationsOf are the faults that definitions find, in the words of the other schemas where these say the same.
func (v *Validator) violationsOf(object map[string]any, faults []custom.Fault) []Violation {
	var violations []Violation
	for _, f := range faults {
		message := f.Message
		if n := len(f.Path); n > 0 && custom.Undeclared(f) {
			message = fmt.Sprintf("unknown field %q", fmt.Sprint(f.Path[n-1]))
		} else if n > 0 && message == "Required value" {
			message = missing(f.Path)
		} else if said, ok := mistyped(object, f.Path, message); ok {
			message = said
		}
		violations = append(violations, Violation{Path: f.Path, Message: message, Versions: v.minors, Note: f.Note})
	}
	return violations
}

// subject is what a verdict depends on: what defines the object's kind, "" for the JSON schemas, and its JSON.
type subject struct {
	definitions string
	text        manifest.Digest
}
