package coverage

import (
	"context"
	"slices"
	"sync"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// Fed are, by file that generators of ApplicationSets read, the directories that the Applications which they make deploy: as the
// files of the repository have the ApplicationSets, before anything is rendered. It is no error that one cannot be told.
func Fed(ctx context.Context, r *repo.Repo) (map[string][]string, error) {
	t, err := look(ctx, r)
	if err != nil {
		return nil, err
	}
	t.deployments(nil, nil)
	f := &finding{tree: t, own: t.ownRepositories(t.claims)}
	if f.clusters, err = Clusters(r); err != nil {
		return nil, err
	}
	listed := sync.OnceValues(func() ([]string, error) { return t.listFiles(ctx) })
	fed := map[string][]string{}
	for _, one := range t.telling {
		if one.object.Kind != "ApplicationSet" || one.object.Group() != "argoproj.io" {
			continue
		}
		f.reads = map[string]bool{}
		made, _ := f.generate(ctx, one.object, listed)
		for _, a := range made {
			for _, field := range sourceFields(a.Value) {
				dir, isPath := clean(manifest.TextAt(a.Value, append(slices.Clone(field), "path")...))
				real, here := t.real(dir)
				if !isPath || !here {
					continue
				}
				for file := range f.reads {
					if !slices.Contains(fed[file], real) {
						fed[file] = append(fed[file], real)
					}
				}
			}
		}
	}
	return fed, ctx.Err()
}
