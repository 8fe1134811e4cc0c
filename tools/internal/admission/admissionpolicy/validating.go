// Package admissionpolicy evaluates ValidatingAdmissionPolicies and MutatingAdmissionPolicies with the code that the API server does
// it with, on objects that are not in a cluster.
package admissionpolicy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/policy/generic"
	"k8s.io/apiserver/pkg/admission/plugin/policy/matching"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/warning"
)

// Cluster is what policies can know beside the object. It is asked by one goroutine at a time.
type Cluster interface {
	// Namespace returns a namespace by its name; each name is one of a namespace that exists.
	Namespace(name string) *corev1.Namespace
	// Params returns the objects that can be parameters of a kind, in its version. Known is false where no server
	// would find the kind.
	Params(kind schema.GroupVersionKind) (objects []runtime.Object, namespaced, known bool)
}

// Request is an object that is to be created, or to take the place of another.
type Request struct {
	Kind       schema.GroupVersionKind
	Resource   schema.GroupVersionResource
	Namespace  string         // empty for what is in none
	Object     runtime.Object // as package builtin or custom creates or updates it, or receives it before policies have changed it
	Old        runtime.Object // what is updated; nil for an object that is created
	Interfaces admission.ObjectInterfaces
	User       user.Info
}

// Verdict is what the policies hold against an object, in the server's words, each sentence once and sorted.
type Verdict struct {
	Denied []string
	Warned []string
	Absent []Absent
}

// Absent is what a policy denies because no object is there that could be its parameter. Whether a cluster has one that is not
// among those of Cluster, nobody knows here.
type Absent struct {
	Message               string
	Kind, Namespace, Name string // of the parameter; Name is * where a selector asks for any
}

// noParams is how the server ends a refusal for want of a parameter.
const noParams = "no params found for policy binding with `Deny` parameterNotFoundAction"

// Evaluator holds policies with their bindings, compiled. It is for one goroutine at a time.
type Evaluator struct {
	dispatcher generic.Dispatcher[validating.PolicyHook]
	hooks      []validating.PolicyHook // one for each binding
}

// New compiles the policies that a binding binds; of a binding whose policy is not among them the server takes no
// notice either.
func New(policies []*admissionregistration.ValidatingAdmissionPolicy, bindings []*admissionregistration.ValidatingAdmissionPolicyBinding, cluster Cluster) *Evaluator {
	e := &Evaluator{dispatcher: validating.NewDispatcher(stranger{}, generic.NewPolicyMatcher(matching.NewMatcher(namespaces{cluster}, nil)))}
	for _, policy := range policies {
		var bound []*admissionregistration.ValidatingAdmissionPolicyBinding
		for _, b := range bindings {
			if b.Spec.PolicyName == policy.Name {
				bound = append(bound, b)
			}
		}
		if len(bound) == 0 {
			continue
		}
		hook := validating.PolicyHook{Policy: policy, Evaluator: compile(policy)}
		hook.ParamInformer, hook.ParamScope, hook.ConfigurationError = parameters(policy.Spec.ParamKind, cluster)
		for _, b := range bound {
			one := hook
			one.Bindings = []*admissionregistration.ValidatingAdmissionPolicyBinding{b}
			e.hooks = append(e.hooks, one)
		}
	}
	slices.SortStableFunc(e.hooks, func(a, b validating.PolicyHook) int {
		return cmp.Or(strings.Compare(a.Policy.Name, b.Policy.Name), strings.Compare(a.Bindings[0].Name, b.Bindings[0].Name))
	})
	return e
}

// Empty reports that no policy is bound.
func (e *Evaluator) Empty() bool { return len(e.hooks) == 0 }

// excluded are the resources that policies of the API do not see, so that nobody locks the door behind himself.
var excluded = []schema.GroupResource{
	{Group: admissionregistration.GroupName, Resource: "validatingadmissionpolicies"},
	{Group: admissionregistration.GroupName, Resource: "validatingadmissionpolicybindings"},
	{Group: admissionregistration.GroupName, Resource: "mutatingadmissionpolicies"},
	{Group: admissionregistration.GroupName, Resource: "mutatingadmissionpolicybindings"},
}

