// Package change is what a change to a repository does to what its targets render, put together for a reader: a field that
// one line changes is told once, wherever it shows.
package change

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/difference"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Kind is what becomes of an object or of a target.
type Kind string

const (
	Added   Kind = "added"
	Removed Kind = "removed"
	Changed Kind = "changed"
	Renamed Kind = "renamed" // the same object by another name, or in another namespace: a cluster deletes the one and creates the other
	Equal   Kind = "equal"
	Unknown Kind = "unknown" // one of the sides could not be rendered
)

// Side is one side of a comparison.
type Side struct {
	Name   string // as messages call it: a revision, or the working tree
	Commit string // "" for the working tree
}

// commitShown is how much of a commit's name a reader is shown.
const commitShown = 12

// Shown is the side as messages call it: "main (0123456789ab)".
func (s Side) Shown() string {
	if s.Commit == "" {
		return s.Name
	}
	commit := s.Commit[:min(len(s.Commit), commitShown)]
	if s.Name != "" && strings.HasPrefix(s.Commit, s.Name) {
		return commit
	}
	return s.Name + " (" + commit + ")"
}

// Set is what a change does.
type Set struct {
	Before, After Side
	Targets       []Target // those that either side has, in order
	Entries       []Entry
	Images        []Image
	Restarts      []Restart
	Hidden        []Hidden // what differs in the text and is the same to the server
}

// Target is what becomes of a target.
type Target struct {
	Path, Environment       string
	Was                     string // its path before, of one that is in another place
	Kind                    Kind
	Added, Removed, Changed int // objects; a renamed one is changed
}

// Entry is objects to which a change does the same.
type Entry struct {
	Kind   Kind
	Places []Place
	Fields []Field // of a changed or renamed object, in the order of its fields
	Lines  []Line  // of an added or removed one: where it is written
}

// Place is an object of a target.
type Place struct {
	Target   string
	Old, New *manifest.Object // nil of one that is added or removed
}

// ID is what the object is called now, or was.
func (p Place) ID() manifest.ID {
	if p.New != nil {
		return p.New.ID
	}
	return p.Old.ID
}

// Field is a field that differs, of one or several of an entry's objects.
type Field struct {
	difference.Change
	In    []int // which of the entry's places, in order
	Lines []Line
}

// Line is a line that made a change.
type Line struct {
	Source manifest.Position // after the change; where the field was set before, of one that is removed
	Was    manifest.Position // before it
	Gone   bool              // Source is a line of the side before
	In     []int             // which of the entry's places
}

// Image is an image that workloads run in another version than before.
type Image struct {
	Old, New string // references; "" where there was or is none
	Places   []Place
	Line     manifest.Position
}

// Restart is workloads whose pods are replaced.
type Restart struct {
	Places []Place
	Field  manifest.Path // the first that differs of the template, or the field of what the template names
	Name   string        // Field as a reader knows it
	Of     manifest.ID   // the object that has the field
	Line   manifest.Position
	More   int // fields that do so besides
}

// Hidden is how many fields differ in the text alone, and why they are the same to the server.
type Hidden struct {
	Reason difference.Equality
	Count  int
}

// Rendered is a target as both sides render it, with what differs.
type Rendered struct {
	Path, Environment string
	Was               string // its path before, where it is another one
	Kind              Kind
	Objects           []Object
	Unknown           bool // one of the sides could not be rendered
}

// Object is an object of a target that differs.
type Object struct {
	Kind     Kind
	Old, New *manifest.Object
	Changes  []difference.Change
	// Locate is where a field stands after the change and stood before it. Zero is nowhere.
	Locate func(difference.Change) (after, before manifest.Position)
}

// Of puts together what differs in targets. With all, that is also what differs in the text alone.
func Of(before, after Side, targets []Rendered, all bool) Set {
	set := Set{Before: before, After: after}
	hidden := map[difference.Equality]int{}
	var groups []*group
	known := map[string]*group{}
	for _, t := range targets {
		told := Target{Path: t.Path, Was: t.Was, Environment: t.Environment, Kind: t.Kind}
		if t.Unknown {
			told.Kind = Unknown
		}
		seen := map[string]int{}
		for _, o := range t.Objects {
			for _, c := range o.Changes {
				if c.Equal != "" && !all {
					hidden[c.Equal]++
				}
			}
			real := slices.DeleteFunc(slices.Clone(o.Changes), func(c difference.Change) bool { return c.Equal != "" && !all })
			if o.Kind == Changed && len(real) == 0 {
				continue
			}
			switch o.Kind {
			case Added:
				told.Added++
			case Removed:
				told.Removed++
			default:
				told.Changed++
			}
			place := Place{Target: t.Path, Old: o.Old, New: o.New}
			id := place.ID()
			key := fmt.Sprint(o.Kind, id.Group(), "/", id.Kind, "/", id.Name)
			if o.Kind == Renamed {
				key += "/" + o.Old.ID.Name
			}
			seen[key]++
			key += fmt.Sprint("/", seen[key])
			g := known[key]
			if g == nil {
				g = &group{kind: o.Kind, fields: map[string]*Field{}}
				known[key] = g
				groups = append(groups, g)
			}
			g.add(place, real, o.Locate)
		}
		if told.Kind == Changed && told.Added+told.Removed+told.Changed == 0 && told.Was == "" {
			told.Kind = Equal
		}
		set.Targets = append(set.Targets, told)
	}
	set.Entries = entries(groups)
	for _, reason := range slices.Sorted(maps.Keys(hidden)) {
		set.Hidden = append(set.Hidden, Hidden{reason, hidden[reason]})
	}
	set.Images = images(set.Entries)
	set.Restarts = restarts(targets)
	return set
}

