// Package example makes of a check's example the repository that it shows, in memory.
package example

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/policy"
	"github.com/kgate-dev/gitops/tools/internal/provenance"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// Repository is what an example shows: its overlays and its Argo CD tree, or else its manifests.
type Repository struct {
	*repo.Repo
	Paths []string // of its targets
}

// Open reads an example as check.Check has it.
func Open(text string) (*Repository, error) {
	var archive txtar.Archive
	var overlays, manifests []string
	for _, file := range check.ExampleFiles(text) {
		archive.Files = append(archive.Files, txtar.File{Name: file.Name, Data: []byte(file.Text)})
		dir, base := path.Split(path.Clean(file.Name))
		dir = path.Clean(dir)
		switch {
		case base == "kustomization.yaml" && (path.Dir(dir) == "overlays" || dir == "argocd"):
			overlays = append(overlays, dir)
		case file.Name != repo.ConfigFile && file.Name != repo.BaselineFile:
			manifests = append(manifests, file.Name)
		}
	}
	files, err := txtar.FS(&archive)
	if err != nil {
		return nil, fmt.Errorf("read the example: %w", err)
	}
	return open(files, overlays, manifests)
}

func open(files fs.FS, overlays, manifests []string) (*Repository, error) {
	config, err := repo.LoadConfig(files)
	if err != nil {
		return nil, err
	}
	r := &Repository{Repo: &repo.Repo{FS: files, Config: config}, Paths: manifests}
	if overlays != nil {
		r.Paths = overlays
	}
	return r, nil
}

// Scene renders an example for rules.
func Scene(ctx context.Context, text string) (policy.Scene, error) {
	repository, err := Open(text)
	if err != nil {
		return policy.Scene{}, err
	}
	roots, err := repository.Roots(ctx)
	if err != nil {
		return policy.Scene{}, err
	}
	scene := policy.Scene{Facts: policy.Facts{External: repository.Config.External, Roots: roots, Files: repository.FS}}
	renderer := kustomization.New(repository.FS, strings.NewReader(""))
	for _, target := range repository.Paths {
		end := activity.Begin(ctx, "rendering the example %s", target)
		result, err := renderer.Render(ctx, target)
		end()
		if err != nil {
			return policy.Scene{}, err
		}
		scene.Targets = append(scene.Targets, &check.Target{
			Path: result.Path, Environment: repository.Config.Environment(result.Path), Objects: result.Objects,
			Locate: provenance.New(result, nil).Locate,
		})
	}
	return scene, nil
}
