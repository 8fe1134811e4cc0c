package admission

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/admission/builtin"
	"github.com/kgate-dev/gitops/tools/internal/admission/custom"
	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// revision is what a verdict on an update depends on: what defines the kind after the change, the JSON of both objects, and how the
// new one is applied.
type revision struct {
	definitions string
	old, new    manifest.Digest
	clientSide  bool
}

// Update returns why the server would refuse an object where another state of it is: both applied by the same manager, the old
// one created. Target, which may be nil, is what the new one is applied with; target.Before that of the old one. Nothing is
// said where the cluster cannot have the old one, or where a webhook converts it, and known is false for a kind that the server
// cannot be asked about. What is refused of any object that says the same as the new one is among the faults: Judge says it too.
func (s *Server) Update(ctx context.Context, target *check.Target, old, new *manifest.Object) (faults []fault.Fault, known bool, err error) {
	v, err := s.changed(ctx, target, old, new)
	return v.faults, v.known, err
}

// changed is Update, with what policies have changed of the new object: what is refused in one of the ways in which it is applied,
// or in each, where nobody knows which they are.
func (s *Server) changed(ctx context.Context, target *check.Target, old, new *manifest.Object) (verdict, error) {
	ways, told, err := s.ways(ctx, target, new)
	if err != nil {
		return verdict{}, err
	}
	v, err := s.changedBy(ctx, target, old, new, ways[0])
	if err != nil {
		return v, err
	}
	for _, clientSide := range ways[1:] {
		if !told && len(v.faults) == 0 {
			break
		}
		other, err := s.changedBy(ctx, target, old, new, clientSide)
		if err != nil {
			return v, err
		}
		among := func(all []fault.Fault, f fault.Fault) bool {
			return slices.ContainsFunc(all, func(a fault.Fault) bool { return a.Message == f.Message && slices.Equal(a.Path, f.Path) })
		}
		both := slices.Clone(v.faults) // the verdict is another's as well
		if told {
			both = append(both, slices.DeleteFunc(slices.Clone(other.faults), func(f fault.Fault) bool { return among(v.faults, f) })...)
		} else {
			both = slices.DeleteFunc(both, func(f fault.Fault) bool { return !among(other.faults, f) })
		}
		v.faults = both
	}
	return v, nil
}

// ways are how an object of a target is applied where the cluster has it: true is client-side, as Argo CD does it unless the Application
// or the object says ServerSideApply=true, and false server-side, as Flux does. told is false where nobody says who applies it. What
// Replace=true puts in the place of what is there keeps nothing that was filled in, so that it is refused no less than what is merged.
// https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#server-side-apply
func (s *Server) ways(ctx context.Context, target *check.Target, object *manifest.Object) (clientSide []bool, told bool, err error) {
	if target == nil || !s.builtin().Knows(kindOf(object)) {
		return []bool{false}, true, nil
	}
	if target.Deployers != nil {
		deployers, err := target.Deployers(ctx)
		if err != nil {
			return nil, false, err
		}
		options := object.SyncOptions()
		for _, d := range deployers {
			way := !d.ServerSide
			switch {
			case !d.Argo:
			case slices.Contains(options, "Replace=true"), slices.Contains(options, "ServerSideApply=false"):
				way = true
			case slices.Contains(options, "ServerSideApply=true"):
				way = false
			}
			if !slices.Contains(clientSide, way) {
				clientSide = append(clientSide, way)
			}
		}
	}
	if len(clientSide) == 0 {
		return []bool{true, false}, false, nil
	}
	return clientSide, true, nil
}

func (s *Server) changedBy(ctx context.Context, target *check.Target, old, new *manifest.Object, clientSide bool) (verdict, error) {
	if mutates(target) || target != nil && target.Before != nil && mutates(target.Before.Target) {
		return s.update(ctx, target, old, new, clientSide) // it depends on more than the texts of both
	}
	key := ""
	if kind := kindOf(new); kind.GroupKind() == definition.Kind || !s.builtin().Knows(kind) {
		kinds, err := s.kinds.Of(target)
		if err != nil {
			return verdict{}, err
		}
		if key, err = kinds.Key(ctx, new); err != nil {
			return verdict{}, err
		}
	}
	return s.updates.Get(revision{key, old.Digest(), new.Digest(), clientSide}, func() (verdict, error) {
		return s.update(ctx, target, old, new, clientSide)
	})
}

func (s *Server) update(ctx context.Context, target *check.Target, old, new *manifest.Object, clientSide bool) (v verdict, err error) {
	from, to := kindOf(old), kindOf(new)
	if err := ctx.Err(); err != nil || from.GroupKind() != to.GroupKind() {
		return v, err
	}
	defer activity.Begin(ctx, "asking the API server's code about the change of the %s", new.ID)()
	defer func() {
		if err != nil {
			err = fmt.Errorf("ask Kubernetes %s: %w", Version(), err)
		}
	}()
	var before *check.Target
	if target != nil && target.Before != nil {
		before = target.Before.Target
	}
	was, theirs, err := s.remade(ctx, before, old)
	if err != nil || !was.known || len(was.faults) > 0 || slices.ContainsFunc(theirs, func(b blamed) bool { return b.severity == check.Error }) {
		return verdict{known: was.known}, err
	}
	v.known = true
	if len(new.JSON) > custom.LargestRequest {
		v.faults = []fault.Fault{{Message: fmt.Sprintf("Request entity too large: limit is %d", custom.LargestRequest)}}
		return v, nil
	}
	if v.faults = custom.Excessive(new.Value); v.faults != nil {
		return v, nil
	}
	if to.GroupKind() == definition.Kind {
		if to.Version != "v1" || from.Version != "v1" {
			return verdict{}, nil
		}
		if v.faults, err = s.types.Check(to, new.Value); err != nil || len(v.faults) > 0 {
			return v, err
		}
		if f := builtin.Unappliable(new.Value); f != nil {
			v.faults = []fault.Fault{*f}
			return v, nil
		}
		v.faults, err = custom.UpdateDefinition(old.Value, new.Value)
		return v, err
	}
	server := s.builtin()
	if !server.Knows(to) {
		kinds, err := s.kinds.Of(target)
		if err != nil {
			return v, err
		}
		found, err := kinds.For(ctx, to.GroupKind())
		if err != nil || !found.Knows(to) {
			return verdict{}, err
		}
		if remade, err := s.isRemade(ctx, before, old, target, new); err != nil || remade {
			return verdict{}, err
		}
		v.faults, err = found.Update(ctx, old.Value, new.Value)
		v.faults = fault.Certain(v.faults, slices.Concat(old.Unknown, new.Unknown))
		return v, err
	}
	for _, kind := range []schema.GroupVersionKind{from, to} {
		if served, err := s.types.Knows(kind); err != nil || !served { // schema/known-kind says that the version is gone
			return verdict{}, err
		}
	}
	if v.faults, err = s.types.Check(to, new.Value); err != nil || len(v.faults) > 0 {
		return v, err
	}
	change, steps, err := s.change(ctx, target, old, new)
	if err != nil {
		return v, err
	}
	change.ClientSide = clientSide
	u, err := server.Update(ctx, s.types, change)
	if err != nil || !u.Born {
		return verdict{known: u.Born}, err
	}
	v.faults, v.steps = u.Faults, *steps
	return v, nil
}
