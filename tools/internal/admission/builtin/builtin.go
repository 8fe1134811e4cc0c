// Package builtin passes objects of Kubernetes' own kinds through the code that the API server runs when one is
// created or updated: strict decoding, defaulting, the strategy of the kind and its declarative validation.
package builtin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apiserver/pkg/authentication/user"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	apiregistrationinstall "k8s.io/kube-aggregator/pkg/apis/apiregistration/install"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/capabilities"

	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
)

// Server judges objects. It is safe for concurrent use.
type Server struct {
	strategies map[schema.GroupKind]rest.RESTCreateStrategy
	decoder    *json.Serializer
}

// setup makes the settings of the process. Privileged containers are allowed, as every kube-apiserver of today is
// started; whether one is wanted is for Pod Security and the rules to say. The kinds of the aggregator, which the
// server keeps in a scheme of their own, join the others.
var setup = sync.OnceFunc(func() {
	capabilities.Setup(true, 0)
	apiregistrationinstall.Install(legacyscheme.Scheme)
})

// Scheme has the types of Kubernetes' kinds. Nothing writes to it once it is had: who takes the process's own past this
// function reads it while the kinds of the aggregator join it.
func Scheme() *runtime.Scheme {
	setup()
	return legacyscheme.Scheme
}

// New makes a server of the linked Kubernetes version.
func New() *Server {
	scheme := Scheme()
	strategies := strategies()
	for kind, update := range updates() {
		strategies[kind].(*strategy).update = update
	}
	return &Server{
		strategies: strategies,
		decoder:    json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Strict: true}),
	}
}

// Knows reports whether objects of the kind can be judged.
func (s *Server) Knows(kind schema.GroupVersionKind) bool {
	return s.strategies[kind.GroupKind()] != nil && legacyscheme.Scheme.Recognizes(kind)
}

// Namespaced reports whether objects of the kind live in a namespace.
func (s *Server) Namespaced(kind schema.GroupVersionKind) bool {
	strategy := s.strategies[kind.GroupKind()]
	return strategy != nil && strategy.NamespaceScoped()
}

// Kinds are the kinds that can be judged, in every version that the server knows, sorted.
func (s *Server) Kinds() []schema.GroupVersionKind {
	var all []schema.GroupVersionKind
	for kind := range legacyscheme.Scheme.AllKnownTypes() {
		if kind.Version != runtime.APIVersionInternal && s.strategies[kind.GroupKind()] != nil {
			all = append(all, kind)
		}
	}
	slices.SortFunc(all, func(a, b schema.GroupVersionKind) int { return strings.Compare(a.String(), b.String()) })
	return all
}

// Validate returns why the server would not create the object on a server-side apply, or nothing; and what it warns of in one
// that it would. The object has passed the typing of package typed. An error means that the server could not be asked.
func (s *Server) Validate(ctx context.Context, kind schema.GroupVersionKind, value map[string]any) (faults, warned []fault.Fault, err error) {
	strategy := s.strategies[kind.GroupKind()]
	if strategy == nil {
		return nil, nil, fmt.Errorf("%s is not a kind of Kubernetes", kind)
	}
	// Where its code panics the server closes the connection, and nothing is applied.
	defer func() {
		if r := recover(); r != nil {
			faults, warned, err = []fault.Fault{{Message: fmt.Sprintf("the API server's own code panics: %v", r)}}, nil, nil
		}
	}()
	c, refused, err := begin(ctx, strategy, kind, value)
	if err != nil {
		return nil, nil, err
	}
	if refused != nil {
		return []fault.Fault{*refused}, nil, nil
	}
	if faults = c.refusals(strategy, value); len(faults) == 0 {
		warned = warnings(value, c.deprecated, strategy.WarningsOnCreate(c.ctx, c.object))
	}
	return faults, warned, nil
}

// creation is an object on its way into the storage.
type creation struct {
	ctx        context.Context
	object     runtime.Object // in the internal version
	deprecated string         // what the server says of the version that was applied
}

// refusals are what the server's validation holds against the object. value is the object as it is written, or would be.
func (c creation) refusals(strategy rest.RESTCreateStrategy, value map[string]any) (faults []fault.Fault) {
	errs := rest.ValidateCreate(c.ctx, c.object, strategy)
	if len(errs) == 0 {
		errs = afterValidation(c.object)
	}
	for _, e := range errs {
		faults = append(faults, fault.Fault{Path: fault.Path(value, e.Field), Message: e.ErrorBody(), Type: string(e.Type), Detail: e.Detail})
	}
	return faults
}

// What the server draws by lot and reads off the clock is the same in every run here.
const uid = "00000000-0000-0000-0000-000000000000"

// begin brings an object that is applied to where the server validates it.
func begin(ctx context.Context, strategy rest.RESTCreateStrategy, kind schema.GroupVersionKind, value map[string]any) (creation, *fault.Fault, error) {
	decoded, object, refused, err := receive(kind, value)
	if err != nil || refused != nil {
		return creation{}, refused, err
	}
	c, refused, err := prepare(ctx, strategy, kind, object)
	c.deprecated = deprecated(kind, decoded)
	return c, refused, err
}

