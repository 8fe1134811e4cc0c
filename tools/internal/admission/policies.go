package admission

import (
	"context"
	"errors"
	"fmt"
	"slices"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiserveradmission "k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/utils/ptr"

	"github.com/kgate-dev/gitops/tools/internal/admission/admissionpolicy"
	"github.com/kgate-dev/gitops/tools/internal/admission/builtin"
	"github.com/kgate-dev/gitops/tools/internal/admission/custom"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// policies are the checks of what ValidatingAdmissionPolicies say: what they deny, or what they warn of.
type policies struct {
	server *Server
	of     func(policyVerdict) []string
	denies bool // they are what a policy denies, for want of a parameter too
}

func (p *policies) run(ctx context.Context, pass *check.Pass) error {
	for _, target := range pass.Targets {
		c, err := p.server.contents(ctx, target)
		if err != nil {
			return err
		}
		verdicts, err := c.judged.Get(struct{}{}, func() ([]policyVerdict, error) { return c.judge(ctx) })
		if err != nil {
			return err
		}
		for _, v := range verdicts {
			for _, message := range p.of(v) {
				pass.Report(target, v.object, v.path, message)
			}
			if p.denies {
				for _, a := range v.Absent {
					pass.ReportAbsent(check.Field{Target: target, Object: v.object, Path: v.path}, a.Message, check.Reference{Kind: a.Kind, Namespace: a.Namespace, Name: a.Name})
				}
			}
		}
	}
	return ctx.Err()
}

// policyVerdict is what the policies of a target say of an object, or of the pods of a workload.
type policyVerdict struct {
	object *manifest.Object
	path   manifest.Path
	admissionpolicy.Verdict
}

// rules are the policies and bindings that a target renders, and those of them that the server refuses.
type rules struct {
	policies []*admissionregistration.ValidatingAdmissionPolicy
	bindings []*admissionregistration.ValidatingAdmissionPolicyBinding
	refused  []policyVerdict
}

func (c *contents) rules(ctx context.Context) (r rules, err error) {
	for _, object := range c.applied {
		if object.Group() != admissionregistration.GroupName {
			continue
		}
		switch object.Kind {
		case "ValidatingAdmissionPolicy":
			err = add(ctx, c, &r, object, &r.policies, &admissionregistration.ValidatingAdmissionPolicy{})
		case "ValidatingAdmissionPolicyBinding":
			err = add(ctx, c, &r, object, &r.bindings, &admissionregistration.ValidatingAdmissionPolicyBinding{})
		}
		if err != nil {
			return rules{}, fmt.Errorf("%s: %w", object.ID, err)
		}
	}
	return r, nil
}

// add converts a policy or a binding and adds it to those of its kind. One that the server refuses is not in force.
func add[T runtime.Object](ctx context.Context, c *contents, r *rules, object *manifest.Object, all *[]T, external T) error {
	violations, known, err := c.server.Judge(ctx, object, nil)
	if err != nil || !known { // schema/known-kind reports a version that is none
		return err
	}
	if len(violations) > 0 {
		message := "the API server refuses it, so that nothing is held to it: " + violations[0].Message
		r.refused = append(r.refused, policyVerdict{object, nil, admissionpolicy.Verdict{Denied: []string{message}}})
		return nil
	}
	internal, err := c.server.builtin().Create(ctx, kindOf(object), object.Value)
	if err != nil {
		return err
	}
	*all = append(*all, external)
	return builtin.Scheme().Convert(internal, external, nil)
}

// judge evaluates the policies that a target renders and binds, on all that it renders. In which order they are applied
// does not matter: everything is applied again with the next sync.
func (c *contents) judge(ctx context.Context) ([]policyVerdict, error) {
	rules, err := c.rules(ctx)
	if err != nil {
		return nil, err
	}
	verdicts := rules.refused
	evaluator := c.evaluator(ctx, rules)
	if evaluator.Empty() {
		return verdicts, nil
	}
	evaluate := func(object *manifest.Object, path manifest.Path, prefix string, r admissionpolicy.Request) error {
		verdict, err := evaluator.Evaluate(ctx, r)
		if err != nil {
			return fmt.Errorf("%s: %w", object.ID, err)
		}
		for _, messages := range [][]string{verdict.Denied, verdict.Warned} {
			for i := range messages {
				messages[i] = prefix + messages[i]
			}
		}
		for i := range verdict.Absent {
			verdict.Absent[i].Message = prefix + verdict.Absent[i].Message
		}
		// Where several definitions have the kind, what becomes of the object by each is evaluated.
		if n := len(verdicts); n > 0 && verdicts[n-1].object == object && slices.Equal(verdicts[n-1].path, path) {
			last := &verdicts[n-1]
			last.Denied, last.Warned = union(last.Denied, verdict.Denied), union(last.Warned, verdict.Warned)
			for _, a := range verdict.Absent {
				if !slices.Contains(last.Absent, a) {
					last.Absent = append(last.Absent, a)
				}
			}
			return nil
		}
		verdicts = append(verdicts, policyVerdict{object, path, verdict})
		return nil
	}
	for _, object := range c.applied {
		if _, pod := c.values[object].(*core.Pod); pod {
			continue // it is among the workloads
		}
		if c.mutating.refuses(object) {
			continue
		}
		requests, err := c.requests(ctx, object)
		for _, request := range requests {
			err = errors.Join(err, evaluate(object, nil, "", request))
		}
		if err != nil {
			return nil, err
		}
	}
	for _, workloads := range c.workloads {
		for _, w := range workloads {
			if c.mutating.refusesPods(w) {
				continue
			}
			request, err := c.podRequest(ctx, w)
			if err != nil {
				continue // the server refuses it before it asks a policy
			}
			path, prefix := w.spec, "its pods: "
			if w.object.Kind == "Pod" {
				path, prefix = nil, ""
			}
			if err := evaluate(w.object, path, prefix, request); err != nil {
				return nil, err
			}
		}
	}
	return verdicts, nil
}

// evaluator evaluates the policies that a target renders.
func (c *contents) evaluator(ctx context.Context, r rules) *admissionpolicy.Evaluator {
	return admissionpolicy.New(r.policies, r.bindings, &rendered{contents: c, ctx: ctx, namespaces: map[string]*corev1.Namespace{}})
}

// applicant is the user that objects are applied by, of whom nothing is known but that he was let in.
func applicant() user.Info {
	return &user.DefaultInfo{Name: "kgate", Groups: []string{user.AllAuthenticated}}
}

// union are the messages of both lists, in order, each once.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// requests are what the server has before it when the object is applied, one for each definition that makes something
// else of it. There is none for an object that the server refuses before it asks a policy, and of a kind that nobody
// knows: other checks report both.
func (c *contents) requests(ctx context.Context, object *manifest.Object) ([]admissionpolicy.Request, error) {
	resource, namespaced, err := c.resource(ctx, object)
	if err != nil || resource.Empty() {
		return nil, err
	}
	created, err := c.create(ctx, object)
	if err != nil {
		return nil, nil
	}
	var requests []admissionpolicy.Request
	for _, made := range created {
		r := admissionpolicy.Request{Kind: kindOf(object), Resource: resource, User: applicant(), Object: made.object, Interfaces: made.interfaces}
		if namespaced {
			r.Namespace = namespaceOf(object)
		}
		requests = append(requests, r)
	}
	return requests, nil
}

// created is an object as the server has it before it asks policies, and what admission asks about it.
type created struct {
	object     runtime.Object
	interfaces apiserveradmission.ObjectInterfaces
}

// create makes an object of a kind that is known as far as the server does before it asks policies.
func (c *contents) create(ctx context.Context, object *manifest.Object) ([]created, error) {
	one := func(made runtime.Object, err error, interfaces apiserveradmission.ObjectInterfaces) ([]created, error) {
		if err != nil {
			return nil, err
		}
		return []created{{made, interfaces}}, nil
	}
	object = c.after(object)
	kind := kindOf(object)
	switch {
	case kind.GroupKind() == definition.Kind:
		made, err := custom.CreateDefinition(object.Value)
		return one(made, err, custom.DefinitionInterfaces())
	case c.server.builtin().Knows(kind):
		made, err := c.server.builtin().Create(ctx, kind, object.Value)
		return one(made, err, c.server.interfaces())
	}
	definitions, err := c.definitions(ctx, kind)
	if err != nil {
		return nil, err
	}
	creations, err := definitions.Create(object.Value)
	var all []created
	for _, made := range creations {
		all = append(all, created{made.Object, made.Interfaces})
	}
	return all, err
}

// podRequest is what the server has before it when a pod is applied, or when the controller of a workload creates one.
func (c *contents) podRequest(ctx context.Context, w workload) (admissionpolicy.Request, error) {
	kind := corev1.SchemeGroupVersion.WithKind("Pod")
	pod, by := w.controlled()
	if err := c.server.builtin().Complete(ctx, kind, pod); err != nil {
		return admissionpolicy.Request{}, fmt.Errorf("%s: %w", w.object.ID, err)
	}
	return admissionpolicy.Request{
		Kind: kind, Resource: c.server.builtin().Resource(kind), Namespace: pod.Namespace, Object: pod, Interfaces: c.server.interfaces(), User: by,
	}, nil
}

// controlled is a pod as it is created, and who does that.
func (w workload) controlled() (*core.Pod, user.Info) {
	pod := w.pod.DeepCopy()
	by := applicant()
	if w.object.Kind != "Pod" {
		account, owner := controllerOf(w.object)
		by = &user.DefaultInfo{
			Name:   serviceaccount.MakeUsername(metav1.NamespaceSystem, account),
			Groups: append(serviceaccount.MakeGroupNames(metav1.NamespaceSystem), user.AllAuthenticated),
		}
		pod.OwnerReferences = []metav1.OwnerReference{owner}
		switch {
		case w.object.Kind == "StatefulSet":
			pod.GenerateName, pod.Name = "", w.object.Name+"-0"
		case pod.Name == "":
			pod.Name = pod.GenerateName + "00000" // the server's five characters are random
		}
	}
	accountable(pod)
	return pod, by
}

// accountable gives a pod its account, as an admission plugin does that is on by default.
func accountable(pod *core.Pod) {
	if pod.Spec.ServiceAccountName == "" {
		pod.Spec.ServiceAccountName = "default"
		//lint:ignore SA1019 the server holds it to the other, and policies read it
		pod.Spec.DeprecatedServiceAccount = "default"
	}
}

// controllerOf is the account that creates the pods of a workload, and the object that owns them.
func controllerOf(object *manifest.Object) (account string, owner metav1.OwnerReference) {
	owner = metav1.OwnerReference{
		APIVersion: object.APIVersion, Kind: object.Kind, Name: object.Name, UID: "00000000-0000-0000-0000-000000000000",
		Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true),
	}
	switch object.Kind {
	case "Deployment":
		owner.Kind, owner.Name = "ReplicaSet", object.Name+"-0000000000"
		return "replicaset-controller", owner
	case "ReplicaSet":
		return "replicaset-controller", owner
	case "ReplicationController":
		return "replication-controller", owner
	case "StatefulSet":
		return "statefulset-controller", owner
	case "DaemonSet":
		return "daemon-set-controller", owner
	case "CronJob":
		owner.Kind, owner.Name = "Job", object.Name+"-00000000"
	}
	return "job-controller", owner
}

