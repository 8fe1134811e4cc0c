package kustomization

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// Layer is one kustomization file with everything that it names, read before Kustomize runs: so that what
// Kustomize would report vaguely, fetch from the network, or pass over in silence is refused with its line.
type Layer struct {
	Dir        string // from the repository's top
	File       string
	Document   *manifest.Document
	Node       *yaml.Node // the document's, with its aliases and merges written out
	Config     types.Kustomization
	Resources  []Resource
	Components []*Layer
	Patches    []Patch

	copied  vendored.Tree     // the copy of a repository that the layer lies in; its Root is "" for the repository's own
	fetched map[string]string // the copies of files that entries name by URL

	replacements map[int][]manifest.Document // of files that `replacements` names, by entry
	plugins      map[string][]Resource       // the entries of generators, transformers and validators
	inherited    string                      // the namespace of the closest layer above that sets one
	charted      bool                        // it or a layer below renders a chart
	charts       map[vendored.Chart]string   // the directories of the copies of charts
	asked        asked                       // to read it and those below
}

// Resource is one entry of `resources`: a file's documents, or a layer below.
type Resource struct {
	Source    manifest.Position // the entry in the kustomization
	Name      string            // as the entry writes it
	File      string            // from the repository's top; empty for a layer
	Documents []manifest.Document
	Layer     *Layer
}

// Patch is one entry of `patches` (or of the fields that it replaced) with its text.
type Patch struct {
	Source    manifest.Position // the entry in the kustomization
	Target    *types.Selector
	Documents []manifest.Document // line numbers are those of File, also for a patch written inline
	Renames   bool                // it may set metadata.name
	Rekinds   bool                // it may set kind
	Texts     bool                // Kustomize reads its labels and annotations as texts, and null as one too

	document *manifest.Document // the kustomization
	entry    *yaml.Node
	field    string
	index    int
	late     bool // Kustomize applies it behind the fields that rename and label
}

// layers walks a target's kustomizations.
type layers struct {
	ctx     context.Context
	files   *Files
	source  vendored.Source
	openapi *Layer // the first that sets an OpenAPI schema of its own, which is the one that counts
	count   int    // of layers visited, one as often as it is named

	remotes []string      // the references to repositories that lead here
	copied  vendored.Tree // the copy that the last of them leads to
	outer   int           // of the directories being read, those that lie outside of it
	brought entryOf

	namespace string // of the closest layer above that sets one
	charted   int    // charts met

	edits *Edits // of the target's own kustomization; nil for none
}

func fail(at manifest.Position, format string, args ...any) error {
	return &manifest.SyntaxError{Position: at, Message: fmt.Sprintf(format, args...)}
}

