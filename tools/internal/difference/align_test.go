package difference

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestCommon holds what is common to being equal, in order, and on short lists as much as there is.
func TestCommon(t *testing.T) {
	for seed := range 3000 {
		r := rand.New(rand.NewPCG(uint64(seed), 18))
		size := 20
		if seed%100 == 0 {
			size = 4000 // more than are compared one by one
		}
		list := func() []int {
			numbers := make([]int, r.IntN(size))
			for i := range numbers {
				numbers[i] = r.IntN(1 + size/2)
			}
			return numbers
		}
		old := list()
		new := list()
		if r.IntN(2) == 0 {
			new = slices.Clone(old)
			for range 1 + r.IntN(5) {
				i := r.IntN(len(new) + 1)
				new = slices.Insert(new, i, -1-r.IntN(3))
				if i > 0 {
					new = slices.Delete(new, i-1, i)
				}
			}
		}
		matches := common(old, new)
		last := match{-1, -1}
		for _, m := range matches {
			if m.old <= last.old || m.new <= last.new || old[m.old] != new[m.new] {
				t.Fatalf("seed %d: %v of\n%v\n%v", seed, matches, old, new)
			}
			last = m
		}
		if want := longest(old, new); size == 20 && len(matches) != want {
			t.Fatalf("seed %d: %d matches of %d in\n%v\n%v", seed, len(matches), want, old, new)
		}
	}
}

// longest is the length of a longest common part of two lists.
func longest(old, new []int) int {
	best := make([][]int, len(old)+1)
	best[len(old)] = make([]int, len(new)+1)
	for i := len(old) - 1; i >= 0; i-- {
		best[i] = make([]int, len(new)+1)
		for j := len(new) - 1; j >= 0; j-- {
			best[i][j] = max(best[i+1][j], best[i][j+1])
			if old[i] == new[j] {
				best[i][j] = 1 + best[i+1][j+1]
			}
		}
	}
	return best[0][0]
}

// TestWholeTexts holds that the lines of a difference are those of both texts.
func TestWholeTexts(t *testing.T) {
	for seed := range 500 {
		r := rand.New(rand.NewPCG(uint64(seed), 19))
		text := func() string {
			var b strings.Builder
			for range r.IntN(12) {
				b.WriteString(strings.Repeat([]string{"a ", "b", "\r", ""}[r.IntN(4)], r.IntN(3)))
				b.WriteString("\n")
			}
			if r.IntN(3) == 0 {
				b.WriteString("end")
			}
			return b.String()
		}
		old, new := text(), text()
		var was, is strings.Builder
		for _, l := range Lines(old, new) {
			end := "\n"
			if l.Open {
				end = ""
			}
			if l.Old > 0 {
				was.WriteString(l.Text() + end)
			}
			if l.New > 0 {
				is.WriteString(l.Text() + end)
			}
		}
		if was.String() != old || is.String() != new {
			t.Fatalf("seed %d: got %q and %q, want %q and %q", seed, was.String(), is.String(), old, new)
		}
	}
}

// BenchmarkLines compares texts of one megabyte: one with some other lines, one in another order, and one of few different lines.
func BenchmarkLines(b *testing.B) {
	var lines []string
	for i := range 30000 {
		lines = append(lines, "line "+strconv.Itoa(i)+" of a long text with words\n")
	}
	join := func(lines []string) string { return strings.Join(lines, "") }
	some, shuffled, few := slices.Clone(lines), slices.Clone(lines), slices.Clone(lines)
	for i := range some {
		if i%100 == 0 {
			some[i] = "another line\n"
		}
	}
	r := rand.New(rand.NewPCG(1, 20))
	r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for i := range few {
		few[i] = strconv.Itoa(r.IntN(20)) + "\n"
	}
	fewer := slices.Clone(few)
	r.Shuffle(len(fewer), func(i, j int) { fewer[i], fewer[j] = fewer[j], fewer[i] })
	for _, test := range []struct{ name, old, new string }{
		{"some", join(lines), join(some)}, {"shuffled", join(lines), join(shuffled)}, {"few", join(few), join(fewer)},
		{"unlike", join(lines[:1000]), join(shuffled[:1000])},
	} {
		b.Run(test.name, func(b *testing.B) {
			for b.Loop() {
				Lines(test.old, test.new)
			}
		})
	}
}
