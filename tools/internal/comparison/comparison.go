// Package comparison is what differs between the environments of a repository, field by field of what is rendered for
// them.
package comparison

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Column is one environment.
type Column struct {
	Name    string
	Objects []*manifest.Object
}

// Difference is one field, or one field of several objects that say the same.
type Difference struct {
	Topic   Topic
	Field   string        // a path in which items of lists are called by their names
	Objects []manifest.ID // as the first column that has them calls them
	Values  []Value       // one a column

	// Same is set of versions that every column has in common: what runs where is asked even then.
	Same bool
}

// Value is what a field holds in one environment.
type Value struct {
	Set  bool
	Text string

	// Where it is rendered, of the first of the objects. Path ends where the object's fields do: what is inside of a
	// text, such as a file of a ConfigMap, has no path of its own.
	Object *manifest.Object
	Path   manifest.Path
}

// Only is an object that some environments have and others have not.
type Only struct {
	ID manifest.ID
	In []bool // by column
}

// Topic is what a difference is about.
type Topic string

// The topics, the most asked-for first.
const (
	Versions  Topic = "Versions"
	Replicas  Topic = "Replicas"
	Routing   Topic = "Traffic"
	Sampling  Topic = "Sampling"
	Resources Topic = "Resources and storage"
	Settings  Topic = "Settings"
	Names     Topic = "The name of the environment"
)

// Topics are all of them in that order.
func Topics() []Topic {
	return []Topic{Versions, Replicas, Routing, Sampling, Resources, Settings, Names}
}

// Of compares the objects of environments. Objects are the same that have kind, namespace and name in common; a
// ConfigMap or Secret also with another hash behind its name.
func Of(columns []Column) ([]Difference, []Only) {
	c := &comparer{columns: columns}
	groups, keys := c.match()
	var only []Only
	for _, k := range keys {
		objects := groups[k]
		in := make([]bool, len(columns))
		all := true
		values := make([]side, len(columns))
		for i, o := range objects {
			if in[i] = o != nil; in[i] {
				values[i] = side{set: true, value: o.Value, object: o}
			}
			all = all && in[i]
		}
		if first := objects[slices.Index(in, true)]; !all {
			only = append(only, Only{first.ID, in})
		} else {
			c.object = first.ID
			c.compare("", "", values)
			c.images("", first.Value, nil, objects)
		}
	}
	return c.folded(), only
}

// key is what makes objects of two environments the same.
type key struct{ group, kind, namespace, name string }

// hash is what Kustomize appends to the name of what it generates.
var hash = regexp.MustCompile(`-[2456789bcdfghkmt]{10}$`)

type comparer struct {
	columns []Column
	hashed  []map[string]string // by column, names without their hashes
	object  manifest.ID
	found   []Difference
}

// match groups the objects by what makes them the same, one a column, in the order of their names.
func (c *comparer) match() (map[key][]*manifest.Object, []key) {
	groups := map[key][]*manifest.Object{}
	c.hashed = make([]map[string]string, len(c.columns))
	for i, column := range c.columns {
		c.hashed[i] = map[string]string{}
		for _, o := range column.Objects {
			k := key{o.Group(), o.Kind, o.Namespace, o.Name}
			if k.group == "" && (k.kind == "ConfigMap" || k.kind == "Secret") && hash.MatchString(k.name) {
				k.name = hash.ReplaceAllString(k.name, "")
				c.hashed[i][o.Name] = k.name
			}
			if groups[k] == nil {
				groups[k] = make([]*manifest.Object, len(c.columns))
			}
			groups[k][i] = o
		}
	}
	return groups, slices.SortedFunc(maps.Keys(groups), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name), cmp.Compare(a.group, b.group))
	})
}

// side is what one environment has at a place.
type side struct {
	set    bool
	value  any
	object *manifest.Object
	path   manifest.Path
	inside bool // of a text, where path no longer leads
}

// into goes on to a child.
func (s side) into(step, value any, set bool) side {
	s.set, s.value = s.set && set, value
	if !s.inside {
		s.path = append(slices.Clip(s.path), step)
	}
	return s
}

// compare looks for the smallest fields that differ. last is the name of the field, without those that lead to it.
func (c *comparer) compare(field, last string, sides []side) {
	if c.same(sides) {
		return
	}
	switch {
	case every(sides, func(s side) bool { _, ok := s.value.(map[string]any); return ok }):
		for _, name := range keysOf(sides) {
			c.compare(join(field, name), name, children(sides, func(_ int, s side) (any, any, bool) {
				value, ok := s.value.(map[string]any)[name]
				return name, value, ok
			}))
		}
		return
	case every(sides, func(s side) bool { _, ok := s.value.([]any); return ok }):
		if c.lists(field, sides) {
			return
		}
	case every(sides, func(s side) bool { text, ok := s.value.(string); return ok && strings.Contains(text, "\n") }):
		if c.texts(field, last, sides) {
			return
		}
	}
	c.add(field, last, sides)
}