// load reads the layer in dir. from is the place that named it; above are the directories being read.
func (w *layers) load(dir string, from manifest.Position, above []string) (*Layer, error) {
	own := above[min(w.outer, len(above)):]
	if slices.Contains(own, dir) {
		return nil, fail(from, "cycle: %s leads back to %s", strings.Join(own, " → "), dir)
	}
	for _, up := range own {
		if dir == "." || strings.HasPrefix(up, dir+"/") {
			return nil, fail(from, "cycle: %s contains %s, which refers to it", dir, up)
		}
	}
	if err := w.ctx.Err(); err != nil {
		return nil, err
	}
	if err := w.visit(from, above); err != nil {
		return nil, err
	}
	asked := w.files.since()
	file, err := w.find(dir, from)
	if err != nil {
		return nil, err
	}
	documents, err := w.files.Documents(file)
	if err != nil {
		return nil, err
	}
	if len(documents) != 1 {
		return nil, fail(manifest.Position{File: file, Line: 1}, "a kustomization is one YAML document; this file has %d", len(documents))
	}
	text, err := w.files.ReadFile(file)
	if err != nil {
		return nil, err
	}
	document := &documents[0]
	if edits := w.edits; edits != nil {
		w.edits = nil // those of the layers below are as they are
		edited, written, err := edits.apply(w.files, dir, *document)
		if err != nil {
			return nil, err
		}
		document, text = &edited, written
	}
	layer := &Layer{Dir: dir, File: file, Document: document, Node: manifest.Plain(document.Node), copied: w.copied}
	if vars := manifest.Lookup(layer.Node, "vars"); vars != nil {
		anyCase(vars, reflect.TypeFor[[]types.Var]())
	}
	if err := layer.decode(text); err != nil {
		return nil, err
	}
	if kind := layer.Config.Kind; kind != "" && kind != types.KustomizationKind && kind != types.ComponentKind {
		return nil, fail(layer.field("kind"), "kind is %s; it is %s or %s", kind, types.KustomizationKind, types.ComponentKind)
	}
	version := types.KustomizationVersion
	if layer.Config.Kind == types.ComponentKind {
		version = types.ComponentVersion
	}
	if has := layer.Config.APIVersion; has != "" && has != version {
		return nil, fail(layer.field("apiVersion"), "apiVersion is %s; that of a %s is %s", has, cmp.Or(layer.Config.Kind, types.KustomizationKind), version)
	}
	if layer.Config.OpenAPI != nil && w.openapi == nil {
		w.openapi = layer
	}
	if err := bound(layer); err != nil {
		return nil, err
	}
	above = append(slices.Clone(above), dir)
	layer.inherited = w.namespace
	w.namespace = cmp.Or(layer.Config.Namespace, w.namespace)
	charted := w.charted
	defer func() {
		w.namespace = layer.inherited
		layer.charted = w.charted > charted
	}()
	if err := w.refuse(layer, above); err != nil {
		return nil, err
	}
	if err := w.resources(layer, above); err != nil {
		return nil, err
	}
	if err := w.components(layer, above); err != nil {
		return nil, err
	}
	if err := w.patches(layer); err != nil {
		return nil, err
	}
	layer.asked = asked()
	return layer, nil
}

// structField is the field that a decoder of JSON speaks of.
var structField = regexp.MustCompile(`json: cannot unmarshal \w+ into Go struct field \w+\.(\S+) of type (\S+)`)

// mistypedField says what a field has to be that a decoder of JSON speaks of; the decoder's own words where it speaks of none.
func mistypedField(err error) string {
	match := structField.FindStringSubmatch(err.Error())
	if match == nil {
		return strings.TrimPrefix(err.Error(), "invalid Kustomization: ")
	}
	what := "a mapping"
	switch kind := strings.TrimLeft(match[2], "*"); {
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"):
		what = "a whole number"
	case kind == "bool":
		what = "true or false"
	case kind == "string":
		what = "a text"
	case strings.HasPrefix(kind, "[]"):
		what = "a list"
	}
	return fmt.Sprintf("`%s` must be %s", match[1], what)
}

// mistyped is the place of a field of which a decoder says that it is of the wrong type, where there is one field like that.
func (l *Layer) mistyped(err error) manifest.Position {
	match := structField.FindStringSubmatch(err.Error())
	if match == nil {
		return l.at(l.Node)
	}
	nodes := []*yaml.Node{l.Node}
	for name := range strings.SplitSeq(match[1], ".") {
		var below []*yaml.Node
		for _, node := range nodes {
			items := []*yaml.Node{node}
			if node.Kind == yaml.SequenceNode {
				items = node.Content
			}
			for _, item := range items {
				if value := manifest.Lookup(item, name); value != nil {
					below = append(below, value)
				}
			}
		}
		nodes = below
	}
	if len(nodes) != 1 {
		return l.at(l.Node)
	}
	return l.at(nodes[0])
}

