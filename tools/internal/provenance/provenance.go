// Package provenance leads from a field of a rendered object back to the file and line that set it.
package provenance

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/utils"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/render"
)

// Locate finds where a field of an object is set: in the file that holds the object, or in the patch, image
// entry, generator or replacement of a layer above that set it last. A field that is set nowhere is placed at
// the closest ancestor in the file that holds the object.
func Locate(result *render.Result, object *manifest.Object, path manifest.Path) manifest.Origin {
	trace := result.Trace(object)
	if trace == nil {
		return manifest.Origin{Position: object.Source}
	}
	return manifest.Origin{Position: locate(trace, object.Value, path, 0)}
}

func locate(trace *render.Trace, value any, path manifest.Path, depth int) manifest.Position {
	position := trace.Source
	known := 0 // how much of the path the position stands for
	switch {
	case trace.Document != nil:
		position.Line, known = deepest(trace.Document.Node, path, value)
	case trace.Generator != nil:
		position.Line, _ = manifest.Locate(trace.Generator, nil, nil)
	}
	for _, step := range trace.Steps {
		if step.Patch != nil && step.Patch.Documents[0].Node.Kind != yaml.SequenceNode {
			if line, reached := merged(step.Patch.Documents[0].Node, path, value, known); reached >= 0 {
				position, known = manifest.Position{File: step.File, Line: line}, reached
			}
			continue
		}
		if at, ok := wrote(trace, step, value, path, depth); ok {
			position, known = at, len(path)
		}
	}
	return position
}

// deepest finds the line of the longest prefix of the path that a tree has, and that prefix's length.
func deepest(node *yaml.Node, path manifest.Path, value any) (line, length int) {
	for length = len(path); length > 0; length-- {
		if line, exact := manifest.Locate(node, path[:length], value); exact {
			return line, length
		}
	}
	line, _ = manifest.Locate(node, nil, nil)
	return line, 0
}

// merged tells which part of the path a strategic merge patch set: the field itself if it is a value there, or a
// parent that nothing before had; -1 for none. A mapping that others write to as well is set by none of them, and
// the names in a patch only say what it is for.
func merged(node *yaml.Node, path manifest.Path, value any, before int) (line, length int) {
	if len(path) == 1 && (path[0] == "apiVersion" || path[0] == "kind") ||
		len(path) == 2 && path[0] == "metadata" && (path[1] == "name" || path[1] == "namespace") {
		return 0, -1
	}
	line, length = deepest(node, path, value)
	if length > before {
		return line, length
	}
	if length == len(path) && length > 0 {
		// Past the names of list items, the patch's own tree has the value where the line is.
		if set := manifest.Find(node, path, value); set != nil && (set.Kind == yaml.ScalarNode || scalars(set)) {
			return line, length
		}
	}
	return 0, -1
}

// scalars reports a list of plain values: a patch replaces it whole.
func scalars(node *yaml.Node) bool {
	return node.Kind == yaml.SequenceNode &&
		!slices.ContainsFunc(node.Content, func(item *yaml.Node) bool { return item.Kind != yaml.ScalarNode })
}

// wrote tells whether a step set the field, or something that the field lies in.
func wrote(trace *render.Trace, step render.Step, value any, path manifest.Path, depth int) (manifest.Position, bool) {
	none := manifest.Position{}
	switch {
	case step.Patch != nil:
		return operation(step.File, step.Patch.Documents[0].Node, path)
	case step.Image != nil:
		if len(path) == 0 || path[len(path)-1] != "image" {
			return none, false
		}
		now, _ := path.Lookup(value)
		reference, _ := now.(string)
		name := manifest.Text(step.Image, "newName")
		if name == "" {
			name = manifest.Text(step.Image, "name")
		}
		tag := manifest.Text(step.Image, "newTag")
		digest := manifest.Text(step.Image, "digest")
		if !strings.HasPrefix(reference, name+":") && !strings.HasPrefix(reference, name+"@") ||
			tag != "" && !strings.Contains(reference, ":"+tag) || digest != "" && !strings.HasSuffix(reference, "@"+digest) {
			return none, false
		}
		for _, field := range []string{"digest", "newTag", "newName"} {
			if line, exact := manifest.Locate(step.Image, manifest.Path{field}, nil); exact {
				return manifest.Position{File: step.File, Line: line}, true
			}
		}
	case step.Replacement != nil:
		if !fits(step.Field, path, value) {
			return none, false
		}
		if step.From != nil && step.From != trace && step.From.Document != nil && depth < 5 {
			field := manifest.Text(step.Replacement, "source", "fieldPath")
			if field == "" {
				field = "metadata.name"
			}
			var from manifest.Path
			for _, key := range utils.SmarterPathSplitter(field, ".") {
				from = append(from, key)
			}
			return locate(step.From, nil, from, depth+1), true
		}
		return manifest.Position{File: step.File, Line: step.Replacement.Line}, true
	}
	return none, false
}

// operation finds the last JSON patch operation that wrote the path or a parent of it.
func operation(file string, list *yaml.Node, path manifest.Path) (position manifest.Position, ok bool) {
	for _, node := range list.Content {
		if op := manifest.Text(node, "op"); op == "test" || op == "remove" {
			continue
		}
		var steps manifest.Path
		for _, key := range strings.Split(strings.TrimPrefix(manifest.Text(node, "path"), "/"), "/") {
			steps = append(steps, strings.NewReplacer("~1", "/", "~0", "~").Replace(key))
		}
		if len(steps) > len(path) || !slices.EqualFunc(steps, path[:len(steps)], func(a, b any) bool { return same(a.(string), b) }) {
			continue
		}
		position, ok = manifest.Position{File: file, Line: node.Line}, true
		if set := manifest.Lookup(node, "value"); set != nil && len(path) > len(steps) {
			line, exact := manifest.Locate(set, path[len(steps):], nil)
			if exact {
				position.Line = line
			}
		}
	}
	return position, ok
}

func same(key string, step any) bool {
	switch step := step.(type) {
	case string:
		return key == step
	case int:
		return manifest.Path{step}.String() == "["+key+"]"
	}
	return false
}

// fits compares a replacement's dotted path, with its * and [name=value], to a path.
func fits(field string, path manifest.Path, value any) bool {
	keys := utils.SmarterPathSplitter(field, ".")
	if len(keys) != len(path) {
		return false
	}
	for i, key := range keys {
		switch {
		case key == "*":
		case strings.HasPrefix(key, "[") && strings.Contains(key, "="):
			name, want, _ := strings.Cut(strings.Trim(key, "[]"), "=")
			got, _ := append(slices.Clone(path[:i+1]), name).Lookup(value)
			if text, ok := got.(string); !ok || text != want {
				return false
			}
		case !same(strings.Trim(key, "[]"), path[i]):
			return false
		}
	}
	return true
}
