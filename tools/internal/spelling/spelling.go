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
func Closest(word string, known []string) string {
	best, distance := "", most+1
	lower := strings.ToLower(word)
	for _, candidate := range slices.Sorted(slices.Values(known)) {
		if d := levenshtein.ComputeDistance(lower, strings.ToLower(candidate)); d < distance && 2*d <= len(word) {
			best, distance = candidate, d
		}
	}
	return best
}

// Meant is a question to put behind a message about a word that is not known; empty where none is close.
func Meant(word string, known []string) string {
	if best := Closest(word, known); best != "" {
		return "; did you mean `" + best + "`?"
	}
	return ""
}
