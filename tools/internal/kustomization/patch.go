package kustomization

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	//lint:ignore SA1019 Kustomize's transformers are nowhere else
	"sigs.k8s.io/kustomize/api/builtins"
	"sigs.k8s.io/kustomize/api/filters/replacement"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/yaml"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// transformerFunc is a transformer of one function.
type transformerFunc func(resmap.ResMap) error

func (f transformerFunc) Transform(m resmap.ResMap) error { return f(m) }

// patchConfig is the configuration of Kustomize's PatchTransformer.
type patchConfig struct {
	Path    string           `json:"path,omitempty"`
	Patch   string           `json:"patch,omitempty"`
	Target  *types.Selector  `json:"target,omitempty"`
	Options *types.PatchArgs `json:"options,omitempty"`
}

// patchOperations apply one entry of patches: in one operation, or a document each where it has several.
func (e *engine) patchOperations(layer *Layer, p *Patch) ([]operation, error) {
	if p.Target != nil {
		if _, err := types.NewSelectorRegex(p.Target); err != nil {
			return nil, fail(p.Source, "the patch's target: %s", err)
		}
		for _, selector := range []string{p.Target.LabelSelector, p.Target.AnnotationSelector} {
			if _, err := labels.Parse(selector); err != nil {
				return nil, fail(p.Source, "the patch's target: %s", err)
			}
		}
	}
	if len(p.Documents) == 0 {
		e.fault(noEffect, p.Source, "the patch is empty: it changes nothing")
	}
	var t resmap.TransformerPlugin
	var config any
	kind := "PatchTransformer"
	switch p.field {
	case "patches":
		entry := layer.Config.Patches[p.index]
		t, config = builtins.NewPatchTransformerPlugin(), patchConfig{entry.Path, entry.Patch, entry.Target, entry.Options}
	case "patchesStrategicMerge":
		kind = "PatchStrategicMergeTransformer"
		//lint:ignore SA1019 Kustomize still applies the field
		entry := layer.Config.PatchesStrategicMerge[p.index]
		t, config = builtins.NewPatchStrategicMergeTransformerPlugin(), struct {
			Paths []types.PatchStrategicMerge `json:"paths"`
		}{[]types.PatchStrategicMerge{entry}}
	case "patchesJson6902":
		kind = "PatchJson6902Transformer"
		//lint:ignore SA1019 Kustomize still applies the field
		entry := layer.Config.PatchesJson6902[p.index]
		t, config = builtins.NewPatchJson6902TransformerPlugin(), struct {
			Target *types.Selector `json:"target,omitempty"`
			Path   string          `json:"path,omitempty"`
			JSONOp string          `json:"jsonOp,omitempty"`
		}{entry.Target, entry.Path, entry.Patch}
	}
	if err := e.configure(layer, t, config); err != nil { // as a whole it may be refused
		return nil, place(layer, p.Source, err)
	}
	if p.Target == nil && len(p.Documents) > 1 {
		text, err := e.patchText(layer, p)
		if err != nil {
			return nil, place(layer, p.Source, err)
		}
		if apart := e.documentOperations(p, text, operation{kind: kind}); apart != nil {
			return apart, nil
		}
	}
	var reached []*resource.Resource
	o := operation{at: p.Source, kind: kind, transformer: t, reaches: func(a *accumulation) error {
		for i := range p.Documents {
			more, err := e.reached(p, &p.Documents[i], a)
			if err != nil {
				return err
			}
			reached = append(reached, more...)
		}
		return nil
	}}
	if len(p.Documents) == 1 {
		o.watches = func(*accumulation) []*resource.Resource { return reached }
		o.judge = func(a *accumulation, effects []effect) { e.patchEffect(a, p, &p.Documents[0], effects) }
		o.fails = func(effects []effect, err error) error { return operationFailure(&p.Documents[0], effects, err) }
	}
	return []operation{o}, nil
}