// find names the kustomization file of a directory.
func (w *layers) find(dir string, from manifest.Position) (string, error) {
	var found []string
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		if w.files.Exists(path.Join(dir, name)) {
			found = append(found, path.Join(dir, name))
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", fail(manifest.Position{File: found[0]}, "the directory has %d kustomization files (%s): keep one", len(found), strings.Join(found, ", "))
	case from.IsZero():
		return "", fail(manifest.Position{File: dir}, "the directory has no kustomization.yaml")
	}
	return "", fail(from, "%s has no kustomization.yaml", dir)
}

var (
	scheme   = regexp.MustCompile(`^([a-z][a-z0-9+.-]*://|https?:|git::|(www\.)?github\.com[/:])`)
	scpStyle = regexp.MustCompile(`^[^/]*@[^/]*[:/]`)
)

// isRemote reports whether Kustomize takes a reference for a URL or a repository. It compares in lower case, which
// takes letters for others that only look like them: İ for i.
func isRemote(reference string) bool {
	return scheme.MatchString(reference) || scheme.MatchString(strings.ToLower(reference)) || scpStyle.MatchString(reference)
}

// local refuses a reference that Kustomize would fetch, or that is not a path below the repository.
func local(layer *Layer, node *yaml.Node, reference string) error {
	at := layer.at(node)
	switch {
	case isRemote(reference): // also where such a path exists: Kustomize would clone
		return fail(at, "%s is remote, and Kustomize fetches nothing here: name a path in the repository", reference)
	case path.IsAbs(reference):
		return fail(at, "%s is absolute: write it relative to this file", reference)
	case strings.TrimSpace(reference) == "":
		return fail(at, "an empty path")
	}
	if to := path.Join(layer.Dir, reference); to == ".." || strings.HasPrefix(to, "../") {
		return fail(at, "%s leads out of the repository", reference)
	} else if !layer.holds(to) {
		return fail(at, "%s leads out of the repository that %s is a copy of", reference, layer.copied.Root)
	}
	return nil
}

// holds reports whether a path lies in what the layer may refer to: the repository, or the copy that the layer is in.
func (l *Layer) holds(name string) bool {
	return l.copied.Root == "" || vendored.Within(l.copied.Root, name)
}

// at is the position of a node of the kustomization.
func (l *Layer) at(node *yaml.Node) manifest.Position { return l.Document.Position(nil, node) }

// field is the position of a field of the kustomization itself.
func (l *Layer) field(name string) manifest.Position {
	at, _ := l.locate(name)
	return at
}

// locate is the position of a field somewhere in the kustomization.
func (l *Layer) locate(path ...any) (manifest.Position, bool) {
	expanded := *l.Document
	expanded.Node = l.Node
	return expanded.Locate(path, nil)
}

// open resolves a reference of the layer to a path below the repository; it must exist.
func (w *layers) open(layer *Layer, node *yaml.Node, reference string) (string, error) {
	if vendored.IsFile(reference) {
		return w.fetchedFile(layer, node, reference, nil)
	}
	if err := local(layer, node, reference); err != nil {
		return "", err
	}
	resolved, err := w.files.resolve(path.Join(layer.Dir, reference))
	if err != nil {
		switch {
		case errors.Is(err, errGit):
			return "", fail(layer.at(node), "%s", err)
		case !w.files.lexists(path.Join(layer.Dir, reference)):
			return "", fail(layer.at(node), "%s does not exist", reference)
		case errors.Is(err, fs.ErrNotExist):
			return "", fail(layer.at(node), "%s is a symbolic link that leads nowhere", reference)
		}
		return "", fail(layer.at(node), "%s", err)
	}
	if !layer.holds(resolved) {
		return "", fail(layer.at(node), "%s: a symbolic link leads out of %s, the copy of a repository", reference, layer.copied.Root)
	}
	return resolved, nil
}

