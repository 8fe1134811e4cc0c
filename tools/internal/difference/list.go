package difference

import (
	"encoding/json"
	"slices"

	"github.com/kgate-dev/gitops/tools/internal/admission"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// match is an item of the old list and the one of the new list that is the same; -1 for none.
type match struct{ old, new int }

// list compares two lists.
func (w *walker) list(a, b side, t admission.Type) {
	from, to := a.value.([]any), b.value.([]any)
	free := w.free(a, b, t)
	matches := w.matches(a, b, t, free)

	partner := make([]int, len(to)) // by index of the new list
	for j := range partner {
		partner[j] = -1
	}
	matched := make([]bool, len(from))
	for _, m := range matches {
		partner[m.new], matched[m.old] = m.old, true
	}
	var order []int // of the old items, as the new list has them
	for _, i := range partner {
		if i >= 0 {
			order = append(order, i)
		}
	}
	stays := map[int]bool{}
	for _, at := range rising(order) {
		stays[order[at]] = true
	}

	next := 0 // of the old list
	removed := func(before int) {
		for ; next < before; next++ {
			if !matched[next] {
				w.add(a.item(next), gone(nil), "")
			}
		}
	}
	until := make([]int, len(to)) // by index of the new list, the old item that stays there or behind
	for j, at := len(to)-1, len(from); j >= 0; j-- {
		if i := partner[j]; i >= 0 && stays[i] {
			at = i
		}
		until[j] = at
	}
	for j, i := range partner {
		if i < 0 {
			removed(until[j]) // what was there before what is
			w.add(gone(nil), b.item(j), "")
			continue
		}
		if stays[i] {
			removed(i)
		} else {
			equal := Equality("")
			if free {
				equal = Order
			}
			w.moved(a.item(i), b.item(j), equal)
		}
		w.both(a.item(i), b.item(j), t.Item())
	}
	removed(len(from))
}

// moved records that an item has another place.
func (w *walker) moved(a, b side, equal Equality) {
	at := len(w.changes)
	w.add(a, b, equal)
	w.changes[at].Moved, w.changes[at].Lines = true, nil
}

// matches finds the items of two lists that are the same, each at most once.
func (w *walker) matches(a, b side, t admission.Type, free bool) []match {
	from, to := a.value.([]any), b.value.([]any)
	if len(from) == 0 || len(to) == 0 {
		return nil
	}
	keptFrom, keptTo := a.items(), b.items()
	if keptFrom == nil || keptTo == nil {
		keptFrom, keptTo = from, to
	}
	if keys := t.Keys(); len(keys) > 0 {
		if matches, ok := named(keptFrom, keptTo, func(item any) (string, bool) { return keyOf(item, keys) }); ok {
			return renumbered(keptFrom, keptTo, matches)
		}
	}
	if t.Set() {
		if matches, ok := named(keptFrom, keptTo, scalarOf); ok {
			return matches
		}
	}
	for _, field := range manifest.Identifying {
		if matches, ok := named(keptFrom, keptTo, func(item any) (string, bool) { return keyOf(item, []string{field}) }); ok {
			return matches
		}
	}
	for _, path := range nested {
		if matches, ok := named(keptFrom, keptTo, func(item any) (string, bool) { return scalarOf(manifest.At(item, path...)) }); ok {
			return matches
		}
	}
	return w.alike(a, b, keptFrom, keptTo, free)
}

// renumbered adds, to items matched by their keys, those that have their name still: a port with another number is another one to
// the server, and to a reader the same.
func renumbered(from, to []any, matches []match) []match {
	lone := func(items []any, left []int) map[string]int {
		at := map[string]int{}
		for _, i := range left {
			name := manifest.TextAt(items[i], "name")
			if _, twice := at[name]; twice {
				at[name] = -1
			} else {
				at[name] = i
			}
		}
		return at
	}
	old := lone(from, missing(len(from), matches, oldOf))
	left := missing(len(to), matches, newOf)
	new := lone(to, left)
	for _, j := range left {
		name := manifest.TextAt(to[j], "name")
		if i, has := old[name]; has && name != "" && i >= 0 && new[name] == j {
			matches = append(matches, match{i, j})
		}
	}
	return matches
}

// nested are the fields inside of fields that tell the items of a list apart: of volumeClaimTemplates, and of what is like them.
var nested = []manifest.Path{{"metadata", "name"}}

// named matches items by what they are called, where every item of both lists has a name and no two of a list have the same.
func named(from, to []any, name func(any) (string, bool)) ([]match, bool) {
	index := make(map[string]int, len(from))
	for i, item := range from {
		key, ok := name(item)
		if _, taken := index[key]; !ok || taken {
			return nil, false
		}
		index[key] = i
	}
	seen := make(map[string]bool, len(to))
	var matches []match
	for j, item := range to {
		key, ok := name(item)
		if !ok || seen[key] {
			return nil, false
		}
		seen[key] = true
		if i, has := index[key]; has {
			matches = append(matches, match{i, j})
		}
	}
	return matches, true
}

// keyOf is what fields of an item hold; false where it has none of them, or one is no scalar.
func keyOf(item any, fields []string) (string, bool) {
	of, ok := item.(map[string]any)
	if !ok {
		return "", false
	}
	var key string
	found := false
	for _, field := range fields {
		value, has := of[field]
		if !has {
			key += "\x00"
			continue
		}
		text, ok := scalarOf(value)
		if !ok {
			return "", false
		}
		key, found = key+text+"\x00", true
	}
	return key, found
}

// scalarOf is a text that no other scalar has.
func scalarOf(value any) (string, bool) {
	switch value.(type) {
	case map[string]any, []any, nil:
		return "", false
	}
	return textOf(value), true
}

// textOf is a text that values have in common that are the same.
func textOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return "" // decoded content always can be
	}
	return string(text)
}

