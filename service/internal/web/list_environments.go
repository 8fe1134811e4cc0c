package web

import (
	"net/http"
	"strconv"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// Page sizes of what runs.
const (
	defaultPlaces = 100
	maxPlaces     = 200
)

// runningList is one page of what runs where, by service, environment and track.
type runningList struct {
	Running []release.Running `json:"running"`
	Next    string            `json:"next,omitempty"`
}

// listEnvironments answers one page of what runs where, or ran at a time.
func (a *API) listEnvironments(w http.ResponseWriter, r *http.Request) error {
	q, err := queryOf(r, "at", "service", "environment", "cursor", "limit")
	if err != nil {
		return err
	}
	f := release.RunningFilter{Service: q.Get("service"), Environment: q.Get("environment")}
	limit := defaultPlaces
	var faults []fault
	if q.Has("at") {
		var ok bool
		if f.At, ok = parseMoment(q.Get("at")); !ok {
			faults = append(faults, faultOfMoment())
		}
	}
	if q.Has("limit") {
		if limit, err = strconv.Atoi(q.Get("limit")); err != nil || limit < 1 || limit > maxPlaces {
			faults = append(faults, fault{Parameter: "limit", Detail: "must be between 1 and " + strconv.Itoa(maxPlaces)})
			limit = defaultPlaces
		}
	}
	if q.Has("cursor") {
		if f.After, err = release.PlaceAt(q.Get("cursor")); err != nil {
			faults = append(faults, fault{Parameter: "cursor", Detail: err.Error()})
		}
	}
	f.Limit = limit + 1 // one more tells whether there is another page
	faults = append(faults, faultsOf(f.Validate())...)
	if len(faults) > 0 {
		return invalid(faults...)
	}
	running, err := a.ledger.RunningAt(r.Context(), f)
	if err != nil {
		return err
	}
	page := runningList{Running: running}
	if len(running) > limit {
		page.Running = running[:limit]
		last := running[limit-1]
		page.Next = release.Place{Service: last.Service, Environment: last.Environment, Track: last.Track}.Cursor()
		q.Set("cursor", page.Next)
		w.Header().Set("Link", "</v1/environments?"+q.Encode()+`>; rel="next"`)
	}
	if page.Running == nil {
		page.Running = []release.Running{}
	}
	return answer(w, http.StatusOK, page)
}
