package transition

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/promotion"
)

// Check holds what a change made by hand does to versions and weights to the rules of the steps that it comes to. base is the table
// of the commit that the change begins at; the planner's is of the change. Charts are left out: their versions come from elsewhere.
func (p *Planner) Check(ctx context.Context, base promotion.Table, commit string) ([]Move, error) {
	p.base, p.then = commit, base
	var moves []Move
	for _, s := range p.Table.Services {
		then, _ := base.Service(s.Name)
		for _, place := range s.Places {
			was, _ := then.Place(place.Environment)
			to, _ := p.Table.Environment(place.Environment)
			if !place.Exists() || place.Stable.Chart != nil || was.Stable.Chart != nil {
				continue
			}
			var some []Move
			var err error
			if was.Exists() {
				some, err = p.compare(ctx, s, to, was, p.asBefore(to, was, place))
			} else {
				before, _ := then.Place(to.Promotion.From)
				_, chained := base.Environment(to.Promotion.From)
				somewhere := chained && slices.ContainsFunc(then.Places, promotion.Place.Exists)
				some, err = p.begins(ctx, s, to, before, place, ran(base, to.Name), somewhere)
			}
			if err != nil {
				return nil, fmt.Errorf("%s in %s: %w", s.Name, to.Name, err)
			}
			moves = append(moves, some...)
		}
	}
	return p.further(ctx, moves)
}

// further adds the steps of images that a service had a line of its own for, or has one now, and that no move says: those of further
// containers, and of workloads that are of another service now, or of none.
func (p *Planner) further(ctx context.Context, moves []Move) ([]Move, error) {
	for _, to := range p.Table.Environments {
		if to.Promotion.From == "" {
			continue
		}
		then, _ := p.then.Environment(to.Name)
		from, _ := p.Table.Environment(to.Promotion.From)
		before, _ := p.then.Environment(from.Name)
		known := ran(p.then, to.Name)
		for _, w := range to.Workloads {
			was, service := p.runsIn(then, w.Object)
			if service == "" {
				continue
			}
			for _, image := range w.Images {
				old, had := was.Image(image.Container)
				if !ownLine(p.then, old) && !ownLine(p.Table, image) ||
					slices.ContainsFunc(known, func(r promotion.Reference) bool { return r.Name == image.Name && unchanged(r, image.Reference) }) ||
					slices.ContainsFunc(moves, func(m Move) bool {
						return slices.Contains(m.Environments(), to.Name) && unchanged(m.New, image.Reference)
					}) {
					continue
				}
				at := image.Said.Version()
				m := Move{Service: service, Environment: to.Name, Action: Promote, From: from.Name, Old: old.Reference, New: image.Reference, renamed: true}
				m.Changes = []Change{{Source: at.Position, Field: at.Address.String(), Old: old.String(), New: image.String()}}
				if at.IsZero() {
					m.Changes[0].Source, m.Changes[0].Field = image.Object.Source, image.Path.String()
				}
				if err := p.holdFurther(ctx, &m, to, old, image, from, before, had); err != nil {
					return nil, fmt.Errorf("%s in %s: %w", service, to.Name, err)
				}
				moves = append(moves, m)
			}
		}
	}
	return moves, nil
}

// ownLine reports an image whose version a file of an environment says.
func ownLine(t promotion.Table, image promotion.Image) bool {
	at := image.Said.Version()
	return t.Own(at) && t.Owner(at.File) != ""
}

// runsIn is a workload as an environment of the base had it, and the service that it was of; "" where that is not promoted.
func (p *Planner) runsIn(then promotion.Environment, object *manifest.Object) (promotion.Running, string) {
	i := slices.IndexFunc(then.Workloads, func(w promotion.Running) bool { return w.Object.ID == object.ID })
	if i < 0 {
		return promotion.Running{}, ""
	}
	was := then.Workloads[i]
	for _, s := range p.then.Services {
		place, _ := s.Place(then.Name)
		if place.Stable.Chart == nil && slices.Contains(slices.Concat(place.Stable.Workloads, place.Canary.Workloads), was.Object) {
			return was, s.Name
		}
	}
	return was, ""
}

