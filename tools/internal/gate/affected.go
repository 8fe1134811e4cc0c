package gate

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/change"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/provenance"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/revision"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// Affected is a target that a change touches.
type Affected struct {
	Path, Environment string
	Kind              change.Kind // added, removed or changed
	Files             []string    // that it reads and the change touches, those that every target is judged by among them
}

// FindAffected are the targets of either side that a change touches, in order. Nothing is rendered but what has Applications that
// deploy charts: a target is touched where it reads one of the files, or looked for one that is there now. One that Flux builds may
// be touched by whatever may fill in its variables, and one that Argo CD does by what an Application writes into it, and by what an
// ApplicationSet makes that Application of. Charts of an Application are touched where Helm is told something else.
func FindAffected(ctx context.Context, before, after *repo.Side, options Options) ([]Affected, error) {
	options.Bare = true
	changed, err := changedFiles(ctx, before, after)
	if err != nil {
		return nil, err
	}
	same := sameIn(before, after, changed)
	sides := [2]*Gate{}
	for i, side := range slices.Backward([]*repo.Side{before, after}) {
		own, some := options.at(side)
		if !some {
			continue
		}
		g := &Gate{repository: side.Repo.Snapshot(), options: own}
		if i == 0 && sides[1] != nil && same != nil {
			g.repository = side.Repo.Beside(sides[1].repository, same)
		}
		if err := g.survey(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", side.Name, err)
		}
		g.sharing = provenance.NewSharing()
		g.renderer = Renderer(ctx, g.repository, strings.NewReader(""), own.LoadRestrictionsNone)
		if err := g.chart(ctx, g.renderer); err != nil {
			return nil, fmt.Errorf("%s: %w", side.Name, err)
		}
		sides[i] = g
	}
	if err := nothing(sides[1], sides[0]); err != nil {
		return nil, err
	}
	return affected(ctx, before, after, sides, changed)
}

// nothing says why no side has anything to compare; nil where one has. To find no difference in what nobody looked at is no verdict.
func nothing(sides ...*Gate) (err error) {
	for _, g := range sides {
		switch {
		case g == nil:
		case g.nothing == nil:
			return nil
		case err == nil:
			err = g.nothing
		}
	}
	return err
}

// at are the options for one side of a comparison, which has its own targets of those that are asked for; false where it has none
// of them.
func (o Options) at(side *repo.Side) (Options, bool) {
	asked := o.Targets
	o.Targets = nil
	for _, target := range asked {
		if has(side, target) {
			o.Targets = append(o.Targets, target)
		}
	}
	return o, asked == nil || o.Targets != nil
}

// has reports whether a side may have a target: something stands there, or where the Application of one of charts is.
func has(side *repo.Side, target string) bool {
	for ; target != ""; target = repo.TreeOf(target) {
		if _, err := fs.Stat(side.FS, target); err == nil {
			return true
		}
	}
	return false
}

// pathsOf are the targets of either side, those of the side after first. A side that has none of those that are asked for is nil.
func pathsOf(before, after *Gate) []string {
	var paths []string
	for _, g := range []*Gate{after, before} {
		if g != nil {
			paths = append(paths, without(g.paths, paths)...)
		}
	}
	return paths
}

// affected is FindAffected of the gates of both sides; one is nil where the side has none of the targets that are asked for.
func affected(ctx context.Context, before, after *repo.Side, sides [2]*Gate, changed []string) (all []Affected, err error) {
	ruling := ruling(after, changed)
	filling := fillings(before, after, changed)
	paths := pathsOf(sides[0], sides[1])
	writing := writings(before, after, changed, paths)
	fed := [2]map[string][]string{}
	for i, side := range []*repo.Side{before, after} {
		// A generator may read a file of any name, as YAML or JSON; those that are called neither are not looked for.
		if sides[i] != nil && slices.ContainsFunc(changed, repo.IsManifestFile) {
			if fed[i], err = coverage.Fed(ctx, sides[i].repository); err != nil {
				return nil, fmt.Errorf("%s: %w", side.Name, err)
			}
		}
	}
	var takers [2]func() *coverage.Takers
	for i, g := range sides {
		if g != nil {
			takers[i] = takersOf(ctx, g.repository)
		}
	}
	for _, target := range paths {
		a := Affected{Path: target, Kind: change.Changed}
		has := [2]bool{}
		touching, touches := map[string]bool{}, false
		for i, g := range slices.Backward(sides[:]) {
			if g == nil || !slices.Contains(g.paths, target) {
				continue
			}
			has[i] = true
			if e := g.repository.Config.Environment(target); e != nil && a.Environment == "" {
				a.Environment = e.Name
			}
			reads := func(string) bool { return false }
			// Where no file differs that it looks for now, it looked for the same ones then.
			if same := i == 0 && has[1] && !touches && isKustomization(sides[1], target) && !slices.Contains(changed, vendored.LockFile); !same {
				if reads, err = g.reads(ctx, target); err != nil {
					return nil, err
				}
			}
			flux := len(filling) > 0 && takers[i]().Flux(target)
			for _, file := range changed {
				asks := reads(file)
				touches = touches || asks
				touching[file] = touching[file] || asks || flux && slices.Contains(filling, file) || slices.Contains(fed[i][file], target)
			}
		}
		for _, file := range changed {
			if touching[file] || slices.Contains(ruling, file) || slices.Contains(writing[file], target) {
				a.Files = append(a.Files, file)
			}
		}
		if has[0] && has[1] && len(a.Files) == 0 && !slices.EqualFunc(sides[0].renderer.Releases[target], sides[1].renderer.Releases[target], kustomization.Release.Equal) {
			a.Files = feeding(changed, fed)
		}
		switch {
		case !has[0]:
			a.Kind = change.Added
		case !has[1]:
			a.Kind = change.Removed
		case len(a.Files) == 0:
			continue
		}
		all = append(all, a)
	}
	return all, nil
}

