package kustomization

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	//lint:ignore SA1019 Kustomize's transformers are nowhere else
	"sigs.k8s.io/kustomize/api/builtins"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// effect is what an entry did to an object: what the object was, and is.
type effect struct {
	of     *resource.Resource
	before *yaml.Node
	had    *resource.Resource // a copy, from before
}

// watch keeps what objects are before an entry is applied.
func watch(objects []*resource.Resource) []effect {
	effects := make([]effect, len(objects))
	for i, r := range objects {
		had := r.DeepCopy()
		effects[i] = effect{of: r, before: had.YNode(), had: had}
	}
	return effects
}

func (f effect) changed() bool { return f.of.IsNilOrEmpty() || !same(f.before, f.of.YNode()) }

// none reports whether an entry changed nothing of what it reached.
func none(effects []effect) bool { return !slices.ContainsFunc(effects, effect.changed) }

// tried are the copies of objects that an entry changed nothing of, to try another entry on: none says of the effects then
// whether that one changes anything.
func tried(effects []effect) (resmap.ResMap, error) {
	copies := resmap.New()
	for _, f := range effects {
		if err := copies.Append(f.had); err != nil {
			return nil, err
		}
	}
	return copies, nil
}

// buildAnnotations begin the keys of what Kustomize notes on objects while it builds.
const buildAnnotations = "internal.config.kubernetes.io/"

// same compares trees as values, without what Kustomize notes on them.
func same(a, b *yaml.Node) bool {
	switch {
	case a == nil || b == nil:
		return a == b
	case a.Kind != b.Kind:
		return false
	case a.Kind == yaml.ScalarNode:
		return a.Value == b.Value && a.ShortTag() == b.ShortTag()
	case a.Kind == yaml.MappingNode:
		left, right := pairs(a), pairs(b)
		if len(left) != len(right) {
			return false
		}
		for key, value := range left {
			if other, ok := right[key]; !ok || !same(value, other) {
				return false
			}
		}
		return true
	}
	return slices.EqualFunc(a.Content, b.Content, same)
}

// pairs are the fields of a mapping. Annotations that are Kustomize's alone are none.
func pairs(node *yaml.Node) map[string]*yaml.Node {
	fields := map[string]*yaml.Node{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i].Value, node.Content[i+1]
		if strings.HasPrefix(key, buildAnnotations) || key == "annotations" && value.Kind == yaml.MappingNode && len(pairs(value)) == 0 {
			continue
		}
		fields[key] = value
	}
	return fields
}

// imageEffect says of an entry of `images` that changed nothing why that is.
func (e *engine) imageEffect(at, name manifest.Position, image types.Image, specs types.FsSlice, a *accumulation, effects []effect) {
	if !none(effects) {
		e.effective(noEffect, at)
		e.effective(imageUsed, at)
		return
	}
	probe, err := tried(effects)
	if err != nil {
		return
	}
	asked := image
	asked.NewName, asked.NewTag, asked.Digest, asked.TagSuffix = "kgate.invalid/probe", "", "", ""
	if err := (&builtins.ImageTagTransformerPlugin{ImageTag: asked, FieldSpecs: specs}).Transform(probe); err != nil {
		return
	}
	if !none(effects) {
		e.effective(imageUsed, at)
		e.idle(at, newFault(noEffect, at, "the entry changes nothing: every image called %q is already what it says", image.Name))
		return
	}
	names := map[string]bool{}
	for _, r := range a.resources.Resources() {
		imageNames(r.YNode(), names)
	}
	delete(names, image.Name)
	instead := closest(image.Name, names)
	if instead != "" {
		instead = fmt.Sprintf("; it has %q", instead)
	}
	e.idle(at, newFault(imageUsed, name, "the entry changes nothing: no image here is called %q%s", image.Name, instead))
}

// imageNames collects the names of every text that could be an image: which fields Kustomize takes for one is not the
// question where a name is to be suggested.
func imageNames(node *yaml.Node, names map[string]bool) {
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 1 && child.Kind == yaml.ScalarNode && node.Content[i-1].Value == "image" {
			name, _, _ := strings.Cut(child.Value, "@")
			if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
				name = name[:colon]
			}
			names[name] = true
		}
		imageNames(child, names)
	}
}

