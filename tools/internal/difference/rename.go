package difference

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Rename is an object that has another name or namespace than it had. To a cluster it is another object all the same.
type Rename struct {
	Old, New *manifest.Object
	Score    float64 // how much of what the two say is the same, from 0 to 1
}

// renamedFrom is the score from which a removed and an added object are one.
const renamedFrom = 0.6

// Match finds, of removed and added objects, those that are the same under another name: of one group and kind, with nearly the
// same content. The best come first, and each object is in one at most. What is in few words anyway is not taken for the same,
// unless it has its name in another namespace.
func Match(removed, added []*manifest.Object) []Rename {
	type kind struct{ group, kind string }
	type group struct{ old, new []leaves }
	groups := map[kind]*group{}
	var order []kind
	of := func(o *manifest.Object) *group {
		k := kind{o.Group(), o.Kind}
		if groups[k] == nil {
			groups[k] = &group{}
			order = append(order, k)
		}
		return groups[k]
	}
	for _, o := range removed {
		g := of(o)
		g.old = append(g.old, leavesOf(o))
	}
	for _, o := range added {
		g := of(o)
		g.new = append(g.new, leavesOf(o))
	}
	var all []Rename
	for _, k := range order {
		all = append(all, renames(groups[k].old, groups[k].new)...)
	}
	slices.SortStableFunc(all, compareRenames)
	return all
}

func compareRenames(a, b Rename) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), a.Old.Compare(b.Old.ID), a.New.Compare(b.New.ID))
}

// mostCandidates is how many objects of the other side one is compared with for a thing that they say alike.
const mostCandidates = 32

// renames matches objects of one kind.
func renames(old, new []leaves) []Rename {
	// Who says what: by it those are found that are worth comparing.
	says := map[leaf][]int{}
	for i, o := range old {
		for l := range o.count {
			says[l] = append(says[l], i)
		}
	}
	named := map[string][]int{}
	for i, o := range old {
		named[o.object.Name] = append(named[o.object.Name], i)
	}
	var pairs []Rename
	for _, n := range new {
		candidates := map[int]bool{}
		add := func(of []int) {
			if len(of) > mostCandidates {
				// Those of one name, or else in order: of what many say alike the first are as good as any.
				of = of[:mostCandidates]
			}
			for _, i := range of {
				candidates[i] = true
			}
		}
		add(named[n.object.Name])
		for l := range n.count {
			if len(says[l]) <= mostCandidates {
				add(says[l])
			}
		}
		if len(candidates) == 0 {
			for l := range n.count {
				add(says[l])
			}
		}
		for i := range candidates {
			if score, ok := likenessOf(old[i], n); ok {
				pairs = append(pairs, Rename{old[i].object, n.object, score})
			}
		}
	}
	slices.SortFunc(pairs, func(a, b Rename) int {
		// Of several that are as like, the one that kept its name.
		kept := func(r Rename) int {
			if r.Old.Name == r.New.Name {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(kept(a), kept(b)), compareRenames(a, b))
	})
	taken := map[*manifest.Object]bool{}
	var matched []Rename
	for _, p := range pairs {
		if !taken[p.Old] && !taken[p.New] {
			taken[p.Old], taken[p.New] = true, true
			matched = append(matched, p)
		}
	}
	return matched
}

// leaf is a value at a path, or a line of a text: a digest of both.
type leaf [16]byte

// leaves are what an object says, but for its name.
type leaves struct {
	object *manifest.Object
	count  map[leaf]int
	total  int
	words  int // the length of it all
}

func leavesOf(o *manifest.Object) leaves {
	l := leaves{object: o, count: map[leaf]int{}}
	l.collect(o.Value, nil, "")
	return l
}

// collect adds what a value says. At is its path, field the names in it: items of lists are the same wherever they are.
func (l *leaves) collect(value any, at manifest.Path, field string) {
	if len(l.object.Unknown) > 0 && l.object.Hides(at) {
		return
	}
	switch v := value.(type) {
	case map[string]any:
		for _, name := range fieldNames(v) {
			below := field + "\x00" + name
			switch below {
			case "\x00apiVersion", "\x00kind", "\x00status", "\x00metadata\x00name", "\x00metadata\x00namespace":
				continue
			}
			l.collect(v[name], step(at, name), below)
		}
	case []any:
		for i, item := range v {
			l.collect(item, step(at, i), field+"\x00\x00")
		}
	case string:
		for line := range strings.Lines(l.plain(v)) {
			l.add(field, line)
		}
	default:
		l.add(field, textOf(v))
	}
}

// plain is a text without the name of the object, which labels and selectors often repeat.
func (l *leaves) plain(text string) string {
	if name := l.object.Name; len(name) > 2 {
		text = strings.ReplaceAll(text, name, "\x00name")
	}
	if namespace := l.object.Namespace; len(namespace) > 2 {
		text = strings.ReplaceAll(text, namespace, "\x00namespace")
	}
	return text
}

func (l *leaves) add(field, text string) {
	sum := sha256.Sum256([]byte(strconv.Itoa(len(field)) + field + text))
	l.count[leaf(sum[:16])]++
	l.total++
	l.words += len(text)
}

// The least that two objects with different names have to say to be told from others.
const (
	fewest   = 3  // things
	shortest = 32 // bytes, where it is fewer
)

// likenessOf is how much of what two objects say is the same, and whether that makes them one.
func likenessOf(a, b leaves) (float64, bool) {
	if a.total+b.total == 0 {
		return 1, a.object.Name == b.object.Name
	}
	common := 0
	for l, n := range b.count {
		common += min(n, a.count[l])
	}
	score := 2 * float64(common) / float64(a.total+b.total)
	if a.object.Name != b.object.Name && common < fewest && min(a.words, b.words) < shortest {
		return score, false
	}
	return score, score >= renamedFrom
}