// patchText is the text of a strategic merge patch of a layer, as Kustomize reads it.
func (e *engine) patchText(layer *Layer, p *Patch) ([]byte, error) {
	if p.field == "patchesStrategicMerge" {
		//lint:ignore SA1019 Kustomize still applies the field
		entry := string(layer.Config.PatchesStrategicMerge[p.index])
		if _, err := e.factory.RF().SliceFromBytes([]byte(entry)); err == nil {
			return []byte(entry), nil
		}
		return layerLoader{e.files, layer}.Load(entry)
	}
	if entry := layer.Config.Patches[p.index]; entry.Path == "" {
		return []byte(entry.Patch), nil
	}
	return layerLoader{e.files, layer}.Load(layer.Config.Patches[p.index].Path)
}

// documentOperations apply the documents of a strategic merge patch without a target one by one, as Kustomize does. None
// where Kustomize does not find the documents that kgate does: the whole entry tells why.
func (e *engine) documentOperations(p *Patch, text []byte, o operation) []operation {
	patches, err := e.factory.RF().SliceFromBytes(text)
	if err != nil || len(patches) != len(p.Documents) {
		return nil
	}
	var all []operation
	for i, patch := range patches {
		document := &p.Documents[i]
		if p.Renames {
			patch.AllowNameChange()
		}
		if p.Rekinds {
			patch.AllowKindChange()
		}
		var reached []*resource.Resource
		one := o
		one.at = document.Position(nil, document.Node)
		one.reaches = func(a *accumulation) (err error) {
			reached, err = e.reached(p, document, a)
			return err
		}
		one.watches = func(*accumulation) []*resource.Resource { return reached }
		one.judge = func(a *accumulation, effects []effect) { e.patchEffect(a, p, document, effects) }
		one.transformer = transformerFunc(func(m resmap.ResMap) error {
			target, err := m.GetById(patch.OrgId())
			switch {
			case err != nil:
				return err
			case p.Texts:
				return m.ApplySmPatch(resource.MakeIdSet([]*resource.Resource{target}), patch)
			}
			return target.ApplySmPatch(patch)
		})
		all = append(all, one)
	}
	return all
}

// reached notes the objects that Kustomize finds for a document of a patch.
func (e *engine) reached(p *Patch, document *manifest.Document, a *accumulation) ([]*resource.Resource, error) {
	var reached []*resource.Resource
	wanted := p.Target
	if p.Target != nil {
		var err error
		if reached, err = a.resources.Select(*p.Target); err != nil {
			return nil, fail(p.Source, "the patch's target: %s", err)
		}
	} else {
		if document.Node.Kind == yaml.SequenceNode {
			return nil, fail(p.Source, "a JSON patch needs a `target`, as it does not say which objects are meant")
		}
		id := identity(document.Node)
		wanted = &types.Selector{ResId: id}
		if found, err := a.resources.GetById(id); err == nil {
			reached = []*resource.Resource{found}
		}
	}
	if len(reached) == 0 {
		e.idle(p.entryOf(document), newFault(patchTarget, p.miss(document, a), "the patch changes nothing: no object here is %s%s", describe(wanted), nearest(a.tracesOf(), p.Target, document)))
		return nil, nil
	}
	e.effective(patchTarget, p.entryOf(document))
	one := *p
	one.Documents = []manifest.Document{*document}
	for _, r := range reached {
		if t := a.traces[r]; t != nil {
			t.step(Step{Patch: &one})
		}
	}
	return reached, nil
}

// replacementOperations apply the layer's replacements one by one, as Kustomize does.
func (e *engine) replacementOperations(layer *Layer, config *types.Kustomization) ([]operation, error) {
	var all []operation
	add := func(document *manifest.Document, entry *yaml.Node, r types.Replacement) {
		all = append(all, e.replace(operation{kind: "ReplacementTransformer"}, document, entry, r))
	}
	for i, field := range config.Replacements {
		at := layer.item("replacements", i)
		if field.Path == "" {
			add(layer.Document, manifest.Lookup(layer.Node, "replacements", i), field.Replacement)
			continue
		}
		documents, entries, list, err := e.replacementFile(layer, at, field, layer.replacements[i])
		if err != nil {
			return nil, err
		}
		for n, r := range list {
			add(documents, entries[n], r)
		}
	}
	return all, nil
}