// patchEffect says what of a patch did nothing.
func (e *engine) patchEffect(a *accumulation, p *Patch, document *manifest.Document, effects []effect) {
	if document.Node.Kind == yaml.SequenceNode {
		e.operationEffects(document, effects)
		return
	}
	plain := manifest.Plain(document.Node)
	var value any
	if err := plain.Decode(&value); err != nil {
		return
	}
	found := e.idleRemovals(a, p, document, plain, value, effects)
	switch {
	case len(effects) > 0 && !none(effects):
		e.effective(noEffect, p.entryOf(document))
	case len(effects) > 0 && !found:
		e.idle(p.entryOf(document), newFault(noEffect, content(document, plain), "the patch changes nothing: %s is the same without it", called(effects)))
	}
	if len(effects) > 0 {
		e.leftDirectives(document, plain, value, effects)
		e.textOfNull(p, document, plain, effects)
		e.lostItems(document, plain, value, effects)
		e.addedContainers(a, document, plain, value, effects)
	}
}

// entryOf is what of a kustomization brings a document of a patch.
func (p *Patch) entryOf(document *manifest.Document) manifest.Position {
	if p.Target != nil {
		return p.Source
	}
	return document.Position(nil, document.Node)
}

func called(effects []effect) string {
	if len(effects) > 1 {
		return fmt.Sprintf("each of the %d objects that it reaches", len(effects))
	}
	id := effects[0].had.CurId()
	return fmt.Sprintf("the %s %s", id.Kind, id.Name)
}

// content is the place of the first field of a patch that says more than which object is meant.
func content(document *manifest.Document, plain *yaml.Node) manifest.Position {
	for i := 0; i+1 < len(plain.Content); i += 2 {
		key := plain.Content[i]
		if !slices.Contains([]string{"apiVersion", "kind", "metadata"}, key.Value) {
			return document.Position(key, nil)
		}
	}
	return document.Position(nil, document.Node)
}

// operationEffects says which operations of a JSON patch change none of the objects, each applied to what those before it
// made, by the library that Kustomize applies patches with.
func (e *engine) operationEffects(document *manifest.Document, effects []effect) {
	operations := document.Node.Content
	idle, changes := map[int]bool{}, false
	for i, operation := range operations {
		idle[i] = manifest.Text(operation, "op") != "test"
		changes = changes || idle[i]
	}
	if len(operations) == 0 {
		e.fault(noEffect, document.Position(nil, document.Node), "the patch is empty: it changes nothing")
	}
	if len(operations) == 1 {
		idle[0] = idle[0] && none(effects)
	} else {
		for _, f := range effects {
			if !slices.Contains(slices.Collect(maps.Values(idle)), true) {
				break
			}
			if !oneByOne(operations, f.had, func(i int, before, after []byte, err error) {
				if idle[i] && (err != nil || !sameJSON(before, after)) {
					idle[i] = false
				}
			}) {
				return
			}
		}
	}
	whole := document.Position(nil, document.Node)
	switch {
	case len(effects) == 0:
	case !none(effects):
		e.effective(noEffect, whole)
	case changes && !slices.Contains(slices.Collect(maps.Values(idle)), true):
		e.idle(whole, newFault(noEffect, whole, "the patch changes nothing: its operations undo each other, and %s is the same without them", called(effects)))
	}
	for i, operation := range operations {
		at := document.Position(nil, operation)
		switch {
		case len(effects) == 0:
		case idle[i]:
			e.idle(at, newFault(noEffect, at, "the operation changes nothing: %s is the same without it", called(effects)))
		default:
			e.effective(noEffect, at)
		}
		if len(effects) > 0 {
			e.odd(document, operation)
		}
	}
}

