package kustomization

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/api/filters/fieldspec"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/kustomize/kyaml/utils"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// A file of `configurations` says which fields Kustomize's transformers write to. A field spec that leads to no field of any
// object is passed over in silence, and with it what it was for: a name that keeps its old form, an image that is never set.
// Whether a field spec leads somewhere is asked of Kustomize's own filter, in every layer that goes by the file.

// configuration is a file of `configurations`.
type configuration struct {
	kinds []*namedKind
	specs []writtenSpec
}

// namedKind is a kind that a file of `configurations` names, once or more often.
type namedKind struct {
	kind string
	at   manifest.Position // of the first mention
	also []int             // the lines of the others
}

// writtenSpec is a field spec with its place.
type writtenSpec struct {
	types.FieldSpec
	list     string     // the field of the file that it stands in
	of       *resid.Gvk // of nameReference: the kind of the objects that the field names
	entry    manifest.Position
	document *manifest.Document
	node     *yaml.Node
}

// configuration reads a file of `configurations`, which Kustomize has read before.
func (e *engine) configuration(file string) *configuration {
	if found := e.configured[file]; found != nil {
		return found
	}
	c := &configuration{}
	if e.configured == nil {
		e.configured = map[string]*configuration{}
	}
	e.configured[file] = c
	documents, err := e.files.Documents(file)
	if err != nil || len(documents) == 0 {
		return c
	}
	document := &documents[0] // Kustomize reads no other
	plain := manifest.Plain(document.Node)
	if plain.Kind != yaml.MappingNode {
		return c
	}
	for i := 0; i+1 < len(plain.Content); i += 2 {
		list, entries := plain.Content[i].Value, plain.Content[i+1]
		if list != nameReference {
			c.add(document, list, nil, entries)
			continue
		}
		for _, entry := range entries.Content {
			var of resid.Gvk
			if decodeNode(entry, &of) == nil {
				c.mention(document, entry)
				c.add(document, list, &of, manifest.Lookup(entry, "fieldSpecs"))
			}
		}
	}
	return c
}

// nameReference is the field of a file of `configurations` whose field specs say which fields name objects.
const nameReference = "nameReference"

