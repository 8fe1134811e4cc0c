// Package difference says what differs between an object before a change and after it, field by field, as the API server keeps
// the two: what it fills in, writes in another way or has in any order is told from what changes something.
package difference

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/admission"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Change is one field that differs.
type Change struct {
	// Path is in the new object; of what is removed it is OldPath.
	Path manifest.Path
	// OldPath is the same field in the old object; nil where it was not there.
	OldPath manifest.Path
	// Old and New are what the field holds: decoded content, nil where the field is not there, Null for a null, Secret for what
	// nobody is to read.
	Old, New any
	// Removed reports a field that the new object does not have.
	Removed bool
	// Default is what the server fills in where the one side does not have the field; nil where it fills in nothing.
	Default any
	// Filled reports a field that neither object has: Old and New are what the server fills in, which follows from another change.
	// Path and OldPath lead to where it would stand.
	Filled bool
	// Lines are, of a text of several lines that was another, its lines; nil for any other value.
	Lines []Line
	// Moved reports an item of a list that is at another place among the others. What else changes in it are Changes of their own.
	Moved bool
	// Equal says why the change is none to the server, or to who reads the object; "" for one that is.
	Equal Equality
	// Kept reports a change that is Equal of which the server keeps what is written all the same: an order, another name, or a unit.
	// To who compares what it keeps the object is another one.
	Kept bool
}

// Equality is why two values that are written in different ways are the same.
type Equality string

// The reasons.
const (
	Default  Equality = "default"  // the server fills it in, or leaves out what is empty
	Quantity Equality = "quantity" // the same amount
	Format   Equality = "format"   // the same value, written in another way
	Order    Equality = "order"    // that of items of which the order means nothing
	Suffix   Equality = "suffix"   // it follows the name of what a generator made
	Status   Equality = "status"   // the server takes no status from who applies an object
)

// Null is a null that is written.
type Null struct{}

