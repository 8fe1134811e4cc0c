package coverage

import (
	"bytes"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/gobwas/glob"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// Takers know how what deploys a directory takes it: as the files of the repository say, before anything is rendered. nil knows of
// nothing.
type Takers struct {
	tree        *tree
	deployments []deployment
	targets     map[string]bool // that are read by themselves
	chosen      bool            // by kgate: nobody named them
}

// FindTakers reads who deploys what.
func FindTakers(ctx context.Context, r *repo.Repo) (*Takers, error) {
	t, err := look(ctx, r)
	if err != nil {
		return nil, err
	}
	takers := &Takers{tree: t, deployments: t.deployments(nil, nil), targets: map[string]bool{}, chosen: r.Config.Targets == nil}
	if takers.chosen {
		for _, d := range takers.deployments {
			takers.targets[d.dir] = true
		}
		return takers, nil
	}
	selection, err := r.Select(ctx)
	if err != nil {
		return nil, err
	}
	for _, target := range selection.Targets {
		takers.targets[target] = true
	}
	return takers, nil
}

// Flux reports whether Flux builds a directory: its controller lets a kustomization read files of the whole repository. Of a directory
// without a kustomization it makes one, which has the roots below.
func (t *Takers) Flux(dir string) bool {
	if t == nil {
		return false
	}
	real, ok := t.tree.real(dir)
	return ok && slices.ContainsFunc(t.deployments, func(d deployment) bool {
		return d.source != "" && (d.dir == real || t.tree.roots[d.dir] == "" && below(d.dir, real) && !t.tree.rootBetween(d.dir, path.Dir(real)))
	})
}

// Directory is how a directory of manifests is taken. Several that deploy it take together what each takes. Where nothing does,
// as of one that tells Argo CD what to deploy, all below it counts that nothing else deploys or renders, but for the templates of
// charts.
func (t *Takers) Directory(dir string) kustomization.Directory {
	if t == nil {
		return kustomization.Directory{}
	}
	real, ok := t.tree.real(dir)
	if !ok {
		return kustomization.Directory{}
	}
	var all []deployment
	isChart := t.tree.charts[real] && t.tree.roots[real] == ""
	for _, d := range t.deployments {
		if helm := isChart && d.source == "" && !d.plainly; d.dir == real && !helm {
			all = append(all, d)
		}
	}
	if len(all) == 0 {
		return kustomization.Directory{Apart: t.apart, Templated: t.templates(real)}
	}
	taken := kustomization.Directory{Flat: true}
	var takes []func(string) bool
	for _, d := range all {
		flux := d.source != "" // it takes every file of YAML and none of JSON, where Argo CD takes every file of JSON
		taken.YAML, taken.JSON = taken.YAML || flux, taken.JSON || !flux
		taken.Flat = taken.Flat && !d.recursive
		takes = append(takes, d.takes())
	}
	taken.NoJSON = !taken.JSON
	taken.Skips = func(name string) bool {
		below := strings.TrimPrefix(name, real+"/")
		return !t.tree.walked[name] && !slices.ContainsFunc(takes, func(takes func(string) bool) bool { return takes(below) })
	}
	return taken
}

// apart reports a directory that is read by itself.
func (t *Takers) apart(name string) bool { return t.targets[name] }

// templates reports files of a directory that may be templates of a Helm chart: where kgate chose what to read, all that Helm
// looks for templates in. Else those of charts below it that hold an action of a template, so that nothing else hides in a chart.
func (t *Takers) templates(dir string) func(file string) bool {
	return func(file string) bool {
		if t.chosen && t.tree.ofChart(path.Dir(file)) {
			return true
		}
		for parent := path.Dir(file); below(dir, parent) && parent != "."; parent = path.Dir(parent) {
			if t.tree.charts[parent] {
				data, err := kustomization.NewFiles(t.tree.repository.Store()).ReadFile(file)
				return err == nil && bytes.Contains(data, []byte("{{"))
			}
		}
		return false
	}
}

// takes reports whether a file is taken, by its path below the directory: what `exclude` of an Application fits is not, and
// where there is an `include` nothing that does not fit it. A glob that cannot be read fits nothing, as for Argo CD.
func (d deployment) takes() func(below string) bool {
	fits := func(pattern string) func(string) bool {
		g, err := glob.Compile(pattern)
		if pattern == "" || err != nil {
			return func(string) bool { return false }
		}
		return g.Match
	}
	include, exclude := fits(d.include), fits(d.exclude)
	return func(below string) bool {
		return !exclude(below) && (d.include == "" || include(below))
	}
}
