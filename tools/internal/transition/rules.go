package transition

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/promotion"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/revision"
)

// holdPromotion holds a version that comes to an environment to the rules.
func (p *Planner) holdPromotion(ctx context.Context, m *Move, to promotion.Environment, upstream promotion.Place) error {
	at := m.Changes[0].Source
	if m.Canary && underWay(m.before) {
		p.refuse(m, Canary, m.lines.Canary.Image.Said.Version().Position, fmt.Sprintf("a canary of %s is under way in %s: end it with --finish or --abort first", shown(m.before.Canary.Image.Reference), m.Environment))
	}
	if from := to.Promotion.From; from != "" && m.From != from {
		p.refuse(m, Skipped, to.Promotion.Source, fmt.Sprintf("%s gets its versions from %s, and not from %s", m.Environment, from, m.From))
	}
	if m.From != "" {
		is := upstream.Stable.Image
		if m.renamed && upstream.Exists() && !p.counterpart(m.From, m.Environment, is.Name, m.New.Name) {
			p.refuse(m, Source, m.Changes[len(m.Changes)-1].Source, fmt.Sprintf("%s is another image than %s, and %s runs %s", m.New.Name, m.nameWas, m.From, is.Name))
		}
		switch {
		case !upstream.Exists():
			p.refuse(m, Source, at, fmt.Sprintf("%s has no %s, so %s does not run there", m.From, m.Service, shown(m.New)))
		case !same(is.Reference, m.New):
			p.refuse(m, Source, is.Said.Version().Position, fmt.Sprintf("%s runs %s, and not %s", m.From, shown(is.Reference), shown(m.New)))
		case !runs(upstream.Stable, m.New):
			p.refuse(m, Source, is.Said.Version().Position, fmt.Sprintf("%s runs %s and names no digest, so nobody knows that it is %s: name it there first", m.From, shown(is.Reference), shown(m.New)))
		case undigested(m.New, is.Reference):
			p.refuse(m, Source, at, fmt.Sprintf("%s runs %s, and %s names no digest, so nobody knows that it stays that: name it here too", m.From, shown(is.Reference), shown(m.New)))
		default:
			if err := p.holdSoak(ctx, m, to, is); err != nil {
				return err
			}
			if err := p.holdOneChange(ctx, m, is); err != nil {
				return err
			}
		}
	}
	p.holdBackwards(m, m.before.Stable.Image.Reference)
	p.holdFreeze(m, to)
	p.holdVersions(m)
	return nil
}

// undigested reports a version without the digest that another reference to it has.
func undigested(version, of promotion.Reference) bool { return version.Digest == "" && of.Digest != "" }

// holdKept refuses more of a canary whose version was taken back where it comes from.
func (p *Planner) holdKept(m *Move, to promotion.Environment) {
	s, _ := p.Table.Service(m.Service)
	upstream, _ := s.Place(to.Promotion.From)
	if !upstream.Exists() || upstream.Stable.Chart != nil || underWay(upstream) && same(upstream.Canary.Image.Reference, m.New) {
		return
	}
	runs := upstream.Stable.Image
	if older, known := p.older(m.Service, runs.Reference, m.New); known && older {
		p.refuse(m, Source, runs.Said.Version().Position, fmt.Sprintf("%s runs %s, which is older than %s: where the version comes from it was taken back, or never became the stable one; --abort ends the canary", to.Promotion.From, shown(runs.Reference), shown(m.New)))
	}
}

// holdFinished refuses to make a version stable that is not the stable one where it comes from, or is so since the same change.
func (p *Planner) holdFinished(ctx context.Context, m *Move, to promotion.Environment) error {
	s, _ := p.Table.Service(m.Service)
	upstream, _ := s.Place(to.Promotion.From)
	if !upstream.Exists() || upstream.Stable.Chart != nil {
		return nil
	}
	runs := upstream.Stable.Image
	older, _ := p.older(m.Service, runs.Reference, m.New)
	if older || underWay(upstream) && same(upstream.Canary.Image.Reference, m.New) {
		p.refuse(m, Source, runs.Said.Version().Position, fmt.Sprintf("%s runs %s, and not yet %s: make it the stable one there first, or end the canary with --abort", to.Promotion.From, shown(runs.Reference), shown(m.New)))
		return nil
	}
	if !same(runs.Reference, m.New) {
		return nil
	}
	if p.Past == nil {
		return nil
	}
	if _, err := p.Past.Base(ctx); err != nil {
		return nil //nolint:nilerr // nobody knows what the change begins at, and it runs there
	}
	from := m.From
	m.From = to.Promotion.From
	defer func() { m.From = from }()
	return p.holdOneChange(ctx, m, runs)
}

