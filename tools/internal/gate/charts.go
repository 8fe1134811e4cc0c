package gate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/chart"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// charting knows the charts that Applications deploy. Those of an Application are a target, which is called by the target that
// renders the Application, or the file that holds it, and by the Application: argocd:web.
type charting struct {
	targets []chartTarget
	left    []chartLeft
	wanted  map[string][]kustomization.Release // by target, those of which there is no copy as well
	made    []string                           // further directories that Applications deploy, where kgate chooses the targets
}

// chartTarget are the charts of an Application that can be rendered here.
type chartTarget struct {
	path        string
	application coverage.Application
	releases    []kustomization.Release
	wanted      []kustomization.Release // these, and those of which there is no copy
}

// chartLeft is a chart of an Application that cannot be rendered here, and why.
type chartLeft struct {
	application coverage.Application
	name        string
	at          manifest.Position
	reason      string
	target      string // that the chart would be part of
	makes       []check.Reference
}

// chartsPath is what the target of an Application's charts is called. tree is the target that renders the Application, or the file
// that holds it.
func chartsPath(tree string, a coverage.Application, several bool) string {
	if several {
		return tree + ":" + path.Join(a.Object.Namespace, a.Object.Name)
	}
	return tree + ":" + a.Object.Name
}

// chart looks for the charts of Applications, as a renderer renders these, and makes them targets: of a run of all targets, and
// those that are asked for.
func (g *Gate) chart(ctx context.Context, renderer *kustomization.Renderer) error {
	was := slices.Concat(g.charts.names(), g.charts.further())
	g.charts = &charting{}
	if g.all = without(g.all, was); len(g.options.Targets) == 0 {
		g.paths = without(g.paths, was)
	}
	asked := slices.ContainsFunc(g.options.Targets, func(target string) bool { return repo.TreeOf(target) != "" })
	if !asked && !g.mayHaveCharts(ctx, renderer) {
		return nil
	}
	whole := *g
	whole.charts, renderer.Releases = nil, map[string][]kustomization.Release{}
	if asked && len(g.all) == 0 {
		selection, _, _ := coverage.Select(ctx, g.repository) // what globs do not name has no Applications
		whole.all = selection.Targets
	}
	// What cannot be rendered says so where it is judged.
	found, _ := whole.applications(ctx, renderer, false)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	g.charts = g.chartsOf(ctx, renderer, found)
	if g.chosen != "" {
		if err := g.chooseMade(ctx, found); err != nil {
			return err
		}
	}
	for _, t := range g.charts.targets {
		renderer.Releases[t.path] = t.releases
	}
	for _, target := range g.options.Targets {
		if _, err := fs.Stat(g.repository.FS, target); repo.TreeOf(target) != "" && renderer.Releases[target] == nil && err != nil && !g.options.Bare {
			return g.charts.none(target)
		}
	}
	names := g.charts.names()
	if len(g.all) > 0 {
		g.all = slices.Concat(g.all, without(names, g.all))
	}
	if len(g.options.Targets) == 0 {
		g.paths = slices.Concat(g.paths, without(names, g.paths))
	}
	return nil
}

// chooseMade adds the directories that Applications deploy which only rendering shows, as those of charts, to the targets that kgate chose.
func (g *Gate) chooseMade(ctx context.Context, found Applications) error {
	for _, a := range found.All {
		if a.Target == nil {
			continue
		}
		for _, s := range a.Sources {
			if (s.Type == "kustomize" || s.Type == "directory") && s.Dir != "" && !slices.Contains(g.all, s.Dir) && !slices.Contains(g.charts.made, s.Dir) {
				g.charts.made = append(g.charts.made, s.Dir)
			}
		}
	}
	if g.charts.made == nil {
		return nil
	}
	selection, chosen, err := coverage.Select(ctx, g.repository, g.charts.made...)
	if err != nil {
		return err
	}
	g.all, g.chosen = selection.Targets, chosen
	if len(g.options.Targets) == 0 {
		g.paths = g.all
	}
	return nil
}

