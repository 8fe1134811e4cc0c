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
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/provenance"
	"github.com/kgate-dev/gitops/tools/internal/report"
)

// editing knows what Applications write into the kustomizations of a run's targets. A target is judged as Argo CD builds it, where
// all Applications that deploy it write the same; else as it stands, which a note says.
type editing struct {
	gate     *Gate
	renderer *kustomization.Renderer
	asked    cache.Cache[struct{}, bool]
	found    cache.Cache[struct{}, map[string]*kustomization.Edits]

	mu   sync.Mutex
	said map[string]string // by target, why it is judged as it stands
}

func (g *Gate) newEditing(renderer *kustomization.Renderer) *editing {
	return &editing{gate: g, renderer: renderer, said: map[string]string{}}
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
		if e.renderer.Mentions(target, "argoproj.io", "kustomize") {
			return true
		}
		files, err := fs.Glob(e.gate.repository.FS, path.Join(target, ".argocd-source*.yaml"))
		return err == nil && len(files) > 0 && e.gate.mayDeploy(e.renderer)
	})
}

// mayDeploy reports whether a target may have Applications.
func (g *Gate) mayDeploy(renderer *kustomization.Renderer) bool {
	return slices.ContainsFunc(g.renderable(), func(target string) bool { return renderer.Mentions(target, "argoproj.io") })
}

func (e *editing) find(ctx context.Context) (map[string]*kustomization.Edits, error) {
	applications, _ := e.gate.applications(ctx, e.renderer, false) // what cannot be rendered says so where it is judged
	type writer struct {
		by    string
		edits *kustomization.Edits
		err   error
	}
	writers := map[string][]writer{}
	for _, a := range applications.All {
		for _, s := range a.Sources {
			if s.Dir == "" || s.Type != "kustomize" {
				continue
			}
			edits, err := EditsOf(a, s)
			writers[s.Dir] = append(writers[s.Dir], writer{a.Object.Name, edits, err})
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
				e.said[dir] = fmt.Sprintf("%s is judged as it stands: what Application %s writes into its kustomization is not known here: %s", dir, w.by, w.err)
			}
		}
		switch {
		case alike && !first.edits.Empty():
			all[dir] = first.edits
		case alike, e.said[dir] != "", !slices.Contains(e.gate.paths, dir):
		default:
			e.said[dir] = fmt.Sprintf("%s is judged as it stands: %d Applications deploy it and write different things into its kustomization, %s: kgate render --app prints each",
				dir, len(names), strings.Join(names, ", "))
		}
	}
	return all, ctx.Err()
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
