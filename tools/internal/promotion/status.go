package promotion

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/comparison"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/revision"
)

// Status is a table with what the past says of it.
type Status struct {
	Table
	Rows []Row  // by service, then by environment
	Past string // why the past is not known, or not all of it; "" where it is
}

// Row is a service in an environment where it is.
type Row struct {
	Service string
	Place
	StableSince Since
	CanarySince Since
	WeightSince Since // of the canary's number
	Behind      Behind
	Drift       []Drift

	several map[string]bool // tags with which the service runs, or ran between, more than one digest
}

// Version is what a person calls a version of the service by: its tag, with the beginning of the digest where the tag stands for
// several.
func (r Row) Version(of Reference) string {
	if of.Digest == "" || of.Tag == "" || !r.several[of.Tag] {
		return of.Version()
	}
	return of.Tag + "@" + Reference{Digest: of.Digest}.Version()
}

// Since is the commit since which a place says what it says.
type Since struct {
	Knowledge
	Change revision.Change // where it is Known
}

// Knowledge is what is known of a past.
type Knowledge string

// What there is.
const (
	Known       Knowledge = "known"
	Uncommitted Knowledge = "uncommitted" // the branch says something else, or nothing
	Older       Knowledge = "older"       // it is older than what the clone has, or than kgate goes back
	Unknown     Knowledge = "unknown"     // nobody can tell the scalar, or there is no git
)

// Behind is how far a place is from the one that its versions come from.
type Behind struct {
	From    string // the environment; "" for none that has the service
	State   State
	Between []revision.Change // what ran there after what runs here, the oldest first
	At      time.Time         // when the first of them came
}

// State is how two versions stand to each other.
type State string

// The states.
const (
	Same    State = "same"
	Late    State = "behind"
	Unseen  State = "unseen"  // what runs here never ran there
	Back    State = "back"    // what runs here ran there, and an older version does now
	Unclear State = "unknown" // the past does not reach that far, or its file was elsewhere then
)

// Drift is a field that is not the same in an environment and in the one that its versions come from, and is neither what is
// promoted nor what an environment object declares.
type Drift struct {
	Topic   comparison.Topic
	Field   string // "" for an object that only one has
	Objects []manifest.ID
	There   Side // in the environment that versions come from
	Here    Side
}

// Side is a field in one of two environments.
type Side struct {
	Set  bool
	Text string
	At   manifest.Position
}

// StatusOf is the status of a table, for some services or all. history is nil where nobody knows the past.
func StatusOf(ctx context.Context, table Table, services []string, history *History) (Status, error) {
	out := Status{Table: table}
	if history == nil {
		out.Past = "this is no git repository: since when something is so, and what lies between two environments, is in its history"
	}
	for _, s := range table.Services {
		if len(services) > 0 && !slices.Contains(services, s.Name) {
			continue
		}
		for i, p := range s.Places {
			if !p.Exists() {
				continue
			}
			r := Row{Service: s.Name, Place: p}
			r.Behind = Behind{State: Unclear}
			var from *Place
			if name := table.Environments[i].Promotion.From; name != "" {
				if there, ok := s.Place(name); ok && there.Exists() {
					from, r.Behind.From = &there, name
				}
			}
			if err := r.remember(ctx, history, from); err != nil {
				return Status{}, err
			}
			if from != nil {
				r.Drift = drift(*from, p)
			}
			out.Rows = append(out.Rows, r)
			if out.Past == "" {
				out.Past = r.past()
			}
		}
	}
	tellApart(out.Rows)
	return out, nil
}

// tellApart notes for the rows of each service the tags that do not tell its versions apart.
func tellApart(rows []Row) {
	digests := map[string]map[string]map[string]bool{} // by service and tag
	note := func(service string, r Reference) {
		if digests[service] == nil {
			digests[service] = map[string]map[string]bool{}
		}
		if digests[service][r.Tag] == nil {
			digests[service][r.Tag] = map[string]bool{}
		}
		digests[service][r.Tag][r.Digest] = true
	}
	for _, r := range rows {
		for _, t := range []Track{r.Place.Stable, r.Place.Canary} {
			note(r.Service, t.Image.Reference)
		}
		for _, c := range r.Behind.Between {
			note(r.Service, ParseIdentity(c.Value))
		}
	}
	for i := range rows {
		for tag, of := range digests[rows[i].Service] {
			if len(of) > 1 {
				if rows[i].several == nil {
					rows[i].several = map[string]bool{}
				}
				rows[i].several[tag] = true
			}
		}
	}
}