// further are the targets that only rendering shows.
func (c *charting) further() []string {
	if c == nil {
		return nil
	}
	return c.made
}

// names are those of the targets.
func (c *charting) names() []string {
	if c == nil {
		return nil
	}
	var names []string
	for _, t := range c.targets {
		names = append(names, t.path)
	}
	return names
}

// none is the error of a target of charts that is not there.
func (c *charting) none(target string) error {
	for _, left := range c.left {
		if left.target == target {
			return &manifest.SyntaxError{Position: left.at, Message: left.text()}
		}
	}
	return fmt.Errorf("there is no target %s: no Application of that name there deploys a chart that kgate renders; `kgate apps` lists them", target)
}

// text says that the chart is not rendered.
func (l chartLeft) text() string {
	return fmt.Sprintf("a chart of Application %s is not rendered: %s", l.application.Object.Name, l.reason)
}

// mayHaveCharts reports whether there may be Applications that deploy charts.
func (g *Gate) mayHaveCharts(ctx context.Context, renderer *kustomization.Renderer) bool {
	if !g.mayDeploy(renderer) {
		return false
	}
	for _, target := range g.renderable() {
		if renderer.Mentions(target, argoSign, "chart:") || renderer.Mentions(target, argoSign, "helm:") || renderer.Mentions(target, argoSign, `"chart"`) {
			return true
		}
	}
	found := errors.New("found")
	err := repo.Walk(ctx, g.repository.FS, ".", func(p string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil //nolint:nilerr // what cannot be read has no chart that can be rendered
		case entry.IsDir() && (repo.PassedOver(p) || g.repository.HoldsCopies(p)):
			return fs.SkipDir
		case !entry.IsDir() && entry.Name() == "Chart.yaml":
			return found
		}
		return nil
	})
	return errors.Is(err, found)
}

// chartsOf are the charts of Applications. Where several targets render the very same Application, it is called by the first.
func (g *Gate) chartsOf(ctx context.Context, renderer *kustomization.Renderer, found Applications) *charting {
	defer activity.Begin(ctx, "looking for charts of Applications")()
	c := &charting{wanted: map[string][]kustomization.Release{}}
	tree := func(a coverage.Application) string { return treesOf(a)[0] }
	count := map[string]int{}
	for _, a := range found.All {
		count[chartsPath(tree(a), a, false)]++
	}
	for _, a := range found.All {
		t := chartTarget{path: chartsPath(tree(a), a, count[chartsPath(tree(a), a, false)] > 1), application: a}
		for _, s := range a.Sources {
			if s.Type != "helm" {
				continue
			}
			r, err := g.releaseOf(a, s)
			leave := func(at manifest.Position, reason string) {
				values := valuesOf(s.Value)
				for _, v := range r.Values {
					if text, err := fs.ReadFile(g.repository.FS, v.File); err == nil && !v.InChart {
						values = append(values, valuesIn(string(text)))
					}
				}
				name := cmp.Or(s.Chart.Name, s.Dir)
				c.left = append(c.left, chartLeft{a, name, at, reason, t.path, release(r.Namespace, r.Name, name, values)})
			}
			if err == nil {
				t.wanted = append(t.wanted, r)
				if missing := renderer.Offline(ctx, []kustomization.Release{r}); missing != nil {
					leave(missing.Position, missing.Reason)
					continue
				}
				t.releases = append(t.releases, r)
				continue
			}
			at := s.Locate(nil)
			if syntax := (*manifest.SyntaxError)(nil); errors.As(err, &syntax) {
				at, err = syntax.Position, errors.New(syntax.Message)
			}
			leave(at, err.Error())
		}
		if t.releases != nil {
			c.targets = append(c.targets, t)
		}
		if t.wanted != nil {
			c.wanted[t.path] = t.wanted
		}
	}
	return c
}

// of is the target of an Application's charts; nil for none.
func (c *charting) of(a coverage.Application) *chartTarget {
	if c == nil {
		return nil
	}
	for i, t := range c.targets {
		if is := t.application; is.Object.ID == a.Object.ID && is.Object.Digest() == a.Object.Digest() && is.Locate(nil) == a.Locate(nil) {
			return &c.targets[i]
		}
	}
	return nil
}