// holdFurther holds an image of a container that does not tell the version of its service: it runs already where versions come from,
// and for long enough. One that is new in both begins there.
func (p *Planner) holdFurther(ctx context.Context, m *Move, to promotion.Environment, was, is promotion.Image, from, before promotion.Environment, had bool) error {
	if had {
		back, err := p.goesBack(ctx, m.Service, was, is)
		if err != nil {
			return err
		}
		if back {
			m.Action = Rollback
			return nil
		}
	}
	// The same container tells, where there is one; else whatever runs the image.
	find := func(in promotion.Environment) (found promotion.Image, runs bool) {
		for _, w := range in.Workloads {
			for _, image := range w.Images {
				same := image.Name == is.Name && unchanged(image.Reference, is.Reference)
				if w.Object.Kind == is.Object.Kind && w.Object.Name == is.Object.Name && image.Container == is.Container {
					return image, same
				}
				if same && !runs {
					found, runs = image, true
				}
			}
		}
		return found, runs
	}
	at := m.Changes[0].Source
	there, runs := find(from)
	_, ran := find(before)
	switch {
	case !runs:
		p.refuse(m, Source, at, fmt.Sprintf("%s comes to %s, and nothing in %s runs it", is.String(), to.Name, from.Name))
	case !ran && had:
		p.refuse(m, OneChange, at, fmt.Sprintf("the same change brings %s to %s: merge that first", is.String(), from.Name))
	case ran && to.Promotion.Soak > 0 && !there.Said.Version().IsZero() && p.Ledger == nil: // the ledger knows services alone
		if err := p.holdSoak(ctx, m, to, there); err != nil {
			return err
		}
	}
	p.holdFreeze(m, to)
	return nil
}

// ran are the images that an environment had, of whatever service.
func ran(base promotion.Table, environment string) []promotion.Reference {
	var all []promotion.Reference
	for _, s := range base.Services {
		place, _ := s.Place(environment)
		for _, t := range []promotion.Track{place.Stable, place.Canary} {
			for _, image := range append(slices.Clip(t.Others), t.Image) {
				all = append(all, image.Reference)
			}
		}
	}
	for _, w := range base.Shared {
		if slices.Contains(w.Environments, environment) {
			for _, text := range w.Images {
				all = append(all, promotion.ParseReference(text))
			}
		}
	}
	return all
}

// begins are the steps that bring a service to an environment where it was not, or was called otherwise: what ran there is brought
// by nobody. Where the change brings it to the one that its versions come from as well, it has run nowhere yet: it is held to
// begin there with the same version, or to be behind it; one that was somewhere comes to one of them at a time. before is that
// environment as it was.
func (p *Planner) begins(ctx context.Context, s promotion.Service, to promotion.Environment, before, is promotion.Place, ran []promotion.Reference, somewhere bool) ([]Move, error) {
	from := to.Promotion.From
	if from == "" {
		return nil, nil
	}
	upstream, _ := s.Place(from)
	tracks := []promotion.Track{is.Stable}
	if underWay(is) {
		tracks = append(tracks, is.Canary)
	}
	var moves []Move
	for i, t := range tracks {
		image := t.Image
		at := image.Said.Version()
		if at.IsZero() || slices.ContainsFunc(ran, func(r promotion.Reference) bool { return r.Name == image.Name && unchanged(r, image.Reference) }) {
			continue
		}
		m := Move{Service: s.Name, Environment: to.Name, Action: Promote, From: from, New: image.Reference, Canary: i > 0, lines: is}
		m.Changes = []Change{{Source: at.Position, Field: at.Address.String(), New: image.Identity()}}
		there := upstream.Stable.Image.Reference
		behind, _ := p.older(s.Name, m.New, there)
		switch {
		case before.Exists():
			back, err := p.goesBack(ctx, s.Name, promotion.Image{}, image)
			if err != nil {
				return nil, err
			}
			if back { // it was there once, and somebody takes back that it went
				m.Action = Rollback
				p.holdVersions(&m)
			} else if err := p.holdPromotion(ctx, &m, to, upstream); err != nil {
				return nil, err
			}
		case !upstream.Exists():
			p.refuse(&m, Source, at.Position, fmt.Sprintf("%s has no %s, so %s does not run there", from, s.Name, shown(m.New)))
		case upstream.Stable.Chart == nil && !p.counterpart(from, to.Name, there.Name, m.New.Name):
			p.refuse(&m, Source, at.Position, fmt.Sprintf("%s comes to %s, and %s runs %s", m.New.Name, to.Name, from, there.Name))
		case somewhere:
			p.refuse(&m, OneChange, at.Position, fmt.Sprintf("the same change brings %s to %s: merge that first", s.Name, from))
		case !behind && upstream.Stable.Chart == nil && (!runs(upstream.Stable, m.New) || undigested(m.New, there)):
			p.refuse(&m, Source, at.Position, fmt.Sprintf("%s comes to %s, and %s runs %s", shown(m.New), to.Name, from, shown(there)))
		default:
			continue
		}
		moves = append(moves, m)
	}
	return moves, nil
}