func decodeNode(node *yaml.Node, into any) error {
	text, err := manifest.PlainJSON(node, manifest.YAML11)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// add takes over a list of field specs.
func (c *configuration) add(document *manifest.Document, list string, of *resid.Gvk, specs *yaml.Node) {
	if specs == nil || specs.Kind != yaml.SequenceNode {
		return
	}
	for _, node := range specs.Content {
		s := writtenSpec{list: list, of: of, entry: document.Position(nil, node), document: document, node: node}
		if decodeNode(node, &s.FieldSpec) == nil {
			c.mention(document, node)
			c.specs = append(c.specs, s)
		}
	}
}

// mention notes the kind that a field spec or an entry of nameReference names.
func (c *configuration) mention(document *manifest.Document, node *yaml.Node) {
	kind := manifest.Lookup(node, "kind")
	if kind == nil || kind.Value == "" {
		return
	}
	at := document.Position(nil, kind)
	for _, known := range c.kinds {
		if known.kind == kind.Value {
			known.also = append(known.also, at.Line)
			return
		}
	}
	c.kinds = append(c.kinds, &namedKind{kind: kind.Value, at: at})
}

// led notes which field specs of the files that a layer goes by lead to a field of an object of the layer.
func (e *engine) led(a *accumulation) {
	if len(a.files.configurations) == 0 {
		return
	}
	here := indexed(a)
	for _, file := range a.files.configurations {
		c := e.configuration(file)
		for _, k := range c.kinds {
			if here.kinds[k.kind] != nil {
				e.did(noEffect, k.at)
			}
		}
		for _, s := range c.specs {
			if !e.does(noEffect, s.entry) && s.leads(here) {
				e.did(noEffect, s.entry)
			}
		}
	}
}

// index finds objects by what they are or were called. It holds until they change.
type index struct {
	all   []*resource.Resource
	kinds map[string][]*resource.Resource
	ids   []resid.ResId    // of all, in their order
	names map[string][]int // of ids
}

func indexed(a *accumulation) *index {
	x := &index{all: a.resources.Resources(), kinds: map[string][]*resource.Resource{}, names: map[string][]int{}}
	for _, r := range x.all {
		for _, id := range identitiesOf(r) {
			if of := x.kinds[id.Kind]; len(of) == 0 || of[len(of)-1] != r {
				x.kinds[id.Kind] = append(of, r)
			}
			x.names[id.Name] = append(x.names[id.Name], len(x.ids))
			x.ids = append(x.ids, id)
		}
	}
	return x
}

// of are the objects that have or had a kind; all where it is "".
func (x *index) of(kind string) []*resource.Resource {
	if kind == "" {
		return x.all
	}
	return x.kinds[kind]
}

// identitiesOf are the identities that an object has had, the original one first, the current one last.
func identitiesOf(r *resource.Resource) []resid.ResId { return append(r.PrevIds(), r.CurId()) }

// leads reports whether a field spec leads to a field of one of the objects. Where the field has to name an object, it counts
// if it names one, or one that nobody here has under that kind or another.
func (s writtenSpec) leads(here *index) bool {
	return slices.ContainsFunc(here.of(s.Kind), func(r *resource.Resource) bool {
		found := false
		s.fields(r, func(field *yaml.Node) {
			found = found || s.of == nil || len(s.misnamed(field, here)) == 0
		})
		return found
	})
}

// fields has Kustomize show the fields of an object that the field spec leads to.
func (s writtenSpec) fields(r *resource.Resource, show func(field *yaml.Node)) {
	spec := s.FieldSpec
	original := r.OrgId()
	switch s.list {
	case nameReference:
		if !original.IsSelected(&spec.Gvk) {
			return
		}
		spec.Gvk = resid.Gvk{}
	case "namePrefix", "nameSuffix":
		if !original.IsSelected(&spec.Gvk) || !renamed(r) {
			return
		}
	case "images":
		if r.GetKind() == "CustomResourceDefinition" {
			return
		}
	}
	filter := fieldspec.Filter{FieldSpec: spec, SetValue: func(node *yaml.RNode) error {
		show(node.YNode())
		return nil
	}}
	switch s.list {
	case "commonLabels", "labels", "templateLabels", "volumeClaimTemplateLabels", "commonAnnotations":
		filter.CreateKind = yaml.MappingNode
	case "namePrefix", "nameSuffix", "namespace", "replicas":
		filter.CreateKind = yaml.ScalarNode
	}
	if spec.Kind != "" && spec.Kind != r.GetKind() {
		return
	}
	node := &r.RNode
	if spec.CreateIfNotPresent || strings.Contains(spec.Path, "[]") {
		node = node.Copy() // it creates fields, and makes lists of what is null
	}
	_, _ = filter.Filter(node) // its errors are those of the transformer, which has run
}

// misnamed are the objects of other kinds that a field names, where none of the kind that the field spec says is called so.
func (s writtenSpec) misnamed(field *yaml.Node, here *index) []resid.ResId {
	var names []string
	add := func(node *yaml.Node) {
		switch {
		case node.Kind == yaml.ScalarNode:
			names = append(names, node.Value)
		case node.Kind == yaml.MappingNode:
			names = append(names, manifest.Text(node, "name"))
		}
	}
	if add(field); field.Kind == yaml.SequenceNode {
		for _, item := range field.Content {
			add(item)
		}
	}
	slices.Sort(names)
	var called []int
	for _, name := range slices.Compact(names) {
		called = append(called, here.names[name]...)
	}
	slices.Sort(called)
	var others []resid.ResId
	for _, i := range called {
		if here.ids[i].IsSelected(s.of) {
			return nil
		}
		others = append(others, here.ids[i])
	}
	return others
}

// idleSpecs says of the files of `configurations` which of their field specs lead to no field of any object, in any layer.
func (e *engine) idleSpecs(a *accumulation) error {
	here := indexed(a)
	e.configurationsBelow(func(l *Layer, c *configuration) {
		if l.copied.Root == "" { // nobody here edits a copy
			e.idleConfiguration(l, c, here)
		}
	})
	return nil
}

func (e *engine) idleConfiguration(l *Layer, c *configuration, here *index) {
	absent := map[string]bool{}
	idle := func(entry manifest.Position, fault check.Fault) {
		fault.Entry, fault.Shared, fault.Above = entry, l.Dir, true
		e.note(fault)
	}
	for _, k := range c.kinds {
		if e.does(noEffect, k.at) {
			continue
		}
		absent[k.kind] = true
		instead := ""
		if near := closest(k.kind, here.kinds); near != "" {
			instead = "; there is the kind " + near
		}
		idle(k.at, newFault(noEffect, k.at, "%s: no object here has the kind %s%s", k.what(), k.kind, instead))
	}
	for _, s := range c.specs {
		if e.does(noEffect, s.entry) || absent[s.Kind] || s.of != nil && absent[s.of.Kind] {
			continue
		}
		at, why, near := s.why(here)
		if near == "" && s.ofPodTemplate() {
			continue
		}
		idle(s.entry, newFault(noEffect, at, "the field spec changes nothing: %s%s", why, near))
	}
}

// ofPodTemplate reports whether a field spec leads to a field of a Deployment's pods, and is for a kind that Kustomize does not
// know. Lists of those are written once for all that such a kind may have.
func (s writtenSpec) ofPodTemplate() bool {
	if s.Kind == "" || openapi.SchemaForResourceType(yaml.TypeMeta{APIVersion: s.ApiVersion(), Kind: s.Kind}) != nil {
		return false
	}
	steps := utils.PathSplitter(s.Path, "/")
	if len(steps) < 4 || !slices.Equal(steps[:3], []string{"spec", "template", "spec"}) {
		return false
	}
	schema := openapi.SchemaForResourceType(yaml.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"})
	for _, step := range steps {
		for schema != nil && schema.Elements() != nil {
			schema = schema.Elements()
		}
		if schema == nil {
			return false
		}
		schema = schema.Field(strings.TrimSuffix(step, "[]"))
	}
	return schema != nil
}

// what is the subject of a sentence about all that a file says of a kind.
func (k *namedKind) what() string {
	var lines []string
	for _, line := range k.also {
		if text := strconv.Itoa(line); line != k.at.Line && !slices.Contains(lines, text) {
			lines = append(lines, text)
		}
	}
	switch len(lines) {
	case 0:
		return "this changes nothing"
	case 1:
		return "this and line " + lines[0] + " change nothing"
	}
	last := len(lines) - 1
	return "this and lines " + strings.Join(lines[:last], ", ") + " and " + lines[last] + " change nothing"
}

// item is what is no step of a field spec's path, which goes through the items of lists by itself.
var item = regexp.MustCompile(`^(\d+|\*|-|\[.*\])$`)

// stepsIntoItems is the error of a field spec whose path has steps for the items of a list, where Kustomize fails on one.
func (e *engine) stepsIntoItems(fieldPath string) (err error) {
	if !slices.ContainsFunc(utils.PathSplitter(fieldPath, "/"), item.MatchString) {
		return nil
	}
	e.configurationsBelow(func(_ *Layer, c *configuration) {
		for _, s := range c.specs {
			if s.Path == fieldPath && err == nil {
				within := s.document.Item(s.node)
				at, _ := within.Locate(manifest.Path{"path"}, nil)
				err = fail(at, "the path of a field spec goes through the items of a list without a step for them: leave out what is between the list and its items' fields")
			}
		}
	})
	return err
}

// configurationsBelow visits the files of `configurations` of the target, each once.
func (e *engine) configurationsBelow(do func(l *Layer, c *configuration)) {
	seen := map[string]bool{}
	var visit func(*Layer)
	visit = func(l *Layer) {
		for _, name := range l.Config.Configurations {
			if file := l.Path(name); !seen[file] {
				seen[file] = true
				do(l, e.configuration(file))
			}
		}
		for _, below := range l.below() {
			visit(below)
		}
	}
	visit(e.root)
}

// why says why a field spec leads to no field, which part of it is to blame, and what is there instead.
func (s writtenSpec) why(here *index) (at manifest.Position, why, near string) {
	within := s.document.Item(s.node)
	place := func(field string) manifest.Position {
		found, _ := within.Locate(manifest.Path{field}, nil)
		return found
	}
	at = place("path")
	what := "object"
	if s.Kind != "" {
		what = s.Kind
	}
	var of []*resource.Resource
	for _, r := range here.of(s.Kind) {
		id := r.OrgId()
		switch {
		case s.Kind != "" && s.Kind != id.Kind && s.Kind != r.GetKind():
		case s.Group != "" && s.Group != id.Group:
			at, why = place("group"), fmt.Sprintf("no %s here is of the group %s", what, s.Group)
			near = "; it is of " + cmp.Or(id.Group, "none")
		case s.Version != "" && s.Version != id.Version:
			at, why = place("version"), fmt.Sprintf("no %s here is of the version %s", what, s.Version)
			near = "; it is of " + id.Version
		default:
			of = append(of, r)
		}
	}
	if len(of) == 0 && why != "" {
		return at, why, near
	}
	at, near = place("path"), ""
	if s.of != nil {
		for _, r := range of {
			var others []resid.ResId
			s.fields(r, func(field *yaml.Node) { others = append(others, s.misnamed(field, here)...) })
			if len(others) > 0 {
				return at, fmt.Sprintf("%s of the %s %s names no %s here", s.Path, r.GetKind(), r.OrgId().Name, s.of.Kind),
					fmt.Sprintf("; it names the %s %s", others[0].Kind, others[0].Name)
			}
		}
	}
	if len(of) > 0 && !slices.ContainsFunc(of, renamed) && (s.list == "namePrefix" || s.list == "nameSuffix") {
		return at, fmt.Sprintf("Kustomize gives a %s neither a prefix nor a suffix", what), ""
	}
	if s.list == "images" && s.Kind == "CustomResourceDefinition" {
		return at, "Kustomize sets no image of a CustomResourceDefinition", ""
	}
	why = fmt.Sprintf("no %s here has %s", what, s.Path)
	if dotted := strings.ReplaceAll(s.Path, ".", "/"); dotted != s.Path && !strings.Contains(s.Path, "/") {
		other := s
		other.Path = dotted
		if other.leads(here) {
			return at, why, "; the steps of a path are separated by /: " + dotted
		}
	}
	return at, why, nearPath(of, utils.PathSplitter(s.Path, "/"))
}

// nearPath names what objects have where a path leads to nothing, by the object that the path leads farthest in.
func nearPath(objects []*resource.Resource, steps []string) string {
	most, found := -1, ""
	var walk func(node *yaml.Node, n int)
	walk = func(node *yaml.Node, n int) {
		if n >= len(steps) || node == nil {
			return
		}
		switch node.Kind {
		case yaml.SequenceNode:
			for _, item := range node.Content {
				walk(item, n)
			}
		case yaml.MappingNode:
			step := strings.TrimSuffix(steps[n], "[]")
			if child := manifest.Lookup(node, step); child != nil {
				walk(child, n+1)
				return
			}
			if n < most || n == most && found != "" {
				return
			}
			most, found = n, ""
			if near := closest(step, pairs(node)); near != "" {
				found = "; it has " + strings.Join(append(slices.Clone(steps[:n]), near), "/")
			}
		}
	}
	for _, r := range objects {
		walk(r.YNode(), 0)
	}
	return found
}

// idleFields says which field specs of an entry lead to no field of any object that the entry is applied to.
func (e *engine) idleFields(document *manifest.Document, list *yaml.Node, of string, a *accumulation) (found bool) {
	c := &configuration{}
	c.add(document, of, nil, list)
	here := indexed(a)
	for _, s := range c.specs {
		if s.leads(here) {
			e.effective(noEffect, s.entry)
			continue
		}
		found = true
		if e.judging != nil && e.judging.copied.Root != "" {
			continue // nobody here edits a copy
		}
		at, why, near := s.why(here)
		if s.Kind != "" && here.kinds[s.Kind] == nil {
			within := document.Item(s.node)
			at, _ = within.Locate(manifest.Path{"kind"}, nil)
			if why, near = "no object here has the kind "+s.Kind, ""; closest(s.Kind, here.kinds) != "" {
				near = "; there is the kind " + closest(s.Kind, here.kinds)
			}
		}
		e.idle(s.entry, newFault(noEffect, at, "the field spec changes nothing: %s%s", why, near))
	}
	return found
}
