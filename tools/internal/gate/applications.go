package gate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/argocd"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
)

// deepestApplications is how often what an Application deploys is looked through for further ones.
const deepestApplications = 8

// argoSign is in every file that may have an Application, an ApplicationSet or an AppProject. The group alone is also in the
// annotations of what Argo CD deploys, argocd.argoproj.io/sync-wave and the like, which are no reason to render anything.
const argoSign = "argoproj.io/v1"

// Applications are those of Argo CD that a repository has.
type Applications struct {
	All        []coverage.Application // by namespace and name
	Unresolved []coverage.Unresolved
	LeftOut    int             // of files that no target reads
	Projects   argocd.Projects // that targets render
}

// Applications are Argo CD's: those that the targets of the repository render, that ApplicationSets make, and that others of them
// deploy from here. Those of files that no target reads count where kgate.yaml names no targets, or where these render none; else
// they are examples, as a rule, and loose asks for them. Targets that cannot be rendered are in the error; the rest is looked
// through all the same.
func (g *Gate) Applications(ctx context.Context, loose bool) (Applications, error) {
	return g.applications(ctx, g.renderer, loose)
}

func (g *Gate) applications(ctx context.Context, renderer *kustomization.Renderer, loose bool) (Applications, error) {
	defer activity.Begin(ctx, "looking for Applications")()
	var failed []error
	var targets []*check.Target
	seen := map[string]bool{}
	take := func(paths []string) {
		for _, path := range paths {
			if seen[path] || path == kustomization.Stdin {
				continue
			}
			seen[path] = true
			if !renderer.Mentions(path, argoSign) {
				continue
			}
			t, err := g.plain(ctx, renderer, path)
			if err != nil {
				failed = append(failed, err)
				continue
			}
			targets = append(targets, t)
		}
	}
	take(g.renderable())
	for depth := 0; ; depth++ {
		all, left, err := coverage.Applications(ctx, g.repository, renderer.Files(), targets)
		if err != nil {
			return Applications{}, errors.Join(append(failed, err)...)
		}
		found, count := Applications{All: all, Unresolved: left, Projects: argocd.ProjectsOf(targets)}, len(all)
		rendered := slices.ContainsFunc(all, func(a coverage.Application) bool { return a.Target != nil })
		if rendered && !loose && g.repository.Config.Targets != nil {
			found.All = slices.DeleteFunc(found.All, func(a coverage.Application) bool { return a.Target == nil })
			found.Unresolved = slices.DeleteFunc(found.Unresolved, func(u coverage.Unresolved) bool { return u.Target == nil })
			found.LeftOut = count - len(found.All)
		}
		all = found.All
		var further []string
		if depth < deepestApplications {
			for _, t := range g.chartsOf(ctx, renderer, found).targets {
				// Which charts a run renders is settled before it begins.
				known := renderer.Releases[t.path] != nil
				if seen[t.path] || t.application.Target == nil || !known && g.charts != nil {
					continue
				}
				if !known {
					renderer.Releases[t.path] = t.releases
				}
				further = append(further, t.path)
			}
		}
		for _, a := range all {
			for _, s := range a.Sources {
				if s.Dir != "" && !seen[s.Dir] && (s.Type == "kustomize" || s.Type == "directory") {
					further = append(further, s.Dir)
				}
			}
		}
		if len(further) == 0 || depth == deepestApplications {
			slices.SortStableFunc(all, func(a, b coverage.Application) int {
				return cmp.Or(strings.Compare(a.Object.Namespace, b.Object.Namespace), strings.Compare(a.Object.Name, b.Object.Name))
			})
			return found, errors.Join(failed...)
		}
		take(further)
	}
}

