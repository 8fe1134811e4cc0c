package kustomization

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Edits are what a deployer writes into the kustomization of a target before it builds it, as `kustomize edit` does. Argo CD
// does so with what `kustomize` of a source says: util/kustomize/kustomize.go of its v3.6.1. Flux does with fields of its Kustomization.
type Edits struct {
	NamePrefix, NameSuffix, Namespace string

	Images       []string // as `kustomize edit set image` takes them: NAME=NEWNAME:TAG@DIGEST
	ImageEntries []any    // as entries of `images`, each merged into one of its name
	Replicas     []Replicas

	Labels                 map[string]string
	ForceLabels            bool // they go before those that are there
	LabelsWithoutSelector  bool
	LabelsIncludeTemplates bool
	Annotations            map[string]string
	ForceAnnotations       bool

	Patches           []any // as entries of `patches`
	Components        []string
	MissingComponents bool // that are not there are passed over

	// At is where a field of the edits is written: "images" and an index, "labels" and a key.
	At func(path ...any) manifest.Position
}

// Replicas is how many a workload has.
type Replicas struct {
	Name  string
	Count int64
}

// RenderEdited is Render of a target whose kustomization is edited before. It has to have one.
func (r *Renderer) RenderEdited(ctx context.Context, target string, edits *Edits) (*Result, error) {
	files := NewFiles(r.store)
	files.whole = r.whole(target)
	fault := func(err error) (*Result, error) { return nil, &Error{target, err, files} }
	name, err := files.resolve(clean(target))
	if err != nil {
		return fault(err)
	}
	w := &layers{ctx: ctx, files: files, source: r.Remote, edits: edits}
	root, err := w.load(name, manifest.Position{}, nil)
	if err != nil {
		return fault(err)
	}
	result, err := kustomize(ctx, files, w, root)
	if err != nil {
		return fault(err)
	}
	if len(result.Objects) == 0 {
		result.Faults = append(result.Faults, nothing(result))
	}
	return result, nil
}

// editing is the tree of a kustomization that is being edited. Nodes that are added have lines behind those of any file, each
// of which stands for a place of the edits.
type editing struct {
	edits   *Edits
	written manifest.Document
	node    *yaml.Node
	at      []manifest.Position // of the lines from firstEdited on
}

// firstEdited is the first line of what is in no file: a file has at most one line for each byte.
const firstEdited = manifest.MaxFileSize + 2

// apply edits a kustomization: the document with the places of what is added, and its text.
func (e *Edits) apply(files *Files, dir string, written manifest.Document) (manifest.Document, []byte, error) {
	w := &editing{edits: e, written: written, node: manifest.Plain(written.Node)}
	if w.node.Kind != yaml.MappingNode {
		return written, nil, fail(written.Position(nil, written.Node), "a kustomization is a mapping")
	}
	if err := w.check(); err != nil {
		return written, nil, err
	}
	for field, text := range map[string]string{"namePrefix": e.NamePrefix, "nameSuffix": e.NameSuffix, "namespace": e.Namespace} {
		if text != "" {
			w.set(field, w.text(text, field))
		}
	}
	for _, edit := range []func() error{
		w.images, w.replicas, w.labels, w.annotations, w.patches,
		func() error { return w.components(files, dir) },
	} {
		if err := edit(); err != nil {
			return written, nil, err
		}
	}
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	if err := encoder.Encode(unanchored(w.node)); err != nil {
		return written, nil, fmt.Errorf("edit %s: %w", written.File, err)
	}
	edited := written.Edited(w.node, func(line int) (manifest.Position, bool) {
		if line < firstEdited || line-firstEdited >= len(w.at) {
			return manifest.Position{}, false
		}
		return w.at[line-firstEdited], true
	})
	return edited, text.Bytes(), nil
}