// file opens a reference that must be a file at or below the layer's directory, as Kustomize demands.
func (w *layers) file(layer *Layer, node *yaml.Node, reference string) (string, error) {
	name, err := w.open(layer, node, reference)
	if err != nil {
		return "", err
	}
	if w.files.IsDir(name) {
		return "", fail(layer.at(node), "%s is a directory; a file belongs here", reference)
	}
	if layer.fetched[reference] == "" && !layer.mayRead(w.files, name) {
		return "", fail(layer.at(node), "%s is outside this kustomization's directory: Kustomize reads files only at or below it; "+
			"refer to a directory with its own kustomization.yaml instead; "+
			"where it is built with LoadRestrictionsNone, as Flux does, name the target under `loadRestrictionsNone` in kgate.yaml", reference)
	}
	return name, nil
}

// documents parses a YAML file that an entry of the layer names.
func (w *layers) documents(layer *Layer, node *yaml.Node) (name string, documents []manifest.Document, err error) {
	if name, err = w.file(layer, node, node.Value); err != nil {
		return "", nil, err
	}
	documents, err = w.files.Documents(name)
	return name, documents, err
}

// settings parses a YAML file that Kustomize decodes into a type of its own.
func (w *layers) settings(layer *Layer, node *yaml.Node) (name string, documents []manifest.Document, err error) {
	if name, documents, err = w.documents(layer, node); err != nil {
		return "", nil, err
	}
	text, err := w.files.ReadFile(name)
	if err != nil {
		return "", nil, err
	}
	_, err = w.files.store.holder(name).agreed.Get(name, func() (struct{}, error) { return struct{}{}, agree(documents, text) })
	return name, documents, err
}

func (w *layers) resources(layer *Layer, above []string) error {
	for _, field := range []string{"resources", "bases"} {
		list := manifest.Lookup(layer.Node, field)
		if list == nil {
			continue
		}
		for _, node := range list.Content {
			resource, err := w.resource(layer, node, above)
			if err != nil {
				return err
			}
			layer.Resources = append(layer.Resources, resource)
		}
	}
	return nil
}

func (w *layers) resource(layer *Layer, node *yaml.Node, above []string) (Resource, error) {
	name, load, err := w.entry(layer, node)
	if err != nil {
		return Resource{}, err
	}
	if load != nil {
		below, err := load(above)
		if err == nil && below.Config.Kind == types.ComponentKind {
			err = fail(layer.at(node), "%s is a Component: list it under `components`", node.Value)
		}
		return Resource{Source: layer.at(node), Name: node.Value, Layer: below}, err
	}
	if _, err := w.file(layer, node, node.Value); err != nil {
		return Resource{}, err
	}
	documents, err := w.files.Documents(name)
	if err != nil {
		return Resource{}, err
	}
	// Kustomize passes over what is empty, a whole file too.
	documents = slices.DeleteFunc(slices.Clone(documents), func(d manifest.Document) bool {
		return d.Node.ShortTag() == yaml.NodeTagNull || d.Node.Kind == yaml.MappingNode && len(d.Node.Content) == 0
	})
	for _, d := range documents {
		if err := isObject(d); err != nil {
			return Resource{}, err
		}
	}
	return Resource{Source: layer.at(node), Name: node.Value, File: name, Documents: documents}, nil
}

// isObject refuses a document that no API server would take for an object.
func isObject(d manifest.Document) error {
	if d.Node.Kind != yaml.MappingNode {
		return fail(d.Position(nil, d.Node), "the document is not a mapping: an object has apiVersion, kind and metadata")
	}
	for _, item := range manifest.Items(d.Node) {
		if err := isObject(d.Item(item)); err != nil {
			return err
		}
	}
	for _, key := range []string{"apiVersion", "kind"} {
		if manifest.Text(d.Node, key) == "" {
			return fail(missing(&d, key), "the object has no %s", key)
		}
	}
	if kind := manifest.Text(d.Node, "kind"); manifest.Text(d.Node, "metadata", "name") == "" &&
		manifest.Text(d.Node, "metadata", "generateName") == "" && !strings.HasSuffix(kind, "List") {
		return fail(missing(&d, "metadata", "name"), "the %s has no metadata.name", kind)
	}
	if err := wellFormed(d); err != nil {
		return err
	}
	for _, annotation := range functionAnnotations {
		if key, node := d.Find(manifest.Path{"metadata", "annotations", annotation}, nil); node != nil {
			return fail(d.Position(key, node), "the annotation %s makes this a plugin that runs a program: kgate runs none; render what it makes into the repository", annotation)
		}
	}
	return nil
}