// asBefore is a place with its version told by the containers that told it before, whatever stands beside them now.
func (p *Planner) asBefore(in promotion.Environment, was, is promotion.Place) promotion.Place {
	for _, track := range []struct{ was, is *promotion.Track }{{&was.Stable, &is.Stable}, {&was.Canary, &is.Canary}} {
		container := track.was.Image.Container
		if container == "" || track.is.Image.Container == container || track.is.Image.Object == nil {
			continue
		}
		for _, w := range in.Workloads {
			if w.Object == track.is.Image.Object {
				if image, there := w.Image(container); there {
					track.is.Image = image
				}
			}
		}
	}
	return is
}

// compare are the steps that lead from what a place was to what it is.
func (p *Planner) compare(ctx context.Context, s promotion.Service, to promotion.Environment, was, is promotion.Place) ([]Move, error) {
	var moves []Move
	begin := func(action Action, of, now promotion.Image) *Move {
		m := Move{
			Service: s.Name, Environment: to.Name, Action: action, From: to.Promotion.From, Old: of.Reference, New: now.Reference, before: was, lines: is,
		}
		m.WeightWas, m.Weighted = percent(was)
		m.WeightIs, _ = percent(is)
		at := now.Said.Version()
		if at.IsZero() {
			at = of.Said.Version()
		}
		m.nameWas = cmp.Or(of.Name, was.Stable.Image.Name) // a canary that is new comes beside the stable one
		m.renamed = m.nameWas != "" && now.Name != "" && m.nameWas != now.Name
		if of.Identity() != now.Identity() || !m.renamed {
			m.Changes = []Change{{Source: at.Position, Field: at.Address.String(), Old: of.Identity(), New: now.Identity()}}
		}
		if m.renamed {
			c := Change{Source: now.Said.Name.Position, Field: now.Said.Name.Address.String(), Old: m.nameWas, New: now.Name}
			if now.Said.Name.IsZero() {
				c.Source, c.Field = now.Object.Source, now.Path.String()
			}
			if c.Source == at.Position && len(m.Changes) > 0 { // one scalar says the whole of it
				m.Changes[0].Old, m.Changes[0].New = of.String(), now.String()
			} else {
				m.Changes = append(m.Changes, c)
			}
		}
		moves = append(moves, m)
		return &moves[len(moves)-1]
	}
	upstream, _ := s.Place(to.Promotion.From)
	stable := !unchanged(was.Stable.Image.Reference, is.Stable.Image.Reference)
	both := hasCanary(was) && hasCanary(is)
	finished := stable && underWay(was) && unchanged(is.Stable.Image.Reference, was.Canary.Image.Reference)
	back := false
	if stable {
		var err error
		if back, err = p.goesBack(ctx, s.Name, was.Stable.Image, is.Stable.Image); err != nil {
			return nil, err
		}
	}
	switch {
	case finished:
		m := begin(Finish, was.Stable.Image, is.Stable.Image)
		if m.Weighted {
			p.holdLast(m, to)
		}
		p.holdFreeze(m, to)
		if err := p.holdFinished(ctx, m, to); err != nil {
			return nil, err
		}
	case stable && back:
		m := begin(Rollback, was.Stable.Image, is.Stable.Image)
		p.holdVersions(m)
		p.keeps(ctx, m, s)
	case stable:
		m := begin(Promote, was.Stable.Image, is.Stable.Image)
		if hasCanary(was) { // whatever the change makes of it
			p.holdCanary(m, to)
		}
		if err := p.holdPromotion(ctx, m, to, upstream); err != nil {
			return nil, err
		}
	}
	if underWay(was) && !hasCanary(is) && !stable {
		m := begin(Abort, was.Canary.Image, is.Stable.Image)
		m.Canary = true
		m.Changes = []Change{{Source: is.Stable.Image.Said.Version().Position, Field: "canary", Old: was.Canary.Image.Identity()}}
	}
	canary := hasCanary(is) && !unchanged(was.Canary.Image.Reference, is.Canary.Image.Reference)
	switch {
	case !canary && both && underWay(was) && underWay(is):
		before, share, route, changes := shareStep(was, is)
		switch {
		case changes:
			m := begin(Shift, was.Canary.Image, is.Canary.Image)
			m.Canary, m.Weighted, m.WeightWas, m.WeightIs = true, true, before, share
			m.Changes = []Change{weightChange(is.Weights[route], before, share)}
			p.holdLadder(m, to)
			if share > before {
				p.holdFreeze(m, to)
				p.holdKept(m, to)
			}
		case len(is.Weights) == 0 && len(was.Weights) > 0 && is.Rollout == nil:
			m := begin(Shift, was.Canary.Image, is.Canary.Image)
			m.Canary, m.Weighted = true, false
			m.Changes = []Change{{Source: is.Canary.Image.Said.Version().Position, Field: "share of traffic", Old: number(before) + " %"}}
			if len(to.Promotion.Ladder) > 0 {
				p.refuse(m, Ladder, m.Changes[0].Source, fmt.Sprintf("the canary of %s had %s %%, and no route of %s tells its share any more: keep one that sends to both, or end the canary first", shown(m.New), number(before), to.Name))
			}
		}
	case canary && unchanged(is.Canary.Image.Reference, is.Stable.Image.Reference):
		if !stable && both {
			begin(Abort, was.Canary.Image, is.Canary.Image).Canary = true
		}
	case canary:
		m := begin(Promote, was.Canary.Image, is.Canary.Image)
		m.Canary = true
		if !both { // it comes with its route
			_, m.Weighted = percent(is)
		}
		if err := p.holdPromotion(ctx, m, to, upstream); err != nil {
			return nil, err
		}
		if ladder := to.Promotion.Ladder; m.Weighted && len(ladder) > 0 && m.WeightIs > float64(ladder[0]) {
			p.refuse(m, Ladder, p.weightSource(m), fmt.Sprintf("the canary of %s begins with %s %%, and the ladder of %s with %d %%", shown(m.New), number(m.WeightIs), to.Name, ladder[0]))
		}
	}
	return moves, nil
}

