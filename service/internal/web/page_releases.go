package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// listPage is the releases that a search finds.
type listPage struct {
	frame
	Form     searchForm
	Active   []activeFilter
	Choices  []choice // where a part of a name means several, or none
	Releases []releaseView
	Older    string // the path of the next page, "" on the last
	Newest   string // the path of the first page, "" on it
	CSV      string
}

// searchForm is what the fields hold, and what they offer.
type searchForm struct {
	Service, Environment, Version, Actor, From, To string
	Outcomes, Kinds                                []option
	Names                                          release.Names
}

type option struct {
	Value, Text string
	Selected    bool
}

// activeFilter is one that is set, and the path without it.
type activeFilter struct{ Name, Value, Without string }

// choice is a field whose text is no whole name, and the names that it could mean.
type choice struct {
	Field, Text string
	Names       []activeFilter // Without is the path with this one
}

type releaseView struct {
	ID, Service, Environment, Version, Revision, Actor string
	Canary, Configuration                              bool
	Outcome, Word                                      string
	Started                                            moment
	Took                                               string
}

// pageSize is how many releases a page of a search has.
const pageSize = 50

const pathReleases = "/releases"

// showReleases draws the releases that the query selects.
func (a *API) showReleases(w http.ResponseWriter, r *http.Request) error {
	q, err := pageQuery(r, "service", "environment", "version", "outcome", "actor", "kind", "from", "to", "cursor")
	if err != nil {
		return err
	}
	p := listPage{frame: a.frame("Releases", "releases")}
	names, err := a.ledger.Names(r.Context())
	if err != nil {
		return err
	}
	p.Form = formOf(q, names)
	known := map[string][]string{"service": names.Services, "environment": names.Environments, "actor": names.Actors}
	for _, field := range []string{"service", "environment", "actor"} {
		if !q.Has(field) {
			continue
		}
		if strings.ContainsFunc(q.Get(field), func(r rune) bool { return !release.InName(r) }) {
			return invalid(fault{Parameter: field, Detail: release.NameWant})
		}
		exact, possible := meant(known[field], q.Get(field))
		if len(known[field]) == release.MaxNames && exact != q.Get(field) { // of more names than are known here it may be one
			is, err := a.isName(r.Context(), field, q.Get(field))
			if err != nil {
				return err
			}
			if is {
				exact = q.Get(field)
			}
		}
		if exact != "" {
			q.Set(field, exact)
			continue
		}
		c := choice{Field: fieldNames[field], Text: q.Get(field)}
		for _, name := range possible {
			c.Names = append(c.Names, activeFilter{Value: name, Without: pathWith(q, field, name)})
		}
		p.Choices = append(p.Choices, c)
	}
	asked := url.Values{}
	for name := range q {
		if !slices.ContainsFunc(p.Choices, func(c choice) bool { return c.Field == fieldNames[name] }) {
			asked.Set(name, q.Get(name))
		}
	}
	for _, field := range []string{"service", "environment", "version", "outcome", "actor", "kind", "from", "to"} {
		if q.Has(field) {
			p.Active = append(p.Active, activeFilter{fieldNames[field], said(field, q.Get(field)), pathWith(q, field, "")})
		}
	}
	f, err := searchOf(asked)
	if err != nil {
		return err
	}
	p.CSV = pathCSV(f)
	p.Same = []sameLink{{"Releases", "/v1/releases"}, {"API description", "/openapi.json"}}
	p.Alive = f.Cursor == "" // an older page is what it was
	if f.Cursor != "" {
		p.Newest = pathWith(q, "", "")
	}
	// What is not meant selects nothing, rather than everything.
	if len(p.Choices) > 0 {
		return writePage(w, http.StatusOK, "releases", p)
	}
	found, err := a.ledger.Releases(r.Context(), f)
	if err != nil {
		return err
	}
	if found.Next != "" {
		p.Older = pathWith(q, "cursor", found.Next)
	}
	for _, l := range found.Releases {
		p.Releases = append(p.Releases, viewOf(l, a.now()))
	}
	return writePage(w, http.StatusOK, "releases", p)
}

var fieldNames = map[string]string{
	"service": "Service", "environment": "Environment", "version": "Version", "outcome": "Outcome", "actor": "Person", "kind": "Kind",
	"from": "Began from", "to": "Began before",
}

// said is the value of a field as a person reads it.
func said(field, value string) string {
	switch field {
	case "outcome":
		return word(release.Outcome(value))
	case "from", "to":
		if t, ok := parseMoment(value); ok {
			return t.Format("2 Jan 2006, 15:04") + " UTC"
		}
	case "kind":
		for _, k := range kinds {
			if k.Value == value {
				return k.Text
			}
		}
	}
	return value
}

// kinds are deployments where nothing else is said.
var kinds = []option{{Value: "", Text: "Deployments"}, {Value: string(release.Configuration), Text: "Configuration syncs"}, {Value: "all", Text: "Both"}}

