package gate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/admission"
	"github.com/kgate-dev/gitops/tools/internal/admission/custom"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/policy"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/schema"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
)

// Engines judge objects: schemas, the API server's code and rules. What they have compiled, and said of an object, they
// know for every gate that shares them.
type Engines struct {
	minors    []string // none for the newest
	validator *schema.Validator
	kinds     *definition.Kinds
	server    *admission.Server
	library   *policy.Library
}

// NewEngines are engines for minor versions of Kubernetes, none for the newest, with the built-in rules and those of
// directories. They must be closed.
func NewEngines(ctx context.Context, minors []string, policies ...string) (*Engines, error) {
	library, err := loadPolicies(ctx, policies)
	if err != nil {
		return nil, err
	}
	return enginesOf(library, minors)
}

// newEngines are those that options and the repository ask for.
func newEngines(ctx context.Context, repository *repo.Repo, options Options) (*Engines, error) {
	library, err := policy.Load(ctx) // of no rule
	if !options.Unjudged {
		library, err = loadPoliciesOf(ctx, repository, options.Policies)
	}
	if err != nil {
		return nil, err
	}
	minors, err := versions(options.Versions, repository.Config.KubernetesVersions)
	if err != nil {
		return nil, err
	}
	if err := releases(repository.Config.Releases); err != nil {
		return nil, err
	}
	return enginesOf(library, minors)
}

func enginesOf(library *policy.Library, minors []string) (*Engines, error) {
	validator, err := schema.New(minors)
	if err != nil {
		return nil, err
	}
	kinds := definition.New()
	return &Engines{minors: minors, validator: validator, kinds: kinds, server: admission.New(kinds), library: library}, nil
}

// Close removes what was unpacked.
func (e *Engines) Close() error { return e.validator.Close() }

// expect says what targets hold, before they are rendered: rules about other things are not compiled. What comes from standard
// input is not known.
func (e *Engines) expect(ctx context.Context, renderer *kustomization.Renderer, targets []string) {
	e.library.Expect(func(words []string) []string {
		if slices.Contains(targets, kustomization.Stdin) {
			return words
		}
		return renderer.Mentioned(ctx, targets, words)
	})
}

// Prepare compiles the rules.
func (e *Engines) Prepare(ctx context.Context) error { return e.library.Prepare(ctx) }

// forget drops what is known of a target that is not looked at again.
func (e *Engines) forget(target *check.Target) {
	for _, variant := range target.Variants {
		e.forget(variant)
	}
	e.server.Forget(target)
	e.kinds.Forget(target)
	e.library.Forget(target)
}

// redefine drops what is known of the kinds of a target, where other definitions may hold.
func (e *Engines) redefine(target *check.Target) {
	e.server.Forget(target)
	e.kinds.Forget(target)
}

// sweep forgets what no run since the last sweep asked for.
func (e *Engines) sweep() {
	e.validator.Sweep()
	e.server.Sweep()
	e.kinds.Sweep()
	e.library.Sweep()
}

// versions lists the minor versions that options name, or else kgate.yaml.
func versions(asked []string, configured []repo.Version) ([]string, error) {
	var minors []string
	for _, text := range asked {
		version, err := minor(text)
		if err != nil {
			return nil, err
		}
		minors = append(minors, version)
	}
	if minors != nil {
		return minors, nil
	}
	known := schema.Versions()
	for _, v := range configured {
		version, err := minor(v.Text)
		if err == nil && !slices.Contains(known, version) {
			err = fmt.Errorf("no schemas for Kubernetes %q: there are those of %s", version, strings.Join(known, ", "))
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.Source, err)
		}
		minors = append(minors, version)
	}
	return minors, nil
}

// releases holds the releases of operators that are configured to those that the catalogue has.
func releases(configured map[string]repo.Version) error {
	if len(configured) == 0 {
		return nil
	}
	catalogue, err := custom.Embedded()
	if err != nil {
		return err
	}
	var errs []error
	for _, module := range slices.Sorted(maps.Keys(configured)) {
		asked := configured[module]
		fail := func(format string, args ...any) {
			errs = append(errs, &manifest.SyntaxError{Position: asked.Source, Message: "releases: " + fmt.Sprintf(format, args...)})
		}
		switch all := catalogue.Releases(module); {
		case len(all) == 0:
			fail("kgate embeds no definitions of %q: `kgate crds` names the modules, and `crds` takes definitions of any other operator%s", module, spelling.Meant(module, catalogue.Modules()))
		case !slices.Contains(all, asked.Text):
			fail("of %s kgate embeds %s, not %s: name one of these, or give the definitions of the release that the cluster runs under `crds` (`kgate crds add`)",
				module, strings.Join(all, ", "), asked.Text)
		}
	}
	return errors.Join(errs...)
}

// minor takes 1.37, v1.37 and 1.37.2 for the minor version 1.37.
func minor(version string) (string, error) {
	parts := strings.Split(strings.TrimPrefix(version, "v"), ".")
	if len(parts) < 2 || len(parts) > 3 {
		return "", fmt.Errorf("%q is not a Kubernetes version: write 1.37", version)
	}
	return parts[0] + "." + parts[1], nil
}

// Minors are the minor versions of Kubernetes that a configuration names.
func Minors(config repo.Config) ([]string, error) { return versions(nil, config.KubernetesVersions) }