// shareStep is how a canary's share of traffic changes: of several routes that which goes up most. at is the one of is.
func shareStep(was, is promotion.Place) (before, share float64, at int, changes bool) {
	most, _ := percent(was)
	known := slices.Clone(was.Weights)
	type step struct {
		before, share float64
		at            int
	}
	var steps []step
	// First the routes that are as they were, so that one that moved is no other.
	for _, same := range []func(a, b promotion.Weight) bool{
		func(a, b promotion.Weight) bool { return a.Route == b.Route && a.Percent == b.Percent },
		func(a, b promotion.Weight) bool { return a.Route == b.Route },
		func(a, b promotion.Weight) bool { return true },
		nil,
	} {
		for i, w := range is.Weights {
			if slices.ContainsFunc(steps, func(s step) bool { return s.at == i }) {
				continue
			}
			if same == nil { // it is new: held to the largest that there was
				steps = append(steps, step{min(most, w.Percent), w.Percent, i})
				continue
			}
			if k := slices.IndexFunc(known, func(o promotion.Weight) bool { return o.Canary.Object.ID == w.Canary.Object.ID && same(o, w) }); k >= 0 {
				steps = append(steps, step{known[k].Percent, w.Percent, i})
				known = slices.Delete(known, k, k+1)
			}
		}
	}
	for _, s := range steps {
		if s.before != s.share && (!changes || s.share-s.before > share-before) {
			before, share, at, changes = s.before, s.share, s.at, true
		}
	}
	if !changes {
		before, _ = percent(was)
		share, _ = percent(is)
	}
	return before, share, at, changes
}