// replacementFile are the replacements of a file that an entry names, with the nodes that they are written in.
func (e *engine) replacementFile(layer *Layer, at manifest.Position, field types.ReplacementField, documents []manifest.Document) (*manifest.Document, []*yaml.Node, []types.Replacement, error) {
	if field.Source != nil || len(field.Targets) != 0 {
		return nil, nil, nil, fail(at, "the replacement has both a path and fields of its own: leave one of them out")
	}
	text, err := layerLoader{e.files, layer}.Load(field.Path)
	if err != nil {
		return nil, nil, nil, place(layer, at, err)
	}
	var shape any
	var list []types.Replacement
	if err := k8syaml.Unmarshal(text, &shape); err != nil {
		return nil, nil, nil, place(layer, at, err)
	}
	if shape == nil || len(documents) == 0 {
		return nil, nil, nil, fail(at, "%s holds no replacement", layer.Path(field.Path))
	}
	entries := []*yaml.Node{documents[0].Node}
	if documents[0].Node.Kind == yaml.SequenceNode {
		entries = documents[0].Node.Content
	}
	for _, entry := range entries {
		if err := unknownField(&documents[0], entry, "a replacement", replacementType); err != nil {
			return nil, nil, nil, err
		}
		if err := entry.Decode(&types.Replacement{}); err != nil {
			if better := misfit(&documents[0], entry, "a replacement", replacementType, false); better != nil {
				return nil, nil, nil, better
			}
			return nil, nil, nil, undecodable(&documents[0], entry, err)
		}
	}
	if reflect.TypeOf(shape).Kind() == reflect.Slice {
		err = k8syaml.Unmarshal(text, &list)
	} else {
		list = make([]types.Replacement, 1)
		err = k8syaml.Unmarshal(text, &list[0])
	}
	if err == nil && len(list) != len(entries) {
		err = fmt.Errorf("it finds %d replacements where %d are written", len(list), len(entries))
	}
	if err != nil {
		return nil, nil, nil, place(layer, documents[0].Position(nil, documents[0].Node), err)
	}
	return &documents[0], entries, list, nil
}

// replace makes an operation of a replacement.
func (e *engine) replace(o operation, document *manifest.Document, entry *yaml.Node, r types.Replacement) operation {
	at := document.Position(nil, entry)
	var reached []*resource.Resource
	o.at = at
	o.reaches = func(a *accumulation) (err error) {
		reached, err = e.replacement(document, entry, r, a.tracesOf())
		return err
	}
	o.watches = func(*accumulation) []*resource.Resource { return reached }
	o.judge = func(_ *accumulation, effects []effect) {
		e.pickedBeside(document, entry, r, effects)
		table := e.casesOf(document, entry)
		switch {
		case !none(effects):
			e.effective(noEffect, at)
			if table != nil {
				e.applied(noEffect, table)
			}
		case len(effects) > 0:
			of := at
			if table != nil {
				of = table.first
			}
			e.idle(of, newFault(noEffect, at, "the replacement changes nothing: %s has the value already", called(effects)))
		}
	}
	o.transformer = transformerFunc(func(m resmap.ResMap) error {
		return m.ApplyFilter(replacement.Filter{Replacements: []types.Replacement{r}})
	})
	return o
}

// pickedBeside says which steps of a replacement's paths pick items of a list that are called otherwise: Kustomize takes the name
// for a regular expression that matches any part of one.
func (e *engine) pickedBeside(document *manifest.Document, entry *yaml.Node, r types.Replacement, effects []effect) {
	within := document.Item(entry)
	for i, target := range r.Targets {
		for n, field := range target.FieldPaths {
			at, _ := within.Locate(manifest.Path{"targets", i, "fieldPaths", n}, nil)
			for _, f := range effects {
				e.pickedIn(at, fieldPath(field), f)
			}
		}
	}
}

