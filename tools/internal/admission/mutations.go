package admission

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kubernetes/pkg/apis/core"
	corev1conversion "k8s.io/kubernetes/pkg/apis/core/v1"
	"k8s.io/kubernetes/plugin/pkg/admission/limitranger"

	"github.com/kgate-dev/gitops/tools/internal/admission/admissionpolicy"
	"github.com/kgate-dev/gitops/tools/internal/admission/builtin"
	"github.com/kgate-dev/gitops/tools/internal/admission/custom"
	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// mutations are the check of what MutatingAdmissionPolicies make of objects.
type mutations struct{ server *Server }

// mutated is what the MutatingAdmissionPolicies of a target make of an object.
type mutated struct {
	object *manifest.Object // what is validated in its place; nil where they leave it as it is, or refuse it
	steps  []admissionpolicy.Step
	denied []string
	absent []admissionpolicy.Absent
}

// mutating are the MutatingAdmissionPolicies that a target renders, and what they make of its objects.
type mutating struct {
	mutator *admissionpolicy.Mutator    // nil where none is bound
	written map[string]*manifest.Object // policies by name
	refused []policyVerdict
	made    map[*manifest.Object]*mutated // of those that are changed or refused
}

// mutates reports whether a target renders a MutatingAdmissionPolicy: of all others there is nothing to find out.
func mutates(target *check.Target) bool {
	return target != nil && slices.ContainsFunc(target.Objects, func(o *manifest.Object) bool {
		return o.Kind == "MutatingAdmissionPolicy" && o.Group() == admissionregistration.GroupName && o.Applied()
	})
}

// mutate passes everything that a target renders by the MutatingAdmissionPolicies that it renders and binds. In which order they
// are applied does not matter: everything is applied again with the next sync.
func (c *contents) mutate(ctx context.Context) error {
	if !mutates(c.target) {
		return nil
	}
	var r rules
	var policies []*admissionregistration.MutatingAdmissionPolicy
	var bindings []*admissionregistration.MutatingAdmissionPolicyBinding
	c.mutating.written, c.mutating.made = map[string]*manifest.Object{}, map[*manifest.Object]*mutated{}
	for _, object := range c.applied {
		if object.Group() != admissionregistration.GroupName {
			continue
		}
		var err error
		switch object.Kind {
		case "MutatingAdmissionPolicy":
			c.mutating.written[object.Name] = object
			err = add(ctx, c, &r, object, &policies, &admissionregistration.MutatingAdmissionPolicy{})
		case "MutatingAdmissionPolicyBinding":
			err = add(ctx, c, &r, object, &bindings, &admissionregistration.MutatingAdmissionPolicyBinding{})
		}
		if err != nil {
			return fmt.Errorf("%s: %w", object.ID, err)
		}
	}
	c.mutating.refused = r.refused
	mutator := admissionpolicy.NewMutator(policies, bindings, &rendered{contents: c, ctx: ctx, namespaces: map[string]*corev1.Namespace{}})
	if mutator.Empty() {
		return nil
	}
	c.mutating.mutator = mutator
	for _, object := range c.applied {
		if kindOf(object) != corev1.SchemeGroupVersion.WithKind("LimitRange") {
			continue
		}
		if limits, ok := c.limits(object); ok {
			c.limitRanges[object.Namespace] = append(c.limitRanges[object.Namespace], limits)
		}
	}
	defer clear(c.limitRanges) // they are decoded as policies leave them
	for _, object := range c.applied {
		if err := ctx.Err(); err != nil {
			return err
		}
		made, err := c.mutateObject(ctx, object)
		if err != nil {
			return fmt.Errorf("%s: %w", object.ID, err)
		}
		if made.object != nil || len(made.denied)+len(made.absent) > 0 {
			c.mutating.made[object] = made
		}
	}
	return nil
}

