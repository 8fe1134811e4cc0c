package transition

import (
	"context"
	"fmt"
	"slices"

	"github.com/kgate-dev/gitops/tools/internal/promotion"
)

// Check holds what a change made by hand does to versions and weights to the rules of the steps that it comes to. base is the table
// of the commit that the change begins at; the planner's is of the change. Charts are left out: their versions come from elsewhere.
func (p *Planner) Check(ctx context.Context, base promotion.Table, commit string) ([]Move, error) {
	p.base = commit
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
				some, err = p.compare(ctx, s, to, was, place)
			} else {
				before, _ := then.Place(to.Promotion.From)
				some, err = p.begins(ctx, s, to, before, place, ran(base, to.Name))
			}
			if err != nil {
				return nil, fmt.Errorf("%s in %s: %w", s.Name, to.Name, err)
			}
			moves = append(moves, some...)
		}
	}
	return moves, nil
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
// begin there with the same version, or to be behind it. before is that environment as it was.
func (p *Planner) begins(ctx context.Context, s promotion.Service, to promotion.Environment, before, is promotion.Place, ran []promotion.Reference) ([]Move, error) {
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
		case !behind && !runs(upstream.Stable, m.New) && upstream.Stable.Chart == nil:
			p.refuse(&m, Source, at.Position, fmt.Sprintf("%s comes to %s, and %s runs %s", shown(m.New), to.Name, from, shown(there)))
		default:
			continue
		}
		moves = append(moves, m)
	}
	return moves, nil
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
		m.Changes = []Change{{Source: at.Position, Field: at.Address.String(), Old: of.Identity(), New: now.Identity()}}
		moves = append(moves, m)
		return &moves[len(moves)-1]
	}
	upstream, _ := s.Place(to.Promotion.From)
	stable := !unchanged(was.Stable.Image.Reference, is.Stable.Image.Reference)
	both := hasCanary(was) && hasCanary(is)
	finished := both && stable && underWay(was) && unchanged(is.Stable.Image.Reference, was.Canary.Image.Reference)
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
		p.holdKept(m, to)
	case stable && back:
		m := begin(Rollback, was.Stable.Image, is.Stable.Image)
		p.holdVersions(m)
		p.keeps(m, s)
	case stable:
		m := begin(Promote, was.Stable.Image, is.Stable.Image)
		if both {
			version := ""
			if to.Promotion.From == "" {
				version = " --version " + shown(m.New)
			}
			p.refuse(m, Canary, m.Changes[0].Source, fmt.Sprintf("%s comes to all of %s at once, and there is a canary: `kgate promote %s --to %s%s` brings it there first", shown(m.New), to.Name, s.Name, to.Name, version))
		}
		if err := p.holdPromotion(ctx, m, to, upstream); err != nil {
			return nil, err
		}
	}
	canary := hasCanary(is) && !unchanged(was.Canary.Image.Reference, is.Canary.Image.Reference)
	switch {
	case !canary && both && underWay(is) && !stable:
		if share, weighted := percent(is); weighted && underWay(was) {
			if before, _ := percent(was); share != before {
				m := begin(Shift, was.Canary.Image, is.Canary.Image)
				m.Canary = true
				m.Changes[0] = p.weightChange(was, is)
				p.holdLadder(m, to)
				if share > before {
					p.holdFreeze(m, to)
					p.holdKept(m, to)
				}
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
	for i, of := range [][2]promotion.Image{{was.Stable.Image, is.Stable.Image}, {was.Canary.Image, is.Canary.Image}} {
		old, now, there := of[0], of[1], upstream.Stable.Image.Name
		if old.Name == "" || now.Name == "" || old.Name == now.Name || there == "" || now.Name == there {
			continue
		}
		m := begin(Promote, old, now)
		m.Canary = i > 0
		if at := now.Said.Name; !at.IsZero() {
			m.Changes[0] = Change{Source: at.Position, Field: at.Address.String(), Old: old.Name, New: now.Name}
		}
		p.refuse(m, Source, m.Changes[0].Source, fmt.Sprintf("%s is another image than %s, and %s runs %s", now.Name, old.Name, to.Promotion.From, there))
	}
	return moves, nil
}

// unchanged reports two references that say the same version, with the same digest or with none.
func unchanged(a, b promotion.Reference) bool { return same(a, b) && a.Digest == b.Digest }

func (p *Planner) weightChange(was, is promotion.Place) Change {
	for i, w := range is.Weights {
		if i < len(was.Weights) && was.Weights[i].Percent != w.Percent {
			return Change{Source: w.Canary.Scalar.Position, Field: w.Canary.Scalar.Address.String(), Old: number(was.Weights[i].Percent), New: number(w.Percent)}
		}
	}
	w := is.Weights[0]
	return Change{Source: w.Canary.Scalar.Position, Field: w.Canary.Scalar.Address.String(), New: number(w.Percent)}
}

// goesBack reports a change to a version that the place had before, and that is not newer than what it has.
func (p *Planner) goesBack(ctx context.Context, service string, was, is promotion.Image) (bool, error) {
	if p.Past == nil || is.Said.Version().IsZero() {
		return false, nil
	}
	if older, known := p.older(service, is.Reference, was.Reference); known && !older {
		return false, nil
	}
	past, _, err := p.versions(ctx, is)
	if err != nil {
		return false, err
	}
	if len(past) > 0 && unchanged(past[0], is.Reference) {
		past = past[1:] // the change itself
	}
	return slices.ContainsFunc(past, func(v promotion.Reference) bool { return unchanged(v, is.Reference) }), nil
}