// Evaluate holds an object to every bound policy. The server stops at the first refusal; here all of them are told.
func (e *Evaluator) Evaluate(ctx context.Context, r Request) (verdict Verdict, err error) {
	if slices.Contains(excluded, r.Resource.GroupResource()) {
		return Verdict{}, nil
	}
	at := "" // the policy that is evaluated
	defer func() {
		if p := recover(); p != nil {
			verdict, err = Verdict{}, fmt.Errorf("evaluate ValidatingAdmissionPolicy %s: the API server's code panics: %v\n%s", at, p, debug.Stack())
		}
	}()
	attributes, namespace, err := r.attributes()
	if err != nil {
		return Verdict{}, err
	}
	var warned warnings
	ctx = warning.WithWarningRecorder(ctx, &warned)
	for _, hook := range e.hooks {
		policy, binding := hook.Policy.Name, hook.Bindings[0]
		at = policy
		record := &recorder{Validator: hook.Evaluator}
		hook.Evaluator = record
		err := e.dispatcher.Dispatch(ctx, attributes, r.Interfaces, []validating.PolicyHook{hook})
		if err == nil {
			continue
		}
		var status *apierrors.StatusError
		if !errors.As(err, &status) || status.ErrStatus.Details == nil || len(status.ErrStatus.Details.Causes) == 0 {
			return Verdict{}, fmt.Errorf("evaluate ValidatingAdmissionPolicy %s: %w", policy, err)
		}
		// The cause is the message without the name of the object before it. It tells of one refusal only.
		message := status.ErrStatus.Details.Causes[0].Message
		if ref := binding.Spec.ParamRef; ref != nil && strings.HasSuffix(message, noParams) {
			verdict.Absent = append(verdict.Absent, absentOf(message, hook.Policy.Spec.ParamKind, ref, hook.ParamScope, namespace))
			continue
		}
		verdict.Denied = append(verdict.Denied, message)
		for _, message := range record.refusals(slices.Contains(binding.Spec.ValidationActions, admissionregistration.Deny)) {
			verdict.Denied = append(verdict.Denied, fmt.Sprintf("ValidatingAdmissionPolicy '%s' with binding '%s' denied request: %s", policy, binding.Name, message))
		}
	}
	verdict.Warned = warned
	for _, messages := range []*[]string{&verdict.Denied, &verdict.Warned} {
		slices.Sort(*messages)
		*messages = slices.Compact(*messages)
	}
	return verdict, nil
}

// attributes are what plugins are given of a request, and its namespace.
func (r Request) attributes() (admission.Attributes, string, error) {
	accessor, err := meta.Accessor(r.Object)
	if err != nil {
		return nil, "", err
	}
	namespace := r.Namespace
	if r.Resource.Group == "" && r.Resource.Resource == "namespaces" {
		namespace = accessor.GetName() // the path of the request names it in that place
	}
	operation := admission.Create
	var options runtime.Object = &metav1.CreateOptions{
		TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "CreateOptions"}, FieldManager: "kgate", FieldValidation: metav1.FieldValidationStrict,
	}
	if r.Old != nil {
		operation = admission.Update
		options = &metav1.UpdateOptions{
			TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "UpdateOptions"}, FieldManager: "kgate", FieldValidation: metav1.FieldValidationStrict,
		}
	}
	return admission.NewAttributesRecord(r.Object, r.Old, r.Kind, namespace, accessor.GetName(), r.Resource, "", operation, options, false, r.User), namespace, nil
}

// recorder keeps what a policy says beside the first thing, which is all that the server passes on.
type recorder struct {
	validating.Validator
	results []validating.ValidateResult
}

func (r *recorder) Validate(ctx context.Context, resource schema.GroupVersionResource, object *admission.VersionedAttributes, params runtime.Object,
	namespace *corev1.Namespace, budget int64, authz authorizer.UnconditionalAuthorizer) validating.ValidateResult {
	result := r.Validator.Validate(ctx, resource, object, params, namespace, budget, authz)
	r.results = append(r.results, result)
	return result
}

// refusals are the messages for which the server refuses: an annotation that cannot be made counts whatever the
// binding's actions are.
func (r *recorder) refusals(deny bool) []string {
	var messages []string
	for _, result := range r.results {
		for _, d := range result.Decisions {
			if deny && d.Action == validating.ActionDeny {
				messages = append(messages, d.Message)
			}
		}
		for _, a := range result.AuditAnnotations {
			if a.Action == validating.AuditAnnotationActionError {
				messages = append(messages, a.Error)
			}
		}
	}
	return messages
}

type warnings []string

func (w *warnings) AddWarning(_, text string) { *w = append(*w, text) }

// stranger answers for a user of whom nobody knows what he may do.
type stranger struct{}

func (stranger) Authorize(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
	return authorizer.DecisionNoOpinion, "no cluster was asked", nil
}
