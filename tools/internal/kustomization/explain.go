package kustomization

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/kustomize/kyaml/utils"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

var (
	quoted = regexp.MustCompile("[\"'`]([^\"'`]+)[\"'`]")
)

// encodeError says which field keeps an object from being written, where its document has that field: a replacement has
// put a text where the document has a number, or a key is a number.
func encodeError(r *resource.Resource, t *Trace, err error) error {
	path := unreadable(r.YNode(), nil)
	value := manifest.Text(r.YNode(), path...)
	if path != nil && t != nil && t.Document != nil {
		id := t.current()
		target, _ := t.Document.Locate(path, nil)
		if at := t.replacedBy(r.YNode(), path); !at.IsZero() {
			return fail(at, "Kustomize: a replacement makes %s of the %s %s this, which is of another type than what stands at %s", path, id.Kind, id.Name, target)
		}
		return fail(target, "Kustomize: a replacement makes %s %q, which is of another type than what stands here", path, value)
	}
	if parent, key := textless(r.YNode(), nil); key != nil && t != nil {
		if at := t.place(append(parent, key.Value)); !at.IsZero() {
			return fail(at, "Kustomize: the key %s of %s is no text, and what Kubernetes is sent has no other keys: quote it, %q", key.Value, parent, key.Value)
		}
	}
	return fmt.Errorf("encode %s: %w", r.CurId(), err)
}

// textless finds a key of a mapping that is a number or a truth value, and what holds it.
func textless(node *yaml.Node, path manifest.Path) (parent manifest.Path, key *yaml.Node) {
	for i, child := range node.Content {
		step := any(i)
		if node.Kind == yaml.MappingNode {
			if i%2 == 0 {
				if child.Kind == yaml.ScalarNode && child.ShortTag() != yaml.NodeTagString && child.Value != "<<" {
					return path, child
				}
				continue
			}
			step = node.Content[i-1].Value
		}
		if parent, key = textless(child, append(slices.Clip(path), step)); key != nil {
			return parent, key
		}
	}
	return nil, nil
}

// replacedBy is the place of the value that a replacement put into a field last.
func (t *Trace) replacedBy(tree *yaml.Node, path manifest.Path) manifest.Position {
	for _, step := range slices.Backward(t.Steps) {
		r := step.Replacement
		if r == nil || r.From == nil {
			continue
		}
		fields := manifest.Lookup(r.Entry, "targets", r.Target, "fieldPaths")
		if fields != nil && slices.ContainsFunc(fields.Content, func(field *yaml.Node) bool {
			found, _ := follow(tree, fieldPath(field.Value))
			return slices.Equal(found, path)
		}) {
			return r.From.place(fieldPath(manifest.Text(r.Entry, "source", "fieldPath")))
		}
	}
	return manifest.Position{}
}

// fieldPath is a path as a replacement writes it; without one, it is that of the name.
func fieldPath(text string) manifest.Path {
	if text == "" {
		text = types.DefaultReplacementFieldPath
	}
	var path manifest.Path
	for _, step := range utils.SmarterPathSplitter(text, ".") {
		path = append(path, step)
	}
	return path
}

// unreadable finds a scalar that is not of the type that its tag says.
func unreadable(node *yaml.Node, path manifest.Path) manifest.Path {
	if node.Kind == yaml.ScalarNode {
		if err := node.Decode(new(any)); err != nil {
			return path
		}
	}
	for i, child := range node.Content {
		step := any(i)
		if node.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			step = node.Content[i-1].Value
		}
		if found := unreadable(child, append(slices.Clip(path), step)); found != nil {
			return found
		}
	}
	return nil
}

