package admissionpolicy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionregistration "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/generic"
	"k8s.io/apiserver/pkg/admission/plugin/policy/matching"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	"k8s.io/apiserver/pkg/cel/environment"
)

// Mutation is what policies make of an object.
type Mutation struct {
	// Object is the object that takes the place of the one of the request, in the same version; nil where they leave it as it is,
	// or refuse it.
	Object runtime.Object
	Steps  []Step   // what changed it, in order; one that is invoked again is there again
	Denied []string // why they refuse it, in the server's words
	Absent []Absent // the same, for want of a parameter
}

// Step is one mutation of a policy that changed an object.
type Step struct {
	Policy        string
	Index         int            // of it among the mutations of the policy
	Before, After map[string]any // the object in the version that the policy matches
}

// Mutator holds MutatingAdmissionPolicies with their bindings, compiled. It is safe for concurrent use: one request is passed by
// them after the other.
type Mutator struct {
	mu         sync.Mutex
	dispatcher generic.Dispatcher[mutating.PolicyHook]
	hooks      []mutating.PolicyHook // one for each binding
	types      Types                 // those of the request that is dispatched
	steps      []Step                // of the request that is dispatched
}

// mostCopied is how many bytes the copy operations of a JSON patch may add, as the API server is started: JSONPatchMaxCopyBytes in
// k8s.io/apiserver/pkg/server/config.go.
const mostCopied = 3 << 20

// Types finds the types of kinds, as server-side apply has them; nil for a kind that nobody knows.
type Types func(kind schema.GroupVersionKind) managedfields.TypeConverter

// NewMutator compiles the policies that a binding binds. A server invokes policies in no order that it promises; here it is that of
// their names.
func NewMutator(policies []*admissionregistration.MutatingAdmissionPolicy, bindings []*admissionregistration.MutatingAdmissionPolicyBinding, cluster Cluster) *Mutator {
	// Thirty copies of an object into itself would make it a thousand million times as large. Where nobody has set a bound of this
	// process, it is the server's.
	atomic.CompareAndSwapInt64(&jsonpatch.AccumulatedCopySizeLimit, 0, mostCopied)
	m := &Mutator{}
	m.dispatcher = mutating.NewDispatcher(stranger{}, matching.NewMatcher(namespaces{cluster}, nil), converters{m})
	for _, policy := range policies {
		var bound []*admissionregistration.MutatingAdmissionPolicyBinding
		for _, b := range bindings {
			if b.Spec.PolicyName == policy.Name {
				bound = append(bound, b)
			}
		}
		if len(bound) == 0 {
			continue
		}
		hook := mutating.PolicyHook{Policy: policy, Bindings: bound, Evaluator: m.compile(policy)}
		hook.ParamInformer, hook.ParamScope, hook.ConfigurationError = parameters(policy.Spec.ParamKind, cluster)
		slices.SortFunc(hook.Bindings, func(a, b *admissionregistration.MutatingAdmissionPolicyBinding) int {
			return strings.Compare(a.Name, b.Name)
		})
		m.hooks = append(m.hooks, hook)
	}
	slices.SortStableFunc(m.hooks, func(a, b mutating.PolicyHook) int { return strings.Compare(a.Policy.Name, b.Policy.Name) })
	return m
}

// Empty reports that no policy is bound.
func (m *Mutator) Empty() bool { return len(m.hooks) == 0 }

// Mutate passes an object by every bound policy, as the server does before it validates one. The object is left as it is. types
// are those of its kind, and of the versions that policies may match it in. again is what the plugins before change when they are
// invoked once more, because a policy has changed something; nil for nothing.
func (m *Mutator) Mutate(ctx context.Context, r Request, types Types, again func(runtime.Object)) (mutation Mutation, err error) {
	if slices.Contains(excluded, r.Resource.GroupResource()) {
		return Mutation{}, nil
	}
	defer func() {
		if p := recover(); p != nil {
			mutation, err = Mutation{}, fmt.Errorf("evaluate MutatingAdmissionPolicies: the API server's code panics: %v\n%s", p, debug.Stack())
		}
	}()
	m.mu.Lock()
	defer m.mu.Unlock()
	r.Object = r.Object.DeepCopyObject()
	attributes, namespace, err := r.attributes()
	if err != nil {
		return Mutation{}, err
	}
	m.types, m.steps = types, nil
	err = m.dispatcher.Dispatch(ctx, attributes, r.Interfaces, m.hooks)
	// As admission.reinvoker does.
	if reinvocation := attributes.GetReinvocationContext(); err == nil && reinvocation.ShouldReinvoke() {
		reinvocation.SetIsReinvoke()
		if again != nil {
			again(attributes.GetObject())
		}
		err = m.dispatcher.Dispatch(ctx, attributes, r.Interfaces, m.hooks)
	}
	steps := m.steps
	m.types, m.steps = nil, nil
	if err != nil {
		return m.refusal(err, namespace)
	}
	if len(steps) == 0 {
		return Mutation{}, nil
	}
	return Mutation{Object: r.Object, Steps: steps}, nil
}

// refusal is what the server says where it cannot invoke a policy that must not fail.
func (m *Mutator) refusal(err error, namespace string) (mutation Mutation, _ error) {
	var status *apierrors.StatusError
	if !errors.As(err, &status) {
		return Mutation{}, fmt.Errorf("evaluate MutatingAdmissionPolicies: %w", err)
	}
	var messages []string
	if status.ErrStatus.Details != nil {
		for _, cause := range status.ErrStatus.Details.Causes {
			messages = append(messages, cause.Message)
		}
	}
	if len(messages) == 0 {
		messages = []string{status.ErrStatus.Message}
	}
	for _, message := range messages {
		if absent, ok := m.absent(message, namespace); ok {
			mutation.Absent = append(mutation.Absent, absent)
			continue
		}
		mutation.Denied = append(mutation.Denied, message)
	}
	slices.Sort(mutation.Denied)
	mutation.Denied = slices.Compact(mutation.Denied)
	return mutation, nil
}