// missing is the position of a field that is not what it has to be: its own, or of a key that looks like it, or of the
// closest parent.
func missing(d *manifest.Document, path ...any) manifest.Position {
	at, exact := d.Locate(path, nil)
	if exact {
		return at
	}
	_, parent := d.Find(path[:len(path)-1], nil)
	if parent == nil || parent.Kind != yaml.MappingNode {
		return at
	}
	if key := misspelt(parent, path[len(path)-1]); key != nil && !slices.Contains(ordinary, key.Value) {
		return d.Position(key, manifest.Lookup(parent, key.Value))
	}
	return at
}

// ordinary fields are no misspelt ones.
var ordinary = []string{"apiVersion", "kind", "metadata", "spec", "data", "name", "namespace", "labels", "annotations"}

// wellFormed refuses metadata of a shape that Kustomize crashes on or takes for absent.
func wellFormed(d manifest.Document) error {
	for _, field := range []struct {
		path manifest.Path
		kind yaml.Kind
		what string
	}{
		{manifest.Path{"apiVersion"}, yaml.ScalarNode, "a text"},
		{manifest.Path{"kind"}, yaml.ScalarNode, "a text"},
		{manifest.Path{"metadata"}, yaml.MappingNode, "a mapping"},
		{manifest.Path{"metadata", "name"}, yaml.ScalarNode, "a text"},
		{manifest.Path{"metadata", "namespace"}, yaml.ScalarNode, "a text"},
		{manifest.Path{"metadata", "labels"}, yaml.MappingNode, "a mapping"},
		{manifest.Path{"metadata", "annotations"}, yaml.MappingNode, "a mapping"},
	} {
		node := manifest.Lookup(d.Node, field.path...)
		if node == nil || node.ShortTag() == "!!null" {
			continue
		}
		if node.Kind != field.kind || field.kind == yaml.ScalarNode && node.ShortTag() != "!!str" {
			hint := ""
			if field.kind == yaml.ScalarNode && node.Kind == yaml.ScalarNode {
				hint = ": quote it"
			}
			return fail(d.Position(nil, node), "%s must be %s%s", field.path, field.what, hint)
		}
		if field.kind != yaml.MappingNode {
			continue
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			if key := node.Content[i]; key.Kind != yaml.ScalarNode && key.Kind != yaml.AliasNode {
				return fail(d.Position(key, nil), "a key of %s must be a text", field.path)
			}
		}
	}
	return nil
}

func (w *layers) components(layer *Layer, above []string) error {
	list := manifest.Lookup(layer.Node, "components")
	if list == nil {
		return nil
	}
	for _, node := range list.Content {
		load, err := w.directory(layer, node)
		if err != nil {
			return err
		}
		if load == nil {
			return fail(layer.at(node), "%s is a file; a component is a directory", node.Value)
		}
		component, err := load(above)
		if err != nil {
			return err
		}
		if component.Config.Kind != types.ComponentKind {
			return fail(layer.at(node), "%s is not of kind Component: list it under `resources`", node.Value)
		}
		layer.Components = append(layer.Components, component)
	}
	return nil
}