// explain makes messages of Kustomize's error: its innermost cause with the place that it arose at, as near as the error
// tells, and the faults that tracing found, one of which is mostly the reason.
func (e *engine) explain(err error, built *accumulation) error {
	var errs []error
	for _, f := range e.faults {
		if !slices.Contains([]string{patchTarget, replacementTarget, imageUsed}, f.Check) {
			continue // it is no reason why something cannot be rendered
		}
		errs = append(errs, &manifest.SyntaxError{Position: f.Source, Message: f.Message})
	}
	if len(errs) > 0 && strings.Contains(err.Error(), "no resource matches strategic merge patch") {
		return errors.Join(errs...) // they say of the patch what it does not find
	}
	if stated := (*manifest.SyntaxError)(nil); errors.As(err, &stated) {
		return errors.Join(append(errs, stated)...)
	}
	root, layer := e.root, e.root
	at := manifest.Position{File: root.File}
	if where := (*placed)(nil); errors.As(err, &where) {
		err, layer, at = where.err, where.layer, where.at
	}
	message := strings.ReplaceAll(err.Error(), `\"`, `"`)
	if strings.Contains(message, "the accumulated size increase of copy") {
		if err := layer.copies(); err != nil {
			return errors.Join(append(errs, err)...)
		}
	}
	message = strings.TrimSpace(wrapping.ReplaceAllString(message, ""))
	for _, missing := range []struct {
		message *regexp.Regexp
		parts   []part
		wants   string
	}{{noSource, e.sources, "takes from it"}, {noTarget, e.targets, "writes to"}} {
		if match := missing.message.FindStringSubmatch(message); match != nil {
			if err := absent(missing.parts, match[1], missing.wants); err != nil {
				return errors.Join(append(errs, err)...)
			}
		}
	}
	if match := considering.FindStringSubmatch(message); match != nil {
		if err := e.stepsIntoItems(match[1]); err != nil {
			return errors.Join(append(errs, err)...)
		}
	}
	if strings.Contains(message, "unable to parse SM or JSON patch") {
		if nameless := root.nameless(); nameless != nil {
			return errors.Join(append(errs, nameless)...)
		}
	}
	for _, match := range quoted.FindAllStringSubmatch(message, -1) {
		if found := layer.saying(match[1]); !found.IsZero() {
			at = found
		}
	}
	if match := referring.FindStringSubmatch(message); match != nil {
		for _, trace := range built.tracesOf() {
			if slices.ContainsFunc(trace.identities(), func(id resid.ResId) bool { return id.String() == match[2] }) {
				var path manifest.Path
				for field := range strings.SplitSeq(match[1], "/") {
					path = append(path, field)
				}
				if found := trace.place(path); !found.IsZero() {
					at = found
				}
			}
		}
	}
	if match := contents.FindStringSubmatch(message); match != nil {
		if found := root.unique(strings.TrimSpace(match[1])); !found.IsZero() {
			at = found
		}
	}
	return errors.Join(append(errs, &manifest.SyntaxError{Position: at, Message: "Kustomize: " + pointers.ReplaceAllString(message, "a generator")})...)
}

var (
	noSource    = regexp.MustCompile("fieldPath `([^`]+)` is missing for replacement source")
	noTarget    = regexp.MustCompile(`unable to find field "([^"]+)" in replacement target`)
	wrapping    = regexp.MustCompile(`failed to get the patch file from path\([^)]*\): `)
	considering = regexp.MustCompile(`considering field '([^']+)' of object`)
	referring   = regexp.MustCompile(`updating name reference in '([^']+)' field of '([^']+)'`)
	contents    = regexp.MustCompile(`(?s)wrong node kind: expected \w+ but got \w+: node contents:\n(.*)$`)
)

// absent names the object that a replacement takes a field from, or puts one into, and that does not have it, where the
// field belongs.
func absent(parts []part, field, wants string) error {
	for _, p := range parts {
		if p.field != field {
			continue
		}
		path := fieldPath(p.field)
		if at, instead, lacks := p.of.lacks(path); lacks {
			id := p.of.current()
			return fail(at, "the %s %s has no %s, which the replacement at %s %s%s", id.Kind, id.Name, path, p.at, wants, cmp.Or(tagless(p.of, path), instead))
		}
	}
	return nil
}

