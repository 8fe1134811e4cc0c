// Package custom judges custom resources and their definitions as the API server would on a server-side apply
// that creates them, with the server's own code.
package custom

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Fault is one thing that the API server holds against an object, with its type of error: FieldValueInvalid and the like, or
// one of ApplyError, StrictDecodingError, DecodingError.
type Fault = fault.Fault

// ErrUnknown says that no definition serves the object's kind in its version.
var ErrUnknown = errors.New("no CustomResourceDefinition serves it")

// Definitions are the CustomResourceDefinitions that a run knows. They are safe for concurrent use: nothing of an
// embedded definition is decoded, and none compiled, before the first object of its kind, and then once.
type Definitions struct {
	catalogue *catalogue
	release   func(module string) string // the release that is pinned of an operator; nil for none
	rendered  map[schema.GroupKind][]side
	either    map[schema.GroupKind][]side // one of which has to take an object
}

// With returns definitions that ask the rendered ones first. The kinds that these define the catalogue does not judge: it
// says where it disagrees. All that are rendered of a kind judge its objects. One that the API server refuses defines nothing.
func (d *Definitions) With(rendered []Rendered) *Definitions {
	if len(rendered) == 0 {
		return d
	}
	with := *d
	with.rendered = map[schema.GroupKind][]side{}
	for kind, sides := range d.rendered {
		with.rendered[kind] = slices.Clone(sides)
	}
	for _, r := range rendered {
		if defined := r.defined; defined != nil {
			with.rendered[defined.kind] = append(with.rendered[defined.kind], side{defined, r.title(), r.Stated, r.Source})
		}
	}
	return &with
}

// WithEither is With for definitions of which nobody knows which one the cluster has, such as those of several releases of an
// operator: an object is refused by them where each refuses it, for the reasons of the one that has the fewest.
func (d *Definitions) WithEither(others []Rendered) *Definitions {
	if len(others) == 0 {
		return d
	}
	with := *d
	with.either = map[schema.GroupKind][]side{}
	for kind, sides := range d.either {
		with.either[kind] = slices.Clone(sides)
	}
	for _, r := range others {
		if defined := r.defined; defined != nil {
			with.either[defined.kind] = append(with.either[defined.kind], side{defined, r.title(), r.Stated, r.Source})
		}
	}
	return &with
}

// side is one of the definitions of a kind, and what messages call it.
type side struct {
	*definition
	title  string
	stated string // the release that it says it is of; "" for none
	source manifest.Position
}

// local are the definitions of a kind that are not embedded.
func (d *Definitions) local(kind schema.GroupKind) []side {
	return slices.Concat(d.rendered[kind], d.either[kind])
}

// sides are the definitions of a kind that judge its objects: those that somebody has, else those that are embedded.
func (d *Definitions) sides(kind schema.GroupKind) []side {
	if local := d.local(kind); len(local) > 0 {
		return local
	}
	var all []side
	for _, of := range d.embedded(kind) {
		all = append(all, side{definition: of, title: of.title()})
	}
	return all
}

// serving are those of the sides that serve the version; of several embedded releases the first.
func (d *Definitions) serving(gvk schema.GroupVersionKind) []side {
	serving := slices.DeleteFunc(d.sides(gvk.GroupKind()), func(s side) bool { return !s.served[gvk.Version] })
	if len(serving) > 1 && len(d.local(gvk.GroupKind())) == 0 {
		return serving[:1]
	}
	return serving
}

// Serving names, in words, the definitions of a kind and the versions that each serves; none for a kind that nobody defines.
func (d *Definitions) Serving(kind schema.GroupKind) []string {
	var all []string
	for _, s := range d.sides(kind) {
		all = append(all, s.title+" serves "+cmp.Or(strings.Join(slices.Sorted(maps.Keys(s.served)), ", "), "no version"))
	}
	return all
}

// Knows tells whether a definition serves the kind in the version.
func (d *Definitions) Knows(gvk schema.GroupVersionKind) bool { return len(d.serving(gvk)) > 0 }

// Namespaced tells whether objects of a known kind are in a namespace; false for an unknown one. Where definitions
// differ the embedded one counts, else the first: a server changes neither the scope nor the resource of a kind.
func (d *Definitions) Namespaced(gvk schema.GroupVersionKind) bool {
	return d.Knows(gvk) && d.first(gvk.GroupKind()).namespaced
}

// first is the definition that says what a known kind is.
func (d *Definitions) first(kind schema.GroupKind) *definition {
	if all := d.embedded(kind); len(all) > 0 {
		return all[0]
	}
	return d.sides(kind)[0].definition
}