// odd says of an operation that the library by which Kustomize applies it takes something for something else.
func (e *engine) odd(document *manifest.Document, operation *yaml.Node) {
	for _, field := range []string{"path", "from"} {
		at := manifest.Lookup(operation, field)
		if at == nil || at.Value == "" || strings.HasPrefix(at.Value, "/") {
			continue
		}
		_, taken, _ := strings.Cut(at.Value, "/")
		e.fault(rewritten, document.Position(nil, at), "the %s %s is taken for /%s: begin it with /", field, at.Value, taken)
	}
	if value := manifest.Lookup(operation, "value"); value != nil {
		truths(value, func(word *yaml.Node, is bool) {
			e.fault(rewritten, document.Position(nil, word), "%s becomes %t, as Kustomize reads a JSON patch as YAML 1.1: quote it", word.Value, is)
		})
	}
	if op := manifest.Text(operation, "op"); (op == "add" || op == "replace") && manifest.Lookup(operation, "value") == nil {
		at, has := document.Position(nil, operation), ""
		if near := misspelt(operation, "value"); near != nil {
			at, has = document.Position(near, nil), "; it has "+near.Value
		}
		e.fault(rewritten, at, "the operation has no value, and writes null%s", has)
	}
}

// truths visits the unquoted words of a tree that are truths in YAML 1.1 and texts in YAML 1.2.
func truths(node *yaml.Node, visit func(word *yaml.Node, is bool)) {
	if is, ok := manifest.Truth(node); ok {
		visit(node, is)
	}
	for i, child := range node.Content {
		if node.Kind != yaml.MappingNode || i%2 == 1 {
			truths(child, visit)
		}
	}
}

// idleRemovals says which fields and items a strategic merge patch removes that are not there, by what Kustomize makes of
// the patch without them: the same.
func (e *engine) idleRemovals(a *accumulation, p *Patch, document *manifest.Document, plain *yaml.Node, value any, effects []effect) bool {
	found := false
	var walk func(node, parent *yaml.Node, index int, path manifest.Path)
	check := func(parent *yaml.Node, index, width int, at *yaml.Node, path manifest.Path, why func() string) {
		entry := document.Position(nil, at)
		for _, f := range effects {
			if f.of.IsNilOrEmpty() || manifest.Find(f.before, path, value) != nil && manifest.Find(f.of.YNode(), path, value) == nil {
				e.effective(noEffect, entry)
				return
			}
		}
		kept := parent.Content
		parent.Content = append(slices.Clone(kept[:index]), kept[index+width:]...)
		idle := e.makesTheSame(p, plain, effects)
		parent.Content = kept
		if !idle {
			e.effective(noEffect, entry)
		} else {
			found = true
			var of manifest.Position
			if t := a.traces[effects[0].of]; t != nil && t.Document != nil {
				found, _ := follow(t.Document.Node, byName(path, value))
				of, _ = t.Document.Locate(found, nil)
			}
			fault := newFault(noEffect, entry, "the patch %s", why())
			fault.Of = of
			e.idle(entry, fault)
		}
	}
	absent := func(path manifest.Path) func() string {
		return func() string {
			if manifest.Find(effects[0].of.YNode(), path, value) != nil {
				return fmt.Sprintf("removes nothing here: %s keeps %s", called(effects), path)
			}
			return fmt.Sprintf("removes nothing here: %s has no %s%s", called(effects), path, instead(effects, path, value))
		}
	}
	walk = func(node, parent *yaml.Node, index int, path manifest.Path) {
		if parent != nil && parent.Kind == yaml.SequenceNode && manifest.Text(node, "$patch") == "replace" && len(node.Content) > 2 {
			check(parent, index, 1, node, append(slices.Clip(path), "$patch"), func() string {
				return fmt.Sprintf("changes nothing here: %s keeps the item, as `$patch: replace` is for a list or a mapping; delete the item and add another, or use a JSON patch", called(effects))
			})
			return
		}
		deletes := parent != nil && node.Kind == yaml.MappingNode && manifest.Text(node, "$patch") == "delete"
		switch {
		case node.Kind == yaml.ScalarNode && node.ShortTag() == yaml.NodeTagNull && parent != nil && parent.Kind == yaml.MappingNode:
			check(parent, index-1, 2, parent.Content[index-1], path, absent(path))
		case deletes && parent.Kind == yaml.MappingNode:
			check(parent, index-1, 2, parent.Content[index-1], path, absent(path))
		case deletes:
			check(parent, index, 1, node, path, func() string { return "removes nothing here: " + noItem(effects, node, path, value) })
		case node.Kind == yaml.MappingNode:
			for i := 1; i < len(node.Content); i += 2 {
				walk(node.Content[i], node, i, append(slices.Clip(path), node.Content[i-1].Value))
			}
		case node.Kind == yaml.SequenceNode:
			for i, item := range node.Content {
				walk(item, node, i, append(slices.Clip(path), i))
			}
		}
	}
	if len(effects) > 0 {
		walk(plain, nil, 0, nil)
	}
	return found
}