// tagless is the way out where a replacement asks an image for its tag that has a digest alone.
func tagless(t *Trace, path manifest.Path) string {
	if t.current().Kind != types.KustomizationKind || len(path) != 3 || path[0] != "images" || path[2] != "newTag" || t.live == nil {
		return ""
	}
	images := manifest.Lookup(t.live.YNode(), "images")
	pick := selector.FindStringSubmatch(fmt.Sprint(path[1]))
	if images == nil || pick == nil {
		return ""
	}
	for _, image := range images.Content {
		if manifest.Text(image, pick[1]) != pick[2] || manifest.Text(image, "digest") == "" {
			continue
		}
		name := cmp.Or(manifest.Text(image, "newName"), manifest.Text(image, "name"))
		return fmt.Sprintf(": a digest alone tells no version; `kustomize edit set image %s=%s:TAG@%s` writes both",
			manifest.Text(image, "name"), name, manifest.Text(image, "digest"))
	}
	return ""
}

// written are the documents that say what an object has: its own, then those of strategic merge patches. JSON patches say
// it in another way: whole is false when there are some.
func (t *Trace) written() (documents []*manifest.Document, whole bool) {
	if t.Document == nil {
		return nil, false
	}
	documents, whole = append(documents, t.Document), true
	for _, step := range t.Steps {
		switch {
		case step.Patch == nil:
		case step.Patch.Documents[0].Node.Kind == yaml.MappingNode:
			documents = append(documents, &step.Patch.Documents[0])
		default:
			whole = false
		}
	}
	return documents, whole
}

// place is where a field is written last, or else its parent that comes closest to it.
func (t *Trace) place(path manifest.Path) (at manifest.Position) {
	documents, _ := t.written()
	most := 0
	for _, d := range documents {
		if found, _ := follow(d.Node, path); len(found) > 0 && len(found) >= most {
			most = len(found)
			at, _ = d.Locate(found, nil)
		}
	}
	return at
}

// lacks reports whether neither the document nor a patch has a field, and where it would belong: in what comes closest to
// having it, which may have a name that is nearly the field's instead. Of an object with JSON patches it is not known.
func (t *Trace) lacks(path manifest.Path) (at manifest.Position, instead string, lacks bool) {
	documents, whole := t.written()
	most := 0
	for _, d := range documents {
		found, parent := follow(d.Node, path)
		if len(found) == len(path) {
			return at, "", false
		}
		if len(found) < most {
			continue
		}
		most = len(found)
		at, _ = d.Locate(append(slices.Clone(found), path[most:]...), nil)
		instead = ""
		if key := misspelt(parent, path[most]); key != nil {
			at = d.Position(key, nil)
			instead = fmt.Sprintf("; here it has %s", key.Value)
		}
	}
	return at, instead, whole
}

// selector is a step of a replacement's path that picks an item of a list.
var selector = regexp.MustCompile(`^\[([^=]+)=(.*)\]$`)

// follow goes along a replacement's path as far as a tree does, and returns the way with the indexes of items in it.
func follow(node *yaml.Node, path manifest.Path) (found manifest.Path, last *yaml.Node) {
	for _, step := range path {
		text, next := fmt.Sprint(step), any(step)
		if node.Kind == yaml.SequenceNode {
			if pick := selector.FindStringSubmatch(text); pick != nil {
				next = slices.IndexFunc(node.Content, func(item *yaml.Node) bool { return manifest.Text(item, pick[1]) == pick[2] })
			} else if n, err := strconv.Atoi(text); err == nil {
				next = n
			}
			if n, ok := next.(int); !ok || n < 0 {
				return found, node
			}
		}
		child := manifest.Lookup(node, next)
		if child == nil {
			return found, node
		}
		found, node = append(found, next), child
	}
	return found, node
}

