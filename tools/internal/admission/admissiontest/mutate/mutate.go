// Package mutate makes wrong objects of right ones, each by one described change, the same ones for the same seed.
package mutate

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
)

// Mutation is one change of an object.
type Mutation struct {
	Name  string `json:"m"`           // what kind of mistake it is
	Path  []any  `json:"p"`           // the field: keys (string) and indexes (int)
	Value any    `json:"v,omitempty"` // what Name needs: the new value, the new name of the field, a length
}

// The changes that are not "set the field to Value".
const (
	Remove    = "remove"
	Misspell  = "misspell"  // Value is the new name
	Duplicate = "duplicate" // the item of a list is there twice
	Overlong  = "overlong"  // Value is the number of characters
	LongKey   = "long-key"  // Value is the number of characters of a key that is added
	NullItem  = "null-item" // a list gets an item that is null
	Oversize  = "oversize"  // annotations of Value characters
	Outdent   = "outdent"   // the field is moved out, beside its parent
	Wrap      = "wrap"      // the value is put into a list
	Unwrap    = "unwrap"    // the first item takes the place of its list
)

func (m Mutation) String() string {
	return fmt.Sprintf("%s %s = %.60s", m.Name, Text(m.Path), fmt.Sprint(m.Value))
}

// Text writes a path as spec.list[2].field.
func Text(path []any) string {
	var b strings.Builder
	for _, step := range path {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			fmt.Fprint(&b, step)
		}
	}
	return b.String()
}

// Apply returns the changed copy of an object, or an error if the object has no such field.
func (m Mutation) Apply(object map[string]any) (map[string]any, error) {
	changed := runtime.DeepCopyJSON(object)
	if len(m.Path) == 0 {
		return nil, fmt.Errorf("%s: no path", m.Name)
	}
	switch m.Name {
	case Outdent:
		return changed, m.outdent(changed)
	case Everywhere:
		return changed, m.everywhere(changed)
	}
	if err := m.at(changed, m.Path, func(any) {}); err != nil {
		return nil, fmt.Errorf("%s: %w", m, err)
	}
	return changed, nil
}

// at walks to the field; replace puts a new value in the place of the node.
func (m Mutation) at(node any, path []any, replace func(any)) error {
	last := len(path) == 1
	switch step := path[0].(type) {
	case string:
		fields, ok := node.(map[string]any)
		if !ok {
			return fmt.Errorf("%q is asked of a %T", step, node)
		}
		if !last {
			child, ok := fields[step]
			if !ok {
				child = map[string]any{} // a change of metadata may bring its own parents
				fields[step] = child
			}
			return m.at(child, path[1:], func(v any) { fields[step] = v })
		}
		switch m.Name {
		case Remove:
			delete(fields, step)
		case Misspell:
			name, _ := m.Value.(string)
			fields[name] = fields[step]
			delete(fields, step)
		default:
			v, err := m.value(fields[step])
			if err != nil {
				return err
			}
			fields[step] = v
		}
	case int:
		items, ok := node.([]any)
		if !ok || step < 0 || step >= len(items) {
			return fmt.Errorf("item %d is asked of a %T", step, node)
		}
		if !last {
			return m.at(items[step], path[1:], func(v any) { items[step] = v })
		}
		switch m.Name {
		case Remove:
			replace(slices.Delete(items, step, step+1))
		case Duplicate:
			replace(append(items, runtime.DeepCopyJSONValue(items[step])))
		default:
			v, err := m.value(items[step])
			if err != nil {
				return err
			}
			items[step] = v
		}
	default:
		return fmt.Errorf("a step is a %T", step)
	}
	return nil
}

// outdent moves the field up by one: what a wrong indentation does.
func (m Mutation) outdent(object map[string]any) error {
	n := len(m.Path)
	if n < 2 {
		return fmt.Errorf("%s: it is at the top", m)
	}
	node := any(object)
	held := make([]map[string]any, n) // the fields that each step but those into lists is one of
	for i, step := range m.Path {
		switch at := node.(type) {
		case map[string]any:
			key, _ := step.(string)
			held[i], node = at, at[key]
		case []any:
			index, ok := step.(int)
			if !ok || index < 0 || index >= len(at) {
				return fmt.Errorf("%s: there is no such item", m)
			}
			node = at[index]
		default:
			return fmt.Errorf("%s: there is no such field", m)
		}
	}
	from, to := held[n-1], held[n-2]
	if from == nil || to == nil {
		return fmt.Errorf("%s: it is of no field of another", m)
	}
	key, _ := m.Path[n-1].(string)
	delete(from, key)
	to[key] = node
	return nil
}

