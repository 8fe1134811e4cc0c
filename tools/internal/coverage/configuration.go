package coverage

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
)

// ExternalName is the check that finds an entry of `external` that nothing refers to. It looks at Target.Mentions.
const ExternalName = Group + "/external"

// NamespaceMention is the key of Target.Mentions by which a target has to do with a namespace that fits a glob of `external`.
func NamespaceMention(glob string) string { return glob + "/" }

var targetPattern = &check.Check{
	Name:  Group + "/pattern",
	Title: "Every pattern of targets names something",
	Doc: "A pattern under `environments`, `severities` or `loadRestrictionsNone` in kgate.yaml that no directory and no file of the repository fits " +
		"was written for what is gone since, or misspells it: what it was to say holds nowhere.",
	Fix: "Correct the pattern, or delete it.",
	Bad: patternBad, Good: patternGood,
}

var external = &check.Check{
	Name:  ExternalName,
	Title: "Every external object is referred to",
	Doc: "An entry of `external` in kgate.yaml takes a reference for granted. One whose name stands in no object that is rendered, or whose glob of namespaces fits none there, is left from what " +
		"is gone since, and the next reference that happens to have the name is not asked who provides it.",
	Fix: "Delete the entry, or correct its name.",
	Bad: externalBad, Good: externalGood,
}

var misplaced = &check.Check{
	Name:  Group + "/configuration",
	Title: "The configuration lies where kgate reads it",
	Doc: "kgate reads kgate.yaml at the top of the repository, and no file of another name. What a kgate.yml or a .kgate.yaml says holds nowhere, " +
		"and what a kgate.yaml in a folder says holds in runs inside of that folder alone.",
	Fix: "Name it kgate.yaml and move it to the top of the repository, or name its folder under `unread` there.",
	Bad: misplacedBad, Good: misplacedGood,
}

// configured are the checks of kgate.yaml itself.
func configured(r *repo.Repo) []*check.Check {
	made := func(of *check.Check, find func(ctx context.Context, targets []*check.Target) ([]fault, error)) *check.Check {
		c := *of
		c.Severity, c.Scope, c.Origin = check.Warning, check.Repository, "kgate"
		c.Sees = func(*manifest.Object) bool { return false }
		c.Run = func(ctx context.Context, pass *check.Pass) error {
			faults, err := find(ctx, pass.Targets)
			for _, f := range faults {
				f.report(pass)
			}
			return err
		}
		return &c
	}
	return []*check.Check{
		made(targetPattern, func(ctx context.Context, targets []*check.Target) ([]fault, error) { return patterns(ctx, r, targets) }),
		made(external, func(_ context.Context, targets []*check.Target) ([]fault, error) { return unmentioned(r, targets), nil }),
		made(misplaced, func(ctx context.Context, _ []*check.Target) ([]fault, error) { return misplacedFiles(ctx, r) }),
	}
}

// patterns are those that nothing fits. Of an environment without any target coverage/environment speaks.
func patterns(ctx context.Context, r *repo.Repo, targets []*check.Target) ([]fault, error) {
	if len(r.Config.Patterns) == 0 {
		return nil, nil
	}
	t, err := look(ctx, r)
	if err != nil {
		return nil, err
	}
	known := slices.Clone(t.dirs)
	for _, files := range t.manifests {
		known = append(known, files...)
	}
	for _, target := range targets {
		known = append(known, target.Path)
	}
	fitting := map[string]bool{}
	fits := func(glob string) bool {
		found, asked := fitting[glob]
		if !asked {
			found = slices.ContainsFunc(known, func(name string) bool { return repo.Matches(glob, name) })
			if !found {
				dirs, err := repo.Directories(ctx, r.FS, glob) // also hidden ones, and by links
				found = err != nil || len(dirs) > 0
			}
			fitting[glob] = found
		}
		return found
	}
	var faults []fault
	for _, p := range r.Config.Patterns {
		if fits(p.Glob) {
			continue
		}
		if slices.ContainsFunc(r.Config.Environments, func(e repo.Environment) bool {
			return p.Key == "environments" && slices.Contains(e.Targets, p.Glob) && !slices.ContainsFunc(e.Targets, fits)
		}) {
			continue
		}
		faults = append(faults, fault{
			target: p.Source.File, source: p.Source,
			message: fmt.Sprintf("%s: no directory and no file is %s%s", p.Key, p.Glob, spelling.Meant(p.Glob, known)),
		})
	}
	return faults, ctx.Err()
}

// unmentioned are entries of `external` whose names no object has in it.
func unmentioned(r *repo.Repo, targets []*check.Target) []fault {
	var faults []fault
	for _, e := range r.Config.External {
		has := func(t *check.Target) bool { return t.Mentions == nil || t.Mentions[e.Name] }
		within := func(t *check.Target) bool { return t.Mentions == nil || t.Mentions[NamespaceMention(e.Namespace)] }
		f := fault{target: e.Source.File, source: e.Source}
		switch {
		case !slices.ContainsFunc(targets, has):
			f.message = fmt.Sprintf("external: nothing refers to the %s %s: no object that is rendered has the name in it", e.Kind, e.Name)
		case strings.ContainsAny(e.Namespace, `*?[`) && !slices.ContainsFunc(targets, func(t *check.Target) bool { return has(t) && within(t) }):
			f.message = fmt.Sprintf("external: nothing refers to the %s %s in %s: no target that has the name in it has to do with such a namespace", e.Kind, e.Name, e.Namespace)
		default:
			continue
		}
		faults = append(faults, f)
	}
	return faults
}

// misplacedFiles are configurations that kgate does not read. At the top of the repository the name tells them; below, where files are
// called after what they are for, the apiVersion does.
func misplacedFiles(ctx context.Context, r *repo.Repo) ([]fault, error) {
	t, err := look(ctx, r)
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(r.FS, ".")
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		if entry.Type().IsRegular() && entry.Name() != repo.ConfigFile {
			files = append(files, entry.Name())
		}
	}
	for _, dir := range t.dirs {
		if dir != "." {
			files = append(files, t.manifests[dir]...)
		}
	}
	var faults []fault
	for _, file := range files {
		base := strings.ToLower(strings.TrimPrefix(path.Base(file), "."))
		if !slices.Contains([]string{"kgate.yaml", "kgate.yml", "kgate.json"}, base) ||
			slices.ContainsFunc(r.Config.Unread, func(u repo.Unread) bool { return u.Covers(file) }) {
			continue
		}
		documents, err := t.files.Documents(file)
		ours := err == nil && len(documents) == 1 && strings.HasPrefix(manifest.Text(documents[0].Node, "apiVersion"), "kgate/")
		top := path.Dir(file) == "."
		if !ours && (!top || slices.ContainsFunc(documents, repo.IsObject)) {
			continue // something of another tool, or an object that is called so
		}
		f := fault{target: file, source: t.begin(file), message: fmt.Sprintf("kgate reads %s at the top of the repository: what this file says holds nowhere", repo.ConfigFile)}
		if path.Base(file) == repo.ConfigFile {
			f.message = fmt.Sprintf("kgate reads %s at the top of the repository: what this file says holds in runs inside of %s alone", repo.ConfigFile, path.Dir(file))
		}
		faults = append(faults, f)
	}
	return faults, ctx.Err()
}
