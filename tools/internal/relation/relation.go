// Package relation knows where objects of a kind have pods, labels and references to others. Go and Rego read the same
// description, so that a kind is described once.
package relation

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// text is the description, a YAML document. Its one key is the name that Rego has for it below data.
//
//go:embed relations.yaml
var text []byte

// Name is what Rego calls the description: data.relations.
const Name = "relations"

// Kinds is something about kinds, by API group and kind.
type Kinds[T any] map[string]map[string]T

// Relations are what is known of kinds.
type Relations struct {
	Templates  Kinds[[]string] // paths of pod templates; empty is the object itself
	Embeds     Kinds[[]Embedded]
	Scaled     map[string][]string // kinds with spec.replicas, by API group
	Added      Kinds[Labels]       // what pods have beside the labels of their template
	Made       Kinds[Made]
	Partly     map[string][]string // kinds whose pods may have other labels than are said, by API group
	Injected   map[string]Injected // ports of containers that others put into pods, by name
	Selects    Kinds[[]Selects]
	Given      Given
	Podless    []string // groups, or group/kind, of which no other pods are made; ".x" is groups that end so
	References Kinds[[]Reference]
	Selectors  map[string][]Selector
	Selecting  Kinds[[]string] // which of the selectors a kind has
	Writes     Kinds[[]Written]
	Pod        Pod
	Cluster    map[string][]string // kinds that are in no namespace, by API group
}

// Embedded is where a kind has a pod spec, or several.
type Embedded struct {
	Path []string // Every may be a step of it
	Part bool     // the operator adds to it
}

// Labels are those of pods that come of an object: "{name}" and "{namespace}" in them are the object's.
type Labels map[string]string

// Made are the pods that an operator makes of a resource.
type Made struct {
	Inherits []string // where the resource has labels that they get
	Labels   []Labels // a set for each role that they can have
	Ports    map[string]int
	More     [][]string // where the resource may give them further ports
	Sets     Labels     // labels that they may have besides, in some releases; "" is a value that nobody here knows
}

// Injected is a port of a container that others put into pods.
type Injected struct {
	Port  int
	Asked string // the annotation without which pods do not get it; "" where that cannot be told
}

// Selects is a field that selects pods.
type Selects struct {
	Path       []string // Every may be a step of it
	Map        bool     // a mapping of labels, in which nothing selects every pod; a LabelSelector otherwise
	None       bool     // in Map nothing selects no pod
	Namespaces []string // where the object says in which namespaces
	Beside     string   // the field beside the selector that selects the namespaces
	Mesh       bool     // in all namespaces, where the object is in the root namespace of a mesh
	Peer       bool     // it may be for pods that are yet to come
	Verb       string
}

// Given are labels that whoever runs pods gives them.
type Given struct{ Names, Prefixes []string }

// Every is a step of a path that leads to every entry of a list or a mapping.
const Every = "*"

// Reference is a field with the name of another object.
type Reference struct {
	Path        []string // Every may be a step of it
	Group, Kind string
	Cluster     bool   // the other has no namespace
	Namespace   string // the field beside the name with the namespace of the other, where there is one
	Anywhere    bool   // the namespace of the other is for others to say
	Typed       string // the field beside the name that says whether it is of Kind, where there is one
	Default     bool   // it is of Kind where that field is not there
	Grouped     string // the field beside the name that says whether it is of Group, where there is one; of Group where it is not there
	Unless      string // the field beside the name that makes it one of another kind where it is true
	Qualified   string // what a name has that says of which namespace or provider it is: what that is rules do not read
	Port        string // the field beside the name with the port of a Service, where there is one
	Verb        string
	Told        string // others often have it: rules speak where its "namespace" has one of its kind; or, of the object's own namespace, the "target"
	Needed      bool   // the object cannot work without it
	Provided    bool   // nor without this one, which mostly comes with the cluster
}

// Of reports whether a name is that of an object of the reference's Kind, by the fields beside it.
func (r Reference) Of(name string, beside map[string]any) bool {
	kind, _ := beside[r.Typed].(string)
	group, grouped := beside[r.Grouped].(string)
	return (r.Typed == "" || kind == r.Kind || kind == "" && r.Default) && (!grouped || group == r.Group) &&
		beside[r.Unless] != true && (r.Qualified == "" || !strings.Contains(name, r.Qualified))
}

// Selector are fields with the name of an object, and often a key of it, known by what they are called.
type Selector struct {
	Fields   []string // mappings, or lists of such
	Many     bool     // or such lists, each by a name of its own
	Kind     string   // of the core group
	Name     string   // the field of each with the name
	Typed    bool     // the field kind of each says whether it is of Kind
	Anywhere bool     // as of a Reference
	Verb     string
}

