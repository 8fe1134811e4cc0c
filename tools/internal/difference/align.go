package difference

import (
	"sort"
	"strings"

	"github.com/sergi/go-diff/diffmatchpatch"
)

// rising are the indexes of a longest part of numbers that rises, of numbers that are all different.
func rising(numbers []int) []int {
	var ends []int // by length, the index of the smallest number that such a part ends with
	before := make([]int, len(numbers))
	for i, n := range numbers {
		at := sort.Search(len(ends), func(k int) bool { return numbers[ends[k]] >= n })
		before[i] = -1
		if at > 0 {
			before[i] = ends[at-1]
		}
		if at == len(ends) {
			ends = append(ends, i)
		} else {
			ends[at] = i
		}
	}
	if len(ends) == 0 {
		return nil
	}
	part := make([]int, len(ends))
	for k, i := len(ends)-1, ends[len(ends)-1]; k >= 0; k, i = k-1, before[i] {
		part[k] = i
	}
	return part
}

// mostTokens is how many items both of two lists together may have for the shortest edit between them to be looked for. Its cost
// grows with their product.
const mostTokens = 2048

// common matches equal items of two lists, in order, as many as possible; of long lists, first those that each has once.
func common(old, new []int) []match {
	var matches []match
	begin := 0
	for begin < len(old) && begin < len(new) && old[begin] == new[begin] {
		matches = append(matches, match{begin, begin})
		begin++
	}
	endOld, endNew := len(old), len(new)
	for endOld > begin && endNew > begin && old[endOld-1] == new[endNew-1] {
		endOld, endNew = endOld-1, endNew-1
	}
	matches = append(matches, middle(old[begin:endOld], new[begin:endNew], begin)...)
	for ; endOld < len(old); endOld, endNew = endOld+1, endNew+1 {
		matches = append(matches, match{endOld, endNew})
	}
	return matches
}

// middle is common of lists that begin and end with different items. From is added to every index.
func middle(old, new []int, from int) []match {
	// What only one list has matches nothing.
	keep := func(list, other []int) (indexes []int) {
		has := make(map[int]bool, len(other))
		for _, n := range other {
			has[n] = true
		}
		for i, n := range list {
			if has[n] {
				indexes = append(indexes, i)
			}
		}
		return indexes
	}
	x, y := keep(old, new), keep(new, old)
	if len(x) == 0 || len(y) == 0 {
		return nil
	}
	var matches []match
	if len(x)+len(y) > mostTokens {
		matches = anchored(old, new)
	} else {
		letters := map[int]rune{}
		text := func(list, indexes []int) []rune {
			runes := make([]rune, len(indexes))
			for k, i := range indexes {
				if _, known := letters[list[i]]; !known {
					letters[list[i]] = rune(len(letters) + 1) // mostTokens is below the runes that stand for none
				}
				runes[k] = letters[list[i]]
			}
			return runes
		}
		engine := diffmatchpatch.New()
		engine.DiffTimeout = 0 // the same on a slow machine
		i, j := 0, 0
		for _, d := range engine.DiffMainRunes(text(old, x), text(new, y), false) {
			n := len([]rune(d.Text))
			switch d.Type {
			case diffmatchpatch.DiffEqual:
				for range n {
					matches = append(matches, match{x[i], y[j]})
					i, j = i+1, j+1
				}
			case diffmatchpatch.DiffDelete:
				i += n
			case diffmatchpatch.DiffInsert:
				j += n
			}
		}
	}
	for k := range matches {
		matches[k].old, matches[k].new = matches[k].old+from, matches[k].new+from
	}
	return matches
}

// anchored matches items that each list has once, as far as they are in the same order, and what there is between them.
func anchored(old, new []int) []match {
	once := func(list []int) map[int]int {
		at := make(map[int]int, len(list))
		for i, n := range list {
			if _, twice := at[n]; twice {
				at[n] = -1
			} else {
				at[n] = i
			}
		}
		return at
	}
	inOld, inNew := once(old), once(new)
	var pairs []match
	var order []int
	for j, n := range new {
		if i, has := inOld[n]; has && i >= 0 && inNew[n] == j {
			pairs, order = append(pairs, match{i, j}), append(order, i)
		}
	}
	if len(pairs) == 0 {
		return nil
	}
	var matches []match
	from := match{0, 0}
	between := func(to match) {
		for _, m := range common(old[from.old:to.old], new[from.new:to.new]) {
			matches = append(matches, match{m.old + from.old, m.new + from.new})
		}
	}
	for _, at := range rising(order) {
		anchor := pairs[at]
		between(anchor)
		matches = append(matches, anchor)
		from = match{anchor.old + 1, anchor.new + 1}
	}
	between(match{len(old), len(new)})
	return matches
}

// ordered matches n items with m others, in order, so that the sum of their scores is the largest; 0 is no match. Where there are
// more than most pairs of them it matches none.
func ordered(n, m, most int, score func(i, j int) float64) []match {
	if n <= 0 || m <= 0 || n*m > most {
		return nil
	}
	scores := make([][]float64, n)
	best := make([][]float64, n+1) // of what follows from an item on
	best[n] = make([]float64, m+1)
	for i := range scores {
		scores[i] = make([]float64, m)
		for j := range scores[i] {
			scores[i][j] = score(i, j)
		}
	}
	for i := n - 1; i >= 0; i-- {
		best[i] = make([]float64, m+1)
		for j := m - 1; j >= 0; j-- {
			best[i][j] = max(best[i+1][j], best[i][j+1])
			if scores[i][j] > 0 {
				best[i][j] = max(best[i][j], scores[i][j]+best[i+1][j+1])
			}
		}
	}
	var matches []match
	for i, j := 0, 0; i < n && j < m; {
		switch {
		case scores[i][j] > 0 && best[i][j] == scores[i][j]+best[i+1][j+1]:
			matches = append(matches, match{i, j})
			i, j = i+1, j+1
		case best[i][j] == best[i+1][j]:
			i++
		default:
			j++
		}
	}
	return matches
}

// overlap is how much of two texts is the same at the beginning and the end, from 0 to 1.
func overlap(a, b string) float64 {
	longest := max(len(a), len(b))
	if longest == 0 {
		return 1
	}
	// A flag with another value is the same flag.
	if name, _, ok := strings.Cut(a, "="); ok && strings.HasPrefix(a, "-") && strings.HasPrefix(b, name+"=") {
		return 0.9
	}
	shortest := min(len(a), len(b))
	begin := 0
	for begin < shortest && a[begin] == b[begin] {
		begin++
	}
	end := 0
	for end < shortest-begin && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	return float64(begin+end) / float64(longest)
}
