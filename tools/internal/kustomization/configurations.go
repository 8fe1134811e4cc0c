package kustomization

import (
	"maps"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// misnamedKinds says of the files of `configurations` which kinds they name that no object has, where there is one that is
// written nearly so. Of other kinds such a file may speak for targets that have them.
func (e *engine) misnamedKinds(a *accumulation) error {
	kinds := map[string]bool{}
	for _, r := range a.resources.Resources() {
		for _, id := range append(r.PrevIds(), r.OrgId(), r.CurId()) {
			kinds[id.Kind] = true
		}
	}
	seen := map[string]bool{}
	var visit func(*Layer)
	visit = func(l *Layer) {
		for _, name := range l.Config.Configurations {
			file := l.Path(name)
			documents, err := e.files.Documents(file)
			if err != nil || seen[file] {
				continue // it was read before
			}
			seen[file] = true
			for i := range documents {
				namedKinds(documents[i].Node, func(kind *yaml.Node) { e.misnamed(documents[i].Position(nil, kind), kind.Value, kinds) })
			}
		}
		for _, below := range l.below() {
			visit(below)
		}
	}
	visit(e.root)
	return nil
}

// misnamed says that no object has a kind, where one of another kind differs by a letter, or by the case of letters.
func (e *engine) misnamed(at manifest.Position, kind string, kinds map[string]bool) {
	if kinds[kind] {
		e.effective(noEffect, at)
		return
	}
	for _, other := range slices.Sorted(maps.Keys(kinds)) {
		if len(kind) > 4 && levenshtein.ComputeDistance(strings.ToLower(kind), strings.ToLower(other)) <= 1 {
			e.idle(at, newFault(noEffect, at, "this changes nothing: no object here has the kind %s; there is the kind %s", kind, other))
			return
		}
	}
}

// namedKinds visits the kinds that a file of `configurations` names: those of its field specs, and of what refers to them.
func namedKinds(node *yaml.Node, visit func(kind *yaml.Node)) {
	if node == nil || node.Kind != yaml.MappingNode {
		return
	}
	var entries func(list *yaml.Node)
	entries = func(list *yaml.Node) {
		if list == nil || list.Kind != yaml.SequenceNode {
			return
		}
		for _, entry := range list.Content {
			if kind := manifest.Lookup(entry, "kind"); kind != nil && kind.Kind == yaml.ScalarNode && kind.Value != "" {
				visit(kind)
			}
			entries(manifest.Lookup(entry, "fieldSpecs"))
		}
	}
	for i := 1; i < len(node.Content); i += 2 {
		entries(node.Content[i])
	}
}
