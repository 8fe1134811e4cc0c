package coverage

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/revision"
)

// ignoreFile is what source-controller reads in every directory of a repository: what it names does not get to Flux.
const ignoreFile = ".sourceignore"

// ignoredByDefault are the patterns that hold before those of a repository:
// https://github.com/fluxcd/pkg/blob/sourceignore/v0.22.0/sourceignore/sourceignore.go
var ignoredByDefault = []string{
	".git/", ".gitignore", ".gitmodules", ".gitattributes",
	"*.jpg", "*.jpeg", "*.gif", "*.png", "*.wmv", "*.flv", "*.tar.gz", "*.zip",
	".github/", ".circleci/", ".travis.yml", ".gitlab-ci.yml", "appveyor.yml", ".drone.yml", "cloudbuild.yaml", "codeship-services.yml", "codeship-steps.yml",
	"**/.goreleaser.yml", "**/.sops.yaml", "**/.flux.yaml",
}

// ignoring is a line that leaves files out of what Flux gets, or takes them in again.
type ignoring struct {
	revision.IgnoreLine
	said string // where, and in which words
}

// ignorings are the lines of text, each for a directory and what is below.
func ignorings(text, dir, where string) []ignoring {
	var domain []string
	if dir != "." {
		domain = strings.Split(dir, "/")
	}
	var all []ignoring
	for _, line := range revision.IgnoreLines(text, domain) {
		all = append(all, ignoring{line, fmt.Sprintf("%s:%d (%s)", where, line.Number, line.Text)})
	}
	return all
}

// archived is what source-controller makes of this repository for Flux, by the GitRepository.
type archived struct {
	tree   *tree
	common []ignoring            // of defaults and files
	of     map[string][]ignoring // of each GitRepository, namespace/name, that is known whole
}

// archives are those of the GitRepositories among the objects of targets, and of what the Flux Operator makes for its FluxInstance.
// What has more files than the repository, or fewer by another setting, is left out.
func (t *tree) archives(targets []*check.Target) *archived {
	a := &archived{tree: t, of: map[string][]ignoring{}}
	for _, target := range targets {
		for _, o := range target.Objects {
			switch {
			case o.Group() == "source.toolkit.fluxcd.io" && o.Kind == "GitRepository":
				if manifest.At(o.Value, "spec", "include") != nil || manifest.At(o.Value, "spec", "sparseCheckout") != nil {
					continue
				}
				text := manifest.TextAt(o.Value, "spec", "ignore")
				a.of[o.Namespace+"/"+o.Name] = ignorings(text, ".", fmt.Sprintf("spec.ignore of GitRepository %q", o.Name))
			case o.Group() == "fluxcd.controlplane.io" && o.Kind == "FluxInstance" && manifest.TextAt(o.Value, "spec", "sync", "kind") == "GitRepository":
				if manifest.At(o.Value, "spec", "kustomize", "patches") == nil {
					a.of[o.Namespace+"/"+cmp.Or(manifest.TextAt(o.Value, "spec", "sync", "name"), o.Namespace)] = nil
				}
			}
		}
	}
	if len(a.of) == 0 {
		return a
	}
	a.common = ignorings(strings.Join(ignoredByDefault, "\n"), ".", "")
	for i, pattern := range ignoredByDefault {
		a.common[i].said = fmt.Sprintf("source-controller's own list (%s)", pattern)
	}
	files := slices.Clone(t.ignores)
	slices.SortStableFunc(files, func(a, b string) int { return cmp.Compare(strings.Count(a, "/"), strings.Count(b, "/")) })
	for _, file := range files {
		if text, err := t.files.ReadFile(file); err == nil {
			a.common = append(a.common, ignorings(string(text), path.Dir(file), file)...)
		}
	}
	return a
}

// without says what leaves a file out of what a Flux Kustomization of the source gets; "" where nothing does, or nobody here knows.
// The last pattern that fits decides, and every file is asked by itself, as source-controller archives them.
func (a *archived) without(source, file string) string {
	own, known := a.of[source]
	if !known {
		return ""
	}
	steps := strings.Split(file, "/")
	for _, patterns := range [][]ignoring{own, a.common} {
		for _, p := range slices.Backward(patterns) {
			if about, ignores := p.Says(steps); ignores {
				return p.said
			} else if about {
				return ""
			}
		}
	}
	return ""
}

// kept is what Flux Kustomizations lack of the files that their roots are made of. Of a directory without a kustomization Flux takes
// what there is.
func (a *archived) kept(d deployment, targets []*check.Target) (fault, bool) {
	if d.source == "" || !d.tellsPath() || a.tree.roots[d.dir] == "" || !a.tree.ownSources()[d.source] {
		return fault{}, false
	}
	i := slices.IndexFunc(targets, func(t *check.Target) bool { return t.Path == d.dir })
	if i < 0 {
		return fault{}, false
	}
	f := d.where
	f.check = fluxPathCheck.Name
	lacks := func(what, by string) (fault, bool) {
		f.message = fmt.Sprintf("%s builds %s, and Flux does not get %s: %s leaves it out", d.by, named(d.dir), what, by)
		return f, true
	}
	if by := a.without(d.source, a.tree.roots[d.dir]); by != "" {
		return lacks(a.tree.roots[d.dir], by)
	}
	for _, file := range targets[i].Reading.Files {
		if by := a.without(d.source, file); by != "" {
			return lacks(file, by)
		}
	}
	return fault{}, false
}
