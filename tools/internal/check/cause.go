package check

import (
	"context"
	"fmt"
	"slices"

	"github.com/agnivade/levenshtein"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// What follows from a finding is mended with it, and stands below it. That one follows from another is never guessed from
// what either says. It is known in four ways:
//
//   - Both miss the same object in a target (Finding.Missing), or a check says of both that they are the same (Finding.Fact).
//   - Two checks miss something for one value of one object: whoever corrects that mends both.
//   - One is found inside the field that the other is about, and the other's check says that this is enough (Check.Causes).
//   - It is found no more once the object of the other is as it was plainly meant (Mend). That is tried: the target is judged
//     again with the mended object.
//
// What is left out here, exempt or switched off, is no cause of anything: what would follow from it stands by itself.

// Mend is a change of one object that is plainly what was meant, as far as it is known: a misspelt field has the name of one
// that its kind has.
type Mend struct {
	Path manifest.Path // the field
	Name string        // the key that it is to have; "" keeps it
	Set  any           // what it is to hold; nil keeps it
}

// identity is what a finding is known by, before findings are put together.
type identity struct {
	check, target string
	object        manifest.ID
	is            bool // in an object
	path, message string
}

func (f Finding) identity() identity {
	id := identity{check: f.Check, target: f.Target, path: f.Path.String(), message: f.Message}
	if f.Object != nil {
		id.object, id.is = *f.Object, true
	}
	return id
}

// common is what findings of a target have in common where they are one mistake; nil for nothing.
func (f Finding) common() any {
	switch {
	case f.Missing != nil:
		return missed{f.Target, *f.Missing}
	case f.Fact != "":
		return stated{f.Target, f.Check, f.Fact}
	}
	return nil
}

// named is the value that a finding is about, where it names what is not there: nil for none. What another check misses for the same
// value is mended with it.
func (f Finding) named() any {
	if !f.scalar || f.Object == nil {
		return nil
	}
	return value{f.Target, *f.Object, f.Path.String()}
}

type value struct {
	target string
	object manifest.ID
	path   string
}

type missed struct {
	target string
	Reference
}

type stated struct{ target, check, fact string }

// site is where a finding is, whatever it says: a mended object may change its figures.
func (f Finding) site() identity {
	id := f.identity()
	id.message = ""
	return id
}

// fold puts what follows from others below them. parts are the findings before they were put together, of[i] is which of
// merged has the i-th. One that follows from nothing in one of its places stands by itself.
func fold(parts, merged []Finding, of []int) []Finding {
	causes := map[any][]int{} // what states each fact, as it is listed
	state := func(fact any, i int) {
		if !slices.Contains(causes[fact], i) {
			causes[fact] = append(causes[fact], i)
		}
	}
	rests := make([][]int, len(merged)) // by merged, its parts
	caused := map[identity]bool{}
	for _, p := range parts {
		for _, id := range p.rests {
			caused[id] = true
		}
	}
	for i, p := range parts {
		rests[of[i]] = append(rests[of[i]], i)
		if id := p.identity(); caused[id] {
			state(id, of[i])
		}
		if fact := p.common(); fact != nil {
			state(fact, of[i])
		}
		if is := p.named(); is != nil {
			state(is, of[i])
		}
	}
	parent := make([]int, len(merged))
	for i := range parent {
		parent[i] = i
	}
	root := func(i int) int {
		for parent[i] != i {
			i = parent[i]
		}
		return i
	}
	// alike is the one to read of those that state the same: the first of the heaviest. -1 for the i-th itself.
	alike := func(i int, fact any) int {
		if fact == nil {
			return -1
		}
		same := causes[fact]
		first := same[0]
		for _, c := range same {
			if !outweighs(merged[first], merged[c]) {
				first = c
				break
			}
		}
		if first == i || root(first) == i {
			return -1
		}
		return first
	}
	// cause is what a part of a finding follows from; -1 for nothing.
	cause := func(i int, p Finding) int {
		for _, id := range p.rests {
			for _, c := range causes[id] {
				if r := root(c); r != i && outweighs(merged[r], merged[i]) {
					return c
				}
			}
		}
		if c := alike(i, p.common()); c >= 0 {
			return c
		}
		// What one check misses several times for a value, such as the rules of a policy, is not mended by another value.
		if c := alike(i, p.named()); c >= 0 && merged[c].Check != p.Check {
			return c
		}
		return -1
	}
	for i := range merged {
		above := -1
		for n, p := range rests[i] {
			c := cause(i, parts[p])
			if c < 0 {
				above = -1
				break
			}
			if n == 0 {
				above = c
			}
		}
		if above >= 0 {
			parent[i] = above
		}
	}
	place := map[int]int{}
	var tops []Finding
	for i, f := range merged {
		if parent[i] == i {
			place[i] = len(tops)
			tops = append(tops, f)
		}
	}
	for i, f := range merged {
		if parent[i] != i {
			top := &tops[place[root(i)]]
			top.Follows = append(top.Follows, f)
		}
	}
	return tops
}

// outweighs reports whether one finding fails every run that another fails.
func outweighs(f, other Finding) bool { return f.Severity == Error || other.Severity != Error }

// mostMends is how many mends are tried in a target. Findings of more stand beside each other.
const mostMends = 8

// attribute finds out which findings of a target follow from which, by judging the target as it was meant.
func (r *Round) attribute(ctx context.Context, target *Target, findings []Finding) {
	type trial struct {
		cause []int // findings
		mends map[manifest.ID][]Mend
		all   bool // nothing new may be found
	}
	var trials []*trial
	type mistake struct { // what one line does to several objects
		source manifest.Position
		mend   string
	}
	at := map[mistake]*trial{}
	for i, f := range findings {
		if f.mend == nil || f.Object == nil {
			continue
		}
		is := mistake{f.Source, fmt.Sprint(f.mend.Path[max(len(f.mend.Path)-1, 0):], f.mend.Name, f.mend.Set)}
		t := at[is]
		if t == nil || f.Source.Line == 0 {
			t = &trial{mends: map[manifest.ID][]Mend{}}
			at[is] = t
			trials = append(trials, t)
		}
		t.cause = append(t.cause, i)
		t.mends[*f.Object] = append(t.mends[*f.Object], *f.mend)
	}
	missed := map[Reference]*trial{}
	for i, f := range findings {
		if f.Missing == nil {
			continue
		}
		t := missed[*f.Missing]
		if t == nil {
			t = &trial{all: true}
			missed[*f.Missing] = t
			if object := nearMiss(target, *f.Missing); object != nil {
				t.mends = map[manifest.ID][]Mend{object.ID: {{Path: manifest.Path{"metadata", "name"}, Set: f.Missing.Name}}}
				trials = append(trials, t)
			}
		}
		t.cause = append(t.cause, i)
	}
	for _, t := range trials[:min(len(trials), mostMends)] {
		if len(t.cause) == len(findings) {
			continue // there is nothing to follow
		}
		meant, renamed := target.mended(t.mends)
		if meant == nil {
			continue
		}
		again, failed := r.judge(ctx, []*Target{meant}, meant.alone)
		if r.Forget != nil {
			r.Forget(meant)
		}
		if len(failed) > 0 || ctx.Err() != nil {
			continue
		}
		still := map[identity]bool{}
		for _, f := range again {
			site := f.site()
			if was, ok := renamed[site.object]; ok && site.is {
				site.object = was
			}
			still[site] = true
		}
		was := map[identity]bool{}
		for _, f := range findings {
			was[f.site()] = true
		}
		if slices.ContainsFunc(t.cause, func(i int) bool { return still[findings[i].site()] }) {
			continue // it is no mend
		}
		fresh := map[manifest.ID]bool{} // objects in which something else is wrong then
		for site := range still {
			if !was[site] {
				fresh[site.object] = true
			}
		}
		if t.all && len(fresh) > 0 {
			continue // the object is called as it is for others
		}
		for i := range findings {
			if f := &findings[i]; !slices.Contains(t.cause, i) && !still[f.site()] && f.entry == (Entry{}) && !(f.Object != nil && fresh[*f.Object]) {
				f.rests = append(f.rests, findings[t.cause[0]].identity())
			}
		}
	}
}

// nearMiss is the one object that is nearly what is missing, or nil.
func nearMiss(target *Target, missing Reference) *manifest.Object {
	var found *manifest.Object
	for _, object := range target.Applied() {
		if object.Kind != missing.Kind || missing.Namespace != "*" && missing.Namespace != "" && object.Namespace != missing.Namespace {
			continue
		}
		if !near(object.Name, missing.Name) {
			continue
		}
		if found != nil {
			return nil
		}
		found = object
	}
	return found
}

// near reports whether one name is a typing error away from another: a letter, or two of a long name.
func near(name, other string) bool {
	d := levenshtein.ComputeDistance(name, other)
	return d > 0 && (d == 1 && len(other) > 3 || d == 2 && len(other) > 7)
}

// mended is the target with some of its objects as they were meant, and what these are called now by what they were; nil where
// an object cannot be mended.
func (t *Target) mended(mends map[manifest.ID][]Mend) (*Target, map[manifest.ID]manifest.ID) {
	meant := *t
	meant.Objects = slices.Clone(t.Objects)
	renamed := map[manifest.ID]manifest.ID{}
	for i, object := range t.Objects {
		list := mends[object.ID]
		if list == nil {
			continue
		}
		edited, err := object.Edit(func(value map[string]any) bool {
			for _, m := range list {
				hidden := slices.ContainsFunc(object.Unknown, func(unknown manifest.Path) bool {
					return unknown.HasPrefix(m.Path) || m.Path.HasPrefix(unknown)
				})
				if hidden || !m.apply(value) {
					return false
				}
			}
			return true
		})
		if edited == nil || err != nil {
			return nil, nil
		}
		renamed[edited.ID] = object.ID
		meant.Objects[i] = edited
	}
	// Lines are of no interest, and what is asked about is not there.
	meant.Locate = nil
	return &meant, renamed
}

// apply makes the change, and reports whether it could.
func (m Mend) apply(value map[string]any) bool {
	if len(m.Path) == 0 {
		return false
	}
	last, ok := m.Path[len(m.Path)-1].(string)
	if !ok {
		return false
	}
	holder := any(value)
	for _, step := range m.Path[:len(m.Path)-1] {
		switch at := holder.(type) {
		case map[string]any:
			key, ok := step.(string)
			if !ok {
				return false
			}
			holder = at[key]
		case []any:
			i, ok := step.(int)
			if !ok || i < 0 || i >= len(at) {
				return false
			}
			holder = at[i]
		}
	}
	fields, ok := holder.(map[string]any)
	if !ok {
		return false
	}
	held, found := fields[last]
	if m.Name != "" {
		if _, taken := fields[m.Name]; taken || !found {
			return false
		}
		delete(fields, last)
		last = m.Name
	}
	if m.Set != nil {
		held = m.Set
	}
	fields[last] = held
	return true
}