// group is one object in the targets that have it.
type group struct {
	kind   Kind
	places []Place
	order  []string
	fields map[string]*Field
	lines  []Line
}

func (g *group) add(place Place, changes []difference.Change, locate func(difference.Change) (after, before manifest.Position)) {
	at := len(g.places)
	g.places = append(g.places, place)
	if g.kind == Added || g.kind == Removed {
		after, before := locate(difference.Change{})
		g.lines = appendLine(g.lines, Line{Source: cmp.Or(after, before), Was: before, Gone: after.IsZero()}, at)
		return
	}
	for _, c := range changes {
		key := signature(c)
		f := g.fields[key]
		if f == nil {
			f = &Field{Change: c}
			g.fields[key] = f
			g.order = append(g.order, key)
		}
		f.In = append(f.In, at)
		after, before := locate(c)
		f.Lines = appendLine(f.Lines, Line{Source: cmp.Or(after, before), Was: before, Gone: after.IsZero()}, at)
	}
}

func appendLine(lines []Line, line Line, at int) []Line {
	for i, have := range lines {
		if have.Source == line.Source && have.Was == line.Was {
			lines[i].In = append(lines[i].In, at)
			return lines
		}
	}
	line.In = []int{at}
	return append(lines, line)
}

// signature is what a change of a field is known by, wherever it is made.
func signature(c difference.Change) string {
	return fmt.Sprintf("%s\x00%s\x00%#v\x00%#v\x00%t", c.Path, c.OldPath, c.Old, c.New, c.Moved)
}

// entries puts objects together of which every one has the same done to it, by the same lines.
func entries(groups []*group) []Entry {
	var all []Entry
	known := map[string]int{}
	for _, g := range groups {
		e := Entry{Kind: g.kind, Places: g.places, Lines: g.lines}
		whole := true
		var key strings.Builder
		key.WriteString(string(g.kind))
		for _, k := range g.order {
			f := *g.fields[k]
			e.Fields = append(e.Fields, f)
			whole = whole && len(f.In) == len(g.places)
			key.WriteString("\x01" + k)
			for _, l := range f.Lines {
				fmt.Fprintf(&key, "\x02%s %s", l.Source, l.Was)
			}
		}
		if g.kind != Changed || !whole {
			all = append(all, e)
			continue
		}
		at, same := known[key.String()]
		if !same {
			known[key.String()] = len(all)
			all = append(all, e)
			continue
		}
		all[at].join(e)
	}
	return all
}

// join takes in the places of an entry whose fields are the same.
func (e *Entry) join(other Entry) {
	from := len(e.Places)
	e.Places = append(slices.Clip(e.Places), other.Places...)
	for i := range e.Fields {
		f := &e.Fields[i]
		for n := range other.Places {
			f.In = append(f.In, from+n)
		}
		for _, line := range other.Fields[i].Lines {
			for _, at := range line.In {
				f.Lines = appendLine(f.Lines, Line{Source: line.Source, Was: line.Was, Gone: line.Gone}, from+at)
			}
		}
	}
}

// Targets are those that an entry shows in, each once.
func (e Entry) Targets() []string {
	var all []string
	for _, p := range e.Places {
		if !slices.Contains(all, p.Target) {
			all = append(all, p.Target)
		}
	}
	return all
}

// Count is how many objects of targets a kind of entry is about.
func (s Set) Count(kind Kind) int {
	n := 0
	for _, t := range s.Targets {
		switch kind {
		case Added:
			n += t.Added
		case Removed:
			n += t.Removed
		case Changed, Renamed:
			n += t.Changed
		}
	}
	return n
}

// Touched are the targets of which something changes.
func (s Set) Touched() []Target {
	return slices.DeleteFunc(slices.Clone(s.Targets), func(t Target) bool { return t.Kind == Equal })
}
