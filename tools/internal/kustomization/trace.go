package kustomization

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Trace is what became of one object on its way up the layers: where it was written, under which identities
// patches could reach it, and what touched it.
type Trace struct {
	Source    manifest.Position
	Document  *manifest.Document // nil for a generated object
	Generator *Generator         // nil for a written one
	Steps     []Step             // in the order of application

	dirs  []string // of the layers that it came through, the target left out
	below *Trace   // that of the kept layer that the object was copied from; nil for one that was not

	live *resource.Resource // while Kustomize works on the object
	ids  []resid.ResId      // the original one first, the current one last; of a live object, those that it was written with
}

// Below is what had become of the object in a layer that several targets share, and how many steps that were: the first of
// this trace's. It is nil for an object that is of no such layer.
func (t *Trace) Below() (*Trace, int) {
	if t.below == nil || !slices.EqualFunc(t.below.Steps, t.Steps[:min(len(t.below.Steps), len(t.Steps))], Step.is) {
		return nil, 0
	}
	return t.below, len(t.below.Steps)
}

// is reports whether two steps are the same entry.
func (s Step) is(other Step) bool {
	return s.Patch == other.Patch && s.Transform == other.Transform && s.Replacement == other.Replacement && s.Generator == other.Generator
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

// identities are those that the object has had, the original one first, the current one last.
func (t *Trace) identities() []resid.ResId {
	if t.live == nil {
		return t.ids
	}
	return append(t.live.PrevIds(), t.live.CurId())
}

// settle keeps what Kustomize knows of the object for when it forgets it.
func (t *Trace) settle() { t.ids, t.live = t.identities(), nil }

func (t *Trace) current() resid.ResId {
	if t.live == nil {
		return t.ids[len(t.ids)-1]
	}
	return t.live.CurId()
}

// tracer notes what each entry of the layers comes upon, and the patches and replacements that reach no object:
// Kustomize passes those over in silence.
type tracer struct {
	files   *Files
	faults  []check.Fault
	sources []part // of replacements
	targets []part

	judging *Layer // whose entries are applied
	works   map[check.Entry]bool
	added   []added
	cases   map[manifest.Position]*cases // of each replacement that was looked at
}

// part is a field of an object that a replacement takes or writes to.
type part struct {
	of    *Trace
	field string
	at    manifest.Position // in the replacement
}

func (t *tracer) fault(name string, source manifest.Position, format string, args ...any) {
	t.note(newFault(name, source, format, args...))
}

// faultOf notes a fault of an entry that was meant for something.
func (t *tracer) faultOf(of manifest.Position, name string, source manifest.Position, format string, args ...any) {
	fault := newFault(name, source, format, args...)
	fault.Of = of
	t.note(fault)
}

// idle notes that an entry, or a part of one, does nothing here.
func (t *tracer) idle(entry manifest.Position, fault check.Fault) {
	fault.Entry = entry
	if t.judging != nil && t.judging.Config.Kind == types.ComponentKind {
		fault.Shared = t.judging.Dir
	}
	t.note(fault)
}

// effective notes that an entry does something here, of entries that may be applied to other objects elsewhere: those of a
// component, and what stands in a file that several patches may name.
func (t *tracer) effective(name string, entry manifest.Position) {
	if t.judging == nil || t.judging.Config.Kind != types.ComponentKind && entry.File == t.judging.File {
		return
	}
	t.did(name, entry)
}

// did notes that an entry does something here, whoever else has it.
func (t *tracer) did(name string, entry manifest.Position) {
	if t.works == nil {
		t.works = map[check.Entry]bool{}
	}
	t.works[check.Entry{Check: name, At: entry}] = true
}

// does reports whether it is noted that an entry does something here.
func (t *tracer) does(name string, entry manifest.Position) bool {
	return t.works[check.Entry{Check: name, At: entry}]
}

func (t *tracer) note(fault check.Fault) {
	if !slices.Contains(t.faults, fault) {
		t.faults = append(t.faults, fault)
	}
}

func gvk(apiVersion, kind string) resid.Gvk {
	group, version := resid.ParseGroupVersion(apiVersion)
	return resid.NewGvk(group, version, kind)
}

func newFault(name string, source manifest.Position, format string, args ...any) check.Fault {
	return check.Fault{Check: name, Source: source, Message: fmt.Sprintf(format, args...)}
}

// configured is what a layer and those below say about which fields Kustomize transforms.
type configured struct{ configurations, crds []string }

func (c *configured) add(layer *Layer) {
	for _, name := range layer.Config.Configurations {
		c.configurations = append(c.configurations, layer.Path(name))
	}
	for _, name := range layer.Config.Crds {
		c.crds = append(c.crds, layer.Path(name))
	}
}

// step notes that something came upon an object.
func (t *Trace) step(s Step) {
	s.ids = slices.Clip(t.identities())
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
		begins := item.Position(nil, node)
		traces = append(traces, &Trace{
			Source: manifest.Position{File: begins.File, Line: begins.Line}, Document: &item, ids: []resid.ResId{id},
		})
	}
	return traces
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
		if ok && !regex.RejectsAny(o.identities()) && slices.ContainsFunc(o.identities(), regex.Selects) {
			reached = append(reached, o)
		}
	}
	return reached, nil
}