// MarshalJSON writes null.
func (Null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// String is "null".
func (Null) String() string { return "null" }

// Comparer compares objects. It is safe for concurrent use.
type Comparer struct {
	server *admission.Server
	// SameName reports whether a text at a path of the new object is the name of what a generator made, and the old one is what the
	// same was called before: another suffix is no change of its own. nil is never.
	SameName func(path manifest.Path, old, new string) bool
}

// New returns a Comparer that asks server what becomes of objects.
func New(server *admission.Server) *Comparer { return &Comparer{server: server} }

// Of is what differs between two versions of an object of a target: apiVersion, kind and metadata first, then the other fields
// by their names, items of lists in the order of the new object. Target is the new one; what defined the old object's kind is
// looked for in target.Before where that is there.
func (c *Comparer) Of(ctx context.Context, target *check.Target, old, new *manifest.Object) ([]Change, error) {
	before := target
	if target != nil && target.Before != nil && target.Before.Target != nil {
		before = target.Before.Target
	}
	if before == target && old.Digest() == new.Digest() && bytes.Equal(old.Written(), new.Written()) {
		return nil, nil // by other definitions the server may make something else of the same
	}
	was, err := c.server.Stored(ctx, old, before)
	if err != nil {
		return nil, fmt.Errorf("compare %s: %w", new.ID, err)
	}
	is, err := c.server.Stored(ctx, new, target)
	if err != nil {
		return nil, fmt.Errorf("compare %s: %w", new.ID, err)
	}
	w := &walker{oldStandIns: standIns(before), newStandIns: standIns(target), comparer: c, builtin: is.Builtin, status: was.Status || is.Status, group: new.Group(), kind: new.Kind, old: old, new: new}
	if w.oldSealed, err = sealedOf(old); err != nil {
		return nil, err
	}
	if w.newSealed, err = sealedOf(new); err != nil {
		return nil, err
	}
	a := side{value: old.Value, is: true, path: manifest.Path{}}
	b := side{value: new.Value, is: true, path: manifest.Path{}}
	// Versions of a kind have fields of their own, and what the server makes of two is not alike.
	if was.Value != nil && is.Value != nil && old.APIVersion == new.APIVersion {
		a.stored, a.kept, a.known = was.Value, true, true
		b.stored, b.kept, b.known = is.Value, true, true
	}
	w.object(a, b, is.Type)
	return w.changes, ctx.Err()
}

// side is a field of one of two objects.
type side struct {
	value any // as it is written
	is    bool
	path  manifest.Path

	known  bool // whether it is known what the server keeps in its place
	stored any
	kept   bool // it keeps something
}

// field is a field of a mapping.
func (s side) field(name string) side {
	next := side{path: step(s.path, name), known: s.known}
	if of, ok := s.value.(map[string]any); ok && s.is {
		next.value, next.is = of[name]
		_, next.is = of[name]
	}
	if s.known && s.kept {
		of, ok := s.stored.(map[string]any)
		if !ok {
			next.known = false
			return next
		}
		next.stored, next.kept = of[name]
		_, next.kept = of[name]
	}
	return next
}

// item is an item of a list that is written.
func (s side) item(i int) side {
	next := side{value: s.value.([]any)[i], is: true, path: step(s.path, i)}
	if items := s.items(); items != nil {
		next.known, next.stored, next.kept = true, items[i], true
	}
	return next
}

// items are those of a list as the server keeps them, each in the place of the one that is written; nil where that is not known.
func (s side) items() []any {
	items, ok := s.stored.([]any)
	if !s.known || !s.kept || !ok || len(items) != len(s.value.([]any)) {
		return nil
	}
	return items
}

// gone is the place of an item that the other side has.
func gone(path manifest.Path) side { return side{path: path} }

func step(path manifest.Path, to any) manifest.Path {
	return append(slices.Clone(path), to)
}

// shown is a value as a Change has it.
func (s side) shown() any {
	switch {
	case !s.is:
		return nil
	case s.value == nil:
		return Null{}
	}
	return s.value
}

type walker struct {
	comparer    *Comparer
	builtin     bool
	status      bool // a status that is applied counts
	group, kind string
	old, new    *manifest.Object
	changes     []Change
	looked      int // values that were looked at for what items have in common

	// What SOPS encrypted, by path: the text that is written.
	oldSealed, newSealed map[string]string
	// What the objects have in place of what nobody here knows.
	oldStandIns, newStandIns check.StandIns
}

func standIns(target *check.Target) check.StandIns {
	if target == nil {
		return nil
	}
	return target.StandIns
}

// first are the fields that every object begins with.
var first = []string{"apiVersion", "kind", "metadata"}

// object compares two whole objects.
func (w *walker) object(a, b side, t admission.Type) {
	names := fieldsIn(a, b)
	slices.SortStableFunc(names, func(x, y string) int {
		rank := func(name string) int {
			if i := slices.Index(first, name); i >= 0 {
				return i
			}
			return len(first)
		}
		return cmp.Compare(rank(x), rank(y))
	})
	secret := isSecret(w.old) || isSecret(w.new)
	keys := hasKeys(w.old) && hasKeys(w.new)
	for _, name := range names {
		if keys && slices.Contains(keyed, name) {
			continue
		}
		from := len(w.changes)
		w.walk(a.field(name), b.field(name), t.Field(name))
		if secret {
			w.hide(from)
		}
		if name == "status" && !w.status {
			for i := range w.changes[from:] {
				w.changes[from+i].Equal = cmp.Or(w.changes[from+i].Equal, Status)
			}
		}
	}
	if keys {
		w.secret()
	}
}

// fieldNames are those of some mappings, sorted.
func fieldNames(values ...any) []string {
	names := map[string]bool{}
	for _, value := range values {
		of, _ := value.(map[string]any)
		for name := range of {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// fieldsIn are the names of the fields that either of two mappings has, and of those that the server fills in.
func fieldsIn(a, b side) []string {
	if a.known && b.known && a.kept && b.kept {
		return fieldNames(a.value, b.value, a.stored, b.stored)
	}
	return fieldNames(a.value, b.value)
}

// add records a change.
func (w *walker) add(a, b side, equal Equality) {
	c := Change{Path: b.path, Old: a.shown(), New: b.shown(), Equal: equal, Removed: !b.is}
	switch equal {
	case Order, Suffix:
		c.Kept = true
	case Quantity:
		c.Kept = !a.known || !b.known || !same(a.stored, b.stored)
	}
	if a.is {
		c.OldPath = a.path
	}
	switch {
	case a.is && !b.is:
		c.Path = a.path
		if b.known && b.kept {
			c.Default = b.stored
		}
	case b.is && !a.is && a.known && a.kept:
		c.Default = a.stored
	}
	if len(w.oldSealed) > 0 && a.is {
		c.Old = veiled(c.Old, a.path, w.oldSealed)
	}
	if len(w.newSealed) > 0 && b.is {
		c.New = veiled(c.New, b.path, w.newSealed)
	}
	c.Old, c.New, c.Default = inWords(c.Old, w.oldStandIns), inWords(c.New, w.newStandIns), inWords(c.Default, w.newStandIns)
	if from, ok := c.Old.(string); ok {
		if to, ok := c.New.(string); ok && strings.Contains(from+to, "\n") {
			c.Lines = Lines(from, to)
		}
	}
	w.changes = append(w.changes, c)
}

// inWords is a value as it is written, with what stands in for something put back.
func inWords(value any, standIns check.StandIns) any {
	if len(standIns) == 0 {
		return value
	}
	switch v := value.(type) {
	case string:
		return standIns.Written(v)
	case map[string]any:
		fields := make(map[string]any, len(v))
		for name, field := range v {
			fields[standIns.Written(name)] = inWords(field, standIns)
		}
		return fields
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = inWords(item, standIns)
		}
		return items
	}
	return value
}

// walk compares what stands in one place.
func (w *walker) walk(a, b side, t admission.Type) {
	switch {
	case !a.is && !b.is:
		w.filled(a, b, t)
	case a.is && b.is:
		w.both(a, b, t)
	default:
		w.one(a, b, t)
	}
}

// twins are fields in which the server repeats what stands in another one.
var twins = []string{"serviceAccount"}

// filled compares what the server fills in for a field that neither object has.
func (w *walker) filled(a, b side, t admission.Type) {
	if !a.known || !b.known || same(a.stored, b.stored) && a.kept == b.kept {
		return
	}
	if name, _ := b.path[len(b.path)-1].(string); slices.Contains(twins, name) {
		return
	}
	if _, ok := a.stored.(map[string]any); ok {
		if _, ok := b.stored.(map[string]any); ok {
			for _, name := range fieldNames(a.stored, b.stored) {
				w.filled(a.field(name), b.field(name), t.Field(name))
			}
			return
		}
	}
	if !(a.kept && b.kept) && empty(a.stored) && empty(b.stored) {
		return
	}
	equal := Equality("")
	if a.kept && b.kept && t.Quantity() && areQuantities(a.stored, b.stored) {
		equal = Quantity
	}
	at := len(w.changes)
	w.add(side{value: a.stored, is: a.kept, path: a.path}, side{value: b.stored, is: b.kept, path: b.path}, equal)
	w.changes[at].Filled = true
}

// both compares two values.
func (w *walker) both(a, b side, t admission.Type) {
	was, wasSealed := w.hidden(a, w.old, w.oldSealed)
	is, isSealed := w.hidden(b, w.new, w.newSealed)
	if wasSealed || isSealed {
		if wasSealed != isSealed || was != is {
			w.add(a, b, "")
		}
		return
	}
	if len(w.oldSealed)+len(w.newSealed) == 0 && identical(a.value, b.value) && (!a.known || !b.known || identical(a.stored, b.stored)) {
		return
	}
	if _, ok := a.value.(map[string]any); ok {
		if _, ok := b.value.(map[string]any); ok {
			for _, name := range fieldsIn(a, b) {
				w.walk(a.field(name), b.field(name), t.Field(name))
			}
			return
		}
	}
	if _, ok := a.value.([]any); ok {
		if _, ok := b.value.([]any); ok {
			w.list(a, b, t)
			return
		}
	}
	if same(a.value, b.value) {
		if !identical(a.value, b.value) {
			w.add(a, b, Format)
		}
		return
	}
	if len(w.oldStandIns)+len(w.newStandIns) > 0 && identical(inWords(a.value, w.oldStandIns), inWords(b.value, w.newStandIns)) {
		return // what stands in for a variable in two targets is not the same
	}
	w.add(a, b, w.equality(a, b, t))
}

// one looks at a value that only one side has.
func (w *walker) one(a, b side, t admission.Type) {
	has, lacks := a, b
	if b.is {
		has, lacks = b, a
	}
	switch {
	case !a.known || !b.known:
		w.add(a, b, "")
	case has.kept && lacks.kept && same(has.stored, lacks.stored):
		w.add(a, b, Default)
	case has.kept && lacks.kept && t.Quantity() && areQuantities(has.stored, lacks.stored):
		w.add(a, b, Quantity)
	case !has.kept && !lacks.kept && t.Known() && empty(has.value):
		w.add(a, b, Default)
	default:
		_, mapping := has.value.(map[string]any)
		filled, ok := lacks.stored.(map[string]any)
		if !mapping || !ok || !has.kept || len(filled) == 0 {
			w.add(a, b, "")
			return
		}
		// The server fills in some of what is inside: what it does not is the change.
		for _, name := range fieldNames(has.value, has.stored, lacks.stored) {
			w.walk(a.field(name), b.field(name), t.Field(name))
		}
	}
}

// equality says why two values that differ are the same, "" where they are not.
func (w *walker) equality(a, b side, t admission.Type) Equality {
	from, isText := a.value.(string)
	to, areTexts := b.value.(string)
	areTexts = areTexts && isText
	if areTexts && w.comparer.SameName != nil && w.comparer.SameName(b.path, from, to) {
		return Suffix
	}
	if a.known && b.known && a.kept == b.kept && same(a.stored, b.stored) {
		switch {
		case !a.kept && !(t.Known() && empty(a.value) && empty(b.value)):
			return "" // a field that the kind does not have
		case a.value == nil || b.value == nil:
			return Default
		case areQuantities(a.value, b.value):
			return Quantity
		}
		return Format
	}
	switch {
	case t.Quantity() && areQuantities(a.value, b.value):
		return Quantity
	case t.Duration() && areDurations(a.value, b.value):
		return Format
	}
	return ""
}
