package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/policy"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
)

// locate opens the repository of the arguments, with the configuration that the flags ask for.
func (f validateFlags) locate(args []string) (*repo.Repo, []string, error) {
	if f.configFrom == "" {
		return locate(args)
	}
	// As for git: a pipeline can fetch the base beside a checkout whose .git it does not trust.
	objects := filepath.SplitList(os.Getenv("GIT_ALTERNATE_OBJECT_DIRECTORIES"))
	return locateBy(func(dir string) (*repo.Repo, error) { return repo.OpenAt(dir, f.configFrom, objects...) }, args)
}

// loadPoliciesAt is loadPolicies with the rules that the repository holds as a revision has them; base is nil for none.
func loadPoliciesAt(dirs []string, base *repo.Base) (*policy.Library, error) {
	if base == nil {
		return loadPolicies(dirs)
	}
	var sources []policy.Source
	for _, dir := range dirs {
		rules, err := base.Rules(dir)
		source := []policy.Source{{Name: dir + "@" + base.Name(), FS: rules}}
		if err == nil && rules == nil {
			source, err = policySources([]string{dir})
		}
		if err != nil {
			return nil, fmt.Errorf("--policies: %w", err)
		}
		sources = append(sources, source...)
	}
	return loadSources(sources)
}

// carry lets those of the exemptions that objects carry count that may, and says which do not.
func (s *session) carry(carried []check.Exemption) ([]check.Exemption, []report.Note) {
	refuse := func(exemptions []check.Exemption, why string) []report.Note {
		var notes []report.Note
		for _, e := range exemptions {
			notes = append(notes, report.Note{About: "exemptions", Source: e.Source, Message: fmt.Sprintf("the %s from %s %s", check.ExemptionAnnotation, e.Check, why)})
		}
		return notes
	}
	switch base := s.repository.Base; {
	case len(carried) == 0:
		return nil, nil
	case s.carryNone:
		return nil, refuse(carried, "lets nothing pass: --no-object-exemptions")
	case s.repository.Config.CarryNone:
		return nil, refuse(carried, "lets nothing pass: kgate.yaml says `objectExemptions: false`")
	case base != nil:
		kept, refused := base.Carried(carried, s.known)
		return kept, refuse(refused, fmt.Sprintf("is not in %s and lets nothing pass", base.Name()))
	}
	return carried, nil
}

// notes says how the run came to its configuration, where somebody might take it for another.
func (s *session) notes() []report.Note {
	var notes []report.Note
	note := func(format string, args ...any) {
		notes = append(notes, report.Note{About: "configuration", Message: fmt.Sprintf(format, args...)})
	}
	for _, path := range s.repository.Ignored {
		note("%s rules nothing here: it is above a directory that is no repository of its owner's; run kgate where it lies", path)
	}
	base := s.repository.Base
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
func (s *session) faultsOfOwn(plan check.Plan) []report.Failure {
	base := s.repository.Base
	if base == nil || !base.Differs() {
		return nil
	}
	err := base.OwnErr
	if err == nil {
		err = repo.CheckExemptions(base.Own.Exemptions, s.known)
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
	return failures("", err)
}
