package gate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// carry lets those of the exemptions that objects carry count that may, and says which do not.
func (g *Gate) carry(ctx context.Context, carried []check.Exemption) ([]check.Exemption, []report.Note) {
	refuse := func(exemptions []check.Exemption, why string) []report.Note {
		var notes []report.Note
		for _, e := range exemptions {
			notes = append(notes, report.Note{About: "exemptions", Source: e.Source, Message: fmt.Sprintf("the %s from %s %s", check.ExemptionAnnotation, e.Check, why)})
		}
		return notes
	}
	switch base := g.repository.Base; {
	case len(carried) == 0:
		return nil, nil
	case g.options.NoObjectExemptions:
		return nil, refuse(carried, "lets nothing pass: --no-object-exemptions")
	case g.repository.Config.CarryNone:
		return nil, refuse(carried, "lets nothing pass: kgate.yaml says `objectExemptions: false`")
	case base != nil:
		kept, refused := base.Carried(ctx, carried, g.known, Renderer(ctx, base.Repository(), strings.NewReader(""), g.options.LoadRestrictionsNone))
		return kept, refuse(refused, fmt.Sprintf("is not in %s and lets nothing pass", base.Name()))
	}
	return carried, nil
}

// notes says how the run came to its configuration, where somebody might take it for another.
func (g *Gate) notes() []report.Note {
	var notes []report.Note
	note := func(format string, args ...any) {
		notes = append(notes, report.Note{About: "configuration", Message: fmt.Sprintf(format, args...)})
	}
	for _, path := range g.repository.Ignored {
		note("%s rules nothing here: it is above a directory that is no repository of its owner's; run kgate where it lies", path)
	}
	base := g.repository.Base
	if base == nil {
		return notes
	}
	const enough = 12 // of a commit's name
	switch {
	case base.Missing && base.Differs():
		note("%s (%s) has no %s: nothing is exempt and the default targets are checked, until the one of this change is merged",
			base.Name(), base.Commit[:enough], repo.ConfigFile)
	case base.Missing:
		note("%s (%s) has no %s: nothing is exempt and the default targets are checked", base.Name(), base.Commit[:enough], repo.ConfigFile)
	case base.Differs():
		note("%s differs from that of %s (%s), which holds until this change is merged", repo.ConfigFile, base.Name(), base.Commit[:enough])
	}
	return notes
}

// faultsOfOwn are what is wrong with the kgate.yaml of the working tree where that of a revision holds: merged, it would
// fail every run.
func (g *Gate) faultsOfOwn(plan check.Plan) []report.Failure {
	base := g.repository.Base
	if base == nil || !base.Differs() {
		return nil
	}
	err := base.OwnErr
	if err == nil {
		err = repo.CheckExemptions(base.Own.Exemptions, g.known)
		latest := base.Own.LatestExpiry(plan.Now)
		for _, e := range base.Own.Exemptions {
			if e.Expires.After(latest) {
				err = errors.Join(err, &manifest.SyntaxError{Position: e.Source, Message: fmt.Sprintf(
					"the exemption from %s ends with %s; the last day that one may have today is %s", e.Check, e.Expires.Format(time.DateOnly), latest.Format(time.DateOnly))})
			}
		}
	}
	if err == nil {
		return nil
	}
	return Failures("", err)
}

// faultsOfLock are what is wrong with the lock file of copies, which no target need have read. Where one has, it says so itself.
func (g *Gate) faultsOfLock(outcomes []outcome) []report.Failure {
	_, err := vendored.ReadLock(g.repository.FS)
	if err == nil || slices.ContainsFunc(outcomes, func(o outcome) bool { return o.err != nil && strings.Contains(o.err.Error(), err.Error()) }) {
		return nil
	}
	return Failures("", err)
}

// leftOut says what a run over every target leaves out. An entry that leaves nothing out is a finding and no note.
func (g *Gate) leftOut(findings []check.Finding) []report.Note {
	var notes []report.Note
	for _, u := range g.repository.Config.Unread {
		if slices.ContainsFunc(findings, func(f check.Finding) bool { return f.Check == coverage.UnreadName && f.Source == u.Source }) {
			continue
		}
		notes = append(notes, report.Note{About: "unread", Source: u.Source, Message: fmt.Sprintf("%s is not read (%s): %s", u.Path, u.Owner, u.Reason)})
	}
	for _, dir := range g.empty {
		notes = append(notes, report.Note{
			About: "empty", Source: manifest.Position{File: dir}, Message: "targets name this directory, and it holds neither a kustomization nor a manifest",
		})
	}
	return notes
}

// placeholders says which names have another hash in the cluster: it is of values that are encrypted here.
func placeholders(outcomes []outcome) []report.Note {
	const most = 3
	var names []string
	for _, o := range outcomes {
		for _, id := range o.hashed {
			if name := id.String(); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	said := strings.Join(names[:min(len(names), most)], ", ")
	if more := len(names) - most; more > 0 {
		said += fmt.Sprintf(" and %d more", more)
	}
	return []report.Note{{About: "encrypted", Message: "the hash in a name is of what is encrypted, and another in the cluster: " + said}}
}

// passedOver says which files of directories of manifests hold none.
func passedOver(outcomes []outcome) []report.Note {
	return unread(outcomes, func(o outcome) []string { return o.other }, "files that hold no manifest, or a template of one, are passed over")
}

// unwritten says which files of charts hold objects that the charts do not render.
func unwritten(outcomes []outcome) []report.Note {
	return unread(outcomes, func(o outcome) []string { return o.unwritten }, "files of charts hold objects as they stand, which the charts do not render: nothing in them was checked")
}

// left says what of directories of manifests is not taken by what deploys them.
func left(outcomes []outcome) []report.Note {
	return unread(outcomes, func(o outcome) []string { return o.left }, "what deploys these directories does not take all of them, and the rest is not read")
}

// unread is a note about paths of several targets, each once; none where there are none.
func unread(outcomes []outcome, of func(outcome) []string, said string) []report.Note {
	var paths []string
	for _, o := range outcomes {
		paths = append(paths, of(o)...)
	}
	slices.Sort(paths)
	if paths = slices.Compact(paths); len(paths) == 0 {
		return nil
	}
	return []report.Note{{About: "unread", Message: said, LeftOut: paths}}
}

// baselineNotes say what the baseline lets pass, or that it lets nothing pass any more or as yet.
func (g *Gate) baselineNotes(plan check.Plan, passed int) []report.Note {
	b := plan.Baseline
	if base := g.repository.Base; b == nil && base != nil && !g.options.NoBaseline {
		if _, err := fs.Stat(g.repository.FS, repo.BaselineFile); err == nil {
			return []report.Note{{About: "baseline", Source: manifest.Position{File: repo.BaselineFile},
				Message: fmt.Sprintf("%s has no baseline: what this one holds counts until this change is merged", base.Name())}}
		}
	}
	if b == nil {
		return nil
	}
	note := report.Note{About: "baseline", Source: manifest.Position{File: b.File}}
	day := b.Expires.Format(time.DateOnly)
	switch {
	case b.Expired(plan.Now):
		note.Message = fmt.Sprintf("the baseline ended with %s, and all that it holds counts again: mend it, or record it anew with `kgate baseline --force`", day)
	case passed == 1:
		note.Message = fmt.Sprintf("the baseline lets 1 finding pass until %s", day)
	default:
		note.Message = fmt.Sprintf("the baseline lets %d findings pass until %s", passed, day)
	}
	return []report.Note{note}
}