// receive decodes an object that is applied, and gives it its defaults: in the version of the kind, and in the internal one.
func receive(kind schema.GroupVersionKind, value map[string]any) (decoded, object runtime.Object, refused *fault.Fault, err error) {
	if decoded, err = legacyscheme.Scheme.New(kind); err != nil {
		return nil, nil, nil, err
	}
	// What is applied is not decoded as what is created: the field manager converts it from what the typing gives.
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(value, decoded); err != nil {
		refused := decodingFault(value, err)
		return nil, nil, &refused, nil
	}
	legacyscheme.Scheme.Default(decoded)
	if object, err = legacyscheme.Scheme.UnsafeConvertToVersion(decoded, schema.GroupVersion{Group: kind.Group, Version: runtime.APIVersionInternal}); err != nil {
		return nil, nil, &fault.Fault{Message: err.Error()}, nil
	}
	return decoded, object, Unappliable(value), nil
}

// prepare does what the server does to a defaulted object before it validates it.
func prepare(ctx context.Context, strategy rest.RESTCreateStrategy, kind schema.GroupVersionKind, object runtime.Object) (creation, *fault.Fault, error) {
	accessor, err := meta.Accessor(object)
	if err != nil {
		return creation{}, nil, err
	}
	namespace := ""
	if strategy.NamespaceScoped() {
		if namespace = accessor.GetNamespace(); namespace == "" {
			namespace = metav1.NamespaceDefault
		}
	}
	ctx = requested(ctx, kind, namespace, accessor.GetName())
	if err := rest.EnsureObjectNamespaceMatchesRequestNamespace(namespace, accessor); err != nil {
		return creation{}, &fault.Fault{Path: []any{"metadata", "namespace"}, Message: "Forbidden: not allowed on this type"}, nil
	}
	rest.WipeObjectMetaSystemFields(accessor)
	accessor.SetCreationTimestamp(metav1.Unix(0, 0))
	accessor.SetUID(uid)
	accessor.SetManagedFields(nil)
	strategy.PrepareForCreate(ctx, object)
	beforeValidation(object)
	return creation{ctx: ctx, object: object}, nil, nil
}

// requested is the context of a request that applies an object.
func requested(ctx context.Context, kind schema.GroupVersionKind, namespace, name string) context.Context {
	// Where its declarative and its other validation differ, the server logs that; here it is nobody's concern.
	ctx = logr.NewContext(ctx, logr.Discard())
	ctx = genericapirequest.WithNamespace(ctx, namespace)
	ctx = genericapirequest.WithUser(ctx, &user.DefaultInfo{Name: "kgate", Groups: []string{user.SystemPrivilegedGroup}})
	return genericapirequest.WithRequestInfo(ctx, &genericapirequest.RequestInfo{
		IsResourceRequest: true, Verb: "patch", APIGroup: kind.Group, APIVersion: kind.Version, Namespace: namespace, Name: name,
	})
}

// Unappliable says what the server refuses in an object of any kind before it validates one: metadata that only an
// object that is there already has, and no name.
func Unappliable(value map[string]any) *fault.Fault {
	at := func(field, message string) *fault.Fault {
		return &fault.Fault{Path: []any{"metadata", field}, Message: message}
	}
	metadata, _ := value["metadata"].(map[string]any)
	text := func(field string) string { s, _ := metadata[field].(string); return s }
	if entries, set := metadata["managedFields"].([]any); set && entries != nil {
		return at("managedFields", "metadata.managedFields must be nil")
	}
	if text("name") == "" {
		// An object that is applied is addressed by its name; generateName is for those that are created.
		return at("name", "Required value: name is required")
	}
	if uid := text("uid"); uid != "" {
		return at("uid", fmt.Sprintf("uid mismatch: the provided object specified uid %s, and no existing object was found", uid))
	}
	if version := text("resourceVersion"); version != "" {
		if _, err := strconv.ParseUint(version, 10, 64); err != nil {
			return at("resourceVersion", err.Error())
		}
	}
	return nil
}

// decodingFault takes the path out of a decoder's message, where it names one: `unknown field "spec.replica"`.
func decodingFault(value map[string]any, err error) fault.Fault {
	message := err.Error()
	for _, prefix := range []string{"unknown field ", "duplicate field "} {
		if quoted, ok := strings.CutPrefix(message, prefix); ok {
			return fault.Fault{Path: fault.Path(value, strings.Trim(quoted, `"`)), Message: strings.TrimSpace(prefix)}
		}
	}
	// json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32
	if _, rest, ok := strings.Cut(message, "into Go struct field "); ok {
		place, _, _ := strings.Cut(rest, " of type ")
		if _, path, ok := strings.Cut(place, "."); ok {
			return fault.Fault{Path: fault.Path(value, path), Message: message}
		}
	}
	var status interface{ Unwrap() error }
	if errors.As(err, &status) && status.Unwrap() != nil {
		message = status.Unwrap().Error()
	}
	return fault.Fault{Message: message}
}
