package render

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Trace is what became of one object on its way up the layers: where it was written, under which identities
// patches could reach it, and what touched it.
type Trace struct {
	Source    manifest.Position
	Document  *manifest.Document // nil for a generated object
	Generator *Generator         // nil for a written one
	Steps     []Step             // in the order of application

	ids         []resid.ResId // the original one first, the current one last
	labels      map[string]string
	annotations map[string]string
	hashed      bool
}

// Step is something in a layer that may have written to an object; one of its pointers is set.
type Step struct {
	Patch       *Patch // of one document
	Transform   *Transform
	Replacement *Replacement
	Generator   *Generator // one that merges into the object, or replaces what it holds

	ids []resid.ResId // the object's, when the step came
}

// Called reports whether the object had a name when the step came, or before.
func (s Step) Called(name string) bool {
	return slices.ContainsFunc(s.ids, func(id resid.ResId) bool { return id.Name == name })
}

// Generator is an entry of configMapGenerator or secretGenerator.
type Generator struct {
	Layer *Layer
	Field string
	Index int
	Node  *yaml.Node
}

// Transform is what a layer does to all of its objects, by fields of its own or by a builtin plugin.
type Transform struct {
	Layer          *Layer
	Fields         []string           // those of the kustomization that are meant
	Plugin         *manifest.Document // the plugin's configuration, in place of fields
	Configurations []string           // files that say which fields of objects are meant, of this layer and those below
	CRDs           []string
}

// Replacement is one target of an entry of `replacements`.
type Replacement struct {
	Document *manifest.Document // that the entry is written in
	Entry    *yaml.Node
	Target   int
	From     *Trace // where the value comes from; nil for a value that the entry holds
	Steps    int    // of From, that came before
}

func (t *Trace) original() resid.ResId { return t.ids[0] }
func (t *Trace) current() resid.ResId  { return t.ids[len(t.ids)-1] }

func (t *Trace) rename(change func(*resid.ResId)) {
	id := t.current()
	change(&id)
	if id != t.current() {
		t.ids = append(t.ids, id)
	}
}

// tracer follows the objects of a target through its layers the way Kustomize moves them, and notes the patches
// and replacements that reach none: Kustomize passes those over in silence.
type tracer struct {
	files   *Files
	faults  []Fault
	sources []part // of replacements
	targets []part

	repeats bool // note objects that are there already: Kustomize stopped on one, and does not say which file brings it
}

// part is a field of an object that a replacement takes or writes to.
type part struct {
	of    *Trace
	field string
	at    manifest.Position // in the replacement
}

// Fault is something about how a target is put together that Kustomize accepts and a reviewer would not.
type Fault struct {
	Check   string // the check that reports it, one of Checks
	Source  manifest.Position
	Message string
}

// The checks that report what tracing notices.
const (
	patchTarget       = "kustomize/patch-target"
	replacementTarget = "kustomize/replacement-target"
	imageUsed         = "kustomize/image-used"
	deprecatedField   = "kustomize/deprecated-field"
)

func (t *tracer) fault(name string, source manifest.Position, format string, args ...any) {
	fault := newFault(name, source, format, args...)
	if !slices.Contains(t.faults, fault) {
		t.faults = append(t.faults, fault)
	}
}

func gvk(apiVersion, kind string) resid.Gvk {
	group, version := resid.ParseGroupVersion(apiVersion)
	return resid.NewGvk(group, version, kind)
}

func newFault(name string, source manifest.Position, format string, args ...any) Fault {
	return Fault{Check: name, Source: source, Message: fmt.Sprintf(format, args...)}
}

// configured is what a layer and those below say about which fields Kustomize transforms.
type configured struct{ configurations, crds []string }

func (c *configured) add(dir string, more types.Kustomization) {
	for _, name := range more.Configurations {
		c.configurations = append(c.configurations, path.Join(dir, name))
	}
	for _, name := range more.Crds {
		c.crds = append(c.crds, path.Join(dir, name))
	}
}

