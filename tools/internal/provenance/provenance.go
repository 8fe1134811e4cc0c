// Package provenance leads from a field of a rendered object back to the file and line that set it.
package provenance

import (
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Locator finds where the fields of a rendered target are set. It does nothing until it is asked, and then only what the
// object asked about needs. It is safe for concurrent use.
type Locator struct {
	result *kustomization.Result

	mu     sync.Mutex
	replay *replay
}

// New is a locator for a result. With sharing, nil for none, it does what other locators did already no more.
func New(result *kustomization.Result, sharing *Sharing) *Locator {
	if result.OwnSchema() {
		sharing = nil // what Kustomize does goes by the schema
	}
	return &Locator{result: result, replay: newReplay(sharing)}
}

// Locate finds where a field of an object is set: in the file that holds the object, or in the patch, the generator, the
// replacement or the transformer of a layer above that set it last. What that overrode follows, with what leads from
// one to the other: an alias, the path of a JSON patch operation, the target of a replacement.
//
// A field that is set nowhere is placed at what took it away, or else at its closest parent; the patches that write to
// that parent as well follow, the last one first. A value that layers only add to, as a prefix does to a name, is placed
// where it was written before that.
func (l *Locator) Locate(object *manifest.Object, path manifest.Path) manifest.Origin {
	trace := l.result.Trace(object)
	if trace == nil {
		return manifest.Origin{Position: object.Source}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	places := l.places(trace, object, path)
	if len(places) == 0 {
		return manifest.Origin{Position: trace.Source}
	}
	origin := manifest.Origin{Position: places[0].position()}
	for _, p := range places[1:] {
		at := p.position()
		if at != origin.Position && !slices.Contains(origin.Overrode, at) {
			origin.Overrode = append(origin.Overrode, at)
		}
	}
	return origin
}

// tree is an object after all of its steps, replayed when it is first asked for.
func (l *Locator) tree(trace *kustomization.Trace) *yaml.Node {
	at := moment{trace, len(trace.Steps)}
	if tree, ok := l.replay.done[at]; ok {
		return tree
	}
	if l.replay.kept == nil {
		l.replay.kept = map[moment]bool{}
		for _, object := range l.result.Objects {
			if trace := l.result.Trace(object); trace != nil {
				for _, step := range trace.Steps {
					if r := step.Replacement; r != nil && r.From != nil {
						l.replay.kept[moment{r.From, r.Steps}] = true
					}
				}
			}
		}
	}
	l.result.Replay(func(read func(string) ([]byte, error)) {
		l.replay.read = read
		l.replay.tree(at.trace, at.steps)
	})
	return l.replay.done[at]
}

// places are the place to edit and the related ones.
func (l *Locator) places(trace *kustomization.Trace, object *manifest.Object, path manifest.Path) []place {
	r, tree := l.replay, l.tree(trace)
	if tree == nil {
		return nil
	}
	value := object.Value
	node, length := tree, 0 // indexes are those of the rendered object: its lists have been replayed too
	for n := len(path); n > 0; n-- {
		if found := manifest.Lookup(tree, path[:n]...); found != nil {
			node, length = found, n
			break
		}
	}
	if from, ok := r.of(node); ok && length == len(path) {
		own := from.below()
		if rendered, _ := path.Lookup(value); length > 0 && !tracks(node, rendered) {
			if path[length-1] == "namespace" {
				return append(l.referent(path, object), own...)
			}
			own = append(own, l.referent(path, object)...)
		}
		return own
	}
	if length < len(path) && path[len(path)-1] == "namespace" {
		if set := l.referent(path, object); set != nil {
			return set
		}
	}
	if from, ok := r.of(node); ok && node.Kind == yaml.ScalarNode {
		return append([]place{within(from.at, path[length:])}, from.over...)
	}
	if length < len(path) {
		if key, ok := path[length].(string); ok {
			if gone, ok := r.deleted[deletion{node.Line, key}]; ok {
				return gone.below()
			}
		}
	}
	for {
		if from, ok := r.of(node); ok && !from.made {
			own := from.below()
			return append([]place{own[0]}, append(alsoWritten(trace, path[:length], value), own[1:]...)...)
		}
		if length == 0 {
			return nil
		}
		length--
		node = manifest.Lookup(tree, path[:length]...)
	}
}

// alsoWritten are the places where patches write to a parent, the last one first.
func alsoWritten(trace *kustomization.Trace, path manifest.Path, value any) []place {
	var places []place
	for _, step := range slices.Backward(trace.Steps) {
		if step.Patch == nil || len(path) == 0 {
			continue
		}
		document := &step.Patch.Documents[0]
		key, node := document.Find(path, value)
		if node != nil && document.Node.Kind == yaml.MappingNode && !(len(path) == 1 && path[0] == "metadata" && identifies(node)) {
			places = append(places, place{document: document, key: key, value: node})
		}
	}
	return places
}

// identifies reports metadata that only says which object a patch is for.
func identifies(node *yaml.Node) bool {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if key := node.Content[i].Value; key != "name" && key != "namespace" {
			return false
		}
	}
	return true
}

// referent is where the name or the namespace of an object is set that a field refers to: Kustomize gives references
// the new name when a layer renames an object.
func (l *Locator) referent(path manifest.Path, object *manifest.Object) []place {
	last, ok := path[len(path)-1].(string)
	rendered, _ := path.Lookup(object.Value)
	text, isText := rendered.(string)
	if !ok || !isText || path[0] == "metadata" {
		return nil
	}
	name, field := text, "name"
	if last == "namespace" {
		sibling, _ := append(slices.Clone(path[:len(path)-1]), "name").Lookup(object.Value)
		if name, ok = sibling.(string); !ok {
			return nil
		}
		field = last
	}
	kind, _ := append(slices.Clone(path[:len(path)-1]), "kind").Lookup(object.Value)
	for _, other := range l.result.Objects {
		trace := l.result.Trace(other)
		if trace == nil || other == object || other.Name != name || field == "namespace" && other.Namespace != text {
			continue
		}
		if is, ok := kind.(string); ok && is != other.Kind {
			continue
		}
		return l.places(trace, other, manifest.Path{"metadata", field})
	}
	return nil
}

// within is a field of the YAML that a field holds as its text, or that a file holds.
func within(text place, path manifest.Path) place {
	if line, ok := path[len(path)-1].(manifest.Line); ok && len(path) == 1 {
		return lineWithin(text, int(line))
	}
	var documents []manifest.Document
	var err error
	switch {
	case text.content != nil:
		documents, err = manifest.ParseDocuments(text.bare.File, text.content)
	case text.document != nil && text.value.Kind == yaml.ScalarNode:
		documents, err = text.document.ParseInline(text.value)
	}
	if err != nil || len(documents) != 1 {
		return text
	}
	line, ofText := path[len(path)-1].(manifest.Line)
	if ofText {
		path = path[:len(path)-1]
	}
	at, _ := documents[0].Locate(path, nil)
	if node := manifest.Lookup(documents[0].Node, path...); ofText && node != nil {
		at = documents[0].InlineLine(node, int(line))
	}
	return place{bare: at}
}

// lineWithin is a line of the text that a field or a file holds.
func lineWithin(text place, line int) place {
	switch {
	case text.content != nil:
		return place{bare: manifest.Position{File: text.bare.File, Line: line}}
	case text.document != nil && text.value != nil && text.value.Kind == yaml.ScalarNode:
		return place{bare: text.document.InlineLine(text.value, line)}
	}
	return text
}

// tracks reports whether a replayed field has the text that was rendered.
func tracks(node *yaml.Node, rendered any) bool {
	text, ok := rendered.(string)
	return !ok || strings.TrimSpace(node.Value) == strings.TrimSpace(text)
}