// past says why something of a row is not known.
func (r Row) past() string {
	for _, s := range []Since{r.StableSince, r.CanarySince, r.WeightSince} {
		if s.Knowledge == Older {
			return "the history here ends before all is told, as in a shallow clone: check out with `fetch-depth: 0`, or `git fetch --unshallow`"
		}
	}
	return ""
}

// remember asks the past.
func (r *Row) remember(ctx context.Context, history *History, from *Place) error {
	if history == nil {
		r.StableSince.Knowledge, r.CanarySince.Knowledge, r.WeightSince.Knowledge = Unknown, Unknown, Unknown
		if from != nil && from.Stable.Image.Identity() == r.Place.Stable.Image.Identity() {
			r.Behind.State = Same
		}
		return nil
	}
	first := func(revision.Change) bool { return true }
	for _, of := range []struct {
		track Track
		into  *Since
	}{{r.Place.Stable, &r.StableSince}, {r.Place.Canary, &r.CanarySince}} {
		of.into.Knowledge = Unknown
		if len(of.track.Workloads) == 0 && of.track.Chart == nil || of.track.Image.Said.Version().IsZero() {
			continue
		}
		trail, err := history.OfImage(ctx, of.track.Image, first)
		if err != nil {
			return err
		}
		*of.into = sinceOf(trail)
	}
	r.WeightSince.Knowledge = Unknown
	if len(r.Weights) > 0 && !r.Weights[0].Canary.Scalar.IsZero() {
		trail, err := history.OfScalar(ctx, r.Weights[0].Canary.Scalar, first)
		if err != nil {
			return err
		}
		r.WeightSince = sinceOf(trail)
	}
	if from == nil {
		return nil
	}
	here, there := r.Place.Stable.Image.Identity(), from.Stable.Image.Identity()
	if here == there {
		r.Behind.State = Same
		return nil
	}
	trail, err := history.OfImage(ctx, from.Stable.Image, func(c revision.Change) bool { return c.Value == here })
	if err != nil {
		return err
	}
	for _, c := range trail.Changes {
		if c.Value == here {
			r.Behind.State = Late
			if is, was := from.Stable.Image.Semver(), r.Place.Stable.Image.Semver(); is != nil && was != nil && is.LessThan(was) {
				r.Behind.State = Back
			}
			break
		}
		if c.Said {
			r.Behind.Between = append(r.Behind.Between, c)
		}
	}
	slices.Reverse(r.Behind.Between)
	if r.Behind.State != Late && r.Behind.State != Back {
		if r.Behind.Between = nil; trail.End == revision.Beginning {
			r.Behind.State = Unseen
		}
		return nil
	}
	if len(r.Behind.Between) == 0 { // what is ahead is in no commit
		r.Behind.Between = []revision.Change{{Value: there, Said: true}}
		return nil
	}
	r.Behind.At = r.Behind.Between[0].Merged.When
	return nil
}

func sinceOf(t Trail) Since {
	switch c, ok := t.Since(); {
	case t.Uncommitted:
		return Since{Knowledge: Uncommitted}
	case ok:
		return Since{Known, c}
	}
	return Since{Knowledge: Older}
}

