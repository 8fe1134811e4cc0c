package gate

import (
	"context"
	"fmt"
	"io/fs"
	"os"

	"github.com/kgate-dev/gitops/policies"
	"github.com/kgate-dev/gitops/tools/internal/admission"
	"github.com/kgate-dev/gitops/tools/internal/argocd"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/danger"
	"github.com/kgate-dev/gitops/tools/internal/exemption"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/mesh"
	"github.com/kgate-dev/gitops/tools/internal/policy"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/schema"
	"github.com/kgate-dev/gitops/tools/internal/substitution"
	"github.com/kgate-dev/gitops/tools/internal/telemetry"
)

// checksOf lists every check there is: Kustomize, schemas, rules, dangers of a change, what is not read, exemptions. Unknown is what becomes of
// objects of kinds that nobody defines.
func checksOf(repository *repo.Repo, engines *Engines, facts policy.Facts, unknown schema.Unknown) ([]*check.Check, error) {
	var checks []*check.Check
	checks = append(checks, kustomization.Checks()...)
	checks = append(checks, schema.Checks(engines.validator, engines.kinds, admission.Removal, engines.server.Note, unknown)...)
	checks = append(checks, admission.Checks(engines.server)...)
	checks = append(checks, engines.library.Checks(facts)...)
	checks = append(checks, telemetry.Checks()...)
	checks = append(checks, mesh.Checks()...)
	checks = append(checks, substitution.Checks()...)
	checks = append(checks, argocd.Checks()...)
	checks = append(checks, danger.Checks()...)
	checks = append(checks, coverage.Checks(repository)...)
	checks = append(checks, exemption.Checks()...)
	return checks, check.Verify(checks)
}

// Checks lists every check, with the rules of further directories, to be read about and not to be run.
func Checks(ctx context.Context, dirs ...string) ([]*check.Check, error) {
	return ChecksOf(ctx, &repo.Repo{}, dirs...)
}

// ChecksOf is Checks with the rules that a repository's kgate.yaml names.
func ChecksOf(ctx context.Context, repository *repo.Repo, dirs ...string) ([]*check.Check, error) {
	library, err := loadPoliciesOf(ctx, repository, dirs)
	if err != nil {
		return nil, err
	}
	return checksOf(nil, &Engines{library: library}, policy.Facts{}, schema.Unknown{Severity: check.Error})
}

// BuiltinRules are the rules that are part of kgate. Its tests hold that they compile strictly.
func BuiltinRules() policy.Source {
	return policy.Source{Name: "policies", FS: policies.FS, Verified: true}
}

// Rules are the rules of directories.
func Rules(dirs ...string) ([]policy.Source, error) {
	var sources []policy.Source
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			return nil, unreadable(dir, err)
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("%s: not a directory", dir)
		}
		sources = append(sources, policy.Source{Name: dir, FS: os.DirFS(dir)})
	}
	return sources, nil
}

// loadPolicies reads the built-in rules and those of further directories.
func loadPolicies(ctx context.Context, dirs []string) (*policy.Library, error) {
	sources, err := Rules(dirs...)
	if err != nil {
		return nil, fmt.Errorf("--policies: %w", err)
	}
	return loadSources(ctx, sources)
}

// RulesOf are the rules of the directories that kgate.yaml names.
func RulesOf(repository *repo.Repo) ([]policy.Source, error) {
	dirs, err := repository.RuleDirs()
	if err != nil {
		return nil, err
	}
	var sources []policy.Source
	for _, dir := range dirs {
		sources = append(sources, policy.Source{Name: dir.Name, FS: dir.FS})
	}
	return sources, nil
}

// loadPoliciesOf is loadPolicies with the rules that kgate.yaml names, and what of all the repository holds as the revision
// has it whose configuration holds. A directory that both name is one.
func loadPoliciesOf(ctx context.Context, repository *repo.Repo, dirs []string) (*policy.Library, error) {
	sources, err := RulesOf(repository)
	if err != nil {
		return nil, err
	}
	base := repository.Base
	for _, dir := range dirs {
		if repository.Named(dir) {
			continue
		}
		var source []policy.Source
		var err error
		if base != nil {
			var rules fs.FS
			if rules, err = base.Rules(dir); rules != nil {
				source = []policy.Source{{Name: dir + "@" + base.Name(), FS: rules}}
			}
		}
		if err == nil && source == nil {
			source, err = Rules(dir)
		}
		if err != nil {
			return nil, fmt.Errorf("--policies: %w", err)
		}
		sources = append(sources, source...)
	}
	return loadSources(ctx, sources)
}

// loadSources adds rules to the built-in ones.
func loadSources(ctx context.Context, sources []policy.Source) (*policy.Library, error) {
	return policy.Load(ctx, append([]policy.Source{BuiltinRules()}, sources...)...)
}