// trace accumulates a layer. inherited are the objects that a component acts on.
func (t *tracer) trace(layer *Layer, inherited []*Trace, config *configured) ([]*Trace, error) {
	objects := inherited
	for _, r := range layer.Resources {
		if r.Layer != nil {
			var own configured
			below, err := t.trace(r.Layer, nil, &own)
			if err != nil {
				return nil, err
			}
			config.configurations = append(config.configurations, own.configurations...)
			config.crds = append(config.crds, own.crds...)
			t.twice(objects, below, r.Source)
			objects = append(objects, below...)
			continue
		}
		for i := range r.Documents {
			more := fromDocument(&r.Documents[i])
			t.twice(objects, more, manifest.Position{})
			objects = append(objects, more...)
		}
	}
	config.add(layer.Dir, layer.Config)
	objects = append(objects, generated(layer, objects)...)
	for _, component := range layer.Components {
		var err error
		if objects, err = t.trace(component, objects, config); err != nil {
			return nil, err
		}
	}
	t.deprecated(layer)
	patches := func(late bool) error {
		for i := range layer.Patches {
			if layer.Patches[i].late != late {
				continue
			}
			var err error
			if objects, err = t.patch(&layer.Patches[i], objects); err != nil {
				return err
			}
		}
		return nil
	}
	if err := patches(false); err != nil {
		return nil, err
	}
	transformed(layer, objects, config, "namespace", "namePrefix", "nameSuffix", "labels", "commonLabels", "commonAnnotations")
	transform(layer, objects)
	if err := patches(true); err != nil {
		return nil, err
	}
	transformed(layer, objects, config, "replicas", "images")
	if err := t.replacements(layer, objects); err != nil {
		return nil, err
	}
	plugins(layer, objects, config)
	return objects, nil
}

// step notes that something came upon an object.
func (t *Trace) step(s Step) {
	s.ids = slices.Clip(t.ids)
	t.Steps = append(t.Steps, s)
}

// transformed notes the fields of a layer that write to all of its objects. Fields that follow each other are one step.
func transformed(layer *Layer, objects []*Trace, config *configured, fields ...string) {
	fields = slices.DeleteFunc(fields, func(field string) bool { return manifest.Lookup(layer.Node, field) == nil })
	if len(fields) == 0 {
		return
	}
	step := &Transform{Layer: layer, Fields: fields, Configurations: slices.Clip(config.configurations), CRDs: slices.Clip(config.crds)}
	for _, o := range objects {
		if n := len(o.Steps); n > 0 && o.Steps[n-1].Transform != nil && o.Steps[n-1].Transform.Layer == layer {
			both := *o.Steps[n-1].Transform
			both.Fields = append(slices.Clip(both.Fields), fields...)
			o.Steps[n-1].Transform = &both
			continue
		}
		o.step(Step{Transform: step})
	}
}

// twice notes objects that are there already. from is the entry that brings them; without one, it is their file.
func (t *tracer) twice(have, more []*Trace, from manifest.Position) {
	if !t.repeats {
		return
	}
	first := map[string]*Trace{}
	key := func(o *Trace) string {
		return o.current().Gvk.String() + o.current().EffectiveNamespace() + "/" + o.current().Name
	}
	for _, o := range have {
		first[key(o)] = o
	}
	for _, o := range more {
		if before := first[key(o)]; before != nil {
			at := from
			if at.IsZero() {
				at = o.Source
			}
			t.faults = append(t.faults, newFault("", at, "the %s %s is there already, from %s", o.current().Kind, o.current().Name, before.Source))
			return
		}
	}
}

func fromDocument(d *manifest.Document) []*Trace {
	nodes := []*yaml.Node{d.Node}
	if items := manifest.Lookup(d.Node, "items"); items != nil && strings.HasSuffix(manifest.Text(d.Node, "kind"), "List") {
		nodes = manifest.Items(d.Node)
	}
	var traces []*Trace
	for _, node := range nodes {
		item := d.Item(node)
		id := resid.NewResIdWithNamespace(
			gvk(manifest.Text(node, "apiVersion"), manifest.Text(node, "kind")),
			manifest.Text(node, "metadata", "name"), manifest.Text(node, "metadata", "namespace"))
		traces = append(traces, &Trace{
			Source: manifest.Position{File: d.File, Line: node.Line}, Document: &item, ids: []resid.ResId{id},
			labels:      texts(manifest.Lookup(node, "metadata", "labels")),
			annotations: texts(manifest.Lookup(node, "metadata", "annotations")),
		})
	}
	return traces
}