// patches reads the patches of a layer, in the order in which Kustomize applies them.
func (w *layers) patches(layer *Layer) error {
	for _, field := range []string{"patchesStrategicMerge", "patches", "patchesJson6902"} {
		list := manifest.Lookup(layer.Node, field)
		if list == nil {
			continue
		}
		for i, node := range list.Content {
			patch := Patch{Source: layer.at(node), document: layer.Document, entry: node, field: field, index: i, late: field == "patchesJson6902"}
			reference, inline := manifest.Lookup(node, "path"), manifest.Lookup(node, "patch")
			switch field {
			case "patchesStrategicMerge":
				patch.Texts = true
				if _, unreadable := asResources([]byte(node.Value)); unreadable == nil || strings.Contains(node.Value, "\n") {
					inline = node
				} else {
					reference = node
				}
			case "patches":
				patch.Target = layer.Config.Patches[i].Target
				patch.Texts = patch.Target != nil
				if options := layer.Config.Patches[i].Options; options != nil {
					patch.Renames, patch.Rekinds = options.AllowNameChange, options.AllowKindChange
				}
			case "patchesJson6902":
				//lint:ignore SA1019 Kustomize still applies the field, so it has to be followed
				patch.Target = layer.Config.PatchesJson6902[i].Target
			}
			if (reference == nil) == (inline == nil) {
				return fail(layer.at(node), "a patch has either `path` or `patch`")
			}
			var err error
			if inline != nil {
				patch.Documents, err = layer.Document.ParseInline(inline)
			} else {
				_, patch.Documents, err = w.documents(layer, reference)
			}
			if err != nil {
				return err
			}
			if len(patch.Documents) == 0 && field != "patches" { // there Kustomize takes a patch of nothing
				return fail(layer.at(node), "the patch is empty")
			}
			layer.Patches = append(layer.Patches, patch)
		}
	}
	return nil
}

// refuse turns down what would run a program or reach out, and every reference that is not a local file.
func (w *layers) refuse(layer *Layer, above []string) error {
	if err := w.charts(layer); err != nil {
		return err
	}
	files := func(list *yaml.Node, keyed bool) error {
		if list == nil {
			return nil
		}
		for _, node := range list.Content {
			reference := node.Value
			if _, after, ok := strings.Cut(reference, "="); ok && keyed {
				reference = after // key=path
			}
			if _, err := w.file(layer, node, reference); err != nil {
				return err
			}
		}
		return nil
	}
	for _, field := range []string{"configurations", "crds"} {
		list := manifest.Lookup(layer.Node, field)
		if err := files(list, false); err != nil {
			return err
		}
		for i := 0; list != nil && i < len(list.Content); i++ {
			_, documents, err := w.settings(layer, list.Content[i])
			if err != nil {
				return err
			}
			if field == "crds" && len(documents) > 0 {
				if err := endlessTypes(&documents[0]); err != nil {
					return err
				}
			}
		}
	}
	if node := manifest.Lookup(layer.Node, "openapi", "path"); node != nil {
		name, documents, err := w.settings(layer, node)
		if err != nil {
			return err
		}
		// Kustomize reads it late or never, and crashes on what is no schema.
		if len(documents) != 1 || documents[0].Node.Kind != yaml.MappingNode {
			return fail(manifest.Position{File: name, Line: 1}, "an OpenAPI schema is one mapping")
		}
		if err := endless(&documents[0]); err != nil {
			return err
		}
	}
	for _, field := range []string{"configMapGenerator", "secretGenerator"} {
		list := manifest.Lookup(layer.Node, field)
		if list == nil {
			continue
		}
		for _, generator := range list.Content {
			for _, source := range []string{"files", "envs"} {
				if err := files(manifest.Lookup(generator, source), source == "files"); err != nil {
					return err
				}
			}
			if node := manifest.Lookup(generator, "env"); node != nil {
				if _, err := w.file(layer, node, node.Value); err != nil {
					return err
				}
			}
		}
	}
	if list := manifest.Lookup(layer.Node, "replacements"); list != nil {
		for i, entry := range list.Content {
			if node := manifest.Lookup(entry, "path"); node != nil {
				_, documents, err := w.settings(layer, node)
				if err != nil {
					return err
				}
				if len(documents) > 1 {
					return fail(documents[1].Position(nil, documents[1].Node), "Kustomize reads the first document of a file of replacements and no other: write one list")
				}
				if layer.replacements == nil {
					layer.replacements = map[int][]manifest.Document{}
				}
				layer.replacements[i] = documents
			}
		}
	}
	for _, field := range []string{"generators", "transformers", "validators"} {
		list := manifest.Lookup(layer.Node, field)
		if list == nil {
			continue
		}
		for _, node := range list.Content {
			if err := w.plugin(layer, field, node, above); err != nil {
				return err
			}
		}
	}
	return nil
}