// isKustomization reports whether a target is a kustomization of the tree, and no more than that.
func isKustomization(g *Gate, target string) bool {
	return g.renderer.Releases[target] == nil && g.renderer.Files().Kustomization(target) != ""
}

// feeding are the changed files that generators of ApplicationSets read; where there is none, whatever changed may have changed what
// an Application says.
func feeding(changed []string, fed [2]map[string][]string) []string {
	read := slices.DeleteFunc(slices.Clone(changed), func(file string) bool { return fed[0][file] == nil && fed[1][file] == nil })
	if len(read) == 0 {
		return changed
	}
	return read
}

// changedFiles are the files that differ between two sides, as the repository names them.
func changedFiles(ctx context.Context, before, after *repo.Side) ([]string, error) {
	defer activity.Begin(ctx, "comparing the files of %s and %s", before.Name, after.Name)()
	top, err := after.Top()
	if err != nil {
		return nil, err
	}
	then, err := before.Tree.At(top)
	if err != nil {
		return nil, err
	}
	if after.Tree == nil {
		return then.ChangedIn(ctx, after.FS, repo.PassedOver)
	}
	now, err := after.Tree.At(top)
	if err != nil {
		return nil, err
	}
	return revision.Changed(ctx, then, now)
}

// sameIn reports whether both sides have the same file, link or directory at a path; nil where nobody knows. What git ignores the side
// before has not, and the files of a submodule are of another repository.
func sameIn(before, after *repo.Side, changed []string) func(name string) bool {
	top, err := after.Top()
	if err != nil || hasSubmodules(before) || hasSubmodules(after) {
		return nil
	}
	then, err := before.Tree.At(top)
	if err != nil {
		return nil
	}
	differs := map[string]bool{}
	for _, file := range changed {
		differs[file] = true
	}
	return func(name string) bool {
		for at := name; at != "."; at = path.Dir(at) {
			if differs[at] {
				return false
			}
		}
		_, err := then.Lstat(name)
		return err == nil
	}
}

func hasSubmodules(side *repo.Side) bool { return side.Tree != nil && len(side.Tree.Submodules()) > 0 }

// ruling are the changed files by which every target is judged.
func ruling(after *repo.Side, changed []string) []string {
	return slices.DeleteFunc(slices.Clone(changed), func(file string) bool {
		if file == repo.ConfigFile || file == repo.BaselineFile {
			return false
		}
		return !slices.ContainsFunc(slices.Concat(after.Config.Policies, after.Config.CRDs), func(given repo.Given) bool {
			dir := path.Clean(given.Path)
			return file == dir || strings.HasPrefix(file, dir+"/") || repo.Matches(dir, file)
		})
	})
}

// writings are the changed files that may say what Applications make of what they deploy, with the targets that they may mean:
// those that the file names, or all where it names none, as a patch does.
func writings(before, after *repo.Side, changed, targets []string) map[string][]string {
	all := map[string][]string{}
	for _, file := range changed {
		if base := path.Base(file); strings.HasPrefix(base, ".argocd-source") {
			all[file] = []string{path.Dir(file)}
			continue
		}
		var text []byte
		for _, side := range []*repo.Side{before, after} {
			one, err := side.ReadFile(file)
			if err == nil && repo.IsManifestFile(file) && writes.Match(one) {
				text = append(text, one...)
			}
		}
		if text == nil {
			continue
		}
		for _, target := range targets {
			if bytes.Contains(text, []byte(target)) {
				all[file] = append(all[file], target)
			}
		}
		if all[file] == nil {
			all[file] = targets
		}
	}
	return all
}

// writes finds the fields of an Application that make something else of what it deploys, in an object and in a JSON patch: what is
// written into the kustomization, which files of a directory count, and the namespace that objects are put in.
var writes = regexp.MustCompile(`(?m)\b(kustomize|directory|destination)"?:\s*(\{|$)|/(kustomize|directory|destination)\b`)

// fillings are the changed files that may fill in variables of what Flux builds: its own objects, ConfigMaps and Secrets.
func fillings(before, after *repo.Side, changed []string) []string {
	return slices.DeleteFunc(slices.Clone(changed), func(file string) bool {
		return !repo.IsManifestFile(file) || !slices.ContainsFunc([]*repo.Side{before, after}, func(side *repo.Side) bool {
			text, err := side.ReadFile(file)
			return err == nil && filled.Match(text)
		})
	})
}

var filled = regexp.MustCompile(`toolkit\.fluxcd\.io/|kind"?: *"?(ConfigMap|Secret)\b`)

// reads tells of a file whether a target is made of it, or looks for it.
func (g *Gate) reads(ctx context.Context, target string) (func(file string) bool, error) {
	if tree := repo.TreeOf(target); g.renderer.Releases[target] != nil {
		needs := g.renderer.ReleaseNeeds(ctx, target)
		of, err := g.reads(ctx, tree)
		return func(file string) bool { return needs(file) || err == nil && of(file) }, nil
	}
	needs, err := g.renderer.Needs(ctx, target)
	if err != nil && needs == nil {
		return nil, err
	}
	looked := map[string]bool{}
	for _, name := range needs {
		looked[name] = true
	}
	kustomized := len(needs) > 0
	return func(file string) bool {
		if looked[file] {
			return true
		}
		inside := file == target || target == "." || strings.HasPrefix(file, target+"/")
		return inside && !kustomized && (repo.IsManifestFile(file) || repo.IsKustomizationFile(path.Base(file)))
	}, nil
}