// alike matches items that nothing names: first those that are the same, in order or in any where that is free, then those
// between them that have most in common.
func (w *walker) alike(a, b side, from, to []any, free bool) []match {
	ids := map[string]int{}
	number := func(items []any) []int {
		numbers := make([]int, len(items))
		for i, item := range items {
			text := textOf(item)
			if _, known := ids[text]; !known {
				ids[text] = len(ids)
			}
			numbers[i] = ids[text]
		}
		return numbers
	}
	old, new := number(from), number(to)
	if free {
		matches := equals(old, new, nil)
		return append(matches, w.closest(a, b, missing(len(from), matches, oldOf), missing(len(to), matches, newOf))...)
	}
	matches := common(old, new)
	var all []match
	last := match{-1, -1}
	for _, m := range append(matches, match{len(from), len(to)}) {
		all = append(all, w.between(a, b, last, m)...)
		if m.old < len(from) {
			all = append(all, m)
		}
		last = m
	}
	// What is left on both sides and is the same has moved.
	return equals(old, new, all)
}

func oldOf(m match) int { return m.old }
func newOf(m match) int { return m.new }

// missing are the indexes of a list that no match has.
func missing(n int, matches []match, of func(match) int) []int {
	taken := make([]bool, n)
	for _, m := range matches {
		taken[of(m)] = true
	}
	var left []int
	for i := range n {
		if !taken[i] {
			left = append(left, i)
		}
	}
	return left
}

// equals adds, to matches that there are, items that are equal, the first with the first.
func equals(old, new []int, matches []match) []match {
	waiting := map[int][]int{}
	for _, i := range missing(len(old), matches, oldOf) {
		waiting[old[i]] = append(waiting[old[i]], i)
	}
	for _, j := range missing(len(new), matches, newOf) {
		if at := waiting[new[j]]; len(at) > 0 {
			matches = append(matches, match{at[0], j})
			waiting[new[j]] = at[1:]
		}
	}
	return matches
}