// value is what the field holds afterwards.
func (m Mutation) value(old any) (any, error) {
	switch m.Name {
	case Overlong:
		n, err := length(m.Value)
		return strings.Repeat("a", n), err
	case LongKey:
		n, err := length(m.Value)
		fields, ok := old.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("a %T has no keys", old)
		}
		fields[strings.Repeat("k", n)] = "v"
		return fields, err
	case NullItem:
		items, ok := old.([]any)
		if !ok {
			return nil, fmt.Errorf("a %T has no items", old)
		}
		return append(items, nil), nil
	case Oversize:
		n, err := length(m.Value)
		return map[string]any{"a": strings.Repeat("a", n)}, err
	case Wrap:
		return []any{old}, nil
	case Unwrap:
		items, ok := old.([]any)
		if !ok || len(items) == 0 {
			return nil, fmt.Errorf("a %T has no items", old)
		}
		return items[0], nil
	}
	return runtime.DeepCopyJSONValue(m.Value), nil
}

func length(v any) (int, error) {
	switch n := v.(type) {
	case int64:
		return int(n), nil
	case float64:
		return int(n), nil
	}
	return 0, fmt.Errorf("a length is a %T", v)
}

// Of returns up to n mutations of an object: as many of each name as there are, at fields that seed and the object's
// own content choose. apiVersion and kind stay.
func Of(object map[string]any, seed uint64, n int) []Mutation {
	byName := map[string][]Mutation{}
	add := func(name string, path []any, value any) {
		byName[name] = append(byName[name], Mutation{Name: name, Path: slices.Clone(path), Value: value})
	}
	digest := fnv.New64a()
	var texts []string
	collect(object, nil, func(path []any, v any) {
		fmt.Fprintln(digest, Text(path), fmt.Sprintf("%T", v))
		if s, ok := v.(string); ok {
			texts = append(texts, s)
		}
	})
	r := rand.New(rand.NewPCG(seed, digest.Sum64()))
	collect(object, nil, func(path []any, v any) { ofField(r, path, v, texts, add) })
	ofMetadata(object, add)

	names := slices.Sorted(maps.Keys(byName))
	for _, name := range names {
		list := byName[name]
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	// Names that can strike anywhere come around again; the others are exhausted early.
	var chosen []Mutation
	for round := 0; len(chosen) < n; round++ {
		before := len(chosen)
		for _, name := range names {
			if list := byName[name]; round < len(list) && len(chosen) < n {
				chosen = append(chosen, list[round])
			}
		}
		if len(chosen) == before {
			break
		}
	}
	slices.SortStableFunc(chosen, func(a, b Mutation) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(Text(a.Path), Text(b.Path)))
	})
	return chosen
}

// collect visits every field and item, parents first, in the order of their names, without the object itself.
func collect(node any, path []any, visit func(path []any, v any)) {
	if len(path) > 0 {
		visit(path, node)
	}
	switch node := node.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(node)) {
			if len(path) == 0 && (key == "apiVersion" || key == "kind") {
				continue
			}
			collect(node[key], append(path, key), visit)
		}
	case []any:
		for i, child := range node {
			collect(child, append(path, i), visit)
		}
	}
}

