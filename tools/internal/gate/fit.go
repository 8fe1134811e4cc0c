package gate

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/substitution"
)

// fit gives fields of which nobody knows the value one that the API server takes, where there is one, so that it goes on to
// judge the others. What is said of these fields themselves nobody hears.
func (g *Gate) fit(ctx context.Context, t *Target) error {
	objects := slices.Clone(t.Objects)
	for i, object := range objects {
		if len(object.Unknown) == 0 {
			continue
		}
		written := cmp.Or(t.was[object], object)
		fitted, err := g.fitted(ctx, t, object, written)
		if err != nil {
			return err
		}
		objects[i], t.was[fitted] = fitted, written
	}
	t.Objects = objects
	return ctx.Err()
}

// fitting are values that one field or another takes.
var fitting = []any{
	"1", int64(1), true, "a", "1m", "192.0.2.1", "192.0.2.0/24", "https://example.com", "a@example.com", "0 0 * * *", []any{}, map[string]any{},
}

// fitted is an object with other values in place of the unknown ones that the API server does not take.
func (g *Gate) fitted(ctx context.Context, t *Target, object, written *manifest.Object) (*manifest.Object, error) {
	made, err := emptied(object, written)
	if err != nil {
		return nil, err
	}
	tried := make([]int, len(made.Unknown))
	const most = 200 // each attempt takes about as long as to judge the object
	all := 0         // values that were tried in every field at once
	for range most {
		faults, err := g.engines.server.Verdict(ctx, &t.Target, made)
		if err != nil {
			break // where the object is judged, that says why
		}
		if whole := slices.ContainsFunc(faults, func(f fault.Fault) bool { return len(f.Path) == 0 }); whole && all < len(fitting) {
			for _, path := range made.Unknown {
				value, _ := path.Lookup(object.Value)
				now, _ := path.Lookup(made.Value)
				_, isText := value.(string)
				if _, stillText := now.(string); isText && stillText && !called(path) {
					if made, err = with(made, path, fits(value, fitting[all], t)); err != nil {
						return nil, err
					}
				}
			}
			all++
			continue
		}
		next := -1
		for i, path := range made.Unknown {
			if tried[i] <= len(fitting) && !called(path) && slices.ContainsFunc(faults, func(f fault.Fault) bool { return about(f, made, path) }) {
				next = i
				break
			}
		}
		if next < 0 {
			break
		}
		path := made.Unknown[next]
		value, _ := path.Lookup(object.Value)
		if tried[next] < len(fitting) {
			value = fits(value, fitting[tried[next]], t)
		}
		tried[next]++
		if made, err = with(made, path, value); err != nil {
			return nil, err
		}
	}
	return made, ctx.Err()
}

// about reports whether a fault is one of the value at a path.
func about(f fault.Fault, object *manifest.Object, path manifest.Path) bool {
	if f.Path.HasPrefix(path) {
		return true
	}
	text, _ := manifest.At(object.Value, path...).(string)
	return text != "" && path.HasPrefix(f.Path) && strings.Contains(f.Message, text)
}

// called reports a field that says which object it is.
func called(path manifest.Path) bool {
	return slices.Contains([]string{"apiVersion", "kind", "metadata.name", "metadata.namespace"}, path.String())
}

// fits is a value with another in place of what stands in for variables in it: within a text, as text.
func fits(value, other any, t *Target) any {
	text, ok := value.(string)
	if !ok {
		return other
	}
	_, whole := t.StandIns[text]
	in, isText := other.(string)
	if whole || !isText || !t.StandIns.In(text) { // all of a text is encrypted, or nothing
		return other
	}
	for standIn := range t.StandIns {
		text = strings.ReplaceAll(text, standIn, in)
	}
	return text
}

// with is an object with another value at a path.
func with(object *manifest.Object, path manifest.Path, value any) (*manifest.Object, error) {
	changed, err := manifest.Encode(set(object.Value, path, value))
	if err != nil {
		return nil, err
	}
	changed.Source, changed.Unknown = object.Source, object.Unknown
	return changed, nil
}

// set is a copy of a value with another one at a path.
func set(in any, path manifest.Path, value any) any {
	if len(path) == 0 {
		return value
	}
	switch in := in.(type) {
	case map[string]any:
		if key, ok := path[0].(string); ok {
			changed := maps.Clone(in)
			changed[key] = set(in[key], path[1:], value)
			return changed
		}
	case []any:
		if i, ok := path[0].(int); ok && i < len(in) {
			changed := slices.Clone(in)
			changed[i] = set(in[i], path[1:], value)
			return changed
		}
	}
	return in
}

// emptied is an object with nothing in place of contents of a Secret that nobody knows: they are not in the repository. What is
// written beside a variable, or as its default, is, and nothing hides it.
func emptied(object, written *manifest.Object) (*manifest.Object, error) {
	if object.APIVersion != "v1" || object.Kind != "Secret" {
		return object, nil
	}
	made := object
	for _, path := range object.Unknown {
		if len(path) != 2 || path[0] != "data" && path[0] != "stringData" || literal(written, path) {
			continue
		}
		var err error
		if made, err = with(made, path, manifest.Sealed(path[0] == "data")); err != nil {
			return nil, err
		}
	}
	for _, field := range []string{"data", "stringData"} {
		values, _ := written.Value[field].(map[string]any)
		for key := range values {
			if path := (manifest.Path{field}); made.Hides(path) && literal(written, append(path, key)) { // a key is a variable
				var err error
				if made, err = with(made, nil, made.Value); err != nil {
					return nil, err
				}
				made.Unknown = slices.DeleteFunc(slices.Clone(made.Unknown), path.HasPrefix)
			}
		}
	}
	return made, nil
}

// literal reports whether a value of a Secret is in the repository, or a part of it.
func literal(written *manifest.Object, path manifest.Path) bool {
	text, isText := manifest.At(written.Value, path...).(string)
	return isText && !written.Hides(path) && substitution.Literal(text)
}