func every(sides []side, holds func(side) bool) bool {
	return !slices.ContainsFunc(sides, func(s side) bool { return !s.set || !holds(s) })
}

func children(sides []side, child func(i int, s side) (step, value any, set bool)) []side {
	out := make([]side, len(sides))
	for i, s := range sides {
		out[i] = s.into(child(i, s))
	}
	return out
}

func keysOf(sides []side) []string {
	keys := map[string]bool{}
	for _, s := range sides {
		for k := range s.value.(map[string]any) {
			keys[k] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// same reports whether every environment has the same. The hash of a name says nothing that the content does not.
func (c *comparer) same(sides []side) bool {
	for i, s := range sides {
		if s.set != sides[0].set || !reflect.DeepEqual(c.plain(i, s.value), c.plain(0, sides[0].value)) {
			return false
		}
	}
	return true
}

func (c *comparer) plain(column int, value any) any {
	if name, ok := value.(string); ok {
		if plain, ok := c.hashed[column][name]; ok {
			return plain
		}
	}
	return value
}

// naming are the fields that tell the items of a list apart, the most telling first.
var naming = []manifest.Path{
	{"name"}, {"key"}, {"destination", "subset"}, {"metric", "name"}, {"containerPort"}, {"mountPath"}, {"port"}, {"type"}, {"host"}, {"ip"}, {"topologyKey"},
}

// lists compares items that have the same name, or else those at the same place. False where neither makes sense.
func (c *comparer) lists(field string, sides []side) bool {
	for _, by := range naming {
		named := make([]map[string]int, len(sides))
		var names []string
		for i, s := range sides {
			if named[i] = namesOf(s.value.([]any), by); named[i] == nil {
				names = nil
				break
			}
			for _, item := range s.value.([]any) {
				if name, _ := nameOf(item, by); !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
		for _, name := range names {
			c.compare(field+"["+name+"]", name, children(sides, func(i int, s side) (any, any, bool) {
				index, ok := named[i][name]
				if !ok {
					return 0, nil, false
				}
				return index, s.value.([]any)[index], true
			}))
		}
		if names != nil {
			return true
		}
	}
	length := len(sides[0].value.([]any))
	if !every(sides, func(s side) bool {
		list := s.value.([]any)
		return len(list) == length && !slices.ContainsFunc(list, func(item any) bool { _, ok := item.(map[string]any); return !ok })
	}) {
		return false
	}
	for i := range length {
		c.compare(fmt.Sprintf("%s[%d]", field, i), "", children(sides, func(_ int, s side) (any, any, bool) { return i, s.value.([]any)[i], true }))
	}
	return true
}

// namesOf are the items of a list by name; nil unless each has one of its own.
func namesOf(list []any, by manifest.Path) map[string]int {
	names := map[string]int{}
	for i, item := range list {
		name, ok := nameOf(item, by)
		if _, taken := names[name]; !ok || taken {
			return nil
		}
		names[name] = i
	}
	return names
}

func nameOf(item any, by manifest.Path) (string, bool) {
	switch name, _ := by.Lookup(item); name.(type) {
	case string, int64:
		return fmt.Sprint(name), true
	}
	return "", false
}

// texts compares texts of several lines: as what they hold where that is YAML or JSON, else the lines that are not in
// all of them.
func (c *comparer) texts(field, last string, sides []side) bool {
	held := slices.Clone(sides)
	structured := true
	for i, s := range sides {
		var content map[string]any
		if err := yaml.Unmarshal([]byte(s.value.(string)), &content); err != nil || content == nil {
			structured = false
			break
		}
		held[i].value, held[i].inside = content, true
	}
	if structured && !c.same(held) {
		c.compare(field, last, held)
		return true
	}
	count := map[string]int{}
	for _, s := range sides {
		for _, l := range slices.Compact(slices.Sorted(strings.SplitSeq(s.value.(string), "\n"))) {
			count[l]++
		}
	}
	for i, s := range sides {
		own := slices.DeleteFunc(strings.Split(s.value.(string), "\n"), func(l string) bool { return count[l] == len(sides) })
		held[i].value = strings.Join(own, "\n")
	}
	if c.same(held) {
		return false // the same lines, in another order or number
	}
	c.add(field, last, held)
	return true
}

// images notes the images that are the same everywhere.
func (c *comparer) images(field string, value any, path manifest.Path, objects []*manifest.Object) {
	switch value := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			c.images(join(field, name), value[name], append(slices.Clip(path), name), objects)
		}
	case []any:
		for i, item := range value {
			name, ok := nameOf(item, naming[0])
			if !ok {
				name = fmt.Sprint(i)
			}
			c.images(field+"["+name+"]", item, append(slices.Clip(path), i), objects)
		}
	case string:
		if last := path[len(path)-1]; last != "image" && last != "imageName" {
			return
		}
		d := Difference{Topic: Versions, Field: field, Objects: []manifest.ID{c.object}, Same: true}
		for _, o := range objects {
			if other, _ := path.Lookup(o.Value); other != value {
				return
			}
			d.Values = append(d.Values, Value{Set: true, Text: value, Object: o, Path: path})
		}
		c.found = append(c.found, d)
	}
}

// longest is how many characters of a value are shown.
const longest = 400

func (c *comparer) add(field, last string, sides []side) {
	d := Difference{Field: field, Objects: []manifest.ID{c.object}, Values: make([]Value, len(sides))}
	texts := map[string]any{}
	ambiguous := false
	for i, s := range sides {
		d.Values[i] = Value{Set: s.set, Object: s.object, Path: s.path}
		if s.set {
			text := show(s.value)
			if other, seen := texts[text]; seen && !reflect.DeepEqual(other, s.value) {
				ambiguous = true // 1 and "1"
			}
			texts[text] = s.value
			d.Values[i].Text = text
		}
	}
	for i, s := range sides {
		if text, ok := s.value.(string); ok && s.set && ambiguous {
			d.Values[i].Text = fmt.Sprintf("%q", text)
		}
		if characters := []rune(d.Values[i].Text); len(characters) > longest {
			d.Values[i].Text = fmt.Sprintf("%s… (%d characters)", string(characters[:longest]), len(characters))
		}
	}
	d.Topic = c.topic(field, last, d.Values)
	c.found = append(c.found, d)
}

// show writes a value as YAML's flow style has it, as far as that can be read.
func show(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case map[string]any:
		var fields []string
		for _, k := range slices.Sorted(maps.Keys(value)) {
			fields = append(fields, k+": "+show(value[k]))
		}
		return "{" + strings.Join(fields, ", ") + "}"
	case []any:
		var items []string
		for _, item := range value {
			items = append(items, show(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}

// topics are told by the words of a path.
var topics = []struct {
	topic Topic
	words *regexp.Regexp
}{
	{Sampling, regexp.MustCompile(`(?i)sampl`)},
	{Routing, regexp.MustCompile(`(?i)(^|[.\]])weight$|\bhosts?\b|\bmatch\b`)},
	{Versions, regexp.MustCompile(`(?i)(^|[.\]])(image|imageName|tag|digest)$|version`)},
	{Replicas, regexp.MustCompile(`(?i)replicas|(^|[.\]])(instances|parallelism|minAvailable|maxUnavailable)$`)},
	{Resources, regexp.MustCompile(`\bresources\b|\bhard\b|\bstorage\b|(?i)(^|[.\]])(size|cpu|memory)$|(requests|limits)[.\["]`)},
}

func (c *comparer) topic(field, last string, values []Value) Topic {
	named := true
	for i, v := range values {
		named = named && v.Set && v.Text == c.columns[i].Name
	}
	if named {
		return Names
	}
	// A variable is told by its name, whatever the field that holds its value is called.
	for _, t := range topics {
		if t.words.MatchString(field) || t.words.MatchString(last) {
			return t.topic
		}
	}
	return Settings
}

// folded are the differences by topic. Fields of one name with the same values in several objects are one.
func (c *comparer) folded() []Difference {
	order := map[Topic]int{}
	for i, t := range Topics() {
		order[t] = i
	}
	var out []Difference
	seen := map[string]int{}
	for _, d := range c.found {
		k := d.Field
		for _, v := range d.Values {
			k += fmt.Sprintf("\x00%v\x00%s", v.Set, v.Text)
		}
		if i, ok := seen[k]; ok {
			out[i].Objects = append(out[i].Objects, d.Objects...)
			continue
		}
		seen[k] = len(out)
		out = append(out, d)
	}
	slices.SortStableFunc(out, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(order[a.Topic], order[b.Topic]), rank(a.Same)-rank(b.Same))
	})
	return out
}

// rank puts what is the same behind what differs.
func rank(same bool) int {
	if same {
		return 1
	}
	return 0
}

var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

func join(field, name string) string {
	switch {
	case !plainKey.MatchString(name):
		return field + "[" + name + "]"
	case field == "":
		return name
	}
	return field + "." + name
}
