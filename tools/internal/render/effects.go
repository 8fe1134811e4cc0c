package render

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	//lint:ignore SA1019 Kustomize's transformers are nowhere else
	"sigs.k8s.io/kustomize/api/builtins"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
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
func (e *engine) imageEffect(at, name manifest.Position, image types.Image, specs types.FsSlice, a *accumulation) {
	probe := a.resources.DeepCopy()
	effects := watch(probe.Resources())
	asked := image
	asked.NewName, asked.NewTag, asked.Digest, asked.TagSuffix = "kgate.invalid/probe", "", "", ""
	if err := (&builtins.ImageTagTransformerPlugin{ImageTag: asked, FieldSpecs: specs}).Transform(probe); err != nil {
		return
	}
	if !none(effects) {
		e.fault(noEffect, at, "the entry changes nothing: every image called %q is already what it says", image.Name)
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
	e.fault(imageUsed, name, "the entry changes nothing: no image here is called %q%s", image.Name, instead)
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
	if len(effects) > 0 && !found && none(effects) {
		e.fault(noEffect, content(document, plain), "the patch changes nothing: %s has all of this already", called(effects))
	}
	if len(effects) > 0 {
		e.lostItems(p, document, plain, value, effects)
	}
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

// operationEffects says which operations of a JSON patch write what each object has already. Of an operation whose place
// another one before it writes to it is not known.
func (e *engine) operationEffects(document *manifest.Document, effects []effect) {
	var written []manifest.Path
	for _, operation := range document.Node.Content {
		op, pointer := manifest.Text(operation, "op"), manifest.Text(operation, "path")
		var path manifest.Path
		for _, step := range manifest.Pointer(pointer)[1:] {
			path = append(path, step)
		}
		value := manifest.Lookup(operation, "value")
		touched := slices.ContainsFunc(written, func(other manifest.Path) bool {
			n := min(len(other), len(path))
			return slices.Equal(other[:n], path[:n])
		})
		if op != "test" {
			written = append(written, path)
		}
		if touched || value == nil || op != "add" && op != "replace" || op == "add" && inserts(path, effects) {
			continue
		}
		idle := len(effects) > 0
		for _, f := range effects {
			has := at(f.before, path)
			idle = idle && has != nil && equalValues(has, value)
		}
		if idle {
			e.fault(noEffect, document.Position(nil, operation), "the operation changes nothing: %s has this value there already", called(effects))
		}
	}
}

// inserts reports whether adding at a path adds an item to a list.
func inserts(path manifest.Path, effects []effect) bool {
	return len(path) == 0 || slices.ContainsFunc(effects, func(f effect) bool {
		parent := at(f.before, path[:len(path)-1])
		return parent == nil || parent.Kind != yaml.MappingNode
	})
}

// at follows the steps of a pointer, which are texts also where they count the items of a list.
func at(node *yaml.Node, path manifest.Path) *yaml.Node {
	for _, step := range path {
		if node == nil {
			return nil
		}
		if n, err := strconv.Atoi(fmt.Sprint(step)); err == nil && node.Kind == yaml.SequenceNode {
			step = n
		}
		node = manifest.Lookup(node, step)
	}
	return node
}

func equalValues(a, b *yaml.Node) bool {
	var left, right any
	return a.Decode(&left) == nil && manifest.Plain(b).Decode(&right) == nil && reflect.DeepEqual(left, right)
}

// idleRemovals says which fields and items a strategic merge patch removes that are not there, by what Kustomize makes of
// the patch without them: the same.
func (e *engine) idleRemovals(a *accumulation, p *Patch, document *manifest.Document, plain *yaml.Node, value any, effects []effect) bool {
	found := false
	var walk func(node, parent *yaml.Node, index int, path manifest.Path)
	check := func(parent *yaml.Node, index, width int, at *yaml.Node, path manifest.Path, what string) {
		for _, f := range effects {
			if f.of.IsNilOrEmpty() || manifest.Find(f.before, path, value) != nil {
				return
			}
		}
		kept := parent.Content
		parent.Content = append(slices.Clone(kept[:index]), kept[index+width:]...)
		idle := e.makesTheSame(p, plain, effects)
		parent.Content = kept
		if idle {
			found = true
			var of manifest.Position
			if t := a.traces[effects[0].of]; t != nil && t.Document != nil {
				found, _ := follow(t.Document.Node, byName(path, value))
				of, _ = t.Document.Locate(found, nil)
			}
			e.faultOf(of, noEffect, document.Position(nil, at), "the patch removes nothing here: %s has no %s%s", called(effects), what, e.instead(effects, path, value))
		}
	}
	walk = func(node, parent *yaml.Node, index int, path manifest.Path) {
		switch {
		case node.Kind == yaml.ScalarNode && node.ShortTag() == yaml.NodeTagNull && parent != nil && parent.Kind == yaml.MappingNode:
			check(parent, index-1, 2, parent.Content[index-1], path, path.String())
		case node.Kind == yaml.MappingNode && parent != nil && manifest.Text(node, "$patch") == "delete":
			name := manifest.Text(node, "name")
			if parent.Kind == yaml.SequenceNode && name != "" {
				check(parent, index, 1, node, path, fmt.Sprintf("%s in %s", name, path[:len(path)-1]))
			}
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
func (e *engine) instead(effects []effect, path manifest.Path, value any) string {
	parent := manifest.Find(effects[0].before, path[:len(path)-1], value)
	if parent == nil {
		return ""
	}
	have := map[string]bool{}
	name := fmt.Sprint(path[len(path)-1])
	if parent.Kind == yaml.SequenceNode {
		wanted, _ := append(slices.Clip(path), "name").Lookup(value)
		name = fmt.Sprint(wanted)
		for _, item := range parent.Content {
			have[manifest.Text(item, "name")] = true
		}
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
		m := resmap.New()
		object := f.had.DeepCopy()
		if err := m.Append(object); err != nil {
			return false
		}
		if err := m.ApplySmPatch(resource.MakeIdSet(m.Resources()), patch); err != nil || !same(object.YNode(), f.of.YNode()) {
			return false
		}
	}
	return true
}

// lostItems says which named items of a list are gone although the patch does not say so: without a merge key for the
// list, Kustomize puts the patch's list in its place.
func (e *engine) lostItems(p *Patch, document *manifest.Document, plain *yaml.Node, value any, effects []effect) {
	var walk func(node *yaml.Node, path manifest.Path)
	walk = func(node *yaml.Node, path manifest.Path) {
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
	var nameless *yaml.Node
	for _, item := range list.Content {
		if item.Kind != yaml.MappingNode || manifest.Lookup(item, "$patch") != nil {
			return // it is said
		}
		if manifest.Text(item, "name") == "" {
			nameless = item
		}
	}
	for _, f := range effects {
		before, after := manifest.Find(f.before, path, value), manifest.Find(f.of.YNode(), path, value)
		if before == nil || after == nil || before.Kind != yaml.SequenceNode {
			continue
		}
		stay := names(after)
		var gone []string
		for _, item := range before.Content {
			if name := manifest.Text(item, "name"); name != "" && !stay[name] {
				gone = append(gone, name)
			}
		}
		if len(gone) > 0 {
			id := f.had.CurId()
			if nameless != nil {
				at := document.Position(nil, nameless)
				if key := misspelt(nameless, "name"); key != nil {
					at = document.Position(key, nil)
				}
				e.fault(listReplaced, at, "the item has no name, by which Kustomize merges %s: it puts the patch's list in place of that of the %s %s, and loses %s",
					path, id.Kind, id.Name, strings.Join(gone, ", "))
				return
			}
			e.fault(listReplaced, document.Position(key, nil), "the patch replaces the whole list %s of the %s %s and loses %s: "+
				"Kustomize knows no key to merge lists of this kind by; use a JSON patch, or `openapi:` with a schema that names the key",
				path, id.Kind, id.Name, strings.Join(gone, ", "))
			return
		}
	}
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
	if len(label.Pairs) > 0 && len(effects) > 0 && none(effects) {
		e.fault(noEffect, layer.item("labels", i), "the entry changes nothing: every object that it reaches has these labels already")
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
					if before == nil || after == nil || same(before, after) || manifest.Lookup(peer, "namespaceSelector") == nil && e.selectsHere(before, effects) {
						continue
					}
					e.peerFault(layer, i, a.traces[f.of], path)
				}
			}
		}
	}
}

func (e *engine) peerFault(layer *Layer, i int, trace *Trace, path manifest.Path) {
	at := layer.item("labels", i)
	if found, exact := layer.locate("labels", i, "includeSelectors"); exact {
		at = found
	}
	where := ""
	if trace != nil {
		if found := trace.place(path); !found.IsZero() {
			where = " at " + found.String()
		}
	}
	e.fault(selectorReach, at, "includeSelectors also writes the labels into a NetworkPolicy's peer%s, whose pods are not of this "+
		"kustomization: without the labels they are locked out; use `includeTemplates` instead", where)
}

// selectsHere reports whether a selector's labels are those of a pod of the layer, which gets the new labels too.
func (e *engine) selectsHere(selector *yaml.Node, effects []effect) bool {
	var wanted struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	}
	if err := selector.Decode(&wanted); err != nil || len(wanted.MatchLabels) == 0 {
		return true // it selects by expressions, or everything: what that meets is not known here
	}
	return slices.ContainsFunc(effects, func(f effect) bool {
		for _, path := range [][]any{{"spec", "template", "metadata", "labels"}, {"spec", "jobTemplate", "spec", "template", "metadata", "labels"}, {"metadata", "labels"}} {
			if len(path) == 2 && f.of.GetKind() != "Pod" {
				continue
			}
			has := manifest.Lookup(f.before, path...)
			all := has != nil
			for key, value := range wanted.MatchLabels {
				all = all && manifest.Text(has, key) == value
			}
			if all {
				return true
			}
		}
		return false
	})
}
