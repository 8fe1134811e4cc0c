package gate

import (
	"context"
	"errors"
	"fmt"

	"github.com/kgate-dev/gitops/tools/internal/amendment"
	"github.com/kgate-dev/gitops/tools/internal/changeset"
	"github.com/kgate-dev/gitops/tools/internal/promotion"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
	"github.com/kgate-dev/gitops/tools/internal/transition"
)

// Rendering opens a gate that renders and judges nothing. It must be closed.
func Rendering(ctx context.Context, repository *repo.Repo) (*Gate, error) {
	return Open(ctx, repository, Options{Unjudged: true, Bare: true})
}

// TableOf says what runs where in a repository.
func TableOf(ctx context.Context, repository *repo.Repo) (table promotion.Table, err error) {
	g, err := Rendering(ctx, repository)
	if err != nil {
		return table, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	return g.Promotion(ctx)
}

// Rehearse renders and judges a repository as files will leave it, and compares that with what it is: nothing is written. It fails
// where the moves do not lead to what they are for.
func Rehearse(ctx context.Context, repository *repo.Repo, moves []transition.Move, files []amendment.File, options Options) (report.Report, error) {
	var set changeset.Set
	for _, f := range files {
		set.Write(f.Name, changeset.File{Text: f.New})
	}
	after, err := repository.Changed(&set)
	if err != nil {
		return report.Report{}, err
	}
	table, err := TableOf(ctx, after)
	if err != nil {
		return report.Report{}, fmt.Errorf("render what it leads to: %w", err)
	}
	if err := transition.Arrived(table, moves); err != nil {
		return report.Report{}, err
	}
	before := &repo.Side{Repo: repository, Name: repo.WorkingTree}
	return Compare(ctx, before, &repo.Side{Repo: after, Name: "the result"}, options)
}