func texts(node *yaml.Node) map[string]string {
	m := map[string]string{}
	if node != nil && node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(node.Content); i += 2 {
			m[node.Content[i].Value] = node.Content[i+1].Value
		}
	}
	return m
}

// generated makes the objects of a layer's generators, and notes those that change an object that is there.
func generated(layer *Layer, below []*Trace) []*Trace {
	var traces []*Trace
	for _, field := range []string{"configMapGenerator", "secretGenerator"} {
		list := manifest.Lookup(layer.Node, field)
		if list == nil {
			continue
		}
		for i, node := range list.Content {
			generator := &Generator{Layer: layer, Field: field, Index: i, Node: node}
			kind := map[string]string{"configMapGenerator": "ConfigMap", "secretGenerator": "Secret"}[field]
			id := resid.NewResIdWithNamespace(gvk("v1", kind), manifest.Text(node, "name"), manifest.Text(node, "namespace"))
			if behavior := manifest.Text(node, "behavior"); behavior == "merge" || behavior == "replace" {
				for _, o := range append(slices.Clone(below), traces...) {
					if slices.ContainsFunc(o.ids, id.Equals) {
						o.step(Step{Generator: generator})
						maps.Copy(o.labels, texts(manifest.Lookup(node, "options", "labels")))
						maps.Copy(o.annotations, texts(manifest.Lookup(node, "options", "annotations")))
					}
				}
				continue
			}
			plain := manifest.Text(node, "options", "disableNameSuffixHash")
			if plain == "" && layer.Config.GeneratorOptions != nil && layer.Config.GeneratorOptions.DisableNameSuffixHash {
				plain = "true"
			}
			traces = append(traces, &Trace{
				Source: manifest.Position{File: layer.File, Line: node.Line}, Generator: generator, ids: []resid.ResId{id},
				labels:      texts(manifest.Lookup(node, "options", "labels")),
				annotations: texts(manifest.Lookup(node, "options", "annotations")),
				hashed:      plain != "true",
			})
		}
	}
	return traces
}

// reach picks the objects that a patch's target selects, as resmap.Select does: name and namespace each by the
// original or the current identity, then labels and annotations.
func reach(objects []*Trace, selector *types.Selector) ([]*Trace, error) {
	regex, err := types.NewSelectorRegex(selector)
	if err != nil {
		return nil, err
	}
	var reached []*Trace
	for _, o := range objects {
		original, current := o.original(), o.current()
		if !regex.MatchName(original.Name) && !regex.MatchName(current.Name) ||
			!regex.MatchNamespace(original.EffectiveNamespace()) && !regex.MatchNamespace(current.EffectiveNamespace()) ||
			!regex.MatchGvk(current.Gvk) {
			continue
		}
		ok, err := o.labelled(selector)
		if err != nil {
			return nil, err
		}
		if ok {
			reached = append(reached, o)
		}
	}
	return reached, nil
}

// reachReplacement picks the objects that a replacement's target selects, as Kustomize's replacement filter does:
// by any identity that the object ever had, whole; a reject counts by identity or by labels, whichever it names.
func reachReplacement(objects []*Trace, target *types.TargetSelector) ([]*Trace, error) {
	regex, err := types.NewTargetSelectorRegex(target)
	if err != nil {
		return nil, err
	}
	var reached []*Trace
	for _, o := range objects {
		ok, err := o.labelled(target.Select)
		if err != nil {
			return nil, err
		}
		for _, reject := range target.Reject {
			if reject.LabelSelector == "" && reject.AnnotationSelector == "" {
				continue
			}
			rejected, err := o.labelled(reject)
			if err != nil {
				return nil, err
			}
			ok = ok && !rejected
		}
		if ok && !regex.RejectsAny(o.ids) && slices.ContainsFunc(o.ids, regex.Selects) {
			reached = append(reached, o)
		}
	}
	return reached, nil
}

// labelled reports whether the object's labels and annotations fit a selector; an empty one fits all.
func (t *Trace) labelled(selector *types.Selector) (bool, error) {
	for _, pair := range []struct {
		selector string
		set      map[string]string
	}{{selector.LabelSelector, t.labels}, {selector.AnnotationSelector, t.annotations}} {
		parsed, err := labels.Parse(pair.selector)
		if err != nil || !parsed.Matches(labels.Set(pair.set)) {
			return false, err
		}
	}
	return true, nil
}

