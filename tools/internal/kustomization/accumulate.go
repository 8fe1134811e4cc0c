package kustomization

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	//lint:ignore SA1019 Kustomize's transformers are nowhere else
	"sigs.k8s.io/kustomize/api/builtins"
	"sigs.k8s.io/kustomize/api/filters/namespace"
	"sigs.k8s.io/kustomize/api/ifc"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/kustomize/kyaml/yaml"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// engine builds a target from its layers with the parts that Kustomize is made of: its factories, generators,
// transformers and filters, in its order. It stands where Kustomize's own driver would, so that it can look at the
// objects before and after each entry, and knows the entry that fails.
type engine struct {
	tracer
	ctx       context.Context
	factory   *resmap.Factory
	validator ifc.Validator
	root      *Layer
	hashed    map[*resource.Resource]bool // objects that get a hash in their names
	alone     bool                        // the target has an OpenAPI schema of its own
	peers     []peer

	configured map[string]*configuration // files of `configurations`
}

func newEngine(ctx context.Context, files *Files, root *Layer) *engine {
	dependencies := provider.NewDefaultDepProvider()
	return &engine{
		tracer: tracer{files: files}, ctx: ctx, root: root,
		factory: resmap.NewFactory(dependencies.GetResourceFactory()), validator: dependencies.GetFieldValidator(),
	}
}

// accumulation is what a layer and those below it have come to.
type accumulation struct {
	resources resmap.ResMap
	traces    map[*resource.Resource]*Trace
	specs     *fieldSpecs
	builtin   bool // specs has Kustomize's own
	vars      types.VarSet
	files     configured
}

func newAccumulation() *accumulation {
	return &accumulation{resources: resmap.New(), traces: map[*resource.Resource]*Trace{}, specs: &fieldSpecs{}, vars: types.NewVarSet()}
}

// tracesOf are the traces of the objects that are there, in their order.
func (a *accumulation) tracesOf() []*Trace {
	if a == nil {
		return nil
	}
	var traces []*Trace
	for _, r := range a.resources.Resources() {
		if t := a.traces[r]; t != nil {
			traces = append(traces, t)
		}
	}
	return traces
}

// placed is an error of Kustomize with the entry that it arose at.
type placed struct {
	at    manifest.Position
	layer *Layer
	err   error
}

func (p *placed) Error() string { return p.err.Error() }
func (p *placed) Unwrap() error { return p.err }

// place gives an error the entry that it arose at. An error from below has one.
func place(layer *Layer, at manifest.Position, err error) error {
	if already := (*placed)(nil); err == nil || errors.As(err, &already) {
		return err
	}
	return &placed{at, layer, err}
}

// helpers are what Kustomize gives the plugins of a layer.
func (e *engine) helpers(layer *Layer) *resmap.PluginHelpers {
	return resmap.NewPluginHelpers(layerLoader{e.files, layer}, e.validator, e.factory, types.DisabledPluginConfig())
}

// layerLoader reads the files of a layer for Kustomize's plugins: those at or below its directory, or of the repository.
// There is no way from it to git or to the network.
type layerLoader struct {
	files *Files
	layer *Layer
}

func (l layerLoader) Repo() string   { return "" }
func (l layerLoader) Root() string   { return path.Join("/", l.layer.Dir) }
func (l layerLoader) Cleanup() error { return nil }

func (l layerLoader) New(to string) (ifc.Loader, error) {
	return nil, fmt.Errorf("%s: kgate reads layers itself", to)
}