// PrintApplication renders what Argo CD takes from this repository for an Application: its sources, with what the Application
// changes in them. It is called by its name, or by its namespace and this, web or argocd/web; where several have the name, as where each
// cluster has an Argo CD of its own, by the target that renders it before that, or by the file that holds it: clusters/dev:web.
func (g *Gate) PrintApplication(ctx context.Context, name string) ([]byte, error) {
	found, err := g.Applications(ctx, true)
	isCalled := func(a coverage.Application) bool {
		is := func(name string) bool { return a.Object.Name == name || a.Object.Namespace+"/"+a.Object.Name == name }
		tree := repo.TreeOf(name)
		return is(name) || tree != "" && slices.Contains(treesOf(a), tree) && is(strings.TrimPrefix(name, tree+":"))
	}
	if slices.ContainsFunc(found.All, func(a coverage.Application) bool { return a.Target != nil && isCalled(a) }) {
		found.All = slices.DeleteFunc(found.All, func(a coverage.Application) bool { return a.Target == nil })
	}
	var called []coverage.Application
	var names []string
	for _, a := range found.All {
		names = append(names, a.Object.Name)
		if isCalled(a) {
			called = append(called, a)
		}
	}
	switch {
	case len(called) == 0:
		return nil, errors.Join(err, fmt.Errorf("there is no Application %s: `kgate apps` lists those that there are%s", name, spelling.Meant(name, names)))
	case len(called) > 1:
		var which []string
		for _, a := range called {
			which = append(which, fmt.Sprintf("--app %s, at %s", chartsPath(treesOf(a)[0], a, a.Object.Namespace != ""), a.Locate(nil)))
		}
		return nil, fmt.Errorf("there are %d Applications %s: take %s", len(called), name, strings.Join(which, "; or "))
	}
	return g.print(ctx, called[0])
}

// treesOf are the targets that render an Application, or the file of no target that holds it.
func treesOf(a coverage.Application) []string {
	var trees []string
	for _, r := range a.Renderings() {
		trees = append(trees, r.Target.Path)
	}
	if trees == nil {
		return []string{a.File}
	}
	return trees
}

// print renders the sources of an Application, in their order.
func (g *Gate) print(ctx context.Context, a coverage.Application) ([]byte, error) {
	var out []byte
	for _, s := range a.Sources {
		if s.Dir == "" && s.Chart.Name == "" {
			if manifest.TextAt(s.Value, "ref") != "" && manifest.TextAt(s.Value, "path") == "" {
				continue // it gives files to others alone
			}
			return nil, &manifest.SyntaxError{Position: s.Locate(nil), Message: fmt.Sprintf("the source of Application %s is not rendered: %s", a.Object.Name, s.Elsewhere)}
		}
		result, err := g.renderSource(ctx, a, s)
		if err != nil {
			return nil, err
		}
		text, err := result.YAML()
		if err != nil {
			return nil, err
		}
		if len(out) > 0 && len(text) > 0 && !bytes.HasPrefix(text, []byte("---\n")) {
			out = append(out, "---\n"...)
		}
		out = append(out, text...)
	}
	return out, nil
}

// renderSource renders a source of an Application that lies in the repository.
func (g *Gate) renderSource(ctx context.Context, a coverage.Application, s coverage.ApplicationSource) (*kustomization.Result, error) {
	defer activity.Begin(ctx, "rendering Application %s", a.Object.Name)()
	switch s.Type {
	case "kustomize":
		edits, err := EditsOf(a, s)
		if err != nil {
			return nil, err
		}
		if edits.Empty() {
			return g.renderer.Render(ctx, s.Dir)
		}
		return g.renderer.RenderEdited(ctx, s.Dir, edits)
	case "directory":
		return g.renderer.Render(ctx, s.Dir)
	case "helm":
		release, err := g.releaseOf(a, s)
		if err != nil {
			return nil, err
		}
		return g.renderer.RenderReleases(ctx, a.Object.Name, []kustomization.Release{release})
	}
	return nil, &manifest.SyntaxError{Position: s.Locate(manifest.Path{"path"}), Message: fmt.Sprintf("%s is the source of Application %s, a plugin, which kgate does not run", s.Dir, a.Object.Name)}
}

