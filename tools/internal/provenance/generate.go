package provenance

import (
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// generate makes the object of a generator's entry, marked with the literals and files that its data is of.
func (r *replay) generate(g *kustomization.Generator) (*yaml.Node, error) {
	files := sources{}
	data := map[string]mark{}
	written := place{document: g.Layer.Document, value: g.Node}
	for _, field := range []string{"literals", "files", "envs"} {
		entries := manifest.Lookup(g.Node, field)
		if entries == nil {
			continue
		}
		for _, node := range entries.Content {
			at := place{document: g.Layer.Document, value: node}
			if field == "literals" {
				key, _, _ := strings.Cut(node.Value, "=")
				data[key] = mark{at: at}
				continue
			}
			if err := r.input(files, g.Layer, at, field == "envs", data); err != nil {
				return nil, err
			}
		}
	}
	if at, ok := entry(g.Layer.Document, g.Node, "env"); ok {
		if err := r.input(files, g.Layer, at, true, data); err != nil {
			return nil, err
		}
	}
	object, err := r.generated(files, g)
	if err != nil {
		return nil, err
	}
	everywhere(object, func(node *yaml.Node) { r.set(node, mark{at: written}) })
	from := func(find func(key string) (mark, bool), path ...any) {
		if fields := manifest.Lookup(object, path...); fields != nil && fields.Kind == yaml.MappingNode {
			for i := 0; i+1 < len(fields.Content); i += 2 {
				if at, ok := find(fields.Content[i].Value); ok {
					r.set(fields.Content[i+1], at)
				}
			}
		}
	}
	for _, field := range []string{"data", "binaryData"} {
		from(func(key string) (mark, bool) { m, ok := data[key]; return m, ok }, field)
	}
	for _, field := range []string{"labels", "annotations"} {
		from(func(key string) (mark, bool) {
			for _, options := range []*yaml.Node{manifest.Lookup(g.Node, "options", field), manifest.Lookup(g.Layer.Node, "generatorOptions", field)} {
				if options != nil {
					if at, ok := entry(g.Layer.Document, options, key); ok {
						return mark{at: at}, true
					}
				}
			}
			return mark{}, false
		}, "metadata", field)
	}
	for _, own := range []struct {
		field string
		path  []any
	}{{"name", []any{"metadata", "name"}}, {"namespace", []any{"metadata", "namespace"}}, {"type", []any{"type"}}} {
		at, ok := entry(g.Layer.Document, g.Node, own.field)
		if node := manifest.Lookup(object, own.path...); node != nil && ok {
			r.set(node, mark{at: at})
		}
	}
	return object, nil
}

func everywhere(node *yaml.Node, do func(*yaml.Node)) {
	do(node)
	for _, child := range node.Content {
		everywhere(child, do)
	}
}

// input notes where the data of a file stands: the file itself, or the lines of an env file. at is what names it.
func (r *replay) input(files sources, layer *kustomization.Layer, at place, env bool, data map[string]mark) error {
	key, name, named := strings.Cut(at.value.Value, "=")
	if !named || env {
		name = at.value.Value
		key = path.Base(name)
	}
	file := layer.Path(name)
	text, err := r.read(file)
	if err != nil {
		return err
	}
	if at := layer.Fetched(name); at != "" {
		name = at
	}
	files[path.Join("/", name)] = text
	if !env {
		data[key] = mark{at: place{bare: manifest.Position{File: file, Line: 1}, content: text}, over: []place{at}}
		return nil
	}
	for i, line := range strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n") {
		line = strings.TrimRight(line, "\r")
		trimmed := strings.TrimLeftFunc(line, unicode.IsSpace)
		key, _, ok := strings.Cut(trimmed, "=")
		if !ok || strings.HasPrefix(trimmed, "#") {
			continue
		}
		column := utf8.RuneCountInString(line) - utf8.RuneCountInString(trimmed) + 1
		data[key] = mark{at: place{bare: manifest.Position{
			File: file, Line: i + 1, Column: column, EndColumn: column + utf8.RuneCountInString(trimmed),
		}}, over: []place{at}}
	}
	return nil
}

