// Package proposal writes a kgate.yaml for a repository that has none: what a run without one finds out, as a text to edit.
package proposal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
	"github.com/kgate-dev/gitops/tools/internal/schema"
)

// Proposal is a kgate.yaml, with what runs say without it and with it.
type Proposal struct {
	Text   string
	Before report.Report
	After  report.Report
}

// Make makes a proposal for a repository, as if it had no kgate.yaml. What it holds gives a verdict that is not worse than
// without it: what would make it worse is left as a comment.
func Make(ctx context.Context, repository *repo.Repo, options gate.Options) (p Proposal, err error) {
	bare := *repository
	bare.Config = repo.Config{}
	minors, err := gate.Minors(bare.Config)
	if err != nil {
		return p, err
	}
	if options.Engines, err = gate.NewEngines(ctx, minors); err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, options.Engines.Close()) }()
	targets, chosen, err := choose(ctx, &bare, options)
	first, plain := options, false
	var charts []string
	if errors.Is(err, coverage.ErrNothing) {
		nothing := err
		if targets, charts, err = coverage.Plain(ctx, &bare); err == nil && len(targets) == 0 {
			err = nothing
		}
		first.Targets, plain = targets, true // as if they were named on the command line
	}
	if err != nil {
		return p, err
	}
	if p.Before, err = run(ctx, &bare, repo.Config{}, first); err != nil {
		return p, err
	}
	d := draft{chosen: chosen, plain: plain, charts: charts, targets: globs(ctx, &bare, targets), environments: guess(targets), report: p.Before}
	if d.unrestricted, err = unrestricted(ctx, &bare, p.Before); err != nil {
		return p, err
	}
	for _, d.held = range drafts(len(d.environments) > 0) {
		if plain && !d.held.targets {
			break // without them there is nothing to check
		}
		// What is declared lets rules speak of what else is not there: of namespaces, once one is known.
		for d.absent = missing(p.Before); ; {
			p.Text = d.text()
			config, err := repo.ParseConfig(repo.ConfigFile, []byte(p.Text))
			if err != nil {
				return p, fmt.Errorf("the proposed %s is none: %w", repo.ConfigFile, err)
			}
			if p.After, err = run(ctx, &bare, config, options); err != nil {
				return p, err
			}
			known := len(d.absent)
			d.absent = missing(p.Before, p.After)
			// Of a target that only the proposal renders no reference was known before.
			further := len(d.absent) > known
			if !worse(p.After, p.Before) && (!further || len(p.After.Errors) == len(p.Before.Errors)) {
				return p, nil
			}
			if !further {
				break
			}
		}
	}
	return p, fmt.Errorf("no %s was found that gives a verdict as good as without one: write it by hand", repo.ConfigFile)
}

// choose finds the targets of a repository without a kgate.yaml, less the charts of Applications, which nobody has to name.
func choose(ctx context.Context, repository *repo.Repo, options gate.Options) (targets []string, chosen string, err error) {
	g, err := gate.Open(ctx, repository, options)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	for _, target := range g.Targets() {
		if repo.TreeOf(target) == "" {
			targets = append(targets, target)
		}
	}
	return targets, g.Chosen(), nil
}

// held is what a draft says, where the rest is a comment.
type held struct {
	targets, environments, external bool
}

// drafts are what drafts may say, the fullest first. The last says what holds without a kgate.yaml.
func drafts(environments bool) []held {
	var all []held
	for _, h := range []held{{true, true, true}, {true, false, true}, {false, true, true}, {false, false, true}, {false, false, false}} {
		if !h.environments || environments {
			all = append(all, h)
		}
	}
	return all
}

