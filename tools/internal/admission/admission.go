// Package admission says what the API server itself would say of an object that is applied: the server's own code,
// in process and without a cluster. Kubernetes' kinds are typed, decoded, defaulted and validated by package builtin,
// custom resources by package custom.
package admission

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"

	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/admission/builtin"
	"github.com/kgate-dev/gitops/tools/internal/admission/custom"
	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
	"github.com/kgate-dev/gitops/tools/internal/admission/typed"
	"github.com/kgate-dev/gitops/tools/internal/cache"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Server judges objects as an API server does. It is safe for concurrent use.
type Server struct {
	builtin func() *builtin.Server
	types   *typed.Types
	custom  func() (*custom.Definitions, error)
	targets cache.Cache[*check.Target, *contents]
	// What policies ask about Kubernetes' own kinds.
	interfaces func() admission.ObjectInterfaces

	verdicts cache.Cache[subject, []fault.Fault]
	beside   cache.Cache[*check.Target, *Beside]
	defined  cache.Cache[manifest.Digest, *custom.Definition] // by the JSON of a CustomResourceDefinition
}

// subject is what a verdict depends on: the definitions rendered beside an object, and its JSON.
type subject struct {
	beside string
	text   manifest.Digest
}

// Forget drops what it knows of a target, but for its verdicts on objects. It must not be called while the target is judged.
func (s *Server) Forget(target *check.Target) {
	s.targets.Forget(target)
	s.beside.Forget(target)
}

// Sweep forgets what it knows of objects and targets that no run since the last Sweep had. It must not be called during
// a run.
func (s *Server) Sweep() {
	s.targets.Sweep()
	s.verdicts.Sweep()
	s.beside.Sweep()
	s.defined.Sweep()
}

// New returns a Server. What a kind needs is read when the first object of it is judged.
func New() *Server {
	server := sync.OnceValue(builtin.New)
	return &Server{
		builtin: server, types: typed.New(), custom: sync.OnceValues(custom.Embedded),
		interfaces: sync.OnceValue(func() admission.ObjectInterfaces { return server().Interfaces() }),
	}
}

// Version is the version of the Kubernetes code that judges, "v1.37.2".
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "k8s.io/kubernetes" {
				return m.Version
			}
		}
	}
	return "unknown" // a test binary has no build information
}

// definitionKind is what defines other kinds.
var definitionKind = schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}

// judgeCustom judges a custom resource by the embedded definition of its kind and by those that are rendered beside it.
// What is wrong with a rendered definition is reported where it is judged itself.
func (s *Server) judgeCustom(ctx context.Context, kind schema.GroupVersionKind, object *manifest.Object, beside *Beside) ([]fault.Fault, bool, error) {
	definitions, err := s.definitions(beside)
	if err != nil || !definitions.Knows(kind) {
		return nil, false, err
	}
	faults, err := definitions.Validate(ctx, object.Value)
	return faults, true, err
}

// largestRequest is the size of a request's body up to which an API server reads it, in bytes: MaxRequestBodyBytes of
// k8s.io/apiserver's server.Config.
const largestRequest = 3 << 20

// Judge returns why the server would refuse the object, and whether it is of a kind that the server can be asked
// about. Beside, which may be nil, are the definitions that a sync installs with it: they judge objects of their kind too,
// and never loosen a kind that is known without them. As the server does, it stops at the first stage that refuses: what
// cannot be typed is not validated.
func (s *Server) Judge(ctx context.Context, object *manifest.Object, beside *Beside) (faults []fault.Fault, known bool, err error) {
	kind := kindOf(object)
	if err := ctx.Err(); err != nil {
		return nil, true, err
	}
	defer activity.Begin(ctx, "asking the API server's code about the %s", object.ID)()
	defer func() {
		if err != nil {
			err = fmt.Errorf("ask Kubernetes %s: %w", Version(), err)
		}
	}()
	if len(object.JSON) > largestRequest {
		return []fault.Fault{{Message: fmt.Sprintf("Request entity too large: limit is %d", largestRequest)}}, true, nil
	}
	if refused := excessive(object); refused != nil {
		return refused, true, nil
	}
	definition := kind.GroupKind() == definitionKind
	server := s.builtin()
	if !definition && !server.Knows(kind) {
		return s.judgeCustom(ctx, kind, object, beside)
	}
	// A version that is gone from the server but not from its code has no type. That it is gone is for
	// schema/known-kind to report, in every Kubernetes version that is targeted.
	served, err := s.types.Knows(kind)
	if err != nil {
		return nil, true, err
	}
	if served {
		faults, err := s.types.Check(kind, object.Value)
		if err != nil || len(faults) > 0 {
			return faults, true, err
		}
	}
	if definition {
		if f := builtin.Unappliable(object.Value); f != nil {
			return []fault.Fault{*f}, true, nil
		}
		faults, err := s.judgeDefinition(object, beside)
		return faults, true, err
	}
	faults, err = server.Validate(ctx, kind, object.Value)
	return faults, true, err
}
