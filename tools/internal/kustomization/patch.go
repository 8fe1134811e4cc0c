package kustomization

import (
	"fmt"
	"reflect"
	"slices"

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
	if p.field == "patches" && p.Target == nil && len(p.Documents) > 1 {
		if apart, err := e.documentOperations(layer, p); apart != nil || err != nil {
			return apart, err
		}
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
	if err := e.configure(layer, t, config); err != nil {
		return nil, place(layer, p.Source, err)
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

// documentOperations apply the documents of a strategic merge patch without a target one by one, as Kustomize does. None
// where Kustomize does not find the documents that kgate does.
func (e *engine) documentOperations(layer *Layer, p *Patch) ([]operation, error) {
	entry := layer.Config.Patches[p.index]
	text := []byte(entry.Patch)
	if entry.Path != "" {
		var err error
		if text, err = (layerLoader{e.files, layer}).Load(entry.Path); err != nil {
			return nil, place(layer, p.Source, err)
		}
	}
	patches, err := e.factory.RF().SliceFromBytes(text)
	if err != nil || len(patches) != len(p.Documents) {
		return nil, nil // the whole entry tells why
	}
	// As a whole it may be refused.
	if err := e.configure(layer, builtins.NewPatchTransformerPlugin(), patchConfig{entry.Path, entry.Patch, entry.Target, entry.Options}); err != nil {
		return nil, place(layer, p.Source, err)
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
		all = append(all, operation{
			at: document.Position(nil, document.Node), kind: "PatchTransformer",
			reaches: func(a *accumulation) (err error) {
				reached, err = e.reached(p, document, a)
				return err
			},
			watches: func(*accumulation) []*resource.Resource { return reached },
			judge:   func(a *accumulation, effects []effect) { e.patchEffect(a, p, document, effects) },
			transformer: transformerFunc(func(m resmap.ResMap) error {
				target, err := m.GetById(patch.OrgId())
				if err != nil {
					return err
				}
				return target.ApplySmPatch(patch)
			}),
		})
	}
	return all, nil
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
		if field.Source != nil || len(field.Targets) != 0 {
			return nil, fail(at, "the replacement has both a path and fields of its own: leave one of them out")
		}
		text, err := layerLoader{e.files, layer}.Load(field.Path)
		if err != nil {
			return nil, place(layer, at, err)
		}
		var shape any
		var list []types.Replacement
		if err := k8syaml.Unmarshal(text, &shape); err != nil {
			return nil, place(layer, at, err)
		}
		documents := layer.replacements[i]
		if shape == nil || len(documents) == 0 {
			return nil, fail(at, "%s holds no replacement", layer.Path(field.Path))
		}
		entries := []*yaml.Node{documents[0].Node}
		if documents[0].Node.Kind == yaml.SequenceNode {
			entries = documents[0].Node.Content
		}
		for _, entry := range entries {
			if err := unknownField(&documents[0], entry, "a replacement", replacementType); err != nil {
				return nil, err
			}
			if err := entry.Decode(&types.Replacement{}); err != nil {
				return nil, undecodable(&documents[0], entry, err)
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
			return nil, place(layer, documents[0].Position(nil, documents[0].Node), err)
		}
		for n, r := range list {
			add(&documents[0], entries[n], r)
		}
	}
	return all, nil
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
		switch {
		case !none(effects):
			e.effective(noEffect, at)
		case len(effects) > 0:
			e.idle(at, newFault(noEffect, at, "the replacement changes nothing: %s has the value already", called(effects)))
		}
	}
	o.transformer = transformerFunc(func(m resmap.ResMap) error {
		return m.ApplyFilter(replacement.Filter{Replacements: []types.Replacement{r}})
	})
	return o
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
		return e.pluginReplacements(p, o, plugin, manifest.Lookup(node, "replacements"))
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

// pluginReplacements apply the replacements of a plugin one by one, as Kustomize does. One that names a file applies whole.
func (e *engine) pluginReplacements(p plugin, whole operation, plugin *builtins.ReplacementTransformerPlugin, list *yaml.Node) ([]operation, error) {
	if list == nil || list.Kind != yaml.SequenceNode || len(list.Content) != len(plugin.ReplacementList) {
		return []operation{whole}, nil
	}
	var all []operation
	for i, entry := range list.Content {
		if err := unknownField(p.document, entry, "a replacement", reflect.TypeFor[types.ReplacementField]()); err != nil {
			return nil, err
		}
		if plugin.ReplacementList[i].Path != "" {
			return []operation{whole}, nil
		}
		o := e.replace(whole, p.document, entry, plugin.ReplacementList[i].Replacement)
		if i < len(list.Content)-1 {
			o.origin = nil // noted once for the plugin
		}
		all = append(all, o)
	}
	return all, nil
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
	var patches []Patch
	add := func(documents []manifest.Document, err error) {
		if one := patch; err == nil { // Kustomize has read it
			one.Documents = documents
			patches = append(patches, one)
		}
	}
	for _, inline := range []string{"patch", "patches", "jsonOp"} {
		if text := manifest.Lookup(node, inline); text != nil {
			add(p.document.ParseInline(text))
		}
	}
	names := []*yaml.Node{manifest.Lookup(node, "path")}
	if list := manifest.Lookup(node, "paths"); list != nil {
		names = append(names, list.Content...)
	}
	for _, name := range names {
		if name != nil {
			add(e.files.Documents(layer.Path(name.Value)))
		}
	}
	return patches
}