// unchanged reports two references that say the same version, with the same digest or with none, of one image.
func unchanged(a, b promotion.Reference) bool {
	return same(a, b) && a.Digest == b.Digest && (a.Name == b.Name || a.Name == "" || b.Name == "")
}

// counterpart reports an image of one environment that is that of another one: by the same name, or by one that differs as those
// of a service that the base has in both do, such as in the registry.
func (p *Planner) counterpart(from, to, there, here string) bool {
	if there == here {
		return true
	}
	a, b := withoutCommon(there, here)
	return slices.ContainsFunc(p.then.Services, func(s promotion.Service) bool {
		one, _ := s.Place(from)
		other, _ := s.Place(to)
		c, d := withoutCommon(one.Stable.Image.Name, other.Stable.Image.Name)
		return one.Exists() && other.Exists() && one.Stable.Chart == nil && other.Stable.Chart == nil && a == c && b == d
	})
}

// withoutCommon is what is left of two names of images without the parts at their ends that both have.
func withoutCommon(a, b string) (string, string) {
	first, second := strings.Split(a, "/"), strings.Split(b, "/")
	for len(first) > 0 && len(second) > 0 && first[len(first)-1] == second[len(second)-1] {
		first, second = first[:len(first)-1], second[:len(second)-1]
	}
	return strings.Join(first, "/"), strings.Join(second, "/")
}

// holdCanary refuses a version that is everywhere at once, where there was a canary.
func (p *Planner) holdCanary(m *Move, to promotion.Environment) {
	wayOut := "bring it there first"
	if !m.renamed {
		wayOut = fmt.Sprintf("`kgate promote %s --to %s` brings it there first", m.Service, to.Name)
		if to.Promotion.From == "" {
			wayOut = fmt.Sprintf("`kgate promote %s --to %s --version %s` brings it there first", m.Service, to.Name, shown(m.New))
		}
	}
	p.refuse(m, Canary, m.Changes[0].Source, fmt.Sprintf("%s comes to all of %s at once, and there is a canary: %s", m.called(m.New), to.Name, wayOut))
}

// weightChange is the line that says the share of a route.
func weightChange(w promotion.Weight, before, share float64) Change {
	c := Change{Source: w.Canary.Object.Source, Field: w.Canary.Path.String(), Old: number(before), New: number(share)}
	if !w.Canary.Scalar.IsZero() {
		c.Source, c.Field = w.Canary.Scalar.Position, w.Canary.Scalar.Address.String()
	}
	return c
}

// goesBack reports a change to a version that the place had before, and that is not newer than what it has.
func (p *Planner) goesBack(ctx context.Context, service string, was, is promotion.Image) (bool, error) {
	if p.Past == nil || is.Said.Version().IsZero() {
		return false, nil
	}
	if older, known := p.older(service, is.Reference, was.Reference); known && !older && was.Name == is.Name {
		return false, nil
	}
	if was.Tag == is.Tag && is.Digest == "" && was.Digest != "" {
		return false, nil // whatever the tag means by now is no step back
	}
	trail, err := p.Past.References(ctx, is)
	if err != nil {
		return false, err
	}
	var past []promotion.Reference
	for i, c := range trail.Changes {
		r := promotion.ParseReference(c.Value)
		itself := i == 0 && unchanged(r, is.Reference)
		if c.Said && !itself && (was.Name == is.Name || r.Name == is.Name) { // of another image, one that says its name
			past = append(past, r)
		}
	}
	return slices.ContainsFunc(past, func(v promotion.Reference) bool { return unchanged(v, is.Reference) }), nil
}
