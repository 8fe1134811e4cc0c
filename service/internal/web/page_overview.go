package web

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// What the page shows at most, so that neither its queries nor its length grow with the ledger.
const (
	pageReleases     = 15
	pageServices     = 100
	pageEnvironments = 12
	pageBoard        = 5 // under way, failed, waiting
)

const patternPage = "GET /{$}"

// page is the first one: what runs where, what happens, how well the team delivers.
type page struct {
	frame
	Summary string
	First   *firstSteps // in an empty ledger, in place of everything else

	UnderWay     board
	Failed       board
	Waiting      board
	Environments []string
	Services     []serviceRow
	Unshown      string // what of the table was left out
	Delivery     delivery
	Releases     []releaseView
}

// firstSteps says how to record something.
type firstSteps struct {
	Command  string
	NoTokens bool
}

// board is a short list, and how many more there are where that is known.
type board struct {
	Items []boardItem
	More  string // a path to the rest, "" for none
}

// boardItem is one line of what happens, and the line under it.
type boardItem struct {
	ID, Service, Environment, Version string
	Canary                            bool
	Outcome                           string
	Says                              string // what about it
	At                                moment
	Actor                             string
	Open                              bool // somebody has to do something
}

type serviceRow struct {
	Name  string
	Cells []cell
}

// cell is what runs of one service in one environment.
type cell struct {
	Environment string
	Running     []runningView // stable, then canary
}

type runningView struct {
	ID, Version, Revision string
	Canary                bool
	Since                 moment
	Lag                   *lagView // nil where it runs what runs upstream, or there is no upstream
}

// lagView is how far behind something is.
type lagView struct {
	Short string // "2 behind staging"
	Days  string // "3 days", "" where it is not known since when
	Says  string
	Known bool
}

// showPage draws the page for people.
func (a *API) showPage(w http.ResponseWriter, r *http.Request) error {
	q, err := pageQuery(r, "window")
	if err != nil {
		return err
	}
	window, err := pageWindow(q)
	if err != nil {
		return err
	}
	p := page{frame: a.frame("Release ledger", "overview")}
	now := a.now()
	latest, err := a.ledger.Releases(r.Context(), release.Filter{Kind: release.Deployment, Limit: pageReleases})
	if err != nil {
		return err
	}
	if len(latest.Releases) == 0 {
		p.First = &firstSteps{Command: firstCommand(r.Host, now), NoTokens: a.access.Empty()}
		return writePage(w, http.StatusOK, "page", p)
	}
	running, err := a.running(r.Context(), release.RunningFilter{})
	if err != nil {
		return err
	}
	lags, err := a.ledger.Lags(r.Context(), release.Steps(running, a.promotion))
	if err != nil {
		return err
	}
	p.table(running, now)
	p.mark(lags, now)
	p.Waiting = waiting(lags, now)
	if p.UnderWay, err = a.underWay(r, now); err != nil {
		return err
	}
	if p.Failed, err = a.lastFailed(r, running, now); err != nil {
		return err
	}
	if p.Delivery, err = a.delivery(r, release.Scope{}, window, now); err != nil {
		return err
	}
	p.Production = strings.Join(p.Delivery.Environments, ", ")
	for _, l := range latest.Releases {
		p.Releases = append(p.Releases, viewOf(l, now))
	}
	p.Summary = summary(running, p.Releases[0].Started.Age)
	p.Same = []sameLink{
		{"What runs", "/v1/environments"}, {"Releases", "/v1/releases"}, {"Measures", "/v1/dora?window=" + window}, {"API description", "/openapi.json"},
	}
	return writePage(w, http.StatusOK, "page", p)
}

