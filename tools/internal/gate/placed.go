package gate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/kgate-dev/gitops/tools/internal/cache"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/relation"
	"github.com/kgate-dev/gitops/tools/internal/report"
)

// placing knows the namespaces to which the targets of a run are brought. Argo CD gives its destination's to objects without
// one, and Flux its target namespace to all, as Kustomize's namespace does.
type placing struct {
	gate     *Gate
	renderer *kustomization.Renderer
	kept     func(path string) *Target // what a watch has rendered; nil for nothing

	found     cache.Cache[struct{}, *coverage.Deliveries]
	overrides cache.Cache[struct{}, bool]

	mu      sync.Mutex
	crowded map[string]int // targets that are brought to more than mostPlaces, and to how many
}

func (g *Gate) newPlacing(renderer *kustomization.Renderer, kept func(path string) *Target) *placing {
	return &placing{gate: g, renderer: renderer, kept: kept, crowded: map[string]int{}}
}

// deployers are found when somebody asks: targets that may have some are rendered, and other files read.
func (p *placing) deployers(ctx context.Context) (*coverage.Deliveries, error) {
	return p.found.Get(struct{}{}, func() (*coverage.Deliveries, error) {
		var telling []*check.Target
		for _, path := range p.gate.renderable() {
			if !p.mentions(path, argoSign, "destination") && !p.mentions(path, "toolkit.fluxcd.io", "sourceRef") {
				continue
			}
			t := (*Target)(nil)
			if p.kept != nil {
				t = p.kept(path)
			}
			if t == nil {
				var err error
				if t, err = p.gate.render(ctx, p.renderer, path); err != nil {
					continue // where it is judged itself, that says why
				}
			}
			telling = append(telling, &t.Target)
		}
		found, err := coverage.FindDeliveries(ctx, p.gate.repository, telling)
		if err == nil && p.gate.charts != nil {
			for _, t := range p.gate.charts.targets {
				found.Add(t.path, t.application)
			}
		}
		return found, err
	})
}

func (p *placing) mentions(path string, words ...string) bool {
	return p.renderer.Mentions(path, words[0], words[1:]...)
}

// mayOverride reports whether something may give objects another namespace than they have. Where kgate.yaml names no targets,
// what deploys them need not be in one.
func (p *placing) mayOverride(ctx context.Context) (bool, error) {
	return p.overrides.Get(struct{}{}, func() (bool, error) {
		asks := p.gate.repository.Config.Targets == nil || slices.ContainsFunc(p.gate.renderable(), func(path string) bool {
			return p.mentions(path, "toolkit.fluxcd.io", "targetNamespace") || p.mentions(path, argoSign, "kustomize")
		})
		if !asks {
			return false, nil
		}
		deployers, err := p.deployers(ctx)
		return err == nil && deployers.Override(), err
	})
}

// mostPlaces is in how many namespaces a target is judged. What is brought to more is judged for what is true of any, and a
// note says so.
const mostPlaces = 4

// place puts the objects of a target where they are brought to. Where several deployers bring it to different namespaces, the
// others are its variants.
func (p *placing) place(ctx context.Context, t *Target) (*Target, error) {
	namespaced, err := p.namespaced(ctx, t)
	if err != nil {
		return nil, err
	}
	if t.Path == kustomization.Stdin {
		return t, nil
	}
	if !slices.ContainsFunc(t.Objects, func(o *manifest.Object) bool { return o.Namespace == "" && namespaced[o] }) {
		if may, err := p.mayOverride(ctx); err != nil || !may {
			return t, err
		}
	}
	deployers, err := p.deployers(ctx)
	if err != nil {
		return nil, err
	}
	places := deployers.Places(t.Path)
	switch {
	case len(places) == 0:
		return t, nil
	case len(places) > mostPlaces:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.crowded[t.Path] = len(places)
		return t, nil
	}
	// What is known stands before what is not: the first is the one that a report shows.
	slices.SortStableFunc(places, func(a, b coverage.Place) int {
		switch {
		case a.Namespace == "" && b.Namespace != "":
			return 1
		case a.Namespace != "" && b.Namespace == "":
			return -1
		}
		return 0
	})
	var placed []*Target
	for _, place := range places {
		variant, err := put(t, place, namespaced)
		if err != nil {
			return nil, err
		}
		placed = append(placed, variant)
	}
	first := *placed[0]
	first.places, first.bare = places, t
	for _, variant := range placed[1:] {
		first.Variants = append(first.Variants, &variant.Target)
	}
	return &first, nil
}

