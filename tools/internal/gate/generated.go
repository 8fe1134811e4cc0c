package gate

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/report"
)

const syncWave = "argocd.argoproj.io/sync-wave"

// isSet reports an ApplicationSet.
func isSet(o *manifest.Object) bool { return o.Kind == "ApplicationSet" && o.Group() == "argoproj.io" }

// hasSet reports a target with an ApplicationSet.
func hasSet(t *check.Target) bool { return slices.ContainsFunc(t.Objects, isSet) }

// generate gives targets the Applications that their ApplicationSets make, for the checks of the repository. Notes say of which
// nobody here can tell all: nothing is said that rests on these.
func (g *Gate) generate(ctx context.Context, files *kustomization.Files, targets []*check.Target) (notes []report.Note, err error) {
	if !g.acrossTargets() || !slices.ContainsFunc(targets, hasSet) {
		return nil, nil
	}
	defer activity.Begin(ctx, "looking for what ApplicationSets make")()
	all, left, err := coverage.Applications(ctx, g.repository, files, targets)
	if err != nil {
		return nil, err
	}
	for _, u := range left {
		if u.Target != nil {
			notes = append(notes, report.Note{About: "applications", Source: u.Position, Message: fmt.Sprintf("which Applications %s makes is not all told here: %s", u.Object.ID, u.Reason)})
		}
	}
	for _, t := range targets {
		t.Generated, t.Told = nil, nil
		for _, a := range all {
			r, renders := a.RenderedBy(t)
			if !renders || r.Set == nil || !r.Set.Applied() {
				continue
			}
			a.Set = r.Set
			one, err := waved(a)
			if err != nil {
				return nil, err
			}
			t.Generated = append(t.Generated, one)
		}
		for _, o := range t.Objects {
			if isSet(o) && !slices.ContainsFunc(left, func(u coverage.Unresolved) bool { return u.Object == o }) {
				t.Told = append(t.Told, o)
			}
		}
	}
	return notes, nil
}

// waved is an Application that comes when its ApplicationSet does: nobody syncs it in a wave of its own.
func waved(a coverage.Application) (check.Generated, error) {
	one := check.Generated{Object: a.Object, Of: a.Set, Field: a.Of}
	wave := manifest.Path{"metadata", "annotations", syncWave}
	of, own := manifest.At(a.Set.Value, wave...), manifest.At(a.Object.Value, wave...)
	if of == own {
		return one, nil
	}
	value := maps.Clone(a.Object.Value)
	metadata, _ := value["metadata"].(map[string]any)
	metadata = maps.Clone(metadata)
	annotations, _ := metadata["annotations"].(map[string]any)
	annotations = maps.Clone(annotations)
	if annotations == nil {
		annotations = map[string]any{}
	}
	delete(annotations, syncWave)
	if of != nil {
		annotations[syncWave] = of
	}
	metadata["annotations"], value["metadata"] = annotations, metadata
	var err error
	if one.Object, err = manifest.Encode(value); err != nil {
		return one, err
	}
	one.Field = func(field manifest.Path) manifest.Path {
		if slices.Equal(field, wave) {
			return wave
		}
		return a.Of(field)
	}
	return one, nil
}

// generatedPairs are the Applications of the ApplicationSets that a target has on both sides, where all of them can be told.
func (c *comparing) generatedPairs(ctx context.Context, old, new *Target) ([]check.GeneratedPair, error) {
	if !hasSet(&old.Target) || !hasSet(&new.Target) {
		return nil, nil
	}
	type made struct {
		all  map[string]*manifest.Object // by name
		told bool
	}
	of := func(g *Gate, t *Target) (map[*manifest.Object]made, error) {
		all, left, err := coverage.Applications(ctx, g.repository, g.renderer.Files(), []*check.Target{&t.Target})
		if err != nil {
			return nil, err
		}
		found := map[*manifest.Object]made{}
		for _, o := range t.Objects {
			if isSet(o) {
				found[o] = made{map[string]*manifest.Object{}, !slices.ContainsFunc(left, func(u coverage.Unresolved) bool { return u.Object == o })}
			}
		}
		for _, a := range all {
			if r, renders := a.RenderedBy(&t.Target); renders && r.Set != nil {
				found[r.Set].all[a.Object.Name] = a.Object
			}
		}
		return found, nil
	}
	was, err := of(c.was, old)
	if err != nil {
		return nil, nil //nolint:nilerr // where Applications are looked for, that says why
	}
	is, err := of(c.is, new)
	if err != nil {
		return nil, nil //nolint:nilerr // as above
	}
	var pairs []check.GeneratedPair
	for _, set := range new.Objects {
		i := slices.IndexFunc(old.Objects, func(o *manifest.Object) bool {
			return isSet(o) && isSet(set) && o.Namespace == set.Namespace && o.Name == set.Name
		})
		if i < 0 || !was[old.Objects[i]].told || !is[set].told {
			continue
		}
		then, now := was[old.Objects[i]].all, is[set].all
		for _, name := range slices.Sorted(maps.Keys(then)) {
			pairs = append(pairs, check.GeneratedPair{Set: set, Old: then[name], New: now[name]})
		}
		for _, name := range slices.Sorted(maps.Keys(now)) {
			if then[name] == nil {
				pairs = append(pairs, check.GeneratedPair{Set: set, New: now[name]})
			}
		}
	}
	return pairs, ctx.Err()
}
