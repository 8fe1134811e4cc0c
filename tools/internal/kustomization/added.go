package kustomization

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// added is a container that a strategic merge patch adds to an object, and not an image with it: as a patch does that is for
// a container of another name. What comes after the patch may still give it one.
type added struct {
	document *manifest.Document // of the object
	at       manifest.Position  // in the patch
	path     manifest.Path      // of the list
	name     string
	beside   []string // the containers that were there
	of       manifest.Position
}

// addedContainers notes the containers that a patch adds without an image.
func (e *engine) addedContainers(a *accumulation, document *manifest.Document, plain *yaml.Node, value any, effects []effect) {
	var walk func(node *yaml.Node, path manifest.Path)
	walk = func(node *yaml.Node, path manifest.Path) {
		if node.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, child := node.Content[i].Value, node.Content[i+1]
			at := append(slices.Clip(path), key)
			if child.Kind != yaml.SequenceNode || key != "containers" && key != "initContainers" {
				walk(child, at)
				continue
			}
			for _, item := range child.Content {
				if name := manifest.Text(item, "name"); name != "" && manifest.Lookup(item, "$patch") == nil {
					e.addedContainer(a, document, item, at, name, value, effects)
				}
			}
		}
	}
	walk(plain, nil)
}

func (e *engine) addedContainer(a *accumulation, document *manifest.Document, item *yaml.Node, path manifest.Path, name string, value any, effects []effect) {
	for _, f := range effects {
		before, t := manifest.Find(f.before, path, value), a.traces[f.of]
		if before == nil || before.Kind != yaml.SequenceNode || t == nil || t.Document == nil || f.of.IsNilOrEmpty() {
			continue
		}
		have := names(before)
		if len(have) == 0 || have[name] || !slices.Equal(mergeKeys(f.had.CurId().Gvk, path), []string{"name"}) {
			continue
		}
		one := added{document: t.Document, at: document.Position(nil, item), path: path, name: name}
		for _, other := range before.Content {
			if has := manifest.Text(other, "name"); has != "" {
				one.beside = append(one.beside, has)
			}
		}
		meant := one.beside[0]
		if near := closest(name, have); near != "" {
			meant = near
		}
		if list, _ := follow(t.Document.Node, append(slices.Clip(path), "[name="+meant+"]")); len(list) == len(path)+1 {
			one.of, _ = t.Document.Locate(list, nil)
		}
		e.added = append(e.added, one)
	}
}

// withoutImage reports the containers of a rendered object that a patch has added and that nothing has given an image.
func (e *engine) withoutImage(target string, object *manifest.Object, trace *Trace) {
	for _, one := range e.added {
		if one.document != trace.Document {
			continue
		}
		found, _ := one.path.Lookup(object.Value)
		list, _ := found.([]any)
		for i, item := range list {
			container, _ := item.(map[string]any)
			if image, _ := container["image"].(string); container["name"] != any(one.name) || image != "" {
				continue
			}
			id := object.ID
			fault := newFault(containerAdded, one.at, "the patch adds the container %s, which has no image, to the %s %s; it has %s",
				one.name, id.Kind, id.Name, strings.Join(one.beside, ", "))
			fault.Of = one.of
			fault.In = &check.Place{Target: target, Object: &id, Path: append(slices.Clip(one.path), i)}
			e.faults = append(e.faults, fault)
		}
	}
}