func formOf(q url.Values, names release.Names) searchForm {
	f := searchForm{
		Service: q.Get("service"), Environment: q.Get("environment"), Version: q.Get("version"), Actor: q.Get("actor"),
		From: fieldTime(q.Get("from")), To: fieldTime(q.Get("to")), Names: names,
		Outcomes: []option{{Text: "Any"}}, Kinds: slices.Clone(kinds),
	}
	for _, o := range release.Outcomes() {
		f.Outcomes = append(f.Outcomes, option{Value: string(o), Text: upperFirst(word(o)), Selected: q.Get("outcome") == string(o)})
	}
	for i := range f.Kinds {
		f.Kinds[i].Selected = q.Get("kind") == f.Kinds[i].Value
	}
	return f
}

// meant is the name that text is, or the one that it is a part of, whatever its case. Where it could be several, exact is "".
func meant(names []string, text string) (exact string, possible []string) {
	if slices.Contains(names, text) {
		return text, nil
	}
	part := strings.ToLower(strings.TrimSpace(text))
	for _, name := range names {
		if strings.Contains(strings.ToLower(name), part) {
			possible = append(possible, name)
		}
	}
	if len(possible) == 1 {
		return possible[0], nil
	}
	return "", possible[:min(len(possible), 30)]
}

// isName reports whether a release has a text as its service, its environment or its actor, to the letter.
func (a *API) isName(ctx context.Context, field, text string) (bool, error) {
	f, err := filterOf(url.Values{field: {text}})
	if err != nil {
		return false, nil //nolint:nilerr // what no name can be is none
	}
	f.Limit = 1
	found, err := a.ledger.Releases(ctx, f)
	return len(found.Releases) > 0, err
}

// searchOf is filterOf in the words of the page.
func searchOf(q url.Values) (release.Filter, error) {
	var faults []fault
	own := url.Values{}
	for name := range q {
		own.Set(name, q.Get(name))
	}
	for _, name := range []string{"from", "to"} {
		if !q.Has(name) {
			continue
		}
		t, ok := parseMoment(q.Get(name))
		if !ok {
			faults = append(faults, fault{Parameter: name, Detail: "must be a time in UTC, such as 2026-11-28T14:30"})
			own.Del(name)
			continue
		}
		own.Set(name, rfc3339(&t))
	}
	switch q.Get("kind") {
	case "":
		own.Set("kind", string(release.Deployment))
	case "all":
		own.Del("kind")
	}
	f, err := filterOf(own)
	if len(faults) > 0 {
		return f, invalid(faults...)
	}
	f.Limit = pageSize
	return f, err
}

// parseMoment reads a time as a field of a form has it, in UTC, or as RFC 3339 has it.
func parseMoment(s string) (time.Time, bool) {
	for _, form := range []string{fieldForm, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(form, s); err == nil && t.Format(form) == s { // it takes an hour of one digit, too
			return t.UTC(), true
		}
	}
	t, err := parseTime(s)
	return t.UTC(), err == nil
}

// fieldForm is how a field of a form has a time, in minutes.
const fieldForm = "2006-01-02T15:04"

// fieldTime is a time as the field of a form wants it, "" where it is none.
func fieldTime(s string) string {
	t, ok := parseMoment(s)
	if !ok {
		return ""
	}
	return t.Format(fieldForm)
}

// pathWith is the path of the search with one field set, or without it, from its first page on.
func pathWith(q url.Values, field, value string) string {
	own := url.Values{}
	for name := range q {
		if name != "cursor" && name != field {
			own.Set(name, q.Get(name))
		}
	}
	if value != "" {
		own.Set(field, value)
	}
	if len(own) == 0 {
		return pathReleases
	}
	return pathReleases + "?" + own.Encode()
}

func viewOf(r release.Release, now time.Time) releaseView {
	v := releaseView{
		ID: r.ID, Service: r.Service, Environment: r.Environment, Version: shortVersion(r.Version), Revision: short(r.Revision), Actor: r.Actor,
		Canary: r.Track == release.Canary, Configuration: r.Kind == release.Configuration, Outcome: string(r.Outcome), Word: word(r.Outcome),
	}
	if r.Outcome == release.Succeeded && r.FailedAt != nil {
		v.Word = "recovered"
	}
	if r.StartedAt == nil {
		return v
	}
	v.Started = momentOf(*r.StartedAt, now)
	switch {
	case r.SucceededAt != nil:
		v.Took = spell(r.SucceededAt.Sub(*r.StartedAt))
		if r.Outcome == release.RolledBack && r.FinishedAt != nil {
			v.Took += ", back after " + spell(r.FinishedAt.Sub(*r.SucceededAt))
		}
	case r.FinishedAt != nil:
		v.Took = spell(r.FinishedAt.Sub(*r.StartedAt))
	default:
		v.Took = spell(now.Sub(*r.StartedAt)) + " so far"
	}
	return v
}

// word is an outcome as a person says it.
func word(o release.Outcome) string { return strings.ReplaceAll(string(o), "_", " ") }
