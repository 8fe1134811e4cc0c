package web

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// releasePage is one page of releases, the latest start first.
type releasePage struct {
	Releases []release.Release `json:"releases"`
	Next     string            `json:"next,omitempty"`
}

// listReleases answers one page of the releases that the query selects.
func (a *API) listReleases(w http.ResponseWriter, r *http.Request) error {
	q, err := queryOf(r, "service", "environment", "version", "actor", "outcome", "track", "kind", "from", "to", "cursor", "limit")
	if err != nil {
		return err
	}
	filter, err := filterOf(q)
	if err != nil {
		return err
	}
	page, err := a.ledger.Releases(r.Context(), filter)
	if err != nil {
		return err
	}
	if page.Next != "" {
		q.Set("cursor", page.Next)
		w.Header().Set("Link", "</v1/releases?"+q.Encode()+`>; rel="next"`)
	}
	if page.Releases == nil {
		page.Releases = []release.Release{}
	}
	return answer(w, http.StatusOK, releasePage{Releases: page.Releases, Next: page.Next})
}

func filterOf(q url.Values) (release.Filter, error) {
	f := release.Filter{
		Service:     q.Get("service"),
		Environment: q.Get("environment"),
		Version:     q.Get("version"),
		Actor:       q.Get("actor"),
		Outcome:     release.Outcome(q.Get("outcome")),
		Track:       release.Track(q.Get("track")),
		Kind:        release.Kind(q.Get("kind")),
		Cursor:      q.Get("cursor"),
	}
	var faults []fault
	for name, to := range map[string]*time.Time{"from": &f.From, "to": &f.To} {
		if !q.Has(name) {
			continue
		}
		t, err := parseTime(q.Get(name))
		if err != nil {
			faults = append(faults, fault{Parameter: name, Detail: "must be a time of RFC 3339; a + in it is written %2B"})
			continue
		}
		*to = t
	}
	if q.Has("limit") {
		n, err := strconv.Atoi(q.Get("limit"))
		if err != nil || n < 1 || n > release.MaxLimit {
			faults = append(faults, fault{Parameter: "limit", Detail: "must be between 1 and " + strconv.Itoa(release.MaxLimit)})
		} else {
			f.Limit = n
		}
	}
	faults = append(faults, faultsOf(f.Validate())...)
	if len(faults) > 0 {
		return f, invalid(faults...)
	}
	return f, nil
}

// faultsOf are the parameters that err finds fault with.
func faultsOf(err error) (faults []fault) {
	if e, ok := errors.AsType[*release.Invalid](err); ok {
		for _, fl := range e.Faults {
			faults = append(faults, fault{Parameter: fl.Field, Detail: fl.Message})
		}
	}
	return faults
}
