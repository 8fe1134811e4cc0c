package gate

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/kgate-dev/gitops/tools/internal/cache"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/provenance"
	"github.com/kgate-dev/gitops/tools/internal/report"
)

// editing knows what Applications, and Kustomizations of Flux, write into the kustomizations of a run's targets. A target is judged
// as it is built so, where all that deploy it write the same; else as it stands, which a note says.
type editing struct {
	gate     *Gate
	renderer *kustomization.Renderer
	flux     *flux
	asked    cache.Cache[struct{}, bool]
	found    cache.Cache[struct{}, map[string]*kustomization.Edits]

	mu   sync.Mutex
	said map[string]string // by target, why it is judged as it stands
}

func (g *Gate) newEditing(renderer *kustomization.Renderer, flux *flux) *editing {
	return &editing{gate: g, renderer: renderer, flux: flux, said: map[string]string{}}
}

// of are the edits of a target; nil for none. Applications are looked for when the first target asks.
func (e *editing) of(ctx context.Context, target string) (*kustomization.Edits, error) {
	if target == kustomization.Stdin {
		return nil, nil
	}
	if asks, _ := e.asked.Get(struct{}{}, func() (bool, error) { return e.mayEdit(), nil }); !asks {
		return nil, nil
	}
	all, err := e.found.Get(struct{}{}, func() (map[string]*kustomization.Edits, error) { return e.find(ctx) })
	return all[target], err
}

// mayEdit reports whether something may write into kustomizations. Where kgate.yaml names no targets, what does need not be in one.
func (e *editing) mayEdit() bool {
	if e.gate.repository.Config.Targets == nil {
		return true
	}
	return slices.ContainsFunc(e.gate.renderable(), func(target string) bool {
		if e.renderer.Mentions(target, argoSign, "kustomize") || e.fluxMayEdit(target) {
			return true
		}
		files, err := fs.Glob(e.gate.repository.FS, path.Join(target, ".argocd-source*.yaml"))
		return err == nil && len(files) > 0 && e.gate.mayDeploy(e.renderer)
	})
}

// mayDeploy reports whether a target may have Applications.
func (g *Gate) mayDeploy(renderer *kustomization.Renderer) bool {
	return slices.ContainsFunc(g.renderable(), func(target string) bool { return renderer.Mentions(target, argoSign) })
}

// fluxMayEdit reports whether a target may have a Kustomization of Flux that writes into kustomizations.
func (e *editing) fluxMayEdit(target string) bool {
	return slices.ContainsFunc(fluxFields, func(field string) bool { return e.renderer.Mentions(target, coverage.FluxGroup, field) })
}

// writer is one that deploys a directory, and what it writes into the kustomization there.
type writer struct {
	by    string // as messages name it
	edits *kustomization.Edits
	err   error // why that is not known
}

func (e *editing) find(ctx context.Context) (map[string]*kustomization.Edits, error) {
	applications, _ := e.gate.applications(ctx, e.renderer, false) // what cannot be rendered says so where it is judged
	writers := map[string][]writer{}
	for _, a := range applications.All {
		for _, s := range a.Sources {
			if s.Dir == "" || s.Type != "kustomize" {
				continue
			}
			edits, err := EditsOf(a, s)
			writers[s.Dir] = append(writers[s.Dir], writer{"Application " + a.Object.Name, edits, err})
		}
	}
	if slices.ContainsFunc(e.flux.targets(ctx), e.fluxMayEdit) {
		deployers, err := e.flux.deployers(ctx)
		if err != nil {
			return nil, err
		}
		for _, d := range deployers {
			if d.Dir != noDirectory && d.Object.Group() == coverage.FluxGroup && e.renderer.Files().Kustomization(d.Dir) != "" {
				writers[d.Dir] = append(writers[d.Dir], e.fluxWriter(d))
			}
		}
	}
	all := map[string]*kustomization.Edits{}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, dir := range slices.Sorted(maps.Keys(writers)) {
		first := writers[dir][0]
		var names []string
		alike := true
		for _, w := range writers[dir] {
			names = append(names, w.by)
			alike = alike && w.err == nil && sameEdits(first.edits, w.edits)
			if w.err != nil && slices.Contains(e.gate.paths, dir) {
				e.said[dir] = fmt.Sprintf("%s is judged as it stands: what %s writes into its kustomization is not known here: %s", dir, w.by, w.err)
			}
		}
		switch {
		case alike && !first.edits.Empty():
			all[dir] = first.edits
		case alike, e.said[dir] != "", !slices.Contains(e.gate.paths, dir):
		default:
			e.said[dir] = differing(dir, names)
		}
	}
	return all, ctx.Err()
}