func ofField(r *rand.Rand, path []any, v any, texts []string, add func(string, []any, any)) {
	key, named := path[len(path)-1].(string)
	name := len(path) == 2 && path[0] == "metadata" && key == "name"
	if !name { // without a name nothing can be applied
		add(Remove, path, nil)
		add("null", path, nil)
	}
	if named && !name {
		switch r.IntN(3) {
		case 0:
			add(Misspell, path, key+"s")
		case 1:
			add(Misspell, path, strings.ToUpper(key[:1])+key[1:])
		default:
			add(Misspell, path, strings.TrimSuffix(key, key[len(key)-1:]))
		}
		add(Wrap, path, nil)
		if n := len(path); n > 1 {
			_, inItem := path[n-2].(int)
			address := n == 2 && (key == "apiVersion" || key == "kind") // it would be asked elsewhere
			if !inItem && !address {
				add(Outdent, path, nil)
			}
		}
	} else if !named {
		add(Duplicate, path, nil)
	}
	pick := func(values ...any) any { return values[r.IntN(len(values))] }
	switch v := v.(type) {
	case string:
		if name {
			add("bad-name", path, pick("Bad_Name", "a..b", "-a", "a b", "a/b", "été"))
			add(Overlong, path, pick(int64(64), int64(254)))
			return
		}
		add("mistype", path, pick(int64(12), true, []any{"a"}, map[string]any{"a": "b"}, 1.5))
		add("empty", path, "")
		add(Overlong, path, pick(int64(64), int64(254), int64(300_000)))
		add("bad-name", path, pick("Bad_Name!", "a..b", "-a", "a b", "été", "UPPER", "a/b/c"))
		add("bad-value", path, pick("NoSuchValue", "10Zi", "-1", "0", "5", "1e400", "50%", "150%", "1h", "99999h", "10.0.0.300", "::1", "*", "/a", "a=b", "true"))
		if changed := pick(strings.ToLower(v), strings.ToUpper(v), v+" ", " "+v); changed != v {
			add("case-space", path, changed)
		}
		if other := texts[r.IntN(len(texts))]; other != v {
			add("swap", path, other)
		}
	case int64, float64:
		add("mistype", path, pick("x", "8080", true, []any{int64(1)}, map[string]any{}))
		add("range", path, pick(int64(-1), int64(0), int64(70_000), int64(1)<<40))
		add("range", path, pick(int64(-2_147_483_648), int64(30_000), 1.5, int64(101), int64(1)))
	case bool:
		add("mistype", path, pick("yes", "true", int64(1), []any{}))
		add("flip", path, !v)
	case []any:
		add("mistype", path, pick(map[string]any{}, "x", int64(1), true, map[string]any{"a": "b"}))
		add("empty", path, []any{})
		add(NullItem, path, nil)
		if len(v) > 0 {
			add(Unwrap, path, nil)
		}
		add("wrong-item", path, append(slices.Clone(v), pick("x", int64(1), map[string]any{}, map[string]any{"name": "x"}, []any{})))
	case map[string]any:
		add("mistype", path, pick([]any{}, "x", int64(1), false, []any{"a"}))
		add("empty", path, map[string]any{})
		field := slices.Clone(path)
		add("unknown", append(field, pick("unknownField", "foo", "Name", "a b").(string)), pick("x", int64(1), map[string]any{"a": int64(1)}, nil))
		add(LongKey, path, pick(int64(64), int64(254)))
	case nil:
		add("mistype", path, pick("x", int64(1), map[string]any{}))
	}
}

// ofMetadata are mistakes in what all objects have, wherever the object has none of it.
func ofMetadata(object map[string]any, add func(string, []any, any)) {
	metadata, _ := object["metadata"].(map[string]any)
	kind := fmt.Sprint(object["kind"])
	for _, c := range []struct {
		path  string
		value any
	}{
		{"labels", map[string]any{"a b": "c"}},
		{"labels", map[string]any{"a": "b c"}},
		{"labels", map[string]any{"a": int64(1)}},
		{"labels", map[string]any{"a/b/c": "d"}},
		{"labels", map[string]any{"Ex.com/a": "d"}},
		{"labels", []any{"a"}},
		{"annotations", map[string]any{"a b": "c"}},
		{"annotations", map[string]any{"a": true}},
		{"annotations", map[string]any{"a": nil}},
		{"finalizers", []any{"a b"}},
		{"finalizers", []any{"nodomain"}},
		{"finalizers", []any{"a.b/c", "a.b/c"}},
		{"finalizers", []any{"orphan", "foregroundDeletion"}},
		{"ownerReferences", []any{map[string]any{"kind": kind}}},
		{"ownerReferences", []any{map[string]any{"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": ""}}},
		{"ownerReferences", []any{map[string]any{"apiVersion": "v1", "kind": "Event", "name": "a", "uid": "b"}}},
		{"ownerReferences", []any{
			map[string]any{"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "b", "controller": true},
			map[string]any{"apiVersion": "v1", "kind": "Pod", "name": "c", "uid": "d", "controller": true},
		}},
		{"managedFields", []any{map[string]any{"manager": "a"}}},
		{"managedFields", []any{}},
		{"uid", "11111111-1111-1111-1111-111111111111"},
		{"resourceVersion", "1"},
		{"resourceVersion", "x"},
		{"generateName", "A_b"},
		{"generation", int64(-1)},
		{"generation", "1"},
		{"creationTimestamp", "today"},
		{"creationTimestamp", nil},
		{"deletionTimestamp", "2026-01-01T00:00:00Z"},
		{"deletionGracePeriodSeconds", int64(-1)},
		{"selfLink", "x"},
		{"namespace", "Bad_Namespace"},
		{"namespace", "a.b"},
		{"namespace", int64(1)},
		{"namespace", ""},
		{"clusterName", "x"},
		{"nmae", "x"},
	} {
		if c.path == "namespace" && metadata["namespace"] == nil && c.value != "a.b" {
			continue
		}
		add("metadata-"+c.path, []any{"metadata", c.path}, c.value)
	}
	add(Oversize, []any{"metadata", "annotations"}, int64(262_144))
	add(Oversize, []any{"metadata", "annotations"}, int64(262_143))
	add("unknown", []any{"unknownField"}, "x")
	add("unknown", []any{"spec", "unknownField"}, "x")
	add("unknown", []any{"status"}, map[string]any{})
	add("unknown", []any{"status"}, "x")
	add("unknown", []any{"status", "unknownField"}, "x")
}