// run is a run with a configuration that is not written yet, and without a baseline.
func run(ctx context.Context, repository *repo.Repo, config repo.Config, options gate.Options) (r report.Report, err error) {
	options.NoBaseline = true
	configured := *repository
	configured.Config = config
	g, err := gate.Open(ctx, &configured, options)
	if err != nil {
		return report.Report{}, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	return g.Run(ctx)
}

// worse reports whether less is checked, or more found in as much.
func worse(a, b report.Report) bool {
	if len(a.Errors) != len(b.Errors) {
		return len(a.Errors) > len(b.Errors)
	}
	return a.Count(check.Error) > b.Count(check.Error) || a.Count(check.Warning) > b.Count(check.Warning)
}

// globs are few patterns that name the targets and nothing else.
func globs(ctx context.Context, repository *repo.Repo, targets []string) []string {
	beside := map[string][]string{} // by directory
	for _, target := range targets {
		beside[path.Dir(target)] = append(beside[path.Dir(target)], target)
	}
	var all []string
	for _, target := range targets {
		dir := path.Dir(target)
		pattern := quoteMeta(target)
		if len(beside[dir]) > 1 && dir != "." {
			trial := *repository
			trial.Config = repo.Config{Targets: []string{quoteMeta(dir) + "/*"}}
			if found, err := trial.Select(ctx); err == nil && len(found.Empty) == 0 && same(found.Targets, beside[dir]) {
				pattern = quoteMeta(dir) + "/*"
			}
		}
		if !slices.Contains(all, pattern) {
			all = append(all, pattern)
		}
	}
	return all
}

func same(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func quoteMeta(name string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "{", `\{`).Replace(name)
}

// environment is one that paths speak of.
type environment struct {
	name    string
	targets []string // patterns
}

// stages are names of environments, in the order in which a version travels.
func stages() []string {
	return []string{
		"local", "sandbox", "dev", "develop", "development", "ci", "test", "testing", "qa", "int", "integration", "uat", "demo", "stage", "staging",
		"preprod", "pre-prod", "preproduction", "canary", "live", "prd", "prod", "production",
	}
}

// guess finds environments in the paths of targets: a directory with the name of a stage. One alone separates nothing.
func guess(targets []string) []environment {
	patterns := map[string][]string{}
	for _, target := range targets {
		parts := strings.Split(target, "/")
		at := slices.IndexFunc(parts, func(part string) bool { return slices.Contains(stages(), strings.ToLower(part)) })
		if at < 0 {
			continue
		}
		name, pattern := parts[at], quoteMeta(strings.Join(parts[:at+1], "/"))
		if at+1 < len(parts) {
			pattern += "/**"
		}
		if !slices.Contains(patterns[name], pattern) {
			patterns[name] = append(patterns[name], pattern)
		}
	}
	if len(patterns) < 2 {
		return nil
	}
	var all []environment
	for name, targets := range patterns {
		all = append(all, environment{name, targets})
	}
	rank := func(e environment) int { return slices.Index(stages(), strings.ToLower(e.name)) }
	slices.SortFunc(all, func(a, b environment) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.name, b.name)) })
	return all
}