// Charts are what Applications of a repository deploy as charts, by the target that they are: also those of which there is no copy
// yet. The error is that of targets that cannot be rendered, whose Applications nobody knows.
func Charts(ctx context.Context, repository *repo.Repo, unrestricted bool) (map[string][]kustomization.Release, error) {
	g, err := Open(ctx, repository, Options{Bare: true, Unjudged: true, LoadRestrictionsNone: unrestricted})
	if err != nil {
		return nil, err
	}
	defer func() { _ = g.Close() }() // it judges nothing
	found, err := g.applications(ctx, g.renderer, false)
	return g.chartsOf(ctx, g.renderer, found).wanted, err
}

// Unrendered is why a chart of an Application cannot be rendered here; "" for one that can.
func (g *Gate) Unrendered(ctx context.Context, a coverage.Application, s coverage.ApplicationSource) string {
	release, err := g.releaseOf(a, s)
	if missing := (*kustomization.Unavailable)(nil); err == nil {
		if missing = g.renderer.Offline(ctx, []kustomization.Release{release}); missing != nil {
			err = missing
		}
	}
	if syntax := (*manifest.SyntaxError)(nil); errors.As(err, &syntax) {
		return syntax.Message
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// ChartsOf is the target that an Application's charts are; "" for none.
func (g *Gate) ChartsOf(a coverage.Application) string {
	if t := g.charts.of(a); t != nil {
		return t.path
	}
	return ""
}

// unrendered are notes of charts of Applications that are not rendered: those of targets that are checked, or all in a run of everything.
func (g *Gate) unrendered() []report.Note {
	if g.charts == nil {
		return nil
	}
	left := g.charts.left
	if len(g.options.Targets) > 0 {
		left = slices.DeleteFunc(slices.Clone(left), func(l chartLeft) bool { return !slices.Contains(g.paths, l.target) })
	}
	const most = 5
	var notes []report.Note
	for i, l := range left {
		if i == most && len(left) > most+1 {
			var names []string
			for _, l := range left[most:] {
				names = append(names, fmt.Sprintf("%s of %s", l.name, l.application.Object.Name))
			}
			notes = append(notes, report.Note{About: "applications", Message: fmt.Sprintf("%d more charts of Applications are not rendered: kgate apps says why", len(names)), LeftOut: names})
			break
		}
		notes = append(notes, report.Note{About: "applications", Source: l.at, Message: l.text()})
	}
	return notes
}

// kubeVersion is the version of Kubernetes that Helm tells charts of Applications where these name none: the newest that kgate.yaml
// names. Argo CD tells that of the cluster.
func (g *Gate) kubeVersion() string {
	var newest *version.Version
	for _, v := range g.repository.Config.KubernetesVersions {
		if one, err := version.ParseGeneric(v.Text); err == nil && (newest == nil || newest.LessThan(one)) {
			newest = one
		}
	}
	if newest == nil {
		return ""
	}
	return fmt.Sprintf("v%d.%d.0", newest.Major(), newest.Minor())
}

// releaseOf is what Argo CD has Helm render of a source: helmTemplate of reposerver/repository/repository.go of its v3.6.1.
func (g *Gate) releaseOf(a coverage.Application, s coverage.ApplicationSource) (kustomization.Release, error) {
	helm, _ := s.Value["helm"].(map[string]any)
	text := func(name string) string { return manifest.TextAt(helm, name) }
	is := func(name string) bool { return manifest.At(helm, name) == true }
	r := kustomization.Release{
		Dir: s.Dir, Chart: s.Chart,
		Name:        cmp.Or(text("releaseName"), a.Object.Name),
		Namespace:   cmp.Or(text("namespace"), manifest.TextAt(a.Object.Value, "spec", "destination", "namespace")),
		KubeVersion: cmp.Or(text("kubeVersion"), g.kubeVersion()),
		SkipCRDs:    is("skipCrds"), SkipTests: is("skipTests"), SkipSchema: is("skipSchemaValidation"),
		At: func(path ...any) manifest.Position { return s.Locate(path) },
	}
	for _, item := range manifest.ListAt(helm, "apiVersions") {
		r.APIVersions = append(r.APIVersions, fmt.Sprint(item))
	}
	fault := func(message string, path ...any) error {
		return &manifest.SyntaxError{Position: s.Locate(append(manifest.Path{"helm"}, path...)), Message: message}
	}
	switch {
	case s.Chart.Name != "":
		r.Dir = ""
	case s.Dir == "":
		return r, errors.New(cmp.Or(s.Elsewhere, "where it is nobody here can tell"))
	case s.Elsewhere != "":
		return r, errors.New(s.Elsewhere)
	}
	if strings.Contains(s.Chart.Repository+s.Chart.Name+s.Chart.Version, "{{") {
		return r, errors.New("it has a parameter that nobody filled in")
	}
	fill := func(value string, path ...any) (string, error) {
		filled, unknown := substituted(value, a, s)
		if unknown != "" {
			return "", fault(fmt.Sprintf("$%s is of the build at Argo CD, and not known here", unknown), path...)
		}
		return filled, nil
	}
	var err error
	if r.Values, err = g.valueFiles(a, s, fill, fault); err != nil {
		return r, err
	}
	switch object := helm["valuesObject"].(type) {
	case map[string]any:
		out, err := json.Marshal(object)
		if err != nil {
			return r, fault(err.Error(), "valuesObject")
		}
		r.Values = append(r.Values, kustomization.ReleaseValues{Text: out, Field: []any{"helm", "valuesObject"}})
	default:
		if values := text("values"); values != "" {
			r.Values = append(r.Values, kustomization.ReleaseValues{Text: []byte(values), Field: []any{"helm", "values"}})
		}
	}
	for i, item := range manifest.ListAt(helm, "parameters") {
		value, err := fill(manifest.TextAt(item, "value"), "parameters", i, "value")
		if err != nil {
			return r, err
		}
		kind := chart.SetValue
		if manifest.At(item, "forceString") == true {
			kind = chart.SetString
		}
		r.Sets = withSet(r.Sets, kustomization.ReleaseSet{
			Set:   chart.Set{Kind: kind, Name: manifest.TextAt(item, "name"), Value: escaped(value)},
			Field: []any{"helm", "parameters", i, "value"},
		})
	}
	for i, item := range manifest.ListAt(helm, "fileParameters") {
		file, inChart, err := g.valueFile(a, s, manifest.TextAt(item, "path"), []any{"fileParameters", i, "path"}, fill, fault)
		if err != nil {
			return r, err
		}
		r.Sets = withSet(r.Sets, kustomization.ReleaseSet{
			Set: chart.Set{Kind: chart.SetFile, Name: manifest.TextAt(item, "name")}, File: file, InChart: inChart, Field: []any{"helm", "fileParameters", i, "path"},
		})
	}
	return r, nil
}

// withSet adds a parameter. Of several of a name and a kind Argo CD takes the last.
func withSet(all []kustomization.ReleaseSet, one kustomization.ReleaseSet) []kustomization.ReleaseSet {
	all = slices.DeleteFunc(all, func(s kustomization.ReleaseSet) bool { return s.Kind == one.Kind && s.Name == one.Name })
	return append(all, one)
}

// escaped is the value of a parameter as Argo CD hands it to Helm: a comma is one, unless the value is a list in braces.
func escaped(value string) string {
	if strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}") {
		return value
	}
	var out strings.Builder
	last := rune(0)
	for _, r := range value {
		if r == ',' && last != '\\' {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
		last = r
	}
	return out.String()
}

type (
	filling  func(value string, path ...any) (string, error)
	faulting func(message string, path ...any) error
)

// valueFiles are the files of values of a source, in their order and each once: what a pattern finds does not count where the file is
// named as well.
func (g *Gate) valueFiles(a coverage.Application, s coverage.ApplicationSource, fill filling, fault faulting) ([]kustomization.ReleaseValues, error) {
	list := manifest.ListAt(s.Value, "helm", "valueFiles")
	missing := manifest.At(s.Value, "helm", "ignoreMissingValueFiles") == true
	named, inChart := make([]string, len(list)), make([]bool, len(list))
	for i, item := range list {
		var err error
		if named[i], inChart[i], err = g.valueFile(a, s, fmt.Sprint(item), []any{"valueFiles", i}, fill, fault); err != nil {
			return nil, err
		}
	}
	isPattern := func(name string) bool { return strings.ContainsAny(name, "*?[") && !vendored.IsFile(name) }
	var all []kustomization.ReleaseValues
	add := func(name string, i int) {
		if !slices.ContainsFunc(all, func(v kustomization.ReleaseValues) bool { return v.File == name && v.InChart == inChart[i] }) {
			all = append(all, kustomization.ReleaseValues{File: name, InChart: inChart[i], Missing: missing, Field: []any{"helm", "valueFiles", i}})
		}
	}
	for i, name := range named {
		if !isPattern(name) {
			add(name, i)
			continue
		}
		if inChart[i] {
			return nil, fault(fmt.Sprintf("%s is a pattern of files of the chart's own, which kgate does not follow: name them", name), "valueFiles", i)
		}
		found, err := doublestar.Glob(g.repository.FS, name, doublestar.WithFilesOnly())
		if err != nil {
			return nil, fault(fmt.Sprintf("the pattern %s: %s", name, err), "valueFiles", i)
		}
		slices.Sort(found)
		if len(found) == 0 && !missing {
			return nil, fault(fmt.Sprintf("no file fits the pattern %s, and Argo CD builds nothing", name), "valueFiles", i)
		}
		for _, file := range found {
			if !slices.Contains(named, file) {
				add(file, i)
			}
		}
	}
	return all, nil
}

// valueFile is a file that a source names: of this repository, or a URL.
func (g *Gate) valueFile(a coverage.Application, s coverage.ApplicationSource, name string, field []any, fill filling, fault faulting) (file string, inChart bool, err error) {
	if ref, rest, _ := strings.Cut(name, "/"); strings.HasPrefix(ref, "$") {
		for _, other := range a.Sources {
			if "$"+manifest.TextAt(other.Value, "ref") != ref {
				continue
			}
			filled, err := fill(rest, field...)
			if err != nil {
				return "", false, err
			}
			file := path.Clean(strings.TrimPrefix(filled, "/"))
			_, statErr := fs.Stat(g.repository.FS, file)
			repository := manifest.TextAt(other.Value, "repoURL")
			switch {
			case manifest.TextAt(other.Value, "chart") != "":
				return "", false, fault(fmt.Sprintf("%s is a chart of %s: Argo CD takes values from git alone", ref, repository), field...)
			case file == ".." || strings.HasPrefix(file, "../"):
				return "", false, fault(fmt.Sprintf("%s leads out of the repository", name), field...)
			case !other.Own && statErr != nil && !strings.ContainsAny(file, "*?["):
				return "", false, fault(fmt.Sprintf("%s is %s, which is not this repository, as far as the paths of Applications tell: copy the values here, or render it where that is checked out", ref, repository), field...)
			}
			return file, false, nil
		}
	}
	name, err = fill(name, field...)
	if err != nil {
		return "", false, err
	}
	if i := strings.Index(name, "://"); i > 0 {
		if !vendored.IsFile(name) {
			return "", false, fault(fmt.Sprintf("%s has a scheme that only an Argo CD with a plugin of Helm reads", name), field...)
		}
		return name, false, nil
	}
	if s.Chart.Name != "" {
		return strings.TrimPrefix(path.Clean(name), "/"), true, nil // the chart is all that there is of such a source
	}
	file = path.Join(s.Dir, name)
	if path.IsAbs(name) {
		file = strings.TrimPrefix(path.Clean(name), "/")
	}
	if file == ".." || strings.HasPrefix(file, "../") {
		return "", false, fault(fmt.Sprintf("%s leads out of the repository", name), field...)
	}
	return file, false, nil
}