// limits is a LimitRange of the target, decoded.
func (c *contents) limits(object *manifest.Object) (*corev1.LimitRange, bool) {
	if custom.Excessive(object.Value) != nil {
		return nil, false
	}
	value, err := c.server.builtin().Decode(kindOf(object), object.JSON)
	if err != nil {
		return nil, false
	}
	in, ok := value.(*core.LimitRange)
	out := &corev1.LimitRange{}
	return out, ok && corev1conversion.Convert_core_LimitRange_To_v1_LimitRange(in, out, nil) == nil
}

// limited gives a pod what a LimitRange gives it.
func (c *contents) limited(namespace string) func(runtime.Object) {
	return func(object runtime.Object) {
		pod, ok := object.(*core.Pod)
		for _, r := range c.limitRanges[namespace] {
			if ok {
				_ = limitranger.PodMutateLimitFunc(r, pod) // it returns an error and never has one
			}
		}
	}
}

// mutateObject is what policies make of an object when it is created. One that the server refuses before it asks a policy they
// leave as it is, and definitions too.
func (c *contents) mutateObject(ctx context.Context, object *manifest.Object) (*mutated, error) {
	kind := kindOf(object)
	if kind.GroupKind() == definition.Kind {
		return &mutated{}, nil
	}
	resource, namespaced, err := c.resource(ctx, object)
	if err != nil || resource.Empty() {
		return &mutated{}, err
	}
	r := admissionpolicy.Request{Kind: kind, Resource: resource, User: applicant()}
	if namespaced {
		r.Namespace = namespaceOf(object)
	}
	again := c.limited(object.Namespace)
	types := c.server.converters
	own := c.server.builtin().Knows(kind)
	if own {
		if served, err := c.server.types.Knows(kind); err != nil || !served {
			return &mutated{}, err
		}
		if faults, err := c.server.types.Check(kind, object.Value); err != nil || len(faults) > 0 {
			return &mutated{}, err
		}
		if r.Object, err = c.server.builtin().Receive(kind, object.Value); err != nil {
			return &mutated{}, nil
		}
		r.Interfaces = c.server.interfaces()
		again(r.Object)
		if pod, ok := r.Object.(*core.Pod); ok {
			accountable(pod)
		}
	} else {
		definitions, err := c.definitions(ctx, kind)
		if err != nil {
			return nil, err
		}
		received, err := definitions.Receive(object.Value)
		if err != nil {
			return &mutated{}, nil
		}
		r.Object, r.Interfaces = received.Object, received.Interfaces
		types = func(schema.GroupVersionKind) managedfields.TypeConverter { return received.Types }
	}
	mutation, err := c.mutating.mutator.Mutate(ctx, r, types, again)
	if err != nil {
		return nil, err
	}
	made := &mutated{steps: mutation.Steps, denied: mutation.Denied, absent: mutation.Absent}
	if mutation.Object == nil {
		return made, nil
	}
	var value map[string]any
	if own {
		if value, err = c.server.builtin().Write(kind, mutation.Object); err != nil {
			return nil, err
		}
	} else if value, err = runtime.DefaultUnstructuredConverter.ToUnstructured(mutation.Object); err != nil {
		return nil, err
	}
	if object.Value["status"] == nil {
		delete(value, "status")
	}
	if metadata, ok := value["metadata"].(map[string]any); ok && metadata["creationTimestamp"] == nil {
		delete(metadata, "creationTimestamp")
	}
	made.object, err = object.With(func(is map[string]any) {
		clear(is)
		maps.Copy(is, value)
	})
	return made, err
}

// converters are the types of Kubernetes' kinds; of others there is none.
func (s *Server) converters(kind schema.GroupVersionKind) managedfields.TypeConverter {
	if known, err := s.types.Knows(kind); err != nil || !known {
		return nil
	}
	return builtin.TypeConverter(s.types)
}

// refuses reports whether a policy refuses an object, so that no other is asked about it.
func (m *mutating) refuses(object *manifest.Object) bool {
	made := m.made[object]
	return made != nil && len(made.denied)+len(made.absent) > 0
}

// refusesPods reports whether a policy refuses a workload or its pods, so that there are none.
func (m *mutating) refusesPods(w workload) bool {
	return len(w.denied)+len(w.absent) > 0 || m.refuses(w.object)
}

