package gate

import (
	"context"
	"errors"

	"github.com/kgate-dev/gitops/tools/internal/changeset"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
)

// Foresee judges the repository as a set of files would make it, before they are written. worse is what there is to hold against
// the set: findings of checks that find more than in the repository as it is, and what could not be checked, where that is more
// than today. Findings of objects that only get another name are not held against it.
func Foresee(ctx context.Context, repository *repo.Repo, set *changeset.Set, options Options) (after, worse report.Report, err error) {
	foreseen, err := repository.Changed(set)
	if err != nil {
		return after, worse, err
	}
	run := func(r *repo.Repo) (out report.Report, err error) {
		g, err := Open(ctx, r, options)
		if err != nil {
			return out, err
		}
		defer func() { err = errors.Join(err, g.Close()) }()
		return g.Run(ctx)
	}
	if after, err = run(foreseen); err != nil {
		return after, worse, err
	}
	worse = after
	if len(after.Findings) == 0 && len(after.Errors) == 0 {
		return after, worse, nil
	}
	before, err := run(repository)
	if err != nil {
		return after, worse, err
	}
	worse.Findings = nil
	were, are := count(before), count(after)
	for _, f := range after.Findings {
		if are[f.Check] > were[f.Check] && !stood(before, f) {
			worse.Findings = append(worse.Findings, f)
		}
	}
	if len(after.Errors) <= len(before.Errors) {
		worse.Errors = nil
	}
	return after, worse, nil
}

// count is the findings of each check.
func count(r report.Report) map[string]int {
	counts := map[string]int{}
	for _, f := range r.Findings {
		counts[f.Check]++
	}
	return counts
}

// stood reports whether a finding is one of another run as well, wherever.
func stood(before report.Report, f check.Finding) bool {
	for _, was := range before.Findings {
		if was.Check == f.Check && was.Message == f.Message {
			return true
		}
	}
	return false
}
