package admission

import (
	"context"
	"fmt"

	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// judgeDefinition returns what the server would say to a CustomResourceDefinition, and why it does not come to define
// what it says where others define the same.
func (s *Server) judgeDefinition(object *manifest.Object, known *definition.Known) ([]fault.Fault, error) {
	defined := s.kinds.Define(object)
	faults, err := defined.Faults()
	if err != nil || len(faults) > 0 {
		return faults, err
	}
	for _, kind := range defined.Serves() {
		if s.builtin().Serves(kind) || kind.GroupKind() == definition.Kind {
			faults = append(faults, fault.Fault{Path: manifest.Path{"spec", "names", "kind"}, Message: fmt.Sprintf(
				"Invalid value: %q: Kubernetes itself serves %s of %s, and asks no definition about it", kind.Kind, kind.Kind, kind.GroupVersion())})
		}
	}
	return append(faults, known.Conflicts(object)...), nil
}

// verdict judges each text once: overlays render the same object many times.
func (s *Server) verdict(ctx context.Context, target *check.Target, object *manifest.Object) (verdict, error) {
	key := ""
	if kind := kindOf(object); kind.GroupKind() == definition.Kind || !s.builtin().Knows(kind) {
		known, err := s.kinds.Of(target)
		if err != nil {
			return verdict{}, err
		}
		if key, err = known.Key(ctx, object); err != nil {
			return verdict{}, err
		}
	}
	return s.verdicts.Get(subject{key, object.Digest()}, func() (verdict, error) {
		return s.judge(ctx, object, target)
	})
}

// Verdict is Judge, once for all objects of a text.
func (s *Server) Verdict(ctx context.Context, target *check.Target, object *manifest.Object) ([]fault.Fault, error) {
	v, err := s.verdict(ctx, target, object)
	return v.faults, err
}

// Warnings are what the server says of an object that it takes; none for one that it refuses.
func (s *Server) Warnings(ctx context.Context, target *check.Target, object *manifest.Object) ([]fault.Fault, error) {
	v, err := s.verdict(ctx, target, object)
	return v.warnings, err
}

// Note says whose word it is that a field is refused, in the words that follow a message, where that is not the
// word of every definition that judges the object; else it is "".
func (s *Server) Note(ctx context.Context, target *check.Target, object *manifest.Object, path manifest.Path) (string, error) {
	violations, err := s.verdict(ctx, target, object)
	if err != nil {
		return "", err
	}
	for _, v := range violations.faults {
		if v.Note != "" && (v.Path.HasPrefix(path) || path.HasPrefix(v.Path)) {
			return v.Note, nil
		}
	}
	return "", nil
}