// unrestricted are the targets that can be rendered with LoadRestrictionsNone and not without it.
func unrestricted(ctx context.Context, repository *repo.Repo, before report.Report) ([]string, error) {
	var found []string
	for _, failure := range before.Errors {
		if failure.Target == "" || slices.Contains(found, quoteMeta(failure.Target)) {
			continue
		}
		trial := *repository
		trial.Config = repo.Config{Unrestricted: []string{quoteMeta(failure.Target)}}
		if _, err := gate.Print(ctx, &trial, failure.Target, strings.NewReader(""), false); err == nil {
			found = append(found, quoteMeta(failure.Target))
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return found, nil
}

// absent is an object that manifests refer to.
type absent struct {
	check.Reference
	uses   []string // where
	unsure bool     // something of nearly the same name is rendered
}

// missing are the objects that findings of reports say are nowhere, in order. What rules have a word of their own for is no kind of object.
func missing(reports ...report.Report) []absent {
	var findings []check.Finding
	for _, r := range reports {
		findings = append(findings, r.Findings...)
	}
	found := map[check.Reference]*absent{}
	for _, f := range findings {
		if f.Missing == nil || f.Missing.Name == "" || f.Missing.Kind == strings.ToLower(f.Missing.Kind) || strings.ContainsAny(f.Missing.Name+f.Missing.Namespace, "*?[]${}") {
			continue
		}
		a := found[*f.Missing]
		if a == nil {
			a = &absent{Reference: *f.Missing}
			found[*f.Missing] = a
		}
		a.unsure = a.unsure || len(f.With) > 0 || strings.Contains(f.Message, "rendered as ")
		if use := f.Source.String(); !f.Source.IsZero() && !slices.Contains(a.uses, use) {
			a.uses = append(a.uses, use)
		}
	}
	var all []absent
	for _, a := range found {
		all = append(all, *a)
	}
	slices.SortFunc(all, func(a, b absent) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// draft is what a proposal is written from.
type draft struct {
	chosen       string
	plain        bool     // nothing says who deploys the targets
	charts       []string // that are no targets
	targets      []string
	environments []environment
	held         held
	unrestricted []string
	absent       []absent
	report       report.Report
}

func (d draft) text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# yaml-language-server: $schema=%s", repo.SchemaURL)
	line("# Written by `kgate init`, to be edited. Every key: docs/configuration.md of kgate, or `kgate config-schema`.")
	line("apiVersion: %s", repo.ConfigVersion)
	line("")
	versions := schema.Versions()
	line("# The versions of Kubernetes that your clusters run; without the key, %s.", versions[len(versions)-1])
	line("# kubernetesVersions: [%q]", versions[len(versions)-1])
	line("")
	line("# What conventions of pods, roles and the like are: errors with strict, warnings with standard, not checked with facts.")
	line("profile: standard")
	line("")
	_, chose, _ := strings.Cut(d.chosen, "kgate chose ")
	switch {
	case d.plain:
		line("# Directories of manifests. Nothing here says who deploys them, so that what is not named is not checked.")
		line("targets:")
		for _, glob := range d.targets {
			line("  - %s", repo.Scalar(glob))
		}
		if len(d.charts) > 0 {
			line("  # Helm charts, each rendered with its own values where it is named:")
			for _, dir := range d.charts {
				line("  # - %s", repo.Scalar(quoteMeta(dir)))
			}
		}
	case !d.held.targets:
		line("# Without the key, kgate finds the targets: today %s. Some can be checked only so,", chose)
		line("# and not where they are named:")
		line("# targets:")
		line("#   - %s", repo.Scalar(d.targets[0]))
	case len(d.targets) > mostTargets:
		line("# Without the key, kgate finds the targets: today %s. Named one by one they would be", chose)
		line("# %d lines, and a new one would have to be added.", len(d.targets))
		line("# targets:")
		line("#   - %s", repo.Scalar(d.targets[0]))
	default:
		line("# As kgate finds them: %s.", chose)
		line("targets:")
		for _, glob := range d.targets {
			line("  - %s", repo.Scalar(glob))
		}
	}
	d.failing(line)
	if len(d.unrestricted) > 0 {
		line("")
		line("# These read files outside of their folder, which Flux lets them, and Argo CD on request.")
		line("loadRestrictionsNone:")
		for _, target := range d.unrestricted {
			line("  - %s", repo.Scalar(target))
		}
	}
	d.stages(line)
	d.external(line)
	d.checks(line)
	return b.String()
}

// mostTargets is how many lines of targets are a help to who reads them.
const mostTargets = 12

// failing names the targets that cannot be rendered.
func (d draft) failing(line func(string, ...any)) {
	failed := map[string]string{}
	for _, f := range d.report.Errors {
		if f.Target != "" && failed[f.Target] == "" && !slices.Contains(d.unrestricted, quoteMeta(f.Target)) {
			first, _, _ := strings.Cut(strings.TrimSpace(f.Message), "\n")
			failed[f.Target] = cmp.Or(first, "it cannot be rendered")
		}
	}
	if len(failed) == 0 {
		return
	}
	line("")
	line("# These could not be rendered today. One that never can be, by design, is named here, and the verdict on the others is whole.")
	line("# unread:")
	for _, target := range slices.Sorted(maps.Keys(failed)) {
		line("#   - path: %s # %s", repo.Scalar(quoteMeta(target)), comment(failed[target]))
		line("#     reason: TODO")
		line("#     owner: TODO")
	}
}

func (d draft) stages(line func(string, ...any)) {
	line("")
	if len(d.environments) == 0 {
		line("# Which targets are one cluster or one stage: what another one renders is not there.")
		line("# environments:")
		line("#   - name: prod")
		line("#     targets: [overlays/prod]")
		return
	}
	mark := ""
	if d.held.environments {
		line("# Guessed from paths. What a target of another environment renders is not there.")
	} else {
		line("# Guessed from paths. With them, references are missing that a target of another environment renders.")
		mark = "# "
	}
	line("%senvironments:", mark)
	for _, e := range d.environments {
		line("%s  - name: %s", mark, repo.Scalar(e.name))
		line("%s    targets:", mark)
		for _, target := range e.targets {
			line("%s      - %s", mark, repo.Scalar(target))
		}
	}
}

// mostUses is how many places a comment names.
const mostUses = 3

func (d draft) external(line func(string, ...any)) {
	line("")
	line("# What manifests refer to and no target renders, with who provides it. A reference to anything else is a finding.")
	switch {
	case len(d.absent) > 0 && !d.held.external:
		line("# Declared, they let checks speak of what else is not there.")
		line("# external:")
	case slices.ContainsFunc(d.absent, func(a absent) bool { return !a.unsure }):
		line("external:")
	default:
		line("# external:")
		line("#   - kind: Secret")
		line("#     namespace: shop")
		line("#     name: shop-db")
		line("#     provider: the database operator")
	}
	for _, a := range d.absent {
		mark := "  "
		if !d.held.external {
			mark = "#   "
		}
		if a.unsure {
			line("  # Nearly the name of something that is rendered: a misspelling?")
			mark = "  # "
		}
		used := strings.Join(a.uses[:min(len(a.uses), mostUses)], ", ")
		if more := len(a.uses) - mostUses; more > 0 {
			used += fmt.Sprintf(" and %d more", more)
		}
		line("%s- kind: %s%s", mark, repo.Scalar(a.Kind), map[bool]string{true: " # for " + comment(used)}[used != ""])
		if a.Namespace != "" {
			line("%s  namespace: %s", mark, repo.Scalar(a.Namespace))
		}
		line("%s  name: %s", mark, repo.Scalar(a.Name))
		line("%s  provider: TODO", mark)
	}
}

func (d draft) checks(line func(string, ...any)) {
	line("")
	line("# Which checks are made: names, groups, globs; a leading ! leaves out. What each group says here, without this file:")
	type count struct{ errors, warnings int }
	counts := map[string]count{}
	var groups []string
	for _, c := range d.report.Checks {
		if !slices.Contains(groups, c.Group()) {
			groups = append(groups, c.Group())
		}
	}
	for _, f := range d.report.Findings {
		group, _, _ := strings.Cut(f.Check, "/")
		n := counts[group]
		if f.Severity == check.Error {
			n.errors++
		} else {
			n.warnings++
		}
		counts[group] = n
	}
	slices.SortStableFunc(groups, func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b].errors, counts[a].errors), cmp.Compare(counts[b].warnings, counts[a].warnings), cmp.Compare(a, b))
	})
	var clean []string
	for _, group := range groups {
		if n := counts[group]; n == (count{}) {
			clean = append(clean, group)
		} else {
			line("#   %-14s errors: %d, warnings: %d", group, n.errors, n.warnings)
		}
	}
	if len(clean) > 0 {
		line("#   nothing: %s", strings.Join(clean, ", "))
	}
	line("# checks: [\"!mesh\", \"!pod/spread\"]")
	line("# severities:")
	line("#   - {check: pod/spread, severity: off}")
}

// comment is a text as it may stand behind a #.
func comment(text string) string { return strings.Join(strings.Fields(text), " ") }
