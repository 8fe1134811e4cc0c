package provenance

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// writer is a value in a kustomization that a transformer writes into fields of objects.
type writer struct {
	at     place
	others []place // that have a part in what is written
	around bool    // it only adds to what is there, as a prefix does
}

// writers finds out which value of a transformer is written where. Kustomize alone knows which fields of which kinds its
// transformers reach, so it is asked: each value is replaced by a token, and where the token comes out, the value was
// written, even if the field had that value before.
type writers []writer

// firstToken is the number of the first token, and tokens what every number of one begins with.
const (
	firstToken = 715_220_000
	tokens     = "715"
)

// token is a name that Kustomize takes wherever it takes one. number is what stands for it where a number must be.
func (w *writers) token(by writer) (token string, number int) {
	*w = append(*w, by)
	n := firstToken + len(*w) - 1
	return fmt.Sprintf("kgate%d", n), n
}

// find gives the writers whose tokens are in a text.
func (w writers) find(text string) []writer {
	if !strings.Contains(text, tokens) {
		return nil
	}
	var found []writer
	for i := range w {
		probe := w[:i:i]
		if _, number := probe.token(writer{}); strings.Contains(text, fmt.Sprint(number)) {
			found = append(found, w[i])
		}
	}
	return found
}

// in reports whether a token is in a value of a tree.
func (w writers) in(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && w.find(node.Value) != nil || slices.ContainsFunc(node.Content, w.in)
}

// transform is a tree after what a layer does to all of its objects; the same tree where the layer writes nothing into it.
func (r *replay) transform(tree *yaml.Node, step kustomization.Step) (*yaml.Node, error) {
	object, err := objectText(tree)
	if err != nil {
		return nil, err
	}
	as := alone{
		read: r.read, render: r.render, step: step.Transform, called: step.Called, object: object, name: manifest.Text(tree, "metadata", "name"),
	}
	// The tokens first: where none of them comes out, there is nothing to write.
	probed, by, err := as.probed()
	if err == nil && !by.in(probed) {
		return tree, nil
	}
	plain, plainErr := as.plain()
	if plainErr != nil {
		// Kustomize refuses replicas that meet no object. They met another one, of the same name.
		fewer := *step.Transform
		fewer.Fields = slices.DeleteFunc(slices.Clone(fewer.Fields), func(field string) bool { return field == "replicas" })
		as.step = &fewer
		if plain, err = as.plain(); err != nil {
			return nil, err
		}
		probed, by, err = as.probed()
	}
	if err != nil {
		return nil, err
	}
	tree = yaml.CopyYNode(tree)
	r.written(tree, plain, probed, by, nil)
	return tree, nil
}

// written writes into a tree what a transformer made of it. Where a token came out instead, the field is marked.
func (r *replay) written(tree, plain, probed *yaml.Node, by writers, path manifest.Path) {
	switch {
	case plain.Kind != probed.Kind || len(plain.Content) != len(probed.Content):
	case plain.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(plain.Content); i += 2 {
			key := plain.Content[i].Value
			if other := manifest.Lookup(probed, key); other != nil {
				r.written(tree, plain.Content[i+1], other, by, append(slices.Clip(path), key))
			}
		}
	case plain.Kind == yaml.SequenceNode:
		for i := range plain.Content {
			r.written(tree, plain.Content[i], probed.Content[i], by, append(slices.Clip(path), i))
		}
	case plain.Kind == yaml.ScalarNode:
		if found := by.find(probed.Value); found != nil {
			r.write(tree, path, plain, found)
		}
	}
}

// write sets a field and marks it.
func (r *replay) write(tree *yaml.Node, path manifest.Path, value *yaml.Node, by []writer) {
	for i, step := range path {
		next := manifest.Lookup(tree, step)
		if next == nil {
			key, ok := step.(string)
			if !ok || tree.Kind != yaml.MappingNode {
				return
			}
			next = &yaml.Node{Kind: yaml.MappingNode, Tag: yaml.NodeTagMap}
			if i == len(path)-1 {
				next = &yaml.Node{Kind: yaml.ScalarNode}
			} else {
				r.set(next, mark{at: by[0].at, over: by[0].others, made: true})
			}
			put(tree, key, next)
		}
		tree = next
	}
	to, known := mark{}, false
	if was, ok := r.of(tree); ok {
		to, known = *was, true
	}
	for _, w := range by {
		switch {
		case w.around && known:
			to.over = append([]place{w.at}, to.over...)
		case known:
			to = mark{at: w.at, over: append(slices.Clip(w.others), to.below()...)}
		default:
			to, known = mark{at: w.at, over: w.others}, true
		}
	}
	tree.Kind, tree.Tag, tree.Style, tree.Value, tree.Content = yaml.ScalarNode, value.Tag, value.Style, value.Value, nil
	r.set(tree, to)
}