// holdBackwards refuses an older version than one that runs, as far as both are versions that can be compared.
func (p *Planner) holdBackwards(m *Move, runs promotion.Reference) {
	if older, known := p.older(m.Service, m.New, runs); known && older {
		p.refuse(m, Backwards, m.Changes[0].Source, fmt.Sprintf("%s is older than %s, which runs in %s: `kgate rollback %s --env %s` goes back to one that ran there, if any did", shown(m.New), shown(runs), m.Environment, m.Service, m.Environment))
	}
}

// older reports whether a version is older than another: by semantic versioning, or else by where the list of versions has them.
func (p *Planner) older(service string, a, b promotion.Reference) (older, known bool) {
	first, second := a.Semver(), b.Semver()
	if first != nil && second != nil {
		return first.LessThan(second), true
	}
	list, err := p.list(service)
	if err != nil {
		return false, false
	}
	i, j := slices.Index(list, a.Tag), slices.Index(list, b.Tag)
	if i < 0 || j < 0 {
		return false, false
	}
	return i < j, true
}

func (p *Planner) holdFreeze(m *Move, to promotion.Environment) {
	for _, f := range to.Promotion.Freezes {
		if f.Holds(p.Now) {
			p.refuse(m, Freeze, f.Source, fmt.Sprintf("%s is frozen until %s: %s", m.Environment, f.To.UTC().Format("2006-01-02 15:04 MST"), f.Reason))
		}
	}
}

// list is the versions that the file of a service has, the oldest first as a registry lists them; nil where kgate.yaml names none.
func (p *Planner) list(service string) ([]string, error) {
	name := p.Config.Promoting.VersionsOf(service)
	if name == "" {
		return nil, nil
	}
	text, err := p.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all, nil
}

func (p *Planner) holdVersions(m *Move) {
	name := p.Config.Promoting.VersionsOf(m.Service)
	list, err := p.list(m.Service)
	switch {
	case name == "":
	case errors.Is(err, fs.ErrNotExist):
		p.refuse(m, Versions, p.Config.Promoting.Versions.Source, fmt.Sprintf("there is no %s, which lists the versions of %s: write it, one version a line", name, m.Service))
	case err != nil:
		p.refuse(m, Versions, p.Config.Promoting.Versions.Source, err.Error())
	case !slices.ContainsFunc(list, func(v string) bool {
		return v == m.New.Tag && v != "" || v == m.New.Identity() || v == m.New.Digest && v != ""
	}):
		p.refuse(m, Versions, manifest.Position{File: name}, fmt.Sprintf("%s is not among the %d versions of %s that it lists", shown(m.New), len(list), m.Service))
	}
}

