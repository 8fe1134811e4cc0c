// Package spelling finds the word that somebody meant.
package spelling

import (
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// most is how many letters may differ.
const most = 3

// Closest is the word that is nearly another one, the case of letters aside; empty when there is none. Half of the letters
// have to be the same: max is no misspelt min. Of words that are as close, it is the first by name.
func Closest(word string, known []string) string { return closest(word, known, 0) }

// closest is Closest where a word that another one begins with, and that is most of it, counts as so many letters off; 0 for as many as
// are missing.
func closest(word string, known []string, begun int) string {
	best, distance := "", most+1
	lower := strings.ToLower(word)
	for _, candidate := range slices.Sorted(slices.Values(known)) {
		d := levenshtein.ComputeDistance(lower, strings.ToLower(candidate))
		if begun > 0 && 2*len(word) > len(candidate) && strings.HasPrefix(strings.ToLower(candidate), lower) {
			d = min(d, begun)
		}
		if d < distance && 2*d <= len(word) {
			best, distance = candidate, d
		}
	}
	return best
}

// Slip is the word that another one is a slip of the pen away from: of four letters or more one differs or two have changed
// places, of eight or more two differ, or the case does. It is for words of which others may know more than those known here.
func Slip(word string, known []string) string {
	best := Closest(word, known)
	d := levenshtein.ComputeDistance(strings.ToLower(word), strings.ToLower(best))
	if d == 2 && swapped(strings.ToLower(word), strings.ToLower(best)) {
		d = 1
	}
	if best == "" || d == 1 && len(word) < 4 || d == 2 && len(word) < 8 || d > 2 {
		return ""
	}
	return best
}

// swapped reports words that differ by two letters beside each other which have changed places.
func swapped(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) - 1 {
		if a[i] != b[i] {
			return a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
		}
	}
	return false
}

// Meant is a question to put behind a message about a word that is not known, such as warn for warning; empty where none is close.
func Meant(word string, known []string) string {
	if best := closest(word, known, 1); best != "" {
		return "; did you mean `" + best + "`?"
	}
	return ""
}