// misspelt is the key that a mapping has in the place of one that it does not have: the name is nearly the same. Of the
// item of a list that is wanted by a field, it is the key that the value stands at instead.
func misspelt(parent *yaml.Node, step any) *yaml.Node {
	keys := map[string]*yaml.Node{}
	name := fmt.Sprint(step)
	switch pick := selector.FindStringSubmatch(name); {
	case parent.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(parent.Content); i += 2 {
			keys[parent.Content[i].Value] = parent.Content[i]
		}
	case parent.Kind == yaml.SequenceNode && pick != nil:
		name = pick[1]
		for _, item := range parent.Content {
			for i := 0; i+1 < len(item.Content) && item.Kind == yaml.MappingNode; i += 2 {
				if item.Content[i+1].Value == pick[2] {
					keys[item.Content[i].Value] = item.Content[i]
				}
			}
		}
	}
	return keys[closest(name, keys)]
}

// nameless finds a patch that Kustomize cannot read because it does not say what it patches.
func (l *Layer) nameless() error {
	for _, p := range l.Patches {
		for i := range p.Documents {
			d := &p.Documents[i]
			for _, path := range []manifest.Path{{"kind"}, {"metadata", "name"}} {
				if d.Node.Kind == yaml.MappingNode && manifest.Text(d.Node, path...) == "" {
					return fail(missing(d, path...), "the patch has no %s; Kustomize wants one, also where a target says which objects are meant", path)
				}
			}
		}
	}
	for _, below := range l.below() {
		if err := below.nameless(); err != nil {
			return err
		}
	}
	return nil
}

// saying is the last place in a layer, its JSON patches and its replacements that consists of a text.
func (l *Layer) saying(text string) (at manifest.Position) {
	if node := scalar(l.Node, text); node != nil {
		at = l.at(node)
	}
	var documents []manifest.Document
	for _, more := range l.replacements {
		documents = append(documents, more...)
	}
	for _, p := range l.Patches {
		for _, d := range p.Documents {
			if d.Node.Kind == yaml.SequenceNode { // what a strategic merge patch holds is no path of one
				documents = append(slices.Clip(documents), d)
			}
		}
	}
	for _, d := range documents {
		if node := scalar(d.Node, text); node != nil {
			at = d.Position(nil, node)
		}
	}
	return at
}

// unique is the place of the one value of the whole tree that is written as a text; zero when there are none or several.
func (l *Layer) unique(text string) manifest.Position {
	found := map[manifest.Position]bool{}
	l.walk(func(d *manifest.Document) {
		var look func(node *yaml.Node)
		look = func(node *yaml.Node) {
			if written, err := yaml.String(node); err == nil && strings.TrimSpace(written) == text {
				found[d.Position(nil, node)] = true
				return
			}
			for _, child := range node.Content {
				look(child)
			}
		}
		look(d.Node)
	})
	for at := range found {
		if len(found) == 1 {
			return at
		}
	}
	return manifest.Position{}
}

// walk visits every document of a layer and of those below.
func (l *Layer) walk(visit func(*manifest.Document)) {
	for _, r := range l.Resources {
		for i := range r.Documents {
			visit(&r.Documents[i])
		}
	}
	for _, p := range l.Patches {
		for i := range p.Documents {
			visit(&p.Documents[i])
		}
	}
	for _, below := range l.below() {
		below.walk(visit)
	}
}

// below are the layers that a layer is built on.
func (l *Layer) below() []*Layer {
	below := slices.Clone(l.Components)
	for _, r := range l.Resources {
		if r.Layer != nil {
			below = append(below, r.Layer)
		}
	}
	for _, field := range []string{"generators", "transformers", "validators"} {
		for _, r := range l.plugins[field] {
			if r.Layer != nil {
				below = append(below, r.Layer)
			}
		}
	}
	return below
}

// scalar finds the first scalar of a tree with a value.
func scalar(node *yaml.Node, value string) *yaml.Node {
	if node.Kind == yaml.ScalarNode && node.Value == value {
		return node
	}
	for _, child := range node.Content {
		if found := scalar(child, value); found != nil {
			return found
		}
	}
	return nil
}

// pointers are how Kustomize prints a generator: where it is in memory, which is another place in each run.
var pointers = regexp.MustCompile(`generator &\{0x[0-9a-f]+ <nil>\}`)