// holdSoak asks since when a version runs where it comes from.
func (p *Planner) holdSoak(ctx context.Context, m *Move, to promotion.Environment, is promotion.Image) error {
	at := is.Said.Version().Position
	asked := fmt.Sprintf("%s asks for %s (%s)", m.Environment, duration(to.Promotion.Soak), to.Promotion.Source)
	if p.Ledger != nil {
		release, known, err := p.Ledger.Last(ctx, m.Service, m.From, cmp.Or(is.Tag, is.Digest))
		switch {
		case err != nil && !slices.Contains(p.Allow, Soak):
			return fmt.Errorf("%w; --allow soak goes on without it", err)
		case err != nil:
			p.refuse(m, Soak, at, err.Error())
		case !known:
			p.refuse(m, Soak, at, fmt.Sprintf("the release ledger knows no release of %s %s to %s", m.Service, shown(m.New), m.From))
		case !release.Succeeded():
			m.Since, m.SinceBy = release.At, "the release ledger"
			p.refuse(m, Soak, at, fmt.Sprintf("the release ledger says that the release of %s to %s is %s since %s", shown(m.New), m.From, strings.ReplaceAll(release.Outcome, "_", " "), moment(release.At)))
		default:
			m.Since, m.SinceBy = release.At, "the release ledger"
			return p.holdTime(ctx, m, to, is, asked)
		}
		return nil
	}
	if p.Past == nil {
		if to.Promotion.Soak > 0 {
			p.refuse(m, Soak, at, "this is no git repository, so nobody knows since when the version is there; "+asked)
		}
		return nil
	}
	trail, err := p.Past.Versions(ctx, is)
	since, known := trail.Since()
	switch {
	case to.Promotion.Soak == 0 && (err != nil || !known):
	case err != nil:
		p.refuse(m, Soak, at, fmt.Sprintf("nobody knows since when %s has %s: %s; %s", m.From, shown(m.New), err, asked))
	case trail.Uncommitted && len(p.then.Environments) > 0:
		p.refuse(m, Soak, at, fmt.Sprintf("%s comes to %s with this change; %s", m.called(is.Reference), m.From, asked))
	case trail.Uncommitted:
		p.refuse(m, Soak, at, fmt.Sprintf("%s has %s in no commit yet; %s", m.From, shown(m.New), asked))
	case !known && trail.End == revision.Shallow:
		p.refuse(m, Soak, at, fmt.Sprintf("this clone is shallow, so nobody knows since when %s has %s: check out with `fetch-depth: 0`; %s", m.From, shown(m.New), asked))
	case !known:
		p.refuse(m, Soak, at, fmt.Sprintf("nobody knows since when %s has %s; %s", m.From, shown(m.New), asked))
	default:
		m.Since, m.SinceBy = since.Merged.When, since.Merged.Hash
		return p.holdTime(ctx, m, to, is, asked)
	}
	return nil
}

// holdTime holds a version to its time where it comes from: of another image, since that was there in this version too.
func (p *Planner) holdTime(ctx context.Context, m *Move, to promotion.Environment, is promotion.Image, asked string) error {
	at := is.Said.Version().Position
	if m.renamed {
		since, known, err := p.named(ctx, is)
		if err != nil {
			return err
		}
		if !known && to.Promotion.Soak > 0 {
			m.Since, m.SinceBy = time.Time{}, ""
			p.refuse(m, Soak, at, fmt.Sprintf("nobody knows since when %s has %s; %s", m.From, is.Name, asked))
			return nil
		}
		if known && since.Merged.When.After(m.Since) {
			m.Since, m.SinceBy = since.Merged.When, since.Merged.Hash
		}
	}
	if since := p.Now.Sub(m.Since); since < to.Promotion.Soak {
		by := m.SinceBy
		if len(by) == 40 {
			by = by[:12]
		}
		p.refuse(m, Soak, at, fmt.Sprintf("%s runs in %s for %s, since %s (%s); %s", m.called(is.Reference), m.From, duration(max(since, 0)), moment(m.Since), by, asked))
	}
	return nil
}

// named is the change since which a place names an image as it does, whatever its versions were; false where that is not known.
func (p *Planner) named(ctx context.Context, is promotion.Image) (revision.Change, bool, error) {
	if p.Past == nil || is.Said.Name.IsZero() {
		return revision.Change{}, false, nil
	}
	trail, err := p.Past.References(ctx, is)
	if err != nil || trail.Uncommitted {
		return revision.Change{}, false, err
	}
	other := slices.IndexFunc(trail.Changes, func(c revision.Change) bool {
		return !c.Said || promotion.ParseReference(c.Value).Name != is.Name
	})
	switch {
	case other > 0:
		return trail.Changes[other-1], true, nil
	case other < 0 && trail.End == revision.Beginning && len(trail.Changes) > 0:
		return trail.Changes[len(trail.Changes)-1], true, nil
	}
	return revision.Change{}, false, nil
}