func (e *engine) pickedIn(at manifest.Position, path manifest.Path, f effect) {
	var walk func(node *yaml.Node, n int, way manifest.Path)
	walk = func(node *yaml.Node, n int, way manifest.Path) {
		if n == len(path) || node == nil {
			return
		}
		step := fmt.Sprint(path[n])
		pick := selector.FindStringSubmatch(step)
		if node.Kind != yaml.SequenceNode || pick == nil {
			if child := manifest.Lookup(node, path[n]); child != nil {
				walk(child, n+1, append(slices.Clip(way), path[n]))
			}
			return
		}
		var others []string
		exact := false
		for index, item := range node.Content {
			name := manifest.Text(item, pick[1])
			matched, err := regexp.MatchString(pick[2], name)
			if err != nil || !matched {
				continue
			}
			at := append(slices.Clip(way), index)
			walk(item, n+1, at)
			switch now := manifest.Lookup(f.of.YNode(), at...); {
			case name == pick[2]:
				exact = true
			case now != nil && !same(item, now):
				others = append(others, name)
			}
		}
		if len(others) == 0 || pick[2] != regexp.QuoteMeta(pick[2]) {
			return
		}
		id := f.had.CurId()
		also := "also changes "
		if !exact {
			also = "has no such item in the " + id.Kind + " " + id.Name + " and changes "
		}
		e.fault(selectorReach, at, "%s %s%s: Kustomize takes %s for a regular expression that matches any part of a %s; write [%s=^%s$]",
			step, also, strings.Join(others, ", "), pick[2], pick[1], pick[1], pick[2])
	}
	walk(f.before, 0, nil)
}

// pluginOperations apply a plugin of `transformers`. What it patches or replaces is noted as that of an entry is.
func (e *engine) pluginOperations(layer *Layer, p plugin, t resmap.Transformer) ([]operation, error) {
	o := operation{at: p.at, transformer: t, origin: p.origin}
	if p.document == nil {
		return []operation{o}, nil
	}
	node := manifest.Plain(p.document.Node)
	switch plugin := p.plugin.(type) {
	case *builtins.PatchTransformerPlugin, *builtins.PatchJson6902TransformerPlugin, *builtins.PatchStrategicMergeTransformerPlugin:
		patches := e.pluginPatches(layer, p, node)
		if apart := e.pluginDocuments(layer, node, patches, o); apart != nil {
			return apart, nil
		}
		var reached []*resource.Resource
		o.reaches = func(a *accumulation) error {
			for i := range patches {
				for n := range patches[i].Documents {
					more, err := e.reached(&patches[i], &patches[i].Documents[n], a)
					if err != nil {
						return err
					}
					reached = append(reached, more...)
				}
			}
			return nil
		}
		if len(patches) == 1 && len(patches[0].Documents) == 1 {
			document := &patches[0].Documents[0]
			o.watches = func(*accumulation) []*resource.Resource { return reached }
			o.judge = func(a *accumulation, effects []effect) { e.patchEffect(a, &patches[0], document, effects) }
			o.fails = func(effects []effect, err error) error { return operationFailure(document, effects, err) }
		}
	case *builtins.ReplacementTransformerPlugin:
		return e.pluginReplacements(layer, p, o, plugin, manifest.Lookup(node, "replacements"))
	default:
		o.reaches = func(a *accumulation) error {
			step := &Transform{Layer: layer, Plugin: p.document, Configurations: slices.Clip(a.files.configurations), CRDs: slices.Clip(a.files.crds)}
			for _, t := range a.tracesOf() {
				t.step(Step{Transform: step})
			}
			return nil
		}
		e.pluginEffect(&o, p.document, t)
	}
	return []operation{o}, nil
}

