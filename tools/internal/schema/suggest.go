package schema

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// suggest says of unknown fields which one their object has room for is nearly called the same.
func (s *kindSchema) suggest(b *bundle, doc []byte, violations []Violation) error {
	if !slices.ContainsFunc(violations, func(v Violation) bool { return v.holder != "" }) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.whole == nil {
		text, err := b.assemble(s.root, nil)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &s.whole); err != nil {
			return err
		}
	}
	var object any
	if err := yaml.Unmarshal(doc, &object); err != nil {
		return err
	}
	for i := range violations {
		v := &violations[i]
		_, pointer, ok := strings.Cut(v.holder, "#")
		if !ok || len(v.Path) == 0 {
			continue
		}
		_, holder := manifest.Follow(s.whole, manifest.Pointer(pointer)[1:])
		fields, _ := manifest.At(holder, "properties").(map[string]any)
		present, _ := manifest.At(object, v.Path[:len(v.Path)-1]...).(map[string]any)
		field, _ := v.Path[len(v.Path)-1].(string)
		if meant := nearest(field, slices.Sorted(maps.Keys(fields))); meant != "" {
			if _, taken := present[meant]; !taken {
				v.Meant = meant
			}
		}
	}
	return nil
}

// nearest is the one of names that is a typing error away from a name: a letter, two of a longer name, or capitals; "" for
// none, and where several are as near.
func nearest(name string, names []string) string {
	best, distance := "", 3
	for _, candidate := range names {
		d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(candidate))
		switch {
		case candidate == name || d == 1 && len(name) < 3 || d == 2 && len(name) < 6:
		case d < distance:
			best, distance = candidate, d
		case d == distance:
			best = ""
		}
	}
	return best
}