// directives of kubectl's strategic merge patches that Kustomize's do not have.
var directives = regexp.MustCompile(`^\$(retainKeys$|setElementOrder/|deleteFromPrimitiveList/)`)

// leftDirectives says which directives of a patch are in the objects now.
func (e *engine) leftDirectives(document *manifest.Document, plain *yaml.Node, value any, effects []effect) {
	var walk func(node *yaml.Node, path manifest.Path)
	walk = func(node *yaml.Node, path manifest.Path) {
		for i, child := range node.Content {
			switch {
			case node.Kind == yaml.SequenceNode:
				walk(child, append(slices.Clip(path), i))
			case node.Kind == yaml.MappingNode && i%2 == 1:
				key := node.Content[i-1]
				at := append(slices.Clip(path), key.Value)
				if directives.MatchString(key.Value) && slices.ContainsFunc(effects, func(f effect) bool {
					return !f.of.IsNilOrEmpty() && manifest.Find(f.of.YNode(), at, value) != nil
				}) {
					e.fault(noEffect, document.Position(key, nil), "Kustomize does not know %s and leaves it in %s: it knows `$patch` alone", key.Value, called(effects))
				}
				walk(child, at)
			}
		}
	}
	walk(plain, nil)
}

// textOfNull says which labels and annotations a patch with a target sets to the text that null is written as: Kustomize reads
// them as texts there, and removes none.
func (e *engine) textOfNull(p *Patch, document *manifest.Document, plain *yaml.Node, effects []effect) {
	if !p.Texts {
		return
	}
	for _, field := range []string{"labels", "annotations"} {
		pairs := manifest.Lookup(plain, "metadata", field)
		if pairs == nil || pairs.Kind != yaml.MappingNode {
			continue
		}
		for i := 0; i+1 < len(pairs.Content); i += 2 {
			key, null := pairs.Content[i], pairs.Content[i+1]
			if null.ShortTag() != yaml.NodeTagNull {
				continue
			}
			for _, f := range effects {
				if now := manifest.Lookup(f.of.YNode(), "metadata", field, key.Value); now != nil && now.ShortTag() == yaml.NodeTagString && now.Value == null.Value {
					id := f.had.CurId()
					e.fault(rewritten, document.Position(key, null), "null becomes the text %q, and metadata.%s of the %s %s keeps %s: "+
						"a patch with a target, or of patchesStrategicMerge, removes none; use a JSON patch, or an entry of `patches` that names the object and has no target",
						now.Value, field, id.Kind, id.Name, key.Value)
					break
				}
			}
		}
	}
}

// noItem says that a list has no item that a patch deletes, by the key that Kustomize merges the list by.
func noItem(effects []effect, item *yaml.Node, path manifest.Path, value any) string {
	list := path[:len(path)-1]
	keys := mergeKeys(effects[0].had.CurId().Gvk, list)
	if len(keys) == 0 {
		return fmt.Sprintf("%s has no such item in %s", called(effects), list)
	}
	key := keys[0]
	name := manifest.Text(item, key)
	if name == "" {
		return fmt.Sprintf("the item has no %s, by which Kustomize merges %s", key, list)
	}
	what := name
	if key != "name" {
		what = key + " " + name
	}
	said := fmt.Sprintf("%s has no %s in %s", called(effects), what, list)
	have := map[string]bool{}
	before := manifest.Find(effects[0].before, list, value)
	if before == nil || before.Kind != yaml.SequenceNode {
		return said
	}
	for _, other := range before.Content {
		if has := manifest.Text(other, key); has != name {
			have[has] = true
			continue
		}
		// There is one: Kustomize tells the items apart by more.
		for _, more := range keys[1:] {
			if theirs := manifest.Text(other, more); theirs != "" && theirs != manifest.Text(item, more) {
				return fmt.Sprintf("%s; it has %s %s with the %s %s, and Kustomize compares all of %s", said, key, name, more, theirs, strings.Join(keys, ", "))
			}
		}
		return fmt.Sprintf("%s that Kustomize finds: it compares %s, and not every item of the list has them all", said, strings.Join(keys, ", "))
	}
	if near := closest(name, have); near != "" {
		return said + "; it has " + near
	}
	return said
}

