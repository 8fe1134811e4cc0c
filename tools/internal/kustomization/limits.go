package kustomization

import (
	"net/url"
	"strings"
	"sync"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Limits on what one target may be made of. A file of thirty bytes that names another twice makes two of whatever is
// below it, so what counts is how often something is named, not how much is written.
const (
	maxNesting = 50      // kustomizations within each other
	maxLayers  = 2000    // kustomizations visited; a thousand applications under one root are half of it
	maxFiles   = 10_000  // of a directory of manifests
	maxObjects = 20_000  // written in the files of a target; Kustomize compares each with each
	maxValues  = 2 << 20 // of documents, their aliases written out: a kilobyte each in Kustomize's trees
	maxRead    = 128 << 20
	maxAffix   = 253      // characters of a prefix or suffix of names: no name of Kubernetes is longer
	maxCopies  = 10 << 20 // bytes that the copy operations of a JSON patch add to an object
)

// load is what a target is made of so far.
type load struct{ bytes, values, objects int }

func loadOf(documents []manifest.Document) load {
	var l load
	for _, d := range documents {
		l.values += d.Size().Values
		l.objects += max(len(manifest.Items(d.Node)), 1)
	}
	return l
}

// carry adds to the load of the target, and refuses the file with which it is too much.
func (f *Files) carry(name string, more load) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done {
		return nil // who replays what was rendered reads again
	}
	f.load.bytes += more.bytes
	f.load.values += more.values
	f.load.objects += more.objects
	refuse := func(format string, args ...any) error {
		return fail(manifest.Position{File: name}, "with this file the target "+format+", each file counted as often as it is named: split the target", args...)
	}
	switch {
	case f.load.bytes > maxRead:
		return refuse("reads more than %d MB", maxRead>>20)
	case f.load.values > maxValues:
		return refuse("has more than %d values", maxValues)
	case f.load.objects > maxObjects:
		return refuse("has more than %d objects", maxObjects)
	}
	return nil
}

// rendered ends the count of what is read.
func (f *Files) rendered() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = true
}

// visit counts a layer. from is the entry that names it, above are the layers that it is within.
func (w *layers) visit(from manifest.Position, above []string) error {
	if len(above) > maxNesting {
		return fail(from, "kustomizations are nested more than %d deep", maxNesting)
	}
	if w.count++; w.count > maxLayers {
		return fail(from, "with this entry the target has more than %d kustomizations, each counted as often as it is named: "+
			"name each once, or split the target", maxLayers)
	}
	return nil
}

// bound refuses fields of a layer that make much of little.
func bound(layer *Layer) error {
	for field, text := range map[string]string{"namePrefix": layer.Config.NamePrefix, "nameSuffix": layer.Config.NameSuffix} {
		if len(text) > maxAffix {
			return fail(layer.field(field), "%s has %d characters; no name has more than %d", field, len(text), maxAffix)
		}
	}
	return nil
}

