package repo

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/kgate-dev/gitops/tools/internal/revision"
)

// Side is the repository as one side of a comparison has it.
type Side struct {
	*Repo
	Name   string         // as messages call it: a revision, or the working tree
	Commit string         // "" for the working tree
	Tree   *revision.Tree // nil for the working tree
}

// WorkingTree is what messages call the files as they lie there.
const WorkingTree = "the working tree"

// Trunks are the branches that a change is compared with where nobody names one: the first that there is.
func Trunks() []string { return []string{"main", "master", "origin/main", "origin/master"} }

// Sides are what a change is from and to, as of a pull request: base is a revision, "" for the one that kgate.yaml or else a
// habit of git names, and the side before is where head's history leaves it. head is a revision, or "" for the working tree.
// Both begin where head's does, and nothing is written. objects are as of OpenAt.
func Sides(ctx context.Context, dir, base, head string, objects ...string) (before, after *Side, err error) {
	found, err := find(dir)
	if err != nil {
		return nil, nil, err
	}
	if found.git == "" {
		return nil, nil, fmt.Errorf("%s lies in no git repository: run kgate in a clone", found.dir)
	}
	git, err := revision.Open(found.git, objects...)
	if err != nil {
		return nil, nil, err
	}
	top := ""
	if head == "" {
		r, err := Open(dir)
		if err != nil {
			return nil, nil, err
		}
		after = &Side{Repo: r, Name: WorkingTree}
		if top, err = after.Top(); err != nil {
			return nil, nil, err
		}
	} else {
		tree, at, err := found.treeOf(ctx, git, head)
		if err != nil {
			return nil, nil, fmt.Errorf("read %s: %w", short(head), err)
		}
		if after, err = sideOf(found, tree, short(head), at); err != nil {
			return nil, nil, err
		}
		top = at
	}
	if base == "" {
		if base, err = trunk(ctx, git, after.Config); err != nil {
			return nil, nil, err
		}
	}
	from := head
	if from == "" {
		from = "HEAD"
	}
	commit, err := git.MergeBase(ctx, base, from)
	if err != nil {
		return nil, nil, err
	}
	tree, err := git.Tree(ctx, commit)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", short(base), err)
	}
	before, err = sideOf(found, tree, short(base), top)
	return before, after, err
}

// Checkout is the branch and the commit that the repository is checked out from; "" for what nobody knows.
func (r *Repo) Checkout() (branch, commit string) {
	if r.Git == "" {
		return "", ""
	}
	git, err := revision.Open(r.Git)
	if err != nil {
		return "", ""
	}
	branch, commit, _ = git.Head() // a repository that has no commit yet has none to name
	return branch, commit
}

// sideOf is the repository as a commit has it.
func sideOf(found surroundings, tree *revision.Tree, name, top string) (*Side, error) {
	side := &Side{Name: name, Commit: tree.Commit, Tree: tree}
	files, err := fs.Sub(tree, top)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if _, err := fs.Stat(tree, top); errors.Is(err, fs.ErrNotExist) {
		files = embed.FS{} // the change makes the directory: there was no file
	}
	side.Repo = &Repo{Dir: filepath.Join(found.git, filepath.FromSlash(top)), FS: files, Git: found.git}
	if side.Config, err = LoadConfig(files); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return side, nil
}

// trunk is the revision that a change is compared with.
func trunk(ctx context.Context, git *revision.Repository, config Config) (string, error) {
	if config.CompareWith.Text != "" {
		if _, err := git.Tree(ctx, config.CompareWith.Text); err != nil {
			return "", fmt.Errorf("%s: compareWith: %w", config.CompareWith.Source, err)
		}
		return config.CompareWith.Text, nil
	}
	for _, name := range Trunks() {
		if _, err := git.Tree(ctx, name); err == nil {
			return name, nil
		}
	}
	if _, err := git.Tree(ctx, "HEAD"); errors.Is(err, revision.ErrNoCommit) {
		return "", fmt.Errorf("there is nothing to compare with: %w", err)
	}
	return "", fmt.Errorf("the repository has no branch %s: name the revision to compare with, as `kgate diff HEAD~1`, or in kgate.yaml, as `compareWith: origin/trunk`", Trunks()[0])
}
