package gate

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/promotion"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/revision"
	"github.com/kgate-dev/gitops/tools/internal/transition"
)

// Past is what git knows of the repository of the gate; nil where it lies in none, or nothing is committed. begins is the commit
// that the change begins at, whose history then counts and not that of the change itself; "" for where the branch leaves the one that
// it is for, and the history of HEAD. borrowed are as of History.
func (g *Gate) Past(ctx context.Context, begins string, borrowed ...string) (transition.Past, error) {
	if g.repository.Git == "" {
		return nil, nil //nolint:nilnil // nobody knows the past
	}
	git, err := revision.Open(g.repository.Git, borrowed...)
	if err != nil {
		return nil, err
	}
	if _, _, err := git.Head(); err != nil {
		return nil, nil //nolint:nilerr,nilnil // as above
	}
	log, err := git.Log(ctx, cmp.Or(begins, "HEAD"))
	if err != nil {
		return nil, err
	}
	top, err := g.repository.Top()
	if err != nil {
		return nil, err
	}
	return &past{g.repository, git, promotion.NewHistory(log, top), top, begins, borrowed}, nil
}

type past struct {
	repository *repo.Repo
	git        *revision.Repository
	history    *promotion.History
	top        string
	begins     string
	borrowed   []string
}

func (p *past) Versions(ctx context.Context, image promotion.Image) (promotion.Trail, error) {
	return p.history.OfImage(ctx, image, nil)
}

func (p *past) References(ctx context.Context, image promotion.Image) (promotion.Trail, error) {
	return p.history.OfReference(ctx, image)
}

func (p *past) Image(ctx context.Context, name string, image promotion.Image) (was, is promotion.Reference, err error) {
	file := image.Said.Version().File
	now, err := p.repository.ReadFile(file)
	if err != nil {
		return was, is, err
	}
	then, err := p.read(ctx, name, file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return was, is, err
	}
	for _, side := range []struct {
		text []byte
		into *promotion.Reference
	}{{then, &was}, {now, &is}} {
		if documents, err := manifest.ParseDocuments(file, side.text); err == nil { // else it said nothing that anybody could read
			*side.into, _ = image.In(documents)
		}
	}
	return was, is, nil
}

// read is a file as a commit has it.
func (p *past) read(ctx context.Context, name, file string) ([]byte, error) {
	tree, err := p.git.Tree(ctx, name)
	if err != nil {
		return nil, err
	}
	return tree.ReadFile(path.Join(p.top, file))
}

func (p *past) Was(ctx context.Context, name string, s promotion.Scalar) (string, bool, error) {
	text, err := p.read(ctx, name, s.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", false, nil
	case err != nil:
		return "", false, err
	}
	documents, err := manifest.ParseDocuments(s.File, text)
	if err != nil {
		return "", false, nil //nolint:nilerr // it said nothing that anybody could read
	}
	found, ok := s.Address.Find(documents)
	return found.Text, ok, nil
}

func (p *past) Base(ctx context.Context) (string, error) {
	if p.begins == "" {
		before, _, err := repo.Sides(ctx, p.repository.Dir, "", "", p.borrowed...)
		if err != nil {
			return "", err
		}
		p.begins = before.Commit
	}
	return p.begins, nil
}

func (p *past) Dirty(ctx context.Context, file string) (bool, error) {
	then, err := p.read(ctx, "HEAD", file)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	now, err := p.repository.ReadFile(file)
	return err == nil && string(now) != string(then), err
}