func moment(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 MST") }

// duration is a length of time as kgate.yaml writes it, to the minute.
func duration(d time.Duration) string {
	minutes := int(d / time.Minute)
	days, hours := minutes/(24*60), minutes/60%24
	var text string
	if days > 0 {
		text = fmt.Sprintf("%dd", days)
	}
	if hours > 0 {
		text += fmt.Sprintf("%dh", hours)
	}
	if minutes %= 60; minutes > 0 || text == "" {
		text += fmt.Sprintf("%dm", minutes)
	}
	return text
}

// holdOneChange refuses a version that the change itself brings to the environment before, or another image of it.
func (p *Planner) holdOneChange(ctx context.Context, m *Move, is promotion.Image) error {
	if p.Past == nil {
		return nil
	}
	if p.base == "" {
		base, err := p.Past.Base(ctx)
		if err != nil {
			return fmt.Errorf("what the change begins at: %w; `compareWith` in kgate.yaml names the branch that it is for", err)
		}
		p.base = base
	}
	service, _ := p.then.Service(m.Service)
	before, _ := service.Place(m.From)
	was, now := before.Stable.Image.Reference, is.Reference
	switch {
	case before.Exists():
	case is.Said.Version().IsZero():
		was = promotion.Reference{}
	default: // it was there under another name, or nobody made the table of the base
		var err error
		if was, now, err = p.Past.Image(ctx, p.base, is); err != nil {
			return err
		}
	}
	version, name := was.Identity() != now.Identity(), m.renamed && was.Name != now.Name
	if !version && !name {
		return nil
	}
	at := is.Said.Version().Position
	if was.Tag == now.Tag && !is.Said.Digest.IsZero() {
		at = is.Said.Digest.Position
	}
	if !version && !is.Said.Name.IsZero() {
		at = is.Said.Name.Position
	}
	had := "nothing"
	if was != (promotion.Reference{}) {
		had = m.called(was)
	}
	p.refuse(m, OneChange, at, fmt.Sprintf("the same change brings %s to %s, which had %s: merge that first", m.called(is.Reference), m.From, had))
	return nil
}

// holdLadder holds the share that a canary gets to the ladder.
func (p *Planner) holdLadder(m *Move, to promotion.Environment) {
	ladder := to.Promotion.Ladder
	if len(ladder) == 0 || m.WeightIs <= m.WeightWas {
		return
	}
	next, more := nextStep(ladder, m.WeightWas)
	at := p.weightSource(m)
	steps := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(ladder)), ", "), "[]")
	switch {
	case !more:
		p.refuse(m, Ladder, at, fmt.Sprintf("%s %% is beyond the ladder of %s, %s: --finish makes the canary's version the stable one", number(m.WeightIs), m.Environment, steps))
	case m.WeightIs > float64(next):
		p.refuse(m, Ladder, at, fmt.Sprintf("from %s %% the next step of the ladder of %s, %s, is %d %%, and not %s %%", number(m.WeightWas), m.Environment, steps, next, number(m.WeightIs)))
	case !slices.Contains(ladder, int(m.WeightIs)):
		p.refuse(m, Ladder, at, fmt.Sprintf("%s %% is no step of the ladder of %s, %s", number(m.WeightIs), m.Environment, steps))
	}
}

// holdLast holds a canary that becomes stable to having been on the last step, and without a ladder to having had requests.
func (p *Planner) holdLast(m *Move, to promotion.Environment) {
	if len(to.Promotion.Ladder) == 0 && m.WeightWas == 0 {
		p.refuse(m, Ladder, p.weightSource(m), fmt.Sprintf("the canary of %s has 0 %%, so that no request ever reached it: `kgate promote %s --to %s --weight 25` gives it a share", shown(m.before.Canary.Image.Reference), m.Service, m.Environment))
	}
	if ladder := to.Promotion.Ladder; len(ladder) > 0 && m.WeightWas < float64(ladder[len(ladder)-1]) {
		p.refuse(m, Ladder, p.weightSource(m), fmt.Sprintf("the canary of %s has %s %%, and the ladder of %s goes up to %d %%", shown(m.before.Canary.Image.Reference), number(m.WeightWas), m.Environment, ladder[len(ladder)-1]))
	}
}