// EditsOf are what a source of an Application edits in the kustomization that it is. An error says what nobody can tell here.
func EditsOf(a coverage.Application, s coverage.ApplicationSource) (*kustomization.Edits, error) {
	options, _ := s.Value["kustomize"].(map[string]any)
	if len(options) == 0 {
		return nil, nil
	}
	locate := func(path ...any) manifest.Position { return s.Locate(append(manifest.Path{"kustomize"}, path...)) }
	fill := func(text string, path ...any) (string, error) {
		filled, unknown := substituted(text, a, s)
		if unknown != "" {
			return "", &manifest.SyntaxError{Position: locate(path...), Message: fmt.Sprintf("$%s is of the build at Argo CD, and not known here", unknown)}
		}
		return filled, nil
	}
	text := func(name string) string { return manifest.TextAt(options, name) }
	is := func(name string) bool { return manifest.At(options, name) == true }
	edits := &kustomization.Edits{
		NamePrefix: text("namePrefix"), NameSuffix: text("nameSuffix"), Namespace: text("namespace"),
		ForceLabels: is("forceCommonLabels"), LabelsWithoutSelector: is("labelWithoutSelector"), LabelsIncludeTemplates: is("labelIncludeTemplates"),
		ForceAnnotations: is("forceCommonAnnotations"), MissingComponents: is("ignoreMissingComponents"),
		Patches: manifest.ListAt(options, "patches"),
		At: func(path ...any) manifest.Position {
			fields := map[any]string{"labels": "commonLabels", "annotations": "commonAnnotations"}
			path = slices.Clone(path)
			if field := fields[path[0]]; field != "" {
				path[0] = field
			}
			return locate(path...)
		},
	}
	for i, item := range manifest.ListAt(options, "images") {
		image, _ := item.(string)
		image, err := fill(image, "images", i)
		if err != nil {
			return nil, err
		}
		edits.Images = append(edits.Images, image)
	}
	for i, item := range manifest.ListAt(options, "replicas") {
		count, err := strconv.ParseInt(fmt.Sprint(manifest.At(item, "count")), 10, 64)
		if err != nil {
			return nil, &manifest.SyntaxError{Position: locate("replicas", i, "count"), Message: fmt.Sprintf("count is %v, and no whole number", manifest.At(item, "count"))}
		}
		edits.Replicas = append(edits.Replicas, kustomization.Replicas{Name: manifest.TextAt(item, "name"), Count: count})
	}
	for i, item := range manifest.ListAt(options, "components") {
		component, ok := item.(string)
		if !ok {
			return nil, &manifest.SyntaxError{Position: locate("components", i), Message: "a component is a text"}
		}
		edits.Components = append(edits.Components, component)
	}
	for field, into := range map[string]*map[string]string{"commonLabels": &edits.Labels, "commonAnnotations": &edits.Annotations} {
		pairs, _ := manifest.At(options, field).(map[string]any)
		*into = map[string]string{}
		for key, item := range pairs {
			value, _ := item.(string)
			if field == "commonLabels" || is("commonAnnotationsEnvsubst") {
				var err error
				if value, err = fill(value, field, key); err != nil {
					return nil, err
				}
			}
			(*into)[key] = value
		}
	}
	return edits, nil
}

// substituted puts the variables of a build in place that are known here, and names the first that is not.
func substituted(text string, a coverage.Application, s coverage.ApplicationSource) (filled, unknown string) {
	known := map[string]string{
		"ARGOCD_APP_NAME": a.Object.Name, "ARGOCD_APP_NAMESPACE": manifest.TextAt(a.Object.Value, "spec", "destination", "namespace"),
		"ARGOCD_APP_PROJECT_NAME": manifest.TextAt(a.Object.Value, "spec", "project"), "ARGOCD_APP_SOURCE_REPO_URL": manifest.TextAt(s.Value, "repoURL"),
		"ARGOCD_APP_SOURCE_PATH": manifest.TextAt(s.Value, "path"), "ARGOCD_APP_SOURCE_TARGET_REVISION": manifest.TextAt(s.Value, "targetRevision"),
	}
	filled = os.Expand(text, func(name string) string {
		if strings.HasPrefix(name, "ARGOCD_APP_REVISION") {
			unknown = cmp.Or(unknown, name)
		}
		if name == "$" {
			return "$"
		}
		return known[name]
	})
	return filled, unknown
}
