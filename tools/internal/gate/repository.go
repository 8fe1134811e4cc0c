package gate

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// Locate opens the repository that the arguments of a command lie in and turns them into targets of it: the one around the
// working directory, or else the one around the first argument. Its configuration is that of a git revision, or of the
// working tree for ""; objects are folders of git's objects besides those of the repository.
func Locate(ctx context.Context, args []string, revision string, objects ...string) (*repo.Repo, []string, error) {
	defer activity.Begin(ctx, "reading the configuration, the rules and the list of kustomizations")()
	open := repo.Open
	if revision != "" {
		open = func(dir string) (*repo.Repo, error) { return repo.OpenAt(ctx, dir, revision, objects...) }
	}
	repository, err := open(".")
	if err != nil {
		return nil, nil, err
	}
	var targets []string
	for _, arg := range args {
		target := kustomization.Stdin
		if arg != kustomization.Stdin {
			if _, err := os.Stat(arg); err != nil {
				return nil, nil, err
			}
			target, err = repository.Relative(arg)
			if err != nil && targets == nil && !within(repository.Dir, arg) {
				if repository, err = open(containing(arg)); err == nil {
					target, err = repository.Relative(arg)
				}
			}
			if err != nil {
				return nil, nil, err
			}
		}
		if !slices.Contains(targets, target) {
			targets = append(targets, target)
		}
	}
	return repository, targets, nil
}

// within reports a path that is written inside a directory, wherever a symbolic link then leads.
func within(dir, path string) bool {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	relative, err := filepath.Rel(dir, absolute)
	return err == nil && filepath.IsLocal(relative)
}

func containing(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return path
	}
	return filepath.Dir(path)
}