// closest matches, of items left over in lists of any order, those that have most in common.
func (w *walker) closest(a, b side, old, new []int) []match {
	if len(old)*len(new) > largestGap {
		return nil
	}
	type scored struct {
		match
		score float64
	}
	if len(old) == 1 && len(new) == 1 && related(a.item(old[0]).value, b.item(new[0]).value) {
		return []match{{old[0], new[0]}}
	}
	var pairs []scored
	for _, i := range old {
		for _, j := range new {
			least := alikeFrom
			if _, ok := scalarOf(b.item(j).value); ok {
				least = 2 * alikeFrom // a text is what it says
			}
			if score := w.likeness(a.item(i), b.item(j)); score >= least {
				pairs = append(pairs, scored{match{i, j}, score})
			}
		}
	}
	slices.SortStableFunc(pairs, func(x, y scored) int {
		switch {
		case x.score > y.score:
			return -1
		case x.score < y.score:
			return 1
		}
		return 0
	})
	takenOld, takenNew := map[int]bool{}, map[int]bool{}
	var matches []match
	for _, p := range pairs {
		if !takenOld[p.old] && !takenNew[p.new] {
			takenOld[p.old], takenNew[p.new] = true, true
			matches = append(matches, p.match)
		}
	}
	return matches
}

// between matches items of two stretches, in order, so that they have most in common.
func (w *walker) between(a, b side, from, to match) []match {
	n, m := to.old-from.old-1, to.new-from.new-1
	if n == 1 && m == 1 && related(a.item(from.old+1).value, b.item(from.new+1).value) {
		return []match{{from.old + 1, from.new + 1}}
	}
	matches := ordered(n, m, largestGap, func(i, j int) float64 {
		if score := w.likeness(a.item(from.old+1+i), b.item(from.new+1+j)); score >= alikeFrom {
			return score
		}
		return 0
	})
	for k := range matches {
		matches[k].old, matches[k].new = matches[k].old+from.old+1, matches[k].new+from.new+1
	}
	return matches
}

// largestGap is the number of pairs of items that are looked at one by one.
const largestGap = 2500

// mostLooks is how many values of an object are looked at to find what two items have in common: of lists of large items that
// nothing names, what is left is removed and added.
const mostLooks = 500_000

// related reports whether two items that stand alone between others are one that was changed: mappings with a field in common,
// or of which one has none.
func related(a, b any) bool {
	from, ok := a.(map[string]any)
	to, also := b.(map[string]any)
	if !ok || !also {
		return false
	}
	for name := range from {
		if _, has := to[name]; has {
			return true
		}
	}
	return len(from) == 0 || len(to) == 0
}

// alikeFrom is how much two items have to have in common to be one that was changed: a mapping with other values in the same
// fields has a quarter.
const alikeFrom = 0.25

// likeness is how much two items have in common, from 0 to 1.
func (w *walker) likeness(a, b side) float64 {
	shared, all := w.shared(a, b)
	if all == 0 {
		return 1
	}
	return shared / all
}

// shared counts the fields of two values, and those of them that are the same: one with another value is so to a quarter.
func (w *walker) shared(a, b side) (same, all float64) {
	if w.looked++; w.looked > mostLooks {
		return 0, 1
	}
	if from, ok := a.value.(map[string]any); ok {
		to, ok := b.value.(map[string]any)
		if !ok {
			return 0, 1
		}
		for _, name := range fieldNames(from, to) {
			x, y := a.field(name), b.field(name)
			if !x.is || !y.is {
				all++
				continue
			}
			s, n := w.shared(x, y)
			same, all = same+s, all+n
		}
		return same, all
	}
	from, ok := a.value.([]any)
	to, isList := b.value.([]any)
	if !ok && !isList {
		return w.scalars(a, b), 1
	}
	if !ok || !isList {
		return 0, 1
	}
	have := map[string]int{}
	for _, item := range from {
		have[textOf(item)]++
	}
	for _, item := range to {
		if text := textOf(item); have[text] > 0 {
			have[text]--
			same++
		}
	}
	if len(from) == len(to) && same == 0 && len(to) == 1 {
		return w.shared(a.item(0), b.item(0))
	}
	return same, float64(max(len(from), len(to)))
}

// scalars is how much two scalars have in common.
func (w *walker) scalars(a, b side) float64 {
	if w.equality(a, b, admission.Type{}) != "" || identical(a.value, b.value) {
		return 1
	}
	from, ok := a.value.(string)
	to, also := b.value.(string)
	if !ok || !also || from == "" || to == "" {
		return alikeFrom
	}
	return max(alikeFrom, overlap(from, to))
}
