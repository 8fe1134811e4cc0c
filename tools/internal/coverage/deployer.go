package coverage

import (
	"context"
	"fmt"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// Deployer is an object that has a directory of the repository deployed, or something that is not known.
type Deployer struct {
	Dir    string // "" where it is of another repository, or nobody here can tell which it is
	Object *manifest.Object
	Target *check.Target // that renders it; nil for one that stands in a file which no target reads
	Locate func(manifest.Path) manifest.Position
}

// FluxGroup is the API group of Flux Kustomizations.
const FluxGroup = "kustomize.toolkit.fluxcd.io"

// Deployers are the objects of targets that have a directory deployed, and those of files that these do not read, as files
// has them.
func Deployers(ctx context.Context, r *repo.Repo, files *kustomization.Files, targets []*check.Target) ([]Deployer, error) {
	t := newTree(r)
	t.files = files
	if err := t.walk(ctx, "."); err != nil {
		return nil, fmt.Errorf("look for what deploys what: %w", err)
	}
	read := map[string]bool{}
	for _, target := range targets {
		for _, file := range target.Reading.Files {
			read[file] = true
		}
	}
	var all []Deployer
	for _, d := range t.deployments(targets, read) {
		all = append(all, Deployer{Dir: d.dir, Object: d.object, Target: d.where.object.Target, Locate: d.locate})
	}
	resolved := map[*manifest.Object]bool{}
	for _, d := range all {
		resolved[d.Object] = true
	}
	for _, one := range t.telling {
		if !resolved[one.object] {
			all = append(all, Deployer{Object: one.object})
		}
	}
	return all, ctx.Err()
}
