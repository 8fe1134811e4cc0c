// Package gate is what kgate does: it renders the targets of a repository, judges what they render to, traces each finding
// back to the line to edit, and reports. Commands, the benchmark and the tests of the whole go through it.
package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/policy"
	"github.com/kgate-dev/gitops/tools/internal/provenance"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/schema"
)

// Options say what a gate judges, and by what. The zero value judges every target of the repository by all checks.
type Options struct {
	Targets  []string // to check, as the repository names them; none is every one of it
	Versions []string // of Kubernetes, as 1.37; none is what kgate.yaml says, else the newest
	Checks   []string // names of checks and groups; a leading ! leaves out
	Policies []string // directories of further rules, as the operating system names them
	CRDs     []string // files, directories and globs of CustomResourceDefinitions, as the operating system names them

	LoadRestrictionsNone bool   // kustomizations may read files of the whole repository, whatever kgate.yaml says
	UnknownKinds         string // what becomes of objects of kinds that nobody defines, one of repo.UnknownKinds; "" is what kgate.yaml says

	All                bool // a comparison tells what differs in the text alone, too
	Unjudged           bool // it renders what the change touches, and judges nothing
	Alone              bool // its report says what the change brings, and not what it changes
	NoBaseline         bool // nothing passes for standing in kgate-baseline.yaml
	Bare               bool // a repository in which there is nothing to choose has no targets, and is no error
	NoObjectExemptions bool // what annotations exempt counts for nothing
	Whole              bool // the report has the objects of every target, for a format that draws them

	Version  string                     // of kgate, for the report
	Stdin    io.Reader                  // what the target kustomization.Stdin reads; nil is empty
	Now      func() time.Time           // nil is the clock
	Engines  *Engines                   // those of another gate, which go on after this one; nil for some of its own
	Progress func(target string, n int) // is told each target that is judged, and how many are; may be nil
	Rendered func(target *check.Target) // is told each target that is rendered, by several at a time; may be nil
}

// Gate is a repository that is put together to be judged. It needs no working directory: all that it reads is in the
// repository's FS, but for Options.Policies.
type Gate struct {
	repository *repo.Repo
	options    Options
	paths      []string // targets to check
	all        []string // targets that the repository has
	empty      []string // directories that are named as targets and hold nothing to check
	chosen     string   // what the targets are, where nobody named them
	nothing    error    // why there are none, where that is no error of the gate
	facts      policy.Facts
	given      *given
	outside    *definitions // of the run
	flux       *flux        // of the run
	placing    *placing
	editing    *editing // of the run
	passed     *passed
	engines    *Engines
	known      []*check.Check // every check there is; nil to make them anew
	checks     []*check.Check // those to run
	renderer   *kustomization.Renderer
	charts     *charting // of the run
	sharing    *provenance.Sharing
	standing   []check.Recorded // what was found before the change that is judged; nil where none is
	stood      check.Result     // of the run: Standing, Settled and Silenced
}

// Open puts a gate together, for a repository that does not change while it is open. It must be closed.
func Open(ctx context.Context, repository *repo.Repo, options Options) (*Gate, error) {
	return open(ctx, repository.Snapshot(), options)
}