const localConfig = "config.kubernetes.io/local-config"

// objectText is a tree as a file that Kustomize renders.
func objectText(tree *yaml.Node) (string, error) {
	object := yaml.NewRNode(yaml.CopyYNode(tree))
	// One that is local to the layer would not come out.
	if manifest.Lookup(tree, "metadata", "annotations", localConfig) != nil {
		if err := object.PipeE(yaml.Lookup("metadata", "annotations"), yaml.Clear(localConfig)); err != nil {
			return "", err
		}
	}
	return object.String()
}

// alone is a transformation of one object and nothing else.
type alone struct {
	read   func(string) ([]byte, error)
	render func(sources) (*yaml.Node, error)
	step   *kustomization.Transform
	called func(string) bool // reports the names that the object had
	object string
	name   string
	probe  *writers // collects the writers whose values are tokens; nil leaves the values as they are
}

func (a alone) plain() (*yaml.Node, error) {
	s, err := a.sources()
	if err != nil {
		return nil, err
	}
	return a.render(s)
}

// probed is the object with tokens for the values that were written, and the writers that they stand for.
func (a alone) probed() (*yaml.Node, writers, error) {
	var by writers
	a.probe = &by
	probed, err := a.plain()
	return probed, by, err
}

// sources are the object and a kustomization that does to it what the step does.
func (a alone) sources() (sources, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	files := sources{}
	write := func(name string, data []byte) *yaml.Node {
		files[name] = data
		return scalar(name)
	}
	put(root, "resources", list(write("object.yaml", []byte(a.object))))
	for _, more := range []struct {
		field string
		files []string
	}{{"configurations", a.step.Configurations}, {"crds", a.step.CRDs}} {
		for i, name := range more.files {
			data, err := a.read(name)
			if err != nil {
				return nil, err
			}
			add(root, more.field, write(fmt.Sprintf("%s-%d%s", more.field, i, path.Ext(name)), data))
		}
	}
	if a.step.Plugin != nil {
		text, err := yaml.NewRNode(a.plugin()).String()
		if err != nil {
			return nil, err
		}
		put(root, "transformers", list(write("plugin.yaml", []byte(text))))
	} else {
		for _, field := range a.step.Fields {
			a.field(root, field)
		}
	}
	text, err := yaml.NewRNode(root).String()
	if err != nil {
		return nil, err
	}
	write("kustomization.yaml", []byte(text))
	return files, nil
}

// value takes a scalar over, or a token in its place.
func (a alone) value(node *yaml.Node, by writer) {
	if a.probe == nil || node == nil || node.Kind != yaml.ScalarNode {
		return
	}
	token, number := a.probe.token(by)
	if node.ShortTag() == "!!int" {
		token = fmt.Sprint(number)
	} else {
		node.Tag = yaml.NodeTagString
	}
	node.Value, node.Style = token, 0
}

// field adds a field of the layer to a kustomization.
func (a alone) field(root *yaml.Node, field string) {
	document := a.step.Layer.Document
	at, _ := entry(document, a.step.Layer.Node, field)
	node := yaml.CopyYNode(at.value)
	switch field {
	case "namespace":
		a.value(node, writer{at: at})
	case "namePrefix", "nameSuffix":
		a.value(node, writer{at: at, around: true})
	case "commonAnnotations":
		a.pairs(document, at.value, node, nil)
	case "commonLabels":
		a.pairs(document, at.value, node, nil)
		labels := &yaml.Node{Kind: yaml.MappingNode}
		put(labels, "pairs", node)
		put(labels, "includeSelectors", &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagBool, Value: "true"})
		add(root, "labels", labels) // the field that replaces it says the same, without a warning on standard error
		return
	case "labels":
		for i, written := range at.value.Content {
			if pairs := manifest.Lookup(written, "pairs"); pairs != nil {
				a.pairs(document, pairs, manifest.Lookup(node.Content[i], "pairs"), fields(document, written, "fields"))
			}
			add(root, "labels", node.Content[i])
		}
		return
	case "replicas":
		for i, written := range at.value.Content {
			if !a.called(manifest.Text(written, "name")) {
				continue // Kustomize refuses an entry that meets no object
			}
			manifest.Lookup(node.Content[i], "name").Value = a.name
			count, _ := entry(document, written, "count")
			a.value(manifest.Lookup(node.Content[i], "count"), writer{at: count})
			add(root, "replicas", node.Content[i])
		}
		return
	case "images":
		for i, written := range at.value.Content {
			a.image(document, at.value, written, node.Content[i])
		}
	}
	put(root, field, node)
}