// differing says of a target that several deploy it and write different things into its kustomization.
func differing(dir string, names []string) string {
	who, apps, way := "of Argo CD and Flux", make([]string, len(names)), ""
	for i, name := range names {
		app, is := strings.CutPrefix(name, "Application ")
		if !is {
			apps = nil
			break
		}
		apps[i] = app
	}
	if apps != nil {
		who, names, way = "Applications", apps, ": kgate render --app prints each"
	}
	return fmt.Sprintf("%s is judged as it stands: %d %s deploy it and write different things into its kustomization, %s%s", dir, len(names), who, strings.Join(names, ", "), way)
}

// fluxFields are the fields of a Flux Kustomization that its controller writes into the kustomization which it builds.
var fluxFields = []string{"patches", "images", "components", "namePrefix", "nameSuffix", "patchesStrategicMerge", "patchesJson6902"}

// fluxWriter is what a Flux Kustomization writes into the kustomization of its directory, as kustomize_generator.go of
// fluxcd/pkg/kustomize v1.44.0 does: patches and components come behind those that are there, an image is merged into one of its
// name. The namespace is given to objects where they are placed.
func (e *editing) fluxWriter(d coverage.Deployer) writer {
	w := writer{by: fmt.Sprintf("Flux Kustomization %q", d.Object.Name)}
	spec, _ := d.Object.Value["spec"].(map[string]any)
	at := func(path ...any) manifest.Position { return d.Locate(append(manifest.Path{"spec"}, path...)) }
	for _, field := range fluxFields {
		path := manifest.Path{"spec", field}
		switch value := spec[field]; {
		case value == nil:
		case strings.HasPrefix(field, "patchesS"), strings.HasPrefix(field, "patchesJ"):
			w.err = &manifest.SyntaxError{Position: at(field), Message: field + " is gone since v1 of the API: write `patches`"}
		case strings.Contains(fmt.Sprint(value), "${"), d.Object.Hides(path):
			w.err = &manifest.SyntaxError{Position: at(field), Message: field + " has a variable that another Kustomization may fill in"}
		}
	}
	if w.err != nil {
		return w
	}
	w.edits = &kustomization.Edits{
		NamePrefix: manifest.TextAt(spec, "namePrefix"), NameSuffix: manifest.TextAt(spec, "nameSuffix"),
		ImageEntries: manifest.ListAt(spec, "images"), Patches: manifest.ListAt(spec, "patches"), At: at,
	}
	for i, item := range manifest.ListAt(spec, "components") {
		name, ok := item.(string)
		if !ok || name == "" {
			w.edits, w.err = nil, &manifest.SyntaxError{Position: at("components", i), Message: "a component is a text"}
			return w
		}
		if spec["ignoreMissingComponents"] == true && e.renderer.Files().Kustomization(path.Join(d.Dir, name)) == "" {
			continue
		}
		w.edits.Components = append(w.edits.Components, name)
	}
	return w
}

// sameEdits reports whether two edits say the same, wherever.
func sameEdits(a, b *kustomization.Edits) bool {
	if a.Empty() || b.Empty() {
		return a.Empty() == b.Empty()
	}
	left, right := *a, *b
	left.At, right.At = nil, nil
	return reflect.DeepEqual(left, right)
}

// why says which of some targets is not built as their Application does, as notes do; "" for none.
func (e *editing) why(targets []string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, target := range targets {
		if said := e.said[target]; said != "" {
			return said
		}
	}
	return ""
}

// notes say which targets are judged otherwise than they are built.
func (e *editing) notes() []report.Note {
	e.mu.Lock()
	defer e.mu.Unlock()
	var notes []report.Note
	for _, target := range slices.Sorted(maps.Keys(e.said)) {
		notes = append(notes, report.Note{About: "applications", Message: e.said[target]})
	}
	return notes
}

// plain renders a target as it stands, for what it says of Applications.
func (g *Gate) plain(ctx context.Context, renderer *kustomization.Renderer, target string) (*check.Target, error) {
	result, err := renderer.Render(ctx, target)
	if err != nil {
		return nil, err
	}
	t := &check.Target{Path: result.Path, Objects: result.Objects, Reading: check.Reading{Files: result.Read, Layers: result.Layers(), Unchanged: result.Unchanged()}}
	t.Locate = brought(result, provenance.New(result, g.sharing).Locate)
	return t, nil
}
