package gate

import (
	"context"
	"maps"
	"slices"

	"github.com/kgate-dev/gitops/tools/internal/argocd"
	"github.com/kgate-dev/gitops/tools/internal/change"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// inPlace is a target on both sides of a change, in the namespace that one who deploys it brings it to. What a side does not bring
// there is put there all the same, so that nothing differs by its namespace alone.
type inPlace struct {
	old, new     *Target // nil where the side has no such target
	wasIn, isIn  bool    // the side brings it there
	first, later string  // the namespaces; "" where nobody here knows them
}

// puts is a target in one of its places.
type puts struct {
	*Target
	place coverage.Place
}

// each is a target in every place that it was put in, or as it is rendered.
func (t *Target) each() []puts {
	if t == nil {
		return nil
	}
	all := []puts{{Target: t}}
	for i, place := range t.places {
		if i == 0 {
			all[0].place = place
			continue
		}
		variant := *t
		variant.Target = *t.Variants[i-1]
		all = append(all, puts{&variant, place})
	}
	return all
}

// to is a target in the place that brings it to a namespace, or as it is shown where none does.
func (t *Target) to(namespace string) *Target {
	for _, p := range t.each() {
		if p.place.Namespace == namespace {
			return p.Target
		}
	}
	return t
}

// inPlaces pairs the places of both sides: those of one namespace, those of one that brings the target to another one, and the
// last that is left of each side.
func (c *comparing) inPlaces(ctx context.Context, old, new *Target) ([]inPlace, error) {
	var all []inPlace
	if old == nil || new == nil {
		for _, t := range old.each() {
			all = append(all, inPlace{old: t.Target, wasIn: true, first: t.place.Namespace})
		}
		for _, t := range new.each() {
			all = append(all, inPlace{new: t.Target, isIn: true, later: t.place.Namespace})
		}
		return all, nil
	}
	if len(old.places) == 0 && len(new.places) == 0 {
		return []inPlace{{old: old, new: new, wasIn: true, isIn: true}}, nil
	}
	was, err := c.brought(ctx, c.was, old)
	if err != nil {
		return nil, err
	}
	is, err := c.brought(ctx, c.is, new)
	if err != nil {
		return nil, err
	}
	of := make([]int, len(is))
	left := make([]bool, len(was))
	for i := range of {
		of[i] = -1
	}
	for i := range left {
		left[i] = true
	}
	take := func(fits func(i, j int) bool) {
		for i := range is {
			for j := range was {
				if of[i] < 0 && left[j] && fits(i, j) {
					of[i], left[j] = j, false
				}
			}
		}
	}
	by := func(i, j int) bool { return was[j].place.By == is[i].place.By }
	rest := func(fits func(i, j int) bool, i, j int) (n int) { // pairs that are left of one of a pair
		for k := range is {
			for l := range was {
				if (k == i || l == j) && of[k] < 0 && left[l] && fits(k, l) {
					n++
				}
			}
		}
		return n
	}
	take(func(i, j int) bool { return was[j].place.Namespace == is[i].place.Namespace })
	take(func(i, j int) bool { return by(i, j) && rest(by, i, j) == 1 })
	any := func(int, int) bool { return true }
	take(func(i, j int) bool { return rest(any, i, j) == 1 })
	for i := range is {
		p := inPlace{new: is[i].Target, isIn: true, later: is[i].place.Namespace, first: is[i].place.Namespace}
		if j := of[i]; j >= 0 {
			if p.old, p.wasIn, p.first = was[j].Target, true, was[j].place.Namespace; is[i].place.Once && p.first != p.later {
				stays := inPlace{old: p.old, wasIn: true, isIn: true, first: p.first, later: p.first}
				if stays.new, err = c.is.placing.at(ctx, new, was[j].place); err != nil {
					return nil, err
				}
				all = append(all, stays)
				p.wasIn, p.first = false, p.later
				if p.old, err = c.was.placing.at(ctx, old, is[i].place); err != nil {
					return nil, err
				}
			}
		} else if p.old, err = c.was.placing.at(ctx, old, is[i].place); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	for j := range was {
		if !left[j] {
			continue
		}
		p := inPlace{old: was[j].Target, wasIn: true, first: was[j].place.Namespace, later: was[j].place.Namespace}
		if p.new, err = c.is.placing.at(ctx, new, was[j].place); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// brought is a target of a side in every place that it is brought to; none where nobody brings it anywhere.
func (c *comparing) brought(ctx context.Context, g *Gate, t *Target) ([]puts, error) {
	if len(t.places) > 0 {
		return t.each(), nil
	}
	deployers, err := g.placing.deployers(ctx)
	if err != nil {
		return nil, err
	}
	var all []puts
	for _, place := range deployers.Places(t.Path) {
		in, err := g.placing.at(ctx, t, place)
		if err != nil {
			return nil, err
		}
		all = append(all, puts{in, place})
	}
	return all, nil
}

// differIn compares a target in each of its places. What differs in several is told once: it is the place that both sides have.
func (c *comparing) differIn(ctx context.Context, path string, places []inPlace, after *Target) (out change.Rendered, d delivered, err error) {
	at := slices.IndexFunc(places, func(p inPlace) bool { return p.wasIn && p.isIn && p.first == p.later })
	if at < 0 {
		at = max(0, slices.IndexFunc(places, func(p inPlace) bool { return p.wasIn && p.isIn }))
	}
	places = append([]inPlace{places[at]}, slices.Delete(slices.Clone(places), at, at+1)...)
	d.known = true
	type ids struct{ old, new manifest.ID }
	of := func(o change.Object) (is ids) {
		if o.Old != nil {
			is.old = o.Old.ID
		}
		if o.New != nil {
			is.new = o.New.ID
		}
		return is
	}
	told := map[ids]bool{}
	for i, p := range places {
		compared, err := c.differ(ctx, path, p.old, p.new, after)
		if err != nil {
			return out, d, err
		}
		d.parts = append(d.parts, p.parts()...)
		d.in = append(d.in, c.deliveredOf(p, compared))
		if i == 0 {
			out = compared
			for _, o := range compared.Objects {
				told[of(o)] = true
			}
			continue
		}
		if moves := p.wasIn && p.isIn && p.first != p.later; !moves {
			continue
		}
		for _, o := range compared.Objects {
			if !told[of(o)] {
				told[of(o)] = true
				out.Objects = append(out.Objects, o)
			}
		}
	}
	return out, d, nil
}

// parts are the directories whose objects either side has as they are rendered alone.
func (p inPlace) parts() (all []string) {
	for _, t := range []*Target{p.old, p.new} {
		if t != nil {
			all = append(all, t.Reading.Unchanged...)
		}
	}
	return all
}

// goesTo is the namespace that an Application brings a directory to; "" where it says none.
func (a *application) goesTo(dir string) string {
	for _, s := range a.Sources {
		if namespace := manifest.TextAt(s.Value, "kustomize", "namespace"); s.Dir == dir && namespace != "" {
			return namespace
		}
	}
	return manifest.TextAt(a.Object.Value, "spec", "destination", "namespace")
}

// of is what a sync of an Application looks at, which brought the target to one namespace, or brings it to another; the sides on
// which there is no such Application have none.
func (d delivered) of(was, is *string) deliveredIn {
	then := slices.IndexFunc(d.in, func(p deliveredIn) bool { return was != nil && p.was == *was })
	now := slices.IndexFunc(d.in, func(p deliveredIn) bool { return is != nil && p.is == *is })
	switch {
	case now >= 0 && (then < 0 || now == then || d.in[now].was == d.in[then].was):
		return d.in[now]
	case now < 0 && then >= 0 && is == nil:
		return d.in[then]
	case now >= 0 && then >= 0:
		return moved(d.in[then], d.in[now])
	}
	return d.in[0]
}

// moved is what an Application had in one place and has in another one, where others have been or stay.
func moved(then, now deliveredIn) deliveredIn {
	all := deliveredIn{was: then.was, is: now.is, changed: true}
	if then.dirs != nil && now.dirs != nil {
		all.dirs = maps.Clone(then.dirs)
		maps.Copy(all.dirs, now.dirs)
	}
	had := map[manifest.ID]bool{}
	for _, o := range then.objects {
		if o.Old != nil {
			had[o.Old.ID] = true
		}
	}
	for _, o := range now.objects {
		switch {
		case o.New == nil:
		case had[o.New.ID]:
			delete(had, o.New.ID)
			all.objects = append(all.objects, o)
		default:
			all.objects = append(all.objects, argocd.Object{New: o.New, Changed: true, Source: o.Source})
		}
	}
	for _, o := range then.objects {
		if o.Old != nil && had[o.Old.ID] {
			all.objects = append(all.objects, argocd.Object{Old: o.Old, Changed: true, Source: o.Source})
		}
	}
	return all
}

// deliveries are who deploys what on both sides.
func (c *comparing) deliveries(ctx context.Context) (then, now *coverage.Deliveries, err error) {
	if then, err = c.was.placing.deployers(ctx); err == nil {
		now, err = c.is.placing.deployers(ctx)
	}
	return then, now, err
}

// left finds what becomes of what those brought who deployed a target that is no more, as far as they say.
func (c *comparing) left(target string) func(context.Context) ([]check.Deployer, error) {
	return func(ctx context.Context) ([]check.Deployer, error) {
		then, now, err := c.deliveries(ctx)
		if err != nil {
			return nil, err
		}
		return then.Left(target, now), nil
	}
}

// dropped are the places that no one brings a target to any more, each as what is left there: nothing.
func (c *comparing) dropped(ctx context.Context, places []inPlace, new *Target) ([]*check.Target, error) {
	if new == nil || c.was == nil || c.is == nil {
		return nil, nil
	}
	var all []*check.Target
	for _, p := range places {
		if !p.wasIn || p.isIn || p.first == "" {
			continue
		}
		then, now, err := c.deliveries(ctx)
		if err != nil {
			return nil, err
		}
		deployers := then.Leaving(p.old.Path, p.first, now)
		if len(deployers) == 0 {
			continue
		}
		gone := &removed(p.old).Target
		gone.Path, gone.Namespace = new.Path, p.first
		gone.Deployers = func(context.Context) ([]check.Deployer, error) { return deployers, nil }
		gone.Before = &check.Before{Target: &p.old.Target, Revision: c.before.Name, Pairs: pairs(p.old.Objects, nil)}
		gone.Touched = touched(gone, nil)
		all = append(all, gone)
	}
	return all, nil
}