// fields are the places that say which fields labels are written to.
func fields(document *manifest.Document, entry *yaml.Node, name string) []place {
	var places []place
	if list := manifest.Lookup(entry, name); list != nil {
		for _, field := range list.Content {
			places = append(places, place{document: document, value: field})
		}
	}
	return places
}

func (a alone) pairs(document *manifest.Document, written, node *yaml.Node, others []place) {
	for i := 0; i+1 < len(written.Content); i += 2 {
		a.value(node.Content[i+1], writer{at: place{document: document, key: written.Content[i], value: written.Content[i+1]}, others: others})
	}
}

// image puts a token for the tag of an entry, or for its name where it has no tag and no other entry goes by that name.
func (a alone) image(document *manifest.Document, entries, written, node *yaml.Node) {
	var places []place
	for _, field := range []string{"digest", "newTag", "newName"} {
		if at, ok := entry(document, written, field); ok {
			places = append(places, at)
		}
	}
	if len(places) == 0 {
		return
	}
	by := writer{at: places[0], others: places[1:]}
	renamed := manifest.Text(written, "newName")
	chained := renamed != "" && slices.ContainsFunc(entries.Content, func(other *yaml.Node) bool { return manifest.Text(other, "name") == renamed })
	for _, field := range []string{"digest", "newTag", "newName"} {
		if value := manifest.Lookup(node, field); value != nil && (field != "newName" || len(places) == 1 && !chained) {
			a.value(value, by)
		}
	}
}

// plugin is the configuration of the step's plugin.
func (a alone) plugin() *yaml.Node {
	document := a.step.Plugin
	written := manifest.Expand(document.Node)
	node := yaml.CopyYNode(written)
	value := func(around bool, path ...any) {
		parent := manifest.Lookup(written, path[:len(path)-1]...)
		if parent == nil {
			return
		}
		if at, ok := entry(document, parent, path[len(path)-1].(string)); ok {
			a.value(manifest.Lookup(node, path...), writer{at: at, around: around})
		}
	}
	switch manifest.Text(written, "kind") {
	case "NamespaceTransformer":
		value(false, "metadata", "namespace")
	case "PrefixTransformer", "SuffixTransformer", "PrefixSuffixTransformer":
		value(true, "prefix")
		value(true, "suffix")
	case "LabelTransformer", "AnnotationsTransformer":
		for _, field := range []string{"labels", "annotations"} {
			if pairs := manifest.Lookup(written, field); pairs != nil {
				a.pairs(document, pairs, manifest.Lookup(node, field), fields(document, written, "fieldSpecs"))
			}
		}
	case "ReplicaCountTransformer":
		if name := manifest.Lookup(node, "replica", "name"); name != nil && a.called(name.Value) {
			name.Value = a.name
		}
		value(false, "replica", "count")
	case "ImageTagTransformer":
		if image := manifest.Lookup(written, "imageTag"); image != nil {
			a.image(document, list(image), image, manifest.Lookup(node, "imageTag"))
		}
	case "ValueAddTransformer":
		value(false, "value")
	}
	return node
}

func scalar(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagString, Value: value}
}

func list(items ...*yaml.Node) *yaml.Node { return &yaml.Node{Kind: yaml.SequenceNode, Content: items} }

// put sets a field that a mapping does not have.
func put(mapping *yaml.Node, key string, value *yaml.Node) {
	mapping.Content = append(mapping.Content, scalar(key), value)
}

// add appends to a list of a mapping.
func add(mapping *yaml.Node, key string, item *yaml.Node) {
	if have := manifest.Lookup(mapping, key); have != nil {
		have.Content = append(have.Content, item)
		return
	}
	put(mapping, key, list(item))
}
