package admission

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kgate-dev/gitops/tools/internal/admission/custom"
	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Beside are the CustomResourceDefinitions that a sync of a target applies with its objects. A hook that is skipped is
// not applied and defines nothing.
type Beside struct {
	rendered    []custom.Rendered
	definitions *custom.Definitions // with the embedded ones
	of          map[*manifest.Object]custom.Rendered
	byKind      map[schema.GroupKind]string // what those of a kind say and where they are, as a key
	byGroup     map[string]string
}

// besideOf reads the definitions of a target. The same definition in several targets is read and compiled once.
func (s *Server) besideOf(target *check.Target) (*Beside, error) {
	return s.beside.Get(target, func() (*Beside, error) {
		b := &Beside{of: map[*manifest.Object]custom.Rendered{}, byKind: map[schema.GroupKind]string{}, byGroup: map[string]string{}}
		embedded, err := s.custom()
		if err != nil {
			return nil, err
		}
		for _, object := range target.Objects {
			if kindOf(object).GroupKind() != definitionKind || len(object.JSON) > largestRequest || excessive(object) != nil || !object.Applied() {
				continue
			}
			r := custom.Rendered{Definition: s.define(object), At: object.Source.String()}
			b.rendered, b.of[object] = append(b.rendered, r), r
			for i, kind := range r.Serves() {
				if i == 0 {
					key := fmt.Sprintf("%x %q\n", object.Digest(), r.At)
					b.byKind[kind.GroupKind()] += key
					b.byGroup[kind.Group] += key
				}
			}
		}
		b.definitions = embedded.With(b.rendered)
		return b, nil
	})
}

func (s *Server) define(object *manifest.Object) *custom.Definition {
	d, _ := s.defined.Get(object.Digest(), func() (*custom.Definition, error) { return custom.Define(object.Value), nil })
	return d
}

// definitions are the embedded ones and those beside.
func (s *Server) definitions(beside *Beside) (*custom.Definitions, error) {
	if beside != nil {
		return beside.definitions, nil
	}
	return s.custom()
}

// key tells verdicts on an object apart that depend on what is rendered beside it.
func (b *Beside) key(object *manifest.Object) string {
	kind := kindOf(object).GroupKind()
	if r, ok := b.of[object]; ok {
		for _, served := range r.Serves() {
			return r.At + b.byGroup[served.Group]
		}
	}
	return b.byKind[kind]
}

// judgeDefinition returns what the server would say to a CustomResourceDefinition, and why it does not come to define
// what it says where others define the same.
func (s *Server) judgeDefinition(object *manifest.Object, beside *Beside) ([]fault.Fault, error) {
	definition := s.define(object)
	faults, err := definition.Faults()
	if err != nil || len(faults) > 0 {
		return faults, err
	}
	for _, kind := range definition.Serves() {
		if s.builtin().Serves(kind) || kind.GroupKind() == definitionKind {
			faults = append(faults, fault.Fault{Path: manifest.Path{"spec", "names", "kind"}, Message: fmt.Sprintf(
				"Invalid value: %q: Kubernetes itself serves %s of %s, and asks no definition about it", kind.Kind, kind.Kind, kind.GroupVersion())})
		}
	}
	if beside == nil {
		return faults, nil
	}
	if r, ok := beside.of[object]; ok {
		faults = append(faults, beside.definitions.Conflicts(r)...)
	}
	return faults, nil
}

// verdict judges each text once: overlays render the same object many times.
func (s *Server) verdict(ctx context.Context, target *check.Target, object *manifest.Object) ([]fault.Fault, error) {
	beside, err := s.besideOf(target)
	if err != nil {
		return nil, err
	}
	return s.verdicts.Get(subject{beside.key(object), object.Digest()}, func() ([]fault.Fault, error) {
		faults, _, err := s.Judge(ctx, object, beside)
		return faults, err
	})
}

// Note says whose word it is that a field is refused, in the words that follow a message, where the embedded and a
// rendered definition of the object's kind disagree about it; else it is "".
func (s *Server) Note(ctx context.Context, target *check.Target, object *manifest.Object, path manifest.Path) (string, error) {
	violations, err := s.verdict(ctx, target, object)
	if err != nil {
		return "", err
	}
	for _, v := range violations {
		if v.Note != "" && (v.Path.HasPrefix(path) || path.HasPrefix(v.Path)) {
			return v.Note, nil
		}
	}
	return "", nil
}