func (l layerLoader) Load(name string) ([]byte, error) {
	if at, ok := l.layer.fetched[name]; ok {
		return l.files.ReadFile(at)
	}
	switch {
	case isRemote(name):
		return nil, fmt.Errorf("%s is remote: kgate renders offline", name)
	case path.IsAbs(name):
		return nil, fmt.Errorf("%s is absolute: write it relative to the kustomization", name)
	}
	resolved, err := l.files.resolve(path.Join(l.layer.Dir, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s does not exist", name)
	case err != nil:
		return nil, err
	case !l.layer.mayRead(l.files, resolved):
		return nil, fmt.Errorf("%s is outside the kustomization's directory", name)
	}
	return l.files.ReadFile(resolved)
}

// accumulate adds a layer to what there is: nothing for a kustomization, the objects that it acts on for a component.
// origin is where the layer stands, from the root; nil where no annotation asks for it.
func (e *engine) accumulate(layer *Layer, a *accumulation, origin *resource.Origin) (*accumulation, error) {
	config, err := layer.config()
	if err != nil {
		return nil, place(layer, layer.field(""), err)
	}
	for i := range layer.Resources {
		if err := e.resource(layer, &layer.Resources[i], a, origin); err != nil {
			return nil, err
		}
	}
	if err := e.configurations(layer, a); err != nil {
		return nil, err
	}
	if err := e.generate(layer, config, a, origin); err != nil {
		return nil, err
	}
	for i, component := range layer.Components {
		at := layer.item("components", i)
		if err := e.schema(component); err != nil {
			return nil, place(layer, at, err)
		}
		with, err := e.accumulate(component, a, appended(origin, config.Components[i]))
		if err != nil {
			return nil, err
		}
		// Kustomize adds the objects anew, which finds two that the component gave one name.
		fresh := newAccumulation()
		if err := e.join(fresh, with, layer, at); err != nil {
			return nil, err
		}
		a = fresh
	}
	e.deprecated(layer)
	if err := e.transform(layer, config, a, origin); err != nil {
		return nil, err
	}
	e.led(a)
	if err := e.validate(layer, config, a, origin); err != nil {
		return nil, err
	}
	if err := variables(layer, config, a); err != nil {
		return nil, err
	}
	return a, nil
}

// config is the layer's kustomization as Kustomize completes it.
func (l *Layer) config() (*types.Kustomization, error) {
	config := l.Config
	config.ConfigMapGenerator = slices.Clone(config.ConfigMapGenerator)
	config.SecretGenerator = slices.Clone(config.SecretGenerator)
	config.Resources, config.Images = slices.Clip(config.Resources), slices.Clip(config.Images)
	config.FixKustomization()
	return &config, config.CheckEmpty()
}

// item is the position of an entry of a list of the kustomization.
func (l *Layer) item(field string, i int) manifest.Position {
	at, _ := l.locate(field, i)
	return at
}

// schema sets the layer's OpenAPI schema, if it has one and none is set: the first counts.
func (e *engine) schema(layer *Layer) error {
	if layer.Config.OpenAPI == nil {
		return nil
	}
	return layer.setOpenAPI(e.files, layer == e.root)
}

// resource adds what one entry of `resources` brings.
func (e *engine) resource(layer *Layer, r *Resource, a *accumulation, origin *resource.Origin) error {
	if err := e.ctx.Err(); err != nil {
		return err
	}
	if r.Layer != nil {
		if err := e.schema(r.Layer); err != nil {
			return place(layer, r.Source, err)
		}
		below, err := e.base(r.Layer, appended(origin, r.Name))
		if err != nil {
			return err
		}
		return e.join(a, below, layer, r.Source)
	}
	text, err := e.files.ReadFile(r.File)
	if err != nil {
		return place(layer, r.Source, err)
	}
	resources, err := e.factory.NewResMapFromBytes(text)
	if err != nil {
		return place(layer, manifest.Position{File: r.File}, err)
	}
	if origin != nil {
		text, err := appended(origin, r.Name).String()
		if err == nil {
			err = resources.AnnotateAll(originAnnotation, text)
		}
		if err != nil {
			return place(layer, r.Source, err)
		}
	}
	brought := newAccumulation()
	brought.resources = resources
	brought.traces = tracesIn(resources, r.Documents)
	return e.append(a, brought, layer, r.Source, manifest.Position{})
}

// originAnnotation is where Kustomize keeps the origin of an object until it is rendered.
const originAnnotation = "config.kubernetes.io/origin"

// appended is an origin with one more step; nil without one.
func appended(origin *resource.Origin, name string) *resource.Origin {
	if origin == nil {
		return nil
	}
	return origin.Append(name)
}

// tracesIn finds the document that each resource of a file is from: that of the same identity, and of several the next.
func tracesIn(resources resmap.ResMap, documents []manifest.Document) map[*resource.Resource]*Trace {
	byID := map[resid.ResId][]*Trace{}
	for i := range documents {
		for _, t := range fromDocument(&documents[i]) {
			byID[t.ids[0]] = append(byID[t.ids[0]], t)
		}
	}
	traces := map[*resource.Resource]*Trace{}
	for _, r := range resources.Resources() {
		id := r.CurId()
		key := resid.NewResIdWithNamespace(gvk(r.GetApiVersion(), id.Kind), id.Name, id.Namespace)
		if found := byID[key]; len(found) > 0 {
			traces[r], byID[key] = found[0], found[1:]
			found[0].live = r
		}
	}
	return traces
}

// join adds what was accumulated apart.
func (e *engine) join(a, more *accumulation, layer *Layer, at manifest.Position) error {
	if err := e.append(a, more, layer, at, at); err != nil {
		return err
	}
	specs, err := a.specs.merge(more.specs)
	if err != nil {
		return place(layer, at, err)
	}
	a.specs, a.builtin = specs, a.builtin || more.builtin
	a.files.configurations = append(a.files.configurations, more.files.configurations...)
	a.files.crds = append(a.files.crds, more.files.crds...)
	return place(layer, at, a.vars.MergeSet(more.vars))
}

// append adds objects that an entry brings. from is blamed for one that is there already: zero for the object's own file.
func (e *engine) append(a, more *accumulation, layer *Layer, at, from manifest.Position) error {
	if err := a.resources.AppendAll(more.resources); err != nil {
		if repeated := repeats(a, more, from); repeated != nil {
			return repeated
		}
		return place(layer, at, err)
	}
	for r, t := range more.traces {
		a.traces[r] = t
	}
	return nil
}

// repeats is the error of an object that is there already. at is the entry that brings it; zero for the object's own file.
func repeats(a, more *accumulation, at manifest.Position) error {
	first := map[resid.ResId]*Trace{}
	key := func(id resid.ResId) resid.ResId {
		id.Namespace = id.EffectiveNamespace()
		return id
	}
	for r, t := range a.traces {
		first[key(r.CurId())] = t
	}
	for _, r := range more.resources.Resources() {
		before := first[key(r.CurId())]
		if before == nil {
			continue
		}
		from := at
		if t := more.traces[r]; from.IsZero() && t != nil {
			from = t.Source
		}
		return &manifest.SyntaxError{Position: from, Message: fmt.Sprintf("the %s %s is there already, from %s", r.GetKind(), r.CurId().Name, before.Source)}
	}
	return nil
}

// configurations merges what the layer says about the fields that transformers write to.
func (e *engine) configurations(layer *Layer, a *accumulation) error {
	if !a.builtin {
		specs, err := a.specs.merge(defaultFieldSpecs())
		if err != nil {
			return place(layer, layer.field(""), err)
		}
		a.specs, a.builtin = specs, true
	}
	for _, more := range []struct {
		field string
		names []string
		read  func([]byte) (*fieldSpecs, error)
	}{{"configurations", layer.Config.Configurations, readFieldSpecs}, {"crds", layer.Config.Crds, readTypes}} {
		for i, name := range more.names {
			file := layer.Path(name)
			text, err := layerLoader{e.files, layer}.Load(name)
			if err != nil {
				return place(layer, layer.item(more.field, i), err)
			}
			specs, err := more.read(text)
			if unknown := e.unknownSpec(more.field, file); err != nil && unknown != nil {
				return unknown
			}
			if definition := e.definition(file); err != nil && more.field == "crds" && !definition.IsZero() {
				return fail(definition, "`crds` takes OpenAPI definitions by the names of their types, and this is a CustomResourceDefinition: list it under `resources`")
			}
			if err == nil {
				specs, err = a.specs.merge(specs)
			}
			if err != nil {
				return place(layer, manifest.Position{File: file}, err)
			}
			a.specs = specs
		}
	}
	a.files.add(layer)
	return nil
}

// generate runs the layer's generators.
func (e *engine) generate(layer *Layer, config *types.Kustomization, a *accumulation, origin *resource.Origin) error {
	if config.GeneratorOptions != nil && len(config.ConfigMapGenerator)+len(config.SecretGenerator) == 0 {
		e.fault(noEffect, layer.field("generatorOptions"), "`generatorOptions` changes nothing: it is for the generators of its own kustomization, and this one has none")
	}
	for i, args := range config.ConfigMapGenerator {
		args.Options = types.MergeGlobalOptionsIntoLocal(args.Options, config.GeneratorOptions)
		p := builtins.NewConfigMapGeneratorPlugin()
		if err := e.generator(layer, "configMapGenerator", i, p, struct{ types.ConfigMapArgs }{args}, a, origin); err != nil {
			return err
		}
	}
	for i, args := range config.SecretGenerator {
		args.Options = types.MergeGlobalOptionsIntoLocal(args.Options, config.GeneratorOptions)
		p := builtins.NewSecretGeneratorPlugin()
		if err := e.generator(layer, "secretGenerator", i, p, struct{ types.SecretArgs }{args}, a, origin); err != nil {
			return err
		}
	}
	if err := e.helm(layer, config, a, origin); err != nil {
		return err
	}
	plugins, err := e.plugins(layer, "generators", config.Generators, origin)
	if err != nil {
		return err
	}
	for _, p := range plugins {
		if chart, ok := p.plugin.(*inflate); ok {
			if err := e.inflated(layer, chart, p.origin, a); err != nil {
				return err
			}
			continue
		}
		g, ok := p.plugin.(resmap.Generator)
		if !ok {
			return place(layer, p.at, fmt.Errorf("plugin %s not a generator", p.id))
		}
		generated, err := g.Generate()
		if err != nil {
			return place(layer, p.at, err)
		}
		if err := e.absorb(layer, p.at, generated, p.origin, a, nil, nil); err != nil {
			return err
		}
		if sealed, ok := g.(*sealedGenerator); ok {
			sealed.place(a)
		}
	}
	return nil
}

// configure configures one of Kustomize's plugins the way Kustomize does: by text.
func (e *engine) configure(layer *Layer, p resmap.Configurable, config any) error {
	text, err := k8syaml.Marshal(config)
	if err != nil {
		return err
	}
	return p.Config(e.helpers(layer), text)
}

// generator runs one entry of configMapGenerator or secretGenerator.
func (e *engine) generator(layer *Layer, field string, i int, p resmap.GeneratorPlugin, config any, a *accumulation, origin *resource.Origin) error {
	if err := e.ctx.Err(); err != nil {
		return err
	}
	at := layer.item(field, i)
	if err := e.configure(layer, p, config); err != nil {
		return place(layer, at, err)
	}
	generated, err := p.Generate()
	if err != nil {
		if list := manifest.Lookup(layer.Node, field, i, "literals"); list != nil {
			for _, literal := range list.Content {
				if !strings.Contains(literal.Value, "=") {
					return fail(layer.at(literal), "the literal %q has no value: write it as key=value", literal.Value)
				}
			}
		}
		return place(layer, at, err)
	}
	kind := map[string]string{"configMapGenerator": "ConfigMapGenerator", "secretGenerator": "SecretGenerator"}[field]
	return e.absorb(layer, at, generated, layer.configuredBy(origin, kind), a,
		&Generator{Layer: layer, Field: field, Index: i, Node: manifest.Lookup(layer.Node, field, i)}, nil)
}

// configuredBy is the origin that Kustomize gives what a field of a layer makes.
func (l *Layer) configuredBy(origin *resource.Origin, kind string) *resource.Origin {
	if origin == nil {
		return nil
	}
	return &resource.Origin{
		Repo: origin.Repo, Ref: origin.Ref, ConfiguredIn: path.Join(origin.Path, path.Base(l.File)),
		ConfiguredBy: yaml.ResourceIdentifier{TypeMeta: yaml.TypeMeta{APIVersion: konfig.BuiltinPluginApiVersion, Kind: kind}},
	}
}

// absorb takes over what a generator made: new objects, and such as are merged into others or replace them. from are traces of
// those that are known to come from somewhere.
func (e *engine) absorb(layer *Layer, at manifest.Position, generated resmap.ResMap, origin *resource.Origin, a *accumulation, by *Generator,
	from map[*resource.Resource]*Trace) error {
	if generated == nil {
		return nil
	}
	if err := generated.AddOriginAnnotation(origin); err != nil {
		return place(layer, at, err)
	}
	before := a.resources.Resources()
	for _, r := range generated.Resources() {
		found := a.resources.GetMatchingResourcesByAnyId(r.CurId().Equals)
		merges := r.Behavior() == types.BehaviorMerge || r.Behavior() == types.BehaviorReplace
		switch {
		case merges && len(found) == 0:
			return fail(at, "the generator's behavior is %s, and no object here is the %s %s%s", r.Behavior(), r.GetKind(), r.CurId().Name, others(a.tracesOf(), r.GetKind()))
		case !merges && len(found) == 1:
			from := ""
			if t := a.traces[found[0]]; t != nil {
				from = ", from " + t.Source.String()
			}
			return fail(at, "the %s %s is there already%s: a generator that changes it says so with `behavior: merge` or `replace`", r.GetKind(), r.CurId().Name, from)
		}
	}
	if err := a.resources.AbsorbAll(generated); err != nil {
		return place(layer, at, err)
	}
	e.judging = layer
	defer func() { e.judging = nil }()
	for i, r := range a.resources.Resources() {
		switch {
		case i < len(before) && before[i] == r:
		case i < len(before): // merged or replaced: it stands where the other one stood
			e.mergeEffect(at, before[i], r)
			t := a.traces[before[i]]
			delete(a.traces, before[i])
			if t == nil {
				continue
			}
			a.traces[r], t.live = t, r
			if by != nil {
				t.step(Step{Generator: by})
			}
		case from[r] != nil:
			a.traces[r] = from[r]
		default:
			a.traces[r] = &Trace{Source: at, Generator: by, live: r}
		}
	}
	return nil
}

// plugin is a configured plugin of `generators`, `transformers` or `validators`.
type plugin struct {
	plugin   resmap.Configurable
	document *manifest.Document
	at       manifest.Position
	id       resid.ResId
	origin   *resource.Origin
}

// naming is the place of the path in a plugin's configuration that an error speaks of, or else of the plugin.
func (p *plugin) naming(err error) manifest.Position {
	at := p.at
	var look func(node *yaml.Node)
	look = func(node *yaml.Node) {
		for i, child := range node.Content {
			key := ""
			if node.Kind == yaml.MappingNode && i%2 == 1 {
				key = node.Content[i-1].Value
			}
			if (key == "path" || key == "paths") && child.Kind == yaml.ScalarNode && child.Value != "" && strings.Contains(err.Error(), child.Value) {
				at = p.document.Position(nil, child)
			}
			look(child)
		}
	}
	if p.document != nil {
		look(manifest.Plain(p.document.Node))
	}
	return at
}

// builtinPlugins are the plugins of Kustomize that run no program.
var builtinPlugins = map[string]func() resmap.Configurable{
	"AnnotationsTransformer":         func() resmap.Configurable { return builtins.NewAnnotationsTransformerPlugin() },
	"ConfigMapGenerator":             func() resmap.Configurable { return builtins.NewConfigMapGeneratorPlugin() },
	inflator:                         func() resmap.Configurable { return &inflate{} },
	"HashTransformer":                func() resmap.Configurable { return builtins.NewHashTransformerPlugin() },
	"IAMPolicyGenerator":             func() resmap.Configurable { return builtins.NewIAMPolicyGeneratorPlugin() },
	"ImageTagTransformer":            func() resmap.Configurable { return builtins.NewImageTagTransformerPlugin() },
	"LabelTransformer":               func() resmap.Configurable { return builtins.NewLabelTransformerPlugin() },
	"NamespaceTransformer":           func() resmap.Configurable { return builtins.NewNamespaceTransformerPlugin() },
	"PatchJson6902Transformer":       func() resmap.Configurable { return builtins.NewPatchJson6902TransformerPlugin() },
	"PatchStrategicMergeTransformer": func() resmap.Configurable { return builtins.NewPatchStrategicMergeTransformerPlugin() },
	"PatchTransformer":               func() resmap.Configurable { return builtins.NewPatchTransformerPlugin() },
	"PrefixSuffixTransformer":        func() resmap.Configurable { return &affixes{} },
	"PrefixTransformer":              func() resmap.Configurable { return builtins.NewPrefixTransformerPlugin() },
	"ReplacementTransformer":         func() resmap.Configurable { return builtins.NewReplacementTransformerPlugin() },
	"ReplicaCountTransformer":        func() resmap.Configurable { return builtins.NewReplicaCountTransformerPlugin() },
	"SecretGenerator":                func() resmap.Configurable { return builtins.NewSecretGeneratorPlugin() },
	"SuffixTransformer":              func() resmap.Configurable { return builtins.NewSuffixTransformerPlugin() },
	"ValueAddTransformer":            func() resmap.Configurable { return builtins.NewValueAddTransformerPlugin() },
}

// affixes is the PrefixSuffixTransformer: a PrefixTransformer and a SuffixTransformer of one configuration.
type affixes struct {
	prefix builtins.PrefixTransformerPlugin
	suffix builtins.SuffixTransformerPlugin
}

func (p *affixes) Config(h *resmap.PluginHelpers, text []byte) error {
	return errors.Join(p.prefix.Config(h, text), p.suffix.Config(h, text))
}

func (p *affixes) Transform(m resmap.ResMap) error {
	if err := p.prefix.Transform(m); err != nil {
		return err
	}
	return p.suffix.Transform(m)
}

// plugins makes the plugins that a field names: those written in the entries first, then those of files and directories.
func (e *engine) plugins(layer *Layer, field string, entries []string, origin *resource.Origin) ([]plugin, error) {
	all := newAccumulation()
	byResource := map[*resource.Resource]*manifest.Document{}
	add := func(resources resmap.ResMap, documents []manifest.Document, at manifest.Position) error {
		if err := all.resources.AppendAll(resources); err != nil {
			return place(layer, at, err)
		}
		for r, t := range tracesIn(resources, documents) {
			byResource[r] = t.Document
		}
		return nil
	}
	files := map[int]bool{}
	for i, text := range entries {
		resources, err := e.factory.NewResMapFromBytes([]byte(text))
		if err != nil {
			files[i] = true
			continue
		}
		if origin != nil {
			for _, r := range resources.Resources() {
				if err := r.SetOrigin(origin.Append(path.Base(layer.File))); err != nil {
					return nil, place(layer, layer.item(field, i), err)
				}
			}
		}
		if err := add(resources, layer.plugins[field][i].Documents, layer.item(field, i)); err != nil {
			return nil, err
		}
	}
	for i := range entries {
		if !files[i] {
			continue
		}
		named := &layer.plugins[field][i]
		below := newAccumulation()
		if err := e.resource(layer, named, below, origin); err != nil {
			return nil, err
		}
		if err := all.resources.AppendAll(below.resources); err != nil {
			return nil, place(layer, named.Source, err)
		}
		for r, t := range below.traces {
			byResource[r] = t.Document
		}
	}
	var found []plugin
	for _, r := range all.resources.Resources() {
		p := plugin{document: byResource[r], id: r.OrgId(), at: layer.field(field)}
		if p.document != nil {
			p.at = p.document.Position(nil, p.document.Node)
		}
		id := r.GetGvk()
		sealed := resid.NewGvk(id.Group, id.Version, id.Kind)
		if !builtinPlugin(id) && (field != "generators" || sealedKinds[sealed] == nil) {
			return nil, fail(p.at, "%s: %s %s is a plugin that runs a program: kgate runs none; use a builtin one or render its output into the repository",
				field, r.GetApiVersion(), id.Kind)
		}
		var err error
		if p.origin, err = resource.OriginFromCustomPlugin(r); err != nil {
			return nil, place(layer, p.at, err)
		}
		text, err := r.AsYAML()
		if err != nil {
			return nil, place(layer, p.at, err)
		}
		if builtinPlugin(id) {
			p.plugin = builtinPlugins[id.Kind]()
		} else {
			p.plugin = &sealedGenerator{kind: sealed, files: e.files, dir: layer.Dir, document: p.document, loader: layerLoader{e.files, layer}}
		}
		if chart, ok := p.plugin.(*inflate); ok {
			chart.engine, chart.layer, chart.document = e, layer, p.document
			if p.document != nil {
				chart.entry = p.document.Node
			}
		}
		if err := p.plugin.Config(e.helpers(layer), text); err != nil {
			if p.document != nil {
				plain := manifest.Plain(p.document.Node)
				for _, typ := range pluginTypes(id.Kind) {
					if better := misfit(p.document, plain, "the configuration", typ, false); better != nil {
						return nil, better
					}
				}
			}
			return nil, place(layer, p.naming(err), err)
		}
		found = append(found, p)
	}
	return found, nil
}

// operation is one entry of a layer that transforms objects.
type operation struct {
	at          manifest.Position
	kind        string // of Kustomize's transformer
	origin      *resource.Origin
	transformer resmap.Transformer
	reaches     func(*accumulation) error // notes the objects that the entry is for, before it is applied

	watches func(*accumulation) []*resource.Resource // the objects whose change matters; nil where it does not
	judge   func(*accumulation, []effect)            // tells what the entry did
	fails   func([]effect, error) error              // says better than Kustomize why the entry cannot be applied; nil where it cannot
}

// transform runs the layer's transformers, each entry alone.
func (e *engine) transform(layer *Layer, config *types.Kustomization, a *accumulation, origin *resource.Origin) error {
	operations, err := e.operations(layer, config, a)
	if err != nil {
		return err
	}
	for i := range operations {
		operations[i].origin = layer.configuredBy(origin, operations[i].kind)
	}
	plugins, err := e.plugins(layer, "transformers", config.Transformers, origin)
	if err != nil {
		return err
	}
	for _, p := range plugins {
		t, ok := p.plugin.(resmap.Transformer)
		if !ok {
			return place(layer, p.at, fmt.Errorf("plugin %s not a transformer", p.id))
		}
		more, err := e.pluginOperations(layer, p, t)
		if err != nil {
			return err
		}
		operations = append(operations, more...)
	}
	e.judging = layer
	defer func() { e.judging = nil }()
	for _, o := range operations {
		if err := e.ctx.Err(); err != nil {
			return err
		}
		if o.reaches != nil {
			if err := o.reaches(a); err != nil {
				return err
			}
		}
		var effects []effect
		if o.watches != nil {
			effects = watch(o.watches(a))
		}
		if err := o.transformer.Transform(a.resources); err != nil {
			if o.fails != nil {
				if better := o.fails(effects, err); better != nil {
					return better
				}
			}
			return place(layer, o.at, err)
		}
		if o.watches != nil {
			o.judge(a, effects)
		}
		if o.origin != nil {
			if err := a.resources.AddTransformerAnnotation(o.origin); err != nil {
				return place(layer, o.at, err)
			}
		}
		a.resources.DropEmpties()
	}
	return nil
}

// operations are the transformations of a layer's fields, in Kustomize's order.
func (e *engine) operations(layer *Layer, config *types.Kustomization, a *accumulation) ([]operation, error) {
	var all []operation
	patches := func(late bool) error {
		for i := range layer.Patches {
			if layer.Patches[i].late != late {
				continue
			}
			more, err := e.patchOperations(layer, &layer.Patches[i])
			if err != nil {
				return err
			}
			all = append(all, more...)
		}
		return nil
	}
	field := func(kind, name string, at manifest.Position, t resmap.Transformer) *operation {
		all = append(all, operation{at: at, kind: kind, transformer: t, reaches: func(a *accumulation) error {
			transformed(layer, a.tracesOf(), &a.files, name)
			return nil
		}})
		return &all[len(all)-1]
	}
	if err := patches(false); err != nil {
		return nil, err
	}
	if config.Namespace != "" {
		t := &builtins.NamespaceTransformerPlugin{
			ObjectMeta: types.ObjectMeta{Namespace: config.Namespace}, FieldSpecs: a.specs.Namespace, SetRoleBindingSubjects: namespace.DefaultSubjectsOnly,
		}
		e.namespaceEffect(field("NamespaceTransformer", "namespace", layer.field("namespace"), t), t)
	}
	if config.NamePrefix != "" {
		o := field("PrefixTransformer", "namePrefix", layer.field("namePrefix"), &builtins.PrefixTransformerPlugin{Prefix: config.NamePrefix, FieldSpecs: a.specs.NamePrefix})
		e.idleField(o, renamed, renamesNothing, "namePrefix")
	}
	if config.NameSuffix != "" {
		o := field("SuffixTransformer", "nameSuffix", layer.field("nameSuffix"), &builtins.SuffixTransformerPlugin{Suffix: config.NameSuffix, FieldSpecs: a.specs.NameSuffix})
		e.idleField(o, renamed, renamesNothing, "nameSuffix")
	}
	for i, label := range config.Labels {
		specs, err := labelSpecs(label, a.specs)
		if err != nil {
			return nil, place(layer, layer.item("labels", i), fmt.Errorf("failed to merge labels: %w", err))
		}
		at := layer.item("labels", i)
		o := field("LabelTransformer", "labels", at, &builtins.LabelTransformerPlugin{Labels: label.Pairs, FieldSpecs: specs})
		writes := func(r *resource.Resource) bool { return lacks(r.GetLabels(), label.Pairs) }
		o.watches = func(a *accumulation) []*resource.Resource {
			if label.IncludeSelectors && slices.ContainsFunc(a.resources.Resources(), func(r *resource.Resource) bool { return r.GetKind() == "NetworkPolicy" }) {
				return a.resources.Resources()
			}
			return unless(writes)(a)
		}
		o.judge = func(a *accumulation, effects []effect) { e.labelEffect(layer, i, label, a, effects) }
	}
	//lint:ignore SA1019 Kustomize still applies the field
	if common := config.CommonLabels; len(common) > 0 || len(config.Labels) > 0 {
		t := &builtins.LabelTransformerPlugin{Labels: common, FieldSpecs: a.specs.CommonLabels}
		if len(common) > 0 {
			o := field("LabelTransformer", "commonLabels", layer.field("commonLabels"), t)
			e.idleField(o, func(r *resource.Resource) bool { return lacks(r.GetLabels(), common) }, "commonLabels changes nothing: every object that it reaches has these labels already")
		} else {
			all = append(all, operation{at: layer.field("labels"), kind: "LabelTransformer", transformer: t})
		}
	}
	if len(config.CommonAnnotations) > 0 {
		o := field("AnnotationsTransformer", "commonAnnotations", layer.field("commonAnnotations"),
			&builtins.AnnotationsTransformerPlugin{Annotations: config.CommonAnnotations, FieldSpecs: a.specs.CommonAnnotations})
		e.idleField(o, func(r *resource.Resource) bool { return lacks(r.GetAnnotations(), config.CommonAnnotations) },
			"commonAnnotations changes nothing: every object that it reaches has these annotations already")
	}
	if err := patches(true); err != nil {
		return nil, err
	}
	for i, replica := range config.Replicas {
		at := layer.item("replicas", i)
		o := field("ReplicaCountTransformer", "replicas", at, &builtins.ReplicaCountTransformerPlugin{Replica: replica, FieldSpecs: a.specs.Replicas})
		o.watches, o.judge = everything, func(_ *accumulation, effects []effect) {
			if none(effects) {
				e.idle(at, newFault(noEffect, at, "the entry changes nothing: %s has %d replicas already", replica.Name, replica.Count))
			} else {
				e.effective(noEffect, at)
			}
		}
		of, _ := layer.locate("replicas", i, "name")
		kinds := a.specs.Replicas
		o.fails = func([]effect, error) error { return replicasFailure(of, replica, kinds, a) }
	}
	for i, image := range config.Images {
		name := "images"
		if own := len(layer.Config.Images); i >= own { // imageTags is the older name
			name, i = "imageTags", i-own
		}
		at := layer.item(name, i)
		of, _ := layer.locate(name, i, "name")
		o := field("ImageTagTransformer", name, at, &builtins.ImageTagTransformerPlugin{ImageTag: image, FieldSpecs: a.specs.Images})
		specs := a.specs.Images
		again := manifest.Position{}
		if name == "images" {
			again = layer.setAgain(i)
		}
		o.watches, o.judge = everything, func(a *accumulation, effects []effect) {
			e.imageEffect(at, of, image, specs, a, effects)
			if !again.IsZero() && !none(effects) {
				e.idle(of, newFault(noEffect, at, "the entry changes nothing that stays: line %d sets %q again", again.Line, image.Name))
			}
		}
	}
	more, err := e.replacementOperations(layer, config)
	return append(all, more...), err
}

// setAgain is the place of a later entry of `images` that sets all that an entry sets, of the same images.
func (l *Layer) setAgain(i int) manifest.Position {
	one := l.Config.Images[i]
	for n := i + 1; n < len(l.Config.Images); n++ {
		other := l.Config.Images[n]
		if other.Name == one.Name && one.NewName == "" && one.TagSuffix == "" && other.TagSuffix == "" && other.NewTag != "" &&
			(one.Digest == "" || other.Digest != "") {
			return l.item("images", n)
		}
		if other.Name == one.Name || other.NewName == one.Name {
			return manifest.Position{}
		}
	}
	return manifest.Position{}
}

// labelSpecs are the fields that an entry of `labels` writes to.
func labelSpecs(label types.Label, specs *fieldSpecs) (fields types.FsSlice, err error) {
	merge := func(more types.FsSlice) {
		if err == nil {
			fields, err = fields.MergeAll(more)
		}
	}
	merge(label.FieldSpecs)
	merge(specs.Labels)
	if label.IncludeSelectors {
		merge(specs.CommonLabels)
		return fields, err
	}
	if label.IncludeTemplates {
		merge(specs.TemplateLabels)
	}
	if label.IncludeVolumeClaimTemplates {
		merge(specs.VolumeClaimTemplateLabels)
	}
	merge(types.FsSlice{{Path: "metadata/labels", CreateIfNotPresent: true}})
	return fields, err
}

// validate runs the layer's validators, which may change nothing.
func (e *engine) validate(layer *Layer, config *types.Kustomization, a *accumulation, origin *resource.Origin) error {
	validators, err := e.plugins(layer, "validators", config.Validators, origin)
	if err != nil {
		return err
	}
	for _, v := range validators {
		t, ok := v.plugin.(resmap.Transformer)
		if !ok {
			return place(layer, v.at, fmt.Errorf("plugin %s not a transformer", v.id))
		}
		before := a.resources.DeepCopy()
		if err := t.Transform(a.resources.ShallowCopy()); err != nil {
			return place(layer, v.at, err)
		}
		after := a.resources.DeepCopy()
		for _, r := range after.Resources() {
			labels := r.GetLabels()
			if _, ok := labels[konfig.ValidatedByLabelKey]; ok {
				delete(labels, konfig.ValidatedByLabelKey)
				if err := r.SetLabels(labels); err != nil {
					return place(layer, v.at, err)
				}
			}
		}
		if err := before.ErrorIfNotEqualSets(after); err != nil {
			return place(layer, v.at, fmt.Errorf("validator shouldn't modify the resource map: %w", err))
		}
	}
	return nil
}

// variables notes the objects that the layer's vars take their values from.
func variables(layer *Layer, config *types.Kustomization, a *accumulation) error {
	//lint:ignore SA1019 Kustomize still applies the field
	for i, v := range config.Vars {
		id := resid.NewResIdWithNamespace(v.ObjRef.GVK(), v.ObjRef.Name, v.ObjRef.Namespace)
		matches := id.GvknEquals
		if id.Namespace != "" || id.IsClusterScoped() {
			matches = id.Equals
		}
		found := a.resources.GetMatchingResourcesByAnyId(matches)
		if len(found) > 1 {
			return place(layer, layer.item("vars", i), fmt.Errorf("found %d resId matches for var %s (unable to disambiguate)", len(found), v))
		}
		for _, r := range found {
			r.AppendRefVarName(v)
		}
		if err := a.vars.MergeSlice([]types.Var{v}); err != nil {
			return place(layer, layer.item("vars", i), err)
		}
	}
	return nil
}
