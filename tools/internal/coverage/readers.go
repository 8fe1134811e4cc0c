package coverage

import (
	"context"
	"slices"

	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// Readers are, by directory of a kustomization, those that list it. A Component stands for what it lists: it does that to
// the objects of whoever lists the Component.
func Readers(ctx context.Context, r *repo.Repo) (map[string][]string, error) {
	t, err := look(ctx, r)
	if err != nil {
		return nil, err
	}
	readers := map[string][]string{}
	for dir := range t.roots {
		if t.isComponent(dir) {
			continue
		}
		var follow func(from string)
		follow = func(from string) {
			for _, below := range t.below(from) {
				if slices.Contains(readers[below], dir) {
					continue
				}
				readers[below] = append(readers[below], dir)
				if t.isComponent(below) {
					follow(below)
				}
			}
		}
		follow(dir)
	}
	return readers, nil
}