// plugin lets through only configurations of Kustomize's builtin plugins, and of these only what kgate can follow.
func (w *layers) plugin(layer *Layer, field string, node *yaml.Node, above []string) error {
	text := []byte(node.Value)
	file := ""
	add := func(r Resource) error {
		r.Source, r.Name = layer.at(node), node.Value
		if layer.plugins == nil {
			layer.plugins = map[string][]Resource{}
		}
		layer.plugins[field] = append(layer.plugins[field], r)
		return nil
	}
	// Kustomize takes an entry for a configuration where it can read it as one, else for a path.
	_, unreadable := asResources(text)
	var documents []manifest.Document
	var err error
	switch {
	case unreadable == nil, strings.Contains(node.Value, "\n"):
		documents, err = layer.Document.ParseInline(node)
	default:
		var load loader
		if _, load, err = w.entry(layer, node); err != nil {
			return err
		}
		if load != nil {
			below, err := load(above)
			if err == nil && below.Config.Kind == types.ComponentKind {
				err = fail(layer.at(node), "%s: %s is a Component, and a kustomization belongs here", field, node.Value)
			}
			if err != nil {
				return err
			}
			below.walk(func(d *manifest.Document) { w.mentioned(layer, d.Node) })
			return add(Resource{Layer: below})
		}
		var name string
		if name, documents, err = w.documents(layer, node); err == nil {
			text, err = w.files.ReadFile(name)
			file = name
		}
	}
	if err != nil {
		return err
	}
	if len(documents) == 0 {
		return fail(layer.at(node), "%s: this holds no configuration", field)
	}
	for _, d := range documents {
		if field == "generators" && decrypts(&d) {
			if err := wellFormed(d); err != nil {
				return err
			}
			continue
		}
		if manifest.Text(d.Node, "apiVersion") != "builtin" {
			return fail(d.Position(nil, d.Node), "%s: %s %s is a plugin that runs a program: kgate runs none; use a builtin one or render its output into the repository",
				field, manifest.Text(d.Node, "apiVersion"), manifest.Text(d.Node, "kind"))
		}
		if manifest.Text(d.Node, "kind") == inflator {
			if err := w.configured(layer, d); err != nil {
				return err
			}
		}
		if err := isObject(d); err != nil {
			return err
		}
		w.mentioned(layer, d.Node)
	}
	if err := followed(field, documents, text); err != nil {
		return err
	}
	return add(Resource{File: file, Documents: documents})
}

// mentioned asks for every path that the configuration of a plugin may name. Plugins read their files themselves, as late as they
// run, and which of their fields are paths is theirs to know: one too many costs nothing.
func (w *layers) mentioned(layer *Layer, node *yaml.Node) {
	for _, child := range node.Content {
		w.mentioned(layer, child)
	}
	if node.Kind != yaml.ScalarNode || node.Value == "" || strings.Contains(node.Value, "\n") {
		return
	}
	w.files.Exists(path.Join(layer.Dir, node.Value))
	if _, file, keyed := strings.Cut(node.Value, "="); keyed { // of `files`
		w.files.Exists(path.Join(layer.Dir, file))
	}
}