// patch notes which objects a patch reaches, and carries on what it does to their labels and their existence.
func (t *tracer) patch(p *Patch, objects []*Trace) ([]*Trace, error) {
	for i := range p.Documents {
		document := &p.Documents[i]
		var reached []*Trace
		var wanted string
		if p.Target != nil {
			var err error
			if reached, err = reach(objects, p.Target); err != nil {
				return nil, fail(p.Source, "the patch's target: %s", err)
			}
			wanted = describe(p.Target)
		} else {
			id := identity(document.Node)
			reached = identified(objects, id)
			wanted = describe(&types.Selector{ResId: id})
		}
		if len(reached) == 0 {
			t.fault(patchTarget, p.miss(document, objects), "the patch changes nothing: no object here is %s%s", wanted, nearest(objects, p.Target, document))
			continue
		}
		deletes := manifest.Text(document.Node, "$patch") == "delete"
		for _, o := range reached {
			one := *p
			one.Documents = []manifest.Document{*document}
			o.step(Step{Patch: &one})
			maps.Copy(o.labels, texts(manifest.Lookup(document.Node, "metadata", "labels")))
			maps.Copy(o.annotations, texts(manifest.Lookup(document.Node, "metadata", "annotations")))
			jsonPatched(document.Node, o)
			o.rename(func(id *resid.ResId) {
				if name := manifest.Text(document.Node, "metadata", "name"); p.Renames && name != "" {
					id.Name = name
				}
				if kind := manifest.Text(document.Node, "kind"); p.Rekinds && kind != "" {
					id.Kind = kind
				}
			})
		}
		if deletes {
			objects = slices.DeleteFunc(objects, func(o *Trace) bool { return slices.Contains(reached, o) })
		}
	}
	return objects, nil
}

// identity is the one that a patch without a target names.
func identity(node *yaml.Node) resid.ResId {
	return resid.NewResIdWithNamespace(gvk(manifest.Text(node, "apiVersion"), manifest.Text(node, "kind")),
		manifest.Text(node, "metadata", "name"), manifest.Text(node, "metadata", "namespace"))
}

// identified picks the objects that have or had an identity.
func identified(objects []*Trace, id resid.ResId) []*Trace {
	var found []*Trace
	for _, o := range objects {
		if slices.ContainsFunc(o.ids, func(have resid.ResId) bool {
			return have.Gvk.Equals(id.Gvk) && have.Name == id.Name && have.EffectiveNamespace() == id.EffectiveNamespace()
		}) {
			found = append(found, o)
		}
	}
	return found
}

// miss is the position of what keeps a patch from reaching an object: the one field without which it would, or else
// all of its target.
func (p *Patch) miss(document *manifest.Document, objects []*Trace) manifest.Position {
	if p.Target != nil {
		return culprit(p.document, p.entry, manifest.Path{"target"}, *p.Target, func(s *types.Selector) bool {
			reached, err := reach(objects, s)
			return err == nil && len(reached) > 0
		})
	}
	id := identity(document.Node)
	for _, field := range []manifest.Path{{"metadata", "name"}, {"metadata", "namespace"}, {"kind"}, {"apiVersion"}} {
		if slices.ContainsFunc(objects, func(o *Trace) bool {
			return slices.ContainsFunc(o.ids, func(have resid.ResId) bool {
				other := id
				switch field[len(field)-1] {
				case "name":
					other.Name = have.Name
				case "namespace":
					other.Namespace = have.Namespace
				case "kind":
					other.Kind = have.Kind
				case "apiVersion":
					other.Group, other.Version = have.Group, have.Version
				}
				return have.Gvk.Equals(other.Gvk) && have.Name == other.Name && have.EffectiveNamespace() == other.EffectiveNamespace()
			})
		}) {
			return missing(document, field...)
		}
	}
	return document.Position(nil, document.Node)
}