// generated has Kustomize run one generator. The files that it reads must be there.
func (r *replay) generated(files sources, g *kustomization.Generator) (*yaml.Node, error) {
	one := yaml.CopyYNode(g.Node)
	one.Content = slices.Clone(one.Content)
	for i := 0; i+1 < len(one.Content); i += 2 {
		if one.Content[i].Value == "behavior" {
			one.Content = slices.Delete(one.Content, i, i+2) // what it merges into is not here
			break
		}
	}
	for i := 0; i+1 < len(one.Content); i += 2 {
		one.Content[i+1] = local(g.Layer, one.Content[i].Value, one.Content[i+1])
	}
	root := &yaml.Node{Kind: yaml.MappingNode}
	put(root, g.Field, list(one))
	if options := manifest.Lookup(g.Layer.Node, "generatorOptions"); options != nil {
		put(root, "generatorOptions", options)
	}
	text, err := yaml.NewRNode(root).String()
	if err != nil {
		return nil, err
	}
	files["/kustomization.yaml"] = []byte(text)
	rendered, err := r.render(files)
	if err != nil {
		return nil, err
	}
	object := yaml.NewRNode(yaml.CopyYNode(rendered))
	if err := object.SetName(manifest.Text(g.Node, "name")); err != nil { // a hash comes when all layers are done
		return nil, err
	}
	return object.YNode(), nil
}

// local is a field of a generator with the copies of files in place of their URLs: nothing is fetched here.
func local(layer *kustomization.Layer, field string, value *yaml.Node) *yaml.Node {
	if field != "files" && field != "envs" && field != "env" {
		return value
	}
	is := yaml.CopyYNode(value)
	everywhere(is, func(node *yaml.Node) {
		key, name, named := strings.Cut(node.Value, "=")
		if !named || field != "files" {
			key, name = path.Base(node.Value), node.Value
		}
		if at := layer.Fetched(name); node.Kind == yaml.ScalarNode && at != "" {
			if node.Value = at; field == "files" {
				node.Value = key + "=" + at
			}
		}
	})
	return is
}

// combine does what a generator's behavior says to an object that is there.
func (r *replay) combine(tree *yaml.Node, g *kustomization.Generator) error {
	more, err := r.generate(g)
	if err != nil {
		return err
	}
	overlay := func(path ...any) {
		into, from := manifest.Lookup(tree, path...), manifest.Lookup(more, path...)
		switch {
		case from == nil:
		case into == nil:
			parent := tree
			if len(path) > 1 {
				if parent = manifest.Lookup(tree, path[:len(path)-1]...); parent == nil {
					return
				}
			}
			put(parent, path[len(path)-1].(string), from)
		default:
			for i := 0; i+1 < len(from.Content); i += 2 {
				if was := manifest.Lookup(into, from.Content[i].Value); was != nil {
					r.overrides(from.Content[i+1], was)
					*was = *from.Content[i+1]
				} else {
					into.Content = append(into.Content, from.Content[i], from.Content[i+1])
				}
			}
		}
	}
	if manifest.Text(g.Node, "behavior") == "replace" {
		for _, field := range []string{"data", "binaryData"} {
			into, from := manifest.Lookup(tree, field), manifest.Lookup(more, field)
			if into == nil {
				continue
			}
			var kept []*yaml.Node
			for i := 0; from != nil && i+1 < len(into.Content); i += 2 {
				if manifest.Lookup(from, into.Content[i].Value) != nil {
					kept = append(kept, into.Content[i], into.Content[i+1])
				}
			}
			into.Content = kept
		}
	}
	overlay("data")
	overlay("binaryData")
	overlay("metadata", "labels")
	overlay("metadata", "annotations")
	return nil
}