// after is an object as policies leave it.
func (c *contents) after(object *manifest.Object) *manifest.Object {
	if made := c.mutating.made[object]; made != nil && made.object != nil {
		return made.object
	}
	return object
}

// mutatePod passes the pod of a workload by the policies, as its controller creates it.
func (c *contents) mutatePod(ctx context.Context, w *workload) error {
	if c.mutating.mutator == nil {
		return nil
	}
	if made := c.mutating.made[w.object]; made != nil && made.object != nil {
		w.steps = made.steps
		if value, err := c.server.builtin().Decode(kindOf(w.object), w.object.JSON); err == nil {
			if as, ok := workloadOf(w.object, value); ok {
				w.author = as.pod
				c.limited(w.object.Namespace)(w.author)
			}
		}
	}
	if w.object.Kind == "Pod" {
		return nil
	}
	pod, by := w.controlled()
	kind := corev1.SchemeGroupVersion.WithKind("Pod")
	mutation, err := c.mutating.mutator.Mutate(ctx, admissionpolicy.Request{
		Kind: kind, Resource: c.server.builtin().Resource(kind), Namespace: pod.Namespace, Object: pod, Interfaces: c.server.interfaces(), User: by,
	}, c.server.converters, c.limited(w.object.Namespace))
	if err != nil {
		return fmt.Errorf("%s: %w", w.object.ID, err)
	}
	w.denied, w.absent = mutation.Denied, mutation.Absent
	made, ok := mutation.Object.(*core.Pod)
	if !ok {
		return nil
	}
	if w.author == nil {
		w.author = w.pod
	}
	w.steps = slices.Concat(w.steps, mutation.Steps)
	w.pod = w.pod.DeepCopy()
	w.pod.Labels, w.pod.Annotations, w.pod.Spec = made.Labels, made.Annotations, made.Spec
	return nil
}

// culprit is the expression of the last step that changed a field, or of the last one of all.
func (c *contents) culprit(steps []admissionpolicy.Step, path manifest.Path) check.Field {
	at := steps[len(steps)-1]
	for _, step := range slices.Backward(steps) {
		was, had := path.Lookup(step.Before)
		is, has := path.Lookup(step.After)
		if had != has || !reflect.DeepEqual(was, is) {
			at = step
			break
		}
	}
	field := check.Field{Target: c.target, Object: c.mutating.written[at.Policy], Path: manifest.Path{"spec", "mutations", at.Index}}
	for _, patch := range []string{"applyConfiguration", "jsonPatch"} {
		expression := append(slices.Clone(field.Path), patch, "expression")
		if _, ok := expression.Lookup(field.Object.Value); ok {
			field.Path = expression
		}
	}
	return field
}

// blame reports what is wrong with the pods of a workload, at a field of theirs or as a whole, because policies changed them.
func (c *contents) blame(pass *check.Pass, w workload, path manifest.Path, message string, with ...check.Field) {
	at := c.culprit(w.steps, path)
	pass.Report(c.target, at.Object, at.Path, fmt.Sprintf("what it makes of the pods of the %s: %s", w.object.ID, message), append(with, check.Field{Target: c.target, Object: w.object, Path: w.spec})...)
}

// changing is the expression that changed the pods of a workload last, if any did.
func (c *contents) changing(w workload) []check.Field {
	if len(w.steps) == 0 {
		return nil
	}
	return []check.Field{c.culprit(w.steps, nil)}
}

// authored is the field that an author wrote for one of what policies made of the object; false where they changed it.
func (m *mutated) authored(path manifest.Path) (manifest.Path, bool) {
	var was, is any = m.steps[0].Before, m.object.Value
	var at manifest.Path
	for _, step := range path {
		switch step := step.(type) {
		case string:
			before, _ := was.(map[string]any)
			after, _ := is.(map[string]any)
			was, is = before[step], after[step]
			at = append(at, step)
		case int:
			before, _ := was.([]any)
			after, _ := is.([]any)
			if step >= len(after) {
				return nil, false
			}
			i := slices.IndexFunc(before, func(item any) bool { return alike(item, after[step]) })
			if step < len(before) && alike(before[step], after[step]) {
				i = step
			}
			if i < 0 {
				return nil, false
			}
			was, is = before[i], after[step]
			at = append(at, i)
		default:
			return nil, false
		}
	}
	return at, reflect.DeepEqual(was, is)
}