// drift compares two places of a service.
func drift(there, here Place) []Drift {
	columns := []comparison.Column{{Name: there.Environment}, {Name: here.Environment}}
	was := [2]map[*manifest.Object]*manifest.Object{{}, {}}
	places := [2]Place{there, here}
	one, isOne := there.namespace()
	other, isOther := here.namespace()
	alone := isOne && isOther && one != other
	for i, p := range places {
		for _, o := range p.Objects {
			called := o.Again()
			called.Namespace, called.Name = affixless(p.written(o, o.Namespace), p.Environment), affixless(p.written(o, o.Name), p.Environment)
			if alone || called.Namespace == p.Environment { // what the namespace of an environment is called says nothing
				called.Namespace = ""
			}
			was[i][called] = o
			columns[i].Objects = append(columns[i].Objects, called)
		}
	}
	differences, only := comparison.Of(columns)
	var all []Drift
	for _, d := range differences {
		if d.Same || d.Topic == comparison.Names {
			continue
		}
		one := Drift{Topic: d.Topic, Field: d.Field, Objects: d.Objects}
		told, secret := false, false
		for i, into := range []*Side{&one.There, &one.Here} {
			v := d.Values[i]
			*into = Side{Set: v.Set, Text: v.Text}
			if o := was[i][v.Object]; o != nil {
				into.Text = places[i].written(o, v.Text)
				told = told || places[i].tells(o, v.Path)
				secret = secret || o.Kind == "Secret"
				if v.Set {
					into.At = places[i].Locate(o, v.Path).Position
				}
				told = told || v.Set && places[i].declared(into.At)
			}
		}
		if told || places[0].plain(one.There.Text) == places[1].plain(one.Here.Text) && one.There.Set && one.Here.Set {
			continue
		}
		if secret {
			one.There.Text, one.Here.Text = "…", "…" // what is in a Secret is nobody's to read
		}
		all = append(all, one)
	}
	for _, o := range only {
		if told := places[0].runsCanary(was[0], o.ID) || places[1].runsCanary(was[1], o.ID); told {
			continue // the row has it
		}
		one := Drift{Topic: comparison.Settings, Objects: []manifest.ID{o.ID}}
		for i, into := range []*Side{&one.There, &one.Here} {
			if into.Set = o.In[i]; o.In[i] {
				for called, object := range was[i] {
					if called.ID == o.ID {
						into.At = places[i].Locate(object, nil).Position
					}
				}
			}
		}
		all = append(all, one)
	}
	return all
}

// written is a text of an object as it reads where it is written: with the variables whose values nobody here knows.
func (p Place) written(o *manifest.Object, text string) string {
	if p.target == nil { // a chart
		return text
	}
	if t := p.target(o); t != nil {
		return t.StandIns.Written(text)
	}
	return text
}

// namespace is that of all objects of a place, but for those in none; false where there are several.
func (p Place) namespace() (one string, is bool) {
	for _, o := range p.Objects {
		if o.Namespace != "" && one != "" && o.Namespace != one {
			return "", false
		}
		one = cmp.Or(o.Namespace, one)
	}
	return one, true
}

// runsCanary reports whether an object that is called otherwise in a comparison is a workload of the canary.
func (p Place) runsCanary(was map[*manifest.Object]*manifest.Object, id manifest.ID) bool {
	return slices.ContainsFunc(p.Canary.Workloads, func(o *manifest.Object) bool {
		for called, object := range was {
			if object == o && called.ID == id {
				return true
			}
		}
		return false
	})
}

// tells reports whether a field is one that the row has a column for.
func (p Place) tells(o *manifest.Object, path manifest.Path) bool {
	is := func(object *manifest.Object, at manifest.Path) bool {
		return object == o && at.String() == path.String()
	}
	value := func(v Value) bool { return v.Object != nil && is(v.Object, v.Path) }
	for _, t := range []Track{p.Stable, p.Canary} {
		for _, image := range append(slices.Clip(t.Others), t.Image) {
			if image.Object != nil && (is(image.Object, image.Path) || slices.Contains(t.Workloads, o) && manifest.TextAt(o.Value, path...) == image.Text) {
				return true
			}
		}
	}
	return p.Rollout.said(value) || slices.ContainsFunc(p.Weights, func(w Weight) bool { return value(w.Canary) || slices.ContainsFunc(w.Stable, value) }) ||
		slices.ContainsFunc(p.Replicas, func(r Replicas) bool { return value(r.Min) || value(r.Max) }) ||
		slices.ContainsFunc(p.Sampling, func(r Rate) bool { return value(r.Value) })
}

// plain is a text without what the environment is called and which versions run in it: what differs by these alone is the same.
func (p Place) plain(text string) string {
	for i, word := range []string{p.Stable.Image.Text, p.Canary.Image.Text, p.Stable.Image.Digest, p.Canary.Image.Digest, p.Stable.Image.Tag, p.Canary.Image.Tag, p.Environment} {
		if word == "" {
			continue
		}
		// A number such as a tag 1 is in many a text: it counts as a whole word alone.
		whole := regexp.MustCompile(`(^|[^0-9A-Za-z.])` + regexp.QuoteMeta(word) + `($|[^0-9A-Za-z.])`)
		text = whole.ReplaceAllString(text, "${1}\x00"+strconv.Itoa(i/2)+"${2}")
	}
	return strings.TrimSpace(text)
}