// check refuses a field that is to be edited and is of another type: Kustomize cannot read it, and an edit would hide that.
func (w *editing) check() error {
	e := w.edits
	for _, f := range []struct {
		name   string
		kind   yaml.Kind
		edited bool
	}{
		{"namePrefix", yaml.ScalarNode, e.NamePrefix != ""}, {"nameSuffix", yaml.ScalarNode, e.NameSuffix != ""}, {"namespace", yaml.ScalarNode, e.Namespace != ""},
		{"images", yaml.SequenceNode, len(e.Images)+len(e.ImageEntries) > 0}, {"replicas", yaml.SequenceNode, len(e.Replicas) > 0},
		{"labels", yaml.SequenceNode, len(e.Labels) > 0}, {"commonLabels", yaml.MappingNode, len(e.Labels) > 0},
		{"commonAnnotations", yaml.MappingNode, len(e.Annotations) > 0},
		{"patches", yaml.SequenceNode, len(e.Patches) > 0}, {"components", yaml.SequenceNode, len(e.Components) > 0},
	} {
		found := manifest.Lookup(w.node, f.name)
		if !f.edited || found == nil || found.Kind == f.kind || found.Tag == "!!null" {
			continue
		}
		is := map[yaml.Kind]string{yaml.ScalarNode: "a text", yaml.SequenceNode: "a list", yaml.MappingNode: "a mapping"}[f.kind]
		return fail(w.written.Position(nil, found), "%s must be %s: Kustomize cannot read it, and what its deployer writes there would hide that", f.name, is)
	}
	return nil
}

// unanchored copies a tree of manifest.Plain without the names of what was an alias, for an encoder.
func unanchored(node *yaml.Node) *yaml.Node {
	plain := *node
	plain.Anchor, plain.Alias = "", nil
	plain.HeadComment, plain.LineComment, plain.FootComment = "", "", ""
	plain.Content = make([]*yaml.Node, len(node.Content))
	for i, child := range node.Content {
		plain.Content[i] = unanchored(child)
	}
	return &plain
}

// line is a line for a node of which a place of the edits is to be shown, with those of its text behind it.
func (w *editing) line(text string, path ...any) int {
	line := firstEdited + len(w.at)
	at := w.edits.At(path...)
	for range strings.Count(text, "\n") + 1 {
		w.at = append(w.at, at)
	}
	return line
}

func (w *editing) text(value string, path ...any) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Style: yaml.DoubleQuotedStyle, Line: w.line(value, path...), Column: 1}
}

// value is the tree of decoded content.
func (w *editing) value(value any, path ...any) *yaml.Node {
	below := func(step any) []any { return append(slices.Clone(path), step) }
	switch v := value.(type) {
	case map[string]any:
		node := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: w.line("", path...), Column: 1}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			node.Content = append(node.Content, w.text(key, below(key)...), w.value(v[key], below(key)...))
		}
		return node
	case []any:
		node := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: w.line("", path...), Column: 1}
		for i, item := range v {
			node.Content = append(node.Content, w.value(item, below(i)...))
		}
		return node
	case string:
		return w.text(v, path...)
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v), Line: w.line("", path...), Column: 1}
	case int64:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.FormatInt(v, 10), Line: w.line("", path...), Column: 1}
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null", Line: w.line("", path...), Column: 1}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(value), Line: w.line("", path...), Column: 1}
}

// field is what the kustomization has of a field; nil where it has nothing.
func (w *editing) field(name string, kind yaml.Kind) *yaml.Node {
	if found := manifest.Lookup(w.node, name); found != nil && found.Kind == kind {
		return found
	}
	return nil
}

// list is the list that the kustomization has of a field, a new one where it has none.
func (w *editing) list(field string) *yaml.Node {
	list := w.field(field, yaml.SequenceNode)
	if list == nil {
		list = w.value([]any{}, field)
		w.set(field, list)
	}
	return list
}

// find is the index of the value of a key; -1 where the mapping has no such key.
func find(mapping *yaml.Node, key string) int {
	found := -1
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			found = i + 1
		}
	}
	return found
}

func (w *editing) set(name string, value *yaml.Node) {
	if at := find(w.node, name); at >= 0 {
		w.node.Content[at] = value
		return
	}
	key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name, Line: value.Line, Column: 1}
	w.node.Content = append(w.node.Content, key, value)
}