// labelled reports whether the object's labels and annotations fit a selector; an empty one fits all.
func (t *Trace) labelled(selector *types.Selector) (bool, error) {
	if selector.LabelSelector == "" && selector.AnnotationSelector == "" {
		return true, nil // Kustomize reads all of an object's labels to find that out
	}
	if ok, err := t.live.MatchesLabelSelector(selector.LabelSelector); err != nil || !ok {
		return false, err
	}
	return t.live.MatchesAnnotationSelector(selector.AnnotationSelector)
}

// identity is the one that a patch without a target names.
func identity(node *yaml.Node) resid.ResId {
	return resid.NewResIdWithNamespace(gvk(manifest.Text(node, "apiVersion"), manifest.Text(node, "kind")),
		manifest.Text(node, "metadata", "name"), manifest.Text(node, "metadata", "namespace"))
}

// miss is the position of what keeps a patch from reaching an object: the one field without which it would, or else
// all of its target.
func (p *Patch) miss(document *manifest.Document, a *accumulation) manifest.Position {
	if p.Target != nil {
		return culprit(p.document, p.entry, manifest.Path{"target"}, *p.Target, func(s *types.Selector) bool {
			reached, err := a.resources.Select(*s)
			return err == nil && len(reached) > 0
		})
	}
	id := identity(document.Node)
	for _, field := range []manifest.Path{{"metadata", "name"}, {"metadata", "namespace"}, {"kind"}, {"apiVersion"}} {
		if slices.ContainsFunc(a.tracesOf(), func(o *Trace) bool {
			return slices.ContainsFunc(o.identities(), func(have resid.ResId) bool {
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

// replacement notes what a replacement takes from and reaches, and returns the objects that it writes to: none where a part
// of it is missing, which is said.
func (t *tracer) replacement(document *manifest.Document, entry *yaml.Node, replacement types.Replacement, objects []*Trace) (found []*resource.Resource, err error) {
	whole := true
	missed := func(part, at manifest.Position, format string, args ...any) {
		whole = false
		t.idle(part, newFault(replacementTarget, at, format, args...))
	}
	var from *Trace
	selected := func(s resid.ResId) *Trace {
		for _, o := range objects {
			if slices.ContainsFunc(o.identities(), func(id resid.ResId) bool { return id.IsSelectedBy(s) }) {
				return o
			}
		}
		return nil
	}
	within := document.Item(entry)
	steps := 0
	if replacement.Source != nil {
		source, _ := within.Locate(manifest.Path{"source"}, nil)
		if from = selected(replacement.Source.ResId); from == nil {
			at := culprit(document, entry, manifest.Path{"source"}, types.Selector{ResId: replacement.Source.ResId},
				func(s *types.Selector) bool { return selected(s.ResId) != nil })
			missed(source, at, "the replacement has no source: no object here is %s%s",
				describe(&types.Selector{ResId: replacement.Source.ResId}), similar(objects, replacement.Source.Kind))
		} else {
			t.effective(replacementTarget, source)
			steps = len(from.Steps)
			at, _ := within.Locate(manifest.Path{"source", "fieldPath"}, nil)
			t.sources = append(t.sources, part{from, replacement.Source.FieldPath, at})
		}
	}
	for i, target := range replacement.Targets {
		source, _ := within.Locate(manifest.Path{"targets", i}, nil)
		if target.Select == nil {
			return nil, fail(source, "the replacement's target selects nothing: it needs `select`")
		}
		reached, err := reachReplacement(objects, target)
		if err != nil {
			return nil, fail(source, "the replacement's target: %s", err)
		}
		table := t.casesOf(document, entry)
		if len(reached) == 0 && table != nil && t.does(replacementTarget, table.first) {
			whole = false
			continue
		}
		if len(reached) == 0 && table != nil {
			missed(table.first, table.first, "the replacement changes nothing, nor does another of the %d cases of %s: none is for what an object here has",
				table.number, describe(table.target))
			continue
		}
		if len(reached) == 0 {
			at := culprit(document, entry, manifest.Path{"targets", i, "select"}, *target.Select, func(s *types.Selector) bool {
				other := *target
				other.Select = s
				reached, err := reachReplacement(objects, &other)
				return err == nil && len(reached) > 0
			})
			missed(source, at, "the replacement changes nothing: no object here is %s", describe(target.Select))
			continue
		}
		t.effective(replacementTarget, source)
		if table != nil {
			t.applied(replacementTarget, table)
		}
		for n, reject := range target.Reject {
			others := *target
			others.Reject = slices.Delete(slices.Clone(target.Reject), n, n+1)
			at, _ := within.Locate(manifest.Path{"targets", i, "reject", n}, nil)
			if without, err := reachReplacement(objects, &others); err == nil && len(without) == len(reached) {
				t.idle(at, newFault(noEffect, at, "the reject changes nothing: no object that the target selects is %s", describe(reject)))
			} else {
				t.effective(noEffect, at)
			}
		}
		for _, o := range reached {
			for n, field := range target.FieldPaths {
				at, _ := within.Locate(manifest.Path{"targets", i, "fieldPaths", n}, nil)
				t.targets = append(t.targets, part{o, field, at})
			}
			o.step(Step{Replacement: &Replacement{Document: document, Entry: entry, Target: i, From: from, Steps: steps}})
			if !slices.Contains(found, o.live) {
				found = append(found, o.live)
			}
		}
	}
	if !whole {
		return nil, nil
	}
	return found, nil
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
	return others(objects, kind)
}

// others names the objects of a kind, where they are few.
func others(objects []*Trace, kind string) string {
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