// Validate returns what the API server would say to the object, which it does not change: the faults of the first
// of its phases that finds any, in the order of their paths. An object without a namespace is judged as in default.
// Where several definitions have the kind, what any of them refuses is refused, and a fault that not all of them find
// says in its Note whose it is. Keys that repeat in its text are not seen here. The error is ErrUnknown for a kind that
// no definition serves; any other means that the verdict could not be made.
func (d *Definitions) Validate(ctx context.Context, value map[string]any) ([]Fault, error) {
	return d.hold(value, func(k *kind) []Fault { return k.judge(ctx, value) })
}

// Structure is Validate with no more than the schemas say: what fields there are, of what types, and within which bounds. It
// asks no rule in CEL and nothing about metadata.
func (d *Definitions) Structure(ctx context.Context, value map[string]any) ([]Fault, error) {
	return d.hold(value, func(k *kind) []Fault { return k.structure(ctx, value) })
}

// hold asks the definitions of an object's kind about it, and about others of its kind.
func (d *Definitions) hold(value map[string]any, ask func(*kind) []Fault, others ...map[string]any) (faults []Fault, err error) {
	gvk := kindOf(value)
	defer func() {
		if r := recover(); r != nil {
			faults, err = nil, fmt.Errorf("judge %s: the API server's code panics: %v\n%s", gvk, r, debug.Stack())
		}
	}()
	if !d.Knows(gvk) {
		return nil, fmt.Errorf("judge %s: %w", gvk, ErrUnknown)
	}
	of := gvk.GroupKind()
	opinionOf := func(s side) (opinion, error) {
		if !s.served[gvk.Version] {
			return opinion{side: s, faults: []Fault{unserved(gvk)}}, nil
		}
		k, err := s.versionFor(gvk, append(others, value)...)
		if err != nil {
			return opinion{}, fmt.Errorf("read the definition of %s: %w", gvk, err)
		}
		return opinion{side: s, faults: ask(k)}, nil
	}
	var opinions []opinion
	each := d.rendered[of]
	if len(d.local(of)) == 0 {
		each = d.serving(gvk)
	}
	for _, s := range each {
		o, err := opinionOf(s)
		if err != nil {
			return nil, err
		}
		opinions = append(opinions, o)
	}
	best := -1 // of those of which one is enough
	for _, s := range d.either[of] {
		o, err := opinionOf(s)
		switch {
		case err != nil:
			return nil, err
		case best < 0:
			best, opinions = len(opinions), append(opinions, o)
		case preferred(o, opinions[best], gvk.Version):
			opinions[best] = o
		}
	}
	if best >= 0 {
		opinions[best].of = len(d.either[of])
	}
	return together(opinions), nil
}

// preferred reports whether an opinion is to be taken rather than another: that of a definition that has the version, and that
// finds less.
func preferred(o, other opinion, version string) bool {
	if serves := o.served[version]; serves != other.served[version] {
		return serves
	}
	return len(o.faults) < len(other.faults)
}

// unserved is what the server says to an object in a version that its definition does not serve.
func unserved(gvk schema.GroupVersionKind) Fault {
	return Fault{Path: []any{"apiVersion"}, Message: fmt.Sprintf("no matches for kind %q in version %q", gvk.Kind, gvk.GroupVersion()), Type: typeApply}
}

// opinion is what one definition of a kind says to an object.
type opinion struct {
	side
	faults []Fault
	of     int // definitions of which it is that of one
}

// together makes one list of what several definitions say. What they all say is there once.
func together(opinions []opinion) []Fault {
	var all []Fault
	for _, o := range opinions {
		for _, f := range o.faults {
			var says, admits []string
			for _, other := range opinions {
				switch {
				case slices.ContainsFunc(other.faults, func(g Fault) bool { return g.Message == f.Message && slices.Equal(g.Path, f.Path) }):
					says = append(says, other.title)
				case len(other.faults) == 0:
					admits = append(admits, other.title)
				}
			}
			switch {
			case len(opinions) == 1 && o.definition.source != "": // the cluster may run another release
				f.Note = " (so says " + o.title + ")"
			case len(says) < len(opinions):
				f.Note = " (so says " + strings.Join(says, " and ")
				if len(admits) > 0 {
					f.Note += ", not " + strings.Join(admits, " nor ")
				}
				f.Note += ": an object has to pass every definition of its kind)"
			case o.of > 1:
				f.Note = fmt.Sprintf(" (so says %s; of %d definitions of the kind one would do)", o.title, o.of)
			}
			all = append(all, f)
		}
	}
	return sorted(all)
}

func kindOf(value map[string]any) schema.GroupVersionKind {
	apiVersion, _ := value["apiVersion"].(string)
	kind, _ := value["kind"].(string)
	return schema.FromAPIVersionAndKind(apiVersion, kind)
}
