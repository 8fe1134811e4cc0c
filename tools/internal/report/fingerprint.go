package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
)

var digits = regexp.MustCompile(`[0-9]+`)

// fingerprints are what findings are known by from one run to the next, in their order. A fingerprint is made of the
// check, the file, the object, the field and what is written on the line, so it survives edits elsewhere: line numbers,
// indexes of lists and figures in messages are not in it. Where an object has one fault several times over, the
// fingerprints end in the number of each, from top to bottom.
func (s *sources) fingerprints(findings []check.Finding) []string {
	keys := make([]string, len(findings))
	order := make([]int, len(findings))
	for i, f := range findings {
		keys[i], order[i] = s.fingerprint(f), i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := findings[a].Source, findings[b].Source
		return cmp.Or(cmp.Compare(x.Line, y.Line), cmp.Compare(x.Column, y.Column),
			cmp.Compare(findings[a].Path.String(), findings[b].Path.String()))
	})
	seen := map[string]int{}
	for _, i := range order {
		seen[keys[i]]++
		keys[i] = fmt.Sprintf("%s:%d", keys[i], seen[keys[i]])
	}
	return keys
}

func (s *sources) fingerprint(f check.Finding) string {
	file := f.Source.File
	if s.revision != "" {
		file = strings.TrimSuffix(file, s.revision) // it is called by another name in another job
	}
	parts := []string{f.Check, file}
	if f.Source.Line == 0 { // not merged with those of other targets
		parts = append(parts, f.Target)
	}
	if f.Object != nil {
		parts = append(parts, f.Object.APIVersion, f.Object.Kind, f.Object.Namespace, f.Object.Name)
	}
	for _, step := range f.Path {
		if key, ok := step.(string); ok {
			parts = append(parts, key)
		}
	}
	parts = append(parts, digits.ReplaceAllString(f.Message, "0"), s.gist(f.Source))
	sum := sha256.New()
	for _, part := range parts {
		_, _ = fmt.Fprintf(sum, "%d:%s,", len(part), part) // a hash takes everything
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// hashed is how many characters, blanks left out, one of lineHashes is made of.
const hashed = 100

// lineHashes are the fingerprints that github/codeql-action gives to the lines of a text where a SARIF file has none,
// and that code scanning alone goes by: a polynomial over the characters from the line's beginning on, and the number
// of lines so far that hash to the same. The action warns of each result that says something else.
func lineHashes(text string) []string {
	const base, end = 37, 0xffff
	var units []uint64
	var starts []int
	begins := true
	add := func(unit uint64) {
		if begins {
			starts = append(starts, len(units))
		}
		units, begins = append(units, unit), unit == '\n'
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	for _, r := range text {
		switch {
		case r == ' ' || r == '\t':
		case r == '\r':
			add('\n')
		case r > 0xffff: // as UTF-16 has it
			add(uint64(0xd800 + (r-0x10000)>>10))
			add(uint64(0xdc00 + (r-0x10000)&0x3ff))
		default:
			add(uint64(r))
		}
	}
	add(end)
	units = append(units, make([]uint64, hashed)...)
	hashes := make([]string, len(starts))
	seen := map[uint64]int{}
	for i, start := range starts {
		var hash uint64
		for _, unit := range units[start : start+hashed] {
			hash = hash*base + unit
		}
		seen[hash]++
		hashes[i] = fmt.Sprintf("%x:%d", hash, seen[hash])
	}
	return hashes
}
