package web

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// What the page shows at most, so that neither its queries nor its length grow with the ledger.
const (
	pageReleases     = 25
	pageServices     = 100
	pageEnvironments = 12
)

const patternPage = "GET /{$}"

//go:embed page.html
var pageSource string

//go:embed page.css
var pageStyle string

// pageTemplates are the page and the one that takes its place when it cannot be drawn.
var pageTemplates = template.Must(template.New("").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(pageStyle) },
}).Parse(pageSource))

// pagePolicy lets the page have its own style and its icon, and nothing else from anywhere.
var pagePolicy = func() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// page is what the template shows.
type page struct {
	Now     moment
	Windows []windowLink
	Window  string
	Days    int
	Summary string
	First   *firstSteps // in an empty ledger, in place of everything else

	Environments []string
	Services     []serviceRow
	Unshown      string // what of the table was left out
	Measures     []measureView
	Table        []dayView
	Releases     []releaseView
	More         bool
	Production   string // the environments that the measures are of
	Kept         int    // days that releases are kept, 0 for ever
}

type windowLink struct {
	Text, Value string
	Current     bool
}

// firstSteps says how to record something.
type firstSteps struct {
	Command  string
	NoTokens bool
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
}

type releaseView struct {
	ID, Service, Environment, Version, Revision, Actor string
	Canary                                             bool
	Outcome, Word                                      string
	Started                                            moment
	Took                                               string
}

// moment is a time as a person reads it, with the time itself.
type moment struct{ ISO, UTC, Age string }

func momentOf(t, now time.Time) moment {
	t = t.UTC()
	return moment{ISO: t.Format(time.RFC3339), UTC: t.Format("Mon 2 Jan 2006, 15:04:05") + " UTC", Age: age(now.Sub(t))}
}

// showPage draws the page for people.
func (a *API) showPage(w http.ResponseWriter, r *http.Request) error {
	q, err := queryOf(r, "window")
	if err != nil {
		return err
	}
	p := page{Window: defaultWindow}
	if q.Has("window") {
		p.Window = q.Get("window")
	}
	for _, l := range []windowLink{{Text: "7 days", Value: "7d"}, {Text: "30 days", Value: "30d"}, {Text: "90 days", Value: "90d"}} {
		l.Current = l.Value == p.Window
		p.Windows = append(p.Windows, l)
	}
	if !slices.ContainsFunc(p.Windows, func(l windowLink) bool { return l.Current }) {
		return invalid(fault{Parameter: "window", Detail: "must be 7d, 30d or 90d on this page; /v1/dora takes any number of days"})
	}
	window, _ := parseWindow(p.Window)
	p.Days = int(window / (24 * time.Hour))
	now := a.now()
	p.Now = momentOf(now, now)

	running, err := a.ledger.Environments(r.Context())
	if err != nil {
		return err
	}
	latest, err := a.ledger.Releases(r.Context(), release.Filter{Kind: release.Deployment, Limit: pageReleases})
	if err != nil {
		return err
	}
	if len(latest.Releases) == 0 {
		p.First = &firstSteps{Command: firstCommand(r.Host, now), NoTokens: a.access.Empty()}
		return writePage(w, http.StatusOK, "page", p)
	}
	m, err := a.ledger.Measures(r.Context(), release.Scope{}, window, now)
	if err != nil {
		return err
	}
	p.Production, p.Kept = strings.Join(m.Environments, ", "), a.retention
	p.table(running, now)
	p.More = latest.Next != ""
	for _, l := range latest.Releases {
		p.Releases = append(p.Releases, viewOf(l, now))
	}
	p.Measures, p.Table = viewMeasures(m, p.Days), viewDays(m)
	p.Summary = summary(running, p.Releases[0].Started.Age)
	return writePage(w, http.StatusOK, "page", p)
}

// writePage draws all of it before it writes any, so that no half page is ever sent.
func writePage(w http.ResponseWriter, status int, name string, v any) error {
	var b bytes.Buffer
	if err := pageTemplates.ExecuteTemplate(&b, name, v); err != nil {
		return fmt.Errorf("draw the page: %w", err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", pagePolicy)
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
	return nil
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
	slices.SortFunc(p.Environments, func(a, b string) int {
		return cmp.Or(cmp.Compare(stage(a), stage(b)), strings.Compare(a, b))
	})
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

func viewOf(r release.Release, now time.Time) releaseView {
	v := releaseView{
		ID: r.ID, Service: r.Service, Environment: r.Environment, Version: shortVersion(r.Version), Revision: short(r.Revision), Actor: r.Actor,
		Canary: r.Track == release.Canary, Outcome: string(r.Outcome), Word: strings.ReplaceAll(string(r.Outcome), "_", " "),
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

// short is a revision: a commit as git shortens it, that of a chart whole.
func short(revision string) string {
	if strings.Trim(revision, "0123456789abcdef") != "" {
		return shortVersion(revision)
	}
	return revision[:min(8, len(revision))]
}

// shortVersion is a version, but for a digest, which no column has room for.
func shortVersion(version string) string {
	if digest, ok := strings.CutPrefix(version, "sha256:"); ok {
		return "sha256:" + digest[:min(12, len(digest))] + "…"
	}
	return version
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// spell says a length of time in its two largest units.
func spell(d time.Duration) string {
	d = max(0, d)
	second, minute, hour := int(d/time.Second), int(d/time.Minute), int(d/time.Hour)
	two := func(large int, name string, small int, rest string) string {
		if small == 0 {
			return fmt.Sprintf("%d %s", large, name)
		}
		return fmt.Sprintf("%d %s %d %s", large, name, small, rest)
	}
	switch {
	case d < time.Second:
		return "under 1 s"
	case second < 60:
		return fmt.Sprintf("%d s", second)
	case minute < 10:
		return two(minute, "min", second%60, "s")
	case minute < 60:
		return fmt.Sprintf("%d min", minute)
	case hour < 24:
		return two(hour, "h", minute%60, "min")
	case hour < 24*10:
		return two(hour/24, days(hour/24), hour%24, "h")
	default:
		return fmt.Sprintf("%d days", hour/24)
	}
}

func days(n int) string {
	if n == 1 {
		return "day"
	}
	return "days"
}

// age says how long ago something was, in its largest unit.
func age(d time.Duration) string {
	minutes, hours := int(d/time.Minute), int(d/time.Hour)
	switch {
	case minutes < 1:
		return "just now" // or in the future, by a clock that is ahead
	case minutes < 60:
		return fmt.Sprintf("%d min ago", minutes)
	case hours < 48:
		return fmt.Sprintf("%d h ago", hours)
	case hours < 24*14:
		return fmt.Sprintf("%d days ago", hours/24)
	case hours < 24*70:
		return fmt.Sprintf("%d weeks ago", hours/24/7)
	case hours < 24*365*2:
		return fmt.Sprintf("%d months ago", hours*12/(24*365))
	}
	return fmt.Sprintf("%d years ago", hours/(24*365))
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

// trouble is a problem as a person sees it.
type trouble struct {
	*problem
	Say   string
	Later bool
}

// writeTrouble answers p as a page.
func writeTrouble(w http.ResponseWriter, p *problem) error {
	for name, values := range p.header {
		w.Header()[name] = values
	}
	t := trouble{problem: p, Say: upperFirst(p.Detail) + ".", Later: p.header.Get("Retry-After") != ""}
	return writePage(w, p.Status, "trouble", t)
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