func (p *Planner) weightSource(m *Move) manifest.Position {
	if len(m.lines.Weights) > 0 {
		return m.lines.Weights[0].Canary.Scalar.Position
	}
	return m.Changes[0].Source // the route is gone
}

// follows reports an environment that gets its versions as another one does, a region of it: what the one is held to holds the
// other, so that they may have a line of a file in common. Where kgate.yaml says of neither where its versions come from, it is one
// that builds on the other.
func (p *Planner) follows(region, environment, file string) bool {
	a, _ := p.Table.Environment(region)
	b, _ := p.Table.Environment(environment)
	return len(heldApart(a.Promotion, b.Promotion)) == 0 && (a.Promotion.From != "" || p.Table.Owner(file) == environment)
}

// heldApart are the keys of kgate.yaml in which two promotions are held to different rules.
func heldApart(a, b repo.Promotion) (keys []string) {
	for _, k := range []struct {
		name string
		same bool
	}{
		{"from", a.From == b.From},
		{"soak", a.Soak == b.Soak},
		{"ladder", slices.Equal(a.Ladder, b.Ladder)},
		{"freezes", slices.EqualFunc(a.Freezes, b.Freezes, func(a, b repo.Freeze) bool { return a.From.Equal(b.From) && a.To.Equal(b.To) })},
	} {
		if !k.same {
			keys = append(keys, "promotion."+k.name)
		}
	}
	return keys
}

// comesWith notes the environments whose version or share the changes of a move say as well.
func (p *Planner) comesWith(m *Move, s promotion.Service) {
	for _, place := range s.Places {
		if place.Environment == m.Environment || !place.Exists() {
			continue
		}
		for _, c := range m.Changes {
			if place.Says(c.Source) {
				m.Also = append(m.Also, Companion{Environment: place.Environment, BuildsOn: p.Table.Owner(c.Source.File) == m.Environment})
				break
			}
		}
	}
}

// keeps notes the environments that get their versions, over others maybe, from the one of a move and run what it takes back there. A
// region whose line is the one of its environment is named with that.
func (p *Planner) keeps(ctx context.Context, m *Move, s promotion.Service) {
	behind := map[string]bool{m.Environment: true}
	for range p.Table.Environments {
		for _, e := range p.Table.Environments {
			behind[e.Name] = behind[e.Name] || e.Promotion.From != "" && behind[e.Promotion.From]
		}
	}
	for _, place := range s.Places {
		name := place.Environment
		if name == m.Environment || !behind[name] || !place.Exists() || slices.Contains(m.Environments(), name) {
			continue
		}
		own := func(t promotion.Track) bool {
			owner := p.Table.Owner(t.Image.Said.Version().File)
			_, other := p.Table.Environment(owner)
			return owner == name || !other
		}
		switch {
		case underWay(place) && same(place.Canary.Image.Reference, m.Old) && own(place.Canary):
			m.Holders = append(m.Holders, Holder{name, true, fmt.Sprintf("kgate promote %s --to %s --abort", m.Service, name)})
		case same(place.Stable.Image.Reference, m.Old) && own(place.Stable):
			m.Holders = append(m.Holders, Holder{name, false, p.back(ctx, m, place)})
		}
	}
}

// back is the command that has a place go back from what a move takes back: to the version before, where its own history knows one.
func (p *Planner) back(ctx context.Context, m *Move, place promotion.Place) string {
	if p.Past != nil {
		past, _, err := p.versions(ctx, place.Stable.Image)
		if _, ok := p.standing(m.Service, past, place.Stable.Image.Reference); ok && err == nil {
			return fmt.Sprintf("kgate rollback %s --env %s", m.Service, place.Environment)
		}
	}
	there := Move{Service: m.Service, Environment: place.Environment, before: place}
	return strings.Trim(p.bring(&there, m.New), "`")
}

