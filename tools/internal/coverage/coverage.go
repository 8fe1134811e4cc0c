// Package coverage finds what a run has passed by: what an Application of the repository deploys and roots of the
// repository that none of the targets read.
package coverage

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// Group is that of the checks of this package.
const Group = "coverage"

// UnreadName is the check that finds an entry of `unread` that leaves nothing out, at the entry.
const UnreadName = Group + "/unread"

// Checks lists the checks of this package, for a repository. They are locked: who decides what need not be read names
// it under `unread` in kgate.yaml, with a reason.
func Checks(r *repo.Repo) []*check.Check {
	s := &surveyor{repository: r}
	checks := []*check.Check{deployed, fluxPathCheck, root, unread, environment}
	for i, c := range checks {
		checked := *c
		checked.Severity, checked.Scope, checked.Origin, checked.Locked = check.Error, check.Repository, "kgate", true
		checked.Sees = func(o *manifest.Object) bool {
			_, url := sourceAt(o)
			return url != "" || len(claimsOf(o)) > 0
		}
		checked.Run = func(ctx context.Context, pass *check.Pass) error {
			faults, err := s.survey(ctx, pass.Targets)
			if err != nil {
				return err
			}
			for _, f := range faults {
				if f.check == checked.Name {
					f.report(pass)
				}
			}
			return nil
		}
		checks[i] = &checked
	}
	return append(append(checks, configured(r)...), forgotten(r), refreshed(r))
}

// fault is something that a survey found.
type fault struct {
	check   string
	message string
	limit   bool // of kgate, and nobody's mistake

	// Where it stands: a field of a rendered object, or else a place of a file.
	object check.Field
	target string
	source manifest.Position
}

func (f fault) report(pass *check.Pass) {
	severity := pass.Check.Severity
	if f.limit {
		severity = check.Warning
	}
	if f.object.Object != nil {
		pass.ReportAs(severity, f.object.Target, f.object.Object, f.object.Path, f.message)
		return
	}
	pass.ReportTargetAs(severity, &check.Target{Path: f.target}, f.source, f.message)
}

// surveyor makes one survey for all checks of a run.
type surveyor struct {
	repository *repo.Repo

	mu     sync.Mutex
	of     **check.Target // tells a run, by the list that its passes share
	faults []fault
	err    error
}

func (s *surveyor) survey(ctx context.Context, targets []*check.Target) ([]fault, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of != &targets[0] {
		s.of = &targets[0]
		s.faults, s.err = survey(ctx, s.repository, targets)
	}
	return s.faults, s.err
}

// survey holds the repository, as it is now, against what targets read.
func survey(ctx context.Context, r *repo.Repo, targets []*check.Target) ([]fault, error) {
	targets = slices.DeleteFunc(slices.Clone(targets), func(t *check.Target) bool { return t.Reading.Unlisted })
	t, err := look(ctx, r)
	if err != nil {
		return nil, err
	}
	selection, _, _ := Select(ctx, r) // globs that name nothing leave nothing out
	read := read(targets)
	used := make([]bool, len(r.Config.Unread))
	// by tells whether an entry of `unread` speaks of one of the names, and remembers that it did.
	by := func(names ...string) bool {
		covered := false
		for i, u := range r.Config.Unread {
			if slices.ContainsFunc(names, u.Covers) {
				used[i], covered = true, true
			}
		}
		return covered
	}
	var faults []fault
	archives := t.archives(targets)
	for _, d := range t.deployments(targets, read.files) {
		if d.artifact {
			continue // it may be made of another repository
		}
		if f, lacks := archives.kept(d, targets); lacks && !by(d.dir, d.file) {
			faults = append(faults, f)
		}
		faults = append(faults, d.faults(slices.DeleteFunc(t.missed(ctx, d, read), func(m miss) bool { return by(d.names(m)...) }))...)
	}
	own := t.ownRepositories(t.claims)
	for _, c := range t.claims {
		// Who says that it is another repository's takes it out of the run.
		if f, of := t.namesake(ctx, c, read, own); of && !by(c.path, c.file) {
			faults = append(faults, f)
		}
	}
	for _, c := range t.lost() {
		if names := []string{c.path, c.file}; !by(names...) {
			f := c.where
			f.check, f.message = fluxPathCheck.Name, fmt.Sprintf("%s builds %s, which is not in this repository", c.by, named(c.path))
			faults = append(faults, f)
		}
	}
	for _, dir := range t.unreadRoots(read, func(dir string) bool { return by(dir) }) {
		faults = append(faults, fault{
			check: root.Name, target: dir, source: t.begin(t.roots[dir]),
			message: "no target and no other root reads " + named(dir),
		})
	}
	for _, e := range r.Config.Environments {
		// A target is of the first environment whose globs fit it.
		has := func(target string) bool { of := r.Config.Environment(target); return of != nil && of.Name == e.Name }
		rendered := slices.ContainsFunc(targets, func(t *check.Target) bool { return has(t.Path) })
		if !rendered && !slices.ContainsFunc(selection.Targets, has) {
			faults = append(faults, fault{
				check: environment.Name, target: e.Source.File, source: e.Source,
				message: fmt.Sprintf("no target is of the environment %q: what it is held to holds nowhere", e.Name),
			})
		}
	}
	for _, dir := range selection.LeftOut {
		by(dir)
	}
	for i, u := range r.Config.Unread {
		if !used[i] {
			faults = append(faults, fault{
				check: unread.Name, target: u.Source.File, source: u.Source,
				message: "unread: " + u.Path + " leaves nothing out: there is nothing below it that a run would have to read, or targets read it",
			})
		}
	}
	return faults, ctx.Err()
}

// reading is what the targets of a run read.
type reading struct{ files, layers, unchanged, charts map[string]bool }

func read(targets []*check.Target) reading {
	r := reading{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, t := range targets {
		for set, names := range map[*map[string]bool][]string{&r.files: t.Reading.Files, &r.layers: t.Reading.Layers, &r.unchanged: t.Reading.Unchanged, &r.charts: t.Reading.Charts} {
			for _, name := range names {
				(*set)[name] = true
			}
		}
	}
	return r
}

// named is a directory in a message.
func named(dir string) string {
	if dir == "." {
		return "the top of the repository"
	}
	return dir
}