// alike reports whether two items of lists are the same one, of which something may have been changed.
func alike(a, b any) bool {
	was, ok := a.(map[string]any)
	is, also := b.(map[string]any)
	if ok && also && was["name"] != nil {
		return was["name"] == is["name"]
	}
	return reflect.DeepEqual(a, b)
}

// remade is what the server says of an object of a target as policies leave it: of the author's fields in verdict, with their
// places, and of what policies changed in theirs. Where they leave it as it is, all is the author's.
func (s *Server) remade(ctx context.Context, target *check.Target, object *manifest.Object) (of verdict, theirs []blamed, err error) {
	of, err = s.verdict(ctx, target, object)
	if err != nil || !mutates(target) {
		return of, nil, err
	}
	c, err := s.contents(ctx, target)
	if err != nil {
		return of, nil, err
	}
	made := c.mutating.made[object]
	if made == nil || made.object == nil {
		return of, nil, nil
	}
	after := verdict{known: true}
	if kind := kindOf(object); s.builtin().Knows(kind) {
		after.faults, after.warnings, err = s.builtin().Validate(ctx, kind, made.object.Value)
	} else {
		known, of := s.kinds.Of(target)
		if of != nil {
			return verdict{}, nil, of
		}
		after, err = s.judgeCustom(ctx, kind, made.object, known)
	}
	if err != nil {
		return of, nil, fmt.Errorf("ask Kubernetes %s: %w", Version(), err)
	}
	own := verdict{known: of.known}
	for _, f := range after.faults {
		if len(after.faults) > 1 && len(f.Path) == 0 && emptied(f) {
			continue // it follows from the others
		}
		if path, ok := made.authored(f.Path); ok {
			f.Path = path
			own.faults = append(own.faults, f)
		} else if slices.ContainsFunc(of.faults, func(was fault.Fault) bool { return was.Message == f.Message && slices.Equal(was.Path, f.Path) }) {
			own.faults = append(own.faults, f)
		} else {
			theirs = append(theirs, blamed{f, c.culprit(made.steps, f.Path), check.Error})
		}
	}
	for _, w := range after.warnings {
		if path, ok := made.authored(w.Path); ok {
			w.Path = path
			own.warnings = append(own.warnings, w)
		} else {
			theirs = append(theirs, blamed{w, c.culprit(made.steps, w.Path), check.Warning})
		}
	}
	return own, theirs, nil
}

// told is all that is said of an object alone, for which it is refused.
func (s *Server) told(ctx context.Context, target *check.Target, object *manifest.Object) ([]fault.Fault, error) {
	own, theirs, err := s.remade(ctx, target, object)
	if err != nil || !mutates(target) {
		return own.faults, err
	}
	faults := slices.Clone(own.faults)
	for _, b := range theirs {
		faults = append(faults, b.Fault)
	}
	c, err := s.contents(ctx, target)
	if made := c.mutating.made[object]; err == nil && made != nil {
		for _, message := range made.denied {
			faults = append(faults, fault.Fault{Message: strings.TrimSpace(message)})
		}
	}
	return faults, err
}

// change is what package builtin is given of an object that takes the place of another, and where it keeps what policies change of
// it then: those of the target, and of the old object those that the target had.
func (s *Server) change(ctx context.Context, target *check.Target, old, new *manifest.Object) (builtin.Change, *[]admissionpolicy.Step, error) {
	change := builtin.Change{OldKind: kindOf(old), NewKind: kindOf(new), Old: old.Value, New: new.Value}
	steps := &[]admissionpolicy.Step{}
	if target == nil {
		return change, steps, nil
	}
	by := target
	if old == new && target.Before != nil {
		by = target.Before.Target // without the change, the same is applied again
	}
	if target.Before != nil {
		mutate, err := s.mutation(ctx, target.Before.Target, old, nil)
		if err != nil {
			return change, nil, err
		}
		if mutate != nil {
			change.MutateOld = func(object runtime.Object) (runtime.Object, error) { return mutate(object, nil) }
		}
	}
	var err error
	change.MutateNew, err = s.mutation(ctx, by, new, steps)
	return change, steps, err
}

