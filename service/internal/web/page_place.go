package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// placePage is a service in its environments, or an environment with its services.
type placePage struct {
	frame
	Name      string
	OfService bool
	Rows      []placeRow
	Unshown   int
	Delivery  delivery
	Releases  []releaseView
	All       string // the path of all releases of it
	Badges    []sameLink
}

// placeRow is one place of it.
type placeRow struct {
	Name string
	runningView
}

// showService draws a service.
func (a *API) showService(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("service")
	if !release.ValidName(name) {
		return newProblem(http.StatusNotFound, "there is no service of this name")
	}
	return a.showPlace(w, r, name, true, release.Scope{Service: name}, release.Filter{Service: name, Limit: pageReleases})
}

// showEnvironment draws an environment.
func (a *API) showEnvironment(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("environment")
	if !release.ValidName(name) {
		return newProblem(http.StatusNotFound, "there is no environment of this name")
	}
	return a.showPlace(w, r, name, false, release.Scope{Environment: name}, release.Filter{Environment: name, Limit: pageReleases})
}

func (a *API) showPlace(w http.ResponseWriter, r *http.Request, name string, ofService bool, scope release.Scope, f release.Filter) error {
	q, err := pageQuery(r, "window")
	if err != nil {
		return err
	}
	window, err := pageWindow(q)
	if err != nil {
		return err
	}
	ctx, now := r.Context(), a.now()
	latest, err := a.ledger.Releases(ctx, f)
	if err != nil {
		return err
	}
	if len(latest.Releases) == 0 {
		return newProblem(http.StatusNotFound, "the ledger has no release of "+name)
	}
	// What is upstream of an environment is known of all that runs alone.
	running, err := a.running(ctx, release.RunningFilter{Service: scope.Service})
	if err != nil {
		return err
	}
	steps := release.Steps(running, a.promotion)
	if !ofService {
		elsewhere := func(e string) bool { return e != name }
		steps = slices.DeleteFunc(steps, func(p release.Step) bool { return elsewhere(p.Environment) })
		running = slices.DeleteFunc(running, func(r release.Running) bool { return elsewhere(r.Environment) })
	}
	lags, err := a.ledger.Lags(ctx, steps)
	if err != nil {
		return err
	}
	p := placePage{frame: a.frame(name, ""), Name: name, OfService: ofService}
	slices.SortStableFunc(running, func(a, b release.Running) int {
		// The stable half, of the later name, comes first.
		return cmp.Or(byStage(a.Environment, b.Environment), strings.Compare(a.Service, b.Service), strings.Compare(string(b.Track), string(a.Track)))
	})
	p.Unshown = max(0, len(running)-2*pageServices)
	for _, r := range running[:len(running)-p.Unshown] {
		row := placeRow{Name: r.Service, runningView: runningView{
			ID: r.ReleaseID, Version: shortVersion(r.Version), Revision: short(r.Revision), Canary: r.Track == release.Canary, Since: momentOf(r.Since, now),
		}}
		if ofService {
			row.Name = r.Environment
			p.Badges = append(p.Badges, sameLink{r.Environment, "/badges/running/" + r.Service + "/" + r.Environment + ".svg"})
		}
		for _, l := range lags {
			if !row.Canary && l.Service == r.Service && l.Environment == r.Environment {
				row.Lag = viewLag(l, now)
			}
		}
		p.Rows = append(p.Rows, row)
	}
	p.Badges = slices.Compact(p.Badges)
	if p.Delivery, err = a.delivery(r, scope, window, now); err != nil {
		return err
	}
	for _, l := range latest.Releases {
		p.Releases = append(p.Releases, viewOf(l, now))
	}
	field := "environment"
	if ofService {
		field = "service"
	}
	p.All = pathReleases + "?" + field + "=" + name + "&kind=all"
	p.Same = []sameLink{{"Releases", "/v1/releases?" + field + "=" + name}, {"Measures", "/v1/dora?window=" + window + "&" + field + "=" + name}, {"API description", "/openapi.json"}}
	return writePage(w, http.StatusOK, "place", p)
}