// items sets a list of mappings that have names: those that are given go before those of the same name, all in their order.
func (w *editing) items(field string, given map[string]*yaml.Node) {
	all := maps.Clone(given)
	if list := w.field(field, yaml.SequenceNode); list != nil {
		for _, item := range list.Content {
			name := manifest.Text(item, "name")
			if given[name] == nil {
				all[name] = item
			}
		}
	}
	list := w.value([]any{}, field)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list.Content = append(list.Content, all[name])
	}
	w.set(field, list)
}

// preserved stands for what is there already.
const preserved = "*"

func (w *editing) images() error {
	if len(w.edits.Images)+len(w.edits.ImageEntries) == 0 {
		return nil
	}
	given := map[string]*yaml.Node{}
	for i, entry := range w.edits.ImageEntries {
		name := manifest.TextAt(entry, "name")
		given[name] = w.value(w.merged(entry, w.existing("images", name)), "images", i)
	}
	for i, arg := range w.edits.Images {
		name, value, renames := strings.Cut(arg, "=")
		if !renames {
			value = arg
		}
		newName, tag, digest := splitImage(value)
		if newName == arg {
			return fail(w.edits.At("images", i), "the image %q has no new name, tag or digest: write NAME=NEWNAME:TAG, NAME:TAG or NAME@DIGEST", arg)
		}
		if !renames {
			name, newName = newName, ""
		}
		image := map[string]any{"name": name}
		has := w.existing("images", name)
		for field, text := range map[string]string{"newName": newName, "newTag": tag, "digest": digest} {
			if text == preserved {
				text = manifest.Text(has, field)
			}
			if text != "" {
				image[field] = text
			}
		}
		given[name] = w.value(image, "images", i)
	}
	w.items("images", given)
	return nil
}

// merged is an entry of `images` with what the one that is there has beside it. A tag and a digest are one: either takes the
// place of both.
func (w *editing) merged(entry any, has *yaml.Node) map[string]any {
	merged := map[string]any{"name": manifest.TextAt(entry, "name")}
	take := func(field, text string) {
		if text != "" {
			merged[field] = text
		}
	}
	take("newName", cmp.Or(manifest.TextAt(entry, "newName"), manifest.Text(has, "newName")))
	tag, digest := manifest.TextAt(entry, "newTag"), manifest.TextAt(entry, "digest")
	if tag+digest == "" {
		tag, digest = manifest.Text(has, "newTag"), manifest.Text(has, "digest")
	}
	take("newTag", tag)
	take("digest", digest)
	return merged
}

// existing is the last item of a list that has a name; nil where there is none.
func (w *editing) existing(field, name string) *yaml.Node {
	var found *yaml.Node
	if list := w.field(field, yaml.SequenceNode); list != nil {
		for _, item := range list.Content {
			if manifest.Text(item, "name") == name {
				found = item
			}
		}
	}
	return found
}

// splitImage takes the name, the tag and the digest of an image apart; a colon before the first slash is one of a port.
func splitImage(image string) (name, tag, digest string) {
	name = image
	rest := strings.Index(image, "/")
	rest = max(rest, 0)
	at, colon := strings.Index(image[rest:], "@"), strings.Index(image[rest:], ":")
	switch {
	case at >= 0 && (at < colon || colon < 0):
		return image[:rest+at], "", image[rest+at+1:]
	case at >= 0:
		return image[:rest+colon], image[rest+colon+1 : rest+at], image[rest+at+1:]
	case colon >= 0:
		return image[:rest+colon], image[rest+colon+1:], ""
	}
	return name, "", ""
}

func (w *editing) replicas() error {
	if len(w.edits.Replicas) == 0 {
		return nil
	}
	given := map[string]*yaml.Node{}
	for i, r := range w.edits.Replicas {
		if strings.Contains(r.Name, "=") {
			return fail(w.edits.At("replicas", i), "%q is no name of a workload", r.Name)
		}
		given[r.Name] = w.value(map[string]any{"name": r.Name, "count": r.Count}, "replicas", i)
	}
	w.items("replicas", given)
	return nil
}