// culprit is the position of the one field of a selector without which it selects something, or else of the selector.
func culprit(document *manifest.Document, entry *yaml.Node, path manifest.Path, s types.Selector, selects func(*types.Selector) bool) manifest.Position {
	within := document.Item(entry)
	for _, f := range []struct {
		name  string
		field *string
	}{
		{"name", &s.Name}, {"kind", &s.Kind}, {"namespace", &s.Namespace}, {"labelSelector", &s.LabelSelector},
		{"annotationSelector", &s.AnnotationSelector}, {"group", &s.Group}, {"version", &s.Version},
	} {
		if *f.field == "" {
			continue
		}
		without := *f.field
		*f.field = ""
		found := selects(&s)
		*f.field = without
		if found {
			at, _ := within.Locate(append(slices.Clip(path), f.name), nil)
			return at
		}
	}
	at, _ := within.Locate(path, nil)
	return at
}

// jsonPatched carries on what a JSON patch does to names, labels and annotations.
func jsonPatched(node *yaml.Node, o *Trace) {
	if node.Kind != yaml.SequenceNode {
		return
	}
	for _, operation := range node.Content {
		steps := manifest.Pointer(manifest.Text(operation, "path"))[1:]
		if len(steps) < 2 || steps[0] != "metadata" {
			continue
		}
		if name := manifest.Text(operation, "value"); steps[1] == "name" && name != "" {
			o.rename(func(id *resid.ResId) { id.Name = name })
		}
		set := map[string]map[string]string{"labels": o.labels, "annotations": o.annotations}[steps[1]]
		if set == nil {
			continue
		}
		value := manifest.Lookup(operation, "value")
		switch op := manifest.Text(operation, "op"); {
		case len(steps) == 3 && op == "remove":
			delete(set, steps[2])
		case len(steps) == 3 && value != nil:
			set[steps[2]] = value.Value
		case len(steps) == 2 && value != nil:
			maps.Copy(set, texts(value))
		}
	}
}

// change is what fields and builtin transformers do to identities, labels and annotations.
type change struct {
	namespace           string
	unsetOnly           bool
	prefix, suffix      string
	labels, annotations map[string]string
}

func (c change) apply(objects []*Trace) {
	for _, o := range objects {
		kind := o.current().Kind
		o.rename(func(id *resid.ResId) {
			switch {
			case c.namespace == "" || kind == "APIService" || kind == "CustomResourceDefinition":
			case kind == "Namespace":
				if !c.unsetOnly {
					id.Name = c.namespace
				}
			case !id.Gvk.IsClusterScoped() && !(c.unsetOnly && id.Namespace != ""):
				id.Namespace = c.namespace
			}
		})
		if kind != "Namespace" && kind != "APIService" && kind != "CustomResourceDefinition" {
			o.rename(func(id *resid.ResId) { id.Name = c.prefix + id.Name })
			o.rename(func(id *resid.ResId) { id.Name += c.suffix })
		}
		maps.Copy(o.labels, c.labels)
		maps.Copy(o.annotations, c.annotations)
	}
}

// transform applies the fields of a layer that change identities.
func transform(layer *Layer, objects []*Trace) {
	config := layer.Config
	c := change{
		namespace: config.Namespace, prefix: config.NamePrefix, suffix: config.NameSuffix,
		labels: map[string]string{}, annotations: config.CommonAnnotations,
	}
	for _, l := range config.Labels {
		maps.Copy(c.labels, l.Pairs)
	}
	//lint:ignore SA1019 Kustomize still applies the field, so it has to be followed
	maps.Copy(c.labels, config.CommonLabels)
	c.apply(objects)
}

// plugins applies the builtin transformers that a layer names; Kustomize runs them after its fields.
func plugins(layer *Layer, objects []*Trace, config *configured) {
	for i := range layer.transformers {
		d := &layer.transformers[i]
		step := &Transform{Layer: layer, Plugin: d, Configurations: slices.Clip(config.configurations), CRDs: slices.Clip(config.crds)}
		for _, o := range objects {
			o.step(Step{Transform: step})
		}
		var c change
		switch manifest.Text(d.Node, "kind") {
		case "NamespaceTransformer":
			c.namespace = manifest.Text(d.Node, "metadata", "namespace")
			c.unsetOnly = manifest.Text(d.Node, "unsetOnly") == "true"
		case "PrefixTransformer", "SuffixTransformer", "PrefixSuffixTransformer":
			c.prefix, c.suffix = manifest.Text(d.Node, "prefix"), manifest.Text(d.Node, "suffix")
		case "LabelTransformer":
			c.labels = texts(manifest.Lookup(d.Node, "labels"))
		case "AnnotationsTransformer":
			c.annotations = texts(manifest.Lookup(d.Node, "annotations"))
		}
		c.apply(objects)
	}
}