// pluginReplacements apply the replacements of a plugin, and those of the files that it names, one by one, as Kustomize does.
func (e *engine) pluginReplacements(layer *Layer, p plugin, whole operation, plugin *builtins.ReplacementTransformerPlugin, list *yaml.Node) ([]operation, error) {
	if list == nil || list.Kind != yaml.SequenceNode || len(list.Content) != len(plugin.ReplacementList) {
		return []operation{whole}, nil
	}
	var all []operation
	for i, entry := range list.Content {
		if err := unknownField(p.document, entry, "a replacement", reflect.TypeFor[types.ReplacementField]()); err != nil {
			return nil, err
		}
		field := plugin.ReplacementList[i]
		if field.Path == "" {
			all = append(all, e.replace(whole, p.document, entry, field.Replacement))
			continue
		}
		named, err := e.pluginFile(layer, field.Path)
		if err != nil {
			return nil, err
		}
		document, entries, list, err := e.replacementFile(layer, p.document.Position(nil, entry), field, named)
		if err != nil {
			return nil, err
		}
		for n, r := range list {
			all = append(all, e.replace(whole, document, entries[n], r))
		}
	}
	for i := range all[:max(len(all)-1, 0)] {
		all[i].origin = nil // noted once for the plugin
	}
	return all, nil
}

// pluginFile are the documents of a file that the configuration of a plugin names, which Kustomize has to read as kgate does.
func (e *engine) pluginFile(layer *Layer, name string) ([]manifest.Document, error) {
	documents, err := e.files.Documents(layer.Path(name))
	if err != nil {
		return nil, err
	}
	text, err := e.files.ReadFile(layer.Path(name))
	if err != nil {
		return nil, err
	}
	return documents, agree(documents, text)
}

// pluginDocuments apply the documents of a plugin's strategic merge patches one by one. None where it is one document, or where
// they are not applied so.
func (e *engine) pluginDocuments(layer *Layer, node *yaml.Node, patches []Patch, o operation) []operation {
	if len(patches) == 0 || patches[0].Target != nil || len(patches) == 1 && len(patches[0].Documents) == 1 ||
		manifest.Lookup(node, "patches") != nil && manifest.Lookup(node, "paths") != nil { // which Kustomize takes in another order
		return nil
	}
	var all []operation
	for i := range patches {
		text := []byte(patches[i].entry.Value)
		if patches[i].field == "path" {
			var err error
			if text, err = (layerLoader{e.files, layer}).Load(patches[i].entry.Value); err != nil {
				return nil
			}
		}
		apart := e.documentOperations(&patches[i], text, o)
		if apart == nil {
			return nil
		}
		all = append(all, apart...)
	}
	for i := range all[:len(all)-1] {
		all[i].origin = nil // noted once for the plugin
	}
	return all
}

// pluginPatches are the patches that the configuration of a plugin holds or names.
func (e *engine) pluginPatches(layer *Layer, p plugin, node *yaml.Node) []Patch {
	patch := Patch{Source: p.at, document: p.document, entry: node}
	if target := manifest.Lookup(node, "target"); target != nil {
		patch.Target = &types.Selector{}
		if err := target.Decode(patch.Target); err != nil {
			return nil
		}
	}
	patch.Renames = manifest.Text(node, "options", "allowNameChange") == "true"
	patch.Rekinds = manifest.Text(node, "options", "allowKindChange") == "true"
	patch.Texts = patch.Target != nil || manifest.Text(node, "kind") == "PatchStrategicMergeTransformer"
	var patches []Patch
	add := func(field string, of *yaml.Node, documents []manifest.Document, err error) {
		if one := patch; err == nil { // Kustomize has read it
			one.Documents, one.field = documents, field
			if one.Target == nil {
				one.entry = of
			}
			patches = append(patches, one)
		}
	}
	for _, inline := range []string{"patch", "patches", "jsonOp"} {
		if text := manifest.Lookup(node, inline); text != nil {
			documents, err := p.document.ParseInline(text)
			add(inline, text, documents, err)
		}
	}
	names := []*yaml.Node{manifest.Lookup(node, "path")}
	if list := manifest.Lookup(node, "paths"); list != nil {
		names = append(names, list.Content...)
	}
	for _, name := range names {
		switch {
		case name == nil:
		case strings.Contains(name.Value, "\n"):
			documents, err := p.document.ParseInline(name)
			add("patch", name, documents, err)
		default:
			documents, err := e.files.Documents(layer.Path(name.Value))
			add("path", name, documents, err)
		}
	}
	return patches
}