// endless refuses an OpenAPI schema in which a reference leads, by nothing but references, to itself: Kustomize follows it
// for ever.
func endless(schema *manifest.Document) error {
	root := schema.Node
	found := map[string]*yaml.Node{} // by reference
	follow := func(node *yaml.Node) (to, reference *yaml.Node) {
		if reference = manifest.Lookup(node, "$ref"); reference == nil || reference.Kind != yaml.ScalarNode {
			return nil, nil
		}
		// A reference is a URL: %62 is b.
		pointer, ok := strings.CutPrefix(reference.Value, "#/")
		if plain, err := url.PathUnescape(pointer); err == nil {
			pointer = plain
		}
		if !ok {
			return nil, nil
		}
		to, known := found[pointer]
		if !known {
			var path []any
			for _, step := range manifest.Pointer(pointer) {
				path = append(path, step)
			}
			to = manifest.Lookup(root, path...)
			found[pointer] = to
		}
		return to, reference
	}
	ends := map[*yaml.Node]bool{} // nodes from which a chain of references comes to an end
	var walk func(node *yaml.Node) error
	walk = func(node *yaml.Node) error {
		on := map[*yaml.Node]bool{}
		for at := node; at != nil && at.Kind == yaml.MappingNode && !ends[at]; {
			on[at] = true
			to, reference := follow(at)
			if on[to] {
				return fail(schema.Position(nil, reference), "the reference %s leads back to itself", reference.Value)
			}
			at = to
		}
		for at := range on {
			ends[at] = true
		}
		for _, child := range node.Content {
			if err := walk(child); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(root)
}

// limitCopies bounds what JSON patches copy: thirty operations that copy an object into itself would make it a thousand
// million times as large. The library knows no other way to be told.
var limitCopies = sync.OnceFunc(func() { jsonpatch.AccumulatedCopySizeLimit = maxCopies })

// copies is the error of the first patch of a layer that copies, where the copies were too many.
func (l *Layer) copies() error {
	for _, patch := range l.Patches {
		for _, document := range patch.Documents {
			if document.Node.Kind != yaml.SequenceNode {
				continue
			}
			for _, operation := range document.Node.Content {
				if manifest.Text(operation, "op") == "copy" {
					return fail(document.Position(nil, operation), "the copy operations of the patch add more than %d MB to an object", maxCopies>>20)
				}
			}
		}
	}
	return nil
}

// mostReferences is how many references of a file of `crds` Kustomize may follow: from each type anew, and twice where two
// fields refer to one type.
const mostReferences = 10_000

// endlessTypes refuses a file of `crds` whose types refer to themselves: Kustomize follows the references of properties
// until its stack is full, which ends the process.
func endlessTypes(types *manifest.Document) error {
	plain := manifest.Plain(types.Node)
	byName := map[string]*yaml.Node{}
	for i := 0; i+1 < len(plain.Content) && plain.Kind == yaml.MappingNode; i += 2 {
		byName[plain.Content[i].Value] = plain.Content[i+1]
	}
	visits := 0
	on := map[string]bool{}
	var follow func(name string) error
	follow = func(name string) error {
		on[name] = true
		defer delete(on, name)
		for _, property := range valuesOf(folded(byName[name], "Schema", "properties")) {
			reference := folded(property, "$ref")
			if reference == nil || reference.Kind != yaml.ScalarNode {
				continue
			}
			for _, to := range []string{reference.Value, unescaped(reference.Value)} {
				if byName[to] == nil {
					continue
				}
				if visits++; on[to] || visits > mostReferences {
					return fail(types.Position(nil, reference), "the reference %s leads back to itself, or to more than %d others: Kustomize follows them all",
						reference.Value, mostReferences)
				}
				if err := follow(to); err != nil {
					return err
				}
				break
			}
		}
		return nil
	}
	for name, definition := range byName {
		// Kustomize begins at what looks like an object, and at nothing else.
		fields := folded(definition, "Schema", "properties")
		if manifest.Lookup(fields, "apiVersion") == nil || manifest.Lookup(fields, "kind") == nil || manifest.Lookup(fields, "metadata") == nil {
			continue
		}
		if err := follow(name); err != nil {
			return err
		}
	}
	return nil
}

func unescaped(reference string) string {
	if plain, err := url.PathUnescape(reference); err == nil {
		return plain
	}
	return reference
}

// folded follows keys in any letter case, as encoding/json does.
func folded(node *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		var found *yaml.Node
		for i := 0; node != nil && node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
			if strings.EqualFold(node.Content[i].Value, key) {
				found = node.Content[i+1]
			}
		}
		node = found
	}
	return node
}

func valuesOf(node *yaml.Node) []*yaml.Node {
	var values []*yaml.Node
	for i := 0; node != nil && node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
		values = append(values, node.Content[i+1])
	}
	return values
}
