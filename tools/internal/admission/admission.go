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
	"github.com/kgate-dev/gitops/tools/internal/admission/admissionpolicy"
	"github.com/kgate-dev/gitops/tools/internal/admission/builtin"
	"github.com/kgate-dev/gitops/tools/internal/admission/custom"
	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
	"github.com/kgate-dev/gitops/tools/internal/admission/typed"
	"github.com/kgate-dev/gitops/tools/internal/cache"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Server judges objects as an API server does. It is safe for concurrent use.
type Server struct {
	builtin func() *builtin.Server
	types   *typed.Types
	kinds   *definition.Kinds
	targets cache.Cache[*check.Target, *contents]
	// What policies ask about Kubernetes' own kinds.
	interfaces func() admission.ObjectInterfaces

	verdicts cache.Cache[subject, verdict]
	updates  cache.Cache[revision, verdict]
}

// verdict is what the server says of an object: why it refuses it, or what it warns of.
type verdict struct {
	faults, warnings []fault.Fault
	known            bool                   // the server can be asked about the kind
	steps            []admissionpolicy.Step // what policies change when an object takes the place of another
}

// subject is what a verdict depends on: what defines an object's kind, and its JSON.
type subject struct {
	definitions string
	text        manifest.Digest
}

// Forget drops what it knows of a target, but for its verdicts on objects. It must not be called while the target is judged.
func (s *Server) Forget(target *check.Target) {
	s.targets.Forget(target)
}

// Sweep forgets what it knows of objects and targets that no run since the last Sweep had. It must not be called during
// a run.
func (s *Server) Sweep() {
	s.targets.Sweep()
	s.verdicts.Sweep()
	s.updates.Sweep()
}

// New returns a Server that judges custom resources by the definitions that kinds finds. What a kind needs is read when the
// first object of it is judged.
func New(kinds *definition.Kinds) *Server {
	server := sync.OnceValue(builtin.New)
	return &Server{
		builtin: server, types: typed.New(), kinds: kinds,
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

// Namespaced reports whether objects of an object's kind are beyond doubt in a namespace. Target is what it is applied with.
func (s *Server) Namespaced(ctx context.Context, object *manifest.Object, target *check.Target) (bool, error) {
	kind := kindOf(object)
	if s.builtin().Knows(kind) {
		return s.builtin().Namespaced(kind), nil
	}
	known, err := s.kinds.Of(target)
	if err != nil {
		return false, err
	}
	found, err := known.For(ctx, kind.GroupKind())
	return err == nil && found.Namespaced(kind), err
}

// judgeCustom judges a custom resource by what defines its kind. What is wrong with a rendered definition is reported where it
// is judged itself.
func (s *Server) judgeCustom(ctx context.Context, kind schema.GroupVersionKind, object *manifest.Object, known *definition.Known) (verdict, error) {
	found, err := known.For(ctx, kind.GroupKind())
	if err != nil || !found.Knows(kind) {
		return verdict{}, err
	}
	v := verdict{known: true}
	if v.faults, err = found.Validate(ctx, object.Value); err == nil && len(v.faults) == 0 {
		v.warnings = custom.Warnings(object.Value)
	}
	v.faults = fault.Certain(v.faults, object.Unknown)
	return v, err
}

// Judge returns why the server would refuse the object, and whether it is of a kind that the server can be asked
// about. Target, which may be nil, is what it is applied with: definitions of its kind that stand there, or that the target
// knows of, judge the object too, and never loosen a kind that is known without them. As the server does, it stops at the
// first stage that refuses: what cannot be typed is not validated.
func (s *Server) Judge(ctx context.Context, object *manifest.Object, target *check.Target) (faults []fault.Fault, known bool, err error) {
	v, err := s.judge(ctx, object, target)
	return v.faults, v.known, err
}

// judge is Judge, with what the server warns of.
func (s *Server) judge(ctx context.Context, object *manifest.Object, target *check.Target) (v verdict, err error) {
	kind := kindOf(object)
	v.known = true
	if err := ctx.Err(); err != nil {
		return v, err
	}
	defer activity.Begin(ctx, "asking the API server's code about the %s", object.ID)()
	defer func() {
		if err != nil {
			err = fmt.Errorf("ask Kubernetes %s: %w", Version(), err)
		}
	}()
	if len(object.JSON) > custom.LargestRequest {
		v.faults = []fault.Fault{{Message: fmt.Sprintf("Request entity too large: limit is %d", custom.LargestRequest)}}
		return v, nil
	}
	if v.faults = custom.Excessive(object.Value); v.faults != nil {
		return v, nil
	}
	if object, err = object.AsHook(); err != nil {
		return v, err
	}
	kinds, err := s.kinds.Of(target)
	if err != nil {
		return v, err
	}
	defines := kind.GroupKind() == definition.Kind
	if defines && kind.Version != "v1" {
		return verdict{}, nil
	}
	server := s.builtin()
	if !defines && !server.Knows(kind) {
		return s.judgeCustom(ctx, kind, object, kinds)
	}
	// A version that is gone from the server but not from its code has no type. That it is gone is for
	// schema/known-kind to report, in every Kubernetes version that is targeted.
	served, err := s.types.Knows(kind)
	if err != nil {
		return v, err
	}
	if served {
		if v.faults, err = s.types.Check(kind, object.Value); err != nil || len(v.faults) > 0 {
			return v, err
		}
	}
	if defines {
		if f := builtin.Unappliable(object.Value); f != nil {
			v.faults = []fault.Fault{*f}
			return v, nil
		}
		v.faults, err = s.judgeDefinition(object, kinds)
		return v, err
	}
	v.faults, v.warnings, err = server.Validate(ctx, kind, object.Value)
	if !served { // schema/known-kind says that the version is gone
		v.warnings = nil
	}
	return v, err
}