// byName is a path whose items are picked by name, where they have one.
func byName(path manifest.Path, value any) manifest.Path {
	named := slices.Clone(path)
	for i, step := range path {
		if _, ok := step.(int); !ok {
			continue
		}
		if name, ok := append(slices.Clone(path[:i+1]), "name").Lookup(value); ok {
			named[i] = fmt.Sprintf("[name=%v]", name)
		}
	}
	return named
}

// instead names what an object has in the place of what a patch looks for.
func instead(effects []effect, path manifest.Path, value any) string {
	parent := manifest.Find(effects[0].before, path[:len(path)-1], value)
	if parent == nil {
		return ""
	}
	have := map[string]bool{}
	name := fmt.Sprint(path[len(path)-1])
	if parent.Kind == yaml.SequenceNode {
		wanted, _ := append(slices.Clip(path), "name").Lookup(value)
		name = fmt.Sprint(wanted)
		have = names(parent)
	} else {
		for i := 0; i+1 < len(parent.Content); i += 2 {
			have[parent.Content[i].Value] = true
		}
	}
	if near := closest(name, have); near != "" {
		return "; it has " + near
	}
	return ""
}

// makesTheSame asks Kustomize whether another patch makes the same of the objects.
func (e *engine) makesTheSame(p *Patch, plain *yaml.Node, effects []effect) bool {
	text, err := yaml.String(plain)
	if err != nil {
		return false
	}
	patch, err := e.factory.RF().FromBytes([]byte(text))
	if err != nil {
		return false
	}
	if p.Renames {
		patch.AllowNameChange()
	}
	if p.Rekinds {
		patch.AllowKindChange()
	}
	for _, f := range effects {
		object := f.had.DeepCopy()
		apply := func() error { return object.ApplySmPatch(patch) }
		if p.Texts {
			m := resmap.New()
			if err := m.Append(object); err != nil {
				return false
			}
			apply = func() error { return m.ApplySmPatch(resource.MakeIdSet(m.Resources()), patch) }
		}
		if err := apply(); err != nil || !same(object.YNode(), f.of.YNode()) {
			return false
		}
	}
	return true
}

// lostItems says which named items of a list are gone although the patch does not say so: without a merge key for the
// list, Kustomize puts the patch's list in its place.
func (e *engine) lostItems(document *manifest.Document, plain *yaml.Node, value any, effects []effect) {
	var walk func(node *yaml.Node, path manifest.Path)
	walk = func(node *yaml.Node, path manifest.Path) {
		if node.Kind == yaml.MappingNode && manifest.Lookup(node, "$patch") != nil {
			return // what is lost below is said
		}
		for i, child := range node.Content {
			switch {
			case node.Kind == yaml.MappingNode && i%2 == 1:
				at := append(slices.Clip(path), node.Content[i-1].Value)
				if child.Kind == yaml.SequenceNode {
					e.lost(document, node.Content[i-1], child, at, value, effects)
				}
				walk(child, at)
			case node.Kind == yaml.SequenceNode:
				walk(child, append(slices.Clip(path), i))
			}
		}
	}
	walk(plain, nil)
}