// mutation is what the policies of a target make of an object that is created, or takes the place of one that is there; nil where it
// renders none.
func (s *Server) mutation(ctx context.Context, target *check.Target, object *manifest.Object, steps *[]admissionpolicy.Step) (func(object, live runtime.Object) (runtime.Object, error), error) {
	if !mutates(target) {
		return nil, nil
	}
	c, err := s.contents(ctx, target)
	if err != nil || c.mutating.mutator == nil {
		return nil, err
	}
	resource, namespaced, err := c.resource(ctx, object)
	if err != nil {
		return nil, err
	}
	request := admissionpolicy.Request{Kind: kindOf(object), Resource: resource, User: applicant(), Interfaces: s.interfaces()}
	if namespaced {
		request.Namespace = namespaceOf(object)
	}
	return func(object, live runtime.Object) (runtime.Object, error) {
		r := request
		r.Object, r.Old = object, live
		mutation, err := c.mutating.mutator.Mutate(ctx, r, s.converters, nil)
		switch {
		case err != nil:
			return nil, err
		case len(mutation.Denied) > 0:
			return nil, errors.New(strings.TrimSpace(mutation.Denied[0]))
		case mutation.Object == nil:
			return object, nil
		}
		if steps != nil {
			*steps = mutation.Steps
		}
		return mutation.Object, nil
	}, nil
}

// isRemade reports whether policies change one of two objects, of which one takes the place of the other.
func (s *Server) isRemade(ctx context.Context, before *check.Target, old *manifest.Object, target *check.Target, new *manifest.Object) (bool, error) {
	for _, side := range []struct {
		target *check.Target
		object *manifest.Object
	}{{before, old}, {target, new}} {
		if !mutates(side.target) {
			continue
		}
		c, err := s.contents(ctx, side.target)
		if err != nil {
			return false, err
		}
		if c.mutating.made[side.object] != nil {
			return true, nil
		}
	}
	return false, nil
}

// theirs is the expression for which an object has the field that it has when it takes the place of another; false where policies
// leave the field as it is.
func (s *Server) theirs(ctx context.Context, target *check.Target, steps []admissionpolicy.Step, path manifest.Path) (check.Field, bool, error) {
	if len(steps) == 0 {
		return check.Field{}, false, nil
	}
	was, had := path.Lookup(steps[0].Before)
	is, has := path.Lookup(steps[len(steps)-1].After)
	if had == has && reflect.DeepEqual(was, is) {
		return check.Field{}, false, nil
	}
	c, err := s.contents(ctx, target)
	if err != nil {
		return check.Field{}, false, err
	}
	return c.culprit(steps, path), true, nil
}

// blamed is what the server says of a field that a policy changed, and the expression that did.
type blamed struct {
	fault.Fault
	at       check.Field
	severity check.Severity
}

// remark is what the server says of what one expression makes of objects, the same of each.
type remark struct {
	blamed
	objects []*manifest.Object
}

// add puts what is said of an object to what is said of others already.
func (b blamed) add(remarks []*remark, object *manifest.Object) []*remark {
	for _, r := range remarks {
		if r.at.Object == b.at.Object && r.at.Path.String() == b.at.Path.String() && r.severity == b.severity && r.text() == b.text() {
			r.objects = append(r.objects, object)
			return remarks
		}
	}
	return append(remarks, &remark{blamed: b, objects: []*manifest.Object{object}})
}

func (b blamed) text() string {
	what := ""
	if len(b.Path) > 0 {
		what = b.Path.String() + ": "
	}
	return what + b.Message + b.Note
}