// replacements notes what each replacement reaches.
func (t *tracer) replacements(layer *Layer, objects []*Trace) error {
	list := manifest.Lookup(layer.Node, "replacements")
	if list == nil {
		return nil
	}
	for _, node := range list.Content {
		reference := manifest.Text(node, "path")
		if reference == "" {
			if err := t.replacement(layer.Document, node, objects); err != nil {
				return err
			}
			continue
		}
		documents, err := t.files.Documents(path.Join(layer.Dir, reference))
		if err != nil {
			return err
		}
		for i := range documents {
			entries := []*yaml.Node{documents[i].Node}
			if documents[i].Node.Kind == yaml.SequenceNode {
				entries = documents[i].Node.Content
			}
			for _, entry := range entries {
				if err := t.replacement(&documents[i], entry, objects); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (t *tracer) replacement(document *manifest.Document, entry *yaml.Node, objects []*Trace) error {
	if err := unknownField(document, entry, "a replacement", replacementType); err != nil {
		return err
	}
	var replacement types.Replacement
	if err := entry.Decode(&replacement); err != nil {
		return undecodable(document, entry, err)
	}
	var from *Trace
	selected := func(s resid.ResId) *Trace {
		for _, o := range objects {
			if slices.ContainsFunc(o.ids, func(id resid.ResId) bool { return id.IsSelectedBy(s) }) {
				return o
			}
		}
		return nil
	}
	within := document.Item(entry)
	steps := 0
	if replacement.Source != nil {
		if from = selected(replacement.Source.ResId); from == nil {
			at := culprit(document, entry, manifest.Path{"source"}, types.Selector{ResId: replacement.Source.ResId},
				func(s *types.Selector) bool { return selected(s.ResId) != nil })
			t.fault(replacementTarget, at, "the replacement has no source: no object here is %s%s",
				describe(&types.Selector{ResId: replacement.Source.ResId}), similar(objects, replacement.Source.Kind))
		} else {
			steps = len(from.Steps)
			at, _ := within.Locate(manifest.Path{"source", "fieldPath"}, nil)
			t.sources = append(t.sources, part{from, replacement.Source.FieldPath, at})
		}
	}
	for i, target := range replacement.Targets {
		source, _ := within.Locate(manifest.Path{"targets", i}, nil)
		if target.Select == nil {
			return fail(source, "the replacement's target selects nothing: it needs `select`")
		}
		reached, err := reachReplacement(objects, target)
		if err != nil {
			return fail(source, "the replacement's target: %s", err)
		}
		if len(reached) == 0 {
			at := culprit(document, entry, manifest.Path{"targets", i, "select"}, *target.Select, func(s *types.Selector) bool {
				other := *target
				other.Select = s
				reached, err := reachReplacement(objects, &other)
				return err == nil && len(reached) > 0
			})
			t.fault(replacementTarget, at, "the replacement changes nothing: no object here is %s", describe(target.Select))
		}
		for _, o := range reached {
			for n, field := range target.FieldPaths {
				at, _ := within.Locate(manifest.Path{"targets", i, "fieldPaths", n}, nil)
				t.targets = append(t.targets, part{o, field, at})
			}
			o.step(Step{Replacement: &Replacement{Document: document, Entry: entry, Target: i, From: from, Steps: steps}})
		}
	}
	return nil
}

// typeError is one of the messages of a decoder, which counts lines as the document does.
var typeError = regexp.MustCompile(`^line ([0-9]+): (.*)$`)

// undecodable places what a decoder says of a replacement.
func undecodable(document *manifest.Document, entry *yaml.Node, err error) error {
	at := document.Position(nil, entry)
	wrong := (*yaml.TypeError)(nil)
	if !errors.As(err, &wrong) {
		return fail(at, "the replacement: %s", err)
	}
	var errs []error
	for _, message := range wrong.Errors {
		place := at
		if match := typeError.FindStringSubmatch(message); match != nil {
			line, _ := strconv.Atoi(match[1]) // digits
			place, message = manifest.Position{File: at.File, Line: line}, match[2]
		}
		errs = append(errs, fail(place, "the replacement: %s", message))
	}
	return errors.Join(errs...)
}

func (t *tracer) deprecated(layer *Layer) {
	for field, instead := range map[string]string{
		"bases": "resources", "commonLabels": "labels", "imageTags": "images", "vars": "replacements",
		"patchesStrategicMerge": "patches", "patchesJson6902": "patches",
	} {
		if manifest.Lookup(layer.Node, field) != nil {
			t.fault(deprecatedField, layer.field(field), "`%s` is deprecated: use `%s`", field, instead)
		}
	}
}

// unusedImages reports entries of `images` whose name is that of no image in the tree: a promotion with a typing
// error would change nothing.
func unusedImages(root *Layer) []Fault {
	names := map[string]bool{}
	var entries []struct {
		layer *Layer
		node  *yaml.Node
	}
	var collect func(*Layer)
	collect = func(l *Layer) {
		for _, r := range l.Resources {
			if r.Layer != nil {
				collect(r.Layer)
			}
			for _, d := range r.Documents {
				imageNames(d.Node, names)
			}
		}
		for _, c := range l.Components {
			collect(c)
		}
		for _, p := range l.Patches {
			for _, d := range p.Documents {
				imageNames(d.Node, names)
			}
		}
		if list := manifest.Lookup(l.Node, "images"); list != nil {
			for _, node := range list.Content {
				if renamed := manifest.Text(node, "newName"); renamed != "" {
					names[renamed] = true
				}
				entries = append(entries, struct {
					layer *Layer
					node  *yaml.Node
				}{l, node})
			}
		}
	}
	collect(root)
	var faults []Fault
	for _, e := range entries {
		if name := manifest.Text(e.node, "name"); !names[name] {
			entry := e.layer.Document.Item(e.node)
			at, _ := entry.Locate(manifest.Path{"name"}, nil)
			faults = append(faults, newFault(imageUsed, at, "the entry changes nothing: no image here is called %q", name))
		}
	}
	return faults
}

// imageNames collects every text that could be an image reference: Kustomize also takes fields named by
// `configurations`, so the key does not decide.
func imageNames(node *yaml.Node, names map[string]bool) {
	if node.Kind == yaml.ScalarNode && node.Value != "" && !strings.ContainsAny(node.Value, " \n") {
		name, _, _ := strings.Cut(node.Value, "@")
		if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
			name = name[:colon]
		}
		names[name] = true
	}
	for _, child := range node.Content {
		imageNames(child, names)
	}
}

func describe(s *types.Selector) string {
	var parts []string
	for _, p := range []struct{ name, value string }{
		{"group", s.Group}, {"version", s.Version}, {"kind", s.Kind}, {"name", s.Name}, {"namespace", s.Namespace},
		{"labelSelector", s.LabelSelector}, {"annotationSelector", s.AnnotationSelector},
	} {
		if p.value != "" {
			parts = append(parts, fmt.Sprintf("%s %q", p.name, p.value))
		}
	}
	if parts == nil {
		return "anything"
	}
	return strings.Join(parts, ", ")
}

// similar names the object whose kind is nearly one that no object has.
func similar(objects []*Trace, kind string) string {
	kinds := map[string]*Trace{}
	for _, o := range objects {
		kinds[o.current().Kind] = o
	}
	if kinds[kind] != nil || kind == "" {
		return ""
	}
	near := closest(kind, kinds)
	if near == "" {
		return ""
	}
	return fmt.Sprintf("; it has the %s %s, from %s", near, kinds[near].current().Name, kinds[near].Source)
}

// nearest names the objects of the wanted kind, so that a typing error shows.
func nearest(objects []*Trace, target *types.Selector, document *manifest.Document) string {
	kind := manifest.Text(document.Node, "kind")
	if target != nil {
		kind = target.Kind
	}
	var names []string
	for _, o := range objects {
		if id := o.current(); kind != "" && id.Kind == kind {
			names = append(names, id.Name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 || len(names) > 5 {
		return ""
	}
	return fmt.Sprintf("; it has the %s %s", kind, strings.Join(names, ", "))
}