func (e *engine) lost(document *manifest.Document, key, list *yaml.Node, path manifest.Path, value any, effects []effect) {
	if slices.ContainsFunc(list.Content, func(item *yaml.Node) bool { return item.Kind != yaml.MappingNode }) {
		return // one of texts is replaced as a whole
	}
	for _, f := range effects {
		before, after := manifest.Find(f.before, path, value), manifest.Find(f.of.YNode(), path, value)
		if after == nil || after.Kind != yaml.SequenceNode {
			continue
		}
		id := f.had.CurId()
		keys := mergeKeys(id.Gvk, path)
		if len(keys) > 0 {
			for i, item := range list.Content {
				if twin := twice(list.Content[:i], item, keys); twin != "" {
					e.fault(listReplaced, document.Position(nil, item), "the patch has two items with the %s in %s: Kustomize merges them into one, and the later one wins", twin, path)
					return
				}
			}
		}
		if before == nil || before.Kind != yaml.SequenceNode {
			continue
		}
		if len(keys) == 0 {
			// What Kustomize would do with an item, it does in a list with a key alone.
			var but []string
			if gone := missed(before, after, list, ""); len(gone) > 0 {
				but = append(but, "loses "+strings.Join(gone, ", "))
			}
			for _, item := range after.Content {
				if directive := manifest.Text(item, "$patch"); directive != "" {
					but = append(but, fmt.Sprintf("keeps `$patch: %s` as it is written", directive))
					break
				}
			}
			if len(but) == 0 {
				continue
			}
			e.fault(listReplaced, document.Position(key, nil), "the patch replaces the whole list %s of the %s %s and %s: "+
				"Kustomize knows no key to merge lists of this kind by; use a JSON patch, or `openapi:` with a schema that names the key",
				path, id.Kind, id.Name, strings.Join(but, " and "))
			return
		}
		gone := missed(before, after, list, keys[0])
		if len(gone) == 0 {
			continue
		}
		for _, item := range list.Content {
			if manifest.Text(item, "$patch") == "replace" || manifest.Text(item, keys[0]) != "" {
				continue
			}
			at := document.Position(nil, item)
			if near := misspelt(item, keys[0]); near != nil {
				at = document.Position(near, nil)
			}
			e.fault(listReplaced, at, "the item has no %s, by which Kustomize merges %s: it puts the patch's list in place of that of the %s %s, and loses %s",
				keys[0], path, id.Kind, id.Name, strings.Join(gone, ", "))
			return
		}
		return // merged by the key: who has another name is the same item
	}
}

// twice names what an item is merged by where an earlier one of the list has the same; "" where none has. An item that is to be
// deleted or replaced is meant to stand beside another.
func twice(earlier []*yaml.Node, item *yaml.Node, keys []string) string {
	called := func(item *yaml.Node) string {
		if manifest.Lookup(item, "$patch") != nil {
			return ""
		}
		var words []string
		for _, key := range keys {
			value := manifest.Text(item, key)
			if value == "" {
				return ""
			}
			words = append(words, key+" "+value)
		}
		return strings.Join(words, " and ")
	}
	name := called(item)
	if name != "" && slices.ContainsFunc(earlier, func(other *yaml.Node) bool { return called(other) == name }) {
		return name
	}
	return ""
}

// missed are the items of a list that are gone although the patch does not delete them, by a key or by their names.
func missed(before, after, patch *yaml.Node, key string) []string {
	called := func(item *yaml.Node) string {
		if key != "" {
			if name := manifest.Text(item, key); name != "" {
				return name
			}
		}
		return manifest.Text(item, "name")
	}
	stay := map[string]bool{} // or are meant to go
	for _, item := range after.Content {
		if manifest.Lookup(item, "$patch") == nil {
			stay[called(item)] = true
		}
	}
	for _, item := range patch.Content {
		switch manifest.Text(item, "$patch") {
		case "replace":
			return nil // it is said
		case "delete":
			stay[called(item)] = true
		}
	}
	var gone []string
	for _, item := range before.Content {
		if name := called(item); name != "" && !stay[name] {
			gone = append(gone, name)
		}
	}
	return gone
}

// mergeKeys are the keys by which Kustomize merges a list; none where it replaces it.
func mergeKeys(gvk resid.Gvk, path manifest.Path) []string {
	schema := openapi.SchemaForResourceType(yaml.TypeMeta{APIVersion: gvk.ApiVersion(), Kind: gvk.Kind})
	for _, step := range path {
		if schema == nil {
			return nil
		}
		if field, ok := step.(string); ok {
			schema = schema.Field(field)
		} else {
			schema = schema.Elements()
		}
	}
	if schema == nil {
		return nil
	}
	strategy, keys := schema.PatchStrategyAndKeyList()
	if !strings.Contains(strategy, "merge") {
		return nil
	}
	return keys
}