// absent is the parameter for want of which a binding refuses.
func (m *Mutator) absent(message, namespace string) (Absent, bool) {
	if !strings.HasSuffix(message, noParams) {
		return Absent{}, false
	}
	for _, hook := range m.hooks {
		for _, b := range hook.Bindings {
			if ref := b.Spec.ParamRef; ref != nil && strings.Contains(message, fmt.Sprintf("policy '%s' with binding '%s' ", hook.Policy.Name, b.Name)) {
				return absentOf(message, hook.Policy.Spec.ParamKind, ref, hook.ParamScope, namespace), true
			}
		}
	}
	return Absent{}, false
}

// compile makes the evaluator of a policy as the server's plugin does, which keeps its own function to itself. An expression that
// does not compile says so when it is evaluated.
func (m *Mutator) compile(policy *admissionregistration.MutatingAdmissionPolicy) mutating.PolicyEvaluator {
	spec := &policy.Spec
	compiler, err := cel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		return mutating.PolicyEvaluator{Error: err}
	}
	declared := cel.OptionalVariableDeclarations{HasParams: spec.ParamKind != nil, HasAuthorizer: true}
	var variables []cel.NamedExpressionAccessor
	for _, v := range spec.Variables {
		variables = append(variables, &validating.Variable{Name: v.Name, Expression: v.Expression})
	}
	compiler.CompileAndStoreVariables(variables, declared, environment.StoredExpressions)
	evaluator := mutating.PolicyEvaluator{CompositedCompiler: compiler}
	if len(spec.MatchConditions) > 0 {
		var conditions []cel.ExpressionAccessor
		for i := range spec.MatchConditions {
			conditions = append(conditions, (*matchconditions.MatchCondition)(&spec.MatchConditions[i]))
		}
		evaluator.Matcher = matchconditions.NewMatcher(compiler.CompileCondition(conditions, declared, environment.StoredExpressions),
			spec.FailurePolicy, "policy", "validate", policy.Name)
	}
	declared.HasPatchTypes = true
	for i, mutation := range spec.Mutations {
		var patcher patch.Patcher
		switch {
		case mutation.PatchType == admissionregistration.PatchTypeJSONPatch && mutation.JSONPatch != nil:
			patcher = patch.NewJSONPatcher(compiler.CompileMutatingEvaluator(&patch.JSONPatchCondition{Expression: mutation.JSONPatch.Expression},
				declared, environment.StoredExpressions))
		case mutation.PatchType == admissionregistration.PatchTypeApplyConfiguration && mutation.ApplyConfiguration != nil:
			patcher = patch.NewApplyConfigurationPatcher(compiler.CompileMutatingEvaluator(
				&patch.ApplyConfigurationCondition{Expression: mutation.ApplyConfiguration.Expression}, declared, environment.StoredExpressions))
		default:
			continue // the server takes no such policy
		}
		evaluator.Mutators = append(evaluator.Mutators, &recordingPatcher{patcher, m, policy.Name, i})
	}
	return evaluator
}

// recordingPatcher keeps what a mutation changes.
type recordingPatcher struct {
	patch.Patcher
	mutator *Mutator
	policy  string
	index   int
}

func (p *recordingPatcher) Patch(ctx context.Context, r patch.Request, budget int64) (runtime.Object, error) {
	object, err := p.Patcher.Patch(ctx, r, budget)
	if err != nil {
		return nil, err
	}
	step := Step{Policy: p.policy, Index: p.index}
	if step.Before, err = runtime.DefaultUnstructuredConverter.ToUnstructured(r.VersionedAttributes.VersionedObject.Object()); err != nil {
		return nil, err
	}
	if step.After, err = runtime.DefaultUnstructuredConverter.ToUnstructured(object); err != nil {
		return nil, err
	}
	if size(step.After) > mostMutated {
		return nil, fmt.Errorf("the object would have more than %d MB, which no API server keeps", mostMutated>>20)
	}
	if !reflect.DeepEqual(step.Before, step.After) {
		p.mutator.steps = append(p.mutator.steps, step)
	}
	return object, nil
}

// mostMutated is how many bytes of text an object may have after a mutation: the largest request that the API server reads,
// MaxRequestBodyBytes in k8s.io/apiserver/pkg/server/config.go. etcd keeps half of it.
const mostMutated = 3 << 20

// size is how many bytes the texts of a value have. Mutations that double one of them would fill any memory.
func size(value any) (n int) {
	switch value := value.(type) {
	case string:
		return len(value)
	case map[string]any:
		for key, item := range value {
			n += len(key) + size(item)
		}
	case []any:
		for _, item := range value {
			n += 1 + size(item)
		}
	}
	return n
}

// converters are the type converters of the request that is dispatched.
type converters struct{ mutator *Mutator }

func (c converters) GetTypeConverter(kind schema.GroupVersionKind) managedfields.TypeConverter {
	return c.mutator.types(kind)
}

func (converters) Run(context.Context) {}

var _ patch.TypeConverterManager = converters{}

// absentOf is the parameter that a binding asks for and nothing is.
func absentOf(message string, kind *admissionregistration.ParamKind, ref *admissionregistration.ParamRef, scope meta.RESTScope, namespace string) Absent {
	absent := Absent{Message: message, Kind: kind.Kind, Name: cmp.Or(ref.Name, "*")}
	if scope.Name() == meta.RESTScopeNameNamespace {
		absent.Namespace = cmp.Or(ref.Namespace, namespace)
	}
	return absent
}
