package gate

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/promotion"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/revision"
)

// Promotion renders the targets of the gate that are of an environment, and says what runs where. Targets that cannot be
// rendered are in the error; the table is of the rest.
func (g *Gate) Promotion(ctx context.Context) (promotion.Table, error) {
	defer activity.Begin(ctx, "putting services and environments together")()
	// The chart of an Application is a service by itself, whose version the Application says.
	paths := slices.DeleteFunc(slices.Clone(g.paths), func(path string) bool {
		return g.repository.Config.Environment(path) == nil || repo.TreeOf(path) != ""
	})
	var mu sync.Mutex
	targets := make([]*check.Target, len(paths))
	var failed []error
	err := g.each(ctx, paths, func(ctx context.Context, i int, path string) error {
		t, err := g.Render(ctx, path)
		if err == nil {
			targets[i] = &t.Target
		}
		return err
	}, func(_ int, err error) {
		mu.Lock()
		defer mu.Unlock()
		failed = append(failed, err)
	})
	if err != nil {
		return promotion.Table{}, err
	}
	targets = slices.DeleteFunc(targets, func(t *check.Target) bool { return t == nil })
	return promotion.Of(targets, g.repository.Config, g.renderer.Files().Documents), errors.Join(failed...)
}

// History is what tells since when files of the repository say what they say; nil where it lies in no git repository.
// borrowed are folders of git's objects besides those of the repository.
func (g *Gate) History(ctx context.Context, borrowed ...string) (*promotion.History, error) {
	if g.repository.Git == "" {
		return nil, nil //nolint:nilnil // nobody knows the past
	}
	top, err := g.repository.Top()
	if err != nil {
		return nil, err
	}
	git, err := revision.Open(g.repository.Git, borrowed...)
	if err != nil {
		return nil, err
	}
	log, err := git.Log(ctx, "HEAD")
	if err != nil {
		return nil, err
	}
	return promotion.NewHistory(log, top), nil
}

// runs is what runs where, for a report that has the whole of its targets; nil for another, and where environments have no
// service. What git does not tell is in it.
func (g *Gate) runs(ctx context.Context, outcomes []outcome, renderer *kustomization.Renderer) (*promotion.Status, error) {
	if !g.options.Whole {
		return nil, nil //nolint:nilnil // nobody shows it
	}
	var targets []*check.Target
	for _, o := range outcomes {
		if o.target != nil && o.target.Environment != nil && repo.TreeOf(o.path) == "" {
			targets = append(targets, o.target)
		}
	}
	table := promotion.Of(targets, g.repository.Config, renderer.Files().Documents)
	if len(table.Services) == 0 {
		return nil, nil //nolint:nilnil // there is nothing to show
	}
	history, failed := g.History(ctx)
	status, err := promotion.StatusOf(ctx, table, nil, history)
	if err != nil && history != nil && ctx.Err() == nil {
		failed = err // the objects of git cannot be read: the page is no worse for it
		status, err = promotion.StatusOf(ctx, table, nil, nil)
	}
	if err != nil {
		return nil, err
	}
	if failed != nil {
		status.Past = failed.Error()
	}
	return &status, nil
}