// rendered is a cluster that has what a target renders. Namespaces that it does not render have no label but their name.
type rendered struct {
	*contents
	ctx        context.Context
	namespaces map[string]*corev1.Namespace
}

func (r *rendered) Namespace(name string) *corev1.Namespace {
	if known := r.namespaces[name]; known != nil {
		return known
	}
	value := map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}}
	for _, object := range r.applied {
		if object.APIVersion == "v1" && object.Kind == "Namespace" && object.Name == name {
			value = object.Value
		}
	}
	namespace := &corev1.Namespace{}
	created, err := r.server.builtin().Create(r.ctx, corev1.SchemeGroupVersion.WithKind("Namespace"), value)
	if err == nil {
		err = builtin.Scheme().Convert(created, namespace, nil)
	}
	if err != nil { // admission/accepted reports the one that is rendered
		namespace = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelMetadataName: name}}}
	}
	r.namespaces[name] = namespace
	return namespace
}

func (r *rendered) Params(kind schema.GroupVersionKind) (objects []runtime.Object, namespaced, known bool) {
	var scope func(schema.GroupVersionKind) bool
	definitions, err := r.definitions(r.ctx, kind)
	switch {
	case r.server.builtin().Serves(kind):
		scope = r.server.builtin().Namespaced
	case err == nil && definitions.Knows(kind):
		scope = definitions.Namespaced
	case kind.GroupKind() == definition.Kind && kind.Version == "v1":
		scope = func(schema.GroupVersionKind) bool { return false }
	default:
		return nil, false, false
	}
	for _, object := range r.applied {
		if kindOf(object).GroupKind() != kind.GroupKind() {
			continue
		}
		made, err := r.create(r.ctx, object)
		if err != nil {
			continue // it is refused
		}
		if converted, err := apiserveradmission.ConvertToGVK(made[0].object, kind, made[0].interfaces); err == nil {
			objects = append(objects, converted)
		}
	}
	return objects, scope(kind), true
}
