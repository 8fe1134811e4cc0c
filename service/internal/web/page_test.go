package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/kgate-dev/gitops/service/internal/postgrestest"
	"github.com/kgate-dev/gitops/service/internal/release"
)

// drawn is an answer as a browser parses it.
type drawn struct{ root *html.Node }

// draw asks for a page and holds every page to what a page must be, whatever it shows.
func draw(t *testing.T, a http.Handler, target string, status int) drawn {
	t.Helper()
	w := get(t, a, target)
	if w.Code != status || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("got %d %s: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("not secured: %v", w.Header())
	}
	root, err := html.Parse(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	d := drawn{root}
	d.holdPolicy(t, w.Header().Get("Content-Security-Policy"))
	d.holdStructure(t)
	return d
}

// holdPolicy fails t where the browser would refuse a part of the page, or let in more than the page has.
func (d drawn) holdPolicy(t *testing.T, policy string) {
	t.Helper()
	for _, want := range []string{
		"default-src 'none'", "style-src 'self'", "script-src 'self'", "connect-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
		"require-trusted-types-for 'script'", "trusted-types 'none'",
	} {
		if !slices.Contains(strings.Split(policy, "; "), want) {
			t.Errorf("the policy lacks %s: %s", want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") || strings.Contains(policy, "http") {
		t.Errorf("the policy lets too much pass: %s", policy)
	}
	for _, n := range d.all("") {
		if slices.Contains([]string{"style", "iframe", "object", "embed", "img", "base"}, n.Data) {
			t.Errorf("the page has a %s", n.Data)
		}
		if n.Data == "script" && (attr(n, "src") != pageScript.Path() || n.FirstChild != nil) {
			t.Errorf("the page has the script %q %s", attr(n, "src"), text(n))
		}
		if n.Data == "form" && (attr(n, "method") != "get" || !strings.HasPrefix(attr(n, "action"), "/")) {
			t.Errorf("the page has a form that goes to %s", attr(n, "action"))
		}
		for _, at := range n.Attr {
			if at.Key == "style" || at.Key == "src" && n.Data != "script" || strings.HasPrefix(at.Key, "on") || strings.Contains(strings.ToLower(at.Val), "javascript:") {
				t.Errorf("%s has %s=%q", n.Data, at.Key, at.Val)
			}
		}
	}
}

// holdStructure fails t where someone who does not see the page could not find the way in it.
func (d drawn) holdStructure(t *testing.T) {
	t.Helper()
	if a := attr(d.all("html")[0], "lang"); a != "en" {
		t.Errorf("lang is %q", a)
	}
	for _, one := range []string{"title", "h1", "main"} {
		own := slices.DeleteFunc(d.all(one), func(n *html.Node) bool { return n.Namespace != "" }) // pictures have titles too
		if len(own) != 1 {
			t.Errorf("got %d %s elements", len(own), one)
		}
	}
	ids := map[string]*html.Node{}
	level := 0
	for _, n := range d.all("") {
		if id := attr(n, "id"); id != "" {
			if ids[id] != nil {
				t.Errorf("id %s occurs twice", id)
			}
			ids[id] = n
		}
		if len(n.Data) == 2 && n.Data[0] == 'h' && n.Data[1] >= '1' && n.Data[1] <= '6' {
			if now := int(n.Data[1] - '0'); now > level+1 {
				t.Errorf("heading %q skips a level", text(n))
			} else {
				level = now
			}
		}
	}
	for _, n := range d.all("") {
		for id := range strings.FieldsSeq(attr(n, "aria-labelledby")) {
			if ids[id] == nil || strings.TrimSpace(text(ids[id])) == "" {
				t.Errorf("%s is labelled by %s, which says nothing", n.Data, id)
			}
		}
		if target, ok := strings.CutPrefix(attr(n, "href"), "#"); ok && ids[target] == nil {
			t.Errorf("a link leads to %s, which is not there", target)
		}
	}
	for _, n := range d.all("table") {
		if captions := (drawn{n}).all("caption"); len(captions) != 1 || text(captions[0]) == "" {
			t.Error("a table without a caption")
		}
		for _, th := range (drawn{n}).all("th") {
			if s := attr(th, "scope"); s != "col" && s != "row" {
				t.Errorf("header %q without a scope", text(th))
			}
		}
	}
	for _, n := range d.all("svg") {
		if attr(n, "aria-hidden") == "true" {
			continue
		}
		if attr(n, "role") != "img" || len(strings.Fields(attr(n, "aria-labelledby"))) != 2 {
			t.Error("a picture without title and description")
		}
	}
	for _, n := range d.all("time") {
		at := attr(n, "datetime")
		_, full := time.Parse(time.RFC3339, at)
		_, date := time.Parse(time.DateOnly, at)
		if full != nil && date != nil || full == nil && !strings.HasSuffix(at, "Z") || text(n) == "" {
			t.Errorf("time %q says %q", at, text(n))
		}
	}
}

// all returns the elements of this name, every element for "".
func (d drawn) all(name string) (found []*html.Node) {
	for n := range d.root.Descendants() {
		if n.Type == html.ElementNode && (name == "" || n.Data == name) {
			found = append(found, n)
		}
	}
	return found
}

// class returns the elements of this class.
func (d drawn) class(name string) (found []*html.Node) {
	for _, n := range d.all("") {
		if slices.Contains(strings.Fields(attr(n, "class")), name) {
			found = append(found, n)
		}
	}
	return found
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// text is all the text in n, with single spaces.
func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func (d drawn) says(t *testing.T, want string) {
	t.Helper()
	if got := text(d.all("body")[0]); !strings.Contains(got, want) {
		t.Errorf("the page does not say %q:\n%s", want, got)
	}
}

func TestPage(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	record := func(text string) release.Release {
		return read[release.Release](t, send(t, a, post("/v1/releases", text)), http.StatusCreated)
	}
	record(body("1.0.0", 10))
	stable := record(body("1.1.0", 12))
	canary := record(strings.Replace(body("2.0.0", 19), `"service"`, `"track":"canary","service"`, 1))
	record(strings.Replace(body("2.0.0", 18), `"prod"`, `"dev"`, 1))
	record(strings.Replace(body("1.1.1", 14), "succeeded", "failed", 1))
	hostile := `<script>alert(1)</script> "'&amp; <b onclick=x>`
	record(strings.Replace(body("1.1.2", 16), `"ana"`, strconv.Quote(hostile), 1))
	record(strings.Replace(strings.Replace(body("1.1.2", 16), `"ana"`, strconv.Quote(hostile), 1), `"succeeded"`, `"rolled_back"`, 1))

	for _, window := range []string{"", "?window=7d", "?window=30d", "?window=90d"} {
		d := draw(t, a, "/"+window, http.StatusOK)
		if n := len(d.class("measure")); n != 4 {
			t.Errorf("%s: got %d measures", window, n)
		}
	}
	d := draw(t, a, "/", http.StatusOK)
	where := drawn{d.class("where")[0]}
	var rows []string
	for _, tr := range where.all("tr") {
		rows = append(rows, text(tr))
	}
	if got, want := strings.Join(rows, "|"), "Service dev prod|shop dev 2.0.0 0123abc 2 days ago prod 1.1.0 0123abc 8 days ago not from dev 2.0.0 canary 0123abc 25 h ago"; spaced(got) != spaced(want) {
		t.Errorf("what runs:\ngot  %s\nwant %s", got, want)
	}
	var links []string
	for _, n := range where.all("a") {
		links = append(links, attr(n, "href"))
		if w := get(t, a, attr(n, "href")); w.Code != http.StatusOK {
			t.Errorf("%s: %d", attr(n, "href"), w.Code)
		}
	}
	if !slices.Contains(links, "/releases/"+stable.ID) || !slices.Contains(links, "/releases/"+canary.ID) {
		t.Errorf("got links %v", links)
	}
	releases := drawn{d.class("releases")[0]}
	if n := len(releases.all("tr")); n != 7 {
		t.Errorf("got %d rows of releases, want a head and 6", n)
	}
	d.says(t, hostile)
	d.says(t, "rolled back")
	d.says(t, "5 deployments in the last 30 days.")
	d.says(t, "2 of 5 deployments.")
	d.says(t, "As of Fri 20 Nov 2026, 12:00:00 UTC.")

	s := httptest.NewServer(a)
	defer s.Close()
	answer, err := s.Client().Head(s.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("HEAD: %s %v", answer.Status, answer.Header)
	}
}

// spaced takes away what only the layout adds.
func spaced(s string) string { return strings.ReplaceAll(s, " ", "") }

func TestPageRefuses(t *testing.T) {
	a := newAPI(t, Options{})
	for query, want := range map[string]string{
		"window=1d": "must be 7d, 30d or 90d", "window=7d&window=7d": "occurs more than once",
		"window=<script>": "must be 7d, 30d or 90d", "service=shop": "is not a parameter of this path",
	} {
		draw(t, a, "/?"+strings.ReplaceAll(query, "<", "%3C"), http.StatusUnprocessableEntity).says(t, want)
	}
	draw(t, a, "/?a=%zz", http.StatusBadRequest).says(t, "The query cannot be read.")
}

func TestPageOfAnEmptyLedger(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	d := draw(t, a, "/", http.StatusOK)
	d.says(t, "Nothing is recorded yet")
	command := strings.Join(strings.Fields(text(d.all("pre")[0])), " ")
	if !strings.Contains(command, "curl http://example.com/v1/releases") {
		t.Errorf("the command goes elsewhere: %s", command)
	}
	if strings.Contains(text(d.root), "API_TOKENS") {
		t.Error("a token is asked for where there is one")
	}
	// What the page tells to send is accepted, and then the page shows it.
	_, data, _ := strings.Cut(command, "-d '")
	data, _, _ = strings.Cut(data, "'")
	if w := send(t, a, post("/v1/releases", data)); w.Code != http.StatusCreated {
		t.Fatalf("the example is refused: %d %s", w.Code, w.Body)
	}
	draw(t, a, "/", http.StatusOK).says(t, "1 service in 1 environment.")

	closed := newAPI(t, Options{Ledger: a.ledger, Now: clock})
	closed.ledger = newLedgerAPI(t, postgrestest.URL(t)).ledger
	draw(t, closed, "/", http.StatusOK).says(t, "Nothing can be written so far")
}

func TestFirstCommandTrustsNoHost(t *testing.T) {
	for host, want := range map[string]string{
		"ledger.example:8080": "ledger.example:8080", "127.0.0.1": "127.0.0.1", "[::1]:80": "[::1]:80",
		"": "localhost:8080", "a; rm -rf /": "localhost:8080", "a`id`": "localhost:8080", "a$(id)": "localhost:8080", "a'b": "localhost:8080", "a\nb": "localhost:8080",
	} {
		if got := firstCommand(host, now); !strings.HasPrefix(got, "curl http://"+want+"/v1/releases ") {
			t.Errorf("%q: %s", host, got)
		}
	}
}

func TestPageWithoutALedger(t *testing.T) {
	server := postgrestest.Start(t)
	a := newLedgerAPI(t, server.URL(t))
	server.Kill(t)
	d := draw(t, a, "/", http.StatusServiceUnavailable)
	d.says(t, "The database cannot be reached.")
	d.says(t, "Nothing that was recorded is lost.")
	if w := get(t, a, "/"); w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	readProblem(t, get(t, a, "/v1/environments"), http.StatusServiceUnavailable)
	server.Restart(t)
	draw(t, a, "/", http.StatusOK)
}

// What keeps a handler from answering is told to a person as a page too.
func TestTroubleIsAPage(t *testing.T) {
	a := newAPI(t, Options{MaxConcurrency: 1}) // its ledger panics
	draw(t, a, "/", http.StatusInternalServerError).says(t, "The service failed")
	a.slots <- struct{}{}
	draw(t, a, "/", http.StatusServiceUnavailable).says(t, "limit of concurrent requests")
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", http.NoBody))
	readProblem(t, w, http.StatusMethodNotAllowed)
}

func TestTableIsBounded(t *testing.T) {
	var running []release.Running
	for s := range pageServices + 3 {
		for _, e := range []string{"prod", "staging", "dev", "preview"} {
			running = append(running, release.Running{Service: fmt.Sprintf("s%03d", s), Environment: e, Track: release.Stable, Since: now})
		}
	}
	for e := range pageEnvironments {
		running = append(running, release.Running{Service: "s000", Environment: fmt.Sprintf("dev-%02d", e), Track: release.Stable, Since: now})
	}
	var p page
	p.table(running, now)
	if len(p.Services) != pageServices || len(p.Environments) != pageEnvironments || p.Unshown != "3 services and 4 environments" {
		t.Errorf("got %d services in %d environments, and left out %s", len(p.Services), len(p.Environments), p.Unshown)
	}
	if got := p.Environments[pageEnvironments-3:]; !slices.Equal(got, []string{"preview", "staging", "prod"}) {
		t.Errorf("the last columns are %v", got)
	}
}

func TestRevisionsAreShort(t *testing.T) {
	for revision, want := range map[string]string{
		"0123456789abcdef0123456789abcdef01234567": "01234567", "abcdef0": "abcdef0", "": "",
		"1.10.3-rc.1": "1.10.3-rc.1", "sha256:" + strings.Repeat("0", 64): "sha256:000000000000…",
	} {
		if got := short(revision); got != want {
			t.Errorf("%s: got %q, want %q", revision, got, want)
		}
	}
}

func TestWordsForTimes(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		-time.Hour: "under 1 s", time.Millisecond: "under 1 s", time.Second: "1 s", 59 * time.Second: "59 s", time.Minute: "1 min",
		90 * time.Second: "1 min 30 s", 600 * time.Second: "10 min", 3599 * time.Second: "59 min", time.Hour: "1 h", 3*time.Hour + 20*time.Minute: "3 h 20 min",
		day: "1 day", 2*day + 4*time.Hour: "2 days 4 h", 12*day + time.Hour: "12 days",
	} {
		if got := spell(d); got != want {
			t.Errorf("spell(%s): got %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		-time.Minute: "just now", 59 * time.Second: "just now", time.Minute: "1 min ago", 119 * time.Minute: "1 h ago", 47 * time.Hour: "47 h ago",
		2 * day: "2 days ago", 13 * day: "13 days ago", 14 * day: "2 weeks ago", 70 * day: "2 months ago", 729 * day: "23 months ago", 731 * day: "2 years ago",
	} {
		if got := age(d); got != want {
			t.Errorf("age(%s): got %q, want %q", d, got, want)
		}
	}
	for perDay, want := range map[float64]string{25: "25 a day", 1.44: "1.4 a day", 1: "1 a day", 3.0 / 7: "3 a week", 2.0 / 30: "2 in 30 days"} {
		if figure, unit := perTime(perDay); figure+" "+unit != want {
			t.Errorf("perTime(%g): got %s %s, want %s", perDay, figure, unit, want)
		}
	}
}

func TestMeasuresSayWhatIsNotKnown(t *testing.T) {
	from := now.AddDate(0, 0, -7)
	at := func(hours int) *time.Time { t := now.Add(-time.Duration(hours) * time.Hour); return &t }
	failed := release.Release{Draft: release.Draft{Service: "a", Outcome: release.Failed, StartedAt: at(3), FinishedAt: at(2)}}
	good := release.Release{Draft: release.Draft{Service: "b", Outcome: release.Succeeded, StartedAt: at(3), FinishedAt: at(2)}, SucceededAt: at(2)}
	for name, c := range map[string]struct {
		releases []release.Release
		figures  string
		none     [4]string
	}{
		"nothing": {nil, "|||", [4]string{"No deployment to production in the last 7 days.", "No deployment", "No deployment", "No deployment"}},
		"a success without its commit": {[]release.Release{good}, "1 a week||0 %|",
			[4]string{"", "None of the deployments in the last 7 days brought a change whose time of commit is known (committed_at).", "", "Nothing failed in the last 7 days."}},
		"a failure alone": {[]release.Release{failed}, "1 a week||100 %|",
			[4]string{"", "None of", "", "1 deployment failed in the last 7 days, and none has been made good yet."}},
	} {
		var figures []string
		for i, m := range viewMeasures(release.Measure(c.releases, from, now), release.Measures{}, 7, "production") {
			figures = append(figures, strings.TrimSpace(m.Figure+" "+m.Unit))
			if m.Figure == "" && !strings.HasPrefix(m.None, c.none[i]) {
				t.Errorf("%s, %s: got %q, want %q", name, m.Name, m.None, c.none[i])
			}
		}
		if got := strings.Join(figures, "|"); got != c.figures {
			t.Errorf("%s: got %s, want %s", name, got, c.figures)
		}
	}
}

var coordinate = regexp.MustCompile(`-?[0-9]+(\.[0-9]+)?`)

// Whatever is measured, the plots stay in their boxes, and their bars add up to what is said.
func TestPlotsStayInTheirBoxes(t *testing.T) {
	for _, window := range []int{7, 30, 90} {
		from := now.AddDate(0, 0, -window)
		var releases []release.Release
		for i := range 4 * window {
			at := from.Add(time.Duration(i*i%(24*window))*time.Hour + time.Minute)
			commit, end := at.Add(-time.Duration(i%50)*time.Hour), at.Add(time.Duration(i%9)*time.Minute)
			r := release.Release{Draft: release.Draft{
				Service: "s", Revision: strconv.Itoa(i), Outcome: release.Succeeded, CommittedAt: &commit, StartedAt: &at, FinishedAt: &end,
			}}
			if i%7 == 3 {
				r.Outcome = release.Failed
			} else {
				r.SucceededAt = &end
			}
			releases = append(releases, r)
		}
		m := release.Measure(releases, from, now)
		for _, v := range viewMeasures(m, release.Measures{}, window, "production") {
			if v.Figure == "" || len(v.Plot.Columns) == 0 {
				t.Fatalf("%s of %d days shows nothing", v.Name, window)
			}
			for _, c := range v.Plot.Columns {
				if c.X < 0 || c.X+c.Width > v.Plot.Width || c.Tip == "" || len(c.Marks) == 0 {
					t.Errorf("%s: column %+v in a box of %d", v.Name, c, v.Plot.Width)
				}
				for _, k := range c.Marks {
					n := coordinate.FindAllString(k.D, -1)
					x, y := number(t, n[0]), number(t, n[1])
					other := y
					switch {
					case strings.Contains(k.D, "z"):
						other = y + number(t, n[3])
					case strings.Contains(k.D, "V"):
						other = number(t, n[2])
					}
					if x < float64(c.X) || x > float64(c.X+c.Width) || min(y, other) < -0.6 || max(y, other) > plotHeight+0.6 {
						t.Errorf("%s: %s leaves the box", v.Name, k.D)
					}
				}
			}
		}
		deployments, failures := 0, 0
		for _, d := range viewDays(m) {
			deployments += d.Deployments
			failures += d.Failures
		}
		if deployments != m.Deployments || failures == 0 {
			t.Errorf("the table has %d deployments and %d failures, of %d", deployments, failures, m.Deployments)
		}
	}
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