func open(ctx context.Context, repository *repo.Repo, options Options) (*Gate, error) {
	defer activity.Begin(ctx, "reading the configuration, the rules and the list of kustomizations")()
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Stdin == nil {
		options.Stdin = strings.NewReader("")
	}
	if options.Progress == nil {
		options.Progress = func(string, int) {}
	}
	if options.Rendered == nil {
		options.Rendered = func(*check.Target) {}
	}
	g := &Gate{repository: repository, options: options, sharing: provenance.NewSharing(), passed: &passed{}}
	if err := g.survey(ctx); err != nil {
		return nil, err
	}
	var err error
	g.facts.Files, g.facts.Remotes = repository.FS, repository.Remotes()
	if g.facts.Roots, err = repository.Roots(ctx); err != nil {
		return nil, err
	}
	if g.engines = options.Engines; g.engines == nil {
		if g.engines, err = newEngines(ctx, repository, options); err != nil {
			return nil, err
		}
	}
	if _, err := coverage.Clusters(repository); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	files, err := repository.DefinitionFiles(options.CRDs)
	if err != nil {
		return nil, errors.Join(err, g.Close())
	}
	g.given = newGiven(files)
	if err := g.choose(); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	g.renderer = Renderer(ctx, repository, options.Stdin, options.LoadRestrictionsNone)
	g.outside, g.flux = g.newDefinitions(g.renderer, nil), g.newFlux(g.renderer, nil)
	g.placing, g.editing = g.newPlacing(g.renderer, nil), g.newEditing(g.renderer, g.flux)
	if err := g.chart(ctx, g.renderer); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// Close frees what the gate does not share with others.
func (g *Gate) Close() error {
	if g.options.Engines != nil {
		return nil
	}
	return g.engines.Close()
}

// Repository is what the gate judges.
func (g *Gate) Repository() *repo.Repo { return g.repository }

// Targets are those that a run checks, in order.
func (g *Gate) Targets() []string { return g.paths }

// Chosen says what the targets are, where nobody named them; else it is empty.
func (g *Gate) Chosen() string { return g.chosen }

// Checks are those that a run makes.
func (g *Gate) Checks() []*check.Check { return g.checks }

// unknownKinds is what becomes of objects of kinds that nobody defines.
func (g *Gate) unknownKinds() schema.Unknown {
	said := cmp.Or(g.options.UnknownKinds, g.repository.Config.UnknownKinds, string(check.Error))
	if said == "ignore" {
		return schema.Unknown{Pass: g.passed.add}
	}
	return schema.Unknown{Severity: check.Severity(said)}
}

// survey finds the targets of the repository, and what is outside of it.
func (g *Gate) survey(ctx context.Context) error {
	if deployer := g.repository.Config.Kustomize; deployer.Text != "" && !slices.Contains(kustomization.Releases(), deployer.Text) {
		return &manifest.SyntaxError{Position: deployer.Source, Message: fmt.Sprintf("kustomize is %q; kgate renders as %s and knows where these differ from it: %s",
			deployer.Text, kustomization.KustomizeRelease, strings.Join(kustomization.Releases(), ", "))}
	}
	g.facts.External = g.repository.Config.External
	g.all, g.empty, g.chosen = nil, nil, ""
	selected := sync.OnceValue(func() (err error) {
		var selection repo.Selection
		selection, g.chosen, err = coverage.Select(ctx, g.repository)
		g.all, g.empty = selection.Targets, selection.Empty
		return err
	})
	if len(g.options.Targets) == 0 {
		err := selected()
		g.paths = g.all
		if g.options.Bare && errors.Is(err, coverage.ErrNothing) {
			g.nothing = err
			return ctx.Err()
		}
		return err
	}
	g.paths = nil
	named := g.repository.Config.Targets != nil
	if named && selected() != nil {
		g.all = nil // a repository of another shape: what holds between all targets is not asked
	}
	for _, target := range g.options.Targets {
		paths := []string{target}
		if target != kustomization.Stdin {
			var err error
			if paths, err = coverage.Expand(ctx, g.repository, target, func() []string {
				if selected() != nil {
					return nil
				}
				return g.all
			}); err != nil {
				return err
			}
		}
		for _, p := range paths {
			if !slices.Contains(g.paths, p) {
				g.paths = append(g.paths, p)
			}
		}
	}
	if !named && len(without(g.all, g.paths)) > 0 {
		g.all, g.empty, g.chosen = nil, nil, "" // nobody asked for what kgate would choose
	}
	return nil
}

// choose makes the list of checks to run.
func (g *Gate) choose() error {
	if g.options.Unjudged {
		return nil
	}
	if g.known == nil {
		known, err := checksOf(g.repository, g.engines, g.facts, g.unknownKinds())
		if err != nil {
			return err
		}
		g.known = known
	}
	if err := repo.CheckExemptions(g.repository.Config.Exemptions, g.known); err != nil {
		return err
	}
	if err := repo.CheckSeverities(g.repository.Config.Severities, g.known); err != nil {
		return err
	}
	if err := repo.CheckPatterns(g.repository.Config.Checks, g.known); err != nil {
		return err
	}
	var err error
	if g.checks, err = check.Select(g.known, g.options.Checks); err != nil {
		return err
	}
	if len(g.options.Checks) == 0 {
		g.checks = slices.DeleteFunc(slices.Clone(g.checks), g.repository.Config.Off)
	}
	if g.options.Engines == nil {
		g.engines.library.Restrict(func(name string) bool {
			return slices.ContainsFunc(g.checks, func(c *check.Check) bool { return c.Name == name })
		})
	}
	return nil
}
