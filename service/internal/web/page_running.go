package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// thenPage is what ran at a time.
type thenPage struct {
	page
	Asked   bool
	Field   string // the time as the field of the form has it
	At      moment
	Ahead   bool // the time is still to come
	Service string
	Env     string
	CSV     string
	More    bool // there are more places than the page knows of
}

// showRunning draws what runs, or what ran at a time.
func (a *API) showRunning(w http.ResponseWriter, r *http.Request) error {
	q, err := pageQuery(r, "at", "service", "environment")
	if err != nil {
		return err
	}
	f, err := runningOf(q)
	if err != nil {
		return err
	}
	now := a.now()
	p := thenPage{page: page{frame: a.frame("What ran when", "running")}, Asked: !f.At.IsZero(), Service: f.Service, Env: f.Environment, CSV: "/v1/environments.csv"}
	at := f.At
	if !p.Asked {
		at = now
	}
	p.At, p.Field, p.Ahead = momentOf(at, now), at.UTC().Format(fieldForm), at.After(now)
	p.Alive = !p.Asked
	running, err := a.running(r.Context(), f)
	if err != nil {
		return err
	}
	p.More = len(running) >= mostPlaces
	p.table(running, at)
	if p.Asked {
		p.earlier()
	}
	if own := queryOfRunning(f); len(own) > 0 {
		p.CSV += "?" + own.Encode()
	}
	p.Same = []sameLink{{"What runs", "/v1/environments"}, {"API description", "/openapi.json"}}
	return writePage(w, http.StatusOK, "then", p)
}

// earlier says how long before the time that is asked about something began.
func (p *thenPage) earlier() {
	for _, row := range p.Services {
		for _, c := range row.Cells {
			for i := range c.Running {
				since := &c.Running[i].Since
				since.Age = strings.Replace(strings.Replace(since.Age, " ago", " before", 1), "just now", "just before", 1)
			}
		}
	}
}

// runningOf reads which places are meant, and when.
func runningOf(q url.Values) (f release.RunningFilter, err error) {
	f.Service, f.Environment = strings.TrimSpace(q.Get("service")), strings.TrimSpace(q.Get("environment"))
	if q.Has("at") {
		at, ok := parseMoment(q.Get("at"))
		if !ok {
			return f, invalid(faultOfMoment())
		}
		f.At = at
	}
	return f, f.Validate()
}

func faultOfMoment() fault {
	return fault{Parameter: "at", Detail: "must be a time in UTC, such as 2026-11-28T14:30"}
}

func queryOfRunning(f release.RunningFilter) url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"service": f.Service, "environment": f.Environment} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if !f.At.IsZero() {
		q.Set("at", rfc3339(&f.At))
	}
	return q
}