// pairs puts texts into a mapping of the kustomization. One that is there already is an error of Kustomize without force.
func (w *editing) pairs(into *yaml.Node, what, field string, pairs map[string]string, force bool) error {
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		value := w.text(pairs[key], field, key)
		switch at := find(into, key); {
		case at < 0:
			into.Content = append(into.Content, w.text(key, field, key), value)
		case !force:
			return fail(w.edits.At(field, key), "the %s %s is in the kustomization already, so that Argo CD builds nothing: leave it out, or set the field that forces it", what, key)
		default:
			into.Content[at] = value
		}
	}
	return nil
}

// labels adds labels. Those that selectors have too Argo CD writes into commonLabels; `labels` that includes selectors comes to the
// same, and is not deprecated.
func (w *editing) labels() error {
	e := w.edits
	if len(e.Labels) == 0 {
		return nil
	}
	if e.LabelsIncludeTemplates && !e.LabelsWithoutSelector {
		return fail(e.At("labels"), "labelIncludeTemplates is given without labelWithoutSelector: Kustomize refuses that")
	}
	pairs := maps.Clone(e.Labels)
	if common := w.field("commonLabels", yaml.MappingNode); common != nil && !e.LabelsWithoutSelector {
		there := map[string]string{}
		for key := range pairs {
			if manifest.Lookup(common, key) != nil {
				there[key] = pairs[key]
				delete(pairs, key)
			}
		}
		if err := w.pairs(common, "label", "labels", there, e.ForceLabels); err != nil {
			return err
		}
	}
	if len(pairs) == 0 {
		return nil
	}
	list := w.list("labels")
	if e.LabelsWithoutSelector {
		for _, item := range list.Content {
			is := func(field string) bool { return manifest.Text(item, field) == "true" }
			if into := manifest.Lookup(item, "pairs"); !is("includeSelectors") && is("includeTemplates") == e.LabelsIncludeTemplates && into != nil {
				return w.pairs(into, "label", "labels", pairs, e.ForceLabels)
			}
		}
	}
	entry := map[string]any{}
	if !e.LabelsWithoutSelector {
		entry["includeSelectors"] = true
	} else if e.LabelsIncludeTemplates {
		entry["includeTemplates"] = true
	}
	item := w.value(entry, "labels")
	into := w.value(map[string]any{}, "labels")
	item.Content = append(item.Content, w.text("pairs", "labels"), into)
	list.Content = append(list.Content, item)
	return w.pairs(into, "label", "labels", pairs, true)
}

func (w *editing) annotations() error {
	if len(w.edits.Annotations) == 0 {
		return nil
	}
	common := w.field("commonAnnotations", yaml.MappingNode)
	if common == nil {
		common = w.value(map[string]any{}, "annotations")
		w.set("commonAnnotations", common)
	}
	return w.pairs(common, "annotation", "annotations", w.edits.Annotations, w.edits.ForceAnnotations)
}

func (w *editing) patches() error {
	if len(w.edits.Patches) == 0 {
		return nil
	}
	list := w.list("patches")
	for i, patch := range w.edits.Patches {
		list.Content = append(list.Content, w.value(patch, "patches", i))
	}
	return nil
}

func (w *editing) components(files *Files, dir string) error {
	given := w.edits.Components
	if w.edits.MissingComponents {
		// Argo CD looks for the first that is there, and takes no other.
		there := slices.IndexFunc(given, func(name string) bool { return files.Kustomization(path.Join(dir, name)) != "" })
		if there < 0 {
			return nil
		}
		given = given[there : there+1]
	}
	if len(given) == 0 {
		return nil
	}
	list := w.list("components")
	for _, name := range given {
		index := slices.Index(w.edits.Components, name)
		if strings.ContainsAny(name, `*?[\`) {
			return fail(w.edits.At("components", index), "%s is a pattern, which kgate does not follow here: name the directory", name)
		}
		if !slices.ContainsFunc(list.Content, func(item *yaml.Node) bool { return item.Value == name }) {
			list.Content = append(list.Content, w.text(name, "components", index))
		}
	}
	return nil
}

// Empty reports edits that change nothing.
func (e *Edits) Empty() bool {
	return e == nil || cmp.Or(e.NamePrefix, e.NameSuffix, e.Namespace) == "" &&
		len(e.Images)+len(e.ImageEntries)+len(e.Replicas)+len(e.Labels)+len(e.Annotations)+len(e.Patches)+len(e.Components) == 0
}