func names(list *yaml.Node) map[string]bool {
	found := map[string]bool{}
	for _, item := range list.Content {
		if name := manifest.Text(item, "name"); name != "" {
			found[name] = true
		}
	}
	return found
}

// labelEffect says of an entry of `labels` that it changed nothing, or that it changed which pods of others a
// NetworkPolicy lets through.
func (e *engine) labelEffect(layer *Layer, i int, label types.Label, a *accumulation, effects []effect) {
	at := layer.item("labels", i)
	e.idleFields(layer.Document, manifest.Lookup(layer.Node, "labels", i, "fields"), "labels", a)
	switch {
	case len(label.Pairs) == 0:
		e.idle(at, newFault(noEffect, at, "the entry changes nothing: it has no `pairs`"))
	case !none(effects), len(effects) == 0 && a.resources.Size() > 0:
		e.effective(noEffect, at)
	case len(effects) > 0:
		e.idle(at, newFault(noEffect, at, "the entry changes nothing: every object that it reaches has these labels already"))
	}
	if !label.IncludeSelectors {
		return
	}
	for _, f := range effects {
		if f.of.GetKind() != "NetworkPolicy" {
			continue
		}
		for _, side := range []struct{ rules, peers string }{{"ingress", "from"}, {"egress", "to"}} {
			rules := manifest.Lookup(f.before, "spec", side.rules)
			if rules == nil || rules.Kind != yaml.SequenceNode {
				continue
			}
			for n, rule := range rules.Content {
				peers := manifest.Lookup(rule, side.peers)
				if peers == nil || peers.Kind != yaml.SequenceNode {
					continue
				}
				for m, peer := range peers.Content {
					path := manifest.Path{"spec", side.rules, n, side.peers, m, "podSelector"}
					before, after := manifest.Lookup(peer, "podSelector"), manifest.Lookup(f.of.YNode(), path...)
					if before == nil || after == nil || same(before, after) {
						continue
					}
					e.peerOf(layer, i, a.traces[f.of], path, after)
				}
			}
		}
	}
}

// peer is a NetworkPolicy's peer that an entry of `labels` wrote into.
type peer struct {
	at, of manifest.Position
	labels map[string]string // those that its pods have to have now
}

func (e *engine) peerOf(layer *Layer, i int, trace *Trace, path manifest.Path, selector *yaml.Node) {
	var wanted struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	}
	if err := selector.Decode(&wanted); err != nil {
		return
	}
	p := peer{at: layer.item("labels", i), labels: wanted.MatchLabels}
	if found, exact := layer.locate("labels", i, "includeSelectors"); exact {
		p.at = found
	}
	if trace != nil {
		p.of = trace.place(path)
	}
	e.peers = append(e.peers, p)
}

// outside reports the peers whose pods are none of the target: they have not got the labels. What a kind that is not
// Kubernetes' own makes pods of has its labels, or may hand them on.
func (e *engine) outside(a *accumulation) error {
	for _, p := range e.peers {
		here := slices.ContainsFunc(a.resources.Resources(), func(r *resource.Resource) bool {
			return slices.ContainsFunc([][]any{
				{"metadata", "labels"}, {"spec", "template", "metadata", "labels"}, {"spec", "jobTemplate", "spec", "template", "metadata", "labels"},
				{"spec", "inheritedMetadata", "labels"}, {"spec", "podMetadata", "labels"},
			}, func(path []any) bool {
				has := manifest.Lookup(r.YNode(), path...)
				if _, known := openapi.IsNamespaceScoped(yaml.TypeMeta{APIVersion: r.GetApiVersion(), Kind: r.GetKind()}); has == nil || known && len(path) == 2 && r.GetKind() != "Pod" {
					return false
				}
				for key, value := range p.labels {
					if manifest.Text(has, key) != value {
						return false
					}
				}
				return true
			})
		})
		if here {
			continue
		}
		where := ""
		if !p.of.IsZero() {
			where = " at " + p.of.String()
		}
		e.faultOf(p.of, selectorReach, p.at, "includeSelectors also writes the labels into a NetworkPolicy's peer%s, and no pod of this target has "+
			"them all: pods that are rendered elsewhere and have not got the labels are locked out; use `includeTemplates` instead", where)
	}
	return nil
}