// bring is the command that brings a place a version that it never had, with the rules that have to let it pass; version is zero for
// one that somebody has to name.
func (p *Planner) bring(m *Move, version promotion.Reference) string {
	environment := m.Environment
	if owner := p.Table.Owner(m.before.Stable.Image.Said.Version().File); owner != "" {
		if _, ok := p.Table.Environment(owner); ok {
			environment = owner
		}
	}
	to, _ := p.Table.Environment(environment)
	s, _ := p.Table.Service(m.Service)
	upstream, _ := s.Place(to.Promotion.From)
	named := version != promotion.Reference{}
	var allow []string
	if older, known := p.older(m.Service, version, m.before.Stable.Image.Reference); !named || known && older {
		allow = append(allow, string(Backwards))
	}
	if slices.ContainsFunc(to.Promotion.Freezes, func(f repo.Freeze) bool { return f.Holds(p.Now) }) {
		allow = append(allow, string(Freeze))
	}
	if to.Promotion.From != "" && (!named || !runs(upstream.Stable, version)) {
		allow = append(allow, string(Source))
	}
	text := "VERSION"
	if named {
		text = shown(version)
	}
	command := fmt.Sprintf("kgate promote %s --to %s --version %s", m.Service, environment, text)
	if len(allow) > 0 {
		command += " --allow " + strings.Join(allow, ",")
	}
	return "`" + command + "`"
}

// holdShared refuses a line that is another environment's to say, or that changes another one which is held to other rules.
func (p *Planner) holdShared(m *Move, c Change, readers []string) {
	owner := p.Table.Owner(c.Source.File)
	if _, ok := p.Table.Environment(owner); ok && owner != m.Environment {
		p.refuse(m, Shared, c.Source, fmt.Sprintf("%s stands in a file of %s, on which %s builds: `%s` changes both", c.Field, owner, m.Environment, m.command(owner)))
		return
	}
	var others, keys []string
	for _, e := range readers {
		if e == m.Environment || p.follows(e, m.Environment, c.Source.File) {
			continue
		}
		others = append(others, e)
		is, _ := p.Table.Environment(e)
		to, _ := p.Table.Environment(m.Environment)
		for _, key := range heldApart(is.Promotion, to.Promotion) {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	if len(others) == 0 {
		return
	}
	names := strings.Join(others, " and ")
	wayOut := fmt.Sprintf("write it in a file of %s", m.Environment)
	switch {
	case owner != "" && len(others) == 1:
		wayOut = fmt.Sprintf("write one in a file of %s, or give it in kgate.yaml the %s of %s, as a region has it", names, strings.Join(keys, " and "), m.Environment)
	case owner != "":
		wayOut = fmt.Sprintf("write one in a file of each, or give them in kgate.yaml the %s of %s, as regions have it", strings.Join(keys, " and "), m.Environment)
	case len(keys) == 0:
		wayOut += ", or name the same promotion.from of all in kgate.yaml, as regions have it"
	}
	p.refuse(m, Shared, c.Source, fmt.Sprintf("%s is read by %s too, which would change with %s: %s", c.Field, names, m.Environment, wayOut))
}

// files holds the files that are edited to the rules.
func (p *Planner) files(ctx context.Context, m *Move) error {
	readers := map[string][]string{}
	note := func(s promotion.Scalar) {
		readers[s.Position.String()] = s.Environments
	}
	for _, t := range []promotion.Track{m.before.Stable, m.before.Canary} {
		for _, image := range append([]promotion.Image{t.Image}, t.Others...) {
			for _, s := range []promotion.Scalar{image.Said.Name, image.Said.Tag, image.Said.Digest} {
				note(s)
			}
		}
	}
	for _, w := range m.before.Weights {
		note(w.Canary.Scalar)
		for _, s := range w.Stable {
			note(s.Scalar)
		}
	}
	seen := map[string]bool{}
	for _, c := range m.Changes {
		p.holdShared(m, c, readers[c.Source.String()])
		if p.Past == nil || seen[c.Source.File] {
			continue
		}
		seen[c.Source.File] = true
		dirty, err := p.Past.Dirty(ctx, c.Source.File)
		if err != nil {
			return err
		}
		if dirty {
			p.refuse(m, Dirty, manifest.Position{File: c.Source.File}, "the file has changes that no commit has: commit them, or take them back")
		}
	}
	return nil
}
