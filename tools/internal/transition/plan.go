package transition

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/promotion"
	"github.com/kgate-dev/gitops/tools/internal/revision"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
)

// Request is what somebody asks for.
type Request struct {
	Action   Action
	Services []string
	All      bool   // every service, but no chart, that the environment it comes from has in another version
	From, To string // environments; From is "" for the one that kgate.yaml names
	Version  string // "" for what runs in From; for Rollback, for the version before
	Weight   int    // of Shift, in percent; Next for the next step of the ladder
}

// Next asks for the next step of the ladder.
const Next = -1

// Plan says what a request changes, and which rules it breaks. A service that is there already has no changes.
func (p *Planner) Plan(ctx context.Context, r Request) ([]Move, error) {
	to, ok := p.Table.Environment(r.To)
	if !ok {
		return nil, p.noEnvironment("--to", r.To)
	}
	from := r.From
	if from == "" {
		from = to.Promotion.From
	}
	if from != "" {
		if _, ok := p.Table.Environment(from); !ok {
			return nil, p.noEnvironment("--from", from)
		}
	}
	if from == r.To {
		return nil, fmt.Errorf("a version that comes from %s cannot go to %s", from, r.To)
	}
	services := r.Services
	if r.All {
		services = nil
		for _, s := range p.Table.Services {
			place, _ := s.Place(r.To)
			upstream, _ := s.Place(from)
			if place.Exists() && place.Stable.Own() && place.Stable.Chart == nil && (r.Action != Promote || from == "" || upstream.Exists()) {
				services = append(services, s.Name)
			}
		}
	}
	var moves []Move
	for i, name := range services {
		if slices.Contains(services[:i], name) {
			continue // named twice
		}
		m, err := p.move(ctx, r, to, from, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		p.holdBeside(&m, services)
		moves = append(moves, m)
	}
	return moves, nil
}

// holdBeside refuses a line that says the version of another service too, which nobody named.
func (p *Planner) holdBeside(m *Move, named []string) {
	for _, s := range p.Table.Services {
		place, ok := s.Place(m.Environment)
		if !ok || s.Name == m.Service || slices.Contains(named, s.Name) {
			continue
		}
		said := map[manifest.Position]bool{}
		for _, t := range []promotion.Track{place.Stable, place.Canary} {
			for _, image := range append([]promotion.Image{t.Image}, t.Others...) {
				said[image.Said.Tag.Position], said[image.Said.Digest.Position] = true, true
			}
		}
		for _, c := range m.Changes {
			if c.Source.Line > 0 && said[c.Source] {
				p.refuse(m, Shared, c.Source, fmt.Sprintf("%s says the version of %s too, which would change with it: name both, or give each a line of its own", c.Field, s.Name))
				break
			}
		}
	}
}

func (p *Planner) noEnvironment(flag, name string) error {
	var names []string
	for _, e := range p.Table.Environments {
		names = append(names, e.Name)
	}
	if len(names) == 0 {
		return errors.New("kgate.yaml names no environment with a target: write them under `environments`, each with `promotion.from`")
	}
	return fmt.Errorf("%s: there is no environment %q; there are %s%s", flag, name, strings.Join(names, ", "), spelling.Meant(name, names))
}

func (p *Planner) move(ctx context.Context, r Request, to promotion.Environment, from, name string) (Move, error) {
	m := Move{Service: name, Environment: to.Name, Action: r.Action}
	s, ok := p.Table.Service(name)
	if !ok {
		var names []string
		for _, s := range p.Table.Services {
			names = append(names, s.Name)
		}
		for _, w := range p.Table.Shared {
			switch {
			case w.Service != name:
			case w.Unsaid:
				return m, fmt.Errorf("nothing here says which version of the chart it is, so nothing is promoted: write the version in a line of each environment's own")
			case w.Chart:
				return m, fmt.Errorf("the version of its chart is written where all environments read it, so nothing is promoted: give each environment a line of its own")
			default:
				return m, fmt.Errorf("its version is written where all environments read it, so nothing is promoted: give each environment a line of its own, in `images` of its kustomization")
			}
		}
		return m, fmt.Errorf("there is no such service; there are %s%s", strings.Join(names, ", "), spelling.Meant(name, names))
	}
	m.before, _ = s.Place(to.Name)
	if !m.before.Exists() {
		if r.Action != Promote || r.Version != "" && from == "" {
			return m, fmt.Errorf("%s has no such service", to.Name)
		}
		return m, fmt.Errorf("%s has no such service: `kgate new service %s --environments %s` brings it there", to.Name, name, to.Name)
	}
	m.lines = m.before
	m.wantStable, m.wantCanary = m.before.Stable.Image.Reference, m.before.Canary.Image.Reference
	m.WeightWas, m.Weighted = percent(m.before)
	m.WeightIs = m.WeightWas
	var err error
	switch r.Action {
	case Promote:
		err = p.promote(ctx, &m, r, s, to, from)
	case Shift:
		err = p.shift(ctx, &m, r, to)
	case Finish:
		err = p.finish(ctx, &m, to)
	case Abort:
		err = p.abort(ctx, &m, to)
	case Rollback:
		err = p.rollback(ctx, &m, r)
	}
	if err != nil || len(m.Changes) == 0 {
		return m, err
	}
	p.comesWith(&m, s)
	if m.Action == Rollback || m.Action == Abort {
		p.keeps(ctx, &m, s)
	}
	return m, p.files(ctx, &m)
}

// hasCanary reports a place with a canary whose version is its own to say.
func hasCanary(place promotion.Place) bool {
	return len(place.Canary.Workloads) > 0 && !place.Canary.Image.Said.Version().IsZero()
}

// underWay reports a canary that runs another version than the stable one.
func underWay(place promotion.Place) bool {
	return hasCanary(place) && !same(place.Canary.Image.Reference, place.Stable.Image.Reference)
}

// same reports whether two references are of one version. A digest that one of them leaves out is no difference.
func same(a, b promotion.Reference) bool {
	if a.Digest != "" && b.Digest != "" {
		return a.Digest == b.Digest && (a.Tag == b.Tag || a.Tag == "" || b.Tag == "")
	}
	return a.Tag == b.Tag && a.Tag != ""
}

// runs reports whether a track runs a version, and is held to its digest where that has one.
func runs(t promotion.Track, version promotion.Reference) bool {
	return same(t.Image.Reference, version) && (version.Digest == "" || t.Image.Digest != "")
}

// readVersion reads what --version takes: 1.2.0, 1.2.0@sha256:…, sha256:….
func readVersion(text string) (promotion.Reference, error) {
	tag, digest, _ := strings.Cut(text, "@")
	if strings.HasPrefix(text, "sha256:") || strings.HasPrefix(text, "sha512:") {
		tag, digest = "", text
	}
	if tag == "" && digest == "" || tag != "" && !validTag(tag) || strings.Contains(text, "@") && tag == "" || digest != "" && !validDigest(digest) {
		return promotion.Reference{}, fmt.Errorf("%q is no version: write a tag, a digest or both, as 1.2.0, sha256:… or 1.2.0@sha256:…", text)
	}
	return promotion.Reference{Tag: tag, Digest: digest}, nil
}

// validTag holds a tag to the distribution specification of OCI: no registry has another one.
func validTag(tag string) bool {
	for i, b := range []byte(tag) {
		word := b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '_'
		if !word && (i == 0 || b != '.' && b != '-') {
			return false
		}
	}
	return len(tag) <= 128
}

// validDigest holds a digest to the algorithms that registries have, and to their length.
func validDigest(digest string) bool {
	algorithm, sum, _ := strings.Cut(digest, ":")
	length := map[string]int{"sha256": 64, "sha512": 128}[algorithm]
	return length > 0 && len(sum) == length && strings.Trim(sum, "0123456789abcdef") == ""
}

func (p *Planner) promote(ctx context.Context, m *Move, r Request, s promotion.Service, to promotion.Environment, from string) error {
	upstream, _ := s.Place(from)
	m.From = from
	version := promotion.Reference{Tag: upstream.Stable.Image.Tag, Digest: upstream.Stable.Image.Digest}
	if r.Version != "" {
		asked, err := readVersion(r.Version)
		if err != nil {
			return err
		}
		switch {
		case !upstream.Exists() || !same(asked, version):
			version = asked
		case asked.Tag != "" && asked.Digest != "": // what runs there may name no digest, which is refused
			version = asked
		}
	} else if from == "" {
		return fmt.Errorf("%s gets its versions from no other environment: say which version, as --version 1.2.0, or where they come from, as `promotion.from` in kgate.yaml", to.Name)
	} else if !upstream.Exists() {
		return fmt.Errorf("%s has no such service: name the version, as --version 1.2.0", from)
	}
	if runs(m.before.Stable, version) && !underWay(m.before) || underWay(m.before) && runs(m.before.Canary, version) {
		m.Old, m.New, m.Canary = version, version, underWay(m.before)
		if r.Version == "" && underWay(upstream) {
			m.Waits = upstream.Canary.Image.Reference
		}
		return nil
	}
	if underWay(m.before) && runs(m.before.Stable, version) {
		if r.All || len(r.Services) > 1 { // there is nothing to do for this one
			m.Old, m.New = version, version
			return nil
		}
		return &manifest.SyntaxError{Position: m.before.Canary.Image.Said.Version().Position, Message: fmt.Sprintf(
			"%s runs in %s already, and %s is its canary: `kgate promote %s --to %s --finish` makes that the stable one, and --abort ends it", shown(version), to.Name, shown(m.before.Canary.Image.Reference), m.Service, to.Name)}
	}
	track := &m.before.Stable
	if m.Canary = hasCanary(m.before); m.Canary {
		track = &m.before.Canary
	}
	m.Old, m.New = track.Image.Reference, version
	var err error
	if m.Changes, err = trackChanges(*track, version); err != nil {
		return err
	}
	if m.Canary {
		m.wantCanary = version
		if ladder := to.Promotion.Ladder; m.Weighted && len(ladder) > 0 && m.WeightWas != float64(ladder[0]) {
			if err := p.weigh(m, ladder[0]); err != nil {
				return err
			}
		}
	} else {
		m.wantStable = version
	}
	return p.holdPromotion(ctx, m, to, upstream)
}

// trackChanges make every line of a track that says its version say another.
func trackChanges(t promotion.Track, to promotion.Reference) ([]Change, error) {
	changes, err := imageChanges(t.Image, to)
	for _, other := range t.Others {
		if err != nil || !same(other.Reference, t.Image.Reference) || other.Name != t.Image.Name {
			continue // a container of another program
		}
		var more []Change
		more, err = imageChanges(other, to)
		changes = append(changes, more...)
	}
	return changes, err
}

// weigh adds the changes that give the canary another share.
func (p *Planner) weigh(m *Move, to int) error {
	changes, err := p.weightChanges(m.before, to)
	m.Changes, m.WeightIs = append(m.Changes, changes...), float64(to)
	return err
}

// none says that there is no canary to do something with.
func (p *Planner) none(ctx context.Context, m *Move, to promotion.Environment) error {
	if !hasCanary(m.before) {
		return fmt.Errorf("%s has no canary of it", m.Environment)
	}
	at := m.before.Canary.Image.Said.Version().Position
	brings := fmt.Sprintf("`kgate promote %s --to %s` brings it another one, once %s runs one", m.Service, m.Environment, to.Promotion.From)
	if to.Promotion.From == "" {
		brings = fmt.Sprintf("`kgate promote %s --to %s --version` with another one brings it there", m.Service, m.Environment)
	}
	if p.Past != nil {
		if dirty, err := p.Past.Dirty(ctx, at.File); err == nil && dirty {
			brings = "the file has changes that are in no commit yet: commit them, or take them back"
		}
	}
	return &manifest.SyntaxError{Position: at, Message: fmt.Sprintf("the canary in %s runs the stable version, %s: %s", m.Environment, shown(m.before.Stable.Image.Reference), brings)}
}

func (p *Planner) shift(ctx context.Context, m *Move, r Request, to promotion.Environment) error {
	if !underWay(m.before) {
		return p.none(ctx, m, to)
	}
	if !m.Weighted {
		return fmt.Errorf("%s has no route that gives the canary a share of traffic", to.Name)
	}
	m.Canary, m.Old, m.New = true, m.before.Canary.Image.Reference, m.before.Canary.Image.Reference
	weight := r.Weight
	if weight == Next {
		if len(to.Promotion.Ladder) == 0 {
			return fmt.Errorf("%s has no ladder: write one in kgate.yaml, as `promotion: {ladder: [10, 25, 50]}`, or name the share, as --weight 25", to.Name)
		}
		next, ok := nextStep(to.Promotion.Ladder, m.WeightWas)
		if !ok {
			return fmt.Errorf("the canary in %s is on the last step of the ladder, %s %%: `kgate promote %s --to %s --finish` makes its version the stable one", to.Name, number(m.WeightWas), m.Service, to.Name)
		}
		weight = next
	}
	if float64(weight) == m.WeightWas {
		return nil
	}
	if err := p.weigh(m, weight); err != nil {
		return err
	}
	p.holdLadder(m, to)
	if float64(weight) > m.WeightWas {
		p.holdFreeze(m, to)
		p.holdKept(m, to)
	}
	return nil
}

func number(percent float64) string { return strconv.FormatFloat(percent, 'f', -1, 64) }

// nextStep is the first step of a ladder above a share.
func nextStep(ladder []int, above float64) (int, bool) {
	i := slices.IndexFunc(ladder, func(step int) bool { return float64(step) > above })
	if i < 0 {
		return 0, false
	}
	return ladder[i], true
}

func (p *Planner) finish(ctx context.Context, m *Move, to promotion.Environment) error {
	if !underWay(m.before) {
		return p.none(ctx, m, to)
	}
	version := m.before.Canary.Image.Reference
	m.Old, m.New, m.wantStable = m.before.Stable.Image.Reference, version, version
	var err error
	if m.Changes, err = trackChanges(m.before.Stable, version); err != nil {
		return err
	}
	if m.Weighted {
		p.holdLast(m, to)
		if err := p.rest(ctx, m, to); err != nil {
			return err
		}
	}
	p.holdFreeze(m, to)
	return p.holdFinished(ctx, m, to)
}

func (p *Planner) abort(ctx context.Context, m *Move, to promotion.Environment) error {
	if !underWay(m.before) {
		return p.none(ctx, m, to)
	}
	version := m.before.Stable.Image.Reference
	m.Canary, m.Old, m.New, m.wantCanary = true, m.before.Canary.Image.Reference, version, version
	var err error
	if m.Changes, err = trackChanges(m.before.Canary, version); err != nil {
		return err
	}
	if m.Weighted {
		return p.rest(ctx, m, to)
	}
	return nil
}

// rest gives the canary the share that it had when it last ran the stable version: where nobody knows, the first step of the
// ladder, or what it has.
func (p *Planner) rest(ctx context.Context, m *Move, to promotion.Environment) error {
	share, known, err := p.resting(ctx, m.before)
	if err != nil {
		return err
	}
	switch ladder := to.Promotion.Ladder; {
	case known:
	case len(ladder) > 0:
		share = float64(ladder[0])
	default:
		return nil
	}
	if share == m.WeightWas {
		return nil
	}
	if share != math.Trunc(share) {
		return nil // nothing that kgate wrote; it stays as it is
	}
	return p.weigh(m, int(share))
}

// resting is the share that the canary had before it began to run another version than the stable one.
func (p *Planner) resting(ctx context.Context, place promotion.Place) (float64, bool, error) {
	weight := place.Weights[0].Canary.Scalar
	if p.Past == nil || weight.IsZero() {
		return 0, false, nil
	}
	trail, err := p.Past.Versions(ctx, place.Canary.Image)
	if err != nil {
		return 0, false, nil //nolint:nilerr // a history that cannot be read knows no more than the ladder does
	}
	// The commit after which the canary ran the stable version for the last time.
	i := slices.IndexFunc(trail.Changes, func(c revision.Change) bool {
		return c.Said && same(promotion.ParseIdentity(c.Value), place.Stable.Image.Reference)
	})
	at := "HEAD"
	switch {
	case i < 0:
		return 0, false, nil
	case i > 0:
		at = trail.Changes[i-1].Merged.Hash + "~1"
	}
	text, ok, err := p.Past.Was(ctx, at, weight)
	if err != nil || !ok {
		return 0, false, nil //nolint:nilerr // as above
	}
	is, err := strconv.ParseFloat(text, 64)
	now, errNow := strconv.ParseFloat(weight.Text, 64)
	if err != nil || errNow != nil {
		return 0, false, nil //nolint:nilerr // it was no number
	}
	share := is
	if w := place.Weights[0]; w.Percent != 0 && now != 0 {
		share = is * w.Percent / now
	}
	return share, true, nil
}

func (p *Planner) rollback(ctx context.Context, m *Move, r Request) error {
	if p.Past == nil {
		return errors.New("this is no git repository: a rollback goes back to what its history says")
	}
	is := m.before.Stable.Image
	past, end, err := p.versions(ctx, is)
	if err != nil {
		return err
	}
	more := ""
	if end == revision.Shallow {
		more = "; this clone is shallow, and knows no more: `git fetch --unshallow`, or check out with `fetch-depth: 0`"
	}
	var target promotion.Reference
	if r.Version != "" {
		if target, err = readVersion(r.Version); err != nil {
			return err
		}
		i := slices.IndexFunc(past, func(v promotion.Reference) bool { return same(v, target) })
		if i < 0 {
			return &manifest.SyntaxError{Position: is.Said.Version().Position, Message: fmt.Sprintf("%s never ran %s: its history has %s; %s%s", m.Environment, shown(target), listed(past), p.broughtBy(m, target), more)}
		}
		if target.Digest == "" || target.Tag == "" {
			target = past[i]
		}
	} else {
		before, ok := p.standing(m.Service, past, is.Reference)
		if !ok {
			what := fmt.Sprintf("the history of this line has no version before %s", shown(is.Reference))
			if slices.ContainsFunc(past, func(v promotion.Reference) bool { return !same(v, is.Reference) }) {
				what = fmt.Sprintf("the history of this line has no version before %s that was not gone back from", shown(is.Reference))
			}
			wayOut := ", so there is nothing to go back to; " + p.broughtBy(m, promotion.Reference{})
			return &manifest.SyntaxError{Position: is.Said.Version().Position, Message: what + cmp.Or(more, wayOut)}
		}
		target = before
	}
	m.Old, m.New = is.Reference, target
	if same(target, is.Reference) {
		return nil
	}
	if underWay(m.before) {
		p.refuse(m, Canary, m.lines.Canary.Image.Said.Version().Position, fmt.Sprintf("a canary of %s is under way in %s: `kgate promote %s --to %s --abort` ends it, and leaves the stable version as it is",
			shown(m.before.Canary.Image.Reference), m.Environment, m.Service, m.Environment))
	}
	if m.Changes, err = trackChanges(m.before.Stable, target); err != nil {
		return err
	}
	m.wantStable = target
	// A canary that ran what is taken back goes with it.
	if hasCanary(m.before) && !underWay(m.before) {
		more, err := trackChanges(m.before.Canary, target)
		if err != nil {
			return err
		}
		m.Changes, m.wantCanary = append(m.Changes, more...), target
	}
	p.holdVersions(m)
	return nil
}

// standing is the version that ran before what runs, of a history with the newest first. One that was gone back from is left out: what
// brought it back would bring what was wrong with it.
func (p *Planner) standing(service string, past []promotion.Reference, runs promotion.Reference) (promotion.Reference, bool) {
	var kept []promotion.Reference
	for _, v := range slices.Backward(append([]promotion.Reference{runs}, past...)) {
		if i := slices.IndexFunc(kept, func(k promotion.Reference) bool { return same(k, v) }); i >= 0 {
			kept = kept[:i]
		}
		for len(kept) > 0 {
			if older, known := p.older(service, v, kept[len(kept)-1]); !known || !older {
				break
			}
			kept = kept[:len(kept)-1]
		}
		kept = append(kept, v)
	}
	if len(kept) < 2 {
		return promotion.Reference{}, false
	}
	return kept[len(kept)-2], true
}

// broughtBy says what brings a place a version that it never had.
func (p *Planner) broughtBy(m *Move, version promotion.Reference) string {
	what, canary := "one that it never had", hasCanary(m.before)
	switch named := version != (promotion.Reference{}); {
	case named && canary:
		what = "it to the canary"
	case named:
		what = "it"
	case canary:
		what = "the canary " + what
	}
	text := p.bring(m, version) + " brings " + what
	if underWay(m.before) {
		text += fmt.Sprintf(", once `kgate promote %s --to %s --abort` has ended the canary of %s", m.Service, m.Environment, shown(m.before.Canary.Image.Reference))
	}
	return text
}

func listed(versions []promotion.Reference) string {
	var names []string
	for _, v := range versions {
		if name := shown(v); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	const most = 8
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", more))
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// versions are those that an image had on the branch, the newest first.
func (p *Planner) versions(ctx context.Context, image promotion.Image) ([]promotion.Reference, revision.End, error) {
	if image.Said.Version().IsZero() {
		return nil, "", nowhere(image.Object, "the version", "give it a tag in `images` of its kustomization")
	}
	trail, err := p.Past.Versions(ctx, image)
	if err != nil {
		return nil, "", err
	}
	var all []promotion.Reference
	for _, c := range trail.Changes {
		if c.Said {
			all = append(all, promotion.ParseIdentity(c.Value))
		}
	}
	return all, trail.End, nil
}