// Written is an object of the core group that a controller makes of a resource.
type Written struct {
	Kind     string
	Path     []string // where the resource has the name, if it has; Every may be a step of it
	Name     string   // the name where it has none, with "{name}" for the resource's
	Anywhere bool     // as of a Reference
	Keys     *Keys    // what it holds of a ConfigMap or a Secret; nil where nobody here knows
}

// Keys are those that a controller writes into a ConfigMap or a Secret.
type Keys struct {
	Always  []string
	Asked   []Asked    // those that the resource asks for
	Fields  [][]string // mappings of the resource that are called by keys
	Entries [][]string // texts of the resource that are keys; Every may be a step
	Unless  []Unless   // what makes others write there too
}

// Asked are keys that are there where the resource has a field.
type Asked struct {
	Path []string
	Keys []string
}

// Unless is a field that makes the keys of an object unknown, unless it has the value But.
type Unless struct {
	Path []string
	But  string
}

// Pod is what a pod spec names.
type Pod struct {
	Fields                  []Reference // paths within the spec
	Env, Volumes, Projected []Source
	EnvFrom                 []Source `yaml:"envFrom"`
	Annotations             []Annotation
}

// Annotation is one of a pod that names an object, as name or namespace/name.
type Annotation struct {
	Begins      string // its key, or what that begins with
	Group, Kind string
	Verb        string
}

// Names is the object that an annotation of a pod names, with its namespace where that is said; false where it names none.
func (a Annotation) Names(key, value string) (namespace, name string, ok bool) {
	if !strings.HasPrefix(key, a.Begins) || slices.Contains([]string{"", "false", "true"}, strings.ToLower(value)) {
		return "", "", false
	}
	if namespace, name, ok := strings.Cut(value, "/"); ok {
		return namespace, name, true
	}
	return "", value, true
}

// Source is a ConfigMap or another object that an entry of a list names.
type Source struct {
	Source string // the field that holds it
	Kind   string // of the core group
	Name   string // the field of Source with the name
}

// Known are the relations that kgate knows. They must not be changed.
func Known() Relations { return parsed().typed }

// YAML is the description as it is written.
func YAML() []byte { return bytes.Clone(text) }

// Data is the same for Rego, the content of data.
func Data() map[string]any { return parsed().data }

var parsed = sync.OnceValue(func() (p struct {
	typed Relations
	data  map[string]any
}) {
	var document struct{ Relations Relations }
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	err := decoder.Decode(&document)
	if err == nil {
		err = yaml.Unmarshal(text, &p.data)
	}
	if err != nil {
		panic(fmt.Sprintf("relations.yaml, which is part of the binary: %v", err))
	}
	p.typed = document.Relations
	return p
})

// Selected are the selectors with a field, of those with the names that a kind has in Selecting.
func (r Relations) Selected(names []string, field string) []Selector {
	var selected []Selector
	for _, name := range names {
		for _, s := range r.Selectors[name] {
			if slices.Contains(s.Fields, field) {
				selected = append(selected, s)
			}
		}
	}
	return selected
}

// Provided are the kinds of what mostly comes with the cluster, in order.
func (r Relations) Provided() []string {
	var kinds []string
	add := func(references []Reference) {
		for _, reference := range references {
			if reference.Provided {
				kinds = append(kinds, reference.Kind)
			}
		}
	}
	for _, described := range r.References {
		for _, references := range described {
			add(references)
		}
	}
	add(r.Pod.Fields)
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// Of is what is known of a kind.
func (k Kinds[T]) Of(group, kind string) (T, bool) {
	known, ok := k[group][kind]
	return known, ok
}

// IsOfCluster reports a kind whose objects lie in no namespace.
func (r Relations) IsOfCluster(group, kind string) bool {
	return slices.Contains(r.Cluster[group], kind)
}

// MakesPods reports whether pods come of a kind.
func (r Relations) MakesPods(group, kind string) bool {
	_, template := r.Templates.Of(group, kind)
	_, made := r.Made.Of(group, kind)
	return template || made
}

// For are the labels of the pods of an object of a name and a namespace.
func (l Labels) For(namespace, name string) map[string]string {
	replacer := strings.NewReplacer("{name}", name, "{namespace}", namespace)
	set := make(map[string]string, len(l))
	for key, value := range l {
		set[key] = replacer.Replace(value)
	}
	return set
}

// For are the sets of labels of the pods that are made of a resource of a name and a namespace.
func (m Made) For(namespace, name string) []map[string]string {
	var sets []map[string]string
	for _, labels := range m.Labels {
		sets = append(sets, labels.For(namespace, name))
	}
	return sets
}