// at is a target in one place, wherever it is brought to.
func (p *placing) at(ctx context.Context, t *Target, place coverage.Place) (*Target, error) {
	if t.bare != nil {
		t = t.bare
	}
	namespaced, err := p.namespaced(ctx, t)
	if err != nil {
		return nil, err
	}
	return put(t, place, namespaced)
}

// notes say which targets are judged in none of the namespaces that they are brought to.
func (p *placing) notes() []report.Note {
	p.mu.Lock()
	defer p.mu.Unlock()
	var notes []report.Note
	for _, target := range slices.Sorted(maps.Keys(p.crowded)) {
		notes = append(notes, report.Note{About: "namespaces", Message: fmt.Sprintf(
			"%s is brought to %d places, more than the %d that kgate judges: nothing is said of it that rests on its namespace", target, p.crowded[target], mostPlaces)})
	}
	return notes
}

// namespaced are the objects of a target that are beyond doubt in a namespace. What defines a kind is asked of those without
// one alone.
func (p *placing) namespaced(ctx context.Context, t *Target) (map[*manifest.Object]bool, error) {
	found := map[*manifest.Object]bool{}
	for _, o := range t.Objects {
		kind := definition.KindOf(o)
		if relation.Known().IsOfCluster(kind.Group, kind.Kind) {
			continue
		}
		if o.Namespace != "" {
			found[o] = true
			continue
		}
		is, err := p.gate.engines.server.Namespaced(ctx, o, &t.Target)
		if err != nil {
			return nil, err
		}
		found[o] = is
	}
	return found, nil
}

// put is a target in one of its places.
func put(t *Target, place coverage.Place, namespaced map[*manifest.Object]bool) (*Target, error) {
	if place.Namespace == "" {
		return t, nil
	}
	was := map[*manifest.Object]*manifest.Object{} // what was rendered, of those that the place changes
	placed := *t
	placed.Namespace = place.Namespace
	placed.Objects = make([]*manifest.Object, len(t.Objects))
	for i, o := range t.Objects {
		placed.Objects[i] = o
		var to *manifest.Object
		var err error
		switch {
		case namespaced[o] && o.Namespace != place.Namespace && (o.Namespace == "" || place.Overrides):
			to, err = o.In(place.Namespace)
		case place.Overrides && o.APIVersion == "v1" && o.Kind == "Namespace" && o.Name != place.Namespace:
			to, err = o.With(func(value map[string]any) {
				value["metadata"] = withField(value["metadata"], "name", place.Namespace)
			})
		}
		if err == nil && place.Overrides {
			if subjects, changed := subjectsIn(t, o, place.Namespace); changed {
				from := o
				if to != nil {
					from = to
				}
				to, err = from.With(func(value map[string]any) { value["subjects"] = subjects })
			}
		}
		if err != nil {
			return nil, fmt.Errorf("put %s into namespace %s: %w", o.ID, place.Namespace, err)
		}
		if to != nil {
			placed.Objects[i], was[to] = to, o
		}
	}
	placed.derive()
	locate := t.Locate
	placed.Locate = func(o *manifest.Object, path manifest.Path) manifest.Origin {
		from, moved := was[o]
		if !moved {
			return locate(o, path)
		}
		if isNamespace := slices.Equal(path, manifest.Path{"metadata", "namespace"}); isNamespace && !place.Source.IsZero() {
			return manifest.Origin{Position: place.Source}
		}
		return locate(from, path)
	}
	return &placed, nil
}

// withField is a mapping with another value of a field.
func withField(mapping any, field string, value any) map[string]any {
	changed := map[string]any{field: value}
	was, _ := mapping.(map[string]any)
	for key, v := range was {
		if key != field {
			changed[key] = v
		}
	}
	return changed
}

// subjectsIn are the subjects of a binding where its target's namespace is another one: accounts that the target renders go
// with it, and so do those called default.
func subjectsIn(t *Target, binding *manifest.Object, namespace string) ([]any, bool) {
	if binding.Group() != "rbac.authorization.k8s.io" {
		return nil, false
	}
	changed := false
	subjects := slices.Clone(manifest.ListAt(binding.Value, "subjects"))
	for i, subject := range subjects {
		name, in := manifest.TextAt(subject, "name"), manifest.TextAt(subject, "namespace")
		goes := name == "default" || manifest.TextAt(subject, "kind") == "ServiceAccount" && slices.ContainsFunc(t.Objects, func(o *manifest.Object) bool {
			return o.Kind == "ServiceAccount" && o.Name == name && (o.Namespace == in || o.Namespace == "" || in == "")
		})
		if goes && in != namespace {
			subjects[i], changed = withField(subject, "namespace", namespace), true
		}
	}
	return subjects, changed
}