// table arranges what runs: services down, environments across, from where code is written to where it is used.
func (p *page) table(running []release.Running, now time.Time) {
	var services []string
	for _, r := range running {
		services = append(services, r.Service)
		p.Environments = append(p.Environments, r.Environment)
	}
	slices.Sort(services)
	services = slices.Compact(services)
	slices.SortFunc(p.Environments, byStage)
	p.Environments = slices.Compact(p.Environments)
	var unshown []string
	if more := len(services) - pageServices; more > 0 {
		services, unshown = services[:pageServices], append(unshown, plural(more, "service"))
	}
	// The last ones are those nearest to users, which are not left out.
	if more := len(p.Environments) - pageEnvironments; more > 0 {
		p.Environments, unshown = p.Environments[more:], append(unshown, plural(more, "environment"))
	}
	p.Unshown = strings.Join(unshown, " and ")

	row := map[string]int{}
	for i, s := range services {
		row[s] = i
		cells := make([]cell, len(p.Environments))
		for j, e := range p.Environments {
			cells[j].Environment = e
		}
		p.Services = append(p.Services, serviceRow{Name: s, Cells: cells})
	}
	for _, r := range running {
		i, shown := row[r.Service]
		j := slices.Index(p.Environments, r.Environment)
		if !shown || j < 0 {
			continue
		}
		c := &p.Services[i].Cells[j]
		c.Running = append(c.Running, runningView{
			ID: r.ReleaseID, Version: shortVersion(r.Version), Revision: short(r.Revision), Canary: r.Track == release.Canary, Since: momentOf(r.Since, now),
		})
		slices.SortStableFunc(c.Running, func(a, b runningView) int { return cmp.Compare(btoi(a.Canary), btoi(b.Canary)) })
	}
}

// mark writes into the table how far behind what runs is.
func (p *page) mark(lags []release.Lag, now time.Time) {
	of := map[[2]string]*lagView{}
	for _, l := range lags {
		of[[2]string{l.Service, l.Environment}] = viewLag(l, now)
	}
	for _, row := range p.Services {
		for i := range row.Cells {
			for k := range row.Cells[i].Running {
				if v := &row.Cells[i].Running[k]; !v.Canary {
					v.Lag = of[[2]string{row.Name, row.Cells[i].Environment}]
				}
			}
		}
	}
}

func viewLag(l release.Lag, now time.Time) *lagView {
	if l.Known && l.Releases == 0 {
		return &lagView{Short: l.Upstream + " went back", Says: fmt.Sprintf("%s had this, and runs %s again.", upperFirst(l.Upstream), shortVersion(l.Version))}
	}
	if !l.Known {
		return &lagView{Short: "not from " + l.Upstream, Says: fmt.Sprintf("This never ran in %s, which runs %s.", l.Upstream, shortVersion(l.Version))}
	}
	v := &lagView{Known: true, Short: behind(l.Releases) + " behind " + l.Upstream, Days: roughly(now.Sub(l.Since))}
	v.Says = fmt.Sprintf("%s runs %s: %s since, the first %s.", upperFirst(l.Upstream), shortVersion(l.Version), behindReleases(l.Releases), age(now.Sub(l.Since)))
	return v
}

func behind(n int) string {
	if n >= release.MostBehind {
		return fmt.Sprintf("%d or more", n)
	}
	return fmt.Sprint(n)
}

func behindReleases(n int) string {
	if n == 1 {
		return "1 release"
	}
	return behind(n) + " releases"
}

// waiting is what waits for its next environment, the longest wait first; what came another way is last.
func waiting(lags []release.Lag, now time.Time) (n board) {
	lags = slices.Clone(lags)
	slices.SortStableFunc(lags, func(a, b release.Lag) int {
		if c := btoi(b.Known) - btoi(a.Known); c != 0 {
			return c
		}
		return a.Since.Compare(b.Since)
	})
	for i, l := range lags {
		if i == pageBoard {
			n.More = "#running"
			break
		}
		item := boardItem{
			ID: l.ReleaseID, Service: l.Service, Environment: l.Environment, Version: shortVersion(l.Version), Actor: l.Actor, Outcome: "waiting",
			Says: fmt.Sprintf("%s in %s, for %s", behindReleases(l.Releases), l.Upstream, roughly(now.Sub(l.Since))),
		}
		switch {
		case !l.Known:
			item.Says = "runs what " + l.Upstream + " never had"
		case l.Releases == 0:
			item.Says = "runs what " + l.Upstream + " went back from"
		}
		n.Items = append(n.Items, item)
	}
	return n
}

// underWay is what has begun and not ended.
func (a *API) underWay(r *http.Request, now time.Time) (n board, err error) {
	found, err := a.ledger.Releases(r.Context(), release.Filter{Outcome: release.Started, Limit: pageBoard})
	if err != nil {
		return n, err
	}
	for _, l := range found.Releases {
		n.Items = append(n.Items, itemOf(l, "for "+spell(now.Sub(*l.StartedAt)), *l.StartedAt, now))
	}
	if found.Next != "" {
		n.More = "/releases?kind=all&outcome=started"
	}
	return n, nil
}

