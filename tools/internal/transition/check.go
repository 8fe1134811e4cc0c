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
			hold := p.compare
			if !was.Exists() {
				before, _ := then.Place(to.Promotion.From)
				hold = func(ctx context.Context, s promotion.Service, to promotion.Environment, _, is promotion.Place) ([]Move, error) {
					return p.begins(ctx, s, to, before, is)
				}
			}
			some, err := hold(ctx, s, to, was, place)
			if err != nil {
				return nil, fmt.Errorf("%s in %s: %w", s.Name, to.Name, err)
			}
			moves = append(moves, some...)
		}
	}
	return moves, nil
}

// begins is the step that brings a service to an environment where it was not. Where the change brings it to the one that its
// versions come from as well, it has run nowhere yet: it is held to begin there with the same version, or to be behind it.
// before is that environment as it was.
func (p *Planner) begins(ctx context.Context, s promotion.Service, to promotion.Environment, before, is promotion.Place) ([]Move, error) {
	from := to.Promotion.From
	image := is.Stable.Image
	if from == "" || image.Said.Version().IsZero() {
		return nil, nil
	}
	m := Move{Service: s.Name, Environment: to.Name, Action: Promote, From: from, New: image.Reference, lines: is}
	at := image.Said.Version()
	m.Changes = []Change{{Source: at.Position, Field: at.Address.String(), New: image.Identity()}}
	upstream, _ := s.Place(from)
	if before.Exists() {
		err := p.holdPromotion(ctx, &m, to, upstream)
		return []Move{m}, err
	}
	behind, _ := p.older(s.Name, m.New, upstream.Stable.Image.Reference)
	switch {
	case !upstream.Exists():
		p.refuse(&m, Source, at.Position, fmt.Sprintf("%s has no %s, so %s does not run there", from, s.Name, shown(m.New)))
	case !behind && !same(upstream.Stable.Image.Reference, m.New) && upstream.Stable.Chart == nil:
		p.refuse(&m, Source, at.Position, fmt.Sprintf("%s begins with %s, and %s with %s", from, shown(upstream.Stable.Image.Reference), to.Name, shown(m.New)))
	default:
		return nil, nil
	}
	return []Move{m}, nil
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
	stable := !same(was.Stable.Image.Reference, is.Stable.Image.Reference)
	both := hasCanary(was) && hasCanary(is)
	finished := both && stable && underWay(was) && same(is.Stable.Image.Reference, was.Canary.Image.Reference)
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
	case stable && back:
		p.holdVersions(begin(Rollback, was.Stable.Image, is.Stable.Image))
	case stable:
		m := begin(Promote, was.Stable.Image, is.Stable.Image)
		if both {
			p.refuse(m, Canary, m.Changes[0].Source, fmt.Sprintf("%s comes to all of %s at once, and there is a canary: `kgate promote %s --to %s` brings it there first", shown(m.New), to.Name, s.Name, to.Name))
		}
		if err := p.holdPromotion(ctx, m, to, upstream); err != nil {
			return nil, err
		}
	}
	canary := both && !same(was.Canary.Image.Reference, is.Canary.Image.Reference)
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
				}
			}
		}
	case canary && same(is.Canary.Image.Reference, is.Stable.Image.Reference):
		if !stable {
			begin(Abort, was.Canary.Image, is.Canary.Image).Canary = true
		}
	case canary:
		m := begin(Promote, was.Canary.Image, is.Canary.Image)
		m.Canary = true
		if err := p.holdPromotion(ctx, m, to, upstream); err != nil {
			return nil, err
		}
		if ladder := to.Promotion.Ladder; m.Weighted && len(ladder) > 0 && m.WeightIs > float64(ladder[0]) {
			p.refuse(m, Ladder, p.weightSource(m), fmt.Sprintf("the canary of %s begins with %s %%, and the ladder of %s with %d %%", shown(m.New), number(m.WeightIs), to.Name, ladder[0]))
		}
	}
	return moves, nil
}

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
	if len(past) > 0 && same(past[0], is.Reference) {
		past = past[1:] // the change itself
	}
	return slices.ContainsFunc(past, func(v promotion.Reference) bool { return same(v, is.Reference) }), nil
}
