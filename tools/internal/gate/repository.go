package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
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
			tree := repo.TreeOf(arg) // of an Application's charts
			_, err := os.Stat(arg)
			if err == nil {
				tree = ""
			}
			for ; tree != ""; tree = repo.TreeOf(tree) {
				if _, statErr := os.Stat(tree); statErr == nil {
					err = nil
					break
				}
			}
			if err != nil {
				return nil, nil, fmt.Errorf("%w%s", unreadable(arg, err), spelling.Meant(arg, near(ctx, repository, arg)))
			}
			named := cmp.Or(tree, arg)
			target, err = repository.Relative(named)
			if err != nil && targets == nil && !within(repository.Dir, named) {
				if repository, err = open(containing(named)); err == nil {
					target, err = repository.Relative(named)
				}
			}
			if err != nil {
				return nil, nil, err
			}
			target += strings.TrimPrefix(arg, named)
		}
		if !slices.Contains(targets, target) {
			targets = append(targets, target)
		}
	}
	return repository, targets, nil
}

// unreadable is what keeps a path from being looked at, without the name of a system call.
func unreadable(name string, err error) error {
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
		err = failed.Err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// near are the paths that somebody may have meant by one that is not there: what lies beside the first part of it that is
// missing, and the targets that kgate.yaml names.
func near(ctx context.Context, repository *repo.Repo, arg string) []string {
	const most = 10_000
	var paths []string
	missing, rest := filepath.Clean(arg), ""
	for {
		if _, err := os.Stat(filepath.Dir(missing)); err == nil || missing == filepath.Dir(missing) {
			break
		}
		missing, rest = filepath.Dir(missing), filepath.Join(filepath.Base(missing), rest)
	}
	entries, _ := os.ReadDir(filepath.Dir(missing)) // what cannot be read has no names
	for _, entry := range entries[:min(len(entries), most)] {
		path := filepath.Join(filepath.Dir(missing), entry.Name(), rest)
		if _, err := os.Stat(path); err == nil {
			paths = append(paths, path)
		}
	}
	if repository.Config.Targets == nil {
		return paths
	}
	selection, _ := repository.Select(ctx) // globs that name nothing name nothing that is near
	for _, target := range selection.Targets {
		if path, err := relativeTo(repository.Dir, target); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

// relativeTo is a path of the repository as the working directory has it.
func relativeTo(dir, path string) (string, error) {
	here, err := repo.Resolve(".")
	if err != nil {
		return "", err
	}
	return filepath.Rel(here, filepath.Join(dir, filepath.FromSlash(path)))
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