// lastFailed is what failed or was rolled back last, and whether it is good again.
func (a *API) lastFailed(r *http.Request, running []release.Running, now time.Time) (n board, err error) {
	var all []release.Release
	for _, o := range []release.Outcome{release.Failed, release.RolledBack} {
		found, err := a.ledger.Releases(r.Context(), release.Filter{Outcome: o, Limit: pageBoard + 1})
		if err != nil {
			return n, err
		}
		all = append(all, found.Releases...)
	}
	ended := func(l release.Release) time.Time { return *cmp.Or(l.FailedAt, l.FinishedAt, l.StartedAt) }
	slices.SortStableFunc(all, func(a, b release.Release) int { return ended(b).Compare(ended(a)) })
	// A search is of one outcome: that of the first which is left out.
	if len(all) > pageBoard {
		n.More = "/releases?kind=all&outcome=" + string(all[pageBoard].Outcome)
	}
	for _, l := range all[:min(len(all), pageBoard)] {
		item := itemOf(l, "nothing better has come since", ended(l), now)
		item.Open = true
		i := slices.IndexFunc(running, func(r release.Running) bool {
			return r.Service == l.Service && r.Environment == l.Environment && r.Track == l.Track
		})
		switch {
		case l.Outcome == release.RolledBack:
			item.Says, item.Open = "rolled back", false
		case i >= 0 && !running[i].Since.Before(ended(l)):
			item.Says, item.Open = "good again with "+shortVersion(running[i].Version), false
		case i >= 0:
			item.Says = shortVersion(running[i].Version) + " runs on"
		}
		n.Items = append(n.Items, item)
	}
	return n, nil
}

func itemOf(l release.Release, says string, at, now time.Time) boardItem {
	return boardItem{
		ID: l.ID, Service: l.Service, Environment: l.Environment, Version: shortVersion(l.Version), Canary: l.Track == release.Canary,
		Outcome: string(l.Outcome), Says: says, At: momentOf(at, now), Actor: l.Actor,
	}
}

func byStage(a, b string) int { return cmp.Or(cmp.Compare(stage(a), stage(b)), strings.Compare(a, b)) }

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// stage orders environments by how near to users their usual names say that they are.
func stage(environment string) int {
	for i, names := range [][]string{
		{"local", "dev"}, {"ci", "int", "test", "qa"}, {"stag", "stg", "uat", "pre"},
	} {
		for _, n := range names {
			if strings.HasPrefix(environment, n) {
				return i
			}
		}
	}
	if strings.HasPrefix(environment, "prod") || strings.HasPrefix(environment, "live") {
		return 4
	}
	return 3
}

// summary is the page in one sentence.
func summary(running []release.Running, last string) string {
	services, environments := map[string]bool{}, map[string]bool{}
	for _, r := range running {
		services[r.Service], environments[r.Environment] = true, true
	}
	if len(running) == 0 {
		return "Nothing runs anywhere yet. The last release began " + last + "."
	}
	return plural(len(services), "service") + " in " + plural(len(environments), "environment") + ". The last release began " + last + "."
}

var hostForm = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]+)?$|^\[[0-9a-fA-F:]+\](:[0-9]+)?$`)

// firstCommand records a release when it is pasted into a shell. The host is what the client says that it is, and
// so is let in only where a shell cannot take it for anything else.
func firstCommand(host string, now time.Time) string {
	if !hostForm.MatchString(host) {
		host = "localhost:8080"
	}
	at := func(before time.Duration) string { return now.UTC().Add(-before).Format(time.RFC3339) }
	return `curl http://` + host + `/v1/releases \
  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{
    "service": "shop", "environment": "prod", "track": "stable",
    "version": "1.0.0", "revision": "0123456789abcdef0123456789abcdef01234567",
    "actor": "your name", "outcome": "succeeded",
    "committed_at": "` + at(3*time.Hour) + `",
    "started_at": "` + at(10*time.Minute) + `", "finished_at": "` + at(6*time.Minute) + `"
  }'`
}