// report is one finding of all objects: whoever corrects the expression mends what is made of each.
func (r *remark) report(pass *check.Pass, target *check.Target) {
	verb := "refuses"
	if r.severity == check.Warning {
		verb = "warns of"
	}
	of := fmt.Sprintf("the %s", r.objects[0].ID)
	var with []check.Field
	if others := r.objects[1:]; len(others) > 0 {
		of += fmt.Sprintf(" and of %d more", len(others))
		for _, object := range r.objects {
			with = append(with, check.Field{Target: target, Object: object, Path: manifest.Path{"metadata", "name"}})
		}
	}
	pass.ReportAs(r.severity, target, r.at.Object, r.at.Path, fmt.Sprintf("the API server %s what it makes of %s: %s", verb, of, r.text()), with...)
}

// run reports what policies refuse, and what they make of objects and the server refuses.
func (m *mutations) run(ctx context.Context, pass *check.Pass) error {
	for _, target := range pass.Targets {
		if !mutates(target) {
			continue
		}
		c, err := m.server.contents(ctx, target)
		if err != nil {
			return err
		}
		for _, r := range c.mutating.refused {
			for _, message := range r.Denied {
				pass.Report(target, r.object, r.path, message)
			}
		}
		var together []*remark
		for _, object := range c.applied {
			made := c.mutating.made[object]
			if made == nil {
				continue
			}
			c.tell(pass, object, nil, "", made.denied, made.absent)
			_, theirs, err := m.server.remade(ctx, target, object)
			if err != nil {
				return err
			}
			for _, b := range theirs {
				together = b.add(together, object)
			}
		}
		for _, r := range together {
			r.report(pass, target)
		}
		for _, workloads := range c.workloads {
			for _, w := range workloads {
				c.tell(pass, w.object, w.spec, "its pods: ", w.denied, w.absent)
				if err := c.judgePods(ctx, pass, w); err != nil {
					return fmt.Errorf("%s: %w", w.object.ID, err)
				}
			}
		}
	}
	return ctx.Err()
}

// judgePods reports what the server refuses of the pods that a controller makes of a workload, where it takes what the author wrote:
// a workload is accepted then, and has no pods.
func (c *contents) judgePods(ctx context.Context, pass *check.Pass, w workload) error {
	if w.object.Kind == "Pod" || w.author == nil || c.mutating.refusesPods(w) {
		return nil
	}
	kind := corev1.SchemeGroupVersion.WithKind("Pod")
	refuses := func(pod *core.Pod) ([]fault.Fault, error) {
		w := w
		w.pod = pod
		made, _ := w.controlled()
		return c.server.builtin().Refuses(ctx, kind, made)
	}
	faults, err := refuses(w.pod)
	if err != nil || len(faults) == 0 {
		return err
	}
	if own, err := refuses(w.author); err != nil || len(own) > 0 {
		return err
	}
	for _, f := range faults {
		message := f.Message
		if len(f.Path) > 0 {
			message = f.Path.String() + ": " + message
		}
		c.blame(pass, w, f.Path, "the API server refuses them: "+message)
	}
	return nil
}

// tell reports what policies refuse of an object.
func (c *contents) tell(pass *check.Pass, object *manifest.Object, path manifest.Path, prefix string, denied []string, absent []admissionpolicy.Absent) {
	for _, message := range denied {
		pass.Report(c.target, object, path, prefix+"the API server refuses it: "+strings.TrimSpace(message), c.named(message)...)
	}
	for _, a := range absent {
		pass.ReportAbsent(check.Field{Target: c.target, Object: object, Path: path}, prefix+"the API server refuses it: "+a.Message, check.Reference{Kind: a.Kind, Namespace: a.Namespace, Name: a.Name})
	}
}

// named are the policies that a message of the server names.
func (c *contents) named(message string) []check.Field {
	var fields []check.Field
	for _, name := range slices.Sorted(maps.Keys(c.mutating.written)) {
		if strings.Contains(message, "policy '"+name+"'") || strings.Contains(message, fmt.Sprintf("policy %q", name)) {
			fields = append(fields, check.Field{Target: c.target, Object: c.mutating.written[name], Path: manifest.Path{"spec", "mutations"}})
		}
	}
	return fields
}
